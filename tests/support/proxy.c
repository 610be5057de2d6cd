#include "tests/support/proxy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/date.h"

enum { PAIRS_MAX = 256, PREFIX_SIZE = 64, READ_SIZE = 65536, THROTTLE_STEP_MS = 10 };

enum verb { CUT, CUT_CLIENTS, CUT_SERVERS, SWALLOW, THROTTLE, COUNT };

struct order {
    enum verb verb;
    enum proxy_direction to;
    unsigned type, rate;
    char prefix[PREFIX_SIZE];
};

/* --- the proxy's own process --------------------------------------------------------------- */

struct lane {           /* one direction of a connection */
    struct buf in, out; /* not yet a whole packet; packets to be written */
    int64_t next_read_ms;
};

struct pair {
    int fds[2]; /* by direction: where that direction leads; -1: cut off */
    struct lane lanes[2];
};

struct rule {
    unsigned type;
    char prefix[PREFIX_SIZE];
};

struct server {
    int control, listener, port;
    unsigned rate;
    struct rule rules[2];
    struct pair pairs[PAIRS_MAX];
    struct proxy_counts counts; /* open: of pairs */
};

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void hang_up(int *fd, bool reset)
{
    const struct linger now = {.l_onoff = 1, .l_linger = 0};
    if (*fd < 0) return;
    if (reset) setsockopt(*fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(*fd);
    *fd = -1;
}

static bool pair_is_over(const struct pair *pair)
{
    return pair->fds[0] < 0 && pair->fds[1] < 0;
}

static void drop_pair(struct server *s, unsigned i)
{
    struct pair *pair = &s->pairs[i];
    for (int d = 0; d < 2; d++) {
        hang_up(&pair->fds[d], false);
        buf_deinit(&pair->lanes[d].in);
        buf_deinit(&pair->lanes[d].out);
    }
    *pair = s->pairs[--s->counts.open];
}

static void accept_one(struct server *s)
{
    struct sockaddr_in address = loopback(s->port);
    int client = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (client < 0) return;
    s->counts.accepted++;
    int broker = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s->counts.open == PAIRS_MAX || broker < 0 ||
        connect(broker, (struct sockaddr *)&address, sizeof address) != 0) {
        hang_up(&client, true);
        hang_up(&broker, true);
        return;
    }
    (void)fcntl(broker, F_SETFL, O_NONBLOCK);
    s->pairs[s->counts.open++] = (struct pair){.fds = {client, broker}};
}

/* The length of the whole packet that stands at the beginning; 0: it is not complete yet. *body:
 * where what follows its fixed header begins (MQTT 5.0 §2.1). */
static size_t packet_length(const struct buf *in, size_t *body)
{
    size_t len = 0;
    for (size_t i = 1; i < in->len && i < 5; i++) {
        unsigned char byte = (unsigned char)in->data[i];
        len |= (size_t)(byte & 0x7f) << (7 * (i - 1));
        if (byte & 0x80) continue;
        *body = i + 1;
        return in->len >= *body + len ? *body + len : 0;
    }
    return 0;
}

static bool is_swallowed(const struct rule *rule, const char *packet, size_t len, size_t body)
{
    size_t prefix_len = strlen(rule->prefix);
    if ((unsigned char)*packet >> 4 != rule->type) return false;
    if (rule->type != PROXY_PUBLISH) return true;
    return len >= body + 2 + prefix_len && memcmp(packet + body + 2, rule->prefix, prefix_len) == 0;
}

static void sort_packets(struct server *s, struct lane *lane, int direction)
{
    size_t body, len;
    while ((len = packet_length(&lane->in, &body)) > 0) {
        if (is_swallowed(&s->rules[direction], lane->in.data, len, body)) s->counts.swallowed++;
        else buf_put(&lane->out, lane->in.data, len);
        buf_consume(&lane->in, len);
    }
}

/* False: the connection has ended. */
static bool read_lane(struct server *s, struct pair *pair, int direction)
{
    struct lane *lane = &pair->lanes[direction];
    size_t most = READ_SIZE;
    if (direction == PROXY_TO_CLIENT && s->rate) {
        most = s->rate * THROTTLE_STEP_MS / 1000 + 1;
        lane->next_read_ms = date_mono_ms() + THROTTLE_STEP_MS;
    }
    char *room = buf_reserve(&lane->in, most);
    if (!room) return false;
    ssize_t n = recv(pair->fds[1 - direction], room, most, 0);
    if (n <= 0) return n < 0 && (errno == EAGAIN || errno == EINTR);
    lane->in.len += (size_t)n;
    sort_packets(s, lane, direction);
    if (pair->fds[direction] < 0) buf_clear(&lane->out);
    return true;
}

static bool write_lane(struct pair *pair, int direction)
{
    struct lane *lane = &pair->lanes[direction];
    if (pair->fds[direction] < 0 || lane->out.len == 0) return true;
    ssize_t n = send(pair->fds[direction], lane->out.data, lane->out.len, MSG_NOSIGNAL);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    buf_consume(&lane->out, (size_t)n);
    return true;
}

/* A side is read only while all it sent before has been passed on: who reads slowly slows down who
 * writes, as without a proxy. */
static short wanted(const struct pair *pair, int side, int64_t now_ms)
{
    const struct lane *from = &pair->lanes[1 - side], *to = &pair->lanes[side];
    short events = 0;
    if (from->out.len == 0 && from->next_read_ms <= now_ms) events |= POLLIN;
    if (to->out.len > 0) events |= POLLOUT;
    return events;
}

static bool serve_pair(struct server *s, struct pair *pair, const struct pollfd fds[2])
{
    for (int side = 0; side < 2; side++) {
        if (pair->fds[side] < 0) continue;
        if (fds[side].revents & (POLLIN | POLLHUP | POLLERR) && !read_lane(s, pair, 1 - side))
            return false;
    }
    return write_lane(pair, PROXY_TO_CLIENT) && write_lane(pair, PROXY_TO_SERVER);
}

static void cut(struct server *s, bool clients, bool servers)
{
    for (unsigned i = s->counts.open; i-- > 0;) {
        struct pair *pair = &s->pairs[i];
        if (clients) hang_up(&pair->fds[PROXY_TO_CLIENT], true);
        if (servers) hang_up(&pair->fds[PROXY_TO_SERVER], true);
        buf_clear(&pair->lanes[0].out);
        buf_clear(&pair->lanes[1].out);
        if (pair_is_over(pair)) drop_pair(s, i);
    }
}

/* False: the test has gone. */
static bool obey(struct server *s)
{
    struct order o;
    if (recv(s->control, &o, sizeof o, 0) != sizeof o) return false;
    switch (o.verb) {
    case CUT: cut(s, true, true); break;
    case CUT_CLIENTS: cut(s, true, false); break;
    case CUT_SERVERS: cut(s, false, true); break;
    case SWALLOW:
        s->rules[o.to].type = o.type;
        memcpy(s->rules[o.to].prefix, o.prefix, sizeof o.prefix);
        break;
    case THROTTLE: s->rate = o.rate; break;
    case COUNT: break;
    }
    return send(s->control, &s->counts, sizeof s->counts, MSG_NOSIGNAL) == sizeof s->counts;
}

static void serve(struct server *s)
{
    for (;;) {
        struct pollfd fds[2 + 2 * PAIRS_MAX] = {{.fd = s->control, .events = POLLIN},
                                                {.fd = s->listener, .events = POLLIN}};
        unsigned open = s->counts.open;
        int64_t now_ms = date_mono_ms();
        for (unsigned i = 0; i < 2 * open; i++) {
            const struct pair *pair = &s->pairs[i / 2];
            fds[2 + i].fd = pair->fds[i % 2];
            fds[2 + i].events = wanted(pair, (int)(i % 2), now_ms);
            /* A side that is not to be read now would otherwise tell of its end all the time. */
            if (fds[2 + i].events == 0) fds[2 + i].fd = -1;
        }
        (void)poll(fds, 2 + 2 * open, s->rate ? THROTTLE_STEP_MS : -1);
        for (unsigned i = open; i-- > 0;)
            if (!serve_pair(s, &s->pairs[i], &fds[2 + 2 * i])) drop_pair(s, i);
        if (fds[1].revents) accept_one(s);
        if (fds[0].revents && !obey(s)) return;
    }
}

/* --- the test's side ----------------------------------------------------------------------- */

struct proxy {
    pid_t pid;
    int control;
    char url[64];
};

static int listen_somewhere(int *port)
{
    struct sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    if (bind(fd, (struct sockaddr *)&address, size) != 0 || listen(fd, PAIRS_MAX) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
        close(fd);
        return -1;
    }
    (void)fcntl(fd, F_SETFL, O_NONBLOCK);
    *port = ntohs(address.sin_port);
    return fd;
}

/* The pipes of other processes of the test are not this one's to keep open. */
static void live(int control, int listener, int port, pid_t parent)
{
    static struct server s;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(0);
    int high[2] = {fcntl(control, F_DUPFD, 10), fcntl(listener, F_DUPFD, 10)};
    if (dup2(high[0], 3) < 0 || dup2(high[1], 4) < 0) _exit(1);
    (void)close_range(5, ~0u, 0);
    s = (struct server){.control = 3, .listener = 4, .port = port};
    serve(&s);
    _exit(0);
}

struct proxy *proxy_new(int port)
{
    int ends[2], own_port;
    struct proxy *p = calloc(1, sizeof *p);
    int listener = listen_somewhere(&own_port);
    if (!p || listener < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
        if (listener >= 0) close(listener);
        free(p);
        return NULL;
    }
    pid_t parent = getpid();
    p->pid = fork();
    if (p->pid == 0) live(ends[1], listener, port, parent);
    close(ends[1]);
    close(listener);
    p->control = ends[0];
    snprintf(p->url, sizeof p->url, "mqtt://127.0.0.1:%d", own_port);
    if (p->pid > 0) return p;
    close(p->control);
    free(p);
    return NULL;
}

void proxy_free(struct proxy *p)
{
    if (!p) return;
    close(p->control);
    (void)kill(p->pid, SIGKILL);
    (void)waitpid(p->pid, NULL, 0);
    free(p);
}

const char *proxy_url(const struct proxy *p)
{
    return p->url;
}

static struct proxy_counts tell(struct proxy *p, const struct order *o)
{
    struct proxy_counts counts = {0};
    if (send(p->control, o, sizeof *o, MSG_NOSIGNAL) == sizeof *o)
        (void)!recv(p->control, &counts, sizeof counts, 0);
    return counts;
}

void proxy_cut(struct proxy *p)
{
    (void)tell(p, &(struct order){.verb = CUT});
}

void proxy_cut_clients(struct proxy *p)
{
    (void)tell(p, &(struct order){.verb = CUT_CLIENTS});
}

void proxy_cut_servers(struct proxy *p)
{
    (void)tell(p, &(struct order){.verb = CUT_SERVERS});
}

void proxy_swallow(struct proxy *p, enum proxy_direction to, enum proxy_packet type,
                   const char *prefix)
{
    struct order o = {.verb = SWALLOW, .to = to, .type = type};
    snprintf(o.prefix, sizeof o.prefix, "%s", prefix ? prefix : "");
    (void)tell(p, &o);
}

void proxy_throttle(struct proxy *p, unsigned bytes_per_s)
{
    (void)tell(p, &(struct order){.verb = THROTTLE, .rate = bytes_per_s});
}

struct proxy_counts proxy_counts(struct proxy *p)
{
    return tell(p, &(struct order){.verb = COUNT});
}
