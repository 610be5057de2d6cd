#include "common/transport/nrp_resolve.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/transport/background.h"

struct nrp_resolve {
    atomic_int owners; /* the loop and the thread; the last to leave frees */
    atomic_bool over;  /* set after the results below */
    int fd;
    char *host, port[8];
    struct addrinfo hints, *found;
    int status, error_number;
};

static void leave(struct nrp_resolve *r)
{
    if (atomic_fetch_sub(&r->owners, 1) > 1) return;
    if (r->found) freeaddrinfo(r->found);
    if (r->fd >= 0) close(r->fd);
    free(r->host);
    free(r);
}

static void look_up(struct nrp_resolve *r)
{
    r->status = getaddrinfo(r->host, r->port, &r->hints, &r->found);
    r->error_number = errno;
    uint64_t one = 1;
    atomic_store(&r->over, true);
    while (write(r->fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

static void *resolve_thread(void *argument)
{
    look_up(argument);
    leave(argument);
    return NULL;
}

/* A numeric address needs no server and no thread. */
static bool is_numeric(const struct nrp_resolve *r)
{
    struct addrinfo hints = r->hints, *found;
    hints.ai_flags |= AI_NUMERICHOST;
    if (getaddrinfo(r->host, r->port, &hints, &found) != 0) return false;
    freeaddrinfo(found);
    return true;
}

static int begin(struct nrp_resolve *r)
{
    if (!r->host) return ENOMEM;
    if (r->fd < 0) return errno;
    if (is_numeric(r)) {
        look_up(r);
        return 0;
    }
    atomic_store(&r->owners, 2);
    int failed = background_start(resolve_thread, r);
    if (failed) atomic_store(&r->owners, 1);
    return failed;
}

struct nrp_resolve *nrp_resolve_start(const char *host, int port, int socktype,
                                      struct news_error *err)
{
    struct nrp_resolve *r = calloc(1, sizeof *r);
    if (!r) {
        news_fail(err, NEWS_ERR_MEMORY, "out of memory");
        return NULL;
    }
    atomic_init(&r->owners, 1);
    r->hints = (struct addrinfo){.ai_socktype = socktype, .ai_flags = AI_NUMERICSERV};
    r->host = strdup(host);
    snprintf(r->port, sizeof r->port, "%d", port);
    r->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int failed = begin(r);
    if (!failed) return r;
    news_fail(err, NEWS_ERR_MEMORY, "no thread to resolve with: %s", strerror(failed));
    leave(r);
    return NULL;
}

int nrp_resolve_fd(const struct nrp_resolve *r)
{
    return r->fd;
}

bool nrp_resolve_is_over(const struct nrp_resolve *r)
{
    return atomic_load(&r->over);
}

struct addrinfo *nrp_resolve_finish(struct nrp_resolve *r, struct news_error *err)
{
    struct addrinfo *found = r->found;
    r->found = NULL;
    if (!found)
        news_fail(err, NEWS_ERR_UNREACHABLE, "%.100s: %s", r->host,
                  r->status == EAI_SYSTEM ? strerror(r->error_number) : gai_strerror(r->status));
    leave(r);
    return found;
}

void nrp_resolve_abandon(struct nrp_resolve *r)
{
    if (r) leave(r);
}
