/* bench/newsbench/result.h - what was measured: one struct run for each cell and block, and all
 * that is needed to repeat it. Files are JSON ("newsbench": 1), written after each run, so that
 * what was measured survives whatever comes after it.
 *
 * Ownership: a result owns everything in it. Times in ns unless the name says otherwise; NAN is
 * "not measured" (null in JSON). */
#ifndef BENCH_RESULT_H
#define BENCH_RESULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#include "bench/newsbench/delivery.h"
#include "bench/newsbench/histogram.h"
#include "bench/newsbench/plan.h"
#include "bench/newsbench/statistics.h"

#define RUN_REASONS_MAX 8
#define RUN_SECONDS_MAX 600 /* of a timeline */

struct subscriber_result {
    struct delivery_counts counts;   /* over all streams, of the measured part */
    uint64_t corrupt, announced;     /* the latter: losses the transport told of */
    int64_t p50_ns, p99_ns, most_ns; /* response */
    bool slow;
};

struct process_cost {
    double user_s, system_s; /* CPU, of the measured part */
    double switches_voluntary, switches_involuntary;
    double peak_bytes; /* VmHWM; of several processes: their sum */
};

struct wire_counts {       /* both directions; NAN where nothing could count it */
    double packets, bytes; /* IP, as newsnet saw them */
    double dropped;        /* by newsnet */
    double tcp_segments, tcp_bytes, tcp_retransmitted; /* TCP_INFO, of the clients' sockets */
    double udp_receive_errors;                         /* /proc/net/snmp RcvbufErrors */
};

struct gate { /* one check of validity */
    char name[32];
    double value, threshold; /* passed when value <= threshold */
    bool passed;
};
#define GATES_MAX         16
#define RESULT_BLOCKS_MAX 1000

struct second {                  /* of the timeline */
    double published, delivered; /* items */
    double p50_ms, most_ms;      /* response */
    double retransmitted;
};

struct run {
    size_t cell;
    unsigned block;
    int64_t started_unix_ms;
    bool skipped; /* not run: reasons[0] says why */
    bool valid, saturated;
    char reasons[RUN_REASONS_MAX][120];
    unsigned reason_count;
    uint64_t offered, published, unsent, expected; /* of the measured part; expected deliveries */
    struct delivery_counts counts;                 /* all subscribers together */
    uint64_t corrupt, announced, silent;           /* silent: lost and not announced */
    struct histogram *response, *transport, *lateness, *skew; /* skew: first to last subscriber */
    struct process_cost publisher, subscriber, server;
    double softirq_s;
    struct wire_counts wire;
    double payload_bytes, topic_bytes; /* of what was published, for the split of wire.bytes */
    double recovery_ms; /* from the fault's end to the first item after it; NAN without one */
    struct subscriber_result *subscribers;
    size_t subscriber_count;
    struct second *seconds;
    size_t second_count;
    struct gate gates[GATES_MAX];
    size_t gate_count;
    char note[200]; /* what a server or carrier had to say */
};

struct result {
    struct plan plan;
    json_t *environment; /* see environment.h: facts in order, each {"name", "value"} in sections */
    struct run *runs;
    size_t run_count;
    double seconds; /* the whole took so long */
    bool quick;     /* few blocks: "indicative" */
    bool complete;  /* every block of every cell was run or skipped */
};

struct run *result_add(
    struct result *r); /* zeroed but for NANs and empty histograms; NULL: no memory */
/* Of a run that came to nothing. */
void result_drop_last(struct result *r);
bool result_save(const struct result *r, const char *path,
                 struct news_error *err); /* whole or not at all */
bool result_load(struct result *r, const char *path, struct news_error *err);
void result_deinit(struct result *r);
bool result_write_runs_csv(const struct result *r, FILE *out);
bool result_write_subscribers_csv(const struct result *r, FILE *out);

/* --- figures: what tables, plots and verdicts speak of --- */

struct figure {
    const char *name; /* "p99" */
    const char *unit; /* "ms" */
    const char *label, *label_fr;
    double (*of)(const struct run *run); /* NAN: not to be had, or not supported by enough items */
    bool compared;                       /* verdicts are given for it; lower is better */
};
extern const struct figure figures[]; /* p50 p90 p99 p999 max, transport_p99, delivered (share),
    lost, silent, duplicates, reordered, wire_bytes, packets (each per delivered item), cpu_us (all
    processes, per delivered item), server_cpu_us, softirq_us, peak_mib (server), skew_p99,
    lateness_p99, recovery. Ends with a NULL name */
const struct figure *figure_find(const char *name);
/* The figure of each block of a cell, NAN for invalid or missing runs; values has room for
 * plan.blocks. Returns how many are numbers. */
size_t result_values(const struct result *r, size_t cell, const struct figure *f, double *values);
struct interval result_interval(const struct result *r, size_t cell, const struct figure *f);
size_t result_valid(const struct result *r, size_t cell);

/* Comparisons a sceptic accepts: same conditions, same guarantee, same secrecy. Calls back for each
 * pair of cells in the plan's order and each compared figure; returns how many were made. */
struct result_pair {
    size_t a, b;
    const struct figure *figure;
    struct comparison comparison;
};
size_t result_compare(const struct result *r,
                      void (*each)(void *user, const struct result_pair *pair), void *user);
/* "p99: nrp-udp-q1 lower than nrp-tcp-q1 (0.13 x, 0.11 to 0.16, 8 pairs)"; language 0 en, 1 fr. */
void result_sentence(const struct result *r, const struct result_pair *pair, int language,
                     char *out, size_t size);

#endif
