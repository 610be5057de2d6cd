#include "publisher/send.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/date.h"
#include "common/log.h"
#include "publisher/items.h"
#include "publisher/numbering.h"
#include "publisher/outlet.h"
#include "publisher/replay.h"

enum {
    REFUSALS_TOLD = 10, /* one by one; the rest are counted */
    PROGRESS_AFTER_MS = 1000,
    PROGRESS_EVERY_MS = 200,
    LOCK_TURN_MS = 100, /* of waiting for the journal, before its owner is asked again */
};

/* Items go from the input into the outlet, which takes them (with a journal: they are on disk) and
 * brings them to the broker. */
struct send {
    const struct settings *settings;
    struct items *items;
    struct placing placing;
    struct outlet *outlet;
    int signal_fd;
    int64_t lock_wait_ms; /* as configured; settings has that of one turn */

    bool wants_input; /* items has nothing until its file is read */
    bool input_over;
    bool closing, down;
    bool alone;      /* nobody answers: the rest of the input is taken all the same */
    bool given_up;   /* nobody could be reached, and nobody will be */
    bool lost;       /* or never had: said once, until it is back */
    int interrupted; /* the signal, 0 none */
    uint64_t taken;  /* items since rate_start_ms */
    int64_t rate_start_ms;
    struct replay replay;      /* --replay */
    struct submission next;    /* read, and not due before due_ms */
    struct recorded_place was; /* its place in a recording; next points into it */
    bool has_next;
    int64_t due_ms;
    int64_t started_ms, told_ms;
    bool shows_progress; /* standard error is a terminal */
    bool told;

    /* Of an owner of the journal that has gone: taken and not answered; never heard of. */
    size_t left, unknown;
    bool reopen;
    size_t put, untaken; /* into the outlet; of which it has not said what becomes */
    size_t failed;       /* not taken: the journal could not be written */
    size_t known, held;  /* published already; waiting for the end of an embargo */
    size_t published, refused_input, refused;
    int status;
};

/* ---- what goes wrong ---- */

static void fail_with(struct send *s, int status)
{
    s->status = news_graver_status(s->status, status);
}

static void progress_clear(struct send *s)
{
    if (s->told) (void)!write(STDERR_FILENO, "\r\033[K", 4);
    s->told = false;
}

static void refuse_input(struct send *s, const struct news_error *err)
{
    progress_clear(s);
    log_error("%s", err->message);
    s->refused_input++;
    fail_with(s, news_exit_status(err->code));
}

/* why names the topic, or topic is not NULL. */
static void refuse_message(struct send *s, const char *topic, const struct news_error *why)
{
    progress_clear(s);
    if (s->refused++ < REFUSALS_TOLD)
        log_error("%s%s%s", topic ? topic : "", topic ? ": " : "", why->message);
    fail_with(s, news_exit_status(why->code));
}

/* ---- items into the outlet ---- */

static void on_taken(void *user, enum desk_answer answer, const struct news_error *why)
{
    struct send *s = user;
    if (s->untaken > 0) s->untaken--;
    switch (answer) {
    case DESK_ACCEPTED: break;
    case DESK_KNOWN: s->known++; break;
    case DESK_HELD: s->held++; break;
    case DESK_REFUSED: refuse_input(s, why); break;
    case DESK_FAILED:
        if (s->failed++ == 0) refuse_input(s, why);
        s->input_over = true; /* what was taken before is safe, and still brought home */
        break;
    }
}

static struct submission submission_of(const struct send *s)
{
    const struct settings *o = s->settings;
    return (struct submission){
        .kind = o->kill     ? SUBMIT_KILL
                : o->update ? SUBMIT_UPDATE
                            : SUBMIT_ITEM,
        .uri = o->kill ? o->kill : o->update,
        .note = o->note,
        .place = s->placing.place,
        .defaults = s->placing.defaults,
        .source = "",
    };
}

static void put(struct send *s, const struct submission *submission)
{
    s->put++;
    s->untaken++;
    s->outlet->ops->put(s->outlet, submission);
}

/* --rate: when the next item may be taken. */
static int64_t rate_due_ms(const struct send *s)
{
    if (s->settings->rate == 0) return 0;
    return s->rate_start_ms + (int64_t)(s->taken * 1000 / (uint64_t)s->settings->rate);
}

/* What nobody is going to see live is kept without pauses. */
static bool is_paced(const struct send *s)
{
    return s->has_next && s->settings->replay && !s->given_up;
}

static int64_t item_due_ms(const struct send *s)
{
    int64_t rate_ms = rate_due_ms(s);
    return is_paced(s) && s->due_ms > rate_ms ? s->due_ms : rate_ms;
}

static void count_taken(struct send *s, int64_t now)
{
    s->taken++;
    if (now - rate_due_ms(s) < 1000) return;
    s->rate_start_ms = now; /* a pause is not caught up in a burst */
    s->taken = 1;
}

/* But for --rate and --replay. */
static bool could_take(const struct send *s)
{
    return !s->wants_input && !s->input_over && (s->alone || s->outlet->ops->room(s->outlet));
}

static bool may_take(const struct send *s, int64_t now)
{
    return could_take(s) && now >= item_due_ms(s);
}

/* An item of a recording goes where it was, but for what the options say. */
static void place_as_recorded(struct send *s)
{
    const struct settings *o = s->settings;
    const struct recorded *r = items_recorded(s->items);
    if (!r) return;
    recorded_place(r, &s->was);
    if (!o->service && *s->was.service) s->next.place.service = s->was.service;
    if (!o->language && *s->was.language)
        s->next.place.language = s->next.defaults.language = s->was.language;
    if (!o->subject && *s->was.subject)
        s->next.place.subject = s->next.defaults.subject = s->was.subject;
}

static enum input_result read_next(struct send *s, struct news_error *err)
{
    s->next = submission_of(s);
    enum input_result r = items_next(s->items, &s->next.item, err);
    if (r != INPUT_ITEM) return r;
    s->next.feed = items_from_feed(s->items);
    place_as_recorded(s);
    return r;
}

static void put_next(struct send *s, int64_t now)
{
    s->has_next = false;
    put(s, &s->next);
    if (s->settings->rate > 0) count_taken(s, now);
}

/* Reads an item, and puts it if it is due; else that is done in a later turn. */
static void take_one(struct send *s, int64_t now)
{
    struct news_error err = {0};
    if (s->has_next) {
        put_next(s, now);
        return;
    }
    if (s->settings->kill) {
        s->next = submission_of(s);
        put(s, &s->next);
        s->input_over = true;
        return;
    }
    switch (read_next(s, &err)) {
    case INPUT_ITEM:
        s->has_next = true;
        if (s->settings->replay) {
            const struct recorded *r = items_recorded(s->items);
            s->due_ms = replay_next(&s->replay, r ? r->received_ms : DATE_UNKNOWN, now);
        }
        if (now >= item_due_ms(s)) put_next(s, now);
        break;
    case INPUT_FAULT: refuse_input(s, &err); break;
    case INPUT_NOTE: log_error("%s", err.message); break;
    case INPUT_MORE: s->wants_input = true; break;
    case INPUT_END: s->input_over = true; break;
    }
}

static void fill_input(struct send *s)
{
    struct news_error err = {0};
    s->wants_input = false;
    if (!items_fill(s->items, &err)) refuse_input(s, &err);
}

/* ---- what the outlet says ---- */

static size_t waiting(const struct send *s)
{
    return s->outlet->ops->waiting(s->outlet);
}

/* Taken, or there before, and not answered. */
static size_t kept(const struct send *s)
{
    size_t all = s->outlet ? waiting(s) : 0;
    return all > s->untaken ? all - s->untaken : 0;
}

static void on_answer(void *user, const char *topic, const struct news_error *refused)
{
    struct send *s = user;
    if (refused) refuse_message(s, topic, refused);
    else s->published++;
}

static void on_link(void *user, enum transport_state state, const struct transport_url *url,
                    const struct news_error *why, int wait_ms)
{
    struct send *s = user;
    progress_clear(s);
    switch (state) {
    case TRANSPORT_UP:
        if (s->lost) log_error("%s: connected", url->text);
        else log_note("%s: connected", url->text);
        s->lost = s->alone = false;
        break;
    case TRANSPORT_CONNECTING:
        if (why && !s->lost) log_error("%s; trying again", why->message);
        if (why && s->lost) log_note("%s; trying again in %d ms", why->message, wait_ms);
        s->lost = true;
        break;
    case TRANSPORT_DOWN:
        if (why && s->outlet->ops->passes_on) {
            log_error("%s; going on without it", why->message);
            s->reopen = true;
            break;
        }
        /* What is still to be read is kept as well. */
        s->given_up = s->outlet->ops->keeps && why && why->code == NEWS_ERR_UNREACHABLE;
        s->alone = s->given_up;
        s->down = !s->given_up;
        if (!why) break;
        log_error("%s", why->message);
        if (kept(s) == 0 || why->code != NEWS_ERR_UNREACHABLE)
            fail_with(s, news_exit_status(why->code));
        break;
    }
}

/* ---- the loop ---- */

static void on_signal(struct send *s)
{
    int signal_number = program_signal_next(s->signal_fd);
    if (signal_number == 0) return;
    if (s->interrupted) s->down = true; /* asked twice: at once */
    s->interrupted = signal_number;
    s->input_over = true; /* what was taken is still brought home */
}

static void show_progress(struct send *s, int64_t now)
{
    if (!s->shows_progress || now - s->started_ms < PROGRESS_AFTER_MS ||
        now - s->told_ms < PROGRESS_EVERY_MS)
        return;
    s->told = true;
    s->told_ms = now;
    dprintf(STDERR_FILENO, "\r\033[Knewspub: %zu published, %zu on their way", s->published,
            waiting(s));
    if (is_paced(s) && s->due_ms > now)
        dprintf(STDERR_FILENO, ", the next one in %lld s",
                (long long)(s->due_ms - now + 999) / 1000);
}

/* Nothing moved for --drain-timeout although something should have. */
static bool is_stuck(const struct send *s, int64_t now)
{
    return waiting(s) > 0 && !s->alone && s->outlet->ops->was_up(s->outlet) &&
           now - s->outlet->ops->moved_ms(s->outlet) > s->settings->drain_timeout_ms;
}

/* With a journal the rest of the input is still taken, and kept. */
static void give_up_waiting(struct send *s)
{
    log_error("nothing was acknowledged for %lld ms", s->settings->drain_timeout_ms);
    s->alone = s->outlet->ops->keeps;
    s->down = !s->alone || s->input_over;
    if (kept(s) == 0) fail_with(s, EX_UNAVAILABLE);
}

static int poll_timeout(const struct send *s, const struct transport_wait *w, int64_t now)
{
    /* For an answer: a deadline may pass meanwhile. */
    int64_t until = w->deadline_mono_ms;
    bool counts = waiting(s) > 0 || (is_paced(s) && s->shows_progress);
    int64_t most = now + (counts ? PROGRESS_EVERY_MS : 60000);
    if (until > most) until = most;
    if (could_take(s) && item_due_ms(s) < until) until = item_due_ms(s);
    return until <= now ? 0 : (int)(until - now);
}

static void turn(struct send *s)
{
    const struct outlet_ops *ops = s->outlet->ops;
    int64_t now = date_mono_ms();
    while (may_take(s, now))
        take_one(s, now);
    ops->turn(s->outlet);
    bool refused_all = s->put > 0 && s->put == s->refused_input && waiting(s) == 0;
    if (s->input_over && (s->given_up || refused_all || (s->alone && waiting(s) > 0)))
        s->down = true;
    if (s->input_over && waiting(s) == 0 && !s->closing) {
        s->closing = true;
        ops->close(s->outlet);
        ops->turn(s->outlet);
    }
    if (s->down) return;

    struct transport_wait w = ops->wait(s->outlet);
    bool read_input = s->wants_input && (s->alone || ops->room(s->outlet));
    struct pollfd fds[] = {
        {.fd = w.fd, .events = w.events},
        {.fd = s->signal_fd, .events = POLLIN},
        {.fd = read_input ? items_fd(s->items) : -1, .events = POLLIN},
    };
    if (poll(fds, 3, poll_timeout(s, &w, now)) < 0) {
        if (errno == EINTR) return;
        log_error("poll: %s", strerror(errno));
        fail_with(s, EX_OSERR);
        s->down = true;
        return;
    }
    if (fds[1].revents) on_signal(s);
    if (s->interrupted && !ops->was_up(s->outlet)) s->down = true; /* nobody to bring it to */
    if (fds[2].revents) fill_input(s);
    ops->service(s->outlet, fds[0].revents);
    show_progress(s, now);
    if (is_stuck(s, now)) give_up_waiting(s);
}

static void summary(struct send *s)
{
    const struct outlet_ops *ops = s->outlet->ops;
    size_t unknown = s->untaken + s->unknown, left = kept(s) + s->left;
    progress_clear(s);
    if (s->refused > REFUSALS_TOLD) log_error("%zu more were refused", s->refused - REFUSALS_TOLD);
    bool nothing_new = s->put > 0 && s->put == s->known + s->refused_input;
    if (!ops->was_up(s->outlet) && !nothing_new) log_error("nothing was published");
    else if (s->interrupted) log_error("stopped; published: %zu", s->published);
    if (s->failed > 1) log_error("not taken: %zu", s->failed);
    if (!s->interrupted && !s->input_over) {
        log_error("the rest of the input was not read");
        fail_with(s, EX_UNAVAILABLE);
    }
    if (unknown > 0) {
        log_error("not known whether they were taken: %zu", unknown);
        fail_with(s, EX_UNAVAILABLE);
    }
    if (left > 0) {
        log_error("%s: %zu", ops->kept, left);
        fail_with(s, ops->kept_status);
    }
    if (s->settings->replay && s->known > 0)
        log_error("%zu were published before: --no-journal sends them again", s->known);
    if (s->held > 0) {
        log_error("kept in the journal until their embargo ends: %zu", s->held);
        fail_with(s, EX_TEMPFAIL);
    }
    log_note("%zu published, %zu published before, %zu refused by the broker, %zu refused before",
             s->published, s->known, s->refused, s->refused_input);
}

/* Into the journal; when it has an owner, into the hands of that one. An owner that does not take
 * items is another `newspub send`, which is soon over, or a daemon that is about to listen: both
 * ways are tried in turn for --lock-wait. NULL: err, or a signal came meanwhile. */
static struct outlet *open_outlet(struct send *s, struct news_error *err)
{
    const struct outlet_events events = {
        .user = s, .on_taken = on_taken, .on_answer = on_answer, .on_link = on_link};
    int64_t until_ms = date_mono_ms() + s->lock_wait_ms;
    if (s->settings->no_journal) return outlet_memory(s->settings, &s->placing, &events, err);
    for (;;) {
        struct outlet *o = outlet_handover(s->settings, &s->placing, &events, err);
        if (o || err->code != NEWS_ERR_UNREACHABLE) return o;
        o = outlet_journal(s->settings, &s->placing, &events, err);
        if (o || err->code != NEWS_ERR_BUSY || date_mono_ms() >= until_ms) return o;
        s->interrupted = program_signal_next(s->signal_fd);
        if (s->interrupted) return NULL;
    }
}

/* The owner of the journal has gone: perhaps another comes, perhaps the journal is ours now. */
static void reopen(struct send *s)
{
    struct news_error err = {0};
    s->reopen = false;
    s->left += kept(s);
    s->unknown += s->untaken;
    s->untaken = 0;
    struct outlet *next = open_outlet(s, &err);
    if (!next) {
        if (!s->interrupted) log_error("%s", err.message);
        fail_with(s, s->interrupted ? EX_TEMPFAIL : news_exit_status(err.code));
        s->down = true;
        return;
    }
    s->outlet->ops->destroy(s->outlet);
    s->outlet = next;
    if (next->ops->keeps) s->left = 0; /* it is ours to bring home now, and counted there */
}

static int send_over_outlet(struct send *s)
{
    struct news_error err = {0};
    if (program_signals(&s->signal_fd, &err)) s->outlet = open_outlet(s, &err);
    if (!s->outlet) {
        log_error("%s", err.message);
        return s->interrupted ? 128 + s->interrupted : news_exit_status(err.code);
    }
    s->started_ms = s->rate_start_ms = date_mono_ms();
    s->shows_progress = !s->settings->dial.verbose && isatty(STDERR_FILENO);
    while (!s->down) {
        if (s->reopen) reopen(s);
        else turn(s);
    }
    summary(s);
    if (s->interrupted && s->status == EX_OK) s->status = 128 + s->interrupted;
    return s->status;
}

/* ---- --dry-run ---- */

static bool print_next(const struct send *s, struct numbering *numbering, struct buf *line)
{
    char topic[TOPIC_MAX], number[WIRE_NUMBER_SIZE];
    topic_of_item(&s->next.place, &s->next.item, topic);
    if (!numbering_next(numbering, topic, number)) return false;
    buf_clear(line);
    buf_putc(line, '{');
    json_put_member(line, "topic", topic);
    json_put_name(line, "item");
    item_write(&s->next.item, &s->next.defaults, number, line);
    buf_puts(line, "}\n");
    return buf_ok(line) && fwrite(line->data, 1, line->len, stdout) == line->len;
}

static int dry_run(struct send *s)
{
    struct news_error err = {0};
    struct buf line = {0};
    enum input_result r;
    struct numbering *numbering = numbering_new(s->placing.publisher, date_now_ms(), &err);
    if (!numbering) {
        log_error("%s", err.message);
        return EX_OSERR;
    }
    while ((r = read_next(s, &err)) != INPUT_END) {
        if (r == INPUT_MORE && items_fill(s->items, &err)) continue;
        if (r == INPUT_ITEM && !print_next(s, numbering, &line)) break;
        if (r == INPUT_NOTE) log_error("%s", err.message);
        if (r == INPUT_FAULT || r == INPUT_MORE) refuse_input(s, &err);
    }
    buf_deinit(&line);
    numbering_free(numbering);
    if (!program_flush_stdout(&err)) {
        log_error("%s", err.message);
        return EX_IOERR;
    }
    return s->status;
}

static bool check_settings(const struct settings *s, int file_count, struct news_error *err)
{
    const struct {
        bool wrong;
        const char *sentence;
    } rules[] = {
        {s->update && s->kill, "--update and --kill: one of them"},
        {s->kill && (file_count || s->title), "--kill withdraws what was published; files and "
                                              "--title do not go with it"},
        {(s->update || s->kill) && s->no_journal,
         "--update and --kill need the journal, which knows what was published"},
        {(s->update || s->kill) && s->dry_run,
         "--update and --kill cannot be tried with --dry-run"},
        {s->note && !s->update && !s->kill, "--note goes with --update or --kill"},
        {s->replay && (file_count || s->title || s->update || s->kill),
         "--replay names what is sent; files, --title, --update and --kill do not go with it"},
        {s->speed && !s->replay, "--speed goes with --replay"},
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (rules[i].wrong) return news_fail(err, NEWS_ERR_USAGE, "%s", rules[i].sentence);
    return true;
}

int send_run(const struct settings *settings, char *const *files, int file_count)
{
    struct send s = {.settings = settings};
    struct settings with_password = *settings;
    struct news_error err = {0};
    double speed = 1;
    int status;
    if (!check_settings(settings, file_count, &err) ||
        (settings->speed && !replay_speed(settings->speed, &speed, &err)) ||
        !placing_init(&s.placing, settings, &err) ||
        !dial_read_password(&with_password.dial, &err) ||
        !(s.items = items_open(settings, files, file_count, true, &err))) {
        log_error("%s", err.message);
        status = news_exit_status(err.code);
    } else {
        s.settings = &with_password;
        replay_init(&s.replay, speed);
        s.lock_wait_ms = settings->lock_wait_ms;
        if (s.lock_wait_ms > LOCK_TURN_MS) with_password.lock_wait_ms = LOCK_TURN_MS;
        s.placing.defaults.source = settings->publisher ? settings->publisher : s.placing.publisher;
        status = settings->dry_run ? dry_run(&s) : send_over_outlet(&s);
    }
    if (s.outlet) s.outlet->ops->destroy(s.outlet);
    items_close(s.items);
    explicit_bzero(with_password.dial.password, sizeof with_password.dial.password);
    return status;
}
