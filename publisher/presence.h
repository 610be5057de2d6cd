/* publisher/presence.h - what a publisher says of itself: status and head, retained; and the fence,
 * which reads what it said before.
 *
 * The head repeats the status' counts on a topic that no will overwrites: so a publisher that comes
 * back can see how far it was, also when it had died. If that is farther than its journal, the
 * journal is an old copy, and its next numbers were given out before: PRESENCE_STALE.
 * The fence opens when a head of our own, not retained, has come back to us (what was retained came
 * before it), or after a while without any answer.
 * Threads: one. */
#ifndef PUBLISHER_PRESENCE_H
#define PUBLISHER_PRESENCE_H

#include "publisher/courier.h"
#include "publisher/journal.h"

struct presence;

/* beacon: the status is repeated while nothing happens. */
struct presence *presence_new(struct journal *j, bool beacon, int64_t now_ms,
                              struct news_error *err);
void presence_free(struct presence *p); /* NULL is fine */
/* Who appends further members to the status while it says online. */
void presence_details(struct presence *p, void (*put)(void *user, struct buf *out), void *user);
/* The will for courier_open(); lives as long as p. */
const struct message *presence_will(struct presence *p);
/* Subscribes to what the fence reads, once. */
bool presence_attach(struct presence *p, struct courier *c, struct news_error *err);

void presence_up(struct presence *p, int64_t now_mono_ms);
void presence_down(struct presence *p);

enum presence_news {
    PRESENCE_NOT_MINE, /* the message is about something else */
    PRESENCE_SEEN,
    PRESENCE_STALE, /* somebody gave out numbers of this epoch that this journal does not know: a
                       new epoch is needed. Said once for each epoch */
};
enum presence_news presence_message(struct presence *p, const struct message *m);
/* May items go out? */
bool presence_passed(struct presence *p, int64_t now_mono_ms);
/* The numbers of a new epoch are all this run's own. */
void presence_renewed(struct presence *p);

/* Says what is due. busy: items are on their way. */
void presence_turn(struct presence *p, bool busy, int64_t now_mono_ms);
int64_t presence_deadline(const struct presence *p, bool busy, int64_t now_mono_ms);
/* When the status of now was said on this connection; INT64_MAX: not yet. */
int64_t presence_told_ms(const struct presence *p);
/* Says "offline". False: not now, try again. */
bool presence_leave(struct presence *p);

#endif
