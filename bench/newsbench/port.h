/* bench/newsbench/port.h - one publisher's or one subscriber's way to the others, whatever it is: a
 * link to a server, or plain sockets from each publisher to each subscriber (floor.c).
 *
 * A port comes back by itself after its connection was lost. Callbacks run inside port_service()
 * alone. Threads: one. */
#ifndef BENCH_PORT_H
#define BENCH_PORT_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/newsbench/board.h"
#include "bench/newsbench/plan.h"
#include "common/error.h"
#include "common/nrp/key.h"
#include "common/transport/transport.h"

#define PORT_TOPIC_SIZE 32
#define PORT_FILTER     "newsbench/stream/+"

struct port_setup {
    const struct carrier *carrier;
    size_t payload_max;
    const char *url;           /* of the server */
    const struct nrp_key *key; /* NULL: none */
    struct board *board;       /* floors: where subscribers tell their ports */
    const char *address;       /* floors: of the subscribers */
    bool unchecked;            /* floors: UDP without checksums, damage is for the payload's own */
    bool publishes;
    size_t number;      /* which publisher or subscriber */
    const char *filter; /* a subscriber's */
};

struct port_events {
    void *user;
    void (*on_up)(void *user);   /* subscribers: the subscription was answered; each time */
    void (*on_lost)(void *user); /* what is unanswered is for the caller to send again */
    void (*on_item)(void *user, const void *bytes, size_t len);
    void (*on_answer)(void *user, uint64_t token);
    void (*on_announced)(void *user, uint64_t count); /* losses, as the carrier tells of them */
    void (*on_over)(void *user, const struct news_error *why); /* it does not come back */
};

struct port;
struct port_ops {
    enum transport_answer (*publish)(struct port *p, const struct message *m, uint64_t token,
                                     struct news_error *err);
    size_t (*polls)(struct port *p, struct pollfd *out, size_t room, int64_t *deadline_ns);
    void (*service)(struct port *p, const struct pollfd *fds, size_t count);
    void (*set_reading)(struct port *p, bool on);
};
struct port { /* embedded first in each kind's own struct */
    const struct port_ops *ops;
};

/* All events are asked for. A port lives until its process ends. NULL: err says why. */
struct port *port_open(const struct port_setup *s, const struct port_events *events,
                       struct news_error *err);
struct port *port_link_open(const struct port_setup *s, const struct port_events *events,
                            struct news_error *err);
struct port *port_floor_open(const struct port_setup *s, const struct port_events *events,
                             struct news_error *err);
bool port_is_floor(const struct carrier *c);
/* 24 bytes, one for each stream. */
void port_topic(size_t stream, char out[PORT_TOPIC_SIZE]);

#define PORT_POLLS_MAX 64
/* What to poll for, and until when (*deadline_ns is only lowered). */
static inline size_t port_polls(struct port *p, struct pollfd *out, size_t room,
                                int64_t *deadline_ns)
{
    return p->ops->polls(p, out, room, deadline_ns);
}

/* fds: as port_polls() gave them; count 0: nothing was polled, write what waits. */
static inline void port_service(struct port *p, const struct pollfd *fds, size_t count)
{
    p->ops->service(p, fds, count);
}

#endif
