/* Programs killed, brokers killed, connections cut: nothing accepted is lost, nothing is told
 * twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/date.h"
#include "tests/faults/cast.h"
#include "tests/faults/strace.h"
#include "tests/support/program.h"

#define SKIP_WITHOUT_STRACE()                                                                      \
    do {                                                                                           \
        const char *missing = strace_missing();                                                    \
        if (missing) skip_because(missing);                                                        \
    } while (0)

/* ---- what can go wrong ------------------------------------------------------------------------
 */

static void kill_send(struct cast *c)
{
    player_kill(c, &c->publisher.send);
}

static void kill_daemon(struct cast *c)
{
    player_kill(c, &c->publisher.daemon);
    cast_random_moment(c, 100);
    publisher_stay(c, &c->publisher, false);
}

static void kill_broker(struct cast *c)
{
    broker_crash(c);
}

static void kill_subscriber(struct cast *c)
{
    player_kill(c, &c->subscriber.player);
    cast_random_moment(c, 100);
    subscriber_start(c, &c->subscriber, false);
}

static void stop_subscriber_for_a_while(struct cast *c)
{
    player_signal(&c->subscriber.player, SIGSTOP);
    cast_random_moment(c, 1000);
    player_signal(&c->subscriber.player, SIGCONT);
}

static void cut_publisher(struct cast *c)
{
    proxy_cut(c->publisher_leg);
    c->kills++;
}

static void cut_subscriber(struct cast *c)
{
    proxy_cut(c->subscriber_leg);
    c->kills++;
}

/* The broker keeps them, and what it sends goes nowhere. */
static void leave_half_open(struct cast *c)
{
    proxy_cut_clients(c->publisher_leg);
    proxy_cut_clients(c->subscriber_leg);
    c->kills++;
}

static void swallow_acknowledgements(struct cast *c, struct proxy *leg, enum proxy_direction to)
{
    proxy_swallow(leg, to, PROXY_PUBACK, NULL);
    cast_random_moment(c, 300);
    proxy_cut(leg);
    proxy_swallow(leg, to, PROXY_NOTHING, NULL);
    c->kills++;
}

static void swallow_brokers_acknowledgements(struct cast *c)
{
    swallow_acknowledgements(c, c->publisher_leg, PROXY_TO_CLIENT);
}

static void swallow_subscribers_acknowledgements(struct cast *c)
{
    swallow_acknowledgements(c, c->subscriber_leg, PROXY_TO_SERVER);
}

/* ---- storms: batches of items, and in each something goes wrong at a random moment -------------
 */

#define ACTIONS(...) ((void (*const[])(struct cast *)){__VA_ARGS__, NULL})

struct storm {
    const char *name, *fault;
    void (*const *actions)(struct cast *c);
    unsigned rounds, batch, moment_ms;
    bool daemon;      /* owns the journal, and each send hands over to it */
    bool persistence; /* of the broker */
};

/* A batch that was not confirmed is sent again, as whoever saw it fail would do, or is given up. */
static void confirm_or_give_up(struct cast *c, unsigned first, unsigned count)
{
    int status = publisher_settle(c, &c->publisher, first, count);
    while (status != 0 && status != 75 && cast_random(c, 2) == 0) {
        publisher_send_again(c, &c->publisher);
        status = publisher_settle(c, &c->publisher, first, count);
    }
}

static void storm(void **state)
{
    struct cast *c = *state;
    const struct storm *s = c->row;
    unsigned rounds = cast_rounds(s->rounds), kinds = 0;
    while (s->actions[kinds])
        kinds++;
    cast_prepare(c, rounds * s->batch);
    if (s->persistence)
        broker_add(c->broker, "persistence true\npersistence_location %s/\n", c->dir.path);
    cast_start(c);
    cast_put_proxies(c);
    if (s->daemon) publisher_stay(c, &c->publisher, true);
    cast_warm_up(c);
    for (unsigned i = 0; i < rounds; i++) {
        unsigned first = publisher_send(c, &c->publisher, s->batch);
        cast_random_moment(c, s->moment_ms);
        s->actions[cast_random(c, kinds)](c);
        confirm_or_give_up(c, first, s->batch);
    }
    /* Items that were accepted and not sent yet: the next one to open the journal brings them. */
    if (!s->daemon) assert_int_equal(publisher_deliver(c, &c->publisher), 0);
    cast_finish(c, s->fault);
}

static const struct storm storms[] = {
    {.name = "f01_publisher_killed_at_random_moments",
     .fault = "F01 kill send",
     .actions = ACTIONS(kill_send),
     .rounds = 12,
     .batch = 200,
     .moment_ms = 500},
    {.name = "f01_daemon_killed_at_random_moments",
     .fault = "F01 kill daemon",
     .actions = ACTIONS(kill_daemon),
     .rounds = 8,
     .batch = 200,
     .moment_ms = 400,
     .daemon = true},
    {.name = "f03_broker_without_persistence_killed_under_load",
     .fault = "F03 kill broker",
     .actions = ACTIONS(kill_broker),
     .rounds = 4,
     .batch = 500,
     .moment_ms = 600,
     .daemon = true},
    {.name = "f03_broker_with_persistence_killed_under_load",
     .fault = "F03 kill, persistent",
     .actions = ACTIONS(kill_broker),
     .rounds = 4,
     .batch = 500,
     .moment_ms = 600,
     .daemon = true,
     .persistence = true},
    {.name = "f04_subscriber_killed_under_load",
     .fault = "F04 kill subscriber",
     .actions = ACTIONS(kill_subscriber),
     .rounds = 8,
     .batch = 300,
     .moment_ms = 500,
     .daemon = true},
    {.name = "f05_anything_killed_at_random",
     .fault = "F05 kill anything",
     .actions = ACTIONS(kill_send, kill_daemon, kill_broker, kill_subscriber,
                        stop_subscriber_for_a_while),
     .rounds = 12,
     .batch = 200,
     .moment_ms = 500,
     .daemon = true},
    {.name = "f09_connections_cut_half_open_and_without_acknowledgements",
     .fault = "F09 connections",
     .actions = ACTIONS(cut_publisher, cut_subscriber, leave_half_open,
                        swallow_brokers_acknowledgements, swallow_subscribers_acknowledgements),
     .rounds = 10,
     .batch = 200,
     .moment_ms = 400,
     .daemon = true},
};

/* Nothing tells a client that its broker is gone but the silence: one keep alive and a half. */
static void f09_clients_find_out_that_nobody_is_there(void **state)
{
    struct cast *c = *state;
    cast_prepare(c, 200);
    cast_start(c);
    cast_put_proxies(c);
    publisher_stay(c, &c->publisher, true);
    cast_warm_up(c);
    proxy_cut_servers(c->publisher_leg);
    proxy_cut_servers(c->subscriber_leg);
    c->kills++;
    unsigned first = publisher_send(c, &c->publisher, 100);
    int status = publisher_settle(c, &c->publisher, first, 100);
    assert_true(status == 0 || status == 75);
    cast_finish(c, "F09 silence");
}

/* ---- killed at a named point --------------------------------------------------------------------
 */

static const struct point {
    const char *call;
    unsigned most; /* the call's number in a run is drawn from 1 to this */
} points[] = {
    {"fdatasync", 4}, {"fsync", 2},  {"pwrite64", 24}, {"sendto", 8},
    {"write", 16},    {"rename", 1}, {"unlink", 2},    {"ftruncate", 2},
};
enum { POINTS = sizeof points / sizeof *points, POINT_BATCH = 40 };

static void aim(struct cast *c, struct player *p, unsigned i)
{
    strace_kill_before(p, points[i % POINTS].call, 1 + cast_random(c, points[i % POINTS].most));
}

static void f02_publisher_killed_at_named_points(void **state)
{
    struct cast *c = *state;
    struct publisher *p = &c->publisher;
    unsigned rounds = cast_rounds(2 * POINTS);
    SKIP_WITHOUT_STRACE();
    cast_prepare(c, rounds * POINT_BATCH);
    cast_start(c);
    cast_warm_up(c);
    for (unsigned i = 0; i < rounds; i++) {
        aim(c, &p->send, i);
        unsigned first = publisher_send(c, p, POINT_BATCH);
        int status = publisher_settle(c, p, first, POINT_BATCH);
        c->kills += status == 128 + SIGKILL;
        if (status != 0 && status != 128 + SIGKILL)
            cast_fail(c, "newspub send ended with %d before %s", status, points[i % POINTS].call);
    }
    strace_off(&p->send);
    assert_int_equal(publisher_deliver(c, p), 0);
    cast_finish(c, "F02 publisher");
}

struct killed_or_done {
    struct subscriber *subscriber;
    unsigned items;
};

static bool is_killed_or_done(void *user)
{
    const struct killed_or_done *k = user;
    return player_is_over(&k->subscriber->player) ||
           ledger_count_lines(k->subscriber->shown) >= k->items;
}

static void f02_subscriber_killed_at_named_points(void **state)
{
    struct cast *c = *state;
    struct subscriber *s = &c->subscriber;
    unsigned rounds = cast_rounds(2 * POINTS);
    SKIP_WITHOUT_STRACE();
    cast_prepare(c, rounds * POINT_BATCH);
    cast_start(c);
    publisher_stay(c, &c->publisher, true);
    cast_warm_up(c);
    subscriber_stop(c, s);
    for (unsigned i = 0; i < rounds; i++) {
        aim(c, &s->player, i);
        subscriber_start(c, s, false);
        publisher_bring(c, &c->publisher, POINT_BATCH);
        struct killed_or_done k = {s, ledger_accepted(&c->ledger)};
        cast_wait(c, is_killed_or_done, &k, "the subscriber to be killed, or to be done");
        if (!player_is_over(&s->player)) player_kill(c, &s->player);
        else if (player_wait(c, &s->player) == 128 + SIGKILL) c->kills++;
        else cast_fail(c, "newssub ended by itself before %s", points[i % POINTS].call);
    }
    strace_off(&s->player);
    subscriber_start(c, s, true);
    cast_finish(c, "F02 subscriber");
}

/* ---- one thing after the other ------------------------------------------------------------------
 */

struct journal_goal {
    struct cast *cast;
    unsigned first, count;
};

static bool is_in_journal(void *user)
{
    const struct journal_goal *g = user;
    unsigned found = 0;
    return ledger_accept_journal(&g->cast->ledger, g->cast->publisher.journal, g->first, g->count,
                                 &found) &&
           found == g->count;
}

static void f06_publisher_killed_while_the_broker_stands_still(void **state)
{
    struct cast *c = *state;
    struct publisher *p = &c->publisher;
    cast_prepare(c, 600);
    cast_start(c);
    publisher_stay(c, p, true);
    cast_warm_up(c);
    broker_pause(c->broker, true);
    struct journal_goal g = {c, publisher_send(c, p, 500), 500};
    cast_wait(c, is_in_journal, &g, "500 items in the journal");
    p->stays = false;
    player_kill(c, &p->daemon);
    player_kill(c, &p->send);
    broker_pause(c->broker, false);
    assert_int_equal(publisher_deliver(c, p), 0);
    cast_finish(c, "F06 broker stopped");
}

static void f07_subscriber_away_for_3000_items(void **state)
{
    struct cast *c = *state;
    cast_prepare(c, 3000);
    cast_start(c);
    publisher_stay(c, &c->publisher, true);
    cast_warm_up(c);
    subscriber_stop(c, &c->subscriber);
    publisher_bring(c, &c->publisher, 3000);
    subscriber_start(c, &c->subscriber, true);
    cast_finish(c, "F07 away");
}

/* Mosquitto drops what is above 1000 for a subscriber, and tells nobody. */
static void f08_subscriber_stopped_during_a_burst_of_6000(void **state)
{
    struct cast *c = *state;
    cast_prepare(c, 6000);
    cast_start(c);
    publisher_stay(c, &c->publisher, true);
    cast_warm_up(c);
    player_signal(&c->subscriber.player, SIGSTOP);
    publisher_bring(c, &c->publisher, 6000);
    player_signal(&c->subscriber.player, SIGCONT);
    cast_finish(c, "F08 stopped reader");
}

static void f08_slow_line_during_a_burst_of_3000(void **state)
{
    struct cast *c = *state;
    cast_prepare(c, 3000);
    cast_start(c);
    cast_put_proxies(c);
    publisher_stay(c, &c->publisher, true);
    cast_warm_up(c);
    proxy_throttle(c->subscriber_leg, 100000);
    publisher_bring(c, &c->publisher, 3000);
    proxy_throttle(c->subscriber_leg, 2000000);
    cast_finish(c, "F08 slow line");
}

/* No later item shows the hole, no connection is lost: only the publisher's status tells. */
static void f10_the_last_item_is_lost_and_then_there_is_silence(void **state)
{
    struct cast *c = *state;
    cast_prepare(c, 1);
    cast_start(c);
    cast_put_proxies(c);
    publisher_stay(c, &c->publisher, true);
    cast_warm_up(c);
    proxy_swallow(c->subscriber_leg, PROXY_TO_CLIENT, PROXY_PUBLISH, "news/");
    publisher_bring(c, &c->publisher, 1);
    cast_finish(c, "F10 last item");
}

/* ---- an archive ------------------------------------------------------------------------------ */

static bool archive_has_500(void *user)
{
    return ledger_count_store(((struct cast *)user)->crowd->store) >= 500;
}

static void an_archive_answers_for_a_publisher_that_has_gone(void **state)
{
    struct cast *c = *state;
    cast_prepare(c, 500);
    cast_start(c);
    publisher_stay(c, &c->publisher, true);
    cast_warm_up(c);
    archive_start(c);
    subscriber_stop(c, &c->subscriber);
    publisher_bring(c, &c->publisher, 500);
    cast_wait(c, archive_has_500, c, "the archive to have them");
    c->publisher.stays = false;
    assert_int_equal(player_end(c, &c->publisher.daemon), 0);
    subscriber_start(c, &c->subscriber, true);
    cast_finish(c, "archive answers");
}

/* ---- many ---------------------------------------------------------------------------------------
 */

/* All have subscribed: who comes while items are published follows them from there on only. */
static void gather_crowd(struct cast *c, size_t count)
{
    c->crowd = calloc(count, sizeof *c->crowd);
    assert_non_null(c->crowd);
    for (; c->crowd_count < count; c->crowd_count++) {
        char name[32];
        snprintf(name, sizeof name, "crowd-%zu", c->crowd_count);
        c->crowd[c->crowd_count] = cast_subscriber(c, name);
        subscriber_start(c, &c->crowd[c->crowd_count], c->crowd_count % 8 == 7);
    }
    for (size_t i = 0; i < count; i++)
        subscriber_await(c, &c->crowd[i]);
}

static void f14_a_crowd_reconnects_at_once(void **state)
{
    struct cast *c = *state;
    enum { CROWD = 100 };
    cast_prepare(c, 600);
    cast_start(c);
    publisher_stay(c, &c->publisher, true);
    gather_crowd(c, CROWD);
    publisher_bring(c, &c->publisher, 100);
    unsigned first = publisher_send(c, &c->publisher, 500);
    cast_random_moment(c, 500);
    broker_crash(c);
    int64_t start_ms = date_mono_ms();
    int status = publisher_settle(c, &c->publisher, first, 500);
    assert_true(status == 0 || status == 75);
    for (size_t i = 0; i < CROWD; i++)
        cast_converge(c, &c->crowd[i]);
    c->converge_ms = date_mono_ms() - start_ms;
    for (size_t i = 0; i < CROWD; i++) {
        subscriber_stop(c, &c->crowd[i]);
        cast_judge(c, &c->crowd[i]);
    }
    char fault[32];
    snprintf(fault, sizeof fault, "F14 crowd of %d", CROWD);
    cast_report(c, fault);
}

/* ---- the order of things --------------------------------------------------------------------- */

static void f15_no_item_is_acknowledged_before_the_store_is_on_disk(void **state)
{
    struct cast *c = *state;
    struct strace_order order;
    char record[CAST_PATH];
    SKIP_WITHOUT_STRACE();
    cast_prepare(c, 300);
    cast_start(c);
    cast_path(c, record, "record", "");
    strace_record(&c->subscriber.player, record);
    subscriber_start(c, &c->subscriber, true);
    publisher_bring(c, &c->publisher, 300);
    cast_converge(c, &c->subscriber);
    int status = player_end(c, &c->subscriber.player);
    assert_true(status == 0 || status == 128 + SIGTERM);
    assert_true(strace_read_order(record, c->subscriber.store, &order));
    print_message("F15: %u acknowledged after %u syncs, %u of them unproven\n", order.acknowledged,
                  order.syncs, order.unproven);
    assert_int_equal(order.acknowledged, 300);
    assert_int_equal(order.unproven, 0);
    cast_judge(c, &c->subscriber);
    cast_report(c, "F15 order");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, cast_setup, cast_teardown)
#define STORM(i)                                                                                   \
    {                                                                                              \
        storms[i].name, storm, cast_setup, cast_teardown, (void *)(uintptr_t)&storms[i]            \
    }

int main(int argc, char **argv)
{
    if (argc > 1) cmocka_set_test_filter(argv[1]); /* a pattern such as "f03*" */
    const struct CMUnitTest tests[] = {
        STORM(0),
        STORM(1),
        STORM(2),
        STORM(3),
        STORM(4),
        STORM(5),
        STORM(6),
        TEST(f02_publisher_killed_at_named_points),
        TEST(f02_subscriber_killed_at_named_points),
        TEST(f06_publisher_killed_while_the_broker_stands_still),
        TEST(f07_subscriber_away_for_3000_items),
        TEST(f08_subscriber_stopped_during_a_burst_of_6000),
        TEST(f08_slow_line_during_a_burst_of_3000),
        TEST(f09_clients_find_out_that_nobody_is_there),
        TEST(f10_the_last_item_is_lost_and_then_there_is_silence),
        TEST(an_archive_answers_for_a_publisher_that_has_gone),
        TEST(f14_a_crowd_reconnects_at_once),
        TEST(f15_no_item_is_acknowledged_before_the_store_is_on_disk),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    cast_print_table();
    return failed;
}
