/* What sync knows of publishers: their status, what is followed of them, numbers that are gone. */
#include <string.h>

#include "subscriber/store_state.h"

bool store_publisher(struct store *s, const char *publisher, struct store_publisher *out,
                     struct news_error *err)
{
    sqlite3_stmt *q = s->statements[GET_PUBLISHER];
    bool row;
    bind_text(q, 1, publisher);
    if (!db_row(s->db, q, &row, err)) return false;
    *out = (struct store_publisher){0};
    if (!row) return true;
    const char *epoch = text_of(q, 0);
    memcpy(out->epoch, epoch, strnlen(epoch, sizeof out->epoch - 1));
    out->items = number_of(q, 1);
    (void)sqlite3_reset(q);
    return true;
}

bool store_set_publisher(struct store *s, const char *publisher, const struct store_publisher *p,
                         struct news_error *err)
{
    sqlite3_stmt *q = s->statements[SET_PUBLISHER];
    bind_text(q, 1, publisher);
    bind_text(q, 2, p->epoch);
    bind_number(q, 3, p->items);
    return store_begin(s, err) && db_run(s->db, q, err);
}

bool store_join(struct store *s, const char *publisher, const char *filter, struct news_error *err)
{
    sqlite3_stmt *q = s->statements[ADD_JOINED];
    bind_text(q, 1, publisher);
    bind_text(q, 2, filter);
    return store_begin(s, err) && db_run(s->db, q, err);
}

bool store_joined(struct store *s, const char *publisher, const char *filter, bool *out,
                  struct news_error *err)
{
    sqlite3_stmt *q = s->statements[JOINED_OF];
    bool row, ok, found = false;
    bind_text(q, 1, publisher);
    while ((ok = db_row(s->db, q, &row, err)) && row && !found)
        found = topic_covers(text_of(q, 0), filter);
    (void)sqlite3_reset(q);
    if (ok) *out = found;
    return ok;
}

bool store_open_epochs(struct store *s, const char *publisher, const char *except,
                       bool (*each)(void *user, const char *epoch), void *user,
                       struct news_error *err)
{
    sqlite3_stmt *q = s->statements[OPEN_EPOCHS];
    bool row, ok;
    bind_text(q, 1, publisher);
    bind_text(q, 2, except);
    while ((ok = db_row(s->db, q, &row, err)) && row)
        if (!each(user, text_of(q, 0))) break;
    (void)sqlite3_reset(q);
    return ok;
}

bool store_settle_epoch(struct store *s, const char *publisher, const char *epoch,
                        struct news_error *err)
{
    sqlite3_stmt *q = s->statements[ADD_SETTLED];
    bind_text(q, 1, publisher);
    bind_text(q, 2, epoch);
    return store_begin(s, err) && db_run(s->db, q, err);
}

static bool add_gone(struct store *s, int64_t stream, struct number_range range, const char *reason,
                     struct news_error *err)
{
    sqlite3_stmt *q = s->statements[ADD_GONE];
    (void)sqlite3_bind_int64(q, 1, stream);
    bind_number(q, 2, range.first);
    bind_number(q, 3, range.last);
    bind_text(q, 4, reason);
    return db_run(s->db, q, err);
}

/* The first range noted that ends at seq or beyond; first is WIRE_SEQ_MAX + 1 when there is none.
 */
static bool next_gone(struct store *s, int64_t stream, uint64_t seq, struct number_range *out,
                      struct news_error *err)
{
    sqlite3_stmt *q = s->statements[NEXT_GONE];
    bool row;
    (void)sqlite3_bind_int64(q, 1, stream);
    bind_number(q, 2, seq);
    if (!db_row(s->db, q, &row, err)) return false;
    *out = (struct number_range){(uint64_t)WIRE_SEQ_MAX + 1, (uint64_t)WIRE_SEQ_MAX + 1};
    if (!row) return true;
    *out = (struct number_range){number_of(q, 0), number_of(q, 1)};
    (void)sqlite3_reset(q);
    return true;
}

/* Ranges never overlap, so that their numbers can be counted: what is noted already is left out. */
bool store_gone(struct store *s, struct position *at, uint64_t first, uint64_t last,
                const char *reason, bool *news, struct news_error *err)
{
    bool added = false;
    if (first == 0 || first > last || last > WIRE_SEQ_MAX)
        return news_fail(err, NEWS_ERR_DATA, "store: no such numbers");
    if (!store_begin(s, err) || !store_stream_of(s, at, err)) return false;
    for (uint64_t seq = first; seq <= last;) {
        struct number_range noted;
        if (!next_gone(s, at->store_id, seq, &noted, err)) return false;
        if (noted.first > seq) {
            uint64_t end = noted.first - 1 < last ? noted.first - 1 : last;
            if (!add_gone(s, at->store_id, (struct number_range){seq, end}, reason, err))
                return false;
            added = true;
        }
        seq = noted.last + 1;
    }
    *news = added;
    return true;
}
