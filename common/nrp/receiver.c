#include "common/nrp/receiver.h"

#include <stdlib.h>
#include <string.h>

#include "common/nrp/receiver_parts.h"

#define WINDOW_MAX 65536

/* -------------------------------------------------------------------------------- New and free */

static void or_default(int64_t *value, int64_t otherwise)
{
    if (*value == 0) *value = otherwise;
}

static bool config_take(struct nrp_receiver_config *c, struct news_error *err)
{
    if (c->window == 0) c->window = 1024;
    if (c->first_dseq == 0) c->first_dseq = 1;
    if (c->naks_max == 0) c->naks_max = 6;
    or_default(&c->hole_wait_us, 200000);
    or_default(&c->repair_us, 3000000);
    or_default(&c->nak_first_least_us, 2000);
    or_default(&c->nak_first_most_us, 20000);
    or_default(&c->nak_again_least_us, 11000);
    if ((c->window & (c->window - 1)) != 0 || c->window > WINDOW_MAX)
        return news_fail(err, NEWS_ERR_USAGE, "a window of %u is no power of two up to %d",
                         c->window, WINDOW_MAX);
    if (c->first_dseq > DSEQ_MAX)
        return news_fail(err, NEWS_ERR_USAGE, "the first dseq is out of range");
    return true;
}

struct nrp_receiver *nrp_receiver_new(const struct nrp_receiver_config *c,
                                      const struct nrp_receiver_events *events,
                                      struct news_error *err)
{
    struct nrp_receiver_config config = *c;
    if (!config_take(&config, err)) return NULL;
    struct nrp_receiver *r = calloc(1, sizeof *r);
    struct slot *slots = calloc(config.window, sizeof *slots);
    if (!r || !slots) {
        free(r);
        free(slots);
        news_fail(err, NEWS_ERR_MEMORY, "receiver: out of memory");
        return NULL;
    }
    r->c = config;
    r->events = *events;
    r->slots = slots;
    r->next = config.first_dseq;
    r->end = r->next + config.window - 1;
    r->hi = r->next - 1;
    r->unasked = r->next;
    r->due_us = INT64_MAX;
    return r;
}

void nrp_receiver_free(struct nrp_receiver *r)
{
    if (!r) return;
    for (unsigned i = 0; i < r->c.window; i++)
        free(r->slots[i].body);
    free(r->slots);
    buf_deinit(&r->whole);
    free(r);
}

/* --------------------------------------------------------------------------------- Handing over */

static void hand_over(struct nrp_receiver *r, const struct slot *s, const uint8_t *topic,
                      const uint8_t *payload, size_t payload_len)
{
    struct nrp_delivery d = {
        .dseq = s->start,
        .iseq = s->iseq,
        .flags = s->flags,
        .topic = topic,
        .topic_len = s->topic_len,
        .payload = payload,
        .payload_len = payload_len,
    };
    receiver_tell_lost(r); /* before what came after it */
    r->counts.items++;
    r->events.on_item(r->events.user, &d);
}

static bool is_whole(const struct slot *s, uint64_t dseq)
{
    return s->state == SLOT_HELD && s->start == dseq && s->come == s->count;
}

/* Its bodies in a row in r->whole. False: no memory. */
static bool put_together(struct nrp_receiver *r, uint64_t start, const struct slot *first)
{
    buf_clear(&r->whole);
    if (!buf_reserve(&r->whole, first->bytes)) return false;
    for (unsigned i = 0; i < first->count; i++) {
        const struct slot *s = receiver_slot(r, start + i);
        buf_put(&r->whole, s->body, s->body_len);
    }
    return true;
}

static void deliver_fragments(struct nrp_receiver *r, uint64_t start)
{
    struct slot *first = receiver_slot(r, start);
    if (!put_together(r, start, first)) {
        receiver_lose_item(r, start, first->count);
        return;
    }
    for (unsigned i = 0; i < first->count; i++) {
        struct slot *s = receiver_slot(r, start + i);
        free(s->body);
        s->body = NULL;
        s->state = SLOT_DELIVERED;
    }
    const uint8_t *body = (const uint8_t *)r->whole.data;
    hand_over(r, first, body, body + first->topic_len, first->bytes - first->topic_len);
}

static void deliver(struct nrp_receiver *r, uint64_t start)
{
    struct slot *s = receiver_slot(r, start);
    if (s->count > 1) {
        deliver_fragments(r, start);
        return;
    }
    uint8_t *body = s->body;
    s->body = NULL;
    s->state = SLOT_DELIVERED;
    hand_over(r, s, body, body + s->topic_len, s->body_len - s->topic_len);
    free(body);
}

/* --------------------------------------------------------------------------- Around every call */

static void advance(struct nrp_receiver *r)
{
    for (;;) {
        const struct slot *s = receiver_slot(r, r->next);
        if (!r->held && is_whole(s, r->next)) deliver(r, r->next);
        bool resolved = s->state == SLOT_DELIVERED || s->state == SLOT_LOST;
        if (!resolved && !receiver_at_run(r)) return;
        receiver_step(r);
    }
}

static void hand_over_waiting(struct nrp_receiver *r)
{
    r->release = false;
    for (uint64_t d = r->next, top = receiver_top(r); d <= top && !r->held && !r->c.ordered; d++)
        if (is_whole(receiver_slot(r, d), d)) deliver(r, d);
}

void receiver_enter(struct nrp_receiver *r, int64_t now_us)
{
    r->now_us = now_us;
    r->busy = true;
}

void receiver_leave(struct nrp_receiver *r)
{
    do {
        if (r->release) hand_over_waiting(r);
        advance(r);
        receiver_tell_lost(r);
    } while (r->release && !r->held); /* a callback let go of us */
    r->busy = false;
}

void nrp_receiver_hold(struct nrp_receiver *r, int64_t now_us, bool held)
{
    if (r->held && !held) r->release = true;
    r->held = held;
    if (r->busy || held) return;
    receiver_enter(r, now_us);
    receiver_leave(r);
}

/* ------------------------------------------------------------------------------ One frame comes */

/* What an ITEM says of itself. */
struct arrival {
    uint64_t dseq, start;
    const struct nrp_frame *f;
    size_t body_len;
    uint8_t flags; /* of the item: less those of this one sending */
    bool resent;
};

static bool is_well_formed(const struct nrp_frame *f)
{
    const struct nrp_item *i = &f->item;
    return i->fragment < i->fragment_count && i->fragment_count <= NRP_FRAGMENTS_MAX &&
           i->dseq > i->fragment && (i->fragment == 0) == (f->topic_len > 0);
}

static bool claims_agree(const struct slot *s, const struct arrival *a)
{
    return s->start == a->start && s->iseq == a->f->item.iseq &&
           s->count == a->f->item.fragment_count && s->flags == a->flags;
}

enum fit { FIT_GOOD, FIT_DOOMED, FIT_CONTRADICTS };

/* May it be where it says? All slots of an item are claimed at once, so one that is claimed needs
 * no look at the others. */
static enum fit arrival_fits(const struct nrp_receiver *r, const struct arrival *a)
{
    const struct slot *own = receiver_slot(r, a->dseq);
    if (own->start > 0) return claims_agree(own, a) ? FIT_GOOD : FIT_CONTRADICTS;
    uint64_t last = a->start + a->f->item.fragment_count - 1;
    bool doomed = a->start < r->next || a->f->item.fragment_count > r->c.window ||
                  a->body_len > r->c.item_max;
    for (uint64_t d = a->start > r->next ? a->start : r->next; d <= last && d <= r->end; d++) {
        const struct slot *s = receiver_slot(r, d);
        if (s->start > 0 && !claims_agree(s, a)) return FIT_CONTRADICTS;
        if (s->state == SLOT_LOST) doomed = true;
    }
    return doomed ? FIT_DOOMED : FIT_GOOD;
}

static void claim(struct nrp_receiver *r, const struct arrival *a)
{
    const struct nrp_item *item = &a->f->item;
    uint64_t last = a->start + item->fragment_count - 1;
    for (uint64_t d = a->start > r->next ? a->start : r->next; d <= last && d <= r->end; d++) {
        struct slot *s = receiver_slot(r, d);
        s->start = a->start;
        s->iseq = item->iseq;
        s->count = item->fragment_count;
        s->flags = a->flags;
    }
}

/* RFC 3550 section 6.4.1, but of the spacing itself: frames carry no time of sending. */
static void jitter_add(struct nrp_receiver *r)
{
    int64_t spacing = r->now_us - r->last_us;
    if (r->spacings == 2) {
        int64_t d = spacing > r->spacing_us ? spacing - r->spacing_us : r->spacing_us - spacing;
        if (d > INT32_MAX) d = INT32_MAX;
        r->jitter_x16 += d - (r->jitter_x16 + 8) / 16;
    } else {
        r->spacings++; /* the first frame has none, the second nothing to compare it with */
    }
    r->last_us = r->now_us;
    r->spacing_us = spacing;
}

static void note_arrival(struct nrp_receiver *r, const struct arrival *a)
{
    r->since.received++;
    if (receiver_slot(r, a->dseq)->state == SLOT_HOLE) {
        r->missing--;
        receiver_slot(r, a->dseq)->state = SLOT_EMPTY;
        if (a->resent) {
            r->counts.repaired++;
            r->since.repaired++;
        } else { /* late, not lost */
            r->counts.reordered++;
            r->since.reordered++;
            receiver_excuse(r);
        }
        return;
    }
    if (a->resent) r->since.lost_raw++; /* the relay repeated it before we missed it */
    receiver_raise(r, a->dseq - 1);
    r->hi = a->dseq;
    r->heads++;
    receiver_passed(r);
    jitter_add(r);
}

static void hold_frame(struct nrp_receiver *r, const struct arrival *a, uint8_t *body)
{
    struct slot *s = receiver_slot(r, a->dseq), *first = receiver_slot(r, a->start);
    s->state = SLOT_HELD;
    s->body = body;
    s->body_len = a->body_len;
    s->topic_len = a->f->topic_len;
    first->come++;
    first->bytes += a->body_len;
    if (first->bytes > r->c.item_max) {
        r->counts.malformed++;
        receiver_lose_item(r, a->start, s->count);
    } else if (is_whole(first, a->start) && !r->held && !r->c.ordered) {
        deliver(r, a->start);
    }
}

static uint8_t *copied(const struct nrp_frame *f, size_t len)
{
    uint8_t *body = malloc(len ? len : 1);
    if (!body) return NULL;
    if (f->topic_len > 0) memcpy(body, f->topic, f->topic_len);
    if (f->payload_len > 0) memcpy(body + f->topic_len, f->payload, f->payload_len);
    return body;
}

/* Handed over at once: then nothing is copied. */
static bool goes_through(const struct nrp_receiver *r, const struct arrival *a)
{
    return a->f->item.fragment_count == 1 && !r->held && (!r->c.ordered || a->dseq == r->next);
}

static void place(struct nrp_receiver *r, const struct arrival *a, enum fit fit)
{
    struct slot *s = receiver_slot(r, a->dseq);
    bool through = fit == FIT_GOOD && goes_through(r, a);
    uint8_t *body = fit == FIT_GOOD && !through ? copied(a->f, a->body_len) : NULL;
    if (fit == FIT_GOOD && !through && !body) return; /* as if it had not come: it may again */
    note_arrival(r, a);
    claim(r, a);
    if (fit == FIT_DOOMED) {
        receiver_lose_item(r, a->start, a->f->item.fragment_count);
    } else if (through) {
        s->state = SLOT_DELIVERED;
        s->topic_len = a->f->topic_len;
        hand_over(r, s, a->f->topic, a->f->payload, a->f->payload_len);
    } else {
        hold_frame(r, a, body);
    }
}

void nrp_receiver_item(struct nrp_receiver *r, int64_t now_us, const struct nrp_frame *f)
{
    r->counts.frames++;
    if (!is_well_formed(f)) {
        r->counts.malformed++;
        return;
    }
    struct arrival a = {
        .dseq = f->item.dseq,
        .start = f->item.dseq - f->item.fragment,
        .f = f,
        .body_len = f->topic_len + f->payload_len,
        .flags = f->item.flags & (uint8_t)~NRP_FLAG_RESENT,
        .resent = f->item.flags & NRP_FLAG_RESENT,
    };
    if (a.dseq > r->end) {
        r->counts.beyond_window++;
        return;
    }
    const struct slot *s = receiver_slot(r, a.dseq);
    if (a.dseq < r->next || (s->state != SLOT_EMPTY && s->state != SLOT_HOLE)) {
        r->counts.duplicates++;
        r->since.duplicates++;
        return;
    }
    enum fit fit = arrival_fits(r, &a);
    if (fit == FIT_CONTRADICTS) {
        r->counts.malformed++;
        return;
    }
    receiver_enter(r, now_us);
    place(r, &a, fit);
    receiver_leave(r);
}

/* ------------------------------------------------------------------------------------ Questions */

uint64_t nrp_receiver_cum(const struct nrp_receiver *r)
{
    return r->next - 1;
}

uint64_t nrp_receiver_highest(const struct nrp_receiver *r)
{
    return r->hi;
}

void nrp_receiver_report(struct nrp_receiver *r, struct nrp_report *out)
{
    *out = r->since;
    out->highest_dseq = r->hi;
    out->jitter_us = (uint32_t)(r->jitter_x16 / 16);
    r->since = (struct nrp_report){0};
}

const struct nrp_receiver_counts *nrp_receiver_counts(const struct nrp_receiver *r)
{
    return &r->counts;
}
