#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "bench/newsbench/statistics.h"

static double uniform(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return ((double)(*state * 0x2545f4914f6cdd1du >> 11) + 1) / 9007199254740993.0;
}

/* Latencies of runs scatter like this: a factor, normal in its logarithm. */
static double scattered(uint64_t *state, double middle, double spread)
{
    double normal = sqrt(-2 * log(uniform(state))) * cos(2 * 3.14159265358979 * uniform(state));
    return middle * exp(spread * normal);
}

static void the_median_is_of_the_numbers_there_are(void **state)
{
    (void)state;
    const double values[] = {5, NAN, 1, 3, NAN, 100};
    assert_true(statistics_median(values, 6) == 4);
    assert_true(statistics_median(values, 3) == 3);
    assert_true(isnan(statistics_median(values, 0)));
    assert_true(isnan(statistics_median(values + 1, 1)));
}

static void an_interval_holds_the_median_and_is_the_same_each_time(void **state)
{
    (void)state;
    const double values[] = {9, 11, 10, 12, 8, 10.5, 9.5, 30};
    struct interval a = statistics_interval(values, 8, 1), b = statistics_interval(values, 8, 1);
    assert_true(a.median == 10.25 && a.low == b.low && a.high == b.high);
    assert_true(a.low >= 8 && a.low < 10.25 && a.high > 10.25 && a.high <= 30);
    struct interval one = statistics_interval(values, 1, 1);
    assert_true(one.median == 9 && one.low == 9 && one.high == 9);
    assert_true(isnan(statistics_interval(NULL, 0, 1).median));
}

static void the_same_thing_twice_shows_no_difference(void **state)
{
    enum { TRIALS = 300 };
    (void)state;
    for (size_t blocks = 6; blocks <= 12; blocks += 3) {
        unsigned shown = 0;
        uint64_t seed = 40 + blocks;
        for (unsigned t = 0; t < TRIALS; t++) {
            double a[12], b[12];
            for (size_t i = 0; i < blocks; i++) {
                double noise = scattered(&seed, 1, 0.5); /* of the block: both have it */
                a[i] = noise * scattered(&seed, 10, 0.15);
                b[i] = noise * scattered(&seed, 10, 0.15);
            }
            struct comparison c = statistics_compare(a, b, blocks, t);
            shown += c.verdict != VERDICT_NONE;
        }
        if (shown * 20 > TRIALS) fail_msg("%zu blocks: %u of %d", blocks, shown, TRIALS);
    }
}

static void a_real_difference_is_found(void **state)
{
    (void)state;
    uint64_t seed = 9;
    unsigned found = 0;
    for (unsigned t = 0; t < 100; t++) {
        double a[8], b[8];
        for (size_t i = 0; i < 8; i++) {
            a[i] = scattered(&seed, 12, 0.04);
            b[i] = scattered(&seed, 10, 0.04);
        }
        found += statistics_compare(a, b, 8, t).verdict == VERDICT_HIGHER;
        assert_int_not_equal(statistics_compare(b, a, 8, t).verdict, VERDICT_HIGHER);
    }
    assert_in_range(found, 90, 100);
}

static void few_pairs_and_small_effects_say_nothing(void **state)
{
    (void)state;
    const double a[] = {2, 2.1, 2, 2.2, 2, 2.1, NAN}, b[] = {1, 1, 1, 1, 1, 1, 1};
    assert_int_equal(statistics_compare(a, b, 5, 1).verdict, VERDICT_TOO_FEW);
    assert_int_equal(statistics_compare(a, b, 7, 1).pairs, 6);
    assert_int_equal(statistics_compare(a, b, 7, 1).verdict, VERDICT_HIGHER);
    assert_int_equal(statistics_compare(b, a, 6, 1).verdict, VERDICT_LOWER);
    const double c[] = {1.04, 1.04, 1.03, 1.04, 1.04, 1.05, 1.04};
    assert_int_equal(statistics_compare(c, b, 7, 1).verdict, VERDICT_NONE);
    const double zero[7] = {0};
    assert_int_equal(statistics_compare(a, zero, 7, 1).pairs, 0);
    assert_int_equal(statistics_compare(a, zero, 7, 1).verdict, VERDICT_TOO_FEW);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_median_is_of_the_numbers_there_are),
        cmocka_unit_test(an_interval_holds_the_median_and_is_the_same_each_time),
        cmocka_unit_test(the_same_thing_twice_shows_no_difference),
        cmocka_unit_test(a_real_difference_is_found),
        cmocka_unit_test(few_pairs_and_small_effects_say_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
