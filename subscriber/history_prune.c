/* The limits of what is kept. */
#include "subscriber/history_state.h"

static bool ask(struct history *h, enum history_statement s, uint64_t *out, struct news_error *err)
{
    int64_t n;
    if (!store_ask_id(h->store, h->statements[s], &n, err)) return false;
    *out = n > 0 ? (uint64_t)n : 0;
    return true;
}

static bool bytes_in_use(struct history *h, uint64_t *out, struct news_error *err)
{
    uint64_t pages, unused, size;
    if (!ask(h, PAGES, &pages, err) || !ask(h, FREE_PAGES, &unused, err) ||
        !ask(h, PAGE_SIZE, &size, err))
        return false;
    *out = (pages - unused) * size;
    return true;
}

static bool items_with_text(struct history *h, uint64_t *out, struct news_error *err)
{
    uint64_t rows, rests;
    if (!ask(h, COUNT_ROWS, &rows, err) || !ask(h, COUNT_RESTS, &rests, err)) return false;
    *out = rows - rests;
    return true;
}

bool history_size(struct history *h, uint64_t *items, uint64_t *bytes, struct news_error *err)
{
    return items_with_text(h, items, err) && bytes_in_use(h, bytes, err);
}

/* What one call prunes. */
struct pruning {
    const struct history_limits *limits;
    int64_t since_ms;  /* INT64_MIN: any */
    uint64_t too_many; /* items that are to go for their number */
    int64_t through;   /* everything up to it was looked at */
};

/* Starred ones are not counted: they would push out everything else. */
static bool count_excess(struct history *h, struct pruning *p, struct news_error *err)
{
    uint64_t items, starred;
    if (p->limits->keep_items == 0) return true;
    if (!items_with_text(h, &items, err) || !ask(h, COUNT_STARRED, &starred, err)) return false;
    uint64_t kept = p->limits->keep_items + starred;
    if (kept >= starred && items > kept) p->too_many = items - kept;
    return true;
}

/* The oldest item with text behind p->through. */
struct candidate {
    int64_t id, received_ms;
    bool stands; /* for its story: else there is a newer version */
    bool starred;
};

static bool next_candidate(struct history *h, const struct pruning *p, struct candidate *c,
                           bool *there, struct news_error *err)
{
    sqlite3_stmt *q = h->statements[NEXT_TEXT];
    (void)sqlite3_bind_int64(q, 1, p->through);
    if (!db_row(h->db, q, there, err)) return false;
    if (!*there) return true;
    *c = (struct candidate){.id = sqlite3_column_int64(q, 0),
                            .received_ms = sqlite3_column_int64(q, 1),
                            .stands = sqlite3_column_int(q, 2),
                            .starred = sqlite3_column_int(q, 3) & HISTORY_STARRED};
    (void)sqlite3_reset(q);
    return true;
}

static bool is_beyond(struct history *h, const struct pruning *p, const struct candidate *c,
                      bool *beyond, struct news_error *err)
{
    uint64_t bytes;
    *beyond = c->received_ms < p->since_ms || p->too_many > 0;
    if (*beyond || p->limits->keep_bytes == 0) return true;
    if (!bytes_in_use(h, &bytes, err)) return false;
    *beyond = bytes > p->limits->keep_bytes;
    return true;
}

static bool run_on(struct history *h, enum history_statement s, int64_t id, struct news_error *err)
{
    sqlite3_stmt *q = h->statements[s];
    (void)sqlite3_bind_int64(q, 1, id);
    return db_run(h->db, q, err);
}

/* The rest is written anew: SQLite leaves the page of a row that only shrinks as it is, and no room
 * would be won. */
static bool erase_row(struct history *h, struct pruning *p, int64_t id, struct news_error *err)
{
    sqlite3_stmt *is = h->statements[REST_OF_ROW], *rest = h->statements[ADD_REST];
    bool row;
    (void)sqlite3_bind_int64(is, 1, id);
    if (!db_row(h->db, is, &row, err)) return false;
    if (!row) return true;
    for (int i = 0; i < sqlite3_column_count(is); i++)
        (void)sqlite3_bind_value(rest, i + 1, sqlite3_column_value(is, i));
    (void)sqlite3_reset(is);
    if (p->too_many > 0) p->too_many--;
    h->rests_looked = false;
    return run_on(h, ERASE_ROW_WORDS, id, err) && run_on(h, DELETE_ROW, id, err) &&
           db_run(h->db, rest, err);
}

/* With the version that is shown go all others of its story: nothing is left that could be shown in
 * its place. */
static bool erase_story(struct history *h, struct pruning *p, int64_t standing,
                        struct news_error *err)
{
    sqlite3_stmt *q = h->statements[TEXT_OF_STORY];
    for (int64_t id = standing; id != 0;) {
        if (!erase_row(h, p, id, err)) return false;
        (void)sqlite3_bind_int64(q, 1, standing);
        if (!store_ask_id(h->store, q, &id, err)) return false;
    }
    return run_on(h, CLEAR_MARKS, standing, err);
}

static bool erase(struct history *h, struct pruning *p, const struct candidate *c,
                  struct news_error *err)
{
    if (c->starred) return true;
    return c->stands ? erase_story(h, p, c->id, err) : erase_row(h, p, c->id, err);
}

static bool erase_oldest(struct history *h, struct pruning *p, size_t rows, bool *more,
                         struct news_error *err)
{
    bool there, beyond;
    struct candidate c = {0};
    *more = false;
    for (size_t n = 0; n < rows; n++) {
        if (!next_candidate(h, p, &c, &there, err)) return false;
        if (!there) return true;
        if (!is_beyond(h, p, &c, &beyond, err)) return false;
        if (!beyond) return true;
        if (!store_begin(h->store, err) || !erase(h, p, &c, err)) return false;
        p->through = c.id;
    }
    *more = true;
    return true;
}

/* Rests that took all the bytes would leave none for news. */
static uint64_t most_rests(const struct history_limits *l)
{
    uint64_t most = l->keep_bytes / 4 / HISTORY_REST_BYTES;
    return l->keep_bytes > 0 && most < HISTORY_RESTS_MAX ? most : HISTORY_RESTS_MAX;
}

static bool forget_rests(struct history *h, uint64_t most, size_t rows, bool *more,
                         struct news_error *err)
{
    sqlite3_stmt *nth = h->statements[NTH_REST], *q = h->statements[FORGET_RESTS];
    int64_t id;
    bind_number(nth, 1, most);
    if (!store_ask_id(h->store, nth, &id, err)) return false;
    if (id > 0) {
        (void)sqlite3_bind_int64(q, 1, id);
        bind_number(q, 2, rows);
        if (!store_begin(h->store, err) || !db_run(h->db, q, err)) return false;
        *more = (size_t)sqlite3_changes(db_handle(h->db)) >= rows;
    }
    h->rests_looked = !*more;
    return true;
}

bool history_prune(struct history *h, const struct history_limits *l, int64_t now_ms, size_t rows,
                   bool *more, struct news_error *err)
{
    struct pruning p = {.limits = l, .since_ms = l->keep_ms > 0 ? now_ms - l->keep_ms : INT64_MIN};
    int64_t before;
    *more = false;
    if (!db_meta_number(h->db, STORE_PRUNED, 0, &before, err) || !count_excess(h, &p, err))
        return false;
    p.through = before;
    if (!erase_oldest(h, &p, rows, more, err)) return false;
    if (p.through > before && !db_set_meta_number(h->db, STORE_PRUNED, p.through, err))
        return false;
    return *more || h->rests_looked || forget_rests(h, most_rests(l), rows, more, err);
}
