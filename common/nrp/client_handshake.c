#include <string.h>

#include "common/nrp/client_state.h"

#define TRIES_MAX    4
#define REFUSALS_MAX 2                    /* datagrams: so many, and it is our key */
#define ITEM_MOST    ((uint32_t)64 << 20) /* bytes: what we make room for when a relay says so */

/* ------------------------------------------------------------------------------------- Reasons */

static const struct reason {
    unsigned code;
    enum news_errc error;
    const char *text;
} reasons[] = {
    {NRP_CODE_VERSION, NEWS_ERR_UNREACHABLE, "the relay speaks another version of NRP"},
    {NRP_CODE_AUTHENTICATION, NEWS_ERR_DENIED, "the relay refused our key"},
    {NRP_CODE_BAD_FRAME, NEWS_ERR_PROTOCOL, "the relay could not read what we sent"},
    {NRP_CODE_TOO_BIG, NEWS_ERR_PROTOCOL, "the relay found a frame of ours too big"},
    {NRP_CODE_NOT_AUTHORISED, NEWS_ERR_DENIED, "the relay does not allow that"},
    {NRP_CODE_RATE, NEWS_ERR_UNREACHABLE, "we ask too often for the relay"},
    {NRP_CODE_TOO_MANY, NEWS_ERR_UNREACHABLE, "the relay is full"},
    {NRP_CODE_SLOW_CONSUMER, NEWS_ERR_UNREACHABLE, "too slow: the relay's queue for us ran over"},
    {NRP_CODE_SHUTTING_DOWN, NEWS_ERR_UNREACHABLE, "the relay is shutting down"},
    {NRP_CODE_TAKEN_OVER, NEWS_ERR_TAKEN_OVER, "another connection uses our client id"},
    {NRP_CODE_TIMEOUT, NEWS_ERR_UNREACHABLE, "the relay heard nothing of us for too long"},
};

static void reason_of(unsigned code, struct news_error *err)
{
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (reasons[i].code == code) {
            news_fail(err, reasons[i].error, "%s", reasons[i].text);
            return;
        }
    news_fail(err, NEWS_ERR_UNREACHABLE, "the relay ended the session: %s (%u)",
              nrp_code_text(code), code);
}

static void reason_with_text(unsigned code, const char *text, size_t len, struct news_error *err)
{
    struct news_error plain;
    reason_of(code, &plain);
    news_fail(err, plain.code, "%.120s%s%.*s", plain.message, len ? ": " : "",
              (int)(len < 100 ? len : 100), len ? text : "");
}

/* Datagrams before WELCOME: anybody could have sent it, and DENIED is for good. So it is acted on
 * when nothing better comes, and believed of our key only when another handshake ends like that. */
static void take_hint(struct nrp_client *c, const struct news_error *err, unsigned code)
{
    if (c->refusals >= REFUSALS_MAX) return; /* that is the reason */
    c->hint = *err;
    c->hint.code = NEWS_ERR_UNREACHABLE;
    bool key = code == NRP_CODE_AUTHENTICATION, cookie = code == NRP_CODE_TIMEOUT;
    bool answers = c->phase == CLIENT_AUTH_SENT && c->step_tries > 0;
    if (!answers || c->begins_again || !(key || cookie)) return;
    c->begins_again = true;
    c->refusals += key;
    /* Not at once: a WELCOME may still come. */
    if (c->step_due_us > c->now_us + CLIENT_SECOND) c->step_due_us = c->now_us + CLIENT_SECOND;
}

void client_on_error(struct nrp_client *c, const struct nrp_frame *f)
{
    struct news_error err;
    reason_with_text(f->notice.code, (const char *)f->payload, f->payload_len, &err);
    if (client_is_live(c)) {
        c->notice = err; /* it explains a GOODBYE of the same code, and nothing else */
        c->notice_code = f->notice.code;
    } else if (c->config.datagrams) {
        take_hint(c, &err, f->notice.code);
    } else {
        client_end(c, &err);
    }
}

void client_on_goodbye(struct nrp_client *c, const struct nrp_frame *f)
{
    if (!client_is_live(c)) {
        client_on_error(c, f);
        return;
    }
    struct news_error err;
    reason_of(f->notice.code, &err);
    bool explained = c->notice.code != NEWS_OK && c->notice_code == f->notice.code;
    client_end(c, explained ? &c->notice : &err);
}

/* A bad answer: on streams it is the relay's; a datagram could be anybody's. */
static void refuse(struct nrp_client *c, const struct news_error *err)
{
    if (!c->config.datagrams) {
        client_end(c, err);
        return;
    }
    take_hint(c, err, NRP_OK);
    c->counts.bad_datagrams++;
}

/* --------------------------------------------------------------------------------------- Steps */

static struct nrp_frame frame_of_step(const struct nrp_client *c)
{
    if (c->phase == CLIENT_HELLO_SENT)
        return (struct nrp_frame){.type = NRP_HELLO, .hello = c->hello};
    return (struct nrp_frame){.type = NRP_AUTH, .auth = c->auth};
}

static void begin_step(struct nrp_client *c, enum client_phase phase)
{
    c->phase = phase;
    c->begins_again = false;
    c->step_tries = 0;
    c->step_due_us = INT64_MAX;
    c->step_due = c->config.datagrams;
    struct nrp_frame f = frame_of_step(c);
    if (!c->config.datagrams && !client_stream_write(c, &f))
        client_fail(c, NEWS_ERR_MEMORY, "out of memory");
}

void client_handshake_begin(struct nrp_client *c)
{
    c->hello.version_min = c->hello.version_max = NRP_VERSION;
    c->hello.role = (uint8_t)c->config.role;
    c->hello.security = (uint8_t)c->config.security;
    c->random.fill(c->random.user, c->hello.client_nonce, sizeof c->hello.client_nonce);
    memcpy(c->hello.client_id, c->config.client_id, sizeof c->hello.client_id);
    c->handshake_end_us = c->now_us + c->config.handshake_us;
    begin_step(c, CLIENT_HELLO_SENT);
}

bool client_handshake_step_down(struct nrp_client *c)
{
    static const size_t sizes[] = {NRP_DATAGRAM_MAX, 1024, NRP_DATAGRAM_MIN};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (sizes[i] < c->datagram_max) {
            c->datagram_max = sizes[i];
            c->step_due = true;
            return true;
        }
    return false;
}

static void spent(struct nrp_client *c)
{
    if (c->refusals >= REFUSALS_MAX) c->hint.code = NEWS_ERR_DENIED;
    if (c->hint.code != NEWS_OK) client_end(c, &c->hint);
    else client_fail(c, NEWS_ERR_UNREACHABLE, "relay unreachable: it does not answer");
}

static bool is_spent(const struct nrp_client *c)
{
    if (c->now_us >= c->handshake_end_us) return true;
    if (c->now_us < c->step_due_us) return false;
    return c->begins_again ? c->refusals >= REFUSALS_MAX : c->step_tries >= TRIES_MAX;
}

void client_handshake_tick(struct nrp_client *c)
{
    if (client_is_live(c)) return;
    if (is_spent(c)) {
        spent(c);
    } else if (c->now_us >= c->step_due_us && c->begins_again) {
        begin_step(c, CLIENT_HELLO_SENT);
    } else if (c->now_us >= c->step_due_us && !c->step_due) {
        c->step_due = true;
        /* Two unanswered ones of a size: the path may not take it. */
        if (c->phase == CLIENT_AUTH_SENT && c->step_tries >= 2) client_handshake_step_down(c);
    }
}

int64_t client_handshake_deadline(const struct nrp_client *c)
{
    if (client_is_live(c)) return INT64_MAX;
    bool waiting = c->step_due_us < c->handshake_end_us && !c->step_due;
    return waiting ? c->step_due_us : c->handshake_end_us;
}

size_t client_handshake_datagram(struct nrp_client *c, uint8_t *out)
{
    static const int64_t wait_s[TRIES_MAX] = {1, 2, 4, 4};
    if (!c->step_due) return 0;
    const struct nrp_datagram d = {.flags = NRP_DATAGRAM_HANDSHAKE};
    const struct nrp_frame f = frame_of_step(c);
    size_t size = f.type == NRP_HELLO ? NRP_HELLO_DATAGRAM : c->datagram_max;
    memset(out, 0, size);
    nrp_datagram_write(&d, out);
    nrp_frame_write(&f, out + NRP_DATAGRAM_HEADER);
    c->step_due_us = c->now_us + wait_s[c->step_tries < TRIES_MAX ? c->step_tries : TRIES_MAX - 1] *
                                     CLIENT_SECOND;
    c->step_tries++;
    c->step_due = false;
    return size;
}

void client_on_challenge(struct nrp_client *c, const struct nrp_frame *f)
{
    if (c->phase != CLIENT_HELLO_SENT) return; /* a HELLO that was sent twice is answered twice */
    c->auth = (struct nrp_auth){.hello = c->hello, .challenge = f->challenge};
    if (c->config.security != NRP_OPEN) {
        nrp_handshake_keys(c->secret, c->hello.client_nonce, f->challenge.server_nonce, &c->keys);
        nrp_auth_proof(&c->keys, &c->auth, c->auth.proof);
    }
    begin_step(c, CLIENT_AUTH_SENT);
}

/* ------------------------------------------------------------------------------------- WELCOME */

static bool proof_holds(const struct nrp_client *c, const struct nrp_welcome *w,
                        struct news_error *err)
{
    uint8_t proof[NRP_PROOF_SIZE];
    if (c->config.security == NRP_OPEN) return true;
    nrp_welcome_proof(&c->keys, &c->auth, w, proof);
    if (nrp_equal(proof, w->proof, sizeof proof)) return true;
    return news_fail(err, NEWS_ERR_DENIED, "the relay does not know our key: its proof is wrong");
}

static bool values_hold(const struct nrp_client *c, const struct nrp_welcome *w,
                        struct news_error *err)
{
    const struct {
        bool holds;
        const char *what;
    } rules[] = {
        {w->epoch != 0, "epoch"},
        {w->last_iseq < UINT64_MAX && w->oldest_iseq <= w->last_iseq + 1, "oldest iseq"},
        {w->item_max > 0 && w->item_max <= ITEM_MOST, "item_max"},
        {w->ring > 0 && (w->ring & (w->ring - 1)) == 0, "ring"},
        {!c->config.datagrams || w->session_id != 0, "session id"},
        {!c->config.datagrams ||
             (w->datagram_max >= NRP_DATAGRAM_MIN && w->datagram_max <= c->config.datagram_max),
         "datagram_max"},
        {!c->config.datagrams || w->lease_ms > 0, "lease"},
        {!c->config.datagrams ||
             (w->heartbeat_max_ms > 0 && w->heartbeat_min_ms <= w->heartbeat_max_ms),
         "heartbeats"},
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (!rules[i].holds)
            return news_fail(err, NEWS_ERR_PROTOCOL, "the relay's WELCOME makes no sense: its %s",
                             rules[i].what);
    return true;
}

static bool make_ciphers(struct nrp_client *c, const struct nrp_welcome *w, struct news_error *err)
{
    if (c->config.security == NRP_OPEN) return true;
    c->sealing = nrp_cipher_new(&c->keys, c->config.security, NRP_TO_RELAY, w->session_id,
                                w->epoch);
    c->unsealing = nrp_cipher_new(&c->keys, c->config.security, NRP_TO_CLIENT, w->session_id,
                                  w->epoch);
    explicit_bzero(&c->keys, sizeof c->keys);
    if (c->sealing && c->unsealing) return true;
    return news_fail(err, NEWS_ERR_MEMORY, "out of memory");
}

static void begin_session(struct nrp_client *c, const struct nrp_welcome *w)
{
    c->welcome = *w;
    if (w->item_max > c->frame_max) c->frame_max = w->item_max;
    if (c->config.datagrams) c->datagram_max = w->datagram_max;
    c->phase = CLIENT_UP;
    c->sent_packets = 0; /* of streams: those of the handshake do not count */
    c->heard_us = c->traffic_us = c->ping.sent_us = c->now_us;
    client_subscribe_begin(c);
    if (c->config.datagrams) client_ping(c);
    c->events.on_up(c->events.user, &c->welcome);
}

/* It answers an AUTH larger than the last one, which gets its own answer: both ends must go by the
 * same size. */
static bool is_outdated(const struct nrp_client *c, const struct nrp_welcome *w)
{
    return c->config.datagrams && w->datagram_max > c->datagram_max;
}

void client_on_welcome(struct nrp_client *c, const struct nrp_frame *f)
{
    struct news_error err;
    if (!proof_holds(c, &f->welcome, &err) || !values_hold(c, &f->welcome, &err)) refuse(c, &err);
    else if (is_outdated(c, &f->welcome)) return;
    else if (!make_ciphers(c, &f->welcome, &err)) client_end(c, &err);
    else begin_session(c, &f->welcome);
}
