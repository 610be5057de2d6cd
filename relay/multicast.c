#include "relay/multicast.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "relay/address.h"

#define PORT 7789

/* --- options ----------------------------------------------------------------------------- */

/* As much of text as is before the end. */
static bool ipv4(const char *text, size_t len, uint8_t out[4])
{
    char address[INET_ADDRSTRLEN] = "";
    if (len >= sizeof address) return false;
    memcpy(address, text, len);
    return inet_pton(AF_INET, address, out) == 1;
}

static bool port_parse(const char *text, uint16_t *port)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    *port = (uint16_t)value;
    return *text >= '0' && *text <= '9' && !*end && value > 0 && value <= UINT16_MAX;
}

bool multicast_group_parse(const char *text, struct nrp_address *out, struct news_error *err)
{
    const char *colon = strchr(text, ':');
    struct nrp_address a = {.family = 4, .port = PORT};
    if (!ipv4(text, colon ? (size_t)(colon - text) : strlen(text), a.ip) ||
        (colon && !port_parse(colon + 1, &a.port)))
        return news_fail(err, NEWS_ERR_USAGE,
                         "--multicast: \"%.40s\" is no IPv4 group such as 239.77.0.1 or "
                         "239.77.0.1:7789",
                         text);
    if (a.ip[0] < 224 || a.ip[0] > 239)
        return news_fail(err, NEWS_ERR_USAGE,
                         "--multicast: \"%.40s\" is one machine's address; groups are 224.0.0.0 to "
                         "239.255.255.255, those for everybody's own use begin with 239",
                         text);
    *out = a;
    return true;
}

bool multicast_interface_parse(const char *text, bool local_only, uint8_t out[4],
                               struct news_error *err)
{
    if (!ipv4(text, strlen(text), out))
        return news_fail(err, NEWS_ERR_USAGE,
                         "--multicast-interface: \"%.40s\" is not an IPv4 address", text);
    if (!local_only || out[0] == 127) return true;
    return news_fail(err, NEWS_ERR_USAGE,
                     "--multicast-interface: without --keys only this machine is served, and %s "
                     "reaches others (--insecure allows it)",
                     text);
}

/* --- the socket -------------------------------------------------------------------------- */

static const struct listener *find_socket(const struct listeners *l)
{
    for (size_t i = 0; i < listeners_count(l); i++) {
        const struct listener *at = listeners_at(l, i);
        if (at->kind == LISTEN_UDP && at->address.family == 4) return at;
    }
    return NULL;
}

/* Its own address is where the clients of the session sockets see the relay: the group's datagrams
 * have to come from there, too. */
static struct in_addr choose(const struct listener *l, const uint8_t interface[4])
{
    static const uint8_t none[4];
    struct in_addr in;
    memcpy(&in, memcmp(interface, none, sizeof none) ? interface : l->address.ip, sizeof in);
    return in;
}

/* By itself the kernel would say so with each datagram alone, and clients wait to hear them. */
static bool has_route(const struct nrp_address *group)
{
    struct sockaddr_storage to;
    socklen_t len = address_write(group, &to);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0 && connect(fd, (const struct sockaddr *)&to, len) == 0;
    if (fd >= 0) (void)close(fd);
    return ok;
}

static bool set_options(int fd, const struct in_addr *interface)
{
    const int hops = 1, on = 1;
    return setsockopt(fd, IPPROTO_IP, IP_MULTICAST_TTL, &hops, sizeof hops) == 0 &&
           setsockopt(fd, IPPROTO_IP, IP_MULTICAST_LOOP, &on, sizeof on) == 0 &&
           setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, interface, sizeof *interface) == 0;
}

bool multicast_prepare(const struct listeners *l, const struct nrp_address *group,
                       const uint8_t interface[4], struct news_error *err)
{
    const struct listener *at = find_socket(l);
    if (!at)
        return news_fail(err, NEWS_ERR_USAGE,
                         "--multicast needs an nrp+udp:// listener with an IPv4 address");
    struct in_addr in = choose(at, interface);
    if (in.s_addr == htonl(INADDR_ANY) && !has_route(group))
        return news_fail(err, NEWS_ERR_CONFIG,
                         "--multicast: no route leads to such groups; name an interface with "
                         "--multicast-interface, or an address in --listen nrp+udp://ADDRESS");
    if (set_options(at->fd, &in)) return true;
    char text[INET_ADDRSTRLEN] = "?";
    (void)inet_ntop(AF_INET, &in, text, sizeof text);
    return news_fail(err, NEWS_ERR_CONFIG, "--multicast: the interface with %s: %s", text,
                     strerror(errno));
}
