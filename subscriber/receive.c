#include "subscriber/receive.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/date.h"
#include "common/log.h"
#include "subscriber/receive_state.h"

enum {
    REFUSALS_TOLD = 10, /* one by one; the rest are counted */
    CLOSE_TIMEOUT_MS = 2000,
    GAPS_EVERY_MS = 1000,
    BUSY_MS = 1000, /* so long after an item more are expected */
};

/* ---- items ---- */

void receive_refused(void *user, const char *topic, const char *path, const char *what)
{
    struct receive *r = user;
    if (r->refused++ < REFUSALS_TOLD) log_error("%s: refused: %s: %s", topic, path, what);
}

/* -n */
bool receive_is_enough(const struct receive *r)
{
    return r->settings->count > 0 && r->shown >= r->settings->count;
}

/* What is read from now on would be acknowledged without being shown, or kept without bound. */
static bool is_full(const struct receive *r)
{
    return receive_is_enough(r) || sinks_full(&r->sinks);
}

void receive_show(void *user, const struct arrival *a, int64_t id)
{
    struct receive *r = user;
    if (r->over || receive_is_enough(r) || r->sinks.count == 0)
        return; /* the next start shows it */
    if (id > 0) shown_put(&r->shown_ids, id);
    bool again = id > 0 && id <= r->given_id;
    if (choice_has(r->choice, a->topic) && sinks_put(&r->sinks, a, id, again, r->now_ms))
        r->shown++;
    if (r->link && is_full(r)) link_set_reading(r->link, false);
}

static void on_message(void *user, const struct message *m)
{
    struct receive *r = user;
    if (r->over && !r->store) return;
    if (r->librarian && librarian_message(r->librarian, intake_catchup(r->intake), m)) return;
    r->came_mono_ms = date_mono_ms();
    upkeep_stored(&r->upkeep);
    intake_message(r->intake, m, r->now_ms);
}

static void fail(struct receive *r, const struct news_error *why)
{
    if (!r->failed) log_error("%s", why->message);
    r->status = news_exit_status(why->code);
    r->over = r->failed = true;
}

/* After a commit, or between batches. */
bool receive_let_out(struct receive *r)
{
    struct news_error err = {0};
    if (r->failed) return false; /* said already */
    if (!sinks_committed(&r->sinks, &err)) {
        fail(r, &err);
        return false;
    }
    if (sinks_gone(&r->sinks)) r->over = true;
    else if (sinks_idle(&r->sinks, false)) shown_out(&r->shown_ids, r->shown_fd);
    return true;
}

static void undo_batch(struct receive *r, const struct news_error *why)
{
    if (!r->stalled) log_error("%s; nothing is acknowledged until that works", why->message);
    r->stalled = true;
    sinks_undone(&r->sinks);
    r->shown = r->shown_mark;
    shown_undo(&r->shown_ids);
}

/* Makes the open batch durable; with it, the record of what was let out before. */
static bool commit(struct receive *r)
{
    struct news_error err = {0};
    if (r->store && store_dirty(r->store)) shown_record(&r->shown_ids);
    if (!intake_commit(r->intake, &err)) {
        undo_batch(r, &err);
        return false;
    }
    if (r->stalled) log_error("going on");
    r->stalled = false;
    r->shown_mark = r->shown;
    shown_committed(&r->shown_ids);
    if (receive_is_enough(r)) r->over = true;
    return true;
}

/* The batch is made durable, then shown, then acknowledged. What a full disk refused is neither:
 * the carrier, or a sync, brings it again. What a slow reader has not taken yet is acknowledged:
 * the store has it, and without one there is no place where it would be safe. */
static bool on_batch(void *user)
{
    struct receive *r = user;
    return commit(r) && receive_let_out(r);
}

/* While nothing comes, what was let out is recorded all the same, so that a crash repeats little.
 */
static void keep_shown(struct receive *r, int64_t now_mono_ms)
{
    struct news_error err = {0};
    if (now_mono_ms < shown_due(&r->shown_ids)) return;
    r->shown_ids.recorded_mono_ms = now_mono_ms; /* also if it fails: not at once again */
    if (store_begin(r->store, &err)) (void)commit(r);
    else log_note("%s", err.message);
}

/* ---- the link ---- */

static void on_state(void *user, enum transport_state state, const struct transport_url *url,
                     const struct news_error *why, int wait_ms)
{
    struct receive *r = user;
    if (state != TRANSPORT_UP) intake_down(r->intake);
    if (state != TRANSPORT_UP && r->librarian) librarian_down(r->librarian);
    switch (state) {
    case TRANSPORT_UP:
        if (r->lost) log_error("%s: connected%s", url->text, r->url ? " again" : "");
        else log_note("%s: connected", url->text);
        r->url = url->text;
        r->lost = false;
        intake_up(r->intake);
        break;
    case TRANSPORT_CONNECTING:
        if (r->over) break;
        if (why && !r->lost) log_error("%s; trying again", why->message);
        if (!r->lost && sinks_full(&r->sinks))
            log_error("what came was not taken for too long%s",
                      r->settings->no_sync ? ": items may be missing" : "");
        if (why && r->lost) log_note("%s; trying again in %d ms", why->message, wait_ms);
        r->lost = true;
        break;
    case TRANSPORT_DOWN:
        r->closed = true;
        r->over = true;
        if (!why) break;
        log_error("%s", why->message);
        r->status = news_exit_status(why->code);
        break;
    }
}

static void on_subscribed(void *user, const char *filter, const struct news_error *refused)
{
    struct receive *r = user;
    if (!refused) {
        log_note("%s: subscribed to %s", r->url, filter);
        return;
    }
    if (strncmp(filter, "newswire/", 9) == 0) { /* ours, not the user's */
        if (r->store) log_error("%s; what is missing cannot be asked for", refused->message);
        else log_note("%s; what is missing cannot be asked for", refused->message);
        return;
    }
    log_error("%s", refused->message);
    if (refused->code == NEWS_ERR_PENDING)
        return; /* a busy broker; the next connection asks again */
    r->status = news_exit_status(refused->code);
    r->over = true;
}

bool receive_publish(void *user, const char *topic, const char *payload, size_t len)
{
    const struct receive *r = user;
    const struct message m = {.topic = topic, .payload = payload, .payload_len = len, .qos = 1};
    struct news_error err = {0};
    if (link_publish(r->link, &m, 0, &err) == TRANSPORT_TAKEN) return true;
    if (err.code != NEWS_OK) log_note("%s", err.message);
    return false;
}

static void on_published(void *user, uint64_t token, const struct news_error *refused)
{
    const struct receive *r = user;
    if (r->librarian) librarian_published(r->librarian, token);
    if (refused) log_note("%s", refused->message);
}

const struct link_events receive_link_events = {.on_state = on_state,
                                                .on_message = on_message,
                                                .on_batch = on_batch,
                                                .on_published = on_published,
                                                .on_subscribed = on_subscribed};

/* ---- the full screen's host ---- */

static void on_status(void *user, struct tui_status *out)
{
    const struct receive *r = user;
    const struct catchup *c = intake_catchup(r->intake);
    struct catchup_totals totals = c ? catchup_totals(c) : (struct catchup_totals){0};
    struct exec_totals commands = r->exec ? exec_totals(r->exec) : (struct exec_totals){0};
    *out = (struct tui_status){.up = link_is_up(r->link),
                               .holes = gaps_holes(r->gaps),
                               .gone = gaps_gone(r->gaps) - r->gone_before,
                               .publishers = totals.publishers,
                               .online = totals.online,
                               .exec_done = commands.done,
                               .exec_failed = commands.failed,
                               .kept = r->kept};
    (void)snprintf(out->carrier, sizeof out->carrier, "%s",
                   r->url ? r->url : dial_first_broker(&r->settings->dial));
    out->state = r->over             ? "closing"
                 : out->up           ? "connected"
                 : r->url || r->lost ? "offline"
                                     : "connecting";
}

static void on_quit(void *user)
{
    struct receive *r = user;
    r->over = true;
}

static bool on_repeat(void *user)
{
    struct receive *r = user;
    struct news_error err = {0};
    struct catchup *c = intake_catchup(r->intake);
    if (!c || !link_is_up(r->link)) return false;
    if (!catchup_repeat(c, date_mono_ms(), &err)) log_error("%s", err.message);
    return true;
}

static bool on_wanted(void *user, const char *topic)
{
    const struct receive *r = user;
    return choice_has(r->choice, topic);
}

static bool on_commit(void *user, struct news_error *err)
{
    struct receive *r = user;
    if (commit(r)) return true;
    return news_fail(err, NEWS_ERR_IO, "the store takes nothing");
}

/* What is said last may be why the screen closes: receive_leave_screen() says it again. */
void receive_log(void *user, const char *line, bool grave)
{
    struct receive *r = user;
    if (grave) (void)snprintf(r->last_words, sizeof r->last_words, "%s", line);
    tui_message(r->tui, line, grave);
}

const struct tui_host receive_host = {
    .status = on_status,
    .quit = on_quit,
    .repeat = on_repeat,
    .wanted = on_wanted,
    .commit = on_commit,
};

/* Where something is missing is looked up now and then, while anything changes. */
static void look_for_gaps(struct receive *r, int64_t now_mono_ms)
{
    struct news_error err = {0};
    bool changed;
    if (!r->gaps || now_mono_ms < r->gaps_mono_ms + GAPS_EVERY_MS ||
        (r->came_mono_ms < r->gaps_mono_ms && gaps_holes(r->gaps) == 0))
        return;
    r->gaps_mono_ms = now_mono_ms;
    if (!gaps_refresh(r->gaps, r->history, intake_positions(r->intake), &changed, &err))
        log_note("%s", err.message);
}

/* ---- the loop ---- */

static void on_signal(void *user, short revents)
{
    struct receive *r = user;
    (void)revents;
    int signal_number = program_signal_next(r->signal_fd);
    if (signal_number == 0) return;
    r->signals++;
    if (r->over) r->closed = true; /* asked twice: at once */
    r->over = true;
    if (r->status == EX_OK) r->status = 128 + signal_number;
}

static void on_watch(void *user, short revents)
{
    struct receive *r = user;
    (void)revents;
    for (int number; (number = program_signal_next(r->watch_fd));)
        tui_signal(r->tui, number);
}

static void on_link(void *user, short revents)
{
    struct receive *r = user;
    r->now_ms = date_now_ms();
    link_service(r->link, revents);
}

static void check_clock(struct receive *r)
{
    int64_t now = date_mono_ms();
    if (!r->over && now >= r->stop_mono_ms) {
        r->over = true;
        if (r->settings->count > r->shown) {
            log_error("only %lld of %lld items came", r->shown, r->settings->count);
            r->status = EX_UNAVAILABLE;
        }
    }
    if (r->over && r->close_mono_ms == INT64_MAX) {
        r->close_mono_ms = now + CLOSE_TIMEOUT_MS;
        link_close(r->link);
    }
    if (now >= r->close_mono_ms) r->closed = true;
}

/* Between two batches. What is learned here, about who was joined, is durable with the next. */
static void ask_and_answer(struct receive *r)
{
    if (r->over) return;
    /* While nothing is read, an answer could not be either. */
    bool asked = is_full(r) || intake_turn(r->intake);
    if (!asked || (r->store && store_dirty(r->store))) (void)commit(r);
    if (r->librarian) librarian_turn(r->librarian);
}

static void keep_up(struct receive *r)
{
    struct news_error err = {0};
    int64_t now = date_mono_ms();
    if (r->stalled || r->over || now < upkeep_due(&r->upkeep)) return;
    if (upkeep_turn(&r->upkeep, now < r->came_mono_ms + BUSY_MS, r->now_ms, now, &err)) {
        if (store_dirty(r->store)) (void)commit(r);
        return;
    }
    log_note("%s", err.message);
    store_rollback(r->store); /* half a slice is none; nothing else is in it, between batches */
}

static void add_deadlines(struct receive *r)
{
    poll_set_deadline(r->set, date_mono_ms() + 60000);
    if (r->over) poll_set_deadline(r->set, r->close_mono_ms);
    poll_set_deadline(r->set, shown_due(&r->shown_ids));
    if (r->over) return;
    if (!is_full(r)) poll_set_deadline(r->set, intake_deadline(r->intake));
    if (!r->stalled) poll_set_deadline(r->set, upkeep_due(&r->upkeep));
    if (r->librarian && librarian_busy(r->librarian)) poll_set_deadline(r->set, 0);
    if (r->gaps && gaps_holes(r->gaps) > 0)
        poll_set_deadline(r->set, r->gaps_mono_ms + GAPS_EVERY_MS);
}

/* with_link: also what the link waits for. False: over, at once. */
static bool wait_once(struct receive *r, bool with_link)
{
    struct news_error err = {0};
    poll_set_clear(r->set);
    poll_set_add(r->set, r->signal_fd, POLLIN, on_signal, r);
    poll_set_add(r->set, r->watch_fd, POLLIN, on_watch, r);
    sinks_poll(&r->sinks, r->set);
    if (!r->over) poll_set_deadline(r->set, r->stop_mono_ms);
    if (with_link) {
        link_set_reading(r->link, !r->over && !is_full(r));
        struct transport_wait w = link_wait(r->link);
        poll_set_add_always(r->set, w.fd, w.events, on_link, r);
        poll_set_deadline(r->set, w.deadline_mono_ms);
        add_deadlines(r);
    }
    if (!poll_set_wait(r->set, &err)) {
        log_error("%s", err.message);
        r->status = EX_OSERR;
        r->over = r->closed = true;
        return false;
    }
    r->now_ms = date_now_ms();
    if (!sinks_turn(&r->sinks, &err)) fail(r, &err);
    return true;
}

static void turn(struct receive *r)
{
    if (!wait_once(r, true)) return;
    (void)receive_let_out(r);
    check_clock(r);
    ask_and_answer(r);
    keep_shown(r, date_mono_ms());
    keep_up(r);
    look_for_gaps(r, date_mono_ms());
}

static bool is_waited_for(const struct receive *r, bool wholly)
{
    bool goes_on = r->signals == 0 && !r->failed && !sinks_gone(&r->sinks);
    if (!wholly) return goes_on && sinks_full(&r->sinks) && date_mono_ms() < r->stop_mono_ms;
    return (goes_on && !sinks_idle(&r->sinks, false)) ||
           (r->signals < 2 && !sinks_idle(&r->sinks, true));
}

void receive_drain(struct receive *r, bool wholly)
{
    (void)receive_let_out(r);
    while (is_waited_for(r, wholly) && wait_once(r, false))
        (void)receive_let_out(r);
}

/* Who sits there should know what the end is waiting for. */
static void wait_for_rest(struct receive *r)
{
    struct exec_totals commands = r->exec ? exec_totals(r->exec) : (struct exec_totals){0};
    size_t left = commands.running + commands.waiting;
    if (r->signals == 0 && sinks_idle(&r->sinks, false)) r->signals = 1; /* no reader to wait for */
    if (left > 0 && r->signals < 2 && isatty(STDERR_FILENO))
        log_error("--exec: %zu still to end, Ctrl-C ends the wait", left);
    receive_drain(r, true);
    if (r->exec) commands = exec_totals(r->exec);
    if (commands.running + commands.waiting > 0)
        log_error("--exec: %zu cut short, %zu not begun", commands.running, commands.waiting);
}

static void finish(struct receive *r)
{
    receive_leave_screen(r);
    wait_for_rest(r);
    keep_shown(r, INT64_MAX - 1);
    if (r->refused > REFUSALS_TOLD) log_error("%zu more were refused", r->refused - REFUSALS_TOLD);
    log_note("%lld shown, %zu not to be shown, %zu refused", r->shown, r->sinks.hidden, r->refused);
    size_t unsure = rules_unsure(r->rules);
    if (unsure > 0)
        log_error("a filter's expression gave up %zu times; those items were shown", unsure);
}

int receive_run(const struct settings *settings)
{
    struct settings with_password = *settings;
    struct receive r = {.settings = &with_password};
    struct news_error err = {0};
    bool started = receive_start(&r, &with_password.dial, &err);
    if (started) {
        while (!r.closed)
            turn(&r);
        finish(&r);
    }
    receive_stop(&r);
    if (!started) {
        log_error("%s", err.message);
        r.status = news_exit_status(err.code);
    }
    explicit_bzero(with_password.dial.password, sizeof with_password.dial.password);
    return r.status;
}
