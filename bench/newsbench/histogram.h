/* bench/newsbench/histogram.h - how often each latency was seen, with three significant digits.
 *
 * A high dynamic range histogram: exact up to 2047, above it buckets no wider than 1/1024 of their
 * values. Units: nanoseconds. Memory: about 300 KiB each. Threads: one at a time. */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define HISTOGRAM_MOST ((int64_t)1 << 42) /* larger values count as this one: 73 minutes */

struct histogram;

struct histogram *histogram_new(void); /* NULL: no memory */
void histogram_free(struct histogram *h);
void histogram_add(struct histogram *h, int64_t value, uint64_t times); /* below 0 counts as 0 */
void histogram_merge(struct histogram *into, const struct histogram *from);
uint64_t histogram_count(const struct histogram *h);
int64_t histogram_most(const struct histogram *h);  /* exact; 0 when empty */
int64_t histogram_least(const struct histogram *h); /* exact */
double histogram_mean(const struct histogram *h);
/* The least value that at least `percent` of all do not exceed; percent 0 to 100. */
int64_t histogram_percentile(const struct histogram *h, double percent);
/* At least ten values lie beyond it: only then is a percentile worth printing. */
bool histogram_supports(const struct histogram *h, double percent);
/* Each bucket that is not empty, in rising order: a value that stands for it (adding it again goes
 * into the same bucket) and how often. Start with at = 0. False: no more. */
bool histogram_next(const struct histogram *h, unsigned *at, int64_t *value, uint64_t *times);
/* HdrHistogram's percentile table (.hgrm), values divided by unit (1e6: milliseconds). */
bool histogram_write_hgrm(const struct histogram *h, double unit, FILE *out);

#endif
