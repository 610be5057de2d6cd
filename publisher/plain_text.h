/* publisher/plain_text.h - plain text with its white space folded, as drafts hold it.
 *
 * A writer takes text in pieces, and between them says how far apart they are. What it appends is
 * valid UTF-8 in NFC without control characters, invisible fillers or blanks at the ends; blanks
 * never run together, and at most one empty line parts paragraphs. Input must be valid UTF-8. */
#ifndef NEWS_PLAIN_TEXT_H
#define NEWS_PLAIN_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"

enum plain_gap { PLAIN_NONE, PLAIN_BLANK, PLAIN_LINE, PLAIN_PARAGRAPH };

/* What newlines in the input mean. */
enum plain_newlines {
    PLAIN_FOLD,       /* white space, as in HTML */
    PLAIN_FOLD_LINES, /* a single one is a blank, an empty line parts paragraphs */
    PLAIN_KEEP,       /* as they stand; empty lines run together */
};

struct plain {
    struct buf *out; /* appended to; buf_ok() says whether all went well */
    size_t start;    /* of what this writer wrote */
    enum plain_newlines newlines;
    enum plain_gap gap; /* owed before the next text */
    bool fresh_line;    /* only white space came since the last newline of the input */
    const char *marker; /* owed too, after the gap: the bullet of a list item */
};

struct plain plain_begin(struct buf *out, enum plain_newlines newlines);
void plain_put(struct plain *p, const char *text, size_t len);
/* At least so much room before what follows; a line asked for twice in a row is still one line. */
void plain_space(struct plain *p, enum plain_gap gap);
/* Brings what was written into NFC. What is still owed is forgotten: no blanks at the end. */
void plain_end(struct plain *p);

/* The three calls for text in one piece. */
void plain_write(struct buf *out, const char *text, size_t len, enum plain_newlines newlines);

#endif
