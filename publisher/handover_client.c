#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "publisher/handover.h"
#include "publisher/handover_wire.h"

enum { UNSENT_MAX = 1 << 20 };

struct handover_client {
    int fd;
    struct buf in, out, why;
    size_t used; /* of in: answers that were given out */
};

struct handover_client *handover_connect(const char *journal_path, struct news_error *err)
{
    struct sockaddr_un address;
    struct handover_client *c = calloc(1, sizeof *c);
    if (!c) {
        news_fail(err, NEWS_ERR_MEMORY, "out of memory");
        return NULL;
    }
    c->fd = -1;
    if (!handover_address(journal_path, &address, err)) {
        handover_disconnect(c);
        return NULL;
    }
    /* Not blocking: an owner with too many at its door is asked again, as one that is not there. */
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (c->fd >= 0 && connect(c->fd, (struct sockaddr *)&address, sizeof address) == 0) return c;
    news_fail(err, NEWS_ERR_UNREACHABLE, "%s: %s", address.sun_path, strerror(errno));
    handover_disconnect(c);
    return NULL;
}

void handover_disconnect(struct handover_client *c)
{
    if (!c) return;
    if (c->fd >= 0) (void)close(c->fd);
    buf_deinit(&c->in);
    buf_deinit(&c->out);
    buf_deinit(&c->why);
    free(c);
}

int handover_fd(const struct handover_client *c)
{
    return c->fd;
}

short handover_events_wanted(const struct handover_client *c)
{
    return (short)(POLLIN | (c->out.len ? POLLOUT : 0));
}

bool handover_room(const struct handover_client *c)
{
    return c->out.len < UNSENT_MAX;
}

void handover_say(struct handover_client *c, const struct submission *s)
{
    submission_write(&c->out, s);
    buf_putc(&c->out, '\n');
}

static bool gone(struct news_error *err)
{
    return news_fail(err, NEWS_ERR_UNREACHABLE, "the process that owns the journal has gone");
}

static bool write_some(struct handover_client *c, struct news_error *err)
{
    if (!buf_ok(&c->out)) return news_fail(err, NEWS_ERR_MEMORY, "out of memory");
    while (c->out.len > 0) {
        ssize_t n = send(c->fd, c->out.data, c->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return errno == EAGAIN || errno == EWOULDBLOCK || gone(err);
        buf_consume(&c->out, (size_t)n);
    }
    return true;
}

/* The owner takes no more, but what it answered before may still be there to read. */
static bool read_rest(struct handover_client *c)
{
    char *at;
    ssize_t n = 0;
    while ((at = buf_reserve(&c->in, HANDOVER_READ)) &&
           (n = recv(c->fd, at, HANDOVER_READ, MSG_DONTWAIT)) > 0)
        c->in.len += (size_t)n;
    return false;
}

bool handover_service(struct handover_client *c, struct news_error *err)
{
    buf_consume(&c->in, c->used);
    c->used = 0;
    char *at = buf_reserve(&c->in, HANDOVER_READ);
    if (!at) return news_fail(err, NEWS_ERR_MEMORY, "out of memory");
    ssize_t n = recv(c->fd, at, HANDOVER_READ, MSG_DONTWAIT);
    if (n == 0) return gone(err);
    if (n < 0 && errno != EAGAIN && errno != EINTR) return gone(err);
    if (n > 0) c->in.len += (size_t)n;
    return write_some(c, err) || read_rest(c);
}

static const struct {
    const char *text;
    enum handover_kind kind;
} kinds[] = {
    {"accepted", HANDOVER_ACCEPTED}, {"known", HANDOVER_KNOWN}, {"held", HANDOVER_HELD},
    {"refused", HANDOVER_REFUSED},   {"done", HANDOVER_DONE},   {"denied", HANDOVER_DENIED},
    {"failed", HANDOVER_FAILED},
};

bool handover_next(struct handover_client *c, struct handover_answer *out)
{
    const char *line = c->in.data + c->used;
    const char *end = c->in.len > c->used ? memchr(line, '\n', c->in.len - c->used) : NULL;
    if (!end) return false;
    struct json_slice all = {line, (size_t)(end - line)};
    c->used += all.len + 1;
    struct json_walk w = json_walk_start(all.at, all.len);
    struct json_slice answer = {0};
    *out = (struct handover_answer){.kind = HANDOVER_REFUSED, .why = ""};
    buf_clear(&c->why);
    if (json_walk_peek(&w) == '{' && json_walk_any(&w, 0)) {
        answer = json_member(all, "answer");
        json_text(&c->why, json_member(all, "why"));
        if (c->why.len) out->why = c->why.data;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (json_is(answer, kinds[i].text)) out->kind = kinds[i].kind;
    return true;
}
