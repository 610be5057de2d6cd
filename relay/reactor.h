/* relay/reactor.h - one thread's loop: an epoll set, a hub, and what carries bytes between them.
 *
 * Reactors share the log and the guard. What others want of one is left in its inbox or as an
 * order; one that sleeps is woken by an eventfd, once. Threads: _run() and what it calls are the
 * reactor's own; _hand(), _order(), _wake(), _is_done() and _counts() are for any. */
#ifndef NEWS_RELAY_REACTOR_H
#define NEWS_RELAY_REACTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "relay/hub.h"
#include "relay/listener.h"
#include "relay/streams.h"
#include "relay/udp_socket.h"

struct reactor;

struct reactor_setup {
    unsigned index;
    const struct hub_config *hub;
    struct relay_log *log;
    struct guard *guard;
    const struct listeners *listeners; /* for its datagram sockets */
    /* Something was appended to the log: the others want to know. */
    void (*on_appended)(void *user, unsigned index);
    /* Once a turn; returns when it wants to be called again at the latest. NULL: nothing to do. */
    int64_t (*upkeep)(void *user, struct hub *hub, int64_t now_us);
    /* After a stop: may it end, as far as others are concerned? NULL: yes. */
    bool (*may_end)(void *user);
    void *user;
};

struct reactor_counts {
    struct hub_counts hub;
    struct streams_counts streams;
    struct udp_counts udp;
    uint64_t memory; /* bytes in queues and rings */
};

struct reactor *reactor_new(const struct reactor_setup *setup, struct news_error *err);
void reactor_free(struct reactor *r);       /* NULL is fine */
int reactor_epoll(const struct reactor *r); /* for watches beside; their ready gets the time */
/* Until it was ordered to stop, and has nothing more to say. */
void reactor_run(struct reactor *r);

/* A connection that is the reactor's own from now on. */
void reactor_hand(struct reactor *r, int fd, const struct nrp_address *from);
enum reactor_order {
    REACTOR_KEYS = 1, /* they were replaced */
    REACTOR_STOP = 2,
    REACTOR_LOOK = 4, /* whether it may end: another one is done */
};
void reactor_order(struct reactor *r, enum reactor_order order);
void reactor_wake(struct reactor *r); /* if it sleeps */
bool reactor_is_done(struct reactor *r);
void reactor_counts(struct reactor *r, struct reactor_counts *out); /* as after its last turn */

#endif
