/* relay/cli.h - newsrelay's settings and option table, and the configuration they make. */
#ifndef NEWS_RELAY_CLI_H
#define NEWS_RELAY_CLI_H

#include "common/program.h"
#include "relay/server.h"

struct settings {
    struct option_list listen, publish, subscribe;
    const char *keys, *require, *slow_qos0, *slow_qos1, *name, *unix_mode, *config, *multicast,
        *multicast_filter, *multicast_interface;
    bool insecure, verbose;
    long long reactors, item_max, queue_items, queue_bytes, log_items, log_bytes, retained,
        retained_bytes, sessions, per_address, subscriptions, handshakes, handshakes_all,
        publish_rate, udp_rate, udp_window, udp_lease_ms, status_ms, id;
};

enum { NEWSRELAY_RUN = 1, NEWSRELAY_KEYGEN = 2 }; /* in struct option's commands */
extern const struct program newsrelay;

/* Everything that can be said about the settings without opening anything. c points into s. */
bool settings_config(const struct settings *s, struct server_config *c, struct news_error *err);

#endif
