/* publisher/numbering.h - the wire numbers of items that are sent without a journal.
 *
 * A stream is (publisher, epoch, topic); its items are numbered 1, 2, 3 ... without holes, so a
 * number is drawn only for an item that is going to be sent. The epoch is made at the start, so a
 * restart never repeats a number. The journal, where there is one, keeps these instead. */
#ifndef PUBLISHER_NUMBERING_H
#define PUBLISHER_NUMBERING_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/wire_number.h"

struct numbering;

/* publisher: a slug, copied. */
struct numbering *numbering_new(const char *publisher, int64_t now_ms, struct news_error *err);
void numbering_free(struct numbering *n); /* NULL is fine */

/* Draws the next number of the topic's stream. False: out of memory. */
bool numbering_next(struct numbering *n, const char *topic, char out[WIRE_NUMBER_SIZE]);
/* Gives the topic's last number back: its item is not going to be sent. */
void numbering_return(struct numbering *n, const char *topic);

#endif
