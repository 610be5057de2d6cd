/* bench/newsbench/markup.h - text written into HTML and SVG, which is XML here.
 *
 * Foreign text is cleaned (common/text.h) and escaped; nothing else ever is written between tags
 * or quotes. What is said differently in two languages is written twice, in elements with lang
 * attributes: the style sheet shows one of them. */
#ifndef BENCH_MARKUP_H
#define BENCH_MARKUP_H

#include "bench/newsbench/text.h"
#include "common/buf.h"

void markup_escaped(struct buf *out, const char *text); /* one line; for attributes, too */
void markup_lines(struct buf *out, const char *text);   /* newlines stay */
/* tag: of the element for each language, "span" or "tspan". The same in both: without it. */
void markup_both(struct buf *out, const char *tag, const char *english, const char *french);
void markup_words(struct buf *out, const struct words *w); /* in HTML, by span */
void markup_say(struct buf *out, enum say what);
/* <TAG class="CLASS">...</TAG>; class NULL: none. */
void markup_element(struct buf *out, const char *tag, const char *class, const struct words *w);

#endif
