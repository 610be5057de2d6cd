/* subscriber/librarian.h - an archive at work: answers subscribers' requests from the store, for
 * publishers that cannot do it themselves: they are offline, or have lost their journal.
 *
 * Threads: one. */
#ifndef SUBSCRIBER_LIBRARIAN_H
#define SUBSCRIBER_LIBRARIAN_H

#include "common/storage/answer.h"
#include "common/transport/link.h"
#include "subscriber/catchup.h"

struct librarian;

struct librarian *librarian_new(struct store *s, struct link *l, struct news_error *err);
void librarian_free(struct librarian *l); /* NULL is fine */

/* True when the message was a request; answered if its publisher is offline, or goes by another
 * epoch now and so may not know that one any more. */
bool librarian_message(struct librarian *l, const struct catchup *c, const struct message *m);
/* One of our publications was answered. */
void librarian_published(struct librarian *l, uint64_t token);
void librarian_down(struct librarian *l);
/* Publishes what is asked for, when no transaction is open. */
void librarian_turn(struct librarian *l);
bool librarian_busy(const struct librarian *l); /* turn again soon */

#define LIBRARIAN_TOKEN (UINT64_C(1) << 63) /* in the tokens of its publications */

#endif
