/* bench/newsbench/statistics.h - what may be said about a few runs.
 *
 * The unit of inference is the run, never the item. Everything is seeded: the same runs give the
 * same sentence. A difference is shown when the bootstrap interval excludes 1, the effect is worth
 * a word, and the sign test agrees (the bootstrap of few pairs alone is too sure of itself: 7 % of
 * twelve pairs of one and the same thing). */
#ifndef BENCH_STATISTICS_H
#define BENCH_STATISTICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STATISTICS_BLOCKS_LEAST 6    /* six of six with one sign: p = 0.031, two-sided */
#define STATISTICS_EFFECT_LEAST 0.05 /* smaller differences are not worth a word */

struct interval {
    double median, low, high; /* 95 %, bootstrap percentile; NAN where there is nothing */
};

double statistics_median(const double *values, size_t count); /* NAN when count is 0 */
struct interval statistics_interval(const double *values, size_t count, uint64_t seed);

enum verdict {
    VERDICT_LOWER, /* a is lower than b */
    VERDICT_HIGHER,
    VERDICT_NONE,    /* no difference shown */
    VERDICT_TOO_FEW, /* fewer than STATISTICS_BLOCKS_LEAST pairs: indicative alone */
};

struct comparison {
    struct interval ratio; /* a / b, paired by block */
    size_t pairs;
    enum verdict verdict;
};

/* a[i] and b[i] are of the same block; pairs with a NAN, or with b not above 0, are left out. */
struct comparison statistics_compare(const double *a, const double *b, size_t count, uint64_t seed);

#endif
