#include "publisher/run.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/arena.h"
#include "common/date.h"
#include "common/log.h"
#include "common/notify.h"
#include "publisher/config.h"
#include "publisher/handover.h"
#include "publisher/items.h"
#include "publisher/newsroom.h"
#include "publisher/source.h"

enum {
    DRAIN_MS = 5000,       /* after SIGTERM: what was taken is still brought home */
    GOODBYE_MS = 1000,     /* and after that */
    FULL_PAUSE_MS = 10000, /* a full disk: how often it is tried again */
    STATUS_MS = 5000,      /* between two words to the service manager */
    TROUBLED_TOLD = 20,    /* sources, in the status */
};

struct run {
    const struct settings *settings;
    struct placing placing;
    struct config config;
    struct newsroom *newsroom;
    struct handover *handover;
    struct sources *sources;
    struct poll_set *set;
    int signal_fd;

    bool open_batch;
    int64_t paused_until_ms; /* the journal took nothing */
    bool lost, ready;
    bool stop_wanted, reload_wanted;
    bool stopping, closing, down;
    int64_t stop_ms;
    int64_t notified_ms, watchdog_ms, watched_ms;
    uint64_t published, refused;
    int status;
};

/* ---- the desk, for sources and for those who hand in over the socket ---- */

static bool is_busy(void *user)
{
    const struct run *r = user;
    return r->stopping || newsroom_is_behind(r->newsroom) || date_mono_ms() < r->paused_until_ms;
}

static bool commit(void *user, struct news_error *err)
{
    struct run *r = user;
    bool open = db_in_transaction(journal_db(newsroom_journal(r->newsroom)));
    if (!r->open_batch && !open) return true; /* nothing was handed in */
    r->open_batch = false;
    bool done = newsroom_commit(r->newsroom, err);
    handover_committed(r->handover, done ? NULL : err);
    if (!done) r->paused_until_ms = date_mono_ms() + FULL_PAUSE_MS;
    return done;
}

static void roll_back(struct run *r, const struct news_error *why)
{
    newsroom_rollback(r->newsroom);
    r->open_batch = false;
    r->paused_until_ms = date_mono_ms() + FULL_PAUSE_MS;
    handover_committed(r->handover, why);
}

static enum desk_answer take(struct run *r, const struct submission *s, uint64_t *id,
                             struct news_error *err)
{
    enum desk_answer answer = newsroom_take(r->newsroom, s, id, err);
    r->open_batch = true;
    if (answer == DESK_FAILED) roll_back(r, err);
    return answer;
}

static enum desk_answer take_of_source(void *user, const struct submission *s,
                                       struct news_error *err)
{
    uint64_t id;
    return take(user, s, &id, err);
}

static enum desk_answer take_line(void *user, const char *line, size_t len, uint64_t *id,
                                  struct news_error *err)
{
    struct run *r = user;
    struct submission s;
    enum desk_answer answer = DESK_REFUSED;
    /* Before this line: it is owed its answer only once it was taken. */
    if (newsroom_batch_full(r->newsroom) && !commit(r, err)) return DESK_FAILED;
    struct arena *memory = arena_new();
    if (!memory) {
        news_fail(err, NEWS_ERR_MEMORY, "out of memory");
        return DESK_FAILED;
    }
    if (submission_read(line, len, memory, &s, err)) answer = take(r, &s, id, err);
    arena_free(memory);
    return answer;
}

/* ---- what the newsroom says ---- */

static void on_answer(void *user, uint64_t id, const char *topic, const struct news_error *refused)
{
    struct run *r = user;
    handover_answered(r->handover, id, refused);
    if (!refused) {
        r->published++;
        return;
    }
    r->refused++;
    log_error("%s%s%s", topic ? topic : "", topic ? ": " : "", refused->message);
}

static void on_renewed(void *user, uint64_t first_id)
{
    const struct run *r = user;
    (void)first_id;
    handover_forget(r->handover);
}

static void on_link(void *user, enum transport_state state, const struct transport_url *url,
                    const struct news_error *why, int wait_ms)
{
    struct run *r = user;
    switch (state) {
    case TRANSPORT_UP:
        log_error("%s: connected", url->text);
        r->lost = false;
        break;
    case TRANSPORT_CONNECTING:
        if (why && !r->lost) log_error("%s; trying again", why->message);
        if (why && r->lost) log_note("%s; trying again in %d ms", why->message, wait_ms);
        r->lost = true;
        break;
    case TRANSPORT_DOWN:
        r->down = true;
        if (!why) break;
        log_error("%s", why->message);
        r->status = news_exit_status(why->code);
        break;
    }
}

/* ---- configuration ---- */

/* The whole file is read as at the start, into settings that are thrown away: a reload changes the
 * sources alone. */
static bool read_config(const struct settings *s, struct config *out, struct news_error *err)
{
    struct settings scratch = {0};
    struct options o;
    if (!s->dial.config)
        return news_fail(err, NEWS_ERR_USAGE, "run needs -c FILE: the sources to watch");
    bool ok = options_init(&o, newspub.name, newspub.options, &scratch, err) &&
              config_read(s->dial.config, &o, out, err);
    options_deinit(&o);
    if (ok && out->count == 0) {
        config_deinit(out);
        return news_fail(err, NEWS_ERR_CONFIG, "%s: there is no source in it", s->dial.config);
    }
    return ok;
}

static void reload(struct run *r)
{
    struct config config = {0};
    struct news_error err = {0};
    notify_reloading();
    if (!read_config(r->settings, &config, &err) || !sources_reload(r->sources, &config, &err)) {
        log_error("%s; going on with the old configuration", err.message);
    } else {
        log_error("%s: read again, %zu source%s", r->settings->dial.config, config.count,
                  config.count == 1 ? "" : "s");
        struct config old = r->config;
        r->config = config;
        config = old;
    }
    config_deinit(&config);
    notify("READY=1");
}

/* ---- the loop ---- */

static void stop(struct run *r)
{
    notify("STOPPING=1");
    sources_stop(r->sources); /* hands in what was read */
    handover_stop(r->handover);
    r->stopping = true;
    r->stop_ms = date_mono_ms();
}

static void on_signal(void *user, short revents)
{
    struct run *r = user;
    (void)revents;
    int signal_number = program_signal_next(r->signal_fd);
    if (signal_number == 0) return;
    if (signal_number == SIGHUP) r->reload_wanted = true;
    else if (r->stop_wanted) r->down = true; /* asked twice: at once */
    else r->stop_wanted = true;
}

/* Between two rounds: the callbacks of a round are of the sources that were there at its start. */
static void obey(struct run *r)
{
    if (r->stop_wanted && !r->stopping) stop(r);
    else if (r->reload_wanted && !r->stopping) reload(r);
    r->reload_wanted = false;
}

static void tell_manager(struct run *r, int64_t now)
{
    if (!r->ready) {
        r->ready = true;
        notify("READY=1");
    }
    if (r->watchdog_ms > 0 && now - r->watched_ms >= r->watchdog_ms / 2) {
        r->watched_ms = now;
        notify("WATCHDOG=1");
    }
    if (now - r->notified_ms < STATUS_MS) return;
    r->notified_ms = now;
    notify("STATUS=%llu published, %zu waiting, %zu held%s", (unsigned long long)r->published,
           newsroom_waiting(r->newsroom), newsroom_held(r->newsroom), r->lost ? ", no broker" : "");
}

/* What comes in may be a reason for a new epoch, which wants no batch to be open. */
static void on_transport(void *user, short revents)
{
    struct run *r = user;
    struct news_error err = {0};
    if (r->open_batch && !commit(r, &err)) log_error("%s", err.message);
    newsroom_service(r->newsroom, revents);
}

/* Brings home what was taken, but not for ever. */
static void drain(struct run *r, int64_t now)
{
    bool empty = newsroom_waiting(r->newsroom) == 0;
    bool over = now - r->stop_ms >= DRAIN_MS || !link_is_up(newsroom_link(r->newsroom));
    if (!r->closing && (empty || over)) {
        r->closing = true;
        newsroom_close(r->newsroom);
    }
    if (now - r->stop_ms >= DRAIN_MS + GOODBYE_MS) r->down = true;
}

static void wait_for_something(struct run *r, int64_t now)
{
    struct news_error err = {0};
    struct transport_wait w = newsroom_wait(r->newsroom);
    poll_set_clear(r->set);
    poll_set_add(r->set, r->signal_fd, POLLIN, on_signal, r);
    handover_poll(r->handover, r->set);
    if (!r->stopping) sources_poll(r->sources, r->set);
    poll_set_add_always(r->set, w.fd, w.events, on_transport, r);
    poll_set_deadline(r->set, w.deadline_mono_ms);
    if (r->watchdog_ms > 0) poll_set_deadline(r->set, now + r->watchdog_ms / 2);
    if (r->paused_until_ms > now) poll_set_deadline(r->set, r->paused_until_ms);
    if (r->stopping) poll_set_deadline(r->set, now + 100);
    if (poll_set_wait(r->set, &err)) return;
    log_error("%s", err.message);
    r->status = EX_OSERR;
    r->down = true;
}

static void turn(struct run *r)
{
    struct news_error err = {0};
    int64_t now = date_mono_ms();
    obey(r);
    if (!r->stopping) sources_turn(r->sources, date_now_ms());
    if (r->open_batch && !commit(r, &err)) log_error("%s", err.message);
    newsroom_turn(r->newsroom);
    if (r->stopping) drain(r, now);
    if (r->down) return;
    tell_manager(r, now);
    wait_for_something(r, now);
}

/* In the status: how many sources are well, and what troubles the others. */
static void put_sources(void *user, struct buf *out)
{
    const struct run *r = user;
    struct source_status status;
    size_t well = 0, told = 0, from = out->len;
    buf_puts(out, ",\"sources\":{\"troubled\":[");
    for (size_t i = 0; r->sources && sources_status(r->sources, i, &status); i++) {
        well += !status.bad;
        if (!status.bad || told == TROUBLED_TOLD) continue;
        buf_puts(out, told++ ? ",{" : "{");
        json_put_member(out, "name", status.name);
        json_put_member(out, "state", status.state);
        buf_putc(out, '}');
    }
    buf_printf(out, "],\"well\":%zu}", well);
    if (!r->sources) buf_truncate(out, from);
}

static bool start(struct run *r, struct settings *s, struct news_error *err)
{
    char path[4096];
    const struct newsroom_events events = {.user = r,
                                           .on_answer = on_answer,
                                           .on_renewed = on_renewed,
                                           .on_link = on_link,
                                           .put_details = put_sources};
    const struct newsroom_options options = {
        .settings = s, .publisher = r->placing.publisher, .owner = "newspub run", .beacon = true};
    const struct handover_events lines = {.user = r, .on_line = take_line, .is_busy = is_busy};
    if (!placing_init(&r->placing, s, err) || !read_config(s, &r->config, err) ||
        !dial_read_password(&s->dial, err) || !program_signals(&r->signal_fd, err) ||
        !settings_journal_path(s, r->placing.publisher, path, sizeof path, err))
        return false;
    s->dial.connect_timeout_ms = 0; /* a daemon waits for its broker */
    r->set = poll_set_new(err);
    if (r->set) r->newsroom = newsroom_open(&options, &events, err);
    if (r->newsroom) r->handover = handover_open(path, &lines, err);
    if (!r->handover) return false;
    const struct sources_host host = {.user = r,
                                      .place = &r->placing.place,
                                      .journal = newsroom_journal(r->newsroom),
                                      .take = take_of_source,
                                      .contact = s->contact,
                                      .commit = commit,
                                      .is_busy = is_busy};
    r->sources = sources_new(&host, &r->config, err);
    r->watchdog_ms = notify_watchdog_ms();
    return r->sources != NULL;
}

int run_run(const struct settings *settings, char *const *operands, int count)
{
    struct settings with_password = *settings;
    struct run r = {.settings = &with_password, .signal_fd = -1};
    struct news_error err = {0};
    if (count > 0) {
        log_error("run takes no operand such as \"%s\": the sources stand in -c FILE", operands[0]);
        return EX_USAGE;
    }
    if (!start(&r, &with_password, &err)) {
        log_error("%s", err.message);
        r.status = news_exit_status(err.code);
    } else {
        while (!r.down)
            turn(&r);
        sources_stop(r.sources); /* also when the broker ended it */
        if (r.open_batch && !commit(&r, &err)) log_error("%s", err.message);
        size_t left = newsroom_waiting(r.newsroom);
        if (left > 0) log_error("kept in the journal, not yet acknowledged: %zu", left);
        if (left > 0 && r.status == EX_OK) r.status = EX_TEMPFAIL;
    }
    sources_free(r.sources);
    handover_close(r.handover);
    newsroom_free(r.newsroom);
    poll_set_free(r.set);
    config_deinit(&r.config);
    if (r.signal_fd >= 0) (void)close(r.signal_fd);
    explicit_bzero(with_password.dial.password, sizeof with_password.dial.password);
    return r.status;
}
