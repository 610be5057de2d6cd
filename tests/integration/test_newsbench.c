/* newsbench's engine with the real things: servers, sockets, processes, and a network that loses.
 * Timing is not judged here: other programs may run beside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/newsbench/engine.h"

#define RATE        200
#define SUBSCRIBERS 2

static const struct engine_options usual = {.newsrelay = NEWSRELAY_PATH, .warm_up_s = 0.2};

static struct cell small_cell(const char *carrier)
{
    struct cell c = {.carrier = carrier_find(carrier),
                     .publishers = 1,
                     .subscribers = SUBSCRIBERS,
                     .rate = RATE,
                     .seconds = 1,
                     .payload = 512,
                     .burst_items = 20,
                     .loss_burst = 1,
                     .queue_packets = 1000};
    assert_non_null(c.carrier);
    return c;
}

/* NULL: skipped, and said so. */
static struct run *measure(struct result *r, const struct cell *c, const struct engine_options *o)
{
    struct news_error err = {0};
    struct run *run = result_add(r);
    assert_non_null(run);
    if (!engine_run(c, 1, o, run, &err)) fail_msg("%s: %s", c->carrier->name, err.message);
    if (!run->skipped) return run;
    print_message("SKIP: %s: %s\n", c->carrier->name, run->reasons[0]);
    return NULL;
}

/* Whatever became of a run, nothing of it is left. */
static void assert_nothing_left(void)
{
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static void assert_figures(const struct run *run)
{
    assert_int_equal(run->offered, RATE);
    assert_int_equal(run->published, RATE);
    assert_int_equal(run->unsent, 0);
    assert_int_equal(histogram_count(run->lateness), RATE);
    assert_int_equal(histogram_count(run->response), run->counts.delivered);
    assert_int_equal(histogram_count(run->transport), run->counts.delivered);
    assert_true(histogram_least(run->response) > 0);
    assert_true(histogram_percentile(run->transport, 50) <=
                histogram_percentile(run->response, 50));
    assert_true(run->publisher.user_s + run->publisher.system_s > 0);
    assert_true(run->subscriber.user_s + run->subscriber.system_s > 0);
    assert_true(run->publisher.peak_bytes > 0);
    assert_int_equal(run->subscriber_count, SUBSCRIBERS);
    assert_int_equal(run->second_count, 1);
    assert_true(run->seconds[0].published == RATE);
    assert_true(run->gate_count > 5);
    assert_true(isnan(run->recovery_ms));
}

static void everything_arrives_over(void **state)
{
    struct result r = {0};
    struct cell c = small_cell(*state);
    struct run *run = measure(&r, &c, &usual);
    if (run) {
        assert_figures(run);
        assert_int_equal(run->expected, RATE * SUBSCRIBERS);
        assert_int_equal(run->counts.delivered, RATE * SUBSCRIBERS);
        assert_int_equal(run->counts.lost, 0);
        assert_int_equal(run->counts.duplicates, 0);
        assert_int_equal(run->silent, 0);
        assert_int_equal(run->corrupt, 0);
        assert_int_equal(histogram_count(run->skew), RATE);
        if (c.carrier->server != SERVER_NONE)
            assert_true(run->server.user_s + run->server.system_s > 0);
        if (strcmp(c.carrier->scheme, "tcp") == 0 || strcmp(c.carrier->scheme, "mqtt") == 0)
            assert_true(run->wire.tcp_segments > RATE);
    }
    result_deinit(&r);
    assert_nothing_left();
}

/* More at once than a publisher hands over in one turn: the rest must not wait for the next burst.
 */
static void a_burst_goes_out_at_once(void **state)
{
    struct result r = {0};
    struct cell c = small_cell(*state);
    c.arrivals = ARRIVALS_BURST;
    c.burst_items = RATE;
    c.seconds = 2;
    struct run *run = measure(&r, &c, &usual);
    if (run) {
        assert_int_equal(run->counts.delivered, run->expected);
        assert_true(run->offered >= RATE);
        assert_true(histogram_most(run->response) < 700 * 1000000);
    }
    result_deinit(&r);
    assert_nothing_left();
}

/* 500 connections cannot have a process each. */
static void many_subscribers_share_processes(void **state)
{
    (void)state;
    struct result r = {0};
    struct cell c = small_cell("nrp-tcp-q1");
    c.subscribers = 60;
    c.publishers = 2;
    c.rate = 20;
    struct run *run = measure(&r, &c, &usual);
    if (run) {
        assert_int_equal(run->offered, 20);
        assert_int_equal(run->counts.delivered, 20 * 60);
        assert_non_null(strstr(run->note, "60 subscribers in 20 processes"));
    }
    result_deinit(&r);
    assert_nothing_left();
}

/* An open loop keeps to its schedule while the server stands still, so that the wait is seen. */
static void a_server_that_stands_still_shows_in_response(void **state)
{
    (void)state;
    struct result r = {0};
    struct cell c = small_cell("nrp-tcp-q1");
    c.fault = FAULT_STOP;
    c.fault_seconds = 0.3;
    struct run *run = measure(&r, &c, &usual);
    if (run) {
        assert_int_equal(run->counts.lost, 0);
        assert_true(histogram_percentile(run->response, 99) > 200 * 1000000);
        assert_true(histogram_most(run->lateness) < 200 * 1000000);
        assert_true(run->recovery_ms >= 0);
    }
    result_deinit(&r);
    assert_nothing_left();
}

static void after_a_kill_everybody_finds_back(void **state)
{
    struct result r = {0};
    struct cell c = small_cell(*state);
    c.rate = 50;
    c.seconds = 6;
    c.fault = FAULT_KILL;
    c.fault_seconds = 0.3;
    struct run *run = measure(&r, &c, &usual);
    if (run) {
        assert_true(run->recovery_ms > 0);
        assert_true(run->counts.delivered > 300);
        assert_true(run->server.user_s + run->server.system_s > 0);
    }
    result_deinit(&r);
    assert_nothing_left();
}

static void what_the_network_drops_is_what_is_lost(void **state)
{
    (void)state;
    struct result r = {0};
    struct cell c = small_cell("floor-udp");
    c.rate = 100;
    c.seconds = 2;
    c.loss = 0.1;
    c.rtt_ms = 10;
    struct run *run = measure(&r, &c, &usual);
    if (run) {
        assert_int_equal(run->counts.lost + run->counts.delivered, run->expected);
        assert_true(run->counts.lost > 0);
        assert_int_equal(run->counts.lost, (uint64_t)run->wire.dropped);
        assert_true(histogram_least(run->response) >= 5000000);
    }
    result_deinit(&r);
    assert_nothing_left();
}

static void what_the_network_damages_is_counted_as_corrupt(void **state)
{
    (void)state;
    struct result r = {0};
    struct cell c = small_cell("floor-udp");
    c.corrupt = 0.2;
    struct run *run = measure(&r, &c, &usual);
    if (run) {
        assert_true(run->corrupt > 0);
        assert_true(run->counts.delivered < run->expected);
    }
    result_deinit(&r);
    assert_nothing_left();
}

static void a_slow_subscriber_is_slow_and_the_others_are_not(void **state)
{
    (void)state;
    struct result r = {0};
    struct cell c = small_cell("nrp-tcp-q0");
    c.slow_subscribers = 1;
    c.slow_share = 0.1;
    c.payload = 4096;
    struct run *run = measure(&r, &c, &usual);
    if (run) {
        assert_true(run->subscribers[0].slow);
        assert_false(run->subscribers[1].slow);
        assert_true(run->subscribers[0].p50_ns > run->subscribers[1].p50_ns);
        assert_true(run->subscribers[0].most_ns > 200 * 1000000);
        assert_int_equal(run->subscribers[1].counts.lost, 0);
    }
    result_deinit(&r);
    assert_nothing_left();
}

static void what_is_added_to_a_latency_is_seen(void **state)
{
    (void)state;
    struct result r = {0};
    struct cell c = small_cell("floor-tcp");
    c.extra_ms = 20;
    struct run *run = measure(&r, &c, &usual);
    if (run) {
        assert_int_equal(run->counts.delivered, RATE * SUBSCRIBERS);
        assert_true(histogram_least(run->response) >= 20 * 1000000);
    }
    result_deinit(&r);
    assert_nothing_left();
}

static void what_is_impossible_is_skipped_with_a_reason(void **state)
{
    (void)state;
    struct result r = {0};
    struct cell c = small_cell("mqtt-q0");
    struct engine_options o = usual;
    o.mosquitto = "/nonexistent/mosquitto";
    struct run *run = result_add(&r);
    assert_true(engine_run(&c, 1, &o, run, NULL));
    assert_true(run->skipped);
    assert_non_null(strstr(run->reasons[0], "/nonexistent/mosquitto"));
    c = small_cell("floor-tcp");
    c.fault = FAULT_KILL;
    run = result_add(&r);
    assert_true(engine_run(&c, 1, &usual, run, NULL));
    assert_true(run->skipped);
    result_deinit(&r);
}

static void a_server_that_does_not_start_says_why(void **state)
{
    (void)state;
    struct result r = {0};
    struct news_error err = {0};
    struct cell c = small_cell("nrp-tcp-q0");
    struct engine_options o = usual;
    o.newsrelay = "/bin/false";
    assert_false(engine_run(&c, 1, &o, result_add(&r), &err));
    assert_non_null(strstr(err.message, "false ended"));
    result_deinit(&r);
    assert_nothing_left();
}

static void an_interrupt_ends_a_run(void **state)
{
    (void)state;
    struct result r = {0};
    struct news_error err = {0};
    struct cell c = small_cell("nrp-tcp-q0");
    struct engine_options o = usual;
    volatile int interrupted = 1;
    o.interrupted = &interrupted;
    assert_false(engine_run(&c, 1, &o, result_add(&r), &err));
    assert_string_equal(err.message, "interrupted");
    result_deinit(&r);
    assert_nothing_left();
}

static void fairness_is_described_with_configuration_files(void **state)
{
    (void)state;
    json_t *section = engine_describe(&usual);
    assert_non_null(section);
    assert_string_equal(json_string_value(json_object_get(section, "section")), "Fairness");
    char *text = json_dumps(section, 0);
    assert_non_null(strstr(text, "set_tcp_nodelay true"));
    assert_non_null(strstr(text, "listen = nrp://"));
    free(text);
    json_decref(section);
}

#define OVER(test, carrier)                                                                        \
    {                                                                                              \
#test " " carrier, test, NULL, NULL, (void *)(uintptr_t)carrier                            \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        OVER(everything_arrives_over, "floor-tcp"),
        OVER(everything_arrives_over, "floor-udp"),
        OVER(everything_arrives_over, "mqtt-q0"),
        OVER(everything_arrives_over, "mqtt-q1"),
        OVER(everything_arrives_over, "nrp-tcp-q0"),
        OVER(everything_arrives_over, "nrp-udp-q1"),
        OVER(everything_arrives_over, "nrp-unix-q1"),
        OVER(a_burst_goes_out_at_once, "floor-udp"),
        OVER(a_burst_goes_out_at_once, "mqtt-q1"),
        OVER(a_burst_goes_out_at_once, "nrp-tcp-q1"),
        cmocka_unit_test(many_subscribers_share_processes),
        cmocka_unit_test(a_server_that_stands_still_shows_in_response),
        OVER(after_a_kill_everybody_finds_back, "mqtt-q1"),
        OVER(after_a_kill_everybody_finds_back, "nrp-tcp-q1"),
        cmocka_unit_test(what_the_network_drops_is_what_is_lost),
        cmocka_unit_test(what_the_network_damages_is_counted_as_corrupt),
        cmocka_unit_test(a_slow_subscriber_is_slow_and_the_others_are_not),
        cmocka_unit_test(what_is_added_to_a_latency_is_seen),
        cmocka_unit_test(what_is_impossible_is_skipped_with_a_reason),
        cmocka_unit_test(a_server_that_does_not_start_says_why),
        cmocka_unit_test(an_interrupt_ends_a_run),
        cmocka_unit_test(fairness_is_described_with_configuration_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
