/* publisher/feed_items.h - the items of a feed document as ninjs, one after the other.
 *
 * A reader of feeds wants the news in the order they came about; most feeds list the newest first,
 * so those are read from their end. Threads: any, one feed a thread. */
#ifndef PUBLISHER_FEED_ITEMS_H
#define PUBLISHER_FEED_ITEMS_H

#include "common/ninjs.h"
#include "publisher/feed.h"

/* Whatever format it is; as feed_parse_xml(). */
struct feed *feed_parse(const char *bytes, size_t len, const struct feed_origin *origin,
                        unsigned long *line, struct news_error *err);

#define FEED_REMARKS_MAX 3

struct feed_remark {    /* what there is to say of a feed as a whole */
    bool lost;          /* items were lost by it; else it was mended */
    unsigned long line; /* 0 unknown */
    char text[200];
};
size_t feed_remarks(const struct feed *f, struct feed_remark out[FEED_REMARKS_MAX]);

struct feed_items { /* where one stands in a feed; may be copied, to come back to it */
    const struct feed *feed;
    int64_t now_ms; /* for dates that are not known */
    bool backwards;
    size_t done;
};

enum feed_items_result {
    FEED_ITEMS_ITEM,  /* *item: points into text */
    FEED_ITEMS_FAULT, /* this one cannot be written: err, "item N: ..." */
    FEED_ITEMS_END,
};

/* oldest_first: by the dates of its first and last item; else in the order of the document. */
void feed_items_start(struct feed_items *at, const struct feed *feed, bool oldest_first,
                      int64_t now_ms);
/* text is replaced. */
enum feed_items_result feed_items_next(struct feed_items *at, struct buf *text, struct ninjs *item,
                                       struct news_error *err);
/* The number, from 1, in the document of the item that came last. */
size_t feed_items_number(const struct feed_items *at);

#endif
