/* relay/timers.h - deadlines in order: an intrusive binary heap.
 *
 * A timer is a part of what it wakes and is at most once in a heap. Setting one never fails,
 * because room was made when its owner was: timers_reserve(). Units: microseconds. Threads: one. */
#ifndef NEWS_RELAY_TIMERS_H
#define NEWS_RELAY_TIMERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct timer { /* zeroed: not set */
    int64_t at_us;
    size_t place; /* in the heap, from 1; 0: not in it */
};

struct timers { /* zeroed: empty */
    struct timer **heap;
    size_t count, size;
};

void timers_deinit(struct timers *t);
/* Room for so many timers in all. False: no memory. */
bool timers_reserve(struct timers *t, size_t count);
/* INT64_MAX clears it. */
void timers_set(struct timers *t, struct timer *timer, int64_t at_us);
void timers_clear(struct timers *t, struct timer *timer);
struct timer *timers_first(const struct timers *t); /* NULL: none is set */

#endif
