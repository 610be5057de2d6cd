/* Commands: marks, and the way to all the others. */
#include "subscriber/tui_state.h"

/* ---- marks ---- */

static unsigned marks_of(const struct tui_list *l, int64_t id)
{
    const struct model_entry *e = model_entry(l->model, model_place(l->model, id));
    return e ? e->marks : 0;
}

static void set_marks(struct tui_list *l, int64_t id, unsigned set, unsigned clear)
{
    model_set_marks(l->model, model_place(l->model, id), set, clear);
}

bool mark_item(struct tui *t, struct tui_list *l, int64_t place, unsigned set, unsigned clear)
{
    const struct model_entry *e = model_entry(l->model, place);
    struct news_error err = {0};
    if (!e || ((e->marks & ~clear) | set) == e->marks) return false;
    int64_t id = e->id;
    if (t->marked_count == TUI_MARKED_MAX && !commit_marks(t)) return false;
    if (!history_set_marks(t->o.history, id, set, clear, &err)) {
        tui_say(t, true, "%s", err.message);
        return false;
    }
    struct tui_marked *m = &t->marked[t->marked_count++];
    *m = (struct tui_marked){.id = id, .in_river = marks_of(&t->river, id)};
    set_marks(&t->river, id, set, clear);
    if (t->search) {
        m->in_search = marks_of(&t->search->list, id);
        set_marks(&t->search->list, id, set, clear);
    }
    t->dirty = true;
    return true;
}

bool commit_marks(struct tui *t)
{
    struct news_error err = {0};
    size_t left = t->marked_count;
    t->marked_count = 0;
    if (t->o.host.commit(t->o.host.user, &err)) return true;
    while (left-- > 0) { /* backwards: the first that was noted of an item is what it had */
        const struct tui_marked *m = &t->marked[left];
        set_marks(&t->river, m->id, m->in_river, ~m->in_river);
        if (t->search) set_marks(&t->search->list, m->id, m->in_search, ~m->in_search);
    }
    t->reading = NULL;
    t->dirty = true;
    tui_say(t, true, "%s: the marks are as they were", err.message);
    return false;
}

/* The place of the cursor; MODEL_NONE: the list is empty, which is said. */
int64_t item_chosen(struct tui *t)
{
    size_t d = list_cursor(t, t->list);
    if (d != SIZE_MAX) return list_place(t, t->list, d);
    tui_say(t, false, "there is no item");
    return MODEL_NONE;
}

void mark_chosen(struct tui *t, unsigned set, unsigned clear)
{
    int64_t place = item_chosen(t);
    if (place != MODEL_NONE && mark_item(t, t->list, place, set, clear)) (void)commit_marks(t);
}

static void toggle(struct tui *t, unsigned mark)
{
    const struct model_entry *e = list_entry(t, t->list);
    bool has = e && e->marks & mark;
    mark_chosen(t, has ? 0 : mark, has ? mark : 0);
}

static void toggle_read(struct tui *t)
{
    toggle(t, HISTORY_READ);
}

static void toggle_star(struct tui *t)
{
    toggle(t, HISTORY_STARRED);
}

void mark_read(struct tui *t)
{
    if (!t->o.settings->keep_unread && list_entry(t, t->list)) mark_chosen(t, HISTORY_READ, 0);
}

static void all_read(struct tui *t)
{
    t->reading = t->list;
    t->read_up_to = model_end(t->list->model);
    t->read_down_to = model_first(t->list->model);
    t->read_count = 0;
    t->busy = true;
}

/* ---- the rest ---- */

static void repeat(struct tui *t)
{
    bool asked = t->o.host.repeat(t->o.host.user);
    tui_say(t, !asked,
            asked ? "publishers are asked for what is missing" : "there is nobody to ask now");
}

static void redraw(struct tui *t)
{
    screen_redraw(t->screen);
    t->dirty = true;
}

static const struct tui_action others[] = {
    {COMMAND_TOGGLE_READ, toggle_read}, {COMMAND_ALL_READ, all_read},
    {COMMAND_TOGGLE_STAR, toggle_star}, {COMMAND_REPEAT, repeat},
    {COMMAND_REDRAW, redraw},           {0},
};

void command_run(struct tui *t, enum command c)
{
    static const struct tui_action *const tables[] = {tui_moves, tui_hands, tui_choices, others};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        for (const struct tui_action *a = tables[i]; a->run; a++)
            if (a->command == c) {
                a->run(t);
                return;
            }
}
