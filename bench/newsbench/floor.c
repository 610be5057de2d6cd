/* The floor: no server at all. Each publisher sends to each subscriber over plain TCP or UDP, the
 * same payload, so that what a server and its protocol cost can be told from what sockets cost.
 *
 * TCP: 4 bytes of length, big endian, before each payload. A subscriber that does not read holds
 * its publishers back once FULL_BYTES wait for it. UDP: a payload is a datagram; nothing is
 * repaired. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/newsbench/port.h"
#include "common/buf.h"

#define LENGTH_SIZE   4
#define FULL_BYTES    ((size_t)1 << 20)
#define READ_BYTES    ((size_t)64 << 10)
#define READS_MAX     64 /* of one turn */
#define SOCKET_BUFFER (4 << 20)
#define CONNECT_MS    30000

struct wire { /* one TCP connection, or a UDP socket */
    int fd;
    struct buf waiting; /* publishers: not written yet; subscribers: not parsed yet */
};

struct floor {
    struct port base;
    struct port_events events;
    struct board *board;
    bool tcp, nagle, unchecked, publishes, told, reading, over;
    size_t payload_max;
    struct in_addr address;
    int listener; /* a TCP subscriber's */
    struct wire *wires;
    size_t wire_count, wire_room;
    size_t resume; /* UDP: subscribers up to here have the message the socket had no room for */
    char *bytes;   /* READ_BYTES, or a whole payload */
};

static struct floor *floor_of(struct port *p)
{
    return (struct floor *)p;
}

static bool failed(struct news_error *err, const char *what)
{
    return news_fail(err, NEWS_ERR_IO, "floor: %s: %s", what, strerror(errno));
}

static void over(struct floor *f, const char *what)
{
    struct news_error why;
    if (f->over) return;
    f->over = true;
    news_fail(&why, NEWS_ERR_UNREACHABLE, "floor: %s", what);
    f->events.on_over(f->events.user, &why);
}

static void set_option(int fd, int level, int name, int value)
{
    (void)setsockopt(fd, level, name, &value, sizeof value);
}

static int open_socket(const struct floor *f)
{
    int type = (f->tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK;
    int fd = socket(AF_INET, type, 0);
    if (fd < 0) return -1;
    if (f->tcp) {
        set_option(fd, IPPROTO_TCP, TCP_NODELAY, !f->nagle); /* accepted sockets inherit it */
        return fd;
    }
    int size = SOCKET_BUFFER; /* FORCE: beyond net.core.rmem_max, for the privileged */
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) != 0)
        set_option(fd, SOL_SOCKET, SO_RCVBUF, size);
    set_option(fd, SOL_SOCKET, SO_SNDBUF, size);
    if (f->unchecked) set_option(fd, SOL_SOCKET, SO_NO_CHECK, 1);
    return fd;
}

static bool add_wire(struct floor *f, int fd)
{
    if (fd < 0 || f->wire_count == f->wire_room) {
        if (fd >= 0) close(fd);
        return false;
    }
    f->wires[f->wire_count++] = (struct wire){.fd = fd};
    return true;
}

/* --- publishers ---------------------------------------------------------------------------- */

static struct sockaddr_in address_of(const struct floor *f, size_t subscriber)
{
    unsigned port = f->board->subscriber[subscriber].port;
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = f->address};
}

static bool all_connected(struct floor *f, struct news_error *err)
{
    for (size_t i = 0; i < f->wire_count; i++) {
        struct pollfd fd = {.fd = f->wires[i].fd, .events = POLLOUT};
        int error = ETIMEDOUT;
        socklen_t len = sizeof error;
        if (poll(&fd, 1, CONNECT_MS) == 1)
            (void)getsockopt(fd.fd, SOL_SOCKET, SO_ERROR, &error, &len);
        if (error) return errno = error, failed(err, "connecting");
    }
    return true;
}

/* All at once, then one after the other: it takes a round trip, not one for each. */
static bool connect_all(struct floor *f, struct news_error *err)
{
    for (size_t i = 0; i < f->board->subscribers; i++) {
        struct sockaddr_in to = address_of(f, i);
        int fd = open_socket(f);
        if (!add_wire(f, fd)) return failed(err, "a socket");
        if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0 && errno != EINPROGRESS)
            return failed(err, "connecting");
    }
    return all_connected(f, err);
}

static bool open_publisher(struct floor *f, struct news_error *err)
{
    if (f->tcp) return connect_all(f, err);
    return add_wire(f, open_socket(f)) || failed(err, "a socket");
}

static void write_waiting(struct floor *f, struct wire *w)
{
    while (w->waiting.len > 0) {
        ssize_t sent = send(w->fd, w->waiting.data, w->waiting.len, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0 && errno != EAGAIN) over(f, strerror(errno));
        if (sent <= 0) return;
        buf_consume(&w->waiting, (size_t)sent);
    }
}

static enum transport_answer publish_tcp(struct floor *f, const struct message *m)
{
    uint32_t length = htonl((uint32_t)m->payload_len);
    for (size_t i = 0; i < f->wire_count; i++)
        if (f->wires[i].waiting.len > FULL_BYTES) return TRANSPORT_FULL;
    for (size_t i = 0; i < f->wire_count; i++) {
        struct wire *w = &f->wires[i];
        buf_put(&w->waiting, &length, LENGTH_SIZE);
        buf_put(&w->waiting, m->payload, m->payload_len);
        if (!buf_ok(&w->waiting)) over(f, "out of memory");
        write_waiting(f, w);
    }
    return TRANSPORT_TAKEN;
}

/* ICMP's word that a subscriber has gone is for the next send alone, which is made again. */
static enum transport_answer publish_udp(struct floor *f, const struct message *m)
{
    for (bool again = true; f->resume < f->board->subscribers;) {
        struct sockaddr_in to = address_of(f, f->resume);
        ssize_t sent = sendto(f->wires[0].fd, m->payload, m->payload_len, MSG_NOSIGNAL,
                              (struct sockaddr *)&to, sizeof to);
        if (sent < 0 && (errno == EAGAIN || errno == ENOBUFS)) return TRANSPORT_FULL;
        if (sent < 0 && again) {
            again = false;
            continue;
        }
        again = true;
        f->resume++;
    }
    f->resume = 0;
    return TRANSPORT_TAKEN;
}

static enum transport_answer floor_publish(struct port *p, const struct message *m, uint64_t token,
                                           struct news_error *err)
{
    (void)token, (void)err;
    struct floor *f = floor_of(p);
    return (f->tcp ? publish_tcp : publish_udp)(f, m);
}

/* --- subscribers --------------------------------------------------------------------------- */

static bool open_subscriber(struct floor *f, size_t number, struct news_error *err)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = f->address};
    socklen_t len = sizeof at;
    int fd = open_socket(f);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &len) != 0 ||
        (f->tcp && listen(fd, SOMAXCONN) != 0)) {
        failed(err, "a socket");
        if (fd >= 0) close(fd);
        return false;
    }
    if (f->tcp) f->listener = fd;
    else (void)add_wire(f, fd);
    f->board->subscriber[number].port = ntohs(at.sin_port);
    return true;
}

static void accept_all(struct floor *f)
{
    int fd;
    while ((fd = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0)
        if (!add_wire(f, fd)) over(f, "more publishers than there are");
}

static void parse(struct floor *f, struct wire *w)
{
    size_t at = 0;
    uint32_t length;
    while (w->waiting.len - at >= LENGTH_SIZE) {
        memcpy(&length, w->waiting.data + at, LENGTH_SIZE);
        length = ntohl(length);
        if (length > f->payload_max) {
            over(f, "a length that nobody sent");
            return;
        }
        if (w->waiting.len - at < LENGTH_SIZE + (size_t)length) break;
        f->events.on_item(f->events.user, w->waiting.data + at + LENGTH_SIZE, length);
        at += LENGTH_SIZE + (size_t)length;
    }
    buf_consume(&w->waiting, at);
}

/* False: nothing more for now. */
static bool read_stream(struct floor *f, struct wire *w)
{
    ssize_t got = recv(w->fd, f->bytes, READ_BYTES, 0);
    if (got == 0) over(f, "a publisher has gone");
    else if (got < 0 && errno != EAGAIN && errno != EINTR) over(f, strerror(errno));
    if (got <= 0) return false;
    buf_put(&w->waiting, f->bytes, (size_t)got);
    parse(f, w);
    return (size_t)got == READ_BYTES;
}

static bool read_datagram(struct floor *f, struct wire *w)
{
    ssize_t got = recv(w->fd, f->bytes, READ_BYTES, 0);
    if (got < 0) return errno == EINTR;
    f->events.on_item(f->events.user, f->bytes, (size_t)got);
    return true;
}

static void read_wire(struct floor *f, struct wire *w)
{
    for (int reads = 0; reads < READS_MAX && f->reading && !f->over; reads++)
        if (!(f->tcp ? read_stream : read_datagram)(f, w)) return;
}

/* --- both ---------------------------------------------------------------------------------- */

static size_t floor_polls(struct port *p, struct pollfd *out, size_t room, int64_t *deadline_ns)
{
    struct floor *f = floor_of(p);
    size_t count = 0;
    if (!f->told) *deadline_ns = 0;
    if (f->listener >= 0 && f->wire_count < f->wire_room && room > 0)
        out[count++] = (struct pollfd){.fd = f->listener, .events = POLLIN};
    for (size_t i = 0; i < f->wire_count && count < room; i++) {
        const struct wire *w = &f->wires[i];
        if (f->publishes ? w->waiting.len > 0 || f->resume > 0 : f->reading)
            out[count++] = (struct pollfd){.fd = w->fd, .events = f->publishes ? POLLOUT : POLLIN};
    }
    return count;
}

static void floor_service(struct port *p, const struct pollfd *fds, size_t count)
{
    (void)fds, (void)count;
    struct floor *f = floor_of(p);
    if (!f->told) {
        f->told = true;
        f->events.on_up(f->events.user);
    }
    if (f->listener >= 0 && f->wire_count < f->wire_room) accept_all(f);
    for (size_t i = 0; i < f->wire_count && !f->over; i++) {
        if (!f->publishes) read_wire(f, &f->wires[i]);
        else if (f->tcp) write_waiting(f, &f->wires[i]);
    }
}

static void floor_set_reading(struct port *p, bool on)
{
    floor_of(p)->reading = on;
}

static const struct port_ops floor_ops = {.publish = floor_publish,
                                          .polls = floor_polls,
                                          .service = floor_service,
                                          .set_reading = floor_set_reading};

static bool prepare(struct floor *f, const struct port_setup *s, struct news_error *err)
{
    size_t peers = s->publishes ? s->board->subscribers : s->board->publishers;
    f->wire_room = f->tcp ? peers : 1;
    f->wires = calloc(f->wire_room, sizeof *f->wires);
    f->bytes = malloc(READ_BYTES);
    if (!f->wires || !f->bytes) return news_fail(err, NEWS_ERR_MEMORY, "out of memory");
    if (inet_pton(AF_INET, s->address, &f->address) != 1)
        return news_fail(err, NEWS_ERR_USAGE, "floor: %.40s is no address", s->address);
    return s->publishes ? open_publisher(f, err) : open_subscriber(f, s->number, err);
}

static void destroy(struct floor *f)
{
    for (size_t i = 0; f->wires && i < f->wire_count; i++)
        close(f->wires[i].fd);
    free(f->wires);
    free(f->bytes);
    free(f);
}

struct port *port_floor_open(const struct port_setup *s, const struct port_events *events,
                             struct news_error *err)
{
    struct floor *f = calloc(1, sizeof *f);
    if (!f) {
        news_fail(err, NEWS_ERR_MEMORY, "out of memory");
        return NULL;
    }
    f->base.ops = &floor_ops;
    f->events = *events;
    f->board = s->board;
    f->tcp = strcmp(s->carrier->scheme, "tcp") == 0;
    f->nagle = s->carrier->nagle;
    f->unchecked = s->unchecked;
    f->publishes = s->publishes;
    f->payload_max = s->payload_max;
    f->reading = true;
    f->listener = -1;
    if (prepare(f, s, err)) return &f->base;
    destroy(f);
    return NULL;
}
