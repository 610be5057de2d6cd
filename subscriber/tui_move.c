/* Moving, and what is open: list, item, pages. */
#include <sys/random.h>

#include "subscriber/tui_state.h"

/* ---- moving ---- */

static void go_to(struct tui *t, size_t d)
{
    if (t->page_kind != TUI_NO_PAGE) pane_end(t);
    list_move(t, t->list, d);
    if (t->item_focus) mark_read(t);
}

static void go_by(struct tui *t, long lines)
{
    size_t d = list_cursor(t, t->list);
    if (d == SIZE_MAX) return;
    if (lines < 0) go_to(t, (size_t)-lines < d ? d - (size_t)-lines : 0);
    else go_to(t, d + (size_t)lines);
}

static void move_by(struct tui *t, long lines)
{
    struct tui_pane *pane = pane_of_keys(t);
    t->dirty = true;
    if (!pane) {
        go_by(t, lines);
        return;
    }
    pane_scroll(pane, lines);
    if (pane == &t->item) mark_read(t);
}

static long page_of_lines(struct tui *t)
{
    const struct tui_pane *pane = pane_of_keys(t);
    int rows = pane ? pane->area.rows : t->list->area.rows;
    return rows > 2 ? rows - 1 : 1;
}

static void down(struct tui *t)
{
    move_by(t, 1);
}

static void up(struct tui *t)
{
    move_by(t, -1);
}

static void page_down(struct tui *t)
{
    move_by(t, page_of_lines(t));
}

static void page_up(struct tui *t)
{
    move_by(t, -page_of_lines(t));
}

static void half_down(struct tui *t)
{
    move_by(t, (page_of_lines(t) + 1) / 2);
}

static void half_up(struct tui *t)
{
    move_by(t, -(page_of_lines(t) + 1) / 2);
}

static void first(struct tui *t)
{
    move_by(t, -INT32_MAX);
}

static void last(struct tui *t)
{
    move_by(t, INT32_MAX);
}

static void next(struct tui *t)
{
    go_by(t, 1);
}

static void previous(struct tui *t)
{
    go_by(t, -1);
}

/* The farthest one when step is to go on from there, as if the list were a ring. */
static size_t unread_from_end(const struct model *m, int step)
{
    if (step < 0) return model_unread_from(m, model_count(m), -1);
    const struct model_entry *e = model_entry(m, model_visible(m, 0));
    return e && !(e->marks & HISTORY_READ) ? 0 : model_unread_from(m, 0, 1);
}

static void go_unread(struct tui *t, size_t from, int step)
{
    const struct model *m = t->list->model;
    size_t i = model_count(m) > 0 ? model_unread_from(m, from, step) : SIZE_MAX;
    if (i == SIZE_MAX && model_count(m) > 0) i = unread_from_end(m, step);
    if (i == SIZE_MAX) tui_say(t, false, "everything here is read");
    else go_to(t, list_place_at(t, t->list, model_visible(m, i)));
}

static void unread_by(struct tui *t, int lines)
{
    size_t d = list_cursor(t, t->list);
    int64_t place = d == SIZE_MAX ? MODEL_NONE : list_place(t, t->list, d);
    go_unread(t, model_index(t->list->model, place), t->newest_last ? lines : -lines);
}

static void next_unread(struct tui *t)
{
    unread_by(t, 1);
}

static void previous_unread(struct tui *t)
{
    unread_by(t, -1);
}

static void random_unread(struct tui *t)
{
    size_t count = model_count(t->list->model), any = 0;
    if (count > 0 && getrandom(&any, sizeof any, 0) == sizeof any) any %= count;
    go_unread(t, any, 1);
}

static void follow(struct tui *t)
{
    if (t->list->following) {
        size_t d = list_cursor(t, t->list);
        t->list->following = false;
        t->list->cursor = list_place(t, t->list, d); /* MODEL_NONE in an empty list */
        t->dirty = true;
        return;
    }
    if (t->page_kind != TUI_NO_PAGE) pane_end(t);
    if (t->opened || t->item_focus) item_close(t);
    list_follow(t, t->list);
}

/* ---- what is open ---- */

static void open_item(struct tui *t)
{
    if (t->page_kind == TUI_NO_PAGE && !t->item_focus) item_open(t);
}

static void quit(struct tui *t)
{
    t->o.host.quit(t->o.host.user);
}

static void back(struct tui *t)
{
    if (t->page_kind != TUI_NO_PAGE) pane_end(t);
    else if (t->opened || t->item_focus) item_close(t);
    else if (t->search) search_close(t);
    else quit(t);
}

static void focus(struct tui *t)
{
    if (t->page_kind != TUI_NO_PAGE) return;
    t->dirty = true;
    if (t->item_focus && layout_has_item(t)) {
        t->item_focus = false;
        list_move(t, t->list, list_cursor(t, t->list)); /* which may follow again */
    } else if (t->item_focus) {
        item_close(t);
    } else if (layout_has_item(t)) {
        (void)item_enter(t);
    } else {
        item_open(t);
    }
}

static void layout(struct tui *t)
{
    static const char *const names[TUI_LAYOUTS] = {
        [TUI_AUTO] = "as the width allows",
        [TUI_SIDE] = "item beside the list",
        [TUI_STACKED] = "item below the list",
        [TUI_LIST] = "list alone",
    };
    t->layout = (t->layout + 1) % TUI_LAYOUTS;
    tui_say(t, false, "%s", names[t->layout]);
}

static void toggle_order(struct tui *t)
{
    t->newest_last = !t->newest_last;
    t->river.top = MODEL_NONE;
    if (t->search) t->search->list.top = MODEL_NONE;
    tui_say(t, false, "newest %s", t->newest_last ? "last" : "first");
}

/* ---- the table ---- */

const struct tui_action tui_moves[] = {
    {COMMAND_DOWN, down},
    {COMMAND_UP, up},
    {COMMAND_NEXT, next},
    {COMMAND_PREVIOUS, previous},
    {COMMAND_PAGE_DOWN, page_down},
    {COMMAND_PAGE_UP, page_up},
    {COMMAND_HALF_DOWN, half_down},
    {COMMAND_HALF_UP, half_up},
    {COMMAND_FIRST, first},
    {COMMAND_LAST, last},
    {COMMAND_NEXT_UNREAD, next_unread},
    {COMMAND_PREVIOUS_UNREAD, previous_unread},
    {COMMAND_RANDOM_UNREAD, random_unread},
    {COMMAND_FOLLOW, follow},
    {COMMAND_OPEN, open_item},
    {COMMAND_BACK, back},
    {COMMAND_QUIT, quit},
    {COMMAND_FOCUS, focus},
    {COMMAND_LAYOUT, layout},
    {COMMAND_ORDER, toggle_order},
    {0},
};
