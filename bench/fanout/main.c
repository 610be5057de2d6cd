/* fanout - how many messages a second a server hands out, and how late, seen by raw clients.
 *
 * One thread, one epoll loop for all clients, so that on two cores the server has the other one. In
 * rate mode each message carries the time it was due, not the time it was sent: a server that makes
 * the publisher wait is charged for it. bench/fanout.sh runs it against each peer in turn. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "bench/fanout/bare.h"
#include "bench/fanout/datagrams.h"
#include "bench/fanout/peer.h"

#define CLIENTS_MAX   256
#define READ_BYTES    (256u << 10)
#define WRITE_BYTES   (128u << 10)
#define LATENCIES_MAX 4000000u
#define STUCK_NS      20000000000ll

struct options {
    const char *peer, *address; /* PORT, or a path */
    unsigned publishers, subscribers, size, qos, window;
    unsigned long count, rate; /* of each publisher; rate 0: as fast as it goes */
    long server_pid;
};

struct client {
    int fd;
    bool publishes;
    /* a publisher: messages put into out, bytes of it written */
    uint64_t made, answered_bytes;
    uint8_t *out;
    size_t out_len, out_at;
    /* a subscriber */
    uint64_t bytes, messages;
    uint8_t part[PEER_MESSAGE]; /* an unfinished message, where messages are looked at */
    size_t part_len;
    uint8_t *acks;
    size_t acks_len;
};

struct bench {
    const struct options *o;
    const struct peer *peer;
    struct peer_run run;
    struct client *clients;
    unsigned count;
    int epoll;
    size_t delivered, payload_at, answer;
    bool looks;                 /* at each message: for its time, or to acknowledge it */
    uint8_t same[PEER_MESSAGE]; /* the one message of a run that does not look at them */
    size_t same_len;
    int64_t start_ns;
    uint32_t *latencies_us;
    size_t latency_count;
    uint8_t *read;
};

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void fail(const char *what)
{
    fprintf(stderr, "fanout: %s\n", what);
    exit(1);
}

/* --- connecting -------------------------------------------------------------------------- */

static int connect_to(const char *address)
{
    struct sockaddr_in tcp = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_un path = {.sun_family = AF_UNIX};
    bool is_path = *address == '/';
    int fd = socket(is_path ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    snprintf(path.sun_path, sizeof path.sun_path, "%s", address);
    tcp.sin_port = htons((uint16_t)strtoul(address, NULL, 10));
    if (fd < 0 || (is_path ? connect(fd, (struct sockaddr *)&path, sizeof path)
                           : connect(fd, (struct sockaddr *)&tcp, sizeof tcp)) != 0)
        fail("cannot connect");
    if (!is_path) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

static void open_client(struct bench *b, bool publishes)
{
    struct client *c = &b->clients[b->count++];
    c->fd = connect_to(b->o->address);
    c->publishes = publishes;
    if (!(publishes ? b->peer->greet_publisher : b->peer->greet_subscriber)(c->fd, &b->run))
        fail("the server did not greet");
    c->out = publishes ? malloc(WRITE_BYTES) : NULL;
    c->acks = publishes ? NULL : malloc(READ_BYTES);
    if (!c->out && !c->acks) fail("out of memory");
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c};
    epoll_ctl(b->epoll, EPOLL_CTL_ADD, c->fd, &e);
}

/* --- receiving --------------------------------------------------------------------------- */

static void look_at(struct bench *b, struct client *c, const uint8_t *message)
{
    uint64_t due_ns;
    c->messages++;
    if (b->o->rate && b->latency_count < LATENCIES_MAX) {
        memcpy(&due_ns, message + b->payload_at, sizeof due_ns);
        int64_t late = now_ns() - (int64_t)due_ns;
        b->latencies_us[b->latency_count++] = (uint32_t)(late > 0 ? late / 1000 : 0);
    }
    if (b->peer->acknowledge)
        c->acks_len += b->peer->acknowledge(c->acks + c->acks_len, message, c->messages, &b->run);
}

static void look_at_all(struct bench *b, struct client *c, const uint8_t *bytes, size_t len)
{
    size_t at = 0;
    if (c->part_len) {
        size_t missing = b->delivered - c->part_len;
        at = missing < len ? missing : len;
        memcpy(c->part + c->part_len, bytes, at);
        c->part_len += at;
        if (c->part_len < b->delivered) return;
        look_at(b, c, c->part);
    }
    for (; len - at >= b->delivered; at += b->delivered)
        look_at(b, c, bytes + at);
    c->part_len = len - at;
    memcpy(c->part, bytes + at, c->part_len);
}

static void send_acks(struct client *c)
{
    size_t at = 0;
    while (at < c->acks_len) {
        ssize_t n = send(c->fd, c->acks + at, c->acks_len - at, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN) fail("the server closed the connection");
        if (n > 0) at += (size_t)n;
    }
    c->acks_len = 0;
}

static void receive(struct bench *b, struct client *c)
{
    for (;;) {
        ssize_t n = recv(c->fd, b->read, READ_BYTES, 0);
        if (n < 0 && errno == EAGAIN) return;
        if (n <= 0) fail("the server closed the connection");
        if (c->publishes) {
            c->answered_bytes += (size_t)n;
            continue;
        }
        c->bytes += (uint64_t)n;
        if (b->looks) look_at_all(b, c, b->read, (size_t)n);
        else c->messages = c->bytes / b->delivered;
        if (c->acks_len) send_acks(c);
        if ((size_t)n < READ_BYTES) return;
    }
}

/* --- sending ----------------------------------------------------------------------------- */

static uint64_t slowest(const struct bench *b)
{
    uint64_t least = UINT64_MAX;
    for (unsigned i = 0; i < b->count; i++)
        if (!b->clients[i].publishes && b->clients[i].messages < least)
            least = b->clients[i].messages;
    return least;
}

/* How many may be made now: within the window of the slowest subscriber and of the answers, and not
 * before they are due. */
static uint64_t allowed(const struct bench *b, const struct client *c)
{
    uint64_t share = (b->o->window + b->o->publishers - 1) / b->o->publishers;
    uint64_t most = slowest(b) / b->o->publishers + share;
    if (b->answer) {
        uint64_t answered = c->answered_bytes / b->answer + share;
        if (answered < most) most = answered;
    }
    if (b->o->rate) {
        uint64_t due = (uint64_t)(now_ns() - b->start_ns) * b->o->rate / 1000000000u + 1;
        if (due < most) most = due;
    }
    return most < b->o->count ? most : b->o->count;
}

static void make(struct bench *b, struct client *c)
{
    uint8_t payload[PEER_MESSAGE] = {0};
    uint64_t until = allowed(b, c);
    if (c->out_at == c->out_len) c->out_at = c->out_len = 0;
    while (c->made < until && WRITE_BYTES - c->out_len >= PEER_MESSAGE) {
        if (b->same_len) {
            memcpy(c->out + c->out_len, b->same, b->same_len);
            c->out_len += b->same_len;
            c->made++;
            continue;
        }
        uint64_t due_ns = (uint64_t)b->start_ns;
        if (b->o->rate) due_ns += c->made * 1000000000u / b->o->rate;
        memcpy(payload, &due_ns, sizeof due_ns);
        c->out_len += b->peer->encode(c->out + c->out_len, payload, ++c->made, &b->run);
    }
}

/* True: the socket took all there was, and there may be more to make. */
static bool send_some(struct bench *b, struct client *c)
{
    make(b, c);
    if (c->out_at == c->out_len) return false;
    ssize_t n = send(c->fd, c->out + c->out_at, c->out_len - c->out_at, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN) fail("the server closed the connection");
    if (n > 0) c->out_at += (size_t)n;
    return c->out_at == c->out_len;
}

/* --- the run ----------------------------------------------------------------------------- */

static long server_ticks(long pid)
{
    char path[64], text[1024];
    if (!pid) return 0;
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    FILE *f = fopen(path, "r");
    if (!f) return 0;
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[n] = '\0';
    char *at = strrchr(text, ')');
    long user = 0, system = 0;
    if (at) sscanf(at, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld", &user, &system);
    return user + system;
}

static int64_t next_wait_ns(const struct bench *b)
{
    int64_t wait = 1000000000;
    if (!b->o->rate) return wait;
    for (unsigned i = 0; i < b->count; i++) {
        const struct client *c = &b->clients[i];
        if (!c->publishes || c->made >= b->o->count) continue;
        int64_t due = b->start_ns + (int64_t)(c->made * 1000000000u / b->o->rate) - now_ns();
        if (due < wait) wait = due > 0 ? due : 0;
    }
    return wait;
}

static void run(struct bench *b)
{
    struct epoll_event events[CLIENTS_MAX];
    uint64_t expected = b->o->count * b->o->publishers, before = 0;
    int64_t moved_ns = now_ns();
    b->start_ns = moved_ns;
    while (slowest(b) < expected) {
        bool more = false;
        for (unsigned i = 0; i < b->count; i++)
            if (b->clients[i].publishes) more |= send_some(b, &b->clients[i]) && !b->o->rate;
        int64_t wait = more ? 0 : next_wait_ns(b);
        struct timespec t = {wait / 1000000000, wait % 1000000000};
        int n = epoll_pwait2(b->epoll, events, CLIENTS_MAX, &t, NULL);
        for (int i = 0; i < n; i++)
            if (events[i].events & (EPOLLIN | EPOLLHUP)) receive(b, events[i].data.ptr);
        if (slowest(b) > before) {
            before = slowest(b);
            moved_ns = now_ns();
        } else if (now_ns() - moved_ns > STUCK_NS) {
            return; /* lost: reported as such */
        }
    }
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static uint32_t percentile(const struct bench *b, double share)
{
    if (!b->latency_count) return 0;
    return b->latencies_us[(size_t)((double)(b->latency_count - 1) * share)];
}

/* One line, for people and for awk: name=value. */
static void report(struct bench *b, int64_t took_ns, long ticks)
{
    uint64_t messages = 0;
    for (unsigned i = 0; i < b->count; i++)
        messages += b->clients[i].messages;
    uint64_t expected = b->o->count * b->o->publishers * b->o->subscribers;
    double cpu_us = (double)ticks * 1e6 / (double)sysconf(_SC_CLK_TCK);
    printf("peer=%s qos=%u publishers=%u subscribers=%u size=%u delivered=%llu lost=%llu "
           "per_s=%.0f server_us=%.3f",
           b->peer->name, b->o->qos, b->o->publishers, b->o->subscribers, b->o->size,
           (unsigned long long)messages, (unsigned long long)(expected - messages),
           (double)messages * 1e9 / (double)took_ns, messages ? cpu_us / (double)messages : 0);
    if (b->o->rate) {
        qsort(b->latencies_us, b->latency_count, sizeof *b->latencies_us, by_value);
        printf(" rate=%lu p50_us=%u p99_us=%u p999_us=%u", b->o->rate, percentile(b, 0.5),
               percentile(b, 0.99), percentile(b, 0.999));
    }
    putchar('\n');
}

static const char usage[] =
    "usage: fanout [-q QOS] [-p PUBLISHERS] [-s SUBSCRIBERS] [-l BYTES] [-n COUNT] [-w WINDOW]\n"
    "              [-r RATE] [-P SERVER_PID] PEER PORT|PATH\n"
    "       fanout serve BYTES\n"
    "       fanout sendto [-n COUNT] [-l BYTES]\n"
    "       fanout datagrams [-n COUNT] [-l BYTES] [-r RATE] [-w WINDOW] PORT\n";

static void parse(struct options *o, int argc, char **argv)
{
    int c;
    while ((c = getopt(argc, argv, "q:p:s:l:n:w:r:P:")) != -1) {
        unsigned long value = optarg ? strtoul(optarg, NULL, 10) : 0;
        switch (c) {
        case 'q': o->qos = (unsigned)value; break;
        case 'p': o->publishers = (unsigned)value; break;
        case 's': o->subscribers = (unsigned)value; break;
        case 'l': o->size = (unsigned)value; break;
        case 'n': o->count = value; break;
        case 'w': o->window = (unsigned)value; break;
        case 'r': o->rate = value; break;
        case 'P': o->server_pid = (long)value; break;
        default: fail(usage);
        }
    }
    if (argc - optind > 2 || argc == optind) fail(usage);
    o->peer = argv[optind];
    o->address = argv[optind + 1];
    if (o->publishers < 1 || o->subscribers < 1 || o->size < 8 || o->size > PEER_MESSAGE - 256 ||
        o->publishers + o->subscribers > CLIENTS_MAX || o->window < 1 || o->qos > 1)
        fail("a number is out of range");
}

int main(int argc, char **argv)
{
    struct options o = {
        .publishers = 1, .subscribers = 1, .size = 512, .window = 16384, .count = 1000000};
    if (argc == 3 && strcmp(argv[1], "serve") == 0) return bare_serve(strtoul(argv[2], NULL, 10));
    parse(&o, argc, argv);
    if (strcmp(o.peer, "sendto") == 0) return datagrams_bare(o.count, o.size);
    if (!o.address) fail(usage);
    if (strcmp(o.peer, "datagrams") == 0)
        return datagrams_relay(o.address, o.count, o.size, o.rate, o.window);
    struct bench b = {.o = &o, .peer = peer_find(o.peer), .epoll = epoll_create1(EPOLL_CLOEXEC)};
    if (!b.peer) fail(peer_names());
    if (o.qos && !b.peer->qos1) fail("that peer has QoS 0 alone");
    b.run = (struct peer_run){o.size, o.subscribers, (int)o.qos};
    b.delivered = b.peer->delivered(&b.run, &b.payload_at);
    b.answer = b.peer->answer(&b.run);
    b.looks = o.rate || o.qos;
    if (!b.looks) b.same_len = b.peer->encode(b.same, (const uint8_t[PEER_MESSAGE]){0}, 1, &b.run);
    b.clients = calloc(o.publishers + o.subscribers, sizeof *b.clients);
    b.read = malloc(READ_BYTES);
    b.latencies_us = malloc(LATENCIES_MAX * sizeof *b.latencies_us);
    if (!b.clients || !b.read || !b.latencies_us) fail("out of memory");
    for (unsigned i = 0; i < o.subscribers; i++)
        open_client(&b, false);
    for (unsigned i = 0; i < o.publishers; i++)
        open_client(&b, true);
    long ticks = server_ticks(o.server_pid);
    run(&b);
    int64_t took = now_ns() - b.start_ns;
    report(&b, took, server_ticks(o.server_pid) - ticks);
    return 0;
}
