/* publisher/fetch.h - documents over HTTP, many at once, in the caller's loop (libcurl multi).
 *
 * http and https only, also after redirects; at most 10 redirects, FEED_BYTES_MAX bytes after
 * decompression, a deadline for all of it; no cookies, no Referer; a User-Agent with version and
 * contact. At most two connections a host, FETCH_PARALLEL in all; the rest wait their turn, and
 * their deadline does not run meanwhile.
 * A user name or password in a URL is never logged. Threads: one. */
#ifndef PUBLISHER_FETCH_H
#define PUBLISHER_FETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/poll_set.h"

#define FETCH_PARALLEL 64
#define FETCH_PER_HOST 2

struct fetch;

struct fetch_request {
    const char *url;
    const char *etag;           /* "" none: sent as If-None-Match, as it was received */
    const char *modified;       /* "" none: If-Modified-Since */
    const char *validators_url; /* the URL whose answer gave them: no other is ever asked with them,
                                   be it on the way of a redirect; NULL: url */
    void *user;
};

struct fetch_result {
    int status; /* HTTP; 0: no answer, err says why */
    struct news_error err;
    const char *final_url; /* after redirects */
    const char *moved_to;  /* final_url when every redirect on the way to it was a permanent one
                              (301, 308); "" when it did not move for good */
    const char *etag, *modified; /* as received, of the final answer; "" none */
    const char *charset;         /* of the Content-Type; "" none */
    int64_t max_age_s;           /* Cache-Control, less Age; -1: not said */
    int64_t retry_after_s;       /* seconds from now, of either form; -1: not said */
    const char *body;            /* of a 200 */
    size_t len;
};

/* on_done: result lives for the call; may start another fetch, must not free f. */
struct fetch *fetch_new(const char *user_agent,
                        void (*on_done)(void *user, const struct fetch_result *r),
                        struct news_error *err);
void fetch_free(struct fetch *f); /* aborts what runs, without on_done; NULL is fine */

struct fetch_limits {
    int64_t connect_ms, total_ms; /* of one document, all its redirects included */
    int64_t stall_s;              /* next to nothing came for so long */
    size_t bytes;                 /* of a document, after decompression */
};
/* For fetches that start from now on; without it: 10 s, 60 s, 20 s, FEED_BYTES_MAX. */
void fetch_limit(struct fetch *f, const struct fetch_limits *limits);

/* False: err says what is wrong with the URL; nothing was started. */
bool fetch_start(struct fetch *f, const struct fetch_request *r, struct news_error *err);
/* Forgets what runs for that user, without on_done. */
void fetch_cancel(struct fetch *f, void *user);
size_t fetch_running(const struct fetch *f); /* unanswered, waiting ones included */
void fetch_poll(struct fetch *f, struct poll_set *set);

/* url for messages: without user name and password, cut to size. */
void fetch_public_url(const char *url, char *out, size_t size);

#endif
