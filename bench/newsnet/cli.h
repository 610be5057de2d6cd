/* bench/newsnet/cli.h - newsnet's command line: options, and a command for each side. */
#ifndef BENCH_NEWSNET_CLI_H
#define BENCH_NEWSNET_CLI_H

#include "bench/newsnet/netlab.h"
#include "common/program.h"

struct settings {
    const char *delay, *jitter, *loss, *burst, *reorder, *duplicate, *corrupt, *rate, *config;
    long long queue, seed, stats_ms;
    bool verbose;
};

extern const struct program newsnet;

struct sides {
    char **commands[NETLAB_SIDES_MAX]; /* each ends with NULL */
    unsigned count;                    /* may be more than there is room for */
    bool empty;                        /* one of them has no words */
};

/* Cuts argv at each "--". Returns how many arguments stand before the first: the options. */
int sides_split(int argc, char **argv, struct sides *s);
bool sides_check(const struct sides *s, struct news_error *err);
bool settings_impairment(const struct settings *s, struct impairment *out, struct news_error *err);

#endif
