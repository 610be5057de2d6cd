/* common/nrp/receiver_parts.h - inside receiver.c, receiver_holes.c and receiver_lost.c, for nobody
 * else.
 *
 * The window is next..end, one slot each, end = next + window - 1 (while next jumps, end catches up
 * slot by slot). hi is the highest dseq known; it lies beyond end only when a GAP names dseqs
 * there. What a GAP lost beyond the window is remembered as runs; a slot that enters the window
 * inside one enters as lost. A fragment claims all slots of its item, so that a frame that
 * contradicts it is seen at its own slot, and so that what is left of a lost item is known.
 * Holes are opened in dseq order: the lower one was never seen later. */
#ifndef NEWS_NRP_RECEIVER_PARTS_H
#define NEWS_NRP_RECEIVER_PARTS_H

#include "common/buf.h"
#include "common/nrp/receiver.h"

#define DSEQ_MAX  (UINT64_C(1) << 62) /* nobody gets there honestly; sums below it do not wrap */
#define RUNS_MAX  8                   /* one is the rule; GAPs that overtake each other make more */
#define NAK_AFTER 3                   /* later frames: then it is no reordering */

enum slot_state {
    SLOT_EMPTY, /* above hi: nothing is known of it */
    SLOT_HOLE,  /* sent, not come */
    SLOT_HELD,  /* come, not handed over */
    SLOT_DELIVERED,
    SLOT_LOST,
};

struct slot {
    enum slot_state state;
    /* The item it belongs to; start (the dseq of its first fragment) 0: not known yet. */
    uint64_t start, iseq;
    uint8_t count, flags;
    /* HELD */
    uint8_t *body; /* topic, payload */
    uint16_t topic_len;
    size_t body_len;
    /* In the item's first slot: how many of its fragments are held, and their bytes. */
    unsigned come;
    size_t bytes;
    /* HOLE */
    unsigned naks;
    uint64_t heads; /* heads of the receiver when it was seen */
    int64_t seen_us, ask_us;
};

struct run {
    uint64_t first, last;
};

struct nrp_receiver {
    struct nrp_receiver_config c;
    struct nrp_receiver_events events;
    struct nrp_receiver_counts counts;
    struct slot *slots;
    uint64_t next, end, hi;
    struct run runs[RUNS_MAX]; /* sorted, neither overlapping nor touching */
    size_t run_count;
    struct run lost; /* not yet told to the caller; last 0: none */
    struct buf whole;
    bool held;
    bool release; /* no longer held: what waits is to be handed over */
    bool busy;    /* inside a call: a hold from a callback only leaves word */
    int64_t now_us;
    /* holes */
    size_t missing;
    uint64_t heads;   /* frames that came above all others */
    uint64_t unasked; /* no hole below it waits for its first NAK because of later frames */
    int64_t srtt_us, due_us;
    /* report */
    struct nrp_report since;
    int64_t last_us, spacing_us, jitter_x16;
    unsigned spacings;
};

static inline struct slot *receiver_slot(const struct nrp_receiver *r, uint64_t dseq)
{
    return &r->slots[dseq & (r->c.window - 1)];
}

/* The highest slot of which something is known. */
static inline uint64_t receiver_top(const struct nrp_receiver *r)
{
    return r->hi < r->end ? r->hi : r->end;
}

/* --- receiver_holes.c: what is missing ----------------------------------------------------- */

/* Everything up to dseq was sent: what has not come becomes a hole. */
void receiver_raise(struct nrp_receiver *r, uint64_t dseq);
void receiver_open_hole(struct nrp_receiver *r, struct slot *s);
/* A frame came above all others: holes that three have passed are due. */
void receiver_passed(struct nrp_receiver *r);
/* The last hole counted as a loss was none. */
void receiver_excuse(struct nrp_receiver *r);

/* --- receiver_lost.c: what will not come, and the end of the window -------------------------- */

/* An empty slot or a hole: lost, and with it its whole item. */
void receiver_lose(struct nrp_receiver *r, uint64_t dseq);
void receiver_lose_item(struct nrp_receiver *r, uint64_t start, unsigned count);
void receiver_tell_lost(struct nrp_receiver *r);
/* The lowest dseq is resolved: the window moves by one; by more where a run begins. */
void receiver_step(struct nrp_receiver *r);
bool receiver_at_run(const struct nrp_receiver *r); /* next is in one: step, whatever the slot */

/* --- receiver.c ------------------------------------------------------------------------------ */

/* Around everything that may call back. leave: hands over, moves on, tells what was lost. */
void receiver_enter(struct nrp_receiver *r, int64_t now_us);
void receiver_leave(struct nrp_receiver *r);

#endif
