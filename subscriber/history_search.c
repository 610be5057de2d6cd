/* Full-text search, and the index it goes by. */
#include <stdlib.h>

#include "common/date.h"
#include "subscriber/history_state.h"

struct history_search {
    struct history *history;
    struct filter *filter;
    bool planned, exact; /* the index has candidates; they need no second look */
    struct buf match;
    struct history_range all, left;
};

struct history_search *history_search_new(struct history *h, struct filter *f, int64_t first_id,
                                          int64_t before, struct news_error *err)
{
    int64_t last;
    if (!store_ask_id(h->store, h->statements[LAST_ID], &last, err)) return NULL;
    struct history_search *s = calloc(1, sizeof *s);
    if (!s) {
        store_fail_memory(err);
        return NULL;
    }
    s->history = h;
    s->filter = f;
    s->planned = filter_search(f, &s->match, &s->exact);
    s->all.first = first_id > 1 ? first_id : 1;
    s->all.before = before <= last ? before : last + 1;
    s->left = s->all;
    if (buf_ok(&s->match)) return s;
    history_search_free(s);
    store_fail_memory(err);
    return NULL;
}

void history_search_free(struct history_search *s)
{
    if (!s) return;
    buf_deinit(&s->match);
    free(s);
}

/* What the filter lets through goes on to the caller. */
struct sieve {
    struct filter *filter;
    int64_t now_ms;
    history_each each;
    void *user;
};

static bool sift(void *user, const struct history_row *row)
{
    struct sieve *s = user;
    const struct filter_subject subject = {.arrival = row->arrival,
                                           .unread = !(row->marks & HISTORY_READ),
                                           .starred = row->marks & HISTORY_STARRED,
                                           .now_ms = s->now_ms};
    return filter_match(s->filter, &subject) == FILTER_NO || s->each(s->user, row);
}

/* Candidates of the index; what is behind its end was looked at already. */
static bool search_index(struct history_search *s, struct history_walk *w, struct sieve *sieve,
                         struct news_error *err)
{
    sqlite3_stmt *q = s->history->statements[FOUND];
    (void)sqlite3_bind_text(q, 3, s->match.data, (int)s->match.len, SQLITE_STATIC);
    if (s->exact) {
        w->each = sieve->each;
        w->user = sieve->user;
    }
    bool ok = history_walk_query(s->history, w, FOUND, s->left.first, err);
    (void)sqlite3_clear_bindings(q);
    return ok;
}

bool history_search_next(struct history_search *s, size_t budget, history_each each, void *user,
                         bool *done, struct news_error *err)
{
    struct sieve sieve = {.filter = s->filter, .now_ms = date_now_ms(), .each = each, .user = user};
    struct history_walk w = {
        .left = &s->left, .budget = budget ? budget : SIZE_MAX, .each = sift, .user = &sieve};
    int64_t indexed = 0;
    if (s->planned && !db_meta_number(s->history->db, STORE_INDEXED, 0, &indexed, err))
        return false;
    int64_t by_rows = s->planned && indexed + 1 > s->left.first ? indexed + 1 : s->left.first;
    if (s->left.before > by_rows && !history_walk(s->history, &w, by_rows, err)) return false;
    if (!w.enough && s->left.before > s->left.first && !search_index(s, &w, &sieve, err))
        return false;
    *done = s->left.before <= s->left.first;
    return true;
}

unsigned history_search_percent(const struct history_search *s)
{
    int64_t all = s->all.before - s->all.first, done = s->all.before - s->left.before;
    return all > 0 && done < all ? (unsigned)(done * 100 / all) : 100;
}

/* ---- the index ---- */

enum { WORDS_A_ROW = 2048 }; /* bytes: rows that have more on average count as more rows */

static bool add_words(struct history *h, sqlite3_stmt *row, struct news_error *err)
{
    sqlite3_stmt *q = h->statements[ADD_WORDS];
    struct arrival a;
    struct ninjs item;
    buf_clear(&h->words);
    if (!history_arrival(h, row, &a, &item)) return true;
    arrival_words(&a, &h->words);
    if (!buf_ok(&h->words)) return store_fail_memory(err);
    (void)sqlite3_bind_int64(q, 1, sqlite3_column_int64(row, 0));
    (void)sqlite3_bind_text(q, 2, h->words.len ? h->words.data : "", (int)h->words.len,
                            SQLITE_STATIC);
    return db_run(h->db, q, err);
}

/* Rows behind *through; at the end of them *more is false. */
static bool add_rows(struct history *h, size_t rows, int64_t *through, bool *more,
                     struct news_error *err)
{
    sqlite3_stmt *q = h->statements[NOT_INDEXED];
    size_t added = 0, words = 0;
    bool row, ok;
    *more = false;
    (void)sqlite3_bind_int64(q, 1, *through);
    while ((ok = db_row(h->db, q, &row, err)) && row) {
        *through = sqlite3_column_int64(q, 0);
        if (!(ok = add_words(h, q, err))) break;
        words += h->words.len;
        *more = ++added == rows || words / WORDS_A_ROW >= rows;
        if (*more) break;
    }
    (void)sqlite3_reset(q);
    return ok;
}

static bool index_rows(struct history *h, size_t rows, bool *more, struct news_error *err)
{
    int64_t through, last;
    if (!db_meta_number(h->db, STORE_INDEXED, 0, &through, err) ||
        !store_ask_id(h->store, h->statements[LAST_ID], &last, err))
        return false;
    *more = false;
    if (through >= last) return true;
    if (!store_begin(h->store, err) || !add_rows(h, rows, &through, more, err)) return false;
    return db_set_meta_number(h->db, STORE_INDEXED, *more ? through : last, err);
}

/* The words of what was deleted are in the index until its segments are merged into one: that is
 * begun with a negative number of pages, and goes on with positive ones until nothing changes any
 * more (SQLite FTS5 §6.8). What this transaction deleted has to be in a segment by then, and a
 * savepoint puts it there. */
static bool tidy(struct history *h, size_t pages, bool *more, struct news_error *err)
{
    sqlite3_stmt *q = h->statements[TIDY];
    int64_t state, step = pages < INT32_MAX ? (int64_t)pages : INT32_MAX;
    if (!db_meta_number(h->db, STORE_TIDY, STORE_TIDY_DONE, &state, err)) return false;
    *more = state != STORE_TIDY_DONE;
    if (!*more) return true;
    bool begins = state == STORE_TIDY_WANTED;
    if (!store_begin(h->store, err) ||
        (begins && !db_exec(h->db, "SAVEPOINT tidy; RELEASE tidy", err)))
        return false;
    int before = sqlite3_total_changes(db_handle(h->db));
    (void)sqlite3_bind_int64(q, 1, begins ? -step : step);
    if (!db_run(h->db, q, err)) return false;
    *more = begins || sqlite3_total_changes(db_handle(h->db)) - before >= 2;
    state = *more ? STORE_TIDY_GOES_ON : STORE_TIDY_DONE;
    return db_set_meta_number(h->db, STORE_TIDY, state, err);
}

bool history_index(struct history *h, size_t rows, bool *more, struct news_error *err)
{
    return index_rows(h, rows, more, err) && (*more || tidy(h, rows, more, err));
}
