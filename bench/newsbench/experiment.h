/* bench/newsbench/experiment.h - a plan, run: blocks of all cells, each block in an order of its
 * own, saved after each run. */
#ifndef BENCH_EXPERIMENT_H
#define BENCH_EXPERIMENT_H

#include <stdbool.h>
#include <stdio.h>

#include "bench/newsbench/engine.h"

struct experiment {
    bool (*run)(const struct cell *cell, uint64_t seed, const struct engine_options *o,
                struct run *run, struct news_error *err); /* engine_run(), or a test's */
    const struct engine_options *options;
    const char *path; /* the result's file; NULL: not saved */
    FILE *progress;   /* a line that is written over; NULL: none */
};

/* r has a plan and an environment, and may have runs of before: those are not run again. False: an
 * engine failed, or it was interrupted; what was measured is in r and saved. */
bool experiment_run(const struct experiment *e, struct result *r, struct news_error *err);
/* About how long what is left takes, seconds. */
double experiment_estimate(const struct result *r);

#endif
