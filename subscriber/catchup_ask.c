#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/date.h"
#include "subscriber/catchup_state.h"

enum { REFUSED_MS = 1000 };

void request_end(struct request *r)
{
    marks_free(&r->claims);
    r->epoch = NULL;
}

/* ---- when no answer comes ---- */

/* At once after the first silence, which cost 5 s; then 5, 10, 20 s ... The quarter keeps those
 * apart who lost their answers together. */
static int64_t wait_ms(struct catchup *c, unsigned timeouts)
{
    if (timeouts < 2) return 0;
    int64_t wait = timeouts < 9 ? (int64_t)CATCHUP_ANSWER_MS << (timeouts - 2) : CATCHUP_LONGEST_MS;
    if (wait > CATCHUP_LONGEST_MS) wait = CATCHUP_LONGEST_MS;
    return wait - catchup_jitter(c, wait / 4);
}

static bool is_missing_something(const struct request *r)
{
    const struct epoch *e = r->epoch;
    if (e->lacking.count > 0 || e->hole_mono_ms != INT64_MAX) return true;
    for (size_t i = 0; i < r->claims.count; i++)
        if (r->claims.list[i].at->based && position_has_hole(r->claims.list[i].at)) return true;
    return false;
}

void catchup_give_up(struct catchup *c, struct publisher *p)
{
    struct request *r = &p->request;
    struct epoch *e = r->epoch;
    bool again = p->online || is_missing_something(r);
    p->timeouts++;
    r->expired = true;
    e->must = again;
    e->ask_mono_ms = again ? c->now_mono_ms + wait_ms(c, p->timeouts) : INT64_MAX;
}

/* ---- asking ---- */

static int by_topic(const void *a, const void *b)
{
    const struct mark *one = a, *other = b;
    return strcmp(one->at->topic, other->at->topic);
}

/* Every position the request speaks of. A joined stream without a base starts at 1. */
static bool collect(struct catchup *c, struct publisher *p, struct news_error *err)
{
    struct request *r = &p->request;
    struct position *at;
    for (size_t cursor = 0; (at = positions_next(c->positions, &cursor));) {
        if (!catchup_follows(c, p, r->epoch, r->filters, at)) continue;
        if (!r->joins && !at->based) {
            if (!catchup_in_store(c, err)) return false;
            position_base(at, 0);
        }
        if (!marks_add(&r->claims, at, at->based ? at->through : 0, err)) return false;
    }
    if (r->claims.count) qsort(r->claims.list, r->claims.count, sizeof *r->claims.list, by_topic);
    return true;
}

static bool write_request(struct catchup *c, const struct request *r, struct news_error *err)
{
    struct sync_request m = {
        .since_ms = c->options.since_ms, .last = c->options.last, .limit = c->options.limit};
    memcpy(m.id, r->id, sizeof m.id);
    memcpy(m.epoch, r->epoch->name, sizeof m.epoch);
    m.from = !r->joins ? SYNC_HAVE : c->options.since_ms != DATE_UNKNOWN ? SYNC_SINCE : SYNC_LAST;
    for (size_t i = 0; i < c->filter_count; i++)
        if (r->filters >> i & 1) m.filters[m.filter_count++] = c->filters[i];
    if (m.from == SYNC_HAVE) m.have_count = r->claims.count;
    m.have = calloc(m.have_count + 1, sizeof *m.have);
    if (!m.have) return news_fail(err, NEWS_ERR_MEMORY, "out of memory");
    for (size_t i = 0; i < m.have_count; i++)
        m.have[i] = (struct sync_position){r->claims.list[i].at->topic, r->claims.list[i].seq};
    buf_clear(&c->out);
    sync_request_write(&c->out, &m);
    free(m.have);
    return buf_ok(&c->out) || news_fail(err, NEWS_ERR_MEMORY, "out of memory");
}

static bool prepare(struct catchup *c, struct publisher *p, struct news_error *err)
{
    struct request *r = &p->request;
    struct epoch *e = r->epoch;
    if (c->store && !e->loaded &&
        !store_load_publisher(c->store, c->positions, p->name, e->name, err))
        return false;
    e->loaded = true;
    (void)snprintf(r->id, sizeof r->id, "%s%016" PRIx64, c->id_prefix, catchup_random(c));
    return collect(c, p, err) && write_request(c, r, err);
}

static void publish(struct catchup *c, struct publisher *p)
{
    char topic[TOPIC_MAX];
    struct request *r = &p->request;
    struct epoch *e = r->epoch;
    (void)snprintf(topic, sizeof topic, SYNC_REQUEST "%s/%s", p->name, c->client_id);
    r->until_mono_ms = c->now_mono_ms + CATCHUP_ANSWER_MS;
    if (c->events.publish(c->events.user, topic, c->out.data, c->out.len)) return;
    request_end(r); /* the carrier is busy: nobody was asked */
    e->must = true;
    e->ask_mono_ms = p->round_mono_ms = c->now_mono_ms + REFUSED_MS;
}

bool catchup_ask(struct catchup *c, struct publisher *p, struct epoch *e, bool moved,
                 struct news_error *err)
{
    struct request *r = &p->request;
    uint64_t fresh = p->filters & ~p->joined;
    bool joins = e == p->present && fresh != 0;
    e->must = false;
    e->ask_mono_ms = e->moved_mono_ms = INT64_MAX;
    if (!joins && p->joined == 0) { /* an older epoch is nothing to a newcomer */
        e->hole_mono_ms = INT64_MAX;
        return true;
    }
    request_end(r);
    *r = (struct request){
        .epoch = e, .joins = joins, .moved = moved, .filters = joins ? fresh : p->joined};
    if (!prepare(c, p, err)) {
        request_end(r);
        return false;
    }
    if (!joins && r->claims.count > SYNC_POSITIONS_MAX) {
        catchup_remark(c, p, REMARK_STREAMS);
        e->hole_mono_ms = INT64_MAX;
        request_end(r);
        return true;
    }
    publish(c, p);
    return true;
}
