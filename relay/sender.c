#include "relay/sender.h"

#include <assert.h>
#include <stdlib.h>

#include "relay/pace.h"
#include "relay/sender_ring.h"

#define HEARTBEATS_AFTER_US 10000000 /* after the last data, when all of it is acknowledged */
#define LOSSY_US            60000000 /* so long a path counts as one that loses, after a report of it */
#define THIN_MOST           3 /* frames in flight of a stream that is thin, as in Linux's TCP */
#define MEMORY_AGAIN_US     100000 /* when there was none */
#define GAP_MOST            ((uint64_t)1 << 31) /* dseqs in one frame; the rest follows when it is acked */

const struct sender_config sender_defaults = {
    .window = 1024,
    .datagram_max = NRP_DATAGRAM_MAX,
    .rate_start = 128 * 1024,
    .rate_floor = 64 * 1024,
    .rate_cap = 2 * 1024 * 1024,
    .heartbeat_min_us = 5 * 1000,
    .heartbeat_max_us = 1000 * 1000,
    .linger_us = 10 * 1000,
    .resends_per_nak = 64,
    .silence_us = 5 * 1000 * 1000,
};

struct sender {
    struct sender_config c;
    struct sender_ring ring;
    struct pace pace;
    struct outbox_entry current;   /* a record some of whose fragments are out; NULL: none */
    uint64_t last_dseq, acked;     /* sent; resolved at the other end */
    int64_t now_us;                /* of the last call */
    int64_t ready_us;              /* no data before it: the bucket, or no memory */
    int64_t heard_us, flying_us;   /* when the peer last spoke; since when something is unacked */
    int64_t data_us;               /* the last new data */
    int64_t beat_us, beat_wait_us; /* the next heartbeat (INT64_MAX: none), and what it waited */
    int64_t lossy_us;              /* until when the path counts as one that loses */
    bool beat_asked, silent;
    bool (*share)(const void *user, struct nrp_frame *item); /* NULL: none */
    const void *share_user;
    struct sender_counts counts;
};

struct sender *sender_new(const struct sender_config *c, int64_t now_us, struct news_error *err)
{
    struct sender *s = calloc(1, sizeof *s);
    if (!s) {
        (void)news_fail(err, NEWS_ERR_MEMORY, "a datagram session: out of memory");
        return NULL;
    }
    s->c = *c;
    s->ring.most = c->window;
    pace_init(&s->pace, c->rate_start, c->rate_floor, c->rate_cap, c->datagram_max, now_us);
    s->now_us = s->ready_us = s->heard_us = s->data_us = now_us;
    s->beat_us = INT64_MAX;
    return s;
}

void sender_free(struct sender *s)
{
    if (!s) return;
    record_unref(s->current.record);
    sender_ring_deinit(&s->ring);
    free(s);
}

void sender_set_share(struct sender *s, bool (*share)(const void *user, struct nrp_frame *item),
                      const void *user)
{
    s->share = share;
    s->share_user = user;
}

/* ------------------------------------------------------------------------- What the peer says */

void sender_heard(struct sender *s, int64_t now_us)
{
    s->now_us = s->heard_us = now_us;
    s->silent = false;
}

void sender_on_ack(struct sender *s, int64_t now_us, uint64_t cum_dseq)
{
    sender_heard(s, now_us);
    /* A lost fragment takes its whole item with it, so that an ACK may name some not sent yet. */
    if (cum_dseq > s->last_dseq) cum_dseq = s->last_dseq;
    if (cum_dseq <= s->acked) return;
    s->acked = cum_dseq;
    sender_ring_release(&s->ring, cum_dseq);
}

/* False: it is on its way already. */
static bool want(struct sender *s, uint64_t position)
{
    const struct sent *e = sender_ring_at(&s->ring, position);
    if (e->wanted || (e->resent && s->now_us - e->resent_us < s->c.linger_us)) return false;
    sender_ring_want(&s->ring, position);
    return true;
}

/* What is acknowledged is no longer in the ring, and what was never sent not yet: neither is
 * answered. looks bounds the work for ranges that overlap. */
void sender_on_nak(struct sender *s, int64_t now_us, const struct nrp_range *ranges, size_t count)
{
    sender_heard(s, now_us);
    s->counts.naks++;
    unsigned marks = s->c.resends_per_nak;
    size_t looks = sender_ring_count(&s->ring) + count;
    for (size_t i = 0; i < count; i++) {
        const struct nrp_range *n = &ranges[i];
        if (n->count == 0 || n->first > s->last_dseq) continue;
        uint64_t last = n->first + (n->count - 1u); /* no overflow: first was sent */
        for (uint64_t p = sender_ring_find(&s->ring, n->first); p < s->ring.end; p++) {
            if (sender_ring_at(&s->ring, p)->dseq > last) break;
            if (marks == 0 || looks-- == 0) return;
            if (want(s, p)) marks--;
        }
    }
}

void sender_on_report(struct sender *s, int64_t now_us, const struct nrp_report *r)
{
    sender_heard(s, now_us);
    pace_report(&s->pace, r->received, r->lost_raw);
    if (r->lost_raw > 0) s->lossy_us = now_us + LOSSY_US;
}

void sender_heartbeat_now(struct sender *s)
{
    s->beat_asked = true;
}

/* ---------------------------------------------------------------------------------- One frame */

static struct nrp_frame gap_frame(const struct sent *e)
{
    uint64_t last = e->last - e->dseq < GAP_MOST ? e->last : e->dseq + GAP_MOST - 1;
    return (struct nrp_frame){
        .type = NRP_GAP, .gap = {.first_dseq = e->dseq, .last_dseq = last, .reason = e->flags}};
}

/* The topic, whole, begins the first fragment; bytes of both are counted on. */
static struct nrp_frame item_frame(const struct sender *s, const struct sent *e)
{
    const struct record *r = e->record;
    size_t room = nrp_fragment_room(s->c.datagram_max), size = record_size(r);
    assert(r->topic_len <= room);
    size_t from = e->fragment * room, to = from + room;
    if (to > size || e->fragment + 1 == e->count) to = size;
    size_t topic = e->fragment == 0 ? r->topic_len : 0;
    size_t skipped = e->fragment == 0 ? 0 : from - r->topic_len;
    return (struct nrp_frame){
        .type = NRP_ITEM,
        .topic = topic > 0 ? (const uint8_t *)record_topic(r) : NULL,
        .topic_len = (uint16_t)topic,
        .payload = record_payload(r) + skipped,
        .payload_len = to - from - topic,
        .item = {.dseq = e->dseq,
                 .iseq = r->iseq,
                 .fragment = e->fragment,
                 .fragment_count = e->count,
                 .flags = e->flags},
    };
}

/* Takes its bytes out of the bucket. False: it has to wait. */
static bool pays(struct sender *s, const struct nrp_frame *f, size_t room)
{
    size_t size = nrp_frame_size(f);
    if (size > room) return false;
    if (!pace_allows(&s->pace, s->now_us, size)) {
        s->ready_us = pace_ready(&s->pace, size);
        return false;
    }
    pace_spend(&s->pace, size);
    return true;
}

static bool next_resend(struct sender *s, size_t room, struct nrp_frame *out)
{
    struct sent *e = sender_ring_wanted(&s->ring);
    struct nrp_frame f = e->count > 0 ? item_frame(s, e) : gap_frame(e);
    if (!pays(s, &f, room)) return false;
    sender_ring_unwant(&s->ring, e);
    e->resent = true;
    e->resent_us = s->now_us;
    if (e->count > 0) {
        f.item.flags |= NRP_FLAG_RESENT;
        s->counts.resent++;
    } else {
        s->counts.gaps++;
    }
    *out = f;
    return true;
}

/* ------------------------------------------------------------------------------------ New data */

static void note_data(struct sender *s, uint64_t last_dseq)
{
    if (s->last_dseq == s->acked) s->flying_us = s->now_us;
    s->last_dseq = last_dseq;
    s->data_us = s->now_us;
    s->beat_wait_us = s->c.heartbeat_min_us;
    s->beat_us = s->now_us + s->beat_wait_us;
}

static bool next_gap(struct sender *s, struct outbox *box, size_t room, struct nrp_frame *out)
{
    const struct outbox_entry *head = outbox_at(box, 0);
    uint64_t first = head->dseq, last = first + head->frames - 1;
    struct sent as_sent = {.dseq = first, .last = last, .flags = head->reason};
    struct nrp_frame f = gap_frame(&as_sent);
    if (!pays(s, &f, room)) return false;
    struct sent *e = sender_ring_add_gap(&s->ring, first, last, head->reason);
    f = gap_frame(e); /* as long: with the run before it, if there was one */
    outbox_pop(box, 1);
    note_data(s, last);
    s->counts.gaps++;
    *out = f;
    return true;
}

static void take_record(struct sender *s, struct outbox *box)
{
    s->current = *outbox_at(box, 0);
    (void)record_ref(s->current.record);
    outbox_pop(box, 1);
}

static bool next_fragment(struct sender *s, const struct outbox_entry *from, size_t room,
                          struct nrp_frame *out)
{
    uint64_t dseq = s->last_dseq + 1;
    struct sent as_sent = {.dseq = dseq,
                           .record = from->record,
                           .fragment = (uint8_t)(dseq - from->dseq),
                           .count = (uint8_t)from->frames,
                           .flags = from->flags};
    struct nrp_frame f = item_frame(s, &as_sent);
    if (s->share) (void)s->share(s->share_user, &f);
    if (!pays(s, &f, room)) return false;
    sender_ring_add_fragment(&s->ring, dseq, from->record, as_sent.fragment, as_sent.count,
                             as_sent.flags);
    note_data(s, dseq);
    s->counts.frames++;
    *out = f;
    return true;
}

static bool next_of_record(struct sender *s, struct outbox *box, size_t room, struct nrp_frame *out)
{
    if (s->current.record) {
        if (!next_fragment(s, &s->current, room, out)) return false;
    } else {
        if (!next_fragment(s, outbox_at(box, 0), room, out)) return false;
        take_record(s, box); /* it may not be dropped any more, nor become a gap */
    }
    if (s->last_dseq + 1 == s->current.dseq + s->current.frames) {
        record_unref(s->current.record);
        s->current.record = NULL;
    }
    return true;
}

/* Something is there, and within the window. */
static bool has_data(const struct sender *s, const struct outbox *box)
{
    return (s->current.record || outbox_at(box, 0)) && s->last_dseq - s->acked < s->c.window;
}

static bool next_data(struct sender *s, struct outbox *box, size_t room, struct nrp_frame *out)
{
    if (s->ring.wanted > 0) return next_resend(s, room, out);
    if (!has_data(s, box)) return false;
    if (!sender_ring_reserve(&s->ring)) {
        s->ready_us = s->now_us + MEMORY_AGAIN_US;
        return false;
    }
    if (s->current.record || outbox_at(box, 0)->record) return next_of_record(s, box, room, out);
    return next_gap(s, box, room, out);
}

/* ---------------------------------------------------------------------------------- Heartbeats */

bool sender_is_quiet(const struct sender *s)
{
    return s->last_dseq == s->acked && !s->current.record;
}

/* Its time has come: when is the next? An idle session is silent, and has no ring. */
static void rearm(struct sender *s)
{
    if (sender_is_quiet(s) && s->now_us - s->data_us >= HEARTBEATS_AFTER_US) {
        s->beat_us = INT64_MAX;
        sender_ring_deinit(&s->ring);
        return;
    }
    s->beat_wait_us *= 2;
    if (s->beat_wait_us > s->c.heartbeat_max_us) s->beat_wait_us = s->c.heartbeat_max_us;
    s->beat_us = s->now_us + s->beat_wait_us;
}

/* A receiver cannot ask for all of a gap wider than its window, so one that stays at the front is
 * said again. */
static void repeat_gap(struct sender *s)
{
    if (s->ring.first < s->ring.end && sender_ring_at(&s->ring, s->ring.first)->count == 0)
        (void)want(s, s->ring.first);
}

/* What follows a frame shows that it was lost, but a thin stream's next item is far away, and a
 * heartbeat costs the repair a round trip. Where the path loses, the first two bring the frame
 * again. */
static void repeat_tail(struct sender *s)
{
    unsigned flying = sender_ring_count(&s->ring);
    if (s->now_us >= s->lossy_us || flying == 0 || flying > THIN_MOST) return;
    const struct sent *e = sender_ring_at(&s->ring, s->ring.end - 1);
    if (e->count > 0 && want(s, s->ring.end - 1)) s->counts.repeated++;
}

static bool next_heartbeat(struct sender *s, size_t room, uint64_t last_iseq, struct nrp_frame *out)
{
    bool due = s->beat_us <= s->now_us;
    if (!due && !s->beat_asked) return false;
    struct nrp_frame f = {.type = NRP_HEARTBEAT,
                          .heartbeat = {.last_dseq = s->last_dseq,
                                        .oldest_dseq = s->acked + 1,
                                        .last_iseq = last_iseq}};
    size_t size = nrp_frame_size(&f);
    if (size > room) return false;
    if (due && s->beat_wait_us <= 2 * s->c.heartbeat_min_us) repeat_tail(s);
    if (due) rearm(s);
    if (!s->beat_asked && s->beat_us == INT64_MAX) return false;
    s->beat_asked = false;
    pace_spend(&s->pace, size); /* not asked for: liveness does not wait */
    repeat_gap(s);
    s->counts.heartbeats++;
    *out = f;
    return true;
}

/* -------------------------------------------------------------------------------------- A turn */

/* Sending on to somebody who is not there would only load the path (RFC 8085, section 3.1.10). */
static bool is_silent(struct sender *s)
{
    int64_t since = s->heard_us > s->flying_us ? s->heard_us : s->flying_us;
    if (s->last_dseq != s->acked && s->now_us - since >= s->c.silence_us) s->silent = true;
    return s->silent;
}

bool sender_next(struct sender *s, int64_t now_us, struct outbox *box, size_t room,
                 uint64_t last_iseq, struct sender_frame *out)
{
    s->now_us = now_us;
    if (s->beat_asked) return next_heartbeat(s, room, last_iseq, &out->frame);
    if (!is_silent(s) && next_data(s, box, room, &out->frame)) return true;
    return next_heartbeat(s, room, last_iseq, &out->frame);
}

int64_t sender_deadline(const struct sender *s, const struct outbox *box)
{
    if (s->beat_asked) return s->now_us;
    if (s->silent || (s->ring.wanted == 0 && !has_data(s, box))) return s->beat_us;
    int64_t data = s->ready_us > s->now_us ? s->ready_us : s->now_us;
    return data < s->beat_us ? data : s->beat_us;
}

uint64_t sender_acked(const struct sender *s)
{
    return s->acked;
}

int64_t sender_rate(const struct sender *s)
{
    return s->pace.rate;
}

size_t sender_memory(const struct sender *s)
{
    return sizeof *s + s->ring.size * sizeof *s->ring.slots;
}

const struct sender_counts *sender_counts(const struct sender *s)
{
    return &s->counts;
}
