/* bench/newsnet/under_way.h - the packets that are on their way: a heap by the time they are due,
 * those due at the same time in the order they were put in. Bounded: a network that is full loses
 * what comes. Threads: one. */
#ifndef BENCH_UNDER_WAY_H
#define BENCH_UNDER_WAY_H

#include <stdint.h>

#include "bench/newsnet/count.h"

#define PACKET_MAX    1500  /* bytes of IP: the devices' MTU */
#define UNDER_WAY_MAX 32768 /* packets; memory is only touched as it is needed */

struct packet {
    int64_t due_ns;
    uint64_t order;  /* of being put in; under_way_put() sets it */
    uint64_t number; /* in its direction, as it came */
    struct packet_head head;
    uint16_t len;
    uint8_t from, to;
    bool copy, corrupt;
    uint8_t bytes[PACKET_MAX];
};

struct under_way;

struct under_way *under_way_new(void); /* NULL: no memory */
void under_way_free(struct under_way *u);
/* One to be filled in and put, before any other is taken. NULL: it is full. */
struct packet *under_way_take(struct under_way *u);
void under_way_put(struct under_way *u, struct packet *p);
/* The one that is due first; NULL: none. It lives until under_way_drop(). */
struct packet *under_way_first(struct under_way *u);
void under_way_drop(struct under_way *u); /* the first */

#endif
