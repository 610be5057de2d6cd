#include "subscriber/receive.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/date.h"
#include "common/log.h"
#include "subscriber/cli.h"
#include "subscriber/output.h"
#include "subscriber/view.h"

enum {
    REFUSALS_TOLD = 10, /* one by one; the rest are counted */
    CLOSE_TIMEOUT_MS = 2000,
};

/* Where the store will join: on_message hands each item to it, on_batch commits before it lets the
 * acknowledgements go, and what is shown is read from it. */
struct receive {
    const struct settings *settings;
    struct topic_choice choice;
    struct topic_filters *filters;
    bool select; /* the broker's filters let through more than was asked for */
    struct view *view;
    struct view_screen screen;
    struct output output;
    struct link *link;
    int signal_fd;

    const char *url;      /* the broker we are connected to; the link's */
    bool failed;          /* standard output */
    bool over;            /* say goodbye, write what is left */
    bool closed;          /* the link is down */
    bool lost;            /* the connection, since it was last up */
    int64_t stop_mono_ms; /* --for; INT64_MAX: never */
    int64_t close_mono_ms;
    long long shown;
    size_t hidden, refused;
    int status;
};

/* ---- items ---- */

static bool is_chosen(const struct receive *r, const char *topic)
{
    if (!r->select || topic_chosen(&r->choice, topic)) return true;
    for (size_t i = 0; i < r->settings->filters.count; i++)
        if (topic_matches(r->settings->filters.items[i], topic)) return true;
    return false;
}

static void refuse(struct receive *r, const char *topic, const struct ninjs_fault *fault)
{
    if (r->refused++ < REFUSALS_TOLD)
        log_error("%s: refused: %s: %s", topic, fault->path, fault->what);
}

static void on_message(void *user, const struct message *m)
{
    struct receive *r = user;
    struct ninjs item;
    struct ninjs_fault fault;
    if (r->over || !is_chosen(r, m->topic)) return;
    if (!ninjs_check(m->payload, m->payload_len, &item, &fault)) {
        refuse(r, m->topic, &fault);
        return;
    }
    struct arrival a = {
        .topic = m->topic, .item = &item, .received_ms = r->screen.now_ms, .retained = m->retained};
    if (!topic_split(r->settings->root, m->topic, &a.levels)) a.levels = (struct topic_levels){0};
    if (view_hides(r->view) && arrival_hidden(&a, r->screen.now_ms)) {
        r->hidden++;
        return;
    }
    view_put(r->view, &a, &r->screen, &r->output.waiting);
    if (++r->shown == r->settings->count) r->over = true;
    /* What is read from now on would be acknowledged without being shown, or kept without bound. */
    if (r->over || output_full(&r->output)) link_set_reading(r->link, false);
}

static bool flush(struct receive *r)
{
    struct news_error err = {0};
    if (r->failed) return false; /* said already */
    if (output_flush(&r->output, &err)) {
        if (r->output.gone) r->over = true;
        return true;
    }
    log_error("%s", err.message);
    r->status = news_exit_status(err.code);
    r->over = r->failed = true;
    return false;
}

/* What a full disk refused is not acknowledged: the carrier still has it. What a slow reader has
 * not taken yet is: without a store there is no place where it would be safe. */
static bool on_batch(void *user)
{
    return flush(user);
}

/* ---- the link ---- */

static void on_state(void *user, enum transport_state state, const struct transport_url *url,
                     const struct news_error *why, int wait_ms)
{
    struct receive *r = user;
    switch (state) {
    case TRANSPORT_UP:
        if (r->lost) log_error("%s: connected%s", url->text, r->url ? " again" : "");
        else log_note("%s: connected", url->text);
        r->url = url->text;
        r->lost = false;
        break;
    case TRANSPORT_CONNECTING:
        if (r->over) break;
        if (why && !r->lost) log_error("%s; trying again", why->message);
        if (!r->lost && output_full(&r->output))
            log_error("standard output was not read for too long: items may be missing");
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
    log_error("%s", refused->message);
    if (refused->code == NEWS_ERR_PENDING)
        return; /* a busy broker; the next connection asks again */
    r->status = news_exit_status(refused->code);
    r->over = true;
}

/* All filters, those of the topic options first. */
static const char *filter_at(const struct receive *r, size_t i)
{
    return i < r->filters->count ? r->filters->text[i]
                                 : r->settings->filters.items[i - r->filters->count];
}

/* A filter that another one covers is left out: a broker that delivers for each would show the
 * item twice. */
static bool is_covered(const struct receive *r, size_t i, size_t count)
{
    for (size_t k = 0; k < count; k++)
        if (k != i && topic_covers(filter_at(r, k), filter_at(r, i)) &&
            (k < i || !topic_covers(filter_at(r, i), filter_at(r, k))))
            return true;
    return false;
}

static bool subscribe(struct receive *r, struct news_error *err)
{
    const struct settings *s = r->settings;
    bool any_choice = s->publishers.count || s->services.count || s->languages.count ||
                      s->subjects.count || s->urgency.least != 1 || s->urgency.most != 9;
    for (size_t i = 0; i < s->filters.count; i++)
        if (!topic_filter_ok(s->filters.items[i], err)) {
            err->code = NEWS_ERR_USAGE;
            return false;
        }
    if (any_choice || s->filters.count == 0) {
        if (!topic_filters_make(&r->choice, r->filters, err)) return false;
        r->select = r->filters->widened;
    }
    size_t count = r->filters->count + s->filters.count;
    for (size_t i = 0; i < count; i++)
        if (!is_covered(r, i, count) &&
            !link_subscribe(r->link, filter_at(r, i), (int)s->dial.qos, err))
            return false;
    return true;
}

/* ---- the loop ---- */

static void look_at_screen(struct receive *r)
{
    struct winsize size;
    r->screen.now_ms = date_now_ms();
    if (r->screen.terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
        r->screen.columns = size.ws_col;
}

static void on_signal(struct receive *r)
{
    int signal_number = program_signal_next(r->signal_fd);
    if (signal_number == 0) return;
    if (r->over) r->closed = true; /* asked twice: at once */
    r->over = true;
    if (r->status == EX_OK) r->status = 128 + signal_number;
}

static int poll_timeout(const struct receive *r, const struct transport_wait *w)
{
    int64_t now = date_mono_ms(), until = w->deadline_mono_ms;
    if (r->stop_mono_ms < until && !r->over) until = r->stop_mono_ms;
    if (r->over && r->close_mono_ms < until) until = r->close_mono_ms;
    if (until <= now) return 0;
    return until - now > 60000 ? 60000 : (int)(until - now);
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

static void turn(struct receive *r)
{
    struct transport_wait w = link_wait(r->link);
    bool pending = output_pending(&r->output);
    struct pollfd fds[] = {
        {.fd = w.fd, .events = w.events},
        {.fd = r->signal_fd, .events = POLLIN},
        {.fd = STDOUT_FILENO, .events = pending ? POLLOUT : 0}, /* POLLERR: the reader has gone */
    };
    if (poll(fds, 3, poll_timeout(r, &w)) < 0) {
        if (errno == EINTR) return;
        log_error("poll: %s", strerror(errno));
        r->status = EX_OSERR;
        r->over = r->closed = true;
        return;
    }
    look_at_screen(r);
    if (fds[1].revents) on_signal(r);
    if (fds[2].revents & (POLLERR | POLLHUP)) r->output.gone = r->over = true;
    if (fds[2].revents) flush(r);
    link_set_reading(r->link, !r->over && !output_full(&r->output));
    link_service(r->link, fds[0].revents);
    check_clock(r);
}

/* The link is down; a slow reader may still want what came. A signal has ended or ends the wait. */
static void write_rest(struct receive *r)
{
    while (flush(r) && r->status < 128 && output_pending(&r->output) && !r->output.gone) {
        struct pollfd fds[] = {{.fd = STDOUT_FILENO, .events = POLLOUT},
                               {.fd = r->signal_fd, .events = POLLIN}};
        if (poll(fds, 2, -1) <= 0 || !fds[1].revents) continue;
        int signal_number = program_signal_next(r->signal_fd);
        if (signal_number) r->status = 128 + signal_number; /* cut short */
    }
}

static bool start(struct receive *r, struct dial_settings *dial, struct news_error *err)
{
    struct link_events events = {.user = r,
                                 .on_state = on_state,
                                 .on_message = on_message,
                                 .on_batch = on_batch,
                                 .on_subscribed = on_subscribed};
    const char *no_colour = getenv("NO_COLOR"), *term = getenv("TERM");
    if (!topic_root_ok(r->settings->root, err)) return false;
    r->view = view_new(r->settings->output, err);
    r->filters = calloc(1, sizeof *r->filters);
    if (!r->view || !dial_read_password(dial, err)) return false;
    if (!r->filters) return news_fail(err, NEWS_ERR_MEMORY, "out of memory");
    if (!program_stdout_ok(err)) return false;
    output_init(&r->output, STDOUT_FILENO);
    r->screen.terminal = isatty(STDOUT_FILENO) && term && *term && strcmp(term, "dumb") != 0;
    r->screen.colour = r->screen.terminal && !(no_colour && *no_colour);
    r->stop_mono_ms = r->settings->for_ms ? date_mono_ms() + r->settings->for_ms : INT64_MAX;
    r->close_mono_ms = INT64_MAX;
    if (!program_signals(&r->signal_fd, err)) return false;
    r->link = dial_open(dial, &events, err);
    return r->link && subscribe(r, err);
}

int receive_run(const struct settings *settings)
{
    struct settings with_password = *settings;
    struct receive r = {.settings = &with_password, .choice = settings_choice(settings)};
    struct news_error err = {0};
    if (!start(&r, &with_password.dial, &err)) {
        log_error("%s", err.message);
        r.status = news_exit_status(err.code);
    } else {
        look_at_screen(&r);
        while (!r.closed)
            turn(&r);
        write_rest(&r);
        if (r.refused > REFUSALS_TOLD)
            log_error("%zu more were refused", r.refused - REFUSALS_TOLD);
        log_note("%lld shown, %zu not to be shown, %zu refused", r.shown, r.hidden, r.refused);
    }
    link_destroy(r.link);
    output_deinit(&r.output);
    view_free(r.view);
    free(r.filters);
    explicit_bzero(with_password.dial.password, sizeof with_password.dial.password);
    return r.status;
}
