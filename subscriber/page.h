/* subscriber/page.h - text to be read in a pane: paragraphs with their looks, wrapped to the pane's
 * width, scrolled by lines. The item pane, help, messages, links, what is missing: all are pages.
 *
 * A page keeps its paragraphs, so that it can be wrapped anew when the width changes. Text is given
 * clean (text_clean(); newlines allowed) and copied. Bounds: PAGE_MAX bytes; what does not fit is
 * cut, and the page says so in its last line. Threads: one. */
#ifndef SUBSCRIBER_PAGE_H
#define SUBSCRIBER_PAGE_H

#include "subscriber/gaps.h"
#include "subscriber/history.h"
#include "subscriber/keys.h"
#include "subscriber/screen.h"
#include "subscriber/theme.h"

#define PAGE_MAX       (1u << 20)
#define PAGE_LINKS_MAX 99

struct page;

struct page *page_new(void);    /* NULL: no memory */
void page_free(struct page *p); /* NULL is fine */
void page_clear(struct page *p);

/* A paragraph: label (NULL: none) stands before it in THEME_LABEL, its lines begin behind it.
 * indent in columns. */
void page_add(struct page *p, enum theme_element look, int indent, const char *label,
              const char *text, size_t len);
void page_blank(struct page *p); /* an empty line; never two in a row, none at the top */
/* A link of the page, shown as "[1] https://..."; only text_url_ok() ones, each once; true: taken.
 */
bool page_add_link(struct page *p, const char *url, size_t len);
size_t page_link_count(const struct page *p);
const char *page_link(const struct page *p, size_t i); /* from 0 */
/* Words that stand out (THEME_MATCH) wherever they are, as text_words() has them: " budget "; NULL:
 * none. */
void page_mark(struct page *p, const char *words);

/* Lines at that width; the page is wrapped to it. */
size_t page_lines(struct page *p, int columns);
/* Draws rows lines from line top on; filled with blanks. */
void page_draw(struct page *p, struct screen *s, const struct theme *t, int row, int column,
               int rows, int columns, size_t top);

/* ---- what pages are made of; each clears the page first ---- */

struct page_item {
    const struct history_row *row;
    const struct arrival *const *also; /* of the same story, folded under it */
    size_t also_count;
    const struct gap *const *gaps; /* what is missing before it */
    size_t gap_count;
    int64_t now_ms;
};
/* Headline, who, when, where, links, status (kill and why, update, embargo), text, also from.
 * A note to editors is told of kills and corrections only. */
void page_of_item(struct page *p, const struct page_item *item);
void page_of_source(struct page *p, const struct history_row *row); /* JSON, indented */
/* Every command in its group, with the keys bound to it. */
void page_of_help(struct page *p, const struct keys *k);
void page_of_gaps(struct page *p, const struct gaps *g);

#endif
