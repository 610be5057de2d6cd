/* publisher/input.h - the items of one file or of standard input, one after the other.
 *
 * What the bytes are is told by their content: XML is a feed; JSON whose first line is an item
 * is NDJSON and is read as it comes, a line at a time; any other JSON is one document, an item, an
 * array of items or a JSON Feed. What is no document but has lines that are items is NDJSON, too.
 * Where an item may stand, it may also stand as newssub -o ndjson prints it (recorded.h).
 * Every item comes out as valid ninjs 3.1 on one line.
 * Bounds: INPUT_LINE_MAX bytes a line, FEED_BYTES_MAX a document. */
#ifndef PUBLISHER_INPUT_H
#define PUBLISHER_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/error.h"
#include "common/ninjs.h"
#include "publisher/recorded.h"

#define INPUT_LINE_MAX NINJS_BYTES_MAX

struct input;

enum input_result {
    INPUT_ITEM,  /* *item: valid until the next call */
    INPUT_FAULT, /* something was refused: err says what, as "FILE:LINE: path: message"
                  */
    INPUT_NOTE,  /* something was mended, told likewise; nothing was lost by it */
    INPUT_MORE,  /* call input_fill() first */
    INPUT_END,
};

/* path "-" is standard input. now_ms stands in for dates that are not known. oldest_first: a feed
 * that lists its newest item first is read from its end, so that readers get the news in order. */
struct input *input_open(const char *path, int64_t now_ms, bool oldest_first,
                         struct news_error *err);
/* The same of a file that is open already: fd is the input's from now on, also when this fails.
 * name, for messages, outlives the input. */
struct input *input_adopt(int fd, const char *name, int64_t now_ms, bool oldest_first,
                          struct news_error *err);
void input_close(struct input *in); /* NULL is fine */

enum input_result input_next(struct input *in, struct ninjs *item, struct news_error *err);
/* Reads what is there, once; blocks when nothing is: poll input_fd() first. */
bool input_fill(struct input *in, struct news_error *err);
int input_fd(const struct input *in);
/* Was the last item one of a feed? */
bool input_is_feed(const struct input *in);
/* Where the last item begins; 0: not known, as in a feed. */
unsigned long input_item_line(const struct input *in);
/* How the last item came, valid as long as it; NULL: it does not say. */
const struct recorded *input_recorded(const struct input *in);

/* One item by itself, a JSON object: ninjs of any version or the short form. *item points into
 * bytes or text, which is the caller's. False: err says what, and *line on which of its lines (0:
 * not known). */
bool input_read_item(const char *bytes, size_t len, int64_t now_ms, struct buf *text,
                     struct ninjs *item, unsigned long *line, struct news_error *err);

#endif
