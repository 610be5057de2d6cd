#include "relay/outbox.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define RING_LEAST 8u

void outbox_init(struct outbox *box)
{
    *box = (struct outbox){.next_dseq = 1};
}

void outbox_trim(struct outbox *box)
{
    if (box->count > 0) return;
    free(box->ring);
    box->ring = NULL;
    box->size = box->head = 0;
}

void outbox_deinit(struct outbox *box)
{
    outbox_pop(box, box->count);
    outbox_trim(box);
}

/* ------------------------------------------------------------------------------------ The ring */

static struct outbox_entry *entry_at(const struct outbox *box, unsigned i)
{
    return &box->ring[(box->head + i) & (box->size - 1)];
}

const struct outbox_entry *outbox_at(const struct outbox *box, unsigned i)
{
    return i < box->count ? entry_at(box, i) : NULL;
}

static bool ring_grow(struct outbox *box)
{
    unsigned size = box->size > 0 ? box->size * 2 : RING_LEAST;
    struct outbox_entry *ring = size > box->size ? calloc(size, sizeof *ring) : NULL;
    if (!ring) return false;
    unsigned upper = box->size - box->head; /* entries before the old ring's end */
    if (upper > box->count) upper = box->count;
    if (upper > 0) memcpy(ring, box->ring + box->head, upper * sizeof *ring);
    if (box->count > upper) memcpy(ring + upper, box->ring, (box->count - upper) * sizeof *ring);
    free(box->ring);
    box->ring = ring;
    box->size = size;
    box->head = 0;
    return true;
}

static bool ring_has_room(struct outbox *box)
{
    return box->count < box->size || ring_grow(box);
}

static void append(struct outbox *box, const struct outbox_entry *e)
{
    *entry_at(box, box->count++) = *e;
    box->next_dseq += e->frames;
}

/* ---------------------------------------------------------------------------------------- Gaps */

static bool is_gap(const struct outbox *box, unsigned i)
{
    return i < box->count && !entry_at(box, i)->record;
}

/* Two gaps at the front become one, in the second's place. */
static void merge_front(struct outbox *box)
{
    if (!is_gap(box, 0) || !is_gap(box, 1)) return;
    const struct outbox_entry *a = entry_at(box, 0);
    struct outbox_entry *b = entry_at(box, 1);
    b->dseq = a->dseq;
    b->frames += a->frames;
    if (a->reason < b->reason) b->reason = a->reason;
    box->head = (box->head + 1) & (box->size - 1);
    box->count--;
}

bool outbox_push_gap(struct outbox *box, unsigned frames, enum nrp_gap_reason reason)
{
    assert(frames > 0);
    if (box->count > 0 && is_gap(box, box->count - 1)) {
        struct outbox_entry *last = entry_at(box, box->count - 1);
        last->frames += frames;
        if (reason < last->reason) last->reason = (uint8_t)reason;
        box->next_dseq += frames;
        return true;
    }
    if (!ring_has_room(box)) return false;
    struct outbox_entry gap = {.dseq = box->next_dseq, .frames = frames, .reason = (uint8_t)reason};
    append(box, &gap);
    return true;
}

static void let_go(struct outbox *box, struct outbox_entry *e)
{
    box->records--;
    box->bytes -= record_size(e->record);
    record_unref(e->record);
    e->record = NULL;
}

/* There is one. No two gaps are neighbours, so it is the first or the second entry. */
static void drop_oldest(struct outbox *box)
{
    struct outbox_entry *e = entry_at(box, is_gap(box, 0) ? 1 : 0);
    let_go(box, e);
    e->reason = NRP_GAP_POLICY;
    box->dropped++;
    merge_front(box); /* with the gap before it */
    merge_front(box); /* and the one after it */
}

/* ------------------------------------------------------------------------------------- Records */

bool outbox_is_full(const struct outbox *box, const struct outbox_limits *l, size_t bytes)
{
    if (box->records == 0) return false;
    return box->records >= l->items_max || bytes > l->bytes_max ||
           box->bytes > l->bytes_max - bytes;
}

static enum outbox_result drop_newest(struct outbox *box, unsigned frames)
{
    if (!outbox_push_gap(box, frames, NRP_GAP_POLICY)) return OUTBOX_NO_MEMORY;
    box->dropped++;
    return OUTBOX_DROPPED;
}

static void queue(struct outbox *box, struct record *r, unsigned frames, uint8_t flags)
{
    struct outbox_entry e = {
        .record = record_ref(r), .dseq = box->next_dseq, .frames = frames, .flags = flags};
    append(box, &e);
    box->records++;
    box->bytes += record_size(r);
}

static enum outbox_result make_room(struct outbox *box, const struct outbox_limits *l,
                                    struct record *r, unsigned frames, uint8_t flags)
{
    if (l->policy == SLOW_DROP_NEWEST) return drop_newest(box, frames);
    if (l->policy != SLOW_DROP_OLDEST) return OUTBOX_FULL;
    if (!ring_has_room(box)) return OUTBOX_NO_MEMORY; /* before anything is lost for it */
    while (outbox_is_full(box, l, record_size(r)))
        drop_oldest(box);
    queue(box, r, frames, flags);
    return OUTBOX_DROPPED;
}

enum outbox_result outbox_push(struct outbox *box, const struct outbox_limits *l, struct record *r,
                               unsigned frames, uint8_t flags)
{
    assert(frames > 0);
    if (outbox_is_full(box, l, record_size(r))) return make_room(box, l, r, frames, flags);
    if (!ring_has_room(box)) return OUTBOX_NO_MEMORY;
    queue(box, r, frames, flags);
    return OUTBOX_QUEUED;
}

void outbox_pop(struct outbox *box, unsigned n)
{
    if (n > box->count) n = box->count;
    for (unsigned i = 0; i < n; i++) {
        struct outbox_entry *e = entry_at(box, i);
        if (e->record) let_go(box, e);
    }
    if (n > 0) box->head = (box->head + n) & (box->size - 1);
    box->count -= n;
    if (box->count == 0 && box->size > OUTBOX_KEEP) outbox_trim(box);
}
