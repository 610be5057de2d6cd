#include "subscriber/output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 256 * 1024 };

/* Setting O_NONBLOCK would reach every process that shares the pipe or terminal, the shell among
 * them. Opening it anew gives a description of our own. Where that fails (sockets, no /proc), we
 * ask poll first and write what is sure to fit: POSIX promises PIPE_BUF bytes of a pipe. */
void output_init(struct output *o, int fd)
{
    struct stat info;
    char path[40];
    *o = (struct output){.fd = fd, .chunk = CHUNK};
    if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode)) return; /* takes anything; has an offset */
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int anew = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    o->own = anew >= 0;
    if (o->own) o->fd = anew;
    else o->chunk = PIPE_BUF;
}

void output_deinit(struct output *o)
{
    if (o->own) (void)close(o->fd);
    buf_deinit(&o->waiting);
}

static bool writable(const struct output *o)
{
    struct pollfd p = {.fd = o->fd, .events = POLLOUT};
    return o->own || poll(&p, 1, 0) > 0;
}

bool output_flush(struct output *o, struct news_error *err)
{
    if (!buf_ok(&o->waiting)) return news_fail(err, NEWS_ERR_MEMORY, "out of memory");
    while (o->done < o->waiting.len && !o->gone && writable(o)) {
        size_t left = o->waiting.len - o->done;
        ssize_t n = write(o->fd, o->waiting.data + o->done, left < o->chunk ? left : o->chunk);
        if (n < 0 && errno == EAGAIN) break;
        if (n >= 0)
            o->done += (size_t)n;
        else if (errno == EPIPE)
            o->gone = true;
        else if (errno != EINTR)
            return news_fail(err, NEWS_ERR_IO, "standard output: %s", strerror(errno));
    }
    if (o->done == o->waiting.len || o->gone) {
        buf_clear(&o->waiting);
        o->done = 0;
    } else if (o->done > OUTPUT_FULL / 2) {
        buf_consume(&o->waiting, o->done);
        o->done = 0;
    }
    return true;
}

bool output_pending(const struct output *o)
{
    return o->done < o->waiting.len;
}

bool output_full(const struct output *o)
{
    return o->waiting.len - o->done >= OUTPUT_FULL;
}
