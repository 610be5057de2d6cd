/* common/transport/mqtt_connect.h - the one part of MQTT that blocks, on a thread of its own.
 *
 * libmosquitto resolves names and connects in a blocking call. A dial makes that call on a
 * short-lived thread; the loop waits for its fd and its own deadline. Who has waited long enough
 * abandons the dial and is done with it at once: the thread finishes in its own time and frees
 * what is left, handle included. Whoever leaves last, frees.
 * Threads: everything here is called on the loop's thread. While a dial is on, the handle belongs
 * to its thread and must not be touched. */
#ifndef NEWS_MQTT_CONNECT_H
#define NEWS_MQTT_CONNECT_H

#include <mosquitto.h>
#include <stdbool.h>

#include "common/error.h"
#include "common/transport/transport.h"

struct mqtt_dial;

/* Pitfall 23: why TLS failed is told to the log callback only. The last line that matters is kept
 * for the message of an error. Not beyond the greeting: while a log callback is set the library
 * allocates and formats a line for every packet. */
struct mqtt_log {
    char line[120];
};
void mqtt_log_keep(struct mqtt_log *log, int level, const char *line);

/* Once a process, before the first mosquitto_new(). Threads: any. */
void mqtt_library_init(void);

/* Adds to a copy of the options what the URL and chance give (user name, client id); false when
 * they make no sense for MQTT. */
bool mqtt_options_complete(struct transport_options *o, const struct transport_url *url,
                           struct news_error *err);

/* A handle for one connection in MQTT version 5 or 4, not connected, without callbacks. o:
 * complete, client_id included. NULL: err says why. */
struct mosquitto *mqtt_handle_new(const struct transport_options *o, int version,
                                  struct news_error *err);

/* Starts to connect handle, made by mqtt_handle_new() with the same options; it becomes the dial's.
 * NULL: no thread to be had, and the handle is gone as well. */
struct mqtt_dial *mqtt_dial_start(struct mosquitto *handle, const struct transport_url *url,
                                  const struct transport_options *o, int version,
                                  struct news_error *err);
int mqtt_dial_fd(const struct mqtt_dial *d); /* readable once it is over */
bool mqtt_dial_is_over(const struct mqtt_dial *d);

/* Of a dial that is over. Frees d. The handle is the caller's again, without user data and log
 * callback; NULL when there is no connection, and err says why. */
struct mosquitto *mqtt_dial_finish(struct mqtt_dial *d, struct news_error *err);
void mqtt_dial_abandon(struct mqtt_dial *d); /* NULL is fine */

#endif
