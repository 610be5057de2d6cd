/* subscriber/intake.h - what becomes of a message that came: shown, stored, passed over, refused;
 * and the batches in which that is made durable.
 *
 * Positions, store and sync stand behind it. A batch is open from the first message on until
 * intake_commit(): only then may acknowledgements go out and what was given to on_show be let out.
 * After a failed one the intake has forgotten the batch; messages come again.
 * Threads: one. */
#ifndef SUBSCRIBER_INTAKE_H
#define SUBSCRIBER_INTAKE_H

#include "common/transport/transport.h"
#include "subscriber/arrival.h"
#include "subscriber/catchup.h"
#include "subscriber/store.h"

struct intake;

struct intake_options {
    struct store *store; /* NULL: none, positions live in memory */
    bool sync;           /* follow statuses, ask for what is missing */
    struct catchup_options catchup;
    const char *root; /* of the topics */
};

struct intake_events {
    void *user;
    /* One to be shown (what is hidden is the caller's business). id: the store's row, 0 without. */
    void (*on_show)(void *user, const struct arrival *a, int64_t id);
    void (*on_refused)(void *user, const char *topic, const char *path, const char *what);
    /* Publishes, QoS 1; false: not now. */
    bool (*publish)(void *user, const char *topic, const char *payload, size_t len);
};

struct intake *intake_new(const struct intake_options *o, const struct intake_events *e,
                          struct news_error *err);
void intake_free(struct intake *in); /* NULL is fine */

/* The connection is up; or lost. */
void intake_up(struct intake *in);
void intake_down(struct intake *in);

/* An item, a status, an answer. Failures of the store are told by intake_commit(). */
void intake_message(struct intake *in, const struct message *m, int64_t now_ms);
bool intake_commit(struct intake *in, struct news_error *err);

/* Asks for what is due. False: the store failed; intake_commit() says how, and starts over. */
bool intake_turn(struct intake *in);
int64_t intake_deadline(const struct intake *in); /* monotonic */
/* NULL without sync. */
struct catchup *intake_catchup(const struct intake *in);
/* Until the next failed commit. */
struct positions *intake_positions(const struct intake *in);

#endif
