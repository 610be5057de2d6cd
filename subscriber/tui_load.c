/* What goes on between the events: what came enters the list, rules judge, searches search, older
 * items are loaded. */
#include <stdlib.h>
#include <string.h>

#include "common/date.h"
#include "common/item.h"
#include "common/text.h"
#include "subscriber/tui_state.h"

/* Rows that one step of a job takes; a step is to stay well below a slice. */
enum {
    STEP_ROWS = 32,
    STEP_SEARCHED = 200,
    FIRST_SCREEN_MS = 150, /* what is found by then is shown */
    AGAIN_MS = 1000,       /* after a failure */
};

bool ids_add(struct ids *ids, int64_t id)
{
    if (ids->count == ids->size) {
        size_t size = ids->size ? ids->size * 2 : 256;
        int64_t *items = realloc(ids->items, size * sizeof *items);
        if (!items) return false;
        ids->items = items;
        ids->size = size;
    }
    ids->items[ids->count++] = id;
    return true;
}

static bool is_wanted(const struct tui *t, const struct arrival *a)
{
    const struct tui_host *host = &t->o.host;
    return !host->wanted || host->wanted(host->user, a->topic);
}

/* ---- what came ---- */

static bool found_by(const struct tui_search *s, const struct history_row *row)
{
    const struct filter_subject subject = {.arrival = row->arrival,
                                           .unread = !(row->marks & HISTORY_READ),
                                           .starred = row->marks & HISTORY_STARRED,
                                           .now_ms = date_now_ms()};
    /* A kill of something that was found has to reach it. */
    return item_status(row->arrival->item) == ITEM_CANCELED ||
           filter_match(s->filter, &subject) != FILTER_NO;
}

struct looking {
    const struct model *model;
    bool there;
};

static bool look_row(void *user, const struct history_row *row)
{
    struct looking *l = user;
    l->there = model_place(l->model, row->id) != MODEL_NONE;
    return !l->there;
}

/* A story that was found stays up to date, whatever its next version says. */
static bool was_found(const struct tui *t, const struct tui_search *s, int64_t id)
{
    struct looking l = {.model = s->list.model};
    return model_counts(l.model).entries > 0 &&
           history_versions(t->o.history, id, look_row, &l, NULL) && l.there;
}

static bool put_row(void *user, const struct history_row *row)
{
    struct tui *t = user;
    int64_t now = date_now_ms();
    model_put(t->river.model, row->arrival, row->id, row->marks, now);
    if (t->search && (found_by(t->search, row) || was_found(t, t->search, row->id)))
        model_put(t->search->list.model, row->arrival, row->id, row->marks, now);
    return false;
}

/* The rows are read again for their marks: a new version has those of the one before. */
static bool step_arrivals(struct tui *t)
{
    struct ids *ids = &t->committed;
    struct news_error err = {0};
    if (t->committed_at == ids->count) return false;
    for (size_t n = 0; n < STEP_ROWS && t->committed_at < ids->count; n++)
        if (!history_row(t->o.history, ids->items[t->committed_at++], put_row, t, &err))
            tui_say(t, true, "%s", err.message);
    if (t->committed_at == ids->count) ids->count = t->committed_at = 0;
    list_catch_up(&t->river);
    if (t->search) list_catch_up(&t->search->list);
    t->clock_next_ms = 0;
    t->dirty = true;
    return true;
}

/* ---- rules ---- */

struct judging {
    struct tui_list *list;
    int64_t place;
    bool there;
};

static bool judge_row(void *user, const struct history_row *row)
{
    struct judging *j = user;
    model_judge(j->list->model, j->place, row->arrival, date_now_ms());
    j->there = true;
    return false;
}

static bool judge_list(struct tui *t, struct tui_list *l)
{
    struct judging j = {.list = l};
    struct news_error err = {0};
    if (model_counts(l->model).stale == 0) return false;
    for (size_t n = 0; n < STEP_ROWS; n++) {
        j.place = model_stale(l->model);
        j.there = false;
        if (j.place == MODEL_NONE) break;
        if (!history_row(t->o.history, model_entry(l->model, j.place)->id, judge_row, &j, &err)) {
            tui_say(t, true, "%s", err.message);
            t->judge_mono_ms = date_mono_ms() + AGAIN_MS;
            break;
        }
        if (!j.there) model_drop(l->model, j.place);
    }
    list_catch_up(l);
    t->dirty = true;
    return true;
}

static bool step_judge(struct tui *t)
{
    if (t->judge_mono_ms != 0 && date_mono_ms() < t->judge_mono_ms) return false;
    t->judge_mono_ms = 0;
    return judge_list(t, t->list) || (t->list != &t->river && judge_list(t, &t->river));
}

void load_judge(struct tui *t, struct tui_list *l)
{
    size_t d = list_cursor(t, l);
    model_rejudge(l->model, l->following || d == SIZE_MAX ? MODEL_NONE : list_place(t, l, d));
    l->keep_row = t->dirty = true;
}

/* ---- older items ---- */

static bool put_older(void *user, const struct history_row *row)
{
    struct tui *t = user;
    if (!is_wanted(t, row->arrival)) return true;
    t->loading = model_put_older(t->river.model, row->arrival, row->id, row->marks, date_now_ms());
    return t->loading;
}

static bool load_older(struct tui *t, struct news_error *err)
{
    int64_t before = t->older;
    bool fine = history_older(t->o.history, before, STEP_ROWS, put_older, t, &t->older, err);
    if (!fine || t->older == 0) t->loading = false;
    list_catch_up(&t->river);
    t->clock_next_ms = 0;
    t->dirty = true;
    return fine;
}

static bool step_older(struct tui *t)
{
    struct news_error err = {0};
    if (!t->loading) return false;
    if (!load_older(t, &err)) tui_say(t, true, "%s", err.message);
    return true;
}

bool load_first(struct tui *t, struct news_error *err)
{
    int64_t until = date_mono_ms() + FIRST_SCREEN_MS;
    size_t rows = (size_t)screen_rows(t->screen);
    t->older = INT64_MAX;
    t->loading = true;
    while (t->loading && model_count(t->river.model) < rows && date_mono_ms() < until)
        if (!load_older(t, err)) return false;
    return true;
}

int64_t load_bound(const struct tui *t)
{
    return t->older > 0 ? t->older : 1;
}

/* ---- search ---- */

static bool put_found(void *user, const struct history_row *row)
{
    struct tui *t = user;
    struct tui_search *s = t->search;
    if (!is_wanted(t, row->arrival)) return true;
    s->full = !model_put_older(s->list.model, row->arrival, row->id, row->marks, date_now_ms());
    return !s->full;
}

static bool search_range(struct tui *t, struct tui_search *s, struct news_error *err)
{
    s->first = s->whole_store ? 1 : load_bound(t);
    s->run = history_search_new(t->o.history, s->filter, s->first, s->before, err);
    return s->run != NULL;
}

static void search_ended(struct tui *t, struct tui_search *s)
{
    size_t found = model_count(s->list.model);
    history_search_free(s->run);
    s->run = NULL;
    s->before = s->first;
    if (s->first > 1 && !s->full && !t->loading)
        tui_say(t, false, "%zu found in what is loaded; %s goes on in the store", found,
                keys_of(t->keys, COMMAND_SEARCH_STORE));
    else if (found == 0) tui_say(t, false, "nothing found");
}

static bool step_search(struct tui *t)
{
    struct tui_search *s = t->search;
    struct news_error err = {0};
    bool done = false;
    if (!s || s->full) return false;
    if (!s->run && s->before <= (s->whole_store ? 1 : load_bound(t))) return false;
    bool fine = (s->run || search_range(t, s, &err)) &&
                history_search_next(s->run, STEP_SEARCHED, put_found, t, &done, &err);
    if (!fine) {
        tui_say(t, true, "%s", err.message);
        s->full = true;
    }
    if (done || s->full) search_ended(t, s);
    list_catch_up(&s->list);
    t->dirty = true;
    return true;
}

/* ---- the words that a search looks for, to be marked in what it found ---- */

static bool is_text_field(const char *name, size_t len)
{
    static const char *const names[] = {"text", "headline", "description", "body",
                                        "by",   "located",  "source"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strlen(names[i]) == len && memcmp(names[i], name, len) == 0) return true;
    return false;
}

/* A word, a text in quotes (without them), or an operator; *len 0 at the end. */
static const char *next_token(const char **at, size_t *len)
{
    static const char operators[] = "=<>!~#", parting[] = " \t()\"=<>!~#";
    const char *token = *at += strspn(*at, " \t()");
    if (*token == '"') {
        *len = strcspn(++token, "\"");
        *at = token + *len + (token[*len] == '"');
        return token;
    }
    *len = strspn(token, operators);
    if (*len == 0) *len = strcspn(token, parting);
    *at = token + *len;
    return token;
}

static bool is_word(const char *token, size_t len, const char *word)
{
    return strlen(word) == len && memcmp(token, word, len) == 0;
}

/* Terms, and what is compared with a field of text; not what must not be there. */
static void put_words(const char *text, struct buf *out)
{
    const char *token, *next;
    size_t len, next_len;
    bool negated = false;
    while (token = next_token(&text, &len), len > 0) {
        const char *ahead = text;
        next = next_token(&ahead, &next_len);
        bool between = is_word(next, next_len, "between");
        bool compared = between || (next_len > 0 && strchr("=<>!~#", *next) && next[-1] != '"');
        if (is_word(token, len, "and") || is_word(token, len, "or")) continue;
        if (is_word(token, len, "not") || is_word(token, len, "!")) {
            negated = true;
            continue;
        }
        const char *value = token;
        size_t value_len = len;
        if (compared) {
            value = next_token(&ahead, &value_len);
            text = ahead;
        }
        bool wanted = !compared || (is_text_field(token, len) && *next != '!' && !between);
        if (wanted && !negated) text_words(out, value, value_len);
        negated = false;
    }
}

/* Owns f from here on, also when it fails. */
bool search_begin(struct tui *t, const char *text, struct filter *f)
{
    struct news_error err = {0};
    struct tui_search *s = calloc(1, sizeof *s);
    struct rules *rules = s ? rules_new(t->o.settings, &err) : NULL;
    search_close(t);
    if (!rules || !list_open(&s->list, t, rules, false, &err) || !(s->text = strdup(text))) {
        tui_say(t, true, "%s", err.code == NEWS_OK ? "out of memory" : err.message);
        if (s) list_close(&s->list);
        rules_free(rules);
        filter_free(f);
        free(s);
        return false;
    }
    s->filter = f;
    s->before = INT64_MAX;
    buf_putc(&s->words, ' ');
    put_words(text, &s->words);
    t->search = s;
    t->list = &s->list;
    t->opened = t->item_focus = false;
    t->clicked = MODEL_NONE; /* that was a place in the other list */
    t->dirty = true;
    return true;
}

/* ---- all read ---- */

static bool step_read(struct tui *t)
{
    struct tui_list *l = t->reading;
    if (!l) return false;
    t->dirty = true;
    for (size_t n = 0; n < STEP_ROWS; n++) {
        size_t i = model_unread_from(l->model, model_index(l->model, t->read_up_to), -1);
        if (i == SIZE_MAX || model_visible(l->model, i) < t->read_down_to) {
            t->reading = NULL;
            if (t->marked_count == 0 || commit_marks(t))
                tui_say(t, false, "%zu marked read", t->read_count);
            break;
        }
        t->read_up_to = model_visible(l->model, i);
        if (!mark_item(t, l, t->read_up_to, HISTORY_READ, 0)) {
            t->reading = NULL;
            break;
        }
        t->read_count++;
    }
    return true;
}

/* ---- what the store does not keep any more ---- */

static bool is_there(void *user, const struct history_row *row)
{
    bool *there = user;
    (void)row;
    *there = true;
    return false;
}

/* The oldest go first, but what is starred, and what has a younger version. True: go on. */
static bool drop_pruned(struct tui *t, struct tui_list *l)
{
    size_t asked = 0;
    for (int64_t place = model_first(l->model); place < model_end(l->model); place++) {
        const struct model_entry *e = model_entry(l->model, place);
        bool there = false;
        if (!e || e->marks & HISTORY_STARRED) continue;
        if (asked++ == STEP_ROWS) return true;
        if (!history_row(t->o.history, e->id, is_there, &there, NULL)) return false;
        if (there && e->id == e->first_id) return false;
        if (there) continue;
        model_drop(l->model, place);
        list_catch_up(l);
        t->dirty = true;
    }
    return false;
}

static bool step_pruned(struct tui *t)
{
    if (!t->look_for_pruned) return false;
    bool river = drop_pruned(t, &t->river);
    t->look_for_pruned = (t->search && drop_pruned(t, &t->search->list)) || river;
    return true;
}

/* ---- slices ---- */

/* What comes first has the first turn; each step tells whether there was something to do. */
static bool (*const jobs[])(struct tui *t) = {
    step_arrivals, step_read, step_judge, step_search, step_pruned, step_older,
};

static bool step(struct tui *t)
{
    for (size_t i = 0; i < sizeof jobs / sizeof *jobs; i++)
        if (jobs[i](t)) return true;
    return false;
}

void load_turn(struct tui *t)
{
    int64_t until = date_mono_ms() + TUI_SLICE_MS;
    do
        t->busy = step(t);
    while (t->busy && date_mono_ms() < until);
    if (t->marked_count > 0) (void)commit_marks(t);
}
