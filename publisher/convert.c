#include "publisher/convert.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/log.h"
#include "common/text.h"
#include "publisher/items.h"

enum { WRITE_SIZE = 128 * 1024 };

struct work {
    struct items *items;
    struct placing placing;
    struct buf out; /* not yet written */
    int status;
};

static void fault(struct work *w, const struct news_error *err)
{
    w->status = news_graver_status(w->status, news_exit_status(err->code));
}

/* False: nobody reads any more, or the disk is full. */
static bool flush(struct work *w)
{
    size_t done = 0;
    while (done < w->out.len) {
        ssize_t n = write(STDOUT_FILENO, w->out.data + done, w->out.len - done);
        if (n > 0) {
            done += (size_t)n;
        } else if (n < 0 && errno == EAGAIN) { /* somebody else made it non-blocking */
            struct pollfd p = {.fd = STDOUT_FILENO, .events = POLLOUT};
            (void)poll(&p, 1, -1);
        } else if (n < 0 && errno == EPIPE) {
            return false; /* the reader has enough */
        } else if (n < 0 && errno != EINTR) {
            log_error("standard output: %s", strerror(errno));
            w->status = EX_IOERR;
            return false;
        }
    }
    buf_clear(&w->out);
    return true;
}

typedef bool (*each)(struct work *w, enum input_result r, const struct ninjs *item,
                     const struct news_error *err);

static void over_all(struct work *w, each step)
{
    struct ninjs item;
    struct news_error err = {0};
    enum input_result r;
    while ((r = items_next(w->items, &item, &err)) != INPUT_END) {
        if (r == INPUT_MORE) {
            if (items_fill(w->items, &err)) continue;
            r = INPUT_FAULT;
        }
        if (!step(w, r, &item, &err)) return;
    }
    flush(w);
}

static int run(const struct settings *s, char *const *files, int file_count, each step)
{
    struct news_error err = {0};
    struct work w = {0};
    if (!placing_init(&w.placing, s, &err) ||
        !(w.items = items_open(s, files, file_count, false, &err))) {
        log_error("%s", err.message);
        return news_exit_status(err.code);
    }
    over_all(&w, step);
    items_close(w.items);
    buf_deinit(&w.out);
    return w.status;
}

static bool convert_one(struct work *w, enum input_result r, const struct ninjs *item,
                        const struct news_error *err)
{
    if (r != INPUT_ITEM) {
        log_error("%s", err->message);
        if (r == INPUT_FAULT) fault(w, err);
        return true;
    }
    size_t start = w->out.len;
    item_write(item, &w->placing.defaults, NULL, &w->out);
    if (w->out.len - start > NINJS_BYTES_MAX) {
        buf_truncate(&w->out, start);
        log_error("an item is larger than 4 MiB once it is complete");
        w->status = news_graver_status(w->status, EX_DATAERR);
        return true;
    }
    buf_putc(&w->out, '\n');
    if (!buf_ok(&w->out)) {
        log_error("out of memory");
        w->status = EX_OSERR;
        return false;
    }
    return w->out.len < WRITE_SIZE || flush(w);
}

int convert_run(const struct settings *s, char *const *files, int file_count)
{
    return run(s, files, file_count, convert_one);
}

static bool check_one(struct work *w, enum input_result r, const struct ninjs *item,
                      const struct news_error *err)
{
    (void)item;
    if (r == INPUT_ITEM) return true;
    text_clean(&w->out, err->message, strlen(err->message), TEXT_ONE_LINE);
    buf_putc(&w->out, '\n');
    fault(w, err);
    return flush(w);
}

int check_run(const struct settings *s, char *const *files, int file_count)
{
    return run(s, files, file_count, check_one);
}
