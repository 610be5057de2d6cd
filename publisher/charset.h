/* publisher/charset.h - a document's bytes as valid UTF-8.
 *
 * What a document says of its own encoding is evidence, not truth. It is looked for in this order:
 * byte order mark, zeros that give UTF-16 and UTF-32 away, the HTTP charset, the XML declaration,
 * UTF-8 when the bytes are valid UTF-8, windows-1252. Read as their supersets: iso-8859-1 as
 * windows-1252, gb2312 as gb18030 and so on (as browsers do, WHATWG Encoding §4.2). Bytes that are
 * valid UTF-8 beyond ASCII are UTF-8 even where a single-byte set is declared.
 * Pure functions over memory; iconv converts. Threads: any. */
#ifndef NEWS_CHARSET_H
#define NEWS_CHARSET_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"
#include "common/error.h"

struct charset_text {
    const char *data; /* valid UTF-8 of XML characters only, no BOM; not NUL-terminated */
    size_t len;
    char encoding[40];      /* the one it was read in, as iconv names it */
    size_t replaced;        /* undecodable bytes that became U+FFFD */
    size_t removed;         /* control characters that were dropped */
    unsigned long bad_line; /* of the first of either, 0 none */
};

/* Reads bytes. http_charset may be NULL. out->data points into bytes where nothing had to change,
 * else into store, which the caller keeps as long and frees. Fails for want of memory and when the
 * text would be longer than max bytes. */
bool charset_to_utf8(const char *bytes, size_t len, const char *http_charset, size_t max,
                     struct buf *store, struct charset_text *out, struct news_error *err);

/* The length of the UTF-8 sequence (RFC 3629) at the start of text, 1 to 4; 0 when it is none. */
size_t charset_sequence(const char *text, size_t len);

#endif
