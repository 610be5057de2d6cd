#include <stdlib.h>
#include <string.h>

#include "relay/hub_state.h"

/* --- its beginning and its end --- */

struct peer *session_find(const struct hub *h, const struct client_key *client)
{
    struct roster_entry *e = roster_find(&h->clients, client, sizeof *client);
    return e ? link_owner(e, struct peer, by_client) : NULL;
}

void session_open(struct hub *h, int64_t now_us, struct peer *p)
{
    struct peer *old = session_find(h, &p->client);
    if (old) peer_end(h, now_us, old, NRP_CODE_TAKEN_OVER, NULL);
    roster_put(&h->clients, &p->by_client, &p->client, sizeof p->client);
    p->state = PEER_OPEN;
    p->live = true;
    p->heard_us = now_us;
    h->counts.handshakes++;
    if (p->d) h->counts.sessions_datagram++;
    else h->counts.sessions_stream++;
}

void session_leave(struct hub *h, struct peer *p, bool goodbye)
{
    p->live = p->behind = false;
    dispatch_unblock(h, p);
    roster_leave(&h->clients, &p->by_client);
    session_forget(h, p);
    group_leave(h, p);
    if (p->d) h->counts.sessions_datagram--;
    else h->counts.sessions_stream--;
    if (!goodbye && !h->shutting) session_will(h, p);
    record_unref(p->will);
    p->will = NULL;
}

/* --- answers that can be asked for again --- */

void session_answer(struct hub *h, struct peer *p, const struct answer *a)
{
    struct nrp_frame f = {.type = a->type};
    if (a->type == NRP_SUBACK) f.suback = a->suback;
    else f.unsuback = a->unsuback;
    peer_control(h, p, &f);
    if (!p->d) return; /* nothing gets lost on a stream */
    if (!p->d->answers) p->d->answers = calloc(ANSWERS_KEPT, sizeof *p->d->answers);
    if (p->d->answers) p->d->answers[p->d->answered++ % ANSWERS_KEPT] = *a;
}

bool session_repeat(struct hub *h, struct peer *p, uint8_t type, uint32_t request_id)
{
    if (!p->d || !p->d->answers) return false;
    for (unsigned i = 0; i < ANSWERS_KEPT; i++) {
        const struct answer *a = &p->d->answers[i];
        struct nrp_frame f = {.type = type};
        if (a->type != type) continue;
        if (type == NRP_SUBACK) f.suback = a->suback;
        else f.unsuback = a->unsuback;
        if (a->type == NRP_SUBACK ? a->suback.request_id != request_id
                                  : a->unsuback.request_id != request_id)
            continue;
        peer_control(h, p, &f);
        return true;
    }
    return false;
}

/* --- frames --- */

void session_broken(struct hub *h, int64_t now_us, struct peer *p, enum nrp_code code,
                    const char *text)
{
    session_flush(h, now_us, p); /* what came before is answered before */
    h->counts.bad_frames++;
    peer_end(h, now_us, p, code, text);
}

static void on_publish(struct hub *h, int64_t now_us, struct peer *p, const struct nrp_frame *f)
{
    if (f->publish.fragment_count == 1)
        session_publish(h, now_us, p, &f->publish, f->topic, f->topic_len, f->payload,
                        f->payload_len);
    else if (p->d) h->counts.bad_frames += !session_fragment(h, now_us, p, f);
    else session_broken(h, now_us, p, NRP_CODE_BAD_FRAME, "a fragment on a stream");
}

static void on_ack(struct hub *h, int64_t now_us, struct peer *p, const struct nrp_frame *f)
{
    if (p->d) {
        uint64_t before = sender_acked(p->d->sender);
        sender_on_ack(p->d->sender, now_us, f->cum_dseq);
        if (sender_acked(p->d->sender) > before) hub_moved(h, now_us);
    } else if (f->cum_dseq > p->acked && f->cum_dseq <= p->given) {
        p->acked = f->cum_dseq;
        if (stream_has_output(p)) peer_mark(h, p);
    }
}

static void on_nak(struct hub *h, int64_t now_us, struct peer *p, const struct nrp_frame *f)
{
    struct nrp_range ranges[NRP_NAK_RANGES];
    size_t count;
    if (!p->d || p->qos == 0 || !nrp_ranges_read(f->payload, f->payload_len, ranges, &count)) {
        h->counts.bad_frames++;
        return;
    }
    sender_on_nak(p->d->sender, now_us, ranges, count);
}

static void on_report(struct hub *h, int64_t now_us, struct peer *p, const struct nrp_frame *f)
{
    if (!p->d) return;
    sender_on_report(p->d->sender, now_us, &f->report);
    if (p->d->member == MEMBER_JOINED) group_report(h->group, now_us, &f->report);
}

/* An idle session hears where it stands only when it asks: that it is there costs nothing else. */
static void on_ping(struct hub *h, int64_t now_us, struct peer *p, const struct nrp_frame *f)
{
    (void)now_us;
    struct nrp_frame answer = {.type = NRP_PONG, .token = f->token};
    peer_control(h, p, &answer);
    if (p->d) sender_heartbeat_now(p->d->sender);
}

static void on_goodbye(struct hub *h, int64_t now_us, struct peer *p, const struct nrp_frame *f)
{
    (void)f;
    session_leave(h, p, true);
    p->state = PEER_ENDING;
    p->ends_us = now_us + h->config.goodbye_us;
    outbox_deinit(&p->box);
    peer_mark(h, p); /* answers that wait are still written */
    peer_arm(h, p, now_us);
}

static void on_nothing(struct hub *h, int64_t now_us, struct peer *p, const struct nrp_frame *f)
{
    (void)h, (void)now_us, (void)p, (void)f; /* PONG: that it came was all; ERROR: a hint */
}

static const struct {
    uint8_t type;
    void (*handle)(struct hub *h, int64_t now_us, struct peer *p, const struct nrp_frame *f);
} frames[] = {
    {NRP_PUBLISH, on_publish},
    {NRP_ACK, on_ack},
    {NRP_SUBSCRIBE, session_subscribe},
    {NRP_UNSUBSCRIBE, session_unsubscribe},
    {NRP_NAK, on_nak},
    {NRP_REPORT, on_report},
    {NRP_PING, on_ping},
    {NRP_PONG, on_nothing},
    {NRP_ERROR, on_nothing},
    {NRP_GOODBYE, on_goodbye},
    {NRP_JOIN, session_join},
};

bool session_frame(struct hub *h, int64_t now_us, struct peer *p, const struct nrp_frame *f)
{
    /* What was published before another frame counts for it. */
    if (f->type != NRP_PUBLISH) session_flush(h, now_us, p);
    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++)
        if (frames[i].type == f->type) {
            frames[i].handle(h, now_us, p, f);
            return p->state == PEER_OPEN;
        }
    session_broken(h, now_us, p, NRP_CODE_BAD_FRAME, "no frame for an open session");
    return false;
}
