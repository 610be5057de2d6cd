/* publisher/http_head.h - what the header of an HTTP answer says that matters to whoever reads
 * feeds: validators, how long it stays fresh, when to come again, the charset.
 *
 * Foreign bytes: values that are too long or hold control characters count as not given. */
#ifndef PUBLISHER_HTTP_HEAD_H
#define PUBLISHER_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_head {
    char etag[512], modified[128]; /* as received; "" none */
    char charset[40];              /* of the Content-Type; "" none */
    int64_t max_age_s;             /* of Cache-Control; -1: not said, or not to be kept at all */
    int64_t age_s;                 /* spent in caches on the way */
    int64_t retry_after_s;         /* from now_ms; -1: not said */
    bool uncacheable;              /* no-cache, no-store */
};

void http_head_init(struct http_head *h);
/* One line, with or without its end. now_ms is what a Retry-After date is measured from. */
void http_head_line(struct http_head *h, const char *line, size_t len, int64_t now_ms);
/* How long the answer stays fresh from now on; -1: not said. */
int64_t http_head_fresh_s(const struct http_head *h);

#endif
