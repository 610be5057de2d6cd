#include "subscriber/recording.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "subscriber/view.h"

enum { LINE_MAX_BYTES = NINJS_BYTES_MAX + (1 << 20) }; /* the item, escaped anew, and its topic */

static const char line_start[] = "{\"topic\":"; /* of view.c's ndjson */

struct recording {
    char *path;
    int fd;
    struct view *view;
    struct buf lines; /* of the open batch */
};

static bool fail(const struct recording *r, struct news_error *err)
{
    enum news_errc code = errno == ENOSPC || errno == EDQUOT ? NEWS_ERR_FULL : NEWS_ERR_IO;
    return news_fail(err, code, "%s: %s", r->path, strerror(errno));
}

/* ---- the sink ---- */

static void recording_put(void *self, const struct arrival *a, int64_t id, int64_t now_ms)
{
    struct recording *r = self;
    const struct view_screen screen = {.now_ms = now_ms};
    (void)id;
    view_put(r->view, a, &screen, &r->lines);
}

static bool write_all(int fd, const char *bytes, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = write(fd, bytes + done, len - done);
        if (n < 0 && errno != EINTR) return false;
        if (n > 0) done += (size_t)n;
    }
    return true;
}

static bool recording_committed(void *self, struct news_error *err)
{
    struct recording *r = self;
    if (!buf_ok(&r->lines)) return news_fail(err, NEWS_ERR_MEMORY, "%s: out of memory", r->path);
    if (r->lines.len == 0) return true;
    off_t end = lseek(r->fd, 0, SEEK_END);
    if (end < 0) return fail(r, err);
    if (!write_all(r->fd, r->lines.data, r->lines.len)) {
        int why = errno;
        (void)!ftruncate(r->fd, end); /* else the next start cuts its last line */
        errno = why;
        return fail(r, err);
    }
    buf_clear(&r->lines);
    return true;
}

static void recording_undone(void *self)
{
    struct recording *r = self;
    buf_clear(&r->lines);
}

static bool recording_idle(const void *self)
{
    const struct recording *r = self;
    return r->lines.len == 0;
}

static void recording_free(void *self)
{
    struct recording *r = self;
    if (r->fd >= 0) (void)close(r->fd);
    view_free(r->view);
    buf_deinit(&r->lines);
    free(r->path);
    free(r);
}

const struct sink_ops recording_sink = {
    .put = recording_put,
    .committed = recording_committed,
    .undone = recording_undone,
    .idle = recording_idle,
    .free = recording_free,
};

/* ---- opening it ---- */

/* Is this the beginning of one of our lines, and no more? Another file, named by mistake, must not
 * lose its last line. */
static bool is_cut_short(const char *line, size_t len)
{
    size_t known = len < sizeof line_start - 1 ? len : sizeof line_start - 1;
    struct json_walk w = json_walk_start(line, len);
    return memcmp(line, line_start, known) == 0 && !(json_walk_any(&w, 0) && w.at == w.end);
}

/* The last bytes of a file of size bytes, at most as many as a line has. */
static bool read_tail(const struct recording *r, off_t size, struct buf *tail,
                      struct news_error *err)
{
    size_t len = size < LINE_MAX_BYTES ? (size_t)size : LINE_MAX_BYTES;
    char *to = buf_reserve(tail, len);
    if (!to) return news_fail(err, NEWS_ERR_MEMORY, "%s: out of memory", r->path);
    while (tail->len < len) {
        ssize_t n = pread(r->fd, to + tail->len, len - tail->len,
                          size - (off_t)len + (off_t)tail->len);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail(r, err);
        if (n == 0) break; /* it is shorter now */
        tail->len += (size_t)n;
    }
    return true;
}

static bool ends_with_newline(const struct recording *r, off_t size)
{
    char last;
    return size == 0 || (pread(r->fd, &last, 1, size - 1) == 1 && last == '\n');
}

static bool mend_last_line(const struct recording *r, off_t size, struct buf *tail,
                           struct news_error *err)
{
    if (!read_tail(r, size, tail, err)) return false;
    const char *newline = tail->len ? memrchr(tail->data, '\n', tail->len) : NULL;
    const char *line = newline ? newline + 1 : tail->data;
    size_t len = tail->len - (size_t)(line - tail->data);
    if (len == 0) return true;
    bool ours = newline || tail->len == (size_t)size; /* a longer line is not */
    bool done = ours && is_cut_short(line, len) ? ftruncate(r->fd, size - (off_t)len) == 0
                                                : write_all(r->fd, "\n", 1);
    return done || fail(r, err);
}

static bool open_file(struct recording *r, struct news_error *err)
{
    struct stat info;
    struct buf tail = {0};
    /* Not blocking: a FIFO without a reader must not hold us up before it is refused. */
    r->fd = open(r->path, O_RDWR | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0666);
    if (r->fd < 0 || fstat(r->fd, &info) < 0) return fail(r, err);
    if (!S_ISREG(info.st_mode))
        return news_fail(err, NEWS_ERR_IO, "%s: not a regular file; -o ndjson writes to others",
                         r->path);
    if (flock(r->fd, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK
                   ? news_fail(err, NEWS_ERR_BUSY, "%s: another process records into it", r->path)
                   : fail(r, err);
    if (fstat(r->fd, &info) < 0) return fail(r, err); /* before, another might have written */
    bool mended = ends_with_newline(r, info.st_size) || mend_last_line(r, info.st_size, &tail, err);
    buf_deinit(&tail);
    return mended;
}

struct recording *recording_new(const char *path, struct news_error *err)
{
    struct recording *r = calloc(1, sizeof *r);
    if (!r) {
        news_fail(err, NEWS_ERR_MEMORY, "out of memory");
        return NULL;
    }
    r->fd = -1;
    r->path = strdup(path);
    if (!r->path) news_fail(err, NEWS_ERR_MEMORY, "out of memory");
    else if (open_file(r, err) && (r->view = view_new("ndjson", err))) return r;
    recording_free(r);
    return NULL;
}
