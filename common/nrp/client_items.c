#include <string.h>

#include "common/nrp/client_state.h"
#include "common/topic.h"

#define ACK_AGAIN_US (CLIENT_SECOND / 10)

void client_follow_floor(struct nrp_client *c)
{
    if (c->floor && !c->unaccepted) c->accepted_iseq = nrp_floor_iseq(c->floor);
}

void client_tell_lost(struct nrp_client *c, uint64_t count)
{
    if (count && client_is_live(c) && c->events.on_lost) c->events.on_lost(c->events.user, count);
}

/* ---------------------------------------------------------------------------- Acknowledgement */

/* Everything up to it came, was lost, or was not for us. */
static uint64_t cum_of(const struct nrp_client *c)
{
    return c->receiver ? nrp_receiver_cum(c->receiver) : c->last_dseq;
}

/* What of that is accepted. */
static uint64_t ackable(const struct nrp_client *c)
{
    uint64_t cum = cum_of(c);
    return c->unaccepted && c->unaccepted <= cum ? c->unaccepted - 1 : cum;
}

static void acknowledge(struct nrp_client *c)
{
    const struct nrp_frame f = {.type = NRP_ACK, .cum_dseq = ackable(c)};
    if (!client_send(c, &f)) { /* the relay waits for it, and may wait for nothing else */
        c->ack_due_us = c->now_us + ACK_AGAIN_US;
        return;
    }
    c->acked = f.cum_dseq;
    c->acked_us = c->now_us;
    c->ack_due_us = INT64_MAX;
}

/* At once when much of the relay's window is used, else after a while. */
static void consider_ack(struct nrp_client *c)
{
    unsigned ring = c->welcome.ring, most = c->receiver ? 256 : 64;
    unsigned part = c->receiver ? ring / 4 : ring / 2;
    int64_t later_us = c->receiver ? CLIENT_SECOND : CLIENT_SECOND / 10;
    if (part > most) part = most;
    if ((!c->receiver && !c->floor) || ackable(c) <= c->acked) return;
    if (ackable(c) - c->acked >= (part ? part : 1)) acknowledge(c);
    else if (c->ack_due_us == INT64_MAX) c->ack_due_us = c->now_us + later_us;
}

void nrp_client_accept(struct nrp_client *c, int64_t now_us)
{
    c->now_us = now_us;
    if (!client_is_live(c)) return;
    c->unaccepted = 0;
    client_follow_floor(c);
    consider_ack(c);
}

struct nrp_resume nrp_client_resume(const struct nrp_client *c)
{
    if (!c->floor) return c->config.resume;
    return (struct nrp_resume){.epoch = c->welcome.epoch, .iseq = c->accepted_iseq};
}

/* ---------------------------------------------------------------------------------------- Items */

static bool topic_is_good(const struct nrp_delivery *d)
{
    char topic[NRP_TOPIC_MAX + 1];
    if (!d->topic_len || d->topic_len > NRP_TOPIC_MAX) return false;
    memcpy(topic, d->topic, d->topic_len);
    topic[d->topic_len] = '\0';
    return strlen(topic) == d->topic_len && topic_name_ok(topic, NULL);
}

static void hand_over(struct nrp_client *c, const struct nrp_delivery *d)
{
    if (c->phase != CLIENT_UP) return;
    bool kept = d->flags & NRP_FLAG_RETAIN; /* sent because it was asked for, with an old iseq */
    if (c->floor && !kept && !nrp_floor_item(c->floor, d->dseq, d->iseq)) return;
    if (d->topic_len + d->payload_len > c->config.item_max || !topic_is_good(d)) {
        /* To end the session would not help: the next one would be given it again. */
        client_tell_lost(c, 1);
        return;
    }
    if (c->floor && (!c->unaccepted || d->dseq < c->unaccepted)) c->unaccepted = d->dseq;
    c->events.on_item(c->events.user, d);
}

void client_received(void *user, const struct nrp_delivery *d)
{
    hand_over(user, d);
}

void client_missing(void *user, uint64_t first_dseq, uint64_t last_dseq)
{
    struct nrp_client *c = user;
    if (c->floor && c->gap_reason != NRP_GAP_TOO_BIG)
        nrp_floor_lost(c->floor, first_dseq, last_dseq);
    else client_tell_lost(c, last_dseq - first_dseq + 1);
}

/* After anything that may have resolved dseqs. */
static void resolved(struct nrp_client *c)
{
    if (c->floor) nrp_floor_advance(c->floor, cum_of(c));
    client_follow_floor(c);
    if (client_is_live(c)) consider_ack(c);
}

static bool is_next(struct nrp_client *c, uint64_t dseq)
{
    if (dseq == c->last_dseq + 1) return true;
    client_fail(c, NEWS_ERR_PROTOCOL, "the relay's item %llu came where %llu was due",
                (unsigned long long)dseq, (unsigned long long)c->last_dseq + 1);
    return false;
}

static void stream_item(struct nrp_client *c, const struct nrp_frame *f)
{
    const struct nrp_delivery d = {
        .dseq = f->item.dseq,
        .iseq = f->item.iseq,
        .flags = f->item.flags,
        .topic = f->topic,
        .topic_len = f->topic_len,
        .payload = f->payload,
        .payload_len = f->payload_len,
    };
    if (!is_next(c, d.dseq)) return;
    if (f->item.fragment_count != 1) {
        client_fail(c, NEWS_ERR_PROTOCOL, "the relay sent a fragment on a stream");
        return;
    }
    c->last_dseq = d.dseq;
    hand_over(c, &d);
}

static bool nothing_asked_for(struct nrp_client *c)
{
    if (c->subscribed) return false;
    if (!c->config.datagrams)
        client_fail(c, NEWS_ERR_PROTOCOL, "the relay sent items that nobody subscribed to");
    return true;
}

static void expect_report(struct nrp_client *c)
{
    if (c->report_due_us == INT64_MAX) c->report_due_us = c->now_us + CLIENT_SECOND;
}

void client_on_sent(struct nrp_client *c, uint64_t dseq)
{
    c->traffic_us = c->now_us;
    nrp_receiver_heartbeat(c->receiver, c->now_us, dseq);
    expect_report(c);
    resolved(c);
}

void client_on_item(struct nrp_client *c, const struct nrp_frame *f)
{
    if (nothing_asked_for(c)) return;
    c->traffic_us = c->now_us;
    if (c->receiver) {
        nrp_receiver_item(c->receiver, c->now_us, f);
        expect_report(c);
    } else {
        stream_item(c, f);
    }
    resolved(c);
}

static void stream_gap(struct nrp_client *c, const struct nrp_gap *g)
{
    if (!is_next(c, g->first_dseq)) return;
    if (g->last_dseq < g->first_dseq || g->last_dseq == UINT64_MAX) {
        client_fail(c, NEWS_ERR_PROTOCOL, "the relay's GAP goes backwards");
        return;
    }
    c->last_dseq = g->last_dseq;
    client_tell_lost(c, g->last_dseq - g->first_dseq + 1);
}

void client_on_gap(struct nrp_client *c, const struct nrp_frame *f)
{
    if (nothing_asked_for(c)) return;
    if (c->receiver) {
        c->gap_reason = f->gap.reason;
        if (!nrp_receiver_gap(c->receiver, c->now_us, &f->gap)) c->counts.bad_datagrams++;
        c->gap_reason = 0;
    } else {
        stream_gap(c, &f->gap);
    }
    resolved(c);
}

void client_on_heartbeat(struct nrp_client *c, const struct nrp_frame *f)
{
    if (!c->receiver) return;
    nrp_receiver_heartbeat(c->receiver, c->now_us, f->heartbeat.last_dseq);
    resolved(c);
    /* The relay's window must not stand still because an ACK was lost. */
    if (ackable(c) > c->acked || c->now_us - c->acked_us >= CLIENT_SECOND) acknowledge(c);
}

size_t client_items_nak(struct nrp_client *c, uint8_t *out, size_t room)
{
    struct nrp_range ranges[NRP_NAK_RANGES];
    uint8_t payload[NRP_NAK_RANGES * 10];
    if (!c->receiver || c->phase != CLIENT_UP || room < NRP_HEADER_SIZE + sizeof payload) return 0;
    size_t count = nrp_receiver_naks(c->receiver, c->now_us, c->srtt_us, ranges);
    if (!count) return 0;
    const struct nrp_frame f = {
        .type = NRP_NAK,
        .payload = payload,
        .payload_len = nrp_ranges_write(ranges, count, payload),
    };
    return nrp_frame_write(&f, out);
}

void nrp_client_hold(struct nrp_client *c, int64_t now_us, bool held)
{
    c->now_us = now_us;
    c->held = held;
    if (c->phase != CLIENT_UP) return;
    if (c->receiver) {
        nrp_receiver_hold(c->receiver, now_us, held);
        resolved(c);
    } else if (!held && !c->config.datagrams) {
        c->heard_us = now_us; /* nothing was read meanwhile */
        c->ping.unanswered = 0;
        client_stream_resume(c);
    }
}

/* --------------------------------------------------------------------------------------- Timers */

static void send_report(struct nrp_client *c)
{
    struct nrp_frame f = {.type = NRP_REPORT};
    nrp_receiver_report(c->receiver, &f.report);
    c->report_due_us = INT64_MAX;
    client_send(c, &f);
}

void client_items_tick(struct nrp_client *c)
{
    if (c->receiver) {
        nrp_receiver_tick(c->receiver, c->now_us);
        resolved(c);
    }
    if (c->now_us >= c->ack_due_us) acknowledge(c);
    if (c->now_us >= c->report_due_us) send_report(c);
}

int64_t client_items_deadline(const struct nrp_client *c)
{
    int64_t due = c->ack_due_us < c->report_due_us ? c->ack_due_us : c->report_due_us;
    int64_t receiver = c->receiver ? nrp_receiver_deadline(c->receiver) : INT64_MAX;
    return receiver < due ? receiver : due;
}
