/* Payloads, schedules, and who got what. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bench/newsbench/delivery.h"
#include "bench/newsbench/payload.h"
#include "bench/newsbench/schedule.h"

static const struct payload sample = {.run = 0x0102030405060708,
                                      .stream = 3,
                                      .kind = PAYLOAD_ITEM,
                                      .number = 77,
                                      .intended_ns = 1234567890123,
                                      .sent_ns = 1234567890456};

static void the_checksum_is_the_one_of_rfc_3720(void **state)
{
    (void)state;
    uint8_t zeros[32] = {0}, ones[32];
    memset(ones, 0xff, sizeof ones);
    assert_int_equal(crc32c("123456789", 9), 0xe3069283);
    assert_int_equal(crc32c(zeros, sizeof zeros), 0x8a9136aa);
    assert_int_equal(crc32c(ones, sizeof ones), 0x62a8ab43);
}

static void a_payload_comes_back_as_it_was(void **state)
{
    (void)state;
    uint8_t bytes[4096];
    for (size_t len = PAYLOAD_LEAST; len <= sizeof bytes; len += 61) {
        struct payload p;
        payload_write(&sample, bytes, len);
        assert_int_equal(payload_read(bytes, len, &p), PAYLOAD_OK);
        assert_int_equal(p.run, sample.run);
        assert_int_equal(p.stream, 3);
        assert_int_equal(p.kind, PAYLOAD_ITEM);
        assert_int_equal(p.number, 77);
        assert_int_equal(p.intended_ns, sample.intended_ns);
        assert_int_equal(p.sent_ns, sample.sent_ns);
    }
    static const uint8_t head[] = {0x4e, 0x42, 0x65, 0x6e};
    assert_memory_equal(bytes, head, sizeof head);
}

static void every_flipped_bit_is_noticed(void **state)
{
    (void)state;
    uint8_t bytes[128];
    struct payload p;
    payload_write(&sample, bytes, sizeof bytes);
    for (size_t bit = 0; bit < sizeof bytes * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        enum payload_verdict v = payload_read(bytes, sizeof bytes, &p);
        assert_int_equal(v, bit < 32 ? PAYLOAD_FOREIGN : PAYLOAD_CORRUPT);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_int_equal(payload_read(bytes, PAYLOAD_LEAST - 1, &p), PAYLOAD_FOREIGN);
    assert_int_equal(payload_read(bytes, sizeof bytes - 1, &p), PAYLOAD_CORRUPT);
}

static size_t made(enum arrivals arrivals, double rate, double seconds, unsigned burst,
                   uint64_t seed, int64_t **due)
{
    size_t count;
    const struct schedule_spec s = {arrivals, rate, seconds, burst, seed};
    *due = schedule_make(&s, &count);
    assert_non_null(*due);
    return count;
}

static void a_constant_schedule_does_not_drift(void **state)
{
    (void)state;
    int64_t *due;
    assert_int_equal(made(ARRIVALS_CONSTANT, 30, 100, 0, 1, &due), 3000);
    for (size_t i = 0; i < 3000; i++)
        assert_int_equal(due[i], llround((double)i * 1e9 / 30));
    free(due);
}

static void a_poisson_schedule_has_its_rate_and_its_seed(void **state)
{
    (void)state;
    int64_t *a, *b, *c;
    size_t n = made(ARRIVALS_POISSON, 1000, 20, 0, 5, &a);
    assert_in_range(n, 19400, 20600); /* four standard deviations of 20 000 */
    assert_int_equal(made(ARRIVALS_POISSON, 1000, 20, 0, 5, &b), n);
    assert_memory_equal(a, b, n * sizeof *a);
    size_t other = made(ARRIVALS_POISSON, 1000, 20, 0, 6, &c);
    assert_true(other != n || memcmp(a, c, n * sizeof *a) != 0);
    size_t longer = 0; /* a share of 1/e of the waits is longer than the mean */
    for (size_t i = 1; i < n; i++) {
        assert_true(a[i] >= a[i - 1]);
        longer += a[i] - a[i - 1] > 1000000;
    }
    assert_in_range(longer * 1000 / n, 348, 388);
    free(a);
    free(b);
    free(c);
}

static void a_burst_comes_at_once_and_keeps_the_rate(void **state)
{
    (void)state;
    int64_t *due;
    assert_int_equal(made(ARRIVALS_BURST, 40, 10, 200, 1, &due), 400);
    for (size_t i = 0; i < 400; i++)
        assert_int_equal(due[i], i < 200 ? 0 : 5000000000);
    free(due);
}

static void delivery_counts_what_came_twice_late_or_not_at_all(void **state)
{
    (void)state;
    struct delivery_counts c;
    struct delivery *d = delivery_new(100);
    assert_non_null(d);
    for (uint64_t i = 0; i < 100; i++)
        if (i % 10 != 3 && i != 54 && i != 55 && i != 70)
            assert_int_equal(delivery_note(d, i), ARRIVED_FIRST);
    assert_int_equal(delivery_note(d, 70), ARRIVED_FIRST); /* late */
    assert_int_equal(delivery_note(d, 71), ARRIVED_AGAIN);
    assert_int_equal(delivery_note(d, 71), ARRIVED_AGAIN);
    assert_int_equal(delivery_note(d, 100), ARRIVED_UNKNOWN);
    assert_int_equal(delivery_note(d, UINT64_MAX), ARRIVED_UNKNOWN);
    delivery_count(d, 0, 100, &c);
    assert_int_equal(c.delivered, 88);
    assert_int_equal(c.lost, 12);
    assert_int_equal(c.duplicates, 2);
    assert_int_equal(c.reordered, 1);
    assert_int_equal(c.longest_gap, 3); /* 53, 54, 55 */
    delivery_count(d, 60, 73, &c);
    assert_int_equal(c.delivered, 12);
    assert_int_equal(c.lost, 1);
    delivery_count(d, 54, 1000, &c);
    assert_int_equal(c.longest_gap, 2);
    delivery_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_checksum_is_the_one_of_rfc_3720),
        cmocka_unit_test(a_payload_comes_back_as_it_was),
        cmocka_unit_test(every_flipped_bit_is_noticed),
        cmocka_unit_test(a_constant_schedule_does_not_drift),
        cmocka_unit_test(a_poisson_schedule_has_its_rate_and_its_seed),
        cmocka_unit_test(a_burst_comes_at_once_and_keeps_the_rate),
        cmocka_unit_test(delivery_counts_what_came_twice_late_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
