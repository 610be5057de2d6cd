#include "publisher/source.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/date.h"
#include "common/log.h"
#include "publisher/fetch.h"
#include "publisher/source_kind.h"

enum {
    REFUSALS_TOLD = 10, /* of a batch, one by one; the rest are counted */
    TURN_MS = 100,      /* then the rest of the daemon has its turn */
};

static const struct source_kind_ops *const kinds[] = {
    [SOURCE_FEED] = &source_feed,
    [SOURCE_SPOOL] = &source_spool,
    [SOURCE_FIFO] = &source_fifo,
};

struct entry {
    struct source source; /* first: what the kinds are given */
    struct arena *memory; /* of the configuration; grows with each reload that changes it */
    /* The batch: none of it counts before the commit. */
    uint64_t accepted, known, refused;
    struct buf refusals; /* the first of them, each with its NUL */
    bool failed;         /* the host has rolled it back: */
    struct news_error why;
};

struct sources {
    struct sources_host host;
    struct entry **list;
    size_t count, next; /* next: whose turn it is */
    unsigned long generation;
    struct fetch *fetch; /* NULL: no feed yet */
    bool stopped;
    char user_agent[256];
};

/* ---- handing in ---- */

static void note_refusal(struct entry *e, const char *where, const char *message)
{
    if (e->refused++ >= REFUSALS_TOLD) return;
    buf_printf(&e->refusals, "%s%s%s", where, *where ? ": " : "", message);
    buf_putc(&e->refusals, '\0');
}

static void batch_forget(struct entry *e)
{
    e->accepted = e->known = e->refused = 0;
    e->failed = false;
    buf_clear(&e->refusals);
}

static void batch_tell(const struct entry *e)
{
    const char *name = e->source.config.name;
    for (size_t at = 0; at < e->refusals.len; at += strlen(e->refusals.data + at) + 1)
        log_error("%s: %s", name, e->refusals.data + at);
    if (e->refused > REFUSALS_TOLD)
        log_error("%s: %llu more were refused", name,
                  (unsigned long long)(e->refused - REFUSALS_TOLD));
}

enum desk_answer source_take(struct source *s, const struct ninjs *item, bool feed,
                             const char *where, struct news_error *err)
{
    struct entry *e = (struct entry *)s;
    struct submission submission = {.kind = SUBMIT_ITEM,
                                    .item = *item,
                                    .place = s->place,
                                    .defaults = s->defaults,
                                    .source = s->config.name,
                                    .feed = feed};
    struct news_error why = {0};
    enum desk_answer answer = e->failed ? DESK_FAILED
                                        : s->host->take(s->host->user, &submission, &why);
    switch (answer) {
    case DESK_ACCEPTED:
    case DESK_HELD: e->accepted++; break;
    case DESK_KNOWN: e->known++; break;
    case DESK_REFUSED: note_refusal(e, where, why.message); break;
    case DESK_FAILED:
        if (!e->failed) e->why = why;
        e->failed = true;
        why = e->why;
        break;
    }
    if (err) *err = why;
    return answer;
}

void source_refuse(struct source *s, const char *message)
{
    note_refusal((struct entry *)s, "", message);
}

bool source_commit(struct source *s)
{
    struct entry *e = (struct entry *)s;
    bool ok = !e->failed && s->host->commit(s->host->user, &e->why);
    if (ok) {
        s->status.accepted += e->accepted;
        s->status.known += e->known;
        s->status.refused += e->refused;
        batch_tell(e);
    } else {
        source_say(s, true, "%s; trying again", e->why.message);
    }
    batch_forget(e);
    return ok;
}

void source_say(struct source *s, bool bad, const char *format, ...)
{
    char text[400], state[sizeof s->status.state];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    (void)snprintf(state, sizeof state, "%.*s", (int)sizeof state - 1, text);
    if (bad == s->status.bad && strcmp(state, s->status.state) == 0) return;
    /* An end of trouble is as much worth telling as its beginning. */
    if (bad || s->status.bad) log_error("%s: %s", s->config.name, text);
    else log_note("%s: %s", s->config.name, text);
    memcpy(s->status.state, state, sizeof state);
    s->status.bad = bad;
}

/* ---- one source ---- */

static bool keep(struct arena *memory, const char **field, const char *value)
{
    bool same = value && *field && strcmp(*field, value) == 0;
    const char *copy = same ? *field : value ? arena_strdup(memory, value) : NULL;
    if (value && !copy) return false;
    *field = copy;
    return true;
}

/* A kind may hold name and location: for a source that goes on they stay as they are. */
static bool entry_configure(struct entry *e, const struct sources_host *host,
                            const struct source_config *c)
{
    struct source *s = &e->source;
    if (!keep(e->memory, &s->config.name, c->name) ||
        !keep(e->memory, &s->config.location, c->location) ||
        !keep(e->memory, &s->config.service, c->service) ||
        !keep(e->memory, &s->config.language, c->language) ||
        !keep(e->memory, &s->config.subject, c->subject))
        return false;
    s->config.kind = c->kind;
    s->config.urgency = c->urgency;
    s->config.interval_ms = c->interval_ms;
    s->config.line = c->line;
    s->place = *host->place;
    s->place.service = s->config.service;
    if (s->config.language) s->place.language = s->config.language;
    if (s->config.subject) s->place.subject = s->config.subject;
    if (s->config.urgency) s->place.urgency = s->config.urgency;
    s->defaults = (struct item_defaults){.source = s->config.service,
                                         .language = s->place.language,
                                         .subject = s->place.subject,
                                         .urgency = s->place.urgency};
    s->status.name = s->config.name;
    s->status.kind = s->config.kind;
    return true;
}

static void entry_free(struct entry *e)
{
    if (!e) return;
    if (e->source.self) e->source.ops->close(e->source.self);
    buf_deinit(&e->refusals);
    arena_free(e->memory);
    free(e);
}

static struct entry *entry_new(const struct sources *all, const struct source_config *c)
{
    struct entry *e = calloc(1, sizeof *e);
    if (!e) return NULL;
    e->source.host = &all->host;
    e->source.ops = kinds[c->kind];
    e->source.generation = all->generation;
    e->memory = arena_new();
    if (e->memory && entry_configure(e, &all->host, c)) return e;
    entry_free(e);
    return NULL;
}

static bool same_source(const struct source_config *a, const struct source_config *b)
{
    return a->kind == b->kind && strcmp(a->name, b->name) == 0 &&
           strcmp(a->location, b->location) == 0;
}

static struct entry *entry_find(const struct sources *s, const struct source_config *c)
{
    for (size_t i = 0; i < s->count; i++)
        if (same_source(&s->list[i]->source.config, c)) return s->list[i];
    return NULL;
}

/* What fails here fails for this source alone. */
static void entry_open(struct sources *s, struct entry *e)
{
    struct news_error err = {0};
    if (e->source.config.kind == SOURCE_FEED && !s->fetch)
        s->fetch = fetch_new(s->user_agent, source_feed_fetched, &err);
    e->source.fetch = s->fetch;
    if (e->source.config.kind != SOURCE_FEED || s->fetch)
        e->source.self = e->source.ops->open(&e->source, &err);
    if (!e->source.self) source_say(&e->source, true, "%s", err.message);
}

static void entry_stop(struct entry *e, int64_t now_ms)
{
    if (e->source.self && e->source.ops->stop) e->source.ops->stop(e->source.self, now_ms);
}

/* ---- all of them ---- */

struct sources *sources_new(const struct sources_host *host, const struct config *config,
                            struct news_error *err)
{
    struct sources *s = calloc(1, sizeof *s);
    if (!s) {
        news_fail(err, NEWS_ERR_MEMORY, "out of memory");
        return NULL;
    }
    s->host = *host;
    bool reachable = host->contact && *host->contact;
    (void)snprintf(s->user_agent, sizeof s->user_agent, "newspub/%s%s%.200s%s", NEWS_VERSION,
                   reachable ? " (+" : "", reachable ? host->contact : "", reachable ? ")" : "");
    if (sources_reload(s, config, err)) return s;
    sources_free(s);
    return NULL;
}

/* The new list, not yet open; what goes on is in the old one as well. */
static bool list_make(struct sources *s, const struct config *config, struct entry **list)
{
    for (size_t i = 0; i < config->count; i++) {
        struct entry *e = entry_find(s, &config->sources[i]);
        list[i] = e ? e : entry_new(s, &config->sources[i]);
        if (!list[i] || (e && !entry_configure(e, &s->host, &config->sources[i]))) return false;
    }
    return true;
}

static void list_undo(const struct sources *s, struct entry **list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (list[i] && list[i]->source.generation == s->generation) entry_free(list[i]);
    free(list);
}

/* What goes away goes first: another may have been given its place. */
static void list_replace(struct sources *s, struct entry **list, size_t count)
{
    int64_t now_ms = date_now_ms();
    for (size_t i = 0; i < count; i++)
        list[i]->source.generation = s->generation;
    for (size_t i = 0; i < s->count; i++) {
        if (s->list[i]->source.generation == s->generation) continue;
        entry_stop(s->list[i], now_ms);
        entry_free(s->list[i]);
    }
    free(s->list);
    s->list = list;
    s->count = count;
    s->next = 0;
    for (size_t i = 0; i < count; i++)
        if (!list[i]->source.self) entry_open(s, list[i]);
}

bool sources_reload(struct sources *s, const struct config *config, struct news_error *err)
{
    struct entry **list = calloc(config->count + 1, sizeof(struct entry *));
    s->generation++;
    if (!list || !list_make(s, config, list)) {
        if (list) list_undo(s, list, config->count);
        return news_fail(err, NEWS_ERR_MEMORY, "out of memory");
    }
    list_replace(s, list, config->count);
    return true;
}

void sources_stop(struct sources *s)
{
    int64_t now_ms = date_now_ms();
    if (s->stopped) return;
    s->stopped = true;
    for (size_t i = 0; i < s->count; i++)
        entry_stop(s->list[i], now_ms);
}

void sources_free(struct sources *s)
{
    if (!s) return;
    for (size_t i = 0; i < s->count; i++)
        entry_free(s->list[i]);
    free(s->list);
    fetch_free(s->fetch);
    free(s);
}

void sources_poll(struct sources *s, struct poll_set *set)
{
    if (s->stopped) return;
    for (size_t i = 0; i < s->count; i++)
        if (s->list[i]->source.self) s->list[i]->source.ops->poll(s->list[i]->source.self, set);
    if (s->fetch) fetch_poll(s->fetch, set);
}

void sources_turn(struct sources *s, int64_t now_ms)
{
    int64_t until = date_mono_ms() + TURN_MS;
    for (size_t n = 0; n < s->count && !s->stopped; n++) {
        struct source *one = &s->list[s->next]->source;
        s->next = (s->next + 1) % s->count;
        if (one->self) one->ops->turn(one->self, now_ms);
        if (date_mono_ms() >= until) return;
    }
}

bool sources_status(const struct sources *s, size_t i, struct source_status *out)
{
    if (i >= s->count) return false;
    *out = s->list[i]->source.status;
    return true;
}
