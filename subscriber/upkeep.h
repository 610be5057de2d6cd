/* subscriber/upkeep.h - what a store needs besides: the search index brought up to date, and what
 * is beyond the limits erased; in slices, between the events of the loop.
 *
 * While items come, a slice each UPKEEP_SLICE_MS; when it is quiet, one after the other.
 * Threads: one. */
#ifndef SUBSCRIBER_UPKEEP_H
#define SUBSCRIBER_UPKEEP_H

#include "subscriber/history.h"

#define UPKEEP_SLICE_MS 20

struct upkeep { /* zeroed: there is no store */
    struct history *history;
    struct history_limits limits;
    bool index, prune; /* there may be more to do */
    int64_t next_mono_ms, prune_mono_ms;
};

void upkeep_init(struct upkeep *u, struct history *h, const struct history_limits *l,
                 int64_t now_mono_ms);
/* Something was stored. */
void upkeep_stored(struct upkeep *u);
/* When a slice is due; INT64_MAX: nothing is. */
int64_t upkeep_due(const struct upkeep *u);
/* One slice, if it is due, in a transaction that the caller commits, or after a failure rolls back.
 * busy: items are coming. */
bool upkeep_turn(struct upkeep *u, bool busy, int64_t now_ms, int64_t now_mono_ms,
                 struct news_error *err);

#endif
