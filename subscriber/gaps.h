/* subscriber/gaps.h - where in the list something is missing: numbers that are still asked for, and
 * numbers that are gone for good.
 *
 * A gap stands before the first row of its stream that lies behind it (history_place()). Gaps are
 * few; at most GAPS_MAX are kept, the oldest go first and are counted. Threads: one. */
#ifndef SUBSCRIBER_GAPS_H
#define SUBSCRIBER_GAPS_H

#include "subscriber/history.h"
#include "subscriber/positions.h"

#define GAPS_MAX 1000

struct gap {
    int64_t place; /* the row it stands before; INT64_MAX: behind all */
    const char *topic;
    uint64_t first, last;
    const char *reason; /* gone for good, for this; NULL: asked for */
};

struct gaps;

struct gaps *gaps_new(struct news_error *err);
void gaps_free(struct gaps *g); /* NULL is fine */

/* Everything anew: what the store notes as gone, and the holes of the positions (NULL: none).
 * *changed: something differs from before. */
bool gaps_refresh(struct gaps *g, struct history *h, struct positions *p, bool *changed,
                  struct news_error *err);

size_t gaps_count(const struct gaps *g);
/* By place, ascending; NULL behind the last. Lives until the next refresh. */
const struct gap *gaps_at(const struct gaps *g, size_t i);
/* The first with place >= id. */
size_t gaps_from(const struct gaps *g, int64_t id);
/* Numbers of those that are asked for; and gone. */
uint64_t gaps_holes(const struct gaps *g);
uint64_t gaps_gone(const struct gaps *g);

#endif
