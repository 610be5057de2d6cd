#include "subscriber/history.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "subscriber/history_state.h"

/* Of the row i in the stream s, as history_give() takes them. */
#define MARKS(id)      "ifnull((SELECT marks FROM mark WHERE id=" id "),0)"
#define BARE_COLUMNS   "SELECT i.id,s.topic,i.time_ms,i.bytes,"
#define COLUMNS        BARE_COLUMNS MARKS("i.id") /* where i stands for its story */
#define STORY_MARKS    MARKS(STORE_STANDING)
#define COLUMNS_OF_ANY BARE_COLUMNS STORY_MARKS
#define OF_STREAM      " CROSS JOIN stream s ON s.id=i.stream"
#define REST           "stream,seq,time_ms,story,again,version,status,publisher,uri"

static const char *const sql[HISTORY_STATEMENTS] = {
    [OLDER] = COLUMNS " FROM item i" OF_STREAM " WHERE i.id<?1 AND i.id>=?2 AND " STORE_SHOWABLE
                      " ORDER BY i.id DESC",
    [OLDER_STARRED] = COLUMNS " FROM mark m CROSS JOIN item i ON i.id=m.id" OF_STREAM
                              " WHERE m.id<?1 AND m.id>=?2 AND m.marks&2 AND " STORE_SHOWABLE
                              " ORDER BY m.id DESC",
    [ROW] = COLUMNS_OF_ANY " FROM item i" OF_STREAM " WHERE i.id=?1 AND i.reason IS NULL",
    [OTHER_VERSIONS] = COLUMNS_OF_ANY
    " FROM item o CROSS JOIN item i ON i.story=o.story AND i.again=0 AND i.uri=o.uri"
    " AND i.publisher=o.publisher" OF_STREAM
    " WHERE o.id=?1 AND i.id<>o.id AND i.reason IS NULL ORDER BY i.version DESC, i.id DESC",
    [FOUND] = COLUMNS " FROM search f CROSS JOIN item i ON i.id=f.rowid" OF_STREAM
                      " WHERE f.search MATCH ?3 AND f.rowid<?1 AND f.rowid>=?2 AND " STORE_SHOWABLE
                      " ORDER BY f.rowid DESC",
    [LAST_ID] = "SELECT max(id) FROM item",
    [STANDING_MARKS] = "SELECT k.id,ifnull(m.marks,0) FROM item k LEFT JOIN mark m ON m.id=k.id"
                       " WHERE k.reason IS NULL AND k.id=(SELECT " STORE_STANDING
                       " FROM item i WHERE i.id=?1)",
    [SET_MARKS] = "INSERT OR REPLACE INTO mark(id,marks)VALUES(?1,?2)",
    [CLEAR_MARKS] = "DELETE FROM mark WHERE id=?1",
    [PLACE] = "SELECT i.id FROM stream s CROSS JOIN item i ON i.stream=s.id WHERE s.publisher=?1"
              " AND s.epoch=?2 AND s.topic=?3 AND i.seq>=?4 ORDER BY i.seq LIMIT 1",
    [ALL_GONE] = "SELECT ifnull((SELECT id FROM item WHERE stream=g.stream AND seq>g.last"
                 " ORDER BY seq LIMIT 1),0),s.topic,g.first,g.last,g.reason"
                 " FROM gone g CROSS JOIN stream s ON s.id=g.stream",
    [NOT_INDEXED] = COLUMNS " FROM item i" OF_STREAM " WHERE i.id>?1 AND " STORE_SHOWABLE
                            " ORDER BY i.id",
    [ADD_WORDS] = "INSERT INTO search(rowid,text)VALUES(?1,?2)",
    [TIDY] = "INSERT INTO search(search,rank)VALUES('merge',?1)",
    [NEXT_TEXT] = "SELECT i.id,i.time_ms,i.id=" STORE_STANDING "," STORY_MARKS
                  " FROM item i WHERE i.id>?1 AND i.reason IS NULL ORDER BY i.id LIMIT 1",
    [TEXT_OF_STORY] = "SELECT n.id FROM item i CROSS JOIN item n ON n.story=i.story AND n.uri=i.uri"
                      " AND n.publisher=i.publisher WHERE i.id=?1 AND n.reason IS NULL LIMIT 1",
    [ERASE_ROW_WORDS] = "DELETE FROM search WHERE rowid=?1",
    [REST_OF_ROW] = "SELECT id," REST " FROM item WHERE id=?1",
    [DELETE_ROW] = "DELETE FROM item WHERE id=?1",
    [ADD_REST] = "INSERT INTO item(id," REST ",sum,reason)"
                 "VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,0,'pruned')",
    [COUNT_ROWS] = "SELECT count(*) FROM item",
    [COUNT_RESTS] = "SELECT count(*) FROM item INDEXED BY item_rest WHERE reason IS NOT NULL",
    [COUNT_STARRED] = "SELECT count(*) FROM mark WHERE marks&2",
    [PAGES] = "PRAGMA page_count",
    [FREE_PAGES] = "PRAGMA freelist_count",
    [PAGE_SIZE] = "PRAGMA page_size",
    [NTH_REST] = "SELECT id FROM item INDEXED BY item_rest WHERE reason IS NOT NULL"
                 " ORDER BY id DESC LIMIT 1 OFFSET ?1",
    /* What is left of a story that still has text keeps older versions from coming back. */
    [FORGET_RESTS] = "DELETE FROM item WHERE id IN (SELECT i.id FROM item i INDEXED BY item_rest"
                     " WHERE i.reason IS NOT NULL AND i.id<=?1 AND NOT EXISTS(SELECT 1 FROM item n"
                     " WHERE n.story=i.story AND n.uri=i.uri AND n.publisher=i.publisher"
                     " AND n.reason IS NULL) ORDER BY i.id LIMIT ?2)",
};

/* ---- life ---- */

static bool prepare(struct history *h, struct news_error *err)
{
    for (size_t i = 0; i < HISTORY_STATEMENTS; i++)
        if (!(h->statements[i] = db_prepare(h->db, sql[i], err))) return false;
    return true;
}

struct history *history_new(struct store *s, const char *root, struct news_error *err)
{
    struct history *h = calloc(1, sizeof *h);
    if (h) h->root = strdup(root);
    if (!h || !h->root) {
        free(h);
        store_fail_memory(err);
        return NULL;
    }
    h->store = s;
    h->db = store_db(s);
    if (prepare(h, err)) return h;
    history_free(h);
    return NULL;
}

void history_free(struct history *h)
{
    if (!h) return;
    for (size_t i = 0; i < HISTORY_STATEMENTS; i++)
        (void)sqlite3_finalize(h->statements[i]);
    buf_deinit(&h->words);
    free(h->root);
    free(h);
}

/* ---- marks ---- */

static bool write_marks(struct history *h, int64_t id, unsigned marks, struct news_error *err)
{
    sqlite3_stmt *q = h->statements[marks ? SET_MARKS : CLEAR_MARKS];
    (void)sqlite3_bind_int64(q, 1, id);
    if (marks) (void)sqlite3_bind_int64(q, 2, marks);
    return db_run(h->db, q, err);
}

/* One that is starred no more is pruned again with the others. */
static bool reach_back(struct history *h, int64_t id, struct news_error *err)
{
    int64_t pruned;
    return db_meta_number(h->db, STORE_PRUNED, 0, &pruned, err) &&
           (id > pruned || db_set_meta_number(h->db, STORE_PRUNED, id - 1, err));
}

bool history_set_marks(struct history *h, int64_t id, unsigned set, unsigned clear,
                       struct news_error *err)
{
    sqlite3_stmt *q = h->statements[STANDING_MARKS];
    bool row;
    (void)sqlite3_bind_int64(q, 1, id);
    if (!db_row(h->db, q, &row, err)) return false;
    if (!row) return true; /* nothing is left to mark */
    int64_t standing = sqlite3_column_int64(q, 0);
    unsigned was = (unsigned)sqlite3_column_int(q, 1), is = (was & ~clear) | set;
    (void)sqlite3_reset(q);
    if (is == was) return true;
    bool unstarred = was & ~is & HISTORY_STARRED;
    return store_begin(h->store, err) && write_marks(h, standing, is, err) &&
           (!unstarred || reach_back(h, standing, err));
}

/* ---- where something is missing ---- */

bool history_place(struct history *h, const char *publisher, const char *epoch, const char *topic,
                   uint64_t seq, int64_t *id, struct news_error *err)
{
    sqlite3_stmt *q = h->statements[PLACE];
    bind_text(q, 1, publisher);
    bind_text(q, 2, epoch);
    bind_text(q, 3, topic);
    bind_number(q, 4, seq);
    return store_ask_id(h->store, q, id, err);
}

bool history_gone(struct history *h,
                  bool (*each)(void *user, int64_t place, const char *topic, uint64_t first,
                               uint64_t last, const char *reason),
                  void *user, struct news_error *err)
{
    sqlite3_stmt *q = h->statements[ALL_GONE];
    bool row, ok;
    while ((ok = db_row(h->db, q, &row, err)) && row)
        if (!each(user, sqlite3_column_int64(q, 0), text_of(q, 1), number_of(q, 2), number_of(q, 3),
                  text_of(q, 4)))
            break;
    (void)sqlite3_reset(q);
    return ok;
}
