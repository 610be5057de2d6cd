#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "subscriber/gaps.h"
#include "tests/support/tmpdir.h"

#define EPOCH "0123456789abcdef"
#define SPORT "news/afp/world/fr/3/sport"
#define POLIT "news/afp/world/fr/3/politics"

/* ------------------------------------------------------------------------------------ Helpers */

struct scene {
    struct tmpdir dir;
    struct store *store;
    struct positions *positions;
    struct history *history;
    struct gaps *gaps;
};

static void must(bool ok, const struct news_error *err)
{
    if (!ok) fail_msg("%s", err->message);
}

static int set_up(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    struct news_error err = {0};
    char path[256];
    if (!s || !tmpdir_make(&s->dir)) return -1;
    (void)snprintf(path, sizeof path, "%s/newssub.store", s->dir.path);
    s->store = store_open(path, &(struct db_options){.owner = "newssub"}, &err);
    must(s->store != NULL, &err);
    s->positions = positions_new(&err);
    s->history = history_new(s->store, TOPIC_ROOT, &err);
    s->gaps = gaps_new(&err);
    must(s->positions && s->history && s->gaps, &err);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *s = *state;
    gaps_free(s->gaps);
    gaps_free(NULL);
    history_free(s->history);
    store_close(s->store);
    positions_free(s->positions);
    tmpdir_remove(&s->dir);
    free(s);
    return 0;
}

static struct position *at_of(struct scene *s, const char *topic)
{
    struct news_error err = {0};
    struct position *at = positions_of(s->positions, "afp", EPOCH, topic);
    assert_non_null(at);
    must(store_load_position(s->store, at, &err), &err);
    if (!at->based) position_base(at, 0);
    return at;
}

/* Ids follow the calls. */
static void put(struct scene *s, const char *topic, uint64_t seq)
{
    struct news_error err = {0};
    struct ninjs item;
    struct ninjs_fault fault;
    char text[64];
    int len = snprintf(text, sizeof text, "{\"uri\":\"%.8s-%d\"}", topic + 18, (int)seq);
    assert_true(ninjs_check(text, (size_t)len, &item, &fault));
    const struct wire_number number = {.publisher = "afp", .epoch = EPOCH, .seq = seq};
    const struct store_item i = {.publisher = "afp",
                                 .topic = topic,
                                 .number = &number,
                                 .at = at_of(s, topic),
                                 .item = &item};
    int64_t id;
    if (store_put(s->store, &i, &id, &err) != STORE_NEW) fail_msg("%s", err.message);
    assert_true(position_add(i.at, seq, seq, 0));
}

static void lose(struct scene *s, const char *topic, uint64_t first, uint64_t last,
                 const char *reason)
{
    struct news_error err = {0};
    bool news;
    must(store_gone(s->store, at_of(s, topic), first, last, reason, &news, &err), &err);
    assert_true(position_add(at_of(s, topic), first, last, 0));
}

static bool refresh(struct scene *s)
{
    struct news_error err = {0};
    bool changed;
    must(store_commit(s->store, s->positions, &err), &err);
    must(gaps_refresh(s->gaps, s->history, s->positions, &changed, &err), &err);
    return changed;
}

static void assert_gaps(struct scene *s, const char *expected)
{
    struct buf b = {0};
    const struct gap *g;
    for (size_t i = 0; (g = gaps_at(s->gaps, i)); i++) {
        if (g->place == INT64_MAX) buf_puts(&b, "end");
        else buf_printf(&b, "%d", (int)g->place);
        buf_printf(&b, " %s %d-%d %s; ", strrchr(g->topic, '/') + 1, (int)g->first, (int)g->last,
                   g->reason ? g->reason : "?");
    }
    assert_string_equal(b.data ? b.data : "", expected);
    buf_deinit(&b);
}

/* --------------------------------------------------------------------------------------- Tests */

static void a_gap_stands_before_the_first_row_behind_it(void **state)
{
    struct scene *s = *state;
    assert_false(refresh(s));
    assert_int_equal(gaps_count(s->gaps), 0);
    put(s, SPORT, 1);
    put(s, POLIT, 3); /* 1-2 are missing */
    put(s, SPORT, 9); /* 2-8 as well */
    put(s, SPORT, 6); /* 2-5, 7-8 */
    lose(s, SPORT, 3, 4, "pruned");
    lose(s, POLIT, 4, 7, "killed");
    assert_true(refresh(s));
    assert_gaps(s, "2 politics 1-2 ?; 3 sport 7-8 ?; 4 sport 2-2 ?; 4 sport 3-4 pruned; "
                   "4 sport 5-5 ?; end politics 4-7 killed; ");
    assert_int_equal(gaps_count(s->gaps), 6);
    assert_int_equal(gaps_holes(s->gaps), 6);
    assert_int_equal(gaps_gone(s->gaps), 6);
    static const struct {
        int64_t id;
        size_t from;
    } from[] = {{0, 0}, {2, 0}, {3, 1}, {4, 2}, {5, 5}, {INT64_MAX, 5}};
    for (size_t i = 0; i < sizeof from / sizeof *from; i++)
        assert_int_equal(gaps_from(s->gaps, from[i].id), from[i].from);
    assert_null(gaps_at(s->gaps, 6));
}

static void a_change_is_told_once(void **state)
{
    struct scene *s = *state;
    put(s, SPORT, 1);
    put(s, SPORT, 4);
    assert_true(refresh(s));
    assert_false(refresh(s));
    lose(s, SPORT, 2, 3, "pruned");
    assert_true(refresh(s));
    assert_gaps(s, "2 sport 2-3 pruned; ");
    assert_false(refresh(s));
    put(s, SPORT, 7);
    assert_true(refresh(s));
    put(s, SPORT, 5);
    put(s, SPORT, 6);
    assert_true(refresh(s));
    assert_gaps(s, "2 sport 2-3 pruned; ");
    assert_false(refresh(s));
}

static void what_the_store_notes_is_told_without_positions(void **state)
{
    struct scene *s = *state;
    struct news_error err = {0};
    bool changed = false;
    put(s, SPORT, 4);
    lose(s, SPORT, 3, 3, "toolarge");
    must(gaps_refresh(s->gaps, s->history, NULL, &changed, &err), &err);
    assert_true(changed);
    assert_gaps(s, "1 sport 3-3 toolarge; ");
    assert_int_equal(gaps_holes(s->gaps), 0);
}

static void the_oldest_go_first_and_all_are_counted(void **state)
{
    struct scene *s = *state;
    uint64_t streams = 4, each = GAPS_MAX;
    for (uint64_t n = 1; n <= each / 2; n++)
        for (uint64_t i = 0; i < streams; i++) {
            char topic[64];
            (void)snprintf(topic, sizeof topic, "news/afp/world/fr/%d/sport", (int)i + 1);
            put(s, topic, 2 * n);
        }
    assert_true(refresh(s));
    assert_int_equal(gaps_count(s->gaps), GAPS_MAX);
    assert_int_equal(gaps_holes(s->gaps), each / 2 * streams);
    int64_t rows = (int64_t)(each / 2 * streams);
    assert_int_equal(gaps_at(s->gaps, GAPS_MAX - 1)->place, rows);
    assert_int_equal(gaps_at(s->gaps, 0)->place, rows - GAPS_MAX + 1);
    assert_false(refresh(s));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_gap_stands_before_the_first_row_behind_it),
        TEST(a_change_is_told_once),
        TEST(what_the_store_notes_is_told_without_positions),
        TEST(the_oldest_go_first_and_all_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
