#include "bench/newsnet/side.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/route.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/newsnet/netlab.h"
#include "bench/newsnet/under_way.h"

#define DEVICE      "news0"
#define QUEUE_TO_US 10000 /* packets; what a burst sends while we are not scheduled waits here */

static bool failed(struct news_error *err, const char *what)
{
    bool denied = errno == EPERM || errno == EACCES;
    return news_fail(
        err, denied ? NEWS_ERR_DENIED : NEWS_ERR_UNSUPPORTED, "%s: %s%s", what, strerror(errno),
        denied ? " (this needs root: CAP_SYS_ADMIN, CAP_NET_ADMIN and /dev/net/tun)" : "");
}

/* --- the device -------------------------------------------------------------------------- */

static bool configure(int fd, unsigned long request, const char *device, struct ifreq *r)
{
    (void)snprintf(r->ifr_name, sizeof r->ifr_name, "%s", device);
    return ioctl(fd, request, r) == 0;
}

static struct sockaddr_in address_of(const char *text)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    inet_pton(AF_INET, text, &a.sin_addr);
    return a;
}

static bool set_address(int fd, unsigned long request, const char *text)
{
    struct ifreq r = {0};
    struct sockaddr_in a = address_of(text);
    memcpy(&r.ifr_addr, &a, sizeof a);
    return configure(fd, request, DEVICE, &r);
}

static bool bring_up(int fd, const char *device)
{
    struct ifreq r = {0};
    if (!configure(fd, SIOCGIFFLAGS, device, &r)) return false;
    r.ifr_flags = (short)(r.ifr_flags | IFF_UP | IFF_RUNNING);
    return configure(fd, SIOCSIFFLAGS, device, &r);
}

static bool route_multicast(int fd)
{
    char device[] = DEVICE;
    struct rtentry route = {.rt_flags = RTF_UP, .rt_dev = device};
    struct sockaddr_in to = address_of("224.0.0.0"), mask = address_of("240.0.0.0");
    memcpy(&route.rt_dst, &to, sizeof to);
    memcpy(&route.rt_genmask, &mask, sizeof mask);
    return ioctl(fd, SIOCADDRT, &route) == 0;
}

static bool set_up(int fd, const char *address)
{
    struct ifreq mtu = {.ifr_mtu = PACKET_MAX}, queue = {.ifr_qlen = QUEUE_TO_US};
    /* Refused to root of a user namespace: then it holds 500, and side_unseen() tells the rest. */
    (void)configure(fd, SIOCSIFTXQLEN, DEVICE, &queue);
    return bring_up(fd, "lo") && set_address(fd, SIOCSIFADDR, address) &&
           set_address(fd, SIOCSIFNETMASK, "255.255.255.0") &&
           configure(fd, SIOCSIFMTU, DEVICE, &mtu) && bring_up(fd, DEVICE) && route_multicast(fd);
}

static bool open_device(struct side *s, unsigned number, struct news_error *err)
{
    struct ifreq r = {.ifr_flags = IFF_TUN | IFF_NO_PI};
    s->tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (s->tun < 0 || !configure(s->tun, TUNSETIFF, DEVICE, &r)) return failed(err, "/dev/net/tun");
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0 && set_up(fd, netlab_address(number));
    if (!ok) failed(err, "the device " DEVICE);
    if (fd >= 0) close(fd);
    return ok;
}

/* --- the namespace ----------------------------------------------------------------------- */

/* In the new namespace. */
static bool furnish(struct side *s, unsigned number, struct news_error *err)
{
    if (!open_device(s, number, err)) return false;
    s->net = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    s->devices = open("/proc/self/net/dev", O_RDONLY | O_CLOEXEC);
    return (s->net >= 0 && s->devices >= 0) || failed(err, "/proc/self");
}

bool side_open(struct side *s, unsigned number, struct news_error *err)
{
    *s = (struct side){-1, -1, -1};
    int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (home < 0) return failed(err, "/proc/self/ns/net");
    bool ok = unshare(CLONE_NEWNET) == 0 || failed(err, "a network namespace");
    if (ok) {
        ok = furnish(s, number, err);
        if (setns(home, CLONE_NEWNET) != 0) ok = failed(err, "back from the network namespace");
    }
    close(home);
    if (!ok) side_close(s);
    return ok;
}

void side_close(struct side *s)
{
    int *const all[] = {&s->net, &s->tun, &s->devices};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (*all[i] >= 0) close(*all[i]);
        *all[i] = -1;
    }
}

uint64_t side_unseen(const struct side *s)
{
    char text[4096];
    uint64_t received, sent;
    ssize_t n = pread(s->devices, text, sizeof text - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    const char *line = strstr(text, DEVICE ":");
    /* received: bytes packets errs drop fifo frame compressed multicast, then sent: likewise */
    if (!line || sscanf(line,
                        DEVICE ": %*u %*u %*u %" SCNu64 " %*u %*u %*u %*u"
                               " %*u %*u %*u %" SCNu64,
                        &received, &sent) != 2)
        return 0;
    return received + sent;
}
