/* bench/newsbench/engine.h - one run of one cell: a server, publishers and subscribers as processes
 * of their own, a schedule, a barrier, a warm-up, the measured part, the drain. */
#ifndef BENCH_ENGINE_H
#define BENCH_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "bench/newsbench/plan.h"
#include "bench/newsbench/result.h"
#include "common/error.h"

struct engine_options {
    const char *mosquitto; /* programs to run; NULL: found beside us or in PATH */
    const char *newsrelay;
    bool spin;        /* busy-wait the last 200 us before an item is due */
    double warm_up_s; /* 0: max(2 s, 500 items), cut by intended time */
    bool verbose;
    const volatile int *interrupted; /* set by a signal: ends the run, cleans up, fails */
};

/* Fills run (fresh from result_add()): skipped with a reason when this machine or build cannot do
 * it, invalid with reasons when a gate fails. False: nothing was learned (a server does not start,
 * a process of ours died, interrupted); err says what. Everything it started has ended when it
 * returns. seed: of schedules, payloads and the network. */
bool engine_run(const struct cell *cell, uint64_t seed, const struct engine_options *o,
                struct run *run, struct news_error *err);

/* What is done for the sake of fairness, for the environment of a result: {"section": "Fairness",
 * "facts": [...]}, see environment.h; the configuration files of servers are among them. NULL: no
 * memory. */
json_t *engine_describe(const struct engine_options *o);

#endif
