#include "tests/support/http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_SIZE = 16384, BACKLOG = 256 };

struct visitor { /* one connection */
    struct visitor *next;
    struct http_server *server;
    int fd;
    struct buf in;
    struct http_reply reply;
    size_t sent;
    bool answered, over;
};

struct http_server {
    int fd;
    unsigned port;
    void (*answer)(void *user, const struct http_request *q, struct http_reply *reply);
    void *user;
    struct visitor *visitors;
    bool hold;
    size_t requests, open_most;
};

struct http_server *http_server_new(void (*answer)(void *user, const struct http_request *q,
                                                   struct http_reply *reply),
                                    void *user)
{
    struct http_server *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof at;
    *s = (struct http_server){.answer = answer, .user = user};
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s->fd >= 0 && bind(s->fd, (struct sockaddr *)&at, sizeof at) == 0 &&
        listen(s->fd, BACKLOG) == 0 && getsockname(s->fd, (struct sockaddr *)&at, &size) == 0) {
        s->port = ntohs(at.sin_port);
        return s;
    }
    http_server_free(s);
    return NULL;
}

static void visitor_free(struct visitor *v)
{
    (void)close(v->fd);
    buf_deinit(&v->in);
    buf_deinit(&v->reply.bytes);
    free(v);
}

void http_server_free(struct http_server *s)
{
    if (!s) return;
    for (struct visitor *v = s->visitors, *next; v; v = next) {
        next = v->next;
        visitor_free(v);
    }
    if (s->fd >= 0) (void)close(s->fd);
    free(s);
}

/* ---- one connection ---- */

static void read_request(struct visitor *v)
{
    char *at = buf_reserve(&v->in, READ_SIZE);
    ssize_t n = at ? read(v->fd, at, READ_SIZE) : 0;
    if (n <= 0) {
        v->over = true;
        return;
    }
    v->in.len += (size_t)n;
    v->in.data[v->in.len] = '\0';
    if (strstr(v->in.data, "\r\n\r\n")) v->server->requests++;
}

static bool has_request(const struct visitor *v)
{
    return !v->answered && v->in.len && strstr(v->in.data, "\r\n\r\n");
}

static void answer(struct visitor *v)
{
    char target[1024] = "";
    (void)sscanf(v->in.data, "%*s %1023s", target);
    struct http_request q = {.target = target, .head = v->in.data};
    v->server->answer(v->server->user, &q, &v->reply);
    v->answered = true;
}

static void await_next_request(struct visitor *v)
{
    buf_clear(&v->in);
    buf_deinit(&v->reply.bytes);
    v->reply = (struct http_reply){0};
    v->sent = 0;
    v->answered = false;
}

static void write_reply(struct visitor *v)
{
    struct http_reply *r = &v->reply;
    bool more = v->sent < r->bytes.len;
    const char *at = more ? r->bytes.data + v->sent : r->forever;
    size_t len = more ? r->bytes.len - v->sent : r->forever_len;
    ssize_t n = at ? send(v->fd, at, len, MSG_NOSIGNAL) : 0;
    if (n < 0) v->over = true;
    else if (more) v->sent += (size_t)n;
    if (v->over || v->sent < r->bytes.len || r->forever || r->hang) return;
    if (r->close) v->over = true;
    else await_next_request(v);
}

static void serve(void *user, short revents)
{
    struct visitor *v = user;
    if (revents & (POLLIN | POLLHUP | POLLERR)) read_request(v);
    if (!v->over && has_request(v) && !v->server->hold) answer(v);
    if (!v->over && v->answered && (revents & POLLOUT)) write_reply(v);
}

/* ---- all of them ---- */

static void sweep(struct http_server *s)
{
    for (struct visitor **at = &s->visitors; *at;) {
        struct visitor *v = *at;
        if (!v->over) {
            at = &v->next;
            continue;
        }
        *at = v->next;
        visitor_free(v);
    }
}

static void welcome(void *user, short revents)
{
    (void)revents;
    struct http_server *s = user;
    int fd;
    while ((fd = accept4(s->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct visitor *v = calloc(1, sizeof *v);
        if (!v) abort();
        *v = (struct visitor){.next = s->visitors, .server = s, .fd = fd};
        s->visitors = v;
    }
    size_t open = 0;
    for (const struct visitor *v = s->visitors; v; v = v->next)
        open += !v->over;
    if (open > s->open_most) s->open_most = open;
}

void http_server_poll(struct http_server *s, struct poll_set *set)
{
    sweep(s);
    for (struct visitor *v = s->visitors; v; v = v->next) {
        bool silent = v->reply.hang && v->sent == v->reply.bytes.len;
        bool writes = (v->answered && !silent) || (has_request(v) && !s->hold);
        poll_set_add(set, v->fd, (short)(POLLIN | (writes ? POLLOUT : 0)), serve, v);
    }
    /* Last: those who went away in this turn are gone before others come. */
    poll_set_add(set, s->fd, POLLIN, welcome, s);
}

void http_server_url(const struct http_server *s, const char *host, const char *target, char *out,
                     size_t size)
{
    (void)snprintf(out, size, "http://%s:%u%s", host ? host : "127.0.0.1", s->port, target);
}

void http_server_hold(struct http_server *s, bool hold)
{
    s->hold = hold;
}

size_t http_server_requests(const struct http_server *s)
{
    return s->requests;
}

size_t http_server_open_most(const struct http_server *s)
{
    return s->open_most;
}

/* ---- for scripts ---- */

void http_field(const struct http_request *q, const char *name, char *out, size_t size)
{
    *out = '\0';
    size_t len = strlen(name);
    for (const char *line = strstr(q->head, "\r\n"); line; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, len) != 0 || line[len] != ':') continue;
        const char *value = line + len + 1 + strspn(line + len + 1, " ");
        (void)snprintf(out, size, "%.*s", (int)strcspn(value, "\r"), value);
        return;
    }
}

void http_answer(struct http_reply *reply, const char *status, const char *fields, const char *body,
                 size_t len)
{
    buf_printf(&reply->bytes, "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\n\r\n", status, fields, len);
    buf_put(&reply->bytes, body, len);
}
