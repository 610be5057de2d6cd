#include "bench/newsbench/histogram.h"

#include <stdlib.h>

/* Values below 2 * HALF have a bucket each; after that, each doubling of the range has HALF buckets
 * which are twice as wide as those before. */
#define HALF_BITS 10
#define HALF      (1u << HALF_BITS)
#define DOUBLINGS (42 - HALF_BITS) /* up to HISTOGRAM_MOST */
#define BUCKETS   (HALF * (DOUBLINGS + 1) + 1)

struct histogram {
    uint64_t count;
    int64_t least, most;
    double sum;
    uint64_t buckets[BUCKETS];
};

struct histogram *histogram_new(void)
{
    return calloc(1, sizeof(struct histogram));
}

void histogram_free(struct histogram *h)
{
    free(h);
}

static unsigned shift_of(uint64_t value)
{
    unsigned bits = value ? 64 - (unsigned)__builtin_clzll(value) : 0;
    return bits > HALF_BITS + 1 ? bits - HALF_BITS - 1 : 0;
}

static unsigned bucket_of(int64_t value)
{
    unsigned shift = shift_of((uint64_t)value);
    return (unsigned)((uint64_t)value >> shift) + shift * HALF;
}

/* The least value of a bucket, and how many it holds. */
static int64_t bucket_start(unsigned bucket, int64_t *width)
{
    unsigned shift = bucket < 2 * HALF ? 0 : bucket / HALF - 1;
    *width = (int64_t)1 << shift;
    return (int64_t)(bucket - shift * HALF) << shift;
}

static int64_t bucket_middle(unsigned bucket)
{
    int64_t width, start = bucket_start(bucket, &width);
    return start + (width - 1) / 2;
}

void histogram_add(struct histogram *h, int64_t value, uint64_t times)
{
    if (times == 0) return;
    if (value < 0) value = 0;
    if (value > HISTOGRAM_MOST) value = HISTOGRAM_MOST;
    if (h->count == 0 || value < h->least) h->least = value;
    if (h->count == 0 || value > h->most) h->most = value;
    h->buckets[bucket_of(value)] += times;
    h->count += times;
    h->sum += (double)value * (double)times;
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
    if (from->count == 0) return;
    if (into->count == 0 || from->least < into->least) into->least = from->least;
    if (into->count == 0 || from->most > into->most) into->most = from->most;
    for (unsigned i = 0; i < BUCKETS; i++)
        into->buckets[i] += from->buckets[i];
    into->count += from->count;
    into->sum += from->sum;
}

uint64_t histogram_count(const struct histogram *h)
{
    return h->count;
}

int64_t histogram_most(const struct histogram *h)
{
    return h->most;
}

int64_t histogram_least(const struct histogram *h)
{
    return h->least;
}

double histogram_mean(const struct histogram *h)
{
    return h->count ? h->sum / (double)h->count : 0;
}

/* A bucket's middle may lie beyond what was seen. */
static int64_t within(const struct histogram *h, int64_t value)
{
    return value < h->least ? h->least : value > h->most ? h->most : value;
}

int64_t histogram_percentile(const struct histogram *h, double percent)
{
    double share = (double)h->count * percent / 100;
    uint64_t wanted = (uint64_t)share, seen = 0;
    if ((double)wanted < share) wanted++;
    if (wanted == 0) return h->least;
    for (unsigned i = 0; i < BUCKETS; i++) {
        seen += h->buckets[i];
        if (seen >= wanted) return within(h, bucket_middle(i));
    }
    return h->most;
}

bool histogram_supports(const struct histogram *h, double percent)
{
    return (double)h->count * (100 - percent) / 100 >= 10 - 1e-9;
}

bool histogram_next(const struct histogram *h, unsigned *at, int64_t *value, uint64_t *times)
{
    for (; *at < BUCKETS; (*at)++) {
        if (h->buckets[*at] == 0) continue;
        *value = bucket_middle(*at);
        *times = h->buckets[(*at)++];
        return true;
    }
    return false;
}

bool histogram_write_hgrm(const struct histogram *h, double unit, FILE *out)
{
    uint64_t seen = 0, times;
    int64_t value;
    fprintf(out, "%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount",
            "1/(1-Percentile)");
    for (unsigned at = 0; histogram_next(h, &at, &value, &times);) {
        seen += times;
        double share = (double)seen / (double)h->count;
        fprintf(out, "%12.6f %2.12f %10llu", (double)within(h, value) / unit, share,
                (unsigned long long)seen);
        if (seen < h->count) fprintf(out, " %14.2f\n", 1 / (1 - share));
        else fputc('\n', out);
    }
    fprintf(out,
            "#[Mean    = %12.6f]\n#[Max     = %12.6f, Total count    = %12llu]\n"
            "#[Buckets = %12d, SubBuckets     = %12u]\n",
            histogram_mean(h) / unit, (double)h->most / unit, (unsigned long long)h->count,
            DOUBLINGS, 2 * HALF);
    return !ferror(out);
}
