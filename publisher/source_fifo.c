/* A FIFO into which any local program writes items, one a line (NDJSON).
 *
 * It is opened for reading and writing, so that it never ends when a writer goes, and while the
 * daemon cannot take anything the pipe fills and holds the writers back. What was read stays in
 * memory until its commit. Writers mix line by line as long as each writes a line of at most
 * PIPE_BUF bytes (4096) with one write(). */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/date.h"
#include "common/log.h"
#include "publisher/input.h"
#include "publisher/source_kind.h"

enum {
    LOOK_MS = 30000, /* how often to see whether the path still leads here, or leads somewhere */
    AGAIN_MS = 5000, /* after a batch that could not be committed */
    BUSY_MS = 1000,
    READ_SIZE = 64 * 1024,
    READ_MOST = 1024 * 1024, /* in one turn */
    LAST_TURNS = 64,         /* for writers that do not stop when we do */
};

struct fifo {
    struct source *source;
    int fd;             /* -1: not open */
    bool readable;      /* there may be something in the pipe */
    bool replaced;      /* the path leads elsewhere: close when this pipe is empty */
    bool skipping;      /* the rest of a line that was too long */
    bool stopping;      /* the last chance: busy or not */
    struct buf bytes;   /* read, not yet committed */
    struct buf text;    /* of the item being handed in */
    unsigned long line; /* of the first of bytes */
    int64_t look_ms, wait_ms;
};

/* ---- the pipe ---- */

static bool fail_open(struct fifo *f, int64_t now_ms, const char *why)
{
    source_say(f->source, true, "%s: %s; looking again every %d s", f->source->config.location, why,
               LOOK_MS / 1000);
    if (f->fd >= 0) (void)close(f->fd);
    f->fd = -1;
    f->wait_ms = now_ms + LOOK_MS;
    return false;
}

static bool open_pipe(struct fifo *f, int64_t now_ms)
{
    const char *path = f->source->config.location;
    struct stat is;
    if (mkfifo(path, 0600) < 0 && errno != EEXIST) return fail_open(f, now_ms, strerror(errno));
    if (lstat(path, &is) == 0 && !S_ISFIFO(is.st_mode))
        return fail_open(f, now_ms, "is there, and is no FIFO");
    f->fd = open(path, O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    if (f->fd < 0 || fstat(f->fd, &is) < 0) return fail_open(f, now_ms, strerror(errno));
    if (!S_ISFIFO(is.st_mode)) return fail_open(f, now_ms, "is there, and is no FIFO");
    f->readable = true;
    f->replaced = f->skipping = false;
    f->look_ms = now_ms + LOOK_MS;
    source_say(f->source, false, "ok");
    return true;
}

static bool has_line(const struct fifo *f)
{
    return f->bytes.len && memchr(f->bytes.data, '\n', f->bytes.len);
}

/* A line without its end is nobody's any more: the next one to write would only spoil it. */
static void give_up_rest(struct fifo *f)
{
    if (f->bytes.len)
        log_error("%s: %s:%lu: the line has no end: %zu bytes are given up", f->source->config.name,
                  f->source->config.location, f->line, f->bytes.len);
    buf_clear(&f->bytes);
}

static void look(struct fifo *f, int64_t now_ms)
{
    struct stat there, here;
    bool same = stat(f->source->config.location, &there) == 0 && fstat(f->fd, &here) == 0 &&
                there.st_dev == here.st_dev && there.st_ino == here.st_ino;
    f->look_ms = now_ms + LOOK_MS;
    if (same) return;
    f->replaced = f->readable = true;
}

/* ---- reading ---- */

static void refuse_line(struct fifo *f, unsigned long line, const char *why)
{
    char message[1024];
    (void)snprintf(message, sizeof message, "%.700s:%lu: %s", f->source->config.location, line,
                   why);
    source_refuse(f->source, message);
}

static void skip_line(struct fifo *f)
{
    const char *newline = memchr(f->bytes.data, '\n', f->bytes.len);
    buf_consume(&f->bytes, newline ? (size_t)(newline - f->bytes.data) + 1 : f->bytes.len);
    if (!newline) return;
    f->skipping = false;
    f->line++;
}

/* Reads once; the number of bytes, 0: there is nothing now. */
static size_t read_once(struct fifo *f)
{
    char *at = buf_reserve(&f->bytes, READ_SIZE);
    ssize_t n = at ? read(f->fd, at, READ_SIZE) : -1;
    if (at && n < 0 && errno == EINTR) return 0;
    if (n <= 0) {
        if (!at) f->bytes.failed = false; /* out of memory: the pipe keeps it */
        f->readable = false;
        return 0;
    }
    f->bytes.len += (size_t)n;
    if (f->skipping) skip_line(f);
    return (size_t)n;
}

/* Until there is a line, and as much more as fits a turn. False: a line was too long, which is to
 * be told. */
static bool fill(struct fifo *f)
{
    size_t total = 0;
    while (f->readable && total < READ_MOST)
        total += read_once(f);
    if (f->bytes.len <= INPUT_LINE_MAX || has_line(f)) return true;
    refuse_line(f, f->line, "the line is longer than 4 MiB");
    buf_clear(&f->bytes);
    f->skipping = true;
    return false;
}

/* ---- handing in ---- */

static bool is_blank(const char *at, size_t len)
{
    size_t n = 0;
    while (n < len && strchr(" \t\r", at[n]) && at[n])
        n++;
    return n == len;
}

/* False: the batch is lost. */
static bool take_line(struct fifo *f, const char *at, size_t len, unsigned long line,
                      int64_t now_ms)
{
    char where[1024];
    struct ninjs item;
    struct news_error why = {0};
    unsigned long within;
    if (is_blank(at, len)) return true;
    if (len > INPUT_LINE_MAX) {
        refuse_line(f, line, "the line is longer than 4 MiB");
        return true;
    }
    buf_clear(&f->text);
    if (!input_read_item(at, len, now_ms, &f->text, &item, &within, &why)) {
        refuse_line(f, line, why.message);
        return true;
    }
    (void)snprintf(where, sizeof where, "%.700s:%lu", f->source->config.location, line);
    return source_take(f->source, &item, false, where, NULL) != DESK_FAILED;
}

static bool is_busy(const struct fifo *f)
{
    const struct sources_host *host = f->source->host;
    return !f->stopping && host->is_busy(host->user);
}

/* Hands in a batch of whole lines, and forgets them once they are committed. */
static bool hand_in(struct fifo *f, int64_t now_ms)
{
    size_t used = 0;
    unsigned long lines = 0;
    while (lines < SOURCE_BATCH && !is_busy(f)) {
        const char *at = f->bytes.data + used;
        const char *newline = memchr(at, '\n', f->bytes.len - used);
        if (!newline || !take_line(f, at, (size_t)(newline - at), f->line + lines, now_ms)) break;
        used += (size_t)(newline - at) + 1;
        lines++;
    }
    if (!source_commit(f->source)) {
        f->wait_ms = now_ms + AGAIN_MS;
        return false;
    }
    buf_consume(&f->bytes, used);
    f->line += lines;
    source_say(f->source, false, "ok");
    return true;
}

static bool is_waiting(const struct fifo *f, int64_t now_ms)
{
    return now_ms < f->wait_ms && f->wait_ms - now_ms <= LOOK_MS;
}

static void fifo_turn(void *self, int64_t now_ms)
{
    struct fifo *f = self;
    if (is_waiting(f, now_ms) || is_busy(f)) return;
    f->wait_ms = 0;
    if (f->fd < 0 && !open_pipe(f, now_ms)) return;
    if (now_ms >= f->look_ms || f->look_ms - now_ms > LOOK_MS) look(f, now_ms);
    bool told = has_line(f) || fill(f) || source_commit(f->source);
    if (!told) f->wait_ms = now_ms + AGAIN_MS;
    if (told && has_line(f)) (void)hand_in(f, now_ms);
    if (!f->replaced || f->readable || has_line(f)) return;
    give_up_rest(f);
    (void)close(f->fd);
    f->fd = -1;
}

/* What writers have written was accepted by the pipe, and would be gone with it. */
static void fifo_stop(void *self, int64_t now_ms)
{
    struct fifo *f = self;
    size_t lines = 0;
    int turns = 0;
    if (f->fd < 0) return;
    f->stopping = true;
    f->readable = true;
    do {
        if (!has_line(f) && turns++ < LAST_TURNS) (void)fill(f);
    } while (has_line(f) ? hand_in(f, now_ms) : f->readable && turns < LAST_TURNS);
    for (size_t i = 0; i < f->bytes.len; i++)
        lines += f->bytes.data[i] == '\n';
    if (lines)
        log_error("%s: %zu lines of %s are lost: they could not be kept", f->source->config.name,
                  lines, f->source->config.location);
    else give_up_rest(f);
    (void)close(f->fd);
    f->fd = -1;
}

/* ---- the loop ---- */

static void on_readable(void *user, short revents)
{
    struct fifo *f = user;
    (void)revents;
    f->readable = true;
}

static void fifo_poll(void *self, struct poll_set *set)
{
    struct fifo *f = self;
    int64_t now_ms = date_now_ms(), mono_ms = date_mono_ms();
    if (is_waiting(f, now_ms)) {
        poll_set_deadline(set, mono_ms + f->wait_ms - now_ms);
    } else if (is_busy(f)) {
        poll_set_deadline(set, mono_ms + BUSY_MS);
    } else if (f->fd < 0 || f->readable || has_line(f)) {
        poll_set_deadline(set, mono_ms);
    } else {
        poll_set_add(set, f->fd, POLLIN, on_readable, f);
        poll_set_deadline(set, mono_ms + f->look_ms - now_ms);
    }
}

static void fifo_close(void *self)
{
    struct fifo *f = self;
    if (!f) return;
    if (f->fd >= 0) (void)close(f->fd);
    buf_deinit(&f->bytes);
    buf_deinit(&f->text);
    free(f);
}

static void *fifo_open(struct source *s, struct news_error *err)
{
    struct fifo *f = calloc(1, sizeof *f);
    if (f) *f = (struct fifo){.source = s, .fd = -1, .line = 1};
    else news_fail(err, NEWS_ERR_MEMORY, "out of memory");
    return f;
}

const struct source_kind_ops source_fifo = {.open = fifo_open,
                                            .close = fifo_close,
                                            .poll = fifo_poll,
                                            .turn = fifo_turn,
                                            .stop = fifo_stop};
