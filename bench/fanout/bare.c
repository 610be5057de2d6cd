#include "bench/fanout/bare.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define RING_BYTES (32u << 20)
#define READ_BYTES (256u << 10)
#define CLIENTS    1024
#define EVENTS     256

struct client {
    int fd;
    enum { NEW, PUBLISHER, SUBSCRIBER } kind;
    uint64_t at;     /* of a subscriber: bytes of the ring it has had */
    bool stuck;      /* its socket was full */
    size_t part_len; /* of a publisher: an unfinished message */
    uint8_t *part;
};

struct bare {
    int epoll, listener;
    size_t message_len;
    uint8_t *ring, *read;
    uint64_t end; /* bytes ever put into the ring */
    struct client *clients[CLIENTS];
    unsigned count;
};

static uint64_t slowest(const struct bare *b)
{
    uint64_t at = b->end;
    for (unsigned i = 0; i < b->count; i++)
        if (b->clients[i]->kind == SUBSCRIBER && b->clients[i]->at < at) at = b->clients[i]->at;
    return at;
}

static void put(struct bare *b, const uint8_t *bytes, size_t len)
{
    size_t at = b->end % RING_BYTES, first = RING_BYTES - at < len ? RING_BYTES - at : len;
    memcpy(b->ring + at, bytes, first);
    memcpy(b->ring, bytes + first, len - first);
    b->end += len;
}

static void drop(struct bare *b, struct client *c)
{
    for (unsigned i = 0; i < b->count; i++)
        if (b->clients[i] == c) b->clients[i] = b->clients[--b->count];
    close(c->fd);
    free(c->part);
    free(c);
}

static void accept_client(struct bare *b)
{
    int fd = accept4(b->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), one = 1;
    if (fd < 0 || b->count == CLIENTS) {
        if (fd >= 0) close(fd);
        return;
    }
    struct client *c = calloc(1, sizeof *c);
    if (!c || !(c->part = malloc(b->message_len))) abort();
    c->fd = fd;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(b->epoll, EPOLL_CTL_ADD, fd, &e);
    b->clients[b->count++] = c;
}

/* Whole messages go to the ring, a last part waits. */
static void take(struct bare *b, struct client *c, const uint8_t *bytes, size_t len)
{
    if (c->part_len) {
        size_t missing = b->message_len - c->part_len, n = missing < len ? missing : len;
        memcpy(c->part + c->part_len, bytes, n);
        c->part_len += n, bytes += n, len -= n;
        if (c->part_len < b->message_len) return;
        put(b, c->part, b->message_len);
        c->part_len = 0;
    }
    size_t whole = len / b->message_len * b->message_len;
    put(b, bytes, whole);
    memcpy(c->part, bytes + whole, len - whole);
    c->part_len = len - whole;
}

static void read_client(struct bare *b, struct client *c)
{
    if (c->kind == PUBLISHER && RING_BYTES - (b->end - slowest(b)) < 2 * READ_BYTES) return;
    ssize_t n = recv(c->fd, b->read, READ_BYTES, 0);
    if (n <= 0) {
        if (n == 0 || errno != EAGAIN) drop(b, c);
        return;
    }
    if (c->kind == PUBLISHER) {
        take(b, c, b->read, (size_t)n);
    } else if (c->kind == NEW) {
        c->kind = b->read[0] == 'S' ? SUBSCRIBER : PUBLISHER;
        c->at = b->end;
        if (c->kind == SUBSCRIBER && send(c->fd, "!", 1, MSG_NOSIGNAL) != 1) drop(b, c);
        else if (n > 1) take(b, c, b->read + 1, (size_t)n - 1);
    }
}

static void flush(struct bare *b, struct client *c)
{
    size_t at = c->at % RING_BYTES, len = (size_t)(b->end - c->at);
    size_t first = RING_BYTES - at < len ? RING_BYTES - at : len;
    struct iovec parts[2] = {{b->ring + at, first}, {b->ring, len - first}};
    ssize_t n = len ? writev(c->fd, parts, 2) : 0;
    if (n > 0) c->at += (uint64_t)n;
    bool stuck = c->at < b->end;
    if (stuck == c->stuck) return;
    c->stuck = stuck;
    struct epoll_event e = {.events = EPOLLIN | (stuck ? EPOLLOUT : 0u), .data.ptr = c};
    epoll_ctl(b->epoll, EPOLL_CTL_MOD, c->fd, &e);
}

static int listen_loopback(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) || listen(fd, 128) ||
        getsockname(fd, (struct sockaddr *)&a, &len))
        return -1;
    printf("%d\n", ntohs(a.sin_port));
    fflush(stdout);
    return fd;
}

int bare_serve(unsigned long message_len)
{
    struct bare b = {.message_len = message_len, .epoll = epoll_create1(EPOLL_CLOEXEC)};
    b.listener = listen_loopback();
    b.ring = malloc(RING_BYTES);
    b.read = malloc(READ_BYTES);
    if (b.listener < 0 || !b.ring || !b.read) {
        perror("fanout: bare");
        return 1;
    }
    struct epoll_event events[EVENTS], e = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(b.epoll, EPOLL_CTL_ADD, b.listener, &e);
    for (;;) {
        int n = epoll_wait(b.epoll, events, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            if (!events[i].data.ptr) accept_client(&b);
            else if (events[i].events & (EPOLLIN | EPOLLHUP)) read_client(&b, events[i].data.ptr);
        }
        for (unsigned i = 0; i < b.count; i++)
            if (b.clients[i]->kind == SUBSCRIBER) flush(&b, b.clients[i]);
    }
}
