/* publisher/journal.h - what this publisher has accepted: on disk before it is sent, numbered,
 * kept until it is too old, so that it can be sent again and asked for.
 *
 * SQLite through common/storage/db.h; tables stream and item as common/storage/answer.h wants them.
 * The journal stores and numbers; what becomes of a story is desk.h's to decide.
 * Transactions: journal_begin() .. journal_commit() around a batch; nothing of a batch counts, or
 * is handed out by journal_next(), before its commit returned true, and after a failed one the
 * journal is as before it (what was done stays done). After any other failure within a batch: roll
 * back. Order: ids count up for ever, in order of acceptance; what is sent is sent in that order.
 * Threads: one. */
#ifndef PUBLISHER_JOURNAL_H
#define PUBLISHER_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/storage/db.h"
#include "common/wire_number.h"

struct journal;

struct journal_options {
    const char *publisher; /* a slug; a journal belongs to one. NULL (DB_READ): whoever's it is */
    struct db_options db;
    int64_t now_ms; /* for the epoch of a new journal */
};

struct journal *journal_open(const char *path, const struct journal_options *o,
                             struct news_error *err);
void journal_close(struct journal *j); /* NULL is fine */
struct db *journal_db(const struct journal *j);
const char *journal_publisher(const struct journal *j);

/* $XDG_STATE_HOME/newswire/<publisher>.journal, or below ~/.local/state. */
bool journal_default_path(const char *publisher, char *out, size_t size, struct news_error *err);

bool journal_begin(struct journal *j, struct news_error *err);
bool journal_commit(struct journal *j, struct news_error *err);
void journal_rollback(struct journal *j);

/* ---- numbers ---- */

struct journal_head {
    char epoch[WIRE_EPOCH_SIZE];
    uint64_t items, streams; /* given out in this epoch */
    uint64_t last_id;        /* 0: nothing was ever accepted */
    uint64_t done_through;   /* every id up to it was acknowledged, or will never be */
};
struct journal_head journal_head(const struct journal *j);
/* Did this journal make that epoch, now or before? */
bool journal_knows_epoch(struct journal *j, const char *epoch);

/* The next number of the topic's stream in this epoch: drawn when journal_add() is called with the
 * same topic, and not before. */
bool journal_number(struct journal *j, const char *topic, struct wire_number *out,
                    struct news_error *err);
/* Adds an item (bytes with that number among its altIds) and draws its number. */
bool journal_add(struct journal *j, const char *topic, const struct wire_number *n,
                 const char *bytes, size_t len, int64_t now_ms, uint64_t *id,
                 struct news_error *err);

/* A new epoch, in a transaction of its own: somebody else gave out numbers in ours (this file was
 * restored from an old copy, or copied). Items from from_id on, and all that are not done, get new
 * numbers and new ids in it, above all ids there were; those never to be sent stay where they are.
 * Everything up to the old last id is done then. *moved: how many. */
bool journal_renew_epoch(struct journal *j, uint64_t from_id, int64_t now_ms, size_t *moved,
                         struct news_error *err);

/* ---- sending ---- */

struct journal_item { /* valid until the next journal_next() */
    uint64_t id, seq;
    const char *topic;
    const char *bytes;
    size_t len;
};
/* The first item behind id that can be sent. False with err->code NEWS_OK: there is none. One whose
 * checksum is wrong is marked "damaged", logged by the caller (err of code NEWS_ERR_DATA, and
 * *out has its id and, if it is known, its topic): call again. */
bool journal_next(struct journal *j, uint64_t id, struct journal_item *out, struct news_error *err);
/* Everything up to id is done. Saved with the next commit, or by journal_save(). */
void journal_done(struct journal *j, uint64_t id);
/* A commit, if there is anything new; left to the batch's own when one is open. */
bool journal_save(struct journal *j, struct news_error *err);
/* The broker will never take this one: reason "toolarge" or "denied". Saved at once, or with the
 * batch that is open. */
bool journal_refuse(struct journal *j, uint64_t id, const char *reason, struct news_error *err);
size_t journal_waiting(const struct journal *j); /* committed and not done: an upper bound */

/* ---- stories: a uri's frozen topic, newest version and content ---- */

struct journal_story {
    char topic[TOPIC_MAX]; /* "" when it was killed before it was published */
    uint64_t version;
    uint64_t item; /* id of the newest version in the journal, perhaps pruned */
    bool killed;
    uint64_t content;               /* hash of the newest version */
    uint64_t shown, headline, link; /* hashes of what its source last showed; 0: had none */
    int64_t first_ms, version_ms;   /* firstCreated, versionCreated; DATE_UNKNOWN */
    int64_t seen_ms;                /* when its source last showed it, to the day */
    char source[64];                /* who brought it first; "" by hand */
};
/* False with err->code NEWS_OK: not known. */
bool journal_story(struct journal *j, const char *uri, struct journal_story *out,
                   struct news_error *err);
bool journal_set_story(struct journal *j, const char *uri, const struct journal_story *s,
                       struct news_error *err);
/* The versions of a story that are older than its newest: remembered, and asked for. */
bool journal_add_version(struct journal *j, const char *uri, uint64_t version,
                         struct news_error *err);
bool journal_had_version(struct journal *j, const char *uri, uint64_t version, bool *had,
                         struct news_error *err);
/* The bytes of one item by its id (a copy appended to out). False with NEWS_OK: pruned; with
 * NEWS_ERR_DATA: damaged. */
bool journal_item_bytes(struct journal *j, uint64_t id, struct buf *out, struct news_error *err);

/* ---- held until their embargo ends: submissions as submission.h writes them ---- */

/* Replaces what is held under that uri. */
bool journal_hold(struct journal *j, const char *uri, int64_t due_ms, const char *bytes, size_t len,
                  struct news_error *err);
/* Forgets it; *was (may be NULL): there was one. */
bool journal_unhold(struct journal *j, const char *uri, bool *was, struct news_error *err);
/* The one that is due first, its bytes put into out (cleared first; NULL: not wanted). False with
 * NEWS_OK: none at all. */
bool journal_first_held(struct journal *j, int64_t *due_ms, char uri[NINJS_URI_MAX + 1],
                        struct buf *out, struct news_error *err);
size_t journal_held(const struct journal *j);

/* ---- sources of the daemon: what must survive a restart ---- */

struct journal_source {
    char url[2048];                /* the configured address these facts belong to */
    char moved_to[2048];           /* permanent redirects led here; "" nowhere */
    char etag[512], modified[128]; /* validators of the last good answer, as received */
    int64_t due_ms;                /* when to ask again */
    int64_t read_ms;               /* last time its items were read */
    unsigned failures;             /* in a row */
    bool gone;                     /* 410 */
};
/* False with NEWS_OK: not known. */
bool journal_source(struct journal *j, const char *name, struct journal_source *out,
                    struct news_error *err);
bool journal_set_source(struct journal *j, const char *name, const struct journal_source *s,
                        struct news_error *err);

/* ---- retention ---- */

struct journal_keep {
    int64_t keep_ms;     /* 0: any age */
    uint64_t keep_items; /* the newest; 0: any number */
};
/* Deletes what is older or beyond, never what is not done; once a day, stories that no source
 * showed for a year; in steps of a few thousand rows, each a transaction: not while a batch is
 * open. On a full disk the ballast is given up first, and what was freed goes back to the file
 * system, which otherwise is left to db_shrink(). *pruned: items deleted, also when it failed half
 * way. */
bool journal_prune(struct journal *j, const struct journal_keep *keep, int64_t now_ms,
                   uint64_t *pruned, struct news_error *err);

/* ---- for people: newspub journal list|show ---- */

struct journal_row {
    uint64_t id, seq;
    const char *epoch, *topic;
    int64_t accepted_ms;
    bool done;
    const char *reason; /* NULL, or why it is not handed out */
    const char *bytes;
    size_t len;
};
/* Rows in order of their ids, from first_id on, until each() returns false. */
bool journal_each(struct journal *j, uint64_t first_id,
                  bool (*each)(void *user, const struct journal_row *row), void *user,
                  struct news_error *err);

#endif
