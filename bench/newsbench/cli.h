/* bench/newsbench/cli.h - newsbench's settings and option table. */
#ifndef BENCH_CLI_H
#define BENCH_CLI_H

#include "common/program.h"

struct settings {
    const char *output, *html, *csv, *hgrm, *config, *mosquitto, *newsrelay;
    bool quick, strict, spin, verbose, resume;
    long long blocks, seed, slo_ms;
};

enum {
    NEWSBENCH_RUN = 1,
    NEWSBENCH_REPORT = 2,
    NEWSBENCH_COMPARE = 4,
    NEWSBENCH_SWEEP = 8,
    NEWSBENCH_PLANS = 16
};
extern const struct program newsbench;

#endif
