/* publisher/handover.h - items handed to the process that owns the journal, over its UNIX socket.
 *
 * JOURNAL.sock, mode 0600, same user. The client sends submissions, one a line (submission.h); for
 * each line, in order, the owner answers one line {"line":n,"answer":"accepted|known|held|refused",
 * "why":"..."} once its batch is on disk; later, for each accepted one, {"line":n,"answer":"done"}
 * or
 * {"line":n,"answer":"denied","why":"..."} when the broker has answered. Both sides bounded: a line
 * at most 4 MiB and a bit; a client that does not read its answers is not read from. */
#ifndef PUBLISHER_HANDOVER_H
#define PUBLISHER_HANDOVER_H

#include <stdint.h>

#include "common/buf.h"
#include "common/error.h"
#include "common/poll_set.h"
#include "publisher/desk.h"

/* ---- the owner's side ---- */

struct handover;

struct handover_events {
    void *user;
    /* A line came. The answer is sent after handover_committed(); FAILED ones at once as "refused".
     * *id as of desk_take(). */
    enum desk_answer (*on_line)(void *user, const char *line, size_t len, uint64_t *id,
                                struct news_error *err);
    bool (*is_busy)(void *user); /* no lines are taken now */
};

/* Makes the socket (an old one of a dead owner is removed: whoever calls holds the journal's lock).
 */
struct handover *handover_open(const char *journal_path, const struct handover_events *e,
                               struct news_error *err);
void handover_close(struct handover *h); /* removes the socket; NULL is fine */
/* No more lines are read: the owner is about to end. */
void handover_stop(struct handover *h);
void handover_poll(struct handover *h, struct poll_set *set);
/* The batch is on disk: answers go out. Or it was rolled back: err says why. */
void handover_committed(struct handover *h, const struct news_error *failed);
/* The broker answered. */
void handover_answered(struct handover *h, uint64_t id, const struct news_error *refused);
/* The ids are no longer known: clients are told that theirs are kept, not yet acknowledged. */
void handover_forget(struct handover *h);

/* ---- the client's side ---- */

struct handover_client;

/* NULL with NEWS_ERR_UNREACHABLE: nobody listens there. */
struct handover_client *handover_connect(const char *journal_path, struct news_error *err);
void handover_disconnect(struct handover_client *c); /* NULL is fine */
int handover_fd(const struct handover_client *c);
short handover_events_wanted(const struct handover_client *c);
bool handover_room(const struct handover_client *c); /* for one more submission */
void handover_say(struct handover_client *c, const struct submission *s);
/* Writes and reads what is possible. False: the owner has gone; err. */
bool handover_service(struct handover_client *c, struct news_error *err);
/* The next answer that came; false: none. why lives until the next service. */
enum handover_kind {
    HANDOVER_ACCEPTED,
    HANDOVER_KNOWN,
    HANDOVER_HELD,
    HANDOVER_REFUSED,
    HANDOVER_FAILED, /* the journal could not take it now */
    HANDOVER_DONE,
    HANDOVER_DENIED,
};
struct handover_answer {
    enum handover_kind kind;
    const char *why; /* "" where there is no reason */
};
bool handover_next(struct handover_client *c, struct handover_answer *out);

#endif
