/* subscriber/store_state.h - what store.c, store_check.c, store_sync.c and history*.c share: the
 * store's inside, SQL about stories, columns and parameters. Nobody else includes it. */
#ifndef SUBSCRIBER_STORE_STATE_H
#define SUBSCRIBER_STORE_STATE_H

#include "subscriber/store.h"

enum store_statement {
    ADD_STREAM,
    FIND_STREAM,
    STREAMS_OF,
    SET_STREAM,
    ADD_ITEM,
    ITEM_OF_NUMBER,
    NEWEST_VERSION,
    SAME_VERSION,
    ERASE_STORY,
    ERASE_WORDS,
    MOVE_MARK,
    SHOWABLE,
    NTH_LAST,
    TIME_FROM,
    BEHIND_LAST,
    GET_SHOWN,
    SET_SHOWN,
    GET_PUBLISHER,
    SET_PUBLISHER,
    ADD_JOINED,
    JOINED_OF,
    OPEN_EPOCHS,
    ADD_SETTLED,
    NEXT_GONE,
    ADD_GONE,
    GONE_LEFT,
    GONE_RIGHT,
    GONE_NOTHING,
    ALL_STREAMS,
    COUNT_ITEMS,
    GONE_OF,
    STATEMENTS
};

struct store {
    struct db *db;
    sqlite3_stmt *statements[STATEMENTS];
    uint64_t story_seed;
    bool open;             /* a transaction, from store_begin() to its end */
    struct buf uri, ahead; /* of the item, of the position at hand */
    struct store_shown shown;
    bool shown_known; /* shown is what the file has */
};

/* The row of a position, made when there is none. */
bool store_stream_of(struct store *s, struct position *at, struct news_error *err);
/* Fills at from a query's first columns: id, based, through, ahead. */
bool store_take_position(struct store *s, struct position *at, sqlite3_stmt *q,
                         struct news_error *err);
/* The one value of a query; 0 when there is none. */
bool store_ask_id(struct store *s, sqlite3_stmt *q, int64_t *out, struct news_error *err);

/* ---- facts in meta ---- */

#define STORE_INDEXED "indexed_through" /* rows up to this one have their words in the index */
#define STORE_PRUNED  "pruned_through"  /* of rows up to this one only starred ones have text */
#define STORE_TIDY    "index_tidy"      /* enum store_tidy */
enum store_tidy { STORE_TIDY_DONE, STORE_TIDY_WANTED, STORE_TIDY_GOES_ON };

/* ---- SQL about stories: i is the row of item that is asked about ---- */

#define STORE_SAME_STORY "n.story=i.story AND n.again=0 AND n.uri=i.uri AND n.publisher=i.publisher"
/* Newest living versions, and kills: an erased version has a reason, a kill stands for its story
 * whatever its version. */
#define STORE_SHOWABLE                                                                             \
    "i.reason IS NULL AND i.again=0 AND (i.status=2 OR NOT EXISTS(SELECT 1 FROM item n "           \
    "WHERE " STORE_SAME_STORY " AND n.version>i.version))"
/* The row that stands for the story of i, and has its marks: its kill, else its newest version. */
#define STORE_STANDING                                                                             \
    "(SELECT n.id FROM item n WHERE " STORE_SAME_STORY " ORDER BY n.status=2 AND "                 \
    "n.reason IS NOT 'killed' DESC, n.version DESC LIMIT 1)"

/* ---- parameters and columns ---- */

static inline void bind_text(sqlite3_stmt *q, int i, const char *text)
{
    (void)sqlite3_bind_text(q, i, text, -1, SQLITE_STATIC);
}

static inline void bind_number(sqlite3_stmt *q, int i, uint64_t number)
{
    (void)sqlite3_bind_int64(q, i, (int64_t)number);
}

static inline const char *text_of(sqlite3_stmt *q, int i)
{
    const char *text = (const char *)sqlite3_column_text(q, i);
    return text ? text : "";
}

static inline uint64_t number_of(sqlite3_stmt *q, int i)
{
    int64_t n = sqlite3_column_int64(q, i);
    return n > 0 ? (uint64_t)n : 0;
}

static inline bool store_fail_memory(struct news_error *err)
{
    return news_fail(err, NEWS_ERR_MEMORY, "store: out of memory");
}

#endif
