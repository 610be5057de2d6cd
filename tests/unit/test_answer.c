#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/hash.h"
#include "common/storage/answer.h"
#include "tests/support/tmpdir.h"

#define EPOCH "0123456789abcdef"
#define ROOM  (1u << 20)

static const char *const steps[] = {
    "CREATE TABLE meta(name TEXT PRIMARY KEY, value);"
    "CREATE TABLE stream(id INTEGER PRIMARY KEY, publisher TEXT, epoch TEXT, topic TEXT,"
    " last INTEGER, UNIQUE(publisher, epoch, topic));"
    "CREATE TABLE item(id INTEGER PRIMARY KEY, stream INTEGER, seq INTEGER, time_ms INTEGER,"
    " sum INTEGER, reason TEXT, bytes BLOB);"
    "CREATE UNIQUE INDEX item_number ON item(stream, seq)",
    NULL,
};
static const struct db_kind kind = {.what = "journal", .application_id = 7, .steps = steps};

/* ------------------------------------------------------------------------------------ Helpers */

struct scene {
    struct tmpdir dir;
    struct db *db;
    struct answerer *answerer;
    struct buf payload;
    char topic[TOPIC_MAX];
    int64_t next_stream, next_id;
};

static void must(bool ok, const struct news_error *err)
{
    if (!ok) fail_msg("%s", err->message);
}

static int set_up(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    struct db_options o = {.mode = DB_OWN, .owner = "test"};
    struct news_error err = {0};
    char path[256];
    if (!s || !tmpdir_make(&s->dir)) return -1;
    (void)snprintf(path, sizeof path, "%s/afp.journal", s->dir.path);
    s->db = db_open(path, &kind, &o, &err);
    if (!s->db || !db_exec(s->db, "PRAGMA synchronous=OFF", &err)) return -1;
    s->answerer = answerer_new(s->db, false, &err);
    *state = s;
    return s->answerer ? 0 : -1;
}

static int tear_down(void **state)
{
    struct scene *s = *state;
    answerer_free(s->answerer);
    db_close(s->db);
    buf_deinit(&s->payload);
    tmpdir_remove(&s->dir);
    free(s);
    return 0;
}

static void be_archive(struct scene *s)
{
    struct news_error err = {0};
    answerer_free(s->answerer);
    s->answerer = answerer_new(s->db, true, &err);
    assert_non_null(s->answerer);
}

static void run_sql(struct scene *s, const char *sql)
{
    struct news_error err = {0};
    must(db_exec(s->db, sql, &err), &err);
}

__attribute__((format(printf, 2, 3))) static void run_format(struct scene *s, const char *format,
                                                             ...)
{
    char sql[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(sql, sizeof sql, format, args);
    va_end(args);
    run_sql(s, sql);
}

static int64_t add_stream(struct scene *s, const char *publisher, const char *epoch,
                          const char *topic, uint64_t last)
{
    run_format(s, "INSERT INTO stream VALUES(%lld,'%s','%s','%s',%llu)",
               (long long)++s->next_stream, publisher, epoch, topic, (unsigned long long)last);
    return s->next_stream;
}

struct row {
    int64_t id, stream;
    uint64_t seq; /* 0: NULL */
    int64_t time_ms;
    const char *reason; /* NULL */
    bool damaged;
    size_t padding; /* makes it longer */
};

/* What a row's item says: enough to tell which one it is. */
static void put_item(struct buf *out, const struct row *r)
{
    buf_printf(out, "{\"uri\":\"%lld/%llu\",\"id\":%lld,\"x\":\"", (long long)r->stream,
               (unsigned long long)r->seq, (long long)r->id);
    for (size_t i = 0; i < r->padding; i++)
        buf_putc(out, 'x');
    buf_puts(out, "\"}");
}

static void add_row(struct scene *s, const struct row *r)
{
    struct news_error err = {0};
    struct buf bytes = {0};
    sqlite3_stmt *add = db_prepare(s->db, "INSERT INTO item VALUES(?1,?2,?3,?4,?5,?6,?7)", &err);
    assert_non_null(add);
    put_item(&bytes, r);
    uint64_t sum = hash_bytes(HASH_START, bytes.data, bytes.len) + (r->damaged ? 1 : 0);
    (void)sqlite3_bind_int64(add, 1, r->id);
    (void)sqlite3_bind_int64(add, 2, r->stream);
    if (r->seq > 0) (void)sqlite3_bind_int64(add, 3, (sqlite3_int64)r->seq);
    (void)sqlite3_bind_int64(add, 4, r->time_ms);
    (void)sqlite3_bind_int64(add, 5, (sqlite3_int64)sum);
    (void)sqlite3_bind_text(add, 6, r->reason, -1, SQLITE_STATIC);
    (void)sqlite3_bind_blob(add, 7, bytes.data, (int)bytes.len, SQLITE_STATIC);
    must(db_run(s->db, add, &err), &err);
    (void)sqlite3_finalize(add);
    buf_deinit(&bytes);
}

/* Rows first..last of a stream, with the next ids. */
static void add_rows(struct scene *s, int64_t stream, uint64_t first, uint64_t last, size_t padding)
{
    struct news_error err = {0};
    must(db_begin(s->db, &err), &err);
    for (uint64_t seq = first; seq <= last; seq++)
        add_row(s, &(struct row){.id = ++s->next_id,
                                 .stream = stream,
                                 .seq = seq,
                                 .time_ms = s->next_id * 1000,
                                 .padding = padding});
    must(db_commit(s->db, &err), &err);
}

static struct sync_request request(const char *filter)
{
    struct sync_request r = {
        .id = "r1", .epoch = EPOCH, .filters = {filter}, .filter_count = 1, .limit = 100};
    return r;
}

static bool try_take(struct scene *s, const char *client, const struct sync_request *r,
                     struct news_error *err)
{
    struct sync_route route = {.publisher = "afp"};
    struct buf bytes = {0};
    (void)snprintf(route.client, sizeof route.client, "%s", client);
    sync_request_write(&bytes, r);
    bool ok = answerer_take(s->answerer, &route, bytes.data, bytes.len, err);
    buf_deinit(&bytes);
    return ok;
}

static void take(struct scene *s, const char *client, const struct sync_request *r)
{
    struct news_error err = {0};
    must(try_take(s, client, r, &err), &err);
}

static enum answer_result next(struct scene *s, size_t room)
{
    struct news_error err = {0};
    enum answer_result result = answerer_next(s->answerer, room, s->topic, &s->payload, &err);
    if (result == ANSWER_FAILED) fail_msg("%s", err.message);
    if (result == ANSWER_MESSAGE) assert_true(s->payload.len <= room);
    else assert_int_equal(s->payload.len, 0);
    return result;
}

/* The next message, parsed; it must be deinited. */
static struct sync_answer next_message(struct scene *s, size_t room)
{
    struct news_error err = {0};
    struct sync_answer answer;
    enum answer_result result;
    while ((result = next(s, room)) == ANSWER_LATER)
        assert_true(answerer_pending(s->answerer));
    assert_int_equal(result, ANSWER_MESSAGE);
    must(sync_answer_parse(s->payload.data, s->payload.len, &answer, &err), &err);
    return answer;
}

/* Items up to the END: as text "topic#seq topic#seq ...| missing | through more". */
static void hear(struct scene *s, size_t room, struct buf *out)
{
    buf_clear(out);
    buf_puts(out, "");
    for (bool end = false; !end;) {
        struct sync_answer a = next_message(s, room);
        char topic[TOPIC_MAX];
        struct json_slice item;
        while (!a.is_end && sync_batch_next(&a, topic, &item)) {
            const char *slash = memchr(item.at, '/', item.len);
            assert_non_null(slash);
            buf_printf(out, "%s#%d ", topic, atoi(slash + 1));
        }
        for (size_t i = 0; i < a.end.missing_count; i++)
            buf_printf(out, "%s%s#%d-%d:%s ", i == 0 ? "| " : "", a.end.missing[i].topic,
                       (int)a.end.missing[i].first, (int)a.end.missing[i].last,
                       a.end.missing[i].reason);
        if (a.is_end) buf_puts(out, "|");
        for (size_t i = 0; i < a.end.through_count; i++)
            buf_printf(out, " %s=%d", a.end.through[i].topic, (int)a.end.through[i].seq);
        if (a.end.more) buf_puts(out, " more");
        if (a.end.archive) buf_puts(out, " archive");
        if (a.end.unknown) buf_puts(out, " unknown");
        end = a.is_end;
        sync_answer_deinit(&a);
    }
}

static void expect_answer(struct scene *s, const struct sync_request *r, const char *expected)
{
    struct buf heard = {0};
    take(s, "reader", r);
    hear(s, ROOM, &heard);
    assert_string_equal(heard.data, expected);
    buf_deinit(&heard);
    assert_int_equal(next(s, ROOM), ANSWER_IDLE);
    assert_false(answerer_pending(s->answerer));
}

/* a: 1 2 . . 5 6, b: 1 to 3; ids alternate as they were accepted. */
static void small_journal(struct scene *s)
{
    int64_t a = add_stream(s, "afp", EPOCH, "news/a", 6);
    int64_t b = add_stream(s, "afp", EPOCH, "news/b", 3);
    add_rows(s, a, 1, 1, 0);
    add_rows(s, b, 1, 2, 0);
    add_rows(s, a, 2, 2, 0);
    add_rows(s, a, 5, 5, 0);
    add_rows(s, b, 3, 3, 0);
    add_rows(s, a, 6, 6, 0);
}

/* ------------------------------------------------------------------------------- What is answered
 */

static void items_come_in_the_order_of_acceptance_over_all_streams(void **state)
{
    struct scene *s = *state;
    small_journal(s);
    struct sync_request r = request("news/#");
    expect_answer(s, &r,
                  "news/a#1 news/b#1 news/b#2 news/a#2 news/a#5 news/b#3 news/a#6 "
                  "| news/a#3-4:pruned | news/a=6 news/b=3");
    assert_string_equal(s->topic, "newswire/reply/reader/afp");
}

static void only_what_lies_beyond_the_positions_is_sent_and_named(void **state)
{
    struct scene *s = *state;
    small_journal(s);
    struct sync_position have[] = {{"news/z", 0}, {"news/b", 3}, {"news/a", 4}};
    struct sync_request r = request("news/#");
    r.have = have;
    r.have_count = 3;
    expect_answer(s, &r, "news/a#5 news/a#6 | news/a=6");
    have[2].seq = 6;
    expect_answer(s, &r, "|");
}

static void filters_publishers_and_epochs_are_kept_apart(void **state)
{
    struct scene *s = *state;
    small_journal(s);
    add_rows(s, add_stream(s, "dpa", EPOCH, "news/a", 9), 1, 9, 0);
    add_rows(s, add_stream(s, "afp", "ffffffffffffffff", "news/a", 9), 1, 9, 0);
    struct sync_request r = request("news/b");
    expect_answer(s, &r, "news/b#1 news/b#2 news/b#3 | news/b=3");
    r.filters[0] = "sport/#";
    r.filters[1] = "+/b";
    r.filter_count = 2;
    expect_answer(s, &r, "news/b#1 news/b#2 news/b#3 | news/b=3");
    r.filter_count = 1;
    expect_answer(s, &r, "|");
}

static void what_is_not_to_be_handed_out_is_named_with_its_reason(void **state)
{
    struct scene *s = *state;
    int64_t a = add_stream(s, "afp", EPOCH, "news/a", 12);
    static const struct {
        uint64_t seq;
        const char *reason;
        bool damaged;
        size_t padding;
    } rows[] = {{3, NULL, false, 0},
                {4, "denied", false, 0},
                {5, "denied", false, 0},
                {6, "killed", false, 0},
                {7, NULL, true, 0},
                {8, NULL, false, 4000},
                {9,
                 "b\x01"
                 "ad",
                 false, 0},
                {10, NULL, false, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        add_row(s, &(struct row){.id = (int64_t)rows[i].seq,
                                 .stream = a,
                                 .seq = rows[i].seq,
                                 .reason = rows[i].reason,
                                 .damaged = rows[i].damaged,
                                 .padding = rows[i].padding});
    struct sync_request r = request("#");
    struct buf heard = {0};
    take(s, "reader", &r);
    hear(s, 3000, &heard);
    assert_string_equal(heard.data,
                        "news/a#3 news/a#10 "
                        "| news/a#1-2:pruned news/a#4-5:denied news/a#6-6:killed news/a#7-7:damaged"
                        " news/a#8-8:toolarge news/a#9-9:gone news/a#11-12:pruned | news/a=12");
    be_archive(s); /* does not know what it never had */
    take(s, "reader", &r);
    hear(s, 3000, &heard);
    assert_string_equal(heard.data, "news/a#3 news/a#10 "
                                    "| news/a#4-5:denied news/a#6-6:killed news/a#7-7:damaged"
                                    " news/a#8-8:toolarge news/a#9-9:gone | news/a=12 archive");
    buf_deinit(&heard);
}

static void a_stream_of_which_nothing_is_left_is_declared_as_a_whole(void **state)
{
    struct scene *s = *state;
    (void)add_stream(s, "afp", EPOCH, "news/a", 1000000);
    struct sync_request r = request("#");
    expect_answer(s, &r, "| news/a#1-1000000:pruned | news/a=1000000");
    be_archive(s);
    expect_answer(s, &r, "| news/a=1000000 archive");
}

static void the_limit_cuts_and_the_client_goes_on_from_there(void **state)
{
    struct scene *s = *state;
    small_journal(s);
    struct sync_request r = request("#");
    r.limit = 3;
    expect_answer(s, &r, "news/a#1 news/b#1 news/b#2 | news/a=1 news/b=2 more");
    struct sync_position have[] = {{"news/a", 1}, {"news/b", 2}};
    r.have = have;
    r.have_count = 2;
    expect_answer(s, &r, "news/a#2 news/a#5 news/b#3 | news/a#3-4:pruned | news/a=5 news/b=3 more");
    have[0].seq = 5;
    have[1].seq = 3;
    expect_answer(s, &r, "news/a#6 | news/a=6");
}

static void an_archive_gives_each_stream_in_the_order_of_its_numbers(void **state)
{
    struct scene *s = *state;
    be_archive(s);
    int64_t a = add_stream(s, "afp", EPOCH, "news/a", 4);
    add_rows(s, a, 2, 3, 0); /* these came first, 1 was fetched later */
    add_rows(s, add_stream(s, "afp", EPOCH, "news/b", 1), 1, 1, 0);
    add_rows(s, a, 1, 1, 0);
    add_rows(s, a, 4, 4, 0);
    struct sync_request r = request("#");
    r.limit = 2;
    expect_answer(s, &r, "news/b#1 news/a#1 | news/a=1 news/b=1 more archive");
}

static void rows_without_a_number_are_nobodys_business(void **state)
{
    struct scene *s = *state;
    be_archive(s);
    int64_t a = add_stream(s, "afp", EPOCH, "news/a", 1);
    add_row(s, &(struct row){.id = 1, .stream = a});
    add_row(s, &(struct row){.id = 2, .stream = a, .seq = 1});
    add_row(s, &(struct row){.id = 3, .stream = a});
    struct sync_request r = request("#");
    expect_answer(s, &r, "news/a#1 | news/a=1 archive");
}

/* -------------------------------------------------------------------------------------- Newcomers
 */

static void a_newcomer_gets_the_last_items_and_is_told_where_every_stream_stands(void **state)
{
    struct scene *s = *state;
    small_journal(s);
    (void)add_stream(s, "afp", EPOCH, "news/c", 7);
    struct sync_request r = request("#");
    r.from = SYNC_LAST;
    r.last = 3;
    expect_answer(s, &r, "news/a#5 news/b#3 news/a#6 | news/a=6 news/b=3 news/c=7");
    r.last = 0;
    expect_answer(s, &r, "| news/a=6 news/b=3 news/c=7");
    r.last = UINT32_MAX;
    expect_answer(s, &r,
                  "news/a#1 news/b#1 news/b#2 news/a#2 news/a#5 news/b#3 news/a#6 "
                  "| news/a#3-4:pruned | news/a=6 news/b=3 news/c=7");
    r.filters[0] = "news/b";
    r.last = 2;
    expect_answer(s, &r, "news/b#2 news/b#3 | news/b=3");
}

static void of_more_than_the_limit_a_newcomer_starts_with_the_oldest(void **state)
{
    struct scene *s = *state;
    small_journal(s);
    (void)add_stream(s, "afp", EPOCH, "news/c", 7);
    struct sync_request r = request("#");
    r.from = SYNC_LAST;
    r.last = 4;
    r.limit = 1;
    expect_answer(s, &r, "news/a#2 | news/a=2 news/b=2 news/c=7 more");
    struct sync_position have[] = {{"news/a", 2}, {"news/b", 2}, {"news/c", 7}};
    r.from = SYNC_HAVE;
    r.have = have;
    r.have_count = 3;
    r.limit = 100;
    expect_answer(s, &r, "news/a#5 news/b#3 news/a#6 | news/a#3-4:pruned | news/a=6 news/b=3");
}

static void a_newcomer_may_ask_since_a_time(void **state)
{
    struct scene *s = *state;
    small_journal(s); /* id n at n seconds */
    struct sync_request r = request("#");
    r.from = SYNC_SINCE;
    r.since_ms = 5000;
    expect_answer(s, &r, "news/a#5 news/b#3 news/a#6 | news/a=6 news/b=3");
    r.since_ms = 8000;
    expect_answer(s, &r, "| news/a=6 news/b=3");
    r.since_ms = 0;
    r.limit = 2;
    expect_answer(s, &r, "news/a#1 news/b#1 | news/a=1 news/b=1 more");
}

static void the_killed_do_not_count_among_the_last(void **state)
{
    struct scene *s = *state;
    int64_t a = add_stream(s, "afp", EPOCH, "news/a", 5);
    add_rows(s, a, 1, 3, 0);
    add_row(s, &(struct row){.id = 4, .stream = a, .seq = 4, .reason = "killed"});
    s->next_id = 4;
    add_rows(s, a, 5, 5, 0);
    struct sync_request r = request("#");
    r.from = SYNC_LAST;
    r.last = 2;
    expect_answer(s, &r, "news/a#3 news/a#5 | news/a#4-4:killed | news/a=5");
}

/* ---------------------------------------------------------------------------- Epochs and positions
 */

static bool knows_fresh(void *user, const char *publisher, const char *epoch)
{
    return strcmp(publisher, user) == 0 && strcmp(epoch, "fresh") != 0 && *epoch == 'f';
}

static void an_epoch_nobody_knows_is_said_to_be_unknown(void **state)
{
    struct scene *s = *state;
    small_journal(s);
    struct sync_request r = request("#");
    (void)snprintf(r.epoch, sizeof r.epoch, "ffffffffffffffff");
    expect_answer(s, &r, "| unknown");
    char afp[] = "afp";
    answerer_on_epoch(s->answerer, knows_fresh, afp);
    expect_answer(s, &r, "|"); /* new, and nothing in it yet */
    *r.epoch = 'e';
    expect_answer(s, &r, "| unknown");
    r = request("sport/#");
    expect_answer(s, &r, "|"); /* nothing matches, but it is known */
}

static void a_claim_beyond_what_was_given_out_is_noticed(void **state)
{
    struct scene *s = *state;
    small_journal(s);
    static const struct {
        const char *topic, *epoch;
        uint64_t seq;
        bool ahead;
    } cases[] = {
        {"news/a", EPOCH, 6, false},   {"news/a", EPOCH, 7, true},
        {"news/b", EPOCH, 3, false},   {"news/new", EPOCH, 1, true},
        {"news/new", EPOCH, 0, false}, {"news/a", "ffffffffffffffff", 7, false}, /* not our epoch */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sync_position have[] = {{"news/b", 1}, {cases[i].topic, cases[i].seq}};
        struct sync_request r = request("#");
        (void)snprintf(r.epoch, sizeof r.epoch, "%s", cases[i].epoch);
        r.have = have;
        r.have_count = 2;
        take(s, "reader", &r);
        assert_int_equal(answerer_was_ahead(s->answerer, EPOCH), cases[i].ahead);
    }
    struct sync_position beyond = {"news/a", 100};
    struct sync_request r = request("#");
    r.have = &beyond;
    r.have_count = 1;
    expect_answer(s, &r, "news/b#1 news/b#2 news/b#3 | news/b=3");
}

/* ----------------------------------------------------------------------------- Budgets and clients
 */

static void a_batch_stays_within_its_size_and_the_carriers(void **state)
{
    struct scene *s = *state;
    add_rows(s, add_stream(s, "afp", EPOCH, "news/a", 1000), 1, 1000, 600);
    static const size_t rooms[] = {1000, 3000, 100000, 1u << 30};
    for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++) {
        struct sync_request r = request("#");
        unsigned items = 0, batches = 0;
        r.limit = 1000;
        take(s, "reader", &r);
        for (bool end = false; !end;) {
            struct sync_answer a = next_message(s, rooms[i]);
            assert_true(s->payload.len <= SYNC_BATCH_BYTES);
            items += (unsigned)a.item_count;
            batches += !a.is_end;
            end = a.is_end;
            sync_answer_deinit(&a);
        }
        assert_int_equal(items, 1000);
        assert_in_range(batches, 3, 1000);
    }
}

static void a_single_large_item_makes_a_large_batch(void **state)
{
    struct scene *s = *state;
    int64_t a = add_stream(s, "afp", EPOCH, "news/a", 3);
    add_rows(s, a, 1, 1, 10);
    add_rows(s, a, 2, 2, 500000);
    add_rows(s, a, 3, 3, 10);
    struct sync_request r = request("#");
    expect_answer(s, &r, "news/a#1 news/a#2 news/a#3 | news/a=3");
}

enum { LONG_STREAMS = 300 };

/* Skips an answer's items; the END, which must be deinited. */
static struct sync_answer next_end(struct scene *s, size_t room)
{
    struct sync_answer a = next_message(s, room);
    while (!a.is_end) {
        sync_answer_deinit(&a);
        a = next_message(s, room);
    }
    return a;
}

static void an_end_that_would_grow_too_large_is_cut_and_still_gets_on(void **state)
{
    struct scene *s = *state;
    static char topic[LONG_STREAMS][64];
    for (int i = 0; i < LONG_STREAMS; i++) { /* each with a hole, a kill, and a pruned end */
        (void)snprintf(topic[i], sizeof topic[i], "news/afp/a rather \"long\" one/%03d", i);
        int64_t stream = add_stream(s, "afp", EPOCH, topic[i], 6);
        add_rows(s, stream, 2, 2, 0);
        add_row(s,
                &(struct row){.id = ++s->next_id, .stream = stream, .seq = 4, .reason = "denied"});
    }
    static const size_t rooms[] = {1200, 5000, 40000};
    for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++) {
        struct sync_position have[LONG_STREAMS];
        struct sync_request r = request("#");
        bool more = true;
        size_t ranges = 0, answers = 0;
        r.have = have;
        r.limit = 1000;
        for (; r.have_count < LONG_STREAMS; r.have_count++)
            have[r.have_count] = (struct sync_position){topic[r.have_count], 0};
        for (; more; answers++) {
            take(s, "reader", &r);
            struct sync_answer a = next_end(s, rooms[i]);
            more = a.end.more;
            ranges += a.end.missing_count;
            assert_true(a.end.through_count > 0);
            for (size_t t = 0; t < a.end.through_count; t++) {
                size_t at = (size_t)atoi(strrchr(a.end.through[t].topic, '/') + 1);
                assert_true(have[at].seq < a.end.through[t].seq);
                have[at].seq = a.end.through[t].seq;
            }
            sync_answer_deinit(&a);
        }
        assert_int_equal(ranges, LONG_STREAMS * 4);
        assert_true(answers > 1);
    }
}

/* By its estimate not even one row would fit. */
static void long_topics_on_a_narrow_carrier_still_get_on(void **state)
{
    struct scene *s = *state;
    char topic[301];
    struct buf heard = {0};
    for (int i = 0; i < 2; i++) {
        memset(topic, 'a' + i, sizeof topic - 1);
        topic[sizeof topic - 1] = '\0';
        add_rows(s, add_stream(s, "afp", EPOCH, topic, 2), 2, 2, 0);
    }
    struct sync_request r = request("#");
    take(s, "reader", &r);
    hear(s, 1000, &heard);
    assert_int_equal(strncmp(heard.data, "aaa", 3), 0);
    assert_non_null(strstr(heard.data, "#1-1:pruned | aaa"));
    assert_non_null(strstr(heard.data, "a=2 more"));
    buf_deinit(&heard);
}

static void many_rows_are_looked_at_in_many_calls(void **state)
{
    struct scene *s = *state;
    int64_t a = add_stream(s, "afp", EPOCH, "news/a", 10000);
    add_rows(s, a, 1, 10000, 0);
    run_sql(s, "UPDATE item SET reason='killed'");
    struct sync_request r = request("#");
    take(s, "reader", &r);
    int calls = 0;
    while (next(s, ROOM) == ANSWER_LATER)
        calls++;
    assert_in_range(calls, 10000 / ANSWER_ROWS, 10 * 10000 / ANSWER_ROWS);
    assert_non_null(strstr(s->payload.data, "[[\"news/a\",1,10000,\"killed\"]]"));
}

static void many_streams_are_looked_at_in_many_calls(void **state)
{
    struct scene *s = *state;
    run_sql(s, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<9000)"
               " INSERT INTO stream SELECT i,'afp','" EPOCH "',printf('news/%d',i),1 FROM n");
    run_sql(s, "INSERT INTO item(id,stream,seq,sum,reason,time_ms,bytes)"
               " SELECT id,id,1,0,'killed',id,'' FROM stream");
    static const enum sync_from from[] = {SYNC_HAVE, SYNC_LAST, SYNC_SINCE};
    for (size_t i = 0; i < 3; i++) {
        struct sync_request r = request("#");
        struct news_error err = {0};
        struct sync_answer a;
        r.from = from[i];
        r.last = 10;
        r.since_ms = 0;
        take(s, "reader", &r);
        int calls = 0;
        while (next(s, 4 * ROOM) == ANSWER_LATER)
            calls++;
        assert_true(calls >= 9000 / ANSWER_ROWS);
        must(sync_answer_parse(s->payload.data, s->payload.len, &a, &err), &err);
        assert_true(a.is_end && !a.end.more);
        assert_int_equal(a.end.through_count, 9000);
        sync_answer_deinit(&a);
    }
}

static void clients_take_turns_by_batches(void **state)
{
    struct scene *s = *state;
    add_rows(s, add_stream(s, "afp", EPOCH, "news/a", 40), 1, 40, 900);
    struct sync_request r = request("#");
    for (int i = 0; i < 3; i++)
        take(s, (const char *const[]){"x", "y", "z"}[i], &r);
    struct buf order = {0};
    enum answer_result result;
    while ((result = next(s, 10500)) != ANSWER_IDLE) /* ten items or so */
        if (result == ANSWER_MESSAGE) buf_putc(&order, s->topic[strlen(SYNC_REPLY)]);
    assert_memory_equal(order.data, "xyzxyzxyz", 9);
    assert_true(order.len >= 15);
    buf_deinit(&order);
}

static void a_client_has_one_request_and_the_last_one_counts(void **state)
{
    struct scene *s = *state;
    small_journal(s);
    struct sync_request r = request("news/a");
    take(s, "reader", &r);
    r = request("news/b");
    expect_answer(s, &r, "news/b#1 news/b#2 news/b#3 | news/b=3");
    r.limit = 1; /* also when the first was half answered */
    take(s, "reader", &r);
    assert_int_equal(next(s, ROOM), ANSWER_MESSAGE);
    (void)snprintf(r.id, sizeof r.id, "second");
    take(s, "reader", &r);
    assert_int_equal(next(s, ROOM), ANSWER_MESSAGE);
    assert_non_null(strstr(s->payload.data, "\"second\",\"items\""));
}

static void too_many_clients_are_refused_and_all_others_answered(void **state)
{
    struct scene *s = *state;
    small_journal(s);
    struct sync_request r = request("#");
    struct news_error err = {0};
    char client[32];
    for (int i = 0; i < ANSWER_CLIENTS_MAX; i++) {
        (void)snprintf(client, sizeof client, "c%d", i);
        take(s, client, &r);
    }
    assert_false(try_take(s, "late", &r, &err));
    assert_int_equal(err.code, NEWS_ERR_BUSY);
    take(s, "c5", &r); /* in place of its first */
    int ends = 0, messages = 0;
    while (next(s, ROOM) == ANSWER_MESSAGE) {
        messages++;
        ends += strstr(s->payload.data, "\"through\"") != NULL;
    }
    assert_int_equal(ends, ANSWER_CLIENTS_MAX);
    assert_int_equal(messages, 2 * ANSWER_CLIENTS_MAX);
    take(s, "late", &r);
}

static void what_is_no_request_is_refused_with_a_reason(void **state)
{
    struct scene *s = *state;
    struct sync_route route = {.publisher = "afp", .client = "reader"};
    struct news_error err = {0};
    assert_false(answerer_take(s->answerer, &route, "{\"v\":1}", 7, &err));
    assert_int_equal(err.code, NEWS_ERR_DATA);
    assert_true(*err.message);
    assert_false(answerer_pending(s->answerer));
    assert_int_equal(next(s, ROOM), ANSWER_IDLE);
}

/* ---------------------------------------------------------------- A database that moves meanwhile
 */

static void what_is_not_committed_is_not_handed_out(void **state)
{
    struct scene *s = *state;
    struct news_error err = {0};
    int64_t a = add_stream(s, "afp", EPOCH, "news/a", 1);
    add_rows(s, a, 1, 1, 0);
    struct sync_request r = request("#");
    take(s, "reader", &r);
    must(db_begin(s->db, &err), &err);
    run_sql(s, "UPDATE stream SET last=2");
    add_row(s, &(struct row){.id = 2, .stream = a, .seq = 2});
    assert_int_equal(next(s, ROOM), ANSWER_LATER);
    db_rollback(s->db);
    struct buf heard = {0};
    hear(s, ROOM, &heard);
    assert_string_equal(heard.data, "news/a#1 | news/a=1");
    assert_false(db_in_transaction(s->db));
    buf_deinit(&heard);
}

static void items_that_are_pruned_or_added_meanwhile_do_no_harm(void **state)
{
    struct scene *s = *state;
    int64_t a = add_stream(s, "afp", EPOCH, "news/a", 20);
    add_rows(s, a, 1, 20, 1000);
    struct sync_request r = request("#");
    take(s, "reader", &r);
    assert_int_equal(next(s, 5000), ANSWER_MESSAGE); /* 1 to 4 */
    run_sql(s, "DELETE FROM item WHERE seq<10");
    add_rows(s, a, 21, 22, 0);
    run_sql(s, "UPDATE stream SET last=22");
    struct buf heard = {0};
    hear(s, ROOM, &heard);
    assert_non_null(strstr(heard.data, "news/a#10 news/a#11 "));
    assert_non_null(strstr(heard.data, "| news/a#5-9:pruned | news/a=20"));
    assert_null(strstr(heard.data, "#21"));
    buf_deinit(&heard);
}

static void a_database_that_fails_ends_that_request_alone(void **state)
{
    struct scene *s = *state;
    struct news_error err = {0};
    small_journal(s);
    struct sync_request r = request("#");
    take(s, "x", &r);
    take(s, "y", &r);
    run_sql(s, "ALTER TABLE item RENAME TO elsewhere");
    assert_int_equal(answerer_next(s->answerer, ROOM, s->topic, &s->payload, &err), ANSWER_FAILED);
    assert_int_equal(s->payload.len, 0);
    assert_int_equal(err.code, NEWS_ERR_IO);
    assert_false(db_in_transaction(s->db));
    run_sql(s, "ALTER TABLE elsewhere RENAME TO item");
    assert_int_equal(next(s, ROOM), ANSWER_MESSAGE);
    assert_string_equal(s->topic, "newswire/reply/y/afp");
}

/* -------------------------------------------------------------- Any journal, any client: a model
 */

enum { STREAMS = 8, NUMBERS = 60 };

/* What must become of a number. */
enum fate { NOTHING, ITEM, GONE, KILLED, DAMAGED };
static const char *const reasons[] = {"", "", "pruned", "killed", "damaged"};

struct model {
    bool archive;
    char topic[STREAMS][32];
    uint64_t last[STREAMS];
    enum fate fate[STREAMS][NUMBERS + 1];
    int64_t id[STREAMS][NUMBERS + 1], time_ms[STREAMS][NUMBERS + 1];
    /* the client */
    uint64_t have[STREAMS], base[STREAMS];
    unsigned told[STREAMS][NUMBERS + 1]; /* how often */
};

static uint32_t random_below(uint32_t *seed, uint32_t limit)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (uint32_t)(((uint64_t)(*seed >> 8) * limit) >> 24);
}

static enum fate random_fate(const struct model *m, uint32_t *seed, bool pruned)
{
    uint32_t dice = random_below(seed, 20);
    if (pruned || dice == 0) return m->archive ? NOTHING : GONE;
    return dice == 1 ? KILLED : dice == 2 ? DAMAGED : ITEM;
}

/* Streams grow in a random order; a journal's ids follow it, an archive's only nearly. */
static void make_model(struct scene *s, struct model *m, uint32_t *seed)
{
    uint64_t length[STREAMS], cut[STREAMS];
    int64_t stream[STREAMS];
    uint32_t left = 0;
    run_sql(s, "DELETE FROM stream; DELETE FROM item");
    for (size_t i = 0; i < STREAMS; i++) {
        length[i] = random_below(seed, 4) ? 1 + random_below(seed, NUMBERS) : 0;
        cut[i] = random_below(seed, 3) ? 0 : random_below(seed, NUMBERS);
        left += (uint32_t)length[i];
        (void)snprintf(m->topic[i], sizeof m->topic[i], "news/%c/%zu", "abc"[random_below(seed, 3)],
                       i);
        stream[i] = length[i] ? add_stream(s, "afp", EPOCH, m->topic[i], length[i]) : 0;
    }
    int64_t step = 0;
    while (left > 0) {
        size_t i = random_below(seed, STREAMS);
        if (m->last[i] == length[i]) continue;
        uint64_t seq = ++m->last[i];
        step++;
        left--;
        m->fate[i][seq] = random_fate(m, seed, seq <= cut[i]);
        m->time_ms[i][seq] = step * 10;
        m->id[i][seq] = m->archive ? step * 1000 + random_below(seed, 9000) * 10 + (int64_t)i
                                   : step;
        enum fate fate = m->fate[i][seq];
        if (fate == NOTHING || fate == GONE) continue;
        while (m->archive) { /* ids are unique */
            bool taken = false;
            for (uint64_t other = 1; other < seq; other++)
                taken |= m->id[i][other] == m->id[i][seq];
            if (!taken) break;
            m->id[i][seq] += 10;
        }
        add_row(s, &(struct row){.id = m->id[i][seq],
                                 .stream = stream[i],
                                 .seq = seq,
                                 .time_ms = m->time_ms[i][seq],
                                 .reason = fate == KILLED ? "killed" : NULL,
                                 .damaged = fate == DAMAGED,
                                 .padding = random_below(seed, 300)});
    }
}

static size_t stream_of(const struct model *m, const char *topic)
{
    size_t i = 0;
    while (i < STREAMS && strcmp(m->topic[i], topic) != 0)
        i++;
    assert_true(i < STREAMS);
    return i;
}

static bool wanted(const struct sync_request *r, const char *topic)
{
    for (size_t i = 0; i < r->filter_count; i++)
        if (topic_matches(r->filters[i], topic)) return true;
    return false;
}

/* An item came: it is what its number says, was asked for, and follows the one before. */
static void receive(struct model *m, const struct sync_request *r, const char *topic,
                    struct json_slice item, int64_t *last_id)
{
    size_t i = stream_of(m, topic);
    const char *slash = memchr(item.at, '/', item.len);
    assert_non_null(slash);
    uint64_t seq = (uint64_t)atoll(slash + 1);
    assert_true(wanted(r, topic));
    assert_true(seq >= 1 && seq <= m->last[i]);
    assert_int_equal(m->fate[i][seq], ITEM);
    m->told[i][seq]++;
    if (!m->archive) assert_true(m->id[i][seq] > *last_id);
    for (uint64_t later = seq + 1; later <= m->last[i]; later++)
        assert_int_equal(m->told[i][later], 0);
    *last_id = m->id[i][seq];
}

static void receive_end(struct model *m, const struct sync_request *r, const struct sync_end *end)
{
    bool moved = false;
    assert_int_equal(end->archive, m->archive);
    for (size_t e = 0; e < end->missing_count; e++) {
        const struct sync_missing *gone = &end->missing[e];
        size_t i = stream_of(m, gone->topic);
        assert_true(wanted(r, gone->topic));
        assert_true(gone->last <= m->last[i]);
        for (uint64_t seq = gone->first; seq <= gone->last; seq++) {
            assert_string_equal(gone->reason, reasons[m->fate[i][seq]]);
            m->told[i][seq]++;
        }
        for (size_t f = 0; f < e; f++) /* ranges that touch are one */
            assert_false(strcmp(end->missing[f].topic, gone->topic) == 0 &&
                         strcmp(end->missing[f].reason, gone->reason) == 0 &&
                         end->missing[f].last + 1 == gone->first);
    }
    for (size_t t = 0; t < end->through_count; t++) {
        size_t i = stream_of(m, end->through[t].topic);
        uint64_t seq = end->through[t].seq;
        assert_true(wanted(r, m->topic[i]));
        assert_true(seq <= m->last[i]);
        if (r->from == SYNC_HAVE) assert_true(seq > m->have[i]);
        moved = true;
        m->have[i] = seq;
        if (!end->more) assert_int_equal(seq, m->last[i]);
    }
    assert_true(moved || !end->more); /* or it would go on for ever */
}

/* One request and its answer; true when there is more. */
static bool exchange(struct scene *s, struct model *m, const struct sync_request *r, size_t room)
{
    int64_t last_id = 0;
    size_t items = 0;
    bool more = false;
    take(s, "reader", r);
    for (bool end = false; !end;) {
        struct sync_answer a = next_message(s, room);
        char topic[TOPIC_MAX];
        struct json_slice item;
        while (!a.is_end && sync_batch_next(&a, topic, &item)) {
            receive(m, r, topic, item, &last_id);
            items++;
        }
        end = a.is_end;
        if (end) receive_end(m, r, &a.end);
        if (end) more = a.end.more;
        sync_answer_deinit(&a);
    }
    assert_true(items <= r->limit);
    return more;
}

/* Asks on with the positions of each END until there is no more. */
static void go_on(struct scene *s, struct model *m, const struct sync_request *first, size_t room)
{
    int answers = 0;
    struct sync_position have[STREAMS];
    struct sync_request r = *first;
    bool more = exchange(s, m, &r, room);
    r.from = SYNC_HAVE;
    r.have = have;
    for (; more; more = exchange(s, m, &r, room)) {
        assert_true(++answers < STREAMS * NUMBERS);
        r.have_count = 0;
        for (size_t i = 0; i < STREAMS; i++)
            have[r.have_count++] = (struct sync_position){m->topic[i], m->have[i]};
    }
}

/* Each number of a stream that was asked for was told once, from its base on, and no other. */
static void check_told(const struct model *m, const struct sync_request *r)
{
    for (size_t i = 0; i < STREAMS; i++) {
        bool asked = wanted(r, m->topic[i]);
        if (asked && m->last[i] > 0) assert_int_equal(m->have[i], m->last[i]);
        for (uint64_t seq = 1; seq <= m->last[i]; seq++) {
            bool due = asked && seq > m->base[i] && m->fate[i][seq] != NOTHING;
            if (m->told[i][seq] != due)
                fail_msg("%s#%d (%s) was told %u times", m->topic[i], (int)seq,
                         reasons[m->fate[i][seq]], m->told[i][seq]);
        }
    }
}

static struct sync_request random_request(uint32_t *seed)
{
    static const char *const filters[] = {"#", "news/a/#", "news/+/3", "news/b/+", "sport/#"};
    struct sync_request r = request(filters[random_below(seed, 5)]);
    if (random_below(seed, 2)) r.filters[r.filter_count++] = filters[random_below(seed, 5)];
    r.limit = 1 + random_below(seed, random_below(seed, 2) ? 8 : 200);
    return r;
}

static void whoever_asks_on_gets_everything_once_and_comes_to_an_end(void **state)
{
    struct scene *s = *state;
    for (uint32_t round = 0; round < 60; round++) {
        uint32_t seed = round * 7919 + 1;
        struct model m = {.archive = round % 2};
        answerer_free(s->answerer);
        struct news_error err = {0};
        s->answerer = answerer_new(s->db, m.archive, &err);
        must(db_begin(s->db, &err), &err);
        make_model(s, &m, &seed);
        must(db_commit(s->db, &err), &err);
        for (int again = 0; again < 6; again++) {
            struct sync_request r = random_request(&seed);
            struct sync_position have[STREAMS];
            memset(m.told, 0, sizeof m.told);
            for (size_t i = 0; i < STREAMS; i++) {
                m.have[i] = m.base[i] = random_below(&seed, (uint32_t)m.last[i] + 1);
                if (random_below(&seed, 3) == 0) m.have[i] = m.base[i] = 0;
                if (m.base[i] || random_below(&seed, 2))
                    have[r.have_count++] = (struct sync_position){m.topic[i], m.base[i]};
            }
            r.have = have;
            go_on(s, &m, &r, 1000 + random_below(&seed, 20000));
            check_told(&m, &r);
        }
    }
}

/* Where the last n items begin in each stream: from the newest back, each stream from its end. */
static void model_last(struct model *m, const struct sync_request *r, uint64_t n)
{
    for (size_t i = 0; i < STREAMS; i++)
        m->base[i] = m->last[i];
    uint64_t at[STREAMS];
    memcpy(at, m->last, sizeof at);
    for (uint64_t count = 0; count < n;) {
        size_t newest = STREAMS;
        for (size_t i = 0; i < STREAMS; i++) {
            if (!wanted(r, m->topic[i])) continue;
            while (at[i] > 0 && (m->fate[i][at[i]] == GONE || m->fate[i][at[i]] == NOTHING))
                at[i]--;
            if (at[i] > 0 && (newest == STREAMS || m->id[i][at[i]] > m->id[newest][at[newest]]))
                newest = i;
        }
        if (newest == STREAMS) return;
        m->base[newest] = --at[newest];
        count += m->fate[newest][at[newest] + 1] != KILLED;
    }
}

static void model_since(struct model *m, int64_t since_ms)
{
    for (size_t i = 0; i < STREAMS; i++) {
        m->base[i] = m->last[i];
        for (uint64_t seq = m->last[i]; seq > 0 && m->time_ms[i][seq] >= since_ms; seq--)
            if (m->fate[i][seq] != GONE && m->fate[i][seq] != NOTHING) m->base[i] = seq - 1;
    }
}

static void newcomers_get_what_they_asked_for_and_nothing_older(void **state)
{
    struct scene *s = *state;
    for (uint32_t round = 0; round < 60; round++) {
        uint32_t seed = round * 104729 + 7;
        struct model m = {.archive = round % 2};
        answerer_free(s->answerer);
        struct news_error err = {0};
        s->answerer = answerer_new(s->db, m.archive, &err);
        must(db_begin(s->db, &err), &err);
        make_model(s, &m, &seed);
        must(db_commit(s->db, &err), &err);
        for (int again = 0; again < 6; again++) {
            struct sync_request r = random_request(&seed);
            memset(m.told, 0, sizeof m.told);
            memset(m.have, 0, sizeof m.have);
            r.from = again % 2 ? SYNC_LAST : SYNC_SINCE;
            r.last = random_below(&seed, 100);
            r.since_ms = random_below(&seed, 3000);
            if (r.from == SYNC_LAST) model_last(&m, &r, r.last);
            else model_since(&m, r.since_ms);
            go_on(s, &m, &r, 4000 + random_below(&seed, 20000));
            check_told(&m, &r);
        }
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(items_come_in_the_order_of_acceptance_over_all_streams),
        TEST(only_what_lies_beyond_the_positions_is_sent_and_named),
        TEST(filters_publishers_and_epochs_are_kept_apart),
        TEST(what_is_not_to_be_handed_out_is_named_with_its_reason),
        TEST(a_stream_of_which_nothing_is_left_is_declared_as_a_whole),
        TEST(the_limit_cuts_and_the_client_goes_on_from_there),
        TEST(an_archive_gives_each_stream_in_the_order_of_its_numbers),
        TEST(rows_without_a_number_are_nobodys_business),
        TEST(a_newcomer_gets_the_last_items_and_is_told_where_every_stream_stands),
        TEST(of_more_than_the_limit_a_newcomer_starts_with_the_oldest),
        TEST(a_newcomer_may_ask_since_a_time),
        TEST(the_killed_do_not_count_among_the_last),
        TEST(an_epoch_nobody_knows_is_said_to_be_unknown),
        TEST(a_claim_beyond_what_was_given_out_is_noticed),
        TEST(a_batch_stays_within_its_size_and_the_carriers),
        TEST(a_single_large_item_makes_a_large_batch),
        TEST(an_end_that_would_grow_too_large_is_cut_and_still_gets_on),
        TEST(long_topics_on_a_narrow_carrier_still_get_on),
        TEST(many_rows_are_looked_at_in_many_calls),
        TEST(many_streams_are_looked_at_in_many_calls),
        TEST(clients_take_turns_by_batches),
        TEST(a_client_has_one_request_and_the_last_one_counts),
        TEST(too_many_clients_are_refused_and_all_others_answered),
        TEST(what_is_no_request_is_refused_with_a_reason),
        TEST(what_is_not_committed_is_not_handed_out),
        TEST(items_that_are_pruned_or_added_meanwhile_do_no_harm),
        TEST(a_database_that_fails_ends_that_request_alone),
        TEST(whoever_asks_on_gets_everything_once_and_comes_to_an_end),
        TEST(newcomers_get_what_they_asked_for_and_nothing_older),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
