/* newsnet's model of a network, without a network. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bench/newsnet/impair.h"

#define MS          1000000
#define PACKETS     20000
#define PACKET_SIZE 1000

static struct impair *model(const struct impairment *is, uint64_t seed, unsigned direction)
{
    struct impair *m = calloc(1, sizeof *m);
    struct news_error err = {0};
    assert_non_null(m);
    if (!impair_check(is, &err)) fail_msg("%s", err.message);
    impair_init(m, is, seed, direction);
    return m;
}

/* Whether packets 0 to count - 1, one each millisecond, are lost. */
static void losses_of(const struct impairment *is, uint64_t seed, unsigned direction, bool *lost,
                      size_t count)
{
    struct impair *m = model(is, seed, direction);
    for (size_t i = 0; i < count; i++)
        lost[i] = impair_decide(m, (int64_t)i * MS, PACKET_SIZE).fate == IMPAIR_LOST;
    free(m);
}

static size_t count_true(const bool *values, size_t count)
{
    size_t sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += values[i];
    return sum;
}

/* --- chance ------------------------------------------------------------------------------ */

static void the_same_seed_and_direction_lose_the_same_packets(void **state)
{
    static bool first[PACKETS], again[PACKETS], other_seed[PACKETS], other_way[PACKETS];
    const struct impairment is = {.loss = 0.1};
    (void)state;
    losses_of(&is, 7, 1, first, PACKETS);
    losses_of(&is, 7, 1, again, PACKETS);
    losses_of(&is, 8, 1, other_seed, PACKETS);
    losses_of(&is, 7, 2, other_way, PACKETS);
    assert_memory_equal(first, again, sizeof first);
    assert_memory_not_equal(first, other_seed, sizeof first);
    assert_memory_not_equal(first, other_way, sizeof first);
}

static void other_impairments_and_other_times_do_not_move_a_loss(void **state)
{
    static bool plain[PACKETS], busy[PACKETS];
    const struct impairment is = {.loss = 0.1};
    const struct impairment more = {.loss = 0.1,
                                    .delay_ms = 20,
                                    .jitter_ms = 9,
                                    .reorder = 0.2,
                                    .duplicate = 0.3,
                                    .corrupt = 0.1};
    struct impair *m = model(&more, 7, 1);
    (void)state;
    losses_of(&is, 7, 1, plain, PACKETS);
    for (size_t i = 0; i < PACKETS; i++)
        busy[i] = impair_decide(m, (int64_t)(i * i), i % 1400 + 20).fate == IMPAIR_LOST;
    assert_memory_equal(plain, busy, sizeof plain);
    free(m);
}

static void a_share_of_losses_is_that_share(void **state)
{
    static const double shares[] = {0, 0.01, 0.1, 0.5, 1};
    static bool lost[PACKETS];
    (void)state;
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
        double p = shares[i], deviation = sqrt(PACKETS * p * (1 - p));
        losses_of(&(struct impairment){.loss = p}, 3, 0, lost, PACKETS);
        double seen = (double)count_true(lost, PACKETS);
        assert_true(fabs(seen - PACKETS * p) <= 4 * deviation);
    }
}

/* The numbers themselves: a seed in a report means the same packets in years to come. */
static void what_a_seed_means_does_not_change(void **state)
{
    static bool lost[PACKETS];
    (void)state;
    losses_of(&(struct impairment){.loss = 0.1}, 1, 1, lost, PACKETS);
    assert_int_equal(count_true(lost, 100), 14);
    assert_int_equal(count_true(lost, PACKETS), 2086);
}

struct runs {
    size_t lost, runs;
};

static struct runs runs_of(const bool *lost, size_t count)
{
    struct runs r = {0};
    for (size_t i = 0; i < count; i++) {
        r.lost += lost[i];
        r.runs += lost[i] && (i == 0 || !lost[i - 1]);
    }
    return r;
}

static void bursts_have_the_mean_length_and_the_share_asked_for(void **state)
{
    enum { MANY = 400000 };
    static bool lost[MANY];
    static const double bursts[] = {2, 4, 10};
    (void)state;
    for (size_t i = 0; i < sizeof bursts / sizeof *bursts; i++) {
        losses_of(&(struct impairment){.loss = 0.05, .loss_burst = bursts[i]}, 5, 0, lost, MANY);
        struct runs r = runs_of(lost, MANY);
        double mean = (double)r.lost / (double)r.runs, share = (double)r.lost / MANY;
        assert_true(fabs(mean - bursts[i]) < 0.1 * bursts[i]);
        assert_true(fabs(share - 0.05) < 0.005);
    }
}

static void a_burst_of_one_is_independent_loss(void **state)
{
    static bool burst[PACKETS], plain[PACKETS];
    (void)state;
    losses_of(&(struct impairment){.loss = 0.3, .loss_burst = 1}, 5, 0, burst, PACKETS);
    losses_of(&(struct impairment){.loss = 0.3}, 5, 0, plain, PACKETS);
    assert_memory_equal(burst, plain, sizeof plain);
}

/* --- time -------------------------------------------------------------------------------- */

static void delay_alone_is_exact(void **state)
{
    struct impair *m = model(&(struct impairment){.delay_ms = 12.5}, 1, 0);
    (void)state;
    for (int64_t i = 1; i < 100; i++)
        assert_int_equal(impair_decide(m, i * 77, 100).due_ns, i * 77 + 12500000);
    free(m);
}

static void jitter_stays_in_its_range_and_keeps_the_order(void **state)
{
    struct impair *m = model(&(struct impairment){.delay_ms = 10, .jitter_ms = 5}, 1, 0);
    int64_t last_ns = 0, least = INT64_MAX, most = 0;
    (void)state;
    for (int64_t i = 0; i < PACKETS; i++) {
        int64_t due_ns = impair_decide(m, i * MS, 100).due_ns, late_ns = due_ns - i * MS;
        assert_true(due_ns >= last_ns);
        last_ns = due_ns;
        if (late_ns < least) least = late_ns;
        if (late_ns > most) most = late_ns;
    }
    assert_in_range(least, 10 * MS, 10 * MS + MS);
    assert_in_range(most, 15 * MS - MS / 10, 15 * MS);
    free(m);
}

static void reordered_packets_go_at_once_and_hold_nobody_back(void **state)
{
    struct impair *m = model(&(struct impairment){.delay_ms = 10, .reorder = 0.25}, 1, 0);
    int at_once = 0;
    (void)state;
    for (int64_t i = 0; i < PACKETS; i++) {
        int64_t late_ns = impair_decide(m, i * MS, 100).due_ns - i * MS;
        assert_true(late_ns == 0 || late_ns == 10 * MS);
        at_once += late_ns == 0;
    }
    assert_in_range(at_once, PACKETS / 4 - 250, PACKETS / 4 + 250);
    free(m);
}

static void a_lower_delay_lets_nobody_overtake(void **state)
{
    struct impair *m = model(&(struct impairment){.delay_ms = 100}, 1, 0);
    (void)state;
    assert_int_equal(impair_decide(m, 0, 100).due_ns, 100 * MS);
    impair_set(m, &(struct impairment){.delay_ms = 1});
    assert_int_equal(impair_decide(m, 5 * MS, 100).due_ns, 100 * MS);
    assert_int_equal(impair_decide(m, 200 * MS, 100).due_ns, 201 * MS);
    free(m);
}

/* --- the rate limit ---------------------------------------------------------------------- */

static void packets_leave_at_the_rate(void **state)
{
    /* 8 Mbit/s: 1000 bytes take a millisecond. */
    struct impair *m = model(&(struct impairment){.rate_kbit = 8000, .delay_ms = 3}, 1, 0);
    (void)state;
    for (int64_t i = 1; i <= 500; i++)
        assert_int_equal(impair_decide(m, 0, PACKET_SIZE).due_ns, i * MS + 3 * MS);
    /* It has caught up by then, and an idle line saves nothing for later. */
    assert_int_equal(impair_decide(m, 900 * MS, PACKET_SIZE).due_ns, 901 * MS + 3 * MS);
    free(m);
}

static void a_full_queue_drops_what_comes_last(void **state)
{
    const struct impairment is = {.rate_kbit = 8000, .queue_packets = 50};
    struct impair *m = model(&is, 1, 0);
    (void)state;
    for (int i = 0; i < 80; i++)
        assert_int_equal(impair_decide(m, 0, PACKET_SIZE).fate,
                         i < 50 ? IMPAIR_PASSES : IMPAIR_QUEUE_FULL);
    /* Ten have left: as many fit again. */
    for (int i = 0; i < 20; i++)
        assert_int_equal(impair_decide(m, 10 * MS, PACKET_SIZE).fate,
                         i < 10 ? IMPAIR_PASSES : IMPAIR_QUEUE_FULL);
    free(m);
}

static void the_longest_queue_works_for_ever(void **state)
{
    const struct impairment is = {.rate_kbit = 8000, .queue_packets = IMPAIR_QUEUE_MAX};
    struct impair *m = model(&is, 1, 0);
    int passed = 0;
    (void)state;
    for (int i = 0; i < 3 * IMPAIR_QUEUE_MAX; i++) /* two come while one leaves */
        passed += impair_decide(m, (int64_t)i * MS / 2, PACKET_SIZE).fate == IMPAIR_PASSES;
    assert_in_range(passed, 5 * IMPAIR_QUEUE_MAX / 2 - 2, 5 * IMPAIR_QUEUE_MAX / 2 + 2);
    free(m);
}

static void what_is_lost_has_taken_its_time_on_the_line(void **state)
{
    struct impair *m = model(&(struct impairment){.rate_kbit = 8000, .loss = 0.5}, 1, 0);
    (void)state;
    for (int64_t i = 1; i <= 100; i++) {
        struct impair_decision d = impair_decide(m, 0, PACKET_SIZE);
        if (d.fate == IMPAIR_PASSES) assert_int_equal(d.due_ns, i * MS);
    }
    free(m);
}

/* --- copies and damage ------------------------------------------------------------------- */

static void copies_and_damage_come_as_often_as_asked_for(void **state)
{
    struct impair *m = model(&(struct impairment){.duplicate = 0.2, .corrupt = 0.05}, 1, 0);
    int twice = 0, corrupt = 0;
    (void)state;
    for (int64_t i = 0; i < PACKETS; i++) {
        struct impair_decision d = impair_decide(m, i, 100);
        twice += d.twice;
        corrupt += d.corrupt;
    }
    assert_in_range(twice, PACKETS / 5 - 250, PACKETS / 5 + 250);
    assert_in_range(corrupt, PACKETS / 20 - 150, PACKETS / 20 + 150);
    free(m);
}

static void damage_is_one_bit_behind_the_ip_header(void **state)
{
    (void)state;
    for (uint64_t where = 0; where < 1000; where++) {
        uint8_t bytes[28] = {0};
        int bits = 0;
        impair_damage(bytes, sizeof bytes, 20, where * 0x9e3779b97f4a7c15u);
        for (size_t i = 0; i < sizeof bytes; i++)
            bits += i < 20 ? bytes[i] * 1000 : __builtin_popcount(bytes[i]);
        assert_int_equal(bits, 1);
    }
    uint8_t header[20] = {0}, untouched[20] = {0};
    impair_damage(header, sizeof header, 20, 5);
    assert_memory_equal(header, untouched, sizeof header);
}

/* --- numbers that make no sense ---------------------------------------------------------- */

static void impossible_numbers_are_refused(void **state)
{
    const struct impairment bad[] = {
        {.delay_ms = -1},
        {.delay_ms = NAN},
        {.jitter_ms = 1e9},
        {.loss = 1.1},
        {.reorder = -0.1},
        {.duplicate = INFINITY},
        {.corrupt = 2},
        {.rate_kbit = 0.001},
        {.queue_packets = IMPAIR_QUEUE_MAX + 1},
        {.loss = 0.8, .loss_burst = 2}, /* at most two of three */
    };
    const struct impairment good[] = {
        {0}, {.loss = 1, .loss_burst = 4}, {.loss = 0.66, .loss_burst = 2}, {.rate_kbit = 1}};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct news_error err = {0};
        assert_false(impair_check(&bad[i], &err));
        assert_int_equal(err.code, NEWS_ERR_USAGE);
    }
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(impair_check(&good[i], NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_and_direction_lose_the_same_packets),
        cmocka_unit_test(other_impairments_and_other_times_do_not_move_a_loss),
        cmocka_unit_test(a_share_of_losses_is_that_share),
        cmocka_unit_test(what_a_seed_means_does_not_change),
        cmocka_unit_test(bursts_have_the_mean_length_and_the_share_asked_for),
        cmocka_unit_test(a_burst_of_one_is_independent_loss),
        cmocka_unit_test(delay_alone_is_exact),
        cmocka_unit_test(jitter_stays_in_its_range_and_keeps_the_order),
        cmocka_unit_test(reordered_packets_go_at_once_and_hold_nobody_back),
        cmocka_unit_test(a_lower_delay_lets_nobody_overtake),
        cmocka_unit_test(packets_leave_at_the_rate),
        cmocka_unit_test(a_full_queue_drops_what_comes_last),
        cmocka_unit_test(the_longest_queue_works_for_ever),
        cmocka_unit_test(what_is_lost_has_taken_its_time_on_the_line),
        cmocka_unit_test(copies_and_damage_come_as_often_as_asked_for),
        cmocka_unit_test(damage_is_one_bit_behind_the_ip_header),
        cmocka_unit_test(impossible_numbers_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
