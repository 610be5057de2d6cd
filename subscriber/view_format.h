/* subscriber/view_format.h - format strings: "%{time} %{source:16} %{headline}\n".
 *
 * %{name} is a field of arrival.h, %{name:N} the same cut or filled to exactly N columns,
 * %{name:-N} filled on the left; %% a percent sign; \n, \t and \\ as in C. Each item ends with a
 * newline. */
#ifndef SUBSCRIBER_VIEW_FORMAT_H
#define SUBSCRIBER_VIEW_FORMAT_H

#include "common/error.h"
#include "subscriber/arrival.h"

struct format;

struct format *format_new(const char *text, struct news_error *err);
void format_free(struct format *f); /* NULL is fine */
void format_put(const struct format *f, const struct arrival *a, struct buf *out);

#endif
