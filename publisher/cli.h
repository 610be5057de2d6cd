/* publisher/cli.h - newspub's settings, its option table and its commands. */
#ifndef PUBLISHER_CLI_H
#define PUBLISHER_CLI_H

#include <stdbool.h>

#include "common/program.h"
#include "common/transport/dial.h"

struct settings {
    struct dial_settings dial;
    const char *root, *publisher, *service;
    const char *title, *body, *link, *uri, *by, *located;
    const char *update, *kill, *note;
    const char *subject, *language;
    long long urgency;
    bool no_journal, dry_run;
    const char *replay, *speed;
    long long rate, drain_timeout_ms;
    const char *journal, *contact;
    long long keep_ms, keep_items, lock_wait_ms, linger_ms;
};

/* --journal, else the publisher's own. */
bool settings_journal_path(const struct settings *s, const char *publisher, char *out, size_t size,
                           struct news_error *err);

extern const struct program newspub;

/* A command does its work on the files (none: standard input) and returns the exit status. */
struct command {
    const char *name;
    unsigned bit; /* in struct option's commands */
    int (*run)(const struct settings *s, char *const *operands, int count);
};

/* NULL: there is none of that name. */
const struct command *command_find(const char *name);

#endif
