/* What the board says and what becomes of it: no processes, times written by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "bench/newsbench/measure.h"

#define MS     ((int64_t)1000000)
#define START  (1000 * MS)
#define ITEMS  40 /* 10 a second: 1 s of warm-up, 2 s measured, 1 s of cool-down */
#define FIRST  10
#define BEHIND 30

struct scene {
    struct cell cell;
    struct board *board;
    struct run run;
    struct measure_facts facts;
};

static int set_up(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    static const struct carrier carrier = {.name = "mqtt-q0", .server = SERVER_MOSQUITTO};
    s->cell = (struct cell){.carrier = &carrier,
                            .publishers = 1,
                            .subscribers = 2,
                            .rate = 10,
                            .seconds = 2,
                            .payload = 100};
    const struct board_times times = {.warm_up_s = 1, .cool_down_s = 1};
    s->board = board_new(&s->cell, &times, 1, NULL);
    s->board->start_ns = START;
    s->run.response = histogram_new();
    s->run.transport = histogram_new();
    s->run.lateness = histogram_new();
    s->run.skew = histogram_new();
    *state = s;
    return s->board && s->board->publisher[0].item_count == ITEMS ? 0 : -1;
}

static int tear_down(void **state)
{
    struct scene *s = *state;
    histogram_free(s->run.response);
    histogram_free(s->run.transport);
    histogram_free(s->run.lateness);
    histogram_free(s->run.skew);
    free(s->run.subscribers);
    free(s->run.seconds);
    board_free(s->board);
    free(s);
    return 0;
}

static int64_t due(const struct scene *s, size_t number)
{
    return START + s->board->publisher[0].due_ns[number];
}

static void send_item(struct scene *s, size_t number, int64_t late_ns, int64_t taken_ns)
{
    struct sent_item *item = &s->board->publisher[0].items[number];
    item->fired_ns = due(s, number) + late_ns;
    item->sent_ns = due(s, number) + taken_ns;
}

static void receive(struct scene *s, size_t subscriber, size_t number, int64_t after_ns)
{
    struct subscriber_slot *slot = &s->board->subscriber[subscriber];
    slot->records[slot->count++] = (struct arrival_record){.received_ns = due(s, number) + after_ns,
                                                           .number = (uint32_t)number};
}

static void fill(struct scene *s, int64_t fault_end_ns)
{
    const struct measure_input in = {
        .board = s->board, .cell = &s->cell, .fault_end_ns = fault_end_ns};
    assert_true(measure_fill(&s->run, &in, &s->facts, NULL));
}

static void send_all(struct scene *s)
{
    for (size_t i = 0; i < ITEMS; i++)
        send_item(s, i, 0, 1 * MS);
}

static void only_what_is_due_in_the_measured_part_counts(void **state)
{
    struct scene *s = *state;
    send_all(s);
    for (size_t i = 0; i < ITEMS; i++) {
        receive(s, 0, i, i < FIRST || i >= BEHIND ? 500 * MS : 5 * MS);
        receive(s, 1, i, i < FIRST || i >= BEHIND ? 500 * MS : 7 * MS);
    }
    fill(s, 0);
    assert_int_equal(s->run.offered, 20);
    assert_int_equal(s->run.published, 20);
    assert_int_equal(s->run.expected, 40);
    assert_int_equal(s->run.counts.delivered, 40);
    assert_int_equal(histogram_count(s->run.response), 40);
    assert_int_equal(histogram_most(s->run.response), 7 * MS);
    assert_int_equal(histogram_most(s->run.transport), 6 * MS);
    assert_int_equal(histogram_most(s->run.skew), 2 * MS);
    assert_int_equal(histogram_count(s->run.skew), 20);
    assert_int_equal(s->run.second_count, 2);
    assert_true(s->run.seconds[0].published == 10 && s->run.seconds[1].delivered == 20);
    assert_true(s->run.seconds[0].most_ms == 7);
    assert_true(isnan(s->run.recovery_ms));
    assert_true(s->run.payload_bytes == 2000 && s->run.topic_bytes == 20 * 24);
}

static void what_was_never_sent_is_not_lost(void **state)
{
    struct scene *s = *state;
    send_all(s);
    for (size_t i = 12; i < 15; i++)
        s->board->publisher[0].items[i].sent_ns = 0;
    for (size_t i = 0; i < ITEMS; i++)
        if (i < 12 || i >= 15) receive(s, 0, i, MS + 1);
    fill(s, 0);
    assert_int_equal(s->run.unsent, 3);
    assert_true(s->run.saturated);
    assert_int_equal(s->run.expected, 34);
    assert_int_equal(s->run.subscribers[0].counts.lost, 0);
    assert_int_equal(s->run.subscribers[1].counts.lost, 17);
    assert_int_equal(s->run.silent, 17);
}

/* Four are lost, one of them in the warm-up. */
static void losses_that_were_told_of_are_not_silent(void **state)
{
    static const struct {
        unsigned told, before;
        unsigned announced, silent;
    } rows[] = {{0, 0, 0, 3}, {1, 0, 0, 3}, {3, 0, 2, 1}, {4, 0, 3, 0}, {6, 2, 3, 0}, {4, 2, 1, 2}};
    struct scene *s = *state;
    s->board->subscribers = 1;
    send_all(s);
    for (size_t i = 0; i < ITEMS; i++)
        if (i != 3 && i != 14 && i != 15 && i != 16) receive(s, 0, i, 2 * MS);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        s->board->subscriber[0].announced = rows[i].told;
        s->board->subscriber[0].announced_before = rows[i].before;
        s->run.announced = s->run.silent = 0;
        free(s->run.subscribers);
        free(s->run.seconds);
        fill(s, 0);
        assert_int_equal(s->run.announced, rows[i].announced);
        assert_int_equal(s->run.silent, rows[i].silent);
        assert_int_equal(s->run.subscribers[0].counts.lost, 3);
        assert_int_equal(s->run.subscribers[0].counts.longest_gap, 3);
    }
}

static void a_second_arrival_is_a_duplicate_and_no_latency(void **state)
{
    struct scene *s = *state;
    send_all(s);
    for (size_t i = 0; i < ITEMS; i++)
        receive(s, 0, i, 2 * MS);
    receive(s, 0, 20, 900 * MS);
    fill(s, 0);
    assert_int_equal(s->run.counts.duplicates, 1);
    assert_int_equal(histogram_count(s->run.response), 20);
    assert_int_equal(histogram_most(s->run.response), 2 * MS);
    assert_int_equal(histogram_count(s->run.skew), 0); /* the other one had none */
}

static void a_negative_latency_is_reported_not_dropped(void **state)
{
    struct scene *s = *state;
    send_all(s);
    receive(s, 0, 20, -1);
    receive(s, 0, 21, MS / 2); /* before it was sent */
    fill(s, 0);
    assert_int_equal(s->facts.negative, 2);
    assert_int_equal(histogram_count(s->run.response), 2);
}

static void recovery_waits_for_the_last_subscriber(void **state)
{
    struct scene *s = *state;
    int64_t end = START + 2000 * MS;
    send_all(s);
    receive(s, 0, 10, MS);
    receive(s, 0, 20, 30 * MS);
    receive(s, 1, 10, MS);
    receive(s, 1, 20, 80 * MS);
    fill(s, end);
    assert_true(s->run.recovery_ms == 80);
}

static void without_an_item_there_is_no_recovery(void **state)
{
    struct scene *s = *state;
    send_all(s);
    receive(s, 0, 20, 30 * MS);
    fill(s, START + 2000 * MS);
    assert_true(isnan(s->run.recovery_ms));
}

#define IN_SCENE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SCENE(only_what_is_due_in_the_measured_part_counts),
        IN_SCENE(what_was_never_sent_is_not_lost),
        IN_SCENE(losses_that_were_told_of_are_not_silent),
        IN_SCENE(a_second_arrival_is_a_duplicate_and_no_latency),
        IN_SCENE(a_negative_latency_is_reported_not_dropped),
        IN_SCENE(recovery_waits_for_the_last_subscriber),
        IN_SCENE(without_an_item_there_is_no_recovery),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
