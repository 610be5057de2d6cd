#include "subscriber/list_row.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/item.h"
#include "common/text.h"
#include "subscriber/view_format.h"
#include "subscriber/view_text.h"

enum {
    WAYS = 4, /* a row may be kept in any slot of its set: rows that are far apart do not push each
                 other out, whatever the distance */
    SETS = LIST_ROWS_KEPT / WAYS,
    HEADLINE_MOST = 500, /* columns that are kept; no screen is wider */
    SOURCE_MOST = 40,
    DATE_COLUMNS = VIEW_WHEN_SIZE - 1,
    DAY_COLUMNS = 5, /* "14:02", "11-23": the end of the above */
    FLAGS = 3,
    URGENCY_COLUMNS = 4,
    MARKS = FLAGS + URGENCY_COLUMNS + 1,
};

/* The clean fields of a row's item, of that version: they never change. */
struct kept {
    int64_t id;    /* 0: nothing is kept here */
    uint64_t used; /* when, in drawings */
    struct buf text;
    size_t source_len; /* then the headline, or the user's format */
};

struct list_rows {
    struct history *history;
    const struct theme *theme;
    const struct rules *rules;
    struct format *format; /* NULL: the usual columns */
    struct buf cell;       /* for a moment, so that a frame needs no memory */
    uint64_t drawings;
    struct kept kept[SETS][WAYS];
};

struct list_rows *list_rows_new(struct history *h, const struct theme *t, const struct rules *r,
                                const char *columns, struct news_error *err)
{
    struct list_rows *l = calloc(1, sizeof *l);
    if (!l) {
        news_fail(err, NEWS_ERR_MEMORY, "out of memory");
        return NULL;
    }
    l->history = h;
    l->theme = t;
    l->rules = r;
    if (columns) l->format = format_new(columns, err);
    if (!columns || l->format) return l;
    list_rows_free(l);
    return NULL;
}

void list_rows_free(struct list_rows *l)
{
    if (!l) return;
    list_rows_forget(l);
    format_free(l->format);
    buf_deinit(&l->cell);
    free(l);
}

void list_rows_forget(struct list_rows *l)
{
    for (size_t set = 0; set < SETS; set++)
        for (size_t way = 0; way < WAYS; way++) {
            buf_deinit(&l->kept[set][way].text);
            l->kept[set][way].id = 0;
        }
}

/* ---- fields ---- */

static const char *bytes_of(const struct buf *b)
{
    return b->data ? b->data : "";
}

static void put_cell(const struct arrival *a, const char *name, size_t columns, struct buf *out)
{
    struct buf clean = {0};
    field_clean(field_find(name, strlen(name)), a, &clean);
    text_cell(out, bytes_of(&clean), clean.len, columns, false);
    buf_deinit(&clean);
}

/* What stands for the headline where an item has none; of a kill, its reason. */
static void put_headline(const struct arrival *a, struct buf *out)
{
    static const char *const fields[] = {"headline", "note", "description", "body", "uri"};
    bool killed = item_status(a->item) == ITEM_CANCELED;
    size_t start = out->len;
    for (size_t i = 0; i < sizeof fields / sizeof *fields && out->len == start; i++)
        if (killed || strcmp(fields[i], "note") != 0) put_cell(a, fields[i], HEADLINE_MOST, out);
}

/* One line, its blanks as the format has them. */
static void put_format(const struct format *f, const struct arrival *a, struct buf *out)
{
    struct buf raw = {0}, clean = {0};
    format_put(f, a, &raw);
    if (raw.len) text_clean(&clean, raw.data, raw.len, TEXT_LINES);
    text_cell(out, bytes_of(&clean), strcspn(bytes_of(&clean), "\n"), HEADLINE_MOST, false);
    buf_deinit(&raw);
    buf_deinit(&clean);
}

struct filling {
    struct list_rows *rows;
    struct kept *kept;
    bool found;
};

static bool fill(void *user, const struct history_row *row)
{
    struct filling *f = user;
    struct buf *text = &f->kept->text;
    f->found = true;
    if (f->rows->format) {
        put_format(f->rows->format, row->arrival, text);
    } else {
        put_cell(row->arrival, "source", SOURCE_MOST, text);
        f->kept->source_len = text->len;
        put_headline(row->arrival, text);
    }
    return false;
}

static struct kept *slot_of(struct list_rows *l, int64_t id)
{
    struct kept *set = l->kept[(uint64_t)id % SETS], *oldest = set;
    for (size_t way = 0; way < WAYS; way++) {
        if (set[way].id == id) return &set[way];
        if (set[way].used < oldest->used) oldest = &set[way];
    }
    return oldest;
}

/* NULL: it cannot be had. */
static const struct kept *keep(struct list_rows *l, int64_t id, struct news_error *err)
{
    struct filling f = {.rows = l, .kept = slot_of(l, id)};
    struct kept *k = f.kept;
    k->used = ++l->drawings;
    if (k->id == id) return k;
    k->id = 0;
    k->source_len = 0;
    buf_clear(&k->text);
    if (!history_row(l->history, id, fill, &f, err)) return NULL;
    if (!buf_ok(&k->text)) {
        news_fail(err, NEWS_ERR_MEMORY, "out of memory");
        return NULL;
    }
    if (f.found) k->id = id;
    else if (err) *err = (struct news_error){.code = NEWS_OK};
    return f.found ? k : NULL;
}

/* ---- columns ---- */

/* What a list of that many columns, at least, has room for. */
static const struct layout {
    int columns, when, source;
} layouts[] = {
    {110, DATE_COLUMNS, 24},
    {72, DATE_COLUMNS, 16},
    {52, DAY_COLUMNS, 10},
    {38, DAY_COLUMNS, 0},
    {0, 0, 0},
};

static const struct layout *layout_of(int columns)
{
    const struct layout *l = layouts;
    while (columns < l->columns)
        l++;
    return l;
}

/* Where the drawing is, and what is left of the line. */
struct pen {
    struct screen *screen;
    struct buf *cell;
    const struct style *blank, *over; /* blank: of what is between the fields */
    int row, column, left;
};

/* As much of the text as that many columns take; an ellipsis shows that it goes on. Its look ends
 * with it: no underlined blanks. Returns the columns it took. */
static int put(struct pen *p, int columns, const char *text, size_t len, const struct style *style)
{
    int width = (int)text_width(text, len);
    if (columns > p->left) columns = p->left;
    if (columns <= 0) return 0;
    if (width > columns) {
        buf_clear(p->cell);
        text_cell(p->cell, text, len, (size_t)columns, true);
        text = bytes_of(p->cell);
        len = p->cell->len;
        width = columns;
    }
    if (width > 0) screen_put(p->screen, p->row, p->column, width, text, len, style, p->over);
    p->column += width;
    p->left -= width;
    return width;
}

static void put_blanks(struct pen *p, int columns)
{
    if (columns > p->left) columns = p->left;
    if (columns > 0) screen_put(p->screen, p->row, p->column, columns, "", 0, p->blank, p->over);
    p->column += columns;
    p->left -= columns;
}

/* A field of that many columns, and a blank behind. */
static void put_column(struct pen *p, int columns, const char *text, size_t len,
                       const struct style *style)
{
    if (columns > 0) put_blanks(p, columns + 1 - put(p, columns, text, len, style));
}

static const struct {
    const char *text;
    enum theme_element look;
} urgencies[] = {
    [1] = {"!!!", THEME_FLASH}, {"!!", THEME_URGENT}, {"!", THEME_HIGH},
    {"", THEME_TEXT},           {"", THEME_TEXT},     {"", THEME_TEXT},
    {"", THEME_TEXT},           {"", THEME_LOW},      {"", THEME_LOW},
};

enum { URGENCIES = sizeof urgencies / sizeof *urgencies };

static unsigned urgency_of(const struct model_entry *e)
{
    return e->urgency >= 1 && e->urgency < URGENCIES ? e->urgency : 5;
}

/* The headline's look says what the item is, and, besides, whether it is unread. */
static struct style headline_style(const struct list_rows *l, const struct model_entry *e)
{
    const struct style *styles = l->theme->styles, *unread = &styles[THEME_UNREAD];
    if (e->status == ITEM_CANCELED) return styles[THEME_KILLED];
    enum theme_element look = urgencies[urgency_of(e)].look;
    struct style s = e->highlight ? *rules_style(l->rules, e->highlight) : styles[look];
    if (e->marks & HISTORY_READ) return s;
    if (!e->highlight && look == THEME_TEXT) return *unread;
    s.attributes |= unread->attributes;
    s.plain |= unread->plain;
    return s;
}

static void put_marks(const struct list_rows *l, struct pen *p, const struct model_entry *e)
{
    const struct style *styles = l->theme->styles;
    bool killed = e->status == ITEM_CANCELED;
    const struct {
        bool on;
        const char *text;
        enum theme_element look;
    } flags[FLAGS] = {
        {!(e->marks & HISTORY_READ), "N", THEME_UNREAD},
        {e->marks & HISTORY_STARRED, "*", THEME_STARRED},
        {e->updated && !killed, "u", THEME_UPDATED},
    };
    for (size_t i = 0; i < FLAGS; i++)
        if (!put(p, flags[i].on, flags[i].text, 1, &styles[flags[i].look])) put_blanks(p, 1);
    const char *text = killed ? "KILL" : urgencies[urgency_of(e)].text;
    enum theme_element look = killed ? THEME_FLASH : urgencies[urgency_of(e)].look;
    put_column(p, URGENCY_COLUMNS, text, strlen(text), &styles[look]);
}

static void put_headline_at(const struct list_rows *l, struct pen *p, const struct model_entry *e,
                            const char *text, size_t len)
{
    char folded[16] = "";
    struct style style = headline_style(l, e);
    if (e->followers) (void)snprintf(folded, sizeof folded, " (+%u)", (unsigned)e->followers);
    int behind = (int)strlen(folded);
    if (p->left < 2 * behind) behind = 0; /* no room for both */
    (void)put(p, p->left - behind, text, len, &style);
    (void)put(p, behind, folded, (size_t)behind, &l->theme->styles[THEME_QUIET]);
}

bool list_row_draw(struct list_rows *l, struct screen *s, const struct model_entry *e,
                   const struct list_row_at *at, struct news_error *err)
{
    const struct kept *k = keep(l, e->id, err);
    if (!k) return false;
    const struct style *styles = l->theme->styles;
    struct pen p = {
        .screen = s,
        .cell = &l->cell,
        .blank = &styles[THEME_TEXT],
        .over = at->selected ? &styles[THEME_SELECTED] : NULL,
        .row = at->row,
        .column = at->column,
        .left = at->columns,
    };
    const struct layout *layout = layout_of(at->columns);
    const char *text = bytes_of(&k->text);
    if (!l->format) {
        char when[VIEW_WHEN_SIZE];
        view_text_when(e->time_ms, at->now_ms, when);
        put_column(&p, layout->when, when + DATE_COLUMNS - layout->when, (size_t)layout->when,
                   &styles[THEME_TIME]);
        put_column(&p, layout->source, text, k->source_len, &styles[THEME_SOURCE]);
    }
    put_marks(l, &p, e);
    put_headline_at(l, &p, e, text + k->source_len, k->text.len - k->source_len);
    put_blanks(&p, p.left);
    return true;
}

/* ---- gaps ---- */

/* "afp/world" of "news/afp/world/fr/3/sport". */
static void put_stream(const char *topic, struct buf *out)
{
    const char *from = strchr(topic, '/');
    from = from ? from + 1 : topic;
    size_t len = strcspn(from, "/");
    if (from[len]) len += 1 + strcspn(from + len + 1, "/");
    text_clean(out, from, len, TEXT_ONE_LINE);
}

void list_gap_text(struct buf *out, const struct gap *g)
{
    buf_printf(out, "%" PRIu64 "%s", g->last - g->first + 1,
               g->reason ? " gone for good: " : " missing: ");
    put_stream(g->topic, out);
    buf_printf(out, " %" PRIu64, g->first);
    if (g->last > g->first) buf_printf(out, " to %" PRIu64, g->last);
    buf_puts(out, g->reason ? ", " : ", asked for");
    if (g->reason) text_clean(out, g->reason, strlen(g->reason), TEXT_ONE_LINE);
}

void list_gap_draw(const struct list_rows *l, struct screen *s, const struct gap *g,
                   const struct list_row_at *at)
{
    const struct style *styles = l->theme->styles;
    const struct style *over = at->selected ? &styles[THEME_SELECTED] : NULL;
    struct buf text = {0}, cell = {0};
    buf_puts(&text, "-- ");
    list_gap_text(&text, g);
    buf_puts(&text, " --");
    text_cell(&cell, bytes_of(&text), text.len, (size_t)(at->columns > 0 ? at->columns : 0), false);
    screen_put(s, at->row, at->column, at->columns, bytes_of(&cell), cell.len, &styles[THEME_GAP],
               over);
    buf_deinit(&text);
    buf_deinit(&cell);
}
