/* relay/retained.h - the last record of each topic that was published to be kept.
 *
 * Bounded: a topic that does not fit is not kept, and counted. Threads: whoever has the log's lock.
 */
#ifndef NEWS_RELAY_RETAINED_H
#define NEWS_RELAY_RETAINED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/record.h"
#include "relay/roster.h"

struct retained {
    struct roster topics; /* in iseq order */
    size_t topics_max, bytes, bytes_max;
    uint64_t refused;
};

bool retained_init(struct retained *k, size_t topics_max, size_t bytes_max,
                   const uint64_t secret[2]); /* false: no memory */
void retained_deinit(struct retained *k);     /* drops every reference; zeroed is fine */

/* r has its iseq, higher than all before. An empty payload removes what the topic had. */
void retained_keep(struct retained *k, struct record *r);
/* As relay_log_retained(). */
void retained_visit(const struct retained *k, const char *filter, uint64_t up_to,
                    void (*visit)(void *user, struct record *r), void *user);

#endif
