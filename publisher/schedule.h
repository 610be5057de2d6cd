/* publisher/schedule.h - when to ask a feed again: pure arithmetic, testable without a clock.
 *
 * Lower bounds all count, the largest wins: the source's interval, what the answer allows
 * (Cache-Control max-age), the feed's own wish (ttl, syndication period). Without validators every
 * ask costs the whole document: an hour at least, whatever is configured. At most a day between two
 * asks while all is well, unless the interval is longer. Failures double the wait, with jitter;
 * Retry-After is obeyed. */
#ifndef PUBLISHER_SCHEDULE_H
#define PUBLISHER_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#define SCHEDULE_HOUR_MS INT64_C(3600000)
#define SCHEDULE_DAY_MS  (24 * SCHEDULE_HOUR_MS)
#define SCHEDULE_WEEK_MS (7 * SCHEDULE_DAY_MS) /* no Retry-After is believed beyond */

struct schedule_facts {
    int64_t interval_ms;   /* configured */
    int64_t max_age_s;     /* -1: not said */
    int64_t ttl_minutes;   /* 0: no wish */
    int64_t retry_after_s; /* -1: not said */
    unsigned failures;     /* in a row, this one included; 0: it went well */
    bool conditional;      /* the server gave validators: asking again is cheap */
    uint32_t skip_hours;   /* bit h: not in the hour h of UTC, says the feed */
    uint32_t skip_days;    /* bit d: not on that weekday of UTC; 0 is Sunday */
    uint32_t random;       /* jitter: any */
};
/* When to ask next, now included. */
int64_t schedule_next_ms(const struct schedule_facts *f, int64_t now_ms);
/* The longest schedule_next_ms() waits: what is due later than that was written by a wrong clock.
 */
int64_t schedule_longest_ms(int64_t interval_ms);
/* A first ask spread over the interval, at most ten seconds, so that hundreds do not go at once. */
int64_t schedule_first_ms(int64_t interval_ms, uint32_t random, int64_t now_ms);

#endif
