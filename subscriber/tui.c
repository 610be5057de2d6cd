#include "subscriber/tui.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/date.h"
#include "common/item.h"
#include "common/text.h"
#include "subscriber/tui_state.h"

enum {
    AGE_MS = 60000,      /* how often filters that ask the age are asked anew */
    LAG_MOST_MS = 600000 /* of an item that was not held back, or asked for later */
};

/* ---- messages ---- */

void tui_message(struct tui *t, const char *text, bool grave)
{
    struct tui_message *m = &t->messages[t->message_count % TUI_MESSAGES_MAX];
    const struct tui_message *before = message_at(t, 0);
    int64_t until = date_mono_ms() + TUI_MESSAGE_MS;
    if (before && t->message_until_mono_ms != 0 && strcmp(before->text, text) == 0) {
        t->message_until_mono_ms = until; /* what fails again and again is said once */
        return;
    }
    char *copy = strdup(text);
    if (!copy) return;
    free(m->text);
    *m = (struct tui_message){.text = copy, .unix_ms = date_now_ms(), .grave = grave};
    t->message_count++;
    t->message_until_mono_ms = until;
    if (t->page_kind == TUI_MESSAGES) page_of_messages(t->page.page, t);
    t->dirty = true;
}

void tui_say(struct tui *t, bool grave, const char *format, ...)
{
    char text[512];
    struct buf clean = {0};
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    text_clean(&clean, text, text_valid_prefix(text, strlen(text)), TEXT_ONE_LINE);
    if (clean.len > 0) tui_message(t, clean.data, grave);
    buf_deinit(&clean);
}

const struct tui_message *message_at(const struct tui *t, size_t back)
{
    if (back >= t->message_count || back >= TUI_MESSAGES_MAX) return NULL;
    return &t->messages[(t->message_count - 1 - back) % TUI_MESSAGES_MAX];
}

/* ---- input ---- */

static void prompt_event(struct tui *t, const struct screen_event *e)
{
    enum prompt_answer answer = prompt_key(t->prompt, e->code, e->type == SCREEN_PASTE);
    t->dirty = true;
    if (answer == PROMPT_GOES_ON) {
        command_check(t);
        return;
    }
    t->prompting = false;
    if (answer == PROMPT_CANCELED) return;
    char *text = strdup(prompt_text(t->prompt)); /* what follows may ask something else */
    if (text) command_entered(t, t->prompt_kind, text);
    free(text);
}

static void key_event(struct tui *t, const struct screen_event *e)
{
    enum { ESCAPE = 27 };
    bool something_open = t->page_kind != TUI_NO_PAGE || t->opened || t->item_focus || t->search;
    if (t->prompting) {
        prompt_event(t, e);
        return;
    }
    if (e->type == SCREEN_PASTE) return;
    enum command c = keys_command(t->keys, e->code);
    if (c != COMMAND_NONE) command_run(t, c);
    else if (e->code == ESCAPE && something_open) command_run(t, COMMAND_BACK); /* never quits */
    else (void)command_digit(t, e->code);
}

static void (*const events[])(struct tui *t, const struct screen_event *e) = {
    [SCREEN_KEY] = key_event,
    [SCREEN_CLICK] = mouse_click,
    [SCREEN_WHEEL] = mouse_wheel,
    [SCREEN_PASTE] = key_event,
};

static void read_input(struct tui *t)
{
    struct screen_event e;
    bool gone = false;
    while (screen_event(t->screen, &e, &gone)) {
        t->typed = true;
        bool keyboard = e.type == SCREEN_KEY || e.type == SCREEN_PASTE;
        if (keyboard || !t->prompting) events[e.type](t, &e);
    }
    if (gone) t->o.host.quit(t->o.host.user);
}

void tui_signal(struct tui *t, int number)
{
    if (number == SIGWINCH) screen_resized(t->screen);
    else if (number == SIGTSTP) screen_stop(t->screen);
    t->dirty = true;
}

/* ---- clocks ---- */

static int day_now(void)
{
    time_t now = time(NULL);
    struct tm today;
    return localtime_r(&now, &today) ? today.tm_yday : 0;
}

static void new_day(struct tui *t)
{
    int day = day_now();
    if (day == t->day) return;
    t->day = day;
    list_rows_forget(t->river.rows);
    if (t->search) list_rows_forget(t->search->list.rows);
    t->dirty = true;
}

static void look_at_embargoes(struct tui *t)
{
    int64_t now = date_now_ms(), next, other = INT64_MAX;
    if (now < t->clock_next_ms) return;
    t->dirty |= model_clock(t->river.model, now, &next);
    if (t->search) t->dirty |= model_clock(t->search->list.model, now, &other);
    t->clock_next_ms = next < other ? next : other;
    list_catch_up(&t->river);
}

/* Only who follows is served: whoever reads elsewhere is not to lose the lines around. */
static void look_at_ages(struct tui *t, int64_t now_mono_ms)
{
    struct tui_list *lists[] = {&t->river, t->search ? &t->search->list : NULL};
    if (now_mono_ms < t->aged_mono_ms + AGE_MS) return;
    t->aged_mono_ms = now_mono_ms;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (lists[i] && lists[i]->following && rules_asks_age(lists[i]->rules))
            load_judge(t, lists[i]);
}

static void look_at_status(struct tui *t)
{
    struct buf text = {0};
    t->status = (struct tui_status){0};
    t->o.host.status(t->o.host.user, &t->status);
    bar_status_text(t, &text);
    if (text.len != t->status_text.len ||
        (text.len > 0 && memcmp(text.data, t->status_text.data, text.len) != 0))
        t->dirty = true;
    buf_deinit(&text);
}

static void second(struct tui *t, int64_t now_mono_ms)
{
    if (now_mono_ms < t->second_mono_ms) return;
    t->second_mono_ms = now_mono_ms + 1000;
    rate_second(t, now_mono_ms);
    new_day(t);
    look_at_embargoes(t);
    look_at_ages(t, now_mono_ms);
    look_at_status(t);
    t->look_for_pruned = true;
    if (t->message_until_mono_ms != 0 && now_mono_ms >= t->message_until_mono_ms) {
        t->message_until_mono_ms = 0;
        t->dirty = true;
    }
}

/* ---- turns ---- */

static int64_t frame_due(const struct tui *t)
{
    return t->typed ? t->typed_mono_ms + TUI_TYPED_MS : t->frame_mono_ms + TUI_FRAME_MS;
}

static void draw_if_due(struct tui *t)
{
    int64_t now = date_mono_ms();
    bool ready = screen_ready(t->screen); /* which also sends the rest of the last one */
    if (!t->dirty || now < frame_due(t)) return;
    t->frame_mono_ms = now; /* also when the terminal does not take it: asked again later */
    if (t->typed) t->typed_mono_ms = now;
    if (!ready) return;
    t->typed = false;
    draw_frame(t);
}

static void on_turn(void *user, short revents)
{
    struct tui *t = user;
    (void)revents; /* the terminal may have been read ahead */
    read_input(t);
    second(t, date_mono_ms());
    load_turn(t);
    draw_if_due(t);
}

static void sink_poll(void *self, struct poll_set *set)
{
    struct tui *t = self;
    bool waits = screen_waits(t->screen); /* for the terminal: no frame is due before */
    short wanted = waits ? POLLIN | POLLOUT : POLLIN;
    poll_set_add_always(set, screen_fd(t->screen), wanted, on_turn, t);
    poll_set_deadline(set, t->busy ? 0 : t->second_mono_ms);
    if (t->dirty && !waits) poll_set_deadline(set, frame_due(t));
}

/* ---- what comes ---- */

static void sink_put(void *self, const struct arrival *a, int64_t id, int64_t now_ms)
{
    struct tui *t = self;
    int64_t created = item_time_ms(a->item);
    bool late = created == DATE_UNKNOWN || created < a->received_ms - LAG_MOST_MS;
    (void)now_ms;
    t->rate.lag_ms = late ? DATE_UNKNOWN : a->received_ms - created;
    if (!ids_add(&t->pending, id)) tui_say(t, true, "out of memory: an item is in the store only");
}

static bool sink_committed(void *self, struct news_error *err)
{
    struct tui *t = self;
    (void)err;
    if (t->pending.count == 0) return true;
    for (size_t i = 0; i < t->pending.count; i++)
        if (!ids_add(&t->committed, t->pending.items[i]))
            tui_say(t, true, "out of memory: an item is in the store only");
    t->rate.seconds[t->rate.now_s % TUI_RATE_SECONDS] += (unsigned)t->pending.count;
    t->rate.last_mono_ms = date_mono_ms();
    t->pending.count = 0;
    t->busy = true;
    return true;
}

static void sink_undone(void *self)
{
    struct tui *t = self;
    t->pending.count = 0;
}

static bool sink_full(const void *self)
{
    const struct tui *t = self;
    return t->committed.count - t->committed_at >= TUI_WAITING_MAX;
}

static void sink_free(void *self)
{
    tui_free(self);
}

const struct sink_ops tui_sink = {
    .put = sink_put,
    .committed = sink_committed,
    .undone = sink_undone,
    .full = sink_full,
    .poll = sink_poll,
    .free = sink_free,
};

/* ---- life ---- */

static bool read_layout(struct tui *t, struct news_error *err)
{
    static const char *const names[TUI_LAYOUTS] = {"auto", "side", "stacked", "list"};
    const char *name = t->o.settings->layout;
    for (enum tui_layout i = 0; i < TUI_LAYOUTS; i++)
        if (!name || strcmp(name, names[i]) == 0) {
            t->layout = i;
            return true;
        }
    return news_fail(err, NEWS_ERR_USAGE, "--layout \"%.40s\": auto, side, stacked or list", name);
}

static bool check_saved_filters(const struct option_list *saved, struct news_error *err)
{
    for (size_t i = 0; i < saved->count; i++) {
        const char *text = saved->items[i];
        size_t len = strcspn(text, " \t");
        const char *expression = text + len + strspn(text + len, " \t");
        struct news_error why = {0};
        if (len == 0 || *expression == '\0')
            return news_fail(err, NEWS_ERR_USAGE, "--saved-filter %.40s: it is NAME EXPRESSION",
                             text);
        struct filter *f = filter_new(expression, NULL, &why);
        if (!f)
            return news_fail(err, why.code, "--saved-filter %.*s: %s", len < 40 ? (int)len : 40,
                             text, why.message);
        filter_free(f);
    }
    return true;
}

/* What the options say is looked at before the terminal is touched. */
static bool prepare(struct tui *t, struct news_error *err)
{
    const struct settings *s = t->o.settings;
    if (!read_layout(t, err) || !theme_init(&t->theme, s->colours.items, s->colours.count, err) ||
        !(t->keys = keys_new(s->binds.items, s->binds.count, err)) ||
        !check_saved_filters(&s->saved_filters, err) ||
        !list_open(&t->river, t, t->o.rules, !s->no_fold, err))
        return false;
    t->prompt = prompt_new();
    t->item.page = page_new();
    t->page.page = page_new();
    if (t->prompt && t->item.page && t->page.page) return true;
    return news_fail(err, NEWS_ERR_MEMORY, "out of memory");
}

static bool take_terminal(struct tui *t, struct news_error *err)
{
    const char *no_colour = getenv("NO_COLOR");
    const struct screen_options o = {.colour = !(no_colour && *no_colour),
                                     .mouse = !t->o.settings->no_mouse};
    t->screen = screen_open(&o, err);
    return t->screen && load_first(t, err);
}

struct tui *tui_new(const struct tui_options *o, struct news_error *err)
{
    struct tui *t = calloc(1, sizeof *t);
    if (!t) {
        news_fail(err, NEWS_ERR_MEMORY, "out of memory");
        return NULL;
    }
    int64_t now = date_mono_ms();
    t->o = *o;
    t->list = &t->river;
    t->newest_last = o->settings->newest_last;
    t->clicked = MODEL_NONE;
    t->day = day_now();
    t->rate.lag_ms = DATE_UNKNOWN;
    t->frame_mono_ms = now - TUI_FRAME_MS;
    t->typed_mono_ms = now - TUI_TYPED_MS;
    if (!prepare(t, err) || !take_terminal(t, err)) {
        tui_free(t);
        return NULL;
    }
    t->busy = t->dirty =
        true; /* whose status is asked for in the first turn: the loop is made then */
    draw_if_due(t);
    return t;
}

void tui_free(struct tui *t)
{
    if (!t) return;
    screen_close(t->screen); /* first: what follows takes a moment */
    search_close(t);
    list_close(&t->river);
    prompt_free(t->prompt);
    page_free(t->item.page);
    page_free(t->page.page);
    keys_free(t->keys);
    for (size_t i = 0; i < TUI_MESSAGES_MAX; i++)
        free(t->messages[i].text);
    free(t->pending.items);
    free(t->committed.items);
    free(t->searched);
    buf_deinit(&t->completed);
    buf_deinit(&t->status_text);
    free(t);
}
