/* common/text.h - foreign text made fit for a terminal, and measured in its columns.
 *
 * Every string that came from outside passes text_clean() before it reaches a terminal, a pipe or
 * a log. What is neutralised: invalid UTF-8, C0, C1, DEL, bidi controls and isolates, invisible
 * format characters, line and paragraph separators, noncharacters, private use and unassigned code
 * points (Unicode as of the utf8proc in use); combining marks are bounded. Pure functions; the
 * answer never depends on the locale. Widths in terminal columns. */
#ifndef NEWS_TEXT_H
#define NEWS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"

#define TEXT_MARKS_MAX 8    /* combining marks kept on one base */
#define TEXT_LINK_MAX  2083 /* bytes of a link's target; longer ones are not linked */

/* Decodes one code point of strict UTF-8 (RFC 3629). Returns its length in bytes, 1 to 4; a bad
 * sequence gives U+FFFD and the length of its maximal ill-formed part. len at least 1. */
size_t text_decode(const char *bytes, size_t len, uint32_t *code_point);
/* Writes code_point as UTF-8; returns its length, 1 to 4. */
size_t text_encode(uint32_t code_point, char out[4]);
/* The length of the longest valid UTF-8 prefix; len when all of it is valid. */
size_t text_valid_prefix(const char *bytes, size_t len);

enum text_lines {
    TEXT_ONE_LINE, /* every newline, tab and run of blanks becomes one blank; ends trimmed */
    TEXT_LINES,    /* newlines stay, CR LF and LS/PS become newlines, tabs become blanks */
};

/* Appends the clean form of bytes. Idempotent; at most 3 times as long as its input. A control, a
 * lone CR too, shows as U+FFFD. The only blanks left are U+0020 and the no-break ones (U+00A0,
 * U+2007, U+202F). Marks without a base are dropped. */
void text_clean(struct buf *out, const char *bytes, size_t len, enum text_lines lines);

/* Columns of clean text without newlines, code point by code point as wcwidth(3) has it: what
 * ncurses counts. FSI and PDI take none. Where a terminal draws several emoji joined by ZWJ as one
 * it uses fewer. */
size_t text_width(const char *clean, size_t len);

/* Bytes of the longest prefix of clean text that takes at most columns and does not cut a
 * grapheme; *width, if not NULL, gets its columns. */
size_t text_fit(const char *clean, size_t len, size_t columns, size_t *width);

/* Appends clean text without newlines, cut to columns (an ellipsis shows the cut) and, when pad,
 * filled with blanks to exactly columns. */
void text_cell(struct buf *out, const char *clean, size_t len, size_t columns, bool pad);

/* Where to break clean text so that the line takes at most columns: at a newline, at a blank where
 * there is one, between ideographs, else anywhere between graphemes (inside one that is wider than
 * the whole line). Returns the bytes of the line; *next gets where the next line starts (blanks at
 * the break are passed over, and a newline after them). Always makes progress, even if one
 * character is wider than columns. */
size_t text_wrap(const char *clean, size_t len, size_t columns, size_t *next);

/* True when the text holds a strong right-to-left character: on a terminal such a field is set
 * between FSI and PDI (UAX #9) so that it cannot reorder its neighbours. */
bool text_is_rtl(const char *clean, size_t len);

/* Appends the words of any text as search compares them: NFKD, marks dropped, case folded; words
 * are runs of letters and digits; where a script has no blanks between words (Han, kana, Thai, Lao,
 * Khmer, Myanmar) each letter is one by itself. Every word is followed by one blank, nothing else is put: behind a blank that the caller put
 * first, a phrase is found as the bytes " two words ". */
void text_words(struct buf *out, const char *bytes, size_t len);

/* True when url is http or https with a host, has no user name or control in it, and fits
 * TEXT_LINK_MAX once encoded. */
bool text_url_ok(const char *url, size_t len);
/* Appends url with every byte outside 0x21..0x7E percent-encoded. */
void text_url(struct buf *out, const char *url, size_t len);
/* Appends label (clean) as an OSC 8 hyperlink to url if text_url_ok(), else label alone. */
void text_link(struct buf *out, const char *url, size_t url_len, const char *label,
               size_t label_len);

#endif
