/* subscriber/history_state.h - what history.c, history_rows.c, history_search.c and history_prune.c
 * share. Nobody else includes it. */
#ifndef SUBSCRIBER_HISTORY_STATE_H
#define SUBSCRIBER_HISTORY_STATE_H

#include "subscriber/history.h"
#include "subscriber/store_state.h"

enum history_statement {
    OLDER,
    OLDER_STARRED,
    ROW,
    OTHER_VERSIONS,
    FOUND,
    LAST_ID,
    STANDING_MARKS,
    SET_MARKS,
    CLEAR_MARKS,
    PLACE,
    ALL_GONE,
    NOT_INDEXED,
    ADD_WORDS,
    TIDY,
    NEXT_TEXT,
    TEXT_OF_STORY,
    ERASE_ROW_WORDS,
    REST_OF_ROW,
    DELETE_ROW,
    ADD_REST,
    COUNT_ROWS,
    COUNT_RESTS,
    COUNT_STARRED,
    PAGES,
    FREE_PAGES,
    PAGE_SIZE,
    NTH_REST,
    FORGET_RESTS,
    HISTORY_STATEMENTS
};

struct history {
    struct store *store;
    struct db *db;
    char *root;
    sqlite3_stmt *statements[HISTORY_STATEMENTS];
    struct buf words;  /* of the row that is indexed */
    bool rests_looked; /* at whether there are too many, since the last was made */
};

/* Gives each() the row that a query of HISTORY_COLUMNS has arrived at; what is no item is passed
 * over. */
bool history_give(struct history *h, sqlite3_stmt *q, history_each each, void *user);
/* Reads the row that such a query has arrived at as an arrival; lives until its next step. */
bool history_arrival(struct history *h, sqlite3_stmt *q, struct arrival *a, struct ninjs *item);

/* Ids that are still to be looked at: first..before-1. */
struct history_range {
    int64_t first, before;
};

/* A walk backwards: gives rows until each() returns false (*enough), or *budget are given and there
 * is another one (*enough as well). left shrinks from above; empty: nothing is left. */
struct history_walk {
    struct history_range *left;
    size_t budget;
    history_each each;
    void *user;
    bool enough;
};
/* One query that walks: ?1 before, ?2 first; down to the id low only. */
bool history_walk_query(struct history *h, struct history_walk *w, enum history_statement s,
                        int64_t low, struct news_error *err);
/* All rows that are shown, down to low. */
bool history_walk(struct history *h, struct history_walk *w, int64_t low, struct news_error *err);

#endif
