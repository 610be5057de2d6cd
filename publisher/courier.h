/* publisher/courier.h - the outbox and the link together: brings messages to the broker, each until
 * it was acknowledged.
 *
 * Items go out in the order they were added and stay in the ring until answered; what a lost
 * connection left unanswered is sent again on the next one. Extras (status, answers to requests)
 * are sent once, never again, and only while no item waits to be sent. Threads and loop:
 * courier_wait() and courier_service() as in transport.h. */
#ifndef PUBLISHER_COURIER_H
#define PUBLISHER_COURIER_H

#include "common/transport/dial.h"
#include "publisher/outbox.h"

struct courier;

struct courier_events { /* any may be NULL */
    void *user;
    /* id of courier_add(). refused NULL: acknowledged. Otherwise never to be sent again. */
    void (*on_answer)(void *user, uint64_t id, const char *topic, const struct news_error *refused);
    void (*on_link)(void *user, enum transport_state state, const struct transport_url *url,
                    const struct news_error *why, int wait_ms);
    void (*on_message)(void *user, const struct message *m);
    void (*on_subscribed)(void *user, const char *filter, const struct news_error *refused);
};

/* will: NULL none. ahead: items it holds ready besides those of the window. */
struct courier *courier_open(const struct dial_settings *dial, size_t ahead,
                             const struct message *will, const struct courier_events *events,
                             struct news_error *err);
void courier_free(struct courier *c); /* NULL is fine */
struct link *courier_link(const struct courier *c);

/* ---- items ---- */

bool courier_room(const struct courier *c);
struct buf *courier_payload(struct courier *c); /* as outbox_payload() */
/* ids count up. */
bool courier_add(struct courier *c, const char *topic, uint64_t id, struct news_error *err);
/* What is added from now on is not sent before courier_release(); or it is taken back, and the ids
 * from first_id on with it. */
void courier_hold(struct courier *c);
void courier_release(struct courier *c);
void courier_take_back(struct courier *c, uint64_t first_id);
size_t courier_count(const struct courier *c); /* added, not yet answered */
/* Every id up to this one that was added has been answered. */
uint64_t courier_done_through(const struct courier *c);
/* Forgets all that was added; answers to it are passed over. */
void courier_reset(struct courier *c);
/* Not a single item waits to be sent (some may wait for their answer). */
bool courier_all_sent(const struct courier *c);
/* Items are held back until this is true: false at first when gated. */
void courier_gate(struct courier *c, bool open);

/* ---- extras ---- */

/* False: not up, the window is full, or EXTRAS_MAX of them are unanswered: try again later. Refused
 * ones are dropped; err, if code is set, says why. */
bool courier_say(struct courier *c, const struct message *m, struct news_error *err);

/* ---- the loop ---- */

/* Sends what can be sent. */
void courier_push(struct courier *c);
struct transport_wait courier_wait(const struct courier *c);
void courier_service(struct courier *c, short revents);
/* Monotonic time when an item was last added, answered, or the link came up. */
int64_t courier_moved_ms(const struct courier *c);
void courier_close(struct courier *c); /* goodbye; on_link DOWN follows */

#endif
