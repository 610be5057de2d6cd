#include "common/nrp/client.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/nrp/client_state.h"

#define WINDOW_DEFAULT         200
#define FLIGHT_START           16
#define CONTROL_MAX            4096  /* bytes of small frames that wait to be packed */
#define CONTROL_SLACK          65536 /* and on streams, beyond CLIENT_OUT_MAX */
#define DATAGRAM_MOST          65507 /* UDP over IPv4 */
#define PINGS_MAX              3
#define STREAM_IDLE_US         (15 * CLIENT_SECOND)
#define STREAM_AGAIN_US        (5 * CLIENT_SECOND)
#define DATAGRAM_BUSY_US       (5 * CLIENT_SECOND)
#define DATAGRAM_LEAST_US      (CLIENT_SECOND / 10)
#define DATAGRAM_AGAIN_MOST_US (3 * CLIENT_SECOND)
#define CLOSE_ANSWERS_US       (2 * CLIENT_SECOND)
#define CLOSE_MOST_US          (4 * CLIENT_SECOND)
#define RTO_FIRST_US           CLIENT_SECOND
#define RTO_LEAST_US           (CLIENT_SECOND / 5)
#define RTO_MOST_US            (60 * CLIENT_SECOND)

/* --------------------------------------------------------------------------------------- Bytes */

const uint8_t *client_bytes_left(const struct client_bytes *b, size_t *len)
{
    *len = b->buf.len - b->given;
    return b->buf.data ? (const uint8_t *)b->buf.data + b->given : NULL;
}

void client_bytes_take(struct client_bytes *b, size_t len)
{
    b->given += len;
    /* Moving is worth it only when most of it goes. */
    if (b->given < b->buf.len && b->given < b->buf.len / 2) return;
    buf_consume(&b->buf, b->given);
    b->given = 0;
}

void client_bytes_deinit(struct client_bytes *b)
{
    buf_deinit(&b->buf);
    b->given = 0;
}

/* -------------------------------------------------------------------------------- New and free */

static bool config_take(struct nrp_client *c, const struct nrp_client_config *from,
                        struct news_error *err)
{
    struct nrp_client_config *own = &c->config;
    *own = *from;
    own->key = NULL;
    if (!own->role) own->role = NRP_ROLE_BOTH;
    if (!own->window) own->window = WINDOW_DEFAULT;
    if (!own->item_max) own->item_max = (size_t)1 << 20;
    if (!own->datagram_max) own->datagram_max = NRP_DATAGRAM_MAX;
    if (!own->handshake_us) own->handshake_us = 10 * CLIENT_SECOND;
    if (own->security != NRP_OPEN && !from->key)
        return news_fail(err, NEWS_ERR_USAGE, "a secured session needs a key");
    if (own->window > NRP_WINDOW_MAX)
        return news_fail(err, NEWS_ERR_USAGE, "a window of %u: at most %d", own->window,
                         NRP_WINDOW_MAX);
    if (own->datagram_max < NRP_DATAGRAM_MIN || own->datagram_max > DATAGRAM_MOST)
        return news_fail(err, NEWS_ERR_USAGE, "datagrams of %zu bytes: %d to %d", own->datagram_max,
                         NRP_DATAGRAM_MIN, DATAGRAM_MOST);
    c->frame_max = own->item_max;
    if (from->key) memcpy(c->secret, from->key->secret, sizeof c->secret);
    if (from->key && own->security != NRP_OPEN) c->hello.key_id = from->key->id;
    return true;
}

struct nrp_client *nrp_client_new(const struct nrp_client_config *config,
                                  const struct nrp_client_events *events,
                                  const struct nrp_random *random, int64_t now_us,
                                  struct news_error *err)
{
    struct nrp_client *c = calloc(1, sizeof *c);
    if (!c) {
        news_fail(err, NEWS_ERR_MEMORY, "out of memory");
        return NULL;
    }
    if (!config_take(c, config, err)) {
        nrp_client_free(c);
        return NULL;
    }
    c->random = *random;
    c->now_us = now_us;
    c->datagram_max = c->config.datagram_max;
    c->flight_max = FLIGHT_START;
    client_handshake_begin(c);
    if (c->phase == CLIENT_OVER) { /* out of memory; there are no events yet */
        news_fail(err, NEWS_ERR_MEMORY, "out of memory");
        nrp_client_free(c);
        return NULL;
    }
    c->events = *events;
    return c;
}

void nrp_client_free(struct nrp_client *c)
{
    if (!c) return;
    client_group_free(c);
    client_subscribe_free(c);
    client_requests_free(&c->requests);
    client_requests_free(&c->publications);
    client_bytes_deinit(&c->partial);
    client_bytes_deinit(&c->tokens);
    client_bytes_deinit(&c->control);
    client_bytes_deinit(&c->out);
    nrp_cipher_free(c->unsealing);
    nrp_cipher_free(c->sealing);
    explicit_bzero(&c->keys, sizeof c->keys);
    explicit_bzero(c->secret, sizeof c->secret);
    free(c);
}

/* ------------------------------------------------------------------------------------- The end */

void client_end(struct nrp_client *c, const struct news_error *why)
{
    if (c->phase == CLIENT_OVER) return;
    c->phase = CLIENT_OVER;
    if (c->events.on_down) c->events.on_down(c->events.user, why);
}

void client_fail(struct nrp_client *c, enum news_errc code, const char *format, ...)
{
    struct news_error err = {.code = code};
    va_list args;
    va_start(args, format);
    (void)vsnprintf(err.message, sizeof err.message, format, args);
    va_end(args);
    client_end(c, &err);
}

void nrp_client_lost(struct nrp_client *c, const struct news_error *why)
{
    client_end(c, why);
}

static void say_goodbye(struct nrp_client *c)
{
    c->goodbye_due = true;
    if (c->config.datagrams) return;
    if (client_stream_write(c, &(struct nrp_frame){.type = NRP_GOODBYE}))
        c->goodbye_end = c->out_end;
    else client_end(c, NULL);
}

void client_close_step(struct nrp_client *c)
{
    if (c->phase != CLIENT_CLOSING) return;
    int64_t age_us = c->now_us - c->close_us;
    if (!c->goodbye_due && (!c->publications.count || age_us >= CLOSE_ANSWERS_US)) say_goodbye(c);
    /* It was given out, or nobody takes it. */
    if (age_us >= CLOSE_MOST_US) client_end(c, NULL);
}

static int64_t close_deadline(const struct nrp_client *c)
{
    if (c->phase != CLIENT_CLOSING) return INT64_MAX;
    if (c->goodbye_said) return c->now_us;
    return c->close_us + (c->goodbye_due ? CLOSE_MOST_US : CLOSE_ANSWERS_US);
}

void nrp_client_close(struct nrp_client *c, int64_t now_us)
{
    c->now_us = now_us;
    if (c->phase == CLIENT_HELLO_SENT || c->phase == CLIENT_AUTH_SENT) client_end(c, NULL);
    if (c->phase != CLIENT_UP) return;
    c->phase = CLIENT_CLOSING;
    c->close_us = now_us;
    client_close_step(c);
}

/* ---------------------------------------------------------------------------- Round trip times */

void client_rtt_sample(struct nrp_client *c, int64_t rtt_us)
{
    if (rtt_us < 1) rtt_us = 1;
    if (!c->srtt_us) {
        c->srtt_us = rtt_us;
        c->rttvar_us = rtt_us / 2;
        return;
    }
    int64_t off = c->srtt_us > rtt_us ? c->srtt_us - rtt_us : rtt_us - c->srtt_us;
    c->rttvar_us += (off - c->rttvar_us) / 4;
    c->srtt_us += (rtt_us - c->srtt_us) / 8;
    if (c->srtt_us < 1) c->srtt_us = 1;
}

int64_t client_rto(const struct nrp_client *c)
{
    if (!c->srtt_us) return RTO_FIRST_US;
    int64_t rto = c->srtt_us + 4 * c->rttvar_us;
    if (rto > RTO_MOST_US) return RTO_MOST_US;
    return rto > RTO_LEAST_US ? rto : RTO_LEAST_US;
}

/* ------------------------------------------------------------------------------------ Liveness */

void client_ping(struct nrp_client *c)
{
    c->ping.token++;
    c->ping.sent_us = c->now_us;
    c->ping.waiting = true;
    c->ping.unanswered++;
    client_send(c, &(struct nrp_frame){.type = NRP_PING, .token = c->ping.token});
}

static void on_ping(struct nrp_client *c, const struct nrp_frame *f)
{
    client_send(c, &(struct nrp_frame){.type = NRP_PONG, .token = f->token});
}

static void on_pong(struct nrp_client *c, const struct nrp_frame *f)
{
    if (!c->ping.waiting || f->token != c->ping.token) return;
    c->ping.waiting = false;
    client_rtt_sample(c, c->now_us - c->ping.sent_us);
}

static int64_t ping_again_us(const struct nrp_client *c)
{
    if (!c->config.datagrams) return STREAM_AGAIN_US;
    /* A PONG that waited while nobody read makes a round trip of minutes: not a reason to wait so
     * long for the next. */
    int64_t again = client_rto(c) < DATAGRAM_AGAIN_MOST_US ? client_rto(c) : DATAGRAM_AGAIN_MOST_US;
    return again > CLIENT_SECOND ? again : CLIENT_SECOND;
}

/* Silence that alone means nothing on a datagram session: its idle sessions are silent. */
static int64_t silence_us(const struct nrp_client *c)
{
    if (!c->config.datagrams) return 0;
    return 4000 * (int64_t)c->welcome.heartbeat_max_ms + 3 * CLIENT_SECOND;
}

static int64_t ping_due(const struct nrp_client *c)
{
    int64_t again = c->ping.sent_us + ping_again_us(c);
    if (c->held && !c->config.datagrams) return INT64_MAX; /* nothing is read */
    if (c->ping.unanswered >= PINGS_MAX)
        return c->heard_us + silence_us(c) > again ? c->heard_us + silence_us(c) : again;
    if (c->ping.unanswered) return again;
    if (!c->config.datagrams) return c->heard_us + STREAM_IDLE_US;
    int64_t idle_us = (int64_t)c->welcome.lease_ms * 1000 / 3;
    if (idle_us < DATAGRAM_LEAST_US) idle_us = DATAGRAM_LEAST_US;
    bool busy = c->traffic_us > c->ping.sent_us && idle_us > DATAGRAM_BUSY_US;
    return c->ping.sent_us + (busy ? DATAGRAM_BUSY_US : idle_us);
}

static void live_tick(struct nrp_client *c)
{
    if (c->now_us < ping_due(c)) return;
    if (c->ping.unanswered < PINGS_MAX) client_ping(c);
    else client_fail(c, NEWS_ERR_UNREACHABLE, "the relay is silent: it answers no PING");
}

/* -------------------------------------------------------------------------------------- Frames */

bool client_send(struct nrp_client *c, const struct nrp_frame *f)
{
    size_t waiting, size = nrp_frame_size(f);
    struct client_bytes *to = c->config.datagrams ? &c->control : &c->out;
    (void)client_bytes_left(to, &waiting);
    if (waiting + size > (c->config.datagrams ? CONTROL_MAX : CLIENT_OUT_MAX + CONTROL_SLACK))
        return false;
    if (!c->config.datagrams) return client_stream_write(c, f);
    uint8_t *at = (uint8_t *)buf_reserve(&to->buf, size);
    if (at) to->buf.len += nrp_frame_write(f, at);
    else to->buf.failed = false;
    return at != NULL;
}

#define HANDSHAKE (CLIENT_HELLO_SENT | CLIENT_AUTH_SENT)
#define LIVE      (CLIENT_UP | CLIENT_CLOSING)

/* What the relay may send, when it is taken, and when it is passed over. */
static const struct place {
    uint8_t type;
    unsigned taken, passed;
    void (*take)(struct nrp_client *c, const struct nrp_frame *f);
} places[] = {
    {NRP_CHALLENGE, CLIENT_HELLO_SENT, CLIENT_AUTH_SENT, client_on_challenge},
    {NRP_WELCOME, CLIENT_AUTH_SENT, 0, client_on_welcome},
    {NRP_SUBACK, LIVE, 0, client_on_suback},
    {NRP_UNSUBACK, LIVE, 0, client_on_unsuback},
    {NRP_PUBACK, LIVE, 0, client_on_puback},
    {NRP_ITEM, CLIENT_UP, CLIENT_CLOSING, client_on_item},
    {NRP_GAP, CLIENT_UP, CLIENT_CLOSING, client_on_gap},
    {NRP_HEARTBEAT, CLIENT_UP, CLIENT_CLOSING, client_on_heartbeat},
    {NRP_GROUP, CLIENT_UP, CLIENT_CLOSING, client_on_group},
    {NRP_SHARED, CLIENT_UP, CLIENT_CLOSING, client_on_shared},
    {NRP_PING, LIVE, 0, on_ping},
    {NRP_PONG, LIVE, 0, on_pong},
    {NRP_ERROR, HANDSHAKE | LIVE, 0, client_on_error},
    {NRP_GOODBYE, HANDSHAKE | LIVE, 0, client_on_goodbye},
};

bool client_dispatch(struct nrp_client *c, const struct nrp_frame *f, struct news_error *err)
{
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const struct place *p = &places[i];
        if (p->type != f->type || !((p->taken | p->passed) & c->phase)) continue;
        if (p->taken & c->phase) p->take(c, f);
        return true;
    }
    return news_fail(err, NEWS_ERR_PROTOCOL, "a %s is out of place", nrp_type_name(f->type));
}

/* --------------------------------------------------------------------------------------- A turn */

bool nrp_client_input(struct nrp_client *c, int64_t now_us, uint8_t *bytes, size_t len)
{
    if (c->phase == CLIENT_OVER) return false;
    c->now_us = now_us;
    c->counts.bytes_in += len;
    if (c->config.datagrams) {
        client_datagram_input(c, bytes, len);
    } else if (len) {
        c->heard_us = now_us;
        c->ping.unanswered = 0;
        client_stream_input(c, bytes, len);
    }
    client_close_step(c);
    return c->phase != CLIENT_OVER;
}

void client_settle_tokens(struct nrp_client *c)
{
    struct client_token t;
    size_t len;
    for (;;) {
        const uint8_t *at = client_bytes_left(&c->tokens, &len);
        if (len < sizeof t || c->phase == CLIENT_OVER) return;
        memcpy(&t, at, sizeof t);
        if (t.end > c->out_given) return;
        client_bytes_take(&c->tokens, sizeof t);
        c->events.on_published(c->events.user, t.token, NRP_OK);
    }
}

/* Datagrams: the caller has sent what it was given last. */
static void settle(struct nrp_client *c)
{
    client_settle_tokens(c);
    if (c->goodbye_said) client_end(c, NULL);
}

static void requests_tick(struct nrp_client *c)
{
    client_requests_tick(c, &c->requests);
    if (c->phase != CLIENT_OVER) client_requests_tick(c, &c->publications);
}

void nrp_client_tick(struct nrp_client *c, int64_t now_us)
{
    static void (*const parts[])(struct nrp_client *) = {
        settle, live_tick, requests_tick, client_subscribe_tick, client_close_step,
    };
    c->now_us = now_us;
    if (c->phase == CLIENT_HELLO_SENT || c->phase == CLIENT_AUTH_SENT) client_handshake_tick(c);
    for (size_t i = 0; i < sizeof parts / sizeof *parts && client_is_live(c); i++)
        parts[i](c);
}

int64_t nrp_client_deadline(const struct nrp_client *c)
{
    if (c->phase == CLIENT_OVER) return INT64_MAX;
    if (!client_is_live(c)) return client_handshake_deadline(c);
    const bool repeats = c->config.datagrams;
    const int64_t dues[] = {
        ping_due(c),
        repeats ? client_requests_deadline(&c->requests) : INT64_MAX,
        repeats ? client_requests_deadline(&c->publications) : INT64_MAX,
        client_subscribe_deadline(c),
        close_deadline(c),
    };
    int64_t due = INT64_MAX;
    for (size_t i = 0; i < sizeof dues / sizeof *dues; i++)
        if (dues[i] < due) due = dues[i];
    return due;
}

/* -------------------------------------------------------------------------------------- Output */

const uint8_t *nrp_client_pending(const struct nrp_client *c, size_t *len)
{
    if (c->phase != CLIENT_OVER && !c->config.datagrams) return client_bytes_left(&c->out, len);
    *len = 0;
    return NULL;
}

void nrp_client_sent(struct nrp_client *c, int64_t now_us, size_t len)
{
    if (c->phase == CLIENT_OVER) return;
    c->now_us = now_us;
    c->counts.bytes_out += len;
    client_bytes_take(&c->out, len);
    c->out_given += len;
    client_settle_tokens(c);
    if (c->goodbye_end && c->out_given >= c->goodbye_end) client_end(c, NULL);
}

size_t nrp_client_datagram(struct nrp_client *c, int64_t now_us, uint8_t *out)
{
    if (!c->config.datagrams) return 0;
    c->now_us = now_us;
    if (client_is_live(c)) settle(c);
    if (c->phase == CLIENT_OVER) return 0;
    if (c->sent_packets >= NRP_PACKETS_MAX) {
        client_fail(c, NEWS_ERR_UNREACHABLE, "the session's packet numbers are used up");
        return 0;
    }
    size_t len = client_is_live(c) ? client_datagram_output(c, out)
                                   : client_handshake_datagram(c, out);
    c->counts.datagrams_out += len > 0;
    c->counts.bytes_out += len;
    return len;
}

void nrp_client_too_big(struct nrp_client *c)
{
    /* Once agreed upon the size stays: fragments were cut to it. A new session finds the new one.
     */
    if (client_is_live(c))
        client_fail(c, NEWS_ERR_UNREACHABLE, "the path takes smaller datagrams now");
    else if (c->phase != CLIENT_OVER && !client_handshake_step_down(c))
        client_fail(c, NEWS_ERR_UNREACHABLE, "the path takes no datagrams of %d bytes",
                    NRP_DATAGRAM_MIN);
}

bool nrp_client_is_up(const struct nrp_client *c)
{
    return c->phase == CLIENT_UP;
}

void nrp_client_counts(const struct nrp_client *c, struct nrp_client_counts *out)
{
    *out = c->counts;
    if (c->receiver) out->receiver = *nrp_receiver_counts(c->receiver);
    out->srtt_us = c->srtt_us;
}
