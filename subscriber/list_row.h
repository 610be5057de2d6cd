/* subscriber/list_row.h - one line of the list: time, source, marks, headline, in columns.
 *
 *      14:02 Harbour Wire     N*u!!!  Storm closes every port from Brest to Rotterdam (+2)
 *
 * Marks: N unread, * starred, u updated, each in its column, and the urgency's "!!!", "!!", "!" or
 * KILL; (+2): folded under it are two more sources. What there is no room for goes first: the year
 * and a part of the source, the source, the time. With a format of the user's (--columns,
 * view_format.h) the marks stand first and the format follows.
 * Rows that were drawn are kept (the last LIST_ROWS_KEPT), so that a frame costs little.
 * Threads: one. */
#ifndef SUBSCRIBER_LIST_ROW_H
#define SUBSCRIBER_LIST_ROW_H

#include "subscriber/gaps.h"
#include "subscriber/model.h"
#include "subscriber/screen.h"
#include "subscriber/theme.h"

#define LIST_ROWS_KEPT 1024

struct list_rows;

/* columns: a format, or NULL. */
struct list_rows *list_rows_new(struct history *h, const struct theme *t, const struct rules *r,
                                const char *columns, struct news_error *err);
void list_rows_free(struct list_rows *l);   /* NULL is fine */
void list_rows_forget(struct list_rows *l); /* the day changed, a store was pruned: all anew */

struct list_row_at {
    int row, column, columns;
    bool selected;
    int64_t now_ms; /* today's items have the time of day, others the date */
};
/* False: the row's text cannot be had (err), or is gone (err->code NEWS_OK): nothing was drawn. */
bool list_row_draw(struct list_rows *l, struct screen *s, const struct model_entry *e,
                   const struct list_row_at *at, struct news_error *err);
/* Appends "5 missing: afp/world 7 to 11, asked for", clean. */
void list_gap_text(struct buf *out, const struct gap *g);
/* The same as a line of the list, between dashes. */
void list_gap_draw(const struct list_rows *l, struct screen *s, const struct gap *g,
                   const struct list_row_at *at);

#endif
