#include "publisher/courier.h"

#include <stdlib.h>
#include <string.h>

#include "common/date.h"
#include "common/log.h"

enum {
    HOLD_MS = 1000, /* after a "not now" of the broker */
    EXTRAS_MAX = 8,
};

/* Tokens of extras have the highest bit; those of items are the outbox's. */
#define EXTRA_TOKEN (UINT64_C(1) << 63)

struct courier {
    struct courier_events events;
    struct outbox *outbox;
    struct link *link;
    int qos;
    bool gate;             /* items may go */
    uint64_t last_id;      /* added last */
    uint64_t extra_token;  /* given out last */
    size_t extras;         /* of this connection, unanswered */
    uint64_t extras_since; /* tokens below are of an earlier connection */
    int64_t hold_until_ms, moved_ms;
};

static void on_published(void *user, uint64_t token, const struct news_error *refused)
{
    struct courier *c = user;
    if (token & EXTRA_TOKEN) {
        if (token >= c->extras_since) c->extras--;
        return;
    }
    struct outbox_message *m = outbox_find(c->outbox, token);
    if (!m) return;
    if (refused && refused->code == NEWS_ERR_PENDING) { /* a quota, a busy broker: it may pass */
        if (c->hold_until_ms == 0) log_error("%s: %s; trying again", m->topic, refused->message);
        c->hold_until_ms = date_mono_ms() + HOLD_MS;
        outbox_again(c->outbox, m);
        return;
    }
    c->moved_ms = date_mono_ms();
    /* The wait is over, and things go well: the next trouble is said again. */
    if (!refused && c->moved_ms >= c->hold_until_ms) c->hold_until_ms = 0;
    if (c->events.on_answer) c->events.on_answer(c->events.user, m->id, m->topic, refused);
    outbox_done(c->outbox, m);
}

static void on_state(void *user, enum transport_state state, const struct transport_url *url,
                     const struct news_error *why, int wait_ms)
{
    struct courier *c = user;
    outbox_rewind(c->outbox);
    c->extras = 0;
    c->extras_since = c->extra_token + 1;
    if (state == TRANSPORT_UP) c->moved_ms = date_mono_ms();
    if (c->events.on_link) c->events.on_link(c->events.user, state, url, why, wait_ms);
}

static void on_message(void *user, const struct message *m)
{
    struct courier *c = user;
    if (c->events.on_message) c->events.on_message(c->events.user, m);
}

static void on_subscribed(void *user, const char *filter, const struct news_error *refused)
{
    struct courier *c = user;
    if (c->events.on_subscribed) c->events.on_subscribed(c->events.user, filter, refused);
}

struct courier *courier_open(const struct dial_settings *dial, size_t ahead,
                             const struct message *will, const struct courier_events *events,
                             struct news_error *err)
{
    const struct link_events link_events = {.on_state = on_state,
                                            .on_published = on_published,
                                            .on_message = on_message,
                                            .on_subscribed = on_subscribed};
    struct dial_settings with_room = *dial;
    struct courier *c = calloc(1, sizeof *c);
    if (!c) {
        news_fail(err, NEWS_ERR_MEMORY, "out of memory");
        return NULL;
    }
    c->events = *events;
    c->qos = (int)dial->qos;
    c->gate = true;
    c->extra_token = EXTRA_TOKEN;
    c->moved_ms = date_mono_ms();
    with_room.window += EXTRAS_MAX; /* so that a full outbox does not lock the extras out */
    struct link_events e = link_events;
    e.user = c;
    c->outbox = outbox_new((size_t)dial->window + ahead, err);
    if (c->outbox) c->link = dial_open(&with_room, will, &e, err);
    explicit_bzero(with_room.password, sizeof with_room.password);
    if (c->link) return c;
    courier_free(c);
    return NULL;
}

void courier_free(struct courier *c)
{
    if (!c) return;
    link_destroy(c->link);
    outbox_free(c->outbox);
    free(c);
}

struct link *courier_link(const struct courier *c)
{
    return c->link;
}

/* ---- items ---- */

bool courier_room(const struct courier *c)
{
    return outbox_room(c->outbox);
}

struct buf *courier_payload(struct courier *c)
{
    return outbox_payload(c->outbox);
}

bool courier_add(struct courier *c, const char *topic, uint64_t id, struct news_error *err)
{
    if (!outbox_add(c->outbox, topic, id, err)) return false;
    c->last_id = id;
    c->moved_ms = date_mono_ms();
    return true;
}

void courier_hold(struct courier *c)
{
    outbox_hold(c->outbox);
}

void courier_release(struct courier *c)
{
    outbox_release(c->outbox);
}

void courier_take_back(struct courier *c, uint64_t first_id)
{
    outbox_take_back(c->outbox);
    if (c->last_id >= first_id) c->last_id = first_id - 1;
}

size_t courier_count(const struct courier *c)
{
    return outbox_count(c->outbox);
}

uint64_t courier_done_through(const struct courier *c)
{
    const struct outbox_message *m = outbox_oldest(c->outbox);
    return m ? m->id - 1 : c->last_id;
}

void courier_reset(struct courier *c)
{
    outbox_drop(c->outbox);
    c->last_id = 0;
}

bool courier_all_sent(const struct courier *c)
{
    return !outbox_next(c->outbox);
}

void courier_gate(struct courier *c, bool open)
{
    c->gate = open;
}

void courier_push(struct courier *c)
{
    struct outbox_message *m;
    if (!c->gate || date_mono_ms() < c->hold_until_ms) return;
    while ((m = outbox_next(c->outbox))) {
        struct message message = {.topic = m->topic,
                                  .payload = m->payload.data,
                                  .payload_len = m->payload.len,
                                  .qos = c->qos};
        struct news_error why = {0};
        switch (link_publish(c->link, &message, m->token, &why)) {
        case TRANSPORT_TAKEN: outbox_sent(c->outbox, m); break;
        case TRANSPORT_FULL: return;
        case TRANSPORT_REFUSED:
            if (c->events.on_answer) c->events.on_answer(c->events.user, m->id, NULL, &why);
            outbox_done(c->outbox, m);
            break;
        }
    }
}

/* ---- extras ---- */

bool courier_say(struct courier *c, const struct message *m, struct news_error *err)
{
    if (c->extras == EXTRAS_MAX) return false;
    switch (link_publish(c->link, m, c->extra_token + 1, err)) {
    case TRANSPORT_TAKEN:
        c->extra_token++;
        c->extras++;
        return true;
    case TRANSPORT_REFUSED: return true;
    case TRANSPORT_FULL: break;
    }
    return false;
}

/* ---- the loop ---- */

struct transport_wait courier_wait(const struct courier *c)
{
    struct transport_wait w = link_wait(c->link);
    bool held = c->gate && outbox_next(c->outbox) && date_mono_ms() < c->hold_until_ms;
    if (held && c->hold_until_ms < w.deadline_mono_ms) w.deadline_mono_ms = c->hold_until_ms;
    return w;
}

void courier_service(struct courier *c, short revents)
{
    link_service(c->link, revents);
}

int64_t courier_moved_ms(const struct courier *c)
{
    return c->moved_ms;
}

void courier_close(struct courier *c)
{
    link_close(c->link);
}
