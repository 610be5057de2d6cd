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
#include "publisher/outbox.h"

enum {
    REFUSALS_TOLD = 10, /* one by one; the rest are counted */
    HOLD_MS = 1000,     /* after a "not now" of the broker */
    PROGRESS_AFTER_MS = 1000,
    PROGRESS_EVERY_MS = 200,
};

/* Where the journal will join: between items and outbox. Today an item is numbered and queued in
 * memory; with a journal it is numbered and committed there, and the outbox is filled from it. */
struct send {
    const struct settings *settings;
    struct items *items;
    struct placing placing;
    struct numbering *numbering;
    struct outbox *outbox;
    struct link *link;
    int signal_fd;

    bool wants_input; /* items has nothing until its file is read */
    bool input_over;
    bool closing, down;
    bool lost;       /* or never had: said once, until it is back */
    int interrupted; /* the signal, 0 none */
    uint64_t taken;  /* items since rate_start_ms */
    int64_t rate_start_ms;
    int64_t progress_ms; /* when something last moved */
    int64_t hold_until_ms;
    int64_t started_ms, told_ms;
    bool shows_progress; /* standard error is a terminal */
    bool told;

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

/* ---- items into the outbox ---- */

/* Nothing is published before its time; only a journal could hold it until then. */
static bool is_due(const struct ninjs *item, int64_t now_ms, struct news_error *err)
{
    char until[DATE_RFC3339_SIZE];
    int64_t embargo = item_date_ms(item, NINJS_EMBARGOED_UNTIL);
    bool known = embargo != DATE_UNKNOWN;
    if (!item->member[NINJS_EMBARGOED_UNTIL].at || (known && embargo <= now_ms)) return true;
    if (!known) return news_fail(err, NEWS_ERR_DATA, "embargoedUntil: is not a date; not sent");
    date_rfc3339(embargo, until);
    struct json_slice uri = item->member[NINJS_URI];
    return news_fail(err, NEWS_ERR_DATA, "%.*s: embargoed until %s, not sent",
                     (int)(uri.len < 120 ? uri.len : 120), uri.at, until);
}

/* The carrier's limit and our own, judged before the number is final: a hole in the numbers means a
 * loss, and what is too large was never sent. */
static bool fits(const struct send *s, const char *topic, const struct buf *payload,
                 struct news_error *err)
{
    const struct message m = {.topic = topic,
                              .payload = payload->data,
                              .payload_len = payload->len,
                              .qos = (int)s->settings->dial.qos};
    if (payload->len <= NINJS_BYTES_MAX) return link_admit(s->link, &m, err);
    return news_fail(err, NEWS_ERR_TOO_LARGE,
                     "%s: the item has %zu bytes once it is complete, more than 4 MiB", topic,
                     payload->len);
}

static bool enqueue(struct send *s, const struct ninjs *item, struct news_error *err)
{
    char topic[TOPIC_MAX], number[NUMBER_SIZE];
    struct buf *payload = outbox_payload(s->outbox);
    topic_of_item(&s->placing.place, item, topic);
    if (!numbering_next(s->numbering, topic, number))
        return news_fail(err, NEWS_ERR_MEMORY, "out of memory");
    item_write(item, &s->placing.defaults, number, payload);
    if (fits(s, topic, payload, err)) return outbox_add(s->outbox, topic, err);
    numbering_return(s->numbering, topic);
    return false;
}

/* --rate: when the next item may be taken. */
static int64_t item_due_ms(const struct send *s)
{
    if (s->settings->rate == 0) return 0;
    return s->rate_start_ms + (int64_t)(s->taken * 1000 / (uint64_t)s->settings->rate);
}

static void count_taken(struct send *s, int64_t now)
{
    s->taken++;
    if (now - item_due_ms(s) < 1000) return;
    s->rate_start_ms = now; /* a pause is not caught up in a burst */
    s->taken = 1;
}

/* But for --rate. Before the link was up its limits are not known. */
static bool could_take(const struct send *s)
{
    return !s->input_over && !s->wants_input && outbox_room(s->outbox) && link_was_up(s->link);
}

static bool may_take(const struct send *s, int64_t now)
{
    return could_take(s) && now >= item_due_ms(s);
}

static void take_one(struct send *s, int64_t now)
{
    struct ninjs item;
    struct news_error err = {0};
    switch (items_next(s->items, &item, &err)) {
    case INPUT_ITEM:
        if (!is_due(&item, date_now_ms(), &err)) {
            refuse_input(s, &err);
            break;
        }
        if (!enqueue(s, &item, &err)) {
            refuse_message(s, NULL, &err);
            s->input_over = err.code == NEWS_ERR_MEMORY;
            break;
        }
        if (s->settings->rate > 0) count_taken(s, now);
        s->progress_ms = now;
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

/* ---- the outbox onto the link ---- */

static void push(struct send *s)
{
    struct outbox_message *m;
    if (date_mono_ms() < s->hold_until_ms) return;
    while ((m = outbox_next(s->outbox))) {
        struct message message = {.topic = m->topic,
                                  .payload = m->payload.data,
                                  .payload_len = m->payload.len,
                                  .qos = (int)s->settings->dial.qos};
        struct news_error why = {0};
        switch (link_publish(s->link, &message, m->token, &why)) {
        case TRANSPORT_TAKEN: outbox_sent(s->outbox, m); break;
        case TRANSPORT_FULL: return;
        case TRANSPORT_REFUSED:
            refuse_message(s, NULL, &why);
            outbox_done(s->outbox, m);
            break;
        }
    }
}

static void on_published(void *user, uint64_t token, const struct news_error *refused)
{
    struct send *s = user;
    struct outbox_message *m = outbox_find(s->outbox, token);
    if (!m) return;
    if (refused && refused->code == NEWS_ERR_PENDING) { /* a quota, a busy broker: it may pass */
        if (s->hold_until_ms == 0) log_error("%s: %s; trying again", m->topic, refused->message);
        s->hold_until_ms = date_mono_ms() + HOLD_MS;
        outbox_again(s->outbox, m);
        return;
    }
    if (refused) refuse_message(s, m->topic, refused);
    else s->published++;
    outbox_done(s->outbox, m);
    s->progress_ms = date_mono_ms();
}

static void on_state(void *user, enum transport_state state, const struct transport_url *url,
                     const struct news_error *why, int wait_ms)
{
    struct send *s = user;
    progress_clear(s);
    switch (state) {
    case TRANSPORT_UP:
        if (s->lost) log_error("%s: connected", url->text);
        else log_note("%s: connected", url->text);
        s->lost = false;
        outbox_rewind(s->outbox);
        s->progress_ms = date_mono_ms();
        break;
    case TRANSPORT_CONNECTING:
        outbox_rewind(s->outbox);
        if (why && !s->lost) log_error("%s; trying again", why->message);
        if (why && s->lost) log_note("%s; trying again in %d ms", why->message, wait_ms);
        s->lost = true;
        break;
    case TRANSPORT_DOWN:
        s->down = true;
        if (!why) break;
        log_error("%s", why->message);
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
            outbox_count(s->outbox));
}

/* Nothing moved for --drain-timeout although something should have. */
static bool is_stuck(const struct send *s, int64_t now)
{
    return outbox_count(s->outbox) > 0 && link_was_up(s->link) &&
           now - s->progress_ms > s->settings->drain_timeout_ms;
}

static int poll_timeout(const struct send *s, const struct transport_wait *w, int64_t now)
{
    bool waits = outbox_count(s->outbox) > 0; /* for an answer: a deadline and a hold may pass */
    int64_t until = w->deadline_mono_ms, most = now + (waits ? PROGRESS_EVERY_MS : 60000);
    if (until > most) until = most;
    if (could_take(s) && item_due_ms(s) < until) until = item_due_ms(s);
    return until <= now ? 0 : (int)(until - now);
}

static void turn(struct send *s)
{
    int64_t now = date_mono_ms();
    while (may_take(s, now))
        take_one(s, now);
    push(s);
    if (s->input_over && outbox_count(s->outbox) == 0 && !s->closing) {
        s->closing = true;
        link_close(s->link);
    }

    struct transport_wait w = link_wait(s->link);
    bool read_input = s->wants_input && outbox_room(s->outbox);
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
    if (s->interrupted && !link_was_up(s->link)) s->down = true; /* nobody to bring it to */
    if (fds[2].revents) fill_input(s);
    link_service(s->link, fds[0].revents);
    show_progress(s, now);
    if (is_stuck(s, now)) {
        log_error("nothing was acknowledged for %lld ms", s->settings->drain_timeout_ms);
        fail_with(s, EX_UNAVAILABLE);
        s->down = true;
    }
}

static void summary(struct send *s)
{
    size_t left = outbox_count(s->outbox);
    progress_clear(s);
    if (s->refused > REFUSALS_TOLD) log_error("%zu more were refused", s->refused - REFUSALS_TOLD);
    if (!link_was_up(s->link)) log_error("nothing was published");
    else if (s->interrupted) log_error("stopped; published: %zu", s->published);
    if (left > 0) {
        log_error("not acknowledged, and there is no journal to keep them: %zu", left);
        fail_with(s, EX_UNAVAILABLE);
    }
    log_note("%zu published, %zu refused by the broker, %zu refused before", s->published,
             s->refused, s->refused_input);
}

static int send_over_link(struct send *s)
{
    struct link_events events = {.user = s, .on_state = on_state, .on_published = on_published};
    struct news_error err = {0};
    s->outbox = outbox_new((size_t)s->settings->dial.window, &err);
    if (s->outbox && program_signals(&s->signal_fd, &err))
        s->link = dial_open(&s->settings->dial, &events, &err);
    if (!s->link) {
        log_error("%s", err.message);
        return news_exit_status(err.code);
    }
    s->started_ms = s->progress_ms = s->rate_start_ms = date_mono_ms();
    s->shows_progress = !s->settings->dial.verbose && isatty(STDERR_FILENO);
    while (!s->down)
        turn(s);
    summary(s);
    if (s->interrupted && s->status == EX_OK) s->status = 128 + s->interrupted;
    return s->status;
}

/* ---- --dry-run ---- */

static bool print_one(struct send *s, const struct ninjs *item, struct buf *line)
{
    char topic[TOPIC_MAX], number[NUMBER_SIZE];
    topic_of_item(&s->placing.place, item, topic);
    if (!numbering_next(s->numbering, topic, number)) return false;
    buf_clear(line);
    buf_putc(line, '{');
    json_put_member(line, "topic", topic);
    json_put_name(line, "item");
    item_write(item, &s->placing.defaults, number, line);
    buf_puts(line, "}\n");
    return buf_ok(line) && fwrite(line->data, 1, line->len, stdout) == line->len;
}

static int dry_run(struct send *s)
{
    struct ninjs item;
    struct news_error err = {0};
    struct buf line = {0};
    enum input_result r;
    while ((r = items_next(s->items, &item, &err)) != INPUT_END) {
        if (r == INPUT_MORE && items_fill(s->items, &err)) continue;
        if (r == INPUT_ITEM && !is_due(&item, date_now_ms(), &err)) r = INPUT_FAULT;
        if (r == INPUT_ITEM && !print_one(s, &item, &line)) break;
        if (r == INPUT_NOTE) log_error("%s", err.message);
        if (r == INPUT_FAULT || r == INPUT_MORE) refuse_input(s, &err);
    }
    buf_deinit(&line);
    if (!program_flush_stdout(&err)) {
        log_error("%s", err.message);
        return EX_IOERR;
    }
    return s->status;
}

int send_run(const struct settings *settings, char *const *files, int file_count)
{
    struct send s = {.settings = settings};
    struct settings with_password = *settings;
    struct news_error err = {0};
    int status;
    if (!placing_init(&s.placing, settings, &err) ||
        !dial_read_password(&with_password.dial, &err) ||
        !(s.items = items_open(settings, files, file_count, true, &err)) ||
        !(s.numbering = numbering_new(s.placing.publisher, date_now_ms(), &err))) {
        log_error("%s", err.message);
        status = news_exit_status(err.code);
    } else {
        s.settings = &with_password;
        s.placing.defaults.source = settings->publisher ? settings->publisher : s.placing.publisher;
        status = settings->dry_run ? dry_run(&s) : send_over_link(&s);
    }
    link_destroy(s.link);
    outbox_free(s.outbox);
    numbering_free(s.numbering);
    items_close(s.items);
    explicit_bzero(with_password.dial.password, sizeof with_password.dial.password);
    return status;
}
