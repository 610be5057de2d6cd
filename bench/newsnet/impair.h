/* bench/newsnet/impair.h - what one direction of the network does to each packet: a model without
 * clock, sockets or threads.
 *
 * A packet first waits in the queue of the rate limit, or finds it full; what leaves the queue is
 * lost or not, then delayed, sent twice, damaged. All chance of packet k comes from the seed and k
 * alone: no packet's fate moves another's, and switching one impairment on leaves the others' draws
 * as they were. Times in ns of any monotonic clock, never going back. Sizes: bytes of IP. */
#ifndef BENCH_IMPAIR_H
#define BENCH_IMPAIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/newsnet/netlab.h"
#include "common/error.h"

#define IMPAIR_QUEUE_MAX   10000
#define IMPAIR_QUEUE_USUAL 1000 /* where queue_packets is 0 */

struct impair {
    struct impairment is;
    uint64_t seed, packets; /* packets: that were decided on */
    bool losing;            /* the last one was lost (Gilbert-Elliott's bad state) */
    int64_t last_due_ns;    /* of those that keep their order */
    /* The rate limit: when each packet in the queue has left it, in order. */
    int64_t left_ns[IMPAIR_QUEUE_MAX];
    unsigned head, queued;
    int64_t free_ns; /* when the line is free again */
};

enum impair_fate { IMPAIR_PASSES, IMPAIR_LOST, IMPAIR_QUEUE_FULL };

struct impair_decision {
    enum impair_fate fate;
    int64_t due_ns;
    bool twice, corrupt;
    uint64_t where; /* corrupt: which bit, modulo how many there are */
};

/* False: numbers that mean nothing, or that contradict each other. */
bool impair_check(const struct impairment *is, struct news_error *err);
/* is: as impair_check() lets it pass. direction: its number, for a random sequence of its own. */
void impair_init(struct impair *m, const struct impairment *is, uint64_t seed, unsigned direction);
/* From the next packet on; what was decided stays. */
void impair_set(struct impair *m, const struct impairment *is);
struct impair_decision impair_decide(struct impair *m, int64_t now_ns, size_t len);
/* Turns one bit of what follows the first ip_header bytes. Nothing follows: nothing happens. */
void impair_damage(uint8_t *bytes, size_t len, size_t ip_header, uint64_t where);

#endif
