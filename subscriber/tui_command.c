/* A function for each command, and what is done with a line that was typed. */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/date.h"
#include "common/text.h"
#include "subscriber/opener.h"
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
static int64_t chosen(struct tui *t)
{
    size_t d = list_cursor(t, t->list);
    if (d != SIZE_MAX) return list_place(t, t->list, d);
    tui_say(t, false, "there is no item");
    return MODEL_NONE;
}

static void mark_chosen(struct tui *t, unsigned set, unsigned clear)
{
    int64_t place = chosen(t);
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

static void mark_read_if_wanted(struct tui *t)
{
    if (!t->o.settings->keep_unread && list_entry(t, t->list)) mark_chosen(t, HISTORY_READ, 0);
}

static void all_read(struct tui *t)
{
    t->reading = t->list;
    t->read_up_to = model_end(t->list->model);
    tui_say(t, false, "%zu marked read", model_counts(t->list->model).unread);
}

/* ---- moving ---- */

static void go_to(struct tui *t, size_t d)
{
    if (t->page_kind != TUI_NO_PAGE) pane_end(t);
    list_move(t, t->list, d);
    if (t->item_focus) mark_read_if_wanted(t);
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
    if (pane == &t->item) mark_read_if_wanted(t);
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
    } else if (layout_has_item(t) && list_entry(t, t->list)) {
        t->list->cursor = chosen(t);
        t->item_focus = true;
        t->list->following = false;
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

/* ---- prompts ---- */

static const char *candidate(const char *name, size_t len, const char *prefix, size_t *i)
{
    size_t typed = strlen(prefix);
    if (typed > len || memcmp(name, prefix, typed) != 0) return NULL;
    return (*i)-- == 0 ? name : NULL;
}

static const char *complete_command(void *user, const char *prefix, size_t i)
{
    (void)user;
    for (enum command c = COMMAND_NONE + 1; c < COMMANDS; c++) {
        const char *name = command_row(c)->name;
        if (candidate(name, strlen(name), prefix, &i)) return name;
    }
    return NULL;
}

/* Saved filters are "NAME EXPR". */
static const char *complete_filter(void *user, const char *prefix, size_t i)
{
    struct tui *t = user;
    const struct option_list *saved = &t->o.settings->saved_filters;
    for (size_t k = 0; k < saved->count; k++) {
        size_t len = strcspn(saved->items[k], " \t");
        if (!candidate(saved->items[k], len, prefix, &i)) continue;
        buf_clear(&t->completed);
        buf_put(&t->completed, saved->items[k], len);
        return t->completed.data;
    }
    return NULL;
}

static void ask(struct tui *t, enum prompt_kind kind, const char *title, const char *text,
                const char *(*complete)(void *user, const char *prefix, size_t i))
{
    prompt_begin(t->prompt, kind, title, text, complete, t);
    t->prompt_kind = kind;
    t->prompting = t->dirty = true;
}

static void ask_search(struct tui *t)
{
    ask(t, PROMPT_SEARCH, "search: ", "", NULL);
}

static void ask_filter(struct tui *t)
{
    const struct filter *live = rules_live(t->list->rules);
    ask(t, PROMPT_FILTER, "filter: ", live ? filter_text(live) : "", NULL);
}

static void ask_saved_filter(struct tui *t)
{
    if (t->o.settings->saved_filters.count == 0)
        tui_say(t, false, "no filter has a name yet: the configuration gives them");
    else ask(t, PROMPT_CHOICE, "saved filter (Tab completes): ", "", complete_filter);
}

static void ask_command(struct tui *t)
{
    ask(t, PROMPT_COMMAND, ":", "", complete_command);
}

static void ask_pipe(struct tui *t)
{
    if (chosen(t) != MODEL_NONE) ask(t, PROMPT_PIPE, "pipe to: ", "", NULL);
}

static void ask_file(struct tui *t)
{
    const struct model_entry *e = list_entry(t, t->list);
    char name[48];
    if (chosen(t) == MODEL_NONE || !e) return;
    (void)snprintf(name, sizeof name, "item-%lld.json", (long long)e->id);
    ask(t, PROMPT_FILE, "save as: ", name, NULL);
}

/* ---- the item in other hands ---- */

/* *out zeroed; to be deinitialised whatever the answer. */
static bool take_item(struct tui *t, struct telling *out)
{
    const struct model_entry *e = list_entry(t, t->list);
    if (chosen(t) == MODEL_NONE || !e) return false;
    if (telling_read(out, t, e->id)) return true;
    tui_say(t, false, "this item's text is not kept any more");
    return false;
}

static void put_field(struct buf *out, const char *name, const struct arrival *a)
{
    field_clean(field_find(name, strlen(name)), a, out);
}

/* The item's link; false: it has none, which is said. */
static bool put_link(struct tui *t, const struct arrival *a, struct buf *out)
{
    size_t start = out->len;
    put_field(out, "link", a);
    if (out->len == start) tui_say(t, false, "this item has no link");
    return out->len > start && buf_ok(out);
}

static bool open_url(struct tui *t, const char *url)
{
    struct news_error err = {0};
    const struct settings *s = t->o.settings;
    bool fine = opener_browse(t->screen, s->browser, s->browser_terminal, url, &err);
    tui_say(t, !fine, "%s", fine ? url : err.message);
    return fine;
}

static void browse(struct tui *t)
{
    struct telling item = {0};
    struct buf url = {0};
    if (take_item(t, &item) && put_link(t, &item.arrival, &url)) (void)open_url(t, url.data);
    buf_deinit(&url);
    telling_deinit(&item);
}

static void browse_read(struct tui *t)
{
    browse(t);
    mark_chosen(t, HISTORY_READ, 0);
}

static void yank_with(struct tui *t, bool headline)
{
    struct telling item = {0};
    struct buf text = {0};
    if (!t->o.settings->clipboard) {
        tui_say(t, false,
                "copying is off; the option clipboard turns it on, for terminals that "
                "take OSC 52");
        return;
    }
    if (take_item(t, &item)) {
        if (headline) {
            put_field(&text, "headline", &item.arrival);
            buf_putc(&text, ' ');
        }
        if ((put_link(t, &item.arrival, &text) || headline) && buf_ok(&text)) {
            screen_clipboard(t->screen, text.data, text.len);
            tui_say(t, false, "copied: %s", text.data);
        }
    }
    buf_deinit(&text);
    telling_deinit(&item);
}

static void yank(struct tui *t)
{
    yank_with(t, false);
}

static void yank_headline(struct tui *t)
{
    yank_with(t, true);
}

/* ---- pages ---- */

/* Lets each() make a page of the item's row, or of its other versions. */
static void page_with(struct tui *t,
                      bool (*rows)(struct history *h, int64_t id, history_each each, void *user,
                                   struct news_error *err),
                      history_each each)
{
    const struct model_entry *e = list_entry(t, t->list);
    struct news_error err = {0};
    if (chosen(t) == MODEL_NONE || !e) return;
    t->page_kind = TUI_NO_PAGE;
    if (!rows(t->o.history, e->id, each, t, &err)) tui_say(t, true, "%s", err.message);
}

static void source(struct tui *t)
{
    page_with(t, history_row, page_source_row);
}

static void links(struct tui *t)
{
    page_with(t, history_row, page_links_row);
}

static void versions(struct tui *t)
{
    page_with(t, history_versions, page_version_row);
    if (t->page_kind == TUI_NO_PAGE) tui_say(t, false, "there is no other version of it");
}

static void messages(struct tui *t)
{
    page_of_messages(t->page.page, t);
    pane_begin(t, TUI_MESSAGES);
    t->message_until_mono_ms = 0;
}

static void gaps(struct tui *t)
{
    page_of_gaps(t->page.page, t->o.gaps);
    pane_begin(t, TUI_GAPS);
}

static void help(struct tui *t)
{
    page_of_help(t->page.page, t->keys);
    pane_begin(t, TUI_HELP);
}

/* ---- filters and searches ---- */

static void apply_filter(struct tui *t, const char *text)
{
    struct news_error err = {0};
    struct filter *f = NULL;
    if (*text && !(f = filter_new(text, NULL, &err))) {
        tui_say(t, true, "%s", err.message);
        return;
    }
    rules_set_live(t->list->rules, f);
    load_judge(t, t->list);
}

static void clear_filter(struct tui *t)
{
    if (rules_live(t->list->rules)) apply_filter(t, "");
    else tui_say(t, false, "there is no filter");
}

static void apply_saved_filter(struct tui *t, const char *name)
{
    const struct option_list *saved = &t->o.settings->saved_filters;
    for (size_t k = 0; k < saved->count; k++) {
        const char *text = saved->items[k];
        size_t len = strcspn(text, " \t");
        if (strlen(name) != len || memcmp(name, text, len) != 0) continue;
        apply_filter(t, text + len + strspn(text + len, " \t"));
        return;
    }
    tui_say(t, false, "there is no saved filter %s", name);
}

static void toggle_unread_only(struct tui *t)
{
    bool on = !rules_unread_only(t->list->rules);
    rules_set_unread_only(t->list->rules, on);
    load_judge(t, t->list);
    tui_say(t, false, on ? "unread items only" : "read and unread items");
}

static void toggle_hidden(struct tui *t)
{
    bool on = !rules_shows_hidden(t->list->rules);
    rules_show_hidden(t->list->rules, on);
    load_judge(t, t->list);
    tui_say(t, false, on ? "what the rules hide is shown" : "what the rules hide is hidden");
}

/* Several words, which the language would have joined by "and", are taken so here. */
static struct filter *search_filter(const char *text, size_t *at, struct news_error *err)
{
    struct buf joined = {0};
    struct filter *f = filter_new(text, at, err);
    if (f || strpbrk(text, "\"()=<>!~#")) return f;
    for (const char *word = text; *(word += strspn(word, " ")); word += strcspn(word, " ")) {
        if (joined.len > 0) buf_puts(&joined, " and ");
        buf_put(&joined, word, strcspn(word, " "));
    }
    if (joined.len > 0 && buf_ok(&joined)) f = filter_new(joined.data, NULL, NULL);
    buf_deinit(&joined);
    return f;
}

static void search_for(struct tui *t, const char *text, bool whole_store)
{
    struct news_error err = {0};
    struct filter *f = *text ? search_filter(text, NULL, &err) : NULL;
    if (!*text) return;
    if (!f) {
        tui_say(t, true, "%s", err.message);
        return;
    }
    char *copy = strdup(text);
    if (copy) {
        free(t->searched);
        t->searched = copy;
    }
    if (search_begin(t, text, f)) t->search->whole_store = whole_store;
}

static void search_on(struct tui *t)
{
    if (!t->search && !t->searched) {
        ask_search(t);
    } else if (!t->search) {
        char *again = strdup(t->searched);
        if (again) search_for(t, again, true);
        free(again);
    } else if (t->search->whole_store) {
        tui_say(t, false, "the whole store was searched");
    } else {
        t->search->whole_store = t->dirty = true;
    }
}

static void search_now(struct tui *t, const char *text)
{
    search_for(t, text, false);
}

void command_check(struct tui *t)
{
    struct news_error err = {0};
    struct filter *f;
    const char *text = prompt_text(t->prompt);
    size_t at = 0;
    if (!*text) return;
    if (t->prompt_kind == PROMPT_FILTER) f = filter_new(text, &at, &err);
    else if (t->prompt_kind == PROMPT_SEARCH) f = search_filter(text, &at, &err);
    else return;
    if (!f) prompt_fault(t->prompt, at, err.message);
    filter_free(f);
}

/* ---- what was typed ---- */

static void run_line(struct tui *t, const char *text)
{
    text += strspn(text, " ");
    size_t len = strcspn(text, " ");
    enum command c = command_find(text, len);
    if (c != COMMAND_NONE) command_run(t, c);
    else if (len > 0) tui_say(t, false, "there is no command %s", text);
}

static void pipe_to(struct tui *t, const char *command)
{
    struct telling item = {0};
    struct news_error err = {0};
    if (*command && take_item(t, &item) &&
        !opener_pipe(t->screen, command, item.bytes.data, item.bytes.len, &err))
        tui_say(t, true, "%s", err.message);
    telling_deinit(&item);
}

/* "~/" is what people type. */
static bool put_path(struct buf *out, const char *path)
{
    const char *home = path[0] == '~' && path[1] == '/' ? getenv("HOME") : NULL;
    if (home) buf_puts(out, home);
    buf_puts(out, home ? path + 1 : path);
    return buf_ok(out);
}

static void save_to(struct tui *t, const char *name)
{
    struct telling item = {0};
    struct news_error err = {0};
    struct buf path = {0};
    if (*name && put_path(&path, name) && take_item(t, &item)) {
        bool fine = opener_save(path.data, item.bytes.data, item.bytes.len, &err);
        if (fine) tui_say(t, false, "saved as %s", path.data);
        else tui_say(t, true, "%s", err.message);
    }
    buf_deinit(&path);
    telling_deinit(&item);
}

static struct page *page_of_links(struct tui *t)
{
    if (t->page_kind != TUI_NO_PAGE) return t->page_kind == TUI_LINKS ? t->page.page : NULL;
    return t->item_focus || layout_has_item(t) ? t->item.page : NULL;
}

static void open_link(struct tui *t, const char *number)
{
    struct page *p = page_of_links(t);
    char *end;
    unsigned long n = strtoul(number, &end, 10);
    if (!p || end == number || *end || n == 0 || n > page_link_count(p))
        tui_say(t, false, "there is no link %s", number);
    else (void)open_url(t, page_link(p, n - 1));
}

bool command_digit(struct tui *t, int code)
{
    struct page *p = page_of_links(t);
    char digit[2] = {(char)code, '\0'};
    if (code < '0' || code > '9' || !p || page_link_count(p) == 0) return false;
    if (page_link_count(p) > 9) ask(t, PROMPT_LINK, "open link ", digit, NULL);
    else open_link(t, digit);
    return true;
}

static void (*const entered[PROMPT_KINDS])(struct tui *t, const char *text) = {
    [PROMPT_FILTER] = apply_filter,
    [PROMPT_SEARCH] = search_now,
    [PROMPT_COMMAND] = run_line,
    [PROMPT_PIPE] = pipe_to,
    [PROMPT_FILE] = save_to,
    [PROMPT_LINK] = open_link,
    [PROMPT_CHOICE] = apply_saved_filter,
};

void command_entered(struct tui *t, enum prompt_kind kind, const char *text)
{
    entered[kind](t, text);
}

/* ---- the table ---- */

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

static void (*const does[COMMANDS])(struct tui *t) = {
    [COMMAND_DOWN] = down,
    [COMMAND_UP] = up,
    [COMMAND_NEXT] = next,
    [COMMAND_PREVIOUS] = previous,
    [COMMAND_PAGE_DOWN] = page_down,
    [COMMAND_PAGE_UP] = page_up,
    [COMMAND_HALF_DOWN] = half_down,
    [COMMAND_HALF_UP] = half_up,
    [COMMAND_FIRST] = first,
    [COMMAND_LAST] = last,
    [COMMAND_NEXT_UNREAD] = next_unread,
    [COMMAND_PREVIOUS_UNREAD] = previous_unread,
    [COMMAND_RANDOM_UNREAD] = random_unread,
    [COMMAND_FOLLOW] = follow,
    [COMMAND_OPEN] = open_item,
    [COMMAND_BACK] = back,
    [COMMAND_QUIT] = quit,
    [COMMAND_FOCUS] = focus,
    [COMMAND_LAYOUT] = layout,
    [COMMAND_BROWSE] = browse,
    [COMMAND_BROWSE_READ] = browse_read,
    [COMMAND_LINKS] = links,
    [COMMAND_YANK] = yank,
    [COMMAND_YANK_HEADLINE] = yank_headline,
    [COMMAND_PIPE] = ask_pipe,
    [COMMAND_SAVE] = ask_file,
    [COMMAND_SOURCE] = source,
    [COMMAND_VERSIONS] = versions,
    [COMMAND_TOGGLE_READ] = toggle_read,
    [COMMAND_ALL_READ] = all_read,
    [COMMAND_TOGGLE_STAR] = toggle_star,
    [COMMAND_SEARCH] = ask_search,
    [COMMAND_SEARCH_STORE] = search_on,
    [COMMAND_FILTER] = ask_filter,
    [COMMAND_CHOOSE_FILTER] = ask_saved_filter,
    [COMMAND_CLEAR_FILTER] = clear_filter,
    [COMMAND_TOGGLE_UNREAD_ONLY] = toggle_unread_only,
    [COMMAND_TOGGLE_HIDDEN] = toggle_hidden,
    [COMMAND_ORDER] = toggle_order,
    [COMMAND_REPEAT] = repeat,
    [COMMAND_MESSAGES] = messages,
    [COMMAND_GAPS] = gaps,
    [COMMAND_LINE] = ask_command,
    [COMMAND_REDRAW] = redraw,
    [COMMAND_HELP] = help,
};

void command_run(struct tui *t, enum command c)
{
    if (does[c]) does[c](t);
}
