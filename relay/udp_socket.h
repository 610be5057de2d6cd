/* relay/udp_socket.h - the datagram sockets of one reactor, at most one for IPv4 and one for IPv6,
 * between the kernel and the hub.
 *
 * Many datagrams a system call: recvmmsg() and sendmmsg(), and where the kernel can, one buffer for
 * a run of datagrams from or to one address (UDP GRO and GSO). A datagram that cannot be sent is
 * counted and dropped: its receiver asks for it again. Threads: the reactor's. */
#ifndef NEWS_RELAY_UDP_SOCKET_H
#define NEWS_RELAY_UDP_SOCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "relay/hub.h"
#include "relay/listener.h"

struct udp_counts {
    uint64_t datagrams_in, bytes_in, datagrams_out, bytes_out;
    uint64_t send_failed, truncated;
    uint64_t rcvbuf_dropped; /* by the kernel, since the socket's buffer was full */
};

struct udp_socket;

/* The sockets of l that belong to this reactor; they stay the listeners'. */
struct udp_socket *udp_socket_new(int epoll, const struct listeners *l, unsigned reactor,
                                  struct hub *hub, struct news_error *err);
void udp_socket_free(struct udp_socket *u); /* NULL is fine */
/* Sends what the hub has. True: there is more, which had to wait for other work. */
bool udp_socket_flush(struct udp_socket *u, int64_t now_us);
/* Nothing is kept that a socket did not take. */
bool udp_socket_is_empty(const struct udp_socket *u);
void udp_socket_counts(const struct udp_socket *u, struct udp_counts *out);

#endif
