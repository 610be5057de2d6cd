#include "relay/udp_socket.h"

#include <errno.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "relay/address.h"
#include "relay/watch.h"

enum {
    READ_COUNT = 32,
    READ_PLAIN = 2048,   /* a datagram of ours has at most 1200 bytes */
    READ_GRO = 64 << 10, /* a run of them */
    READ_ROUNDS = 8,     /* system calls of one socket in one turn */
    SEND_COUNT = 64,     /* datagrams gathered for a round, and segments of one GSO send */
    SEND_SIZE = 2048,
    SEND_ROUNDS = 32,
    GSO_BYTES_MAX = 65000, /* of an IP packet, headers taken off */
    GSO_FAILURES_MAX = 8,  /* in a row: then it is given up */
};

struct family_socket {
    struct watch watch; /* fd -1: there is none */
    uint32_t overflows; /* the kernel's counter, as it was seen last */
    bool full;
};

/* Datagrams to one address that go out together: all of one size but the last, which may be
 * shorter. */
struct run {
    struct nrp_address to;
    size_t at, len, segment;
    unsigned count;
};

struct udp_socket {
    int epoll;
    struct hub *hub;
    struct family_socket sockets[2]; /* IPv4, IPv6 */
    bool gso;
    unsigned gso_failures; /* since it last worked */
    size_t read_size;
    uint8_t *read_bytes; /* READ_COUNT * read_size */
    struct run runs[SEND_COUNT];
    unsigned run_first, run_count;
    struct udp_counts counts;
    uint8_t send_bytes[SEND_COUNT * SEND_SIZE];
};

/* --- input ------------------------------------------------------------------------------- */

/* What the kernel says beside a datagram. Aligned as cmsghdr wants it. */
union control {
    char bytes[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(uint32_t))];
    struct cmsghdr align;
};

/* Returns the size of the segments of a run; 0: it is one datagram. */
static size_t read_control(struct udp_socket *u, struct family_socket *f, struct msghdr *m)
{
    size_t segment = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL) {
            uint32_t overflows;
            memcpy(&overflows, CMSG_DATA(c), sizeof overflows);
            u->counts.rcvbuf_dropped += overflows - f->overflows;
            f->overflows = overflows;
        } else if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO) {
            int size;
            memcpy(&size, CMSG_DATA(c), sizeof size);
            segment = size > 0 ? (size_t)size : 0;
        }
    }
    return segment;
}

static void give(struct udp_socket *u, const struct nrp_address *from, uint8_t *bytes, size_t len,
                 size_t segment, int64_t now_us)
{
    size_t n;
    u->counts.bytes_in += len;
    if (segment == 0) segment = len;
    for (; len > 0; bytes += n, len -= n) {
        n = len < segment ? len : segment;
        u->counts.datagrams_in++;
        hub_datagram_input(u->hub, now_us, from, bytes, n);
    }
}

static int read_round(struct udp_socket *u, struct family_socket *f, int64_t now_us)
{
    struct mmsghdr messages[READ_COUNT] = {0};
    struct sockaddr_storage from[READ_COUNT];
    struct iovec parts[READ_COUNT];
    union control controls[READ_COUNT];
    for (int i = 0; i < READ_COUNT; i++) {
        parts[i] = (struct iovec){u->read_bytes + (size_t)i * u->read_size, u->read_size};
        messages[i].msg_hdr = (struct msghdr){.msg_name = &from[i],
                                              .msg_namelen = sizeof from[i],
                                              .msg_iov = &parts[i],
                                              .msg_iovlen = 1,
                                              .msg_control = &controls[i],
                                              .msg_controllen = sizeof controls[i]};
    }
    int count = recvmmsg(f->watch.fd, messages, READ_COUNT, MSG_DONTWAIT, NULL);
    for (int i = 0; i < count; i++) {
        struct nrp_address address;
        size_t segment = read_control(u, f, &messages[i].msg_hdr);
        if (messages[i].msg_hdr.msg_flags & MSG_TRUNC) {
            u->counts.truncated++;
            continue;
        }
        address_read(&from[i], &address);
        give(u, &address, parts[i].iov_base, messages[i].msg_len, segment, now_us);
    }
    return count;
}

static void udp_ready(struct watch *w, uint32_t events, int64_t now_us)
{
    struct udp_socket *u = w->user;
    struct family_socket *f = (struct family_socket *)w;
    if (events & EPOLLOUT) {
        f->full = false;
        (void)watch_set(u->epoll, w, EPOLLIN);
    }
    /* A pending error (ICMP) is the socket's, not any session's: reading takes it off. */
    for (int i = 0; i < READ_ROUNDS; i++)
        if (read_round(u, f, now_us) < READ_COUNT) return;
}

/* --- output ------------------------------------------------------------------------------ */

static struct family_socket *socket_for(struct udp_socket *u, const struct nrp_address *to)
{
    return &u->sockets[to->family == 6];
}

static bool joins(const struct udp_socket *u, const struct run *r, const struct nrp_address *to,
                  size_t len)
{
    bool group = to->family == 4 && to->ip[0] >= 224; /* one by one: receivers take no runs */
    return u->gso && !group && len <= r->segment && r->len % r->segment == 0 &&
           r->len + len <= GSO_BYTES_MAX && memcmp(&r->to, to, sizeof *to) == 0;
}

/* False: the hub has nothing more. */
static bool gather(struct udp_socket *u, int64_t now_us)
{
    struct nrp_address to;
    size_t used = 0;
    u->run_first = u->run_count = 0;
    for (int i = 0; i < SEND_COUNT; i++) {
        size_t n = hub_datagram(u->hub, now_us, u->send_bytes + used, SEND_SIZE, &to);
        if (n == 0) return false;
        struct run *last = u->run_count ? &u->runs[u->run_count - 1] : NULL;
        if (last && joins(u, last, &to, n)) {
            last->len += n;
            last->count++;
        } else {
            u->runs[u->run_count++] = (struct run){
                .to = to, .at = used, .len = n, .segment = n, .count = 1};
        }
        used += n;
    }
    return true;
}

union segment_control {
    char bytes[CMSG_SPACE(sizeof(uint16_t))];
    struct cmsghdr align;
};

static void put_segment(struct msghdr *m, union segment_control *control, size_t segment)
{
    uint16_t size = (uint16_t)segment;
    memset(control, 0, sizeof *control);
    m->msg_control = control;
    m->msg_controllen = sizeof control->bytes;
    struct cmsghdr *c = CMSG_FIRSTHDR(m);
    c->cmsg_level = SOL_UDP;
    c->cmsg_type = UDP_SEGMENT;
    c->cmsg_len = CMSG_LEN(sizeof size);
    memcpy(CMSG_DATA(c), &size, sizeof size);
}

static void run_sent(struct udp_socket *u, const struct run *r)
{
    u->counts.datagrams_out += r->count;
    u->counts.bytes_out += r->len;
    if (r->count > 1) u->gso_failures = 0;
}

/* The first run, again without GSO, one by one. What the socket does not take is dropped: this is
 * rare, as a device that is not able to do it is not asked for long. */
static void send_singly(struct udp_socket *u, const struct run *r)
{
    struct sockaddr_storage to;
    socklen_t to_len = address_write(&r->to, &to);
    int fd = socket_for(u, &r->to)->watch.fd;
    for (size_t at = 0; at < r->len; at += r->segment) {
        size_t n = r->len - at < r->segment ? r->len - at : r->segment;
        ssize_t sent = sendto(fd, u->send_bytes + r->at + at, n, MSG_NOSIGNAL | MSG_DONTWAIT,
                              (const struct sockaddr *)&to, to_len);
        if (sent < 0) u->counts.send_failed++;
        else run_sent(u, &(struct run){.count = 1, .len = n});
    }
}

/* The first run could not be sent. False: it waits for room. */
static bool pass_over(struct udp_socket *u, struct family_socket *f)
{
    const struct run *r = &u->runs[u->run_first];
    if (errno == EINTR) return true;
    if (errno == EAGAIN) {
        f->full = true;
        (void)watch_set(u->epoll, &f->watch, EPOLLIN | EPOLLOUT);
        return false;
    }
    bool no_gso = r->count > 1 && (errno == EIO || errno == EINVAL || errno == EOPNOTSUPP);
    if (no_gso) {
        if (++u->gso_failures >= GSO_FAILURES_MAX) u->gso = false;
        send_singly(u, r);
    } else {
        u->counts.send_failed += r->count;
    }
    u->run_first++;
    return true;
}

/* Runs to one family, in one system call. False: a socket is full. */
static bool send_round(struct udp_socket *u)
{
    struct mmsghdr messages[SEND_COUNT] = {0};
    struct sockaddr_storage to[SEND_COUNT];
    struct iovec parts[SEND_COUNT];
    union segment_control controls[SEND_COUNT];
    unsigned count = 0;
    struct family_socket *f = socket_for(u, &u->runs[u->run_first].to);
    for (unsigned i = u->run_first; i < u->run_count; i++) {
        const struct run *r = &u->runs[i];
        if (socket_for(u, &r->to) != f) break;
        parts[count] = (struct iovec){u->send_bytes + r->at, r->len};
        messages[count].msg_hdr = (struct msghdr){.msg_name = &to[count],
                                                  .msg_namelen = address_write(&r->to, &to[count]),
                                                  .msg_iov = &parts[count],
                                                  .msg_iovlen = 1};
        if (r->count > 1) put_segment(&messages[count].msg_hdr, &controls[count], r->segment);
        count++;
    }
    int sent = sendmmsg(f->watch.fd, messages, count, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) return pass_over(u, f);
    for (int i = 0; i < sent; i++)
        run_sent(u, &u->runs[u->run_first++]);
    return true;
}

bool udp_socket_flush(struct udp_socket *u, int64_t now_us)
{
    bool more = true;
    for (int round = 0; round < SEND_ROUNDS && more; round++) {
        while (u->run_first < u->run_count)
            if (socket_for(u, &u->runs[u->run_first].to)->full || !send_round(u)) return false;
        more = gather(u, now_us);
    }
    while (u->run_first < u->run_count)
        if (!send_round(u)) return false;
    return more;
}

bool udp_socket_is_empty(const struct udp_socket *u)
{
    return u->run_first == u->run_count;
}

void udp_socket_counts(const struct udp_socket *u, struct udp_counts *out)
{
    *out = u->counts;
}

/* --- making ------------------------------------------------------------------------------ */

/* Asks the kernel what it can: both are properties of the socket. */
static void probe(struct udp_socket *u, int fd)
{
    int on = 1, segment = 0;
    socklen_t len = sizeof segment;
    if (setsockopt(fd, SOL_UDP, UDP_GRO, &on, sizeof on) == 0) u->read_size = READ_GRO;
    if (getsockopt(fd, SOL_UDP, UDP_SEGMENT, &segment, &len) != 0) u->gso = false;
}

static bool take_sockets(struct udp_socket *u, const struct listeners *l, unsigned reactor,
                         struct news_error *err)
{
    for (size_t i = 0; i < listeners_count(l); i++) {
        const struct listener *at = listeners_at(l, i);
        if (at->kind != LISTEN_UDP || at->reactor != reactor) continue;
        struct family_socket *f = &u->sockets[at->address.family == 6];
        f->watch = (struct watch){.fd = at->fd, .ready = udp_ready, .user = u};
        probe(u, at->fd);
        if (!watch_set(u->epoll, &f->watch, EPOLLIN))
            return news_fail(err, NEWS_ERR_IO, "epoll_ctl: %s", strerror(errno));
    }
    u->read_bytes = malloc(READ_COUNT * u->read_size);
    return u->read_bytes || news_fail(err, NEWS_ERR_MEMORY, "out of memory");
}

struct udp_socket *udp_socket_new(int epoll, const struct listeners *l, unsigned reactor,
                                  struct hub *hub, struct news_error *err)
{
    struct udp_socket *u = calloc(1, sizeof *u);
    if (!u) {
        news_fail(err, NEWS_ERR_MEMORY, "out of memory");
        return NULL;
    }
    u->epoll = epoll;
    u->hub = hub;
    u->gso = true;
    u->read_size = READ_PLAIN;
    u->sockets[0].watch.fd = u->sockets[1].watch.fd = -1;
    if (take_sockets(u, l, reactor, err)) return u;
    udp_socket_free(u);
    return NULL;
}

void udp_socket_free(struct udp_socket *u)
{
    if (!u) return;
    free(u->read_bytes);
    free(u);
}
