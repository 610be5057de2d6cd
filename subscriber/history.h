/* subscriber/history.h - the store as a reader uses it: rows backwards in time, marks, full-text
 * search, and the limits of what is kept.
 *
 * Rows here are those that store_each() shows: the newest living version of each story, and kills.
 * Marks belong to a story: a new version has those of the one before (store_put() sees to it).
 * The index (FTS5: unicode61, diacritics removed, over arrival_words()) follows the items in the
 * idle time of the loop: history_index() takes the next rows; what is not yet in it is searched row
 * by row, so that an answer is always complete. What a kill erases leaves the index with it.
 * Statements of its own on the store's database; writing begins a transaction with store_begin()
 * and leaves the commit to the caller (store_commit()), so that a failed one is told in one place.
 * Threads: one. */
#ifndef SUBSCRIBER_HISTORY_H
#define SUBSCRIBER_HISTORY_H

#include "subscriber/arrival.h"
#include "subscriber/filter.h"
#include "subscriber/store.h"

struct history;

/* root: of the topics, for the levels of struct arrival. The store outlives it; opened for reading
 * only it can look and search, nothing else. */
struct history *history_new(struct store *s, const char *root, struct news_error *err);
void history_free(struct history *h); /* NULL is fine */

/* ---- rows ---- */

enum history_mark { HISTORY_READ = 1, HISTORY_STARRED = 2 };

struct history_row {
    int64_t id;
    unsigned marks;                /* enum history_mark; its story's */
    const struct arrival *arrival; /* lives for the call */
    const char *bytes;             /* the item */
    size_t len;
};
typedef bool (*history_each)(void *user, const struct history_row *row); /* false: enough */

/* At most limit rows with id < before, newest first (INT64_MAX: from the last one on). *next gets
 * the id to go on with; 0: there are no older ones. */
bool history_older(struct history *h, int64_t before, size_t limit, history_each each, void *user,
                   int64_t *next, struct news_error *err);
/* The row, of whatever version; each() is not called when there is none or it was erased. */
bool history_row(struct history *h, int64_t id, history_each each, void *user,
                 struct news_error *err);
/* The other versions of that row's story that still have their text, newest first. */
bool history_versions(struct history *h, int64_t id, history_each each, void *user,
                      struct news_error *err);

/* ---- marks ---- */

/* Takes the marks in clear away, then adds those in set. */
bool history_set_marks(struct history *h, int64_t id, unsigned set, unsigned clear,
                       struct news_error *err);

/* ---- search ---- */

struct history_search; /* one that goes on */

/* Everything that f matches, newest first, ids in first_id..before-1. f outlives it. */
struct history_search *history_search_new(struct history *h, struct filter *f, int64_t first_id,
                                          int64_t before, struct news_error *err);
void history_search_free(struct history_search *s); /* NULL is fine */
/* Looks on until each() returns false, about budget rows were looked at (0: no bound), or all is
 * done (*done). Rows that come or go between two calls are no harm. */
bool history_search_next(struct history_search *s, size_t budget, history_each each, void *user,
                         bool *done, struct news_error *err);
/* How far it is, 0 to 100. */
unsigned history_search_percent(const struct history_search *s);

/* Takes about rows more rows into the index, and tidies it after kills; *more: there are more. */
bool history_index(struct history *h, size_t rows, bool *more, struct news_error *err);

/* ---- limits ---- */

struct history_limits {              /* 0: no limit */
    int64_t keep_ms;                 /* since it was received */
    uint64_t keep_items, keep_bytes; /* items with text; bytes of the database in use */
};
/* Erases the text of about rows items beyond the limits, oldest first; starred ones stay, and do
 * not count as items. What is left of an item keeps its number and version known, so that nothing
 * old comes back as new; of such rests the newest HISTORY_RESTS_MAX are kept, and about a quarter
 * of keep_bytes (of kills alike; never those of a story that still has text). *more: there is more
 * to do. */
#define HISTORY_RESTS_MAX  1000000
#define HISTORY_REST_BYTES 200 /* about, with what the indexes have of it */
bool history_prune(struct history *h, const struct history_limits *l, int64_t now_ms, size_t rows,
                   bool *more, struct news_error *err);
/* Items with text, and the bytes of the database in use. */
bool history_size(struct history *h, uint64_t *items, uint64_t *bytes, struct news_error *err);

/* ---- where something is missing ---- */

/* The first row at or behind the number in the stream; 0: there is none yet. */
bool history_place(struct history *h, const char *publisher, const char *epoch, const char *topic,
                   uint64_t seq, int64_t *id, struct news_error *err);
/* Numbers that are gone for good, with the place of each range (0: at the end). */
bool history_gone(struct history *h,
                  bool (*each)(void *user, int64_t place, const char *topic, uint64_t first,
                               uint64_t last, const char *reason),
                  void *user, struct news_error *err);

#endif
