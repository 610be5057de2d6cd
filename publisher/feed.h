/* publisher/feed.h - a feed document as drafts, whatever its format.
 *
 * RSS 0.9x, 1.0 (RDF) and 2.0, Atom 0.3 and 1.0 (feed_xml.c, libxml2) and JSON Feed 1.0 and 1.1
 * (feed_json.c, jansson), told apart by content, never by name or declared type. Foreign bytes:
 * every size is bounded, nothing is fetched, no entity is loaded from outside. Threads: any, one
 * feed a thread. */
#ifndef NEWS_FEED_H
#define NEWS_FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/draft.h"
#include "common/error.h"

#define FEED_BYTES_MAX (64u << 20) /* of one document, after decompression */
#define FEED_ITEMS_MAX 20000
#define FEED_FIELD_MAX (1u << 20) /* bytes of one text; longer ones are cut at a character */
#define FEED_DEPTH_MAX 200

struct feed_origin {
    const char *url;     /* where the bytes came from, after redirects; NULL for a file */
    const char *charset; /* of the HTTP Content-Type; NULL when there was none */
};

struct feed {
    const char *format; /* "RSS 2.0", "Atom 1.0", "JSON Feed 1.1": static */
    const char *title;  /* never NULL, may be empty */
    const char *link;   /* the feed's web page, absolute; NULL unknown */
    const char *language;
    bool damaged;       /* recovered from broken markup or bytes: fault says how */
    unsigned long line; /* of the fault, 0 unknown */
    char fault[160];
    struct draft *items; /* in document order; every one has a uri */
    size_t item_count;
    size_t skipped;       /* items with nothing to read or to open */
    size_t left_out;      /* items beyond FEED_ITEMS_MAX */
    size_t bad_dates;     /* items with a date, and none that could be read */
    unsigned ttl_minutes; /* the feed's own wish how seldom to ask; 0 none */
    uint32_t skip_hours;  /* bit h: not in the hour h of UTC */
    uint32_t skip_days;   /* bit d: not on that weekday; 0 is Sunday */
    struct arena *memory; /* owns every string above */
};

/* True when the bytes look like XML: their first character is '<', in whatever encoding, white
 * space and a BOM passed over. feed_parse_xml() decides for good, and says of a web page that it is
 * one. */
bool feed_looks_xml(const char *bytes, size_t len);

/* NULL when it is no feed, or is refused (entity bomb, too large, too deep): err says why, and
 * *line, if not NULL, where (0 unknown). The caller owns the answer: feed_free(). */
struct feed *feed_parse_xml(const char *bytes, size_t len, const struct feed_origin *origin,
                            unsigned long *line, struct news_error *err);
struct feed *feed_parse_json(const char *bytes, size_t len, const struct feed_origin *origin,
                             unsigned long *line, struct news_error *err);
void feed_free(struct feed *f); /* NULL is fine */

#endif
