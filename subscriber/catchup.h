/* subscriber/catchup.h - finds out what is missing and asks for it: the subscriber's side of sync.
 *
 * For each publisher it follows the status, and asks newswire/sync/<publisher>/<client id>
 *   - after every (re)connect, once the publisher's status is known, after a random wait; also when
 *     it comes online, and when its status names a new epoch (a publisher that leaves soon: almost
 *     at once, and not when everything it counts is here);
 *   - when a hole is older than 200 ms;
 *   - when the status has moved while nothing that matches came (after an empty answer at most once
 *     a minute);
 *   - for older epochs that are not settled, once a connection, before the present one.
 * One request a publisher is outstanding. After 5 s of silence it is given up and asked again, with
 * a doubling wait up to 10 minutes (of a publisher that is offline: only while something is known
 * to be missing). Answers that bring nothing of what is missing make it wait likewise.
 * A newcomer (filters that are not joined) asks for the last n or since a time, which gives every
 * stream its base and joins the filters; until then its streams have no holes.
 * Answers are taken only while asked for: the right id, publisher, epoch and filters, no more items
 * than the limit, no position behind what we said we have, no number SYNC_HOLE_MAX beyond what the
 * status or our positions speak for. A message that breaks one of these is dropped: the end as a
 * whole, a batch from there on; what follows may still be the real answer. An end's "missing"
 * closes holes, and is told to the user once (events->on_gone); an archive's does not, but for
 * "killed", which is never told.
 *
 * It does no I/O of its own but through its events, and its time is what it is given: tests run it
 * without a clock. It reads and writes positions, and the store (NULL: none) in the transaction
 * that is open or that it begins. Bounds: CATCHUP_PUBLISHERS_MAX publishers (more are ignored),
 * CATCHUP_EPOCHS_MAX epochs of each in memory (the least recent is forgotten), TOPIC_FILTERS_MAX
 * filters. After a rollback of the store it has to be made anew, as the positions have.
 * Threads: one. */
#ifndef SUBSCRIBER_CATCHUP_H
#define SUBSCRIBER_CATCHUP_H

#include "subscriber/store.h"

#define CATCHUP_PUBLISHERS_MAX 10000
#define CATCHUP_EPOCHS_MAX     32

struct catchup;

struct catchup_options {
    const char *client_id;      /* sync_name_ok() */
    const char *root;           /* of the topics */
    const char *const *filters; /* what is subscribed to, well-formed; all texts are copied */
    size_t filter_count;
    uint64_t last;                            /* of a newcomer; 0: from now on */
    int64_t since_ms;                         /* DATE_UNKNOWN: not given; else in place of last */
    unsigned limit;                           /* items a request; 0: 500 */
    int64_t jitter_first_ms, jitter_again_ms; /* most waits before the first request of a
                                                 connection: the first connection, later ones */
    unsigned seed;                            /* of the jitter; 0: random */
};

enum catchup_gone {                  /* of what on_gone tells */
                    CATCHUP_GONE,    /* numbers first..last of topic are gone: reason */
                    CATCHUP_RESTART, /* the publisher started anew in another epoch, and of the
                                        earlier one nobody knows the end: what followed what we have
                                        may be lost. topic NULL */
};

struct catchup_events {
    void *user;
    /* Publishes, QoS 1. False: not now, it will be asked again (as when no answer comes). */
    bool (*publish)(void *user, const char *topic, const char *payload, size_t len);
    /* An item of an answer, to be taken like one that came by subscription: it is checked, matches
     * a filter, and this is its number. catchup_item() is to follow if it is taken. False: it
     * could not be, the store failed. */
    bool (*on_item)(void *user, const char *topic, const struct ninjs *item,
                    const struct wire_number *number, struct news_error *err);
    void (*on_gone)(void *user, enum catchup_gone what, const char *publisher, const char *epoch,
                    const char *topic, uint64_t first, uint64_t last, const char *reason);
    /* An answer was refused, or something odd was seen: for the log. */
    void (*on_remark)(void *user, const char *publisher, const char *remark);
    /* The publisher's state changed. */
    void (*on_presence)(void *user, const char *publisher, bool online);
};

/* NULL: no memory, or more than TOPIC_FILTERS_MAX filters. p and s outlive it. */
struct catchup *catchup_new(const struct catchup_options *o, const struct catchup_events *e,
                            struct positions *p, struct store *s, struct news_error *err);
void catchup_free(struct catchup *c); /* NULL is fine */

/* The connection: up anew (statuses will follow), or lost (nothing is outstanding any more). */
void catchup_up(struct catchup *c, int64_t now_mono_ms);
void catchup_down(struct catchup *c);

/* False: the store failed (or memory), acknowledge nothing. */
bool catchup_status(struct catchup *c, const char *topic, const char *bytes, size_t len,
                    int64_t now_mono_ms, struct news_error *err);
bool catchup_reply(struct catchup *c, const char *topic, const char *bytes, size_t len,
                   int64_t now_mono_ms, struct news_error *err);
/* A numbered item was taken (by either way): its position after that. */
void catchup_item(struct catchup *c, const struct wire_number *n, const struct position *at,
                  bool is_new, int64_t now_mono_ms);
/* Should the stream of this number, met for the first time, start at number 1? True when its
 * publisher is followed already by a filter that covers topic (the store's, or this session's). */
bool catchup_from_start(struct catchup *c, const char *publisher, const char *topic);

/* Sends what is due; a bounded number of requests a turn. */
bool catchup_turn(struct catchup *c, int64_t now_mono_ms, struct news_error *err);
int64_t catchup_deadline(const struct catchup *c); /* monotonic; INT64_MAX: none */

/* The user wants to know now: everybody is asked who is not being asked, at once. */
bool catchup_repeat(struct catchup *c, int64_t now_mono_ms, struct news_error *err);

/* Is this publisher known to be offline, by its will or by silence? Of one never heard of: true. */
bool catchup_offline(const struct catchup *c, const char *publisher, int64_t now_mono_ms);

/* Is this the epoch that the publisher's last status named? */
bool catchup_is_present(const struct catchup *c, const char *publisher, const char *epoch);

struct catchup_totals { /* for status lines */
    size_t publishers, online;
    uint64_t holes;             /* streams that have one */
    size_t outstanding, wanted; /* requests */
};
struct catchup_totals catchup_totals(const struct catchup *c);

#endif
