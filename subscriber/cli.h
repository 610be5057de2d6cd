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
    /* rules, looks, keys: see rules.h, theme.h, keys.h */
    const char *filter;
    struct option_list hide, highlight, colours, binds;
    struct option_list saved_filters; /* "NAME EXPR" */
    const char *columns;              /* of the list: a format (view_format.h); NULL: the usual */
    const char *layout;               /* "auto", "side", "stacked", "list" */
    const char *browser;              /* NULL: $BROWSER, xdg-open */
    bool browser_terminal, clipboard, no_fold, no_mouse, newest_last, keep_unread;
    const char *exec, *record;
    long long keep_ms, keep_items, keep_bytes; /* 0: no limit */
    const char *profile;                       /* NULL: none */
    bool screen_waits; /* the full screen goes on without a broker: no time was given */
};

enum { NEWSSUB_FEED = 1, NEWSSUB_SEARCH = 2 }; /* in struct option's commands */
extern const struct program newssub;

/* What follows from how the options were given. */
void settings_complete(struct settings *s, const struct options *o);

/* What the topic options ask for; points into s. */
struct topic_choice settings_choice(const struct settings *s);

/* --store, else $XDG_STATE_HOME/newswire/newssub.store, newssub-PROFILE.store or
 * newssub-archive.store. */
bool settings_store_path(const struct settings *s, char *out, size_t size, struct news_error *err);
/* --since; DATE_UNKNOWN when it was not given. */
bool settings_since(const struct settings *s, int64_t *unix_ms, struct news_error *err);

#endif
