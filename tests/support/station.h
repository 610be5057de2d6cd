/* tests/support/station.h - a transport with somebody at the other end of its callbacks.
 *
 * A station opens a transport, counts and keeps what it is told, and stations_run() drives any
 * number of them until one of their counters has reached a value. */
#ifndef NEWS_TEST_STATION_H
#define NEWS_TEST_STATION_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"
#include "common/transport/transport.h"

#define STATIONS_MAX 8

struct station_message {
    char topic[128];
    struct buf payload;
    int qos;
    bool retained;
};

struct station {
    struct transport *transport;
    bool confirm;                 /* what on_batch() answers; true after station_open() */
    bool keep_payload;            /* false: messages are counted only; true after station_open() */
    void (*on_batch)(void *user); /* called first, NULL: nothing */
    void *user;

    unsigned up, down, received, batches, answered, refused, subscribed, denied;
    struct news_error why;     /* of down; code NEWS_OK: none was given */
    struct news_error refusal; /* the last of an answer or a subscription */
    uint64_t last_token;       /* the last answered or refused */
    unsigned disorder;         /* tokens that did not come in ascending order */
    struct station_message *messages;
};

/* False: transport_open() failed, err says why. o: NULL is fine. */
bool station_open(struct station *s, const char *url, const struct transport_options *o,
                  struct news_error *err);
void station_free(struct station *s); /* zeroed is fine, and what is left */

/* Serves all transports until *counter >= value; false after timeout_ms. also, if not NULL, is
 * called each turn (a peer that wants to be served as well). */
bool stations_run(struct station *const *stations, size_t count, const unsigned *counter,
                  unsigned value, int timeout_ms, void (*also)(void *user), void *user);

/* The usual cases, with WAIT_MS. */
bool station_wait(struct station *s, const unsigned *counter, unsigned value);
bool station_up(struct station *s, const char *url, const struct transport_options *o);
bool station_subscribe(struct station *s, const char *filter, int qos);
/* Taken, and answered without refusal. */
bool station_publish(struct station *s, const char *topic, const char *text, int qos,
                     bool retained);

#endif
