#include <limits.h>

#include "relay/hub_state.h"

/* --- one record to one subscriber --- */

void dispatch_fall_behind(struct peer *p, uint64_t cursor)
{
    p->live = false;
    p->behind = true;
    p->cursor = cursor;
    peer_mark(p->hub, p);
}

static void block(struct hub *h, struct peer *p)
{
    if (p->blocks || h->config.queue_qos0.policy != SLOW_BLOCK) return;
    p->blocks = true;
    h->blocks++;
}

void dispatch_unblock(struct hub *h, struct peer *p)
{
    if (!p->blocks) return;
    p->blocks = false;
    h->blocks--;
}

/* Frames it takes for p; 0: its carrier cannot take it. */
static unsigned frames_of(const struct peer *p, const struct record *r)
{
    if (!p->d) return 1;
    if (r->topic_len > nrp_fragment_room(p->d->datagram_max)) return 0;
    return nrp_fragment_count(record_size(r), p->d->datagram_max);
}

static enum outbox_result queue(struct peer *p, struct record *r, uint8_t flags)
{
    unsigned frames = frames_of(p, r);
    if (frames > 0) return outbox_push(&p->box, p->limits, r, frames, flags);
    return outbox_push_gap(&p->box, 1, NRP_GAP_TOO_BIG) ? OUTBOX_QUEUED : OUTBOX_NO_MEMORY;
}

static void count_dropped(struct hub *h, const struct peer *p, uint64_t count)
{
    if (p->limits->policy == SLOW_DROP_NEWEST) h->counts.dropped_newest += count;
    else h->counts.dropped_oldest += count;
}

static void give(struct hub *h, struct peer *p, struct record *r)
{
    if (r->iseq < p->gate && !session_wants(p, r->iseq, record_topic(r))) return;
    uint64_t dropped = p->box.dropped;
    switch (queue(p, r, r->flags & NRP_FLAG_ACK)) {
    case OUTBOX_DROPPED: count_dropped(h, p, p->box.dropped - dropped); break;
    case OUTBOX_FULL:
        /* QoS 1, and a blocking QoS 0, go on from the log when they can. */
        if (p->qos == 1 || p->limits->policy == SLOW_BLOCK) {
            if (p->limits->policy == SLOW_BLOCK) block(h, p);
            dispatch_fall_behind(p, r->iseq);
        } else {
            peer_doom(h, p, NRP_CODE_SLOW_CONSUMER);
        }
        return;
    case OUTBOX_NO_MEMORY: peer_doom(h, p, NRP_CODE_TOO_MANY); return;
    case OUTBOX_QUEUED: break;
    }
    peer_mark(h, p);
}

static void dispatch(struct hub *h, struct record *r)
{
    size_t count;
    void *const *found = registry_match(h->registry, record_topic(r), &count);
    if (h->group) group_consider(h, r, found, count);
    for (size_t i = 0; i < count; i++) {
        struct peer *p = found[i];
        if (p->live) give(h, p, r);
    }
    h->followed = r->iseq;
}

/* --- a session that is behind --- */

static bool has_room(const struct peer *p)
{
    return p->box.records < (p->limits->items_max + 1) / 2 &&
           p->box.bytes <= p->limits->bytes_max / 2;
}

/* What it needs has left the log. False: that ends it. On streams the gap is as wide as the loss
 * can be; a datagram client asks again, and SUBACK tells it. */
static bool lost(struct hub *h, int64_t now_us, struct peer *p, uint64_t evicted)
{
    unsigned frames = p->d ? 1 : evicted < UINT_MAX ? (unsigned)evicted : UINT_MAX;
    enum slow_policy policy = p->qos == 1 ? h->config.queue_qos1.policy : p->limits->policy;
    /* It had no chance yet: SUBACK said where it begins, and the log went on faster than we read.
     */
    if (p->resumed) policy = SLOW_DROP_OLDEST;
    if (policy != SLOW_DISCONNECT && outbox_push_gap(&p->box, frames, NRP_GAP_RING)) return true;
    h->counts.disconnected_slow++;
    peer_end(h, now_us, p, NRP_CODE_SLOW_CONSUMER, nrp_code_text(NRP_CODE_SLOW_CONSUMER));
    return false;
}

/* Half of the box is left for what comes live when it has caught up. */
static bool queue_behind(struct peer *p, struct record *r, uint8_t flags)
{
    if (!has_room(p) || outbox_is_full(&p->box, p->limits, record_size(r))) return false;
    return queue(p, r, flags) == OUTBOX_QUEUED;
}

/* False: no room for more of them. */
static bool queue_retained(struct peer *p)
{
    struct waiting *w = &p->retained;
    for (; w->at < w->count; w->at++) {
        struct record *r = w->records[w->at];
        uint8_t flags = (uint8_t)((r->flags & NRP_FLAG_ACK) | NRP_FLAG_RETAIN);
        if (!queue_behind(p, r, flags)) return false;
        p->retained_bytes -= record_size(r);
        record_unref(r);
    }
    waiting_deinit(w);
    return true;
}

static void go_live(struct hub *h, struct peer *p)
{
    p->behind = p->resumed = false;
    p->live = true;
    dispatch_unblock(h, p);
}

/* Gives what of these is wanted; the cursor stops at the first that finds no room. */
static void give_read(struct peer *p, struct record **records, size_t count, uint64_t next)
{
    bool full = false;
    for (size_t i = 0; i < count; i++) {
        struct record *r = records[i];
        if (!full && session_wants(p, r->iseq, record_topic(r)) &&
            !queue_behind(p, r, r->flags & NRP_FLAG_ACK)) {
            full = true;
            next = r->iseq;
        }
        record_unref(r);
    }
    p->cursor = next;
}

bool dispatch_catch_up(struct hub *h, int64_t now_us, struct peer *p)
{
    if (!p->behind) return false;
    if (!has_room(p)) p->resumed = false; /* from here on it is its own pace that counts */
    if (!has_room(p) || !queue_retained(p)) return false;
    if (p->cursor > h->followed) {
        go_live(h, p);
        return false;
    }
    struct record *records[HUB_READ_BEHIND];
    uint64_t next = p->cursor, evicted = 0;
    size_t count = relay_log_read(h->log, p->cursor, h->followed, records, HUB_READ_BEHIND, &next,
                                  &evicted);
    if (count == 0) next = h->followed + 1;
    if (evicted > 0 && !lost(h, now_us, p, evicted)) {
        for (size_t i = 0; i < count; i++)
            record_unref(records[i]);
        return false;
    }
    uint64_t before = p->cursor;
    give_read(p, records, count, next);
    if (p->cursor > h->followed) go_live(h, p);
    return p->cursor != before; /* not when its first one waits for more room */
}

/* --- following the log --- */

static bool retry_held(struct hub *h, int64_t now_us)
{
    struct link again;
    bool any = false;
    if (link_is_empty(&h->held) || !relay_log_room(h->log)) return false;
    link_init(&again);
    for (struct link *l; (l = link_take(&h->held));)
        link_append(&again, l);
    for (struct link *l; (l = link_take(&again));) {
        struct peer *p = link_owner(l, struct peer, aside);
        size_t left = p->held.count - p->held.at;
        bool all = session_retry(h, now_us, p);
        any = any || all || p->held.count - p->held.at < left;
        if (all) stream_resume(h, now_us, p);
    }
    return any;
}

bool hub_follow(struct hub *h, int64_t now_us)
{
    h->now_us = now_us;
    struct record *records[HUB_BATCH];
    size_t count = relay_log_follow(h->log, h->follower, records, HUB_BATCH);
    for (size_t i = 0; i < count; i++) {
        dispatch(h, records[i]);
        record_unref(records[i]);
    }
    session_retry_wills(h);
    bool more = retry_held(h, now_us);
    peer_end_doomed(h, now_us);
    return more || count == HUB_BATCH;
}
