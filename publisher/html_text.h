/* publisher/html_text.h - HTML as found in feeds, as plain text.
 *
 * A tokenizer after HTML 5 §13.2.5 without a tree: what is text, a tag, a comment, and where tags
 * make lines and paragraphs. Any bytes of valid UTF-8 are input; the time is linear in their
 * number whatever they are, and nothing nests, so depth costs nothing. Why not libxml2's parser: it
 * took two thirds of the time that all of reading a feed may take.
 * The functions append to out; buf_ok() says whether all went well. */
#ifndef NEWS_HTML_TEXT_H
#define NEWS_HTML_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"

/* A fragment: block elements make lines, paragraphs, headings, quotes and lists an empty line,
 * list items begin with a bullet, cells are parted by a blank; scripts, styles, frames and pictures
 * leave no trace. References are decoded, white space folded. A fragment without any tag keeps its
 * paragraphs where empty lines part them. */
void html_to_text(struct buf *out, const char *html, size_t len);

/* A title, which may be plain text, HTML, or HTML by accident, as one line: references decoded,
 * tags of known elements dropped, and decoded once more if what remains is a reference. What only
 * looks like markup stays: "a < b", "AT&T", "vector<int>". */
void html_title(struct buf *out, const char *text, size_t len);

/* The same of text that claims to be plain: only references are decoded, tags stay. */
void html_plain_title(struct buf *out, const char *text, size_t len);

/* True when text holds a tag of a known element, a comment or a reference. */
bool html_has_markup(const char *text, size_t len);

#endif
