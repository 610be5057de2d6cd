/* relay/outbox.h - what one subscriber has not been sent yet, bounded, with nothing lost in
 * silence.
 *
 * A FIFO of records, each with the dseq it will be sent under; dseqs are given when a record is
 * queued, so that what is dropped leaves its numbers behind as a gap, which goes out in its place,
 * one for each run (neighbours merge, with the lower reason: what a resync may heal wins over what
 * it cannot). Bounded by count and bytes; what full means is the policy's. Gaps count for neither,
 * but there is at most one more of them than of records.
 * Memory: a ring that doubles. One of more than OUTBOX_KEEP entries is freed whenever the box falls
 * empty; a smaller one stays until outbox_trim(), so that a busy session does not allocate for each
 * item and an idle one can have nothing. Units: bytes of topic and payload. Threads: one. */
#ifndef NEWS_RELAY_OUTBOX_H
#define NEWS_RELAY_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/nrp/frame.h"
#include "relay/record.h"

enum slow_policy { SLOW_DROP_OLDEST, SLOW_DROP_NEWEST, SLOW_DISCONNECT, SLOW_BLOCK };

#define OUTBOX_KEEP 32

struct outbox_limits {
    unsigned items_max;
    size_t bytes_max; /* a single larger record is queued all the same in a box without records */
    enum slow_policy policy;
};

struct outbox_entry {
    struct record *record; /* NULL: a gap, of `frames` dseqs */
    uint64_t dseq;         /* the first */
    uint64_t frames;       /* dseqs it takes: fragments, or the width of a gap */
    uint8_t flags;         /* of ITEM: RETAIN, ACK */
    uint8_t reason;        /* of a gap: enum nrp_gap_reason */
};

struct outbox {
    struct outbox_entry *ring;  /* NULL: none */
    unsigned size, head, count; /* entries, gaps included */
    unsigned records;           /* entries that are not gaps */
    size_t bytes;
    uint64_t next_dseq; /* 1 at first: outbox_init() */
    uint64_t dropped;   /* records, ever, by the policy */
};

void outbox_init(struct outbox *box);
void outbox_deinit(struct outbox *box); /* drops every reference */
void outbox_trim(struct outbox *box);   /* gives the ring back if the box is empty */

enum outbox_result {
    OUTBOX_QUEUED,    /* with a reference of its own */
    OUTBOX_DROPPED,   /* something was lost, this or another, and became a gap */
    OUTBOX_FULL,      /* SLOW_DISCONNECT, SLOW_BLOCK: nothing changed */
    OUTBOX_NO_MEMORY, /* nothing changed */
};
/* frames: how many dseqs it takes, 1 on streams. */
enum outbox_result outbox_push(struct outbox *box, const struct outbox_limits *l, struct record *r,
                               unsigned frames, uint8_t flags);
/* Is there no room for a record of so many bytes, whatever the policy does then? */
bool outbox_is_full(const struct outbox *box, const struct outbox_limits *l, size_t bytes);
/* Gives up `frames` dseqs for something that cannot be sent at all. False: no memory. */
bool outbox_push_gap(struct outbox *box, unsigned frames, enum nrp_gap_reason reason);

/* The i-th from the front, NULL beyond the end; lives until the next change. */
const struct outbox_entry *outbox_at(const struct outbox *box, unsigned i);
/* Removes the first n, dropping their references. */
void outbox_pop(struct outbox *box, unsigned n);

#endif
