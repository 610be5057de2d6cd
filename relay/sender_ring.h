/* relay/sender_ring.h - what a datagram session has sent and nobody has acknowledged: enough to
 * send each frame again. Inside sender.c only.
 *
 * A FIFO in dseq order without holes: fragments of records (a reference each) and gaps of any
 * width; neighbouring gaps are one. Positions count from the first entry ever, so that they stay
 * when the front is released. Memory: a ring that doubles up to `most`. Threads: one. */
#ifndef NEWS_RELAY_SENDER_RING_H
#define NEWS_RELAY_SENDER_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/record.h"

struct sent {
    uint64_t dseq; /* of a gap: the first */
    union {
        struct record *record;
        uint64_t last; /* of a gap */
    };
    int64_t resent_us;       /* when resent, last */
    uint8_t fragment, count; /* count 0: a gap */
    uint8_t flags;           /* of ITEM; of a gap: its reason */
    bool resent : 1, wanted : 1;
};

struct sender_ring {
    struct sent *slots;
    unsigned size, most;  /* powers of two */
    uint64_t first, end;  /* positions */
    unsigned wanted;      /* entries to be sent again */
    uint64_t wanted_from; /* no wanted one is before it */
};

static inline struct sent *sender_ring_at(const struct sender_ring *r, uint64_t position)
{
    return &r->slots[position & (r->size - 1)];
}
static inline unsigned sender_ring_count(const struct sender_ring *r)
{
    return (unsigned)(r->end - r->first);
}
static inline uint64_t sent_last(const struct sent *e)
{
    return e->count > 0 ? e->dseq : e->last;
}

/* Makes room for one more. False: no memory. */
bool sender_ring_reserve(struct sender_ring *r);
/* There is room. The ring takes a reference of its own. */
void sender_ring_add_fragment(struct sender_ring *r, uint64_t dseq, struct record *record,
                              uint8_t fragment, uint8_t count, uint8_t flags);
/* The entry it became, or became part of. */
struct sent *sender_ring_add_gap(struct sender_ring *r, uint64_t first, uint64_t last,
                                 uint8_t reason);
/* Lets go of everything up to dseq; of a gap that goes on the rest stays. */
void sender_ring_release(struct sender_ring *r, uint64_t dseq);
/* The position of the first entry that ends at dseq or later. */
uint64_t sender_ring_find(const struct sender_ring *r, uint64_t dseq);
void sender_ring_want(struct sender_ring *r, uint64_t position);
/* The first wanted one; there is one. */
struct sent *sender_ring_wanted(struct sender_ring *r);
void sender_ring_unwant(struct sender_ring *r, struct sent *e);
void sender_ring_deinit(struct sender_ring *r); /* it is empty after it, and may be used again */

#endif
