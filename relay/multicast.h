/* relay/multicast.h - multicast as options and sockets have it; group.h is what goes there. */
#ifndef NEWS_RELAY_MULTICAST_H
#define NEWS_RELAY_MULTICAST_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "relay/listener.h"

/* "239.77.0.1" or "239.77.0.1:7789". */
bool multicast_group_parse(const char *text, struct nrp_address *out, struct news_error *err);
/* local_only: nobody is asked for a key, so nothing may leave this machine. */
bool multicast_interface_parse(const char *text, bool local_only, uint8_t out[4],
                               struct news_error *err);
/* The IPv4 datagram socket of l sends to the group: by that interface (zeros: the one it is bound
 * to, else the route's), over no router. False: there is none, or the kernel refuses it. */
bool multicast_prepare(const struct listeners *l, const struct nrp_address *group,
                       const uint8_t interface[4], struct news_error *err);

#endif
