#include <stdlib.h>
#include <string.h>

#include "relay/hub_state.h"

/* --- sessions ------------------------------------------------------------------------------- */

static bool same_address(const struct nrp_address *a, const struct nrp_address *b)
{
    return a->family == b->family && a->port == b->port && a->scope == b->scope &&
           memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

static struct peer *find_session(const struct hub *h, uint64_t id, const struct nrp_address *from)
{
    struct roster_entry *e = roster_find(&h->sessions, &id, sizeof id);
    struct peer *p = e ? link_owner(e, struct datagrams, by_id)->peer : NULL;
    return p && same_address(&p->from, from) ? p : NULL;
}

void datagram_free(struct hub *h, struct peer *p)
{
    struct datagrams *d = p->d;
    roster_leave(&h->sessions, &d->by_id);
    sender_free(d->sender);
    fragments_expire(d, INT64_MAX);
    free(d->answers);
    free(d);
}

static struct sender *make_sender(const struct hub *h, int64_t now_us, size_t datagram_max)
{
    struct sender_config c = h->config.sender;
    c.datagram_max = datagram_max;
    return sender_new(&c, now_us, NULL);
}

static bool make_datagrams(struct hub *h, int64_t now_us, struct peer *p, size_t datagram_max)
{
    struct sender *sender = make_sender(h, now_us, datagram_max);
    if (!sender) return false;
    p->d = calloc(1, sizeof *p->d);
    if (!p->d) {
        sender_free(sender);
        return false;
    }
    p->d->peer = p;
    p->d->datagram_max = datagram_max;
    p->d->sender = sender;
    return true;
}

static struct peer *make_session(struct hub *h, int64_t now_us, const struct nrp_address *from,
                                 const struct nrp_auth *a, struct handshake *hs, size_t size)
{
    size_t most = h->config.sender.datagram_max;
    struct peer *p = peer_new(h, now_us, from, NULL);
    if (!p) return NULL;
    if (!make_datagrams(h, now_us, p, size < most ? size : most) ||
        !handshake_accept(h, p, a, hs, &p->d->welcome)) {
        peer_free(h, p);
        return NULL;
    }
    p->d->session_id = p->d->welcome.session_id;
    p->d->auth = *a;
    p->entered = true;
    roster_put(&h->sessions, &p->d->by_id, &p->d->session_id, sizeof p->d->session_id);
    session_open(h, now_us, p);
    peer_arm(h, p, now_us);
    return p;
}

/* --- handshakes ----------------------------------------------------------------------------- */

/* Never more than what it answers: an address that was not shown to be theirs gets no more than it
 * sent. When the queue is full the client asks again. */
static void answer(struct hub *h, const struct nrp_address *to, const struct nrp_frame *f,
                   size_t padded, size_t most)
{
    struct ready *r = &h->handshakes[(h->handshake_at + h->handshake_count) % READY_MAX];
    size_t len = NRP_DATAGRAM_HEADER + nrp_frame_size(f);
    if (h->handshake_count == READY_MAX || len > sizeof r->bytes || len > most) return;
    struct nrp_datagram head = {.flags = NRP_DATAGRAM_HANDSHAKE};
    nrp_datagram_write(&head, r->bytes);
    (void)nrp_frame_write(f, r->bytes + NRP_DATAGRAM_HEADER);
    r->to = *to;
    r->len = (uint16_t)len;
    r->padded = (uint16_t)(padded > len ? padded : len);
    h->handshake_count++;
}

static void answer_error(struct hub *h, const struct nrp_address *to, enum nrp_code code,
                         size_t most)
{
    const char *text = handshake_text(code);
    struct nrp_frame f = {.type = NRP_ERROR,
                          .payload = (const uint8_t *)text,
                          .payload_len = strlen(text),
                          .notice = {.code = (uint16_t)code}};
    answer(h, to, &f, 0, most);
}

static void on_hello(struct hub *h, int64_t now_us, const struct nrp_address *from,
                     const struct nrp_frame *f, size_t size)
{
    enum nrp_code code = handshake_hello(h, &f->hello);
    struct nrp_frame out = {.type = NRP_CHALLENGE};
    if (code != NRP_OK) {
        answer_error(h, from, code, size);
        return;
    }
    handshake_challenge(h, now_us, from, &f->hello, &out.challenge);
    answer(h, from, &out, 0, size);
}

/* The session this AUTH opened already: its WELCOME was lost. */
static struct peer *find_opened(const struct hub *h, const struct nrp_address *from,
                                const struct nrp_auth *a)
{
    struct client_key client = handshake_client(&a->hello, from);
    struct peer *p = session_find(h, &client);
    bool same = p && p->d && same_address(&p->from, from) &&
                nrp_equal(p->d->auth.proof, a->proof, sizeof a->proof) &&
                memcmp(&p->d->auth.hello, &a->hello, sizeof a->hello) == 0 &&
                memcmp(&p->d->auth.challenge, &a->challenge, sizeof a->challenge) == 0;
    return same ? p : NULL;
}

/* A smaller AUTH than before: the larger WELCOME did not get through. Once anything went either way
 * the size stays: fragments are cut to it. */
static void lower_size(struct hub *h, int64_t now_us, struct peer *p, const struct handshake *hs,
                       size_t size)
{
    struct datagrams *d = p->d;
    if (size >= d->datagram_max || p->packets_out > 0 || d->replay.top > 0) return;
    struct sender *sender = make_sender(h, now_us, size);
    if (!sender) return;
    sender_free(d->sender);
    d->sender = sender;
    d->datagram_max = size;
    d->welcome.datagram_max = (uint16_t)size;
    if (p->hello.security != NRP_OPEN)
        nrp_welcome_proof(&hs->keys, &d->auth, &d->welcome, d->welcome.proof);
}

static enum nrp_code open_session(struct hub *h, int64_t now_us, const struct nrp_address *from,
                                  const struct nrp_auth *a, size_t size, struct peer **out)
{
    struct handshake hs;
    enum nrp_code code = handshake_verify(h, now_us, from, a, &hs);
    if (code != NRP_OK) return code;
    *out = find_opened(h, from, a);
    if (*out) {
        lower_size(h, now_us, *out, &hs, size);
    } else if (guard_enter(h->guard, from, now_us, &code)) {
        *out = make_session(h, now_us, from, a, &hs, size);
        if (!*out) {
            guard_leave(h->guard, from);
            code = NRP_CODE_TOO_MANY;
        }
    }
    guard_key_free(hs.key); /* unless the session has it */
    explicit_bzero(&hs, sizeof hs);
    return code;
}

static void on_auth(struct hub *h, int64_t now_us, const struct nrp_address *from,
                    const struct nrp_frame *f, size_t size)
{
    struct peer *p = NULL;
    enum nrp_code code = open_session(h, now_us, from, &f->auth, size, &p);
    if (!p) {
        answer_error(h, from, code, size);
        return;
    }
    struct nrp_frame out = {.type = NRP_WELCOME, .welcome = p->d->welcome};
    answer(h, from, &out, size, size);
}

static void handshake_input(struct hub *h, int64_t now_us, const struct nrp_address *from,
                            const uint8_t *bytes, size_t len)
{
    struct nrp_frame f;
    size_t size;
    enum nrp_taken taken = nrp_frame_read(bytes + NRP_DATAGRAM_HEADER, len - NRP_DATAGRAM_HEADER,
                                          h->config.item_max, &f, &size, NULL);
    bool whole = taken == NRP_TAKEN; /* else f says nothing */
    bool hello = whole && f.type == NRP_HELLO && len >= NRP_HELLO_DATAGRAM;
    bool auth = whole && f.type == NRP_AUTH && len >= NRP_DATAGRAM_MIN;
    if (!hello && !auth) {
        h->counts.bad_datagrams++;
        return;
    }
    /* Whoever returned a cookie is there; any other address may be forged. */
    bool there = auth && nrp_cookie_check(&h->cookies, now_us, from, &f.auth);
    if (!(there ? guard_handshake : guard_hello)(h->guard, from, now_us)) return;
    if (hello) on_hello(h, now_us, from, &f, len);
    else on_auth(h, now_us, from, &f, len);
}

/* --- input ---------------------------------------------------------------------------------- */

static bool genuine(struct hub *h, struct peer *p, const struct nrp_datagram *d, uint8_t *bytes,
                    size_t *len)
{
    bool secured = d->flags & NRP_DATAGRAM_SECURED;
    if (secured != (p->in != NULL) || d->packet_number >= NRP_PACKETS_MAX) {
        h->counts.bad_datagrams++;
        return false;
    }
    if (!nrp_replay_fresh(&p->d->replay, d->packet_number)) {
        h->counts.replays++;
        return false;
    }
    if (!secured) return true;
    if (*len < NRP_DATAGRAM_HEADER + NRP_DATAGRAM_TAG) {
        h->counts.bad_datagrams++;
        return false;
    }
    *len -= NRP_DATAGRAM_TAG;
    size_t head = p->hello.security == NRP_SEALED ? NRP_DATAGRAM_HEADER : *len;
    if (nrp_unseal(p->in, d->packet_number, bytes, head, bytes + head, *len - head, bytes + *len))
        return true;
    h->counts.auth_failures++;
    return false;
}

static void read_frames(struct hub *h, int64_t now_us, struct peer *p, const uint8_t *bytes,
                        size_t len)
{
    for (size_t at = 0, size; at < len; at += size) {
        struct nrp_frame f;
        enum nrp_taken taken = nrp_frame_read(bytes + at, len - at, h->config.item_max, &f, &size,
                                              NULL);
        if (taken == NRP_SKIP && size <= len - at) continue;
        if (taken != NRP_TAKEN) {
            h->counts.bad_frames++;
            break;
        }
        if (!session_frame(h, now_us, p, &f) || p->doomed) break;
    }
    session_flush(h, now_us, p);
}

static void session_input(struct hub *h, int64_t now_us, struct peer *p,
                          const struct nrp_datagram *d, uint8_t *bytes, size_t len)
{
    if (!genuine(h, p, d, bytes, &len) || p->state != PEER_OPEN) return;
    nrp_replay_take(&p->d->replay, d->packet_number);
    p->heard_us = now_us;
    sender_heard(p->d->sender, now_us);
    read_frames(h, now_us, p, bytes + NRP_DATAGRAM_HEADER, len - NRP_DATAGRAM_HEADER);
    peer_mark(h, p);
    peer_end_doomed(h, now_us);
    peer_arm(h, p, now_us);
}

void hub_datagram_input(struct hub *h, int64_t now_us, const struct nrp_address *from,
                        uint8_t *bytes, size_t len)
{
    struct nrp_datagram d;
    h->now_us = now_us;
    if (!nrp_datagram_read(bytes, len, &d) || (d.flags & NRP_DATAGRAM_MULTICAST)) {
        h->counts.bad_datagrams++;
        return;
    }
    if (d.flags & NRP_DATAGRAM_HANDSHAKE) {
        if (d.session_id == 0 && d.packet_number == 0) handshake_input(h, now_us, from, bytes, len);
        else h->counts.bad_datagrams++;
        return;
    }
    struct peer *p = find_session(h, d.session_id, from);
    if (p) session_input(h, now_us, p, &d, bytes, len);
    else h->counts.bad_datagrams++; /* and no answer: it was never shown to be theirs */
}

/* --- output --------------------------------------------------------------------------------- */

static size_t put_control(struct peer *p, uint8_t *out, size_t room)
{
    const uint8_t *frames = (const uint8_t *)p->control.data;
    size_t done = 0;
    while (done < p->control.len) {
        size_t size = peer_control_size(frames + done);
        if (size > room - done) break;
        done += size;
    }
    if (done > 0) memcpy(out, frames, done);
    buf_consume(&p->control, done);
    if (p->control.len == 0) buf_deinit(&p->control);
    return done;
}

static void count_item(struct hub *h, const struct nrp_frame *f)
{
    if (f->type == NRP_SHARED) {
        h->counts.shared++;
        if (f->shared.item.fragment == 0) h->counts.delivered++;
        return;
    }
    if (f->type != NRP_ITEM || (f->item.flags & NRP_FLAG_RESENT)) return;
    if (f->item.fragment == 0) h->counts.delivered++;
    h->counts.delivered_bytes += f->topic_len + f->payload_len;
}

static size_t put_items(struct hub *h, int64_t now_us, struct peer *p, uint8_t *out, size_t room)
{
    struct sender_frame s;
    size_t used = 0;
    while (sender_next(p->d->sender, now_us, &p->box, room - used, h->followed, &s)) {
        used += nrp_frame_write(&s.frame, out + used);
        count_item(h, &s.frame);
    }
    return used;
}

static void count_sender(struct hub *h, struct datagrams *d)
{
    const struct sender_counts *c = sender_counts(d->sender);
    h->counts.resent += c->resent - d->counted.resent;
    h->counts.naks += c->naks - d->counted.naks;
    h->counts.gaps += c->gaps - d->counted.gaps;
    d->counted = *c;
}

/* Everything was sent and has arrived: the last word. */
static void drain(struct hub *h, int64_t now_us, struct peer *p)
{
    if (h->shutting && p->state == PEER_OPEN && !p->behind && p->box.count == 0 &&
        p->control.len == 0 && sender_is_quiet(p->d->sender))
        peer_end(h, now_us, p, NRP_CODE_SHUTTING_DOWN, NULL);
}

static bool seal(struct peer *p, uint8_t *out, size_t *len)
{
    struct nrp_datagram head = {.flags = p->out ? NRP_DATAGRAM_SECURED : 0,
                                .session_id = p->d->session_id,
                                .packet_number = p->packets_out++};
    if (head.packet_number >= NRP_PACKETS_MAX) return false;
    nrp_datagram_write(&head, out);
    if (!p->out) return true;
    size_t clear = p->hello.security == NRP_SEALED ? NRP_DATAGRAM_HEADER : *len;
    if (!nrp_seal(p->out, head.packet_number, out, clear, out + clear, *len - clear, out + *len))
        return false;
    *len += NRP_DATAGRAM_TAG;
    return true;
}

/* One datagram of p's; 0: it has nothing to send now. */
static size_t fill(struct hub *h, int64_t now_us, struct peer *p, uint8_t *out, size_t size)
{
    if (size > p->d->datagram_max) size = p->d->datagram_max;
    size_t room = size - NRP_DATAGRAM_HEADER - NRP_DATAGRAM_TAG, len = NRP_DATAGRAM_HEADER;
    drain(h, now_us, p);
    size_t used = put_control(p, out + len, room);
    if (p->state == PEER_OPEN) {
        unsigned reads = 0;
        do {
            used += put_items(h, now_us, p, out + len + used, room - used);
        } while (used < room / 2 && reads < HUB_READS && dispatch_catch_up(h, now_us, p) &&
                 ++reads);
        count_sender(h, p->d);
        /* Little of what it read was for it: it reads on when the others had their turn. */
        if (reads == HUB_READS) p->again_us = now_us;
    }
    if (used == 0) return 0;
    len += used;
    if (seal(p, out, &len)) return len;
    peer_cut(h, now_us, p);
    return 0;
}

static size_t next_handshake(struct hub *h, uint8_t *out, size_t size, struct nrp_address *to)
{
    struct ready *r = &h->handshakes[h->handshake_at];
    h->handshake_at = (h->handshake_at + 1) % READY_MAX;
    h->handshake_count--;
    size_t padded = r->padded < size ? r->padded : size;
    memcpy(out, r->bytes, r->len);
    if (padded > r->len) memset(out + r->len, 0, padded - r->len);
    *to = r->to;
    return padded > r->len ? padded : r->len;
}

size_t hub_datagram(struct hub *h, int64_t now_us, uint8_t *out, size_t size,
                    struct nrp_address *to)
{
    h->now_us = now_us;
    if (size < NRP_DATAGRAM_MIN) return 0;
    if (h->handshake_count > 0) return next_handshake(h, out, size, to);
    /* What a SHARED names goes before it. */
    size_t shared = h->group && size >= group_datagram_max(h->group)
                        ? group_output(h, now_us, out, to)
                        : 0;
    if (shared > 0) return shared;
    for (struct link *l; (l = link_take(&h->ready));) {
        struct peer *p = peer_of_work(l);
        size_t len = p->over ? 0 : fill(h, now_us, p, out, size);
        peer_end_doomed(h, now_us);
        *to = p->from;
        if (peer_over(p)) {
            link_remove(&p->work);
            peer_free(h, p);
        } else if (len > 0) {
            peer_mark(h, p); /* it may have more: after the others */
        } else {
            peer_arm(h, p, now_us);
        }
        if (len > 0) return len;
    }
    return 0;
}
