/* Rows as a reader sees them: backwards in time, one of them, the versions of one. */
#include "subscriber/history_state.h"

bool history_arrival(struct history *h, sqlite3_stmt *q, struct arrival *a, struct ninjs *item)
{
    const char *bytes = sqlite3_column_blob(q, 3);
    size_t len = (size_t)sqlite3_column_bytes(q, 3);
    return bytes &&
           arrival_read(a, item, h->root, text_of(q, 1), bytes, len, sqlite3_column_int64(q, 2));
}

bool history_give(struct history *h, sqlite3_stmt *q, history_each each, void *user)
{
    struct arrival a;
    struct ninjs item;
    if (!history_arrival(h, q, &a, &item)) return true;
    const struct history_row row = {
        .id = sqlite3_column_int64(q, 0),
        .marks = (unsigned)sqlite3_column_int(q, 4),
        .arrival = &a,
        .bytes = sqlite3_column_blob(q, 3),
        .len = (size_t)sqlite3_column_bytes(q, 3),
    };
    return each(user, &row);
}

bool history_walk_query(struct history *h, struct history_walk *w, enum history_statement s,
                        int64_t low, struct news_error *err)
{
    sqlite3_stmt *q = h->statements[s];
    bool row, ok;
    (void)sqlite3_bind_int64(q, 1, w->left->before);
    (void)sqlite3_bind_int64(q, 2, low);
    while ((ok = db_row(h->db, q, &row, err)) && row) {
        w->enough = w->budget == 0;
        if (w->enough) break;
        w->budget--;
        w->left->before = sqlite3_column_int64(q, 0);
        w->enough = !history_give(h, q, w->each, w->user);
        if (w->enough) break;
    }
    (void)sqlite3_reset(q);
    if (ok && !w->enough) w->left->before = low;
    return ok;
}

/* Among what was pruned only the starred ones are looked at, by their marks. */
bool history_walk(struct history *h, struct history_walk *w, int64_t low, struct news_error *err)
{
    int64_t pruned;
    if (!db_meta_number(h->db, STORE_PRUNED, 0, &pruned, err)) return false;
    int64_t all = pruned + 1 > low ? pruned + 1 : low;
    if (w->left->before > all && !history_walk_query(h, w, OLDER, all, err)) return false;
    return w->enough || w->left->before <= low || history_walk_query(h, w, OLDER_STARRED, low, err);
}

bool history_older(struct history *h, int64_t before, size_t limit, history_each each, void *user,
                   int64_t *next, struct news_error *err)
{
    struct history_range left = {.first = 1, .before = before};
    struct history_walk w = {.left = &left, .budget = limit, .each = each, .user = user};
    if (!history_walk(h, &w, left.first, err)) return false;
    *next = w.enough ? left.before : 0;
    return true;
}

/* A query about one id. */
static bool give_all(struct history *h, enum history_statement s, int64_t id, history_each each,
                     void *user, struct news_error *err)
{
    sqlite3_stmt *q = h->statements[s];
    bool row, ok;
    (void)sqlite3_bind_int64(q, 1, id);
    while ((ok = db_row(h->db, q, &row, err)) && row)
        if (!history_give(h, q, each, user)) break;
    (void)sqlite3_reset(q);
    return ok;
}

bool history_row(struct history *h, int64_t id, history_each each, void *user,
                 struct news_error *err)
{
    return give_all(h, ROW, id, each, user, err);
}

bool history_versions(struct history *h, int64_t id, history_each each, void *user,
                      struct news_error *err)
{
    return give_all(h, OTHER_VERSIONS, id, each, user, err);
}
