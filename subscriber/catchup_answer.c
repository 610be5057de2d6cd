#include <stdlib.h>
#include <string.h>

#include "subscriber/catchup_state.h"

/* ---- is it what we asked for? ---- */

static bool topic_was_asked(const struct catchup *c, const struct publisher *p, const char *topic)
{
    struct topic_levels levels;
    return topic_split(c->root, topic, &levels) && levels.publisher_len == strlen(p->name) &&
           memcmp(levels.publisher, p->name, levels.publisher_len) == 0 &&
           catchup_matches(c, p->request.filters, topic);
}

static int by_topic(const void *a, const void *b)
{
    const struct sync_position *one = a, *other = b;
    return strcmp(one->topic, other->topic);
}

static const struct sync_position *through_of(const struct sync_end *end, const char *topic)
{
    struct sync_position key = {topic, 0};
    return end->through_count
               ? bsearch(&key, end->through, end->through_count, sizeof *end->through, by_topic)
               : NULL;
}

/* The status counts all streams together, and may be a minute old. */
static bool is_absurd(const struct epoch *e, const struct mark *claim, uint64_t seq)
{
    uint64_t highest = claim ? position_highest(claim->at) : 0;
    if (e->items > highest) highest = e->items;
    return seq > WIRE_SEQ_MAX || seq > highest + SYNC_HOLE_MAX;
}

static enum remark judge_through(const struct catchup *c, const struct publisher *p,
                                 const struct sync_end *end)
{
    const struct request *r = &p->request;
    for (size_t i = 0; i < end->through_count; i++) {
        const struct sync_position *at = &end->through[i];
        if (!topic_was_asked(c, p, at->topic)) return REMARK_TOPIC;
        const struct mark *claim = marks_find(&r->claims, at->topic);
        if (is_absurd(r->epoch, claim, at->seq)) return REMARK_ABSURD;
        /* An archive may well have less than we; and of an epoch it left, a publisher may have
         * taken back numbers that it gave to its items anew. */
        if (claim && at->seq < claim->seq && !end->archive && !r->joins && r->epoch == p->present)
            return REMARK_BACKWARD;
    }
    return REMARKS;
}

static enum remark judge_missing(const struct publisher *p, const struct sync_end *end)
{
    const struct request *r = &p->request;
    for (size_t i = 0; i < end->missing_count; i++) {
        const struct sync_missing *gap = &end->missing[i];
        const struct sync_position *through = through_of(end, gap->topic);
        const struct mark *claim = marks_find(&r->claims, gap->topic);
        if (!through || gap->first == 0 || gap->first > gap->last || gap->last > through->seq ||
            (claim && gap->first <= claim->seq))
            return REMARK_MISSING;
    }
    return REMARKS;
}

/* ---- numbers that are gone ---- */

/* The first numbers within first..last that did not come. */
static bool next_absent(const struct position *at, uint64_t first, uint64_t last,
                        struct number_range *out)
{
    size_t i = 0;
    if (at->based && first <= at->through) first = at->through + 1;
    for (; i < at->ahead_count && at->ahead[i].first <= first; i++)
        if (at->ahead[i].last >= first) first = at->ahead[i].last + 1;
    if (first > last) return false;
    out->first = first;
    out->last = i < at->ahead_count && at->ahead[i].first <= last ? at->ahead[i].first - 1 : last;
    return true;
}

static bool close_range(struct catchup *c, struct publisher *p, struct position *at,
                        struct number_range range, const char *reason, struct news_error *err)
{
    bool told = strcmp(reason, "killed") != 0, news = true;
    if (!catchup_in_store(c, err)) return false;
    if (told && c->store && !store_gone(c->store, at, range.first, range.last, reason, &news, err))
        return false;
    if (!position_add(at, range.first, range.last, c->now_mono_ms))
        return news_fail(err, NEWS_ERR_MEMORY, "out of memory");
    if (told && news)
        c->events.on_gone(c->events.user, CATCHUP_GONE, p->name, at->epoch, at->topic, range.first,
                          range.last, reason);
    p->request.gain++;
    return true;
}

/* *out NULL: there are too many streams. */
static bool stream_of(struct catchup *c, struct publisher *p, const char *topic,
                      struct position **out, struct news_error *err)
{
    struct position *at = positions_of(c->positions, p->name, p->request.epoch->name, topic);
    if (!at) catchup_remark(c, p, REMARK_STREAMS);
    if (at && c->store && at->store_id == 0 && !store_load_position(c->store, at, err))
        return false;
    *out = at;
    return true;
}

static bool take_missing(struct catchup *c, struct publisher *p, const struct sync_end *end,
                         struct news_error *err)
{
    for (size_t i = 0; i < end->missing_count; i++) {
        const struct sync_missing *gap = &end->missing[i];
        struct position *at;
        struct number_range range;
        /* What an archive does not have, the publisher may. */
        if (end->archive && strcmp(gap->reason, "killed") != 0) continue;
        if (!stream_of(c, p, gap->topic, &at, err)) return false;
        for (uint64_t first = gap->first; at && next_absent(at, first, gap->last, &range);
             first = range.last + 1)
            if (!close_range(c, p, at, range, gap->reason, err)) return false;
    }
    return true;
}

/* ---- how far the streams go ---- */

/* A newcomer's stream starts behind what was answered; but what came of it before the answer, by
 * subscription, was ours to follow from then on, also if the publisher left us without an answer.
 */
static uint64_t newcomer_base(const struct position *at, uint64_t through)
{
    return at->ahead_count && at->ahead[0].first <= through ? at->ahead[0].first - 1 : through;
}

/* A joined stream of which we saw nothing starts at 1, so that it has a hole. */
static bool take_through(struct catchup *c, struct publisher *p, const struct sync_end *end,
                         struct news_error *err)
{
    for (size_t i = 0; i < end->through_count; i++) {
        const struct sync_position *through = &end->through[i];
        struct position *at;
        if (!stream_of(c, p, through->topic, &at, err)) return false;
        if (!at || at->based) continue;
        bool newcomer = p->request.joins && !catchup_matches(c, p->joined, through->topic);
        if (!catchup_in_store(c, err)) return false;
        position_base(at, newcomer ? newcomer_base(at, through->seq) : 0);
    }
    return true;
}

/* Streams without a base that the end did not name: those of this epoch are younger than the end
 * (an archive may just not know them); those of other epochs are followed from where we met them.
 */
static bool base_the_rest(struct catchup *c, struct publisher *p, bool archive,
                          struct news_error *err)
{
    struct position *at;
    if (!catchup_in_store(c, err)) return false;
    for (size_t cursor = 0; (at = positions_next(c->positions, &cursor));) {
        if (at->based || strcmp(at->publisher, p->name) != 0 ||
            !catchup_matches(c, p->request.filters, at->topic))
            continue;
        bool younger = !archive && strcmp(at->epoch, p->request.epoch->name) == 0;
        position_base(at, younger || at->ahead_count == 0 ? 0 : at->ahead[0].first - 1);
    }
    return true;
}

static bool join(struct catchup *c, struct publisher *p, bool archive, struct news_error *err)
{
    struct request *r = &p->request;
    if (!base_the_rest(c, p, archive, err)) return false;
    for (size_t i = 0; c->store && i < c->filter_count; i++)
        if ((r->filters >> i & 1) && !store_join(c->store, p->name, c->filters[i], err))
            return false;
    p->joined |= r->filters;
    r->gain++;
    return true;
}

/* What the end named and did not come; it may still be on its way. */
static bool note_named(struct catchup *c, struct publisher *p, const struct sync_end *end,
                       struct news_error *err)
{
    for (size_t i = 0; i < end->through_count; i++) {
        struct position *at;
        if (!stream_of(c, p, end->through[i].topic, &at, err)) return false;
        if (at && at->through < end->through[i].seq &&
            !marks_add(&p->request.epoch->lacking, at, end->through[i].seq, err))
            return false;
    }
    return true;
}

/* The same of what lies between what came, also in streams that are younger than the request. */
static bool note_lacking(struct catchup *c, struct publisher *p, const struct sync_end *end,
                         struct news_error *err)
{
    struct epoch *e = p->request.epoch;
    struct number_range hole;
    struct position *at;
    e->lacking.count = 0;
    if (!note_named(c, p, end, err)) return false;
    for (size_t cursor = 0; (at = positions_next(c->positions, &cursor));)
        if (at->based && position_hole(at, 0, &hole) && catchup_follows(c, p, e, p->joined, at) &&
            !marks_add(&e->lacking, at, hole.last, err))
            return false;
    return true;
}

/* ---- the end ---- */

/* When to ask again after an answer that left something open. */
static void ask_again(struct catchup *c, struct epoch *e, bool gained, bool must)
{
    int64_t wait = CATCHUP_AGAIN_MS;
    e->fruitless = gained ? 0 : e->fruitless + 1;
    if (must && gained) wait = 0;
    if (e->fruitless > 1)
        wait = e->fruitless < 12 ? INT64_C(1000) << (e->fruitless - 2) : CATCHUP_LONGEST_MS;
    e->must = must;
    e->ask_mono_ms = c->now_mono_ms + (wait < CATCHUP_LONGEST_MS ? wait : CATCHUP_LONGEST_MS);
}

bool catchup_forget(struct catchup *c, struct publisher *p, struct epoch *e, struct news_error *err)
{
    if (p->request.claims.count > 0 && !e->restart_told)
        c->events.on_gone(c->events.user, CATCHUP_RESTART, p->name, e->name, NULL, 0, 0, NULL);
    e->unknown = e->restart_told = true;
    return catchup_complete(c, p, e, err) && catchup_settle(c, p, e, err);
}

/* An epoch that is over: its publisher cannot say any more what came last in it. An archive may
 * still know some of it. */
static bool take_unknown(struct catchup *c, struct publisher *p, bool archive)
{
    struct request *r = &p->request;
    struct epoch *e = r->epoch;
    bool present = e == p->present && p->named; /* it is about to say a new status */
    if (archive || present) {
        if (!archive || e->lacking.count > 0) ask_again(c, e, false, !archive);
        return true;
    }
    r->disowned = true;
    r->until_mono_ms = c->now_mono_ms + CATCHUP_ARCHIVE_MS;
    catchup_wake(c, r->until_mono_ms);
    return true;
}

static bool note_items(struct catchup *c, struct publisher *p, struct epoch *e,
                       struct news_error *err)
{
    struct request *r = &p->request;
    if (!e->official) { /* an archive may have less than was given out */
        e->compared = false;
        return true;
    }
    e->counted = e->items + e->recent;
    e->compared = true;
    if (r->moved)
        e->empty_mono_ms = r->gain > 0 || e->lacking.count > 0 ? INT64_MIN : c->now_mono_ms;
    if (e != p->present || !c->store || p->stored.items == e->items ||
        strcmp(p->stored.epoch, e->name) != 0)
        return true;
    p->stored.items = e->items;
    return catchup_in_store(c, err) && store_set_publisher(c->store, p->name, &p->stored, err);
}

static bool use_end(struct catchup *c, struct publisher *p, const struct sync_end *end,
                    struct news_error *err)
{
    struct request *r = &p->request;
    struct epoch *e = r->epoch;
    bool more = end->more || (r->joins && p->joined != 0);
    p->timeouts = 0;
    e->answered_mono_ms = c->now_mono_ms;
    e->hole_mono_ms = INT64_MAX;
    e->official = !end->archive;
    e->must = false;
    e->ask_mono_ms = INT64_MAX;
    if (end->unknown) return take_unknown(c, p, end->archive);
    if (!take_missing(c, p, end, err) || !take_through(c, p, end, err) ||
        (r->joins && !join(c, p, end->archive, err)))
        return false;
    if (more) {
        ask_again(c, e, r->gain > 0, true);
        return true;
    }
    if (r->disowned) return catchup_forget(c, p, e, err);
    if (!note_lacking(c, p, end, err) || !note_items(c, p, e, err)) return false;
    if (e->lacking.count == 0) return catchup_complete(c, p, e, err);
    ask_again(c, e, r->gain > 0, false);
    return true;
}

static bool take_end(struct catchup *c, struct publisher *p, struct sync_end *end,
                     struct news_error *err)
{
    if (p->request.ended) return true; /* the second of two that answered */
    if (end->through_count) qsort(end->through, end->through_count, sizeof *end->through, by_topic);
    enum remark fault = judge_through(c, p, end);
    if (fault == REMARKS) fault = judge_missing(p, end);
    if (fault != REMARKS) {
        catchup_remark(c, p, fault);
        return true;
    }
    bool used = use_end(c, p, end, err);
    if (p->request.disowned && end->unknown && used) return true; /* not before until_mono_ms */
    p->request.ended = true;
    marks_free(&p->request.claims);
    catchup_wake(c, c->now_mono_ms);
    return used;
}

/* ---- a batch ---- */

static enum remark judge_batch(const struct catchup *c, const struct publisher *p,
                               const struct sync_answer *a, uint64_t limit)
{
    if (p->request.item_count + a->item_count > limit) return REMARK_LIMIT;
    for (size_t i = 0; i < a->item_count; i++)
        if (!topic_was_asked(c, p, a->items[i].topic)) return REMARK_TOPIC;
    return REMARKS;
}

static bool take_items(struct catchup *c, struct publisher *p, struct sync_answer *a,
                       struct news_error *err)
{
    char topic[TOPIC_MAX];
    struct json_slice bytes;
    const struct epoch *e = p->request.epoch;
    while (sync_batch_next(a, topic, &bytes)) {
        struct ninjs item;
        struct ninjs_fault fault;
        struct wire_number number;
        if (!ninjs_check(bytes.at, bytes.len, &item, &fault)) {
            catchup_remark(c, p, REMARK_ITEM);
            continue;
        }
        if (!wire_number_of(&item, &number) || strcmp(number.publisher, p->name) != 0 ||
            strcmp(number.epoch, e->name) != 0) {
            catchup_remark(c, p, REMARK_NUMBER);
            return true;
        }
        if (!c->events.on_item(c->events.user, topic, &item, &number, err)) return false;
    }
    return true;
}

static bool take_batch(struct catchup *c, struct publisher *p, struct sync_answer *a,
                       struct news_error *err)
{
    struct request *r = &p->request;
    enum remark fault = judge_batch(c, p, a, c->options.limit);
    if (fault != REMARKS) {
        catchup_remark(c, p, fault);
        return true;
    }
    r->item_count += a->item_count;
    r->expired = false; /* it goes on */
    r->until_mono_ms = c->now_mono_ms + CATCHUP_ANSWER_MS;
    c->replying = p;
    bool taken = take_items(c, p, a, err);
    c->replying = NULL;
    return taken;
}

bool catchup_reply(struct catchup *c, const char *topic, const char *bytes, size_t len,
                   int64_t now_mono_ms, struct news_error *err)
{
    struct sync_route route;
    struct sync_answer a;
    struct news_error why = {0};
    c->now_mono_ms = now_mono_ms;
    if (!sync_route_of_reply(topic, &route) || strcmp(route.client, c->client_id) != 0) return true;
    struct publisher *p = catchup_known(c, route.publisher);
    if (!p || !p->request.epoch) return true;
    if (!sync_answer_parse(bytes, len, &a, &why)) {
        if (why.code == NEWS_ERR_MEMORY) return news_fail(err, why.code, "%s", why.message);
        catchup_remark(c, p, REMARK_MALFORMED);
        return true;
    }
    bool taken = true;
    if (strcmp(a.id, p->request.id) == 0)
        taken = a.is_end ? take_end(c, p, &a.end, err) : take_batch(c, p, &a, err);
    else if (strncmp(a.id, c->id_prefix, strlen(c->id_prefix)) != 0)
        catchup_remark(c, p, REMARK_UNASKED);
    sync_answer_deinit(&a);
    return taken;
}
