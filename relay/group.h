/* relay/group.h - multicast: bodies of items that go out once for many sessions.
 *
 * A side channel without any promise. Sessions keep their own dseqs; where an ITEM would go to one
 * that listens to the group, a SHARED goes, which names the group's ITEM by its digest, and what
 * did not come by the group is asked for and sent again as ever, to the one session. So nothing
 * here remembers who has what: only the last bodies, for as long as a SHARED may name them. A body
 * that finds no room in the rate or the queue is not taken: then it goes as without a group. No I/O
 * and no clock. Memory: GROUP_RECENT entries and as many references. Threads: one. */
#ifndef NEWS_RELAY_GROUP_H
#define NEWS_RELAY_GROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/nrp/frame.h"
#include "common/nrp/secure.h"
#include "relay/record.h"

#define GROUP_RECENT 256 /* bodies that can be named: clients keep twice as many */
#define GROUP_LEAST  2   /* sessions an item has to be for */

struct group_config {
    bool on;
    struct nrp_address address; /* IPv4, of the group, with its port */
    const char *filter;         /* topics that go there; lives as long as the group */
    bool sealed;                /* with a key of its own, which only sealed sessions are told */
};

struct group_pacing {
    size_t datagram_max; /* decides the size of fragments: sessions with another cannot join */
    int64_t rate_floor, rate_cap; /* bytes/s; cap 0: no limit */
};

struct group_counts {
    uint64_t bodies, datagrams; /* fragments sent, and what they were sent in */
    uint64_t refused;           /* items that found no room */
};

struct group;

struct group *group_new(const struct group_config *c, const struct group_pacing *p, uint64_t epoch,
                        const struct nrp_random *random, int64_t now_us, struct news_error *err);
void group_free(struct group *g); /* NULL is fine */
/* Another id and another key: who has the old ones gets nothing more. False: no memory. */
bool group_renew(struct group *g);

bool group_is_sealed(const struct group *g);
const char *group_filter(const struct group *g);
size_t group_datagram_max(const struct group *g);
/* All of GROUP but its status. */
void group_describe(const struct group *g, struct nrp_group *out);
bool group_is(const struct group *g, uint64_t id);

/* Who was told of the group, and of them who hears it. Nothing is sent while nobody was told. */
void group_told(struct group *g, int change);
void group_joined(struct group *g, int change);
unsigned group_members(const struct group *g); /* who hear it */

/* r goes out, all its fragments, before anything that is asked for after it. False: it does not. */
bool group_push(struct group *g, int64_t now_us, struct record *r);
/* Where the next body will be: a session that joins now may be given it, and those after it. */
uint64_t group_position(const struct group *g);
/* Makes a SHARED of an ITEM, if its body went to the group at `since` or later. */
bool group_share(const struct group *g, uint64_t since, struct nrp_frame *item);

/* What a member saw in a second: the worst of them decides the rate. */
void group_report(struct group *g, int64_t now_us, const struct nrp_report *r);
/* Once a second a HEARTBEAT, if nothing else went. */
void group_tick(struct group *g, int64_t now_us);
int64_t group_deadline(const struct group *g); /* INT64_MAX: none */
/* The next datagram: its size, 0: none now. out has datagram_max bytes. */
size_t group_datagram(struct group *g, int64_t now_us, uint64_t last_iseq, uint8_t *out);
const struct group_counts *group_counts(const struct group *g);

#endif
