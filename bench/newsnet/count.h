/* bench/newsnet/count.h - what a packet is made of, for counting: IPv4 with TCP, UDP or anything
 * else in it. Pure; packets are whatever a program sent, so every length is checked. */
#ifndef BENCH_COUNT_H
#define BENCH_COUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/newsnet/netlab.h"

struct packet_head {
    uint8_t protocol;      /* IP's number: 6 TCP, 17 UDP */
    bool pure_ack;         /* TCP: it acknowledges, and that is all */
    uint16_t ip_bytes;     /* of the IP header */
    uint16_t header_bytes; /* IP, and TCP or UDP where the packet has that header */
    uint32_t to;           /* destination, host order */
};

/* False: not a whole IPv4 packet of exactly len bytes. */
bool packet_parse(const uint8_t *bytes, size_t len, struct packet_head *out);
/* Adds to passed, bytes, header_bytes and the counts of its protocol. */
void count_passed(struct netlab_counts *c, const struct packet_head *h, size_t len);

#endif
