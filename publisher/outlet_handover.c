/* To the process that owns the journal: taken means on its disk. */
#include <stdlib.h>
#include <sysexits.h>

#include "common/date.h"
#include "publisher/handover.h"
#include "publisher/outlet.h"

struct hand {
    struct outlet outlet;
    struct handover_client *client;
    size_t untaken;  /* put, and nothing was heard of it */
    size_t accepted; /* of which the broker has not answered */
    int64_t moved_ms;
    bool closed;
};

static void down(struct hand *h, const struct news_error *why)
{
    const struct transport_url nowhere = {0};
    if (h->closed) return;
    h->closed = true;
    h->outlet.events.on_link(h->outlet.events.user, TRANSPORT_DOWN, &nowhere, why, 0);
}

static void hear(struct hand *h, const struct handover_answer *a)
{
    static const enum desk_answer taken[] = {
        [HANDOVER_ACCEPTED] = DESK_ACCEPTED, [HANDOVER_KNOWN] = DESK_KNOWN,
        [HANDOVER_HELD] = DESK_HELD,         [HANDOVER_REFUSED] = DESK_REFUSED,
        [HANDOVER_FAILED] = DESK_FAILED,
    };
    const struct outlet_events *e = &h->outlet.events;
    struct news_error why = {0};
    bool last = a->kind == HANDOVER_DONE || a->kind == HANDOVER_DENIED;
    h->moved_ms = date_mono_ms();
    if (a->kind == HANDOVER_REFUSED) news_fail(&why, NEWS_ERR_DATA, "%s", a->why);
    if (a->kind == HANDOVER_FAILED) news_fail(&why, NEWS_ERR_IO, "%s", a->why);
    if (a->kind == HANDOVER_DENIED) news_fail(&why, NEWS_ERR_DENIED, "%s", a->why);
    if (last) {
        if (h->accepted > 0) h->accepted--;
        e->on_answer(e->user, NULL, a->kind == HANDOVER_DENIED ? &why : NULL);
        return;
    }
    if (h->untaken > 0) h->untaken--;
    if (a->kind == HANDOVER_ACCEPTED) h->accepted++;
    e->on_taken(e->user, taken[a->kind], &why);
}

static void service(struct outlet *o, short revents)
{
    struct hand *h = (struct hand *)o;
    struct news_error err = {0};
    struct handover_answer a;
    (void)revents;
    if (h->closed) return;
    bool alive = handover_service(h->client, &err);
    while (handover_next(h->client, &a))
        hear(h, &a);
    if (!alive) down(h, &err);
}

static bool room(const struct outlet *o)
{
    return handover_room(((const struct hand *)o)->client);
}

static void put(struct outlet *o, const struct submission *s)
{
    struct hand *h = (struct hand *)o;
    handover_say(h->client, s);
    h->untaken++;
    h->moved_ms = date_mono_ms();
}

static size_t waiting(const struct outlet *o)
{
    const struct hand *h = (const struct hand *)o;
    return h->untaken + h->accepted;
}

static bool was_up(const struct outlet *o)
{
    (void)o;
    return true;
}

static int64_t moved_ms(const struct outlet *o)
{
    return ((const struct hand *)o)->moved_ms;
}

static void turn(struct outlet *o)
{
    (void)o;
}

static struct transport_wait wait_for(const struct outlet *o)
{
    const struct hand *h = (const struct hand *)o;
    return (struct transport_wait){.fd = handover_fd(h->client),
                                   .events = handover_events_wanted(h->client),
                                   .deadline_mono_ms = INT64_MAX};
}

static void close_it(struct outlet *o)
{
    down((struct hand *)o, NULL);
}

static void destroy(struct outlet *o)
{
    handover_disconnect(((struct hand *)o)->client);
    free(o);
}

static const struct outlet_ops ops = {
    .kept = "handed to the owner of the journal, not yet acknowledged",
    .kept_status = EX_TEMPFAIL,
    .passes_on = true,
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

struct outlet *outlet_handover(const struct settings *s, const struct placing *p,
                               const struct outlet_events *e, struct news_error *err)
{
    char path[4096];
    struct hand *h = calloc(1, sizeof *h);
    if (!h) {
        news_fail(err, NEWS_ERR_MEMORY, "out of memory");
        return NULL;
    }
    h->outlet = (struct outlet){.ops = &ops, .events = *e};
    h->moved_ms = date_mono_ms();
    if (settings_journal_path(s, p->publisher, path, sizeof path, err))
        h->client = handover_connect(path, err);
    if (h->client) return &h->outlet;
    free(h);
    return NULL;
}
