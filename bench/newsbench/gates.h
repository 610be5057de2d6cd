/* bench/newsbench/gates.h - when a run says something of the machine and not of the carrier.
 *
 * A run that fails a gate stays in the data, marked invalid with its reason, and takes no part in
 * verdicts. */
#ifndef BENCH_GATES_H
#define BENCH_GATES_H

#include "bench/newsbench/plan.h"
#include "bench/newsbench/result.h"

struct gate_facts {                         /* what struct run does not tell */
    bool network;                           /* newsnet was there */
    double network_p99_ms, network_most_ms; /* how late it was */
    double hiccup_ms;                       /* the longest gap of a 1 ms timer */
    double steal_share,
        waited_share; /* of the processors' time; of the roles' time, waiting for one */
    double negative;  /* latencies below 0 */
    double overflow;  /* arrivals that were not noted */
};

/* Fills gates, valid and reasons of a run; reasons that are there already stay. */
void gates_apply(const struct cell *cell, struct run *run, const struct gate_facts *facts);

#endif
