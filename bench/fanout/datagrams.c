#include "bench/fanout/datagrams.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/fanout/peer.h"
#include "common/nrp/client.h"

#ifndef UDP_GRO
#define UDP_GRO 104 /* linux/udp.h; glibc 2.36 has no name for it */
#endif

#define RECEIVE_BYTES (8 << 20)
#define BURST_BYTES   (64 << 10)
#define STUCK_US      10000000

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int fail(const char *what)
{
    fprintf(stderr, "fanout: %s: %s\n", what, strerror(errno));
    return 1;
}

static int loopback_socket(int type, int port, bool connects)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                            .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0), one = 1, bytes = RECEIVE_BYTES;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes);
    if (type == SOCK_STREAM) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if ((connects ? connect : bind)(fd, (struct sockaddr *)&a, sizeof a) == 0) return fd;
    close(fd);
    return -1;
}

/* --- bare -------------------------------------------------------------------------------- */

static int send_all(int port, unsigned long count, unsigned long size)
{
    static char bytes[PEER_MESSAGE];
    int fd = loopback_socket(SOCK_DGRAM, port, true);
    int64_t start = now_us();
    for (unsigned long i = 0; i < count; i++)
        if (send(fd, bytes, size, 0) < 0 && errno != ECONNREFUSED) return fail("send");
    printf("peer=sendto size=%lu sent=%lu sent_per_s=%.0f", size, count,
           (double)count * 1e6 / (double)(now_us() - start));
    fflush(stdout);
    return 0;
}

int datagrams_bare(unsigned long count, unsigned long size)
{
    struct sockaddr_in a;
    socklen_t len = sizeof a;
    char bytes[PEER_MESSAGE];
    unsigned long received = 0;
    int64_t start = 0, last = 0;
    int fd = loopback_socket(SOCK_DGRAM, 0, false), status;
    if (fd < 0 || getsockname(fd, (struct sockaddr *)&a, &len)) return fail("bind");
    pid_t child = fork();
    if (child == 0) _exit(send_all(ntohs(a.sin_port), count, size));
    struct pollfd p = {.fd = fd, .events = POLLIN};
    while (poll(&p, 1, 500) > 0) /* half a second of silence is the end */
        while (recv(fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0) {
            received++;
            last = now_us();
            if (!start) start = last;
        }
    if (waitpid(child, &status, 0) != child || status != 0) return fail("the sender");
    printf(" received=%lu lost=%lu per_s=%.0f\n", received, count - received,
           received ? (double)received * 1e6 / (double)(last - start + 1) : 0);
    return 0;
}

/* --- over the relay ---------------------------------------------------------------------- */

struct subscriber {
    struct nrp_client *client;
    int fd;
    unsigned long received, lost;
    bool up, subscribed, down;
};

static void on_up(void *user, const struct nrp_welcome *w)
{
    (void)w;
    ((struct subscriber *)user)->up = true;
}

static void on_down(void *user, const struct news_error *why)
{
    fprintf(stderr, "fanout: %s\n", why ? why->message : "closed");
    ((struct subscriber *)user)->down = true;
}

static void on_item(void *user, const struct nrp_delivery *d)
{
    (void)d;
    ((struct subscriber *)user)->received++;
}

static void on_published(void *user, uint64_t token, unsigned code)
{
    (void)user, (void)token, (void)code;
}

static void on_subscribed(void *user, const char *filter, unsigned code)
{
    (void)filter;
    ((struct subscriber *)user)->subscribed = code == NRP_OK;
}

static void on_lost(void *user, uint64_t count)
{
    ((struct subscriber *)user)->lost += count;
}

static void read_burst(struct subscriber *s)
{
    static uint8_t bytes[BURST_BYTES];
    char control[CMSG_SPACE(sizeof(int))];
    struct iovec all = {bytes, sizeof bytes};
    struct msghdr m = {
        .msg_iov = &all, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t n;
    while ((n = recvmsg(s->fd, &m, MSG_DONTWAIT)) > 0) {
        int segment = (int)n;
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        if (c && c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO)
            memcpy(&segment, CMSG_DATA(c), sizeof segment);
        for (ssize_t at = 0; at < n; at += segment)
            nrp_client_input(s->client, now_us(), bytes + at,
                             (size_t)(n - at < segment ? n - at : segment));
        m.msg_controllen = sizeof control;
    }
}

static void serve(struct subscriber *s)
{
    uint8_t out[NRP_DATAGRAM_MAX];
    size_t len;
    read_burst(s);
    nrp_client_accept(s->client, now_us());
    nrp_client_tick(s->client, now_us());
    while ((len = nrp_client_datagram(s->client, now_us(), out)) > 0)
        (void)send(s->fd, out, len, 0);
}

static bool open_subscriber(struct subscriber *s, int port)
{
    struct nrp_client_config config = {.datagrams = true, .client_id = "bench subscriber"};
    const struct nrp_client_events events = {.user = s,
                                             .on_up = on_up,
                                             .on_down = on_down,
                                             .on_item = on_item,
                                             .on_published = on_published,
                                             .on_subscribed = on_subscribed,
                                             .on_lost = on_lost};
    int one = 1;
    struct news_error err;
    s->fd = loopback_socket(SOCK_DGRAM, port, true);
    setsockopt(s->fd, SOL_UDP, UDP_GRO, &one, sizeof one);
    s->client = nrp_client_new(&config, &events, &nrp_random_system, now_us(), &err);
    bool asked = false;
    while (s->client && !s->subscribed && !s->down) {
        serve(s);
        if (s->up && !asked) asked = nrp_client_subscribe(s->client, PEER_TOPIC, 1, false, &err);
        struct pollfd p = {.fd = s->fd, .events = POLLIN};
        serve(s);
        poll(&p, 1, 10);
    }
    return s->subscribed;
}

struct publisher {
    int fd;
    uint8_t out[64 << 10];
    size_t len, at;
    unsigned long made;
};

/* True: there is more to write at once. */
static bool publish(struct publisher *p, const struct peer_run *run, unsigned long until)
{
    static const uint8_t payload[PEER_MESSAGE];
    if (p->at == p->len) p->at = p->len = 0;
    while (p->made < until && sizeof p->out - p->len > PEER_MESSAGE)
        p->len += peer_find("relay")->encode(p->out + p->len, payload, ++p->made, run);
    if (p->at == p->len) return false;
    ssize_t n = send(p->fd, p->out + p->at, p->len - p->at, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n > 0) p->at += (size_t)n;
    return n > 0 && p->made < until;
}

int datagrams_relay(const char *port, unsigned long count, unsigned long size, unsigned long rate,
                    unsigned long window)
{
    struct subscriber s = {0};
    struct publisher p = {0};
    const struct peer_run run = {size, 1, 0};
    int number = (int)strtol(port, NULL, 10);
    p.fd = loopback_socket(SOCK_STREAM, number, true);
    if (p.fd < 0 || !peer_find("relay")->greet_publisher(p.fd, &run)) return fail("the relay");
    if (!open_subscriber(&s, number)) return fail("subscribing");
    int64_t start = now_us(), moved = start;
    for (unsigned long before = 0; s.received < count && !s.down;) {
        unsigned long until = s.received + s.lost + window;
        unsigned long due = rate ? (unsigned long)(now_us() - start) * rate / 1000000 + 1 : count;
        if (until > due) until = due;
        bool more = publish(&p, &run, until < count ? until : count);
        serve(&s);
        if (s.received != before) moved = now_us();
        else if (now_us() - moved > STUCK_US) break;
        before = s.received;
        struct pollfd fds[2] = {{.fd = s.fd, .events = POLLIN},
                                {.fd = p.fd, .events = p.at < p.len ? POLLOUT : 0}};
        if (!more) poll(fds, 2, 1);
    }
    struct nrp_client_counts c;
    nrp_client_counts(s.client, &c);
    printf("peer=relay-udp size=%lu rate=%lu delivered=%lu lost=%lu per_s=%.0f holes=%llu "
           "repaired=%llu resyncs=%llu\n",
           size, rate, s.received, count - s.received,
           (double)s.received * 1e6 / (double)(now_us() - start),
           (unsigned long long)c.receiver.holes, (unsigned long long)c.receiver.repaired,
           (unsigned long long)c.resyncs);
    nrp_client_free(s.client);
    return 0;
}
