#include "common/poll_set.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/date.h"

struct waiter {
    void (*ready)(void *user, short revents);
    void *user;
    bool always;
};

struct poll_set {
    struct pollfd *fds; /* fds[i] is waiters[i]'s */
    struct waiter *waiters;
    size_t count, size;
    int64_t deadline_mono_ms;
    bool failed; /* out of memory: somebody is not in it */
};

struct poll_set *poll_set_new(struct news_error *err)
{
    struct poll_set *s = calloc(1, sizeof *s);
    if (!s) {
        news_fail(err, NEWS_ERR_MEMORY, "out of memory");
        return NULL;
    }
    poll_set_clear(s);
    return s;
}

void poll_set_free(struct poll_set *s)
{
    if (!s) return;
    free(s->fds);
    free(s->waiters);
    free(s);
}

void poll_set_clear(struct poll_set *s)
{
    s->count = 0;
    s->failed = false;
    s->deadline_mono_ms = INT64_MAX;
}

static bool grow(struct poll_set *s)
{
    size_t size = s->size ? s->size * 2 : 16;
    struct pollfd *fds = realloc(s->fds, size * sizeof *fds);
    if (fds) s->fds = fds;
    struct waiter *waiters = realloc(s->waiters, size * sizeof *waiters);
    if (waiters) s->waiters = waiters;
    if (!fds || !waiters) return false;
    s->size = size;
    return true;
}

static void add(struct poll_set *s, int fd, short events, struct waiter waiter)
{
    if (fd < 0 && !waiter.always) return;
    if (s->count == s->size && !grow(s)) {
        s->failed = true;
        return;
    }
    s->fds[s->count] = (struct pollfd){.fd = fd, .events = events};
    s->waiters[s->count++] = waiter;
}

void poll_set_add(struct poll_set *s, int fd, short events,
                  void (*ready)(void *user, short revents), void *user)
{
    add(s, fd, events, (struct waiter){ready, user, false});
}

void poll_set_add_always(struct poll_set *s, int fd, short events,
                         void (*ready)(void *user, short revents), void *user)
{
    add(s, fd, events, (struct waiter){ready, user, true});
}

void poll_set_deadline(struct poll_set *s, int64_t mono_ms)
{
    if (mono_ms < s->deadline_mono_ms) s->deadline_mono_ms = mono_ms;
}

static int timeout_ms(const struct poll_set *s)
{
    if (s->deadline_mono_ms == INT64_MAX) return -1;
    int64_t now = date_mono_ms();
    if (s->deadline_mono_ms <= now) return 0;
    int64_t left = s->deadline_mono_ms - now;
    return left > INT_MAX ? INT_MAX : (int)left;
}

bool poll_set_wait(struct poll_set *s, struct news_error *err)
{
    if (s->failed) return news_fail(err, NEWS_ERR_MEMORY, "out of memory");
    if (poll(s->fds, (nfds_t)s->count, timeout_ms(s)) < 0) {
        if (errno != EINTR) return news_fail(err, NEWS_ERR_IO, "poll: %s", strerror(errno));
        for (size_t i = 0; i < s->count; i++)
            s->fds[i].revents = 0;
    }
    for (size_t i = 0; i < s->count; i++) {
        const struct waiter *w = &s->waiters[i];
        if (s->fds[i].revents || w->always) w->ready(w->user, s->fds[i].revents);
    }
    return true;
}
