#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/hash.h"
#include "subscriber/history.h"
#include "subscriber/store.h"
#include "tests/support/small_disk.h"
#include "tests/support/tmpdir.h"

#define EPOCH  "0123456789abcdef"
#define EPOCH2 "0123456789abcdf0"
#define TOPIC  "news/afp/world/fr/3/sport"

/* ------------------------------------------------------------------------------------ Helpers */

struct scene {
    struct tmpdir dir;
    char path[256];
    struct store *store;
    struct positions *positions;
};

static struct store *try_open(const char *path, enum db_mode mode, struct news_error *err)
{
    return store_open(path, &(struct db_options){.mode = mode, .owner = "newssub"}, err);
}

static void open_store(struct scene *s)
{
    struct news_error err = {0};
    s->store = try_open(s->path, DB_OWN, &err);
    if (!s->store) fail_msg("%s", err.message);
    s->positions = positions_new(NULL);
    assert_non_null(s->positions);
}

static void close_store(struct scene *s)
{
    store_close(s->store);
    positions_free(s->positions);
    s->store = NULL;
    s->positions = NULL;
}

static void reopen(struct scene *s)
{
    close_store(s);
    open_store(s);
}

static int set_up(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    if (!s || !tmpdir_make(&s->dir)) return -1;
    (void)snprintf(s->path, sizeof s->path, "%s/newssub.store", s->dir.path);
    open_store(s);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *s = *state;
    close_store(s);
    tmpdir_remove(&s->dir);
    free(s);
    return 0;
}

/* What a test says of an item. */
struct news {
    const char *uri, *version, *status; /* NULL: has none */
    const char *created;                /* versionCreated; NULL: has none */
    const char *topic;                  /* NULL: TOPIC */
    const char *publisher;              /* NULL: "afp" */
    const char *epoch;                  /* NULL: EPOCH */
    uint64_t seq;                       /* 0: has no number */
    int64_t received_ms;
};

static const char *or_else(const char *text, const char *otherwise)
{
    return text ? text : otherwise;
}

static struct position *at_of(struct scene *s, const struct news *n)
{
    struct news_error err = {0};
    struct position *at = positions_of(s->positions, or_else(n->publisher, "afp"),
                                       or_else(n->epoch, EPOCH), or_else(n->topic, TOPIC));
    assert_non_null(at);
    if (!store_load_position(s->store, at, &err)) fail_msg("%s", err.message);
    return at;
}

static void write_item(const struct news *n, struct buf *out)
{
    buf_printf(out, "{\"uri\":\"%s\"", n->uri);
    json_put_member(out, "version", n->version);
    json_put_member(out, "pubStatus", n->status);
    json_put_member(out, "versionCreated", n->created);
    if (n->seq)
        buf_printf(out, ",\"altIds\":[{\"role\":\"newswire\",\"value\":\"%s:%s:%llu\"}]",
                   or_else(n->publisher, "afp"), or_else(n->epoch, EPOCH),
                   (unsigned long long)n->seq);
    buf_puts(out, ",\"headlines\":[{\"value\":\"Secret words\"}]}");
}

/* As the loop does it, but for the commit. *id: of a row that was stored, else 0. */
static enum store_answer take(struct scene *s, const struct news *n, int64_t *id,
                              struct news_error *err)
{
    struct buf text = {0};
    struct ninjs item;
    struct ninjs_fault fault;
    struct wire_number number = {.seq = n->seq};
    write_item(n, &text);
    if (!ninjs_check(text.data, text.len, &item, &fault)) fail_msg("%s %s", fault.path, fault.what);
    (void)snprintf(number.publisher, sizeof number.publisher, "%s", or_else(n->publisher, "afp"));
    (void)snprintf(number.epoch, sizeof number.epoch, "%s", or_else(n->epoch, EPOCH));
    struct store_item i = {.publisher = or_else(n->publisher, "afp"),
                           .topic = or_else(n->topic, TOPIC),
                           .number = n->seq ? &number : NULL,
                           .at = n->seq ? at_of(s, n) : NULL,
                           .item = &item,
                           .received_ms = n->received_ms};
    *id = 0;
    enum store_answer answer = store_put(s->store, &i, id, err);
    if (i.at && answer != STORE_FAILED && answer != STORE_CONFLICT)
        assert_true(position_add(i.at, n->seq, n->seq, 0));
    buf_deinit(&text);
    return answer;
}

static enum store_answer put(struct scene *s, struct news n)
{
    struct news_error err = {0};
    int64_t id;
    enum store_answer answer = take(s, &n, &id, &err);
    if (answer == STORE_FAILED) fail_msg("%s", err.message);
    bool row = answer == STORE_NEW || answer == STORE_OLDER || answer == STORE_CONFLICT;
    assert_int_equal(id > 0, row);
    assert_int_equal(err.code, answer == STORE_CONFLICT ? NEWS_ERR_PROTOCOL : NEWS_OK);
    return answer;
}
#define PUT(...) put(s, (struct news){__VA_ARGS__})

static void commit(struct scene *s)
{
    struct news_error err = {0};
    if (!store_commit(s->store, s->positions, &err)) fail_msg("%s", err.message);
}

/* The rows of a query, columns parted by blanks, rows by semicolons. */
static void assert_rows(struct scene *s, const char *query, const char *expected)
{
    struct news_error err = {0};
    struct buf b = {0};
    bool row;
    sqlite3_stmt *q = db_prepare(store_db(s->store), query, &err);
    if (!q) fail_msg("%s", err.message);
    while (db_row(store_db(s->store), q, &row, &err) && row) {
        if (b.len) buf_puts(&b, "; ");
        for (int i = 0; i < sqlite3_column_count(q); i++) {
            const char *text = (const char *)sqlite3_column_text(q, i);
            buf_printf(&b, "%s%s", i ? " " : "", text ? text : "-");
        }
    }
    (void)sqlite3_finalize(q);
    assert_string_equal(b.data ? b.data : "", expected);
    buf_deinit(&b);
}

static bool list_row(void *user, const struct store_row *row)
{
    struct buf *out = user;
    struct ninjs item;
    struct ninjs_fault fault;
    assert_true(ninjs_check(row->bytes, row->len, &item, &fault));
    buf_printf(out, "%s%.*s", out->len ? " " : "", (int)item.member[NINJS_URI].len - 2,
               item.member[NINJS_URI].at + 1);
    if (item.member[NINJS_VERSION].at)
        buf_printf(out, "/%.*s", (int)item.member[NINJS_VERSION].len - 2,
                   item.member[NINJS_VERSION].at + 1);
    if (json_is(item.member[NINJS_PUB_STATUS], "canceled")) buf_putc(out, '!');
    return true;
}

/* "uri/version" of what is to be shown from that id on, "!" behind a kill. */
static void assert_shows_from(struct scene *s, int64_t id, const char *expected)
{
    struct news_error err = {0};
    struct buf b = {0};
    if (!store_each(s->store, id, list_row, &b, &err)) fail_msg("%s", err.message);
    assert_string_equal(b.data ? b.data : "", expected);
    buf_deinit(&b);
}

static void assert_shows(struct scene *s, const char *expected)
{
    assert_shows_from(s, 1, expected);
}

static bool list_check(void *user, const struct store_check_row *row)
{
    struct buf *out = user;
    buf_printf(out, "%s %s %s through %llu of %llu, %llu stored, %llu holes (%s), %llu gone (%s)\n",
               row->publisher, row->epoch, row->topic, (unsigned long long)row->through,
               (unsigned long long)row->highest, (unsigned long long)row->stored,
               (unsigned long long)row->holes, row->hole_list, (unsigned long long)row->gone,
               row->gone_list);
    return true;
}

static void assert_check(struct scene *s, const char *expected)
{
    struct news_error err = {0};
    struct buf b = {0};
    if (!store_check(s->store, list_check, &b, &err)) fail_msg("%s", err.message);
    assert_string_equal(b.data ? b.data : "", expected);
    buf_deinit(&b);
}

static bool list_epoch(void *user, const char *epoch)
{
    buf_printf(user, "%s ", epoch);
    return true;
}

static void assert_open_epochs(struct scene *s, const char *except, const char *expected)
{
    struct news_error err = {0};
    struct buf b = {0};
    if (!store_open_epochs(s->store, "afp", except, list_epoch, &b, &err))
        fail_msg("%s", err.message);
    assert_string_equal(b.data ? b.data : "", expected);
    buf_deinit(&b);
}

/* ------------------------------------------------------------------------------------- Answers */

static void an_item_and_its_position_are_there_after_the_commit(void **state)
{
    struct scene *s = *state;
    assert_false(store_dirty(s->store));
    assert_int_equal(PUT(.uri = "a", .version = "1", .seq = 1), STORE_NEW);
    assert_true(store_dirty(s->store));
    commit(s);
    assert_false(store_dirty(s->store));
    reopen(s);
    assert_shows(s, "a/1");
    struct position *at = at_of(s, &(struct news){0});
    assert_int_equal(position_look(at, 1), POSITION_KNOWN);
    assert_int_equal(position_look(at, 2), POSITION_NEW);
    assert_false(at->dirty);
}

static void a_number_is_known_for_ever(void **state)
{
    struct scene *s = *state;
    assert_int_equal(PUT(.uri = "a", .version = "1", .seq = 1), STORE_NEW);
    assert_int_equal(PUT(.uri = "a", .version = "1", .seq = 1), STORE_KNOWN);
    assert_int_equal(PUT(.uri = "a", .version = "2", .seq = 2), STORE_NEW);
    commit(s);
    reopen(s);
    assert_int_equal(PUT(.uri = "a", .version = "1", .seq = 1), STORE_KNOWN);
    assert_int_equal(PUT(.uri = "a", .version = "2", .seq = 2), STORE_KNOWN);
    assert_rows(s, "SELECT count(*) FROM item", "2");
    assert_shows(s, "a/2");
}

static void a_late_older_version_is_stored_but_not_shown(void **state)
{
    struct scene *s = *state;
    assert_int_equal(PUT(.uri = "a", .version = "10", .seq = 2), STORE_NEW);
    assert_int_equal(PUT(.uri = "a", .version = "9", .seq = 1), STORE_OLDER);
    assert_int_equal(PUT(.uri = "a", .version = "9"), STORE_KNOWN);
    assert_int_equal(PUT(.uri = "a", .version = "11", .seq = 3), STORE_NEW);
    assert_shows(s, "a/11");
    assert_rows(s, "SELECT seq, version, bytes IS NULL FROM item ORDER BY seq",
                "1 9 0; 2 10 0; 3 11 0");
}

static void versions_are_compared_as_integers_else_by_their_date(void **state)
{
    struct scene *s = *state;
    assert_int_equal(PUT(.uri = "a", .version = "9"), STORE_NEW);
    assert_int_equal(PUT(.uri = "a", .version = "010"), STORE_NEW);
    assert_int_equal(PUT(.uri = "a", .version = "10"), STORE_KNOWN);
    assert_int_equal(PUT(.uri = "a", .version = "99999999999999999999999"), STORE_NEW);
    assert_int_equal(PUT(.uri = "b", .version = "second", .created = "2026-01-02T00:00:00Z"),
                     STORE_NEW);
    assert_int_equal(PUT(.uri = "b", .version = "first", .created = "2026-01-01T00:00:00Z"),
                     STORE_OLDER);
    assert_int_equal(PUT(.uri = "b", .created = "2026-01-03T00:00:00Z"), STORE_NEW);
    assert_int_equal(PUT(.uri = "c"), STORE_NEW);
    assert_int_equal(PUT(.uri = "c", .version = "-1"), STORE_KNOWN);
    assert_int_equal(PUT(.uri = "c", .version = "1"), STORE_NEW);
}

static void a_story_belongs_to_its_publisher(void **state)
{
    struct scene *s = *state;
    assert_int_equal(PUT(.uri = "a", .version = "1", .seq = 1), STORE_NEW);
    assert_int_equal(PUT(.uri = "a", .version = "1", .seq = 1, .publisher = "dpa"), STORE_NEW);
    assert_int_equal(PUT(.uri = "a", .version = "3", .publisher = "dpa", .status = "canceled"),
                     STORE_NEW);
    assert_int_equal(PUT(.uri = "a", .version = "2", .seq = 2), STORE_NEW);
    assert_shows(s, "a/3! a/2");
}

static void escapes_in_a_uri_make_no_other_story(void **state)
{
    struct scene *s = *state;
    assert_int_equal(PUT(.uri = "http://x/\\u00e9", .version = "1"), STORE_NEW);
    assert_int_equal(PUT(.uri = "http:\\/\\/x/é", .version = "1"), STORE_KNOWN);
    assert_int_equal(PUT(.uri = "http://x/é", .version = "2"), STORE_NEW);
    assert_rows(s, "SELECT DISTINCT uri FROM item", "http://x/é");
}

/* Nobody can be made to collide here: the hash has a seed of the file's own. */
static void stories_with_one_hash_stay_apart(void **state)
{
    struct scene *s = *state;
    struct news_error err = {0};
    PUT(.uri = "a", .version = "1");
    PUT(.uri = "b", .version = "1");
    PUT(.uri = "a", .version = "3", .publisher = "dpa");
    PUT(.uri = "a", .version = "2");
    commit(s);
    assert_true(db_exec(store_db(s->store), "UPDATE item SET story=1", &err));
    assert_shows(s, "b/1 a/3 a/2");
}

static void items_without_a_number_are_known_by_their_version(void **state)
{
    struct scene *s = *state;
    assert_int_equal(PUT(.uri = "a", .version = "1", .topic = "foreign/t", .publisher = ""),
                     STORE_NEW);
    assert_int_equal(PUT(.uri = "a", .version = "1", .topic = "foreign/t", .publisher = ""),
                     STORE_KNOWN);
    assert_int_equal(PUT(.uri = "b", .version = "1", .topic = "foreign/t", .publisher = ""),
                     STORE_NEW);
    commit(s);
    assert_rows(s, "SELECT publisher, epoch, topic, last FROM stream", "  foreign/t 0");
    assert_rows(s, "SELECT stream, seq, uri FROM item", "1 - a; 1 - b");
    assert_check(s, "");
}

/* --------------------------------------------------------------------------------------- Kills */

static void a_kill_erases_every_version_and_leaves_a_tombstone(void **state)
{
    struct scene *s = *state;
    PUT(.uri = "a", .version = "1", .seq = 1);
    PUT(.uri = "a", .version = "2", .seq = 2);
    PUT(.uri = "b", .version = "1", .seq = 3);
    assert_int_equal(PUT(.uri = "a", .version = "3", .seq = 4, .status = "canceled"), STORE_NEW);
    assert_shows(s, "b/1 a/3!");
    assert_rows(s, "SELECT seq, reason, sum, bytes FROM item WHERE seq<3",
                "1 killed 0 -; 2 killed 0 -");
    assert_int_equal(PUT(.uri = "a", .version = "4", .seq = 6), STORE_DEAD);
    commit(s);
    reopen(s);
    assert_int_equal(PUT(.uri = "a", .version = "1", .seq = 5), STORE_DEAD);
    assert_int_equal(PUT(.uri = "a", .version = "1"), STORE_DEAD);
    assert_int_equal(PUT(.uri = "a", .version = "9", .seq = 7, .status = "canceled"), STORE_DEAD);
    assert_int_equal(PUT(.uri = "a", .version = "3", .seq = 4, .status = "canceled"), STORE_KNOWN);
    assert_int_equal(PUT(.uri = "a", .version = "4", .seq = 6), STORE_KNOWN);
    assert_rows(s, "SELECT seq, reason, bytes IS NULL FROM item ORDER BY seq",
                "1 killed 1; 2 killed 1; 3 - 0; 4 - 0; 5 killed 1; 6 killed 1; 7 killed 1");
    assert_shows(s, "b/1 a/3!");
}

/* The short one is in a page with others, the long one fills pages of its own. */
static void what_was_killed_is_not_in_the_file_any_more(void **state)
{
    struct scene *s = *state;
    static char bytes[1 << 20], created[20000];
    (void)snprintf(created, sizeof created, "%19000s", "a date of its own");
    PUT(.uri = "a", .version = "1", .seq = 1, .created = "a date of its own");
    PUT(.uri = "b", .version = "1", .seq = 2, .created = created);
    commit(s);
    PUT(.uri = "a", .version = "2", .seq = 3, .status = "canceled");
    PUT(.uri = "b", .version = "2", .seq = 4, .status = "canceled");
    commit(s);
    close_store(s);
    FILE *file = fopen(s->path, "r");
    assert_non_null(file);
    size_t len = fread(bytes, 1, sizeof bytes, file);
    (void)fclose(file);
    assert_true(len > 0 && len < sizeof bytes);
    assert_null(memmem(bytes, len, "a date of its own", 17));
    assert_non_null(memmem(bytes, len, "canceled", 8));
}

static void a_kill_may_come_first_or_under_any_version(void **state)
{
    struct scene *s = *state;
    assert_int_equal(PUT(.uri = "first", .version = "2", .status = "canceled", .seq = 1),
                     STORE_NEW);
    assert_int_equal(PUT(.uri = "first", .version = "1", .seq = 2), STORE_DEAD);
    assert_int_equal(PUT(.uri = "first", .version = "3", .seq = 3), STORE_DEAD);
    PUT(.uri = "same", .version = "1", .seq = 4);
    assert_int_equal(PUT(.uri = "same", .version = "1", .status = "canceled", .seq = 5), STORE_NEW);
    assert_int_equal(PUT(.uri = "same", .version = "2", .seq = 6), STORE_DEAD);
    assert_int_equal(PUT(.uri = "same", .version = "1", .status = "canceled", .seq = 7),
                     STORE_KNOWN);
    PUT(.uri = "low", .version = "7", .seq = 8);
    assert_int_equal(PUT(.uri = "low", .version = "1", .status = "canceled", .seq = 9), STORE_NEW);
    assert_int_equal(PUT(.uri = "low", .version = "8", .seq = 10), STORE_DEAD);
    assert_shows(s, "first/2! same/1! low/1!");
    assert_rows(s, "SELECT count(*), max(bytes IS NULL) FROM item WHERE status=2", "4 0");
}

static void a_story_that_was_withheld_comes_back(void **state)
{
    struct scene *s = *state;
    assert_int_equal(PUT(.uri = "a", .version = "1", .seq = 1), STORE_NEW);
    assert_int_equal(PUT(.uri = "a", .version = "2", .seq = 2, .status = "withheld"), STORE_NEW);
    assert_shows(s, "a/2"); /* for views to hide */
    assert_int_equal(PUT(.uri = "a", .version = "3", .seq = 3, .status = "usable"), STORE_NEW);
    assert_shows(s, "a/3");
}

/* ------------------------------------------------------------------------------------- Numbers */

/* A journal restored from an old copy gives what it had not sent new numbers in a new epoch. */
static void a_renumbered_version_is_known_and_answered_under_both_numbers(void **state)
{
    struct scene *s = *state;
    PUT(.uri = "a", .version = "1", .seq = 1);
    PUT(.uri = "b", .version = "1", .seq = 2, .status = "canceled");
    assert_int_equal(PUT(.uri = "a", .version = "1", .epoch = EPOCH2, .seq = 1), STORE_KNOWN);
    assert_int_equal(
        PUT(.uri = "b", .version = "1", .epoch = EPOCH2, .seq = 2, .status = "canceled"),
        STORE_KNOWN);
    commit(s);
    assert_shows(s, "a/1 b/1!");
    assert_check(s, "afp " EPOCH " " TOPIC " through 0 of 2, 2 stored, 0 holes (), 0 gone ()\n"
                    "afp " EPOCH2 " " TOPIC " through 0 of 2, 2 stored, 0 holes (), 0 gone ()\n");
    assert_rows(s,
                "SELECT epoch, seq, instr(bytes, epoch)>0 FROM item JOIN stream"
                " ON stream.id=item.stream WHERE reason IS NULL",
                EPOCH " 1 1; " EPOCH " 2 1; " EPOCH2 " 1 1; " EPOCH2 " 2 1");
    PUT(.uri = "a", .version = "2", .epoch = EPOCH2, .seq = 3, .status = "canceled");
    assert_rows(s, "SELECT seq, bytes IS NULL FROM item WHERE uri='a'", "1 1; 1 1; 3 0");
    assert_shows(s, "b/1! a/2!");
}

static void a_number_that_was_another_items_does_not_hide_the_news(void **state)
{
    struct scene *s = *state;
    PUT(.uri = "a", .version = "1", .seq = 1);
    PUT(.uri = "z", .version = "5", .seq = 2);
    commit(s);
    assert_int_equal(PUT(.uri = "b", .version = "1", .seq = 1), STORE_CONFLICT);
    assert_int_equal(PUT(.uri = "b", .version = "1", .seq = 1), STORE_KNOWN);
    assert_int_equal(PUT(.uri = "a", .version = "2", .seq = 2), STORE_CONFLICT);
    assert_int_equal(PUT(.uri = "z", .version = "4", .seq = 1), STORE_OLDER);
    assert_int_equal(PUT(.uri = "a", .version = "2", .seq = 1, .status = "canceled"),
                     STORE_CONFLICT);
    assert_int_equal(PUT(.uri = "a", .version = "3", .seq = 2), STORE_DEAD);
    assert_int_equal(PUT(.uri = "z", .version = "5", .seq = 2, .status = "canceled"),
                     STORE_CONFLICT);
    assert_shows(s, "b/1 a/2! z/5!");
    assert_rows(s, "SELECT seq, uri, version FROM item",
                "1 a 1; 2 z 5; - b 1; - a 2; - z 4; - a 2; - z 5");
}

static bool two_gone_numbers_are_left(void *user, const struct store_check_row *row)
{
    (void)user;
    assert_string_equal(row->gone_list, "12 (pruned),14 (pruned)");
    return true;
}

static void a_number_without_a_row_is_taken_when_it_comes_all_the_same(void **state)
{
    struct scene *s = *state;
    struct news_error err = {0};
    struct position *at = at_of(s, &(struct news){0});
    bool news = false;
    position_base(at, 10);
    assert_true(position_add(at, 12, 14, 0));
    assert_true(store_gone(s->store, at, 12, 14, "pruned", &news, &err));
    commit(s);
    reopen(s);
    assert_int_equal(PUT(.uri = "a", .version = "1", .seq = 3), STORE_NEW); /* below the base */
    assert_int_equal(PUT(.uri = "b", .version = "1", .seq = 13), STORE_NEW);
    assert_int_equal(PUT(.uri = "c", .version = "1", .seq = 11), STORE_NEW);
    assert_int_equal(PUT(.uri = "b", .version = "1", .seq = 13), STORE_KNOWN);
    commit(s);
    assert_true(store_check(s->store, two_gone_numbers_are_left, NULL, &err));
}

static void the_store_knows_numbers_that_the_position_forgot(void **state)
{
    struct scene *s = *state;
    uint64_t most = 2 * POSITIONS_RANGES_MAX + 2;
    char uri[32];
    at_of(s, &(struct news){0});
    position_base(at_of(s, &(struct news){0}), 0);
    for (uint64_t seq = 2; seq <= most; seq += 2) {
        (void)snprintf(uri, sizeof uri, "u%d", (int)seq);
        assert_int_equal(PUT(.uri = uri, .version = "1", .seq = seq), STORE_NEW);
    }
    assert_int_equal(position_look(at_of(s, &(struct news){0}), most), POSITION_NEW);
    assert_int_equal(PUT(.uri = uri, .version = "1", .seq = most), STORE_KNOWN);
    assert_int_equal(PUT(.uri = "other", .version = "1", .seq = most), STORE_CONFLICT);
    PUT(.uri = uri, .version = "2", .status = "canceled");
    assert_int_equal(PUT(.uri = uri, .version = "1", .seq = most), STORE_KNOWN);
}

/* ----------------------------------------------------------------------------------- Positions */

static void positions_are_loaded_once_and_join_what_memory_has(void **state)
{
    struct scene *s = *state;
    struct news_error err = {0};
    struct news other = {.topic = "news/afp/b"}, third = {.topic = "news/afp/c"};
    position_base(at_of(s, &(struct news){0}), 6);
    assert_true(position_add(at_of(s, &(struct news){0}), 9, 10, 0));
    assert_true(position_add(at_of(s, &other), 70, 80, 0));
    commit(s);
    commit(s); /* nothing changed */
    reopen(s);

    struct position *at = positions_of(s->positions, "afp", EPOCH, TOPIC);
    assert_true(position_add(at, 11, 12, 0));
    assert_true(store_load_position(s->store, at, &err));
    assert_true(at->dirty && at->based);
    assert_int_equal(at->through, 6);
    assert_int_equal(at->ahead_count, 1);
    assert_int_equal(at->hole_since_mono_ms, 0);
    assert_int_equal(position_highest(at), 12);
    assert_true(store_load_publisher(s->store, s->positions, "afp", EPOCH, &err));
    assert_int_equal(positions_count(s->positions), 2);
    at = at_of(s, &other);
    assert_false(at->based || at->dirty);
    assert_int_equal(position_look(at, 75), POSITION_KNOWN);
    assert_int_equal(at_of(s, &third)->store_id, -1);
    assert_true(store_load_publisher(s->store, s->positions, "afp", EPOCH2, &err));
    assert_int_equal(positions_count(s->positions), 3);
    commit(s);
    assert_rows(s, "SELECT topic, last, based, through, ahead FROM stream ORDER BY topic",
                "news/afp/b 80 0 0 70-80; " TOPIC " 12 1 6 9-12");
}

static void a_damaged_position_is_said(void **state)
{
    struct scene *s = *state;
    struct news_error err = {0};
    PUT(.uri = "a", .version = "1", .seq = 1);
    commit(s);
    assert_true(db_exec(store_db(s->store), "UPDATE stream SET ahead='7-,'", &err));
    reopen(s);
    struct position *at = positions_of(s->positions, "afp", EPOCH, TOPIC);
    assert_false(store_load_position(s->store, at, &err));
    assert_int_equal(err.code, NEWS_ERR_IO);
    assert_false(store_load_publisher(s->store, s->positions, "afp", EPOCH, &err));
    assert_false(store_check(s->store, list_check, &(struct buf){0}, &err));
}

static void a_rollback_leaves_nothing(void **state)
{
    struct scene *s = *state;
    struct news_error err = {0};
    struct store_shown shown = {.id = 1, .length = 100}, is;
    PUT(.uri = "a", .version = "1", .seq = 1);
    commit(s);
    PUT(.uri = "a", .version = "2", .seq = 2, .status = "canceled");
    PUT(.uri = "b", .version = "1", .seq = 1, .topic = "news/afp/other");
    assert_true(store_set_shown(s->store, &shown, &err));
    assert_true(store_join(s->store, "afp", "news/afp/#", &err));
    store_rollback(s->store);
    assert_false(store_dirty(s->store));
    assert_true(store_shown(s->store, &is, &err));
    assert_int_equal(is.id, 0);
    reopen(s);
    assert_shows(s, "a/1");
    assert_rows(s, "SELECT topic, last FROM stream", TOPIC " 1");
    assert_rows(s, "SELECT count(*) FROM joined", "0");
    assert_int_equal(PUT(.uri = "b", .version = "1", .seq = 2), STORE_NEW);
}

/* ------------------------------------------------------------------------------------- Reading */

static bool stop_at_first(void *user, const struct store_row *row)
{
    *(int64_t *)user = row->id;
    return false;
}

static void rows_are_given_from_an_id_a_count_or_a_time_on(void **state)
{
    struct scene *s = *state;
    struct news_error err = {0};
    int64_t id = 0;
    char uri[32];
    assert_true(store_last(s->store, 5, &id, &err));
    assert_int_equal(id, 1);
    assert_true(store_last(s->store, 0, &id, &err));
    assert_int_equal(id, 1);
    assert_true(store_since(s->store, 0, &id, &err));
    assert_int_equal(id, 1);
    for (int i = 1; i <= 9; i++) { /* ids 1 to 9; 2 and 3 are older versions of 4 */
        (void)snprintf(uri, sizeof uri, "%c", i == 2 || i == 3 ? 'd' : 'a' + i - 1);
        (void)PUT(.uri = uri,
                  .version = i == 4   ? "8"
                             : i == 3 ? "7"
                                      : "1",
                  .seq = (uint64_t)i, .received_ms = 1000 + 10 * (i / 2));
    }
    commit(s);
    assert_shows(s, "a/1 d/8 e/1 f/1 g/1 h/1 i/1");
    assert_shows_from(s, 6, "f/1 g/1 h/1 i/1");
    static const struct {
        uint64_t n;
        int64_t id;
    } last[] = {{0, 10}, {1, 9}, {5, 5}, {6, 4}, {7, 1}, {8, 1}, {UINT64_MAX, 1}};
    for (size_t i = 0; i < sizeof last / sizeof *last; i++) {
        assert_true(store_last(s->store, last[i].n, &id, &err));
        assert_int_equal(id, last[i].id);
    }
    static const struct {
        int64_t ms, id;
    } since[] = {{0, 1}, {1000, 1}, {1001, 2}, {1010, 2}, {1020, 4}, {1040, 8}, {1041, 10}};
    for (size_t i = 0; i < sizeof since / sizeof *since; i++) {
        assert_true(store_since(s->store, since[i].ms, &id, &err));
        assert_int_equal(id, since[i].id);
    }
    assert_true(store_each(s->store, 3, stop_at_first, &id, &err));
    assert_int_equal(id, 4);
    (void)PUT(.uri = "next", .version = "1"); /* nothing is left open that a commit would meet */
    commit(s);
}

static void an_id_is_never_used_again(void **state)
{
    struct scene *s = *state;
    struct news_error err = {0};
    int64_t id = 0;
    PUT(.uri = "a", .version = "1", .seq = 1);
    PUT(.uri = "b", .version = "1", .seq = 2);
    commit(s);
    assert_true(db_exec(store_db(s->store), "DELETE FROM item", &err));
    reopen(s);
    assert_true(store_last(s->store, 0, &id, &err));
    assert_int_equal(id, 3);
    assert_true(store_since(s->store, 0, &id, &err)); /* all that will come */
    assert_true(id <= 3);
    PUT(.uri = "c", .version = "1", .seq = 3);
    assert_rows(s, "SELECT id FROM item", "3");
}

static void what_was_shown_is_remembered_with_its_file(void **state)
{
    struct scene *s = *state;
    struct news_error err = {0};
    struct store_shown is = {.id = 9},
                       shown = {.id = 7, .device = UINT64_MAX, .inode = 1, .length = 1234};
    assert_true(store_shown(s->store, &is, &err));
    assert_int_equal(is.id, 0);
    assert_int_equal(is.length, -1);
    assert_true(store_set_shown(s->store, &is, &err));
    assert_false(store_dirty(s->store)); /* nothing changed */
    assert_true(store_set_shown(s->store, &shown, &err));
    assert_true(store_dirty(s->store));
    commit(s);
    assert_true(store_set_shown(s->store, &shown, &err));
    assert_false(store_dirty(s->store));
    reopen(s);
    assert_true(store_shown(s->store, &is, &err));
    assert_memory_equal(&is, &shown, sizeof is);
}

/* ---------------------------------------------------------------------------------------- Sync */

static void publishers_filters_and_epochs_are_remembered(void **state)
{
    struct scene *s = *state;
    struct news_error err = {0};
    struct store_publisher p = {.items = 9}, is = {.epoch = EPOCH2, .items = 44};
    bool joined = true;
    assert_true(store_publisher(s->store, "afp", &p, &err));
    assert_string_equal(p.epoch, "");
    assert_int_equal(p.items, 0);
    assert_true(store_set_publisher(s->store, "afp", &is, &err));
    assert_true(store_join(s->store, "afp", "news/afp/+/fr/#", &err));
    assert_true(store_join(s->store, "afp", "news/afp/+/fr/#", &err));
    PUT(.uri = "a", .version = "1", .seq = 1);
    PUT(.uri = "b", .version = "1", .seq = 1, .epoch = EPOCH2);
    PUT(.uri = "c", .version = "1", .seq = 1, .epoch = "0000000000000001");
    PUT(.uri = "d", .version = "1");
    PUT(.uri = "e", .version = "1", .seq = 1, .publisher = "dpa", .epoch = "00000000000000ff");
    commit(s);
    reopen(s);
    assert_true(store_publisher(s->store, "afp", &p, &err));
    assert_string_equal(p.epoch, EPOCH2);
    assert_int_equal(p.items, 44);
    assert_true(store_joined(s->store, "afp", "news/afp/world/fr/3/sport", &joined, &err));
    assert_true(joined);
    assert_true(store_joined(s->store, "afp", "news/afp/world/+/3/sport", &joined, &err));
    assert_false(joined);
    assert_true(store_joined(s->store, "dpa", "news/afp/world/fr/3/sport", &joined, &err));
    assert_false(joined);
    assert_open_epochs(s, "", "0000000000000001 " EPOCH " " EPOCH2 " ");
    assert_open_epochs(s, EPOCH2, "0000000000000001 " EPOCH " ");
    assert_true(store_settle_epoch(s->store, "afp", EPOCH, &err));
    assert_true(store_settle_epoch(s->store, "afp", EPOCH, &err));
    commit(s);
    assert_open_epochs(s, EPOCH2, "0000000000000001 ");
}

static void gone_numbers_are_noted_once_and_counted_once(void **state)
{
    struct scene *s = *state;
    struct news_error err = {0};
    static const struct {
        uint64_t first, last;
        bool news;
        const char *noted;
    } steps[] = {
        {3, 4, true, "3-4"},
        {3, 4, false, "3-4"},
        {4, 4, false, "3-4"},
        {8, 9, true, "3-4 8-9"},
        {4, 8, true, "3-4 5-7 8-9"},
        {3, 9, false, "3-4 5-7 8-9"},
        {1, 12, true, "1-2 3-4 5-7 8-9 10-12"},
    };
    struct position *at = at_of(s, &(struct news){0});
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        bool news = !steps[i].news;
        assert_true(store_gone(s->store, at, steps[i].first, steps[i].last, "pruned", &news, &err));
        assert_int_equal(news, steps[i].news);
        assert_rows(s, "SELECT group_concat(first || '-' || last, ' ') FROM gone", steps[i].noted);
    }
    bool news;
    assert_false(store_gone(s->store, at, 0, 4, "pruned", &news, &err));
    assert_false(store_gone(s->store, at, 5, 4, "pruned", &news, &err));
    assert_true(store_gone(s->store, at, 13, WIRE_SEQ_MAX, "pruned", &news, &err));
}

static void the_check_tells_holes_and_what_is_gone(void **state)
{
    struct scene *s = *state;
    struct news_error err = {0};
    struct position *at = at_of(s, &(struct news){0});
    bool news;
    position_base(at, 0);
    PUT(.uri = "a", .version = "1", .seq = 1);
    PUT(.uri = "b", .version = "1", .seq = 2);
    assert_true(store_gone(s->store, at, 3, 4, "pruned", &news, &err));
    assert_true(store_gone(s->store, at, 6, 6, "killed", &news, &err));
    assert_true(position_add(at, 3, 4, 0) && position_add(at, 6, 6, 0));
    PUT(.uri = "c", .version = "1", .seq = 5);
    PUT(.uri = "d", .version = "1", .seq = 10);
    PUT(.uri = "e", .version = "1", .seq = 12);
    struct news full = {.publisher = "dpa", .topic = "news/dpa/x"};
    position_base(at_of(s, &full), 7);
    commit(s);
    assert_check(s, "afp " EPOCH " " TOPIC
                    " through 6 of 12, 5 stored, 4 holes (7-9,11), 3 gone (3-4 (pruned),6 "
                    "(killed))\n"
                    "dpa " EPOCH " news/dpa/x through 7 of 7, 0 stored, 0 holes (), 0 gone ()\n");
}

/* common/storage/answer.h reads these columns, and nothing else. */
static void an_archive_can_answer_from_it(void **state)
{
    struct scene *s = *state;
    PUT(.uri = "a", .version = "1", .seq = 2);
    PUT(.uri = "b", .version = "1", .seq = 1, .received_ms = 77);
    PUT(.uri = "b", .version = "2", .seq = 3, .status = "canceled");
    PUT(.uri = "c", .version = "1");
    commit(s);
    assert_rows(s, "SELECT publisher, epoch, topic, last FROM stream WHERE epoch<>''",
                "afp " EPOCH " " TOPIC " 3");
    assert_rows(s,
                "SELECT i.seq, i.time_ms, i.reason, typeof(i.bytes) FROM item i JOIN stream s ON"
                " s.id=i.stream WHERE s.epoch='" EPOCH "' AND i.seq>0 ORDER BY i.id",
                "2 0 - blob; 1 77 killed null; 3 0 - blob");
    struct news_error err = {0};
    bool row;
    sqlite3_stmt *q = db_prepare(store_db(s->store), "SELECT sum, bytes FROM item WHERE seq=2",
                                 &err);
    assert_true(db_row(store_db(s->store), q, &row, &err) && row);
    uint64_t sum = hash_bytes(HASH_START, sqlite3_column_blob(q, 1),
                              (size_t)sqlite3_column_bytes(q, 1));
    assert_true((uint64_t)sqlite3_column_int64(q, 0) == sum);
    (void)sqlite3_finalize(q);
}

/* -------------------------------------------------------------------------------------- A life */

enum { STORIES = 12, VERSIONS = 6, NUMBERS = STORIES * VERSIONS };

static uint32_t draw(uint32_t *seed, uint32_t below)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 8) % below;
}

struct outcome {
    char shows[STORIES][16];
};

static bool note_outcome(void *user, const struct store_row *row)
{
    struct outcome *o = user;
    struct buf b = {0};
    assert_true(list_row(&b, row));
    size_t story = (size_t)(b.data[0] - 'a');
    assert_true(story < STORIES);
    if (*o->shows[story]) fail_msg("%s is shown, and %s", o->shows[story], b.data);
    (void)snprintf(o->shows[story], sizeof *o->shows, "%s", b.data);
    buf_deinit(&b);
    return true;
}

/* However the items of some stories come, in any order, twice, with restarts between: the same is
 * shown at the end, and every number is answered for. Every third story has one kill. */
static void any_order_of_arrival_ends_the_same(void **state)
{
    struct scene *s = *state;
    uint32_t seed = 99;
    for (int life = 0; life < 10; life++) {
        char uri[2] = "", version[8];
        size_t order[2 * NUMBERS];
        struct outcome o = {0};
        struct news_error err = {0};
        close_store(s);
        (void)snprintf(s->path, sizeof s->path, "%s/life-%d", s->dir.path, life);
        open_store(s);
        for (size_t i = 0; i < 2 * NUMBERS; i++) {
            size_t other = draw(&seed, (uint32_t)i + 1);
            order[i] = order[other];
            order[other] = i % NUMBERS;
        }
        position_base(at_of(s, &(struct news){0}), 0);
        for (size_t i = 0; i < 2 * NUMBERS; i++) {
            size_t story = order[i] / VERSIONS, v = order[i] % VERSIONS + 1;
            bool kill = story % 3 == 0 && v == story / 3 + 2;
            *uri = (char)('a' + story);
            (void)snprintf(version, sizeof version, "%zu", v);
            (void)PUT(.uri = uri, .version = version, .seq = order[i] + 1,
                      .status = kill ? "canceled" : NULL);
            if (draw(&seed, 10) == 0) commit(s);
            if (draw(&seed, 40) == 0) commit(s), reopen(s);
        }
        commit(s);
        assert_true(store_each(s->store, 1, note_outcome, &o, &err));
        for (size_t story = 0; story < STORIES; story++) {
            char expected[16];
            bool killed = story % 3 == 0;
            (void)snprintf(expected, sizeof expected, "%c/%zu%s", (char)('a' + story),
                           killed ? story / 3 + 2 : VERSIONS, killed ? "!" : "");
            assert_string_equal(o.shows[story], expected);
        }
        assert_rows(s, "SELECT count(*), count(DISTINCT seq), max(seq) FROM item", "72 72 72");
        assert_rows(s, "SELECT count(*) FROM item WHERE reason='killed'", "20");
        assert_rows(s, "SELECT through, ahead FROM stream", "72 ");
    }
}

/* ------------------------------------------------------------------------------------ Accidents */

/* Writes batches for ever, and says after each commit that it is done. */
__attribute__((noreturn)) static void write_until_killed(const char *path, int say, uint32_t seed)
{
    struct scene s = {0};
    struct news_error err;
    uint64_t next[3] = {0};
    char uri[32], topic[32];
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)snprintf(s.path, sizeof s.path, "%s", path);
    s.store = try_open(path, DB_OWN, &err);
    s.positions = positions_new(NULL);
    if (!s.store || !s.positions) _exit(1);
    for (;;) {
        for (uint32_t n = 1 + draw(&seed, 30); n > 0; n--) {
            uint32_t stream = draw(&seed, 3);
            int64_t id;
            (void)snprintf(topic, sizeof topic, "news/afp/%u", stream);
            struct news item = {.topic = topic, .uri = uri, .version = "1"};
            struct position *at = at_of(&s, &item);
            if (!at->based) position_base(at, 0);
            if (next[stream] == 0) next[stream] = at->through + 1;
            item.seq = next[stream]++;
            (void)snprintf(uri, sizeof uri, "u-%u-%llu", stream, (unsigned long long)item.seq);
            if (take(&s, &item, &id, &err) != STORE_NEW) _exit(2);
        }
        if (!store_commit(s.store, s.positions, &err)) _exit(3);
        if (write(say, "c", 1) != 1) _exit(4);
    }
}

static void a_killed_writer_leaves_items_and_positions_that_agree(void **state)
{
    struct scene *s = *state;
    uint32_t seed = 2026;
    uint64_t committed = 0;
    close_store(s);
    for (int round = 0; round < 25; round++) {
        int pipe_ends[2], status;
        char c;
        assert_int_equal(pipe(pipe_ends), 0);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) write_until_killed(s->path, pipe_ends[1], seed + (uint32_t)round);
        (void)close(pipe_ends[1]);
        for (uint32_t wait = 1 + draw(&seed, 12); wait > 0; wait--) {
            assert_int_equal(read(pipe_ends[0], &c, 1), 1);
            committed++;
        }
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        while (read(pipe_ends[0], &c, 1) == 1)
            committed++;
        (void)close(pipe_ends[0]);
    }
    open_store(s);
    assert_rows(s,
                "SELECT count(*) FROM stream s WHERE ahead<>'' OR last<>through OR through<>("
                "SELECT count(*) FROM item WHERE stream=s.id) OR through<>("
                "SELECT max(seq) FROM item WHERE stream=s.id)",
                "0");
    char query[96];
    (void)snprintf(query, sizeof query, "SELECT count(*) >= %llu FROM item",
                   (unsigned long long)committed);
    assert_rows(s, query, "1");
    assert_rows(s, "PRAGMA integrity_check", "ok");
}

static void a_full_disk_takes_nothing_and_loses_nothing(void **state)
{
    struct scene *s = *state;
    struct news_error err = {0};
    char folder[200], uri[32];
    close_store(s);
    (void)snprintf(folder, sizeof folder, "%s/disk", s->dir.path);
    assert_int_equal(mkdir(folder, 0700), 0);
    if (!small_disk_mount(folder, "400k")) {
        print_message("SKIP: this machine does not let a test mount a tmpfs\n");
        skip();
    }
    (void)snprintf(s->path, sizeof s->path, "%s/newssub.store", folder);
    open_store(s);
    position_base(at_of(s, &(struct news){0}), 0);
    uint64_t seq = 0, safe = 0;
    bool full = false;
    while (!full) {
        int64_t id;
        assert_true(++seq < 10000);
        (void)snprintf(uri, sizeof uri, "u%d", (int)seq);
        full = take(s, &(struct news){.uri = uri, .version = "1", .seq = seq}, &id, &err) ==
               STORE_FAILED;
        if (full) store_rollback(s->store);
        else if (seq % 5 == 0) full = !store_commit(s->store, s->positions, &err);
        if (!full && seq % 5 == 0) safe = seq;
    }
    assert_int_equal(err.code, NEWS_ERR_FULL);
    assert_false(store_dirty(s->store));
    assert_true(safe > 0);
    reopen(s);
    char expected[64];
    (void)snprintf(expected, sizeof expected, "%d %d", (int)safe, (int)safe);
    assert_rows(s, "SELECT count(*), max(seq) FROM item", expected);
    assert_int_equal(at_of(s, &(struct news){0})->through, safe);
    close_store(s);
    assert_true(small_disk_unmount(folder));
}

/* A statement may fail, SQLite undo the transaction, and the caller go on nevertheless. */
static void half_a_transaction_is_never_committed(void **state)
{
    struct scene *s = *state;
    struct news_error err = {0};
    int64_t id;
    PUT(.uri = "a", .version = "1", .seq = 1);
    assert_true(db_exec(store_db(s->store), "ROLLBACK", &err)); /* as SQLite does it */
    assert_int_equal(take(s, &(struct news){.uri = "b", .version = "1", .seq = 2}, &id, &err),
                     STORE_FAILED);
    assert_false(store_commit(s->store, s->positions, &err));
    assert_false(store_dirty(s->store));
    assert_rows(s, "SELECT count(*) FROM item", "0");
}

static void a_file_of_a_newer_version_or_another_kind_is_refused(void **state)
{
    struct scene *s = *state;
    struct news_error err = {0};
    assert_true(db_exec(store_db(s->store), "PRAGMA user_version=3", &err));
    close_store(s);
    assert_null(try_open(s->path, DB_OWN, &err));
    assert_non_null(strstr(err.message, "newer"));
    s->path[strlen(s->path) - 1] = '2';
    open_store(s);
    assert_true(db_exec(store_db(s->store), "PRAGMA application_id=1", &err));
    close_store(s);
    assert_null(try_open(s->path, DB_OWN, &err));
    assert_non_null(strstr(err.message, "not a store"));
}

/* As the first version made it: two stories, one of them killed, one position. The stories' hashes
 * are for their numbers to be filled in. */
#define FIRST_VERSION                                                                              \
    "PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL;"                                     \
    "CREATE TABLE meta(name TEXT PRIMARY KEY, value);"                                             \
    "CREATE TABLE stream(id INTEGER PRIMARY KEY, publisher TEXT NOT NULL, epoch TEXT NOT NULL,"    \
    " topic TEXT NOT NULL, last INTEGER NOT NULL DEFAULT 0, based INTEGER NOT NULL DEFAULT 0,"     \
    " through INTEGER NOT NULL DEFAULT 0, ahead TEXT NOT NULL DEFAULT '',"                         \
    " UNIQUE(publisher, epoch, topic));"                                                           \
    "CREATE TABLE item(id INTEGER PRIMARY KEY AUTOINCREMENT, stream INTEGER NOT NULL, seq "        \
    "INTEGER,"                                                                                     \
    " time_ms INTEGER NOT NULL, sum INTEGER NOT NULL, reason TEXT, story INTEGER NOT NULL,"        \
    " again INTEGER NOT NULL, version INTEGER NOT NULL, status INTEGER NOT NULL,"                  \
    " publisher TEXT NOT NULL, uri TEXT NOT NULL, bytes BLOB);"                                    \
    "CREATE UNIQUE INDEX item_number ON item(stream, seq);"                                        \
    "CREATE INDEX item_story ON item(story, again, version);"                                      \
    "CREATE TABLE publisher(name TEXT PRIMARY KEY, epoch TEXT NOT NULL, items INTEGER NOT NULL)"   \
    " WITHOUT ROWID;"                                                                              \
    "CREATE TABLE joined(publisher TEXT, filter TEXT, PRIMARY KEY(publisher, filter))"             \
    " WITHOUT ROWID;"                                                                              \
    "CREATE TABLE settled(publisher TEXT, epoch TEXT, PRIMARY KEY(publisher, epoch))"              \
    " WITHOUT ROWID;"                                                                              \
    "CREATE TABLE gone(stream INTEGER, first INTEGER NOT NULL, last INTEGER,"                      \
    " reason TEXT NOT NULL, PRIMARY KEY(stream, last)) WITHOUT ROWID;"                             \
    "CREATE TABLE shown(one INTEGER PRIMARY KEY CHECK(one = 1), id INTEGER NOT NULL,"              \
    " device INTEGER NOT NULL, inode INTEGER NOT NULL, length INTEGER NOT NULL);"                  \
    "PRAGMA application_id=1314345777; PRAGMA user_version=1;"                                     \
    "INSERT INTO meta VALUES('story_seed',7);"                                                     \
    "INSERT INTO stream VALUES(1,'afp','" EPOCH "','" TOPIC "',4,1,4,'');"                         \
    "INSERT INTO item VALUES(1,1,1,10,5,NULL,%1$lld,0,1,0,'afp','a',"                              \
    "CAST('{\"uri\":\"a\",\"version\":\"1\"}' AS BLOB));"                                          \
    "INSERT INTO item VALUES(2,1,2,20,5,NULL,%1$lld,0,2,0,'afp','a',"                              \
    "CAST('{\"uri\":\"a\",\"version\":\"2\"}' AS BLOB));"                                          \
    "INSERT INTO item VALUES(3,1,3,30,0,'killed',%2$lld,0,1,0,'afp','b',NULL);"                    \
    "INSERT INTO item VALUES(4,1,4,40,5,NULL,%2$lld,0,2,2,'afp','b',"                              \
    "CAST('{\"uri\":\"b\",\"version\":\"2\",\"pubStatus\":\"canceled\"}' AS BLOB))"

static long long hash_of_story(uint64_t seed, const char *uri)
{
    uint64_t hash = hash_bytes(HASH_START ^ seed, "afp", sizeof "afp");
    return (long long)(hash_bytes(hash, uri, strlen(uri)) >> 17);
}

static void a_store_of_the_first_version_is_brought_up_to_date(void **state)
{
    struct scene *s = *state;
    struct news_error err = {0};
    struct buf old = {0};
    sqlite3 *db;
    close_store(s);
    buf_printf(&old, FIRST_VERSION, hash_of_story(7, "a"), hash_of_story(7, "b"));
    (void)snprintf(s->path, sizeof s->path, "%s/old.store", s->dir.path);
    assert_int_equal(sqlite3_open(s->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, old.data, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    buf_deinit(&old);
    assert_null(try_open(s->path, DB_READ, &err));
    open_store(s);
    assert_rows(s, "PRAGMA user_version", "2");
    assert_shows(s, "a/2 b/2!");
    assert_int_equal(PUT(.uri = "a", .version = "1", .seq = 1), STORE_KNOWN);
    assert_int_equal(PUT(.uri = "c", .version = "1", .seq = 5), STORE_NEW);
    commit(s);
    assert_check(s, "afp " EPOCH " " TOPIC " through 5 of 5, 5 stored, 0 holes (), 0 gone ()\n");
    assert_rows(s, "SELECT id FROM item INDEXED BY item_rest WHERE reason IS NOT NULL", "3");
    struct history *h = history_new(s->store, TOPIC_ROOT, &err);
    bool more = true;
    if (!h) fail_msg("%s", err.message);
    while (more) {
        assert_true(history_index(h, 1, &more, &err));
        commit(s);
    }
    assert_true(history_set_marks(h, 1, HISTORY_STARRED, 0, &err));
    assert_rows(s, "SELECT id, marks FROM mark", "2 2");
    assert_rows(s, "SELECT rowid FROM search", "2; 4; 5");
    assert_rows(s, "SELECT rowid FROM search WHERE search MATCH 'secret'", "5");
    history_free(h);
}

static void it_has_one_owner_and_many_readers(void **state)
{
    struct scene *s = *state;
    struct news_error err = {0};
    PUT(.uri = "a", .version = "1", .seq = 1);
    commit(s);
    assert_null(try_open(s->path, DB_OWN, &err));
    assert_int_equal(err.code, NEWS_ERR_BUSY);
    struct scene reader = {.store = try_open(s->path, DB_READ, &err)};
    if (!reader.store) fail_msg("%s", err.message);
    PUT(.uri = "b", .version = "1", .seq = 2);
    assert_shows(&reader, "a/1");
    commit(s);
    assert_shows(&reader, "a/1 b/1");
    assert_false(store_join(reader.store, "afp", "#", &err));
    assert_non_null(strstr(err.message, "reading only"));
    PUT(.uri = "c", .version = "1", .seq = 3);
    commit(s);
    assert_shows(&reader, "a/1 b/1 c/1"); /* what failed left no old view behind */
    store_close(reader.store);
    store_close(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_item_and_its_position_are_there_after_the_commit),
        TEST(a_number_is_known_for_ever),
        TEST(a_late_older_version_is_stored_but_not_shown),
        TEST(versions_are_compared_as_integers_else_by_their_date),
        TEST(a_story_belongs_to_its_publisher),
        TEST(escapes_in_a_uri_make_no_other_story),
        TEST(stories_with_one_hash_stay_apart),
        TEST(items_without_a_number_are_known_by_their_version),
        TEST(a_kill_erases_every_version_and_leaves_a_tombstone),
        TEST(what_was_killed_is_not_in_the_file_any_more),
        TEST(a_kill_may_come_first_or_under_any_version),
        TEST(a_story_that_was_withheld_comes_back),
        TEST(a_renumbered_version_is_known_and_answered_under_both_numbers),
        TEST(a_number_that_was_another_items_does_not_hide_the_news),
        TEST(a_number_without_a_row_is_taken_when_it_comes_all_the_same),
        TEST(the_store_knows_numbers_that_the_position_forgot),
        TEST(positions_are_loaded_once_and_join_what_memory_has),
        TEST(a_damaged_position_is_said),
        TEST(a_rollback_leaves_nothing),
        TEST(rows_are_given_from_an_id_a_count_or_a_time_on),
        TEST(an_id_is_never_used_again),
        TEST(what_was_shown_is_remembered_with_its_file),
        TEST(publishers_filters_and_epochs_are_remembered),
        TEST(gone_numbers_are_noted_once_and_counted_once),
        TEST(the_check_tells_holes_and_what_is_gone),
        TEST(an_archive_can_answer_from_it),
        TEST(any_order_of_arrival_ends_the_same),
        TEST(a_killed_writer_leaves_items_and_positions_that_agree),
        TEST(a_full_disk_takes_nothing_and_loses_nothing),
        TEST(half_a_transaction_is_never_committed),
        TEST(a_file_of_a_newer_version_or_another_kind_is_refused),
        TEST(a_store_of_the_first_version_is_brought_up_to_date),
        TEST(it_has_one_owner_and_many_readers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
