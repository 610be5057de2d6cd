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
#include "subscriber/intake.h"
#include "subscriber/librarian.h"
#include "subscriber/output.h"
#include "subscriber/shown.h"
#include "subscriber/view.h"

enum {
    REFUSALS_TOLD = 10, /* one by one; the rest are counted */
    CLOSE_TIMEOUT_MS = 2000,
    JITTER_FIRST_MS = 200,  /* before the first requests for what is missing, at the start */
    JITTER_AGAIN_MS = 2000, /* when many subscribers may have lost the same broker */
    SYNC_LIMIT = 2000,      /* items an answer */
};

/* Messages go through the intake; what is to be shown is put behind the output, and let out once
 * the batch is committed: on_batch. */
struct receive {
    const struct settings *settings;
    struct topic_choice choice;
    struct topic_filters *filters;
    bool select; /* the broker's filters let through more than was asked for */
    struct view *view;
    struct view_screen screen;
    struct output output;
    size_t output_mark;  /* of output.waiting: what follows belongs to the open batch */
    struct store *store; /* NULL: none */
    struct intake *intake;
    struct librarian *librarian; /* NULL: not an archive */
    struct link *link;
    int signal_fd;

    const char *wanted[TOPIC_FILTERS_MAX + OPTION_LIST_MAX]; /* subscribed to */
    size_t wanted_count;
    bool sync;

    const char *url;      /* the broker we are connected to; the link's */
    bool failed;          /* standard output */
    bool over;            /* say goodbye, write what is left */
    bool closed;          /* the link is down */
    bool lost;            /* the connection, since it was last up */
    int64_t since_ms;     /* --since; DATE_UNKNOWN: not given */
    int64_t stop_mono_ms; /* --for; INT64_MAX: never */
    int64_t close_mono_ms;
    long long shown, shown_mark;
    struct shown shown_ids;
    bool stalled; /* the store takes nothing */
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

static void on_refused(void *user, const char *topic, const char *path, const char *what)
{
    struct receive *r = user;
    if (r->refused++ < REFUSALS_TOLD) log_error("%s: refused: %s: %s", topic, path, what);
}

/* -n */
static bool is_enough(const struct receive *r)
{
    return r->settings->count > 0 && r->shown >= r->settings->count;
}

static void on_show(void *user, const struct arrival *a, int64_t id)
{
    struct receive *r = user;
    if (r->over || is_enough(r) || !r->view) return; /* the next start shows it */
    if (id > 0) shown_put(&r->shown_ids, id);
    if (!is_chosen(r, a->topic)) return;
    if (view_hides(r->view) && arrival_hidden(a, r->screen.now_ms)) {
        r->hidden++;
        return;
    }
    view_put(r->view, a, &r->screen, &r->output.waiting);
    r->shown++;
    /* What is read from now on would be acknowledged without being shown, or kept without bound. */
    if (r->link && (is_enough(r) || output_full(&r->output))) link_set_reading(r->link, false);
}

static void on_message(void *user, const struct message *m)
{
    struct receive *r = user;
    if (r->over && !r->store) return;
    if (r->librarian && librarian_message(r->librarian, intake_catchup(r->intake), m)) return;
    intake_message(r->intake, m, r->screen.now_ms);
}

static bool flush(struct receive *r)
{
    struct news_error err = {0};
    if (r->failed) return false; /* said already */
    if (output_flush(&r->output, &err)) {
        r->output_mark = r->output.waiting.len;
        if (r->output.gone) r->over = true;
        else if (!output_pending(&r->output)) shown_out(&r->shown_ids, STDOUT_FILENO);
        return true;
    }
    log_error("%s", err.message);
    r->status = news_exit_status(err.code);
    r->over = r->failed = true;
    return false;
}

static void undo_batch(struct receive *r, const struct news_error *why)
{
    if (!r->stalled) log_error("%s; nothing is acknowledged until that works", why->message);
    r->stalled = true;
    buf_truncate(&r->output.waiting, r->output_mark);
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
    if (is_enough(r)) r->over = true;
    return true;
}

/* The batch is made durable, then shown, then acknowledged. What a full disk refused is neither:
 * the carrier, or a sync, brings it again. What a slow reader has not taken yet is acknowledged:
 * the store has it, and without one there is no place where it would be safe. */
static bool on_batch(void *user)
{
    struct receive *r = user;
    return commit(r) && flush(r);
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
        if (!r->lost && output_full(&r->output))
            log_error("standard output was not read for too long%s",
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

static bool choose_filters(struct receive *r, struct news_error *err)
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
        if (!is_covered(r, i, count)) r->wanted[r->wanted_count++] = filter_at(r, i);
    return true;
}

static bool subscribe(struct receive *r, struct news_error *err)
{
    char reply[sizeof SYNC_REPLY + SYNC_CLIENT_SIZE + 2];
    const char *ours[] = {SYNC_STATUS "+", reply, r->librarian ? SYNC_REQUEST "+/+" : NULL};
    (void)snprintf(reply, sizeof reply, "%s%s/+", SYNC_REPLY, link_client_id(r->link));
    for (size_t i = 0; r->sync && i < sizeof ours / sizeof *ours; i++)
        if (ours[i] && !link_subscribe(r->link, ours[i], 1, err)) return false;
    for (size_t i = 0; i < r->wanted_count; i++)
        if (!link_subscribe(r->link, r->wanted[i], (int)r->settings->dial.qos, err)) return false;
    return true;
}

static bool publish(void *user, const char *topic, const char *payload, size_t len)
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
    if (!r->over && !output_full(&r->output) && intake_deadline(r->intake) < until)
        until = intake_deadline(r->intake);
    if (shown_due(&r->shown_ids) < until) until = shown_due(&r->shown_ids);
    if (!r->over && r->librarian && librarian_busy(r->librarian)) until = now;
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

/* Between two batches. What is learned here, about who was joined, is durable with the next. */
static void ask_and_answer(struct receive *r)
{
    if (r->over) return;
    /* While nothing is read, an answer could not be either. */
    bool asked = output_full(&r->output) || intake_turn(r->intake);
    if (!asked || (r->store && store_dirty(r->store))) (void)commit(r);
    if (r->librarian) librarian_turn(r->librarian);
}

static void turn(struct receive *r)
{
    struct transport_wait w = link_wait(r->link);
    bool pending = output_pending(&r->output);
    struct pollfd fds[] = {
        {.fd = w.fd, .events = w.events},
        {.fd = r->signal_fd, .events = POLLIN},
        /* POLLERR: the reader has gone. */
        {.fd = r->view ? STDOUT_FILENO : -1, .events = pending ? POLLOUT : 0},
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
    ask_and_answer(r);
    keep_shown(r, date_mono_ms());
}

/* A slow reader may still want what came. A signal has ended or ends the wait. */
static void write_rest(struct receive *r, size_t until)
{
    while (flush(r) && r->status < 128 && r->output.waiting.len - r->output.done > until &&
           !r->output.gone) {
        struct pollfd fds[] = {{.fd = STDOUT_FILENO, .events = POLLOUT},
                               {.fd = r->signal_fd, .events = POLLIN}};
        if (poll(fds, 2, -1) <= 0 || !fds[1].revents) continue;
        int signal_number = program_signal_next(r->signal_fd);
        if (!signal_number) continue;
        r->status = 128 + signal_number; /* cut short */
        r->over = true;
    }
}

/* ---- what the store has already ---- */

/* The store may hold what other choices of topics brought. */
static bool is_wanted(const struct receive *r, const char *topic)
{
    for (size_t i = 0; i < r->wanted_count; i++)
        if (topic_matches(r->wanted[i], topic)) return is_chosen(r, topic);
    return false;
}

static bool show_row(void *user, const struct store_row *row)
{
    struct receive *r = user;
    struct ninjs item;
    struct ninjs_fault fault;
    struct arrival a = {.topic = row->topic, .item = &item, .received_ms = row->received_ms};
    if (!is_wanted(r, row->topic) || !ninjs_check(row->bytes, row->len, &item, &fault)) return true;
    if (!topic_split(r->settings->root, row->topic, &a.levels)) a.levels = (struct topic_levels){0};
    on_show(r, &a, row->id);
    if (output_full(&r->output)) write_rest(r, OUTPUT_FULL / 2);
    return !r->over && !is_enough(r);
}

struct count {
    const struct receive *receive;
    long long rows;
};

static bool count_row(void *user, const struct store_row *row)
{
    struct count *c = user;
    c->rows += is_wanted(c->receive, row->topic);
    return true;
}

/* Where the last N wanted rows begin, or a little before: reaches back until there are as many. */
static bool find_last(struct receive *r, uint64_t n, int64_t *first, struct news_error *err)
{
    for (uint64_t reach = n;; reach *= 4) {
        struct count c = {.receive = r};
        if (!store_last(r->store, reach, first, err) ||
            !store_each(r->store, *first, count_row, &c, err))
            return false;
        if (c.rows >= r->settings->last || *first <= 1 || reach > UINT32_MAX) return true;
    }
}

static bool show_stored(struct receive *r, struct news_error *err)
{
    const struct settings *s = r->settings;
    int64_t first = r->shown_ids.out.id + 1, asked = first;
    if (s->last > 0 && !find_last(r, (uint64_t)s->last, &asked, err)) return false;
    if (r->since_ms != DATE_UNKNOWN && !store_since(r->store, r->since_ms, &asked, err))
        return false;
    if (!store_each(r->store, asked < first ? asked : first, show_row, r, err)) return false;
    r->output_mark = r->output.waiting.len;
    r->shown_mark = r->shown;
    r->over = r->over || is_enough(r);
    return true;
}

/* ---- life ---- */

static bool open_store(struct receive *r, struct news_error *err)
{
    const struct settings *s = r->settings;
    const struct db_options db = {.mode = DB_OWN, .owner = "newssub"};
    char path[4096];
    const char *file = s->store;
    if (s->no_store || (!file && !s->archive)) return true;
    if (!file && !store_default_path(true, path, sizeof path, err)) return false;
    r->store = store_open(file ? file : path, &db, err);
    return r->store != NULL;
}

static bool open_view(struct receive *r, struct news_error *err)
{
    const char *no_colour = getenv("NO_COLOR"), *term = getenv("TERM");
    if (r->settings->archive && strcmp(r->settings->output, "auto") == 0) return true;
    if (!program_stdout_ok(err)) return false;
    r->view = view_new(r->settings->output, err);
    r->screen.terminal = isatty(STDOUT_FILENO) && term && *term && strcmp(term, "dumb") != 0;
    r->screen.colour = r->screen.terminal && !(no_colour && *no_colour);
    return r->view != NULL;
}

static bool open_intake(struct receive *r, struct news_error *err)
{
    const char *id = link_client_id(r->link);
    const struct intake_events events = {
        .user = r, .on_show = on_show, .on_refused = on_refused, .publish = publish};
    r->sync = !r->settings->no_sync;
    if (r->sync && r->wanted_count > TOPIC_FILTERS_MAX) {
        log_error("more than %d topic filters: what is missing cannot be asked for",
                  TOPIC_FILTERS_MAX);
        r->sync = false;
    }
    if (r->sync && !sync_name_ok(id, strlen(id), SYNC_CLIENT_SIZE)) {
        log_error("--id %s: with such characters what is missing cannot be asked for", id);
        r->sync = false;
    }
    const struct intake_options options = {
        .store = r->store,
        .sync = r->sync,
        .catchup = {.client_id = id,
                    .root = r->settings->root,
                    .filters = r->wanted,
                    .filter_count = r->wanted_count,
                    .last = (uint64_t)r->settings->last,
                    .since_ms = r->since_ms,
                    .limit = SYNC_LIMIT,
                    .jitter_first_ms = JITTER_FIRST_MS,
                    .jitter_again_ms = JITTER_AGAIN_MS},
        .root = r->settings->root,
    };
    if (!r->sync && r->settings->archive)
        return news_fail(err, NEWS_ERR_USAGE, "an archive that cannot answer is none");
    r->intake = intake_new(&options, &events, err);
    if (r->intake && r->settings->archive) r->librarian = librarian_new(r->store, r->link, err);
    return r->intake && (r->librarian || !r->settings->archive);
}

static bool read_since(struct receive *r, struct news_error *err)
{
    const char *text = r->settings->since;
    long long ms;
    r->since_ms = DATE_UNKNOWN;
    if (!text) return true;
    if (options_read_time(text, &ms)) r->since_ms = date_now_ms() - ms;
    else if (!date_parse_any(text, strlen(text), &r->since_ms))
        return news_fail(err, NEWS_ERR_USAGE,
                         "--since: \"%.60s\" is neither a time such as 2h nor a date", text);
    if (r->since_ms < 0) r->since_ms = 0; /* requests begin with 1970 */
    return true;
}

static bool start(struct receive *r, struct dial_settings *dial, struct news_error *err)
{
    struct link_events events = {.user = r,
                                 .on_state = on_state,
                                 .on_message = on_message,
                                 .on_batch = on_batch,
                                 .on_published = on_published,
                                 .on_subscribed = on_subscribed};
    if (r->settings->archive && r->settings->no_store)
        return news_fail(err, NEWS_ERR_USAGE,
                         "--archive is a store: --no-store does not go with it");
    if (r->settings->archive && r->settings->no_sync)
        return news_fail(err, NEWS_ERR_USAGE,
                         "--archive answers others: --no-sync does not go with it");
    if (r->settings->last > 0 && r->settings->since)
        return news_fail(err, NEWS_ERR_USAGE, "--last and --since: one of them");
    if (!topic_root_ok(r->settings->root, err) || !read_since(r, err)) return false;
    r->filters = calloc(1, sizeof *r->filters);
    if (!r->filters) return news_fail(err, NEWS_ERR_MEMORY, "out of memory");
    if (!open_view(r, err) || !dial_read_password(dial, err) || !choose_filters(r, err))
        return false;
    output_init(&r->output, STDOUT_FILENO);
    r->stop_mono_ms = r->settings->for_ms ? date_mono_ms() + r->settings->for_ms : INT64_MAX;
    r->close_mono_ms = INT64_MAX;
    if (!open_store(r, err) || !program_signals(&r->signal_fd, err)) return false;
    look_at_screen(r);
    if (!shown_init(&r->shown_ids, r->view ? r->store : NULL, STDOUT_FILENO, err)) return false;
    if (r->shown_ids.cut > 0)
        log_error("standard output: %lld bytes that were written before a crash are written again",
                  (long long)r->shown_ids.cut);
    if (r->store && r->view && !show_stored(r, err)) return false;
    r->link = dial_open(dial, NULL, &events, err);
    return r->link && open_intake(r, err) && subscribe(r, err);
}

static void finish(struct receive *r)
{
    write_rest(r, 0);
    keep_shown(r, INT64_MAX - 1);
    if (r->refused > REFUSALS_TOLD) log_error("%zu more were refused", r->refused - REFUSALS_TOLD);
    log_note("%lld shown, %zu not to be shown, %zu refused", r->shown, r->hidden, r->refused);
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
        flush(&r);
        while (!r.closed)
            turn(&r);
        finish(&r);
    }
    link_destroy(r.link);
    librarian_free(r.librarian);
    intake_free(r.intake);
    store_close(r.store);
    output_deinit(&r.output);
    view_free(r.view);
    free(r.filters);
    explicit_bzero(with_password.dial.password, sizeof with_password.dial.password);
    return r.status;
}
