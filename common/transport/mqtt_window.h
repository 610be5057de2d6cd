/* common/transport/mqtt_window.h - the publications that are unanswered, bounded.
 *
 * Maps MQTT packet identifiers to the caller's tokens. Full by count, by bytes (what is unanswered
 * sits in the library's memory), or because the next identifier is still in use: an answer, not an
 * error, since an answer to one of those inside makes room again.
 * The library counts identifiers up by one (1 ... 65535, 1 ...), which this relies on to foresee
 * the next one, and verifies. */
#ifndef NEWS_MQTT_WINDOW_H
#define NEWS_MQTT_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mqtt_window {
    struct mqtt_slot *slots; /* by packet identifier modulo their number, a power of two */
    size_t slot_count;
    unsigned count, max;
    size_t bytes;
    uint16_t last_id; /* 0: none yet */
};

/* max: at least 1. False: out of memory. */
bool mqtt_window_init(struct mqtt_window *w, unsigned max);
void mqtt_window_deinit(struct mqtt_window *w); /* zeroed is fine */

bool mqtt_window_has_room(const struct mqtt_window *w, size_t bytes);
/* After has_room(). False: the identifier is not the foreseen one; nothing was put in. */
bool mqtt_window_put(struct mqtt_window *w, int id, uint64_t token, size_t bytes);
/* An identifier was used for something else (SUBSCRIBE). */
void mqtt_window_skip(struct mqtt_window *w, int id);
/* False: nothing is waiting for an answer under this identifier. */
bool mqtt_window_take(struct mqtt_window *w, int id, uint64_t *token);

#endif
