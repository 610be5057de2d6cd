#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "relay/guard.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define SECOND       INT64_C(1000000)
#define START        (100 * SECOND)
#define SECRET_A     "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define SECRET_B     "ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

/* ------------------------------------------------------------------------------------ Helpers */

static const struct guard_limits limits = {
    .sessions_max = 10,
    .per_address_max = 2,
    .handshakes_per_s = 5,
    .handshakes_per_s_all = 20,
    .publish_per_s = 100,
};

static struct guard *fresh(const struct guard_limits *l, struct nrp_keys *keys)
{
    struct news_error err;
    struct guard *g = guard_new(l, keys, &err);
    assert_non_null(g);
    return g;
}

static struct nrp_address v4(uint32_t ip)
{
    return (struct nrp_address){
        .family = 4,
        .ip = {(uint8_t)(ip >> 24), (uint8_t)(ip >> 16), (uint8_t)(ip >> 8), (uint8_t)ip},
        .port = (uint16_t)ip};
}

static bool enter(struct guard *g, struct nrp_address from)
{
    enum nrp_code code = NRP_OK;
    bool entered = guard_enter(g, &from, START, &code);
    assert_int_equal(code, entered ? NRP_OK : NRP_CODE_TOO_MANY);
    return entered;
}

static void leave(struct guard *g, struct nrp_address from)
{
    guard_leave(g, &from);
}

static unsigned handshakes(struct guard *g, struct nrp_address from, unsigned tries, int64_t at_us)
{
    unsigned allowed = 0;
    for (unsigned i = 0; i < tries; i++)
        allowed += guard_handshake(g, &from, at_us);
    return allowed;
}

static unsigned publish(struct guard *g, uint32_t key, struct nrp_address from, unsigned wanted,
                        int64_t at_us)
{
    return guard_publish(g, key, &from, wanted, at_us);
}

static struct guard_counts counts(struct guard *g)
{
    struct guard_counts c;
    guard_counts(g, &c);
    return c;
}

static struct nrp_keys *keys_of(const char *text)
{
    struct news_error err = {0};
    char path[] = "/tmp/test_guard.XXXXXX"; /* made for its owner alone, as a key file must be */
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(close(fd), 0);
    struct nrp_keys *keys = nrp_keys_read(path, &err);
    (void)unlink(path);
    if (!keys) fail_msg("%s", err.message);
    return keys;
}

/* ------------------------------------------------------------------------------------ Sessions */

static void an_address_has_so_many_sessions_and_no_more(void **state)
{
    (void)state;
    struct guard *g = fresh(&limits, NULL);
    assert_true(enter(g, v4(1)));
    assert_true(enter(g, v4(1)));
    assert_false(enter(g, v4(1)));
    assert_true(enter(g, v4(2)));
    leave(g, v4(1));
    assert_true(enter(g, v4(1)));
    assert_int_equal(counts(g).sessions, 3);
    assert_int_equal(counts(g).refused_address, 1);
    guard_free(g);
}

static void all_addresses_together_have_so_many_sessions(void **state)
{
    (void)state;
    struct guard *g = fresh(&limits, NULL);
    for (unsigned i = 0; i < limits.sessions_max; i++)
        assert_true(enter(g, v4(i)));
    assert_false(enter(g, v4(99)));
    assert_false(enter(g, (struct nrp_address){.family = 1}));
    assert_int_equal(counts(g).refused_total, 2);
    leave(g, v4(0));
    assert_true(enter(g, v4(99)));
    guard_free(g);
}

/* Which addresses are one, and which are not limited each. */
static void addresses_are_counted_by_host_or_network(void **state)
{
    (void)state;
    static const struct {
        struct nrp_address a, b;
        bool same;
    } rows[] = {
        {{.family = 4, .ip = {10, 0, 0, 1}, .port = 1}, {.family = 4, .ip = {10, 0, 0, 1}}, true},
        {{.family = 4, .ip = {10, 0, 0, 1}}, {.family = 4, .ip = {10, 0, 0, 2}}, false},
        {{.family = 6, .ip = {32, 1, [15] = 1}}, {.family = 6, .ip = {32, 1, [15] = 2}}, true},
        {{.family = 6, .ip = {32, 1, [8] = 1}}, {.family = 6, .ip = {32, 1, [8] = 2}}, true},
        {{.family = 6, .ip = {32, 1, [7] = 1}}, {.family = 6, .ip = {32, 1, [7] = 2}}, false},
        {{.family = 6, .ip = {[10] = 255, 255, 10, 0, 0, 1}},
         {.family = 4, .ip = {10, 0, 0, 1}},
         true},
        {{.family = 6, .ip = {[10] = 255, 255, 10, 0, 0, 1}},
         {.family = 6, .ip = {[10] = 255, 255, 10, 0, 0, 2}},
         false},
        {{.family = 6, .ip = {[15] = 2}}, {.family = 6, .ip = {[15] = 3}}, true},
        {{.family = 4, .ip = {127, 0, 0, 1}}, {.family = 4, .ip = {127, 0, 0, 1}}, false},
        {{.family = 6, .ip = {[15] = 1}}, {.family = 6, .ip = {[15] = 1}}, false},
        {{.family = 6, .ip = {[10] = 255, 255, 127, 1, 2, 3}},
         {.family = 4, .ip = {127, 1, 2, 3}},
         false},
        {{.family = 1}, {.family = 1}, false},
    };
    struct guard_limits one = limits;
    one.per_address_max = 1;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct guard *g = fresh(&one, NULL);
        assert_true(enter(g, rows[i].a));
        if (enter(g, rows[i].b) == rows[i].same) fail_msg("row %zu", i);
        guard_free(g);
    }
}

/* ---------------------------------------------------------------------------------- Handshakes */

static void handshakes_come_back_with_time(void **state)
{
    (void)state;
    struct guard *g = fresh(&limits, NULL);
    assert_int_equal(handshakes(g, v4(1), 10, START), 5);
    assert_int_equal(handshakes(g, v4(1), 10, START + SECOND / 10), 0);
    assert_int_equal(handshakes(g, v4(1), 10, START + SECOND / 5), 1);
    assert_int_equal(handshakes(g, v4(1), 10, START + 1000 * SECOND), 5);
    assert_int_equal(counts(g).refused_handshakes, 5 + 10 + 9 + 5);
    guard_free(g);
}

static void a_clock_that_goes_back_gives_nothing_and_breaks_nothing(void **state)
{
    (void)state;
    struct guard *g = fresh(&limits, NULL);
    assert_int_equal(handshakes(g, v4(1), 10, START), 5);
    assert_int_equal(handshakes(g, v4(1), 10, START - SECOND), 0);
    assert_int_equal(handshakes(g, v4(1), 10, START + SECOND), 5);
    guard_free(g);
}

static void one_address_does_not_use_up_what_all_have(void **state)
{
    (void)state;
    struct guard *g = fresh(&limits, NULL);
    assert_int_equal(handshakes(g, v4(1), 1000, START), 5);
    assert_int_equal(handshakes(g, v4(2), 10, START), 5);
    assert_int_equal(handshakes(g, v4(3), 10, START), 5);
    assert_int_equal(handshakes(g, v4(4), 10, START), 5);
    assert_int_equal(handshakes(g, v4(5), 10, START), 0);
    assert_int_equal(handshakes(g, (struct nrp_address){.family = 1}, 100, START), 100);
    guard_free(g);
}

static unsigned hellos(struct guard *g, struct nrp_address from, unsigned tries, int64_t at_us)
{
    unsigned allowed = 0;
    for (unsigned i = 0; i < tries; i++)
        allowed += guard_hello(g, &from, at_us);
    return allowed;
}

static void hellos_that_may_be_forged_use_up_no_address(void **state)
{
    (void)state;
    struct guard *g = fresh(&limits, NULL);
    assert_int_equal(hellos(g, v4(1), 15, START), 15);
    assert_int_equal(hellos(g, v4(2), 15, START), 5);
    assert_int_equal(hellos(g, v4(127u << 24 | 1), 100, START), 100);
    assert_int_equal(counts(g).refused_handshakes, 10);
    assert_int_equal(handshakes(g, v4(1), 10, START), 5);
    assert_int_equal(hellos(g, v4(1), 20, START + SECOND / 2), 10);
    guard_free(g);
}

/* As many addresses as the guard keeps apart, all within a second. */
static void flood(struct guard *g, uint32_t first, int64_t at_us)
{
    for (uint32_t i = 0; i < 65536; i++)
        (void)handshakes(g, v4(first + i), 1, at_us);
}

static struct guard *flooded(void)
{
    struct guard_limits open = limits;
    open.handshakes_per_s_all = 0;
    struct guard *g = fresh(&open, NULL);
    assert_true(enter(g, v4(7)));
    flood(g, 1000, START);
    return g;
}

static unsigned handshakes_of_1000(struct guard *g, uint32_t first, int64_t at_us)
{
    unsigned allowed = 0;
    for (uint32_t i = 0; i < 1000; i++)
        allowed += handshakes(g, v4(first + i), 1, at_us);
    return allowed;
}

static void a_flood_of_addresses_shares_one_place_for_a_second(void **state)
{
    (void)state;
    struct guard *g = flooded();
    /* One of the flood had no place, either: the session's address has one. */
    assert_int_equal(handshakes_of_1000(g, 1000000, START), limits.handshakes_per_s - 1);
    assert_int_equal(handshakes_of_1000(g, 3000000, START + 2 * SECOND), 1000);
    assert_true(enter(g, v4(7)));
    assert_false(enter(g, v4(7)));
    guard_free(g);
}

static void whoever_came_during_a_flood_leaves_the_shared_place(void **state)
{
    (void)state;
    struct guard *g = flooded();
    assert_true(enter(g, v4(1000000)));
    assert_true(enter(g, v4(1000001)));
    assert_false(enter(g, v4(1000002)));
    leave(g, v4(1000000));
    assert_int_equal(handshakes(g, v4(1000001), 1, START + 2 * SECOND), 1); /* has its own now */
    leave(g, v4(1000001));
    flood(g, 2000000, START + 4 * SECOND);
    assert_true(enter(g, v4(1000003)));
    assert_true(enter(g, v4(1000004)));
    assert_false(enter(g, v4(1000005)));
    guard_free(g);
}

static void a_flood_of_addresses_takes_nothing_from_those_with_keys(void **state)
{
    (void)state;
    struct guard *g = flooded();
    assert_int_equal(publish(g, 1, v4(7), 200, START), 100);
    assert_int_equal(publish(g, 2, v4(7), 200, START), 100);
    guard_free(g);
}

/* ------------------------------------------------------------------------------------- Publish */

static void publications_are_limited_by_key_or_by_address(void **state)
{
    (void)state;
    struct guard *g = fresh(&limits, NULL);
    assert_int_equal(publish(g, 1, v4(1), 60, START), 60);
    assert_int_equal(publish(g, 1, v4(2), 60, START), 40);
    assert_int_equal(publish(g, 2, v4(1), 60, START), 60);
    assert_int_equal(publish(g, 0, v4(1), 60, START), 60);
    assert_int_equal(publish(g, 0, v4(1), 60, START), 40);
    assert_int_equal(publish(g, 0, v4(2), 200, START), 100);
    assert_int_equal(publish(g, 1, v4(1), 60, START + SECOND / 4), 25);
    assert_int_equal(counts(g).refused_rate, 20 + 20 + 100 + 35);
    guard_free(g);
}

static void no_limit_is_none(void **state)
{
    (void)state;
    static const struct guard_limits none = {.sessions_max = 1, .per_address_max = 1};
    struct guard *g = fresh(&none, NULL);
    assert_int_equal(publish(g, 0, v4(1), 1000000, START), 1000000);
    assert_int_equal(handshakes(g, v4(1), 10000, START), 10000);
    assert_int_equal(hellos(g, v4(1), 10000, START), 10000);
    guard_free(g);
}

static void the_highest_rate_does_not_overflow(void **state)
{
    (void)state;
    static const struct guard_limits most = {.publish_per_s = UINT32_MAX};
    struct guard *g = fresh(&most, NULL);
    assert_int_equal(publish(g, 1, v4(1), UINT32_MAX, START), UINT32_MAX);
    assert_int_equal(publish(g, 1, v4(1), 1, START), 0);
    assert_int_equal(publish(g, 1, v4(1), UINT32_MAX, INT64_MAX), UINT32_MAX);
    guard_free(g);
}

/* ---------------------------------------------------------------------------------------- Keys */

static void a_key_is_copied_with_its_filters(void **state)
{
    (void)state;
    struct guard *g = fresh(&limits,
                            keys_of("7 " SECRET_A " publish=news/a/#,news/b subscribe=news/#\n"));
    assert_null(guard_key(g, 8));
    struct nrp_key *k = guard_key(g, 7);
    assert_non_null(k);
    guard_replace_keys(g, NULL);
    assert_null(guard_key(g, 7));
    assert_int_equal(k->publish_count, 2);
    assert_string_equal(k->publish[0], "news/a/#");
    assert_string_equal(k->publish[1], "news/b");
    assert_int_equal(k->subscribe_count, 1);
    assert_string_equal(k->subscribe[0], "news/#");
    assert_int_equal(k->secret[1], 0x11);
    guard_key_free(k);
    guard_key_free(NULL);
    guard_free(g);
}

static void a_key_stands_until_something_of_it_changes(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        bool stands;
    } rows[] = {
        {"1 " SECRET_A " publish=a subscribe=b\n", true},
        {"2 " SECRET_B "\n1 " SECRET_A " publish=a subscribe=b\n", true},
        {"1 " SECRET_B " publish=a subscribe=b\n", false},
        {"1 " SECRET_A " publish=c subscribe=b\n", false},
        {"1 " SECRET_A " publish=a subscribe=b,c\n", false},
        {"1 " SECRET_A " publish=a\n", false},
        {"2 " SECRET_A " publish=a subscribe=b\n", false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct guard *g = fresh(&limits, keys_of("1 " SECRET_A " publish=a subscribe=b\n"));
        struct nrp_key *k = guard_key(g, 1);
        assert_non_null(k);
        assert_true(guard_key_stands(g, k));
        guard_replace_keys(g, keys_of(rows[i].file));
        if (guard_key_stands(g, k) != rows[i].stands) fail_msg("row %zu", i);
        guard_key_free(k);
        guard_free(g);
    }
}

/* ------------------------------------------------------------------------------------- Threads */

enum { ROUNDS = 2000 };

static void *come_and_go(void *user)
{
    struct guard *g = user;
    size_t wrong = 0;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        struct nrp_address from = v4(i % 5);
        enum nrp_code code;
        bool entered = guard_enter(g, &from, START, &code);
        (void)guard_handshake(g, &from, START + i);
        (void)guard_publish(g, i % 3, &from, 2, START + i);
        struct nrp_key *k = guard_key(g, 1);
        wrong += !k || k->publish_count != 1;
        guard_key_free(k);
        if (entered) guard_leave(g, &from);
    }
    return (void *)wrong;
}

static void reactors_share_it_while_keys_are_replaced(void **state)
{
    (void)state;
    static const char file[] = "1 " SECRET_A " publish=a\n";
    struct guard *g = fresh(&limits, keys_of(file));
    pthread_t threads[3];
    for (size_t i = 0; i < COUNT(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, g), 0);
    for (int i = 0; i < 20; i++)
        guard_replace_keys(g, keys_of(file));
    for (size_t i = 0; i < COUNT(threads); i++) {
        void *wrong;
        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
    assert_int_equal(counts(g).sessions, 0);
    guard_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_has_so_many_sessions_and_no_more),
        cmocka_unit_test(all_addresses_together_have_so_many_sessions),
        cmocka_unit_test(addresses_are_counted_by_host_or_network),
        cmocka_unit_test(handshakes_come_back_with_time),
        cmocka_unit_test(a_clock_that_goes_back_gives_nothing_and_breaks_nothing),
        cmocka_unit_test(one_address_does_not_use_up_what_all_have),
        cmocka_unit_test(hellos_that_may_be_forged_use_up_no_address),
        cmocka_unit_test(a_flood_of_addresses_shares_one_place_for_a_second),
        cmocka_unit_test(whoever_came_during_a_flood_leaves_the_shared_place),
        cmocka_unit_test(a_flood_of_addresses_takes_nothing_from_those_with_keys),
        cmocka_unit_test(publications_are_limited_by_key_or_by_address),
        cmocka_unit_test(no_limit_is_none),
        cmocka_unit_test(the_highest_rate_does_not_overflow),
        cmocka_unit_test(a_key_is_copied_with_its_filters),
        cmocka_unit_test(a_key_stands_until_something_of_it_changes),
        cmocka_unit_test(reactors_share_it_while_keys_are_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
