#include "bench/newsnet/lateness.h"

static unsigned bucket_of(uint64_t value)
{
    if (value < LATENESS_STEPS) return (unsigned)value;
    unsigned shift = 58u -
                     (unsigned)__builtin_clzll(value); /* leaves 6 bits, the first of them 1 */
    uint64_t bucket = (uint64_t)shift * LATENESS_STEPS + (value >> shift);
    return bucket < LATENESS_BUCKETS ? (unsigned)bucket : LATENESS_BUCKETS - 1;
}

/* The largest value that goes there. */
static int64_t bucket_end(unsigned bucket)
{
    if (bucket < 2 * LATENESS_STEPS) return bucket;
    unsigned shift = bucket / LATENESS_STEPS - 1;
    uint64_t mantissa = LATENESS_STEPS + bucket % LATENESS_STEPS;
    return (int64_t)(((mantissa + 1) << shift) - 1);
}

void lateness_add(struct lateness *l, int64_t late_ns)
{
    int64_t late = late_ns > 0 ? late_ns : 0;
    int64_t most = atomic_load_explicit(&l->most, memory_order_relaxed);
    while (late > most && !atomic_compare_exchange_weak(&l->most, &most, late))
        ;
    atomic_fetch_add_explicit(&l->buckets[bucket_of((uint64_t)late)], 1, memory_order_relaxed);
}

void lateness_copy(const struct lateness *l, uint64_t out[LATENESS_BUCKETS])
{
    for (unsigned i = 0; i < LATENESS_BUCKETS; i++)
        out[i] = atomic_load_explicit(&l->buckets[i], memory_order_relaxed);
}

static int64_t percentile(const uint64_t counts[LATENESS_BUCKETS], uint64_t total, unsigned percent)
{
    uint64_t wanted = (total * percent + 99) / 100, seen = 0;
    for (unsigned i = 0; i < LATENESS_BUCKETS && total > 0; i++) {
        seen += counts[i];
        if (seen >= wanted) return bucket_end(i);
    }
    return 0;
}

void lateness_sum_up(const struct lateness *l, const uint64_t before[LATENESS_BUCKETS],
                     struct netlab_lateness *out)
{
    uint64_t counts[LATENESS_BUCKETS], total = 0;
    lateness_copy(l, counts);
    for (unsigned i = 0; i < LATENESS_BUCKETS; i++)
        total += counts[i] -= before[i];
    out->most = atomic_load(&l->most);
    out->p50 = percentile(counts, total, 50);
    out->p99 = percentile(counts, total, 99);
    if (out->p50 > out->most) out->p50 = out->most;
    if (out->p99 > out->most) out->p99 = out->most;
}
