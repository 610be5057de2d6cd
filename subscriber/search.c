#include "subscriber/search.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "common/date.h"
#include "common/log.h"
#include "subscriber/choice.h"
#include "subscriber/history.h"
#include "subscriber/lines.h"

/* What was found is kept as ids, newest first, and printed from the other end. */
struct found {
    const struct choice *choice;
    bool whole;          /* also what is embargoed, withheld, expired: a machine reads it */
    struct filter *also; /* -f, of a profile perhaps; NULL: none */
    int64_t now_ms;
    int64_t *ids;
    size_t count, size, most; /* most 0: all */
    bool no_memory;
};

static bool is_chosen(const struct found *f, const struct history_row *row)
{
    const struct filter_subject s = {.arrival = row->arrival,
                                     .unread = !(row->marks & HISTORY_READ),
                                     .starred = row->marks & HISTORY_STARRED,
                                     .now_ms = f->now_ms};
    return choice_has(f->choice, row->arrival->topic) &&
           (f->whole || !arrival_hidden(row->arrival, f->now_ms)) &&
           (!f->also || filter_match(f->also, &s) != FILTER_NO);
}

static bool note(void *user, const struct history_row *row)
{
    struct found *f = user;
    if (!is_chosen(f, row)) return true;
    if (f->count == f->size) {
        size_t size = f->size ? f->size * 2 : 256;
        int64_t *ids = realloc(f->ids, size * sizeof *ids);
        f->no_memory = !ids;
        if (!ids) return false;
        f->ids = ids;
        f->size = size;
    }
    f->ids[f->count++] = row->id;
    return f->most == 0 || f->count < f->most;
}

static bool find(struct history *h, struct filter *filter, int64_t first_id, struct found *f,
                 struct news_error *err)
{
    struct history_search *search = history_search_new(h, filter, first_id, INT64_MAX, err);
    bool done = false;
    bool ok = search && history_search_next(search, 0, note, f, &done, err);
    history_search_free(search);
    if (ok && f->no_memory) return news_fail(err, NEWS_ERR_MEMORY, "out of memory");
    return ok;
}

struct printing {
    struct lines *lines;
    struct poll_set *set;
    int64_t now_ms;
};

static bool print_row(void *user, const struct history_row *row)
{
    struct printing *p = user;
    lines_sink.put(p->lines, row->arrival, row->id, p->now_ms);
    return true;
}

/* Writes out what waits, until there is room again; wholly: all of it. */
static bool write_out(struct printing *p, bool wholly, struct news_error *err)
{
    if (!lines_sink.committed(p->lines, err)) return false;
    while (!lines_sink.gone(p->lines) &&
           (wholly ? !lines_sink.idle(p->lines) : lines_sink.full(p->lines))) {
        poll_set_clear(p->set);
        lines_sink.poll(p->lines, p->set);
        if (!poll_set_wait(p->set, err) || !lines_sink.turn(p->lines, err)) return false;
    }
    return true;
}

static bool print(struct history *h, const struct found *f, struct printing *p,
                  struct news_error *err)
{
    for (size_t i = f->count; i-- > 0 && !lines_sink.gone(p->lines);)
        if (!history_row(h, f->ids[i], print_row, p, err) || !write_out(p, false, err))
            return false;
    return write_out(p, true, err);
}

struct search {
    struct filter *filter;
    struct rules *rules;
    struct choice *choice;
    struct store *store;
    struct history *history;
    struct printing printing;
    struct found found;
};

static bool open_all(struct search *s, const struct settings *settings, const char *expression,
                     struct news_error *err)
{
    const struct db_options db = {.mode = DB_READ};
    char path[4096];
    size_t at;
    s->filter = filter_new(expression, &at, err);
    if (!s->filter) return false;
    s->found.now_ms = s->printing.now_ms = date_now_ms();
    if (settings->filter && !(s->found.also = filter_new(settings->filter, &at, err))) return false;
    s->rules = rules_new(settings, err);
    s->choice = s->rules ? choice_new(settings, NULL, err) : NULL;
    if (!s->choice || !settings_store_path(settings, path, sizeof path, err)) return false;
    s->store = store_open(path, &db, err);
    s->history = s->store ? history_new(s->store, settings->root, err) : NULL;
    if (!s->history || !program_stdout_ok(err)) return false;
    s->printing.set = poll_set_new(err);
    if (s->printing.set) s->printing.lines = lines_new(settings->output, s->rules, err);
    if (!s->printing.lines) return false;
    s->found.whole = lines_whole(s->printing.lines);
    return true;
}

static void close_all(struct search *s)
{
    if (s->printing.lines) lines_sink.free(s->printing.lines);
    poll_set_free(s->printing.set);
    free(s->found.ids);
    filter_free(s->found.also);
    history_free(s->history);
    store_close(s->store);
    choice_free(s->choice);
    rules_free(s->rules);
    filter_free(s->filter);
}

static bool run(struct search *s, const struct settings *settings, const char *expression,
                struct news_error *err)
{
    int64_t since_ms, first_id = 0;
    long long most = settings->count > 0 ? settings->count : settings->last;
    if (!settings_since(settings, &since_ms, err) || !open_all(s, settings, expression, err))
        return false;
    if (since_ms != DATE_UNKNOWN && !store_since(s->store, since_ms, &first_id, err)) return false;
    s->found.choice = s->choice;
    s->found.most = (size_t)most;
    return find(s->history, s->filter, first_id, &s->found, err) &&
           print(s->history, &s->found, &s->printing, err);
}

int search_run(const struct settings *settings, const char *expression)
{
    struct search s = {0};
    struct news_error err = {0};
    (void)signal(SIGPIPE, SIG_IGN);
    bool ok = run(&s, settings, expression, &err);
    if (ok) log_note("%zu found", s.found.count);
    else log_error("%s", err.message);
    close_all(&s);
    return ok ? 0 : news_exit_status(err.code);
}
