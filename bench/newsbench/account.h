/* bench/newsbench/account.h - what the measured part cost: all counters read at its start and at
 * its end, and one taken from the other. Threads: one. */
#ifndef BENCH_ACCOUNT_H
#define BENCH_ACCOUNT_H

#include <stdbool.h>
#include <sys/types.h>

#include "bench/newsbench/procfs.h"
#include "bench/newsbench/result.h"
#include "bench/newsbench/roles.h"
#include "bench/newsbench/sockets.h"
#include "bench/newsnet/netlab.h"

struct account_of { /* whose counters */
    const struct roles *roles;
    const struct netlab *lab; /* NULL: loopback */
    pid_t server;             /* 0: none */
    bool tcp;                 /* the carrier uses it */
};

struct account {
    struct process_reading publisher, subscriber, server; /* sums */
    struct machine_reading machine;
    double udp_receive_errors;
    bool tcp_ok;
    struct tcp_counts clients; /* with a lab those of the subscribers, which cross it; else all */
    double tcp_sent_again;     /* segments, towards subscribers and by them */
    double packets, bytes, dropped; /* of the lab; NAN without */
    int64_t at_ns;
};

void account_read(const struct account_of *of, struct account *out);
/* The server's process is about to end, and another to take its place. */
void account_replace_server(struct account *before, pid_t old);
/* Segments sent again by the hosts of server (or publishers) and subscribers; NAN: unknown. */
double account_retransmitted(const struct account_of *of);
void account_fill(struct run *run, const struct account *before, const struct account *after);
/* Shares of the time between: of all processors; the worst wait of a kind of process. */
double account_steal(const struct account *before, const struct account *after);
double account_waited(const struct account *before, const struct account *after,
                      const struct roles *roles);

#endif
