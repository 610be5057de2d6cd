/* bench/newsbench/sockets.h - the TCP sockets of other processes of ours, seen from outside:
 * what TCP_INFO counted, and which congestion control they use.
 *
 * By pidfd_getfd(2), which a parent may use for its children (Linux 5.6). Threads: any. */
#ifndef BENCH_SOCKETS_H
#define BENCH_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct tcp_counts { /* of all connections of a process that are open */
    unsigned sockets;
    double segments, bytes; /* both directions; bytes of payload */
    double retransmitted;   /* segments, by us */
};
/* Adds to *sum. False: this kernel, or its policy, does not let us look. */
bool sockets_count(pid_t pid, struct tcp_counts *sum);
/* Sets and reads back; sockets that are accepted later inherit it from the listening one. name:
 * what is in use now. False: not all of them are `wanted`. */
bool sockets_set_congestion(pid_t pid, const char *wanted, char *name, size_t size);

#endif
