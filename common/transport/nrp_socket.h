/* common/transport/nrp_socket.h - the sockets of NRP carriers: opened towards one address, tuned,
 * read and written. Nothing blocks. */
#ifndef NEWS_NRP_SOCKET_H
#define NEWS_NRP_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

/* A socket that is connecting (poll for writing, then nrp_socket_error()), or connected: datagrams
 * and UNIX sockets are at once. -1: errno says why. */
int nrp_socket_open(const struct sockaddr *address, socklen_t len, int socktype, bool nagle);
int nrp_socket_error(int fd); /* SO_ERROR */

/* One read of datagrams: with UDP GRO the kernel hands over several of one size at once. */
struct nrp_burst {
    size_t len;     /* bytes in all; 0: nothing there */
    size_t segment; /* bytes of each but the last */
};
/* Fills out; false: errno says why (not EAGAIN, which is a burst of 0). */
bool nrp_socket_read_burst(int fd, uint8_t *out, size_t size, struct nrp_burst *b);

#endif
