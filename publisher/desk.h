/* publisher/desk.h - what becomes of a submission: a new story, a new version, nothing, a refusal.
 *
 * The rules, in one place:
 *  - A uri's first publication freezes its topic; every later version and its kill go there.
 *  - Content is judged by its hash (all members but uri, version, dates, standard, wire number),
 *    never by dates. The same content again is DESK_KNOWN. Changed content without a version of its
 *    own, or with the one we have, becomes version + 1 with the story's firstCreated, and
 *    versionCreated now unless its own date is later than the story's; a version of its own that is
 *    higher, or lower and not seen before, goes out as it is. Versions are compared as decimal
 *    integers; whatever else stands there says no version, and is left as it is if it comes first.
 *  - A story belongs to the source that brought it first; what another source says under that uri
 * is DESK_KNOWN. By hand ("" as the source) any story may be corrected; what its source shows is
 *    then DESK_KNOWN until it shows something else than it did before. A feed that uses a uri again
 *    with another headline and another link tells another story: it gets a uri of its own, the same
 *    each time.
 *  - SUBMIT_UPDATE takes the newest version and replaces members: version + 1. The topic stays,
 *    whatever it says. One that changes nothing is DESK_KNOWN.
 *  - SUBMIT_KILL publishes the newest version's uri, headline and dates (and type, urgency,
 * language and sources, by which readers filter) as pubStatus "canceled", version + 1, edNote the
 * reason; afterwards everything under that uri is refused (from a feed: DESK_KNOWN), but to kill it
 * again is DESK_KNOWN. An item that says "canceled" itself is a kill, too, also of an unknown uri.
 *  - Before embargoedUntil a submission is held (a later item of the same uri replaces it, held or
 *    not; a kill drops it, which is DESK_KNOWN if nothing was published); when it is due it is
 * taken as any other. Already expired: refused (from a feed: DESK_KNOWN). Kills are never held.
 *  - A submission that names another publisher than the journal's is refused.
 * Everything happens in the journal's open transaction: the caller begins and commits.
 * Threads: one. */
#ifndef PUBLISHER_DESK_H
#define PUBLISHER_DESK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "publisher/journal.h"
#include "publisher/submission.h"

struct desk;

struct desk_options {
    void *user;
    /* Can a message with this topic and payload be sent at all, as far as is known? NULL: yes. */
    bool (*admit)(void *user, const char *topic, const char *payload, size_t len,
                  struct news_error *err);
};

enum desk_answer {
    DESK_ACCEPTED, /* numbered, in the journal under *id */
    DESK_KNOWN,    /* nothing to do: published already */
    DESK_HELD,     /* in the journal, until its embargo ends */
    DESK_REFUSED,  /* err: DATA, TOO_LARGE, or as admit() says: this submission's fault */
    DESK_FAILED,   /* err: FULL, IO, MEMORY: the journal's; roll back */
};

/* The journal outlives the desk. */
struct desk *desk_new(struct journal *j, const struct desk_options *o, struct news_error *err);
void desk_free(struct desk *d); /* NULL is fine */

enum desk_answer desk_take(struct desk *d, const struct submission *s, int64_t now_ms, uint64_t *id,
                           struct news_error *err);
/* The item that was accepted last, as it stands in the journal: topic, bytes, len. Valid until the
 * next call of the desk. False: nothing was accepted by the last one. */
bool desk_accepted(const struct desk *d, struct journal_item *out);
/* Takes the held submission that is due first, if it is due: it is not held any more then, whatever
 * the answer. *due_ms: when the next one will be, INT64_MAX never. False: none is due now. */
bool desk_take_held(struct desk *d, int64_t now_ms, int64_t *due_ms, enum desk_answer *answer,
                    uint64_t *id, struct news_error *err);

#endif
