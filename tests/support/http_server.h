/* tests/support/http_server.h - an HTTP/1.1 server with a script, in the loop of the test itself.
 *
 * Listens on 127.0.0.1 (names below .localhost lead there, too). Each request is answered by the
 * test's own function, with raw bytes, so that an answer can be as wrong as it likes. */
#ifndef NEWS_TEST_HTTP_SERVER_H
#define NEWS_TEST_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"
#include "common/poll_set.h"

struct http_server;

struct http_request {
    const char *target; /* "/feed.xml" */
    const char *head;   /* all of it */
};

struct http_reply {
    struct buf bytes;    /* status line, header, body */
    const char *forever; /* comes after bytes again and again; NULL: nothing */
    size_t forever_len;
    bool hang;  /* leaves the connection open, and silent */
    bool close; /* ends it after bytes */
};

struct http_server *http_server_new(void (*answer)(void *user, const struct http_request *q,
                                                   struct http_reply *reply),
                                    void *user);
void http_server_free(struct http_server *s);
void http_server_poll(struct http_server *s, struct poll_set *set);
/* host NULL: 127.0.0.1. */
void http_server_url(const struct http_server *s, const char *host, const char *target, char *out,
                     size_t size);

/* While held back, requests are read but not answered. */
void http_server_hold(struct http_server *s, bool hold);
size_t http_server_requests(const struct http_server *s);  /* read so far */
size_t http_server_open_most(const struct http_server *s); /* connections open at the same time */

/* The value of a field of the request's head, without blanks around; "" it has none. */
void http_field(const struct http_request *q, const char *name, char *out, size_t size);
/* Writes an answer: fields are whole lines that end with "\r\n", or "". */
void http_answer(struct http_reply *reply, const char *status, const char *fields, const char *body,
                 size_t len);

#endif
