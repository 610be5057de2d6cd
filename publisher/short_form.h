/* publisher/short_form.h - items that are neither ninjs nor a feed: what a script writes by hand.
 *
 * {"title": ..., "body": ..., "link": ...} and the names in short_form.c's table; or one item of a
 * JSON Feed by itself. */
#ifndef PUBLISHER_SHORT_FORM_H
#define PUBLISHER_SHORT_FORM_H

#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/draft.h"
#include "common/error.h"

enum short_form {
    SHORT_FORM_READ,  /* appended to out as ninjs 3.1 */
    SHORT_FORM_NOT,   /* it is none */
    SHORT_FORM_WRONG, /* it is one, but err says what is wrong with it */
};

enum short_form short_form_read(const char *bytes, size_t len, int64_t now_ms, struct buf *out,
                                struct news_error *err);

#endif
