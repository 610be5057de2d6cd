#include "publisher/schedule.h"

#define FIRST_SPREAD_MS 10000

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* value * unit, without overflow: all that counts is that it is very long. */
static int64_t span_ms(int64_t value, int64_t unit_ms)
{
    if (value <= 0) return 0;
    return value > INT64_MAX / unit_ms ? INT64_MAX : value * unit_ms;
}

static int64_t cap_ms(const struct schedule_facts *f)
{
    return most(SCHEDULE_DAY_MS, f->interval_ms);
}

static int64_t wait_after_success(const struct schedule_facts *f)
{
    int64_t wait = most(f->interval_ms, span_ms(f->max_age_s, 1000));
    wait = most(wait, span_ms(f->ttl_minutes, 60000));
    if (!f->conditional) wait = most(wait, SCHEDULE_HOUR_MS);
    return least(wait, cap_ms(f));
}

static int64_t wait_after_failure(const struct schedule_facts *f)
{
    int64_t cap = cap_ms(f), wait = f->interval_ms;
    for (unsigned i = 0; i < f->failures && wait < cap; i++)
        wait = wait > cap / 2 ? cap : wait * 2;
    int64_t quarter = wait / 4;
    wait += (int64_t)(f->random % 1001) * (2 * quarter) / 1000 - quarter;
    wait = least(wait, cap);
    return most(wait, least(span_ms(f->retry_after_s, 1000), SCHEDULE_WEEK_MS));
}

static bool is_skipped(const struct schedule_facts *f, int64_t at_ms)
{
    int64_t hour = at_ms / SCHEDULE_HOUR_MS, day = at_ms / SCHEDULE_DAY_MS;
    int64_t weekday = (day + 4) % 7; /* 1970-01-01 was a Thursday */
    return (f->skip_hours >> (hour % 24) & 1) || (f->skip_days >> weekday & 1);
}

/* The first hour from at_ms on that the feed does not want to be spared, or the last to wait for.
 */
static int64_t not_skipped(const struct schedule_facts *f, int64_t at_ms, int64_t last_ms)
{
    while (at_ms < last_ms && is_skipped(f, at_ms))
        at_ms = (at_ms / SCHEDULE_HOUR_MS + 1) * SCHEDULE_HOUR_MS;
    return least(at_ms, last_ms);
}

int64_t schedule_next_ms(const struct schedule_facts *f, int64_t now_ms)
{
    if (f->failures) return now_ms + wait_after_failure(f);
    return not_skipped(f, now_ms + wait_after_success(f), now_ms + cap_ms(f));
}

int64_t schedule_longest_ms(int64_t interval_ms)
{
    return most(SCHEDULE_WEEK_MS, interval_ms);
}

int64_t schedule_first_ms(int64_t interval_ms, uint32_t random, int64_t now_ms)
{
    int64_t spread = least(interval_ms, FIRST_SPREAD_MS);
    return now_ms + (spread > 0 ? (int64_t)random % spread : 0);
}
