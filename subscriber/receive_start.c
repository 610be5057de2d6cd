#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/date.h"
#include "common/log.h"
#include "subscriber/lines.h"
#include "subscriber/receive_state.h"
#include "subscriber/recording.h"
#include "subscriber/screen.h"

enum {
    JITTER_FIRST_MS = 200,  /* before the first requests for what is missing, at the start */
    JITTER_AGAIN_MS = 2000, /* when many subscribers may have lost the same broker */
    SYNC_LIMIT = 2000,      /* items an answer */
    RECALLED = 5000,        /* stories whose corrections are awaited */
    SCREEN_LAST = 100,      /* --last of the full screen, for whom it has never met */
    MEMORY_ITEMS = 20000,   /* kept by a full screen without a store on disk */
    MEMORY_BYTES = 48 << 20,
};

/* ---- what the store has already ---- */

static bool show_row(void *user, const struct store_row *row)
{
    struct receive *r = user;
    struct ninjs item;
    struct arrival a;
    if (!choice_has(r->choice, row->topic) ||
        !arrival_read(&a, &item, r->settings->root, row->topic, row->bytes, row->len,
                      row->received_ms))
        return true;
    receive_show(r, &a, row->id);
    receive_drain(r, false);
    return !r->over && !receive_is_enough(r);
}

struct count {
    const struct receive *receive;
    long long rows;
};

static bool count_row(void *user, const struct store_row *row)
{
    struct count *c = user;
    c->rows += choice_has(c->receive->choice, row->topic);
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

static bool recall_row(void *user, const struct store_row *row)
{
    struct receive *r = user;
    struct ninjs item;
    struct arrival a;
    if (row->id > r->given_id) return false;
    if (arrival_read(&a, &item, r->settings->root, row->topic, row->bytes, row->len,
                     row->received_ms))
        sinks_recall(&r->sinks, &a, r->now_ms);
    return true;
}

/* Kills and corrections of what the programs before this one showed are to be seen. */
static bool recall(struct receive *r, struct news_error *err)
{
    int64_t first;
    return !r->sinks.rules || (store_last(r->store, RECALLED, &first, err) &&
                               store_each(r->store, first, recall_row, r, err));
}

/* The full screen, which joins the sinks later, shows the store by itself. */
static bool show_stored(struct receive *r, struct news_error *err)
{
    const struct settings *s = r->settings;
    int64_t first = r->given_id + 1, asked = first, end;
    if (r->screen && r->sinks.count == 0) {
        if (!store_last(r->store, 0, &end, err)) return false;
        shown_put(&r->shown_ids, end - 1);
        return receive_let_out(r);
    }
    if (!recall(r, err)) return false;
    if (!r->screen && s->last > 0 && !find_last(r, (uint64_t)s->last, &asked, err)) return false;
    if (!r->screen && r->since_ms != DATE_UNKNOWN &&
        !store_since(r->store, r->since_ms, &asked, err))
        return false;
    if (!store_each(r->store, asked < first ? asked : first, show_row, r, err)) return false;
    r->shown_mark = r->shown;
    r->over = r->over || receive_is_enough(r);
    return receive_let_out(r);
}

/* ---- life ---- */

/* A second full screen beside the first one has its own memory, and nothing on disk. */
static bool open_memory(struct receive *r, struct news_error *err)
{
    const struct db_options db = {.mode = DB_MEMORY};
    r->store = store_open(":memory:", &db, err);
    return r->store != NULL;
}

static bool open_store(struct receive *r, struct news_error *err)
{
    const struct settings *s = r->settings;
    const struct db_options db = {.mode = DB_OWN, .owner = "newssub"};
    char path[4096];
    if (!r->screen && (s->no_store || (!s->store && !s->archive))) return true;
    if (s->no_store) return open_memory(r, err);
    if (!settings_store_path(s, path, sizeof path, err)) return false;
    r->store = store_open(path, &db, err);
    r->kept = r->store != NULL;
    if (r->store || s->store || !r->screen || err->code != NEWS_ERR_BUSY) return r->store != NULL;
    return open_memory(r, err); /* add_screen() tells */
}

/* The rows of a store: looked at, searched, kept within limits. */
static bool open_history(struct receive *r, struct news_error *err)
{
    const struct settings *s = r->settings;
    struct history_limits limits = {.keep_ms = s->keep_ms,
                                    .keep_items = (uint64_t)s->keep_items,
                                    .keep_bytes = (uint64_t)s->keep_bytes};
    if (!r->store) return true;
    r->history = history_new(r->store, s->root, err);
    if (!r->history) return false;
    if (!r->kept && (!limits.keep_items || limits.keep_items > MEMORY_ITEMS))
        limits.keep_items = MEMORY_ITEMS;
    if (!r->kept && (!limits.keep_bytes || limits.keep_bytes > MEMORY_BYTES))
        limits.keep_bytes = MEMORY_BYTES;
    upkeep_init(&r->upkeep, r->history, &limits, date_mono_ms());
    return true;
}

/* "auto" is the full screen where a person sits in front of it and nothing is to be counted. */
static bool choose_screen(struct receive *r, struct dial_settings *dial, struct news_error *err)
{
    const struct settings *s = r->settings;
    bool automatic = strcmp(s->output, "auto") == 0;
    r->screen = strcmp(s->output, "tui") == 0;
    if (r->screen && !screen_possible(err)) return false;
    if (automatic && !s->archive && !s->count && !s->for_ms && isatty(STDIN_FILENO) &&
        isatty(STDOUT_FILENO)) {
        struct news_error why = {0};
        r->screen = screen_possible(&why);
        if (!r->screen) log_error("%s; lines instead", why.message);
    }
    if (r->screen && s->screen_waits) dial->connect_timeout_ms = 0; /* there is much to read */
    return true;
}

static bool add_side_sinks(struct receive *r, struct news_error *err)
{
    const struct settings *s = r->settings;
    if (s->record) {
        struct recording *recording = recording_new(s->record, err);
        if (!recording) return false;
        sinks_add(
            &r->sinks,
            (struct sink){.ops = &recording_sink, .self = recording, .whole = true, .side = true});
    }
    if (!s->exec) return true;
    r->exec = exec_new(s->exec, r->screen ? -1 : STDERR_FILENO, err);
    if (r->exec)
        sinks_add(&r->sinks,
                  (struct sink){.ops = &exec_sink, .self = r->exec, .side = true, .apart = true});
    return r->exec != NULL;
}

static bool add_lines(struct receive *r, struct news_error *err)
{
    const struct settings *s = r->settings;
    r->shown_fd = -1;
    if (r->screen || (s->archive && strcmp(s->output, "auto") == 0)) return true;
    if (!program_stdout_ok(err)) return false;
    struct lines *lines = lines_new(s->output, r->rules, err);
    if (!lines) return false;
    r->shown_fd = STDOUT_FILENO;
    sinks_add(&r->sinks,
              (struct sink){.ops = &lines_sink, .self = lines, .whole = lines_whole(lines)});
    return true;
}

static bool add_screen(struct receive *r, struct news_error *err)
{
    static const int signals[] = {SIGWINCH, SIGTSTP};
    r->gaps = gaps_new(err);
    struct tui_options options = {.settings = r->settings,
                                  .store = r->store,
                                  .history = r->history,
                                  .rules = r->rules,
                                  .gaps = r->gaps,
                                  .host = receive_host};
    options.host.user = r;
    bool changed;
    if (!r->gaps || !gaps_refresh(r->gaps, r->history, NULL, &changed, err) ||
        !program_watch(signals, sizeof signals / sizeof *signals, &r->watch_fd, err))
        return false;
    r->gone_before = gaps_gone(r->gaps);
    r->tui = tui_new(&options, err);
    if (!r->tui) return false;
    sinks_add(&r->sinks,
              (struct sink){.ops = &tui_sink, .self = r->tui, .unruled = true, .whole = true});
    log_to(receive_log, r);
    if (!r->kept && !r->settings->no_store)
        log_error("another newssub has the store: this window keeps nothing");
    return true;
}

static bool open_intake(struct receive *r, struct news_error *err)
{
    const char *id = link_client_id(r->link);
    const struct intake_events events = {.user = r,
                                         .on_show = receive_show,
                                         .on_refused = receive_refused,
                                         .publish = receive_publish};
    long long last = r->settings->last;
    r->sync = !r->settings->no_sync;
    if (r->sync && choice_count(r->choice) > TOPIC_FILTERS_MAX) {
        log_error("more than %d topic filters: what is missing cannot be asked for",
                  TOPIC_FILTERS_MAX);
        r->sync = false;
    }
    if (r->sync && !sync_name_ok(id, strlen(id), SYNC_CLIENT_SIZE)) {
        log_error("--id %s: with such characters what is missing cannot be asked for", id);
        r->sync = false;
    }
    if (r->screen && last == 0 && r->since_ms == DATE_UNKNOWN) last = SCREEN_LAST;
    const struct intake_options options = {
        .store = r->store,
        .sync = r->sync,
        .catchup = {.client_id = id,
                    .root = r->settings->root,
                    .filters = choice_filters(r->choice),
                    .filter_count = choice_count(r->choice),
                    .last = (uint64_t)last,
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

static bool check_settings(const struct settings *s, struct news_error *err)
{
    const struct {
        bool wrong;
        const char *says;
    } rules[] = {
        {s->archive && s->no_store, "--archive is a store: --no-store does not go with it"},
        {s->archive && s->no_sync, "--archive answers others: --no-sync does not go with it"},
        {s->archive && strcmp(s->output, "tui") == 0, "--archive shows no full screen"},
        {s->last > 0 && s->since, "--last and --since: one of them"},
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (rules[i].wrong) return news_fail(err, NEWS_ERR_USAGE, "%s", rules[i].says);
    return topic_root_ok(s->root, err);
}

static bool open_sinks(struct receive *r, struct news_error *err)
{
    r->rules = rules_new(r->settings, err);
    if (!r->rules) return false;
    r->choice = choice_new(r->settings, rules_filter(r->rules), err);
    r->sinks.rules = rules_any(r->rules) ? r->rules : NULL;
    return r->choice && add_lines(r, err) && add_side_sinks(r, err);
}

static bool open_shown(struct receive *r, struct news_error *err)
{
    bool any = r->sinks.count > 0 || r->screen;
    if (!shown_init(&r->shown_ids, any ? r->store : NULL, r->shown_fd, err)) return false;
    r->given_id = r->shown_ids.out.id;
    if (r->shown_ids.cut > 0)
        log_error("standard output: %lld bytes that were written before a crash are written again",
                  (long long)r->shown_ids.cut);
    return !r->store || !any || show_stored(r, err);
}

static bool subscribe(struct receive *r, struct news_error *err)
{
    char reply[sizeof SYNC_REPLY + SYNC_CLIENT_SIZE + 2];
    const char *ours[] = {SYNC_STATUS "+", reply, r->librarian ? SYNC_REQUEST "+/+" : NULL};
    (void)snprintf(reply, sizeof reply, "%s%s/+", SYNC_REPLY, link_client_id(r->link));
    for (size_t i = 0; r->sync && i < sizeof ours / sizeof *ours; i++)
        if (ours[i] && !link_subscribe(r->link, ours[i], 1, err)) return false;
    for (size_t i = 0; i < choice_count(r->choice); i++)
        if (!link_subscribe(r->link, choice_filters(r->choice)[i], (int)r->settings->dial.qos, err))
            return false;
    return true;
}

bool receive_start(struct receive *r, struct dial_settings *dial, struct news_error *err)
{
    struct link_events events = receive_link_events;
    const struct settings *s = r->settings;
    events.user = r;
    r->signal_fd = r->watch_fd = -1;
    r->now_ms = date_now_ms();
    r->stop_mono_ms = s->for_ms ? date_mono_ms() + s->for_ms : INT64_MAX;
    r->close_mono_ms = INT64_MAX;
    r->set = poll_set_new(err);
    return r->set && check_settings(s, err) && settings_since(s, &r->since_ms, err) &&
           choose_screen(r, dial, err) && dial_read_password(dial, err) && open_sinks(r, err) &&
           open_store(r, err) && open_history(r, err) && program_signals(&r->signal_fd, err) &&
           open_shown(r, err) && (r->link = dial_open(dial, NULL, &events, err)) &&
           open_intake(r, err) && (!r->screen || add_screen(r, err)) && subscribe(r, err);
}

void receive_leave_screen(struct receive *r)
{
    if (!r->tui) return;
    sinks_drop(&r->sinks, r->tui);
    r->tui = NULL;
    log_to(NULL, NULL);
    if (r->status > EX_OK && r->status < 128) log_error("%s", r->last_words);
}

void receive_stop(struct receive *r)
{
    receive_leave_screen(r);
    sinks_free(&r->sinks);
    link_destroy(r->link);
    librarian_free(r->librarian);
    intake_free(r->intake);
    gaps_free(r->gaps);
    history_free(r->history);
    store_close(r->store);
    choice_free(r->choice);
    rules_free(r->rules);
    poll_set_free(r->set);
    if (r->signal_fd >= 0) (void)close(r->signal_fd);
    if (r->watch_fd >= 0) (void)close(r->watch_fd);
}
