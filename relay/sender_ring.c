#include "relay/sender_ring.h"

#include <stdlib.h>

#define SLOTS_LEAST 16u

bool sender_ring_reserve(struct sender_ring *r)
{
    unsigned count = sender_ring_count(r);
    if (count < r->size) return true;
    unsigned size = r->size > 0 ? r->size * 2 : SLOTS_LEAST;
    if (size > r->most) size = r->most;
    struct sent *slots = count < size ? calloc(size, sizeof *slots) : NULL;
    if (!slots) return false;
    for (uint64_t p = r->first; p < r->end; p++)
        slots[p & (size - 1)] = *sender_ring_at(r, p);
    free(r->slots);
    r->slots = slots;
    r->size = size;
    return true;
}

void sender_ring_add_fragment(struct sender_ring *r, uint64_t dseq, struct record *record,
                              uint8_t fragment, uint8_t count, uint8_t flags)
{
    *sender_ring_at(r, r->end++) = (struct sent){.dseq = dseq,
                                                 .record = record_ref(record),
                                                 .fragment = fragment,
                                                 .count = count,
                                                 .flags = flags};
}

struct sent *sender_ring_add_gap(struct sender_ring *r, uint64_t first, uint64_t last,
                                 uint8_t reason)
{
    struct sent *before = r->end > r->first ? sender_ring_at(r, r->end - 1) : NULL;
    if (before && before->count == 0) {
        before->last = last;
        if (reason < before->flags) before->flags = reason;
        return before;
    }
    struct sent *e = sender_ring_at(r, r->end++);
    *e = (struct sent){.dseq = first, .last = last, .flags = reason};
    return e;
}

static void release_first(struct sender_ring *r)
{
    struct sent *e = sender_ring_at(r, r->first);
    if (e->wanted) r->wanted--;
    if (e->count > 0) record_unref(e->record);
    r->first++;
}

void sender_ring_release(struct sender_ring *r, uint64_t dseq)
{
    while (r->first < r->end && sent_last(sender_ring_at(r, r->first)) <= dseq)
        release_first(r);
    if (r->first == r->end) return;
    struct sent *e = sender_ring_at(r, r->first);
    if (e->dseq <= dseq) e->dseq = dseq + 1;
}

uint64_t sender_ring_find(const struct sender_ring *r, uint64_t dseq)
{
    uint64_t from = r->first, to = r->end;
    while (from < to) {
        uint64_t middle = from + (to - from) / 2;
        if (sent_last(sender_ring_at(r, middle)) < dseq) from = middle + 1;
        else to = middle;
    }
    return from;
}

void sender_ring_want(struct sender_ring *r, uint64_t position)
{
    sender_ring_at(r, position)->wanted = true;
    if (r->wanted++ == 0 || position < r->wanted_from) r->wanted_from = position;
}

struct sent *sender_ring_wanted(struct sender_ring *r)
{
    if (r->wanted_from < r->first) r->wanted_from = r->first;
    while (!sender_ring_at(r, r->wanted_from)->wanted)
        r->wanted_from++;
    return sender_ring_at(r, r->wanted_from);
}

void sender_ring_unwant(struct sender_ring *r, struct sent *e)
{
    if (e->wanted) r->wanted--;
    e->wanted = false;
}

void sender_ring_deinit(struct sender_ring *r)
{
    while (r->first < r->end)
        release_first(r);
    free(r->slots);
    r->slots = NULL;
    r->size = 0;
}
