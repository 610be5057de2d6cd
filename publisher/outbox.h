/* publisher/outbox.h - messages on their way to the carrier, bounded, until it acknowledged them.
 *
 * Filled from the journal; without one (--no-journal) this is all that remembers them. What a lost
 * connection left unanswered is sent again, in order, on the next one (QoS 1: at least once;
 * receivers know duplicates by their numbers). Memory: outbox_room() tells whether one more fits.
 * Threads: the loop's. */
#ifndef PUBLISHER_OUTBOX_H
#define PUBLISHER_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/error.h"

#define OUTBOX_BYTES_MAX (64u << 20)

struct outbox;

struct outbox_message { /* of one slot; bytes belong to the box */
    char *topic;
    struct buf payload;
    uint64_t token;
    uint64_t id; /* the caller's */
    enum { OUTBOX_FREE, OUTBOX_WAITING, OUTBOX_SENT, OUTBOX_DONE } state;
};

struct outbox *outbox_new(size_t slots, struct news_error *err);
void outbox_free(struct outbox *box); /* NULL is fine */

bool outbox_room(const struct outbox *box);
/* The slot to fill with the next message: an empty payload buffer to append to. Call
 * outbox_add() when it is filled. Only while there is room. */
struct buf *outbox_payload(struct outbox *box);
bool outbox_add(struct outbox *box, const char *topic, uint64_t id, struct news_error *err);

/* The oldest message that is not done; NULL: none. */
const struct outbox_message *outbox_oldest(const struct outbox *box);
/* The oldest message that waits to be sent; NULL: none. */
struct outbox_message *outbox_next(struct outbox *box);
void outbox_sent(struct outbox *box, struct outbox_message *m);
/* The message with that token, to be looked at before outbox_done(). NULL: unknown. */
struct outbox_message *outbox_find(struct outbox *box, uint64_t token);
void outbox_done(struct outbox *box, struct outbox_message *m);
/* The carrier may take it later: it waits again, in its place. */
void outbox_again(struct outbox *box, struct outbox_message *m);
/* The connection is lost: everything sent waits again. */
void outbox_rewind(struct outbox *box);
/* Forgets everything; tokens go on. */
void outbox_drop(struct outbox *box);

/* What is added from now on is not given out by outbox_next() before outbox_release(); or it is
 * taken back. */
void outbox_hold(struct outbox *box);
void outbox_release(struct outbox *box);
void outbox_take_back(struct outbox *box);

size_t outbox_count(const struct outbox *box); /* not yet done */

#endif
