/* publisher/feed_repair.h - the commonest damage of hand-made XML, mended before a second reading.
 *
 * A parser that recovers drops what it cannot read: "AT&T" loses its T, "?a=1&b=2" its &b, and "a <
 * b" the rest of its element. So what cannot be markup is escaped first. */
#ifndef NEWS_FEED_REPAIR_H
#define NEWS_FEED_REPAIR_H

#include <stddef.h>

#include "common/buf.h"

/* Appends xml with ampersands and less-than signs escaped that begin neither a reference nor
 * markup, references to what is no character dropped, and whatever stands before the XML
 * declaration left out. Newlines stay where they are, so that lines keep their numbers:
 * *lines_dropped counts those that went with the beginning. */
void feed_repair(struct buf *out, const char *xml, size_t len, unsigned long *lines_dropped);

#endif
