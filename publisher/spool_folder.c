#include "publisher/spool_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/date.h"

enum {
    STEM_MAX = 220,  /* bytes of a name that are kept: suffixes follow */
    SUFFIX_MAX = 99, /* above it the time is the suffix, in milliseconds: */
    TRIES_MAX = SUFFIX_MAX + 1000,
};

static void close_fd(int *fd)
{
    if (*fd >= 0) (void)close(*fd);
    *fd = -1;
}

/* ---- the directories ---- */

/* Not through a link: what is moved stays in one place. */
static int open_inside(int dir, const char *name)
{
    if (mkdirat(dir, name, 0700) < 0 && errno != EEXIST) return -1;
    return openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

bool spool_folder_open(struct spool_folder *f, const char *path, struct news_error *err)
{
    *f = (struct spool_folder){-1, -1, -1};
    if (mkdir(path, 0700) == 0 || errno == EEXIST)
        f->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (f->dir >= 0) f->done = open_inside(f->dir, "done");
    if (f->done >= 0) f->failed = open_inside(f->dir, "failed");
    if (f->failed >= 0) return true;
    news_fail(err, NEWS_ERR_IO, "%s%s: %s", path,
              f->done >= 0  ? "/failed"
              : f->dir >= 0 ? "/done"
                            : "",
              strerror(errno));
    spool_folder_close(f);
    return false;
}

void spool_folder_close(struct spool_folder *f)
{
    close_fd(&f->failed);
    close_fd(&f->done);
    close_fd(&f->dir);
}

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static bool leads_to(int at, const char *path, int fd)
{
    struct stat there, here;
    return fstatat(at, path, &there, 0) == 0 && fstat(fd, &here) == 0 && same_file(&there, &here);
}

bool spool_folder_in_place(const struct spool_folder *f, const char *path)
{
    return leads_to(AT_FDCWD, path, f->dir) && leads_to(f->dir, "done", f->done) &&
           leads_to(f->dir, "failed", f->failed);
}

/* ---- moving ---- */

bool spool_same_content(const struct stat *a, const struct stat *b)
{
    return same_file(a, b) && a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static bool rename_to_new(int from, const char *name, int to, const char *target)
{
    if (renameat2(from, name, to, target, RENAME_NOREPLACE) == 0) return true;
    if (errno != EINVAL) return false;
    /* This file system cannot promise it. */
    if (faccessat(to, target, F_OK, AT_SYMLINK_NOFOLLOW) == 0) return errno = EEXIST, false;
    return renameat(from, name, to, target) == 0;
}

static bool write_new(int folder, const char *name, const char *text)
{
    int fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return false;
    FILE *out = fdopen(fd, "w");
    if (!out) close_fd(&fd);
    bool ok = out && fputs(text, out) >= 0;
    if (out && fclose(out) != 0) ok = false;
    int why = errno;
    if (!ok) (void)unlinkat(folder, name, 0);
    errno = why;
    return ok;
}

static void error_name(const char *target, char beside[NAME_MAX + 1])
{
    (void)snprintf(beside, NAME_MAX + 1, "%.240s.error", target);
}

/* Under that very name. errno EEXIST: it, or that of its .error, is taken. */
static bool move_as(const struct spool_folder *f, const char *name, const char *target,
                    const char *faults)
{
    char beside[NAME_MAX + 1];
    if (!faults) return rename_to_new(f->dir, name, f->done, target);
    error_name(target, beside);
    if (!write_new(f->failed, beside, faults)) return false;
    if (rename_to_new(f->dir, name, f->failed, target)) return true;
    int why = errno;
    (void)unlinkat(f->failed, beside, 0);
    errno = why;
    return false;
}

static void target_name(const char *name, int try, char target[NAME_MAX + 1])
{
    int len = snprintf(target, NAME_MAX + 1, "%.*s", STEM_MAX, name);
    if (try > SUFFIX_MAX)
        (void)snprintf(target + len, (size_t)(NAME_MAX + 1 - len), ".%lld",
                       (long long)date_now_ms() + try - SUFFIX_MAX);
    else if (try > 0) (void)snprintf(target + len, (size_t)(NAME_MAX + 1 - len), ".%d", try);
}

/* Another file took this name in the very moment: it has to be read, so it goes back. */
static enum spool_moved put_back(const struct spool_folder *f, int folder, const char *target,
                                 const char *name, struct news_error *err)
{
    char other[NAME_MAX + 1];
    if (folder == f->failed) {
        error_name(target, other);
        (void)unlinkat(folder, other, 0);
    }
    target_name(name, SUFFIX_MAX + 1, other);
    if (rename_to_new(folder, target, f->dir, name) || rename_to_new(folder, target, f->dir, other))
        return SPOOL_OTHER;
    news_fail(err, NEWS_ERR_IO, "%.100s came while it was moved, and was not read: %s", target,
              strerror(errno));
    return SPOOL_FAILED;
}

enum spool_moved spool_folder_move(const struct spool_folder *f, const char *name,
                                   const struct stat *seen, const char *faults,
                                   struct news_error *err)
{
    char target[NAME_MAX + 1];
    struct stat now;
    int folder = faults ? f->failed : f->done;
    bool moved = false;
    if (fstatat(f->dir, name, &now, AT_SYMLINK_NOFOLLOW) < 0 || !spool_same_content(&now, seen))
        return SPOOL_OTHER;
    for (int try = 0; try <= TRIES_MAX && !moved; try++) {
        target_name(name, try, target);
        moved = move_as(f, name, target, faults);
        if (!moved && errno != EEXIST) break;
    }
    if (!moved) {
        news_fail(err, NEWS_ERR_IO, "%.100s: cannot be moved to %s: %s", name,
                  faults ? "failed" : "done", strerror(errno));
        return SPOOL_FAILED;
    }
    bool other = fstatat(folder, target, &now, AT_SYMLINK_NOFOLLOW) == 0 && !same_file(&now, seen);
    return other ? put_back(f, folder, target, name, err) : SPOOL_MOVED;
}
