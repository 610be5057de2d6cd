#include "relay/streams.h"

#include <errno.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/nrp/frame.h"
#include "relay/watch.h"

enum {
    READ_MAX = 256 << 10,
    PARTS_MAX = 1024,         /* UIO_MAXIOV */
    LINGERING_MAX = 256,      /* connections that only wait for their peer to close */
    LINGER_US = 1000000,      /* without the peer taking any more */
    LINGER_MAX_US = 10000000, /* in all */
    HELD_US = 5000,           /* how often held publishers are looked at: another reactor may have
                                 caught up */
};

struct conn {
    struct watch watch; /* user: the streams */
    struct peer *peer;  /* NULL: lingering */
    struct conn *prev, *next;
    struct conn *again_next; /* in streams.again */
    uint64_t flushed_turn;
    int64_t until_us, last_us; /* lingering: looked at, and at most */
    int untaken;               /* lingering: bytes the kernel still had for it */
    bool stopped;              /* no more input, ever */
    bool held;                 /* no input for now */
    bool full;                 /* the socket takes no more: EPOLLOUT tells */
    bool again;
};

struct conn_list { /* newest last */
    struct conn *first, *last;
    unsigned count;
};

struct streams {
    int epoll;
    struct hub *hub;
    struct conn_list open, held, lingering; /* each is in one of them */
    struct conn *again;                     /* wrote all that was offered, and have more */
    uint64_t turn;
    bool waits;        /* streams_wait() */
    int64_t ticked_us; /* the last streams_tick() */
    struct streams_counts counts;
    struct iovec parts[PARTS_MAX];
    uint8_t bytes[READ_MAX];
};

struct streams *streams_new(int epoll, struct hub *hub, struct news_error *err)
{
    struct streams *s = calloc(1, sizeof *s);
    if (!s) {
        news_fail(err, NEWS_ERR_MEMORY, "out of memory");
        return NULL;
    }
    s->epoll = epoll;
    s->hub = hub;
    return s;
}

static void list_add(struct conn_list *l, struct conn *c)
{
    c->prev = l->last;
    c->next = NULL;
    *(l->last ? &l->last->next : &l->first) = c;
    l->last = c;
    l->count++;
}

static void list_remove(struct conn_list *l, struct conn *c)
{
    *(c->prev ? &c->prev->next : &l->first) = c->next;
    *(c->next ? &c->next->prev : &l->last) = c->prev;
    l->count--;
}

static struct conn_list *list_of(struct streams *s, const struct conn *c)
{
    return !c->peer ? &s->lingering : c->held ? &s->held : &s->open;
}

static void push_again(struct streams *s, struct conn *c)
{
    if (c->again) return;
    c->again = true;
    c->again_next = s->again;
    s->again = c;
}

static void forget_again(struct streams *s, struct conn *c)
{
    struct conn **at = &s->again;
    if (!c->again) return;
    while (*at != c)
        at = &(*at)->again_next;
    *at = c->again_next;
    c->again = false;
}

/* Closing takes it out of the epoll set. */
static void conn_free(struct streams *s, struct conn *c)
{
    list_remove(list_of(s, c), c);
    forget_again(s, c);
    (void)close(c->watch.fd);
    free(c);
}

static void conn_lost(struct streams *s, struct conn *c, int64_t now_us)
{
    s->counts.lost++;
    hub_close(s->hub, now_us, c->peer);
    conn_free(s, c);
}

/* False: it is gone. */
static bool conn_arm(struct streams *s, struct conn *c, int64_t now_us)
{
    uint32_t events = (c->stopped || c->held ? 0 : EPOLLIN) | (c->full ? EPOLLOUT : 0);
    if (watch_set(s->epoll, &c->watch, events)) return true;
    conn_lost(s, c, now_us);
    return false;
}

static int untaken_bytes(const struct conn *c)
{
    int bytes = 0;
    return ioctl(c->watch.fd, SIOCOUTQ, &bytes) == 0 ? bytes : 0;
}

/* Everything was said, but closing a socket with unread input resets it, and the peer may lose the
 * last words (RFC 1122 section 4.2.2.13): it is read empty until the peer closes, too. */
static void conn_linger(struct streams *s, struct conn *c, int64_t now_us)
{
    list_remove(list_of(s, c), c);
    forget_again(s, c);
    hub_close(s->hub, now_us, c->peer);
    c->peer = NULL;
    c->until_us = now_us + LINGER_US;
    c->last_us = now_us + LINGER_MAX_US;
    c->untaken = untaken_bytes(c);
    list_add(&s->lingering, c);
    if (shutdown(c->watch.fd, SHUT_WR) != 0 || !watch_set(s->epoll, &c->watch, EPOLLIN))
        conn_free(s, c);
    else if (s->lingering.count > LINGERING_MAX) conn_free(s, s->lingering.first);
}

/* --- input ------------------------------------------------------------------------------- */

/* Puts it where it belongs now. False: it is gone. */
static bool conn_hold(struct streams *s, struct conn *c, bool held, int64_t now_us)
{
    if (held == c->held) return true;
    list_remove(list_of(s, c), c);
    c->held = held;
    list_add(list_of(s, c), c);
    return conn_arm(s, c, now_us);
}

static void conn_read(struct streams *s, struct conn *c, int64_t now_us)
{
    ssize_t n = recv(c->watch.fd, s->bytes, sizeof s->bytes, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n > 0) s->counts.bytes_in += (uint64_t)n;
    if (!c->peer) {
        if (n <= 0) conn_free(s, c);
        return;
    }
    if (n <= 0) {
        conn_lost(s, c, now_us);
        return;
    }
    c->stopped = !hub_input(s->hub, now_us, c->peer, s->bytes, (size_t)n);
    if (c->stopped) (void)conn_arm(s, c, now_us);
    else (void)conn_hold(s, c, !peer_wants_input(c->peer), now_us);
}

/* --- output ------------------------------------------------------------------------------ */

static size_t parts_size(const struct iovec *parts, int count)
{
    size_t sum = 0;
    for (int i = 0; i < count; i++)
        sum += parts[i].iov_len;
    return sum;
}

static void conn_flush(struct streams *s, struct conn *c, int64_t now_us)
{
    c->flushed_turn = s->turn;
    int count = c->full ? 0 : hub_output(s->hub, c->peer, s->parts, PARTS_MAX);
    size_t offered = parts_size(s->parts, count);
    if (offered > 0) {
        struct msghdr message = {.msg_iov = s->parts, .msg_iovlen = (size_t)count};
        ssize_t n = sendmsg(c->watch.fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno != EAGAIN && errno != EINTR) {
            conn_lost(s, c, now_us);
            return;
        }
        if (n > 0) {
            s->counts.bytes_out += (uint64_t)n;
            hub_sent(s->hub, now_us, c->peer, (size_t)n);
        }
        c->full = n < 0 || (size_t)n < offered;
    }
    s->waits = s->waits || c->full;
    if (peer_over(c->peer)) conn_linger(s, c, now_us);
    else (void)conn_arm(s, c, now_us);
}

static void conn_ready(struct watch *w, uint32_t events, int64_t now_us)
{
    struct conn *c = (struct conn *)w;
    struct streams *s = w->user;
    if (events & EPOLLOUT && c->peer) {
        c->full = false; /* an error shows in the write */
        push_again(s, c);
    }
    /* Input first: a peer that has gone may have said why. */
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR) && w->events & EPOLLIN) conn_read(s, c, now_us);
}

/* Those the hub names, each once: one that comes a second time has its turn after the others'. */
bool streams_flush(struct streams *s, int64_t now_us)
{
    struct peer *p;
    struct conn *again = s->again, *c;
    s->again = NULL;
    s->turn++;
    s->waits = false;
    for (; again; again = c) {
        c = again->again_next;
        again->again = false;
        conn_flush(s, again, now_us);
    }
    while ((p = hub_next_writable(s->hub)) != NULL) {
        c = peer_user(p);
        if (c->flushed_turn != s->turn || peer_over(p)) {
            conn_flush(s, c, now_us);
        } else if (!c->full) {
            push_again(s, c);
        }
    }
    return s->again != NULL;
}

bool streams_wait(const struct streams *s)
{
    return s->waits;
}

/* --- coming and going -------------------------------------------------------------------- */

/* A word about why, if the socket takes it at once. */
static void refuse(int fd, enum nrp_code code)
{
    uint8_t bytes[128];
    const char *text = nrp_code_text(code);
    struct nrp_frame f = {.type = NRP_ERROR,
                          .payload = (const uint8_t *)text,
                          .payload_len = strlen(text),
                          .notice = {.code = (uint16_t)code}};
    if (nrp_frame_size(&f) <= sizeof bytes)
        (void)send(fd, bytes, nrp_frame_write(&f, bytes), MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)close(fd);
}

void streams_take(struct streams *s, int fd, const struct nrp_address *from, int64_t now_us)
{
    enum nrp_code code = NRP_CODE_TOO_MANY;
    struct conn *c = calloc(1, sizeof *c);
    if (c) c->peer = hub_accept(s->hub, now_us, from, c, &code);
    if (!c || !c->peer) {
        s->counts.refused++;
        refuse(fd, code);
        free(c);
        return;
    }
    c->watch = (struct watch){.fd = fd, .ready = conn_ready, .user = s};
    s->counts.connections++;
    list_add(&s->open, c);
    (void)conn_arm(s, c, now_us);
}

/* A slow one that still takes is waited for. */
static void linger_on(struct streams *s, struct conn *c, int64_t now_us)
{
    int untaken = untaken_bytes(c);
    if (untaken >= c->untaken || now_us >= c->last_us) {
        conn_free(s, c);
        return;
    }
    c->untaken = untaken;
    c->until_us = now_us + LINGER_US;
    list_remove(&s->lingering, c); /* the list is in the order of until_us */
    list_add(&s->lingering, c);
}

bool streams_are_over(const struct streams *s)
{
    return s->open.count + s->held.count + s->lingering.count == 0;
}

void streams_tick(struct streams *s, int64_t now_us)
{
    s->ticked_us = now_us;
    for (struct conn *c = s->held.first, *next; c; c = next) {
        next = c->next;
        (void)conn_hold(s, c, !peer_wants_input(c->peer), now_us);
    }
    while (s->lingering.first && s->lingering.first->until_us <= now_us)
        linger_on(s, s->lingering.first, now_us);
}

int64_t streams_deadline(const struct streams *s)
{
    int64_t linger = s->lingering.first ? s->lingering.first->until_us : INT64_MAX;
    int64_t held = s->held.first ? s->ticked_us + HELD_US : INT64_MAX;
    return linger < held ? linger : held;
}

void streams_counts(const struct streams *s, struct streams_counts *out)
{
    *out = s->counts;
}

static void free_all(struct conn_list *l)
{
    for (struct conn *c = l->first, *next; c; c = next) {
        next = c->next;
        (void)close(c->watch.fd);
        free(c);
    }
}

void streams_free(struct streams *s)
{
    if (!s) return;
    free_all(&s->open);
    free_all(&s->held);
    free_all(&s->lingering);
    free(s);
}
