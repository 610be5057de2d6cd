/* common/storage/answer.h - answers subscribers' requests from a database: the publisher's journal,
 * or an archive's store.
 *
 * Both have these tables, and this module reads nothing else:
 *     stream(id INTEGER PRIMARY KEY, publisher TEXT, epoch TEXT, topic TEXT, last INTEGER), with an
 *         index on (publisher, epoch, topic)
 *         last: the highest number given out (journal) or held (store)
 *     item(id INTEGER PRIMARY KEY, stream INTEGER, seq INTEGER, time_ms INTEGER, sum INTEGER,
 *          reason TEXT, bytes BLOB), with an index on (stream, seq)
 *         id: order of acceptance; sum: hash_bytes() of bytes; reason: NULL, or why the item is
 *         not to be handed out ("toolarge", "denied", "killed"); seq NULL: has no number
 *
 * What lies beyond the request's positions is handed out in the order of the ids, but each stream
 * in the order of its numbers (in an archive ids follow arrival). So an answer always brings a
 * stream from one number to a later one without leaving anything out, and whoever asks on with the
 * positions of an END gets everything in the end. What is missing up to there is named, and
 *     of SYNC_HAVE: the streams that were brought on, and how far (the others stay where they are);
 *     of SYNC_LAST and SYNC_SINCE: every stream that matches: its last number, or, with "more", how
 *     far this answer came, what precedes the items that were asked for included.
 * Of a newcomer's items, too, at most its limit come at once; the rest is fetched with the
 * positions. SYNC_SINCE goes by time_ms, which should not fall from a number to the next.
 *
 * Budget: answerer_next() looks up about ANSWER_ROWS rows; ANSWER_TURNS clients take turns, one
 * batch each, the rest wait; one request a client (a later one replaces it), ANSWER_CLIENTS_MAX
 * clients and ANSWER_REQUEST_BYTES of requests (more are refused: they ask again). The caller
 * decides when to call it: live items go first.
 *
 * Threads: one; no transaction of ours is held between calls. While the caller has one open,
 * nothing is read: what is not committed is not handed out. */
#ifndef NEWS_STORAGE_ANSWER_H
#define NEWS_STORAGE_ANSWER_H

#include "common/storage/db.h"
#include "common/sync_message.h"

#define ANSWER_CLIENTS_MAX   1024
#define ANSWER_REQUEST_BYTES (64u << 20) /* of all requests that wait, as received */
#define ANSWER_TURNS         16
#define ANSWER_ROWS          2000 /* looked up in one call */

struct answerer;

/* archive: END says so, and what is not here is not declared missing (but what is marked with a
 * reason is). The db outlives the answer. */
struct answerer *answerer_new(struct db *db, bool archive, struct news_error *err);
void answerer_free(struct answerer *a); /* NULL is fine */
/* Who knows of epochs without streams: a new one is not "unknown". Without this, an epoch is known
 * when it has a stream. */
void answerer_on_epoch(struct answerer *a,
                       bool (*knows)(void *user, const char *publisher, const char *epoch),
                       void *user);

/* A request from route->client to route->publisher. False: refused, err says why. */
bool answerer_take(struct answerer *a, const struct sync_route *route, const char *bytes,
                   size_t len, struct news_error *err);
/* The last request taken was about this epoch, and claimed a position beyond what the database ever
 * gave out in that stream: the journal was restored from an old copy, or the claim is a lie. */
bool answerer_was_ahead(const struct answerer *a, const char *epoch);
bool answerer_pending(const struct answerer *a);

enum answer_result {
    ANSWER_MESSAGE, /* topic and payload are to be published, QoS 1, not retained */
    ANSWER_LATER,  /* call again when there is time: more rows are to be looked at, or a transaction
                      of the caller's is open */
    ANSWER_IDLE,   /* nothing is asked for */
    ANSWER_FAILED, /* the database: err says why; that request is dropped */
};
/* payload is cleared first. payload_max: what the carrier can take; an item above it is declared
 * missing as "toolarge". */
enum answer_result answerer_next(struct answerer *a, size_t payload_max, char topic[TOPIC_MAX],
                                 struct buf *payload, struct news_error *err);

#endif
