/* Commands: marks, and the way to all the others. */
#include "subscriber/tui_state.h"

/* ---- marks ---- */

bool mark_item(struct tui *t, struct tui_list *l, int64_t place, unsigned set, unsigned clear)
{
    const struct model_entry *e = model_entry(l->model, place);
    struct tui_list *lists[] = {&t->river, t->search ? &t->search->list : NULL};
    struct news_error err = {0};
    if (!e || ((e->marks & ~clear) | set) == e->marks) return false;
    int64_t id = e->id;
    if (!history_set_marks(t->o.history, id, set, clear, &err)) {
        tui_say(t, true, "%s", err.message);
        return false;
    }
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        int64_t there = lists[i] ? model_place(lists[i]->model, id) : MODEL_NONE;
        if (there != MODEL_NONE) model_set_marks(lists[i]->model, there, set, clear);
    }
    t->written = t->dirty = true;
    return true;
}

void commit_marks(struct tui *t)
{
    struct news_error err = {0};
    t->written = false;
    if (!t->o.host.commit(t->o.host.user, &err)) tui_say(t, true, "%s", err.message);
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
    if (place != MODEL_NONE && mark_item(t, t->list, place, set, clear)) commit_marks(t);
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
    tui_say(t, false, "%zu marked read", model_counts(t->list->model).unread);
}

/* ---- the rest ---- */

static void repeat(struct tui *t)
{
    t->o.host.repeat(t->o.host.user);
    tui_say(t, false, "publishers are asked for what is missing");
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
