/* relay/watch.h - one descriptor in a reactor's epoll set, and who is called when it is ready.
 *
 * Level-triggered. Embedded in what it belongs to; a watch without events is not in the set, so
 * that a connection which nobody can serve now cannot wake the loop by having been reset. Threads:
 * the reactor's. */
#ifndef NEWS_RELAY_WATCH_H
#define NEWS_RELAY_WATCH_H

#include <stdbool.h>
#include <stdint.h>

struct watch {
    int fd;
    uint32_t events; /* as the set has it; 0: not in the set */
    void (*ready)(struct watch *w, uint32_t events, int64_t now_us);
    void *user;
};

/* False: the kernel refused (no memory, or the limit of watches). */
bool watch_set(int epoll, struct watch *w, uint32_t events);

#endif
