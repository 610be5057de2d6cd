/* The lines above and below: what there is no room for is left out, by rank. */
#include <string.h>
#include <unistd.h>

#include "common/date.h"
#include "common/text.h"
#include "subscriber/tui_state.h"

enum {
    PARTS_MAX = 16,
    PART_SIZE = 256,
    LAG_SHOWN_MS = 60000, /* after the item */
    CUT_LEAST = 12,       /* columns that are left of what can be cut */
};

struct part {
    char text[PART_SIZE];
    size_t columns;
    unsigned rank; /* the highest are left out first */
    bool alert, right;
    bool cuttable; /* before anything is left out; and never left out itself */
};

struct bar {
    struct part parts[PARTS_MAX];
    size_t count;
};

__attribute__((format(printf, 3, 4))) static struct part *put(struct bar *b, unsigned rank,
                                                              const char *format, ...)
{
    struct part *p = &b->parts[b->count < PARTS_MAX - 1 ? b->count++ : b->count];
    va_list args;
    *p = (struct part){.rank = rank};
    va_start(args, format);
    (void)vsnprintf(p->text, sizeof p->text, format, args);
    va_end(args);
    p->text[text_valid_prefix(p->text, strlen(p->text))] = '\0';
    p->columns = text_width(p->text, strlen(p->text));
    return p;
}

static size_t least_columns(const struct part *p)
{
    return p->cuttable && p->columns > CUT_LEAST ? CUT_LEAST : p->columns;
}

static void cut(struct part *p, size_t columns)
{
    struct buf cell = {0};
    text_cell(&cell, p->text, strlen(p->text), columns, true);
    if (buf_ok(&cell)) (void)snprintf(p->text, sizeof p->text, "%s", cell.data);
    p->text[text_valid_prefix(p->text, strlen(p->text))] = '\0'; /* an ellipsis is longer */
    p->columns = columns;
    buf_deinit(&cell);
}

/* Leaves out parts until the rest, two blanks between them, fits, and cuts what can be cut to what
 * there is room for; the last one is cut by whoever draws it. */
static void fit(struct bar *b, size_t columns)
{
    size_t used;
    for (;;) {
        size_t worst = SIZE_MAX;
        used = 0;
        for (size_t i = 0; i < b->count; i++) {
            const struct part *p = &b->parts[i];
            used += least_columns(p) + 2;
            if (!p->cuttable && (worst == SIZE_MAX || p->rank >= b->parts[worst].rank)) worst = i;
        }
        if (used <= columns + 1 || b->count <= 1 || worst == SIZE_MAX) break;
        memmove(&b->parts[worst], &b->parts[worst + 1], (b->count - worst - 1) * sizeof *b->parts);
        b->count--;
    }
    size_t left = used <= columns + 1 ? columns + 1 - used : 0;
    for (size_t i = 0; i < b->count; i++) {
        struct part *p = &b->parts[i];
        size_t least = least_columns(p), more = p->columns - least;
        if (more > left) cut(p, least + left);
        left -= more < left ? more : left;
    }
}

static void draw_part(struct tui *t, const struct part *p, int row, int column)
{
    int left = screen_columns(t->screen) - column;
    int columns = (int)p->columns < left ? (int)p->columns : left;
    screen_put(t->screen, row, column, columns, p->text, strlen(p->text),
               &t->theme.styles[p->alert ? THEME_ALERT : THEME_BAR], NULL);
}

static void draw_bar(struct tui *t, struct bar *b, int row)
{
    int columns = screen_columns(t->screen), left = 1, right = columns;
    fit(b, (size_t)columns);
    screen_put(t->screen, row, 0, columns, "", 0, &t->theme.styles[THEME_BAR], NULL);
    for (size_t i = 0; i < b->count; i++) {
        const struct part *p = &b->parts[i];
        if (p->right) continue;
        draw_part(t, p, row, left);
        left += (int)p->columns + 2;
    }
    for (size_t i = b->count; i-- > 0;) {
        const struct part *p = &b->parts[i];
        if (!p->right) continue;
        right -= (int)p->columns + 1;
        draw_part(t, p, row, right);
        right--;
    }
}

/* ---- the title ---- */

static void put_position(const struct tui *t, struct bar *b)
{
    const struct tui_pane *p = pane_of_keys((struct tui *)t);
    size_t lines = p ? page_lines(p->page, p->area.columns) : 0;
    size_t d = list_cursor(t, t->list), count = model_count(t->list->model);
    if (p && lines > (size_t)p->area.rows)
        put(b, 1, "%zu %%", p->top * 100 / (lines - (size_t)p->area.rows))->right = true;
    else if (p) put(b, 1, "all")->right = true;
    else if (d != SIZE_MAX) put(b, 1, "%zu/%zu", d + 1, count)->right = true;
}

static void put_filter(const struct tui *t, struct bar *b)
{
    const struct rules *r = t->list->rules;
    const struct filter *live = rules_live(r);
    struct buf text = {0};
    if (live) text_clean(&text, filter_text(live), strlen(filter_text(live)), TEXT_ONE_LINE);
    if (text.len > 0) put(b, 0, "filter: %s", text.data)->cuttable = true;
    buf_deinit(&text);
    if (rules_unread_only(r)) put(b, 4, "unread only");
    if (rules_shows_hidden(r)) put(b, 6, "hidden shown");
}

static void put_search(const struct tui *t, struct bar *b)
{
    const struct tui_search *s = t->search;
    size_t found = model_count(s->list.model);
    struct buf text = {0};
    text_clean(&text, s->text, strlen(s->text), TEXT_ONE_LINE);
    put(b, 0, "search: %s", text.data ? text.data : "")->cuttable = true;
    buf_deinit(&text);
    if (s->run) put(b, 2, "%zu found, %u %%", found, history_search_percent(s->run));
    else put(b, 2, "%zu found", found);
}

static const char *page_title(const struct tui *t)
{
    static const char *const titles[] = {
        [TUI_NO_PAGE] = "newssub", [TUI_HELP] = "help",     [TUI_MESSAGES] = "messages",
        [TUI_GAPS] = "missing",    [TUI_SOURCE] = "source", [TUI_VERSIONS] = "versions",
        [TUI_LINKS] = "links",
    };
    return titles[t->page_kind];
}

void bar_title(struct tui *t, int row)
{
    struct bar b = {0};
    struct model_counts c = model_counts(t->list->model);
    if (t->search && t->page_kind == TUI_NO_PAGE) put_search(t, &b);
    else put(&b, t->page_kind == TUI_NO_PAGE ? 5 : 1, "%s", page_title(t));
    put_filter(t, &b);
    put_position(t, &b);
    if (c.fresh > 0) put(&b, 0, "+%zu new", c.fresh)->right = true;
    if (t->list == &t->river)
        put(&b, 2, "%s", t->list->following ? "following" : "paused")->right = true;
    draw_bar(t, &b, row);
}

/* ---- the status ---- */

/* "40 ms", "3 s", "7 min": what is later than ten minutes is not told. */
static void put_lag(const struct tui *t, struct bar *b)
{
    static const struct {
        int64_t below_ms, unit_ms;
        const char *name;
    } units[] = {{1000, 1, "ms"}, {120 * 1000, 1000, "s"}, {INT64_MAX, 60000, "min"}};
    int64_t lag = t->rate.lag_ms;
    size_t i = 0;
    if (lag == DATE_UNKNOWN || lag < 0 || date_mono_ms() > t->rate.last_mono_ms + LAG_SHOWN_MS)
        return;
    while (lag >= units[i].below_ms)
        i++;
    put(b, 6, "lag %lld %s", (long long)(lag / units[i].unit_ms), units[i].name);
}

static void put_rate(const struct tui *t, struct bar *b)
{
    unsigned items = 0;
    for (size_t i = 0; i < TUI_RATE_SECONDS; i++)
        items += t->rate.seconds[i];
    if (items >= 10 * TUI_RATE_SECONDS) put(b, 5, "%u/s", items / TUI_RATE_SECONDS);
    else if (items > 0) put(b, 5, "%.1f/s", (double)items / TUI_RATE_SECONDS);
}

static void put_work(const struct tui *t, struct bar *b, const struct model_counts *c)
{
    if (c->stale > 0) put(b, 7, "judging %zu", c->stale);
    else if (t->loading) put(b, 7, "loading %zu", c->entries);
}

static void status_parts(const struct tui *t, struct bar *b)
{
    const struct tui_status *s = &t->status;
    struct model_counts c = model_counts(t->list->model);
    if (s->state) put(b, 1, "%s", s->state)->alert = !s->up;
    if (*s->carrier) put(b, 8, "%s", s->carrier);
    put(b, 2, "%zu unread", c.unread);
    if (s->holes > 0) put(b, 3, "%llu missing", (unsigned long long)s->holes)->alert = true;
    if (s->gone > 0) put(b, 3, "%llu gone", (unsigned long long)s->gone)->alert = true;
    if (s->exec_failed > 0) put(b, 3, "%llu commands failed", s->exec_failed)->alert = true;
    if (!s->kept) put(b, 9, "not stored");
    if (c.hidden > 0) put(b, 4, "%zu hidden", c.hidden);
    put_work(t, b, &c);
    put_rate(t, b);
    put_lag(t, b);
    if (s->publishers > 0) put(b, 10, "%zu/%zu online", s->online, s->publishers)->right = true;
    if (t->memory_bytes > 0) put(b, 11, "%zu MiB", t->memory_bytes >> 20)->right = true;
}

void bar_status_text(struct tui *t, struct buf *out)
{
    struct bar b = {0};
    status_parts(t, &b);
    for (size_t i = 0; i < b.count; i++) {
        buf_puts(out, b.parts[i].text);
        buf_putc(out, '\n');
    }
}

void bar_status(struct tui *t, int row)
{
    struct bar b = {0};
    status_parts(t, &b);
    draw_bar(t, &b, row);
    buf_clear(&t->status_text);
    bar_status_text(t, &t->status_text);
}

/* ---- messages ---- */

void bar_message(struct tui *t, int row)
{
    const struct tui_message *m = message_at(t, 0);
    if (!m) return;
    screen_put(t->screen, row, 0, screen_columns(t->screen), m->text, strlen(m->text),
               &t->theme.styles[m->grave ? THEME_ALERT : THEME_PROMPT], NULL);
}

/* ---- figures ---- */

static size_t resident_bytes(void)
{
    FILE *f = fopen("/proc/self/statm", "re");
    unsigned long pages = 0, resident = 0;
    if (!f) return 0;
    if (fscanf(f, "%lu %lu", &pages, &resident) != 2) resident = 0;
    (void)fclose(f);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

/* Once a second: the slots of the seconds that went by are emptied. */
void rate_second(struct tui *t, int64_t now_mono_ms)
{
    int64_t now_s = now_mono_ms / 1000;
    int64_t passed = now_s - t->rate.now_s;
    if (passed > TUI_RATE_SECONDS) passed = TUI_RATE_SECONDS;
    for (int64_t i = 0; i < passed; i++)
        t->rate.seconds[(now_s - i) % TUI_RATE_SECONDS] = 0;
    t->rate.now_s = now_s;
    t->memory_bytes = resident_bytes();
}
