#include <string.h>

#include "relay/hub_state.h"

/* --- handshake ------------------------------------------------------------------------------ */

static void refuse(struct hub *h, int64_t now_us, struct peer *p, enum nrp_code code)
{
    peer_end(h, now_us, p, code, handshake_text(code));
}

static void on_hello(struct hub *h, int64_t now_us, struct peer *p, const struct nrp_frame *f)
{
    enum nrp_code code = handshake_hello(h, &f->hello);
    if (code != NRP_OK) {
        refuse(h, now_us, p, code);
        return;
    }
    struct nrp_frame answer = {.type = NRP_CHALLENGE};
    handshake_challenge(h, now_us, &p->from, &f->hello, &answer.challenge);
    memcpy(p->server_nonce, answer.challenge.server_nonce, NRP_NONCE_SIZE);
    p->state = PEER_AUTH;
    peer_control(h, p, &answer);
}

static void on_auth(struct hub *h, int64_t now_us, struct peer *p, const struct nrp_frame *f)
{
    struct handshake hs = {0};
    struct nrp_frame answer = {.type = NRP_WELCOME};
    /* An AUTH of another connection has another nonce, even while its cookie is good. */
    enum nrp_code code = NRP_CODE_AUTHENTICATION;
    if (memcmp(f->auth.challenge.server_nonce, p->server_nonce, NRP_NONCE_SIZE) == 0)
        code = handshake_verify(h, now_us, &p->from, &f->auth, &hs);
    else h->counts.auth_failures++;
    if (code != NRP_OK) {
        refuse(h, now_us, p, code);
        return;
    }
    struct nrp_cipher *none = p->out;
    bool ok = handshake_accept(h, p, &f->auth, &hs, &answer.welcome);
    struct nrp_cipher *out = p->out;
    p->out = none; /* WELCOME itself, and what stands before it, goes in the clear */
    peer_control(h, p, &answer);
    ok = stream_stage_control(h, p) && ok;
    p->out = out;
    if (ok) session_open(h, now_us, p);
    else peer_cut(h, now_us, p);
}

static bool handshake_frame(struct hub *h, int64_t now_us, struct peer *p,
                            const struct nrp_frame *f)
{
    bool hello = f->type == NRP_HELLO && p->state == PEER_HELLO;
    bool auth = f->type == NRP_AUTH && p->state == PEER_AUTH;
    if (!hello && !auth) peer_end(h, now_us, p, NRP_CODE_BAD_FRAME, "the handshake comes first");
    else if (!guard_handshake(h->guard, &p->from, now_us)) refuse(h, now_us, p, NRP_CODE_RATE);
    else if (hello) on_hello(h, now_us, p, f);
    else on_auth(h, now_us, p, f);
    return p->state != PEER_ENDING;
}

/* --- input ---------------------------------------------------------------------------------- */

static bool unseal(struct peer *p, uint8_t *frame, size_t size)
{
    uint8_t *tag = frame + size;
    uint64_t packet = p->packets_in++;
    if (packet >= NRP_PACKETS_MAX) return false;
    if (p->hello.security == NRP_SEALED)
        return nrp_unseal(p->in, packet, frame, NRP_HEADER_SIZE, frame + NRP_HEADER_SIZE,
                          size - NRP_HEADER_SIZE, tag);
    return nrp_unseal(p->in, packet, frame, size, tag, 0, tag);
}

/* The frame at the start of bytes, in its clear; *size is what it takes with its tag. */
static enum nrp_taken read_frame(struct peer *p, uint8_t *bytes, size_t len, struct nrp_frame *f,
                                 size_t *size, struct news_error *err)
{
    size_t item_max = p->hub->config.item_max;
    if (p->state != PEER_OPEN) { /* nobody makes us wait for a megabyte before we know who it is */
        item_max = 0;
        if (len >= NRP_HEADER_SIZE && bytes[1] != NRP_HELLO && bytes[1] != NRP_AUTH) {
            (void)news_fail(err, NEWS_ERR_PROTOCOL, "the handshake comes first");
            return NRP_MALFORMED;
        }
    }
    if (!p->in) return nrp_frame_read(bytes, len, item_max, f, size, err);
    /* The header alone tells how much belongs together; the rest says nothing before it is
     * genuine. */
    if (len < NRP_HEADER_SIZE) {
        *size = NRP_HEADER_SIZE;
        return NRP_PARTIAL;
    }
    size_t whole;
    enum nrp_taken taken = nrp_frame_read(bytes, NRP_HEADER_SIZE, item_max, f, &whole, err);
    if (taken == NRP_MALFORMED) return taken;
    *size = whole + NRP_TAG_SIZE;
    if (len < *size) return NRP_PARTIAL;
    if (!unseal(p, bytes, whole)) {
        (void)news_fail(err, NEWS_ERR_DENIED, "a frame is not genuine");
        return NRP_MALFORMED;
    }
    return nrp_frame_read(bytes, whole, item_max, f, &whole, err);
}

static void malformed(struct hub *h, int64_t now_us, struct peer *p, const struct news_error *err)
{
    enum nrp_code code = NRP_CODE_BAD_FRAME;
    if (err->code == NEWS_ERR_TOO_LARGE) code = NRP_CODE_TOO_BIG;
    if (err->code == NEWS_ERR_DENIED) {
        code = NRP_CODE_AUTHENTICATION;
        h->counts.auth_failures++;
    }
    session_broken(h, now_us, p, code, err->message);
}

enum step { STEP_ON, STEP_MORE, STEP_END };

/* Handles the frame at bytes. STEP_MORE: *size bytes are needed for it. */
static enum step step(struct hub *h, int64_t now_us, struct peer *p, uint8_t *bytes, size_t len,
                      size_t *size)
{
    struct nrp_frame f;
    struct news_error err = {0};
    switch (read_frame(p, bytes, len, &f, size, &err)) {
    case NRP_PARTIAL: return STEP_MORE;
    case NRP_SKIP: return STEP_ON;
    case NRP_MALFORMED: malformed(h, now_us, p, &err); return STEP_END;
    case NRP_TAKEN: break;
    }
    bool goes_on = p->state == PEER_OPEN ? session_frame(h, now_us, p, &f)
                                         : handshake_frame(h, now_us, p, &f);
    return goes_on && !p->doomed ? STEP_ON : STEP_END;
}

/* Not while its publications wait, the clock is waited for, or answers pile up. */
static bool may_read(const struct peer *p)
{
    return p->held.count == 0 && p->again_us == 0 && p->control.len <= CONTROL_MAX / 2 &&
           !p->doomed && p->state != PEER_ENDING;
}

/* Fills the frame that was begun, from bytes; how many of them it took. */
static size_t finish_frame(struct hub *h, int64_t now_us, struct peer *p, const uint8_t *bytes,
                           size_t len)
{
    size_t used = 0, size = 0;
    while (p->input.len > 0) {
        enum step s = step(h, now_us, p, (uint8_t *)p->input.data, p->input.len, &size);
        if (s != STEP_MORE) {
            p->frame_us = 0;
            buf_deinit(&p->input);
            break;
        }
        if (used == len) break;
        size_t want = size - p->input.len;
        size_t take = want < len - used ? want : len - used;
        buf_put(&p->input, bytes + used, take);
        if (!buf_ok(&p->input)) {
            peer_doom(h, p, NRP_CODE_TOO_MANY);
            break;
        }
        used += take;
    }
    return used;
}

static void keep(struct hub *h, struct peer *p, const uint8_t *bytes, size_t len)
{
    if (len > 0) buf_put(&p->input, bytes, len);
    if (!buf_ok(&p->input) || p->input.len > h->config.item_max + INPUT_MAX)
        peer_doom(h, p, NRP_CODE_TOO_MANY);
}

static void consume(struct hub *h, int64_t now_us, struct peer *p, uint8_t *bytes, size_t len)
{
    size_t used = finish_frame(h, now_us, p, bytes, len), size = 0;
    enum step s = STEP_ON;
    while (used < len && may_read(p)) {
        s = step(h, now_us, p, bytes + used, len - used, &size);
        if (s != STEP_ON) break;
        used += size;
        p->frame_us = 0;
    }
    session_flush(h, now_us, p);
    if (p->state == PEER_ENDING || p->doomed) return;
    p->put_off = !may_read(p);
    if (used < len) keep(h, p, bytes + used, len - used);
}

/* A frame that waits for its rest has a deadline; one that waits for us has none. */
static void watch_frame(struct hub *h, int64_t now_us, struct peer *p)
{
    if (p->input.len == 0 || p->put_off) p->frame_us = 0;
    else if (p->frame_us == 0) p->frame_us = now_us;
    peer_arm(h, p, now_us);
}

bool hub_input(struct hub *h, int64_t now_us, struct peer *p, uint8_t *bytes, size_t len)
{
    h->now_us = now_us;
    if (p->state == PEER_ENDING || p->over) return false;
    p->heard_us = now_us;
    p->pings = 0;
    if (p->put_off) keep(h, p, bytes, len);
    else consume(h, now_us, p, bytes, len);
    peer_end_doomed(h, now_us);
    if (p->state == PEER_ENDING) return false;
    watch_frame(h, now_us, p);
    return true;
}

void stream_resume(struct hub *h, int64_t now_us, struct peer *p)
{
    if (p->state == PEER_ENDING) peer_mark(h, p); /* it said goodbye, and waited for this alone */
    if (!p->put_off || !may_read(p)) return;
    struct buf kept = p->input;
    p->input = (struct buf){0};
    p->put_off = false;
    if (kept.len > 0) consume(h, now_us, p, (uint8_t *)kept.data, kept.len);
    buf_deinit(&kept);
    if (p->state != PEER_ENDING) watch_frame(h, now_us, p);
}

bool peer_wants_input(const struct peer *p)
{
    if (p->state == PEER_ENDING || p->over || p->put_off) return false;
    return !(p->publishes && p->hub->blocks > 0);
}

void *peer_user(const struct peer *p)
{
    return p->user;
}

/* --- connections ---------------------------------------------------------------------------- */

struct peer *hub_accept(struct hub *h, int64_t now_us, const struct nrp_address *from, void *user,
                        enum nrp_code *code)
{
    h->now_us = now_us;
    *code = NRP_CODE_SHUTTING_DOWN;
    if (h->shutting || !guard_enter(h->guard, from, now_us, code)) return NULL;
    struct peer *p = peer_new(h, now_us, from, user);
    if (!p) {
        guard_leave(h->guard, from);
        *code = NRP_CODE_TOO_MANY;
        return NULL;
    }
    p->entered = true;
    peer_arm(h, p, now_us);
    return p;
}

void hub_close(struct hub *h, int64_t now_us, struct peer *p)
{
    h->now_us = now_us;
    if (p->state == PEER_OPEN) session_leave(h, p, false);
    peer_free(h, p);
}
