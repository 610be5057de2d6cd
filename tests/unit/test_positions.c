#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "subscriber/positions.h"

/* ------------------------------------------------------------------------------------ Helpers */

#define EPOCH "0123456789abcdef"
#define TOPIC "news/afp/world/fr/3/sport"

/* A stream with the position it starts at. */
struct setup {
    struct positions *all;
    struct position *at;
};

static struct setup newcomer(void)
{
    struct setup s = {.all = positions_new(NULL)};
    assert_non_null(s.all);
    s.at = positions_of(s.all, "afp", EPOCH, TOPIC);
    assert_non_null(s.at);
    return s;
}

static struct setup based(uint64_t through)
{
    struct setup s = newcomer();
    position_base(s.at, through);
    return s;
}

static void add(struct position *at, uint64_t first, uint64_t last)
{
    assert_true(position_add(at, first, last, 1000));
}

static void assert_ahead(const struct position *at, const char *text)
{
    struct buf b = {0};
    position_put_ahead(at, &b);
    assert_string_equal(b.data ? b.data : "", text);
    buf_deinit(&b);
}

static void assert_holes(const struct position *at, const char *text)
{
    struct buf b = {0};
    struct number_range r;
    size_t n = 0;
    while (position_hole(at, n, &r))
        buf_printf(&b, "%s%llu-%llu", n++ ? "," : "", (unsigned long long)r.first,
                   (unsigned long long)r.last);
    assert_string_equal(b.data ? b.data : "", text);
    assert_int_equal(position_has_hole(at), n > 0);
    buf_deinit(&b);
}

/* --------------------------------------------------------------------------------------- Tests */

static void a_stream_is_known_by_publisher_epoch_and_topic(void **state)
{
    (void)state;
    struct positions *p = positions_new(NULL);
    struct position *at = positions_of(p, "afp", EPOCH, "news/a");
    assert_ptr_equal(positions_of(p, "afp", EPOCH, "news/a"), at);
    assert_ptr_not_equal(positions_of(p, "af", EPOCH, "news/a"), at);
    assert_ptr_not_equal(positions_of(p, "afp", "0123456789abcdee", "news/a"), at);
    assert_ptr_not_equal(positions_of(p, "afp", EPOCH, "news/ab"), at);
    assert_int_equal(positions_count(p), 4);
    assert_string_equal(at->publisher, "afp");
    assert_string_equal(at->epoch, EPOCH);
    assert_string_equal(at->topic, "news/a");
    assert_false(at->based);
    assert_false(at->dirty);
    assert_true(at->hole_since_mono_ms == INT64_MAX);
    assert_null(positions_of(p, "a-publisher-with-a-name-that-no-slug-can-have", EPOCH, "news/a"));
    assert_null(positions_of(p, "afp", EPOCH "0", "news/a"));
    assert_int_equal(positions_count(p), 4);
    positions_free(p);
    positions_free(NULL);
}

static void many_streams_stay_where_they_are_until_there_are_too_many(void **state)
{
    (void)state;
    struct positions *p = positions_new(NULL);
    struct position **at = calloc(POSITIONS_STREAMS_MAX, sizeof *at);
    char *seen = calloc(POSITIONS_STREAMS_MAX, 1);
    char topic[64];
    for (size_t i = 0; i < POSITIONS_STREAMS_MAX; i++) {
        (void)snprintf(topic, sizeof topic, "news/p/%zu", i);
        at[i] = positions_of(p, "p", EPOCH, topic);
        assert_non_null(at[i]);
        at[i]->store_id = (int64_t)i;
    }
    assert_null(positions_of(p, "p", EPOCH, "news/one/more"));
    for (size_t i = 0; i < POSITIONS_STREAMS_MAX; i++) {
        (void)snprintf(topic, sizeof topic, "news/p/%zu", i);
        assert_ptr_equal(positions_of(p, "p", EPOCH, topic), at[i]);
    }
    size_t cursor = 0, count = 0;
    for (struct position *each; (each = positions_next(p, &cursor)); count++) {
        assert_int_equal(seen[each->store_id], 0);
        seen[each->store_id] = 1;
    }
    assert_int_equal(count, POSITIONS_STREAMS_MAX);
    assert_int_equal(positions_count(p), POSITIONS_STREAMS_MAX);
    positions_free(p);
    free(at);
    free(seen);
}

static void numbers_in_order_move_through_and_leave_no_range(void **state)
{
    (void)state;
    struct setup s = based(0);
    for (uint64_t seq = 1; seq <= 100000; seq++) {
        assert_int_equal(position_look(s.at, seq), POSITION_NEW);
        add(s.at, seq, seq);
        assert_int_equal(position_look(s.at, seq), POSITION_KNOWN);
    }
    assert_int_equal(s.at->through, 100000);
    assert_null(s.at->ahead);
    assert_holes(s.at, "");
    assert_true(s.at->hole_since_mono_ms == INT64_MAX);
    positions_free(s.all);
}

static void a_hole_is_what_lies_between(void **state)
{
    (void)state;
    struct setup s = based(6);
    add(s.at, 10, 10);
    assert_int_equal(position_look(s.at, 6), POSITION_KNOWN);
    assert_int_equal(position_look(s.at, 7), POSITION_NEW);
    assert_int_equal(position_look(s.at, 10), POSITION_KNOWN);
    assert_int_equal(position_look(s.at, 11), POSITION_NEW);
    assert_holes(s.at, "7-9");
    add(s.at, 15, 20);
    assert_holes(s.at, "7-9,11-14");
    assert_int_equal(position_highest(s.at), 20);
    add(s.at, 8, 8);
    assert_holes(s.at, "7-7,9-9,11-14");
    add(s.at, 9, 9); /* joins two ranges */
    assert_ahead(s.at, "8-10,15-20");
    add(s.at, 7, 7);
    assert_int_equal(s.at->through, 10);
    add(s.at, 5, 16); /* over what is there */
    assert_int_equal(s.at->through, 20);
    assert_holes(s.at, "");
    positions_free(s.all);
}

static void a_newcomer_has_holes_only_between_what_came(void **state)
{
    (void)state;
    struct setup s = newcomer();
    assert_int_equal(position_look(s.at, 5000000), POSITION_NEW);
    add(s.at, 5000000, 5000000);
    assert_holes(s.at, "");
    assert_int_equal(s.at->through, 0);
    assert_int_equal(position_look(s.at, 4999990), POSITION_NEW);
    add(s.at, 4999990, 4999991);
    add(s.at, 5000001, 5000001);
    assert_holes(s.at, "4999992-4999999");
    assert_ahead(s.at, "4999990-4999991,5000000-5000001");
    position_base(s.at, 4999980);
    assert_holes(s.at, "4999981-4999989,4999992-4999999");
    position_base(s.at, 10); /* at least: nothing goes back */
    assert_int_equal(s.at->through, 4999980);
    position_base(s.at, 4999989);
    assert_int_equal(s.at->through, 4999991);
    position_base(s.at, 6000000);
    assert_int_equal(s.at->through, 6000000);
    assert_null(s.at->ahead);
    positions_free(s.all);
}

static void a_number_too_far_ahead_is_absurd(void **state)
{
    (void)state;
    struct setup s = based(6);
    assert_int_equal(position_look(s.at, 0), POSITION_ABSURD);
    assert_int_equal(position_look(s.at, 7 + SYNC_HOLE_MAX), POSITION_NEW);
    assert_int_equal(position_look(s.at, 8 + SYNC_HOLE_MAX), POSITION_ABSURD);
    assert_int_equal(position_look(s.at, WIRE_SEQ_MAX), POSITION_ABSURD);
    assert_int_equal(position_look(s.at, UINT64_MAX), POSITION_ABSURD);
    add(s.at, SYNC_HOLE_MAX, SYNC_HOLE_MAX);
    assert_int_equal(position_look(s.at, 2 * SYNC_HOLE_MAX + 1), POSITION_NEW);
    assert_int_equal(position_look(s.at, 2 * SYNC_HOLE_MAX + 2), POSITION_ABSURD);
    assert_false(position_add(s.at, 0, 3, 0));
    assert_false(position_add(s.at, 9, 8, 0));
    assert_false(position_add(s.at, 9, UINT64_MAX, 0));
    add(s.at, 1, WIRE_SEQ_MAX); /* declared by whom we asked: no arithmetic breaks */
    assert_int_equal(position_look(s.at, WIRE_SEQ_MAX), POSITION_KNOWN);
    positions_free(s.all);
}

static void the_age_of_a_hole_starts_when_it_is_noticed(void **state)
{
    (void)state;
    struct setup s = based(0);
    assert_true(position_add(s.at, 3, 3, 100));
    assert_int_equal(s.at->hole_since_mono_ms, 100);
    assert_true(position_add(s.at, 6, 6, 200));
    assert_int_equal(s.at->hole_since_mono_ms, 100);
    assert_true(position_add(s.at, 1, 2, 300)); /* the next one becomes the oldest */
    assert_int_equal(s.at->hole_since_mono_ms, 300);
    assert_true(position_add(s.at, 4, 5, 400));
    assert_true(s.at->hole_since_mono_ms == INT64_MAX);
    positions_free(s.all);

    s = newcomer();
    assert_true(position_add(s.at, 9, 9, 100));
    assert_true(s.at->hole_since_mono_ms == INT64_MAX);
    position_base(s.at, 5);
    assert_int_equal(s.at->hole_since_mono_ms, 0);
    positions_free(s.all);
}

static void dirty_says_that_something_changed(void **state)
{
    (void)state;
    struct setup s = based(4);
    assert_true(s.at->dirty);
    s.at->dirty = false;
    add(s.at, 2, 4);
    position_base(s.at, 3);
    assert_false(s.at->dirty);
    add(s.at, 6, 6);
    assert_true(s.at->dirty);
    s.at->dirty = false;
    position_base(s.at, 5);
    assert_true(s.at->dirty);
    positions_free(s.all);
}

static void dirty_ones_are_taken_once(void **state)
{
    (void)state;
    struct setup s = based(4);
    struct position *b = positions_of(s.all, "afp", EPOCH, "news/b");
    struct position *c = positions_of(s.all, "afp", EPOCH, "news/c");
    add(b, 1, 1);
    add(b, 2, 2);
    add(c, 1, 1);
    c->dirty = false; /* written by other ways */
    add(s.at, 6, 6);
    struct position *first = positions_take_dirty(s.all), *second = positions_take_dirty(s.all);
    assert_true((first == s.at && second == b) || (first == b && second == s.at));
    assert_false(first->dirty || second->dirty);
    assert_null(positions_take_dirty(s.all));
    add(c, 2, 2);
    assert_ptr_equal(positions_take_dirty(s.all), c);
    assert_null(positions_take_dirty(s.all));
    positions_free(s.all);
}

static void beyond_the_most_ranges_the_farthest_is_forgotten(void **state)
{
    (void)state;
    struct setup s = based(0);
    for (uint64_t i = 1; i <= POSITIONS_RANGES_MAX; i++)
        add(s.at, 10 * i, 10 * i);
    assert_int_equal(s.at->ahead_count, POSITIONS_RANGES_MAX);
    add(s.at, 10 * POSITIONS_RANGES_MAX + 10, 10 * POSITIONS_RANGES_MAX + 10);
    assert_int_equal(position_highest(s.at), 10 * POSITIONS_RANGES_MAX);
    add(s.at, 5, 5);
    assert_int_equal(s.at->ahead_count, POSITIONS_RANGES_MAX);
    assert_int_equal(position_highest(s.at), 10 * POSITIONS_RANGES_MAX - 10);
    assert_int_equal(position_look(s.at, 5), POSITION_KNOWN);
    assert_int_equal(position_look(s.at, 10 * POSITIONS_RANGES_MAX), POSITION_NEW);
    positions_free(s.all);
}

static void ranges_survive_being_written_and_read(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "7-9,12", "8", "100-9223372036854775807"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct setup s = based(6);
        s.at->dirty = false;
        assert_true(position_get_ahead(s.at, texts[i]));
        if (i == 1) assert_int_equal(s.at->through, 9);
        assert_ahead(s.at, i == 1 ? "12" : texts[i]);
        positions_free(s.all);
    }
    struct setup s = based(6);
    add(s.at, 20, 22);
    assert_true(position_get_ahead(s.at, "9-10,19,40"));
    assert_ahead(s.at, "9-10,19-22,40");
    positions_free(s.all);
}

static void a_damaged_text_of_ranges_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        ",",
        "7,",
        "7-",
        "-7",
        "9-7",
        "7;8",
        "x",
        "7-8x",
        "0-3",
        "7,,9",
        "1-2-3",
        "9223372036854775808",
        "99999999999999999999999999",
        "7 ",
        "+7",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct setup s = based(6);
        if (position_get_ahead(s.at, texts[i])) fail_msg("\"%s\" is taken", texts[i]);
        positions_free(s.all);
    }
}

/* A long random life, against one bit a number. */
static void a_random_life_agrees_with_a_bitmap(void **state)
{
    (void)state;
    enum { NUMBERS = 400, LIVES = 200, STEPS = 300 };
    uint32_t seed = 4711;
    for (int life = 0; life < LIVES; life++) {
        struct setup s = newcomer();
        bool came[NUMBERS + 2] = {false}, is_based = false;
        for (int step = 0; step < STEPS; step++) {
            seed = seed * 1664525u + 1013904223u;
            uint64_t first = 1 + (seed >> 8) % NUMBERS, last = first + (seed >> 28) / 4;
            if (last > NUMBERS) last = NUMBERS;
            if (step == life) {
                position_base(s.at, first / 4);
                is_based = true;
                for (uint64_t i = 1; i <= first / 4; i++)
                    came[i] = true;
            }
            for (uint64_t i = first; i <= last; i++) {
                assert_int_equal(position_look(s.at, i), came[i] ? POSITION_KNOWN : POSITION_NEW);
                came[i] = true;
            }
            add(s.at, first, last);

            uint64_t at = 1, through = 0;
            while (is_based && came[through + 1])
                through++;
            assert_int_equal(s.at->through, through);
            while (!is_based && !came[at])
                at++;
            struct number_range hole;
            for (size_t i = 0; position_hole(s.at, i, &hole); i++) {
                for (; at < hole.first; at++)
                    assert_true(came[at]);
                for (; at <= hole.last; at++)
                    assert_false(came[at]);
            }
            for (; at <= position_highest(s.at); at++)
                assert_true(came[at]);
            for (; at <= NUMBERS; at++)
                assert_false(came[at]);
            assert_int_equal(position_has_hole(s.at), s.at->hole_since_mono_ms != INT64_MAX);
        }
        positions_free(s.all);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_is_known_by_publisher_epoch_and_topic),
        cmocka_unit_test(many_streams_stay_where_they_are_until_there_are_too_many),
        cmocka_unit_test(numbers_in_order_move_through_and_leave_no_range),
        cmocka_unit_test(a_hole_is_what_lies_between),
        cmocka_unit_test(a_newcomer_has_holes_only_between_what_came),
        cmocka_unit_test(a_number_too_far_ahead_is_absurd),
        cmocka_unit_test(the_age_of_a_hole_starts_when_it_is_noticed),
        cmocka_unit_test(dirty_says_that_something_changed),
        cmocka_unit_test(dirty_ones_are_taken_once),
        cmocka_unit_test(beyond_the_most_ranges_the_farthest_is_forgotten),
        cmocka_unit_test(ranges_survive_being_written_and_read),
        cmocka_unit_test(a_damaged_text_of_ranges_is_refused),
        cmocka_unit_test(a_random_life_agrees_with_a_bitmap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
