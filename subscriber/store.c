#include "subscriber/store.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/date.h"
#include "common/hash.h"
#include "common/item.h"
#include "subscriber/store_state.h"

/* Stories of random uris touch a page of the index each. A longer WAL writes such a page back once
 * for many transactions. */
enum { WAL_PAGES = 4000 };

enum { STORY_SHIFT = 17 }; /* 47 bits take two bytes less in the index than 64 */

/* What identifies a story in the index is a hash of publisher and uri, under a seed of this file's
 * own; publisher and uri are compared as well. Columns that are looked at stand before the bytes,
 * which may fill pages of their own.
 *     stream.last   the highest number that came, or that was said to be gone
 *     item.again    1: a version that is there already, under another number (a publisher renumbers
 *                   what it had not sent when its journal was restored from an old copy). An
 *                   archive answers with it, nothing else sees it
 *     item.reason   NULL; or "killed", "pruned" (history.h), then without bytes
 *     item.status   enum item_status
 *     settled       epochs in which nothing is left to ask for
 *     item_rest     rows without bytes, so that the others can be counted
 *     mark.id       the row that stands for its story (STORE_STANDING)
 *     search        the words of rows up to "indexed_through" in meta. Nobody asks how long a text
 *                   is, so no sizes are kept */
static const char *const steps[] = {
    "CREATE TABLE meta(name TEXT PRIMARY KEY, value);"
    "CREATE TABLE stream(id INTEGER PRIMARY KEY, publisher TEXT NOT NULL, epoch TEXT NOT NULL,"
    " topic TEXT NOT NULL, last INTEGER NOT NULL DEFAULT 0, based INTEGER NOT NULL DEFAULT 0,"
    " through INTEGER NOT NULL DEFAULT 0, ahead TEXT NOT NULL DEFAULT '',"
    " UNIQUE(publisher, epoch, topic));"
    "CREATE TABLE item(id INTEGER PRIMARY KEY AUTOINCREMENT, stream INTEGER NOT NULL, seq INTEGER,"
    " time_ms INTEGER NOT NULL, sum INTEGER NOT NULL, reason TEXT, story INTEGER NOT NULL,"
    " again INTEGER NOT NULL, version INTEGER NOT NULL, status INTEGER NOT NULL,"
    " publisher TEXT NOT NULL, uri TEXT NOT NULL, bytes BLOB);"
    "CREATE UNIQUE INDEX item_number ON item(stream, seq);"
    "CREATE INDEX item_story ON item(story, again, version);"
    "CREATE TABLE publisher(name TEXT PRIMARY KEY, epoch TEXT NOT NULL, items INTEGER NOT NULL)"
    " WITHOUT ROWID;"
    "CREATE TABLE joined(publisher TEXT, filter TEXT, PRIMARY KEY(publisher, filter))"
    " WITHOUT ROWID;"
    "CREATE TABLE settled(publisher TEXT, epoch TEXT, PRIMARY KEY(publisher, epoch))"
    " WITHOUT ROWID;"
    "CREATE TABLE gone(stream INTEGER, first INTEGER NOT NULL, last INTEGER,"
    " reason TEXT NOT NULL, PRIMARY KEY(stream, last)) WITHOUT ROWID;"
    "CREATE TABLE shown(one INTEGER PRIMARY KEY CHECK(one = 1), id INTEGER NOT NULL,"
    " device INTEGER NOT NULL, inode INTEGER NOT NULL, length INTEGER NOT NULL)",
    "CREATE INDEX item_rest ON item(id) WHERE reason IS NOT NULL;"
    "CREATE TABLE mark(id INTEGER PRIMARY KEY, marks INTEGER NOT NULL);"
    "CREATE VIRTUAL TABLE search USING fts5(text, columnsize=0,"
    " tokenize='unicode61 remove_diacritics 2')",
    NULL,
};
static const struct db_kind kind = {.what = "store",
                                    .application_id = 0x4e575331, /* NWS1 */
                                    .steps = steps,
                                    .renewal = "a new one gets what publishers still have"};

/* ---------------------------------------------------------------------------------- Statements */

#define STORY "story=?1 AND publisher=?2 AND uri=?3"

static const char *const sql[STATEMENTS] = {
    [ADD_STREAM] = "INSERT INTO stream(publisher,epoch,topic)VALUES(?1,?2,?3)",
    [FIND_STREAM] = "SELECT id,based,through,ahead FROM stream"
                    " WHERE publisher=?1 AND epoch=?2 AND topic=?3",
    [STREAMS_OF] = "SELECT id,based,through,ahead,topic FROM stream"
                   " WHERE publisher=?1 AND epoch=?2",
    [SET_STREAM] = "UPDATE stream SET based=?2,through=?3,ahead=?4,last=?5 WHERE id=?1",
    [ADD_ITEM] = "INSERT INTO item(story,publisher,uri,version,status,again,reason,stream,seq,"
                 "time_ms,sum,bytes)VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12)"
                 " ON CONFLICT DO NOTHING",
    [ITEM_OF_NUMBER] = "SELECT " STORY " AND version=?4 AND status=?5 FROM item"
                       " WHERE stream=?8 AND seq=?9",
    [NEWEST_VERSION] = "SELECT version, status=2 OR reason IS 'killed', id FROM item"
                       " WHERE " STORY " AND again=0 ORDER BY version DESC LIMIT 1",
    [SAME_VERSION] = "SELECT max(status) FROM item WHERE " STORY " AND again=0 AND version=?4",
    [ERASE_STORY] = "UPDATE item SET bytes=NULL,sum=0,reason='killed'"
                    " WHERE " STORY " AND id<>?4 AND reason IS NOT 'killed'",
    [ERASE_WORDS] = "DELETE FROM search WHERE rowid IN (SELECT id FROM item"
                    " WHERE " STORY " AND id<>?4 AND bytes IS NOT NULL)",
    [MOVE_MARK] = "UPDATE OR REPLACE mark SET id=?1 WHERE id=?2",
    [SHOWABLE] = "SELECT i.id,s.topic,i.time_ms,i.bytes FROM item i CROSS JOIN stream s"
                 " ON s.id=i.stream WHERE i.id>=?1 AND " STORE_SHOWABLE " ORDER BY i.id",
    [NTH_LAST] = "SELECT i.id FROM item i WHERE " STORE_SHOWABLE
                 " ORDER BY i.id DESC LIMIT 1 OFFSET ?1",
    [TIME_FROM] = "SELECT id,time_ms FROM item WHERE id>=?1 ORDER BY id LIMIT 1",
    [BEHIND_LAST] = "SELECT ifnull((SELECT seq FROM sqlite_sequence WHERE name='item'),0)+1",
    [GET_SHOWN] = "SELECT id,device,inode,length FROM shown",
    [SET_SHOWN] = "INSERT OR REPLACE INTO shown(one,id,device,inode,length)VALUES(1,?1,?2,?3,?4)",
    [GET_PUBLISHER] = "SELECT epoch,items FROM publisher WHERE name=?1",
    [SET_PUBLISHER] = "INSERT OR REPLACE INTO publisher(name,epoch,items)VALUES(?1,?2,?3)",
    [ADD_JOINED] = "INSERT OR IGNORE INTO joined(publisher,filter)VALUES(?1,?2)",
    [JOINED_OF] = "SELECT filter FROM joined WHERE publisher=?1",
    [OPEN_EPOCHS] = "SELECT DISTINCT epoch FROM stream WHERE publisher=?1 AND epoch<>'' AND"
                    " epoch<>?2 AND epoch NOT IN (SELECT epoch FROM settled WHERE publisher=?1)"
                    " ORDER BY epoch",
    [ADD_SETTLED] = "INSERT OR IGNORE INTO settled(publisher,epoch)VALUES(?1,?2)",
    [NEXT_GONE] = "SELECT first,last FROM gone WHERE stream=?1 AND last>=?2 ORDER BY last LIMIT 1",
    [ADD_GONE] = "INSERT INTO gone(stream,first,last,reason)VALUES(?1,?2,?3,?4)",
    [ALL_STREAMS] = "SELECT id,based,through,ahead,publisher,epoch,topic FROM stream"
                    " WHERE epoch<>'' ORDER BY publisher,epoch,topic",
    [COUNT_ITEMS] = "SELECT count(*) FROM item WHERE stream=?1 AND seq IS NOT NULL",
    /* One number taken out of its range: what is left of it, what is right of it, nothing. */
    [GONE_LEFT] = "INSERT INTO gone SELECT stream,first,?2-1,reason FROM gone"
                  " WHERE stream=?1 AND first<?2 AND last>=?2",
    [GONE_RIGHT] = "UPDATE gone SET first=?2+1 WHERE stream=?1 AND first<=?2 AND last>=?2",
    [GONE_NOTHING] = "DELETE FROM gone WHERE stream=?1 AND last=?2 AND first>last",
    [GONE_OF] = "SELECT first,last,reason FROM gone WHERE stream=?1 ORDER BY last",
};

/* The one value of a query; 0 when there is none. */
bool store_ask_id(struct store *s, sqlite3_stmt *q, int64_t *out, struct news_error *err)
{
    bool row;
    if (!db_row(s->db, q, &row, err)) return false;
    *out = row ? sqlite3_column_int64(q, 0) : 0;
    (void)sqlite3_reset(q);
    return true;
}

/* ------------------------------------------------------------------------------------- Opening */

static bool get_story_seed(struct store *s, bool own, struct news_error *err)
{
    int64_t seed = 0;
    if (!db_meta_number(s->db, "story_seed", 0, &seed, err)) return false;
    if (seed == 0 && own) {
        if (getrandom(&seed, sizeof seed, 0) != sizeof seed || seed == 0) seed = 1;
        if (!db_set_meta_number(s->db, "story_seed", seed, err)) return false;
    }
    s->story_seed = (uint64_t)seed;
    return true;
}

static bool prepare(struct store *s, bool own, struct news_error *err)
{
    for (size_t i = 0; i < STATEMENTS; i++)
        if (!(s->statements[i] = db_prepare(s->db, sql[i], err))) return false;
    (void)sqlite3_wal_autocheckpoint(db_handle(s->db), WAL_PAGES);
    /* What a kill erases does not stay in the pages of the file, free ones included (which FAST
     * would leave as they are). */
    return get_story_seed(s, own, err) && db_exec(s->db, "PRAGMA secure_delete=ON", err);
}

struct store *store_open(const char *path, const struct db_options *db, struct news_error *err)
{
    struct store *s = calloc(1, sizeof *s);
    if (!s) {
        store_fail_memory(err);
        return NULL;
    }
    s->db = db_open(path, &kind, db, err);
    if (s->db && prepare(s, db->mode != DB_READ, err)) return s;
    store_close(s);
    return NULL;
}

void store_close(struct store *s)
{
    if (!s) return;
    for (size_t i = 0; i < STATEMENTS; i++)
        (void)sqlite3_finalize(s->statements[i]);
    db_close(s->db);
    buf_deinit(&s->uri);
    buf_deinit(&s->ahead);
    free(s);
}

struct db *store_db(const struct store *s)
{
    return s->db;
}

/* -------------------------------------------------------------------------------- Transactions */

/* On a full disk SQLite may undo a transaction by itself. What follows must not begin another one,
 * which would then hold half of what belongs together. */
bool store_begin(struct store *s, struct news_error *err)
{
    if (s->open && !db_in_transaction(s->db))
        return news_fail(err, NEWS_ERR_IO, "store %s: the transaction was undone", db_path(s->db));
    if (!s->open && sqlite3_db_readonly(db_handle(s->db), "main") == 1) /* SQLite would begin one */
        return news_fail(err, NEWS_ERR_IO, "store %s: opened for reading only", db_path(s->db));
    if (!s->open) s->open = db_begin(s->db, err);
    return s->open;
}

bool store_dirty(const struct store *s)
{
    return s->open;
}

void store_rollback(struct store *s)
{
    db_rollback(s->db);
    s->open = false;
    s->shown_known = false;
}

static bool write_position(struct store *s, struct position *at, struct news_error *err);

static bool write_positions(struct store *s, struct positions *p, struct news_error *err)
{
    for (struct position *at; p && (at = positions_take_dirty(p));)
        if (!write_position(s, at, err)) return false;
    return true;
}

bool store_commit(struct store *s, struct positions *p, struct news_error *err)
{
    bool done = write_positions(s, p, err) && (!s->open || db_commit(s->db, err));
    if (done) s->open = false;
    else store_rollback(s);
    return done;
}

/* ----------------------------------------------------------------------------------- Positions */

/* The columns id, based, through, ahead. */
bool store_take_position(struct store *s, struct position *at, sqlite3_stmt *q,
                         struct news_error *err)
{
    bool was_dirty = at->dirty;
    if (sqlite3_column_int(q, 1)) position_base(at, number_of(q, 2));
    if (!position_get_ahead(at, text_of(q, 3)))
        return news_fail(err, NEWS_ERR_IO, "store %s: damaged: the position of %.64s",
                         db_path(s->db), at->topic);
    at->store_id = sqlite3_column_int64(q, 0);
    at->dirty = was_dirty;
    return true;
}

bool store_load_position(struct store *s, struct position *at, struct news_error *err)
{
    if (at->store_id != 0) return true;
    sqlite3_stmt *q = s->statements[FIND_STREAM];
    bool row;
    bind_text(q, 1, at->publisher);
    bind_text(q, 2, at->epoch);
    bind_text(q, 3, at->topic);
    if (!db_row(s->db, q, &row, err)) return false;
    if (!row) at->store_id = -1;
    bool ok = !row || store_take_position(s, at, q, err);
    (void)sqlite3_reset(q);
    return ok;
}

bool store_load_publisher(struct store *s, struct positions *p, const char *publisher,
                          const char *epoch, struct news_error *err)
{
    sqlite3_stmt *q = s->statements[STREAMS_OF];
    bool row, ok = true;
    bind_text(q, 1, publisher);
    bind_text(q, 2, epoch);
    while ((ok = db_row(s->db, q, &row, err)) && row) {
        struct position *at = positions_of(p, publisher, epoch, text_of(q, 4));
        if (!at) break; /* no room: the rest is looked up when it is met, and not asked for */
        if (at->store_id <= 0 && !(ok = store_take_position(s, at, q, err))) break;
    }
    (void)sqlite3_reset(q);
    return ok;
}

static bool add_stream(struct store *s, const char *publisher, const char *epoch, const char *topic,
                       int64_t *id, struct news_error *err)
{
    sqlite3_stmt *q = s->statements[ADD_STREAM];
    bind_text(q, 1, publisher);
    bind_text(q, 2, epoch);
    bind_text(q, 3, topic);
    if (!store_begin(s, err) || !db_run(s->db, q, err)) return false;
    *id = sqlite3_last_insert_rowid(db_handle(s->db));
    return true;
}

/* The row of a position, made when there is none. */
bool store_stream_of(struct store *s, struct position *at, struct news_error *err)
{
    if (at->store_id > 0) return true;
    if (!store_load_position(s, at, err)) return false;
    return at->store_id > 0 ||
           add_stream(s, at->publisher, at->epoch, at->topic, &at->store_id, err);
}

static bool write_position(struct store *s, struct position *at, struct news_error *err)
{
    sqlite3_stmt *q = s->statements[SET_STREAM];
    if (!store_begin(s, err) || !store_stream_of(s, at, err)) return false;
    buf_clear(&s->ahead);
    position_put_ahead(at, &s->ahead);
    if (!buf_ok(&s->ahead)) return store_fail_memory(err);
    (void)sqlite3_bind_int64(q, 1, at->store_id);
    (void)sqlite3_bind_int(q, 2, at->based);
    bind_number(q, 3, at->through);
    bind_text(q, 4, s->ahead.len ? s->ahead.data : "");
    bind_number(q, 5, position_highest(at));
    return db_run(s->db, q, err);
}

/* Items without a number hang on a stream without an epoch. */
static bool stream_of_topic(struct store *s, const char *publisher, const char *topic, int64_t *id,
                            struct news_error *err)
{
    sqlite3_stmt *q = s->statements[FIND_STREAM];
    bool row;
    bind_text(q, 1, publisher);
    bind_text(q, 2, "");
    bind_text(q, 3, topic);
    if (!db_row(s->db, q, &row, err)) return false;
    if (!row) return add_stream(s, publisher, "", topic, id, err);
    *id = sqlite3_column_int64(q, 0);
    (void)sqlite3_reset(q);
    return true;
}

/* --------------------------------------------------------------------------------------- Items */

/* An item on its way to a row. */
struct entry {
    const char *publisher, *uri;
    size_t uri_len;
    int64_t story, version, stream, seq; /* seq 0: has none */
    enum item_status status;
    bool again, erased;
    const struct store_item *of;
};

/* As an integer: what says when it was made serves where the version itself is no number. */
static int64_t version_of(const struct ninjs *item)
{
    struct json_slice v = item->member[NINJS_VERSION];
    int64_t n = 0;
    size_t i = 1;
    for (; i + 1 < v.len && v.at[i] >= '0' && v.at[i] <= '9'; i++)
        n = n > INT64_MAX / 10 - 1 ? INT64_MAX / 10 : n * 10 + (v.at[i] - '0');
    if (v.len > 2 && i + 1 == v.len) return n;
    n = item_date_ms(item, NINJS_VERSION_CREATED);
    return n > 0 ? n : 0;
}

/* The characters of the uri, from where they stand unless there are escapes among them. */
static bool take_uri(struct store *s, const struct ninjs *item, struct entry *e,
                     struct news_error *err)
{
    struct json_slice v = item->member[NINJS_URI];
    if (v.len < 2) return news_fail(err, NEWS_ERR_DATA, "uri: missing");
    e->uri = v.at + 1;
    e->uri_len = v.len - 2;
    if (!memchr(v.at, '\\', v.len)) return true;
    buf_clear(&s->uri);
    json_text(&s->uri, v);
    if (!buf_ok(&s->uri)) return store_fail_memory(err);
    e->uri = s->uri.data;
    e->uri_len = s->uri.len;
    return true;
}

static bool entry_make(struct store *s, const struct store_item *item, struct entry *e,
                       struct news_error *err)
{
    *e = (struct entry){.of = item,
                        .publisher = item->publisher,
                        .version = version_of(item->item),
                        .status = item_status(item->item)};
    if (!take_uri(s, item->item, e, err)) return false;
    uint64_t hash = hash_bytes(HASH_START ^ s->story_seed, e->publisher, strlen(e->publisher) + 1);
    e->story = (int64_t)(hash_bytes(hash, e->uri, e->uri_len) >> STORY_SHIFT);
    if (!item->at || !item->number)
        return stream_of_topic(s, item->publisher, item->topic, &e->stream, err);
    e->seq = (int64_t)item->number->seq;
    if (!store_stream_of(s, item->at, err)) return false;
    e->stream = item->at->store_id;
    return true;
}

static sqlite3_stmt *bind_story(struct store *s, int statement, const struct entry *e)
{
    sqlite3_stmt *q = s->statements[statement];
    (void)sqlite3_bind_int64(q, 1, e->story);
    bind_text(q, 2, e->publisher);
    (void)sqlite3_bind_text(q, 3, e->uri, (int)e->uri_len, SQLITE_STATIC);
    return q;
}

/* False in *added: the number has a row already. */
static bool add_row(struct store *s, const struct entry *e, bool *added, struct news_error *err)
{
    struct json_slice bytes = e->of->item->all;
    sqlite3_stmt *q = bind_story(s, ADD_ITEM, e);
    (void)sqlite3_bind_int64(q, 4, e->version);
    (void)sqlite3_bind_int(q, 5, (int)e->status);
    (void)sqlite3_bind_int(q, 6, e->again);
    bind_text(q, 7, e->erased ? "killed" : NULL);
    (void)sqlite3_bind_int64(q, 8, e->stream);
    if (e->seq) (void)sqlite3_bind_int64(q, 9, e->seq);
    else (void)sqlite3_bind_null(q, 9);
    (void)sqlite3_bind_int64(q, 10, e->of->received_ms);
    bind_number(q, 11, e->erased ? 0 : hash_bytes(HASH_START, bytes.at, bytes.len));
    if (e->erased) (void)sqlite3_bind_null(q, 12);
    else (void)sqlite3_bind_blob(q, 12, bytes.at, (int)bytes.len, SQLITE_STATIC);
    if (!db_run(s->db, q, err)) return false;
    *added = sqlite3_changes(db_handle(s->db)) > 0;
    return true;
}

/* What the store has of the entry's story. */
struct story {
    bool known, dead;
    int64_t newest;    /* version */
    int64_t newest_id; /* its row, which has the marks while the story lives */
    bool same, killer; /* the entry's version is there; it is the kill */
};

static bool look_up_story(struct store *s, const struct entry *e, struct story *out,
                          struct news_error *err)
{
    sqlite3_stmt *q = bind_story(s, NEWEST_VERSION, e);
    *out = (struct story){0};
    if (!db_row(s->db, q, &out->known, err)) return false;
    if (!out->known) return true;
    out->newest = sqlite3_column_int64(q, 0);
    out->dead = sqlite3_column_int(q, 1);
    out->newest_id = sqlite3_column_int64(q, 2);
    (void)sqlite3_reset(q);
    if (e->version > out->newest) return true;
    bool row;
    q = bind_story(s, SAME_VERSION, e);
    (void)sqlite3_bind_int64(q, 4, e->version);
    if (!db_row(s->db, q, &row, err)) return false;
    out->same = row && sqlite3_column_type(q, 0) != SQLITE_NULL;
    out->killer = out->same && sqlite3_column_int(q, 0) == ITEM_CANCELED;
    (void)sqlite3_reset(q);
    return true;
}

/* What becomes of an entry, by its story alone. */
static enum store_answer judge(struct entry *e, const struct story *story)
{
    e->again = story->same;
    if (story->dead) {
        if (story->killer && e->status == ITEM_CANCELED) return STORE_KNOWN;
        e->erased = true;
        return STORE_DEAD;
    }
    if (e->status == ITEM_CANCELED) { /* also under the version of what it kills */
        e->again = false;
        return STORE_NEW;
    }
    if (story->same) return STORE_KNOWN;
    return story->known && e->version < story->newest ? STORE_OLDER : STORE_NEW;
}

/* What is left of the words in the index's segments goes when it is tidied. */
static bool erase_words(struct store *s, const struct entry *e, int64_t id, struct news_error *err)
{
    sqlite3_stmt *q = bind_story(s, ERASE_WORDS, e);
    (void)sqlite3_bind_int64(q, 4, id);
    if (!db_run(s->db, q, err)) return false;
    return sqlite3_changes(db_handle(s->db)) == 0 ||
           db_set_meta_number(s->db, STORE_TIDY, STORE_TIDY_WANTED, err);
}

static bool erase_others(struct store *s, const struct entry *e, int64_t id, struct news_error *err)
{
    sqlite3_stmt *q = bind_story(s, ERASE_STORY, e);
    (void)sqlite3_bind_int64(q, 4, id);
    return erase_words(s, e, id, err) && db_run(s->db, q, err);
}

/* The row is the one that stands for its story now. */
static bool succeed(struct store *s, const struct entry *e, const struct story *story, int64_t id,
                    struct news_error *err)
{
    sqlite3_stmt *q = s->statements[MOVE_MARK];
    (void)sqlite3_bind_int64(q, 1, id);
    (void)sqlite3_bind_int64(q, 2, story->newest_id);
    return db_run(s->db, q, err) && (e->status != ITEM_CANCELED || erase_others(s, e, id, err));
}

/* Puts the entry under its story. One that brings nothing new gets a row only for its number, so
 * that an archive can answer for that. *taken: its number has a row already, nothing was done. */
static enum store_answer put_entry(struct store *s, struct entry *e, int64_t *id, bool *taken,
                                   struct news_error *err)
{
    struct story story;
    bool added = true;
    if (!look_up_story(s, e, &story, err)) return STORE_FAILED;
    enum store_answer answer = judge(e, &story);
    bool for_number = answer == STORE_KNOWN || answer == STORE_DEAD;
    if (for_number && !e->seq) return answer;
    if (!add_row(s, e, &added, err)) return STORE_FAILED;
    *taken = !added;
    if (!added || for_number) return answer;
    int64_t row = sqlite3_last_insert_rowid(db_handle(s->db));
    if (story.known && answer == STORE_NEW && !succeed(s, e, &story, row, err)) return STORE_FAILED;
    *id = row;
    return answer;
}

/* Is there a row of the entry's number, and does it hold another item? */
static bool look_up_number(struct store *s, const struct entry *e, bool *there, bool *differs,
                           struct news_error *err)
{
    sqlite3_stmt *q = bind_story(s, ITEM_OF_NUMBER, e);
    bool row;
    (void)sqlite3_bind_int64(q, 4, e->version);
    (void)sqlite3_bind_int(q, 5, (int)e->status);
    (void)sqlite3_bind_int64(q, 8, e->stream);
    (void)sqlite3_bind_int64(q, 9, e->seq);
    if (!db_row(s->db, q, &row, err)) return false;
    *there = row;
    *differs = row && sqlite3_column_int(q, 0) == 0;
    if (row) (void)sqlite3_reset(q);
    return true;
}

static bool not_gone(struct store *s, int64_t stream, int64_t seq, struct news_error *err)
{
    for (int statement = GONE_LEFT; statement <= GONE_NOTHING; statement++) {
        sqlite3_stmt *q = s->statements[statement];
        (void)sqlite3_bind_int64(q, 1, stream);
        (void)sqlite3_bind_int64(q, 2, seq);
        if (!db_run(s->db, q, err)) return false;
    }
    return true;
}

/* The number counts as there. It may have been declared gone, or lie before a newcomer's base, and
 * come all the same: then it is as good as any. */
static enum store_answer put_again(struct store *s, struct entry *e, int64_t *id,
                                   struct news_error *err)
{
    bool there, differs, taken = false;
    if (!look_up_number(s, e, &there, &differs, err)) return STORE_FAILED;
    if (!there && !not_gone(s, e->stream, e->seq, err)) return STORE_FAILED;
    if (!there) return put_entry(s, e, id, &taken, err);
    if (!differs) return STORE_KNOWN;
    int64_t seq = e->seq;
    e->seq = 0;
    enum store_answer answer = put_entry(s, e, id, &taken, err);
    if (answer != STORE_NEW) return answer;
    news_fail(err, NEWS_ERR_PROTOCOL,
              "%s: number %lld of %.64s was another item's before: have the publisher's numbers "
              "gone back?",
              e->publisher, (long long)seq, e->of->topic);
    return STORE_CONFLICT;
}

enum store_answer store_put(struct store *s, const struct store_item *item, int64_t *id,
                            struct news_error *err)
{
    struct entry e;
    bool taken = false;
    if (!store_begin(s, err) || !entry_make(s, item, &e, err)) return STORE_FAILED;
    if (e.seq && position_look(item->at, (uint64_t)e.seq) == POSITION_KNOWN)
        return put_again(s, &e, id, err);
    enum store_answer answer = put_entry(s, &e, id, &taken, err);
    /* The position has forgotten it, the store has not. */
    return answer != STORE_FAILED && taken ? put_again(s, &e, id, err) : answer;
}

/* ------------------------------------------------------------------------------------- Reading */

bool store_each(struct store *s, int64_t first_id,
                bool (*each)(void *user, const struct store_row *row), void *user,
                struct news_error *err)
{
    sqlite3_stmt *q = s->statements[SHOWABLE];
    bool row, ok;
    (void)sqlite3_bind_int64(q, 1, first_id);
    while ((ok = db_row(s->db, q, &row, err)) && row) {
        const struct store_row r = {
            .id = sqlite3_column_int64(q, 0),
            .topic = text_of(q, 1),
            .received_ms = sqlite3_column_int64(q, 2),
            .bytes = sqlite3_column_blob(q, 3),
            .len = (size_t)sqlite3_column_bytes(q, 3),
        };
        if (!each(user, &r)) break;
    }
    (void)sqlite3_reset(q);
    return ok;
}

bool store_last(struct store *s, uint64_t n, int64_t *first_id, struct news_error *err)
{
    if (n == 0) return store_ask_id(s, s->statements[BEHIND_LAST], first_id, err);
    sqlite3_stmt *q = s->statements[NTH_LAST];
    int64_t id = 0;
    bind_number(q, 1, n - 1 < INT64_MAX ? n - 1 : INT64_MAX);
    if (!store_ask_id(s, q, &id, err)) return false;
    *first_id = id > 0 ? id : 1;
    return true;
}

/* By halves: items are stored in the order in which they are received. Where the clock was set
 * back, the answer is one of the places where such times begin. */
bool store_since(struct store *s, int64_t unix_ms, int64_t *first_id, struct news_error *err)
{
    sqlite3_stmt *q = s->statements[TIME_FROM];
    int64_t low = 1, high;
    if (!store_ask_id(s, s->statements[BEHIND_LAST], &high, err)) return false;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        bool row, late;
        (void)sqlite3_bind_int64(q, 1, middle);
        if (!db_row(s->db, q, &row, err)) return false;
        late = !row || sqlite3_column_int64(q, 1) >= unix_ms;
        if (late) high = middle;
        else low = sqlite3_column_int64(q, 0) + 1;
        (void)sqlite3_reset(q);
    }
    *first_id = low;
    return true;
}

bool store_shown(struct store *s, struct store_shown *out, struct news_error *err)
{
    sqlite3_stmt *q = s->statements[GET_SHOWN];
    bool row = false;
    if (!s->shown_known) {
        if (!db_row(s->db, q, &row, err)) return false;
        s->shown = (struct store_shown){.length = -1};
        if (row)
            s->shown = (struct store_shown){.id = sqlite3_column_int64(q, 0),
                                            .device = (uint64_t)sqlite3_column_int64(q, 1),
                                            .inode = (uint64_t)sqlite3_column_int64(q, 2),
                                            .length = sqlite3_column_int64(q, 3)};
        (void)sqlite3_reset(q);
        s->shown_known = true;
    }
    *out = s->shown;
    return true;
}

bool store_set_shown(struct store *s, const struct store_shown *shown, struct news_error *err)
{
    sqlite3_stmt *q = s->statements[SET_SHOWN];
    struct store_shown is;
    if (!store_shown(s, &is, err)) return false;
    if (is.id == shown->id && is.device == shown->device && is.inode == shown->inode &&
        is.length == shown->length)
        return true;
    (void)sqlite3_bind_int64(q, 1, shown->id);
    bind_number(q, 2, shown->device);
    bind_number(q, 3, shown->inode);
    (void)sqlite3_bind_int64(q, 4, shown->length);
    if (!store_begin(s, err) || !db_run(s->db, q, err)) return false;
    s->shown = *shown;
    return true;
}
