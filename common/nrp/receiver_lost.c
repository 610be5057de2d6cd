/* What will not come: single slots, whole items, and the runs a GAP names beyond the window. */
#include <stdlib.h>
#include <string.h>

#include "common/nrp/receiver_parts.h"

#define GAP_MOST (UINT64_C(1) << 32) /* dseqs in one GAP */

void receiver_tell_lost(struct nrp_receiver *r)
{
    struct run lost = r->lost;
    if (lost.last == 0) return;
    r->lost = (struct run){0};
    r->events.on_lost(r->events.user, lost.first, lost.last);
}

static void declare(struct nrp_receiver *r, uint64_t first, uint64_t last)
{
    r->counts.lost += last - first + 1;
    if (r->lost.last > 0 && r->lost.last + 1 == first) {
        r->lost.last = last;
        return;
    }
    receiver_tell_lost(r);
    r->lost = (struct run){.first = first, .last = last};
}

static void lose_slot(struct nrp_receiver *r, uint64_t dseq)
{
    struct slot *s = receiver_slot(r, dseq);
    if (s->state == SLOT_DELIVERED || s->state == SLOT_LOST) return;
    if (s->state == SLOT_HOLE) r->missing--;
    free(s->body);
    s->body = NULL;
    s->state = SLOT_LOST;
    if (r->hi < dseq) r->hi = dseq;
    declare(r, dseq, dseq);
}

void receiver_lose_item(struct nrp_receiver *r, uint64_t start, unsigned count)
{
    uint64_t last = start + count - 1;
    if (start < r->next) start = r->next;
    /* What lies beyond the window follows as it enters. */
    for (uint64_t d = start; d <= last && d <= r->end; d++)
        lose_slot(r, d);
}

void receiver_lose(struct nrp_receiver *r, uint64_t dseq)
{
    const struct slot *s = receiver_slot(r, dseq);
    if (s->start > 0) receiver_lose_item(r, s->start, s->count);
    else lose_slot(r, dseq);
}

/* --- runs ---------------------------------------------------------------------------------- */

bool receiver_at_run(const struct nrp_receiver *r)
{
    return r->run_count > 0 && r->runs[0].first <= r->next;
}

static bool in_run(const struct nrp_receiver *r, uint64_t dseq)
{
    for (size_t i = 0; i < r->run_count; i++)
        if (r->runs[i].first <= dseq && dseq <= r->runs[i].last) return true;
    return false;
}

/* The runs first..last overlaps or touches: [*from, *to). */
static void runs_met(const struct nrp_receiver *r, struct run new, size_t *from, size_t *to)
{
    *from = 0;
    while (*from < r->run_count && r->runs[*from].last + 1 < new.first)
        ++*from;
    *to = *from;
    while (*to < r->run_count && r->runs[*to].first <= new.last + 1)
        ++*to;
}

static bool run_has_room(const struct nrp_receiver *r, struct run new)
{
    size_t from, to;
    runs_met(r, new, &from, &to);
    return from < to || r->run_count < RUNS_MAX;
}

/* Declares what was not in a run before. There is room. */
static void run_add(struct nrp_receiver *r, struct run new)
{
    size_t from, to;
    runs_met(r, new, &from, &to);
    struct run all = new;
    for (size_t i = from; i < to; i++) {
        const struct run *old = &r->runs[i];
        if (new.first < old->first) declare(r, new.first, old->first - 1);
        if (old->last >= new.first) new.first = old->last + 1;
        if (old->first < all.first) all.first = old->first;
        if (old->last > all.last) all.last = old->last;
    }
    if (new.first <= new.last) declare(r, new.first, new.last);
    memmove(&r->runs[from + 1], &r->runs[to], (r->run_count - to) * sizeof *r->runs);
    r->runs[from] = all;
    r->run_count = r->run_count - (to - from) + 1;
}

/* --- the window moves ---------------------------------------------------------------------- */

static void slot_enters(struct nrp_receiver *r, uint64_t dseq)
{
    struct slot *s = receiver_slot(r, dseq);
    const struct slot *before = dseq > r->next ? receiver_slot(r, dseq - 1) : NULL;
    bool item_lost = false;
    if (before && before->start > 0 && dseq - before->start < before->count) {
        s->start = before->start;
        s->iseq = before->iseq;
        s->count = before->count;
        s->flags = before->flags;
        item_lost = before->state == SLOT_LOST;
    }
    if (in_run(r, dseq)) {
        s->state = SLOT_LOST;
        if (s->start > 0) receiver_lose_item(r, s->start, s->count);
    } else if (item_lost) {
        lose_slot(r, dseq);
    } else if (dseq <= r->hi) {
        receiver_open_hole(r, s);
    }
}

static void run_pass(struct nrp_receiver *r)
{
    uint64_t last = r->runs[0].last;
    for (uint64_t d = r->next; d <= last && d <= r->end; d++)
        *receiver_slot(r, d) = (struct slot){0};
    r->run_count--;
    memmove(&r->runs[0], &r->runs[1], r->run_count * sizeof *r->runs);
    r->next = last + 1;
    if (r->end < last) r->end = last;
}

void receiver_step(struct nrp_receiver *r)
{
    if (receiver_at_run(r)) run_pass(r);
    else *receiver_slot(r, r->next++) = (struct slot){0};
    while (r->end < r->next + r->c.window - 1)
        slot_enters(r, ++r->end);
}

/* --- GAP ------------------------------------------------------------------------------------- */

static bool gap_makes_sense(const struct nrp_receiver *r, const struct nrp_gap *g)
{
    if (g->first_dseq == 0 || g->last_dseq < g->first_dseq || g->last_dseq > DSEQ_MAX) return false;
    if (g->last_dseq - g->first_dseq >= GAP_MOST) return false;
    return g->first_dseq <= r->hi + r->c.window;
}

static void lose_missing(struct nrp_receiver *r, uint64_t first, uint64_t last, unsigned reason)
{
    for (uint64_t d = first; d <= last; d++) {
        const struct slot *s = receiver_slot(r, d);
        if (s->state != SLOT_EMPTY && s->state != SLOT_HOLE) continue;
        /* It was never sent, so the network did not lose it. */
        if (s->state == SLOT_HOLE && reason != NRP_GAP_RING) receiver_excuse(r);
        receiver_lose(r, d);
    }
}

bool nrp_receiver_gap(struct nrp_receiver *r, int64_t now_us, const struct nrp_gap *g)
{
    if (!gap_makes_sense(r, g)) return false;
    uint64_t first = g->first_dseq > r->next ? g->first_dseq : r->next, last = g->last_dseq;
    if (last < first) return true; /* all of it is resolved */
    uint64_t end = r->end;
    struct run beyond = {.first = first > end ? first : end + 1, .last = last};
    if (last > end && !run_has_room(r, beyond)) return false;
    receiver_enter(r, now_us);
    receiver_raise(r, first - 1);
    lose_missing(r, first, last < end ? last : end, g->reason);
    if (last > end) run_add(r, beyond);
    if (r->hi < last) r->hi = last;
    receiver_leave(r);
    return true;
}
