#include "relay/acceptor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "common/log.h"
#include "relay/address.h"
#include "relay/watch.h"

enum {
    PAUSE_US = 100000,
    BURST = 256, /* connections of one listener in one turn: the others wait, too */
    TOLD_EVERY_US = 60000000,
};

struct acceptor {
    int epoll, spare;
    void (*take)(void *user, int fd, const struct nrp_address *from, int64_t now_us);
    void *user;
    int64_t resume_us; /* INT64_MAX: not pausing */
    int64_t told_us;
    bool stopped;
    size_t count;
    struct watch watches[];
};

static bool listen_again(struct acceptor *a, uint32_t events)
{
    bool ok = true;
    for (size_t i = 0; i < a->count; i++)
        ok = watch_set(a->epoll, &a->watches[i], events) && ok;
    return ok;
}

/* No descriptors: whoever waits is let in through the reserve and sent away. */
static void out_of_descriptors(struct acceptor *a, int listener, int64_t now_us)
{
    int why = errno;
    if (a->spare >= 0) (void)close(a->spare);
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) (void)close(fd);
    a->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
    (void)listen_again(a, 0);
    a->resume_us = now_us + PAUSE_US;
    if (a->told_us && now_us - a->told_us < TOLD_EVERY_US) return;
    a->told_us = now_us;
    log_error("a connection was turned away: %s", strerror(why));
}

static void acceptor_ready(struct watch *w, uint32_t events, int64_t now_us)
{
    (void)events;
    struct acceptor *a = w->user;
    for (int i = 0; i < BURST && w->events; i++) {
        struct sockaddr_storage peer = {0};
        socklen_t len = sizeof peer;
        struct nrp_address from;
        int fd = accept4(w->fd, (struct sockaddr *)&peer, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            address_read(&peer, &from);
            a->take(a->user, fd, &from, now_us);
        } else if (errno == EAGAIN) {
            return;
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            out_of_descriptors(a, w->fd, now_us);
        } /* else that one has gone already: the next */
    }
}

static size_t stream_count(const struct listeners *l)
{
    size_t count = 0;
    for (size_t i = 0; i < listeners_count(l); i++)
        count += listeners_at(l, i)->kind != LISTEN_UDP;
    return count;
}

struct acceptor *acceptor_new(int epoll, const struct listeners *l,
                              void (*take)(void *user, int fd, const struct nrp_address *from,
                                           int64_t now_us),
                              void *user, struct news_error *err)
{
    struct acceptor *a = calloc(1, sizeof *a + stream_count(l) * sizeof *a->watches);
    if (!a) {
        news_fail(err, NEWS_ERR_MEMORY, "out of memory");
        return NULL;
    }
    a->epoll = epoll;
    a->take = take;
    a->user = user;
    a->resume_us = INT64_MAX;
    a->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
    for (size_t i = 0; i < listeners_count(l); i++) {
        const struct listener *at = listeners_at(l, i);
        if (at->kind == LISTEN_UDP) continue;
        a->watches[a->count++] = (struct watch){.fd = at->fd, .ready = acceptor_ready, .user = a};
    }
    if (listen_again(a, EPOLLIN)) return a;
    news_fail(err, NEWS_ERR_IO, "epoll_ctl: %s", strerror(errno));
    acceptor_free(a);
    return NULL;
}

void acceptor_free(struct acceptor *a)
{
    if (!a) return;
    acceptor_stop(a);
    if (a->spare >= 0) (void)close(a->spare);
    free(a);
}

void acceptor_tick(struct acceptor *a, int64_t now_us)
{
    if (a->stopped || now_us < a->resume_us) return;
    a->resume_us = listen_again(a, EPOLLIN) ? INT64_MAX : now_us + PAUSE_US;
}

int64_t acceptor_deadline(const struct acceptor *a)
{
    return a->stopped ? INT64_MAX : a->resume_us;
}

void acceptor_stop(struct acceptor *a)
{
    a->stopped = true;
    (void)listen_again(a, 0);
}
