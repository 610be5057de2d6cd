#include "relay/reactor.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "relay/watch.h"

enum {
    EVENTS_MAX = 512,
    FOLLOW_ROUNDS = 16,         /* of one turn: then input has its chance again */
    FOLLOW_US = 5000,           /* as long as that takes no longer */
    WEIGHED_EVERY_US = 1000000, /* weighing the queues looks at every session */
    STALLED_US = 2000,          /* something waits, and nothing of ours can bring it on */
};

struct handed {
    int fd;
    struct nrp_address from;
};

struct reactor {
    struct reactor_setup setup;
    int epoll;
    struct watch alarm; /* the eventfd */
    struct hub *hub;
    struct streams *streams;
    struct udp_socket *udp;
    bool stopping;
    uint64_t memory; /* as it was weighed last */
    int64_t weighed_us;
    atomic_bool asleep, done;
    atomic_uint orders;
    pthread_mutex_t lock; /* of what follows */
    struct handed *inbox;
    size_t inbox_count, inbox_size;
    struct reactor_counts counts;
};

static int64_t now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* --- what others want -------------------------------------------------------------------- */

void reactor_wake(struct reactor *r)
{
    const uint64_t one = 1;
    if (!atomic_exchange(&r->asleep, false)) return;
    while (write(r->alarm.fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

static void alarm_ready(struct watch *w, uint32_t events, int64_t now_us)
{
    uint64_t count;
    (void)events, (void)now_us;
    (void)!read(w->fd, &count, sizeof count);
}

static bool inbox_grow(struct reactor *r)
{
    if (r->inbox_count < r->inbox_size) return true;
    size_t size = r->inbox_size ? 2 * r->inbox_size : 64;
    struct handed *inbox = realloc(r->inbox, size * sizeof *inbox);
    if (!inbox) return false;
    r->inbox = inbox;
    r->inbox_size = size;
    return true;
}

void reactor_hand(struct reactor *r, int fd, const struct nrp_address *from)
{
    pthread_mutex_lock(&r->lock);
    bool room = inbox_grow(r);
    if (room) r->inbox[r->inbox_count++] = (struct handed){fd, *from};
    pthread_mutex_unlock(&r->lock);
    if (room) reactor_wake(r);
    else (void)close(fd);
}

void reactor_order(struct reactor *r, enum reactor_order order)
{
    atomic_fetch_or(&r->orders, order);
    reactor_wake(r);
}

bool reactor_is_done(struct reactor *r)
{
    return atomic_load(&r->done);
}

void reactor_counts(struct reactor *r, struct reactor_counts *out)
{
    pthread_mutex_lock(&r->lock);
    *out = r->counts;
    pthread_mutex_unlock(&r->lock);
}

static void take_inbox(struct reactor *r, int64_t now_us)
{
    pthread_mutex_lock(&r->lock);
    struct handed *inbox = r->inbox;
    size_t count = r->inbox_count;
    r->inbox = NULL;
    r->inbox_count = r->inbox_size = 0;
    pthread_mutex_unlock(&r->lock);
    for (size_t i = 0; i < count; i++)
        streams_take(r->streams, inbox[i].fd, &inbox[i].from, now_us);
    free(inbox);
}

static void obey(struct reactor *r, int64_t now_us)
{
    unsigned orders = atomic_exchange(&r->orders, 0);
    if (orders & REACTOR_KEYS) hub_keys_changed(r->hub, now_us);
    if (orders & REACTOR_STOP && !r->stopping) {
        r->stopping = true;
        hub_shutdown(r->hub, now_us);
    }
}

/* Returns when it wants to be called again at the latest: what is idle is weighed a last time. */
static int64_t publish_counts(struct reactor *r, int64_t now_us)
{
    int64_t due = r->weighed_us + WEIGHED_EVERY_US;
    if (now_us >= due) {
        r->memory = hub_memory(r->hub);
        r->weighed_us = now_us;
        due = INT64_MAX;
    }
    struct reactor_counts counts = {.hub = *hub_counts(r->hub), .memory = r->memory};
    streams_counts(r->streams, &counts.streams);
    udp_socket_counts(r->udp, &counts.udp);
    pthread_mutex_lock(&r->lock);
    r->counts = counts;
    pthread_mutex_unlock(&r->lock);
    return due;
}

/* --- a turn ------------------------------------------------------------------------------ */

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static bool log_has_more(const struct reactor *r)
{
    return relay_log_last(r->setup.log) != relay_log_followed(r->setup.log, r->setup.index);
}

struct follow {
    bool more;    /* in the log */
    bool at_once; /* in queues, of what sockets would take */
};

/* A connection brings thousands of small items in one read: they go on together, unless a socket
 * has to be waited for, or somebody else for too long. */
static struct follow follow(struct reactor *r, int64_t now_us)
{
    struct follow f;
    int64_t since_us = now_us;
    for (unsigned round = 1;; round++) {
        f.more = hub_follow(r->hub, now_us);
        hub_tick(r->hub, now_us);
        f.at_once = streams_flush(r->streams, now_us);
        f.at_once = udp_socket_flush(r->udp, now_us) || f.at_once;
        if (hub_appended(r->hub)) r->setup.on_appended(r->setup.user, r->setup.index);
        if (!f.more || round == FOLLOW_ROUNDS) return f;
        if (streams_wait(r->streams) || !udp_socket_is_empty(r->udp)) return f;
        now_us = now();
        if (now_us - since_us >= FOLLOW_US) return f;
    }
}

/* After input: everything the hub does by itself. Returns when the next turn is due. */
static int64_t work(struct reactor *r, int64_t now_us)
{
    uint64_t before = relay_log_followed(r->setup.log, r->setup.index);
    obey(r, now_us);
    take_inbox(r, now_us);
    int64_t due = r->setup.upkeep ? r->setup.upkeep(r->setup.user, r->hub, now_us) : INT64_MAX;
    struct follow done = follow(r, now_us);
    streams_tick(r->streams, now_us);
    bool moved = before != relay_log_followed(r->setup.log, r->setup.index);
    due = earlier(due, publish_counts(r, now_us));
    if (done.at_once || (done.more && moved)) return now_us;
    if (done.more || log_has_more(r)) due = earlier(due, now_us + (moved ? 0 : STALLED_US));
    due = earlier(due, streams_deadline(r->streams));
    return earlier(due, hub_deadline(r->hub));
}

static bool is_wanted(struct reactor *r)
{
    pthread_mutex_lock(&r->lock);
    bool handed = r->inbox_count > 0;
    pthread_mutex_unlock(&r->lock);
    return handed || atomic_load(&r->orders) != 0 || log_has_more(r);
}

static int wait_ms(int64_t due_us, int64_t now_us)
{
    if (due_us <= now_us) return 0;
    if (due_us == INT64_MAX) return -1;
    int64_t ms = (due_us - now_us + 999) / 1000;
    return ms > 60000 ? 60000 : (int)ms;
}

/* Whoever leaves something for us and sees us awake does not wake us: so it is looked for once
 * more after we said that we sleep. */
static int sleep_until(struct reactor *r, int64_t due_us, struct epoll_event *events)
{
    int ms = wait_ms(due_us, now());
    if (ms != 0) {
        atomic_store(&r->asleep, true);
        bool stalled = due_us - now() <= STALLED_US;
        if (!stalled && is_wanted(r)) ms = 0;
    }
    int count = epoll_wait(r->epoll, events, EVENTS_MAX, ms);
    atomic_store(&r->asleep, false);
    return count;
}

static bool is_finished(struct reactor *r)
{
    if (!r->stopping || !hub_is_empty(r->hub)) return false;
    if (!streams_are_over(r->streams) || !udp_socket_is_empty(r->udp)) return false;
    return !r->setup.may_end || r->setup.may_end(r->setup.user);
}

void reactor_run(struct reactor *r)
{
    struct epoll_event events[EVENTS_MAX];
    int64_t due = now();
    while (!is_finished(r)) {
        int count = sleep_until(r, due, events);
        int64_t now_us = now();
        for (int i = 0; i < count; i++) {
            struct watch *w = events[i].data.ptr;
            w->ready(w, events[i].events, now_us);
        }
        due = work(r, now_us);
    }
    atomic_store(&r->done, true);
}

/* --- making ------------------------------------------------------------------------------ */

static bool open_descriptors(struct reactor *r, struct news_error *err)
{
    r->epoll = epoll_create1(EPOLL_CLOEXEC);
    r->alarm = (struct watch){.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .ready = alarm_ready};
    if (r->epoll >= 0 && r->alarm.fd >= 0 && watch_set(r->epoll, &r->alarm, EPOLLIN)) return true;
    return news_fail(err, NEWS_ERR_IO, "epoll: %s", strerror(errno));
}

static bool open_hub(struct reactor *r, struct news_error *err)
{
    const struct reactor_setup *s = &r->setup;
    r->hub = hub_new(s->hub, s->log, s->index, s->guard, &nrp_random_system, now(), err);
    if (r->hub) r->streams = streams_new(r->epoll, r->hub, err);
    if (r->streams) r->udp = udp_socket_new(r->epoll, s->listeners, s->index, r->hub, err);
    return r->udp != NULL;
}

struct reactor *reactor_new(const struct reactor_setup *setup, struct news_error *err)
{
    struct reactor *r = calloc(1, sizeof *r);
    if (!r) {
        news_fail(err, NEWS_ERR_MEMORY, "out of memory");
        return NULL;
    }
    r->setup = *setup;
    r->epoll = -1;
    r->alarm.fd = -1;
    (void)pthread_mutex_init(&r->lock, NULL);
    if (open_descriptors(r, err) && open_hub(r, err)) return r;
    reactor_free(r);
    return NULL;
}

void reactor_free(struct reactor *r)
{
    if (!r) return;
    for (size_t i = 0; i < r->inbox_count; i++)
        (void)close(r->inbox[i].fd);
    free(r->inbox);
    udp_socket_free(r->udp);
    streams_free(r->streams);
    hub_free(r->hub);
    if (r->alarm.fd >= 0) (void)close(r->alarm.fd);
    if (r->epoll >= 0) (void)close(r->epoll);
    (void)pthread_mutex_destroy(&r->lock);
    free(r);
}

int reactor_epoll(const struct reactor *r)
{
    return r->epoll;
}
