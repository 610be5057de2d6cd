/* common/transport/nrp_resolve.h - the addresses of a host, without stopping the loop.
 *
 * getaddrinfo() blocks, so a name is looked up on a thread of its own; a numeric address is ready
 * at once. Who has waited long enough abandons the lookup, and its thread frees what is left.
 * Threads: everything here is called on the loop's thread. */
#ifndef NEWS_NRP_RESOLVE_H
#define NEWS_NRP_RESOLVE_H

#include <netdb.h>
#include <stdbool.h>

#include "common/error.h"

struct nrp_resolve;

/* socktype: SOCK_STREAM or SOCK_DGRAM. NULL: no memory or no thread. */
struct nrp_resolve *nrp_resolve_start(const char *host, int port, int socktype,
                                      struct news_error *err);
int nrp_resolve_fd(const struct nrp_resolve *r); /* readable once it is over */
bool nrp_resolve_is_over(const struct nrp_resolve *r);
/* Of one that is over: frees r. The list is the caller's (freeaddrinfo()); NULL: err says why. */
struct addrinfo *nrp_resolve_finish(struct nrp_resolve *r, struct news_error *err);
void nrp_resolve_abandon(struct nrp_resolve *r); /* NULL is fine */

#endif
