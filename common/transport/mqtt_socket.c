#include "common/transport/mqtt_socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

/* Half a window is on its way when patience begins, so that the broker never runs dry. */
#define PATIENCE_FROM  96
#define PATIENCE_UNTIL 48
#define PATIENCE_BYTES (32 * 4) /* a PUBACK without properties has 4 */
/* For answers that are longer in coming, and for messages, which wait with them. */
#define PATIENCE_MS 2

static void set_option(int fd, int level, int name, int value)
{
    /* A socket that does not have it works without. */
    (void)setsockopt(fd, level, name, &value, sizeof value);
}

/* Pitfall 20: MQTT's keep alive notices a dead peer after up to two intervals; TCP does within
 * one, also while our own data is on its way. */
void mqtt_socket_tune(int fd, int keepalive_s, bool nagle)
{
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, !nagle);
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, keepalive_s / 2 + 1);
    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, keepalive_s / 6 + 1);
    set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
    set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, keepalive_s * 1000);
}

void mqtt_socket_cork(int fd, bool on)
{
    set_option(fd, IPPROTO_TCP, TCP_CORK, on);
}

void mqtt_patience_update(struct mqtt_patience *p, int fd, unsigned unanswered, bool came,
                          int64_t now_ms)
{
    /* From a peer that has gone silent any byte is welcome, and no timer runs for it. */
    bool on = p->on ? unanswered >= PATIENCE_UNTIL && (came || now_ms < p->end_ms)
                    : unanswered >= PATIENCE_FROM && came;
    if (on != p->on) set_option(fd, SOL_SOCKET, SO_RCVLOWAT, on ? PATIENCE_BYTES : 1);
    if (came || on != p->on) p->end_ms = now_ms + PATIENCE_MS;
    p->on = on;
}

bool mqtt_patience_is_over(const struct mqtt_patience *p, int64_t now_ms)
{
    return p->on && now_ms >= p->end_ms;
}
