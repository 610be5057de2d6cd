/* subscriber/cli.h - newssub's settings and option table. */
#ifndef SUBSCRIBER_CLI_H
#define SUBSCRIBER_CLI_H

#include "common/program.h"
#include "common/topic.h"
#include "common/transport/dial.h"

struct settings {
    struct dial_settings dial;
    const char *root;
    struct option_list publishers, services, languages, subjects, filters;
    struct option_range urgency;
    const char *output;
    long long count, for_ms, last;
    const char *since, *store;
    bool no_store, no_sync, archive, check;
};

extern const struct program newssub;

/* What the topic options ask for; points into s. */
struct topic_choice settings_choice(const struct settings *s);

#endif
