/* common/storage/db.h - one SQLite file of ours: opened, owned, checked, migrated.
 *
 * WAL, synchronous FULL: what db_commit() confirmed is on disk. One owner at a time: an exclusive
 * lock on FILE.lock, which holds the owner's name for the message of whoever comes second, and is
 * emptied at a clean end; readers need no lock. FILE.ballast is 10 MiB kept for the day the disk is
 * full: db_drop_ballast() gives it back so that old rows can be deleted.
 * Modules that keep data (journal, store) prepare their own statements on db_handle().
 * Errors: NEWS_ERR_FULL no room on the disk, NEWS_ERR_IO the rest; messages name the file.
 * Threads: one. */
#ifndef NEWS_STORAGE_DB_H
#define NEWS_STORAGE_DB_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

struct db;

struct db_kind {
    const char *what;         /* "journal": for messages */
    int32_t application_id;   /* PRAGMA application_id: a file of another kind is refused */
    const char *const *steps; /* steps[i] brings PRAGMA user_version i to i + 1; NULL at the end */
    const char *renewal;      /* said of a damaged file, after "move it away: ": "a new one starts a
                                 new epoch"; at most 60 bytes, NULL: "a new one is made" */
};

enum db_mode {
    DB_OWN,  /* created if missing (with its folder, mode 0700; the file 0600), locked, migrated */
    DB_READ, /* must exist and have the present version; no lock, also beside an owner */
    DB_MEMORY, /* nobody else's, gone with the close; the path is not looked at, and may be NULL */
};

struct db_options {
    enum db_mode mode;
    const char *owner;    /* of DB_OWN: "newspub run", written to the lock with the pid */
    int64_t lock_wait_ms; /* how long to wait for another owner to finish; 0: not at all */
    bool check;           /* always verify the whole file; else only after an unclean end */
};

/* NULL: err says what is wrong and what to do: locked (code NEWS_ERR_BUSY, names the owner and its
 * pid), damaged, made by a newer version, not one of ours, no room. */
struct db *db_open(const char *path, const struct db_kind *kind, const struct db_options *o,
                   struct news_error *err);
void db_close(struct db *db); /* rolls back what is open; checkpoints; NULL is fine */

sqlite3 *db_handle(const struct db *db);
const char *db_path(const struct db *db); /* of DB_MEMORY: ":memory:" */
bool db_is_new(const struct db *db);      /* created by this open */
bool db_was_unclean(const struct db *db); /* the owner before was killed */

/* NULL: err says why. Finalized by the caller before db_close(). */
sqlite3_stmt *db_prepare(struct db *db, const char *sql, struct news_error *err);
/* Without parameters and rows. */
bool db_exec(struct db *db, const char *sql, struct news_error *err);
/* Steps a statement that gives no row, and resets it. */
bool db_run(struct db *db, sqlite3_stmt *s, struct news_error *err);
/* Steps a query: true with *row set when there is a row, false with err on failure. At the end and
 * on failure the statement is reset. */
bool db_row(struct db *db, sqlite3_stmt *s, bool *row, struct news_error *err);
/* err from the handle's last error. Returns false. */
bool db_fail(struct db *db, struct news_error *err);

bool db_begin(struct db *db, struct news_error *err); /* IMMEDIATE; fine when one is open */
bool db_in_transaction(const struct db *db);
/* Many reads in a row lock the file once; a write in between is committed with the end. */
bool db_begin_reading(struct db *db, struct news_error *err);
bool db_end_reading(struct db *db, struct news_error *err);
bool db_commit(struct db *db, struct news_error *err); /* on failure everything is rolled back */
void db_rollback(struct db *db);

/* Small facts kept in the table meta(name TEXT PRIMARY KEY, value), which every kind's first step
 * creates. Missing: fallback / "". */
bool db_meta_number(struct db *db, const char *name, int64_t fallback, int64_t *out,
                    struct news_error *err);
bool db_meta_text(struct db *db, const char *name, char *out, size_t size, struct news_error *err);
bool db_set_meta_number(struct db *db, const char *name, int64_t value, struct news_error *err);
bool db_set_meta_text(struct db *db, const char *name, const char *value, struct news_error *err);

/* Deletes FILE.ballast; false when there is none. */
bool db_drop_ballast(struct db *db);
/* Makes it again if there is room (several times its size is free); quietly not otherwise. */
void db_make_ballast(struct db *db);
/* After deletions, outside a transaction: gives pages back to the file system and empties the WAL
 * (as far as readers allow). */
bool db_shrink(struct db *db, struct news_error *err);

/* $XDG_STATE_HOME/newswire/<file>, or ~/.local/state/newswire/<file>; false when neither is
 * known. */
bool db_state_path(const char *file, char *out, size_t size);

#endif
