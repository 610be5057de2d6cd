#include "tests/support/peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static bool listen_on(struct peer *p, int backlog)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    *p = (struct peer){.connection = -1};
    p->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (p->listener < 0 || bind(p->listener, (struct sockaddr *)&address, size) != 0 ||
        getsockname(p->listener, (struct sockaddr *)&address, &size) != 0 ||
        listen(p->listener, backlog) != 0)
        return false;
    p->port = ntohs(address.sin_port);
    snprintf(p->url, sizeof p->url, "mqtt://127.0.0.1:%d", p->port);
    return true;
}

bool peer_open(struct peer *p, const struct peer_answer *answers, size_t count)
{
    if (!listen_on(p, 16)) return false;
    p->answers = answers;
    p->answer_count = count;
    return true;
}

/* A backlog of 0 holds one connection; a second SYN is dropped and sent again for minutes. */
bool peer_open_black_hole(struct peer *p)
{
    if (!listen_on(p, 0)) return false;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)p->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    p->connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return connect(p->connection, (struct sockaddr *)&address, sizeof address) == 0;
}

static void hang_up(struct peer *p)
{
    if (p->connection >= 0) close(p->connection);
    p->connection = -1;
}

void peer_close(struct peer *p)
{
    hang_up(p);
    if (p->port) close(p->listener);
    buf_deinit(&p->received);
    *p = (struct peer){0};
}

static void accept_next(struct peer *p)
{
    int fd = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return;
    hang_up(p);
    p->connection = fd;
    p->accepted++;
    p->answered = false;
    buf_clear(&p->received);
}

static void receive(struct peer *p)
{
    char bytes[4096];
    ssize_t n = recv(p->connection, bytes, sizeof bytes, 0);
    if (n > 0) buf_put(&p->received, bytes, (size_t)n);
    if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR))) return;
    hang_up(p);
    p->ended++;
}

static void answer(struct peer *p)
{
    size_t i = p->accepted <= p->answer_count ? p->accepted - 1 : p->answer_count - 1;
    const struct peer_answer *a = &p->answers[i];
    p->answered = true;
    if (a->len) (void)peer_send(p, a->bytes, a->len);
    if (a->close) hang_up(p);
}

void peer_serve(void *peer)
{
    struct peer *p = peer;
    accept_next(p);
    if (p->connection >= 0) receive(p);
    if (p->connection >= 0 && !p->answered && p->received.len > 0 && p->answer_count > 0) answer(p);
}

bool peer_send(struct peer *p, const void *bytes, size_t len)
{
    return send(p->connection, bytes, len, MSG_NOSIGNAL) == (ssize_t)len;
}

unsigned peer_count_packets(const struct peer *p, unsigned type)
{
    const unsigned char *at = (const unsigned char *)p->received.data;
    size_t left = p->received.len;
    unsigned count = 0;
    while (left >= 2) {
        size_t len = 0, i = 1, shift = 0;
        for (; i < left && i < 5; i++, shift += 7) {
            len |= (size_t)(at[i] & 0x7f) << shift;
            if (!(at[i] & 0x80)) break;
        }
        if (i + 1 + len > left) break;
        if (at[0] >> 4 == type) count++;
        at += i + 1 + len;
        left -= i + 1 + len;
    }
    return count;
}
