#include "publisher/input.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/item.h"
#include "publisher/feed_items.h"
#include "publisher/short_form.h"

enum { FILL_SIZE = 256 * 1024 };

enum mode {
    MODE_START,    /* not enough was read to tell */
    MODE_LINES,    /* NDJSON */
    MODE_DOCUMENT, /* read to the end, then decide */
    MODE_FEED,     /* in: feed */
    MODE_ARRAY,    /* in: elements */
    MODE_OVER,
};

struct input {
    const char *path; /* for messages */
    int fd;
    int64_t now_ms;
    enum mode mode;
    struct buf bytes;        /* read, not yet used up */
    size_t used;             /* of bytes: lines that are dealt with */
    unsigned long line;      /* number of the line at used */
    bool end;                /* nothing more to read */
    bool skipping;           /* the rest of a line that was too long */
    struct buf text;         /* the item given out, when it is not in bytes */
    unsigned long item_line; /* where it stands; 0: not known */
    struct feed *feed;
    struct feed_items items;
    struct feed_remark remarks[FEED_REMARKS_MAX];
    size_t remark, remark_count; /* said, and in all */
    bool oldest_first;           /* give a feed's items in the order of their dates */
    struct json_cursor elements;
    struct recorded recorded; /* how the item given out came */
    bool is_recorded;
};

struct input *input_adopt(int fd, const char *name, int64_t now_ms, bool oldest_first,
                          struct news_error *err)
{
    struct input *in = calloc(1, sizeof *in);
    if (!in) {
        if (fd != STDIN_FILENO) (void)close(fd);
        news_fail(err, NEWS_ERR_MEMORY, "%s: out of memory", name);
        return NULL;
    }
    *in = (struct input){
        .path = name, .fd = fd, .now_ms = now_ms, .line = 1, .oldest_first = oldest_first};
    return in;
}

struct input *input_open(const char *path, int64_t now_ms, bool oldest_first,
                         struct news_error *err)
{
    if (strcmp(path, "-") == 0)
        return input_adopt(STDIN_FILENO, "standard input", now_ms, oldest_first, err);
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0) return input_adopt(fd, path, now_ms, oldest_first, err);
    news_fail(err, NEWS_ERR_IO, "%s: %s", path, strerror(errno));
    return NULL;
}

void input_close(struct input *in)
{
    if (!in) return;
    if (in->fd != STDIN_FILENO) (void)close(in->fd);
    feed_free(in->feed);
    buf_deinit(&in->bytes);
    buf_deinit(&in->text);
    free(in);
}

int input_fd(const struct input *in)
{
    return in->fd;
}

bool input_is_feed(const struct input *in)
{
    return in->mode == MODE_FEED;
}

unsigned long input_item_line(const struct input *in)
{
    return in->item_line;
}

const struct recorded *input_recorded(const struct input *in)
{
    return in->is_recorded ? &in->recorded : NULL;
}

static bool fail_reading(const struct input *in, struct news_error *err)
{
    return news_fail(err, NEWS_ERR_IO, "%s: %s", in->path, strerror(errno));
}

bool input_fill(struct input *in, struct news_error *err)
{
    buf_consume(&in->bytes, in->used);
    in->used = 0;
    char *at = buf_reserve(&in->bytes, FILL_SIZE);
    if (!at) return news_fail(err, NEWS_ERR_MEMORY, "%s: out of memory", in->path);
    struct pollfd ready = {.fd = in->fd,
                           .events = POLLIN}; /* a FIFO has no end before its writer */
    if (poll(&ready, 1, -1) < 0) return errno == EINTR || fail_reading(in, err);
    ssize_t n = read(in->fd, at, FILL_SIZE);
    if (n < 0) {
        return errno == EINTR || errno == EAGAIN || fail_reading(in, err);
    }
    in->bytes.len += (size_t)n;
    in->bytes.data[in->bytes.len] = '\0';
    in->end = n == 0;
    return true;
}

/* ---- refusing ---- */

static enum input_result refuse(struct input *in, unsigned long line, const char *message,
                                struct news_error *err)
{
    if (line > 0) news_fail(err, NEWS_ERR_DATA, "%s:%lu: %s", in->path, line, message);
    else news_fail(err, NEWS_ERR_DATA, "%s: %s", in->path, message);
    return INPUT_FAULT;
}

static enum input_result refuse_item(struct input *in, unsigned long line,
                                     const struct ninjs_fault *fault, struct news_error *err)
{
    struct news_error what = {0};
    ninjs_fail(&what, fault);
    return refuse(in, line, what.message, err);
}

/* ---- one JSON value ---- */

bool input_read_item(const char *bytes, size_t len, int64_t now_ms, struct buf *text,
                     struct ninjs *item, unsigned long *line, struct news_error *err)
{
    struct ninjs_fault fault;
    *line = 0;
    if (item_read(bytes, len, text, item, &fault)) return true;
    buf_clear(text);
    switch (short_form_read(bytes, len, now_ms, text, err)) {
    case SHORT_FORM_NOT: *line = fault.line; return ninjs_fail(err, &fault);
    case SHORT_FORM_WRONG: return false;
    case SHORT_FORM_READ: break;
    }
    if (ninjs_check(text->data, text->len, item, &fault)) return true;
    return ninjs_fail(err, &fault);
}

/* bytes is one JSON object that starts on line. */
static enum input_result read_item(struct input *in, const char *bytes, size_t len,
                                   unsigned long line, struct ninjs *item, struct news_error *err)
{
    unsigned long within;
    struct news_error why = {0};
    struct ninjs_fault fault;
    in->item_line = line;
    in->is_recorded = recorded_is(bytes, len);
    if (in->is_recorded) {
        if (!recorded_read(bytes, len, &in->recorded, &fault))
            return refuse_item(in, line + fault.line - 1, &fault, err);
        for (; bytes < in->recorded.item.at; bytes++)
            line += *bytes == '\n';
        len = in->recorded.item.len;
    }
    if (input_read_item(bytes, len, in->now_ms, &in->text, item, &within, &why)) return INPUT_ITEM;
    return refuse(in, line + (within ? within - 1 : 0), why.message, err);
}

/* ---- NDJSON ---- */

static bool is_blank(const char *at, size_t len)
{
    size_t n = 0;
    while (n < len && (at[n] == ' ' || at[n] == '\t' || at[n] == '\r'))
        n++;
    return n == len;
}

/* The next whole line, without its newline; false when there is none yet. The last line of the
 * input may lack the newline. */
static bool line_next(struct input *in, const char **line, size_t *len)
{
    const char *at = in->bytes.data + in->used;
    size_t left = in->bytes.len - in->used;
    if (left == 0) return false;
    const char *newline = memchr(at, '\n', left);
    if (!newline && !in->end) return false;
    *line = at;
    *len = newline ? (size_t)(newline - at) : left;
    in->used += *len + (newline != NULL);
    return true;
}

/* A line that does not end within its bound is refused once, and its rest passed over. */
static enum input_result line_too_long(struct input *in, struct news_error *err)
{
    bool first = !in->skipping;
    in->skipping = true;
    in->used = in->bytes.len;
    return first ? refuse(in, in->line, "the line is longer than 4 MiB", err) : INPUT_MORE;
}

static enum input_result next_line(struct input *in, struct ninjs *item, struct news_error *err)
{
    const char *line;
    size_t len;
    while (line_next(in, &line, &len)) {
        unsigned long number = in->line++;
        bool rest = in->skipping;
        in->skipping = false;
        if (rest || is_blank(line, len)) continue;
        return read_item(in, line, len, number, item, err);
    }
    if (in->end) return INPUT_END;
    if (in->bytes.len - in->used > INPUT_LINE_MAX) return line_too_long(in, err);
    return INPUT_MORE;
}

/* ---- one document ---- */

static unsigned long line_of(const struct input *in, const char *at)
{
    unsigned long line = in->line;
    for (const char *p = in->bytes.data + in->used; p < at; p++)
        line += *p == '\n';
    return line;
}

static enum input_result start_feed(struct input *in, struct feed *feed, unsigned long line,
                                    struct news_error *err)
{
    in->feed = feed;
    in->mode = MODE_FEED;
    if (!feed) {
        struct news_error why = *err;
        in->mode = MODE_OVER;
        return refuse(in, line, why.message, err);
    }
    feed_items_start(&in->items, feed, in->oldest_first, in->now_ms);
    in->remark_count = feed_remarks(feed, in->remarks);
    return INPUT_MORE;
}

static bool is_json_feed(struct json_slice document)
{
    struct buf version = {0};
    json_text(&version, json_member(document, "version"));
    bool is = version.len && strstr(version.data, "jsonfeed.org/version/");
    buf_deinit(&version);
    return is;
}

static bool is_whole_value(const char *bytes, size_t len)
{
    struct json_walk w = json_walk_start(bytes, len);
    return json_walk_any(&w, 0) && json_walk_peek(&w) == '\0' && w.at == w.end;
}

static bool is_item_line(const char *line, size_t len)
{
    while (len && strchr(" \t", *line))
        line++, len--;
    return len && *line == '{' && is_whole_value(line, len) &&
           !is_json_feed((struct json_slice){line, len});
}

/* Is one of these lines an item by itself? Without its end, a last line counts only when whole. */
static bool has_item_line(const char *at, size_t left, bool end)
{
    while (left) {
        const char *newline = memchr(at, '\n', left);
        size_t len = newline ? (size_t)(newline - at) : left;
        if ((newline || end) && is_item_line(at, len)) return true;
        at += len + (newline != NULL);
        left -= len + (newline != NULL);
    }
    return false;
}

static enum input_result start_json(struct input *in, struct ninjs *item, struct news_error *err)
{
    const char *bytes = in->bytes.data + in->used;
    size_t len = in->bytes.len - in->used;
    struct json_walk w = json_walk_start(bytes, len);
    char kind = json_walk_peek(&w);
    struct json_slice document = {w.at, 0};
    in->mode = MODE_OVER;
    bool ok = json_walk_any(&w, 0);
    if (ok) {
        document.len = (size_t)(w.at - document.at);
        if (json_walk_peek(&w) != '\0' || w.at != w.end) {
            w.fault = "something follows the JSON document";
            ok = false;
        }
    }
    if (!ok && kind == '{' && has_item_line(bytes, len, true)) {
        in->mode = MODE_LINES; /* broken lines must not make a document of the good ones */
        return INPUT_MORE;
    }
    if (!ok) {
        struct ninjs_fault fault = {.path = "$", .line = json_walk_line(&w)};
        (void)snprintf(fault.what, sizeof fault.what, "%s", w.fault);
        return refuse_item(in, in->line + fault.line - 1, &fault, err);
    }
    if (kind == '{' && is_json_feed(document)) {
        unsigned long line = 0;
        struct feed *feed = feed_parse_json(document.at, document.len, &(struct feed_origin){0},
                                            &line, err);
        return start_feed(in, feed, line, err);
    }
    if (kind == '{') return read_item(in, bytes, len, in->line, item, err);
    if (kind != '[') return refuse(in, in->line, "$: neither an object nor an array", err);
    in->elements = json_inside(document);
    in->mode = MODE_ARRAY;
    return INPUT_MORE;
}

static enum input_result start_document(struct input *in, struct ninjs *item,
                                        struct news_error *err)
{
    const char *bytes = in->bytes.data + in->used;
    size_t len = in->bytes.len - in->used;
    if (len > FEED_BYTES_MAX) {
        bool lines = *bytes == '{' && has_item_line(bytes, len, false);
        in->mode = lines ? MODE_LINES : MODE_OVER;
        return lines ? INPUT_MORE : refuse(in, 0, "the document is larger than 64 MiB", err);
    }
    if (!in->end) return INPUT_MORE;
    if (!feed_looks_xml(bytes, len)) return start_json(in, item, err);
    unsigned long line = 0;
    struct feed *feed = feed_parse_xml(bytes, len, &(struct feed_origin){0}, &line, err);
    return start_feed(in, feed, line, err);
}

static enum input_result next_of_feed(struct input *in, struct ninjs *item, struct news_error *err)
{
    if (in->remark < in->remark_count) {
        const struct feed_remark *r = &in->remarks[in->remark++];
        (void)refuse(in, r->line, r->text, err);
        return r->lost ? INPUT_FAULT : INPUT_NOTE;
    }
    struct news_error why = {0};
    switch (feed_items_next(&in->items, &in->text, item, &why)) {
    case FEED_ITEMS_ITEM: return INPUT_ITEM;
    case FEED_ITEMS_FAULT: return refuse(in, 0, why.message, err);
    case FEED_ITEMS_END: break;
    }
    return INPUT_END;
}

static enum input_result next_of_array(struct input *in, struct ninjs *item, struct news_error *err)
{
    struct json_slice e;
    if (!json_next_element(&in->elements, &e)) return INPUT_END;
    in->line = line_of(in, e.at); /* from the element before */
    in->used = (size_t)(e.at - in->bytes.data);
    return read_item(in, e.at, e.len, in->line, item, err);
}

/* ---- telling them apart ---- */

/* Is it too early to say what starts so? Half a byte order mark, or nothing but blanks. */
static bool too_early(const char *at, size_t left, size_t blank)
{
    static const char bom[] = "\xef\xbb\xbf";
    return blank == left || (left < 3 && memcmp(at, bom, left) == 0);
}

/* NDJSON: the first line is an item. Where it is not even JSON (a log line, a prompt), any line. */
static bool is_lines(struct input *in, const char *first, size_t left, bool *undecided)
{
    const char *newline = memchr(first, '\n', left);
    bool more_to_come = !in->end && left <= INPUT_LINE_MAX;
    if (*first == '{') {
        *undecided = !newline && more_to_come;
        return !*undecided && is_item_line(first, newline ? (size_t)(newline - first) : left);
    }
    bool lines = has_item_line(first, left, in->end);
    *undecided = !lines && more_to_come;
    return lines;
}

/* Sets the mode, or leaves it when more must be read first; refuses what is neither XML nor JSON.
 */
static enum input_result decide(struct input *in, struct news_error *err)
{
    static const char bom[] = "\xef\xbb\xbf";
    const char *at = in->bytes.data + in->used;
    size_t left = in->bytes.len - in->used;
    size_t skip = left >= 3 && memcmp(at, bom, 3) == 0 ? 3 : 0;
    size_t blank = left ? skip + strspn(at + skip, " \t\r\n") : 0;
    if (too_early(at, left, blank) && !in->end) return INPUT_MORE;
    if (blank == left) return INPUT_END;
    const char *first = at + blank;
    bool undecided = false;
    if (*first == '[' || feed_looks_xml(at, left)) {
        in->mode = MODE_DOCUMENT;
    } else if (is_lines(in, first, left - blank, &undecided)) {
        in->mode = MODE_LINES;
    } else if (undecided) {
        return INPUT_MORE;
    } else if (*first == '{') {
        in->mode = MODE_DOCUMENT;
    } else {
        in->mode = MODE_OVER;
        return refuse(in, 0, "holds neither a feed nor items", err);
    }
    if (*first != '<') { /* the encoding of XML is found from its very first bytes */
        in->line = line_of(in, first);
        in->used += blank;
    }
    return INPUT_MORE;
}

static enum input_result step(struct input *in, struct ninjs *item, struct news_error *err)
{
    switch (in->mode) {
    case MODE_START: return decide(in, err);
    case MODE_LINES: return next_line(in, item, err);
    case MODE_DOCUMENT: return start_document(in, item, err);
    case MODE_FEED: return next_of_feed(in, item, err);
    case MODE_ARRAY: return next_of_array(in, item, err);
    case MODE_OVER: return INPUT_END;
    }
    return INPUT_END;
}

enum input_result input_next(struct input *in, struct ninjs *item, struct news_error *err)
{
    for (;;) { /* while it turns out to be something else, there is nothing more to read for it */
        enum mode before = in->mode;
        enum input_result r = step(in, item, err);
        if (r != INPUT_MORE || in->mode == before) return r;
    }
}
