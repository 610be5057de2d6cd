/* --check: what the store says of its streams. */
#include "subscriber/store_state.h"

static void list_range(struct buf *out, uint64_t first, uint64_t last)
{
    buf_printf(out, "%s%llu", out->len ? "," : "", (unsigned long long)first);
    if (last > first) buf_printf(out, "-%llu", (unsigned long long)last);
}

static void list_holes(const struct position *at, struct store_check_row *row, struct buf *out)
{
    struct number_range hole;
    for (size_t i = 0; position_hole(at, i, &hole); i++) {
        row->holes += hole.last - hole.first + 1;
        list_range(out, hole.first, hole.last);
    }
}

static bool list_gone(struct store *s, int64_t stream, struct store_check_row *row, struct buf *out,
                      struct news_error *err)
{
    sqlite3_stmt *q = s->statements[GONE_OF];
    bool more, ok;
    (void)sqlite3_bind_int64(q, 1, stream);
    while ((ok = db_row(s->db, q, &more, err)) && more) {
        uint64_t first = number_of(q, 0), last = number_of(q, 1);
        row->gone += last - first + 1;
        list_range(out, first, last);
        buf_printf(out, " (%s)", text_of(q, 2));
    }
    return ok;
}

/* The stream that ALL_STREAMS has arrived at, with a position of its own. */
static bool check_stream(struct store *s, sqlite3_stmt *q, struct position *at,
                         struct store_check_row *row, struct buf lists[2], struct news_error *err)
{
    int64_t id = sqlite3_column_int64(q, 0), stored = 0;
    sqlite3_stmt *count = s->statements[COUNT_ITEMS];
    (void)sqlite3_bind_int64(count, 1, id);
    if (!store_take_position(s, at, q, err) || !store_ask_id(s, count, &stored, err)) return false;
    *row = (struct store_check_row){
        .publisher = at->publisher,
        .epoch = at->epoch,
        .topic = at->topic,
        .through = at->through,
        .highest = position_highest(at),
        .stored = (uint64_t)stored,
    };
    list_holes(at, row, &lists[0]);
    if (!list_gone(s, id, row, &lists[1], err)) return false;
    if (!buf_ok(&lists[0]) || !buf_ok(&lists[1])) return store_fail_memory(err);
    row->hole_list = lists[0].len ? lists[0].data : "";
    row->gone_list = lists[1].len ? lists[1].data : "";
    return true;
}

bool store_check(struct store *s, bool (*each)(void *user, const struct store_check_row *row),
                 void *user, struct news_error *err)
{
    sqlite3_stmt *q = s->statements[ALL_STREAMS];
    struct buf lists[2] = {0};
    bool more, ok, wanted = true;
    while (wanted && (ok = db_row(s->db, q, &more, err)) && more) {
        struct positions *p = positions_new(err);
        struct position *at = p ? positions_of(p, text_of(q, 4), text_of(q, 5), text_of(q, 6))
                                : NULL;
        struct store_check_row row;
        buf_clear(&lists[0]);
        buf_clear(&lists[1]);
        ok = at ? check_stream(s, q, at, &row, lists, err) : store_fail_memory(err);
        wanted = ok && each(user, &row);
        positions_free(p);
    }
    (void)sqlite3_reset(q);
    buf_deinit(&lists[0]);
    buf_deinit(&lists[1]);
    return ok;
}
