#include "common/transport/nrp_socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <string.h>
#include <unistd.h>

#define RECEIVE_BYTES   (4 << 20) /* a datagram of 512 bytes counts as 1283 of these */
#define USER_TIMEOUT_MS 30000

#ifndef UDP_GRO
#define UDP_GRO 104 /* linux/udp.h; glibc 2.36 has no name for it */
#endif

static void set_option(int fd, int level, int name, int value)
{
    /* A socket that does not have it works without. */
    (void)setsockopt(fd, level, name, &value, sizeof value);
}

static void tune(int fd, int family, int socktype, bool nagle)
{
    if (socktype == SOCK_DGRAM) {
        set_option(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BYTES);
        set_option(fd, SOL_UDP, UDP_GRO, 1);
        /* Datagrams that do not fit are an error we hear of, never fragments. */
        if (family == AF_INET6) set_option(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DO);
        else set_option(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
    } else if (family != AF_UNIX) {
        set_option(fd, IPPROTO_TCP, TCP_NODELAY, !nagle);
        set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, USER_TIMEOUT_MS);
        set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    }
}

int nrp_socket_open(const struct sockaddr *address, socklen_t len, int socktype, bool nagle)
{
    int fd = socket(address->sa_family, socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -1;
    tune(fd, address->sa_family, socktype, nagle);
    if (connect(fd, address, len) == 0 || errno == EINPROGRESS) return fd;
    int why = errno;
    (void)close(fd);
    errno = why;
    return -1;
}

int nrp_socket_error(int fd)
{
    int error = 0;
    socklen_t len = sizeof error;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0) return errno;
    return error;
}

bool nrp_socket_read_burst(int fd, uint8_t *out, size_t size, struct nrp_burst *b)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr aligned;
    } control;
    struct iovec all = {out, size};
    struct msghdr m = {.msg_iov = &all,
                       .msg_iovlen = 1,
                       .msg_control = control.bytes,
                       .msg_controllen = sizeof control.bytes};
    ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT);
    *b = (struct nrp_burst){0};
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    b->len = b->segment = (size_t)n;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
        int segment;
        if (c->cmsg_level != SOL_UDP || c->cmsg_type != UDP_GRO) continue;
        memcpy(&segment, CMSG_DATA(c), sizeof segment);
        if (segment > 0) b->segment = (size_t)segment;
    }
    return true;
}
