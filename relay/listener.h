/* relay/listener.h - where the relay listens: URLs, and the sockets that are made of them.
 *
 * nrp://[HOST][:PORT], nrp+udp://[HOST][:PORT], nrp+unix:///PATH. No host: every address of the
 * machine. "localhost" is 127.0.0.1 and ::1. Port 0: the kernel chooses. Sockets do not block. */
#ifndef NEWS_RELAY_LISTENER_H
#define NEWS_RELAY_LISTENER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "common/error.h"
#include "common/nrp/secure.h"

#define LISTEN_TEXT_MAX 128

enum listen_kind { LISTEN_TCP, LISTEN_UDP, LISTEN_UNIX };

struct listen_url {
    enum listen_kind kind;
    char host[256]; /* "": every address */
    int port;       /* 0: the kernel chooses */
    char path[108]; /* of LISTEN_UNIX */
};

/* NEWS_ERR_USAGE: err quotes the text. */
bool listen_url_parse(const char *text, struct listen_url *url, struct news_error *err);

struct listener {
    enum listen_kind kind;
    int fd;
    unsigned reactor;           /* of LISTEN_UDP: whose socket it is */
    struct nrp_address address; /* as it was bound */
    char text[LISTEN_TEXT_MAX]; /* the same as a URL */
    char path[108];             /* of LISTEN_UNIX */
    dev_t device;               /* the file we made there: nobody else's is removed */
    ino_t inode;
};

struct listeners_config {
    const struct listen_url *urls;
    size_t count;
    unsigned reactors; /* with more than one, each has a datagram socket of its own */
    bool local_only;   /* refuses addresses that other machines can reach */
    mode_t unix_mode;
};

struct listeners;

/* All or none. Refused: what local_only forbids, two datagram addresses of one family (answers
 * leave through the family's socket), a UNIX path where something else is. A socket that nobody
 * listens on any more is removed. NEWS_ERR_UNREACHABLE: in use. Call it before there are threads:
 * it sets the umask for a moment. */
struct listeners *listeners_open(const struct listeners_config *c, struct news_error *err);
void listeners_close(struct listeners *l); /* removes UNIX sockets; NULL is fine */
size_t listeners_count(const struct listeners *l);
const struct listener *listeners_at(const struct listeners *l, size_t i);

#endif
