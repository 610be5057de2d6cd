/* bench/newsbench/plan.h - what is to be measured: cells, each a carrier under some conditions.
 *
 * A plan is a small file of "name = value" lines in two sections. [base] gives every factor one
 * value; [vary] names factors with several, separated by spaces. Cells are the base with one factor
 * changed at a time; factors on one line, joined by "x", are crossed:
 *
 *     title = A thin feed over a network that loses
 *     question = What does loss cost when items are rare?
 *     conclude = ...                     (what you may conclude; likewise not = ..., predict = ...,
 *     title.fr = ...                      and each of them in French)
 *     [base]
 *     carriers = mqtt-q1 nrp-tcp-q1 nrp-udp-q1
 *     rate = 5
 *     rtt = 20ms
 *     [vary]
 *     rate x loss = 1 5 20 x 0% 1% 10%
 *
 * A line has at most 190 bytes; what is longer goes on in indented lines.
 * factors[] is the one table of what there is: the reader, the results, reports and documentation
 * go by it. */
#ifndef BENCH_PLAN_H
#define BENCH_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "bench/newsbench/schedule.h"
#include "common/error.h"

enum server { SERVER_NONE, SERVER_MOSQUITTO, SERVER_RELAY };
enum guarantee { BEST_EFFORT, AT_LEAST_ONCE, EXACTLY_ONCE };
enum secrecy { IN_CLEAR, AUTHENTICATED, SEALED };

/* Only carriers with the same guarantee and secrecy are compared. */
struct carrier {
    const char *name; /* "nrp-udp-q1" */
    enum server server;
    const char *scheme; /* of the URL; "tcp" and "udp": plain sockets, the floor */
    int qos;
    enum guarantee guarantee;
    enum secrecy secrecy;
    bool nagle;          /* Nagle's algorithm stays on, at the server too */
    const char *missing; /* not NULL: not possible in this build, and why */
};
extern const struct carrier carriers[]; /* ends with a NULL name */
const struct carrier *carrier_find(const char *name);

enum fault { FAULT_NONE, FAULT_KILL, FAULT_STOP }; /* of the server, in the middle of the run */

struct cell {
    const struct carrier *carrier;
    char alias[32]; /* not "": another name for the same carrier (A/A tests) */
    unsigned publishers, subscribers;
    double rate;      /* items a second, of all publishers together */
    double seconds;   /* measured, after the warm-up */
    uint64_t payload; /* bytes */
    enum arrivals arrivals;
    unsigned burst_items;
    /* The network, each way; all zero: loopback without newsnet. */
    double rtt_ms, jitter_ms; /* there and back; each way up to so much more, uniform */
    double loss, loss_burst;  /* share 0..1; mean length of a run of losses, 1: independent */
    double reorder, duplicate, corrupt; /* shares */
    double rate_kbit;                   /* 0: no limit */
    unsigned queue_packets;             /* of the limit */
    /* Who is odd. */
    unsigned slow_subscribers; /* that read at slow_share of what comes */
    double slow_share;
    double extra_ms; /* every subscriber of this cell waits so long before it notes an item
                        (selftest) */
    enum fault fault;
    double fault_seconds; /* how long it lasts */
};

enum factor_type {
    FACTOR_COUNT,
    FACTOR_NUMBER,
    FACTOR_MS,
    FACTOR_SECONDS,
    FACTOR_SHARE,
    FACTOR_BYTES,
    FACTOR_WORD
};
struct factor {
    const char *name; /* as in plans and results */
    enum factor_type type;
    size_t at; /* offsetof in struct cell */
    double least, most;
    const char *fallback;
    const char *const *words; /* FACTOR_WORD: an enum's names in order, NULL-terminated */
    const char *unit;         /* for axes: "ms", "%" , "bytes", "items/s" */
    const char *label, *label_fr;
};
extern const struct factor factors[]; /* ends with a NULL name */

struct plan_text { /* each in English [0] and French [1]; "" when the plan has none */
    char title[2][200], question[2][400], predict[2][800], conclude[2][800], beware[2][800];
};

struct plan {
    char name[64]; /* of the file, without folder and ending */
    struct plan_text text;
    struct cell *cells;
    size_t cell_count;
    struct cell base; /* its carrier is NULL */
    unsigned blocks;
    uint64_t seed;
    struct {
        const struct factor *factors[2]; /* the second is NULL, or crossed with the first */
    } varied[16];
    size_t varied_count;
    char *source; /* the file as it was read */
};

bool plan_load(struct plan *p, const char *path, struct news_error *err); /* names file and line */
bool plan_parse(struct plan *p, const char *name, const char *text, struct news_error *err);
void plan_deinit(struct plan *p);
/* Block b's cells in their seeded random order: indexes into cells, as many as there are cells. */
void plan_order(const struct plan *p, unsigned block, size_t *order);
/* "rate=5 loss=0.1": what differs from the base, "" if nothing does. */
void cell_describe(const struct plan *p, const struct cell *c, char *out, size_t size);
const char *cell_name(const struct cell *c); /* the alias, or the carrier's */
/* A factor's value as plans write it ("20ms", "10%", "poisson"), or as a number for axes. */
void factor_print(const struct factor *f, const struct cell *c, char *out, size_t size);
double factor_value(const struct factor *f, const struct cell *c);
bool factor_set(const struct factor *f, struct cell *c, const char *text, struct news_error *err);
bool cell_needs_network(const struct cell *c); /* newsnet, and with it the privilege */

#endif
