#include "subscriber/catchup.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "subscriber/catchup_state.h"

enum {
    LIMIT_DEFAULT = 500,
    TURN_REQUESTS = 16, /* in one turn: live items go first */
    RETURNS_ODD = 3,    /* once may be an old item that was sent again */
    RETURN_MS = 5000,   /* in between: around a restart items overtake each other */
};

/* ---- life ---- */

static bool copy_options(struct catchup *c, const struct catchup_options *o, struct news_error *err)
{
    if (o->filter_count > TOPIC_FILTERS_MAX)
        return news_fail(err, NEWS_ERR_USAGE, "%zu topic filters: at most %d can be followed",
                         o->filter_count, TOPIC_FILTERS_MAX);
    if (!sync_name_ok(o->client_id, strlen(o->client_id), sizeof c->client_id))
        return news_fail(err, NEWS_ERR_USAGE,
                         "client id %s: 1 to %zu letters, digits, \"_\", \".\", \"-\" are needed",
                         o->client_id, sizeof c->client_id - 1);
    if (!topic_root_ok(o->root, err)) return false;
    memcpy(c->client_id, o->client_id, strlen(o->client_id));
    memcpy(c->root, o->root, strlen(o->root));
    for (; c->filter_count < o->filter_count; c->filter_count++)
        if (!(c->filters[c->filter_count] = strdup(o->filters[c->filter_count])))
            return news_fail(err, NEWS_ERR_MEMORY, "out of memory");
    c->options = *o;
    if (c->options.limit == 0) c->options.limit = LIMIT_DEFAULT;
    if (c->options.limit > SYNC_LIMIT_MAX) c->options.limit = SYNC_LIMIT_MAX;
    c->random = o->seed;
    if (o->seed == 0 && getrandom(&c->random, sizeof c->random, 0) < 0)
        return news_fail(err, NEWS_ERR_IO, "no random numbers");
    (void)snprintf(c->id_prefix, sizeof c->id_prefix, "%016" PRIx64, catchup_random(c));
    return true;
}

struct catchup *catchup_new(const struct catchup_options *o, const struct catchup_events *e,
                            struct positions *p, struct store *s, struct news_error *err)
{
    struct catchup *c = calloc(1, sizeof *c);
    if (!c) {
        news_fail(err, NEWS_ERR_MEMORY, "out of memory");
        return NULL;
    }
    c->events = *e;
    c->positions = p;
    c->store = s;
    c->next_mono_ms = INT64_MAX;
    if (!copy_options(c, o, err)) {
        catchup_free(c);
        return NULL;
    }
    return c;
}

void catchup_free(struct catchup *c)
{
    if (!c) return;
    while (c->publishers) {
        struct publisher *p = c->publishers;
        c->publishers = p->next;
        catchup_publisher_free(p);
    }
    for (size_t i = 0; i < c->filter_count; i++)
        free(c->filters[i]);
    buf_deinit(&c->out);
    free(c);
}

/* ---- the connection ---- */

void catchup_up(struct catchup *c, int64_t now_mono_ms)
{
    c->now_mono_ms = now_mono_ms;
    c->up = true;
    c->connections++;
    for (struct publisher *p = c->publishers; p; p = p->next) {
        request_end(&p->request);
        p->heard = p->behind_asked = false;
        p->round_due_mono_ms = now_mono_ms + CATCHUP_GRACE_MS;
        p->round_mono_ms = INT64_MAX;
        if (p->online) p->silent_mono_ms = now_mono_ms + CATCHUP_SILENT_MS;
    }
    catchup_wake(c, now_mono_ms);
}

void catchup_down(struct catchup *c)
{
    c->up = false;
    for (struct publisher *p = c->publishers; p; p = p->next)
        request_end(&p->request);
}

static void show_presence(struct catchup *c, struct publisher *p)
{
    if (p->online && c->now_mono_ms >= p->silent_mono_ms) p->online = false;
    if (p->online == p->online_told) return;
    p->online_told = p->online;
    c->events.on_presence(c->events.user, p->name, p->online);
}

/* ---- status ---- */

static bool name_epoch(struct catchup *c, struct publisher *p, struct epoch *e,
                       struct news_error *err)
{
    p->present = e;
    p->named = true;
    e->settled = e->unknown = false;
    if (!c->store || strcmp(p->stored.epoch, e->name) == 0) return true;
    memcpy(p->stored.epoch, e->name, sizeof p->stored.epoch);
    p->stored.items = e->items;
    return catchup_in_store(c, err) && store_set_publisher(c->store, p->name, &p->stored, err);
}

/* The status counts more than is accounted for, or less than it did. */
static void compare_items(struct catchup *c, struct publisher *p, struct epoch *e, bool behind,
                          bool brief)
{
    int64_t at = c->now_mono_ms + (brief ? catchup_jitter(c, CATCHUP_BRIEF_MS)
                                         : CATCHUP_AGAIN_MS + catchup_jitter(c, CATCHUP_AGAIN_MS));
    if (behind && !p->behind_asked) {
        p->behind_asked = e->must = true;
        if (at < e->ask_mono_ms) e->ask_mono_ms = at;
    } else if (e->compared && e->counted < e->items) {
        if (e->empty_mono_ms != INT64_MIN && at < e->empty_mono_ms + CATCHUP_EMPTY_MS)
            at = e->empty_mono_ms + CATCHUP_EMPTY_MS;
        if (at < e->moved_mono_ms) e->moved_mono_ms = at;
    }
    catchup_wake(c, catchup_due(p, e));
}

static bool is_outstanding(const struct publisher *p)
{
    return p->request.epoch && !p->request.expired && !p->request.ended;
}

/* Everything came that is known to exist, and no older epoch is open. */
static bool is_in_step(const struct publisher *p)
{
    bool in_step = !is_outstanding(p);
    for (const struct epoch *e = p->epochs; e && in_step; e = e->next) {
        in_step = e == p->present ? e->compared && e->counted >= e->items : e->settled;
        if (e->unknown) in_step = true;
        else if (e->lacking.count > 0 || e->hole_mono_ms != INT64_MAX ||
                 e->ask_mono_ms != INT64_MAX)
            in_step = false;
    }
    return in_step;
}

static bool use_status(struct catchup *c, struct publisher *p, const struct sync_status *s,
                       struct news_error *err)
{
    struct epoch *e;
    if (!catchup_epoch(p, s->epoch, &e, err)) return false;
    bool first = !p->heard, comes = s->online && !p->online;
    bool renewed = p->named && p->present != e;
    bool behind = s->online && s->items < e->items;
    p->heard = true;
    p->online = s->online;
    p->silent_mono_ms = s->online ? c->now_mono_ms + CATCHUP_SILENT_MS : INT64_MAX;
    if (s->online || s->items > e->items) { /* a will counts what there was when it was made */
        e->items = s->items;
        e->recent = 0;
        /* An item that a status had overtaken was counted twice. */
        if (e->counted > e->items) e->counted = e->items;
    }
    if (!name_epoch(c, p, e, err)) return false;
    show_presence(c, p);
    catchup_wake(c, p->silent_mono_ms);
    /* Who leaves soon counts its items behind them: who has them all need not ask each time. */
    bool in_step = s->brief && !behind && is_in_step(p);
    if (comes) {
        request_end(&p->request); /* it was put to nobody */
        p->timeouts = 0;
        comes = !in_step;
    }
    if (first || comes || renewed) {
        int64_t most = c->connections <= 1 && first ? c->options.jitter_first_ms
                                                    : c->options.jitter_again_ms;
        return catchup_round(c, p, s->online && s->brief ? CATCHUP_BRIEF_MS : most, err);
    }
    if (s->online) compare_items(c, p, e, behind, s->brief);
    return true;
}

bool catchup_status(struct catchup *c, const char *topic, const char *bytes, size_t len,
                    int64_t now_mono_ms, struct news_error *err)
{
    char name[TOPIC_SLUG_MAX + 1];
    struct publisher *p;
    struct sync_status status;
    c->now_mono_ms = now_mono_ms;
    if (!sync_publisher_of(topic, SYNC_STATUS, name)) return true;
    if (!catchup_publisher(c, name, &p, err)) return false;
    if (!p) return true;
    if (len == 0) { /* somebody took the status away */
        p->online = false;
        show_presence(c, p);
        return true;
    }
    if (!sync_status_parse(bytes, len, &status, NULL)) {
        catchup_remark(c, p, REMARK_STATUS);
        return true;
    }
    return use_status(c, p, &status, err);
}

/* ---- items ---- */

/* Two that publish under one name each go on with an epoch of their own. */
static void note_live(struct catchup *c, struct publisher *p, struct epoch *e)
{
    e->counted++;
    e->recent++;
    e->settled = false;
    if (!p->present) p->present = e;
    if (p->live == e) return;
    if (e->live && c->now_mono_ms - p->returned_mono_ms >= RETURN_MS) {
        p->returned_mono_ms = c->now_mono_ms;
        if (++p->returns == RETURNS_ODD) catchup_remark(c, p, REMARK_TWO);
    }
    e->live = true;
    p->live = e;
}

void catchup_item(struct catchup *c, const struct wire_number *n, const struct position *at,
                  bool is_new, int64_t now_mono_ms)
{
    struct publisher *p;
    struct epoch *e;
    c->now_mono_ms = now_mono_ms;
    /* Without memory, or with a store that fails: it is tried again with the next item. */
    if (!catchup_publisher(c, n->publisher, &p, NULL) || !p ||
        !catchup_epoch(p, n->epoch, &e, NULL))
        return;
    if (is_new && c->replying) c->replying->request.gain++;
    else if (is_new) note_live(c, p, e);
    if (at->based && at->hole_since_mono_ms < e->hole_mono_ms &&
        at->hole_since_mono_ms >= e->answered_mono_ms) {
        e->hole_mono_ms = at->hole_since_mono_ms;
        catchup_wake(c, catchup_due(p, e));
    }
}

bool catchup_from_start(struct catchup *c, const char *publisher, const char *topic)
{
    struct publisher *p;
    return catchup_publisher(c, publisher, &p, NULL) && p && catchup_matches(c, p->joined, topic);
}

/* ---- what is due ---- */

/* The holes that were noticed since the last end, and are still there. */
static void look_for_holes(struct catchup *c, struct publisher *p, struct epoch *e)
{
    struct position *at;
    e->hole_mono_ms = INT64_MAX;
    for (size_t cursor = 0; (at = positions_next(c->positions, &cursor));)
        if (at->based && at->hole_since_mono_ms < e->hole_mono_ms &&
            at->hole_since_mono_ms >= e->answered_mono_ms &&
            catchup_follows(c, p, e, p->joined, at))
            e->hole_mono_ms = at->hole_since_mono_ms;
}

static bool is_lacking(struct epoch *e)
{
    size_t left = 0;
    for (size_t i = 0; i < e->lacking.count; i++)
        if (e->lacking.list[i].at->through < e->lacking.list[i].seq)
            e->lacking.list[left++] = e->lacking.list[i];
    e->lacking.count = left;
    return left > 0;
}

/* Something of this epoch is due: asks, or finds that it need not. */
static bool look(struct catchup *c, struct publisher *p, struct epoch *e, struct news_error *err)
{
    int64_t now = c->now_mono_ms;
    if (e->ask_mono_ms <= now)
        return e->must || is_lacking(e) ? catchup_ask(c, p, e, false, err)
                                        : catchup_complete(c, p, e, err);
    if (e->moved_mono_ms <= now) {
        e->moved_mono_ms = INT64_MAX;
        return e->counted >= e->items || catchup_ask(c, p, e, true, err);
    }
    look_for_holes(c, p, e);
    return e->hole_mono_ms > now - CATCHUP_HOLE_MS || catchup_ask(c, p, e, false, err);
}

/* The one that is due first; of several an older one before the present one. */
static struct epoch *first_due(const struct publisher *p, int64_t *due_mono_ms)
{
    struct epoch *first = NULL;
    *due_mono_ms = INT64_MAX;
    for (struct epoch *e = p->epochs; e; e = e->next) {
        int64_t due = catchup_due(p, e);
        if (due > *due_mono_ms || due == INT64_MAX) continue;
        bool sooner = !first || due < *due_mono_ms || first == p->present;
        if (!sooner && (e == p->present || strcmp(e->name, first->name) > 0)) continue;
        first = e;
        *due_mono_ms = due;
    }
    return first;
}

/* The answer, or the rest of it, did not come. */
static bool end_wait(struct catchup *c, struct publisher *p, struct news_error *err)
{
    if (!p->request.disowned) {
        catchup_give_up(c, p);
        return true;
    }
    bool forgotten = catchup_forget(c, p, p->request.epoch, err);
    request_end(&p->request);
    return forgotten;
}

static bool serve(struct catchup *c, struct publisher *p, unsigned *requests,
                  struct news_error *err)
{
    int64_t due;
    show_presence(c, p);
    if (c->now_mono_ms >= p->round_due_mono_ms &&
        !catchup_round(c, p, c->options.jitter_again_ms, err))
        return false;
    if (is_outstanding(p) && c->now_mono_ms >= p->request.until_mono_ms && !end_wait(c, p, err))
        return false;
    while (!is_outstanding(p) && *requests < TURN_REQUESTS) {
        struct epoch *e = first_due(p, &due);
        if (!e || due > c->now_mono_ms) break;
        if (!look(c, p, e, err)) return false;
        if (is_outstanding(p)) ++*requests;
    }
    if (is_outstanding(p)) due = p->request.until_mono_ms;
    else (void)first_due(p, &due);
    catchup_wake(c, due);
    catchup_wake(c, p->round_due_mono_ms);
    if (p->online) catchup_wake(c, p->silent_mono_ms);
    return true;
}

bool catchup_turn(struct catchup *c, int64_t now_mono_ms, struct news_error *err)
{
    unsigned requests = 0;
    c->now_mono_ms = now_mono_ms;
    if (!c->up || now_mono_ms < c->next_mono_ms) return true;
    c->next_mono_ms = INT64_MAX;
    for (struct publisher *p = c->publishers; p; p = p->next)
        if (!serve(c, p, &requests, err)) {
            c->next_mono_ms = now_mono_ms;
            return false;
        }
    return true;
}

int64_t catchup_deadline(const struct catchup *c)
{
    return c->up ? c->next_mono_ms : INT64_MAX;
}

/* ---- looking ---- */

bool catchup_offline(const struct catchup *c, const char *publisher, int64_t now_mono_ms)
{
    const struct publisher *p = catchup_known(c, publisher);
    return !p || !p->online || now_mono_ms >= p->silent_mono_ms;
}

bool catchup_is_present(const struct catchup *c, const char *publisher, const char *epoch)
{
    const struct publisher *p = catchup_known(c, publisher);
    return p && p->named && strcmp(p->present->name, epoch) == 0;
}

bool catchup_repeat(struct catchup *c, int64_t now_mono_ms, struct news_error *err)
{
    c->now_mono_ms = now_mono_ms;
    for (struct publisher *p = c->publishers; p && c->up; p = p->next) {
        if (is_outstanding(p)) continue;
        p->timeouts = 0;
        if (!catchup_round(c, p, 0, err)) return false;
    }
    return true;
}

struct catchup_totals catchup_totals(const struct catchup *c)
{
    struct catchup_totals t = {.publishers = c->publisher_count};
    const struct position *at;
    for (const struct publisher *p = c->publishers; p; p = p->next) {
        t.online += p->online;
        t.outstanding += is_outstanding(p);
        for (const struct epoch *e = p->epochs; e; e = e->next)
            t.wanted += catchup_due(p, e) != INT64_MAX;
    }
    for (size_t cursor = 0; (at = positions_next(c->positions, &cursor));)
        t.holes += at->based && position_has_hole(at);
    return t;
}
