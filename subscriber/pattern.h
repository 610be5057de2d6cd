/* subscriber/pattern.h - one regular expression (PCRE2, UTF, no difference of case), bounded.
 *
 * Whoever writes a filter may write one that takes for ever, and whoever writes an item may write
 * the text for it: each search takes at most some milliseconds, then it gives up. Bounds:
 * PATTERN_MAX bytes, a compiled size, matches, depth and heap; PATTERN_TEXT_MAX bytes of text.
 * Threads: one. */
#ifndef SUBSCRIBER_PATTERN_H
#define SUBSCRIBER_PATTERN_H

#include <stddef.h>

#include "common/error.h"

struct pattern;

#define PATTERN_MAX      1024
#define PATTERN_TEXT_MAX (256u << 10)

/* Valid UTF-8. NULL: err says what is wrong, without a place; *at (may be NULL) is the byte. */
struct pattern *pattern_new(const char *text, size_t len, size_t *at, struct news_error *err);
void pattern_free(struct pattern *p); /* NULL is fine */

enum pattern_answer { PATTERN_ABSENT, PATTERN_FOUND, PATTERN_GAVE_UP };

/* Is it anywhere in the text? */
enum pattern_answer pattern_find(const struct pattern *p, const char *text, size_t len);

#endif
