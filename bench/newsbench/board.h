/* bench/newsbench/board.h - memory that newsbench shares with its role processes: what they are
 * told, and what they note while they run. Everything is computed from it afterwards, by the
 * parent.
 *
 * Each slot has one writer, which is its process unless said otherwise. Times in ns of
 * CLOCK_MONOTONIC, 0: not yet. What is atomic may be read while the run goes on, the rest once its
 * writer has ended or (records) below the count. */
#ifndef BENCH_BOARD_H
#define BENCH_BOARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "bench/newsbench/plan.h"
#include "common/error.h"

enum board_phase {
    BOARD_BARRIER, /* publishers repeat an item until every subscriber has it */
    BOARD_RUN,     /* from start_ns on, by the schedule */
    BOARD_DRAIN,   /* nothing new; slow subscribers read as fast as they can */
};

#define BOARD_WORDS sizeof(((struct news_error *)0)->message)

struct sent_item {
    int64_t fired_ns; /* the publisher took it up; how late, is its own affair */
    int64_t sent_ns;  /* the carrier took it: later when its window was full; 0: never */
};

struct publisher_slot {
    atomic_bool up, done; /* done: all was taken, and answered where the QoS asks for answers */
    size_t item_count;
    int64_t *due_ns; /* after the start, rising */
    struct sent_item *items;
    char error[BOARD_WORDS]; /* why the process ended */
};

struct arrival_record {
    int64_t received_ns;
    uint32_t stream, number;
};

struct subscriber_slot {
    atomic_bool up;
    atomic_uint port;        /* of a floor's socket; 0: not yet */
    atomic_uint streams_met; /* whose barrier item came */
    struct arrival_record *records;
    size_t room;
    atomic_size_t count;    /* of records */
    atomic_size_t distinct; /* of them: numbers that came for the first time */
    atomic_size_t overflow; /* arrivals there was no room for */
    _Atomic uint64_t corrupt, announced;
    uint64_t announced_before; /* the first item: written by the parent */
    _Atomic int64_t worst_ns;  /* response */
    char error[BOARD_WORDS];
};

struct board {
    _Atomic int phase; /* enum board_phase */
    _Atomic int64_t start_ns;
    _Atomic int64_t hiccup_ns; /* the longest gap of a 1 ms timer since it was zeroed */
    _Atomic uint64_t dropped;  /* what a server told of; UINT64_MAX: nothing */
    uint64_t run;              /* of payloads */
    size_t size;               /* of the mapping */
    int64_t from_ns, to_ns;    /* the measured part, after the start, by intended time */
    int64_t end_ns;            /* of the schedule */
    size_t publishers, subscribers;
    struct publisher_slot *publisher;
    struct subscriber_slot *subscriber;
};

struct board_times {
    double warm_up_s, cool_down_s; /* around cell->seconds */
};

/* With the schedules of all publishers in it. NULL: too large, or no memory. */
struct board *board_new(const struct cell *cell, const struct board_times *times, uint64_t seed,
                        struct news_error *err);
void board_free(struct board *b); /* NULL is fine */
size_t board_item_count(const struct board *b);
/* Those numbers of a publisher that are due in the measured part: [*from, *to). */
void board_measured(const struct board *b, size_t publisher, size_t *from, size_t *to);

static inline int64_t mono_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

#endif
