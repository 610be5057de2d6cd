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
    const char *subject, *language;
    long long urgency;
    bool no_journal, dry_run;
    long long rate, drain_timeout_ms;
};

extern const struct program newspub;

/* A command does its work on the files (none: standard input) and returns the exit status. */
struct command {
    const char *name;
    unsigned bit; /* in struct option's commands */
    int (*run)(const struct settings *s, char *const *files, int file_count);
};

/* NULL: there is none of that name. */
const struct command *command_find(const char *name);

#endif
