/* NRP/1 over TCP, UDP and UNIX sockets: the native carriers. The protocol is common/nrp/client.h;
 * here are only the socket, the clock, and what transport.h promises.
 *
 * The addresses of a host are tried in their order until one greets us. */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/hash.h"
#include "common/nrp/client.h"
#include "common/topic.h"
#include "common/transport/carrier.h"
#include "common/transport/nrp_group.h"
#include "common/transport/nrp_resolve.h"
#include "common/transport/nrp_socket.h"

#define READ_BYTES (64 << 10) /* one read; a burst of datagrams is no larger */
#define WRITES_MAX 64         /* datagrams of one turn */
#define GROUP_READS_MAX 256
#define READS_MAX  16 /* of one turn: a peer that never stops must not keep us from the loop */
/* What is handed to the session at once: it stops between slices when reading is turned off. */
#define SLICE_BYTES (8 << 10)
#define GOODBYE_US  2000000
#define WILL_TOKEN  UINT64_MAX /* our own publication: nobody hears of it */

enum phase {
    RESOLVING,
    CONNECTING, /* the socket is; streams only */
    GREETING,   /* the session is */
    UP,
    LINGERING, /* our goodbye is written: until the relay has read it all and closed */
    OVER,
};

struct nrp {
    struct transport base;
    struct transport_url url;
    struct transport_options options; /* a copy of our own */
    struct transport_events events;
    enum phase phase;
    int socktype;
    int64_t deadline_us;         /* of connecting, or of the goodbye */
    int64_t address_deadline_us; /* of the address that is being tried */

    struct nrp_resolve *resolve;
    struct addrinfo *addresses, *next_address;
    int fd;
    struct nrp_group_socket group; /* multicast, beside fd */
    struct nrp_client *client;
    bool reading, goodbye;
    bool held;                 /* what the session was told of reading */
    bool unheard; /* a stream: the relay takes no more, but what it said is not read to its end */
    struct news_error failure; /* of the address tried last */

    bool ended;            /* the session said so: why follows once its calls have returned */
    bool ended_well;       /* our own goodbye */
    struct news_error why; /* of ended */
    bool subscribed;
    int qos;             /* of the session's subscriptions */
    unsigned delivered;  /* messages since the last on_batch() */
    struct buf unread;   /* of a stream: read, not handed over yet */
    bool unsent;         /* the session may have datagrams it was not asked for yet */
    size_t datagram_len; /* of a datagram the socket did not take yet */
    uint8_t datagram[NRP_DATAGRAM_MAX];
    uint8_t bytes[READ_BYTES];
};

static struct nrp *nrp_of(struct transport *t)
{
    return (struct nrp *)t;
}

static bool is_datagram(const struct nrp *n)
{
    return n->socktype == SOCK_DGRAM;
}

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* --- the end ----------------------------------------------------------------------------- */

/* Also of a session that ended before anything was confirmed: what it was given comes again. */
static void remember(struct nrp *n)
{
    if (!n->options.memory || !n->client) return;
    struct nrp_resume r = nrp_client_resume(n->client);
    if (r.iseq == 0) return;
    n->options.memory->epoch = r.epoch;
    n->options.memory->position = r.iseq;
}

static void drop_connection(struct nrp *n)
{
    remember(n);
    nrp_client_free(n->client);
    n->client = NULL;
    nrp_group_close(&n->group);
    if (n->fd >= 0) close(n->fd);
    n->fd = -1;
    n->datagram_len = 0;
    n->ended = n->held = n->unheard = n->subscribed = false;
    buf_clear(&n->unread);
}

static void drop_addresses(struct nrp *n)
{
    nrp_resolve_abandon(n->resolve);
    n->resolve = NULL;
    if (n->addresses) freeaddrinfo(n->addresses);
    n->addresses = n->next_address = NULL;
}

static void end(struct nrp *n, const struct news_error *why)
{
    if (n->phase == OVER) return;
    drop_connection(n);
    drop_addresses(n);
    n->phase = OVER;
    n->events.on_state(n->events.user, TRANSPORT_DOWN, why);
}

__attribute__((format(printf, 3, 4))) static void end_with(struct nrp *n, enum news_errc code,
                                                           const char *format, ...)
{
    char text[200];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    struct news_error why;
    news_fail(&why, code, "%.100s: %.130s", n->url.text, text);
    end(n, &why);
}

/* --- what the session tells -------------------------------------------------------------- */

static void publish_will(struct nrp *n)
{
    const struct message *will = n->options.will;
    if (!will) return;
    const struct nrp_publication p = {.topic = will->topic,
                                      .payload = will->payload,
                                      .payload_len = will->payload_len,
                                      .acknowledged = true,
                                      .retain = will->retained,
                                      .will = true};
    /* A will that is refused is none: as with brokers of MQTT. */
    (void)nrp_client_publish(n->client, now_us(), &p, WILL_TOKEN, NULL);
}

static void on_up(void *user, const struct nrp_welcome *welcome)
{
    (void)welcome;
    struct nrp *n = user;
    n->phase = UP;
    drop_addresses(n);
    publish_will(n);
    n->events.on_state(n->events.user, TRANSPORT_UP, NULL);
}

/* Inside a call of the session: what follows waits until that has returned. */
static void on_down(void *user, const struct news_error *why)
{
    struct nrp *n = user;
    n->ended = true;
    n->ended_well = !why;
    if (why) n->why = *why;
}

static void on_item(void *user, const struct nrp_delivery *d)
{
    struct nrp *n = user;
    char topic[NRP_TOPIC_MAX + 1];
    memcpy(topic, d->topic, d->topic_len); /* the session has bounded and checked it */
    topic[d->topic_len] = '\0';
    const struct message m = {
        .topic = topic,
        .payload = d->payload,
        .payload_len = d->payload_len,
        .qos = n->qos && d->flags & NRP_FLAG_ACK,
        .retained = d->flags & NRP_FLAG_RETAIN,
    };
    n->delivered++;
    n->events.on_message(n->events.user, &m);
}

static void explain_refusal(unsigned code, struct news_error *refused)
{
    static const struct {
        unsigned code;
        enum news_errc as;
    } table[] = {
        {NRP_CODE_NOT_AUTHORISED, NEWS_ERR_DENIED},
        {NRP_CODE_TOO_BIG, NEWS_ERR_TOO_LARGE},
        {NRP_CODE_BAD_TOPIC, NEWS_ERR_DATA},
    };
    enum news_errc as = NEWS_ERR_UNREACHABLE;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].code == code) as = table[i].as;
    news_fail(refused, as, "the relay refused it: %s", nrp_code_text(code));
}

static void on_published(void *user, uint64_t token, unsigned code)
{
    struct nrp *n = user;
    struct news_error refused;
    if (token == WILL_TOKEN) return;
    if (code != NRP_OK) explain_refusal(code, &refused);
    n->events.on_published(n->events.user, token, code != NRP_OK ? &refused : NULL);
}

static void on_subscribed(void *user, const char *filter, unsigned code)
{
    struct nrp *n = user;
    struct news_error refused;
    if (code != NRP_OK) explain_refusal(code, &refused);
    n->events.on_subscribed(n->events.user, filter, code != NRP_OK ? &refused : NULL);
}

/* Here it is only a number; what is missing is known by its own numbers, and a sync brings it. */
static void on_lost(void *user, uint64_t count)
{
    struct nrp *n = user;
    n->events.on_lost(n->events.user, count);
}

/* Where it cannot be listened to, the session goes on without. */
static void on_group(void *user, const struct nrp_group_address *at)
{
    struct nrp *n = user;
    nrp_group_close(&n->group);
    if (at && !nrp_group_open(&n->group, n->fd, at)) nrp_client_group_unheard(n->client, now_us());
}

/* --- connecting -------------------------------------------------------------------------- */

/* At most 16 bytes are the id itself, longer ones their hash. */
static void make_client_id(const char *text, uint8_t out[NRP_ID_SIZE])
{
    size_t len = strlen(text);
    memset(out, 0, NRP_ID_SIZE);
    if (len <= NRP_ID_SIZE) {
        memcpy(out, text, len);
        return;
    }
    for (size_t half = 0; half < 2; half++) {
        uint64_t hash = hash_bytes(HASH_START + half, text, len);
        memcpy(out + half * sizeof hash, &hash, sizeof hash);
    }
}

static bool greet(struct nrp *n, struct news_error *err)
{
    const struct transport_options *o = &n->options;
    struct nrp_client_config config = {
        .datagrams = is_datagram(n),
        .security = !o->key    ? NRP_OPEN
                    : o->clear ? NRP_AUTHENTICATED
                               : NRP_SEALED,
        .key = o->key,
        .window = o->window < NRP_WINDOW_MAX ? o->window : NRP_WINDOW_MAX,
        .item_max = o->packet_max,
        .ordered = true, /* as every other carrier */
        .multicast = o->multicast,
        .handshake_us = n->address_deadline_us > now_us() ? n->address_deadline_us - now_us() : 1,
    };
    const struct nrp_client_events events = {.user = n,
                                             .on_up = on_up,
                                             .on_down = on_down,
                                             .on_item = on_item,
                                             .on_published = on_published,
                                             .on_subscribed = on_subscribed,
                                             .on_lost = on_lost,
                                             .on_group = on_group};
    make_client_id(o->client_id, config.client_id);
    if (o->memory)
        config.resume = (struct nrp_resume){.epoch = o->memory->epoch, .iseq = o->memory->position};
    n->phase = GREETING;
    n->unsent = true;
    n->client = nrp_client_new(&config, &events, &nrp_random_system, now_us(), err);
    return n->client != NULL;
}

/* The socket is connected. */
static void start_session(struct nrp *n)
{
    struct news_error err;
    if (!greet(n, &err)) end(n, &err);
}

static bool open_socket(struct nrp *n, const struct sockaddr *address, socklen_t len)
{
    n->fd = nrp_socket_open(address, len, n->socktype, n->options.nagle);
    if (n->fd >= 0) return true;
    return news_fail(&n->failure, NEWS_ERR_UNREACHABLE, "%.100s: %s", n->url.text, strerror(errno));
}

/* One that is silent leaves the others their time. */
static void share_time(struct nrp *n, const struct addrinfo *first)
{
    int64_t now = now_us(), left = 0;
    for (const struct addrinfo *a = first; a; a = a->ai_next)
        left++;
    n->address_deadline_us = now + (n->deadline_us - now) / left;
}

static void try_addresses(struct nrp *n)
{
    drop_connection(n);
    while (n->next_address) {
        const struct addrinfo *a = n->next_address;
        n->next_address = a->ai_next;
        share_time(n, a);
        if (!open_socket(n, a->ai_addr, a->ai_addrlen)) continue;
        n->phase = CONNECTING;
        if (is_datagram(n)) start_session(n);
        return;
    }
    end(n, &n->failure);
}

static void try_path(struct nrp *n)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, n->url.path, sizeof address.sun_path); /* as long, with its NUL */
    n->address_deadline_us = n->deadline_us;
    if (open_socket(n, (const struct sockaddr *)&address, sizeof address)) n->phase = CONNECTING;
    else end(n, &n->failure);
}

/* A group is IPv4's: "localhost" should not be ::1 then. */
static struct addrinfo *ipv4_first(struct addrinfo *all)
{
    struct addrinfo *four = NULL, *others = NULL, **four_end = &four, **others_end = &others;
    for (struct addrinfo *a = all; a; a = a->ai_next) {
        struct addrinfo ***end = a->ai_family == AF_INET ? &four_end : &others_end;
        **end = a;
        *end = &a->ai_next;
    }
    *others_end = NULL;
    *four_end = others;
    return four ? four : others;
}

static void serve_resolving(struct nrp *n)
{
    struct news_error err;
    if (!n->resolve) { /* a path */
        try_path(n);
        return;
    }
    if (!nrp_resolve_is_over(n->resolve)) return;
    n->addresses = nrp_resolve_finish(n->resolve, &err);
    n->resolve = NULL;
    if (n->addresses && n->options.multicast) n->addresses = ipv4_first(n->addresses);
    n->next_address = n->addresses;
    if (n->addresses) try_addresses(n);
    else end_with(n, err.code, "%s", err.message);
}

/* What one address answered; the next may do better. */
static void address_failed(struct nrp *n, const struct news_error *why)
{
    n->failure = *why;
    if (n->next_address) try_addresses(n);
    else end(n, why);
}

static void serve_connecting(struct nrp *n, short revents)
{
    if (!(revents & (POLLOUT | POLLERR | POLLHUP))) return;
    struct news_error why;
    int error = nrp_socket_error(n->fd);
    if (error) {
        news_fail(&why, NEWS_ERR_UNREACHABLE, "%.100s: %s", n->url.text, strerror(error));
        address_failed(n, &why);
        return;
    }
    start_session(n);
}

/* --- reading and writing ----------------------------------------------------------------- */

static void lost(struct nrp *n, const char *what)
{
    struct news_error why;
    news_fail(&why, NEWS_ERR_UNREACHABLE, "%s", what);
    if (!n->ended) nrp_client_lost(n->client, &why);
}

/* Datagrams are always read: the session keeps them while it is held. A stream is left to fill up,
 * but for the greeting. */
static bool wants_bytes(const struct nrp *n)
{
    return n->reading || n->phase == GREETING || is_datagram(n);
}

static bool may_read(const struct nrp *n)
{
    return !n->ended && wants_bytes(n);
}

/* Datagrams: what is held is not handed over, and so not acknowledged. */
static void hold(struct nrp *n)
{
    if (!n->client || !is_datagram(n) || n->held == !n->reading) return;
    n->held = !n->reading;
    nrp_client_hold(n->client, now_us(), n->held);
}

/* In slices, so that whoever turns reading off inside on_message() gets little more. */
static void hand_over_stream(struct nrp *n)
{
    size_t done = 0;
    while (may_read(n) && done < n->unread.len) {
        size_t len = n->unread.len - done;
        if (len > SLICE_BYTES) len = SLICE_BYTES;
        nrp_client_input(n->client, now_us(), (uint8_t *)n->unread.data + done, len);
        done += len;
    }
    buf_consume(&n->unread, done);
}

/* False: there is no more now. */
static bool read_stream(struct nrp *n)
{
    char *room = buf_reserve(&n->unread, READ_BYTES);
    if (!room) {
        lost(n, "out of memory");
        return false;
    }
    ssize_t got = recv(n->fd, room, READ_BYTES, MSG_DONTWAIT);
    if (got > 0) {
        n->unread.len += (size_t)got;
        hand_over_stream(n);
        return (size_t)got == READ_BYTES;
    }
    if (got == 0) lost(n, "the relay closed the connection");
    else if (errno != EAGAIN && errno != EINTR) lost(n, strerror(errno));
    return false;
}

/* An ICMP "port unreachable" is the kernel's word that nobody is there; other errors pass. */
static bool is_refusal(int error)
{
    return error == ECONNREFUSED;
}

static bool read_datagrams(struct nrp *n)
{
    struct nrp_burst burst;
    if (!nrp_socket_read_burst(n->fd, n->bytes, sizeof n->bytes, &burst)) {
        if (is_refusal(errno)) lost(n, strerror(errno));
        return false;
    }
    for (size_t at = 0; at < burst.len && !n->ended; at += burst.segment) {
        size_t len = burst.len - at < burst.segment ? burst.len - at : burst.segment;
        nrp_client_input(n->client, now_us(), n->bytes + at, len);
    }
    return burst.len > 0;
}

static void read_group(struct nrp *n)
{
    bool from_relay;
    for (unsigned reads = 0; n->group.fd >= 0 && reads < GROUP_READS_MAX && !n->ended; reads++) {
        size_t len = nrp_group_read(&n->group, n->bytes, sizeof n->bytes, &from_relay);
        if (!len) return;
        nrp_client_group_input(n->client, now_us(), from_relay, n->bytes, len);
    }
}

static void read_all(struct nrp *n)
{
    for (int reads = 0; reads < READS_MAX && may_read(n); reads++)
        if (!(is_datagram(n) ? read_datagrams(n) : read_stream(n))) return;
}

/* The group's before what refers to it, and again for what came meanwhile: it is not missed then. */
static void read_turn(struct nrp *n)
{
    hold(n);
    hand_over_stream(n); /* of a slice that was held back */
    read_group(n);
    read_all(n);
    read_group(n);
}

/* A relay that has closed may have said much before: reading comes to the end of it, and to why. */
static void write_stream(struct nrp *n)
{
    size_t len;
    for (;;) {
        const uint8_t *at = nrp_client_pending(n->client, &len);
        if (len == 0 || n->unheard) return;
        ssize_t sent = send(n->fd, at, len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0) {
            n->unheard = errno != EAGAIN;
            return;
        }
        nrp_client_sent(n->client, now_us(), (size_t)sent);
        if (n->ended || (size_t)sent < len) return;
    }
}

static void write_datagrams(struct nrp *n)
{
    for (int writes = 0; writes < WRITES_MAX && (!n->ended || n->ended_well); writes++) {
        if (!n->datagram_len)
            n->datagram_len = nrp_client_datagram(n->client, now_us(), n->datagram);
        n->unsent = n->datagram_len > 0;
        if (!n->unsent) return;
        if (send(n->fd, n->datagram, n->datagram_len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
            if (errno == EAGAIN) return;
            if (errno == EINTR) continue;
            if (errno == EMSGSIZE) nrp_client_too_big(n->client);
            else if (is_refusal(errno)) lost(n, strerror(errno));
        }
        n->datagram_len = 0;
    }
}

static void write_turn(struct nrp *n)
{
    if (is_datagram(n)) write_datagrams(n);
    else if (!n->ended) write_stream(n);
}

/* False: what was handed over is not acknowledged, and the connection is over. */
static bool confirm_batch(struct nrp *n)
{
    if (n->delivered == 0) return true;
    n->delivered = 0;
    if (!n->events.on_batch(n->events.user)) return false;
    nrp_client_accept(n->client, now_us());
    return true;
}

/* --- saying goodbye ---------------------------------------------------------------------- */

/* A close with unread bytes in the socket is a reset, which can destroy what the relay has not
 * read yet. */
static void start_lingering(struct nrp *n)
{
    if (is_datagram(n)) {
        end(n, NULL);
        return;
    }
    shutdown(n->fd, SHUT_WR);
    n->phase = LINGERING;
    n->deadline_us = now_us() + GOODBYE_US;
}

static void serve_lingering(struct nrp *n)
{
    for (int reads = 0; reads < READS_MAX; reads++) {
        ssize_t got = recv(n->fd, n->bytes, sizeof n->bytes, MSG_DONTWAIT);
        if (got > 0 || (got < 0 && errno == EINTR)) continue;
        if (got == 0 || errno != EAGAIN) end(n, NULL);
        return;
    }
}

static void nrp_close(struct transport *t)
{
    nrp_of(t)->goodbye = true; /* the rest in service(): DOWN comes from there only */
}

/* --- the loop ---------------------------------------------------------------------------- */

static void session_ended(struct nrp *n)
{
    if (n->ended_well) {
        start_lingering(n);
    } else if (n->phase == GREETING && n->why.code == NEWS_ERR_UNREACHABLE) {
        struct news_error why;
        news_fail(&why, n->why.code, "%.100s: %.130s", n->url.text, n->why.message);
        address_failed(n, &why);
    } else {
        end_with(n, n->why.code, "%s", n->why.message);
    }
}

static void serve_session(struct nrp *n, short revents)
{
    if (revents & (POLLERR | POLLHUP | POLLRDHUP) && !may_read(n)) {
        /* What is unread is unacknowledged as well: the log, or a sync, brings it again. */
        end_with(n, NEWS_ERR_UNREACHABLE, "the connection was lost");
        return;
    }
    if (revents || n->unread.len || n->held == n->reading) read_turn(n);
    if (!n->ended) nrp_client_tick(n->client, now_us());
    if (!confirm_batch(n)) {
        end_with(n, NEWS_ERR_IO, "closed: what arrived could not be kept, it is not acknowledged");
        return;
    }
    write_turn(n);
    if (n->ended) session_ended(n);
}

static void say_goodbye(struct nrp *n)
{
    if (n->phase == UP) nrp_client_close(n->client, now_us());
    else if (n->phase < UP) end(n, NULL);
    n->goodbye = false;
}

static void check_time(struct nrp *n)
{
    int64_t now = now_us();
    struct news_error why;
    news_fail(&why, NEWS_ERR_UNREACHABLE, "%.100s: no answer within %d ms", n->url.text,
              n->options.connect_timeout_ms);
    if (n->phase == LINGERING && now >= n->deadline_us) end(n, NULL);
    else if (n->phase == RESOLVING && now >= n->deadline_us) end(n, &why);
    else if (n->phase == CONNECTING && now >= n->address_deadline_us) address_failed(n, &why);
}

static void nrp_service(struct transport *t, short revents)
{
    struct nrp *n = nrp_of(t);
    if (n->goodbye) say_goodbye(n);
    switch (n->phase) {
    case RESOLVING: serve_resolving(n); break;
    case CONNECTING: serve_connecting(n, revents); break;
    case GREETING:
    case UP: serve_session(n, revents); return; /* the session has its own deadlines */
    case LINGERING: serve_lingering(n); break;
    case OVER: return;
    }
    check_time(n);
}

static int64_t to_ms(int64_t us)
{
    return us == INT64_MAX ? us : (us + 999) / 1000;
}

static struct transport_wait session_wait(const struct nrp *n)
{
    struct transport_wait w = {.fd = n->fd};
    size_t len = n->datagram_len;
    if (!is_datagram(n) && !n->unheard) (void)nrp_client_pending(n->client, &len);
    w.events = (short)((wants_bytes(n) ? POLLIN : POLLRDHUP) | (len ? POLLOUT : 0));
    w.deadline_mono_ms = to_ms(nrp_client_deadline(n->client));
    if ((wants_bytes(n) && n->unread.len) || (is_datagram(n) && n->unsent && !len))
        w.deadline_mono_ms = 0;
    if (n->group.both < 0) return w;
    nrp_group_watch(&n->group, n->fd, w.events);
    w.fd = n->group.both;
    w.events = POLLIN;
    return w;
}

static struct transport_wait nrp_wait(const struct transport *t)
{
    const struct nrp *n = (const struct nrp *)t;
    struct transport_wait w = {
        .fd = -1, .events = POLLIN, .deadline_mono_ms = to_ms(n->deadline_us)};
    switch (n->phase) {
    case RESOLVING:
        if (n->resolve) w.fd = nrp_resolve_fd(n->resolve);
        else w.deadline_mono_ms = 0;
        break;
    case CONNECTING:
        w.fd = n->fd;
        w.events = POLLOUT;
        w.deadline_mono_ms = to_ms(n->address_deadline_us);
        break;
    case GREETING:
    case UP: w = session_wait(n); break;
    case LINGERING: w.fd = n->fd; break;
    case OVER: return (struct transport_wait){.fd = -1, .deadline_mono_ms = INT64_MAX};
    }
    if (n->goodbye) w.deadline_mono_ms = 0;
    return w;
}

/* --- requests ---------------------------------------------------------------------------- */

static bool is_up(const struct nrp *n)
{
    return n->phase == UP && !n->goodbye && !n->ended && nrp_client_is_up(n->client);
}

static bool nrp_subscribe_to(struct transport *t, const char *filter, int qos,
                             struct news_error *err)
{
    struct nrp *n = nrp_of(t);
    if (!topic_filter_ok(filter, err)) return false;
    if (!is_up(n)) return news_fail(err, NEWS_ERR_UNREACHABLE, "%s: not connected", n->url.text);
    if (!nrp_client_subscribe(n->client, filter, qos, true, err)) return false;
    n->unsent = true;
    if (!n->subscribed) n->qos = qos; /* the first decides, see nrp_client_subscribe() */
    n->subscribed = true;
    return true;
}

static size_t nrp_payload_max(const struct transport *t, const char *topic, int qos)
{
    (void)qos;
    const struct nrp *n = (const struct nrp *)t;
    return is_up(n) ? nrp_client_payload_max(n->client, strlen(topic)) : SIZE_MAX;
}

static bool nrp_admit(const struct transport *t, const struct message *m, struct news_error *err)
{
    size_t most = nrp_payload_max(t, m->topic, m->qos);
    if (!topic_name_ok(m->topic, err)) return false;
    if (strlen(m->topic) > NRP_TOPIC_MAX)
        return news_fail(err, NEWS_ERR_TOO_LARGE, "%.100s...: a topic has at most %d bytes",
                         m->topic, NRP_TOPIC_MAX);
    if (m->payload_len <= most) return true;
    return news_fail(err, NEWS_ERR_TOO_LARGE,
                     "%.100s: %zu bytes, and this relay takes at most %zu over %s", m->topic,
                     m->payload_len, most, t->ops->scheme);
}

static enum transport_answer nrp_publish(struct transport *t, const struct message *m,
                                         uint64_t token, struct news_error *err)
{
    static const enum transport_answer answers[] = {[NRP_PUB_TAKEN] = TRANSPORT_TAKEN,
                                                    [NRP_PUB_FULL] = TRANSPORT_FULL,
                                                    [NRP_PUB_REFUSED] = TRANSPORT_REFUSED};
    struct nrp *n = nrp_of(t);
    if (!is_up(n)) return TRANSPORT_FULL;
    if (!nrp_admit(t, m, err)) return TRANSPORT_REFUSED;
    const struct nrp_publication p = {.topic = m->topic,
                                      .payload = m->payload,
                                      .payload_len = m->payload_len,
                                      .acknowledged = m->qos > 0,
                                      .retain = m->retained};
    n->unsent = true;
    return answers[nrp_client_publish(n->client, now_us(), &p, token, err)];
}

static void nrp_set_reading(struct transport *t, bool on)
{
    struct nrp *n = nrp_of(t);
    if (n->reading == on) return;
    n->reading = on;
    n->unsent = true; /* the session hears of it in service(), where callbacks may run */
    if (!on) hold(n);
}

/* --- opening ----------------------------------------------------------------------------- */

static void nrp_destroy(struct transport *t)
{
    struct nrp *n = nrp_of(t);
    drop_connection(n);
    drop_addresses(n);
    buf_deinit(&n->unread);
    carrier_options_free(&n->options);
    free(n);
}

static bool prepare(struct nrp *n, const struct transport_options *options, struct news_error *err)
{
    if (!carrier_options_copy(&n->options, options, err)) return false;
    if (!n->options.client_id) {
        char id[CARRIER_ID_SIZE];
        carrier_make_id(id);
        n->options.client_id = strdup(id);
        if (!n->options.client_id) return news_fail(err, NEWS_ERR_MEMORY, "out of memory");
    }
    n->deadline_us = now_us() + (int64_t)n->options.connect_timeout_ms * 1000;
    if (*n->url.path) return true;
    n->resolve = nrp_resolve_start(n->url.host, n->url.port, n->socktype, err);
    return n->resolve != NULL;
}

static struct transport *open_carrier(const struct transport_ops *ops, int socktype,
                                      const struct transport_url *url,
                                      const struct transport_options *options,
                                      const struct transport_events *events, struct news_error *err)
{
    struct nrp *n = calloc(1, sizeof *n);
    if (!n) {
        news_fail(err, NEWS_ERR_MEMORY, "out of memory");
        return NULL;
    }
    n->base.ops = ops;
    n->url = *url;
    n->events = *events;
    n->socktype = socktype;
    n->reading = true;
    n->fd = -1;
    n->group.fd = n->group.both = -1;
    if (prepare(n, options, err)) return &n->base;
    nrp_destroy(&n->base);
    return NULL;
}

/* What the three carriers differ in. */
#define NRP_CARRIER(name, url_scheme, port, socktype)                                              \
    static struct transport *open_##name(                                                          \
        const struct transport_url *url, const struct transport_options *options,                  \
        const struct transport_events *events, struct news_error *err)                             \
    {                                                                                              \
        return open_carrier(&transport_##name##_ops, socktype, url, options, events, err);         \
    }                                                                                              \
    const struct transport_ops transport_##name##_ops = {                                          \
        .scheme = url_scheme,                                                                      \
        .default_port = port,                                                                      \
        .open = open_##name,                                                                       \
        .subscribe = nrp_subscribe_to,                                                             \
        .publish = nrp_publish,                                                                    \
        .payload_max = nrp_payload_max,                                                            \
        .admit = nrp_admit,                                                                        \
        .set_reading = nrp_set_reading,                                                            \
        .wait = nrp_wait,                                                                          \
        .service = nrp_service,                                                                    \
        .close = nrp_close,                                                                        \
        .destroy = nrp_destroy,                                                                    \
    }

NRP_CARRIER(nrp, "nrp", NRP_PORT, SOCK_STREAM);
NRP_CARRIER(nrp_udp, "nrp+udp", NRP_PORT, SOCK_DGRAM);
NRP_CARRIER(nrp_unix, "nrp+unix", 0, SOCK_STREAM);
