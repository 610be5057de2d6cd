/* relay/log.h - what was published, in one order: the relay's log, its retained items, and who
 * published what already.
 *
 * Each accepted publication gets the next iseq, 1, 2, 3 ... of this epoch (a random number that
 * lives as long as the log). The newest ones are kept, bounded by count and bytes. Reactors follow
 * the log: everything that is delivered live is read from here, in iseq order, by every reactor on
 * its own, so that one that falls behind is never passed over. Threads: any, each follower's
 * calls from one; one lock inside. */
#ifndef NEWS_RELAY_LOG_H
#define NEWS_RELAY_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/nrp/secure.h"
#include "relay/publishers.h" /* struct log_publisher */
#include "relay/record.h"

struct log_config {
    size_t items_max, bytes_max;             /* of the log; at least 1 item is kept */
    size_t retained_max, retained_bytes_max; /* topics and bytes kept beside it */
    size_t publishers_max;                   /* client ids whose publish ids are remembered */
    unsigned followers;                      /* reactors, 1 .. 64 */
};

struct relay_log; /* `struct log` would be the logger's */

struct relay_log *relay_log_new(const struct log_config *c, const struct nrp_random *random,
                                struct news_error *err);
void relay_log_free(struct relay_log *l);
uint64_t relay_log_epoch(const struct relay_log *l);

/* --- publishing -------------------------------------------------------------------------- */

enum log_appended {
    LOG_APPENDED, /* *iseq is its number */
    LOG_REPEATED, /* this publish id was taken before; *iseq is 0 */
    LOG_FULL,     /* a follower is so far behind that its items would be lost: read no more from
                     publishers until it caught up (see relay_log_room) */
};
/* Takes a reference of its own. publish_id 0: not remembered (QoS 0). An id too far below the
 * publisher's highest to know whether it was taken is appended, perhaps a second time: a duplicate
 * is dropped where it arrives, an item that was acknowledged but not published is lost. A retained
 * record with an empty payload removes what was kept for its topic (MQTT 5.0 section 3.3.1.3). */
enum log_appended relay_log_append(struct relay_log *l, const struct log_publisher *who,
                                   uint64_t publish_id, struct record *r, int64_t now_us,
                                   uint64_t *iseq);
/* Many at once under one lock, none remembered (QoS 0): how many were appended, in order. */
size_t relay_log_append_many(struct relay_log *l, struct record *const *records, size_t count);
/* Forgets publishers that were silent for 10 minutes. */
void relay_log_tick(struct relay_log *l, int64_t now_us);

/* --- following --------------------------------------------------------------------------- */

/* Fills out with references (the caller's) to the next at most `max` records for this follower, and
 * moves it on. 0: it has them all. What a follower has not taken is never evicted. */
size_t relay_log_follow(struct relay_log *l, unsigned follower, struct record **out, size_t max);
uint64_t relay_log_followed(const struct relay_log *l, unsigned follower); /* iseq it took last */
bool relay_log_room(const struct relay_log *l);                            /* LOG_FULL is over */

/* --- reading behind ---------------------------------------------------------------------- */

/* References to records from iseq on, at most `max` and at most up to `to` (inclusive); *next is
 * the iseq to ask for next time. What was evicted meanwhile is passed over: *evicted counts it. */
size_t relay_log_read(struct relay_log *l, uint64_t iseq, uint64_t to, struct record **out,
                      size_t max, uint64_t *next, uint64_t *evicted);
uint64_t relay_log_oldest(const struct relay_log *l); /* last + 1 when empty */
uint64_t relay_log_last(const struct relay_log *l);   /* 0: none yet */
/* References to the retained records whose topics match, in iseq order, of iseq <= up_to. visit may
 * not call back. Each call gives a reference to visit. */
void relay_log_retained(struct relay_log *l, const char *filter, uint64_t up_to,
                        void (*visit)(void *user, struct record *r), void *user);

struct log_counts {
    uint64_t accepted, repeated, evicted, items, bytes, retained, retained_bytes,
        retained_refused /* no room: published, but not kept */, publishers;
};
void relay_log_counts(const struct relay_log *l, struct log_counts *out);

#endif
