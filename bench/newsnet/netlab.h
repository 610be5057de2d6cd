/* bench/newsnet/netlab.h - two or more network namespaces with an impaired network between them.
 *
 * Each side is a namespace with a TUN device; one process of ours, a child, is the network: it
 * reads packets of one side, delays, loses, reorders, repeats or damages them as it is told, and
 * writes them to the side they are addressed to (multicast and broadcast: to all others). Side i
 * has the address 10.77.0.(i + 1). Random decisions come from the seed, one sequence for each
 * direction of each pair, drawn for each packet. Needs CAP_SYS_ADMIN and CAP_NET_ADMIN and
 * /dev/net/tun. Threads: one. The network is a child process: wait for your own by their ids. */
#ifndef BENCH_NETLAB_H
#define BENCH_NETLAB_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/error.h"

#define NETLAB_SIDES_MAX 8

struct impairment {             /* each way */
    double delay_ms, jitter_ms; /* each packet's delay is uniform in [delay, delay + jitter];
                                   without reorder they stay in their order */
    double loss;                /* share 0..1 */
    double loss_burst; /* mean length of a run of losses (Gilbert-Elliott); <= 1: independent */
    double reorder;    /* share that goes without the delay, past those before it */
    double duplicate, corrupt; /* shares; corrupt: one bit of what follows the IP header, checksums
                                  as they were: the receiving kernel drops it, unless it is UDP sent
                                  without a checksum (SO_NO_CHECK) */
    double rate_kbit;          /* 0: no limit; else packets leave a finite queue at that rate, of IP
                                  bytes; what is lost was sent and took its time, copies take none */
    unsigned queue_packets;    /* of the limit, 0: 1000; at most 10000 */
};

struct netlab_counts {      /* of one direction; packets unless said otherwise */
    uint64_t passed, bytes; /* IP, headers included; copies, too */
    uint64_t lost, queue_full, reordered, duplicated, corrupted; /* the latter three: of passed;
                               reordered as in RFC 4737: it came out after a later one */
    uint64_t lost_bytes;                                         /* IP, of lost and queue_full */
    uint64_t tcp_packets, tcp_bytes, tcp_acks;                   /* of passed; acks: without data */
    uint64_t udp_packets, udp_bytes;
    uint64_t header_bytes; /* IP, TCP and UDP headers */
};

struct netlab_lateness { /* how much later than due packets were written, ns */
    int64_t p50, p99, most;
};

struct netlab;

/* True, or why it cannot be done here: NEWS_ERR_DENIED without the privilege. */
bool netlab_possible(struct news_error *err);
struct netlab *netlab_start(unsigned sides, const struct impairment *impairment, uint64_t seed,
                            struct news_error *err);
/* For a child after fork(): moves the calling process into a side. */
bool netlab_enter(const struct netlab *n, unsigned side, struct news_error *err);
const char *netlab_address(unsigned side); /* "10.77.0.1" */
/* May be called any time; reads shared memory. Whoever has received a packet finds it counted. */
void netlab_counts(const struct netlab *n, unsigned from, unsigned to, struct netlab_counts *out);
void netlab_lateness(const struct netlab *n, struct netlab_lateness *out);
/* Packets that the kernel dropped at the sides' devices before the network had them (a burst beyond
 * the devices' queues) or after. More than 0: the counts are not the whole truth. */
uint64_t netlab_unseen(const struct netlab *n);
void netlab_clear(struct netlab *n); /* counts, lateness and unseen from here */
/* For every packet that comes after this has returned. False: the numbers make no sense, or the
 * network has ended. */
bool netlab_impair(struct netlab *n, const struct impairment *impairment);
bool netlab_alive(const struct netlab *n); /* false: the network ended by itself, say killed */
/* Ends the network, and what is under way in it; the namespaces go with their last process. NULL is
 * fine. */
void netlab_stop(struct netlab *n);

#endif
