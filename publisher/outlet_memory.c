/* Without durability: numbers of an epoch of its own, and what is not acknowledged is known to
 * nobody but the ring in memory. */
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/date.h"
#include "publisher/courier.h"
#include "publisher/numbering.h"
#include "publisher/outlet.h"

struct memory {
    struct outlet outlet;
    const struct settings *settings;
    struct numbering *numbering;
    struct courier *courier;
    uint64_t id;
};

static void on_answer(void *user, uint64_t id, const char *topic, const struct news_error *refused)
{
    const struct memory *m = user;
    (void)id;
    m->outlet.events.on_answer(m->outlet.events.user, topic, refused);
}

static void on_link(void *user, enum transport_state state, const struct transport_url *url,
                    const struct news_error *why, int wait_ms)
{
    const struct memory *m = user;
    m->outlet.events.on_link(m->outlet.events.user, state, url, why, wait_ms);
}

/* Nothing is published before its time; only a journal could hold it until then. */
static bool is_due(const struct ninjs *item, int64_t now_ms, struct news_error *err)
{
    char until[DATE_RFC3339_SIZE];
    int64_t embargo = item_date_ms(item, NINJS_EMBARGOED_UNTIL);
    bool known = embargo != DATE_UNKNOWN;
    if (!item->member[NINJS_EMBARGOED_UNTIL].at || (known && embargo <= now_ms)) return true;
    if (!known) return news_fail(err, NEWS_ERR_DATA, "embargoedUntil: is not a date; not sent");
    date_rfc3339(embargo, until);
    struct json_slice uri = item->member[NINJS_URI];
    return news_fail(err, NEWS_ERR_DATA, "%.*s: embargoed until %s, not sent",
                     (int)(uri.len < 120 ? uri.len : 120), uri.at, until);
}

/* The carrier's limit and our own, judged before the number is final: a hole in the numbers means a
 * loss, and what is too large was never sent. */
static bool fits(const struct memory *m, const char *topic, const struct buf *payload,
                 struct news_error *err)
{
    const struct message message = {.topic = topic,
                                    .payload = payload->data,
                                    .payload_len = payload->len,
                                    .qos = (int)m->settings->dial.qos};
    if (payload->len <= NINJS_BYTES_MAX) return link_admit(courier_link(m->courier), &message, err);
    return news_fail(err, NEWS_ERR_TOO_LARGE,
                     "%s: the item has %zu bytes once it is complete, more than 4 MiB", topic,
                     payload->len);
}

static bool enqueue(struct memory *m, const struct submission *s, struct news_error *err)
{
    char topic[TOPIC_MAX], number[WIRE_NUMBER_SIZE];
    struct buf *payload = courier_payload(m->courier);
    if (!is_due(&s->item, date_now_ms(), err)) return false;
    topic_of_item(&s->place, &s->item, topic);
    if (!numbering_next(m->numbering, topic, number))
        return news_fail(err, NEWS_ERR_MEMORY, "out of memory");
    item_write(&s->item, &s->defaults, number, payload);
    if (fits(m, topic, payload, err)) return courier_add(m->courier, topic, ++m->id, err);
    numbering_return(m->numbering, topic);
    return false;
}

static void put(struct outlet *o, const struct submission *s)
{
    struct memory *m = (struct memory *)o;
    struct news_error err = {0};
    enum desk_answer answer = DESK_ACCEPTED;
    if (!enqueue(m, s, &err)) answer = err.code == NEWS_ERR_MEMORY ? DESK_FAILED : DESK_REFUSED;
    o->events.on_taken(o->events.user, answer, &err);
}

static bool room(const struct outlet *o)
{
    const struct courier *c = ((const struct memory *)o)->courier;
    return link_was_up(courier_link(c)) && courier_room(c); /* before, its limits are not known */
}

static size_t waiting(const struct outlet *o)
{
    return courier_count(((const struct memory *)o)->courier);
}

static bool was_up(const struct outlet *o)
{
    return link_was_up(courier_link(((const struct memory *)o)->courier));
}

static int64_t moved_ms(const struct outlet *o)
{
    return courier_moved_ms(((const struct memory *)o)->courier);
}

static void turn(struct outlet *o)
{
    courier_push(((struct memory *)o)->courier);
}

static struct transport_wait wait_for(const struct outlet *o)
{
    return courier_wait(((const struct memory *)o)->courier);
}

static void service(struct outlet *o, short revents)
{
    courier_service(((struct memory *)o)->courier, revents);
}

static void close_it(struct outlet *o)
{
    courier_close(((struct memory *)o)->courier);
}

static void destroy(struct outlet *o)
{
    struct memory *m = (struct memory *)o;
    courier_free(m->courier);
    numbering_free(m->numbering);
    free(m);
}

static const struct outlet_ops ops = {
    .kept = "not acknowledged, and there is no journal to keep them",
    .kept_status = EX_UNAVAILABLE,
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

struct outlet *outlet_memory(const struct settings *s, const struct placing *p,
                             const struct outlet_events *e, struct news_error *err)
{
    const struct courier_events events = {.on_answer = on_answer, .on_link = on_link};
    struct courier_events mine = events;
    struct memory *m = calloc(1, sizeof *m);
    if (!m) {
        news_fail(err, NEWS_ERR_MEMORY, "out of memory");
        return NULL;
    }
    mine.user = m;
    m->outlet = (struct outlet){.ops = &ops, .events = *e};
    m->settings = s;
    m->numbering = numbering_new(p->publisher, date_now_ms(), err);
    if (m->numbering) m->courier = courier_open(&s->dial, 0, NULL, &mine, err);
    if (m->courier) return &m->outlet;
    destroy(&m->outlet);
    return NULL;
}
