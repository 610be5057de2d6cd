#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/date.h"
#include "common/poll_set.h"

enum { PIPES = 100, LONG_MS = 60000 };

/* ------------------------------------------------------------------------------------ Helpers */

/* Who was called, in order, and with what. */
static struct {
    int who[PIPES * 2];
    short revents[PIPES * 2];
    size_t count;
} called;

static int names[PIPES]; /* names[i] is i: what a callback gets */

static void on_ready(void *user, short revents)
{
    assert_true(called.count < PIPES * 2);
    called.who[called.count] = *(int *)user;
    called.revents[called.count++] = revents;
}

static int pipes[PIPES][2]; /* [0] reads, [1] writes */

static void fill(int i)
{
    assert_int_equal(write(pipes[i][1], "x", 1), 1);
}

static struct poll_set *made(void)
{
    struct news_error err = {0};
    struct poll_set *s = poll_set_new(&err);
    if (!s) fail_msg("%s", err.message);
    return s;
}

/* One turn; how many were called. */
static size_t turn(struct poll_set *s)
{
    struct news_error err = {0};
    called.count = 0;
    if (!poll_set_wait(s, &err)) fail_msg("%s", err.message);
    return called.count;
}

static int open_pipes(void **state)
{
    (void)state;
    for (int i = 0; i < PIPES; i++) {
        names[i] = i;
        if (pipe(pipes[i]) != 0) return -1;
    }
    return 0;
}

static int close_pipes(void **state)
{
    (void)state;
    for (int i = 0; i < PIPES; i++) {
        (void)close(pipes[i][0]);
        (void)close(pipes[i][1]);
    }
    return 0;
}

/* --------------------------------------------------------------------------------------- Tests */

static void who_has_something_is_called_and_nobody_else(void **state)
{
    (void)state;
    struct poll_set *s = made();
    fill(1);
    for (int i = 0; i < 3; i++)
        poll_set_add(s, pipes[i][0], POLLIN, on_ready, &names[i]);
    assert_int_equal(turn(s), 1);
    assert_int_equal(called.who[0], 1);
    assert_int_equal(called.revents[0], POLLIN);
    poll_set_free(s);
    poll_set_free(NULL);
}

/* More than the set starts with, so that it has to grow. */
static void all_are_called_in_the_order_of_addition(void **state)
{
    (void)state;
    struct poll_set *s = made();
    for (int i = PIPES - 1; i >= 0; i--) {
        if (i % 3 == 0) fill(i);
        poll_set_add(s, pipes[i][0], POLLIN, on_ready, &names[i]);
    }
    assert_int_equal(turn(s), PIPES / 3 + 1);
    for (size_t i = 0; i < called.count; i++)
        assert_int_equal(called.who[i], PIPES - 1 - 3 * (int)i);
    poll_set_free(s);
}

static void one_descriptor_may_be_waited_for_by_two(void **state)
{
    (void)state;
    struct poll_set *s = made();
    fill(0);
    poll_set_add(s, pipes[0][0], POLLIN, on_ready, &names[0]);
    poll_set_add(s, pipes[0][0], POLLIN, on_ready, &names[1]);
    assert_int_equal(turn(s), 2);
    assert_int_equal(called.who[1], 1);
    poll_set_free(s);
}

static void no_descriptor_is_passed_over(void **state)
{
    (void)state;
    struct poll_set *s = made();
    fill(0);
    poll_set_add(s, -1, POLLIN, on_ready, &names[1]);
    poll_set_add(s, pipes[0][0], POLLIN, on_ready, &names[0]);
    assert_int_equal(turn(s), 1);
    assert_int_equal(called.who[0], 0);
    poll_set_free(s);
}

static void always_means_each_turn_and_without_a_descriptor_too(void **state)
{
    (void)state;
    struct poll_set *s = made();
    poll_set_add_always(s, -1, 0, on_ready, &names[0]);
    poll_set_add_always(s, pipes[1][0], POLLIN, on_ready, &names[1]);
    poll_set_add(s, pipes[2][0], POLLIN, on_ready, &names[2]);
    fill(1);
    assert_int_equal(turn(s), 2);
    assert_int_equal(called.who[0], 0);
    assert_int_equal(called.revents[0], 0);
    assert_int_equal(called.who[1], 1);
    assert_int_equal(called.revents[1], POLLIN);
    char byte;
    assert_int_equal(read(pipes[1][0], &byte, 1), 1);
    poll_set_deadline(s, date_mono_ms());
    assert_int_equal(turn(s), 2);
    assert_int_equal(called.revents[1], 0);
    poll_set_free(s);
}

static void a_hangup_calls_although_nobody_asked_for_it(void **state)
{
    (void)state;
    struct poll_set *s = made();
    (void)close(pipes[0][1]);
    pipes[0][1] = -1;
    poll_set_add(s, pipes[0][0], POLLIN, on_ready, &names[0]);
    assert_int_equal(turn(s), 1);
    assert_true(called.revents[0] & POLLHUP);
    poll_set_free(s);
}

static void the_events_are_those_asked_for(void **state)
{
    (void)state;
    struct poll_set *s = made();
    poll_set_add(s, pipes[0][1], 0, on_ready, &names[0]); /* could be written to */
    poll_set_add(s, pipes[1][1], POLLOUT, on_ready, &names[1]);
    assert_int_equal(turn(s), 1);
    assert_int_equal(called.who[0], 1);
    assert_int_equal(called.revents[0], POLLOUT);
    poll_set_free(s);
}

static void the_earliest_deadline_wakes_and_not_before_its_time(void **state)
{
    (void)state;
    struct poll_set *s = made();
    int64_t start = date_mono_ms();
    poll_set_add(s, pipes[0][0], POLLIN, on_ready, &names[0]);
    poll_set_deadline(s, start + LONG_MS);
    poll_set_deadline(s, start + 30);
    poll_set_deadline(s, start + LONG_MS * 2);
    poll_set_deadline(s, INT64_MAX);
    assert_int_equal(turn(s), 0);
    assert_true(date_mono_ms() >= start + 30);
    assert_true(date_mono_ms() < start + LONG_MS);
    poll_set_free(s);
}

static void a_deadline_that_has_passed_does_not_wait(void **state)
{
    (void)state;
    static const int64_t past[] = {-1, 0, 1};
    struct poll_set *s = made();
    int64_t start = date_mono_ms();
    poll_set_add(s, pipes[0][0], POLLIN, on_ready, &names[0]);
    fill(0);
    for (size_t i = 0; i < sizeof past / sizeof *past; i++) {
        poll_set_deadline(s, past[i]);
        assert_int_equal(turn(s), 1); /* what is there is still seen */
    }
    assert_true(date_mono_ms() < start + LONG_MS);
    poll_set_free(s);
}

/* poll() counts in int: 2^31 ms and more must not turn into "at once" or "an error". */
static void a_far_deadline_is_no_short_one(void **state)
{
    (void)state;
    struct poll_set *s = made();
    poll_set_add(s, pipes[0][0], POLLIN, on_ready, &names[0]);
    poll_set_deadline(s, INT64_MAX - 1);
    fill(0);
    assert_int_equal(turn(s), 1);
    poll_set_free(s);
}

static void a_cleared_set_has_neither_descriptors_nor_a_deadline(void **state)
{
    (void)state;
    struct poll_set *s = made();
    for (int i = 0; i < PIPES; i++)
        poll_set_add_always(s, pipes[i][0], POLLIN, on_ready, &names[i]);
    poll_set_deadline(s, date_mono_ms());
    poll_set_clear(s);
    fill(5);
    poll_set_add(s, pipes[5][0], POLLIN, on_ready, &names[5]);
    assert_int_equal(turn(s), 1);
    assert_int_equal(called.who[0], 5);
    poll_set_free(s);
}

static void on_alarm(int signal_number)
{
    (void)signal_number;
}

/* A signal in between is not an error, and who is serviced each turn is. */
static void a_signal_ends_the_turn(void **state)
{
    (void)state;
    struct poll_set *s = made();
    struct sigaction action = {.sa_handler = on_alarm}, before;
    struct itimerval soon = {.it_interval = {0, 10000}, .it_value = {0, 10000}}, off = {0};
    poll_set_add(s, pipes[0][0], POLLIN, on_ready, &names[0]);
    poll_set_add_always(s, pipes[1][0], POLLIN, on_ready, &names[1]);
    assert_int_equal(sigaction(SIGALRM, &action, &before), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &soon, NULL), 0); /* again and again: none is missed */
    assert_int_equal(turn(s), 1);
    assert_int_equal(setitimer(ITIMER_REAL, &off, NULL), 0);
    assert_int_equal(sigaction(SIGALRM, &before, NULL), 0);
    assert_int_equal(called.who[0], 1);
    assert_int_equal(called.revents[0], 0);
    poll_set_free(s);
}

/* poll() refuses more descriptors than the process may have. */
static void a_poll_that_fails_says_why_and_calls_nobody(void **state)
{
    (void)state;
    struct poll_set *s = made();
    struct rlimit before, few = {0};
    struct news_error err = {0};
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = (struct rlimit){.rlim_cur = 2, .rlim_max = before.rlim_max};
    for (int i = 0; i < 3; i++)
        poll_set_add_always(s, pipes[i][0], POLLIN, on_ready, &names[i]);
    called.count = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    bool ok = poll_set_wait(s, &err);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_false(ok);
    assert_int_equal(err.code, NEWS_ERR_IO);
    assert_memory_equal(err.message, "poll: ", 6);
    assert_int_equal(called.count, 0);
    poll_set_free(s);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_pipes, close_pipes)
    const struct CMUnitTest tests[] = {
        TEST(who_has_something_is_called_and_nobody_else),
        TEST(all_are_called_in_the_order_of_addition),
        TEST(one_descriptor_may_be_waited_for_by_two),
        TEST(no_descriptor_is_passed_over),
        TEST(always_means_each_turn_and_without_a_descriptor_too),
        TEST(a_hangup_calls_although_nobody_asked_for_it),
        TEST(the_events_are_those_asked_for),
        TEST(the_earliest_deadline_wakes_and_not_before_its_time),
        TEST(a_deadline_that_has_passed_does_not_wait),
        TEST(a_far_deadline_is_no_short_one),
        TEST(a_cleared_set_has_neither_descriptors_nor_a_deadline),
        TEST(a_signal_ends_the_turn),
        TEST(a_poll_that_fails_says_why_and_calls_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
