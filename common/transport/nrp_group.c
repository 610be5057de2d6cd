#include "common/transport/nrp_group.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define RECEIVE_BYTES (4 << 20)

/* Both ends of the session have to be IPv4. */
static bool ends(int session, struct sockaddr_in *own, struct sockaddr_in *relay)
{
    socklen_t own_len = sizeof *own, relay_len = sizeof *relay;
    if (getsockname(session, (struct sockaddr *)own, &own_len) != 0 ||
        getpeername(session, (struct sockaddr *)relay, &relay_len) != 0)
        return false;
    if (own->sin_family == AF_INET && relay->sin_family == AF_INET) return true;
    errno = EAFNOSUPPORT;
    return false;
}

static bool listen_at(int fd, const struct in_addr *interface, const struct nrp_group_address *at)
{
    const int on = 1, off = 0, receive = RECEIVE_BYTES;
    struct sockaddr_in group = {.sin_family = AF_INET, .sin_port = htons(at->port)};
    memcpy(&group.sin_addr, at->ip, sizeof at->ip);
    const struct ip_mreq join = {.imr_multiaddr = group.sin_addr, .imr_interface = *interface};
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive, sizeof receive);
    /* Others on this machine listen, too; and what others joined is not for us. */
    return setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
           setsockopt(fd, IPPROTO_IP, IP_MULTICAST_ALL, &off, sizeof off) == 0 &&
           bind(fd, (const struct sockaddr *)&group, sizeof group) == 0 &&
           setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &join, sizeof join) == 0;
}

static bool watch_both(const struct nrp_group_socket *s, int session)
{
    struct epoll_event group = {.events = EPOLLIN, .data.fd = s->fd};
    struct epoll_event own = {.events = EPOLLIN, .data.fd = session};
    return s->both >= 0 && epoll_ctl(s->both, EPOLL_CTL_ADD, s->fd, &group) == 0 &&
           epoll_ctl(s->both, EPOLL_CTL_ADD, session, &own) == 0;
}

bool nrp_group_open(struct nrp_group_socket *s, int session, const struct nrp_group_address *at)
{
    struct sockaddr_in own = {0};
    *s = (struct nrp_group_socket){.fd = -1, .both = -1};
    if (!ends(session, &own, &s->relay)) return false;
    s->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    s->both = s->fd >= 0 ? epoll_create1(EPOLL_CLOEXEC) : -1;
    if (s->fd >= 0 && listen_at(s->fd, &own.sin_addr, at) && watch_both(s, session)) return true;
    int why = errno;
    nrp_group_close(s);
    errno = why;
    return false;
}

void nrp_group_close(struct nrp_group_socket *s)
{
    if (s->both >= 0) (void)close(s->both);
    if (s->fd >= 0) (void)close(s->fd);
    s->fd = s->both = -1;
}

void nrp_group_watch(const struct nrp_group_socket *s, int session, short events)
{
    struct epoll_event own = {.data.fd = session};
    own.events = (events & POLLIN ? EPOLLIN : 0) | (events & POLLOUT ? EPOLLOUT : 0);
    (void)epoll_ctl(s->both, EPOLL_CTL_MOD, session, &own);
}

size_t nrp_group_read(const struct nrp_group_socket *s, uint8_t *out, size_t size, bool *from_relay)
{
    struct sockaddr_in from = {0};
    socklen_t len = sizeof from;
    ssize_t n = recvfrom(s->fd, out, size, MSG_DONTWAIT, (struct sockaddr *)&from, &len);
    *from_relay = from.sin_addr.s_addr == s->relay.sin_addr.s_addr &&
                  from.sin_port == s->relay.sin_port;
    return n > 0 ? (size_t)n : 0;
}
