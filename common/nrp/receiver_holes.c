/* Holes: when they are asked for, and when they are given up. */
#include "common/nrp/receiver_parts.h"

#define SRTT_UNKNOWN_US 100000
#define SRTT_MOST_US    60000000 /* keeps the sums small */

static int64_t clamp(int64_t value, int64_t least, int64_t most)
{
    if (value > most) value = most;
    return value < least ? least : value;
}

static int64_t srtt(const struct nrp_receiver *r)
{
    return r->srtt_us > 0 ? clamp(r->srtt_us, 1, SRTT_MOST_US) : SRTT_UNKNOWN_US;
}

static int64_t given_up_at(const struct nrp_receiver *r, const struct slot *s)
{
    return s->seen_us + (r->c.repair ? r->c.repair_us : r->c.hole_wait_us);
}

static void ask_at(const struct nrp_receiver *r, struct slot *s, int64_t at_us)
{
    bool ask = r->c.repair && s->naks < r->c.naks_max && at_us < given_up_at(r, s);
    s->ask_us = ask ? at_us : INT64_MAX;
}

static void due_by(struct nrp_receiver *r, int64_t at_us)
{
    if (at_us < r->due_us) r->due_us = at_us;
}

void receiver_open_hole(struct nrp_receiver *r, struct slot *s)
{
    if (r->missing++ == 0) r->due_us = INT64_MAX;
    s->state = SLOT_HOLE;
    s->naks = 0;
    s->heads = r->heads;
    s->seen_us = r->now_us;
    ask_at(r, s, r->now_us + clamp(srtt(r) / 4, r->c.nak_first_least_us, r->c.nak_first_most_us));
    due_by(r, s->ask_us);
    due_by(r, given_up_at(r, s));
    r->counts.holes++;
    r->since.lost_raw++;
}

void receiver_raise(struct nrp_receiver *r, uint64_t dseq)
{
    while (r->hi < dseq && r->hi < r->end) {
        struct slot *s = receiver_slot(r, ++r->hi);
        if (s->state == SLOT_EMPTY) receiver_open_hole(r, s);
    }
    if (r->hi < dseq) r->hi = dseq;
}

/* Holes are in the order in which they were seen, so the first that was not passed often enough
 * ends the search, and nothing below `unasked` is looked at twice. */
void receiver_passed(struct nrp_receiver *r)
{
    if (!r->c.repair || r->missing == 0) {
        r->unasked = r->hi + 1;
        return;
    }
    if (r->unasked < r->next) r->unasked = r->next;
    for (uint64_t top = receiver_top(r); r->unasked <= top; r->unasked++) {
        struct slot *s = receiver_slot(r, r->unasked);
        if (s->state != SLOT_HOLE || s->naks > 0) continue;
        if (r->heads - s->heads < NAK_AFTER) return;
        if (s->ask_us > r->now_us) ask_at(r, s, r->now_us);
        due_by(r, s->ask_us);
    }
}

void receiver_excuse(struct nrp_receiver *r)
{
    if (r->since.lost_raw > 0) r->since.lost_raw--;
}

static void find_due(struct nrp_receiver *r)
{
    r->due_us = INT64_MAX;
    size_t left = r->missing;
    for (uint64_t d = r->next; left > 0; d++) {
        const struct slot *s = receiver_slot(r, d);
        if (s->state != SLOT_HOLE) continue;
        left--;
        due_by(r, s->ask_us);
        due_by(r, given_up_at(r, s));
    }
}

/* The first time half a round trip: where a tenth of everything is lost, a question or its answer is
 * lost in every fifth case, and a frame sent twice costs less than an item that is a round trip later. The
 * relay passes over what it sent a moment ago. Then twice as long each time. */
static void asked(struct nrp_receiver *r, struct slot *s)
{
    int64_t wait = srtt(r) / 2;
    if (wait < r->c.nak_again_least_us) wait = r->c.nak_again_least_us;
    int64_t most = r->c.repair_us;
    for (unsigned i = 0; i < s->naks && wait < most; i++)
        wait *= 2;
    s->naks++;
    r->counts.naks++;
    ask_at(r, s, r->now_us + wait);
}

/* Adds dseq to the last range if it continues it. False: no room. */
static bool range_add(struct nrp_range out[NRP_NAK_RANGES], size_t *n, uint64_t dseq)
{
    struct nrp_range *last = *n > 0 ? &out[*n - 1] : NULL;
    if (last && last->first + last->count == dseq && last->count < UINT16_MAX) {
        last->count++;
        return true;
    }
    if (*n == NRP_NAK_RANGES) return false;
    out[(*n)++] = (struct nrp_range){.first = dseq, .count = 1};
    return true;
}

size_t nrp_receiver_naks(struct nrp_receiver *r, int64_t now_us, int64_t srtt_us,
                         struct nrp_range out[NRP_NAK_RANGES])
{
    r->now_us = now_us;
    r->srtt_us = srtt_us;
    if (!r->c.repair || r->missing == 0 || now_us < r->due_us) return 0;
    size_t n = 0, left = r->missing;
    for (uint64_t d = r->next; left > 0; d++) {
        struct slot *s = receiver_slot(r, d);
        if (s->state != SLOT_HOLE) continue;
        left--;
        if (s->ask_us > now_us || now_us >= given_up_at(r, s)) continue;
        if (!range_add(out, &n, d)) break;
        asked(r, s);
    }
    find_due(r);
    return n;
}

void nrp_receiver_tick(struct nrp_receiver *r, int64_t now_us)
{
    if (r->missing == 0 || now_us < r->due_us) return;
    receiver_enter(r, now_us);
    for (uint64_t d = r->next, top = receiver_top(r); r->missing > 0 && d <= top; d++) {
        const struct slot *s = receiver_slot(r, d);
        if (s->state != SLOT_HOLE) continue;
        if (now_us < given_up_at(r, s)) break;
        receiver_lose(r, d);
    }
    receiver_leave(r);
    find_due(r);
}

int64_t nrp_receiver_deadline(const struct nrp_receiver *r)
{
    return r->missing > 0 ? r->due_us : INT64_MAX;
}

void nrp_receiver_heartbeat(struct nrp_receiver *r, int64_t now_us, uint64_t last_dseq)
{
    r->now_us = now_us;
    /* An honest sender stays within the window; of what another says nothing beyond it is known. */
    receiver_raise(r, last_dseq < r->end ? last_dseq : r->end);
}
