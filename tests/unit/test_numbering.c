#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "publisher/numbering.h"

#define NOW_MS INT64_C(1795442527000)

static struct numbering *started(const char *publisher, int64_t now_ms)
{
    struct news_error err = {0};
    struct numbering *n = numbering_new(publisher, now_ms, &err);
    if (!n) fail_msg("%s", err.message);
    return n;
}

static uint64_t seq_of(const char *number)
{
    unsigned long long seq;
    char rest;
    const char *last = strrchr(number, ':');
    assert_non_null(last);
    assert_int_equal(sscanf(last, ":%llu%c", &seq, &rest), 1);
    return seq;
}

/* DESIGN 2: "<publisher>:<epoch>:<seq>", epoch 16 hex digits. */
static void a_number_has_publisher_epoch_and_seq(void **state)
{
    (void)state;
    char number[WIRE_NUMBER_SIZE];
    struct numbering *n = started("harbour-wire", NOW_MS);
    assert_true(numbering_next(n, "news/a", number));
    assert_memory_equal(number, "harbour-wire:", 13);
    assert_int_equal(strspn(number + 13, "0123456789abcdef"), 16);
    assert_string_equal(number + 29, ":1");
    numbering_free(n);
}

static void each_topic_counts_from_one_without_holes(void **state)
{
    (void)state;
    static const char *const topics[] = {"news/a", "news/b", "news/a/b", "news/A", ""};
    struct numbering *n = started("p", NOW_MS);
    for (uint64_t round = 1; round <= 5; round++)
        for (size_t t = 0; t < sizeof topics / sizeof *topics; t++) {
            char number[WIRE_NUMBER_SIZE];
            assert_true(numbering_next(n, topics[t], number));
            assert_int_equal(seq_of(number), round);
        }
    numbering_free(n);
}

static void many_topics_keep_their_own_counts(void **state)
{
    (void)state;
    enum { TOPICS = 5000 };
    struct numbering *n = started("p", NOW_MS);
    for (uint64_t round = 1; round <= 3; round++)
        for (int t = 0; t < TOPICS; t++) {
            char topic[64], number[WIRE_NUMBER_SIZE];
            (void)snprintf(topic, sizeof topic, "news/p/desk-%d/en/5/general", t);
            assert_true(numbering_next(n, topic, number));
            if (seq_of(number) != round) fail_msg("%s: %s", topic, number);
        }
    numbering_free(n);
}

static void the_topics_name_is_copied(void **state)
{
    (void)state;
    char topic[] = "news/a", number[WIRE_NUMBER_SIZE];
    struct numbering *n = started("p", NOW_MS);
    assert_true(numbering_next(n, topic, number));
    topic[5] = 'b';
    assert_true(numbering_next(n, "news/a", number));
    assert_int_equal(seq_of(number), 2);
    assert_true(numbering_next(n, topic, number));
    assert_int_equal(seq_of(number), 1);
    numbering_free(n);
}

static void epochs_sort_by_the_time_they_were_made(void **state)
{
    (void)state;
    static const int64_t times[] = {0, 1, 1000, NOW_MS, NOW_MS + 1, NOW_MS * 2};
    char before[WIRE_NUMBER_SIZE] = "", number[WIRE_NUMBER_SIZE];
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        struct numbering *n = started("p", times[i]);
        assert_true(numbering_next(n, "news/a", number));
        if (strcmp(before, number) >= 0) fail_msg("%s before %s", before, number);
        strcpy(before, number);
        numbering_free(n);
    }
}

static void two_starts_in_one_millisecond_differ(void **state)
{
    (void)state;
    char first[WIRE_NUMBER_SIZE], second[WIRE_NUMBER_SIZE];
    size_t same = 0;
    for (int i = 0; i < 8; i++) { /* once in a million they may agree */
        struct numbering *a = started("p", NOW_MS), *b = started("p", NOW_MS);
        assert_true(numbering_next(a, "news/a", first));
        assert_true(numbering_next(b, "news/a", second));
        same += strcmp(first, second) == 0;
        numbering_free(a);
        numbering_free(b);
    }
    assert_true(same <= 1);
}

static void the_longest_publisher_fits(void **state)
{
    (void)state;
    static const char publisher[] = "abcdefghijklmnopqrstuvwxyz012345"; /* 32: a slug's bound */
    char number[WIRE_NUMBER_SIZE];
    struct numbering *n = started(publisher, NOW_MS);
    assert_true(numbering_next(n, "news/a", number));
    assert_memory_equal(number, publisher, 32);
    assert_int_equal(strlen(number), 32 + 1 + 16 + 2);
    numbering_free(n);
    numbering_free(NULL);
}

/* DESIGN 2: a hole means a loss, so what is not sent leaves none. */
static void a_number_that_was_given_back_is_drawn_again(void **state)
{
    (void)state;
    char number[WIRE_NUMBER_SIZE];
    struct numbering *n = started("p", NOW_MS);
    numbering_return(n, "news/a"); /* nothing was drawn there */
    assert_true(numbering_next(n, "news/a", number));
    assert_true(numbering_next(n, "news/a", number));
    numbering_return(n, "news/a");
    assert_true(numbering_next(n, "news/b", number));
    assert_int_equal(seq_of(number), 1);
    assert_true(numbering_next(n, "news/a", number));
    assert_int_equal(seq_of(number), 2);
    numbering_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_has_publisher_epoch_and_seq),
        cmocka_unit_test(each_topic_counts_from_one_without_holes),
        cmocka_unit_test(many_topics_keep_their_own_counts),
        cmocka_unit_test(the_topics_name_is_copied),
        cmocka_unit_test(epochs_sort_by_the_time_they_were_made),
        cmocka_unit_test(two_starts_in_one_millisecond_differ),
        cmocka_unit_test(a_number_that_was_given_back_is_drawn_again),
        cmocka_unit_test(the_longest_publisher_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
