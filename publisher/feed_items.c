#include "publisher/feed_items.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The first that is no blank, in whatever encoding; '\0': there is none. */
static char first_character(const char *bytes, size_t len)
{
    static const char passed_over[] = " \t\r\n\xef\xbb\xbf\xfe\xff"; /* byte order marks, too */
    size_t i = 0;
    while (i < len && strchr(passed_over, bytes[i])) /* its end is the zeros of UTF-16 */
        i++;
    return i < len ? bytes[i] : '\0';
}

struct feed *feed_parse(const char *bytes, size_t len, const struct feed_origin *origin,
                        unsigned long *line, struct news_error *err)
{
    char first = first_character(bytes, len);
    if (line) *line = 0;
    if (feed_looks_xml(bytes, len)) return feed_parse_xml(bytes, len, origin, line, err);
    if (first == '{' || first == '[') return feed_parse_json(bytes, len, origin, line, err);
    news_fail(err, NEWS_ERR_DATA, first ? "neither XML nor JSON" : "an empty document");
    return NULL;
}

/* ---- remarks ---- */

__attribute__((format(printf, 4, 5))) static size_t remark(struct feed_remark *out, bool lost,
                                                           unsigned long line, const char *format,
                                                           ...)
{
    va_list args;
    *out = (struct feed_remark){.lost = lost, .line = line};
    va_start(args, format);
    (void)vsnprintf(out->text, sizeof out->text, format, args);
    va_end(args);
    return 1;
}

size_t feed_remarks(const struct feed *f, struct feed_remark out[FEED_REMARKS_MAX])
{
    size_t count = 0;
    if (f->damaged) count += remark(&out[count], f->left_out > 0, f->line, "%s", f->fault);
    if (f->skipped)
        count += remark(&out[count], false, 0, "%zu items hold nothing to read or to open",
                        f->skipped);
    if (f->bad_dates)
        count += remark(&out[count], false, 0,
                        "%zu items have a date that cannot be read; now stands for it",
                        f->bad_dates);
    return count;
}

/* ---- items ---- */

void feed_items_start(struct feed_items *at, const struct feed *feed, bool oldest_first,
                      int64_t now_ms)
{
    const struct draft *items = feed->items;
    size_t count = feed->item_count;
    *at = (struct feed_items){.feed = feed, .now_ms = now_ms};
    at->backwards = oldest_first && count > 1 &&
                    items[0].published_ms > items[count - 1].published_ms;
}

size_t feed_items_number(const struct feed_items *at)
{
    return at->backwards ? at->feed->item_count + 1 - at->done : at->done;
}

enum feed_items_result feed_items_next(struct feed_items *at, struct buf *text, struct ninjs *item,
                                       struct news_error *err)
{
    if (at->done == at->feed->item_count) return FEED_ITEMS_END;
    struct news_error why = {0};
    at->done++;
    size_t number = feed_items_number(at);
    buf_clear(text);
    if (!draft_write(&at->feed->items[number - 1], at->now_ms, text, &why)) {
        news_fail(err, why.code, "item %zu: %s", number, why.message);
        return FEED_ITEMS_FAULT;
    }
    if (text->len > NINJS_BYTES_MAX) {
        news_fail(err, NEWS_ERR_TOO_LARGE, "item %zu: $: the item is larger than 4 MiB", number);
        return FEED_ITEMS_FAULT;
    }
    ninjs_note(text->data, text->len, item); /* valid, as fuzz_feed makes sure */
    return FEED_ITEMS_ITEM;
}
