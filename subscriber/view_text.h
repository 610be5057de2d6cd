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

#endif
