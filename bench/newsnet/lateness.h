/* bench/newsnet/lateness.h - how late the network itself was, in memory that two processes share:
 * one adds, the other reads at any time.
 *
 * Buckets are no wider than 1/32 of their values. Units: ns. */
#ifndef BENCH_LATENESS_H
#define BENCH_LATENESS_H

#include <stdatomic.h>
#include <stdint.h>

#include "bench/newsnet/netlab.h"

#define LATENESS_STEPS   32                    /* of each power of two */
#define LATENESS_BUCKETS (32 * LATENESS_STEPS) /* up to 2^36 ns, 68 s; what is later counts so */

struct lateness { /* zeroed: nothing yet */
    _Atomic uint64_t buckets[LATENESS_BUCKETS];
    _Atomic int64_t most; /* exact; the reader may set it to 0 */
};

void lateness_add(struct lateness *l, int64_t late_ns); /* below 0 counts as 0 */
void lateness_copy(const struct lateness *l, uint64_t out[LATENESS_BUCKETS]);
/* Of what was added since `before` was copied. */
void lateness_sum_up(const struct lateness *l, const uint64_t before[LATENESS_BUCKETS],
                     struct netlab_lateness *out);

#endif
