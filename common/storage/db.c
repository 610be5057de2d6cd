#include "common/storage/db.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "common/date.h"

#define NAME_MAX_BYTES 128 /* of a file in messages, so that there is room for the reason */
#define OWNER_MAX      64
#define LOCK_RETRY_MS  20
#define BUSY_MS        5000
#define SHRINK_PAGES   256 /* given back in one transaction */

/* The WAL reaches about WAL_PAGES before it is written back, and its pages may all be new ones, for
 * which the file then has to grow. On a full disk the ballast must make room for that, or nothing
 * could ever be deleted. */
#define WAL_PAGES     2000
#define BALLAST_BYTES (10 << 20)
#define BALLAST_ROOM  4 /* times its size must be free */

struct db {
    sqlite3 *handle;
    const struct db_kind *kind;
    char *path;
    char name[NAME_MAX_BYTES]; /* "journal /path": for messages */
    int lock;                  /* -1: none */
    enum db_mode mode;
    bool is_new, unclean;
    bool complete; /* opened to the end: what was wrong before has been looked at */
    sqlite3_stmt *get_meta, *set_meta;
};

/* -------------------------------------------------------------------------------------- Errors */

static bool db_damaged(const struct db *db, const char *what, struct news_error *err)
{
    const char *next = db->kind->renewal ? db->kind->renewal : "a new one is made";
    return news_fail(err, NEWS_ERR_IO, "%s: damaged (%.40s); move it away: %s", db->name, what,
                     next);
}

static bool is_full(int code, int system_errno)
{
    if (code == SQLITE_FULL) return true;
    return (code == SQLITE_IOERR || code == SQLITE_CANTOPEN) &&
           (system_errno == ENOSPC || system_errno == EDQUOT);
}

static bool fail_full(const struct db *db, struct news_error *err)
{
    return news_fail(err, NEWS_ERR_FULL, "%s: the disk is full", db->name);
}

/* What a system call left in errno. */
static bool fail_errno(const struct db *db, const char *what, struct news_error *err)
{
    if (errno == ENOSPC || errno == EDQUOT) return fail_full(db, err);
    return news_fail(err, NEWS_ERR_IO, "%s: %s: %s", db->name, what, strerror(errno));
}

bool db_fail(struct db *db, struct news_error *err)
{
    int code = sqlite3_errcode(db->handle) & 0xff;
    const char *says = sqlite3_errmsg(db->handle);
    if (is_full(code, sqlite3_system_errno(db->handle))) return fail_full(db, err);
    switch (code) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return db_damaged(db, says, err);
    case SQLITE_NOMEM: return news_fail(err, NEWS_ERR_MEMORY, "%s: out of memory", db->name);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return news_fail(err, NEWS_ERR_BUSY, "%s: another program keeps it locked", db->name);
    case SQLITE_CANTOPEN: /* SQLite makes FILE-shm beside it, also to read */
        if (db->mode == DB_READ)
            return news_fail(err, NEWS_ERR_IO,
                             "%s: can only be read in a place that can be written: copy it to one",
                             db->name);
        break;
    default: break;
    }
    return news_fail(err, NEWS_ERR_IO, "%s: %s", db->name, says);
}

/* ---------------------------------------------------------------------------------------- Lock */

/* Who holds the lock, as it wrote itself: "pid owner\n". */
static bool fail_locked(const struct db *db, struct news_error *err)
{
    char text[OWNER_MAX + 24] = "", owner[OWNER_MAX + 1];
    long pid = 0;
    ssize_t got = pread(db->lock, text, sizeof text - 1, 0);
    text[got > 0 ? got : 0] = '\0';
    if (sscanf(text, "%ld %64[^\n]", &pid, owner) == 2)
        return news_fail(err, NEWS_ERR_BUSY, "%s: in use by %s (pid %ld)", db->name, owner, pid);
    return news_fail(err, NEWS_ERR_BUSY, "%s: in use by another program", db->name);
}

static bool wait_for_lock(struct db *db, int64_t wait_ms, struct news_error *err)
{
    int64_t deadline = date_mono_ms() + wait_ms;
    while (flock(db->lock, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EINTR) continue;
        if (errno != EWOULDBLOCK) return fail_errno(db, "cannot be locked", err);
        if (date_mono_ms() >= deadline) return fail_locked(db, err);
        (void)nanosleep(&(struct timespec){.tv_nsec = LOCK_RETRY_MS * 1000000L}, NULL);
    }
    return true;
}

/* The lock is the kernel's, and goes with its owner; the text that stays behind tells that the
 * owner did not end as it should. On a full disk there may be no text: the lock holds all the same.
 */
static bool take_lock(struct db *db, const struct db_options *o, struct news_error *err)
{
    char path[PATH_MAX], text[OWNER_MAX + 24];
    if (snprintf(path, sizeof path, "%s.lock", db->path) >= (int)sizeof path) {
        errno = ENAMETOOLONG;
        return fail_errno(db, "its lock file", err);
    }
    db->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (db->lock < 0) return fail_errno(db, "cannot open its lock file", err);
    if (!wait_for_lock(db, o->lock_wait_ms, err)) {
        (void)close(db->lock);
        db->lock = -1;
        return false;
    }
    struct stat info;
    db->unclean = fstat(db->lock, &info) == 0 && info.st_size > 0;
    int len = snprintf(text, sizeof text, "%ld %.*s\n", (long)getpid(), OWNER_MAX,
                       o->owner ? o->owner : "newswire");
    if (pwrite(db->lock, text, (size_t)len, 0) == len) (void)!ftruncate(db->lock, len);
    return true;
}

static void release_lock(struct db *db)
{
    if (db->lock < 0) return;
    if (db->complete || !db->unclean) (void)!ftruncate(db->lock, 0);
    (void)close(db->lock);
}

/* ------------------------------------------------------------------------------------- Opening */

/* Long paths lose their beginning. */
static void name_file(struct db *db, const char *what)
{
    size_t len = strlen(db->path), room = sizeof db->name - strlen(what) - sizeof " ...";
    const char *cut = len > room ? "..." : "";
    const char *tail = len > room ? db->path + len - room : db->path;
    (void)snprintf(db->name, sizeof db->name, "%s %s%s", what, cut, tail);
}

static bool make_folders(const struct db *db, struct news_error *err)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s", db->path) >= (int)sizeof path) {
        errno = ENAMETOOLONG;
        return fail_errno(db, "cannot be made", err);
    }
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(path, 0700) != 0 && errno != EEXIST && access(path, F_OK) != 0)
            return fail_errno(db, "cannot make its folder", err);
        *slash = '/';
    }
    return true;
}

/* By its name alone: closing a descriptor of a file drops what locks SQLite has on it in this
 * process. */
static bool look_at_file(const struct db *db, bool *exists, struct news_error *err)
{
    struct stat info;
    *exists = stat(db->path, &info) == 0;
    if (*exists && !S_ISREG(info.st_mode))
        return news_fail(err, NEWS_ERR_IO, "%s: not a regular file", db->name);
    if (!*exists && db->mode == DB_READ) return fail_errno(db, "cannot be read", err);
    return true;
}

/* SQLite would make it readable for all. */
static bool make_file(const struct db *db, struct news_error *err)
{
    int fd = open(db->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return fail_errno(db, "cannot be made", err);
    (void)close(fd);
    return true;
}

/* Files and lock, everything but SQLite's part. */
static bool prepare_files(struct db *db, const struct db_options *o, struct news_error *err)
{
    bool exists;
    if (db->mode == DB_MEMORY) return true;
    if (db->mode == DB_READ) return look_at_file(db, &exists, err);
    /* looked at twice: whoever had the lock before us may have made it */
    return make_folders(db, err) && look_at_file(db, &exists, err) && take_lock(db, o, err) &&
           look_at_file(db, &exists, err) && (exists || make_file(db, err));
}

/* Without a slash in front, SQLite takes some names for something else (":memory:", "file:"). */
static bool name_for_sqlite(const struct db *db, char out[PATH_MAX], struct news_error *err)
{
    const char *folder = *db->path == '/' || db->mode == DB_MEMORY ? "" : "./";
    if (snprintf(out, PATH_MAX, "%s%s", folder, db->path) < PATH_MAX) return true;
    errno = ENAMETOOLONG;
    return fail_errno(db, "cannot be opened", err);
}

static bool connect_file(struct db *db, struct news_error *err)
{
    char path[PATH_MAX];
    bool reads = db->mode == DB_READ;
    if (!name_for_sqlite(db, path, err)) return false;
    if (db->mode != DB_MEMORY && access(db->path, reads ? R_OK : R_OK | W_OK) != 0)
        return fail_errno(db, "cannot be opened", err);
    /* Before SQLite's first use, later it is refused: nobody asks for its memory statistics. */
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    int flags = SQLITE_OPEN_NOMUTEX | (reads ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE);
    if (sqlite3_open_v2(path, &db->handle, flags, NULL) == SQLITE_OK) return true;
    if (db->handle) return db_fail(db, err);
    return news_fail(err, NEWS_ERR_MEMORY, "%s: out of memory", db->name);
}

static bool set_up(struct db *db, struct news_error *err)
{
    sqlite3 *h = db->handle;
    (void)sqlite3_busy_timeout(h, BUSY_MS);
    (void)sqlite3_db_config(h, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(h, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    (void)sqlite3_db_config(h, SQLITE_DBCONFIG_ENABLE_FKEY, 0, NULL);
    (void)sqlite3_db_config(h, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    (void)sqlite3_db_config(h, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    return db_exec(db, "PRAGMA cache_size=-8192; PRAGMA mmap_size=0; PRAGMA synchronous=FULL", err);
}

/* A pragma's or query's only value. */
static bool ask_number(struct db *db, const char *sql, int64_t *out, struct news_error *err)
{
    sqlite3_stmt *s = db_prepare(db, sql, err);
    bool row = false, ok = s && db_row(db, s, &row, err);
    if (ok && row) *out = sqlite3_column_int64(s, 0);
    (void)sqlite3_finalize(s);
    return ok;
}

static int64_t newest_version(const struct db_kind *kind)
{
    int64_t count = 0;
    while (kind->steps[count])
        count++;
    return count;
}

/* Is this file ours, and of a version we know? Nothing is written before that is known. */
static bool identify(struct db *db, int64_t *version, struct news_error *err)
{
    int64_t id = 0, entries = 0, newest = newest_version(db->kind);
    if (!ask_number(db, "PRAGMA application_id", &id, err) ||
        !ask_number(db, "PRAGMA user_version", version, err) ||
        !ask_number(db, "SELECT count(*) FROM sqlite_schema", &entries, err))
        return false;
    bool empty = id == 0 && *version == 0 && entries == 0;
    if (!empty && (id != db->kind->application_id || *version < 1))
        return news_fail(err, NEWS_ERR_IO, "%s: this file is something else, not a %s", db->name,
                         db->kind->what);
    if (*version > newest)
        return news_fail(err, NEWS_ERR_IO, "%s: made by a newer version of newswire", db->name);
    if (db->mode == DB_READ && empty)
        return news_fail(err, NEWS_ERR_IO, "%s: it is empty", db->name);
    if (db->mode == DB_READ && *version < newest)
        return news_fail(err, NEWS_ERR_IO,
                         "%s: of an older version; its owner brings it up to date when it starts",
                         db->name);
    db->is_new = empty;
    return true;
}

static bool verify(struct db *db, struct news_error *err)
{
    sqlite3_stmt *s = db_prepare(db, "PRAGMA quick_check(1)", err);
    bool row = false, ok = s && db_row(db, s, &row, err);
    const char *says = ok && row ? (const char *)sqlite3_column_text(s, 0) : NULL;
    if (ok && (!says || strcmp(says, "ok") != 0)) {
        /* "*** in database main ***\nOn tree page ...": the second line says it */
        const char *line = says ? strchr(says, '\n') : NULL;
        ok = db_damaged(db, line ? line + 1 : says ? says : "no answer", err);
    }
    (void)sqlite3_finalize(s);
    return ok;
}

/* auto_vacuum can only be chosen before anything is in the file, the WAL mode included. */
static bool choose_journal(struct db *db, struct news_error *err)
{
    if (db->is_new && !db_exec(db, "PRAGMA auto_vacuum=INCREMENTAL", err)) return false;
    if (db->mode == DB_MEMORY) return true;
    sqlite3_stmt *s = db_prepare(db, "PRAGMA journal_mode=WAL", err);
    bool row = false, ok = s && db_row(db, s, &row, err);
    if (ok && (!row || strcmp((const char *)sqlite3_column_text(s, 0), "wal") != 0))
        ok = news_fail(err, NEWS_ERR_IO, "%s: this file system cannot keep it (no WAL)", db->name);
    (void)sqlite3_finalize(s);
    if (!ok) return false;
    (void)sqlite3_wal_autocheckpoint(db->handle, WAL_PAGES);
    return db_exec(db, "PRAGMA journal_size_limit=16777216", err);
}

static bool migrate_step(struct db *db, int64_t version, struct news_error *err)
{
    char pragma[96];
    (void)snprintf(pragma, sizeof pragma, "PRAGMA application_id=%d; PRAGMA user_version=%d",
                   (int)db->kind->application_id, (int)version + 1);
    return db_begin(db, err) && db_exec(db, db->kind->steps[version], err) &&
           db_exec(db, pragma, err) && db_commit(db, err); /* else db_close() rolls back */
}

static bool open_steps(struct db *db, const struct db_options *o, struct news_error *err)
{
    int64_t version = 0, newest = newest_version(db->kind);
    if (!prepare_files(db, o, err) || !connect_file(db, err) || !set_up(db, err) ||
        !identify(db, &version, err))
        return false;
    if ((o->check || db->unclean) && !verify(db, err)) return false;
    if (db->mode == DB_READ) return true;
    if (!choose_journal(db, err)) return false;
    for (; version < newest; version++)
        if (!migrate_step(db, version, err)) return false;
    db_make_ballast(db);
    return true;
}

struct db *db_open(const char *path, const struct db_kind *kind, const struct db_options *o,
                   struct news_error *err)
{
    if (o->mode == DB_MEMORY) path = ":memory:";
    struct db *db = path && *path ? calloc(1, sizeof *db) : NULL;
    if (db) db->path = strdup(path);
    if (!db || !db->path) {
        if (path && *path) news_fail(err, NEWS_ERR_MEMORY, "%s: out of memory", kind->what);
        else news_fail(err, NEWS_ERR_USAGE, "%s: its file has no name", kind->what);
        free(db);
        return NULL;
    }
    db->kind = kind;
    db->mode = o->mode;
    db->lock = -1;
    name_file(db, kind->what);
    db->complete = open_steps(db, o, err);
    if (db->complete) return db;
    db_close(db);
    return NULL;
}

/* The WAL into the file; what a reader still needs stays, rather than wait for it. */
static bool write_back(struct db *db, int mode)
{
    (void)sqlite3_busy_timeout(db->handle, 0);
    int code = sqlite3_wal_checkpoint_v2(db->handle, NULL, mode, NULL, NULL);
    (void)sqlite3_busy_timeout(db->handle, BUSY_MS);
    return code == SQLITE_OK || (code & 0xff) == SQLITE_BUSY;
}

void db_close(struct db *db)
{
    if (!db) return;
    (void)sqlite3_finalize(db->get_meta);
    (void)sqlite3_finalize(db->set_meta);
    if (db->handle) {
        db_rollback(db);
        /* Beside a reader, closing alone would leave everything to the next owner. */
        if (db->mode == DB_OWN && db->complete) (void)write_back(db, SQLITE_CHECKPOINT_PASSIVE);
        int closed = sqlite3_close(db->handle);
        assert(closed == SQLITE_OK); /* a statement was not finalized */
        (void)closed;
    }
    release_lock(db);
    free(db->path);
    free(db);
}

sqlite3 *db_handle(const struct db *db)
{
    return db->handle;
}

const char *db_path(const struct db *db)
{
    return db->path;
}

bool db_is_new(const struct db *db)
{
    return db->is_new;
}

bool db_was_unclean(const struct db *db)
{
    return db->unclean;
}

/* ---------------------------------------------------------------------------------- Statements */

sqlite3_stmt *db_prepare(struct db *db, const char *sql, struct news_error *err)
{
    sqlite3_stmt *s = NULL;
    if (sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &s, NULL) == SQLITE_OK)
        return s;
    db_fail(db, err);
    return NULL;
}

bool db_exec(struct db *db, const char *sql, struct news_error *err)
{
    return sqlite3_exec(db->handle, sql, NULL, NULL, NULL) == SQLITE_OK || db_fail(db, err);
}

bool db_run(struct db *db, sqlite3_stmt *s, struct news_error *err)
{
    bool row;
    if (!db_row(db, s, &row, err)) return false;
    if (row) (void)sqlite3_reset(s);
    return true;
}

bool db_row(struct db *db, sqlite3_stmt *s, bool *row, struct news_error *err)
{
    int code = sqlite3_step(s);
    bool ok = code == SQLITE_ROW || code == SQLITE_DONE;
    if (ok) *row = code == SQLITE_ROW;
    else db_fail(db, err);
    if (code != SQLITE_ROW) (void)sqlite3_reset(s);
    return ok;
}

bool db_begin(struct db *db, struct news_error *err)
{
    return db_in_transaction(db) || db_exec(db, "BEGIN IMMEDIATE", err);
}

bool db_begin_reading(struct db *db, struct news_error *err)
{
    return db_in_transaction(db) || db_exec(db, "BEGIN", err);
}

bool db_end_reading(struct db *db, struct news_error *err)
{
    return !db_in_transaction(db) || db_commit(db, err);
}

bool db_in_transaction(const struct db *db)
{
    return !sqlite3_get_autocommit(db->handle);
}

/* SQLite ends a transaction by itself over some errors: then there is none to commit, which fails
 * as well, as it must. */
bool db_commit(struct db *db, struct news_error *err)
{
    if (db_exec(db, "COMMIT", err)) return true;
    db_rollback(db);
    return false;
}

void db_rollback(struct db *db)
{
    if (db_in_transaction(db)) (void)sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
}

/* ---------------------------------------------------------------------------------------- Meta */

/* One of the two statements, kept, with its name bound. */
static sqlite3_stmt *meta_statement(struct db *db, sqlite3_stmt **kept, const char *sql,
                                    const char *name, struct news_error *err)
{
    if (!*kept) *kept = db_prepare(db, sql, err);
    if (*kept) (void)sqlite3_bind_text(*kept, 1, name, -1, SQLITE_TRANSIENT);
    return *kept;
}

static sqlite3_stmt *meta_look_up(struct db *db, const char *name, bool *row,
                                  struct news_error *err)
{
    sqlite3_stmt *s = meta_statement(db, &db->get_meta, "SELECT value FROM meta WHERE name=?1",
                                     name, err);
    return s && db_row(db, s, row, err) ? s : NULL;
}

static sqlite3_stmt *meta_replace(struct db *db, const char *name, struct news_error *err)
{
    return meta_statement(db, &db->set_meta, "INSERT OR REPLACE INTO meta(name,value)VALUES(?1,?2)",
                          name, err);
}

bool db_meta_number(struct db *db, const char *name, int64_t fallback, int64_t *out,
                    struct news_error *err)
{
    bool row;
    sqlite3_stmt *s = meta_look_up(db, name, &row, err);
    if (!s) return false;
    *out = row ? sqlite3_column_int64(s, 0) : fallback;
    (void)sqlite3_reset(s);
    return true;
}

bool db_meta_text(struct db *db, const char *name, char *out, size_t size, struct news_error *err)
{
    bool row;
    sqlite3_stmt *s = meta_look_up(db, name, &row, err);
    if (!s) return false;
    const char *text = row ? (const char *)sqlite3_column_text(s, 0) : NULL;
    bool fits = !text || strlen(text) < size;
    if (fits) (void)snprintf(out, size, "%s", text ? text : "");
    (void)sqlite3_reset(s);
    return fits || news_fail(err, NEWS_ERR_IO, "%s: its %s is too long", db->name, name);
}

bool db_set_meta_number(struct db *db, const char *name, int64_t value, struct news_error *err)
{
    sqlite3_stmt *s = meta_replace(db, name, err);
    if (!s) return false;
    (void)sqlite3_bind_int64(s, 2, value);
    return db_run(db, s, err);
}

bool db_set_meta_text(struct db *db, const char *name, const char *value, struct news_error *err)
{
    sqlite3_stmt *s = meta_replace(db, name, err);
    if (!s) return false;
    (void)sqlite3_bind_text(s, 2, value, -1, SQLITE_TRANSIENT);
    return db_run(db, s, err);
}

/* -------------------------------------------------------------------------------- Room on disk */

static bool ballast_path(const struct db *db, char out[PATH_MAX])
{
    return db->mode != DB_MEMORY && snprintf(out, PATH_MAX, "%s.ballast", db->path) < PATH_MAX;
}

bool db_drop_ballast(struct db *db)
{
    char path[PATH_MAX];
    return ballast_path(db, path) && unlink(path) == 0;
}

void db_make_ballast(struct db *db)
{
    char path[PATH_MAX];
    struct stat info;
    struct statvfs room;
    if (!ballast_path(db, path)) return;
    if (stat(path, &info) == 0 && info.st_size == BALLAST_BYTES) return;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return;
    bool made = fstatvfs(fd, &room) == 0 &&
                room.f_bavail * room.f_frsize >= (uint64_t)BALLAST_BYTES * BALLAST_ROOM &&
                posix_fallocate(fd, 0, BALLAST_BYTES) == 0;
    (void)close(fd);
    if (!made) (void)unlink(path);
}

bool db_shrink(struct db *db, struct news_error *err)
{
    char vacuum[64];
    (void)snprintf(vacuum, sizeof vacuum, "PRAGMA incremental_vacuum(%d)", SHRINK_PAGES);
    int64_t spare = 0, before = INT64_MAX;
    for (;;) {
        if (!ask_number(db, "PRAGMA freelist_count", &spare, err)) return false;
        if (spare == 0 || spare >= before) break;
        before = spare;
        if (!db_exec(db, vacuum, err)) return false;
    }
    return write_back(db, SQLITE_CHECKPOINT_TRUNCATE) || db_fail(db, err);
}

bool db_state_path(const char *file, char *out, size_t size)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    int len = -1;
    if (state && *state == '/') /* the XDG specification: relative ones are to be ignored */
        len = snprintf(out, size, "%s/newswire/%s", state, file);
    else if (home && *home) len = snprintf(out, size, "%s/.local/state/newswire/%s", home, file);
    return len > 0 && (size_t)len < size;
}
