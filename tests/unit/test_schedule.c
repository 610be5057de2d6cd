#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "publisher/schedule.h"

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   SCHEDULE_HOUR_MS
#define DAY    SCHEDULE_DAY_MS
#define NOW    INT64_C(1795442400000) /* 2026-11-23T14:00:00Z, a Monday */

static struct schedule_facts well(void)
{
    return (struct schedule_facts){
        .interval_ms = 15 * MINUTE, .max_age_s = -1, .retry_after_s = -1, .conditional = true};
}

static void the_largest_of_the_lower_bounds_wins_up_to_a_day(void **state)
{
    (void)state;
    static const struct {
        int64_t interval, max_age_s, ttl_minutes;
        bool conditional;
        int64_t wait;
    } rows[] = {
        {15 * MINUTE, -1, 0, true, 15 * MINUTE},
        {15 * MINUTE, 0, 0, true, 15 * MINUTE},
        {15 * MINUTE, 60, 5, true, 15 * MINUTE},
        {15 * MINUTE, 1800, 0, true, 30 * MINUTE},
        {15 * MINUTE, 1800, 45, true, 45 * MINUTE},
        {15 * MINUTE, 3600, 45, true, HOUR},
        {15 * MINUTE, 86400 * 365, 0, true, DAY},
        {15 * MINUTE, -1, 43200, true, DAY},
        {15 * MINUTE, INT64_MAX, INT64_MAX, true, DAY},
        {7 * DAY, -1, 0, true, 7 * DAY}, /* who wants it seldom gets it seldom */
        {7 * DAY, INT64_MAX, 0, true, 7 * DAY},
        {MINUTE, -1, 0, false, HOUR}, /* the whole document each time */
        {MINUTE, 7200, 0, false, 2 * HOUR},
        {3 * HOUR, -1, 0, false, 3 * HOUR},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct schedule_facts f = well();
        f.interval_ms = rows[i].interval;
        f.max_age_s = rows[i].max_age_s;
        f.ttl_minutes = rows[i].ttl_minutes;
        f.conditional = rows[i].conditional;
        f.random = (uint32_t)i * 2654435761u; /* no jitter while all is well */
        assert_int_equal(schedule_next_ms(&f, NOW), NOW + rows[i].wait);
    }
}

static void each_failure_doubles_the_wait_up_to_a_day(void **state)
{
    (void)state;
    static const struct {
        unsigned failures;
        int64_t wait;
    } rows[] = {{1, 30 * MINUTE}, {2, HOUR}, {3, 2 * HOUR},    {4, 4 * HOUR},
                {6, 16 * HOUR},   {7, DAY},  {UINT32_MAX, DAY}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct schedule_facts f = well();
        f.failures = rows[i].failures;
        f.random = 500; /* the middle */
        assert_int_equal(schedule_next_ms(&f, NOW), NOW + rows[i].wait);
    }
}

static void jitter_spreads_failures_over_a_quarter_both_ways(void **state)
{
    (void)state;
    struct schedule_facts f = well();
    f.failures = 1;
    int64_t low = INT64_MAX, high = 0;
    for (uint32_t i = 0; i < 5000; i++) {
        f.random = i * 2654435761u;
        int64_t wait = schedule_next_ms(&f, NOW) - NOW;
        assert_in_range(wait, 30 * MINUTE * 3 / 4, 30 * MINUTE * 5 / 4);
        if (wait < low) low = wait;
        if (wait > high) high = wait;
    }
    assert_true(low < 24 * MINUTE && high > 36 * MINUTE);
    f.failures = 40;
    for (uint32_t i = 0; i < 5000; i++) {
        f.random = i * 2654435761u;
        assert_in_range(schedule_next_ms(&f, NOW), NOW + DAY * 3 / 4, NOW + DAY);
    }
}

static void retry_after_is_obeyed_up_to_a_week(void **state)
{
    (void)state;
    static const struct {
        int64_t retry_after_s, wait;
    } rows[] = {{-1, 30 * MINUTE},    {0, 30 * MINUTE},      {60, 30 * MINUTE},   {7200, 2 * HOUR},
                {3 * 86400, 3 * DAY}, {86400 * 30, 7 * DAY}, {INT64_MAX, 7 * DAY}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct schedule_facts f = well();
        f.failures = 1;
        f.random = 500;
        f.retry_after_s = rows[i].retry_after_s;
        assert_int_equal(schedule_next_ms(&f, NOW), NOW + rows[i].wait);
        assert_true(rows[i].wait <= schedule_longest_ms(f.interval_ms));
    }
}

static void hours_and_days_a_feed_wants_to_be_spared_are_passed_over(void **state)
{
    (void)state;
    static const struct {
        uint32_t hours, days;
        int64_t wait;
    } rows[] = {
        {0, 0, 15 * MINUTE},         {1u << 15, 0, 15 * MINUTE},
        {1u << 14, 0, HOUR},         {1u << 14 | 1u << 15 | 1u << 17, 0, 2 * HOUR},
        {0, 1u << 1, 10 * HOUR},     /* not on Mondays: Tuesday, 00:00 */
        {0, 1u << 1 | 1u << 2, DAY}, /* but once a day all the same */
        {0xffffff, 0x7f, DAY},       {0x0000ff, 1u << 1, 18 * HOUR}, /* Tuesday, 08:00 */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct schedule_facts f = well();
        f.skip_hours = rows[i].hours;
        f.skip_days = rows[i].days;
        assert_int_equal(schedule_next_ms(&f, NOW), NOW + rows[i].wait);
    }
}

static void first_asks_are_spread_over_seconds(void **state)
{
    (void)state;
    int64_t high = NOW;
    for (uint32_t i = 0; i < 1000; i++) {
        int64_t at = schedule_first_ms(15 * MINUTE, i * 2654435761u, NOW);
        assert_in_range(at, NOW, NOW + 10 * SECOND);
        if (at > high) high = at;
        assert_in_range(schedule_first_ms(SECOND, i * 2654435761u, NOW), NOW, NOW + SECOND);
    }
    assert_true(high > NOW + 9 * SECOND);
    assert_int_equal(schedule_first_ms(0, 7, NOW), NOW);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_largest_of_the_lower_bounds_wins_up_to_a_day),
        cmocka_unit_test(each_failure_doubles_the_wait_up_to_a_day),
        cmocka_unit_test(jitter_spreads_failures_over_a_quarter_both_ways),
        cmocka_unit_test(retry_after_is_obeyed_up_to_a_week),
        cmocka_unit_test(hours_and_days_a_feed_wants_to_be_spared_are_passed_over),
        cmocka_unit_test(first_asks_are_spread_over_seconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
