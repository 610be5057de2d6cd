/* subscriber/view.h - how arrivals become bytes on standard output. */
#ifndef SUBSCRIBER_VIEW_H
#define SUBSCRIBER_VIEW_H

#include "common/error.h"
#include "subscriber/arrival.h"
#include "subscriber/theme.h"

struct view_screen {
    bool terminal; /* links, right-to-left isolation, wrapping */
    bool colour;
    size_t columns; /* 0: do not wrap */
    int64_t now_ms;
    const struct style *highlight; /* of this item; NULL: none */
};

struct view;

/* spec: "text", "ndjson", "tsv", "auto" (text), or a format string such as
 * "%{time} %{headline:60}". Copied. NULL: a malformed one, err says what. */
struct view *view_new(const char *spec, struct news_error *err);
void view_free(struct view *v); /* NULL is fine */

/* False: this view shows everything as it is (a machine reads it); true: items that are withheld,
 * embargoed or expired are left out. */
bool view_hides(const struct view *v);

/* Appends the arrival, with the newline that ends it. */
void view_put(struct view *v, const struct arrival *a, const struct view_screen *screen,
              struct buf *out);

#endif
