/* common/poll_set.h - one turn of a loop with many descriptors: everybody adds what it waits for,
 * the set polls, and calls back who has something.
 *
 * Rebuilt each turn, so that there is nothing to keep in step. Threads: one. */
#ifndef NEWS_POLL_SET_H
#define NEWS_POLL_SET_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"

struct poll_set;

struct poll_set *poll_set_new(struct news_error *err);
void poll_set_free(struct poll_set *s); /* NULL is fine */
void poll_set_clear(struct poll_set *s);
/* fd -1 is passed over. revents is what poll said; 0 never calls, unless always was asked for with
 * poll_set_add_always() (a transport is serviced each turn). */
void poll_set_add(struct poll_set *s, int fd, short events,
                  void (*ready)(void *user, short revents), void *user);
void poll_set_add_always(struct poll_set *s, int fd, short events,
                         void (*ready)(void *user, short revents), void *user);
/* Wake up no later; the earliest wins. INT64_MAX: no need. */
void poll_set_deadline(struct poll_set *s, int64_t mono_ms);
/* Polls once and calls back, in the order of addition. False: poll failed (not for EINTR). */
bool poll_set_wait(struct poll_set *s, struct news_error *err);

#endif
