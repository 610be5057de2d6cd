/* relay/publishers.h - which publish ids each publishing session has used, so that a repeated
 * PUBLISH is taken once.
 *
 * Bounded: the one silent for longest is forgotten first. Threads: whoever has the log's lock. */
#ifndef NEWS_RELAY_PUBLISHERS_H
#define NEWS_RELAY_PUBLISHERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/nrp/secure.h"
#include "relay/roster.h"

#define PUBLISHERS_SILENCE_US (INT64_C(600) * 1000 * 1000) /* then forgotten */

struct log_publisher { /* a key, by value */
    uint32_t key_id;   /* another key is another publisher, whatever it says of itself; 0: open */
    uint8_t client_id[NRP_ID_SIZE];
    uint8_t nonce[NRP_NONCE_SIZE]; /* of the HELLO: publish ids count from 1 for each */
};

struct publishers {
    struct roster known; /* by struct log_publisher, the one heard last newest */
    size_t max;
};

bool publishers_init(struct publishers *p, size_t max,
                     const uint64_t secret[2]); /* false: no memory */
void publishers_deinit(struct publishers *p);   /* zeroed is fine */

/* Is it certain that this id was published? Not of one far below the highest, of which nothing is
 * remembered any more, nor of 2^48 or more, which never is. */
bool publishers_took(struct publishers *p, const struct log_publisher *who, uint64_t publish_id,
                     int64_t now_us);
/* It was published. Without memory it is not remembered. */
void publishers_take(struct publishers *p, const struct log_publisher *who, uint64_t publish_id,
                     int64_t now_us);
void publishers_tick(struct publishers *p, int64_t now_us);

#endif
