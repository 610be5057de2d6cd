/* relay/acceptor.h - takes connections from the listening stream sockets.
 *
 * When the process or the machine is out of descriptors, waiting connections would wake the loop
 * without end: one descriptor is kept in reserve to take and close them, and then accepting pauses
 * for a moment. Threads: the reactor's that watches. */
#ifndef NEWS_RELAY_ACCEPTOR_H
#define NEWS_RELAY_ACCEPTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "common/nrp/secure.h"
#include "relay/listener.h"

struct acceptor;

/* take: the socket is its own; it does not block. */
struct acceptor *acceptor_new(int epoll, const struct listeners *l,
                              void (*take)(void *user, int fd, const struct nrp_address *from,
                                           int64_t now_us),
                              void *user, struct news_error *err);
void acceptor_free(struct acceptor *a); /* the listeners stay open; NULL is fine */
void acceptor_tick(struct acceptor *a, int64_t now_us);
int64_t acceptor_deadline(const struct acceptor *a);
/* For good. Those who wait in the kernel's queue are refused when the listeners are closed. */
void acceptor_stop(struct acceptor *a);

#endif
