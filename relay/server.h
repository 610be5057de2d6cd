/* relay/server.h - the relay as a whole: sockets, reactors, signals, status. */
#ifndef NEWS_RELAY_SERVER_H
#define NEWS_RELAY_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/options.h"
#include "common/topic.h"
#include "relay/guard.h"
#include "relay/hub.h"
#include "relay/listener.h"
#include "relay/log.h"

struct server_config {
    struct listen_url listen[OPTION_LIST_MAX];
    size_t listen_count;
    mode_t unix_mode;
    bool local_only;  /* no keys are asked for: other machines must not reach us */
    const char *keys; /* a file, or NULL */
    enum nrp_security security_least;
    unsigned reactors;
    struct guard_limits guard;
    struct log_config log;
    struct hub_config hub;
    uint8_t multicast_interface[4]; /* IPv4; zeros: the listener's, or the route's */
    char name[TOPIC_SLUG_MAX + 1];
    int64_t status_us; /* 0: no status is published */
};

/* Until SIGTERM or SIGINT. Messages go to the log; returns the exit status. The limit of sessions
 * is lowered in c when there are too few descriptors. */
int server_run(struct server_config *c);

#endif
