/* common/json.h - JSON as bytes (RFC 8259): the strict walk over foreign text, the quick walk over
 * text already known to be valid, and the few calls that write it.
 *
 * Items pass through programs as the bytes they came in, so nothing here builds a tree. Bounds:
 * JSON_DEPTH_MAX levels, JSON_NUMBER_MAX characters a number. */
#ifndef NEWS_JSON_H
#define NEWS_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"

#define JSON_DEPTH_MAX  64
#define JSON_NUMBER_MAX 40
#define JSON_OPEN_MAX   256 /* members of one object whose names no schema settles */

/* Bytes of one value inside a larger text: a string with its quotes. at is NULL for "absent". */
struct json_slice {
    const char *at;
    size_t len;
};

enum json_flag {
    JSON_SPACED = 1, /* there is a line break between tokens */
    JSON_UNSAFE = 2, /* a string holds raw characters that json_compact() would escape */
};

/* ---- the strict walk ---- */

struct json_walk {
    const char *start, *at, *end;
    unsigned flags;    /* enum json_flag, collected on the way */
    const char *fault; /* static text, set by what returned false */
};

struct json_walk json_walk_start(const char *bytes, size_t len);
unsigned long json_walk_line(const struct json_walk *w); /* of at, from 1 */
/* Passes over blanks; returns the byte that follows, '\0' at the end. */
char json_walk_peek(struct json_walk *w);
/* Each checks one value and leaves at behind it. out may be NULL; the slice a string or a name
 * gives is without its quotes, escapes as they were. Strings: valid UTF-8, no control characters,
 * no \u0000, no lone surrogates. */
bool json_walk_string(struct json_walk *w, struct json_slice *out);
bool json_walk_number(struct json_walk *w, double *value);
bool json_walk_literal(struct json_walk *w, const char *word);
/* Any value, depth levels deep already; duplicate names are refused. */
bool json_walk_any(struct json_walk *w, unsigned depth);
/* After a value: a comma (true in *more) or the closing bracket. */
bool json_walk_more(struct json_walk *w, char close, bool *more);
/* The member's name and colon. */
bool json_walk_name(struct json_walk *w, struct json_slice *name);

/* ---- the quick walk: only over text that a strict walk has passed ---- */

struct json_cursor {
    const char *at, *end;
};
/* Over the members or elements of the object or array v. */
struct json_cursor json_inside(struct json_slice v);
bool json_next_member(struct json_cursor *c, struct json_slice *name, struct json_slice *value);
bool json_next_element(struct json_cursor *c, struct json_slice *value);
/* The member of the object v with that name (no escapes in it); at NULL when there is none. */
struct json_slice json_member(struct json_slice v, const char *name);
/* True when v is a string of exactly these characters, escapes undone. */
bool json_is(struct json_slice v, const char *text);
/* Appends the characters of the string v (quotes and escapes undone); nothing for other kinds. */
void json_text(struct buf *out, struct json_slice v);

/* ---- writing ---- */

/* Appends text (valid UTF-8) as a JSON string. Escaped: what JSON demands, and DEL, C1, bidi
 * controls and U+2028/9, so that a terminal or a line reader that meets raw JSON is not harmed. */
void json_put_string(struct buf *out, const char *text, size_t len);
/* Appends ,"name": or "name": directly after an opening brace. */
void json_put_name(struct buf *out, const char *name);
/* name and value as one member; nothing when text is NULL. */
void json_put_member(struct buf *out, const char *name, const char *text);
/* The same of a time, as RFC 3339; nothing when it is DATE_UNKNOWN. */
void json_put_date(struct buf *out, const char *name, int64_t unix_ms);
/* Appends valid JSON on one line: blanks between tokens dropped, unsafe characters escaped. */
void json_compact(struct buf *out, const char *bytes, size_t len);

#endif
