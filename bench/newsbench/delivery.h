/* bench/newsbench/delivery.h - which items of one stream reached one subscriber: a bit for each.
 *
 * Numbers count from 0. Units: items. Threads: one. */
#ifndef BENCH_DELIVERY_H
#define BENCH_DELIVERY_H

#include <stdbool.h>
#include <stdint.h>

enum arrival { ARRIVED_FIRST, ARRIVED_AGAIN, ARRIVED_UNKNOWN /* no such number */ };

struct delivery_counts {
    uint64_t delivered; /* distinct numbers */
    uint64_t duplicates;
    uint64_t reordered;   /* RFC 4737 section 3.3: a number below one that came before it */
    uint64_t lost;        /* of [from, to) */
    uint64_t longest_gap; /* lost one after the other, of [from, to) */
};

struct delivery;

struct delivery *delivery_new(uint64_t items); /* NULL: no memory */
void delivery_free(struct delivery *d);
enum arrival delivery_note(struct delivery *d, uint64_t number);
/* Of the numbers in [from, to): warm-up and cool-down are cut. */
void delivery_count(const struct delivery *d, uint64_t from, uint64_t to,
                    struct delivery_counts *out);

#endif
