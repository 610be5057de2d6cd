/* publisher/source.h - the daemon's sources: feeds, spool directories, FIFOs.
 *
 * One bad source never stops another: each has its own state, and what goes wrong is said once per
 * change of state. A source hands in what it has in bounded batches and commits each; what was
 * handed in is settled (a spool file moves to done/, an ETag is kept) only with or after the commit
 * of its items. source_kind.h is what the three kinds share. Threads: one. */
#ifndef PUBLISHER_SOURCE_H
#define PUBLISHER_SOURCE_H

#include "common/poll_set.h"
#include "publisher/config.h"
#include "publisher/desk.h"

struct fetch;
struct sources;

struct sources_host { /* what sources may ask of the run loop */
    void *user;
    const struct topic_place *place; /* root, publisher, and what a source does not say itself */
    struct journal *journal;         /* next due times, validators: in the open transaction */
    const char *contact;             /* for the User-Agent: a page or an address; NULL none */
    /* As newsroom_take(); begins the batch. DESK_FAILED: the host has rolled it back. */
    enum desk_answer (*take)(void *user, const struct submission *s, struct news_error *err);
    /* Commits the batch; false: rolled back, everything since the last commit comes again. */
    bool (*commit)(void *user, struct news_error *err);
    /* Too much waits for the broker's answers, or the disk is full: hand in nothing now. */
    bool (*is_busy)(void *user);
};

struct source_status { /* for the log and the status topic */
    const char *name;
    enum source_kind kind;
    char state[120]; /* "ok, 15 items, next in 14m", "HTTP 503, next in 2m", "gone" */
    bool bad;
    uint64_t accepted, known, refused;
};

/* Copies config. */
struct sources *sources_new(const struct sources_host *host, const struct config *config,
                            struct news_error *err);
/* The new configuration: sources of the same name, kind and location go on as they are, with their
 * new settings. False: out of memory; the old sources go on. */
bool sources_reload(struct sources *s, const struct config *config, struct news_error *err);
/* Nothing new is begun. What was read already, and what waits in a FIFO, is taken and committed. */
void sources_stop(struct sources *s);
void sources_free(struct sources *s); /* NULL is fine */

void sources_poll(struct sources *s, struct poll_set *set); /* descriptors and deadlines */
/* Does what is due, for a while: what is left makes the deadline of sources_poll() be now. now_ms:
 * the time of day. */
void sources_turn(struct sources *s, int64_t now_ms);
bool sources_status(const struct sources *s, size_t i, struct source_status *out);

#endif
