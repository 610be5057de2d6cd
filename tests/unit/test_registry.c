#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/topic.h"
#include "relay/registry.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ------------------------------------------------------------------------------------ Helpers */

static int people[64]; /* subscribers are addresses, no more */

static struct registry *fresh(void)
{
    struct news_error err;
    struct registry *r = registry_new(&err);
    assert_non_null(r);
    return r;
}

static void add(struct registry *r, const char *filter, size_t who)
{
    assert_true(registry_add(r, filter, &people[who]));
}

static size_t matched(struct registry *r, const char *topic, size_t who)
{
    size_t count, times = 0;
    void *const *found = registry_match(r, topic, &count);
    for (size_t i = 0; i < count; i++)
        times += found[i] == &people[who];
    return times;
}

static size_t match_count(struct registry *r, const char *topic)
{
    size_t count;
    (void)registry_match(r, topic, &count);
    return count;
}

static uint64_t seed;

static unsigned roll(unsigned sides)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(seed >> 33) % sides;
}

/* --------------------------------------------------------------------------------------- Tests */

static void filters_match_as_mqtt_says(void **state)
{
    (void)state;
    static const struct {
        const char *filter, *topic;
        bool matches;
    } rows[] = {
        {"a/b", "a/b", true},     {"a/b", "a/c", false},      {"a/b", "a", false},
        {"a/b", "a/b/c", false},  {"a/+", "a/b", true},       {"a/+", "a", false},
        {"a/+", "a/", true},      {"a/+", "a/b/c", false},    {"a/#", "a", true},
        {"a/#", "a/", true},      {"a/#", "a/b/c", true},     {"a/#", "ab", false},
        {"#", "a/b", true},       {"#", "/", true},           {"+", "a", true},
        {"+", "/a", false},       {"+/+", "/a", true},        {"/+", "/a", true},
        {"+/b/#", "a/b", true},   {"#", "$SYS/a", false},     {"+/a", "$SYS/a", false},
        {"$SYS/#", "$SYS", true}, {"$SYS/+", "$SYS/a", true}, {"a/#", "a/$b", true},
        {"a/+", "a/$b", true},    {"+/#", "$SYS", false},     {"$SYS/a", "$SYS/a", true},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct registry *r = fresh();
        add(r, rows[i].filter, 0);
        if (matched(r, rows[i].topic, 0) != rows[i].matches)
            fail_msg("\"%s\" and \"%s\"", rows[i].filter, rows[i].topic);
        registry_free(r);
    }
}

static void a_subscriber_is_found_once_whatever_the_number_of_its_filters(void **state)
{
    (void)state;
    struct registry *r = fresh();
    static const char *const filters[] = {"#", "a/#", "a/b", "a/+", "+/b", "a/b/#"};
    for (size_t i = 0; i < COUNT(filters); i++) {
        add(r, filters[i], 0);
        add(r, filters[i], 1 + i);
    }
    assert_int_equal(matched(r, "a/b", 0), 1);
    assert_int_equal(match_count(r, "a/b"), 1 + COUNT(filters));
    registry_free(r);
}

static void the_same_subscription_counts_once(void **state)
{
    (void)state;
    struct registry *r = fresh();
    add(r, "a", 0);
    add(r, "a", 0);
    assert_int_equal(registry_count(r), 1);
    registry_remove(r, "a", &people[0]);
    assert_int_equal(registry_count(r), 0);
    assert_int_equal(match_count(r, "a"), 0);
    registry_free(r);
}

static void removing_what_is_not_there_changes_nothing(void **state)
{
    (void)state;
    struct registry *r = fresh();
    add(r, "a/b/c", 0);
    registry_remove(r, "a/b", &people[0]);
    registry_remove(r, "a/b/c/d", &people[0]);
    registry_remove(r, "a/b/c", &people[1]);
    assert_int_equal(registry_count(r), 1);
    assert_int_equal(matched(r, "a/b/c", 0), 1);
    registry_free(r);
}

static void what_was_found_before_a_change_is_not_found_after_it(void **state)
{
    (void)state;
    struct registry *r = fresh();
    add(r, "a", 0);
    assert_int_equal(match_count(r, "a"), 1);
    add(r, "#", 1);
    assert_int_equal(match_count(r, "a"), 2);
    registry_remove(r, "a", &people[0]);
    assert_int_equal(matched(r, "a", 0), 0);
    assert_int_equal(matched(r, "a", 1), 1);
    registry_free(r);
}

static void subscribers_are_found_in_the_order_they_came(void **state)
{
    (void)state;
    struct registry *r = fresh();
    for (size_t i = 0; i < COUNT(people); i++)
        add(r, "a", COUNT(people) - 1 - i);
    registry_remove(r, "a", &people[10]);
    size_t count, at = 0;
    void *const *found = registry_match(r, "a", &count);
    assert_int_equal(count, COUNT(people) - 1);
    for (size_t who = COUNT(people); who-- > 0;)
        if (who != 10) assert_ptr_equal(found[at++], &people[who]);
    registry_free(r);
}

/* Each of these takes as many levels as there is room for. */
static void the_deepest_topics_are_matched(void **state)
{
    (void)state;
    char slashes[TOPIC_MAX], deep[TOPIC_MAX], wild[TOPIC_MAX + 1];
    memset(slashes, '/', TOPIC_MAX - 1);
    for (size_t i = 0; i < TOPIC_MAX - 1; i++) {
        deep[i] = i % 2 ? '/' : 'a';
        wild[i] = i % 2 ? '/' : '+';
    }
    slashes[TOPIC_MAX - 1] = deep[TOPIC_MAX - 1] = wild[TOPIC_MAX - 1] = '\0';
    struct registry *r = fresh();
    add(r, slashes, 0);
    add(r, wild, 1);
    add(r, deep, 2);
    add(r, "a/+/#", 3);
    assert_int_equal(matched(r, slashes, 0), 1);
    assert_int_equal(match_count(r, deep), 3);
    registry_remove(r, deep, &people[2]);
    assert_int_equal(match_count(r, deep), 2);
    memcpy(wild + TOPIC_MAX - 1, "/", 2);
    assert_false(registry_add(r, wild, &people[1]));
    registry_free(r);
}

/* All of these together would be more than there may be at a time. */
static void filters_that_are_gone_leave_nothing_behind(void **state)
{
    (void)state;
    struct registry *r = fresh();
    char filter[TOPIC_MAX];
    for (unsigned i = 0; i < 3000; i++) {
        int len = snprintf(filter, sizeof filter, "%u", i);
        memset(filter + len, '/', sizeof filter - 1 - (size_t)len);
        filter[sizeof filter - 1] = '\0';
        add(r, filter, 0);
        registry_remove(r, filter, &people[0]);
    }
    registry_free(r);
}

/* Names have no wildcards, and whoever publishes is asked about that before. */
static void wildcards_in_a_topic_do_no_harm(void **state)
{
    (void)state;
    struct registry *r = fresh();
    static const char *const texts[] = {"#", "+", "+/#", "+/+", "a/#", "a/+", "+/+/#"};
    for (size_t i = 0; i < COUNT(texts); i++)
        for (size_t who = 0; who < COUNT(people); who++)
            add(r, texts[i], who);
    for (size_t i = 0; i < COUNT(texts); i++)
        assert_in_range(match_count(r, texts[i]), 1, COUNT(people));
    registry_free(r);
}

/* --- against topic_matches() --- */

enum { FILTERS = 40 };

static void random_text(char *out, bool filter)
{
    static const char *const levels[] = {"a", "b", "", "$a", "ab"};
    unsigned count = 1 + roll(4);
    char *at = out;
    for (unsigned i = 0; i < count; i++) {
        if (i > 0) *at++ = '/';
        unsigned what = filter ? roll(10) : 9;
        if (what == 0 && i + 1 == count) at = stpcpy(at, "#");
        else if (what < 4) at = stpcpy(at, "+");
        else at = stpcpy(at, levels[roll(COUNT(levels))]);
    }
    *at = '\0';
    if (!*out) (void)strcpy(out, "a"); /* no topic is empty */
}

struct model {
    char filters[FILTERS][32];
    bool has[FILTERS][COUNT(people)];
    size_t pairs;
};

static void change(struct model *m, struct registry *r)
{
    size_t which = roll(FILTERS), who = roll(COUNT(people));
    bool *has = &m->has[which][who];
    if (*has) registry_remove(r, m->filters[which], &people[who]);
    else add(r, m->filters[which], who);
    m->pairs += *has ? (size_t)-1 : 1;
    *has = !*has;
}

static bool distinct(const struct model *m, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(m->filters[i], m->filters[count]) == 0) return false;
    return true;
}

static void check(const struct model *m, struct registry *r, const char *topic)
{
    size_t expected_count = 0;
    for (size_t who = 0; who < COUNT(people); who++) {
        bool expected = false;
        for (size_t i = 0; i < FILTERS; i++)
            expected |= m->has[i][who] && topic_matches(m->filters[i], topic);
        expected_count += expected;
        if (matched(r, topic, who) != expected)
            fail_msg("seed %ju: \"%s\"", (uintmax_t)seed, topic);
    }
    assert_int_equal(match_count(r, topic), expected_count);
    assert_int_equal(registry_count(r), m->pairs);
}

static void it_finds_whom_topic_matches_would(void **state)
{
    (void)state;
    static struct model m;
    for (unsigned round = 0; round < 20; round++) {
        seed = round;
        m = (struct model){0};
        struct registry *r = fresh();
        for (size_t i = 0; i < FILTERS; i++) {
            do
                random_text(m.filters[i], true);
            while (!distinct(&m, i));
        }
        for (unsigned step = 0; step < 400; step++) {
            for (unsigned n = roll(8); n > 0; n--)
                change(&m, r);
            char topic[32];
            random_text(topic, false);
            check(&m, r, topic);
        }
        registry_free(r);
    }
}

static void more_topics_than_the_cache_has_room_for_are_matched(void **state)
{
    (void)state;
    struct registry *r = fresh();
    add(r, "t/+", 0);
    for (unsigned i = 0; i < 5000; i += 10) {
        char topic[16];
        (void)snprintf(topic, sizeof topic, "t/%u", i);
        add(r, topic, 1);
    }
    for (unsigned pass = 0; pass < 2; pass++)
        for (unsigned i = 0; i < 5000; i++) {
            char topic[16];
            (void)snprintf(topic, sizeof topic, "t/%u", i);
            assert_int_equal(match_count(r, topic), i % 10 == 0 ? 2 : 1);
        }
    registry_free(r);
}

/* Sets of several filters are copied into the cache, which together may not grow for ever. */
static void large_sets_of_many_topics_are_found_when_the_cache_has_no_room_for_all(void **state)
{
    (void)state;
    static char crowd[6000];
    struct registry *r = fresh();
    for (size_t i = 0; i < sizeof crowd; i++)
        assert_true(registry_add(r, i % 2 ? "#" : "t/+", &crowd[i]));
    for (unsigned pass = 0; pass < 2; pass++)
        for (unsigned i = 0; i < 400; i++) {
            char topic[16];
            (void)snprintf(topic, sizeof topic, "t/%u", i);
            assert_int_equal(match_count(r, topic), sizeof crowd);
        }
    registry_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filters_match_as_mqtt_says),
        cmocka_unit_test(a_subscriber_is_found_once_whatever_the_number_of_its_filters),
        cmocka_unit_test(the_same_subscription_counts_once),
        cmocka_unit_test(removing_what_is_not_there_changes_nothing),
        cmocka_unit_test(what_was_found_before_a_change_is_not_found_after_it),
        cmocka_unit_test(subscribers_are_found_in_the_order_they_came),
        cmocka_unit_test(the_deepest_topics_are_matched),
        cmocka_unit_test(filters_that_are_gone_leave_nothing_behind),
        cmocka_unit_test(wildcards_in_a_topic_do_no_harm),
        cmocka_unit_test(it_finds_whom_topic_matches_would),
        cmocka_unit_test(more_topics_than_the_cache_has_room_for_are_matched),
        cmocka_unit_test(large_sets_of_many_topics_are_found_when_the_cache_has_no_room_for_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
