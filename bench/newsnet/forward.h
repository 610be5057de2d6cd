/* bench/newsnet/forward.h - the network itself: a process that carries packets between sides.
 *
 * A packet's time begins when it was read from its side; what the kernel and the scheduler took
 * until then cannot be seen from here. Each packet is written once it is due, and how much later
 * than that is noted. The process runs in real time (SCHED_FIFO) where it may, and waits for the
 * last moment busily where there are more than two cores. */
#ifndef BENCH_FORWARD_H
#define BENCH_FORWARD_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

#include "bench/newsnet/lateness.h"
#include "bench/newsnet/netlab.h"

#define COUNTERS (sizeof(struct netlab_counts) / sizeof(uint64_t))

struct forward_shared { /* memory of both processes; only the network writes, but for what
                           lateness.h says */
    _Atomic uint64_t counters[NETLAB_SIDES_MAX][NETLAB_SIDES_MAX][COUNTERS]; /* from, to */
    struct lateness lateness;
};

struct forward_setup {
    unsigned sides;
    int tuns[NETLAB_SIDES_MAX];
    int control; /* SOCK_SEQPACKET: it brings impairments, and is answered with a byte for each;
                    the first byte says that the network is ready. Closed: the network ends */
    struct forward_shared *shared;
    struct impairment impairment;
    uint64_t seed;
    pid_t parent; /* the network ends with it, too */
};

/* In the process that is to be the network. */
__attribute__((noreturn)) void forward_run(const struct forward_setup *s);

#endif
