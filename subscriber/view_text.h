/* subscriber/view_text.h - the feed as lines: one or two an item, in columns.
 *
 *      14:02  Harbour Wire     !!!  Storm closes every port from Brest to Rotterdam
 *                                   BREST · https://harbour.example/storm
 */
#ifndef SUBSCRIBER_VIEW_TEXT_H
#define SUBSCRIBER_VIEW_TEXT_H

#include "subscriber/view.h"

struct text_row { /* buffers kept from item to item; zeroed is ready */
    struct buf field, line;
};

void text_row_deinit(struct text_row *row);
void view_text_put(struct text_row *row, const struct arrival *a, const struct view_screen *screen,
                   struct buf *out);

/* The time of day for today's items, the date for others, blank for none; ten columns, on the right
 * of them. */
#define VIEW_WHEN_SIZE 11 /* with its NUL */
void view_text_when(int64_t when_ms, int64_t now_ms, char out[VIEW_WHEN_SIZE]);

#endif
