/* bench/newsbench/measure.h - from what was noted on the board to the figures of a run.
 *
 * Pure code: no processes, no clock. Only what is due in the measured part counts. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/newsbench/board.h"
#include "bench/newsbench/plan.h"
#include "bench/newsbench/result.h"
#include "common/error.h"

struct measure_input {
    const struct board *board;
    const struct cell *cell;
    int64_t fault_end_ns;        /* when it was over; 0: there was none */
    const double *retransmitted; /* segments in each second */
    size_t second_count;
};

struct measure_facts { /* for the gates */
    uint64_t negative; /* latencies below 0: the clocks are not to be trusted */
    uint64_t overflow; /* arrivals that were not noted for lack of room */
};

/* Fills what a run tells of items: counts, histograms, subscribers, the timeline, recovery. run's
 * histograms are there and empty. */
bool measure_fill(struct run *run, const struct measure_input *in, struct measure_facts *facts,
                  struct news_error *err);

#endif
