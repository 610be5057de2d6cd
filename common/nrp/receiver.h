/* common/nrp/receiver.h - the receiving end of a datagram session: what came, what is missing, what
 * to ask for again, what to hand over.
 *
 * Every ITEM frame has a dseq, 1, 2, 3 ... within the session, so a hole is known by its numbers; a
 * HEARTBEAT names the last one, so that a lost tail is seen too. No I/O and no clock: frames and
 * the time go in, deliveries and declared losses come out through callbacks, inside these calls.
 * Units: microseconds of any monotonic clock. Memory: `window` slots, each with at most one
 * frame's body, and one item put together; frames beyond the window are refused and counted. When
 * memory runs out, a frame counts as not come, an item as lost. Callbacks may hold and ask, not
 * give anything in. Threads: one. */
#ifndef NEWS_NRP_RECEIVER_H
#define NEWS_NRP_RECEIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/nrp/frame.h"

/* One item handed over; everything lives for the call. */
struct nrp_delivery {
    uint64_t dseq, iseq; /* dseq of its first fragment */
    uint8_t flags;       /* NRP_FLAG_ */
    const uint8_t *topic, *payload;
    size_t topic_len, payload_len;
};

struct nrp_receiver_config {
    unsigned window;      /* slots, a power of two; 0: 1024 */
    bool repair;          /* QoS 1: holes are asked for; else they are declared lost */
    bool ordered;         /* hand over in dseq order; else a whole item at once */
    size_t item_max;      /* bytes of topic and payload */
    uint64_t first_dseq;  /* what comes first; 0: 1 */
    int64_t hole_wait_us; /* without repair: a hole is lost after it; 0: 200 ms */
    int64_t repair_us;    /* with repair: lost after it; 0: 3 s */
    unsigned naks_max;    /* for one hole; 0: 6 */
    int64_t nak_first_least_us, nak_first_most_us; /* clamp of srtt/4; 0: 2 and 20 ms */
    int64_t nak_again_least_us;                    /* of srtt/2; 0: 11 ms, above the linger of relays */
};

struct nrp_receiver_events {
    void *user;
    void (*on_item)(void *user, const struct nrp_delivery *d);
    /* These will not come: declared once for each dseq, with or without a GAP from the relay. */
    void (*on_lost)(void *user, uint64_t first_dseq, uint64_t last_dseq);
};

struct nrp_receiver_counts {
    uint64_t frames, duplicates, reordered, repaired, lost, beyond_window, malformed, naks, items;
    uint64_t holes; /* ever opened: single dseqs, as is naks */
};

struct nrp_receiver;

struct nrp_receiver *nrp_receiver_new(const struct nrp_receiver_config *c,
                                      const struct nrp_receiver_events *events,
                                      struct news_error *err);
void nrp_receiver_free(struct nrp_receiver *r); /* NULL is fine */

/* f is an ITEM. */
void nrp_receiver_item(struct nrp_receiver *r, int64_t now_us, const struct nrp_frame *f);
/* Up to last_dseq everything has been sent; what it says beyond the window is not believed. */
void nrp_receiver_heartbeat(struct nrp_receiver *r, int64_t now_us, uint64_t last_dseq);
/* The relay will not send these: what has not come is lost at once, and with a fragment its item;
 * what is here stays. Dseqs beyond the window are remembered as a run which the window passes over
 * when it gets there. False, and nothing is done: backwards, wider than 2^32, beginning more than
 * a window above the highest known, or more separate runs than are remembered (8). An honest
 * relay's GAP may be refused when one before it was lost; it comes again when it is asked for. */
bool nrp_receiver_gap(struct nrp_receiver *r, int64_t now_us, const struct nrp_gap *g);
/* srtt_us: 0 while unknown (then 100 ms). Fills the ranges to ask for now, at most
 * NRP_NAK_RANGES; 0: none. Call again after sending, there may be more. */
size_t nrp_receiver_naks(struct nrp_receiver *r, int64_t now_us, int64_t srtt_us,
                         struct nrp_range out[NRP_NAK_RANGES]);
/* Declares lost what is past its deadline. */
void nrp_receiver_tick(struct nrp_receiver *r, int64_t now_us);
/* When to call naks() and tick(); INT64_MAX: nothing is missing. Always in the future right after
 * both were called, and naks() until it said 0. */
int64_t nrp_receiver_deadline(const struct nrp_receiver *r);

/* Every dseq up to it is delivered or lost. */
uint64_t nrp_receiver_cum(const struct nrp_receiver *r);
uint64_t nrp_receiver_highest(const struct nrp_receiver *r);
/* While held nothing is handed over (and so cum stands still): the sender's window fills up. */
void nrp_receiver_hold(struct nrp_receiver *r, int64_t now_us, bool held);
/* Since the last call of it. Lost are holes, less those that a frame filled which was only late.
 * Jitter as RFC 3550 section 6.4.1, of arrival spacing. */
void nrp_receiver_report(struct nrp_receiver *r, struct nrp_report *out);
const struct nrp_receiver_counts *nrp_receiver_counts(const struct nrp_receiver *r);

#endif
