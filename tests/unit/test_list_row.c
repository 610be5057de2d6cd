#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/date.h"
#include "common/item.h"
#include "subscriber/list_row.h"
#include "tests/support/tmpdir.h"
#include "tests/support/vt.h"
#include "tests/support/wait.h"
#include "tests/unit/stage.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define NOW_MS       INT64_C(1795442527000) /* 2026-11-23T14:02:07Z */
#define TODAY_MS     INT64_C(1795424700000) /* 09:05 */
#define EARLIER_MS   (TODAY_MS - INT64_C(86400000))
#define BEIJING      "\xe5\x8c\x97\xe4\xba\xac"
#define DOTS         "\xe2\x80\xa6"

static const char topic[] = "news/harbour/world/en/3/sport";

/* ------------------------------------------------- The store of the program that draws the rows */

struct rows {
    struct tmpdir dir;
    struct store *store;
    struct history *history;
    struct list_rows *list;
    struct theme theme;
};

static void check(bool ok, const struct news_error *err)
{
    if (ok) return;
    (void)fprintf(stderr, "%s\n", err->message);
    abort();
}

static void open_rows(struct rows *r, const char *columns)
{
    struct news_error err = {0};
    char path[256];
    check(tmpdir_make(&r->dir), &err);
    (void)snprintf(path, sizeof path, "%s/store", r->dir.path);
    r->store = store_open(path, &(struct db_options){.mode = DB_OWN, .owner = "newssub"}, &err);
    check(r->store, &err);
    r->history = history_new(r->store, TOPIC_ROOT, &err);
    check(r->history && theme_init(&r->theme, NULL, 0, &err), &err);
    r->list = list_rows_new(r->history, &r->theme, NULL, columns, &err);
    check(r->list, &err);
}

static void close_rows(struct rows *r)
{
    list_rows_free(r->list);
    history_free(r->history);
    store_close(r->store);
    tmpdir_remove(&r->dir);
}

/* The row's id. */
static int64_t put(struct rows *r, const char *item)
{
    struct news_error err = {0};
    struct ninjs n;
    struct ninjs_fault fault = {.what = ""};
    int64_t id = 0;
    if (!ninjs_check(item, strlen(item), &n, &fault)) check(ninjs_fail(&err, &fault), &err);
    const struct store_item s = {
        .publisher = "harbour", .topic = topic, .item = &n, .received_ms = NOW_MS};
    check(store_begin(r->store, &err), &err);
    check(store_put(r->store, &s, &id, &err) == STORE_NEW, &err);
    check(store_commit(r->store, NULL, &err), &err);
    return id;
}

/* ------------------------------------------------------------------------------------- Scenes */

#define SOURCE     "\"infoSources\":[{\"name\":\"Harbour Wire\"}]"
#define STORM      "{\"uri\":\"u:1\"," SOURCE ",\"headlines\":[{\"value\":\"Storm closes every port\"}]}"
#define ITEM(n, h) "{\"uri\":\"u:" n "\"," SOURCE ",\"headlines\":[{\"value\":\"" h "\"}]}"

static const struct row {
    const char *item; /* NULL: a gap */
    struct model_entry e;
    int columns;
    bool selected;
    const char *text;
} rows[] = {
    {STORM,
     {.time_ms = TODAY_MS},
     80,
     false,
     "     09:05 Harbour Wire     N       Storm closes every port"},
    {ITEM("2", "Read"),
     {.time_ms = EARLIER_MS, .marks = HISTORY_READ},
     80,
     false,
     "2026-11-22 Harbour Wire             Read"},
    {ITEM("3", "All"),
     {.time_ms = TODAY_MS, .marks = HISTORY_STARRED, .updated = true, .urgency = 1, .followers = 2},
     80,
     true,
     "     09:05 Harbour Wire     N*u!!!  All (+2)"},
    {"{\"uri\":\"u:4\",\"pubStatus\":\"canceled\",\"edNote\":\"It was a tug\"}",
     {.time_ms = DATE_UNKNOWN, .status = ITEM_CANCELED, .urgency = 1, .marks = HISTORY_READ},
     80,
     false,
     "           harbour             KILL It was a tug"},
    {ITEM("5", "Storm closes every port from Brest to Rotterdam, says the harbour"),
     {.time_ms = TODAY_MS, .urgency = 2, .followers = 1},
     80,
     false,
     "     09:05 Harbour Wire     N  !!   Storm closes every port from Brest to " DOTS " (+1)"},
    {ITEM("6", "Storm closes every port"),
     {.time_ms = EARLIER_MS},
     60,
     false,
     "11-22 Harbour W" DOTS " N       Storm closes every port"},
    {ITEM("7", "Storm closes every port"),
     {.time_ms = TODAY_MS},
     40,
     false,
     "09:05 N       Storm closes every port"},
    {ITEM("8", "Storm closes every port"),
     {.time_ms = TODAY_MS, .urgency = 3},
     20,
     false,
     "N  !    Storm close" DOTS},
    {ITEM("9", BEIJING BEIJING BEIJING BEIJING),
     {.time_ms = TODAY_MS},
     20,
     true,
     "N       " BEIJING BEIJING "\xe5\x8c\x97" DOTS},
    {NULL, {.id = 0}, 60, false, "-- 5 missing: harbour/world 7 to 11, asked for --"},
    {ITEM("10", "x"), {.time_ms = TODAY_MS}, 5, false, "N"},
    {"{\"uri\":\"u:11\"}", {.time_ms = TODAY_MS}, 20, false, "N       u:11"},
};

static void draw(struct rows *r, struct screen *s, const struct row *row, int at_row)
{
    struct news_error err = {0};
    struct model_entry e = row->e;
    const struct list_row_at at = {at_row, 0, row->columns, row->selected, NOW_MS};
    const struct gap gap = {.topic = topic, .first = 7, .last = 11};
    if (row->item) e.id = put(r, row->item);
    if (row->item) check(list_row_draw(r->list, s, &e, &at, &err), &err);
    else list_gap_draw(r->list, s, &gap, &at);
}

static int play_rows(void)
{
    struct rows r = {0};
    struct theme theme;
    struct screen *s = stage_open(&theme);
    open_rows(&r, NULL);
    for (size_t i = 0; i < COUNT(rows); i++)
        draw(&r, s, &rows[i], (int)i);
    stage_hold(s);
    close_rows(&r);
    return 0;
}

static int play_format(void)
{
    struct rows r = {0};
    struct theme theme;
    struct screen *s = stage_open(&theme);
    open_rows(&r, "%{headline:8}|%{source}\\nnever");
    draw(&r, s, &rows[0], 0);
    stage_hold(s);
    close_rows(&r);
    return 0;
}

/* A second frame comes from what is kept: the store is not asked again. */
static int play_kept(void)
{
    struct rows r = {0};
    struct theme theme;
    struct news_error err = {.code = NEWS_ERR_IO};
    struct screen *s = stage_open(&theme);
    open_rows(&r, NULL);
    struct model_entry e = {.id = put(&r, STORM), .time_ms = TODAY_MS};
    check(list_row_draw(r.list, s, &e, &(struct list_row_at){0, 0, 80, false, NOW_MS}, &err), &err);
    (void)put(&r, "{\"uri\":\"u:1\",\"version\":\"2\",\"pubStatus\":\"canceled\"}");
    check(list_row_draw(r.list, s, &e, &(struct list_row_at){1, 0, 80, false, NOW_MS}, &err), &err);
    list_rows_forget(r.list);
    bool gone = !list_row_draw(r.list, s, &e, &(struct list_row_at){2, 0, 80, false, NOW_MS}, &err);
    const char *text = gone && err.code == NEWS_OK ? "gone" : "still there";
    screen_put(s, 2, 0, 20, text, strlen(text), &theme.styles[THEME_TEXT], NULL);
    stage_hold(s);
    close_rows(&r);
    return 0;
}

static const struct {
    const char *name;
    int (*play)(void);
} scenes[] = {{"rows", play_rows}, {"format", play_format}, {"kept", play_kept}};

static int play(const char *name)
{
    for (size_t i = 0; i < COUNT(scenes); i++)
        if (strcmp(scenes[i].name, name) == 0) return scenes[i].play();
    return 1;
}

static struct vt *watch(const char *name, const char *last)
{
    const char *const argv[] = {"/proc/self/exe", name, NULL};
    const char *const environment[] = {"TZ=UTC0", "TERM=xterm-256color", "LC_ALL=C.UTF-8", NULL};
    struct vt *v = vt_start(
        &(struct vt_options){.argv = argv, .environment = environment, .rows = 20, .columns = 80});
    assert_non_null(v);
    if (!vt_expect(v, last, WAIT_MS)) fail_msg("no \"%s\" on\n%s", last, vt_screen(v));
    return v;
}

static void leave(struct vt *v)
{
    vt_type(v, "q");
    assert_int_equal(vt_wait_end(v, WAIT_MS), 0);
    vt_free(v);
}

/* --------------------------------------------------------------------------------------- Tests */

static void each_row_has_what_its_columns_have_room_for(void **state)
{
    (void)state;
    struct vt *v = watch("rows", "u:11");
    for (size_t i = 0; i < COUNT(rows); i++)
        if (strcmp(vt_row(v, (int)i), rows[i].text) != 0)
            fail_msg("row %zu is not\n%s\n%s", i, rows[i].text, vt_screen(v));
    leave(v);
}

static void the_selected_row_is_seen_over_all_its_columns(void **state)
{
    (void)state;
    struct vt *v = watch("rows", "u:11");
    for (int row = 0; row < (int)COUNT(rows); row++)
        for (int column = 0; column < 80; column++) {
            struct vt_cell cell = vt_cell(v, row, column);
            bool wanted = rows[row].selected && column < rows[row].columns;
            if (cell.width > 0 && cell.reverse != wanted)
                fail_msg("row %d, column %d\n%s", row, column, vt_screen(v));
        }
    leave(v);
}

static void unread_headlines_are_told_from_read_ones(void **state)
{
    (void)state;
    struct vt *v = watch("rows", "u:11");
    assert_true(vt_cell(v, 0, 36).bold);
    assert_false(vt_cell(v, 1, 36).bold);
    assert_true(vt_cell(v, 4, 36).foreground != vt_cell(v, 0, 36).foreground); /* urgency 2 */
    leave(v);
}

static void a_format_of_the_user_follows_the_marks(void **state)
{
    (void)state;
    struct vt *v = watch("format", "Harbour Wire");
    assert_string_equal(vt_row(v, 0), "N       Storm c" DOTS "|Harbour Wire");
    assert_string_equal(vt_row(v, 1), "");
    leave(v);
}

static void a_row_is_kept_until_it_is_forgotten(void **state)
{
    (void)state;
    struct vt *v = watch("kept", "gone");
    char first[256];
    (void)snprintf(first, sizeof first, "%s", vt_row(v, 0));
    assert_non_null(strstr(first, "Storm closes every port"));
    assert_string_equal(vt_row(v, 1), first);
    leave(v);
}

static void a_malformed_format_is_refused(void **state)
{
    (void)state;
    struct news_error err = {0};
    assert_null(list_rows_new(NULL, NULL, NULL, "%{nothing}", &err));
    assert_non_null(strstr(err.message, "nothing"));
}

static void a_gap_is_told_in_words(void **state)
{
    (void)state;
    static const struct {
        struct gap gap;
        const char *text;
    } cases[] = {
        {{.topic = "news/afp/world/fr/3/sport", .first = 7, .last = 11},
         "5 missing: afp/world 7 to 11, asked for"},
        {{.topic = "news/afp/world/fr/3/sport", .first = 7, .last = 7, .reason = "pruned"},
         "1 gone for good: afp/world 7, pruned"},
        {{.topic = "x", .first = 1, .last = 2, .reason = "a\033[2J\nb"},
         "2 gone for good: x 1 to 2, a\xef\xbf\xbd[2J b"},
        {{.topic = "", .first = 1, .last = 1}, "1 missing:  1, asked for"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf out = {0};
        list_gap_text(&out, &cases[i].gap);
        assert_string_equal(out.data, cases[i].text);
        buf_deinit(&out);
    }
}

int main(int argc, char **argv)
{
    if (argc == 2) return play(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_row_has_what_its_columns_have_room_for),
        cmocka_unit_test(the_selected_row_is_seen_over_all_its_columns),
        cmocka_unit_test(unread_headlines_are_told_from_read_ones),
        cmocka_unit_test(a_format_of_the_user_follows_the_marks),
        cmocka_unit_test(a_row_is_kept_until_it_is_forgotten),
        cmocka_unit_test(a_malformed_format_is_refused),
        cmocka_unit_test(a_gap_is_told_in_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
