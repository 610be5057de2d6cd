/* subscriber/view_tsv.h - sfeed(5): nine fields parted by tabs, so that sfeed_plain, sfeed_curses
 * and their like work on our output. */
#ifndef SUBSCRIBER_VIEW_TSV_H
#define SUBSCRIBER_VIEW_TSV_H

#include "subscriber/arrival.h"

void view_tsv_put(const struct arrival *a, struct buf *out);

#endif
