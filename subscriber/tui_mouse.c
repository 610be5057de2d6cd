/* The mouse: a click selects, a second one opens, the wheel scrolls what is below it. */
#include "subscriber/tui_state.h"

enum { WHEEL_LINES = 3 };

static bool is_in(const struct tui_area *a, const struct screen_event *e)
{
    return e->row >= a->row && e->row < a->row + a->rows && e->column >= a->column &&
           e->column < a->column + a->columns;
}

void mouse_click(struct tui *t, const struct screen_event *e)
{
    struct tui_list *l = t->list;
    if (t->page_kind != TUI_NO_PAGE) return;
    t->dirty = true;
    if (is_in(&t->item.area, e)) {
        (void)item_enter(t);
        return;
    }
    int line = e->row - l->area.row;
    if (!is_in(&l->area, e) || line >= TUI_ROWS_MAX || l->at_row[line] == MODEL_NONE) return;
    int64_t place = l->at_row[line];
    size_t d = list_place_at(t, l, place);
    bool again = e->twice || (t->clicked == place && list_cursor(t, l) == d);
    t->clicked = place;
    t->item_focus = false;
    list_move(t, l, d);
    if (again) item_open(t);
}

void mouse_wheel(struct tui *t, const struct screen_event *e)
{
    struct tui_pane *pane = t->page_kind != TUI_NO_PAGE ? &t->page : &t->item;
    long lines = (long)e->steps * WHEEL_LINES;
    t->dirty = true;
    if (is_in(&pane->area, e)) {
        pane_scroll(pane, lines);
    } else if (is_in(&t->list->area, e)) {
        size_t d = list_cursor(t, t->list);
        if (d == SIZE_MAX) return;
        if (lines < 0) list_move(t, t->list, (size_t)-lines < d ? d - (size_t)-lines : 0);
        else list_move(t, t->list, d + (size_t)lines);
    }
}
