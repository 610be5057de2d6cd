#include "publisher/journal.h"

#include <assert.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/date.h"
#include "common/hash.h"
#include "common/item.h"

enum {
    BUCKETS = 4096,       /* of the streams in memory; a power of two */
    STREAMS_KEPT = 65536, /* in memory; beyond that they are read again */
    PRUNE_STEP = 500,     /* rows of one transaction */
};

#define DAY_MS  INT64_C(86400000)
#define YEAR_MS (365 * DAY_MS)

/* ------------------------------------------------------------------------------------ The file */

static const char *const steps[] = {
    "CREATE TABLE meta(name TEXT PRIMARY KEY, value) WITHOUT ROWID;"
    "CREATE TABLE epoch(epoch TEXT PRIMARY KEY, previous TEXT NOT NULL, made_ms INTEGER NOT NULL)"
    " WITHOUT ROWID;"
    "CREATE TABLE stream(id INTEGER PRIMARY KEY, publisher TEXT NOT NULL, epoch TEXT NOT NULL,"
    " topic TEXT NOT NULL, last INTEGER NOT NULL, UNIQUE(publisher, epoch, topic));"
    "CREATE TABLE item(id INTEGER PRIMARY KEY, stream INTEGER NOT NULL, seq INTEGER NOT NULL,"
    " time_ms INTEGER NOT NULL, sum INTEGER NOT NULL, reason TEXT, bytes BLOB NOT NULL);"
    "CREATE UNIQUE INDEX item_number ON item(stream, seq);"
    "CREATE TABLE story(uri TEXT PRIMARY KEY, topic TEXT NOT NULL, version INTEGER NOT NULL,"
    " item INTEGER NOT NULL, killed INTEGER NOT NULL, content INTEGER NOT NULL,"
    " shown INTEGER NOT NULL, headline INTEGER NOT NULL, link INTEGER NOT NULL,"
    " first_ms INTEGER NOT NULL, version_ms INTEGER NOT NULL, seen_ms INTEGER NOT NULL,"
    " source TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE older(uri TEXT NOT NULL, version INTEGER NOT NULL, PRIMARY KEY(uri, version))"
    " WITHOUT ROWID;"
    "CREATE TABLE held(uri TEXT PRIMARY KEY, due_ms INTEGER NOT NULL, bytes BLOB NOT NULL);"
    "CREATE INDEX held_due ON held(due_ms);"
    "CREATE TABLE source(name TEXT PRIMARY KEY, url TEXT NOT NULL, moved_to TEXT NOT NULL,"
    " etag TEXT NOT NULL, modified TEXT NOT NULL, due_ms INTEGER NOT NULL,"
    " read_ms INTEGER NOT NULL, failures INTEGER NOT NULL, gone INTEGER NOT NULL);",
    NULL,
};

static const struct db_kind kind = {
    .what = "journal",
    .application_id = 0x4e574a31, /* "NWJ1" */
    .steps = steps,
    .renewal = "a new one starts a new epoch",
};

enum statement {
    FIND_STREAM,
    ADD_STREAM,
    SET_LAST,
    ADD_ITEM,
    NEXT_ITEM,
    MOVE_ITEM,
    TAKE_BACK,
    MARK_ITEM,
    GET_BYTES,
    EACH_ITEM,
    FIND_STORY,
    SET_STORY,
    MOVE_STORY,
    HAD_VERSION,
    ADD_VERSION,
    HOLD,
    UNHOLD,
    FIRST_HELD,
    COUNT_HELD,
    FIND_SOURCE,
    SET_SOURCE,
    FIND_EPOCH,
    ADD_EPOCH,
    COUNT_ITEMS,
    PRUNE_OLD,
    PRUNE_FIRST,
    PRUNE_VERSIONS,
    PRUNE_STORIES,
    STATEMENTS,
};

#define OLD_STORIES                                                                                \
    "(SELECT uri FROM story WHERE seen_ms < ?1 AND item <= ?2 ORDER BY uri LIMIT ?3)"

/* The outer joins keep items whose stream is missing, which only damage does, from being passed
 * over in silence. */
static const char *const sql[STATEMENTS] = {
    [FIND_STREAM] = "SELECT id, last FROM stream WHERE publisher=?1 AND epoch=?2 AND topic=?3",
    [ADD_STREAM] = "INSERT INTO stream(publisher, epoch, topic, last) VALUES(?1, ?2, ?3, 0)",
    [SET_LAST] = "UPDATE stream SET last=?2 WHERE id=?1",
    [ADD_ITEM] = "INSERT INTO item(id, stream, seq, time_ms, sum, reason, bytes)"
                 " VALUES(?1, ?2, ?3, ?4, ?5, NULL, ?6)",
    [NEXT_ITEM] = "SELECT i.id, i.seq, s.topic, i.sum, i.bytes FROM item i LEFT JOIN stream s"
                  " ON s.id=i.stream WHERE i.id>=?1 AND i.id<=?2 AND i.reason IS NULL"
                  " ORDER BY i.id LIMIT 1",
    [MOVE_ITEM] = "UPDATE item SET id=?2, stream=?3, seq=?4, sum=?5, bytes=?6 WHERE id=?1",
    [TAKE_BACK] = "UPDATE stream SET last=?2 WHERE last>?2"
                  " AND id=(SELECT stream FROM item WHERE id=?1)",
    [MARK_ITEM] = "UPDATE item SET reason=?2 WHERE id=?1",
    [GET_BYTES] = "SELECT sum, bytes FROM item WHERE id=?1",
    [EACH_ITEM] = "SELECT i.id, i.seq, s.epoch, s.topic, i.time_ms, i.reason, i.bytes FROM item i"
                  " LEFT JOIN stream s ON s.id=i.stream WHERE i.id>=?1 ORDER BY i.id",
    [FIND_STORY] = "SELECT topic, version, item, killed, content, shown, headline, link, first_ms,"
                   " version_ms, seen_ms, source FROM story WHERE uri=?1",
    [SET_STORY] = "INSERT OR REPLACE INTO story(topic, version, item, killed, content, shown,"
                  " headline, link, first_ms, version_ms, seen_ms, source, uri)"
                  " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    [MOVE_STORY] = "UPDATE story SET item=?3 WHERE uri=?1 AND item=?2",
    [HAD_VERSION] = "SELECT 1 FROM older WHERE uri=?1 AND version=?2",
    [ADD_VERSION] = "INSERT OR IGNORE INTO older(uri, version) VALUES(?1, ?2)",
    [HOLD] = "INSERT INTO held(uri, due_ms, bytes) VALUES(?1, ?2, ?3)",
    [UNHOLD] = "DELETE FROM held WHERE uri=?1",
    [FIRST_HELD] = "SELECT due_ms, uri, bytes FROM held ORDER BY due_ms, rowid LIMIT 1",
    [COUNT_HELD] = "SELECT count(*) FROM held",
    [FIND_SOURCE] = "SELECT url, moved_to, etag, modified, due_ms, read_ms, failures, gone"
                    " FROM source WHERE name=?1",
    [SET_SOURCE] = "INSERT OR REPLACE INTO source(url, moved_to, etag, modified, due_ms, read_ms,"
                   " failures, gone, name) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    [FIND_EPOCH] = "SELECT 1 FROM epoch WHERE epoch=?1",
    [ADD_EPOCH] = "INSERT INTO epoch(epoch, previous, made_ms) VALUES(?1, ?2, ?3)",
    [COUNT_ITEMS] = "SELECT count(*) FROM item",
    [PRUNE_OLD] = "DELETE FROM item WHERE id IN (SELECT id FROM (SELECT id, time_ms FROM item"
                  " WHERE id<=?2 ORDER BY id LIMIT ?3) WHERE time_ms<?1)",
    [PRUNE_FIRST] = "DELETE FROM item WHERE id IN (SELECT id FROM item WHERE id<=?1"
                    " ORDER BY id LIMIT ?2)",
    [PRUNE_VERSIONS] = "DELETE FROM older WHERE uri IN " OLD_STORIES,
    [PRUNE_STORIES] = "DELETE FROM story WHERE uri IN " OLD_STORIES,
};

struct stream { /* of the present epoch */
    struct stream *next, *next_dirty;
    uint64_t hash, last;
    int64_t row; /* 0: not in the file yet */
    bool dirty;  /* last is not in the file yet */
    char topic[];
};

/* What is counted: in the file's meta table, written once a commit. */
struct counts {
    uint64_t items, streams, last_id, done_through;
    size_t held; /* not in meta: it is counted at the start */
};

static const struct {
    const char *name;
    size_t at;
} counters[] = {
    {"items", offsetof(struct counts, items)},
    {"streams", offsetof(struct counts, streams)},
    {"last_id", offsetof(struct counts, last_id)},
    {"done_through", offsetof(struct counts, done_through)},
};

struct journal {
    struct db *db;
    sqlite3_stmt *statements[STATEMENTS];
    struct wire_number number; /* publisher and epoch */
    struct counts now, saved;  /* saved: as in the file */
    struct arena *memory;      /* of the streams */
    struct stream *buckets[BUCKETS];
    struct stream *dirty;
    size_t stream_count;
    struct buf bytes; /* of the item handed out last */
    char topic[TOPIC_MAX];
};

static uint64_t *counter(struct counts *c, size_t i)
{
    return (uint64_t *)((char *)c + counters[i].at);
}

/* ---------------------------------------------------------------------------------- Statements */

static void bind_text(sqlite3_stmt *s, int at, const char *text)
{
    (void)sqlite3_bind_text(s, at, text, -1, SQLITE_STATIC);
}

static void bind_number(sqlite3_stmt *s, int at, uint64_t value)
{
    (void)sqlite3_bind_int64(s, at, (int64_t)value);
}

static void bind_bytes(sqlite3_stmt *s, int at, const char *bytes, size_t len)
{
    (void)sqlite3_bind_blob64(s, at, bytes ? bytes : "", len, SQLITE_STATIC);
}

/* Cut, if the file was tampered with, never beyond its end. */
static void column_text(sqlite3_stmt *s, int at, char *out, size_t size)
{
    const char *text = (const char *)sqlite3_column_text(s, at);
    size_t len = text ? strnlen(text, size - 1) : 0;
    if (len) memcpy(out, text, len);
    out[len] = '\0';
}

static uint64_t column_number(sqlite3_stmt *s, int at)
{
    return (uint64_t)sqlite3_column_int64(s, at);
}

/* A query of at most one row: true while it stands on it, to be reset. No row: false, NEWS_OK. */
static bool found(struct journal *j, sqlite3_stmt *s, struct news_error *err)
{
    bool row = false;
    if (!db_row(j->db, s, &row, err)) return false;
    if (!row && err) err->code = NEWS_OK;
    return row;
}

static bool no_memory(const struct journal *j, struct news_error *err)
{
    return news_fail(err, NEWS_ERR_MEMORY, "%.160s: out of memory", db_path(j->db));
}

static uint64_t sum_of(const char *bytes, size_t len)
{
    return hash_bytes(HASH_START, bytes, len);
}

/* ------------------------------------------------------------------------------------- Streams */

static bool forget_streams(struct journal *j, struct news_error *err)
{
    memset(j->buckets, 0, sizeof j->buckets);
    j->dirty = NULL;
    j->stream_count = 0;
    arena_free(j->memory);
    j->memory = arena_new();
    return j->memory || no_memory(j, err);
}

static bool read_stream(struct journal *j, struct stream *stream, struct news_error *err)
{
    struct news_error why = {0};
    sqlite3_stmt *s = j->statements[FIND_STREAM];
    bind_text(s, 1, j->number.publisher);
    bind_text(s, 2, j->number.epoch);
    bind_text(s, 3, stream->topic);
    if (found(j, s, &why)) {
        stream->row = sqlite3_column_int64(s, 0);
        stream->last = column_number(s, 1);
        (void)sqlite3_reset(s);
    }
    return why.code == NEWS_OK || news_fail(err, why.code, "%s", why.message);
}

/* NULL: err. */
static struct stream *stream_of(struct journal *j, const char *topic, struct news_error *err)
{
    size_t len = strlen(topic);
    uint64_t hash = hash_bytes(HASH_START, topic, len);
    struct stream **bucket = &j->buckets[hash & (BUCKETS - 1)];
    for (struct stream *at = *bucket; at; at = at->next)
        if (at->hash == hash && strcmp(at->topic, topic) == 0) return at;
    if (!j->memory && !forget_streams(j, err)) return NULL;
    struct stream *stream = arena_alloc(j->memory, sizeof *stream + len + 1);
    if (!stream) {
        no_memory(j, err);
        return NULL;
    }
    memcpy(stream->topic, topic, len + 1);
    stream->hash = hash;
    if (!read_stream(j, stream, err)) return NULL;
    stream->next = *bucket;
    *bucket = stream;
    j->stream_count++;
    return stream;
}

static bool create_stream(struct journal *j, struct stream *stream, struct news_error *err)
{
    sqlite3_stmt *s = j->statements[ADD_STREAM];
    bind_text(s, 1, j->number.publisher);
    bind_text(s, 2, j->number.epoch);
    bind_text(s, 3, stream->topic);
    if (!db_run(j->db, s, err)) return false;
    stream->row = sqlite3_last_insert_rowid(db_handle(j->db));
    j->now.streams++;
    return true;
}

/* The number drawn is the stream's last now. */
static void draw(struct journal *j, struct stream *stream)
{
    stream->last++;
    j->now.items++;
    j->now.last_id++;
    if (stream->dirty) return;
    stream->dirty = true;
    stream->next_dirty = j->dirty;
    j->dirty = stream;
}

/* -------------------------------------------------------------------------------- Transactions */

bool journal_begin(struct journal *j, struct news_error *err)
{
    if (db_in_transaction(j->db)) return true;
    if (j->stream_count > STREAMS_KEPT && !forget_streams(j, err)) return false;
    return db_begin(j->db, err);
}

static bool write_counts(struct journal *j, struct news_error *err)
{
    sqlite3_stmt *s = j->statements[SET_LAST];
    for (const struct stream *at = j->dirty; at; at = at->next_dirty) {
        (void)sqlite3_bind_int64(s, 1, at->row);
        bind_number(s, 2, at->last);
        if (!db_run(j->db, s, err)) return false;
    }
    for (size_t i = 0; i < sizeof counters / sizeof *counters; i++) {
        uint64_t value = *counter(&j->now, i);
        if (value == *counter(&j->saved, i)) continue;
        if (!db_set_meta_number(j->db, counters[i].name, (int64_t)value, err)) return false;
    }
    return true;
}

bool journal_commit(struct journal *j, struct news_error *err)
{
    /* SQLite ends a transaction by itself over some errors; what is written then would count. */
    bool open = db_in_transaction(j->db) ||
                news_fail(err, NEWS_ERR_IO, "%.160s: the batch was rolled back", db_path(j->db));
    if (!open || !write_counts(j, err) || !db_commit(j->db, err)) {
        journal_rollback(j);
        return false;
    }
    for (struct stream *at = j->dirty; at; at = at->next_dirty)
        at->dirty = false;
    j->dirty = NULL;
    j->saved = j->now;
    return true;
}

void journal_rollback(struct journal *j)
{
    uint64_t done_through = j->now.done_through;
    db_rollback(j->db);
    (void)forget_streams(j, NULL); /* without memory the next one who needs it fails */
    j->now = j->saved;
    j->now.done_through = done_through; /* the broker's answers stand */
}

/* ------------------------------------------------------------------------------------- Opening */

static bool prepare(struct journal *j, struct news_error *err)
{
    for (size_t i = 0; i < STATEMENTS; i++)
        if (!(j->statements[i] = db_prepare(j->db, sql[i], err))) return false;
    return true;
}

static bool read_counts(struct journal *j, struct news_error *err)
{
    for (size_t i = 0; i < sizeof counters / sizeof *counters; i++) {
        int64_t value;
        if (!db_meta_number(j->db, counters[i].name, 0, &value, err)) return false;
        *counter(&j->now, i) = (uint64_t)value;
    }
    sqlite3_stmt *s = j->statements[COUNT_HELD];
    if (!found(j, s, err)) return false;
    j->now.held = column_number(s, 0);
    (void)sqlite3_reset(s);
    j->saved = j->now;
    return true;
}

static bool write_epoch(struct journal *j, const char *previous, int64_t now_ms,
                        struct news_error *err)
{
    sqlite3_stmt *s = j->statements[ADD_EPOCH];
    bind_text(s, 1, j->number.epoch);
    bind_text(s, 2, previous);
    (void)sqlite3_bind_int64(s, 3, now_ms);
    return db_run(j->db, s, err) && db_set_meta_text(j->db, "epoch", j->number.epoch, err);
}

static bool give_publisher(struct journal *j, const struct journal_options *o,
                           struct news_error *err)
{
    if (o->db.mode == DB_READ || !o->publisher)
        return news_fail(err, NEWS_ERR_DATA, "journal %.160s: it is empty", db_path(j->db));
    if (!*o->publisher || strlen(o->publisher) > TOPIC_SLUG_MAX)
        return news_fail(err, NEWS_ERR_USAGE, "\"%.60s\" is no publisher's name", o->publisher);
    (void)snprintf(j->number.publisher, sizeof j->number.publisher, "%s", o->publisher);
    wire_epoch_make(o->now_ms, j->number.epoch);
    return journal_begin(j, err) &&
           db_set_meta_text(j->db, "publisher", j->number.publisher, err) &&
           write_epoch(j, "", o->now_ms, err) && journal_commit(j, err);
}

static bool read_publisher(struct journal *j, const struct journal_options *o,
                           struct news_error *err)
{
    struct wire_number *n = &j->number;
    if (!db_meta_text(j->db, "publisher", n->publisher, sizeof n->publisher, err) ||
        !db_meta_text(j->db, "epoch", n->epoch, sizeof n->epoch, err))
        return false;
    if (!*n->publisher) return give_publisher(j, o, err);
    if (!wire_epoch_ok(n->epoch, strlen(n->epoch)))
        return news_fail(err, NEWS_ERR_IO, "journal %.160s: damaged: it has no epoch",
                         db_path(j->db));
    if (!o->publisher || strcmp(o->publisher, n->publisher) == 0) return true;
    return news_fail(err, NEWS_ERR_CONFIG, "journal %.120s belongs to publisher %s, not to %.32s",
                     db_path(j->db), n->publisher, o->publisher);
}

struct journal *journal_open(const char *path, const struct journal_options *o,
                             struct news_error *err)
{
    struct journal *j = calloc(1, sizeof *j);
    if (!j) {
        news_fail(err, NEWS_ERR_MEMORY, "journal: out of memory");
        return NULL;
    }
    if ((j->db = db_open(path, &kind, &o->db, err)) && forget_streams(j, err) && prepare(j, err) &&
        read_counts(j, err) && read_publisher(j, o, err))
        return j;
    journal_close(j);
    return NULL;
}

void journal_close(struct journal *j)
{
    if (!j) return;
    for (size_t i = 0; i < STATEMENTS; i++)
        (void)sqlite3_finalize(j->statements[i]);
    db_close(j->db);
    arena_free(j->memory);
    buf_deinit(&j->bytes);
    free(j);
}

struct db *journal_db(const struct journal *j)
{
    return j->db;
}

const char *journal_publisher(const struct journal *j)
{
    return j->number.publisher;
}

bool journal_default_path(const char *publisher, char *out, size_t size, struct news_error *err)
{
    char file[TOPIC_SLUG_MAX + sizeof ".journal"];
    (void)snprintf(file, sizeof file, "%.*s.journal", TOPIC_SLUG_MAX, publisher);
    return db_state_path(file, out, size) ||
           news_fail(err, NEWS_ERR_CONFIG,
                     "no place for the journal: neither $XDG_STATE_HOME nor $HOME is set");
}

/* ------------------------------------------------------------------------------------- Numbers */

struct journal_head journal_head(const struct journal *j)
{
    struct journal_head head = {.items = j->saved.items,
                                .streams = j->saved.streams,
                                .last_id = j->saved.last_id,
                                .done_through = j->now.done_through};
    memcpy(head.epoch, j->number.epoch, sizeof head.epoch);
    return head;
}

bool journal_knows_epoch(struct journal *j, const char *epoch)
{
    sqlite3_stmt *s = j->statements[FIND_EPOCH];
    bind_text(s, 1, epoch);
    bool known = found(j, s, NULL);
    (void)sqlite3_reset(s);
    return known;
}

bool journal_number(struct journal *j, const char *topic, struct wire_number *out,
                    struct news_error *err)
{
    const struct stream *stream = stream_of(j, topic, err);
    if (!stream) return false;
    *out = j->number;
    out->seq = stream->last + 1;
    return true;
}

bool journal_add(struct journal *j, const char *topic, const struct wire_number *n,
                 const char *bytes, size_t len, int64_t now_ms, uint64_t *id,
                 struct news_error *err)
{
    struct stream *stream = stream_of(j, topic, err);
    if (!stream) return false;
    assert(db_in_transaction(j->db) && n->seq == stream->last + 1);
    if (!stream->row && !create_stream(j, stream, err)) return false;
    sqlite3_stmt *s = j->statements[ADD_ITEM];
    bind_number(s, 1, j->now.last_id + 1);
    (void)sqlite3_bind_int64(s, 2, stream->row);
    bind_number(s, 3, n->seq);
    (void)sqlite3_bind_int64(s, 4, now_ms);
    bind_number(s, 5, sum_of(bytes, len));
    bind_bytes(s, 6, bytes, len);
    if (!db_run(j->db, s, err)) return false;
    draw(j, stream);
    *id = j->now.last_id;
    return true;
}

/* ------------------------------------------------------------------------------------- Sending */

static bool mark(struct journal *j, uint64_t id, const char *reason, struct news_error *err)
{
    sqlite3_stmt *s = j->statements[MARK_ITEM];
    bind_number(s, 1, id);
    bind_text(s, 2, reason);
    return db_run(j->db, s, err);
}

/* The row under s, copied: a statement that stands on a row would hold back the WAL. False: what
 * stands there is not what was written. */
static bool copy_item(struct journal *j, sqlite3_stmt *s, struct journal_item *out)
{
    const void *bytes = sqlite3_column_blob(s, 4);
    size_t len = (size_t)sqlite3_column_bytes(s, 4);
    bool whole = bytes && sum_of(bytes, len) == column_number(s, 3) &&
                 sqlite3_column_type(s, 2) == SQLITE_TEXT && sqlite3_column_bytes(s, 2) < TOPIC_MAX;
    column_text(s, 2, j->topic, sizeof j->topic);
    buf_clear(&j->bytes);
    if (whole) buf_put(&j->bytes, bytes, len);
    *out = (struct journal_item){.id = column_number(s, 0),
                                 .seq = column_number(s, 1),
                                 .topic = j->topic,
                                 .bytes = j->bytes.data,
                                 .len = j->bytes.len};
    return whole;
}

static bool next_between(struct journal *j, uint64_t first, uint64_t last, struct journal_item *out,
                         struct news_error *err)
{
    sqlite3_stmt *s = j->statements[NEXT_ITEM];
    bind_number(s, 1, first);
    bind_number(s, 2, last);
    if (!found(j, s, err)) return false;
    bool whole = copy_item(j, s, out);
    (void)sqlite3_reset(s);
    if (whole) return buf_ok(&j->bytes) || no_memory(j, err);
    if (!mark(j, out->id, "damaged", err)) return false;
    return news_fail(err, NEWS_ERR_DATA, "journal %.100s: item %llu (%.80s) is damaged, not sent",
                     db_path(j->db), (unsigned long long)out->id, out->topic);
}

bool journal_next(struct journal *j, uint64_t id, struct journal_item *out, struct news_error *err)
{
    return next_between(j, id + 1, j->saved.last_id, out, err);
}

void journal_done(struct journal *j, uint64_t id)
{
    if (id > j->now.done_through) j->now.done_through = id;
}

bool journal_save(struct journal *j, struct news_error *err)
{
    if (db_in_transaction(j->db) || j->now.done_through == j->saved.done_through) return true;
    return journal_begin(j, err) && journal_commit(j, err);
}

bool journal_refuse(struct journal *j, uint64_t id, const char *reason, struct news_error *err)
{
    return mark(j, id, reason, err);
}

size_t journal_waiting(const struct journal *j)
{
    uint64_t done = j->now.done_through, last = j->saved.last_id;
    return last > done ? (size_t)(last - done) : 0;
}

/* ----------------------------------------------------------------------------------- New epoch */

/* The story whose newest version was that item; its uri is made in out. */
static bool move_story(struct journal *j, const struct ninjs *item, uint64_t old_id,
                       struct buf *out, struct news_error *err)
{
    sqlite3_stmt *s = j->statements[MOVE_STORY];
    buf_clear(out);
    json_text(out, item->member[NINJS_URI]);
    if (!buf_ok(out)) return no_memory(j, err);
    (void)sqlite3_bind_text(s, 1, out->data, (int)out->len, SQLITE_STATIC);
    bind_number(s, 2, old_id);
    bind_number(s, 3, j->now.last_id);
    return db_run(j->db, s, err);
}

/* The number was not given out by this journal after all: whoever asks for the old epoch is not to
 * be told that it is gone. */
static bool take_back(struct journal *j, const struct journal_item *item, struct news_error *err)
{
    sqlite3_stmt *s = j->statements[TAKE_BACK];
    bind_number(s, 1, item->id);
    bind_number(s, 2, item->seq - 1);
    return db_run(j->db, s, err);
}

/* One item under its new number; its bytes are made in out. */
static bool move_item(struct journal *j, const struct journal_item *old, struct buf *out,
                      size_t *moved, struct news_error *err)
{
    static const struct item_defaults complete = {.now_ms = 0}; /* it was completed when it came */
    char text[WIRE_NUMBER_SIZE];
    struct wire_number n;
    struct ninjs item;
    struct ninjs_fault fault;
    if (!ninjs_check(old->bytes, old->len, &item, &fault)) return mark(j, old->id, "damaged", err);
    struct stream *stream = stream_of(j, old->topic, err);
    if (!stream || !journal_number(j, old->topic, &n, err)) return false;
    wire_number_write(&n, text);
    buf_clear(out);
    item_write(&item, &complete, text, out);
    if (!buf_ok(out)) return no_memory(j, err);
    if (!stream->row && !create_stream(j, stream, err)) return false;
    if (!take_back(j, old, err)) return false;
    sqlite3_stmt *s = j->statements[MOVE_ITEM];
    bind_number(s, 1, old->id);
    bind_number(s, 2, j->now.last_id + 1);
    (void)sqlite3_bind_int64(s, 3, stream->row);
    bind_number(s, 4, n.seq);
    bind_number(s, 5, sum_of(out->data, out->len));
    bind_bytes(s, 6, out->data, out->len);
    if (!db_run(j->db, s, err)) return false;
    draw(j, stream);
    ++*moved;
    return move_story(j, &item, old->id, out, err);
}

/* One item in memory at a time. Damaged ones are marked on the way and stay behind. */
static bool move_items(struct journal *j, uint64_t first, uint64_t last, size_t *moved,
                       struct news_error *err)
{
    struct buf scratch = {0};
    struct journal_item item;
    struct news_error why = {0};
    bool ok = true;
    for (uint64_t at = first; ok; at = item.id + 1) {
        if (next_between(j, at, last, &item, &why)) {
            ok = move_item(j, &item, &scratch, moved, &why);
        } else if (why.code != NEWS_ERR_DATA) {
            break;
        }
    }
    buf_deinit(&scratch);
    return (ok && why.code == NEWS_OK) || news_fail(err, why.code, "%s", why.message);
}

bool journal_renew_epoch(struct journal *j, uint64_t from_id, int64_t now_ms, size_t *moved,
                         struct news_error *err)
{
    const struct wire_number before = j->number;
    const uint64_t last = j->now.last_id, done_through = j->now.done_through;
    uint64_t first = from_id < done_through + 1 ? from_id : done_through + 1;
    size_t count = 0;
    assert(!db_in_transaction(j->db));
    if (!journal_begin(j, err) || !forget_streams(j, err)) {
        journal_rollback(j);
        return false;
    }
    wire_epoch_make(now_ms, j->number.epoch);
    j->now.items = j->now.streams = 0;
    j->now.done_through = last;
    if (write_epoch(j, before.epoch, now_ms, err) && move_items(j, first, last, &count, err) &&
        journal_commit(j, err)) {
        *moved = count;
        return true;
    }
    j->number = before;
    journal_rollback(j);
    j->now.done_through = done_through;
    return false;
}

/* ------------------------------------------------------------------------------------- Stories */

bool journal_story(struct journal *j, const char *uri, struct journal_story *out,
                   struct news_error *err)
{
    sqlite3_stmt *s = j->statements[FIND_STORY];
    bind_text(s, 1, uri);
    if (!found(j, s, err)) return false;
    column_text(s, 0, out->topic, sizeof out->topic);
    out->version = column_number(s, 1);
    out->item = column_number(s, 2);
    out->killed = sqlite3_column_int(s, 3) != 0;
    out->content = column_number(s, 4);
    out->shown = column_number(s, 5);
    out->headline = column_number(s, 6);
    out->link = column_number(s, 7);
    out->first_ms = sqlite3_column_int64(s, 8);
    out->version_ms = sqlite3_column_int64(s, 9);
    out->seen_ms = sqlite3_column_int64(s, 10);
    column_text(s, 11, out->source, sizeof out->source);
    (void)sqlite3_reset(s);
    return true;
}

bool journal_set_story(struct journal *j, const char *uri, const struct journal_story *story,
                       struct news_error *err)
{
    sqlite3_stmt *s = j->statements[SET_STORY];
    bind_text(s, 1, story->topic);
    bind_number(s, 2, story->version);
    bind_number(s, 3, story->item);
    (void)sqlite3_bind_int(s, 4, story->killed);
    bind_number(s, 5, story->content);
    bind_number(s, 6, story->shown);
    bind_number(s, 7, story->headline);
    bind_number(s, 8, story->link);
    (void)sqlite3_bind_int64(s, 9, story->first_ms);
    (void)sqlite3_bind_int64(s, 10, story->version_ms);
    (void)sqlite3_bind_int64(s, 11, story->seen_ms);
    bind_text(s, 12, story->source);
    bind_text(s, 13, uri);
    return db_run(j->db, s, err);
}

bool journal_add_version(struct journal *j, const char *uri, uint64_t version,
                         struct news_error *err)
{
    sqlite3_stmt *s = j->statements[ADD_VERSION];
    bind_text(s, 1, uri);
    bind_number(s, 2, version);
    return db_run(j->db, s, err);
}

bool journal_had_version(struct journal *j, const char *uri, uint64_t version, bool *had,
                         struct news_error *err)
{
    sqlite3_stmt *s = j->statements[HAD_VERSION];
    bind_text(s, 1, uri);
    bind_number(s, 2, version);
    if (!db_row(j->db, s, had, err)) return false;
    (void)sqlite3_reset(s);
    return true;
}

bool journal_item_bytes(struct journal *j, uint64_t id, struct buf *out, struct news_error *err)
{
    sqlite3_stmt *s = j->statements[GET_BYTES];
    bind_number(s, 1, id);
    if (!found(j, s, err)) return false;
    const void *bytes = sqlite3_column_blob(s, 1);
    size_t len = (size_t)sqlite3_column_bytes(s, 1);
    bool whole = bytes && sum_of(bytes, len) == column_number(s, 0);
    if (whole) buf_put(out, bytes, len);
    (void)sqlite3_reset(s);
    if (whole) return buf_ok(out) || no_memory(j, err);
    return news_fail(err, NEWS_ERR_DATA, "journal %.160s: item %llu is damaged", db_path(j->db),
                     (unsigned long long)id);
}

/* ---------------------------------------------------------------------------------------- Held */

bool journal_hold(struct journal *j, const char *uri, int64_t due_ms, const char *bytes, size_t len,
                  struct news_error *err)
{
    if (!journal_unhold(j, uri, NULL, err)) return false;
    sqlite3_stmt *s = j->statements[HOLD];
    bind_text(s, 1, uri);
    (void)sqlite3_bind_int64(s, 2, due_ms);
    bind_bytes(s, 3, bytes, len);
    if (!db_run(j->db, s, err)) return false;
    j->now.held++;
    return true;
}

bool journal_unhold(struct journal *j, const char *uri, bool *was, struct news_error *err)
{
    if (was) *was = false;
    if (j->now.held == 0) return true; /* as nearly always */
    sqlite3_stmt *s = j->statements[UNHOLD];
    bind_text(s, 1, uri);
    if (!db_run(j->db, s, err)) return false;
    int gone = sqlite3_changes(db_handle(j->db));
    j->now.held -= (size_t)gone;
    if (was) *was = gone > 0;
    return true;
}

bool journal_first_held(struct journal *j, int64_t *due_ms, char uri[NINJS_URI_MAX + 1],
                        struct buf *out, struct news_error *err)
{
    if (err) err->code = NEWS_OK;
    if (j->now.held == 0) return false;
    sqlite3_stmt *s = j->statements[FIRST_HELD];
    if (!found(j, s, err)) return false;
    if (out) {
        const void *bytes = sqlite3_column_blob(s, 2);
        buf_clear(out);
        buf_put(out, bytes, bytes ? (size_t)sqlite3_column_bytes(s, 2) : 0);
        if (!buf_ok(out)) {
            (void)sqlite3_reset(s);
            return no_memory(j, err);
        }
    }
    *due_ms = sqlite3_column_int64(s, 0);
    column_text(s, 1, uri, NINJS_URI_MAX + 1);
    (void)sqlite3_reset(s);
    return true;
}

size_t journal_held(const struct journal *j)
{
    return j->now.held;
}

/* ------------------------------------------------------------------------------------- Sources */

bool journal_source(struct journal *j, const char *name, struct journal_source *out,
                    struct news_error *err)
{
    sqlite3_stmt *s = j->statements[FIND_SOURCE];
    bind_text(s, 1, name);
    if (!found(j, s, err)) return false;
    column_text(s, 0, out->url, sizeof out->url);
    column_text(s, 1, out->moved_to, sizeof out->moved_to);
    column_text(s, 2, out->etag, sizeof out->etag);
    column_text(s, 3, out->modified, sizeof out->modified);
    out->due_ms = sqlite3_column_int64(s, 4);
    out->read_ms = sqlite3_column_int64(s, 5);
    out->failures = (unsigned)sqlite3_column_int(s, 6);
    out->gone = sqlite3_column_int(s, 7) != 0;
    (void)sqlite3_reset(s);
    return true;
}

bool journal_set_source(struct journal *j, const char *name, const struct journal_source *source,
                        struct news_error *err)
{
    sqlite3_stmt *s = j->statements[SET_SOURCE];
    bind_text(s, 1, source->url);
    bind_text(s, 2, source->moved_to);
    bind_text(s, 3, source->etag);
    bind_text(s, 4, source->modified);
    (void)sqlite3_bind_int64(s, 5, source->due_ms);
    (void)sqlite3_bind_int64(s, 6, source->read_ms);
    (void)sqlite3_bind_int64(s, 7, source->failures);
    (void)sqlite3_bind_int(s, 8, source->gone);
    bind_text(s, 9, name);
    return db_run(j->db, s, err);
}

/* ----------------------------------------------------------------------------------- Retention */

/* One statement in a transaction of its own; *rows: how many it deleted. */
static bool delete_rows(struct journal *j, sqlite3_stmt *s, uint64_t *rows, struct news_error *err)
{
    if (!journal_begin(j, err)) return false;
    if (!db_run(j->db, s, err)) {
        journal_rollback(j);
        return false;
    }
    uint64_t gone = (uint64_t)sqlite3_changes(db_handle(j->db));
    if (!journal_commit(j, err)) return false;
    *rows = gone;
    return true;
}

static bool prune_old(struct journal *j, int64_t before_ms, uint64_t *pruned,
                      struct news_error *err)
{
    sqlite3_stmt *s = j->statements[PRUNE_OLD];
    uint64_t rows = PRUNE_STEP;
    (void)sqlite3_bind_int64(s, 1, before_ms);
    bind_number(s, 2, j->now.done_through);
    (void)sqlite3_bind_int(s, 3, PRUNE_STEP);
    for (; rows == PRUNE_STEP; *pruned += rows)
        if (!delete_rows(j, s, &rows, err)) return false;
    return true;
}

static bool prune_beyond(struct journal *j, uint64_t keep_items, uint64_t *pruned,
                         struct news_error *err)
{
    sqlite3_stmt *count = j->statements[COUNT_ITEMS], *s = j->statements[PRUNE_FIRST];
    if (!found(j, count, err)) return false;
    uint64_t have = column_number(count, 0);
    (void)sqlite3_reset(count);
    bind_number(s, 1, j->now.done_through);
    while (have > keep_items) {
        uint64_t rows, step = have - keep_items < PRUNE_STEP ? have - keep_items : PRUNE_STEP;
        bind_number(s, 2, step);
        if (!delete_rows(j, s, &rows, err)) return false;
        *pruned += rows;
        have -= rows;
        if (rows < step) break; /* what is left is not done */
    }
    return true;
}

/* The versions of stories first, so that what stops in between leaves none without its story. */
static bool prune_step_of_stories(struct journal *j, int64_t before_ms, uint64_t *rows,
                                  struct news_error *err)
{
    static const enum statement both[] = {PRUNE_VERSIONS, PRUNE_STORIES};
    if (!journal_begin(j, err)) return false;
    for (size_t i = 0; i < 2; i++) {
        sqlite3_stmt *s = j->statements[both[i]];
        (void)sqlite3_bind_int64(s, 1, before_ms);
        bind_number(s, 2, j->now.done_through);
        (void)sqlite3_bind_int(s, 3, PRUNE_STEP);
        if (!db_run(j->db, s, err)) {
            journal_rollback(j);
            return false;
        }
    }
    *rows = (uint64_t)sqlite3_changes(db_handle(j->db));
    return journal_commit(j, err);
}

/* All of them are looked at, so not more often than once a day. */
static bool prune_stories(struct journal *j, int64_t now_ms, struct news_error *err)
{
    int64_t swept_ms;
    if (!db_meta_number(j->db, "swept_ms", 0, &swept_ms, err)) return false;
    if (now_ms >= swept_ms && now_ms - swept_ms < DAY_MS) return true;
    for (uint64_t rows = PRUNE_STEP; rows == PRUNE_STEP;)
        if (!prune_step_of_stories(j, now_ms - YEAR_MS, &rows, err)) return false;
    return db_set_meta_number(j->db, "swept_ms", now_ms, err);
}

static bool prune(struct journal *j, const struct journal_keep *keep, int64_t now_ms,
                  uint64_t *pruned, struct news_error *err)
{
    return (keep->keep_ms == 0 || prune_old(j, now_ms - keep->keep_ms, pruned, err)) &&
           (keep->keep_items == 0 || prune_beyond(j, keep->keep_items, pruned, err)) &&
           prune_stories(j, now_ms, err);
}

bool journal_prune(struct journal *j, const struct journal_keep *keep, int64_t now_ms,
                   uint64_t *pruned, struct news_error *err)
{
    struct news_error why = {0};
    assert(!db_in_transaction(j->db));
    *pruned = 0;
    bool ok = prune(j, keep, now_ms, pruned, &why);
    if (!ok && why.code == NEWS_ERR_FULL && db_drop_ballast(j->db)) {
        why.code = NEWS_OK;
        ok = prune(j, keep, now_ms, pruned, &why) && db_shrink(j->db, &why);
    }
    db_make_ballast(j->db);
    return ok || news_fail(err, why.code, "%s", why.message);
}

/* ---------------------------------------------------------------------------------- For people */

bool journal_each(struct journal *j, uint64_t first_id,
                  bool (*each)(void *user, const struct journal_row *row), void *user,
                  struct news_error *err)
{
    sqlite3_stmt *s = j->statements[EACH_ITEM];
    bool row, go_on = true;
    bind_number(s, 1, first_id);
    while (go_on) {
        if (!db_row(j->db, s, &row, err)) return false;
        if (!row) break;
        const char *epoch = (const char *)sqlite3_column_text(s, 2);
        const char *topic = (const char *)sqlite3_column_text(s, 3);
        const char *bytes = sqlite3_column_blob(s, 6);
        struct journal_row r = {.id = column_number(s, 0),
                                .seq = column_number(s, 1),
                                .epoch = epoch ? epoch : "",
                                .topic = topic ? topic : "",
                                .accepted_ms = sqlite3_column_int64(s, 4),
                                .reason = (const char *)sqlite3_column_text(s, 5),
                                .bytes = bytes ? bytes : "",
                                .len = (size_t)sqlite3_column_bytes(s, 6)};
        r.done = r.id <= j->now.done_through;
        go_on = each(user, &r);
    }
    (void)sqlite3_reset(s);
    return true;
}
