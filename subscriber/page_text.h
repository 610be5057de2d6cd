/* subscriber/page_text.h - foreign text made ready for a page. Linear in time whatever the bytes.
 * Pure functions. */
#ifndef SUBSCRIBER_PAGE_TEXT_H
#define SUBSCRIBER_PAGE_TEXT_H

#include <stddef.h>

#include "common/buf.h"

/* Appends what a reader would see of HTML, roughly: paragraphs, lines, bullets; no scripts, no
 * styles. For items of which there is no plain text; ours always have it. Not clean yet. */
void page_text_of_html(struct buf *out, const char *html, size_t len);

/* Where the next address of the web begins in clean text, and its length without the punctuation
 * around it; len when there is none. */
size_t page_text_url(const char *text, size_t len, size_t *url_len);

#endif
