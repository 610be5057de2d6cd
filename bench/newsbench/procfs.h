/* bench/newsbench/procfs.h - what the kernel counted of processes and of the machine.
 *
 * Counters only grow: two readings, one taken from the other, are what happened between them.
 * NAN: not to be had here. Threads: any. */
#ifndef BENCH_PROCFS_H
#define BENCH_PROCFS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct process_reading {           /* of all threads of a process */
    double cpu_s;                  /* exact */
    double user_s, system_s;       /* share it, as the kernel's ticks do */
    double voluntary, involuntary; /* switches of context */
    double waited_s;               /* ready to run, but not running */
    double peak_bytes;             /* VmHWM */
};
/* False: there is no such process. */
bool procfs_process(pid_t pid, struct process_reading *out);

struct machine_reading {
    double softirq_s, steal_s, total_s; /* of all processors */
};
void procfs_machine(struct machine_reading *out);

struct network_reading {       /* of the network namespace a process is in */
    double udp_receive_errors; /* RcvbufErrors */
    double tcp_retransmitted;  /* RetransSegs */
};
void procfs_network(pid_t pid, struct network_reading *out);
bool procfs_same_network(pid_t a, pid_t b);

#endif
