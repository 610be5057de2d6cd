/* The frame: where things are on the screen, and the list with its gaps. */
#include <string.h>

#include "common/date.h"
#include "common/text.h"
#include "subscriber/tui_state.h"

enum {
    LEAST_ROWS = 3, /* of the screen */
    LEAST_COLUMNS = 10,
    SIDE_LEAST_COLUMNS = 60, /* side by side, when it is asked for */
    STACK_LEAST_ROWS = 9,
    GAP_LINES = 3, /* between two items; more are counted */
};

/* ---- the layout ---- */

bool draw_too_small(const struct tui *t)
{
    return screen_rows(t->screen) < LEAST_ROWS || screen_columns(t->screen) < LEAST_COLUMNS;
}

static enum tui_layout layout_now(const struct tui *t)
{
    int rows = screen_rows(t->screen), columns = screen_columns(t->screen);
    if (t->layout == TUI_AUTO && columns >= TUI_SIDE_COLUMNS) return TUI_SIDE;
    if (t->layout == TUI_AUTO && rows >= TUI_STACK_ROWS) return TUI_STACKED;
    if (t->layout == TUI_SIDE && columns >= SIDE_LEAST_COLUMNS) return TUI_SIDE;
    if (t->layout == TUI_STACKED && rows >= STACK_LEAST_ROWS) return TUI_STACKED;
    return TUI_LIST;
}

bool layout_has_item(const struct tui *t)
{
    enum tui_layout layout = layout_now(t);
    return layout == TUI_SIDE || (layout == TUI_STACKED && t->opened);
}

/* Parts the body; what is not on the screen has no rows. */
static void arrange(const struct tui *t, struct tui_area body, struct tui_area *list,
                    struct tui_area *item)
{
    *list = body;
    *item = (struct tui_area){0};
    if (layout_now(t) == TUI_SIDE) {
        list->columns = body.columns * 9 / 20;
        *item = (struct tui_area){body.row, body.column + list->columns + 1, body.rows,
                                  body.columns - list->columns - 1};
    } else if (layout_now(t) == TUI_STACKED && t->opened) {
        list->rows = body.rows / 3;
        *item = (struct tui_area){body.row + list->rows + 1, body.column,
                                  body.rows - list->rows - 1, body.columns};
    } else if (t->opened) {
        *item = body;
        list->rows = 0;
    }
}

/* ---- gaps ---- */

struct gap_run {
    size_t first, count;
};

/* Gaps with first <= place < end. */
static struct gap_run gaps_between(const struct tui *t, int64_t first, int64_t end)
{
    size_t i = gaps_from(t->o.gaps, first);
    return (struct gap_run){i, gaps_from(t->o.gaps, end) - i};
}

/* What is missing before the i-th visible entry, counted from the oldest. Older gaps than what is
 * loaded wait until it is. */
static struct gap_run gaps_before(const struct tui *t, const struct tui_list *l, size_t i)
{
    const struct model *m = l->model;
    if (l != &t->river || gaps_count(t->o.gaps) == 0) return (struct gap_run){0};
    int64_t oldest = load_bound(t);
    if (i > 0) oldest = model_entry(m, model_visible(m, i - 1))->first_id + 1;
    return gaps_between(t, oldest, model_entry(m, model_visible(m, i))->first_id + 1);
}

static struct gap_run gaps_behind_all(const struct tui *t, const struct tui_list *l)
{
    const struct model *m = l->model;
    size_t count = model_count(m);
    if (l != &t->river || gaps_count(t->o.gaps) == 0) return (struct gap_run){0};
    size_t first = 0;
    if (count > 0)
        first = gaps_from(t->o.gaps, model_entry(m, model_visible(m, count - 1))->first_id + 1);
    return (struct gap_run){first, gaps_count(t->o.gaps) - first};
}

static int lines_of(struct gap_run run, int rows)
{
    int most = rows < 8 ? 1 : GAP_LINES;
    return run.count > (size_t)most ? most : (int)run.count;
}

/* ---- the list ---- */

/* An entry with the gaps above and below it. */
struct block {
    struct gap_run above, below;
    int64_t place;
    int rows;
};

static struct block block_at(const struct tui *t, const struct tui_list *l, size_t d)
{
    size_t count = model_count(l->model), i = t->newest_last ? d : count - 1 - d;
    struct gap_run before = gaps_before(t, l, i), behind = {0};
    if (i == count - 1) behind = gaps_behind_all(t, l);
    struct block b = {.above = t->newest_last ? before : behind,
                      .below = t->newest_last ? behind : before,
                      .place = model_visible(l->model, i)};
    b.rows = 1 + lines_of(b.above, l->area.rows) + lines_of(b.below, l->area.rows);
    return b;
}

/* The topmost entry from which on everything down to the last one, d, fits. */
static size_t top_that_shows(const struct tui *t, const struct tui_list *l, size_t d)
{
    int rows = block_at(t, l, d).rows;
    while (d > 0 && (rows += block_at(t, l, d - 1).rows) <= l->area.rows)
        d--;
    return d;
}

/* The first line stays where it is unless the cursor is above it, or below the last, or lines would
 * be empty at the bottom. When all is judged again the cursor's line stays instead, and what goes
 * below is still to come. */
static size_t top_of(const struct tui *t, const struct tui_list *l, size_t cursor)
{
    size_t top = l->top == MODEL_NONE ? 0 : list_place_at(t, l, l->top);
    if (l->keep_row) top = cursor > l->above ? cursor - l->above : 0;
    size_t lowest = top_that_shows(t, l, cursor);
    size_t end = top_that_shows(t, l, model_count(l->model) - 1);
    if (top < lowest) top = lowest;
    if (top > end && model_counts(l->model).stale == 0) top = end;
    return top < cursor ? top : cursor;
}

static struct list_row_at row_at(const struct tui_list *l, int line)
{
    return (struct list_row_at){.row = l->area.row + line,
                                .column = l->area.column,
                                .columns = l->area.columns,
                                .now_ms = date_now_ms()};
}

static int draw_gaps(struct tui *t, struct tui_list *l, struct gap_run run, int line)
{
    int lines = lines_of(run, l->area.rows);
    for (int i = 0; i < lines && line < l->area.rows; i++, line++) {
        struct list_row_at at = row_at(l, line);
        size_t left = run.count - (size_t)i;
        if (i + 1 < lines || left == 1) {
            list_gap_draw(l->rows, t->screen, gaps_at(t->o.gaps, run.first + (size_t)i), &at);
            continue;
        }
        char text[64];
        int len = snprintf(text, sizeof text, "-- %zu more such places --", left);
        screen_put(t->screen, at.row, at.column, at.columns, text, (size_t)len,
                   &t->theme.styles[THEME_GAP], NULL);
    }
    return line;
}

/* False: its text is gone. */
static bool draw_entry(struct tui *t, struct tui_list *l, const struct block *b, bool selected,
                       int line)
{
    const struct model_entry *e = model_entry(l->model, b->place);
    struct list_row_at at = row_at(l, line);
    struct news_error err = {0};
    at.selected = selected;
    if (line < TUI_ROWS_MAX) l->at_row[line] = b->place;
    if (list_row_draw(l->rows, t->screen, e, &at, &err)) return true;
    if (err.code != NEWS_OK) tui_say(t, true, "%s", err.message);
    return err.code != NEWS_OK;
}

static void draw_nothing(struct tui *t, const struct tui_list *l)
{
    struct model_counts c = model_counts(l->model);
    char text[160];
    if (l == &t->river && (t->loading || c.stale > 0))
        (void)snprintf(text, sizeof text, "loading...");
    else if (l != &t->river)
        (void)snprintf(text, sizeof text, t->search->run ? "searching..." : "nothing found");
    else if (c.hidden > 0)
        (void)snprintf(text, sizeof text, "%zu hidden by rules and filter", c.hidden);
    else (void)snprintf(text, sizeof text, "no news yet: it appears here as it comes");
    screen_put(t->screen, l->area.row, l->area.column, l->area.columns, text, strlen(text),
               &t->theme.styles[THEME_QUIET], NULL);
}

static void note_top(const struct tui *t, struct tui_list *l, size_t top, size_t cursor)
{
    l->top = top == 0 && l->following ? MODEL_NONE : list_place(t, l, top);
    l->above = cursor - top;
    l->keep_row = false;
}

/* The next frame does without them. */
static void drop_gone(struct tui *t, struct tui_list *l, const int64_t *places, size_t count)
{
    for (size_t i = 0; i < count; i++)
        model_drop(l->model, places[i]);
    list_catch_up(l);
    t->dirty = true;
}

static void draw_list(struct tui *t, struct tui_list *l)
{
    size_t cursor = list_cursor(t, l), count = model_count(l->model);
    for (size_t i = 0; i < TUI_ROWS_MAX; i++)
        l->at_row[i] = MODEL_NONE;
    if (l->area.rows <= 0) return;
    if (count == 0) {
        draw_nothing(t, l);
        return;
    }
    size_t top = top_of(t, l, cursor), gone_count = 0;
    if (model_counts(l->model).stale == 0) note_top(t, l, top, cursor);
    int64_t gone[TUI_ROWS_MAX];
    int line = 0;
    for (size_t d = top; d < count && line < l->area.rows; d++) {
        struct block b = block_at(t, l, d);
        line = draw_gaps(t, l, b.above, line);
        if (line < l->area.rows && !draw_entry(t, l, &b, d == cursor, line++) &&
            gone_count < TUI_ROWS_MAX)
            gone[gone_count++] = b.place;
        line = draw_gaps(t, l, b.below, line);
    }
    if (gone_count > 0) drop_gone(t, l, gone, gone_count);
}

/* ---- panes ---- */

static void draw_pane(struct tui *t, struct tui_pane *p)
{
    if (p->area.rows <= 0) return;
    pane_scroll(p, 0); /* the text or the pane may be smaller than before */
    page_draw(p->page, t->screen, &t->theme, p->area.row, p->area.column, p->area.rows,
              p->area.columns, p->top);
}

static void draw_border(struct tui *t)
{
    const struct tui_area *list = &t->list->area, *item = &t->item.area;
    struct style style = t->theme.styles[THEME_BORDER];
    if (list->rows == 0 || item->rows == 0) return;
    if (t->item_focus) style.attributes |= STYLE_BOLD;
    if (item->row == list->row) {
        screen_line_down(t->screen, list->row, item->column - 1, list->rows, &style);
        return;
    }
    struct buf line = {0};
    for (int i = 0; i < list->columns; i++)
        buf_puts(&line, "\xe2\x94\x80");
    screen_put(t->screen, item->row - 1, list->column, list->columns, line.data, line.len, &style,
               NULL);
    buf_deinit(&line);
}

static void draw_body(struct tui *t, struct tui_area body)
{
    if (t->page_kind != TUI_NO_PAGE) {
        t->list->area.rows = t->item.area.rows = 0;
        t->page.area = body;
        draw_pane(t, &t->page);
        return;
    }
    t->page.area = (struct tui_area){0};
    /* Where it would take the list's place, the item is there for whoever reads it alone. */
    if (layout_now(t) == TUI_LIST) t->opened = t->item_focus;
    arrange(t, body, &t->list->area, &t->item.area);
    /* The page whose link is asked for stays. */
    bool asked = t->prompting && t->prompt_kind == PROMPT_LINK;
    if (t->item.area.rows > 0 && !asked) item_refresh(t);
    draw_list(t, t->list);
    draw_pane(t, &t->item);
    draw_border(t);
}

/* ---- the frame ---- */

void draw_frame(struct tui *t)
{
    int rows = screen_rows(t->screen), columns = screen_columns(t->screen);
    bool said = t->message_until_mono_ms > date_mono_ms();
    struct tui_area body = {1, 0, rows - 2, columns};
    t->dirty = false; /* drawing may find that it has to be done again */
    screen_erase(t->screen);
    screen_cursor(t->screen, -1, 0);
    if (draw_too_small(t)) {
        screen_put(t->screen, 0, 0, columns, "too small", 9, &t->theme.styles[THEME_ALERT], NULL);
        screen_show(t->screen);
        return;
    }
    if ((t->prompting || said) && body.rows > 1) body.rows--;
    draw_body(t, body);
    bar_title(t, 0);
    bar_status(t, rows - 1);
    if (t->prompting) prompt_draw(t->prompt, t->screen, &t->theme, rows - 2, columns);
    else if (said) bar_message(t, rows - 2);
    screen_show(t->screen);
}
