/* Into the journal, and from there to the broker: taken means on disk. */
#include <stdlib.h>
#include <sysexits.h>

#include "publisher/newsroom.h"
#include "publisher/outlet.h"

struct desk_outlet {
    struct outlet outlet;
    struct newsroom *newsroom;
    size_t accepted; /* in the open batch, told after its commit */
    size_t known, held;
    bool open; /* a batch is */
    bool failed;
};

static void on_answer(void *user, uint64_t id, const char *topic, const struct news_error *refused)
{
    const struct desk_outlet *d = user;
    (void)id;
    d->outlet.events.on_answer(d->outlet.events.user, topic, refused);
}

static void on_link(void *user, enum transport_state state, const struct transport_url *url,
                    const struct news_error *why, int wait_ms)
{
    const struct desk_outlet *d = user;
    d->outlet.events.on_link(d->outlet.events.user, state, url, why, wait_ms);
}

static void tell(const struct desk_outlet *d, enum desk_answer answer, size_t times,
                 const struct news_error *why)
{
    while (times-- > 0)
        d->outlet.events.on_taken(d->outlet.events.user, answer, why);
}

/* Nothing of the batch was taken, nor in_hand besides. */
static void fail(struct desk_outlet *d, size_t in_hand, const struct news_error *err)
{
    newsroom_rollback(d->newsroom);
    d->failed = true;
    d->open = false;
    tell(d, DESK_FAILED, d->accepted + d->known + d->held + in_hand, err);
    d->accepted = d->known = d->held = 0;
}

static void flush(struct outlet *o)
{
    struct desk_outlet *d = (struct desk_outlet *)o;
    struct news_error err = {0};
    if (!d->open) return;
    d->open = false;
    if (!newsroom_commit(d->newsroom, &err)) {
        fail(d, 0, &err);
        return;
    }
    tell(d, DESK_ACCEPTED, d->accepted, NULL);
    tell(d, DESK_KNOWN, d->known, NULL);
    tell(d, DESK_HELD, d->held, NULL);
    d->accepted = d->known = d->held = 0;
}

static void put(struct outlet *o, const struct submission *s)
{
    struct desk_outlet *d = (struct desk_outlet *)o;
    struct news_error err = {0};
    uint64_t id;
    if (d->failed) return;
    d->open = true;
    switch (newsroom_take(d->newsroom, s, &id, &err)) {
    case DESK_ACCEPTED: d->accepted++; break;
    case DESK_KNOWN: d->known++; break;
    case DESK_HELD: d->held++; break;
    case DESK_REFUSED: o->events.on_taken(o->events.user, DESK_REFUSED, &err); break;
    case DESK_FAILED: fail(d, 1, &err); return;
    }
    if (newsroom_batch_full(d->newsroom)) flush(o);
}

static bool room(const struct outlet *o)
{
    return !newsroom_is_behind(((const struct desk_outlet *)o)->newsroom);
}

static size_t waiting(const struct outlet *o)
{
    return newsroom_waiting(((const struct desk_outlet *)o)->newsroom);
}

static bool was_up(const struct outlet *o)
{
    return link_was_up(newsroom_link(((const struct desk_outlet *)o)->newsroom));
}

static int64_t moved_ms(const struct outlet *o)
{
    return newsroom_moved_ms(((const struct desk_outlet *)o)->newsroom);
}

static void turn(struct outlet *o)
{
    flush(o);
    newsroom_turn(((struct desk_outlet *)o)->newsroom);
}

static struct transport_wait wait_for(const struct outlet *o)
{
    return newsroom_wait(((const struct desk_outlet *)o)->newsroom);
}

static void service(struct outlet *o, short revents)
{
    newsroom_service(((struct desk_outlet *)o)->newsroom, revents);
}

static void close_it(struct outlet *o)
{
    newsroom_close(((struct desk_outlet *)o)->newsroom);
}

static void destroy(struct outlet *o)
{
    newsroom_free(((struct desk_outlet *)o)->newsroom);
    free(o);
}

static const struct outlet_ops ops = {
    .kept = "kept in the journal, not yet acknowledged",
    .kept_status = EX_TEMPFAIL,
    .keeps = true,
    .room = room,
    .put = put,
    .waiting = waiting,
    .was_up = was_up,
    .moved_ms = moved_ms,
    .turn = turn,
    .wait = wait_for,
    .service = service,
    .close = close_it,
    .destroy = destroy,
};

struct outlet *outlet_journal(const struct settings *s, const struct placing *p,
                              const struct outlet_events *e, struct news_error *err)
{
    const struct newsroom_options options = {
        .settings = s, .publisher = p->publisher, .owner = "newspub send"};
    struct newsroom_events events = {.on_answer = on_answer, .on_link = on_link};
    struct desk_outlet *d = calloc(1, sizeof *d);
    if (!d) {
        news_fail(err, NEWS_ERR_MEMORY, "out of memory");
        return NULL;
    }
    events.user = d;
    d->outlet = (struct outlet){.ops = &ops, .events = *e};
    d->newsroom = newsroom_open(&options, &events, err);
    if (d->newsroom) return &d->outlet;
    free(d);
    return NULL;
}
