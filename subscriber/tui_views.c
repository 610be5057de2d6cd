/* What is open: lists with their cursors, the item, pages over everything. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/date.h"
#include "subscriber/tui_state.h"

/* ---- lists ---- */

bool list_open(struct tui_list *l, const struct tui *t, struct rules *rules, bool fold,
               struct news_error *err)
{
    const struct model_options o = {.rules = rules, .fold = fold};
    *l = (struct tui_list){
        .rules = rules, .cursor = MODEL_NONE, .top = MODEL_NONE, .following = true};
    l->model = model_new(&o, err);
    if (l->model)
        l->rows = list_rows_new(t->o.history, &t->theme, rules, t->o.settings->columns, err);
    return l->rows != NULL;
}

void list_close(struct tui_list *l)
{
    list_rows_free(l->rows);
    model_free(l->model);
}

/* The model counts from the oldest, the screen from its top. */
static size_t turned(const struct tui *t, const struct tui_list *l, size_t i)
{
    return t->newest_last ? i : model_count(l->model) - 1 - i;
}

size_t list_place_at(const struct tui *t, const struct tui_list *l, int64_t place)
{
    size_t count = model_count(l->model), i = model_index(l->model, place);
    if (count == 0) return SIZE_MAX;
    return turned(t, l, i < count ? i : count - 1);
}

int64_t list_place(const struct tui *t, const struct tui_list *l, size_t d)
{
    return d < model_count(l->model) ? model_visible(l->model, turned(t, l, d)) : MODEL_NONE;
}

size_t list_cursor(const struct tui *t, const struct tui_list *l)
{
    const struct model_entry *e = model_entry(l->model, l->cursor);
    size_t count = model_count(l->model);
    if (count == 0) return SIZE_MAX;
    if (l->cursor == MODEL_NONE) return turned(t, l, count - 1);
    /* What it stood on may have been folded under an older telling since. */
    bool folded = e && e->leader != MODEL_NONE && e->leader != l->cursor;
    return list_place_at(t, l, folded ? e->leader : l->cursor);
}

const struct model_entry *list_entry(const struct tui *t, const struct tui_list *l)
{
    size_t d = list_cursor(t, l);
    return d == SIZE_MAX ? NULL : model_entry(l->model, list_place(t, l, d));
}

static bool is_newest(const struct tui_list *l, int64_t place)
{
    size_t count = model_count(l->model);
    return count > 0 && model_visible(l->model, count - 1) == place;
}

/* While an item is read the list waits, wherever its cursor is. */
static void follow_if_newest(struct tui *t, struct tui_list *l)
{
    l->following = !t->item_focus && (l->cursor == MODEL_NONE || is_newest(l, l->cursor));
    if (l->following) list_catch_up(l);
}

void list_move(struct tui *t, struct tui_list *l, size_t d)
{
    size_t count = model_count(l->model);
    if (count == 0) return;
    l->cursor = list_place(t, l, d < count ? d : count - 1);
    model_seen(l->model, l->cursor);
    follow_if_newest(t, l);
    t->dirty = true;
}

void list_follow(struct tui *t, struct tui_list *l)
{
    l->following = true;
    l->top = MODEL_NONE;
    list_catch_up(l);
    t->dirty = true;
}

void list_catch_up(struct tui_list *l)
{
    size_t count = model_count(l->model);
    if (!l->following) return;
    l->cursor = count > 0 ? model_visible(l->model, count - 1) : MODEL_NONE;
    l->top = MODEL_NONE;
    if (model_counts(l->model).fresh > 0) model_seen_all(l->model);
}

/* ---- panes ---- */

struct tui_pane *pane_of_keys(struct tui *t)
{
    if (t->page_kind != TUI_NO_PAGE) return &t->page;
    return t->item_focus ? &t->item : NULL;
}

void pane_scroll(struct tui_pane *p, long lines)
{
    if (p->area.columns <= 0) return; /* never drawn yet */
    size_t all = page_lines(p->page, p->area.columns), rows = (size_t)p->area.rows;
    size_t most = all > rows ? all - rows : 0;
    if (lines < 0) p->top -= (size_t)-lines < p->top ? (size_t)-lines : p->top;
    else p->top = (size_t)lines < most ? p->top + (size_t)lines : most;
    if (p->top > most) p->top = most;
}

void pane_begin(struct tui *t, enum tui_page_kind kind)
{
    t->page_kind = kind;
    t->page.top = 0;
    page_mark(t->page.page, NULL);
    t->dirty = true;
}

void pane_end(struct tui *t)
{
    t->page_kind = TUI_NO_PAGE;
    t->dirty = true;
}

/* ---- the item ---- */

static bool copy_row(void *user, const struct history_row *row)
{
    struct telling *copy = user;
    buf_puts(&copy->topic, row->arrival->topic);
    buf_put(&copy->bytes, row->bytes, row->len);
    copy->received_ms = row->arrival->received_ms;
    return false;
}

bool telling_read(struct telling *copy, const struct tui *t, int64_t id)
{
    return history_row(t->o.history, id, copy_row, copy, NULL) && copy->bytes.len > 0 &&
           buf_ok(&copy->topic) && buf_ok(&copy->bytes) &&
           arrival_read(&copy->arrival, &copy->item, t->o.settings->root, copy->topic.data,
                        copy->bytes.data, copy->bytes.len, copy->received_ms);
}

void telling_deinit(struct telling *copy)
{
    buf_deinit(&copy->topic);
    buf_deinit(&copy->bytes);
}

struct show {
    struct tui *t;
    struct telling also[TUI_ALSO_MAX];
    const struct arrival *arrivals[TUI_ALSO_MAX];
    size_t also_count;
    const struct gap *gaps[TUI_ALSO_MAX];
    size_t gap_count;
    bool there;
};

static bool show_row(void *user, const struct history_row *row)
{
    struct show *s = user;
    const struct page_item item = {.row = row,
                                   .also = s->arrivals,
                                   .also_count = s->also_count,
                                   .gaps = s->gaps,
                                   .gap_count = s->gap_count,
                                   .now_ms = date_now_ms()};
    page_of_item(s->t->item.page, &item);
    s->there = true;
    return false;
}

/* What is gone from the store leaves the list, too. */
static void item_gone(struct tui *t)
{
    tui_say(t, false, "this item's text is not kept any more");
    model_drop(t->list->model, list_place(t, t->list, list_cursor(t, t->list)));
    list_catch_up(t->list);
    if (t->item_focus) item_close(t);
    t->dirty = true;
}

static void show_item(struct tui *t, const struct tui_list *l, const struct model_entry *e)
{
    struct show s = {.t = t};
    struct news_error err = {0};
    size_t read = 0, first = gaps_from(t->o.gaps, e->first_id);
    int64_t place = e->follower;
    while (read < TUI_ALSO_MAX && place != MODEL_NONE) {
        const struct model_entry *other = model_entry(l->model, place);
        if (!other) break;
        struct telling *copy = &s.also[read++];
        if (telling_read(copy, t, other->id)) s.arrivals[s.also_count++] = &copy->arrival;
        place = other->follower;
    }
    for (const struct gap *g;
         s.gap_count < TUI_ALSO_MAX && (g = gaps_at(t->o.gaps, first)) && g->place == e->first_id;
         first++)
        s.gaps[s.gap_count++] = g;
    page_clear(t->item.page);
    if (!history_row(t->o.history, e->id, show_row, &s, &err)) tui_say(t, true, "%s", err.message);
    else if (!s.there) item_gone(t);
    page_mark(t->item.page, t->search && l == &t->search->list ? t->search->words.data : NULL);
    while (read > 0)
        telling_deinit(&s.also[--read]);
}

void item_refresh(struct tui *t)
{
    const struct model_entry *e = list_entry(t, t->list);
    struct tui_shown now = {.list = t->list, .place = MODEL_NONE, .follower = MODEL_NONE};
    if (e)
        now = (struct tui_shown){t->list,      list_place(t, t->list, list_cursor(t, t->list)),
                                 e->id,        e->follower,
                                 e->followers, e->waits};
    const struct tui_shown *was = &t->shown;
    bool same_story = was->list == now.list && was->place == now.place;
    if (same_story && was->id == now.id && was->follower == now.follower &&
        was->followers == now.followers && was->waits == now.waits)
        return;
    if (!same_story) t->item.top = 0;
    t->shown = now;
    if (e) show_item(t, t->list, e);
    else page_clear(t->item.page);
}

bool item_enter(struct tui *t)
{
    size_t d = list_cursor(t, t->list);
    if (d == SIZE_MAX) return false;
    t->list->cursor = list_place(t, t->list, d);
    t->list->following = false;
    t->opened = t->item_focus = t->dirty = true;
    return true;
}

void item_open(struct tui *t)
{
    if (item_enter(t)) mark_read(t);
}

void item_close(struct tui *t)
{
    t->opened = t->item_focus = false;
    t->dirty = true;
    if (is_newest(t->list, t->list->cursor)) follow_if_newest(t, t->list);
}

/* ---- pages over everything ---- */

void page_of_messages(struct page *p, const struct tui *t)
{
    const struct tui_message *m;
    page_clear(p);
    page_add(p, THEME_HEADLINE, 0, NULL, "Messages", 8);
    page_blank(p);
    for (size_t i = 0; (m = message_at(t, i)); i++) {
        time_t seconds = (time_t)(m->unix_ms / 1000);
        struct tm when;
        char text[32] = "";
        if (localtime_r(&seconds, &when))
            text[strftime(text, sizeof text, "%H:%M:%S", &when)] = '\0';
        page_add(p, m->grave ? THEME_KILLED : THEME_TEXT, 0, text, m->text, strlen(m->text));
    }
    if (t->message_count == 0) page_add(p, THEME_QUIET, 0, NULL, "Nothing was said.", 17);
}

bool page_source_row(void *user, const struct history_row *row)
{
    struct tui *t = user;
    page_of_source(t->page.page, row);
    pane_begin(t, TUI_SOURCE);
    return false;
}

bool page_links_row(void *user, const struct history_row *row)
{
    struct tui *t = user;
    const struct page_item item = {.row = row, .now_ms = date_now_ms()};
    struct page *p = t->page.page;
    struct buf urls = {0}; /* each with its NUL */
    page_of_item(p, &item);
    size_t count = page_link_count(p);
    for (size_t i = 0; i < count; i++)
        buf_put(&urls, page_link(p, i), strlen(page_link(p, i)) + 1);
    page_clear(p);
    page_add(p, THEME_HEADLINE, 0, NULL, "Links", 5);
    page_blank(p);
    for (size_t at = 0; buf_ok(&urls) && at < urls.len; at += strlen(urls.data + at) + 1)
        page_add_link(p, urls.data + at, strlen(urls.data + at));
    buf_deinit(&urls);
    if (count > 0) pane_begin(t, TUI_LINKS);
    else tui_say(t, false, "this item has no links");
    return false;
}

bool page_version_row(void *user, const struct history_row *row)
{
    struct tui *t = user;
    static const struct {
        const char *name, *label;
        enum theme_element look;
    } parts[] = {
        {"version", "Version", THEME_LABEL},
        {"published", NULL, THEME_QUIET},
        {"headline", NULL, THEME_HEADLINE},
        {"body", NULL, THEME_TEXT},
    };
    struct buf text = {0};
    if (t->page_kind != TUI_VERSIONS) {
        page_clear(t->page.page);
        pane_begin(t, TUI_VERSIONS);
    }
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        buf_clear(&text);
        field_clean(field_find(parts[i].name, strlen(parts[i].name)), row->arrival, &text);
        if (text.len > 0)
            page_add(t->page.page, parts[i].look, 0, parts[i].label, text.data, text.len);
    }
    page_blank(t->page.page);
    buf_deinit(&text);
    return true;
}

void search_close(struct tui *t)
{
    struct tui_search *s = t->search;
    if (!s) return;
    t->list = &t->river;
    t->shown.list = NULL;
    t->clicked = MODEL_NONE;
    t->search = NULL;
    if (t->reading == &s->list) t->reading = NULL;
    history_search_free(s->run);
    list_close(&s->list);
    rules_free(s->list.rules);
    filter_free(s->filter);
    buf_deinit(&s->words);
    free(s->text);
    free(s);
    t->dirty = true;
}
