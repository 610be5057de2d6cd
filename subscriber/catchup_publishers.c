#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/hash.h"
#include "subscriber/catchup_state.h"

static bool no_memory(struct news_error *err)
{
    return news_fail(err, NEWS_ERR_MEMORY, "out of memory");
}

/* ---- small things ---- */

void catchup_wake(struct catchup *c, int64_t at_mono_ms)
{
    if (at_mono_ms < c->next_mono_ms) c->next_mono_ms = at_mono_ms;
}

/* splitmix64: for waits and names of requests, not for secrets. */
uint64_t catchup_random(struct catchup *c)
{
    uint64_t z = c->random += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

int64_t catchup_jitter(struct catchup *c, int64_t most_ms)
{
    return most_ms > 0 ? (int64_t)(catchup_random(c) % ((uint64_t)most_ms + 1)) : 0;
}

bool catchup_in_store(struct catchup *c, struct news_error *err)
{
    return !c->store || store_begin(c->store, err);
}

bool catchup_matches(const struct catchup *c, uint64_t filters, const char *topic)
{
    for (size_t i = 0; i < c->filter_count; i++)
        if ((filters >> i & 1) && topic_matches(c->filters[i], topic)) return true;
    return false;
}

/* The epoch first: it tells most apart. */
bool catchup_follows(const struct catchup *c, const struct publisher *p, const struct epoch *e,
                     uint64_t filters, const struct position *at)
{
    return memcmp(at->epoch, e->name, WIRE_EPOCH_SIZE) == 0 &&
           strcmp(at->publisher, p->name) == 0 && catchup_matches(c, filters, at->topic);
}

void catchup_remark(struct catchup *c, struct publisher *p, enum remark which)
{
    enum { ONCE_MS = 60000 };
    static const char *const texts[REMARKS] = {
        [REMARK_MALFORMED] = "an answer is malformed",
        [REMARK_STATUS] = "its status is malformed",
        [REMARK_UNASKED] = "an answer came that nobody asked for",
        [REMARK_TOPIC] = "an answer names a topic that was not asked for",
        [REMARK_LIMIT] = "an answer has more items than were asked for",
        [REMARK_ITEM] = "an item of an answer is not valid",
        [REMARK_NUMBER] = "an item of an answer has a number that was not asked for",
        [REMARK_ABSURD] = "an answer names numbers that cannot be",
        [REMARK_BACKWARD] = "an answer knows fewer items than came from there: the journal went "
                            "back",
        [REMARK_MISSING] = "an answer declares missing what is not in question",
        [REMARK_STREAMS] = "there are too many streams to ask for",
        [REMARK_TWO] = "two newspubs publish under this name",
    };
    if (c->now_mono_ms < p->remarked_mono_ms[which]) return;
    p->remarked_mono_ms[which] = c->now_mono_ms + ONCE_MS;
    c->events.on_remark(c->events.user, p->name, texts[which]);
}

/* ---- marks ---- */

bool marks_add(struct marks *m, struct position *at, uint64_t seq, struct news_error *err)
{
    if (m->count == m->size) {
        size_t size = m->size ? m->size * 2 : 16;
        struct mark *list = realloc(m->list, size * sizeof *list);
        if (!list) return no_memory(err);
        m->list = list;
        m->size = size;
    }
    m->list[m->count++] = (struct mark){at, seq};
    return true;
}

void marks_free(struct marks *m)
{
    free(m->list);
    *m = (struct marks){0};
}

static int by_topic(const void *topic, const void *mark)
{
    return strcmp(topic, ((const struct mark *)mark)->at->topic);
}

struct mark *marks_find(const struct marks *m, const char *topic)
{
    return m->count ? bsearch(topic, m->list, m->count, sizeof *m->list, by_topic) : NULL;
}

/* ---- publishers ---- */

/* Compares the level at *at with a literal one; "+" is any, "#" any and the end. */
static bool level_can_match(const char **at, const char *literal)
{
    size_t len = strcspn(*at, "/");
    bool same = len == strlen(literal) && memcmp(*at, literal, len) == 0;
    if (!same && !(len == 1 && (**at == '+' || **at == '#'))) return false;
    if (**at != '#' && (*at)[len] == '/') *at += len + 1;
    return true;
}

/* Shared subscriptions never can: what the others of the group got is not missing. */
static bool filter_can_match(const char *filter, const char *root, const char *publisher)
{
    return level_can_match(&filter, root) && level_can_match(&filter, publisher);
}

static struct publisher **bucket_of(const struct catchup *c, const char *name)
{
    uint64_t hash = hash_bytes(HASH_START, name, strlen(name));
    return (struct publisher **)&c->buckets[(hash ^ hash >> 32) % CATCHUP_BUCKETS];
}

struct publisher *catchup_known(const struct catchup *c, const char *name)
{
    struct publisher *p = *bucket_of(c, name);
    while (p && strcmp(p->name, name) != 0)
        p = p->chained;
    return p;
}

static uint64_t filters_for(const struct catchup *c, const char *name)
{
    uint64_t filters = 0;
    for (size_t i = 0; i < c->filter_count; i++)
        if (filter_can_match(c->filters[i], c->root, name)) filters |= UINT64_C(1) << i;
    return filters;
}

/* What earlier sessions knew. */
static bool recall(struct catchup *c, struct publisher *p, struct news_error *err)
{
    struct epoch *e;
    if (!c->store) return true;
    for (size_t i = 0; i < c->filter_count; i++) {
        bool joined = false;
        if (!(p->filters >> i & 1)) continue;
        if (!store_joined(c->store, p->name, c->filters[i], &joined, err)) return false;
        if (joined) p->joined |= UINT64_C(1) << i;
    }
    if (!store_publisher(c->store, p->name, &p->stored, err)) return false;
    if (!*p->stored.epoch) return true;
    if (!catchup_epoch(p, p->stored.epoch, &e, err)) return false;
    e->items = p->stored.items;
    p->present = e;
    return true;
}

void catchup_publisher_free(struct publisher *p)
{
    while (p->epochs) {
        struct epoch *e = p->epochs;
        p->epochs = e->next;
        marks_free(&e->lacking);
        free(e);
    }
    request_end(&p->request);
    free(p);
}

static bool too_many(struct catchup *c, const char *name)
{
    if (c->publisher_count < CATCHUP_PUBLISHERS_MAX) return false;
    if (!c->too_many_told)
        c->events.on_remark(c->events.user, name,
                            "too many publishers: what this and further ones lose goes unseen");
    return c->too_many_told = true;
}

bool catchup_publisher(struct catchup *c, const char *name, struct publisher **out,
                       struct news_error *err)
{
    struct publisher *p = catchup_known(c, name);
    uint64_t filters = p ? p->filters : filters_for(c, name);
    if (p || filters == 0 || strlen(name) > TOPIC_SLUG_MAX || too_many(c, name)) {
        *out = p;
        return true;
    }
    if (!(p = calloc(1, sizeof *p))) return no_memory(err);
    memcpy(p->name, name, strlen(name));
    p->filters = filters;
    p->silent_mono_ms = INT64_MAX;
    p->round_mono_ms = INT64_MAX; /* not before the status, and the random wait after it */
    p->round_due_mono_ms = c->now_mono_ms + CATCHUP_GRACE_MS;
    for (size_t i = 0; i < REMARKS; i++)
        p->remarked_mono_ms[i] = INT64_MIN;
    if (!recall(c, p, err)) {
        catchup_publisher_free(p);
        return false;
    }
    struct publisher **bucket = bucket_of(c, name);
    p->chained = *bucket;
    *bucket = p;
    p->next = c->publishers;
    c->publishers = p;
    c->publisher_count++;
    catchup_wake(c, p->round_due_mono_ms);
    *out = p;
    return true;
}

/* ---- epochs ---- */

static bool is_in_use(const struct publisher *p, const struct epoch *e)
{
    return e == p->present || e == p->request.epoch || e == p->live;
}

/* Forgets the least recent one when there are many. */
static void make_room(struct publisher *p)
{
    struct epoch **oldest = NULL;
    size_t count = 0;
    for (struct epoch **at = &p->epochs; *at; at = &(*at)->next, count++)
        if (!is_in_use(p, *at)) oldest = at;
    if (count < CATCHUP_EPOCHS_MAX || !oldest) return;
    struct epoch *gone = *oldest;
    *oldest = gone->next;
    marks_free(&gone->lacking);
    free(gone);
}

bool catchup_epoch(struct publisher *p, const char *name, struct epoch **out,
                   struct news_error *err)
{
    struct epoch **at = &p->epochs;
    while (*at && strcmp((*at)->name, name) != 0)
        at = &(*at)->next;
    struct epoch *e = *at;
    if (e) {
        *at = e->next;
    } else {
        make_room(p);
        if (!(e = calloc(1, sizeof *e))) return no_memory(err);
        (void)snprintf(e->name, sizeof e->name, "%s", name);
        e->ask_mono_ms = e->hole_mono_ms = e->moved_mono_ms = INT64_MAX;
        e->answered_mono_ms = e->empty_mono_ms = INT64_MIN;
    }
    e->next = p->epochs;
    p->epochs = e;
    *out = e;
    return true;
}

struct open_epochs {
    struct publisher *publisher;
    struct news_error *err;
    bool failed;
};

static bool add_open(void *user, const char *epoch)
{
    struct open_epochs *open = user;
    struct epoch *e;
    open->failed = !catchup_epoch(open->publisher, epoch, &e, open->err);
    return !open->failed;
}

bool catchup_round(struct catchup *c, struct publisher *p, int64_t most_ms, struct news_error *err)
{
    struct open_epochs open = {p, err, false};
    const char *except = p->present ? p->present->name : "";
    if (c->store && !store_open_epochs(c->store, p->name, except, add_open, &open, err))
        return false;
    if (open.failed) return false;
    p->round_due_mono_ms = INT64_MAX;
    p->round_mono_ms = c->now_mono_ms + catchup_jitter(c, most_ms);
    p->timeouts = 0;
    for (struct epoch *e = p->epochs; e; e = e->next) {
        if (e->unknown || (e->settled && e != p->present)) continue;
        e->must = true;
        e->ask_mono_ms = p->round_mono_ms;
        e->fruitless = 0;
    }
    catchup_wake(c, p->round_mono_ms);
    return true;
}

int64_t catchup_due(const struct publisher *p, const struct epoch *e)
{
    int64_t due = e->ask_mono_ms;
    if (e->unknown) return INT64_MAX;
    if (e->moved_mono_ms < due) due = e->moved_mono_ms;
    /* Who does not answer is not asked more often for having lost more. */
    if (p->timeouts == 0 && e->hole_mono_ms < due - CATCHUP_HOLE_MS)
        due = e->hole_mono_ms + CATCHUP_HOLE_MS;
    return due < p->round_mono_ms ? p->round_mono_ms : due;
}

bool catchup_settle(struct catchup *c, struct publisher *p, struct epoch *e, struct news_error *err)
{
    e->settled = true;
    return !c->store ||
           (catchup_in_store(c, err) && store_settle_epoch(c->store, p->name, e->name, err));
}

bool catchup_complete(struct catchup *c, struct publisher *p, struct epoch *e,
                      struct news_error *err)
{
    e->must = false;
    e->ask_mono_ms = INT64_MAX;
    e->fruitless = 0;
    marks_free(&e->lacking);
    if (e == p->present || !p->named || !e->official) return true;
    return catchup_settle(c, p, e, err);
}
