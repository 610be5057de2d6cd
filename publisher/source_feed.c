#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/date.h"
#include "publisher/feed_items.h"
#include "publisher/fetch.h"
#include "publisher/journal.h"
#include "publisher/schedule.h"
#include "publisher/source_kind.h"

enum {
    RETRY_MS =
        1000, /* after a commit that failed, while the daemon is busy, for a file in motion */
    FILE_STEP = 1 << 20,
    ADDRESS_SIZE = sizeof((struct journal_source *)0)->url,
};

/* What an answer comes to. It counts once its items are handed in, with the commit of the last. */
struct outcome {
    struct journal_source facts; /* as they will be; without due_ms and read_ms */
    char validators_url[ADDRESS_SIZE];
    struct schedule_facts schedule;
    struct feed *feed; /* NULL: no items */
    struct feed_items at;
    bool bad;
    char state[200];
};

struct feed_source {
    struct source *source;
    bool is_file;
    struct journal_source facts;       /* as the journal has them */
    char validators_url[ADDRESS_SIZE]; /* whose answer gave facts.etag and facts.modified */
    bool asking;                       /* an answer is to come */
    struct outcome *outcome;           /* NULL: there is none to deal with */
    int64_t retry_ms;                  /* nothing is handed in before */
    struct buf text;                   /* of the item that is being handed in */
    char said[200];                    /* the state without what changes each time */
};

/* ---- small things ---- */

/* What does not fit whole is no use at all. */
static void keep(char *out, size_t size, const char *text)
{
    size_t len = strlen(text);
    if (len < size) memcpy(out, text, len + 1);
    else *out = '\0';
}

static const char *address_of(const struct journal_source *facts)
{
    return *facts->moved_to ? facts->moved_to : facts->url;
}

static void forget_validators(struct journal_source *facts)
{
    *facts->etag = *facts->modified = '\0';
}

static bool has_validators(const struct journal_source *facts)
{
    return *facts->etag || *facts->modified;
}

static uint32_t random_bits(void)
{
    uint32_t bits = 0;
    (void)!getrandom(&bits, sizeof bits, 0);
    return bits;
}

static void span_text(int64_t ms, char *out, size_t size)
{
    static const struct {
        int64_t ms;
        char unit;
    } units[] = {{SCHEDULE_DAY_MS, 'd'}, {SCHEDULE_HOUR_MS, 'h'}, {60000, 'm'}, {1000, 's'}};
    size_t i = 0;
    while (i < 3 && ms < 2 * units[i].ms)
        i++;
    (void)snprintf(out, size, "%lld%c", (long long)(ms / units[i].ms), units[i].unit);
}

/* ---- the state, as people read it ---- */

/* what: a line of the log each time it is another; more is for the state alone. */
static void say(struct feed_source *f, bool bad, const char *what, const char *more)
{
    struct source *s = f->source;
    char state[sizeof s->status.state];
    (void)snprintf(state, sizeof state, "%s%s", what, more);
    if (strcmp(what, f->said) != 0) source_say(s, bad, "%s%s", what, more);
    memcpy(s->status.state, state, sizeof state);
    keep(f->said, sizeof f->said, what);
}

static void say_gone(struct feed_source *f)
{
    say(f, true, "gone (HTTP 410)", ": not asked again until its URL in the configuration changes");
}

static void say_moved(struct feed_source *f)
{
    char url[200];
    fetch_public_url(f->facts.moved_to, url, sizeof url);
    source_say(f->source, true, "moved for good to %s, which is asked from now on", url);
}

static void say_outcome(struct feed_source *f, const struct outcome *o, int64_t now_ms)
{
    char span[24], more[80] = "";
    if (o->facts.gone) {
        say_gone(f);
        return;
    }
    span_text(f->facts.due_ms - now_ms, span, sizeof span);
    size_t count = o->feed ? o->feed->item_count : 0;
    if (o->feed)
        (void)snprintf(more, sizeof more, ", %zu item%s, next in %s", count, count == 1 ? "" : "s",
                       span);
    else (void)snprintf(more, sizeof more, ", next in %s", span);
    say(f, o->bad, o->state, more);
}

/* ---- judging an answer ---- */

static void succeed(struct outcome *o, const char *state)
{
    o->facts.failures = 0;
    o->facts.gone = false;
    o->schedule.conditional = has_validators(&o->facts);
    keep(o->state, sizeof o->state, state);
}

static void fail(struct outcome *o, const char *why)
{
    if (o->facts.failures < 1000) o->facts.failures++;
    o->bad = true;
    o->schedule.failures = o->facts.failures;
    (void)snprintf(o->state, sizeof o->state, "%.*s", (int)sizeof o->state - 1, why);
}

static void follow_move(struct outcome *o, const struct fetch_result *r)
{
    if (*r->moved_to) keep(o->facts.moved_to, sizeof o->facts.moved_to, r->moved_to);
}

static void judge_not_modified(struct outcome *o, const struct fetch_result *r)
{
    struct journal_source *facts = &o->facts;
    if (!has_validators(facts)) {
        fail(o, "HTTP 304, but it was not asked whether anything is new");
        return;
    }
    if (*r->etag) keep(facts->etag, sizeof facts->etag, r->etag);
    if (*r->modified) keep(facts->modified, sizeof facts->modified, r->modified);
    follow_move(o, r);
    succeed(o, "ok");
}

/* The wishes of the feed, and what is wrong with it as a whole. */
static void judge_feed(struct outcome *o, const struct feed *feed)
{
    struct feed_remark remarks[FEED_REMARKS_MAX];
    char state[sizeof o->state] = "ok";
    o->schedule.ttl_minutes = feed->ttl_minutes;
    o->schedule.skip_hours = feed->skip_hours;
    o->schedule.skip_days = feed->skip_days;
    if (feed_remarks(feed, remarks)) {
        o->bad = remarks[0].lost;
        if (remarks[0].line)
            (void)snprintf(state, sizeof state, "ok, but line %lu: %.150s", remarks[0].line,
                           remarks[0].text);
        else (void)snprintf(state, sizeof state, "ok, but %.150s", remarks[0].text);
    }
    succeed(o, state);
}

/* The address as the items may know it: a password in it must not get into their links. */
static struct feed *parse(const struct fetch_result *r, bool is_file, struct news_error *err)
{
    char *url = strdup(r->final_url);
    if (!url) {
        news_fail(err, NEWS_ERR_MEMORY, "out of memory");
        return NULL;
    }
    fetch_public_url(r->final_url, url, strlen(r->final_url) + 1);
    struct feed_origin origin = {.url = is_file ? NULL : url,
                                 .charset = *r->charset ? r->charset : NULL};
    unsigned long line = 0;
    struct news_error why = {0};
    struct feed *feed = feed_parse(r->body, r->len, &origin, &line, &why);
    free(url);
    if (!feed && line) news_fail(err, why.code, "line %lu: %s", line, why.message);
    else if (!feed) *err = why;
    return feed;
}

static void judge_document(struct outcome *o, const struct fetch_result *r, bool is_file)
{
    struct news_error err = {0};
    o->feed = parse(r, is_file, &err);
    forget_validators(&o->facts);
    if (!o->feed) {
        fail(o, err.message);
        return;
    }
    keep(o->facts.etag, sizeof o->facts.etag, r->etag);
    keep(o->facts.modified, sizeof o->facts.modified, r->modified);
    keep(o->validators_url, sizeof o->validators_url, r->final_url);
    follow_move(o, r);
    judge_feed(o, o->feed);
}

/* What is not there under the address it moved to may be where it was before. */
static void judge_missing(struct outcome *o, int status)
{
    char why[32];
    bool moved = *o->facts.moved_to;
    (void)snprintf(why, sizeof why, "HTTP %d", status);
    if (moved) forget_validators(&o->facts);
    *o->facts.moved_to = '\0';
    fail(o, why);
    o->facts.gone = status == 410 && !moved;
}

static void judge(const struct feed_source *f, const struct fetch_result *r, struct outcome *o)
{
    char why[32];
    *o = (struct outcome){.facts = f->facts};
    keep(o->validators_url, sizeof o->validators_url, f->validators_url);
    o->schedule = (struct schedule_facts){.interval_ms = f->source->config.interval_ms,
                                          .max_age_s = r->max_age_s,
                                          .retry_after_s = r->retry_after_s,
                                          .random = random_bits()};
    switch (r->status) {
    case 0: fail(o, r->err.message); break;
    case 200: judge_document(o, r, f->is_file); break;
    case 304: judge_not_modified(o, r); break;
    case 404:
    case 410: judge_missing(o, r->status); break;
    default: (void)snprintf(why, sizeof why, "HTTP %d", r->status); fail(o, why);
    }
}

static void answered(struct feed_source *f, const struct fetch_result *r)
{
    f->asking = false;
    f->retry_ms = 0;
    f->outcome = malloc(sizeof *f->outcome);
    if (f->outcome) {
        judge(f, r, f->outcome);
        return;
    }
    f->facts.due_ms = date_now_ms() + f->source->config.interval_ms;
    say(f, true, "out of memory", "");
}

void source_feed_fetched(void *self, const struct fetch_result *r)
{
    answered(self, r);
}

/* ---- handing in ---- */

static void outcome_free(struct outcome *o)
{
    if (!o) return;
    feed_free(o->feed);
    free(o);
}

/* At most a batch; true when there is nothing more. */
static bool hand_in(struct feed_source *f, struct feed_items *at)
{
    struct source *s = f->source;
    char url[1024], where[1100];
    struct ninjs item;
    fetch_public_url(f->facts.url, url, sizeof url);
    for (int i = 0; i < SOURCE_BATCH; i++) {
        struct news_error err = {0};
        switch (feed_items_next(at, &f->text, &item, &err)) {
        case FEED_ITEMS_END: return true;
        case FEED_ITEMS_FAULT:
            (void)snprintf(where, sizeof where, "%s: %.60s", url, err.message);
            source_refuse(s, where);
            break;
        case FEED_ITEMS_ITEM:
            (void)snprintf(where, sizeof where, "%s: item %zu", url, feed_items_number(at));
            if (source_take(s, &item, true, where, &err) == DESK_FAILED) return false;
        }
    }
    return false;
}

/* Validators that belong to an address we do not ask first are good for this run alone. */
static bool save(const struct feed_source *f, const struct outcome *o)
{
    struct journal_source row = o->facts;
    if (strcmp(o->validators_url, address_of(&row)) != 0) forget_validators(&row);
    return journal_set_source(f->source->host->journal, f->source->config.name, &row, NULL);
}

static void conclude(struct feed_source *f, struct outcome *o, int64_t now_ms)
{
    bool moved = *o->facts.moved_to && strcmp(o->facts.moved_to, f->facts.moved_to) != 0;
    f->facts = o->facts;
    memcpy(f->validators_url, o->validators_url, sizeof f->validators_url);
    if (moved) say_moved(f);
    say_outcome(f, o, now_ms);
    f->outcome = NULL;
    outcome_free(o);
}

static int64_t next_due_ms(const struct feed_source *f, const struct outcome *o, int64_t now_ms)
{
    /* A look at a file costs nobody anything. */
    if (f->is_file) return now_ms + f->source->config.interval_ms;
    return schedule_next_ms(&o->schedule, now_ms);
}

/* One batch, and with the last what is to be remembered. False: it has to be done again. */
static bool settle(struct feed_source *f, int64_t now_ms)
{
    struct outcome *o = f->outcome;
    struct journal *j = f->source->host->journal;
    if (o->feed && !o->at.feed) feed_items_start(&o->at, o->feed, true, now_ms);
    struct feed_items at = o->at;
    bool ok = journal_begin(j, NULL); /* a batch may hold nothing that can be handed in */
    bool last = ok && (!o->feed || hand_in(f, &at));
    if (last) {
        o->facts.due_ms = next_due_ms(f, o, now_ms);
        if (o->feed) o->facts.read_ms = now_ms;
        ok = save(f, o);
        if (!ok) journal_rollback(j); /* and the commit of items fails, if there were any */
    }
    if (!source_commit(f->source) || !ok) {
        *f->said = '\0'; /* the log said something else meanwhile */
        f->retry_ms = now_ms + RETRY_MS;
        return false;
    }
    o->at = at;
    if (last) conclude(f, o, now_ms);
    return true;
}

/* ---- a file in place of a URL ---- */

static bool read_all(int fd, const struct stat *info, struct buf *out, struct news_error *err)
{
    ssize_t n = 1;
    if (!S_ISREG(info->st_mode)) return news_fail(err, NEWS_ERR_DATA, "not a file");
    while (n > 0) {
        char *at = buf_reserve(out, FILE_STEP);
        if (!at) return news_fail(err, NEWS_ERR_MEMORY, "out of memory");
        n = read(fd, at, FILE_STEP);
        if (n < 0) return news_fail(err, NEWS_ERR_IO, "%s", strerror(errno));
        out->len += (size_t)n;
        if (out->len > FEED_BYTES_MAX)
            return news_fail(err, NEWS_ERR_TOO_LARGE, "a feed of more than %u MiB",
                             FEED_BYTES_MAX >> 20);
    }
    return true;
}

/* What changes whenever a file is written: its validator. */
static void file_mark(const struct stat *info, char *out, size_t size)
{
    (void)snprintf(out, size, "%lld.%09ld %lld %llu", (long long)info->st_mtim.tv_sec,
                   info->st_mtim.tv_nsec, (long long)info->st_size,
                   (unsigned long long)info->st_ino);
}

/* False: it is being written; later, then. */
static bool look_at(const struct feed_source *f, int fd, const char *mark, struct fetch_result *r,
                    struct buf *body)
{
    char mark_after[128] = "";
    struct stat info;
    if (strcmp(mark, f->facts.etag) == 0) {
        r->status = 304;
        return true;
    }
    if (fstat(fd, &info) < 0 || !read_all(fd, &info, body, &r->err)) return true;
    if (fstat(fd, &info) == 0) file_mark(&info, mark_after, sizeof mark_after);
    if (strcmp(mark, mark_after) != 0) return false;
    r->status = 200;
    r->body = body->len ? body->data : "";
    r->len = body->len;
    return true;
}

static void ask_file(struct feed_source *f, int64_t now_ms)
{
    struct buf body = {0};
    struct stat info;
    char mark[128] = "";
    struct fetch_result r = {.final_url = f->facts.url,
                             .moved_to = "",
                             .etag = mark,
                             .modified = "",
                             .charset = "",
                             .max_age_s = -1,
                             .retry_after_s = -1};
    bool quiet = true;
    int fd = open(f->facts.url, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, &info) == 0) {
        file_mark(&info, mark, sizeof mark);
        quiet = look_at(f, fd, mark, &r, &body);
    } else {
        news_fail(&r.err, NEWS_ERR_IO, "%s", strerror(errno));
    }
    if (fd >= 0) (void)close(fd);
    if (quiet) answered(f, &r);
    else f->facts.due_ms = now_ms + RETRY_MS;
    buf_deinit(&body);
}

/* ---- asking ---- */

static void ask(struct feed_source *f, int64_t now_ms)
{
    if (f->is_file) {
        ask_file(f, now_ms);
        return;
    }
    struct fetch_result r = {
        .final_url = "", .moved_to = "", .etag = "", .modified = "", .charset = "", .body = ""};
    struct fetch_request q = {.url = address_of(&f->facts),
                              .etag = f->facts.etag,
                              .modified = f->facts.modified,
                              .validators_url = f->validators_url,
                              .user = f};
    r.max_age_s = r.retry_after_s = -1;
    f->asking = true;
    if (!fetch_start(f->source->fetch, &q, &r.err)) answered(f, &r);
}

/* A clock that was wrong when the time was written must not silence a feed for years. */
static bool is_due(struct feed_source *f, int64_t now_ms)
{
    int64_t interval_ms = f->source->config.interval_ms;
    if (f->facts.due_ms - now_ms > schedule_longest_ms(interval_ms))
        f->facts.due_ms = now_ms + interval_ms;
    return now_ms >= f->facts.due_ms;
}

static bool is_busy(const struct feed_source *f)
{
    const struct sources_host *host = f->source->host;
    return host->is_busy(host->user);
}

static void feed_turn(void *self, int64_t now_ms)
{
    struct feed_source *f = self;
    if (f->asking || f->facts.gone) return;
    if (!f->outcome) {
        if (is_due(f, now_ms) && !is_busy(f)) ask(f, now_ms);
    } else if ((now_ms >= f->retry_ms || f->retry_ms - now_ms > RETRY_MS) && !is_busy(f)) {
        (void)settle(f, now_ms);
    }
}

static void feed_poll(void *self, struct poll_set *set)
{
    struct feed_source *f = self;
    if (f->asking || f->facts.gone) return;
    int64_t wait_ms = (f->outcome ? f->retry_ms : f->facts.due_ms) - date_now_ms();
    if (wait_ms <= 0) wait_ms = is_busy(f) ? RETRY_MS : 0;
    poll_set_deadline(set, date_mono_ms() + wait_ms);
}

static void feed_stop(void *self, int64_t now_ms)
{
    struct feed_source *f = self;
    if (f->asking) fetch_cancel(f->source->fetch, f);
    f->asking = false;
    while (f->outcome && !is_busy(f) && settle(f, now_ms))
        ;
}

/* ---- life ---- */

static bool load(struct feed_source *f, struct news_error *err)
{
    struct source *s = f->source;
    struct news_error why = {0};
    bool known = journal_source(s->host->journal, s->config.name, &f->facts, &why);
    if (!known && why.code) {
        if (err) *err = why;
        return false;
    }
    if (known && strcmp(f->facts.url, s->config.location) == 0) {
        keep(f->validators_url, sizeof f->validators_url, address_of(&f->facts));
        return true;
    }
    if (strlen(s->config.location) >= ADDRESS_SIZE)
        return news_fail(err, NEWS_ERR_CONFIG, "an address of more than %d bytes",
                         ADDRESS_SIZE - 1);
    f->facts = (struct journal_source){
        .due_ms = schedule_first_ms(s->config.interval_ms, random_bits(), date_now_ms())};
    keep(f->facts.url, sizeof f->facts.url, s->config.location);
    return true;
}

static void feed_close(void *self)
{
    struct feed_source *f = self;
    if (!f) return;
    if (f->asking) fetch_cancel(f->source->fetch, f);
    outcome_free(f->outcome);
    buf_deinit(&f->text);
    free(f);
}

static void *feed_open(struct source *s, struct news_error *err)
{
    struct feed_source *f = calloc(1, sizeof *f);
    if (!f) {
        news_fail(err, NEWS_ERR_MEMORY, "out of memory");
        return NULL;
    }
    f->source = s;
    f->is_file = !strstr(s->config.location, "://");
    if (!load(f, err)) {
        feed_close(f);
        return NULL;
    }
    if (f->facts.gone) say_gone(f);
    return f;
}

const struct source_kind_ops source_feed = {.open = feed_open,
                                            .close = feed_close,
                                            .poll = feed_poll,
                                            .turn = feed_turn,
                                            .stop = feed_stop};
