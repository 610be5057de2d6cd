#include "bench/newsbench/delivery.h"

#include <stdlib.h>

struct delivery {
    uint64_t items;
    uint64_t next;   /* one more than the highest number that came */
    uint64_t *came;  /* bits */
    uint64_t *late;  /* bits: below one that came before it */
    uint32_t *again; /* how often more than once */
};

struct delivery *delivery_new(uint64_t items)
{
    struct delivery *d = calloc(1, sizeof *d);
    if (!d) return NULL;
    size_t words = (size_t)(items / 64 + 1);
    d->items = items;
    d->came = calloc(words, sizeof *d->came);
    d->late = calloc(words, sizeof *d->late);
    d->again = calloc((size_t)items + 1, sizeof *d->again);
    if (d->came && d->late && d->again) return d;
    delivery_free(d);
    return NULL;
}

void delivery_free(struct delivery *d)
{
    if (!d) return;
    free(d->came);
    free(d->late);
    free(d->again);
    free(d);
}

static bool has(const uint64_t *bits, uint64_t number)
{
    return bits[number / 64] >> (number % 64) & 1;
}

static void set(uint64_t *bits, uint64_t number)
{
    bits[number / 64] |= (uint64_t)1 << (number % 64);
}

enum arrival delivery_note(struct delivery *d, uint64_t number)
{
    if (number >= d->items) return ARRIVED_UNKNOWN;
    if (has(d->came, number)) {
        if (d->again[number] < UINT32_MAX) d->again[number]++;
        return ARRIVED_AGAIN;
    }
    set(d->came, number);
    if (number < d->next) set(d->late, number);
    else d->next = number + 1;
    return ARRIVED_FIRST;
}

void delivery_count(const struct delivery *d, uint64_t from, uint64_t to,
                    struct delivery_counts *out)
{
    uint64_t gap = 0;
    *out = (struct delivery_counts){0};
    if (to > d->items) to = d->items;
    for (uint64_t n = from; n < to; n++) {
        if (has(d->came, n)) {
            gap = 0;
            out->delivered++;
            out->duplicates += d->again[n];
            out->reordered += has(d->late, n);
            continue;
        }
        out->lost++;
        if (++gap > out->longest_gap) out->longest_gap = gap;
    }
}
