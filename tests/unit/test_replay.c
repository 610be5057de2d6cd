#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/date.h"
#include "publisher/replay.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define CAME         INT64_C(1795442400000) /* 2026-11-23T14:00:00Z */
#define NOW          INT64_C(5000000)       /* of the monotonic clock */
#define HOUR         INT64_C(3600000)

/* Lines that came at these times after the first, each sent when it was due, are due at those. */
static void assert_due(double speed, const int64_t *came, const int64_t *due, size_t count)
{
    struct replay r;
    int64_t now = NOW;
    replay_init(&r, speed);
    for (size_t i = 0; i < count; i++) {
        int64_t at = came[i] == DATE_UNKNOWN ? came[i] : CAME + came[i];
        now = replay_next(&r, at, now);
        if (now != NOW + due[i])
            fail_msg("speed %g, line %zu: %lld", speed, i, (long long)(now - NOW));
    }
}

static void the_gaps_are_those_of_the_recording_divided_by_the_speed(void **state)
{
    (void)state;
    static const int64_t came[] = {0, 500, 500, 2500, 2 * HOUR + 2500};
    static const struct {
        double speed;
        int64_t due[COUNT(came)];
    } rows[] = {
        {1, {0, 500, 500, 2500, 2 * HOUR + 2500}},
        {2, {0, 250, 250, 1250, HOUR + 1250}},
        {0.5, {0, 1000, 1000, 5000, 4 * HOUR + 5000}},
        {1000, {0, 0, 0, 2, 7202}}, /* what is less than a millisecond is not lost */
        {0, {0, 0, 0, 0, 0}},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_due(rows[i].speed, came, rows[i].due, COUNT(came));
}

static void a_thousand_short_gaps_add_up_at_any_speed(void **state)
{
    (void)state;
    struct replay r;
    int64_t now = NOW;
    replay_init(&r, 7);
    for (int64_t i = 0; i <= 7000; i++)
        now = replay_next(&r, CAME + i, now);
    assert_int_equal(now, NOW + 1000);
}

static void times_that_go_back_are_due_at_once_and_counted_from_there(void **state)
{
    (void)state;
    static const int64_t came[] = {0, 1000, -5 * HOUR, -5 * HOUR + 300, 0};
    static const int64_t due[] = {0, 1000, 1000, 1300, 1000 + 5 * HOUR};
    assert_due(1, came, due, COUNT(came));
}

static void lines_without_a_time_are_due_with_the_one_before(void **state)
{
    (void)state;
    static const int64_t came[] = {DATE_UNKNOWN, DATE_UNKNOWN, 0, DATE_UNKNOWN, 400};
    static const int64_t due[] = {0, 0, 0, 0, 400};
    assert_due(1, came, due, COUNT(came));
}

static void a_little_lateness_is_caught_up(void **state)
{
    (void)state;
    struct replay r;
    replay_init(&r, 1);
    assert_int_equal(replay_next(&r, CAME, NOW), NOW);
    assert_int_equal(replay_next(&r, CAME + 100, NOW), NOW + 100);
    int64_t late = NOW + 100 + REPLAY_LATE_MS - 1;
    assert_int_equal(replay_next(&r, CAME + 200, late), NOW + 200);
    assert_int_equal(replay_next(&r, CAME + 5000, late), NOW + 5000);
}

static void a_pause_is_not_caught_up_in_a_burst(void **state)
{
    (void)state;
    struct replay r;
    replay_init(&r, 1);
    assert_int_equal(replay_next(&r, CAME, NOW), NOW);
    assert_int_equal(replay_next(&r, CAME + 100, NOW), NOW + 100);
    int64_t late = NOW + 100 + HOUR;
    assert_int_equal(replay_next(&r, CAME + 300, late), late + 200);
    assert_int_equal(replay_next(&r, CAME + 400, late + 200), late + 300);
}

static void no_recording_makes_a_time_overflow(void **state)
{
    (void)state;
    struct replay r;
    int64_t first = 0, last = 0, now = NOW;
    assert_true(date_parse_rfc3339("0000-01-01T00:00:00Z", 20, &first));
    assert_true(date_parse_rfc3339("9999-12-31T23:59:59Z", 20, &last));
    replay_init(&r, 0.000001);
    for (int i = 0; i < 100000; i++) {
        int64_t due = replay_next(&r, i % 2 ? last : first, now);
        assert_true(due >= now);
        now = due;
    }
}

static void a_speed_is_a_plain_number(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double speed; /* negative: refused */
    } rows[] = {
        {"1", 1},        {"0", 0},    {"0.5", 0.5}, {".25", 0.25}, {"60x", 60}, {"1000000", 1e6},
        {"1000001", -1}, {"", -1},    {"-1", -1},   {"x", -1},     {"1xx", -1}, {"1e3", -1},
        {"0x10", -1},    {"nan", -1}, {"inf", -1},  {" 1", -1},    {"1 ", -1},  {"1.2.3", -1},
        {".", -1},       {"1,5", -1}, {"+1", -1},   {"2 x", -1},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct news_error err = {0};
        double speed = -1;
        if (replay_speed(rows[i].text, &speed, &err) != (rows[i].speed >= 0))
            fail_msg("\"%s\": %g", rows[i].text, speed);
        assert_true(speed == rows[i].speed);
        if (rows[i].speed < 0) assert_int_equal(err.code, NEWS_ERR_USAGE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_gaps_are_those_of_the_recording_divided_by_the_speed),
        cmocka_unit_test(a_thousand_short_gaps_add_up_at_any_speed),
        cmocka_unit_test(times_that_go_back_are_due_at_once_and_counted_from_there),
        cmocka_unit_test(lines_without_a_time_are_due_with_the_one_before),
        cmocka_unit_test(a_little_lateness_is_caught_up),
        cmocka_unit_test(a_pause_is_not_caught_up_in_a_burst),
        cmocka_unit_test(no_recording_makes_a_time_overflow),
        cmocka_unit_test(a_speed_is_a_plain_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
