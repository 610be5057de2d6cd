/* bench/newsbench/schedule.h - when each item is due, settled before the run: an open loop.
 *
 * Units: nanoseconds after the start. */
#ifndef BENCH_SCHEDULE_H
#define BENCH_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum arrivals { ARRIVALS_CONSTANT, ARRIVALS_POISSON, ARRIVALS_BURST, ARRIVALS_COUNT };

/* Of arrivals BURST: burst_items at once, every burst_items / rate seconds. */
struct schedule_spec {
    enum arrivals arrivals;
    double rate, seconds; /* items a second; for how long */
    unsigned burst_items;
    uint64_t seed; /* of POISSON */
};

/* Due times in rising order, first at 0 or later, all before `seconds`. *count of them; the caller
 * frees. NULL: no memory. */
int64_t *schedule_make(const struct schedule_spec *spec, size_t *count);

#endif
