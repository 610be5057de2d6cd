/* What is typed: filters, searches, commands by name. */
#include <stdlib.h>
#include <string.h>

#include "subscriber/tui_state.h"

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

void prompt_ask(struct tui *t, enum prompt_kind kind, const char *title, const char *text,
                const char *(*complete)(void *user, const char *prefix, size_t i))
{
    prompt_begin(t->prompt, kind, title, text, complete, t);
    t->prompt_kind = kind;
    t->prompting = t->dirty = true;
}

static void ask_search(struct tui *t)
{
    prompt_ask(t, PROMPT_SEARCH, "search: ", "", NULL);
}

static void ask_filter(struct tui *t)
{
    const struct filter *live = rules_live(t->list->rules);
    prompt_ask(t, PROMPT_FILTER, "filter: ", live ? filter_text(live) : "", NULL);
}

static void ask_saved_filter(struct tui *t)
{
    if (t->o.settings->saved_filters.count == 0)
        tui_say(t, false, "no filter has a name yet: the configuration gives them");
    else prompt_ask(t, PROMPT_CHOICE, "saved filter (Tab completes): ", "", complete_filter);
}

static void ask_command(struct tui *t)
{
    prompt_ask(t, PROMPT_COMMAND, ":", "", complete_command);
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

static void (*const entered[PROMPT_KINDS])(struct tui *t, const char *text) = {
    [PROMPT_FILTER] = apply_filter,
    [PROMPT_SEARCH] = search_now,
    [PROMPT_COMMAND] = run_line,
    [PROMPT_PIPE] = hand_pipe,
    [PROMPT_FILE] = hand_save,
    [PROMPT_LINK] = hand_link,
    [PROMPT_CHOICE] = apply_saved_filter,
};

void command_entered(struct tui *t, enum prompt_kind kind, const char *text)
{
    entered[kind](t, text);
}

/* ---- the table ---- */

const struct tui_action tui_choices[] = {
    {COMMAND_SEARCH, ask_search},
    {COMMAND_SEARCH_STORE, search_on},
    {COMMAND_FILTER, ask_filter},
    {COMMAND_CHOOSE_FILTER, ask_saved_filter},
    {COMMAND_CLEAR_FILTER, clear_filter},
    {COMMAND_TOGGLE_UNREAD_ONLY, toggle_unread_only},
    {COMMAND_TOGGLE_HIDDEN, toggle_hidden},
    {COMMAND_LINE, ask_command},
    {0},
};
