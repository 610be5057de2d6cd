#include "publisher/handover.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/date.h"
#include "common/log.h"
#include "publisher/handover_wire.h"

enum {
    CLIENTS_MAX = 32,
    LINES_A_TURN = 500,   /* of one client, before the others have theirs */
    UNREAD_MAX = 1 << 20, /* bytes of answers a client may leave unread */
};

struct owed { /* an answer that waits for the commit, or for the broker */
    uint64_t line, id;
    enum desk_answer answer;
};

struct owed_list {
    struct owed *items;
    size_t first, count, size; /* first: of those not taken out in front */
};

struct client {
    int fd; /* -1: a free place */
    struct buf in, out;
    size_t used; /* of in: lines that are dealt with */
    uint64_t line;
    struct owed_list batch;   /* taken, not yet committed */
    struct owed_list waiting; /* committed, not yet acknowledged; ids ascending */
    bool ended;               /* it will not say more */
    bool gone;                /* nor hear */
    struct handover *owner;
};

struct handover {
    struct handover_events events;
    struct sockaddr_un address;
    int listener;
    bool stopped;
    struct client clients[CLIENTS_MAX];
};

bool handover_address(const char *journal_path, struct sockaddr_un *out, struct news_error *err)
{
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    int n = snprintf(out->sun_path, sizeof out->sun_path, "%s.sock", journal_path);
    if (n > 0 && (size_t)n < sizeof out->sun_path) return true;
    return news_fail(err, NEWS_ERR_UNREACHABLE, "%s.sock: the path is too long for a socket",
                     journal_path);
}

/* ---- answers ---- */

static bool owe(struct owed_list *l, struct owed o)
{
    if (l->first > l->count / 2) { /* the answered ones in front go */
        memmove(l->items, l->items + l->first, (l->count - l->first) * sizeof *l->items);
        l->count -= l->first;
        l->first = 0;
    }
    if (l->count == l->size) {
        size_t size = l->size ? l->size * 2 : 64;
        struct owed *items = realloc(l->items, size * sizeof *items);
        if (!items) return false;
        l->items = items;
        l->size = size;
    }
    l->items[l->count++] = o;
    return true;
}

static void say(struct client *c, uint64_t line, const char *answer, const char *why)
{
    buf_printf(&c->out, "{\"line\":%llu", (unsigned long long)line);
    json_put_member(&c->out, "answer", answer);
    if (why && *why) json_put_member(&c->out, "why", why);
    buf_puts(&c->out, "}\n");
}

static const char *const answers[] = {
    [DESK_ACCEPTED] = "accepted", [DESK_KNOWN] = "known",   [DESK_HELD] = "held",
    [DESK_REFUSED] = "refused",   [DESK_FAILED] = "failed",
};

/* ---- clients ---- */

static void client_close(struct client *c)
{
    if (c->fd >= 0) (void)close(c->fd);
    buf_deinit(&c->in);
    buf_deinit(&c->out);
    free(c->batch.items);
    free(c->waiting.items);
    *c = (struct client){.fd = -1, .owner = c->owner};
}

static bool has_line(const struct client *c)
{
    return c->in.len > c->used && memchr(c->in.data + c->used, '\n', c->in.len - c->used);
}

static bool is_over(const struct client *c)
{
    bool idle = c->batch.first == c->batch.count && c->waiting.first == c->waiting.count &&
                c->out.len == 0;
    return c->gone || (c->ended && idle && !has_line(c));
}

static void client_write(struct client *c)
{
    while (c->out.len > 0) {
        ssize_t n = send(c->fd, c->out.data, c->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            c->gone = errno != EAGAIN && errno != EWOULDBLOCK;
            return;
        }
        buf_consume(&c->out, (size_t)n);
    }
}

static void client_line(struct client *c, const char *line, size_t len)
{
    struct handover *h = c->owner;
    struct news_error err = {0};
    struct owed owed = {.line = ++c->line};
    owed.answer = h->events.on_line(h->events.user, line, len, &owed.id, &err);
    if (owed.answer == DESK_REFUSED || owed.answer == DESK_FAILED)
        say(c, owed.line, answers[owed.answer], err.message);
    else if (!owe(&c->batch, owed)) buf_reserve(&c->out, SIZE_MAX / 2); /* marks it failed */
}

static void client_lines(struct client *c)
{
    for (int i = 0; i < LINES_A_TURN && c->in.len > c->used; i++) {
        const char *line = c->in.data + c->used;
        const char *end = memchr(line, '\n', c->in.len - c->used);
        if (!end) break;
        c->used += (size_t)(end - line) + 1;
        client_line(c, line, (size_t)(end - line));
    }
    buf_consume(&c->in, c->used);
    c->used = 0;
}

static bool client_read(struct client *c)
{
    char *at = buf_reserve(&c->in, HANDOVER_READ);
    if (!at) return false;
    ssize_t n = recv(c->fd, at, HANDOVER_READ, MSG_DONTWAIT);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    c->in.len += (size_t)n;
    c->ended = n == 0;
    return c->in.len <= SUBMISSION_BYTES_MAX || has_line(c);
}

static bool takes_lines(const struct client *c)
{
    const struct handover *h = c->owner;
    return !h->stopped && c->out.len < UNREAD_MAX && !h->events.is_busy(h->events.user);
}

static bool client_wants_input(const struct client *c)
{
    return !c->ended && !has_line(c) && takes_lines(c);
}

static void on_client(void *user, short revents)
{
    struct client *c = user;
    if (client_wants_input(c) && revents & (POLLIN | POLLHUP | POLLERR)) c->gone = !client_read(c);
    if (!c->gone && takes_lines(c)) client_lines(c);
    if (!c->gone) client_write(c);
    if (!buf_ok(&c->in) || !buf_ok(&c->out)) c->gone = true;
}

static struct client *free_place(struct handover *h)
{
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        if (h->clients[i].fd < 0) return &h->clients[i];
    return NULL;
}

static void on_listener(void *user, short revents)
{
    struct handover *h = user;
    (void)revents;
    int fd = accept4(h->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return;
    free_place(h)->fd = fd;
}

/* ---- the owner ---- */

struct handover *handover_open(const char *journal_path, const struct handover_events *e,
                               struct news_error *err)
{
    struct handover *h = calloc(1, sizeof *h);
    if (!h) {
        news_fail(err, NEWS_ERR_MEMORY, "out of memory");
        return NULL;
    }
    h->events = *e;
    h->listener = -1;
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        h->clients[i] = (struct client){.fd = -1, .owner = h};
    if (!handover_address(journal_path, &h->address, err)) {
        if (err) err->code = NEWS_ERR_CONFIG;
        free(h);
        return NULL;
    }
    (void)unlink(h->address.sun_path);
    h->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    mode_t mask = umask(0177); /* the socket file is born for its owner alone */
    bool bound = h->listener >= 0 &&
                 bind(h->listener, (struct sockaddr *)&h->address, sizeof h->address) == 0 &&
                 listen(h->listener, CLIENTS_MAX) == 0;
    (void)umask(mask);
    if (bound) return h;
    news_fail(err, NEWS_ERR_IO, "%s: %s", h->address.sun_path, strerror(errno));
    handover_close(h);
    return NULL;
}

void handover_close(struct handover *h)
{
    if (!h) return;
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        if (h->clients[i].fd >= 0) client_write(&h->clients[i]);
        client_close(&h->clients[i]);
    }
    if (h->listener >= 0) {
        (void)close(h->listener);
        (void)unlink(h->address.sun_path);
    }
    free(h);
}

void handover_stop(struct handover *h)
{
    h->stopped = true;
}

void handover_poll(struct handover *h, struct poll_set *set)
{
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        if (h->clients[i].fd >= 0 && is_over(&h->clients[i])) client_close(&h->clients[i]);
    /* Who finds no place waits in the kernel's queue. */
    if (!h->stopped && free_place(h)) poll_set_add(set, h->listener, POLLIN, on_listener, h);
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        struct client *c = &h->clients[i];
        if (c->fd < 0) continue;
        short events = (short)((client_wants_input(c) ? POLLIN : 0) | (c->out.len ? POLLOUT : 0));
        bool work = has_line(c) && takes_lines(c);
        if (work) poll_set_add_always(set, c->fd, events, on_client, c);
        else poll_set_add(set, events ? c->fd : -1, events, on_client, c);
        if (work) poll_set_deadline(set, 0);
    }
}

static void settle(struct client *c, const struct news_error *failed)
{
    struct owed_list *batch = &c->batch;
    for (; batch->first < batch->count; batch->first++) {
        struct owed o = batch->items[batch->first];
        if (failed) say(c, o.line, answers[DESK_FAILED], failed->message);
        else say(c, o.line, answers[o.answer], NULL);
        if (!failed && o.answer == DESK_ACCEPTED) (void)owe(&c->waiting, o);
    }
    client_write(c);
}

void handover_committed(struct handover *h, const struct news_error *failed)
{
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        if (h->clients[i].fd >= 0) settle(&h->clients[i], failed);
}

/* Acknowledgements come nearly in the order of the ids. */
static struct owed *find_waiting(struct client *c, uint64_t id)
{
    struct owed_list *l = &c->waiting;
    while (l->first < l->count && l->items[l->first].id == 0)
        l->first++; /* answered */
    for (size_t i = l->first; i < l->count && l->items[i].id <= id; i++)
        if (l->items[i].id == id) return &l->items[i];
    return NULL;
}

void handover_answered(struct handover *h, uint64_t id, const struct news_error *refused)
{
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        struct client *c = &h->clients[i];
        struct owed *o = c->fd >= 0 ? find_waiting(c, id) : NULL;
        if (!o) continue;
        say(c, o->line, refused ? "denied" : "done", refused ? refused->message : NULL);
        o->id = 0;
        (void)find_waiting(c, 0); /* passes the answered ones */
        return;                   /* written by the next turn */
    }
}

void handover_forget(struct handover *h)
{
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        struct client *c = &h->clients[i];
        if (c->waiting.first == c->waiting.count) continue;
        client_write(c);
        client_close(c); /* what it handed in is on disk: it says so */
    }
}
