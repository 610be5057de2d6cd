#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/storage/answer.h"
#include "subscriber/history.h"
#include "tests/support/tmpdir.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define EPOCH        "0123456789abcdef"
#define TOPIC        "news/afp/world/fr/3/sport"
#define ALL          INT64_MAX

/* ------------------------------------------------------------------------------------ Helpers */

struct scene {
    struct tmpdir dir;
    char path[256];
    struct store *store;
    struct positions *positions;
    struct history *history;
};

static void must(bool ok, const struct news_error *err)
{
    if (!ok) fail_msg("%s", err->message);
}

static void open_as(struct scene *s, enum db_mode mode)
{
    struct news_error err = {0};
    s->store = store_open(s->path, &(struct db_options){.mode = mode, .owner = "newssub"}, &err);
    must(s->store != NULL, &err);
    s->positions = positions_new(NULL);
    assert_non_null(s->positions);
    s->history = history_new(s->store, TOPIC_ROOT, &err);
    must(s->history != NULL, &err);
}

static void close_all(struct scene *s)
{
    history_free(s->history);
    store_close(s->store);
    positions_free(s->positions);
    s->history = NULL;
    s->store = NULL;
    s->positions = NULL;
}

static void reopen(struct scene *s)
{
    close_all(s);
    open_as(s, DB_OWN);
}

static int set_up(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    if (!s || !tmpdir_make(&s->dir)) return -1;
    (void)snprintf(s->path, sizeof s->path, "%s/newssub.store", s->dir.path);
    open_as(s, DB_OWN);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *s = *state;
    close_all(s);
    tmpdir_remove(&s->dir);
    free(s);
    return 0;
}

/* What a test says of an item. */
struct news {
    const char *uri, *version, *status; /* version NULL: "1" */
    const char *headline, *body;        /* NULL: has none */
    uint64_t seq;                       /* 0: has no number */
    int64_t received_ms;
    enum store_answer answer; /* expected */
};

static int64_t put(struct scene *s, struct news n)
{
    struct buf text = {0};
    struct ninjs item;
    struct ninjs_fault fault;
    struct news_error err = {0};
    struct wire_number number = {.publisher = "afp", .epoch = EPOCH, .seq = n.seq};
    buf_printf(&text, "{\"uri\":\"%s\",\"version\":\"%s\"", n.uri, n.version ? n.version : "1");
    json_put_member(&text, "pubStatus", n.status);
    if (n.headline) buf_printf(&text, ",\"headlines\":[{\"value\":\"%s\"}]", n.headline);
    if (n.body) buf_printf(&text, ",\"bodies\":[{\"value\":\"%s\"}]", n.body);
    buf_puts(&text, "}");
    if (!ninjs_check(text.data, text.len, &item, &fault)) fail_msg("%s %s", fault.path, fault.what);
    struct position *at = n.seq ? positions_of(s->positions, "afp", EPOCH, TOPIC) : NULL;
    if (at) must(store_load_position(s->store, at, &err), &err);
    const struct store_item i = {.publisher = "afp",
                                 .topic = TOPIC,
                                 .number = at ? &number : NULL,
                                 .at = at,
                                 .item = &item,
                                 .received_ms = n.received_ms};
    int64_t id = 0;
    enum store_answer answer = store_put(s->store, &i, &id, &err);
    if (answer != n.answer) fail_msg("%s/%s: answer %d %s", n.uri, n.version, answer, err.message);
    if (at) assert_true(position_add(at, n.seq, n.seq, 0));
    buf_deinit(&text);
    return id;
}
#define PUT(...) put(s, (struct news){__VA_ARGS__})

static void commit(struct scene *s)
{
    struct news_error err = {0};
    must(store_commit(s->store, s->positions, &err), &err);
}

static void run(struct scene *s, const char *sql)
{
    struct news_error err = {0};
    must(db_exec(store_db(s->store), sql, &err), &err);
}

static int64_t number(struct scene *s, const char *sql)
{
    struct news_error err = {0};
    bool row = false;
    sqlite3_stmt *q = db_prepare(store_db(s->store), sql, &err);
    must(q && db_row(store_db(s->store), q, &row, &err), &err);
    int64_t n = row ? sqlite3_column_int64(q, 0) : -1;
    (void)sqlite3_finalize(q);
    return n;
}

/* Rows as "uri/version" with "r" and "*" for marks and "!" for a kill, until most are there. */
struct list {
    struct buf text;
    size_t count, most;
};

static bool note(void *user, const struct history_row *row)
{
    struct list *l = user;
    const struct ninjs *item = row->arrival->item;
    struct json_slice uri = item->member[NINJS_URI], version = item->member[NINJS_VERSION];
    assert_true(row->len == item->all.len && memcmp(row->bytes, item->all.at, row->len) == 0);
    assert_string_equal(row->arrival->topic, TOPIC);
    assert_int_equal(row->arrival->levels.publisher_len, 3);
    buf_printf(&l->text, "%s%.*s/%.*s%s%s%s", l->text.len ? " " : "", (int)uri.len - 2, uri.at + 1,
               (int)version.len - 2, version.at + 1, row->marks & HISTORY_READ ? "r" : "",
               row->marks & HISTORY_STARRED ? "*" : "",
               json_is(item->member[NINJS_PUB_STATUS], "canceled") ? "!" : "");
    return ++l->count != l->most;
}

static void assert_list(struct list *l, const char *expected)
{
    assert_string_equal(l->text.data ? l->text.data : "", expected);
    buf_deinit(&l->text);
    *l = (struct list){0};
}

static int64_t assert_older(struct scene *s, int64_t before, size_t limit, const char *expected)
{
    struct news_error err = {0};
    struct list l = {0};
    int64_t next = -1;
    must(history_older(s->history, before, limit, note, &l, &next, &err), &err);
    assert_list(&l, expected);
    return next;
}

static void assert_shows(struct scene *s, const char *expected)
{
    assert_int_equal(assert_older(s, ALL, 1000, expected), 0);
}

typedef bool (*by_id)(struct history *h, int64_t id, history_each each, void *user,
                      struct news_error *err);

static void assert_by_id(struct scene *s, by_id ask, int64_t id, const char *expected)
{
    struct news_error err = {0};
    struct list l = {0};
    must(ask(s->history, id, note, &l, &err), &err);
    assert_list(&l, expected);
}

static void mark(struct scene *s, int64_t id, unsigned set, unsigned clear)
{
    struct news_error err = {0};
    must(history_set_marks(s->history, id, set, clear, &err), &err);
}

/* In slices of budget rows. */
static void assert_found_from(struct scene *s, const char *expression, size_t budget, int64_t first,
                              int64_t before, const char *expected)
{
    struct news_error err = {0};
    struct list l = {0};
    struct filter *f = filter_new(expression, NULL, &err);
    must(f != NULL, &err);
    struct history_search *search = history_search_new(s->history, f, first, before, &err);
    must(search != NULL, &err);
    unsigned percent = 0;
    for (bool done = false; !done;) {
        must(history_search_next(search, budget, note, &l, &done, &err), &err);
        assert_true(history_search_percent(search) >= percent);
        percent = history_search_percent(search);
    }
    assert_int_equal(percent, 100);
    history_search_free(search);
    filter_free(f);
    if (strcmp(l.text.data ? l.text.data : "", expected) != 0)
        fail_msg("%s in %zu: \"%s\", not \"%s\"", expression, budget, l.text.data, expected);
    assert_list(&l, expected);
}

static void assert_found(struct scene *s, const char *expression, const char *expected)
{
    assert_found_from(s, expression, 0, 1, ALL, expected);
    assert_found_from(s, expression, 1, 1, ALL, expected);
}

static void index_all(struct scene *s, size_t rows)
{
    struct news_error err = {0};
    for (bool more = true; more;) {
        must(history_index(s->history, rows, &more, &err), &err);
        commit(s);
    }
}

static void prune_in(struct scene *s, size_t rows, int64_t now_ms, struct history_limits l)
{
    struct news_error err = {0};
    for (bool more = true; more;) {
        must(history_prune(s->history, &l, now_ms, rows, &more, &err), &err);
        commit(s);
    }
}
#define PRUNE(now_ms, ...) prune_in(s, 2, now_ms, (struct history_limits){__VA_ARGS__})

/* ---------------------------------------------------------------------------------------- Rows */

static void rows_go_back_to_the_first_and_it_is_said_when_there_are_no_more(void **state)
{
    struct scene *s = *state;
    assert_shows(s, "");
    for (char uri[] = "a"; *uri <= 'g'; ++*uri)
        PUT(.uri = uri);
    int64_t next = assert_older(s, ALL, 3, "g/1 f/1 e/1");
    assert_int_equal(next, 5);
    next = assert_older(s, next, 2, "d/1 c/1");
    assert_int_equal(assert_older(s, next, 2, "b/1 a/1"), 0);
    assert_int_equal(assert_older(s, 1, 2, ""), 0);
    struct news_error err = {0};
    struct list l = {.most = 2};
    assert_true(history_older(s->history, ALL, 1000, note, &l, &next, &err));
    assert_list(&l, "g/1 f/1");
    assert_int_equal(next, 6);
}

static void a_row_is_a_storys_newest_version_or_its_kill(void **state)
{
    struct scene *s = *state;
    PUT(.uri = "a");
    PUT(.uri = "b", .version = "5");
    PUT(.uri = "b", .version = "4", .answer = STORE_OLDER);
    PUT(.uri = "a", .version = "2");
    PUT(.uri = "c", .version = "7");
    PUT(.uri = "c", .version = "3", .status = "canceled");
    PUT(.uri = "d", .status = "withheld"); /* for views to hide */
    assert_shows(s, "d/1 c/3! a/2 b/5");
}

static void what_is_no_item_any_more_is_passed_over(void **state)
{
    struct scene *s = *state;
    for (char uri[] = "a"; *uri <= 'e'; ++*uri)
        PUT(.uri = uri, .headline = "word");
    run(s, "UPDATE item SET bytes='{\"uri\":' WHERE id=2");
    run(s, "UPDATE item SET bytes=x'00ff00' WHERE id=3");
    run(s, "UPDATE item SET bytes=NULL WHERE id=4");
    assert_shows(s, "e/1 a/1");
    assert_found(s, "word", "e/1 a/1");
    index_all(s, 2);
    assert_found(s, "word", "e/1 a/1");
}

static void a_version_is_found_by_its_id_and_so_are_the_others_of_its_story(void **state)
{
    struct scene *s = *state;
    int64_t second = PUT(.uri = "a", .version = "2"), other = PUT(.uri = "b");
    int64_t first = PUT(.uri = "a", .version = "1", .answer = STORE_OLDER);
    int64_t third = PUT(.uri = "a", .version = "3");
    mark(s, third, HISTORY_STARRED, 0);
    assert_by_id(s, history_row, first, "a/1*");
    assert_by_id(s, history_row, third, "a/3*");
    assert_by_id(s, history_row, other, "b/1");
    assert_by_id(s, history_row, 99, "");
    assert_by_id(s, history_versions, second, "a/3* a/1*");
    assert_by_id(s, history_versions, third, "a/2* a/1*");
    assert_by_id(s, history_versions, other, "");
    int64_t kill = PUT(.uri = "a", .version = "4", .status = "canceled");
    assert_by_id(s, history_row, second, "");
    assert_by_id(s, history_row, kill, "a/4*!");
    assert_by_id(s, history_versions, kill, "");
}

/* --------------------------------------------------------------------------------------- Marks */

static void marks_are_taken_away_then_added_and_kept(void **state)
{
    struct scene *s = *state;
    static const struct {
        unsigned set, clear;
        const char *shows;
    } steps[] = {
        {HISTORY_READ, 0, "a/1r"}, {HISTORY_STARRED, 0, "a/1r*"},
        {0, HISTORY_READ, "a/1*"}, {HISTORY_READ, HISTORY_READ | HISTORY_STARRED, "a/1r"},
        {0, HISTORY_READ, "a/1"},
    };
    int64_t id = PUT(.uri = "a");
    for (size_t i = 0; i < COUNT(steps); i++) {
        mark(s, id, steps[i].set, steps[i].clear);
        commit(s);
        reopen(s);
        assert_shows(s, steps[i].shows);
    }
    assert_int_equal(number(s, "SELECT count(*) FROM mark"), 0);
    mark(s, id, 0, HISTORY_READ);
    mark(s, 99, HISTORY_READ, 0); /* of nothing */
    assert_false(store_dirty(s->store));
    mark(s, id, HISTORY_READ, 0);
    store_rollback(s->store);
    assert_shows(s, "a/1");
}

static void marks_belong_to_the_story_and_follow_its_versions(void **state)
{
    struct scene *s = *state;
    int64_t first = PUT(.uri = "a"), other = PUT(.uri = "b");
    mark(s, first, HISTORY_READ | HISTORY_STARRED, 0);
    int64_t second = PUT(.uri = "a", .version = "3");
    PUT(.uri = "a", .version = "2", .answer = STORE_OLDER);
    assert_shows(s, "a/3r* b/1");
    mark(s, first, 0, HISTORY_READ); /* by a version that is not shown any more */
    mark(s, other, HISTORY_READ, 0);
    assert_shows(s, "a/3* b/1r");
    mark(s, second, HISTORY_READ, 0);
    PUT(.uri = "a", .version = "1", .status = "canceled");
    PUT(.uri = "a", .version = "9", .status = "canceled", .seq = 9, .answer = STORE_DEAD);
    assert_shows(s, "a/1r*! b/1r");
    mark(s, second, 0, HISTORY_READ);
    assert_shows(s, "a/1*! b/1r");
    assert_int_equal(number(s, "SELECT count(*) FROM mark"), 2);
}

/* -------------------------------------------------------------------------------------- Search */

static void put_library(struct scene *s)
{
    PUT(.uri = "a", .headline = "Imp\u00f4t: le budget vot\u00e9", .body = "A long day.");
    PUT(.uri = "b", .headline = "Budget", .body = "The tax was voted down; impossible days");
    PUT(.uri = "c", .headline = "\u4e2d\u56fd\u516c\u5e03\u8d22\u653f\u9884\u7b97\u8349\u6848");
    PUT(.uri = "d", .headline = "\u041d\u0430\u043b\u043e\u0433\u0438 \u0438 \u0431\u044e\u0434"
                                "\u0436\u0435\u0442");
    PUT(.uri = "e", .headline = "Version one says budget");
    PUT(.uri = "f", .headline = "The budget that was killed");
    PUT(.uri = "e", .version = "2", .headline = "Version two says nothing");
    PUT(.uri = "f", .version = "2", .status = "canceled", .body = "Never mind the tax");
    PUT(.uri = "g", .headline = "I\u0307STANBUL, Stra\u00dfe, \ufb01nance \U0001e900\U0001e901");
    commit(s);
}

/* The same before the index has a row, in its midst, and after. */
static void what_matches_is_found_newest_first_indexed_or_not(void **state)
{
    struct scene *s = *state;
    static const char *const cases[][2] = {
        {"budget", "b/1 a/1"},
        {"impot", "a/1"},
        {"IMP\u00d4T", "a/1"},
        {"\"le budget vote\"", "a/1"},
        {"\"budget le\"", ""},
        {"imp*", "b/1 a/1"},
        {"\u9884\u7b97", "c/1"},
        {"\u7b97\u9884", ""},
        {"\u0431\u044e\u0434\u0436\u0435\u0442", "d/1"},
        {"strasse", "g/1"},
        {"finance", "g/1"},
        {"istanbul", "g/1"},
        {"\U0001e922*", "g/1"},
        {"tax", "f/2! b/1"},
        {"budget and not tax", "a/1"},
        {"budget or nothing", "e/2 b/1 a/1"},
        {"not budget", "g/1 f/2! e/2 d/1 c/1"},
        {"headline = \"budget\"", "b/1"},
        {"headline # \"budget\"", "b/1 a/1"},
        {"body =~ \"d.y\"", "b/1 a/1"},
        {"budget and body =~ \"long\"", "a/1"},
        {"version >= 2", "f/2! e/2"},
        {"status = canceled", "f/2!"},
        {"says one", NULL},
        {"", "g/1 f/2! e/2 d/1 c/1 b/1 a/1"},
    };
    put_library(s);
    for (int indexed = 0; indexed < 3; indexed++) {
        bool more;
        struct news_error err = {0};
        if (indexed == 1) must(history_index(s->history, 3, &more, &err), &err);
        if (indexed == 2) index_all(s, 2);
        for (size_t i = 0; i < COUNT(cases); i++)
            if (cases[i][1]) assert_found(s, cases[i][0], cases[i][1]);
    }
    assert_int_equal(number(s, "SELECT count(*) FROM search"), 7);
}

static void a_search_keeps_to_its_ids_and_goes_on_where_it_stopped(void **state)
{
    struct scene *s = *state;
    struct news_error err = {0};
    put_library(s);
    for (int indexed = 0; indexed < 2; indexed++) {
        assert_found_from(s, "budget", 0, 2, ALL, "b/1");
        assert_found_from(s, "budget", 0, 1, 2, "a/1");
        assert_found_from(s, "budget", 0, 3, 3, "");
        assert_found_from(s, "not tax", 2, 3, 8, "e/2 d/1 c/1");
        index_all(s, 100);
    }
    struct list l = {.most = 1};
    bool done = true;
    struct filter *f = filter_new("budget", NULL, &err);
    struct history_search *search = history_search_new(s->history, f, 1, ALL, &err);
    must(history_search_next(search, 0, note, &l, &done, &err), &err);
    assert_list(&l, "b/1");
    assert_false(done);
    PUT(.uri = "h", .headline = "budget");
    PUT(.uri = "a", .version = "2", .status = "canceled");
    must(history_search_next(search, 0, note, &l, &done, &err), &err);
    assert_list(&l, "");
    assert_true(done);
    must(history_search_next(search, 0, note, &l, &done, &err), &err);
    assert_true(done);
    history_search_free(search);
    filter_free(f);
    history_search_free(NULL);
}

static void marks_can_be_searched_for(void **state)
{
    struct scene *s = *state;
    put_library(s);
    index_all(s, 100);
    mark(s, 1, HISTORY_READ, 0);
    mark(s, 2, HISTORY_STARRED, 0);
    assert_found(s, "budget and unread = yes", "b/1*");
    assert_found(s, "budget and starred = no", "a/1r");
    assert_found(s, "starred = yes", "b/1*");
}

static void a_reader_beside_the_owner_searches_and_writes_nothing(void **state)
{
    struct scene *s = *state, reader = {0};
    struct news_error err = {0};
    bool more;
    put_library(s);
    index_all(s, 4);
    memcpy(reader.path, s->path, sizeof reader.path);
    open_as(&reader, DB_READ);
    assert_found(&reader, "budget", "b/1 a/1");
    PUT(.uri = "h", .headline = "Another budget");
    assert_found(&reader, "budget", "b/1 a/1");
    commit(s);
    assert_found(&reader, "budget", "h/1 b/1 a/1");
    assert_false(history_set_marks(reader.history, 1, HISTORY_READ, 0, &err));
    assert_false(history_index(reader.history, 10, &more, &err));
    assert_false(history_prune(reader.history, &(struct history_limits){.keep_items = 1}, 0, 10,
                               &more, &err));
    index_all(s, 4);
    assert_found(&reader, "budget", "h/1 b/1 a/1");
    PUT(.uri = "h", .version = "2", .status = "canceled");
    index_all(s, 4);
    assert_found(&reader, "budget", "b/1 a/1");
    close_all(&reader);
}

/* ----------------------------------------------------------------------------------- The index */

static void the_index_takes_what_is_new_and_rests(void **state)
{
    struct scene *s = *state;
    struct news_error err = {0};
    bool more = true;
    must(history_index(s->history, 10, &more, &err), &err);
    assert_false(more);
    assert_false(store_dirty(s->store));
    put_library(s);
    must(history_index(s->history, 2, &more, &err), &err);
    assert_true(more);
    assert_int_equal(number(s, "SELECT count(*) FROM search"), 2);
    store_rollback(s->store);
    assert_int_equal(number(s, "SELECT count(*) FROM search"), 0);
    index_all(s, 2);
    must(history_index(s->history, 2, &more, &err), &err);
    assert_false(more || store_dirty(s->store));
    PUT(.uri = "h", .headline = "one more");
    index_all(s, 2);
    assert_int_equal(number(s, "SELECT count(*) FROM search"), 8);
    run(s, "INSERT INTO search(search) VALUES('integrity-check')");
}

static void rows_with_much_text_count_for_several(void **state)
{
    struct scene *s = *state;
    struct news_error err = {0};
    struct buf body = {0};
    bool more;
    for (int i = 0; i < 10000; i++)
        buf_printf(&body, "word%d ", i);
    for (char uri[] = "a"; *uri <= 'e'; ++*uri)
        PUT(.uri = uri, .body = body.data);
    must(history_index(s->history, 20, &more, &err), &err);
    assert_true(more);
    assert_int_equal(number(s, "SELECT count(*) FROM search"), 1);
    index_all(s, 20);
    assert_found(s, "word77", "e/1 d/1 c/1 b/1 a/1");
    buf_deinit(&body);
}

static bool file_has(struct scene *s, const char *word)
{
    FILE *file = fopen(s->path, "r");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    size_t len = (size_t)ftell(file);
    char *bytes = malloc(len);
    assert_non_null(bytes);
    rewind(file);
    assert_int_equal(fread(bytes, 1, len, file), len);
    (void)fclose(file);
    bool has = memmem(bytes, len, word, strlen(word)) != NULL;
    free(bytes);
    return has;
}

static void put_chaff(struct scene *s, const char *prefix, int count)
{
    char uri[32], body[200];
    for (int i = 0; i < count; i++) {
        (void)snprintf(uri, sizeof uri, "%s%d", prefix, i);
        (void)snprintf(body, sizeof body, "%s %d word%d wort%d mot%d quzz%d %s%d", prefix, i,
                       i % 97, i % 89, i % 83, i % 71, prefix, i * 7);
        PUT(.uri = uri, .headline = body, .body = body);
        if (i % 50 == 49) index_all(s, 30);
    }
    index_all(s, 30);
}

/* In a short text and in one that fills pages of its own, indexed and indexed again by merges. */
static void what_was_killed_is_neither_in_the_text_nor_in_the_index_of_the_file(void **state)
{
    struct scene *s = *state;
    struct buf body = {0};
    for (int i = 0; i < 3000; i++)
        buf_printf(&body, "quzzlongtext%d ", i);
    put_chaff(s, "before", 300);
    PUT(.uri = "short", .headline = "quzzshorttext");
    PUT(.uri = "long", .body = body.data);
    PUT(.uri = "long", .version = "2", .headline = "quzzsecondtext", .body = body.data);
    PUT(.uri = "stays", .headline = "quzzlivingtext");
    put_chaff(s, "behind", 300);
    reopen(s); /* the WAL is in the file, free pages are not given back */
    static const char *const words[] = {"quzzshorttext", "quzzlongtext29", "quzzsecondtext"};
    for (size_t i = 0; i < COUNT(words); i++)
        assert_true(file_has(s, words[i]));
    PUT(.uri = "short", .version = "2", .status = "canceled");
    commit(s);
    index_all(s, 5);
    put_chaff(s, "still", 60);
    PUT(.uri = "long", .version = "3", .status = "canceled");
    assert_found(s, "quzzsecondtext", "");
    index_all(s, 5); /* without a commit between */
    reopen(s);
    for (size_t i = 0; i < COUNT(words); i++)
        if (file_has(s, words[i])) fail_msg("%s is still there", words[i]);
    assert_true(file_has(s, "quzzlivingtext"));
    assert_found(s, "quzzlivingtext", "stays/1");
    run(s, "INSERT INTO search(search) VALUES('integrity-check')");
    buf_deinit(&body);
}

static void a_killed_word_leaves_an_index_of_few_segments_too(void **state)
{
    struct scene *s = *state;
    PUT(.uri = "stays", .headline = "quzzlivingtext");
    PUT(.uri = "goes", .headline = "quzzshorttext");
    index_all(s, 100);
    PUT(.uri = "goes", .version = "2", .status = "canceled");
    index_all(s, 100);
    reopen(s);
    assert_false(file_has(s, "quzzshorttext"));
    assert_found(s, "quzzlivingtext", "stays/1");
}

static void an_index_that_is_tidied_often_stays_sound(void **state)
{
    struct scene *s = *state;
    for (int i = 0; i < 150; i++) {
        char uri[16];
        (void)snprintf(uri, sizeof uri, "u%d", i);
        PUT(.uri = uri, .headline = "quzzword");
        index_all(s, 10);
        if (i % 3 != 0) PUT(.uri = uri, .version = "2", .status = "canceled");
        index_all(s, 10);
    }
    run(s, "INSERT INTO search(search) VALUES('integrity-check')");
    assert_int_equal(number(s, "SELECT count(*) FROM search WHERE search MATCH 'quzzword'"), 50);
}

/* -------------------------------------------------------------------------------------- Limits */

static void the_oldest_beyond_a_limit_lose_their_text_and_starred_ones_stay(void **state)
{
    struct scene *s = *state;
    char uri[2] = "a";
    for (; *uri <= 'j'; ++*uri)
        PUT(.uri = uri, .headline = "word", .received_ms = 1000 + 10 * (*uri - 'a'));
    mark(s, 2, HISTORY_STARRED, 0);
    mark(s, 3, HISTORY_READ, 0);
    index_all(s, 100);
    PRUNE(100000, .keep_ms = 0);
    assert_shows(s, "j/1 i/1 h/1 g/1 f/1 e/1 d/1 c/1r b/1* a/1");
    PRUNE(2000, .keep_ms = 970);
    assert_shows(s, "j/1 i/1 h/1 g/1 f/1 e/1 d/1 b/1*");
    PRUNE(2000, .keep_items = 4);
    assert_shows(s, "j/1 i/1 h/1 g/1 b/1*");
    assert_int_equal(assert_older(s, ALL, 4, "j/1 i/1 h/1 g/1"), 7);
    assert_int_equal(assert_older(s, 7, 4, "b/1*"), 0);
    assert_found(s, "word", "j/1 i/1 h/1 g/1 b/1*");
    assert_found(s, "headline =~ word", "j/1 i/1 h/1 g/1 b/1*");
    assert_int_equal(number(s, "SELECT count(*) FROM mark"), 1);
    assert_int_equal(number(s, "SELECT count(*) FROM search"), 5);
    assert_int_equal(number(s, "SELECT count(*) FROM item WHERE reason='pruned' AND sum=0"), 5);
    mark(s, 2, 0, HISTORY_STARRED);
    assert_shows(s, "j/1 i/1 h/1 g/1 b/1");
    PRUNE(2000, .keep_items = 4);
    assert_shows(s, "j/1 i/1 h/1 g/1");
    reopen(s);
    PRUNE(2000, .keep_bytes = 1); /* less than an empty one has */
    assert_shows(s, "");
}

static void bytes_are_a_limit(void **state)
{
    struct scene *s = *state;
    struct news_error err = {0};
    uint64_t items, bytes, before;
    char body[3000];
    (void)snprintf(body, sizeof body, "%2900d", 1);
    for (int i = 0; i < 100; i++) {
        char uri[16];
        (void)snprintf(uri, sizeof uri, "u%d", i);
        PUT(.uri = uri, .body = body);
    }
    index_all(s, 100);
    must(history_size(s->history, &items, &before, &err), &err);
    assert_int_equal(items, 100);
    PRUNE(0, .keep_bytes = before / 2);
    must(history_size(s->history, &items, &bytes, &err), &err);
    assert_in_range(items, 10, 60);
    assert_in_range(bytes, before / 3, before / 2 + before / 10);
    assert_int_equal(assert_older(s, ALL, 1, "u99/1"), 100);
}

static void a_pruned_story_stays_known_and_none_of_its_versions_comes_back(void **state)
{
    struct scene *s = *state;
    PUT(.uri = "a", .version = "5", .seq = 1);
    PUT(.uri = "a", .version = "3", .seq = 2, .answer = STORE_OLDER);
    PUT(.uri = "b", .version = "1", .seq = 3);
    PUT(.uri = "b", .version = "2", .seq = 4);
    PUT(.uri = "k", .status = "canceled", .seq = 5);
    PUT(.uri = "z", .seq = 6);
    commit(s);
    PRUNE(0, .keep_items = 4);
    assert_shows(s, "z/1 k/1! b/2"); /* with a/5 went a/3 */
    assert_int_equal(number(s, "SELECT count(*) FROM item WHERE reason='pruned'"), 2);
    PRUNE(0, .keep_items = 1);
    assert_shows(s, "z/1");
    PUT(.uri = "a", .version = "5", .seq = 1, .answer = STORE_KNOWN);
    PUT(.uri = "a", .version = "5", .answer = STORE_KNOWN);
    PUT(.uri = "a", .version = "4", .answer = STORE_OLDER);
    PUT(.uri = "k", .version = "2", .seq = 7, .answer = STORE_DEAD);
    assert_shows(s, "z/1");
    PUT(.uri = "a", .version = "6");
    assert_shows(s, "a/6 z/1");
}

static void a_kill_of_a_pruned_story_works_under_any_version(void **state)
{
    struct scene *s = *state;
    PUT(.uri = "a", .version = "5", .seq = 1);
    PUT(.uri = "b", .version = "5", .seq = 2);
    commit(s);
    PRUNE(1000, .keep_ms = 1);
    PUT(.uri = "a", .version = "6", .status = "canceled");
    PUT(.uri = "b", .version = "1", .status = "canceled");
    assert_shows(s, "b/1! a/6!");
    PUT(.uri = "a", .version = "7", .seq = 3, .answer = STORE_DEAD);
    PUT(.uri = "b", .version = "7", .seq = 4, .answer = STORE_DEAD);
    commit(s);
    PRUNE(1000, .keep_ms = 1); /* the kills as well */
    assert_shows(s, "");
    PUT(.uri = "a", .version = "8", .answer = STORE_DEAD);
    PUT(.uri = "b", .version = "8", .answer = STORE_DEAD);
    assert_shows(s, "");
}

/* Starred by its newest version; the older ones go with it or stay with it. */
static void a_starred_story_stays_whole(void **state)
{
    struct scene *s = *state;
    PUT(.uri = "a", .headline = "first");
    mark(s, 1, HISTORY_STARRED, 0);
    PUT(.uri = "b");
    int64_t id = PUT(.uri = "a", .version = "2", .headline = "second");
    PUT(.uri = "c");
    commit(s);
    PRUNE(1000, .keep_ms = 1);
    assert_shows(s, "a/2*");
    assert_by_id(s, history_versions, id, "a/1*");
    mark(s, id, 0, HISTORY_STARRED);
    PRUNE(1000, .keep_ms = 1);
    assert_shows(s, "");
    assert_int_equal(number(s, "SELECT count(*) FROM item WHERE bytes IS NOT NULL"), 0);
}

static void rests_are_forgotten_where_they_are_too_many(void **state)
{
    struct scene *s = *state;
    PUT(.uri = "s", .version = "1", .seq = 1);
    PUT(.uri = "s", .version = "2", .seq = 2, .status = "canceled");
    PUT(.uri = "t", .version = "1", .seq = 3);
    PUT(.uri = "t", .version = "2", .seq = 4);
    mark(s, 4, HISTORY_STARRED, 0);
    for (int i = 5; i <= 30; i++) {
        char uri[16];
        (void)snprintf(uri, sizeof uri, "u%d", i);
        PUT(.uri = uri, .seq = (uint64_t)i);
    }
    commit(s);
    run(s, "UPDATE item SET bytes=NULL,reason='pruned' WHERE id=3"); /* an older version's rest */
    PRUNE(0, .keep_bytes = (uint64_t)10 * 4 * HISTORY_REST_BYTES);
    assert_shows(s, "t/2*");
    assert_int_equal(number(s, "SELECT count(*) FROM item WHERE reason IS NOT NULL"), 11);
    assert_int_equal(number(s, "SELECT min(id) FROM item WHERE reason IS NOT NULL"), 3);
    assert_int_equal(number(s, "SELECT min(id) FROM item WHERE id>4"), 21);
    PUT(.uri = "u30", .seq = 30, .answer = STORE_KNOWN);
}

static void a_million_rests_are_kept(void **state)
{
    struct scene *s = *state;
    PUT(.uri = "a");
    commit(s);
    run(s, "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i+1 FROM n WHERE i<1000005)"
           " INSERT INTO item(id,stream,time_ms,sum,reason,story,again,version,status,publisher,"
           "uri) SELECT i,1,0,0,'pruned',i,0,1,0,'afp',i FROM n");
    prune_in(s, 3, 0, (struct history_limits){.keep_items = 1});
    assert_int_equal(number(s, "SELECT count(*) FROM item"), 1 + HISTORY_RESTS_MAX);
    assert_int_equal(number(s, "SELECT min(id) FROM item WHERE id>1"), 6);
    assert_shows(s, "a/1");
    struct news_error err = {0};
    uint64_t items, bytes;
    must(history_size(s->history, &items, &bytes, &err), &err);
    assert_int_equal(items, 1);
}

/* What an archive says of numbers whose text it pruned: why they are not there. */
static void an_archive_tells_that_a_number_was_pruned(void **state)
{
    struct scene *s = *state;
    struct news_error err = {0};
    struct buf b = {0};
    char topic[TOPIC_MAX];
    for (uint64_t seq = 1; seq <= 4; seq++) {
        char uri[2] = {(char)('a' + seq)};
        PUT(.uri = uri, .seq = seq);
    }
    commit(s);
    PRUNE(0, .keep_items = 2);
    struct answerer *a = answerer_new(store_db(s->store), true, &err);
    must(a != NULL, &err);
    struct sync_position have = {.topic = TOPIC, .seq = 0};
    struct sync_request r = {.id = "r",
                             .epoch = EPOCH,
                             .filters = {"#"},
                             .filter_count = 1,
                             .have = &have,
                             .have_count = 1,
                             .limit = 100};
    struct sync_route route = {.publisher = "afp", .client = "c"};
    sync_request_write(&b, &r);
    must(answerer_take(a, &route, b.data, b.len, &err), &err);
    assert_int_equal(answerer_next(a, 100000, topic, &b, &err), ANSWER_MESSAGE);
    buf_putc(&b, '\0');
    assert_non_null(strstr(b.data, "\"d\""));
    assert_non_null(strstr(b.data, "\"e\""));
    assert_int_equal(answerer_next(a, 100000, topic, &b, &err), ANSWER_MESSAGE);
    buf_putc(&b, '\0');
    assert_non_null(strstr(b.data, "[[\"" TOPIC "\",1,2,\"pruned\"]]"));
    assert_non_null(strstr(b.data, "\"" TOPIC "\":4"));
    answerer_free(a);
    buf_deinit(&b);
}

static bool all_is_there(void *user, const struct store_check_row *row)
{
    *(int *)user += 1;
    assert_int_equal(row->through, 4);
    assert_int_equal(row->stored, 4);
    assert_int_equal(row->holes + row->gone, 0);
    return true;
}

static void the_check_has_nothing_against_pruned_rows(void **state)
{
    struct scene *s = *state;
    struct news_error err = {0};
    int rows = 0;
    position_base(positions_of(s->positions, "afp", EPOCH, TOPIC), 0);
    for (uint64_t seq = 1; seq <= 4; seq++) {
        char uri[2] = {(char)('a' + seq)};
        PUT(.uri = uri, .seq = seq);
    }
    commit(s);
    PRUNE(0, .keep_items = 2);
    must(store_check(s->store, all_is_there, &rows, &err), &err);
    assert_int_equal(rows, 1);
}

/* -------------------------------------------------------------------------------------- Places */

static bool note_gone(void *user, int64_t place, const char *topic, uint64_t first, uint64_t last,
                      const char *reason)
{
    assert_string_equal(topic, TOPIC);
    buf_printf(user, "%d:%d-%d %s;", (int)place, (int)first, (int)last, reason);
    return true;
}

static void what_is_missing_has_its_place(void **state)
{
    struct scene *s = *state;
    struct news_error err = {0};
    struct buf b = {0};
    bool news;
    static const struct {
        uint64_t seq;
        int64_t id;
    } places[] = {{1, 2}, {3, 1}, {5, 1}, {6, 3}, {9, 3}, {10, 0}};
    PUT(.uri = "a", .seq = 5);
    PUT(.uri = "b", .seq = 1);
    PUT(.uri = "c", .seq = 9);
    struct position *at = positions_of(s->positions, "afp", EPOCH, TOPIC);
    must(store_gone(s->store, at, 2, 3, "pruned", &news, &err), &err);
    must(store_gone(s->store, at, 10, 12, "killed", &news, &err), &err);
    commit(s);
    for (size_t i = 0; i < COUNT(places); i++) {
        int64_t id = -1;
        must(history_place(s->history, "afp", EPOCH, TOPIC, places[i].seq, &id, &err), &err);
        assert_int_equal(id, places[i].id);
    }
    must(history_gone(s->history, note_gone, &b, &err), &err);
    assert_string_equal(b.data, "1:2-3 pruned;0:10-12 killed;");
    buf_deinit(&b);
}

/* -------------------------------------------------------------------------------------- A life */

static void a_private_store_does_the_same_without_a_file(void **state)
{
    struct scene *s = *state;
    close_all(s);
    open_as(s, DB_MEMORY);
    put_library(s);
    index_all(s, 2);
    assert_found(s, "budget", "b/1 a/1");
    mark(s, 2, HISTORY_STARRED, 0);
    PRUNE(0, .keep_items = 1);
    assert_shows(s, "g/1 b/1*");
}

static uint32_t draw(uint32_t *seed, uint32_t below)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 8) % below;
}

/* What a search has to find: every row that is shown, looked at one by one. */
static bool sift(void *user, const struct history_row *row)
{
    struct {
        struct filter *filter;
        struct list *list;
    } *u = user;
    const struct filter_subject subject = {.arrival = row->arrival,
                                           .unread = !(row->marks & HISTORY_READ),
                                           .starred = row->marks & HISTORY_STARRED};
    if (filter_match(u->filter, &subject) == FILTER_YES) assert_true(note(u->list, row));
    return true;
}

static void assert_search_is_complete(struct scene *s, const char *expression)
{
    struct news_error err = {0};
    struct list l = {0};
    struct filter *f = filter_new(expression, NULL, &err);
    must(f != NULL, &err);
    struct {
        struct filter *filter;
        struct list *list;
    } naive = {f, &l};
    int64_t next;
    must(history_older(s->history, ALL, SIZE_MAX, sift, &naive, &next, &err), &err);
    filter_free(f);
    char *expected = strdup(l.text.data ? l.text.data : "");
    buf_deinit(&l.text);
    assert_non_null(expected);
    assert_found(s, expression, expected);
    free(expected);
}

static void live(struct scene *s, uint32_t *seed)
{
    static const char *const words[] = {
        "budget",       "Imp\u00f4t",    "tax", "\u9884\u7b97\u6848",
        "\u0e01\u0e32", "\u00e9t\u00e9", "C++", "x-ray"};
    struct news_error err = {0};
    char uri[16], version[16], headline[200];
    bool more;
    uint32_t last = (uint32_t)number(s, "SELECT ifnull(max(id),1) FROM item");
    switch (draw(seed, 16)) {
    case 0: mark(s, 1 + draw(seed, last), HISTORY_STARRED, 0); return;
    case 1: mark(s, 1 + draw(seed, last), 0, HISTORY_STARRED); return;
    case 2: mark(s, 1 + draw(seed, last), HISTORY_READ, 0); return;
    case 3:
    case 4: must(history_index(s->history, 1 + draw(seed, 20), &more, &err), &err); return;
    case 5:
        must(history_prune(s->history, &(struct history_limits){.keep_items = 40}, 0,
                           1 + draw(seed, 5), &more, &err),
             &err);
        return;
    case 6: commit(s); return;
    default: break;
    }
    (void)snprintf(uri, sizeof uri, "u%u", draw(seed, 100));
    (void)snprintf(version, sizeof version, "%u", draw(seed, 8));
    (void)snprintf(headline, sizeof headline, "%s %s %s %s", words[draw(seed, COUNT(words))],
                   words[draw(seed, COUNT(words))], words[draw(seed, COUNT(words))],
                   words[draw(seed, COUNT(words))]);
    struct ninjs item;
    struct ninjs_fault fault;
    struct buf b = {0};
    int64_t id;
    buf_printf(&b,
               "{\"uri\":\"%s\",\"version\":\"%s\",\"pubStatus\":\"%s\",\"headlines\":[{"
               "\"value\":\"%s\"}]}",
               uri, version, draw(seed, 30) ? "usable" : "canceled", headline);
    assert_true(ninjs_check(b.data, b.len, &item, &fault));
    const struct store_item i = {.publisher = "afp", .topic = TOPIC, .item = &item};
    assert_int_not_equal(store_put(s->store, &i, &id, &err), STORE_FAILED);
    buf_deinit(&b);
}

/* Items, kills, marks, slices of indexing and pruning in any order: a search always finds exactly
 * what looking at each row finds, and a starred story never loses its text. */
static void whatever_happens_a_search_finds_all_that_matches(void **state)
{
    struct scene *s = *state;
    static const char *const expressions[] = {
        "budget",
        "impot",
        "\"tax budget\"",
        "\u9884\u7b97",
        "ete and tax",
        "not tax",
        "\"x ray\" or \u0e01*",
        "starred = yes",
        "bud* and unread = no",
        "headline =~ \"C\\\\+\"",
        "",
    };
    const char *given = getenv("NEWS_SEED");
    uint32_t seed = given ? (uint32_t)strtoul(given, NULL, 10) : 7;
    print_message("NEWS_SEED=%u\n", seed);
    for (int i = 0; i < 3000; i++) {
        live(s, &seed);
        if (i % 25 == 0) assert_search_is_complete(s, expressions[draw(&seed, COUNT(expressions))]);
        if (i % 500 == 499) commit(s), reopen(s);
        if (i % 100 != 0) continue;
        assert_int_equal(number(s, "SELECT count(*) FROM mark m LEFT JOIN item i ON i.id=m.id"
                                   " WHERE i.id IS NULL OR i.again OR (i.reason IS NOT NULL)"),
                         0);
        assert_int_equal(number(s, "SELECT count(*) FROM search_content c LEFT JOIN item i"
                                   " ON i.id=c.id WHERE i.bytes IS NULL"),
                         0);
    }
    run(s, "INSERT INTO search(search) VALUES('integrity-check')");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(rows_go_back_to_the_first_and_it_is_said_when_there_are_no_more),
        TEST(a_row_is_a_storys_newest_version_or_its_kill),
        TEST(what_is_no_item_any_more_is_passed_over),
        TEST(a_version_is_found_by_its_id_and_so_are_the_others_of_its_story),
        TEST(marks_are_taken_away_then_added_and_kept),
        TEST(marks_belong_to_the_story_and_follow_its_versions),
        TEST(what_matches_is_found_newest_first_indexed_or_not),
        TEST(a_search_keeps_to_its_ids_and_goes_on_where_it_stopped),
        TEST(marks_can_be_searched_for),
        TEST(a_reader_beside_the_owner_searches_and_writes_nothing),
        TEST(the_index_takes_what_is_new_and_rests),
        TEST(rows_with_much_text_count_for_several),
        TEST(what_was_killed_is_neither_in_the_text_nor_in_the_index_of_the_file),
        TEST(a_killed_word_leaves_an_index_of_few_segments_too),
        TEST(an_index_that_is_tidied_often_stays_sound),
        TEST(the_oldest_beyond_a_limit_lose_their_text_and_starred_ones_stay),
        TEST(bytes_are_a_limit),
        TEST(a_pruned_story_stays_known_and_none_of_its_versions_comes_back),
        TEST(a_kill_of_a_pruned_story_works_under_any_version),
        TEST(a_starred_story_stays_whole),
        TEST(rests_are_forgotten_where_they_are_too_many),
        TEST(a_million_rests_are_kept),
        TEST(an_archive_tells_that_a_number_was_pruned),
        TEST(the_check_has_nothing_against_pruned_rows),
        TEST(what_is_missing_has_its_place),
        TEST(a_private_store_does_the_same_without_a_file),
        TEST(whatever_happens_a_search_finds_all_that_matches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
