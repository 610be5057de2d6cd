/* common/transport/nrp_group.h - the socket that listens to a relay's multicast group, beside the
 * one of the session.
 *
 * It listens on the interface that the session's datagrams leave by, which is where a group without
 * hops is. IPv4 alone. Nothing blocks. */
#ifndef NEWS_NRP_GROUP_SOCKET_H
#define NEWS_NRP_GROUP_SOCKET_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/nrp/client.h"

struct nrp_group_socket {
    int fd;   /* -1: none */
    int both; /* an epoll descriptor: readable when either socket is ready; -1: none */
    struct sockaddr_in relay;
};

/* session: the connected socket of the session. False: errno says why, and s is as none. */
bool nrp_group_open(struct nrp_group_socket *s, int session, const struct nrp_group_address *at);
void nrp_group_close(struct nrp_group_socket *s); /* none is fine */
/* What s->both waits for of the session's socket: poll(2)'s events. */
void nrp_group_watch(const struct nrp_group_socket *s, int session, short events);
/* One datagram: its size, 0: none there. *from_relay: the session's relay sent it. */
size_t nrp_group_read(const struct nrp_group_socket *s, uint8_t *out, size_t size,
                      bool *from_relay);

#endif
