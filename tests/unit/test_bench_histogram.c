#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bench/newsbench/histogram.h"

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    return *state ^= *state << 17;
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void percentiles_are_within_a_thousandth_of_the_truth(void **state)
{
    enum { COUNT = 20000 };
    (void)state;
    static int64_t values[COUNT];
    uint64_t seed = 7;
    struct histogram *h = histogram_new();
    for (size_t i = 0; i < COUNT; i++) {
        values[i] = (int64_t)(next_random(&seed) >> (23 + next_random(&seed) % 40));
        histogram_add(h, values[i], 1);
    }
    qsort(values, COUNT, sizeof *values, by_value);
    for (double p = 0.5; p <= 100; p += 0.5) {
        int64_t exact = values[(size_t)(p / 100 * COUNT + 0.9999) - 1];
        int64_t seen = histogram_percentile(h, p), slack = exact / 1024 + 1;
        assert_in_range(seen, exact > slack ? exact - slack : 0, exact + slack);
    }
    assert_int_equal(histogram_least(h), values[0]);
    assert_int_equal(histogram_most(h), values[COUNT - 1]);
    assert_int_equal(histogram_percentile(h, 0), values[0]);
    histogram_free(h);
}

static void small_values_are_exact_and_large_ones_are_cut(void **state)
{
    (void)state;
    for (int64_t v = 0; v < 2048; v++) {
        struct histogram *h = histogram_new();
        histogram_add(h, v, 3);
        assert_int_equal(histogram_percentile(h, 50), v);
        histogram_free(h);
    }
    struct histogram *h = histogram_new();
    histogram_add(h, INT64_MAX, 1);
    histogram_add(h, -5, 1);
    assert_int_equal(histogram_most(h), HISTOGRAM_MOST);
    assert_int_equal(histogram_least(h), 0);
    histogram_free(h);
}

static void a_merge_is_as_if_all_had_been_added_to_one(void **state)
{
    (void)state;
    struct histogram *a = histogram_new(), *b = histogram_new(), *all = histogram_new();
    uint64_t seed = 3;
    for (size_t i = 0; i < 5000; i++) {
        int64_t v = (int64_t)(next_random(&seed) >> 30);
        histogram_add(i % 3 ? a : b, v, 1);
        histogram_add(all, v, 1);
    }
    histogram_merge(a, b);
    assert_int_equal(histogram_count(a), 5000);
    for (double p = 1; p <= 100; p++)
        assert_int_equal(histogram_percentile(a, p), histogram_percentile(all, p));
    assert_true(histogram_mean(a) / histogram_mean(all) > 0.999999);
    assert_true(histogram_mean(a) / histogram_mean(all) < 1.000001);
    histogram_free(a);
    histogram_free(b);
    histogram_free(all);
}

static void buckets_that_are_read_and_added_again_give_the_same(void **state)
{
    (void)state;
    struct histogram *a = histogram_new(), *b = histogram_new();
    uint64_t seed = 11, times;
    int64_t value;
    for (size_t i = 0; i < 3000; i++)
        histogram_add(a, (int64_t)(next_random(&seed) >> (22 + i % 40)), 1 + i % 5);
    for (unsigned at = 0; histogram_next(a, &at, &value, &times);)
        histogram_add(b, value, times);
    unsigned x = 0, y = 0;
    int64_t other;
    uint64_t often;
    while (histogram_next(a, &x, &value, &times)) {
        assert_true(histogram_next(b, &y, &other, &often));
        assert_int_equal(x, y);
        assert_int_equal(times, often);
    }
    assert_false(histogram_next(b, &y, &other, &often));
    histogram_free(a);
    histogram_free(b);
}

static void a_percentile_needs_ten_values_beyond_it(void **state)
{
    (void)state;
    struct histogram *h = histogram_new();
    histogram_add(h, 1, 999);
    assert_false(histogram_supports(h, 99));
    histogram_add(h, 1, 1);
    assert_true(histogram_supports(h, 99));
    assert_false(histogram_supports(h, 99.9));
    histogram_add(h, 1, 9000);
    assert_true(histogram_supports(h, 99.9));
    histogram_free(h);
}

static void the_percentile_table_is_as_other_tools_read_it(void **state)
{
    (void)state;
    char *text = NULL;
    size_t len = 0;
    struct histogram *h = histogram_new();
    histogram_add(h, 1000, 3);
    histogram_add(h, 2000, 1);
    FILE *out = open_memstream(&text, &len);
    assert_true(histogram_write_hgrm(h, 1000, out));
    (void)fclose(out);
    assert_string_equal(text, "       Value     Percentile TotalCount 1/(1-Percentile)\n\n"
                              "    1.000000 0.750000000000          3           4.00\n"
                              "    2.000000 1.000000000000          4\n"
                              "#[Mean    =     1.250000]\n"
                              "#[Max     =     2.000000, Total count    =            4]\n"
                              "#[Buckets =           32, SubBuckets     =         2048]\n");
    free(text);
    histogram_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(percentiles_are_within_a_thousandth_of_the_truth),
        cmocka_unit_test(small_values_are_exact_and_large_ones_are_cut),
        cmocka_unit_test(a_merge_is_as_if_all_had_been_added_to_one),
        cmocka_unit_test(buckets_that_are_read_and_added_again_give_the_same),
        cmocka_unit_test(a_percentile_needs_ten_values_beyond_it),
        cmocka_unit_test(the_percentile_table_is_as_other_tools_read_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
