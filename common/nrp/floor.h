/* common/nrp/floor.h - how far a QoS 1 subscriber has everything, whatever was lost on the way.
 *
 * Items are numbered twice: by dseq within the session (holes are seen there) and by iseq in the
 * relay's log (a later connection goes on there). The floor is an iseq below which every item was
 * received or did not match. It moves with the items in dseq order, and stands still after a loss,
 * until all filters were subscribed to again from it (a resync): what was lost comes again from the
 * relay's log then, and what was received before is recognised by its iseq.
 * Memory: NRP_FLOOR_SPAN bits and `window` entries. No I/O and no clock. Threads: one. */
#ifndef NEWS_NRP_FLOOR_H
#define NEWS_NRP_FLOOR_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"

#define NRP_FLOOR_SPAN 65536 /* iseqs from the floor on that are remembered one by one */

struct nrp_floor;

/* window: a power of two, how far an item's dseq may be ahead of the resolved ones. */
struct nrp_floor *nrp_floor_new(unsigned window, uint64_t iseq, struct news_error *err);
void nrp_floor_free(struct nrp_floor *f); /* NULL is fine */
uint64_t nrp_floor_iseq(const struct nrp_floor *f);

/* An item came. False: its iseq was received before. One beyond the span is taken for new: rather
 * twice than never. */
bool nrp_floor_item(struct nrp_floor *f, uint64_t dseq, uint64_t iseq);
/* These will not come. */
void nrp_floor_lost(struct nrp_floor *f, uint64_t first_dseq, uint64_t last_dseq);
/* Every dseq up to cum came or was lost: the floor follows, if it may. */
void nrp_floor_advance(struct nrp_floor *f, uint64_t cum);

/* A filter is subscribed to from the floor: it stands until this is answered, and what the answer
 * brings has been seen. all: together with the others asked meanwhile it is every filter. */
void nrp_floor_asked(struct nrp_floor *f, bool all);
/* start: the first iseq that can come, first_dseq: its dseq or an earlier one. */
void nrp_floor_answered(struct nrp_floor *f, uint64_t start, uint64_t first_dseq);
void nrp_floor_refused(struct nrp_floor *f); /* this filter brings nothing */
/* Something was lost that no resync, made or asked for, brings back. */
bool nrp_floor_wants_resync(const struct nrp_floor *f);
void nrp_floor_forgive(struct nrp_floor *f); /* nothing is subscribed to any more: no loss counts */

#endif
