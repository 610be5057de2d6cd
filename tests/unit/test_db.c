#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/date.h"
#include "common/storage/db.h"
#include "tests/support/tmpdir.h"

static const char *const steps[] = {
    "CREATE TABLE meta(name TEXT PRIMARY KEY, value);"
    "CREATE TABLE row(id INTEGER PRIMARY KEY, bytes BLOB)",
    "CREATE INDEX row_bytes ON row(bytes); DROP INDEX row_bytes",
    NULL,
};
static const struct db_kind kind = {"journal", 0x4e574a31, steps, "a new one starts a new epoch"};

/* ------------------------------------------------------------------------------------ Helpers */

struct scene {
    struct tmpdir dir;
    char path[256]; /* of the file; not made yet */
};

static int set_up(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    if (!s || !tmpdir_make(&s->dir)) return -1;
    (void)snprintf(s->path, sizeof s->path, "%s/afp.journal", s->dir.path);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *s = *state;
    tmpdir_remove(&s->dir);
    free(s);
    return 0;
}

static struct db *try_open(const char *path, const struct db_kind *what, enum db_mode mode,
                           struct news_error *err)
{
    struct db_options o = {.mode = mode, .owner = "newspub run"};
    return db_open(path, what, &o, err);
}

static struct db *own(const char *path)
{
    struct news_error err = {0};
    struct db *db = try_open(path, &kind, DB_OWN, &err);
    if (!db) fail_msg("%s", err.message);
    return db;
}

static void refused(const char *path, const struct db_kind *what, enum db_mode mode,
                    enum news_errc code, const char *says)
{
    struct news_error err = {0};
    struct db *db = try_open(path, what, mode, &err);
    assert_null(db);
    if (!strstr(err.message, says)) fail_msg("%s: does not say: %s", err.message, says);
    assert_int_equal(err.code, code);
}

static bool insert(struct db *db, int rows, size_t len, struct news_error *err)
{
    sqlite3_stmt *s = db_prepare(db, "INSERT INTO row(bytes) VALUES(randomblob(?1))", err);
    bool ok = s != NULL && sqlite3_bind_int64(s, 1, (sqlite3_int64)len) == SQLITE_OK;
    for (int i = 0; ok && i < rows; i++)
        ok = db_run(db, s, err);
    (void)sqlite3_finalize(s);
    return ok;
}

static void must(bool ok, const struct news_error *err)
{
    if (!ok) fail_msg("%s", err->message);
}

static void insert_committed(struct db *db, int rows, size_t len)
{
    struct news_error err = {0};
    must(db_begin(db, &err) && insert(db, rows, len, &err) && db_commit(db, &err), &err);
}

static int64_t number(struct db *db, const char *sql)
{
    struct news_error err = {0};
    bool row = false;
    sqlite3_stmt *s = db_prepare(db, sql, &err);
    must(s && db_row(db, s, &row, &err), &err);
    assert_true(row);
    int64_t n = sqlite3_column_int64(s, 0);
    (void)sqlite3_finalize(s);
    return n;
}

static long long size_of(const char *path, const char *suffix)
{
    char full[400];
    struct stat info;
    (void)snprintf(full, sizeof full, "%s%s", path, suffix);
    return stat(full, &info) == 0 ? (long long)info.st_size : -1;
}

/* A program of ours in another process: owns the file, commits rows until it is told to end (its
 * input closes) or is killed. */
struct other {
    pid_t pid;
    int to, from;
};

static void other_lives(const char *path, int in, int out)
{
    struct news_error err = {0};
    struct db *db = try_open(path, &kind, DB_OWN, &err);
    if (!db) _exit(1);
    uint32_t committed = 0;
    char order;
    while (read(in, &order, 1) == 1) {
        do {
            if (!db_begin(db, &err) || !insert(db, 20, 600, &err) || !db_commit(db, &err)) _exit(2);
            committed += 20;
            if (write(out, &committed, sizeof committed) != sizeof committed) _exit(3);
        } while (order == '*');
    }
    db_close(db);
    _exit(0);
}

static struct other other_start(const char *path)
{
    int to[2], from[2];
    assert_int_equal(pipe2(to, O_CLOEXEC), 0);
    assert_int_equal(pipe2(from, O_CLOEXEC), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)close(to[1]);
        (void)close(from[0]);
        other_lives(path, to[0], from[1]);
    }
    (void)close(to[0]);
    (void)close(from[1]);
    return (struct other){pid, to[1], from[0]};
}

/* The rows it has committed by now; blocks until it says so again. */
static uint32_t other_says(const struct other *o)
{
    uint32_t committed = 0;
    assert_int_equal(read(o->from, &committed, sizeof committed), sizeof committed);
    return committed;
}

static int other_ends(struct other *o)
{
    int status;
    if (o->to >= 0) (void)close(o->to);
    assert_int_equal(waitpid(o->pid, &status, 0), o->pid);
    (void)close(o->from);
    return status;
}

static bool write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0) (void)close(fd);
    return ok;
}

/* Mounts of our own, gone with this process: as root, or as the root of a name space. */
static bool live_apart(void)
{
    char users[32], groups[32];
    (void)snprintf(users, sizeof users, "0 %u 1", (unsigned)getuid());
    (void)snprintf(groups, sizeof groups, "0 %u 1", (unsigned)getgid());
    if (unshare(CLONE_NEWNS) == 0) return true;
    return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 &&
           write_text("/proc/self/setgroups", "deny") && write_text("/proc/self/uid_map", users) &&
           write_text("/proc/self/gid_map", groups);
}

/* False: this machine does not let us. */
static bool small_disk(const char *path, const char *size)
{
    static bool apart;
    char options[64];
    if (!apart && !live_apart()) return false;
    apart = true;
    (void)snprintf(options, sizeof options, "size=%s,mode=0700", size);
    return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("tmpfs", path, "tmpfs", 0, options) == 0;
}

static void need_small_disk(struct scene *s, const char *size)
{
    char path[200];
    (void)snprintf(path, sizeof path, "%s/disk", s->dir.path);
    assert_int_equal(mkdir(path, 0700), 0);
    if (!small_disk(path, size)) {
        print_message("SKIP: this machine does not let this test mount a tmpfs\n");
        skip();
    }
    (void)snprintf(s->path, sizeof s->path, "%s/afp.journal", path);
}

static void leave_small_disk(const struct scene *s)
{
    char path[200];
    (void)snprintf(path, sizeof path, "%s/disk", s->dir.path);
    assert_int_equal(umount(path), 0);
}

/* Flips bits in every page but the first from offset on, as a bad disk would. */
static void spoil(const char *path, long offset, size_t len)
{
    FILE *file = fopen(path, "r+");
    assert_non_null(file);
    long long size = size_of(path, "");
    for (long at = 4096; at < size; at += 4096) {
        unsigned char bytes[64] = {0};
        assert_true(len <= sizeof bytes);
        assert_int_equal(fseek(file, at + offset, SEEK_SET), 0);
        assert_int_equal(fread(bytes, 1, len, file), len);
        for (size_t i = 0; i < len; i++)
            bytes[i] ^= 0x55;
        assert_int_equal(fseek(file, at + offset, SEEK_SET), 0);
        assert_int_equal(fwrite(bytes, 1, len, file), len);
    }
    assert_int_equal(fclose(file), 0);
}

/* --------------------------------------------------------------------------------- Being opened */

static void a_new_file_is_private_and_set_up_for_durability(void **state)
{
    struct scene *s = *state;
    char path[300];
    (void)snprintf(path, sizeof path, "%s/state/newswire/afp.journal", s->dir.path);
    struct db *db = own(path);
    assert_true(db_is_new(db));
    assert_false(db_was_unclean(db));
    assert_string_equal(db_path(db), path);
    assert_int_equal(number(db, "PRAGMA user_version"), 2);
    assert_int_equal(number(db, "PRAGMA application_id"), 0x4e574a31);
    assert_int_equal(number(db, "PRAGMA synchronous"), 2);
    assert_int_equal(number(db, "PRAGMA auto_vacuum"), 2);
    assert_int_equal(number(db, "PRAGMA foreign_keys"), 0);
    assert_int_equal(number(db, "PRAGMA trusted_schema"), 0);
    assert_int_equal(number(db, "SELECT journal_mode='wal' FROM pragma_journal_mode"), 1);
    insert_committed(db, 1, 10);
    static const struct {
        const char *suffix;
        mode_t mode;
    } files[] = {{"", 0600},      {"-wal", 0600}, {"-shm", 0600},
                 {".lock", 0600}, {"/..", 0700},  {"/../..", 0700}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char name[400];
        struct stat info;
        bool folder = *files[i].suffix == '/';
        (void)snprintf(name, sizeof name, "%.*s%s",
                       (int)(folder ? strrchr(path, '/') - path - (i == 5 ? 9 : 0) : 400), path,
                       folder ? "" : files[i].suffix);
        assert_int_equal(stat(name, &info), 0);
        assert_int_equal(info.st_mode & 0777, files[i].mode);
    }
    db_close(db);
    assert_int_equal(size_of(path, ".lock"), 0);
    db = own(path);
    assert_false(db_is_new(db));
    assert_false(db_was_unclean(db));
    db_close(db);
}

static void an_empty_file_counts_as_new(void **state)
{
    struct scene *s = *state;
    char path[256];
    assert_true(tmpdir_write(&s->dir, "afp.journal", "", path, sizeof path));
    struct db *db = own(path);
    assert_true(db_is_new(db));
    db_close(db);
}

static void a_wal_without_its_file_does_not_come_back_to_life(void **state)
{
    struct scene *s = *state;
    struct other o = other_start(s->path);
    assert_int_equal(write(o.to, "1", 1), 1);
    (void)other_says(&o);
    (void)kill(o.pid, SIGKILL);
    (void)other_ends(&o);
    assert_true(size_of(s->path, "-wal") > 0);
    assert_int_equal(unlink(s->path), 0); /* "move it away" */
    struct db *db = own(s->path);
    assert_true(db_is_new(db));
    assert_int_equal(number(db, "SELECT count(*) FROM row"), 0);
    db_close(db);
}

static void what_is_not_ours_is_refused_and_left_alone(void **state)
{
    struct scene *s = *state;
    char text[256], path[256];
    const char *letter = "Dear Sir or Madam,\n";
    assert_true(tmpdir_write(&s->dir, "letter", letter, text, sizeof text));
    refused(text, &kind, DB_OWN, NEWS_ERR_IO, "letter: damaged (file is not a database)");
    refused(text, &kind, DB_READ, NEWS_ERR_IO, "file is not a database");
    assert_int_equal(size_of(text, ""), (long long)strlen(letter));

    (void)snprintf(path, sizeof path, "%s/cookies", s->dir.path);
    sqlite3 *foreign;
    assert_int_equal(sqlite3_open(path, &foreign), SQLITE_OK);
    assert_int_equal(sqlite3_exec(foreign, "CREATE TABLE jar(c)", NULL, NULL, NULL), SQLITE_OK);
    (void)sqlite3_close(foreign);
    refused(path, &kind, DB_OWN, NEWS_ERR_IO, "something else, not a journal");
    refused(path, &kind, DB_READ, NEWS_ERR_IO, "something else, not a journal");
    assert_int_equal(size_of(path, "-wal"), -1);

    struct db_kind other = kind;
    other.application_id++;
    other.what = "store";
    db_close(own(s->path));
    refused(s->path, &other, DB_OWN, NEWS_ERR_IO, "something else, not a store");
}

static void places_that_cannot_hold_a_file_are_named(void **state)
{
    struct scene *s = *state;
    char file[256], inside[300];
    refused(s->dir.path, &kind, DB_OWN, NEWS_ERR_IO, "not a regular file");
    refused(s->dir.path, &kind, DB_READ, NEWS_ERR_IO, "not a regular file");
    assert_int_equal(size_of(s->dir.path, ".lock"), -1);
    refused(s->path, &kind, DB_READ, NEWS_ERR_IO, "afp.journal: cannot be read: No such file");
    assert_int_equal(size_of(s->path, ""), -1);
    assert_int_equal(size_of(s->path, ".lock"), -1);
    assert_true(tmpdir_write(&s->dir, "file", "", file, sizeof file));
    (void)snprintf(inside, sizeof inside, "%s/a.journal", file);
    refused(inside, &kind, DB_OWN, NEWS_ERR_IO, "Not a directory");
    refused("/proc/newswire/a.journal", &kind, DB_OWN, NEWS_ERR_IO, "cannot make its folder");
    refused("/proc/a.journal", &kind, DB_OWN, NEWS_ERR_IO, "cannot open its lock file");
    refused(NULL, &kind, DB_OWN, NEWS_ERR_USAGE, "journal: its file has no name");
    refused("", &kind, DB_READ, NEWS_ERR_USAGE, "journal: its file has no name");
}

static void on_a_read_only_disk_reading_says_so_and_owning_is_refused(void **state)
{
    struct scene *s = *state;
    char disk[200];
    need_small_disk(s, "2m");
    db_close(own(s->path));
    (void)snprintf(disk, sizeof disk, "%s/disk", s->dir.path);
    assert_int_equal(mount(NULL, disk, NULL, MS_REMOUNT | MS_RDONLY, "size=2m"), 0);
    refused(s->path, &kind, DB_OWN, NEWS_ERR_IO, "Read-only file system");
    refused(s->path, &kind, DB_READ, NEWS_ERR_IO, "a place that can be written");
    leave_small_disk(s);
}

static void a_long_path_leaves_room_for_the_reason(void **state)
{
    struct scene *s = *state;
    char path[900];
    int len = snprintf(path, sizeof path, "%s", s->dir.path);
    for (int i = 0; i < 7; i++)
        len += snprintf(path + len, sizeof path - (size_t)len, "/%0100d", i);
    (void)snprintf(path + len, sizeof path - (size_t)len, "/my.journal");
    refused(path, &kind, DB_READ, NEWS_ERR_IO, "/my.journal: cannot be read: No such file");
}

static void names_that_mean_something_to_sqlite_are_only_names(void **state)
{
    struct scene *s = *state;
    char before[4096];
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(s->dir.path), 0);
    static const char *const names[] = {":memory:", "file:x?mode=memory", "plain"};
    for (size_t i = 0; i < 3; i++) {
        db_close(own(names[i]));
        assert_true(size_of(names[i], "") > 0);
    }
    assert_int_equal(chdir(before), 0);
}

/* -------------------------------------------------------------------------------------- Versions
 */

static void a_file_made_by_a_newer_version_is_refused(void **state)
{
    struct scene *s = *state;
    struct db_kind older = kind;
    older.steps = steps + 1; /* knows one step */
    db_close(own(s->path));
    refused(s->path, &older, DB_OWN, NEWS_ERR_IO, "made by a newer version");
    refused(s->path, &older, DB_READ, NEWS_ERR_IO, "made by a newer version");
}

static void an_older_file_is_brought_up_to_date_by_its_owner_alone(void **state)
{
    struct scene *s = *state;
    static const char *const first[] = {
        "CREATE TABLE meta(name TEXT PRIMARY KEY, value); CREATE TABLE row(id INTEGER PRIMARY KEY)",
        NULL};
    static const char *const both[] = {
        "CREATE TABLE meta(name)",
        "ALTER TABLE row ADD COLUMN bytes BLOB; INSERT INTO row(bytes) VALUES('x')", NULL};
    struct db_kind older = kind, newer = kind;
    struct news_error err = {0};
    older.steps = first;
    newer.steps = both;
    struct db *db = try_open(s->path, &older, DB_OWN, &err);
    assert_non_null(db);
    must(db_set_meta_number(db, "kept", 7, &err), &err);
    db_close(db);
    refused(s->path, &newer, DB_READ, NEWS_ERR_IO, "of an older version");
    for (int again = 0; again < 2; again++) {
        int64_t kept = 0;
        db = try_open(s->path, &newer, DB_OWN, &err);
        assert_non_null(db);
        assert_false(db_is_new(db));
        assert_int_equal(number(db, "SELECT count(*) FROM row"), 1);
        must(db_meta_number(db, "kept", 0, &kept, &err), &err);
        assert_int_equal(kept, 7);
        db_close(db);
    }
}

static void a_step_that_fails_leaves_the_file_as_it_was(void **state)
{
    struct scene *s = *state;
    static const char *const bad[] = {"CREATE TABLE meta(name TEXT PRIMARY KEY, value)",
                                      "CREATE TABLE a(x)",
                                      "CREATE TABLE b(x); INSERT INTO nowhere VALUES(1)", NULL};
    static const char *const good[] = {"", "", "CREATE TABLE b(x)", NULL};
    struct db_kind broken = kind, repaired = kind;
    broken.steps = bad;
    repaired.steps = good;
    refused(s->path, &broken, DB_OWN, NEWS_ERR_IO, "nowhere");
    struct news_error err = {0};
    struct db *db = try_open(s->path, &repaired, DB_OWN, &err);
    if (!db) fail_msg("%s", err.message);
    assert_int_equal(number(db, "SELECT count(*) FROM sqlite_schema WHERE type='table'"), 3);
    db_close(db);
}

/* ------------------------------------------------------------------------------------- One owner
 */

static void a_second_owner_is_told_who_the_first_is(void **state)
{
    struct scene *s = *state;
    char says[64];
    struct other o = other_start(s->path);
    assert_int_equal(write(o.to, "1", 1), 1);
    assert_int_equal(other_says(&o), 20);
    (void)snprintf(says, sizeof says, "afp.journal: in use by newspub run (pid %ld)", (long)o.pid);
    refused(s->path, &kind, DB_OWN, NEWS_ERR_BUSY, says);

    struct news_error err = {0};
    struct db *reader = try_open(s->path, &kind, DB_READ, &err);
    if (!reader) fail_msg("%s", err.message);
    assert_int_equal(number(reader, "SELECT count(*) FROM row"), 20);
    assert_int_equal(write(o.to, "1", 1), 1);
    assert_int_equal(other_says(&o), 40);
    assert_int_equal(number(reader, "SELECT count(*) FROM row"), 40);
    assert_false(db_exec(reader, "DELETE FROM row", &err));
    assert_int_equal(other_ends(&o), 0);
    db_close(reader);

    struct db *db = own(s->path);
    assert_false(db_was_unclean(db));
    assert_int_equal(number(db, "SELECT count(*) FROM row"), 40);
    db_close(db);
}

static void who_waits_gets_the_file_when_its_owner_ends(void **state)
{
    struct scene *s = *state;
    struct other o = other_start(s->path);
    assert_int_equal(write(o.to, "1", 1), 1);
    (void)other_says(&o);
    struct news_error err = {0};
    struct db_options wait = {.mode = DB_OWN, .owner = "newspub send", .lock_wait_ms = 50};
    int64_t before = date_mono_ms();
    assert_null(db_open(s->path, &kind, &wait, &err));
    assert_int_equal(err.code, NEWS_ERR_BUSY);
    assert_true(date_mono_ms() - before >= 50);
    (void)close(o.to); /* it ends at some time from now */
    o.to = -1;
    wait.lock_wait_ms = 20000;
    struct db *db = db_open(s->path, &kind, &wait, &err);
    if (!db) fail_msg("%s", err.message);
    assert_int_equal(other_ends(&o), 0);
    db_close(db);
}

static void an_owner_killed_while_writing_loses_nothing_it_had_committed(void **state)
{
    struct scene *s = *state;
    uint32_t committed = 0;
    for (int round = 0; round < 5; round++) {
        struct other o = other_start(s->path);
        assert_int_equal(write(o.to, "*", 1), 1); /* go on for ever */
        uint32_t base = committed;
        for (int i = 0; i < 10 + round * 7; i++)
            committed = base + other_says(&o);
        (void)kill(o.pid, SIGKILL);
        uint32_t more;
        while (read(o.from, &more, sizeof more) == sizeof more)
            committed = base + more;
        assert_true(WIFSIGNALED(other_ends(&o)));

        struct db *db = own(s->path);
        assert_true(db_was_unclean(db));
        int64_t rows = number(db, "SELECT count(*) FROM row");
        /* the last commit may have been made and not been told */
        assert_true(rows == committed || rows == committed + 20);
        committed = (uint32_t)rows;
        db_close(db);
        assert_int_equal(size_of(s->path, ".lock"), 0);
    }
}

/* --------------------------------------------------------------------------------------- Damage */

static void damage_is_found_after_an_unclean_end_and_until_it_is_gone(void **state)
{
    struct scene *s = *state;
    struct db *db = own(s->path);
    insert_committed(db, 500, 600);
    db_close(db);
    spoil(s->path, 2, 6); /* in the middle of the file, in the header of its pages */
    char lock[300];
    (void)snprintf(lock, sizeof lock, "%s.lock", s->path);
    FILE *file = fopen(lock, "w");
    assert_non_null(file);
    assert_true(fputs("123 newspub run\n", file) >= 0);
    assert_int_equal(fclose(file), 0);
    for (int again = 0; again < 2; again++)
        refused(s->path, &kind, DB_OWN, NEWS_ERR_IO, "move it away: a new one starts a new epoch");
}

static void a_spoiled_page_is_found_when_asked_to_check(void **state)
{
    struct scene *s = *state;
    struct db *db = own(s->path);
    insert_committed(db, 500, 600);
    db_close(db);
    struct db_options o = {.mode = DB_READ, .check = true};
    struct news_error err = {0};
    db = db_open(s->path, &kind, &o, &err);
    if (!db) fail_msg("%s", err.message);
    db_close(db);
    spoil(s->path, 8, 32);
    for (enum db_mode mode = DB_OWN; mode <= DB_READ; mode++) {
        o.mode = mode;
        assert_null(db_open(s->path, &kind, &o, &err));
        assert_int_equal(err.code, NEWS_ERR_IO);
        assert_non_null(strstr(err.message, "damaged ("));
    }
}

static void damage_met_on_the_way_is_told_as_such(void **state)
{
    struct scene *s = *state;
    struct db *db = own(s->path);
    insert_committed(db, 500, 600);
    db_close(db);
    spoil(s->path, 0, 4);
    struct news_error err = {0};
    db = try_open(s->path, &kind, DB_OWN, &err);
    if (db) {
        sqlite3_stmt *all = db_prepare(db, "SELECT count(*) FROM row", &err);
        bool row;
        assert_false(all && db_row(db, all, &row, &err));
        (void)sqlite3_finalize(all);
        db_close(db);
    }
    assert_int_equal(err.code, NEWS_ERR_IO);
    assert_non_null(strstr(err.message, "damaged ("));
    assert_non_null(strstr(err.message, "move it away"));
}

/* ------------------------------------------------------------------------------------- Full disks
 */

static void on_a_full_disk_nothing_is_taken_and_nothing_lost(void **state)
{
    struct scene *s = *state;
    need_small_disk(s, "400k");
    struct db *db = own(s->path);
    assert_false(db_drop_ballast(db)); /* no room for one, and no fault */
    struct news_error err = {0};
    int batches = 0;
    while (batches < 1000 && db_begin(db, &err) && insert(db, 5, 1000, &err) && db_commit(db, &err))
        batches++;
    db_rollback(db);
    assert_in_range(batches, 1, 999);
    assert_int_equal(err.code, NEWS_ERR_FULL);
    assert_non_null(strstr(err.message, "afp.journal: the disk is full"));
    assert_false(db_in_transaction(db));
    assert_int_equal(number(db, "SELECT count(*) FROM row"), batches * 5);
    db_close(db);
    struct db_options o = {.mode = DB_OWN, .owner = "newspub run", .check = true};
    db = db_open(s->path, &kind, &o, &err);
    if (!db) {
        assert_int_equal(err.code, NEWS_ERR_FULL); /* not even room for the shared memory */
    } else {
        assert_int_equal(number(db, "SELECT count(*) FROM row"), batches * 5);
        db_close(db);
    }
    leave_small_disk(s);
}

/* Whatever the room ends in: the lock, the file, its WAL, the memory it shares. */
static void a_disk_that_is_too_small_is_full_from_the_start(void **state)
{
    struct scene *s = *state;
    int full = 0, opened = 0;
    for (int kib = 8; kib <= 96; kib += 4) {
        char size[16], disk[200];
        struct news_error err = {0};
        (void)snprintf(size, sizeof size, "%dk", kib);
        need_small_disk(s, size);
        struct db *db = try_open(s->path, &kind, DB_OWN, &err);
        if (db) {
            opened++;
        } else {
            full++;
            assert_int_equal(err.code, NEWS_ERR_FULL);
            assert_non_null(strstr(err.message, "the disk is full"));
        }
        db_close(db);
        leave_small_disk(s);
        (void)snprintf(disk, sizeof disk, "%s/disk", s->dir.path);
        assert_int_equal(rmdir(disk), 0);
    }
    assert_in_range(full, 2, 20);
    assert_true(opened > 0);
}

/* The worst case: all that was written since the last time waits in the WAL. */
static void the_ballast_lets_a_full_file_be_pruned(void **state)
{
    struct scene *s = *state;
    need_small_disk(s, "60m");
    struct db *db = own(s->path);
    long long ballast = size_of(s->path, ".ballast");
    assert_true(ballast >= 1 << 20);
    struct news_error err = {0};
    while (db_begin(db, &err) && insert(db, 200, 600, &err) && db_commit(db, &err))
        continue;
    db_rollback(db);
    assert_int_equal(err.code, NEWS_ERR_FULL);
    int64_t rows = number(db, "SELECT count(*) FROM row");
    for (int i = 0; i < 10; i++)
        (void)insert(db, 1, 100, &err); /* the last bytes are gone as well */
    assert_false(db_exec(db, "DELETE FROM row WHERE id<=2000", &err));
    assert_true(db_drop_ballast(db));
    for (int64_t gone = 0; gone < rows / 2; gone += 2000) {
        char delete[96];
        (void)snprintf(delete, sizeof delete, "DELETE FROM row WHERE id<=%lld",
                       (long long)gone + 2000);
        must(db_exec(db, delete, &err), &err);
    }
    must(db_shrink(db, &err), &err);
    assert_true(size_of(s->path, "") < (long long)rows * 600 * 6 / 10);
    assert_int_equal(size_of(s->path, "-wal"), 0);
    db_make_ballast(db); /* as much is free again */
    assert_int_equal(size_of(s->path, ".ballast"),
                     60 * 1024 * 1024 - size_of(s->path, "") > 4 * ballast ? ballast : -1);
    insert_committed(db, 200, 600);
    db_close(db);
    leave_small_disk(s);
}

static void the_ballast_is_made_once_and_dropped_once(void **state)
{
    struct scene *s = *state;
    struct db *db = own(s->path);
    if (size_of(s->path, ".ballast") < 0) {
        db_close(db);
        print_message("SKIP: there is no room for a ballast here\n");
        skip();
    }
    assert_true(db_drop_ballast(db));
    assert_int_equal(size_of(s->path, ".ballast"), -1);
    assert_false(db_drop_ballast(db));
    db_make_ballast(db);
    db_make_ballast(db);
    assert_true(db_drop_ballast(db));
    db_close(db);
}

static void a_reader_does_not_hold_up_shrinking(void **state)
{
    struct scene *s = *state;
    struct news_error err = {0};
    struct db *db = own(s->path);
    insert_committed(db, 200, 600);
    struct db *reader = try_open(s->path, &kind, DB_READ, &err);
    assert_non_null(reader);
    sqlite3_stmt *reading = db_prepare(reader, "SELECT id FROM row", &err);
    bool row;
    must(db_row(reader, reading, &row, &err), &err);
    must(db_exec(db, "DELETE FROM row", &err), &err);
    int64_t before = date_mono_ms();
    must(db_shrink(db, &err), &err);
    assert_true(date_mono_ms() - before < 3000);
    (void)sqlite3_finalize(reading);
    db_close(reader);
    must(db_shrink(db, &err), &err);
    assert_int_equal(size_of(s->path, "-wal"), 0);
    db_close(db);
}

/* ------------------------------------------------------------------------------ Transactions, meta
 */

static void what_was_not_committed_is_undone(void **state)
{
    struct scene *s = *state;
    struct news_error err = {0};
    struct db *db = own(s->path);
    must(db_begin(db, &err) && db_begin(db, &err), &err); /* fine when one is open */
    assert_true(db_in_transaction(db));
    must(insert(db, 3, 10, &err), &err);
    db_rollback(db);
    db_rollback(db);
    assert_false(db_in_transaction(db));
    assert_int_equal(number(db, "SELECT count(*) FROM row"), 0);
    assert_false(db_commit(db, &err)); /* there is none */
    must(db_begin(db, &err) && insert(db, 3, 10, &err), &err);
    db_close(db); /* rolls back */
    db = own(s->path);
    assert_int_equal(number(db, "SELECT count(*) FROM row"), 0);
    db_close(db);
}

static void a_failed_statement_says_why_and_can_be_used_again(void **state)
{
    struct scene *s = *state;
    struct news_error err = {0};
    struct db *db = own(s->path);
    assert_null(db_prepare(db, "SELECT nonsense FROM row", &err));
    assert_non_null(strstr(err.message, "afp.journal: no such column: nonsense"));
    assert_int_equal(err.code, NEWS_ERR_IO);
    sqlite3_stmt *add = db_prepare(db, "INSERT INTO row(id) VALUES(?1)", &err);
    for (int i = 0; i < 3; i++) {
        (void)sqlite3_bind_int(add, 1, i / 2); /* 0, 0, 1: the second one is taken */
        assert_int_equal(db_run(db, add, &err), i != 1);
    }
    (void)sqlite3_finalize(add);
    assert_int_equal(number(db, "SELECT count(*) FROM row"), 2);
    db_close(db);
}

static void small_facts_are_kept(void **state)
{
    struct scene *s = *state;
    struct news_error err = {0};
    struct db *db = own(s->path);
    int64_t n = 0;
    char text[8] = "before";
    must(db_meta_number(db, "done", -1, &n, &err) && db_meta_text(db, "epoch", text, 8, &err),
         &err);
    assert_int_equal(n, -1);
    assert_string_equal(text, "");
    must(db_set_meta_number(db, "done", INT64_MAX, &err), &err);
    must(db_set_meta_text(db, "epoch", "old", &err), &err);
    must(db_set_meta_text(db, "epoch", "0123456", &err), &err);
    db_close(db);
    db = own(s->path);
    must(db_meta_number(db, "done", -1, &n, &err) && db_meta_text(db, "epoch", text, 8, &err),
         &err);
    assert_true(n == INT64_MAX);
    assert_string_equal(text, "0123456");
    assert_false(db_meta_text(db, "epoch", text, 7, &err)); /* it would be cut */
    assert_string_equal(text, "0123456");
    db_close(db);
}

static void a_private_database_leaves_no_file_and_knows_no_other(void **state)
{
    struct scene *s = *state;
    struct news_error err = {0};
    struct db *one = try_open(s->path, &kind, DB_MEMORY, &err);
    struct db *two = try_open(NULL, &kind, DB_MEMORY, &err);
    if (!one || !two) fail_msg("%s", err.message);
    assert_true(db_is_new(one));
    assert_false(db_was_unclean(one));
    assert_string_equal(db_path(one), ":memory:");
    insert_committed(one, 1000, 1000);
    must(db_begin(one, &err) && insert(one, 5, 5, &err), &err);
    db_rollback(one);
    assert_int_equal(number(one, "SELECT count(*) FROM row"), 1000);
    assert_int_equal(number(two, "SELECT count(*) FROM row"), 0);
    int64_t pages = number(one, "PRAGMA page_count");
    must(db_exec(one, "DELETE FROM row WHERE id>10", &err) && db_shrink(one, &err), &err);
    assert_true(number(one, "PRAGMA page_count") < pages / 10); /* memory is given back */
    db_make_ballast(one);
    assert_false(db_drop_ballast(one));
    db_close(one);
    db_close(two);
    assert_int_equal(size_of(s->path, ""), -1);
    assert_int_equal(size_of(s->path, ".lock"), -1);
    assert_int_equal(size_of(":memory:", ".ballast"), -1);
}

static void the_state_folder_follows_the_environment(void **state)
{
    (void)state;
    static const struct {
        const char *xdg, *home, *path; /* path NULL: not known */
    } cases[] = {
        {"/x/state", "/home/u", "/x/state/newswire/afp.journal"},
        {NULL, "/home/u", "/home/u/.local/state/newswire/afp.journal"},
        {"", "/home/u", "/home/u/.local/state/newswire/afp.journal"},
        {"relative", "/home/u", "/home/u/.local/state/newswire/afp.journal"},
        {NULL, "", NULL},
        {NULL, NULL, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[64];
        (void)(cases[i].xdg ? setenv("XDG_STATE_HOME", cases[i].xdg, 1)
                            : unsetenv("XDG_STATE_HOME"));
        (void)(cases[i].home ? setenv("HOME", cases[i].home, 1) : unsetenv("HOME"));
        assert_int_equal(db_state_path("afp.journal", path, sizeof path), cases[i].path != NULL);
        if (cases[i].path) assert_string_equal(path, cases[i].path);
        assert_false(db_state_path("afp.journal", path, 20));
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_new_file_is_private_and_set_up_for_durability),
        TEST(an_empty_file_counts_as_new),
        TEST(a_wal_without_its_file_does_not_come_back_to_life),
        TEST(what_is_not_ours_is_refused_and_left_alone),
        TEST(places_that_cannot_hold_a_file_are_named),
        TEST(on_a_read_only_disk_reading_says_so_and_owning_is_refused),
        TEST(a_long_path_leaves_room_for_the_reason),
        TEST(names_that_mean_something_to_sqlite_are_only_names),
        TEST(a_file_made_by_a_newer_version_is_refused),
        TEST(an_older_file_is_brought_up_to_date_by_its_owner_alone),
        TEST(a_step_that_fails_leaves_the_file_as_it_was),
        TEST(a_second_owner_is_told_who_the_first_is),
        TEST(who_waits_gets_the_file_when_its_owner_ends),
        TEST(an_owner_killed_while_writing_loses_nothing_it_had_committed),
        TEST(damage_is_found_after_an_unclean_end_and_until_it_is_gone),
        TEST(a_spoiled_page_is_found_when_asked_to_check),
        TEST(damage_met_on_the_way_is_told_as_such),
        TEST(on_a_full_disk_nothing_is_taken_and_nothing_lost),
        TEST(a_disk_that_is_too_small_is_full_from_the_start),
        TEST(the_ballast_lets_a_full_file_be_pruned),
        TEST(the_ballast_is_made_once_and_dropped_once),
        TEST(a_reader_does_not_hold_up_shrinking),
        TEST(what_was_not_committed_is_undone),
        TEST(a_failed_statement_says_why_and_can_be_used_again),
        TEST(small_facts_are_kept),
        TEST(a_private_database_leaves_no_file_and_knows_no_other),
        TEST(the_state_folder_follows_the_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
