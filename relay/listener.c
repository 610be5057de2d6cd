#include "relay/listener.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/nrp/frame.h"
#include "relay/address.h"

enum {
    BACKLOG = 4096,
    UNSENT_LOW = 64 << 10,   /* lag shows in our queues, not in the kernel's */
    USER_TIMEOUT_MS = 30000, /* unacknowledged for so long: the peer is gone */
    DATAGRAM_BUFFER = 4 << 20,
};

/* --- URLs -------------------------------------------------------------------------------- */

static const struct {
    const char *prefix;
    enum listen_kind kind;
} schemes[] = {{"nrp://", LISTEN_TCP}, {"nrp+udp://", LISTEN_UDP}, {"nrp+unix://", LISTEN_UNIX}};

static bool bad_url(const char *text, const char *why, struct news_error *err)
{
    return news_fail(err, NEWS_ERR_USAGE, "--listen %.100s: %s", text, why);
}

static bool take_path(const char *text, const char *path, struct listen_url *url,
                      struct news_error *err)
{
    if (*path != '/') return bad_url(text, "a path is needed: nrp+unix:///run/news.sock", err);
    if (strlen(path) >= sizeof url->path) return bad_url(text, "the path is too long", err);
    memcpy(url->path, path, strlen(path) + 1);
    return true;
}

static bool take_port(const char *text, const char *digits, struct listen_url *url,
                      struct news_error *err)
{
    size_t len = strspn(digits, "0123456789");
    long port = len > 0 && len <= 5 && !digits[len] ? strtol(digits, NULL, 10) : -1;
    if (port < 0 || port > 65535) return bad_url(text, "the port is a number up to 65535", err);
    url->port = (int)port;
    return true;
}

static bool take_authority(const char *text, const char *host, struct listen_url *url,
                           struct news_error *err)
{
    bool bracketed = *host == '[';
    size_t len = strcspn(host += bracketed, bracketed ? "]" : ":/");
    const char *rest = host + len;
    if (bracketed && *rest++ != ']') return bad_url(text, "'[' without ']'", err);
    if (len >= sizeof url->host) return bad_url(text, "the host is too long", err);
    memcpy(url->host, host, len);
    url->host[len] = '\0';
    url->port = NRP_PORT;
    if (*rest == ':' && strchr(rest + 1, ':'))
        return bad_url(text, "an IPv6 address needs brackets: [::1]:7788", err);
    if (*rest == ':') return take_port(text, rest + 1, url, err);
    if (*rest == '\0' || strcmp(rest, "/") == 0) return true;
    return bad_url(text, "only a port may follow the host", err);
}

bool listen_url_parse(const char *text, struct listen_url *url, struct news_error *err)
{
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        size_t len = strlen(schemes[i].prefix);
        if (strncasecmp(text, schemes[i].prefix, len) != 0) continue;
        *url = (struct listen_url){.kind = schemes[i].kind};
        if (url->kind == LISTEN_UNIX) return take_path(text, text + len, url, err);
        return take_authority(text, text + len, url, err);
    }
    return bad_url(text, "give nrp://, nrp+udp:// or nrp+unix:///", err);
}

/* --- sockets ----------------------------------------------------------------------------- */

struct listeners {
    const struct listeners_config *config; /* while they are opened */
    struct listener *list;
    size_t count, size;
};

/* Room for one more, zeroed but for fd -1, and counted. */
static struct listener *add(struct listeners *l, enum listen_kind kind, struct news_error *err)
{
    if (l->count == l->size) {
        size_t size = l->size ? 2 * l->size : 8;
        struct listener *list = realloc(l->list, size * sizeof *list);
        if (!list) {
            news_fail(err, NEWS_ERR_MEMORY, "out of memory");
            return NULL;
        }
        l->list = list;
        l->size = size;
    }
    l->list[l->count] = (struct listener){.kind = kind, .fd = -1};
    return &l->list[l->count++];
}

static const char *scheme_of(enum listen_kind kind)
{
    return schemes[kind].prefix;
}

static void set_option(int fd, int level, int name, int value)
{
    (void)setsockopt(fd, level, name, &value, sizeof value);
}

/* What is set on the listening socket is what accepted ones have from the start. */
static void set_stream_options(int fd)
{
    set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, UNSENT_LOW);
    set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, USER_TIMEOUT_MS);
}

static void set_datagram_options(int fd, int family)
{
    int size = DATAGRAM_BUFFER; /* FORCE: beyond net.core.rmem_max, for the privileged */
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) != 0)
        set_option(fd, SOL_SOCKET, SO_RCVBUF, size);
    set_option(fd, SOL_SOCKET, SO_SNDBUF, size / 4);
    set_option(fd, SOL_SOCKET, SO_RXQ_OVFL, 1);
    if (family == 4) set_option(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
    else set_option(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DO);
}

static int open_socket(const struct listener *at, bool shared)
{
    bool stream = at->kind == LISTEN_TCP;
    bool v6 = at->address.family == 6;
    int fd = socket(v6 ? AF_INET6 : AF_INET,
                    (stream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -1;
    if (v6) set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    if (stream) set_stream_options(fd);
    else set_datagram_options(fd, at->address.family);
    if (shared) set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    return fd;
}

static bool bind_failed(const struct listener *at, struct news_error *err)
{
    char text[ADDRESS_TEXT_MAX];
    int why = errno;
    address_text(&at->address, text);
    if (why == EADDRINUSE)
        return news_fail(err, NEWS_ERR_UNREACHABLE, "%s%s is in use: another program listens there",
                         scheme_of(at->kind), text);
    return news_fail(err, why == EACCES || why == EADDRNOTAVAIL ? NEWS_ERR_CONFIG : NEWS_ERR_IO,
                     "%s%s: %s", scheme_of(at->kind), text, strerror(why));
}

static bool bind_socket(struct listener *at, bool shared, struct news_error *err)
{
    struct sockaddr_storage bound;
    socklen_t len = address_write(&at->address, &bound);
    at->fd = open_socket(at, shared);
    if (at->fd < 0 || bind(at->fd, (struct sockaddr *)&bound, len) != 0)
        return bind_failed(at, err);
    len = sizeof bound;
    if (getsockname(at->fd, (struct sockaddr *)&bound, &len) != 0) return bind_failed(at, err);
    address_read(&bound, &at->address);
    if (at->kind == LISTEN_TCP && listen(at->fd, BACKLOG) != 0) return bind_failed(at, err);
    char text[ADDRESS_TEXT_MAX];
    address_text(&at->address, text);
    (void)snprintf(at->text, sizeof at->text, "%s%s", scheme_of(at->kind), text);
    return true;
}

/* Sockets that share a port share it with any program of ours: one that does not tells whether
 * somebody is there already, and which port the kernel would choose. */
static bool find_free(struct listener *at, struct news_error *err)
{
    bool ok = bind_socket(at, false, err);
    if (at->fd >= 0) (void)close(at->fd);
    at->fd = -1;
    return ok;
}

static bool open_datagrams(struct listeners *l, const struct nrp_address *address,
                           struct news_error *err)
{
    struct nrp_address where = *address;
    unsigned count = l->config->reactors;
    for (size_t i = 0; i < l->count; i++)
        if (l->list[i].kind == LISTEN_UDP && l->list[i].address.family == where.family)
            return news_fail(err, NEWS_ERR_CONFIG,
                             "--listen: there can be one nrp+udp address of IPv%u, and %s is there",
                             (unsigned)where.family, l->list[i].text);
    for (unsigned i = 0; i < count; i++) {
        struct listener *at = add(l, LISTEN_UDP, err);
        if (!at) return false;
        at->reactor = i;
        at->address = where;
        if (i == 0 && count > 1 && !find_free(at, err)) return false;
        if (!bind_socket(at, count > 1, err)) return false;
        where = at->address;
    }
    return true;
}

static bool open_stream(struct listeners *l, const struct nrp_address *address,
                        struct news_error *err)
{
    struct listener *at = add(l, LISTEN_TCP, err);
    if (!at) return false;
    at->address = *address;
    return bind_socket(at, false, err);
}

static bool may_listen(const struct listeners *l, const struct nrp_address *a,
                       struct news_error *err)
{
    char text[ADDRESS_TEXT_MAX];
    if (!l->config->local_only || address_is_local(a)) return true;
    address_text(a, text);
    return news_fail(err, NEWS_ERR_CONFIG,
                     "anybody on the network could publish at %s: give --keys without --require "
                     "open, or --insecure if that is meant",
                     text);
}

static bool open_address(struct listeners *l, enum listen_kind kind, const struct nrp_address *a,
                         struct news_error *err)
{
    if (!may_listen(l, a, err)) return false;
    return (kind == LISTEN_TCP ? open_stream : open_datagrams)(l, a, err);
}

/* "localhost", and no host at all: both families, at one port where that can be had. A machine
 * without IPv6 has the other. */
static bool open_both(struct listeners *l, const struct listen_url *url, struct news_error *err)
{
    bool local = *url->host;
    struct nrp_address v4 = {.family = 4, .port = (uint16_t)url->port};
    struct nrp_address v6 = {.family = 6, .port = (uint16_t)url->port};
    if (local) v4.ip[0] = 127, v4.ip[3] = 1, v6.ip[15] = 1;
    if (!open_address(l, url->kind, &v4, err)) return false;
    v6.port = l->list[l->count - 1].address.port;
    size_t before = l->count;
    if (open_address(l, url->kind, &v6, err)) return true;
    bool taken = err->code == NEWS_ERR_UNREACHABLE;
    bool missing = err->code == NEWS_ERR_IO || (local && l->count > before && !taken);
    while (l->count > before) {
        struct listener *at = &l->list[--l->count];
        if (at->fd >= 0) (void)close(at->fd);
    }
    if (missing) return true;
    if (!taken || url->port != 0) return false;
    v6.port = 0;
    return open_address(l, url->kind, &v6, err);
}

static bool open_host(struct listeners *l, const struct listen_url *url, struct news_error *err)
{
    if (!*url->host || strcasecmp(url->host, "localhost") == 0) return open_both(l, url, err);
    struct addrinfo *found = NULL;
    const struct addrinfo hints = {.ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM};
    char port[16];
    (void)snprintf(port, sizeof port, "%d", url->port);
    int failed = getaddrinfo(url->host, port, &hints, &found);
    if (failed)
        return news_fail(err, NEWS_ERR_CONFIG, "--listen: %s: %s", url->host, gai_strerror(failed));
    bool ok = true;
    for (const struct addrinfo *at = found; ok && at; at = at->ai_next) {
        struct sockaddr_storage copy = {0};
        struct nrp_address a;
        memcpy(&copy, at->ai_addr, at->ai_addrlen);
        address_read(&copy, &a);
        ok = open_address(l, url->kind, &a, err);
    }
    freeaddrinfo(found);
    return ok;
}

/* --- UNIX -------------------------------------------------------------------------------- */

/* Makes way for our socket: what is at the path may be one that nobody listens on any more. */
static bool clear_path(const struct sockaddr_un *at, struct news_error *err)
{
    struct stat is;
    const char *path = at->sun_path;
    if (lstat(path, &is) != 0)
        return errno == ENOENT ||
               news_fail(err, NEWS_ERR_CONFIG, "nrp+unix://%s: %s", path, strerror(errno));
    if (!S_ISSOCK(is.st_mode))
        return news_fail(err, NEWS_ERR_CONFIG,
                         "nrp+unix://%s: something that is not a socket is there", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool stale = fd >= 0 && connect(fd, (const struct sockaddr *)at, sizeof *at) != 0 &&
                 errno == ECONNREFUSED;
    if (fd >= 0) (void)close(fd);
    if (stale && unlink(path) == 0) return true;
    return news_fail(err, NEWS_ERR_UNREACHABLE, "nrp+unix://%s is in use: %s", path,
                     stale ? strerror(errno) : "another program listens there");
}

static bool open_unix(struct listeners *l, const struct listen_url *url, struct news_error *err)
{
    struct sockaddr_un where = {.sun_family = AF_UNIX};
    struct stat is;
    memcpy(where.sun_path, url->path, sizeof where.sun_path);
    if (!clear_path(&where, err)) return false;
    struct listener *at = add(l, LISTEN_UNIX, err);
    if (!at) return false;
    at->address.family = 1;
    at->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    mode_t before = umask(0777 & ~l->config->unix_mode);
    bool bound = at->fd >= 0 && bind(at->fd, (struct sockaddr *)&where, sizeof where) == 0;
    int why = errno;
    (void)umask(before);
    if (!bound)
        return news_fail(err, NEWS_ERR_CONFIG, "nrp+unix://%s: %s", url->path, strerror(why));
    if (lstat(url->path, &is) == 0) at->device = is.st_dev, at->inode = is.st_ino;
    memcpy(at->path, url->path, sizeof at->path);
    (void)snprintf(at->text, sizeof at->text, "nrp+unix://%s", url->path);
    return listen(at->fd, BACKLOG) == 0 ||
           news_fail(err, NEWS_ERR_IO, "%s: %s", at->text, strerror(errno));
}

/* --- all --------------------------------------------------------------------------------- */

struct listeners *listeners_open(const struct listeners_config *c, struct news_error *err)
{
    struct listeners *l = calloc(1, sizeof *l);
    bool ok = l != NULL;
    if (!ok) news_fail(err, NEWS_ERR_MEMORY, "out of memory");
    else l->config = c;
    for (size_t i = 0; ok && i < c->count; i++)
        ok = (c->urls[i].kind == LISTEN_UNIX ? open_unix : open_host)(l, &c->urls[i], err);
    if (ok) return l;
    listeners_close(l);
    return NULL;
}

static void close_one(struct listener *at)
{
    struct stat is;
    if (at->fd >= 0) (void)close(at->fd);
    if (*at->path && lstat(at->path, &is) == 0 && is.st_dev == at->device && is.st_ino == at->inode)
        (void)unlink(at->path);
}

void listeners_close(struct listeners *l)
{
    if (!l) return;
    for (size_t i = 0; i < l->count; i++)
        close_one(&l->list[i]);
    free(l->list);
    free(l);
}

size_t listeners_count(const struct listeners *l)
{
    return l->count;
}

const struct listener *listeners_at(const struct listeners *l, size_t i)
{
    return &l->list[i];
}
