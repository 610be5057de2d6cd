/* relay/status.h - what the relay counts, as lines for people and as the retained item of its
 * status topic, newswire/relay/NAME.
 *
 * Threads: any; nothing is kept here. */
#ifndef NEWS_RELAY_STATUS_H
#define NEWS_RELAY_STATUS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "relay/guard.h"
#include "relay/log.h"
#include "relay/reactor.h"

struct status {
    struct log_counts log;
    struct guard_counts guard;
    struct reactor_counts io; /* of all reactors together */
};

void status_add(struct status *s, const struct reactor_counts *one);
/* Has anything happened but what publishing the status itself brings about? */
bool status_changed(const struct status *before, const struct status *now);
/* "name value" lines. */
void status_lines(const struct status *s, struct buf *out);

struct status_of {
    const char *name;
    uint64_t epoch;
    int64_t since_ms, now_ms; /* unix */
};
void status_json(const struct status *s, const struct status_of *of, struct buf *out);

#endif
