#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/date.h"
#include "common/item.h"
#include "publisher/journal.h"
#include "tests/support/tmpdir.h"

#define NOW_MS  INT64_C(1795442527000)
#define DAY_MS  INT64_C(86400000)
#define SPORT   "news/afp/world/fr/3/sport"
#define ECONOMY "news/afp/world/fr/3/economy"

/* ------------------------------------------------------------------------------------ Helpers */

struct stage {
    struct tmpdir dir;
    char path[256];
    struct journal *journal;
};

static struct journal *try_open(const char *path, const char *publisher, struct news_error *err)
{
    const struct journal_options o = {
        .publisher = publisher, .db = {.mode = DB_OWN, .owner = "test"}, .now_ms = NOW_MS};
    return journal_open(path, &o, err);
}

static struct journal *opened(const char *path)
{
    struct news_error err = {0};
    struct journal *j = try_open(path, "afp", &err);
    if (!j) fail_msg("%s", err.message);
    return j;
}

static int setup(void **state)
{
    struct stage *s = calloc(1, sizeof *s);
    if (!s || !tmpdir_make(&s->dir)) return -1;
    (void)snprintf(s->path, sizeof s->path, "%s/state/afp.journal", s->dir.path);
    s->journal = opened(s->path);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct stage *s = *state;
    journal_close(s->journal);
    tmpdir_remove(&s->dir);
    free(s);
    return 0;
}

static void reopen(struct stage *s)
{
    journal_close(s->journal);
    s->journal = opened(s->path);
}

#define CHECK(call)                                                                                \
    do {                                                                                           \
        struct news_error why = {0};                                                               \
        if (!(call)) fail_msg("%s: %s", #call, why.message);                                       \
    } while (0)

/* An item with its number in it, as the desk makes it. */
static bool add_sized(struct journal *j, const char *topic, const char *uri, int64_t now_ms,
                      size_t pad, uint64_t *id, struct news_error *err)
{
    struct wire_number n;
    char number[WIRE_NUMBER_SIZE];
    struct buf bytes = {0};
    if (!journal_number(j, topic, &n, err)) return false;
    wire_number_write(&n, number);
    buf_printf(&bytes,
               "{\"uri\":\"%s\",\"altIds\":[{\"role\":\"newswire\",\"value\":\"%s\"}],"
               "\"edNote\":\"%0*d\"}",
               uri, number, (int)pad, 0);
    bool ok = journal_add(j, topic, &n, bytes.data, bytes.len, now_ms, id, err);
    buf_deinit(&bytes);
    return ok;
}

static uint64_t add(struct journal *j, const char *topic, const char *uri)
{
    uint64_t id = 0;
    CHECK(add_sized(j, topic, uri, NOW_MS, 1, &id, &why));
    return id;
}

static void begin(struct journal *j)
{
    CHECK(journal_begin(j, &why));
}

static void commit(struct journal *j)
{
    CHECK(journal_commit(j, &why));
}

/* A batch of count items, accepted at that time. */
static void accept(struct journal *j, const char *topic, size_t count, int64_t now_ms)
{
    uint64_t id;
    begin(j);
    for (size_t i = 0; i < count; i++)
        CHECK(add_sized(j, topic, "u:1", now_ms, 1, &id, &why));
    commit(j);
}

static struct wire_number number_in(const char *bytes, size_t len)
{
    struct ninjs item;
    struct ninjs_fault fault;
    struct wire_number n = {0};
    assert_true(ninjs_check(bytes, len, &item, &fault));
    assert_true(wire_number_of(&item, &n));
    return n;
}

/* What the journal hands out behind `after`: each item's number is its stream's next one. */
static size_t count_next(struct journal *j, uint64_t after)
{
    struct journal_item item;
    struct news_error err = {0};
    size_t count = 0;
    for (; journal_next(j, after, &item, &err); after = item.id, count++) {
        struct wire_number n = number_in(item.bytes, item.len);
        assert_int_equal(n.seq, item.seq);
        assert_true(item.id > after);
    }
    assert_int_equal(err.code, NEWS_OK);
    return count;
}

static void assert_next(struct journal *j, uint64_t after, uint64_t id, const char *topic,
                        uint64_t seq)
{
    struct journal_item item;
    CHECK(journal_next(j, after, &item, &why));
    assert_int_equal(item.id, id);
    assert_int_equal(item.seq, seq);
    assert_string_equal(item.topic, topic);
    assert_int_equal(number_in(item.bytes, item.len).seq, seq);
}

static void assert_no_next(struct journal *j, uint64_t after)
{
    struct journal_item item;
    struct news_error err = {.code = NEWS_ERR_IO};
    assert_false(journal_next(j, after, &item, &err));
    assert_int_equal(err.code, NEWS_OK);
}

/* Another hand on the file, as damage has it. */
static void tamper(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    char *why = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    (void)sqlite3_busy_timeout(db, 5000);
    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK) fail_msg("%s: %s", sql, why);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static int64_t ask(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *s = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    int64_t value = sqlite3_column_int64(s, 0);
    (void)sqlite3_finalize(s);
    (void)sqlite3_close(db);
    return value;
}

static uint64_t prune(struct journal *j, int64_t keep_ms, uint64_t keep_items, int64_t now_ms)
{
    const struct journal_keep keep = {keep_ms, keep_items};
    uint64_t pruned = 99;
    CHECK(journal_prune(j, &keep, now_ms, &pruned, &why));
    return pruned;
}

/* ------------------------------------------------------------------------------------- Opening */

static void a_new_journal_has_an_epoch_and_nothing_else(void **state)
{
    struct stage *s = *state;
    struct journal_head head = journal_head(s->journal);
    assert_true(wire_epoch_ok(head.epoch, strlen(head.epoch)));
    assert_int_equal(head.items + head.streams + head.last_id + head.done_through, 0);
    assert_string_equal(journal_publisher(s->journal), "afp");
    assert_true(journal_knows_epoch(s->journal, head.epoch));
    assert_false(journal_knows_epoch(s->journal, "0123456789abcdef"));
    assert_int_equal(journal_waiting(s->journal), 0);
    assert_int_equal(journal_held(s->journal), 0);
    assert_no_next(s->journal, 0);
    struct stat info;
    assert_int_equal(stat(s->path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
}

static void the_epoch_and_the_counts_outlive_a_restart(void **state)
{
    struct stage *s = *state;
    accept(s->journal, SPORT, 3, NOW_MS);
    accept(s->journal, ECONOMY, 2, NOW_MS);
    journal_done(s->journal, 4);
    CHECK(journal_save(s->journal, &why));
    struct journal_head before = journal_head(s->journal);
    reopen(s);
    struct journal_head head = journal_head(s->journal);
    assert_string_equal(head.epoch, before.epoch);
    assert_int_equal(head.items, 5);
    assert_int_equal(head.streams, 2);
    assert_int_equal(head.last_id, 5);
    assert_int_equal(head.done_through, 4);
    assert_int_equal(journal_waiting(s->journal), 1);
}

static void a_journal_belongs_to_one_publisher(void **state)
{
    struct stage *s = *state;
    struct news_error err = {0};
    journal_close(s->journal);
    s->journal = try_open(s->path, "dpa", &err);
    assert_null(s->journal);
    assert_int_equal(err.code, NEWS_ERR_CONFIG);
    assert_non_null(strstr(err.message, "belongs to publisher afp, not to dpa"));
    s->journal = opened(s->path);
}

static void a_journal_has_one_owner_at_a_time(void **state)
{
    struct stage *s = *state;
    struct news_error err = {0};
    assert_null(try_open(s->path, "afp", &err));
    assert_int_equal(err.code, NEWS_ERR_BUSY);
    assert_non_null(strstr(err.message, "in use by test (pid "));
    accept(s->journal, SPORT, 1, NOW_MS); /* the first one goes on undisturbed */
}

static void anybody_may_read_beside_the_owner(void **state)
{
    struct stage *s = *state;
    struct news_error err = {0};
    const struct journal_options o = {.db = {.mode = DB_READ}};
    accept(s->journal, SPORT, 2, NOW_MS);
    struct journal *reader = journal_open(s->path, &o, &err);
    if (!reader) fail_msg("%s", err.message);
    assert_string_equal(journal_publisher(reader), "afp");
    assert_int_equal(count_next(reader, 0), 2);
    assert_false(journal_begin(reader, &err) && journal_commit(reader, &err) &&
                 journal_refuse(reader, 1, "denied", &err));
    accept(s->journal, SPORT, 1, NOW_MS);
    journal_close(reader);
}

static void a_journal_that_is_not_there_is_not_made_by_reading(void **state)
{
    struct stage *s = *state;
    char path[300];
    struct news_error err = {0};
    const struct journal_options o = {.db = {.mode = DB_READ}};
    (void)snprintf(path, sizeof path, "%s/none.journal", s->dir.path);
    assert_null(journal_open(path, &o, &err));
    assert_int_equal(err.code, NEWS_ERR_IO);
    assert_int_not_equal(access(path, F_OK), 0);
}

static void the_default_path_is_named_after_the_publisher(void **state)
{
    (void)state;
    char path[256];
    assert_int_equal(setenv("XDG_STATE_HOME", "/somewhere", 1), 0);
    CHECK(journal_default_path("afp", path, sizeof path, &why));
    assert_string_equal(path, "/somewhere/newswire/afp.journal");
    assert_int_equal(unsetenv("XDG_STATE_HOME"), 0);
}

/* ------------------------------------------------------------------------------------- Numbers */

static void numbers_count_up_in_each_stream_and_ids_over_all(void **state)
{
    struct stage *s = *state;
    begin(s->journal);
    assert_int_equal(add(s->journal, SPORT, "u:1"), 1);
    assert_int_equal(add(s->journal, ECONOMY, "u:2"), 2);
    assert_int_equal(add(s->journal, SPORT, "u:3"), 3);
    commit(s->journal);
    reopen(s);
    begin(s->journal);
    assert_int_equal(add(s->journal, SPORT, "u:4"), 4);
    commit(s->journal);
    assert_next(s->journal, 0, 1, SPORT, 1);
    assert_next(s->journal, 1, 2, ECONOMY, 1);
    assert_next(s->journal, 2, 3, SPORT, 2);
    assert_next(s->journal, 3, 4, SPORT, 3);
    assert_no_next(s->journal, 4);
}

static void a_number_that_is_not_used_is_given_out_again(void **state)
{
    struct stage *s = *state;
    struct wire_number first, again;
    begin(s->journal);
    CHECK(journal_number(s->journal, SPORT, &first, &why));
    CHECK(journal_number(s->journal, SPORT, &again, &why));
    assert_int_equal(first.seq, 1);
    assert_int_equal(again.seq, 1);
    assert_string_equal(first.publisher, "afp");
    assert_string_equal(first.epoch, journal_head(s->journal).epoch);
    commit(s->journal);
    assert_int_equal(journal_head(s->journal).streams, 0); /* it left nothing behind */
}

static void nothing_of_a_batch_counts_before_its_commit(void **state)
{
    struct stage *s = *state;
    begin(s->journal);
    (void)add(s->journal, SPORT, "u:1");
    assert_no_next(s->journal, 0);
    assert_int_equal(journal_head(s->journal).items, 0);
    assert_int_equal(journal_waiting(s->journal), 0);
    commit(s->journal);
    assert_next(s->journal, 0, 1, SPORT, 1);
    assert_int_equal(journal_head(s->journal).items, 1);
}

static void a_rolled_back_batch_leaves_no_hole(void **state)
{
    struct stage *s = *state;
    accept(s->journal, SPORT, 2, NOW_MS);
    begin(s->journal);
    for (int i = 0; i < 3; i++) {
        (void)add(s->journal, SPORT, "u:x");
        (void)add(s->journal, ECONOMY, "u:x");
    }
    CHECK(journal_hold(s->journal, "u:h", 1, "x", 1, &why));
    journal_done(s->journal, 1); /* an answer came meanwhile */
    journal_rollback(s->journal);
    assert_int_equal(journal_held(s->journal), 0);
    assert_int_equal(journal_head(s->journal).done_through, 1);
    begin(s->journal);
    assert_int_equal(add(s->journal, SPORT, "u:3"), 3);
    assert_int_equal(add(s->journal, ECONOMY, "u:4"), 4);
    commit(s->journal);
    assert_next(s->journal, 2, 3, SPORT, 3);
    assert_next(s->journal, 3, 4, ECONOMY, 1);
    assert_int_equal(journal_head(s->journal).streams, 2);
    reopen(s);
    assert_int_equal(journal_head(s->journal).items, 4);
    assert_int_equal(journal_head(s->journal).done_through, 1);
}

/* SQLite may end a transaction by itself; what the batch counted must not be written alone. */
static void a_batch_that_sqlite_ended_cannot_be_committed(void **state)
{
    struct stage *s = *state;
    struct news_error err = {0};
    accept(s->journal, SPORT, 1, NOW_MS);
    begin(s->journal);
    (void)add(s->journal, SPORT, "u:2");
    db_rollback(journal_db(s->journal));
    assert_false(journal_commit(s->journal, &err));
    assert_int_equal(err.code, NEWS_ERR_IO);
    assert_int_equal(journal_head(s->journal).items, 1);
    reopen(s);
    assert_int_equal(journal_head(s->journal).last_id, 1);
    begin(s->journal);
    assert_int_equal(add(s->journal, SPORT, "u:2"), 2);
    commit(s->journal);
    assert_next(s->journal, 1, 2, SPORT, 2);
}

static void ids_and_numbers_go_on_when_all_rows_are_pruned(void **state)
{
    struct stage *s = *state;
    accept(s->journal, SPORT, 5, NOW_MS);
    journal_done(s->journal, 5);
    assert_int_equal(prune(s->journal, 1, 0, NOW_MS + 10), 5);
    assert_int_equal(ask(s->path, "SELECT count(*) FROM item"), 0);
    reopen(s);
    begin(s->journal);
    assert_int_equal(add(s->journal, SPORT, "u:1"), 6);
    commit(s->journal);
    assert_next(s->journal, 0, 6, SPORT, 6);
}

static void many_streams_keep_their_numbers(void **state)
{
    struct stage *s = *state;
    enum { STREAMS = 3000 };
    char topic[TOPIC_MAX];
    for (uint64_t round = 1; round <= 2; round++) {
        begin(s->journal);
        for (unsigned i = 0; i < STREAMS; i++) {
            struct wire_number n;
            (void)snprintf(topic, sizeof topic, "news/afp/desk-%u/en/5/general", i);
            CHECK(journal_number(s->journal, topic, &n, &why));
            assert_int_equal(n.seq, round);
            (void)add(s->journal, topic, "u:1");
        }
        commit(s->journal);
        if (round == 1) reopen(s);
    }
    assert_int_equal(journal_head(s->journal).streams, STREAMS);
    assert_int_equal(ask(s->path, "SELECT count(*) FROM stream WHERE last=2"), STREAMS);
}

/* ------------------------------------------------------------------------------------- Sending */

static void what_is_done_stays_done_and_the_rest_waits(void **state)
{
    struct stage *s = *state;
    accept(s->journal, SPORT, 5, NOW_MS);
    assert_int_equal(journal_waiting(s->journal), 5);
    journal_done(s->journal, 3);
    journal_done(s->journal, 2); /* never back */
    assert_int_equal(journal_waiting(s->journal), 2);
    CHECK(journal_save(s->journal, &why));
    CHECK(journal_save(s->journal, &why)); /* nothing new: nothing to do */
    reopen(s);
    assert_int_equal(journal_head(s->journal).done_through, 3);
    assert_next(s->journal, journal_head(s->journal).done_through, 4, SPORT, 4);
}

static void saving_leaves_an_open_batch_to_its_own_commit(void **state)
{
    struct stage *s = *state;
    accept(s->journal, SPORT, 1, NOW_MS);
    begin(s->journal);
    (void)add(s->journal, SPORT, "u:2");
    journal_done(s->journal, 1);
    CHECK(journal_save(s->journal, &why));
    assert_int_equal(ask(s->path, "SELECT count(*) FROM item"), 1);
    commit(s->journal);
    assert_int_equal(ask(s->path, "SELECT value FROM meta WHERE name='done_through'"), 1);
}

static void a_refused_item_is_never_handed_out_again(void **state)
{
    struct stage *s = *state;
    accept(s->journal, SPORT, 3, NOW_MS);
    CHECK(journal_refuse(s->journal, 2, "denied", &why));
    reopen(s);
    assert_next(s->journal, 1, 3, SPORT, 3);
    assert_int_equal(count_next(s->journal, 0), 2);
}

static void a_damaged_item_is_found_marked_and_passed(void **state)
{
    struct stage *s = *state;
    struct journal_item item;
    struct news_error err = {0};
    struct buf bytes = {0};
    accept(s->journal, SPORT, 3, NOW_MS);
    tamper(s->path, "UPDATE item SET bytes=CAST(replace(CAST(bytes AS TEXT), 'u:1', 'u:2') AS BLOB)"
                    " WHERE id=2");
    assert_next(s->journal, 0, 1, SPORT, 1);
    assert_false(journal_item_bytes(s->journal, 2, &bytes, &err));
    assert_int_equal(err.code, NEWS_ERR_DATA);
    assert_int_equal(bytes.len, 0);
    assert_false(journal_next(s->journal, 1, &item, &err));
    assert_int_equal(err.code, NEWS_ERR_DATA);
    assert_int_equal(item.id, 2);
    assert_string_equal(item.topic, SPORT);
    assert_non_null(strstr(err.message, "item 2 (" SPORT ") is damaged"));
    assert_next(s->journal, 1, 3, SPORT, 3);
    assert_int_equal(ask(s->path, "SELECT count(*) FROM item WHERE reason='damaged'"), 1);
    buf_deinit(&bytes);
}

static void an_item_without_its_stream_is_damaged(void **state)
{
    struct stage *s = *state;
    struct journal_item item;
    struct news_error err = {0};
    accept(s->journal, SPORT, 1, NOW_MS);
    accept(s->journal, ECONOMY, 1, NOW_MS);
    tamper(s->path, "DELETE FROM stream WHERE topic='" SPORT "'");
    assert_false(journal_next(s->journal, 0, &item, &err));
    assert_int_equal(err.code, NEWS_ERR_DATA);
    assert_next(s->journal, 0, 2, ECONOMY, 1);
}

/* ----------------------------------------------------------------------------------- New epoch */

static void make_story(struct journal *j, const char *uri, uint64_t item)
{
    struct journal_story story = {.topic = SPORT, .version = 1, .item = item, .seen_ms = NOW_MS};
    CHECK(journal_set_story(j, uri, &story, &why));
}

static uint64_t story_item(struct journal *j, const char *uri)
{
    struct journal_story story;
    CHECK(journal_story(j, uri, &story, &why));
    return story.item;
}

static void a_new_epoch_takes_along_what_is_not_done(void **state)
{
    struct stage *s = *state;
    struct journal_head before = journal_head(s->journal);
    size_t moved = 0;
    begin(s->journal);
    make_story(s->journal, "u:1", add(s->journal, SPORT, "u:1"));
    make_story(s->journal, "u:2", add(s->journal, SPORT, "u:2"));
    make_story(s->journal, "u:3", add(s->journal, ECONOMY, "u:3"));
    make_story(s->journal, "u:4", add(s->journal, SPORT, "u:4"));
    commit(s->journal);
    journal_done(s->journal, 1);
    CHECK(journal_refuse(s->journal, 3, "denied", &why));
    CHECK(journal_renew_epoch(s->journal, UINT64_MAX, NOW_MS + 1000, &moved, &why));
    assert_int_equal(moved, 2);

    struct journal_head head = journal_head(s->journal);
    assert_string_not_equal(head.epoch, before.epoch);
    assert_true(journal_knows_epoch(s->journal, before.epoch));
    assert_true(journal_knows_epoch(s->journal, head.epoch));
    assert_int_equal(head.items, 2);
    assert_int_equal(head.streams, 1);
    assert_int_equal(head.last_id, 6);
    assert_int_equal(head.done_through, 4);
    assert_next(s->journal, head.done_through, 5, SPORT, 1);
    assert_next(s->journal, 5, 6, SPORT, 2);
    struct journal_item item;
    CHECK(journal_next(s->journal, 5, &item, &why));
    assert_string_equal(number_in(item.bytes, item.len).epoch, head.epoch);
    assert_int_equal(story_item(s->journal, "u:1"), 1);
    assert_int_equal(story_item(s->journal, "u:2"), 5);
    assert_int_equal(story_item(s->journal, "u:3"), 3); /* refused: nobody waits for it */
    assert_int_equal(story_item(s->journal, "u:4"), 6);
    reopen(s);
    assert_string_equal(journal_head(s->journal).epoch, head.epoch);
    begin(s->journal);
    assert_int_equal(add(s->journal, SPORT, "u:5"), 7);
    commit(s->journal);
    assert_next(s->journal, 6, 7, SPORT, 3);
    assert_int_equal(ask(s->path, "SELECT last FROM stream WHERE epoch=(SELECT value FROM meta"
                                  " WHERE name='epoch')"),
                     3);
}

static void a_new_epoch_takes_along_what_came_from_an_id_on(void **state)
{
    struct stage *s = *state;
    size_t moved = 0;
    accept(s->journal, SPORT, 6, NOW_MS);
    journal_done(s->journal, 6);
    CHECK(journal_renew_epoch(s->journal, 5, NOW_MS + 1, &moved, &why));
    assert_int_equal(moved, 2);
    assert_int_equal(journal_waiting(s->journal), 2);
    assert_next(s->journal, 4, 7, SPORT, 1);
    CHECK(journal_renew_epoch(s->journal, UINT64_MAX, NOW_MS + 2, &moved, &why));
    assert_int_equal(moved, 2); /* still not done */
    assert_next(s->journal, 8, 9, SPORT, 1);
    journal_done(s->journal, 10);
    CHECK(journal_renew_epoch(s->journal, UINT64_MAX, NOW_MS + 3, &moved, &why));
    assert_int_equal(moved, 0);
    assert_int_equal(ask(s->path, "SELECT count(*) FROM epoch"), 4);
    assert_int_equal(ask(s->path, "SELECT count(*) FROM epoch e WHERE previous='' OR EXISTS"
                                  " (SELECT 1 FROM epoch p WHERE p.epoch=e.previous)"),
                     4);
}

static void damage_does_not_keep_the_others_from_a_new_epoch(void **state)
{
    struct stage *s = *state;
    size_t moved = 0;
    accept(s->journal, SPORT, 5, NOW_MS);
    tamper(s->path, "UPDATE item SET sum=sum+1 WHERE id IN (1, 3, 5)");
    CHECK(journal_renew_epoch(s->journal, UINT64_MAX, NOW_MS, &moved, &why));
    assert_int_equal(moved, 2);
    assert_int_equal(count_next(s->journal, 0), 2);
    assert_int_equal(ask(s->path, "SELECT count(*) FROM item WHERE reason='damaged'"), 3);
}

static void a_new_epoch_that_fails_changes_nothing(void **state)
{
    struct stage *s = *state;
    struct news_error err = {0};
    size_t moved = 77;
    accept(s->journal, SPORT, 3, NOW_MS);
    journal_done(s->journal, 1);
    struct journal_head before = journal_head(s->journal);
    tamper(s->path, "CREATE TRIGGER no BEFORE UPDATE OF seq ON item WHEN old.id=3"
                    " BEGIN SELECT raise(FAIL, 'no'); END");
    assert_false(journal_renew_epoch(s->journal, UINT64_MAX, NOW_MS, &moved, &err));
    assert_int_equal(err.code, NEWS_ERR_IO);
    assert_int_equal(moved, 77);
    struct journal_head head = journal_head(s->journal);
    assert_memory_equal(&head, &before, sizeof head);
    assert_next(s->journal, 1, 2, SPORT, 2);
    begin(s->journal);
    assert_int_equal(add(s->journal, SPORT, "u:1"), 4);
    commit(s->journal);
    assert_next(s->journal, 3, 4, SPORT, 4);
}

/* --------------------------------------------------------------------- Stories, held, sources */

static void a_story_is_kept_as_it_was_given(void **state)
{
    struct stage *s = *state;
    struct journal_story story = {.topic = SPORT,
                                  .version = 999999999999999999,
                                  .item = 7,
                                  .killed = true,
                                  .content = UINT64_MAX,
                                  .shown = 1u,
                                  .headline = UINT64_C(1) << 63,
                                  .link = 0,
                                  .first_ms = DATE_UNKNOWN,
                                  .version_ms = NOW_MS,
                                  .seen_ms = -5,
                                  .source = "bbc"};
    struct journal_story out;
    struct news_error err = {.code = NEWS_ERR_IO};
    memset(&out, 0, sizeof out);
    assert_false(journal_story(s->journal, "u:1", &out, &err));
    assert_int_equal(err.code, NEWS_OK);
    begin(s->journal);
    CHECK(journal_set_story(s->journal, "u:1", &(struct journal_story){.topic = "x"}, &why));
    CHECK(journal_set_story(s->journal, "u:1", &story, &why));
    commit(s->journal);
    reopen(s);
    CHECK(journal_story(s->journal, "u:1", &out, &why));
    assert_string_equal(out.topic, story.topic);
    assert_string_equal(out.source, story.source);
    assert_true(out.killed);
    assert_true(out.version == story.version && out.item == 7 && out.content == UINT64_MAX);
    assert_true(out.shown == 1 && out.headline == UINT64_C(1) << 63 && out.link == 0);
    assert_true(out.first_ms == DATE_UNKNOWN && out.version_ms == NOW_MS && out.seen_ms == -5);
}

static void older_versions_are_remembered(void **state)
{
    struct stage *s = *state;
    bool had = true;
    CHECK(journal_had_version(s->journal, "u:1", 3, &had, &why));
    assert_false(had);
    CHECK(journal_add_version(s->journal, "u:1", 3, &why));
    CHECK(journal_add_version(s->journal, "u:1", 3, &why)); /* once is enough */
    reopen(s);
    CHECK(journal_had_version(s->journal, "u:1", 3, &had, &why));
    assert_true(had);
    CHECK(journal_had_version(s->journal, "u:1", 4, &had, &why));
    assert_false(had);
    CHECK(journal_had_version(s->journal, "u:2", 3, &had, &why));
    assert_false(had);
}

static void the_bytes_of_an_item_are_found_until_it_is_pruned(void **state)
{
    struct stage *s = *state;
    struct news_error err = {.code = NEWS_ERR_IO};
    struct buf bytes = {0};
    begin(s->journal);
    uint64_t id = add(s->journal, SPORT, "u:1");
    buf_puts(&bytes, "before ");
    CHECK(journal_item_bytes(s->journal, id, &bytes, &why)); /* also within the batch */
    commit(s->journal);
    assert_non_null(strstr(bytes.data, "before {\"uri\":\"u:1\""));
    assert_false(journal_item_bytes(s->journal, id + 1, &bytes, &err));
    assert_int_equal(err.code, NEWS_OK);
    buf_deinit(&bytes);
}

static void what_is_held_comes_back_in_the_order_it_is_due(void **state)
{
    struct stage *s = *state;
    struct journal *j = s->journal;
    struct news_error err = {.code = NEWS_ERR_IO};
    int64_t due = 0;
    char uri[NINJS_URI_MAX + 1];
    struct buf bytes = {0};
    bool was;
    assert_false(journal_first_held(j, &due, uri, &bytes, &err));
    assert_int_equal(err.code, NEWS_OK);
    begin(j);
    CHECK(journal_hold(j, "u:2", 200, "two", 3, &why));
    CHECK(journal_hold(j, "u:1", 100, "one", 3, &why));
    CHECK(journal_hold(j, "u:3", 100, "three", 5, &why));
    commit(j);
    reopen(s);
    j = s->journal;
    assert_int_equal(journal_held(j), 3);
    CHECK(journal_first_held(j, &due, uri, &bytes, &why));
    assert_int_equal(due, 100);
    assert_string_equal(uri, "u:1");
    assert_string_equal(bytes.data, "one");
    begin(j);
    CHECK(journal_hold(j, "u:1", 300, "later", 5, &why)); /* replaces */
    assert_int_equal(journal_held(j), 3);
    CHECK(journal_unhold(j, "u:3", &was, &why));
    assert_true(was);
    CHECK(journal_unhold(j, "u:3", &was, &why));
    assert_false(was);
    commit(j);
    CHECK(journal_first_held(j, &due, uri, NULL, &why));
    assert_string_equal(uri, "u:2");
    assert_int_equal(journal_held(j), 2);
    buf_deinit(&bytes);
}

static void what_a_source_learnt_outlives_a_restart(void **state)
{
    struct stage *s = *state;
    static struct journal_source in = {.url = "https://a.example/feed",
                                       .moved_to = "https://b.example/feed",
                                       .etag = "W/\"x\"",
                                       .modified = "Mon, 23 Nov 2026 14:02:07 GMT",
                                       .due_ms = NOW_MS,
                                       .read_ms = NOW_MS - 1,
                                       .failures = 4000000000u,
                                       .gone = true};
    static struct journal_source out;
    struct news_error err = {.code = NEWS_ERR_IO};
    assert_false(journal_source(s->journal, "bbc", &out, &err));
    assert_int_equal(err.code, NEWS_OK);
    begin(s->journal);
    CHECK(journal_set_source(s->journal, "bbc", &in, &why));
    CHECK(journal_set_source(s->journal, "bbc", &in, &why));
    commit(s->journal);
    reopen(s);
    CHECK(journal_source(s->journal, "bbc", &out, &why));
    assert_memory_equal(&in, &out, sizeof in);
}

/* ----------------------------------------------------------------------------------- Retention */

static void items_go_when_they_are_too_old_or_too_many(void **state)
{
    struct stage *s = *state;
    accept(s->journal, SPORT, 10, NOW_MS);
    accept(s->journal, SPORT, 10, NOW_MS + DAY_MS);
    journal_done(s->journal, 20);
    assert_int_equal(prune(s->journal, 0, 0, NOW_MS + 9 * DAY_MS), 0); /* no limits */
    assert_int_equal(prune(s->journal, DAY_MS, 20, NOW_MS + DAY_MS), 0);
    assert_int_equal(prune(s->journal, DAY_MS, 20, NOW_MS + DAY_MS + 1), 10);
    assert_next(s->journal, 0, 11, SPORT, 11);
    assert_int_equal(prune(s->journal, DAY_MS, 4, NOW_MS + DAY_MS + 1), 6);
    assert_next(s->journal, 0, 17, SPORT, 17);
    assert_int_equal(journal_head(s->journal).items, 20); /* given out, not kept */
}

static void what_is_not_done_is_never_pruned(void **state)
{
    struct stage *s = *state;
    accept(s->journal, SPORT, 10, NOW_MS);
    assert_int_equal(prune(s->journal, 1, 1, NOW_MS + 99 * DAY_MS), 0);
    journal_done(s->journal, 3);
    assert_int_equal(prune(s->journal, 0, 1, NOW_MS), 3);
    journal_done(s->journal, 5);
    assert_int_equal(prune(s->journal, 1, 0, NOW_MS + DAY_MS), 2);
    assert_int_equal(count_next(s->journal, 0), 5);
}

/* A clock that was wrong for one item must not keep the others for years. */
static void an_item_from_the_future_does_not_keep_older_ones(void **state)
{
    struct stage *s = *state;
    accept(s->journal, SPORT, 1, NOW_MS + 9999 * DAY_MS);
    accept(s->journal, SPORT, 3, NOW_MS);
    journal_done(s->journal, 4);
    assert_int_equal(prune(s->journal, DAY_MS, 0, NOW_MS + 2 * DAY_MS), 3);
    assert_next(s->journal, 0, 1, SPORT, 1);
}

static void many_items_are_pruned_in_several_steps(void **state)
{
    struct stage *s = *state;
    accept(s->journal, SPORT, 5001, NOW_MS);
    journal_done(s->journal, 5001);
    assert_int_equal(prune(s->journal, 0, 101, NOW_MS), 4900);
    assert_int_equal(prune(s->journal, 1, 0, NOW_MS + DAY_MS), 101);
}

static void stories_that_no_source_showed_for_a_year_are_forgotten(void **state)
{
    struct stage *s = *state;
    struct journal_story story = {.topic = SPORT, .seen_ms = NOW_MS, .source = "bbc"};
    struct journal_story by_hand = {.topic = SPORT, .seen_ms = NOW_MS};
    struct journal_story newer = {.topic = SPORT, .seen_ms = NOW_MS + DAY_MS};
    struct journal_story waiting = {.topic = SPORT, .seen_ms = NOW_MS, .item = 1};
    struct journal_story out;
    bool had;
    const int64_t year = NOW_MS + 365 * DAY_MS;
    accept(s->journal, SPORT, 1, NOW_MS);
    begin(s->journal);
    CHECK(journal_set_story(s->journal, "u:1", &story, &why));
    CHECK(journal_add_version(s->journal, "u:1", 5, &why));
    CHECK(journal_set_story(s->journal, "u:2", &by_hand, &why));
    CHECK(journal_set_story(s->journal, "u:3", &newer, &why));
    CHECK(journal_add_version(s->journal, "u:3", 5, &why));
    CHECK(journal_set_story(s->journal, "u:4", &waiting, &why));
    commit(s->journal);
    (void)prune(s->journal, 0, 0, year);
    assert_true(journal_story(s->journal, "u:1", &out, NULL)); /* to the day */
    (void)prune(s->journal, 0, 0, year + 1);
    assert_true(journal_story(s->journal, "u:1", &out, NULL)); /* looked at once a day */
    (void)prune(s->journal, 0, 0, year + DAY_MS);
    assert_false(journal_story(s->journal, "u:1", &out, NULL));
    assert_false(journal_story(s->journal, "u:2", &out, NULL));
    assert_true(journal_story(s->journal, "u:3", &out, NULL));
    assert_true(journal_story(s->journal, "u:4", &out, NULL));
    CHECK(journal_had_version(s->journal, "u:1", 5, &had, &why));
    assert_false(had);
    CHECK(journal_had_version(s->journal, "u:3", 5, &had, &why));
    assert_true(had);
}

/* ---------------------------------------------------------------------------------- For people */

struct seen {
    struct journal *journal;
    uint64_t ids[8];
    size_t count, stop_after;
};

static bool see(void *user, const struct journal_row *row)
{
    struct seen *seen = user;
    assert_true(seen->count < 8);
    seen->ids[seen->count++] = row->id;
    assert_int_equal(row->accepted_ms, NOW_MS);
    assert_string_equal(row->epoch, journal_head(seen->journal).epoch);
    assert_string_equal(row->topic, SPORT);
    assert_int_equal(row->seq, row->id);
    assert_int_equal(number_in(row->bytes, row->len).seq, row->seq);
    assert_int_equal(row->done, row->id <= 2);
    if (row->id == 3) assert_string_equal(row->reason, "toolarge");
    else assert_null(row->reason);
    return seen->count != seen->stop_after;
}

static void rows_are_listed_in_order_until_it_is_enough(void **state)
{
    struct stage *s = *state;
    struct seen all = {.journal = s->journal}, some = {.journal = s->journal, .stop_after = 2};
    accept(s->journal, SPORT, 5, NOW_MS);
    journal_done(s->journal, 2);
    CHECK(journal_refuse(s->journal, 3, "toolarge", &why));
    CHECK(journal_each(s->journal, 0, see, &all, &why));
    assert_int_equal(all.count, 5);
    CHECK(journal_each(s->journal, 3, see, &some, &why));
    assert_int_equal(some.count, 2);
    assert_int_equal(some.ids[0], 3);
    accept(s->journal, SPORT, 1, NOW_MS); /* no statement was left open */
    CHECK(db_shrink(journal_db(s->journal), &why));
}

/* ------------------------------------------------------------------------------ When it is bad */

/* Tells each committed id through the pipe, until it is killed. */
static void write_until_killed(const char *path, int to, unsigned seed)
{
    static const char *const topics[] = {SPORT, ECONOMY, "news/afp/x/en/5/general"};
    struct journal *j = try_open(path, "afp", NULL);
    uint64_t id = 0;
    while (j && journal_begin(j, NULL)) {
        seed = seed * 1103515245u + 12345u;
        for (unsigned i = 0; i <= (seed >> 16) % 20; i++)
            if (!add_sized(j, topics[(seed >> 8) % 3], "u:1", NOW_MS, (seed >> 12) % 3000 + 1, &id,
                           NULL))
                _exit(1);
        if ((seed >> 20) % 5 == 0) {
            journal_rollback(j);
            continue;
        }
        journal_done(j, id / 2);
        if (!journal_commit(j, NULL) || write(to, &id, sizeof id) != sizeof id) _exit(1);
    }
    _exit(1);
}

/* Streams as they are counted: last is what is there, and there is no hole. */
static void assert_whole(struct stage *s, uint64_t told)
{
    struct journal_head head = journal_head(s->journal);
    assert_true(head.last_id >= told);
    assert_int_equal(count_next(s->journal, 0), head.last_id);
    assert_int_equal(head.items, head.last_id);
    assert_int_equal(ask(s->path, "SELECT count(*) FROM stream s WHERE last <> (SELECT count(*)"
                                  " FROM item WHERE stream=s.id) OR last <> (SELECT max(seq) FROM"
                                  " item WHERE stream=s.id)"),
                     0);
    assert_int_equal(ask(s->path, "SELECT count(*) FROM item"), head.last_id);
    assert_true(head.done_through <= head.last_id);
}

static void what_was_committed_survives_a_kill_at_any_moment(void **state)
{
    struct stage *s = *state;
    unsigned seed = (unsigned)date_mono_ms();
    print_message("seed %u\n", seed);
    for (unsigned round = 0; round < 8; round++) {
        int ends[2];
        uint64_t told = 0, id;
        journal_close(s->journal);
        s->journal = NULL;
        assert_int_equal(pipe(ends), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) write_until_killed(s->path, ends[1], seed + round);
        (void)close(ends[1]);
        for (unsigned n = (seed + round * 7) % 23 + 1; n > 0; n--)
            if (read(ends[0], &id, sizeof id) == sizeof id) told = id;
        int status;
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        while (read(ends[0], &id, sizeof id) == sizeof id)
            told = id;
        (void)close(ends[0]);
        assert_true(told > 0);
        s->journal = opened(s->path);
        assert_true(db_was_unclean(journal_db(s->journal)));
        assert_whole(s, told);
    }
}

/* Batches until the disk is full; how many items are committed. */
static uint64_t fill(struct journal *j, struct news_error *err)
{
    uint64_t id;
    for (;;) {
        if (!journal_begin(j, err)) break;
        bool ok = true;
        for (int i = 0; ok && i < 50; i++)
            ok = add_sized(j, SPORT, "u:1", NOW_MS, 4000, &id, err);
        if (!ok) {
            journal_rollback(j);
            break;
        }
        if (!journal_commit(j, err)) break;
    }
    return journal_head(j).last_id;
}

static void a_full_disk_takes_nothing_loses_nothing_and_can_be_pruned(void **state)
{
    struct stage *s = *state;
    struct news_error err = {0};
    char disk[160], path[256];
    (void)snprintf(disk, sizeof disk, "%s/disk", s->dir.path);
    (void)snprintf(path, sizeof path, "%s/afp.journal", disk);
    assert_int_equal(mkdir(disk, 0700), 0);
    if (mount("tmpfs", disk, "tmpfs", 0, "size=64m") != 0) {
        print_message("SKIP: a small disk can only be mounted by root\n");
        skip();
    }
    struct journal *j = try_open(path, "afp", &err);
    uint64_t committed = j ? fill(j, &err) : 0;
    bool full = err.code == NEWS_ERR_FULL;
    size_t readable = j ? count_next(j, 0) : 0;
    const struct journal_keep keep = {.keep_items = 100};
    uint64_t pruned = 0, id = 0, next;
    if (j) journal_done(j, committed);
    bool freed = j && journal_prune(j, &keep, NOW_MS, &pruned, &err);
    bool goes_on = freed && journal_begin(j, &err) &&
                   add_sized(j, SPORT, "u:2", NOW_MS, 4000, &id, &err) && journal_commit(j, &err);
    next = id;
    journal_close(j);
    (void)umount(disk); /* before anything can fail the test */
    assert_true(full);
    assert_true(committed > 1000);
    assert_int_equal(readable, committed);
    if (!goes_on) fail_msg("%s", err.message);
    assert_int_equal(pruned, committed - 100);
    assert_int_equal(next, committed + 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_new_journal_has_an_epoch_and_nothing_else),
        TEST(the_epoch_and_the_counts_outlive_a_restart),
        TEST(a_journal_belongs_to_one_publisher),
        TEST(a_journal_has_one_owner_at_a_time),
        TEST(anybody_may_read_beside_the_owner),
        TEST(a_journal_that_is_not_there_is_not_made_by_reading),
        TEST(the_default_path_is_named_after_the_publisher),
        TEST(numbers_count_up_in_each_stream_and_ids_over_all),
        TEST(a_number_that_is_not_used_is_given_out_again),
        TEST(nothing_of_a_batch_counts_before_its_commit),
        TEST(a_rolled_back_batch_leaves_no_hole),
        TEST(a_batch_that_sqlite_ended_cannot_be_committed),
        TEST(ids_and_numbers_go_on_when_all_rows_are_pruned),
        TEST(many_streams_keep_their_numbers),
        TEST(what_is_done_stays_done_and_the_rest_waits),
        TEST(saving_leaves_an_open_batch_to_its_own_commit),
        TEST(a_refused_item_is_never_handed_out_again),
        TEST(a_damaged_item_is_found_marked_and_passed),
        TEST(an_item_without_its_stream_is_damaged),
        TEST(a_new_epoch_takes_along_what_is_not_done),
        TEST(a_new_epoch_takes_along_what_came_from_an_id_on),
        TEST(damage_does_not_keep_the_others_from_a_new_epoch),
        TEST(a_new_epoch_that_fails_changes_nothing),
        TEST(a_story_is_kept_as_it_was_given),
        TEST(older_versions_are_remembered),
        TEST(the_bytes_of_an_item_are_found_until_it_is_pruned),
        TEST(what_is_held_comes_back_in_the_order_it_is_due),
        TEST(what_a_source_learnt_outlives_a_restart),
        TEST(items_go_when_they_are_too_old_or_too_many),
        TEST(what_is_not_done_is_never_pruned),
        TEST(an_item_from_the_future_does_not_keep_older_ones),
        TEST(many_items_are_pruned_in_several_steps),
        TEST(stories_that_no_source_showed_for_a_year_are_forgotten),
        TEST(rows_are_listed_in_order_until_it_is_enough),
        TEST(what_was_committed_survives_a_kill_at_any_moment),
        TEST(a_full_disk_takes_nothing_loses_nothing_and_can_be_pruned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
