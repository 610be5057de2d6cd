/* common/options.h - one table of options, read by the command line, the configuration file,
 * --help and the documentation.
 *
 * A program declares a struct of settings and a table that says, for each option, which field it
 * fills. Order of precedence: the table's default, the configuration file, the environment, a
 * profile (a section of the file that was asked for), the command line; a list given at a higher
 * level replaces the whole list below it. */
#ifndef NEWS_OPTIONS_H
#define NEWS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/error.h"

#define OPTION_LIST_MAX 64
#define OPTIONS_MAX     96 /* rows of one table */

enum option_type {
    OPTION_FLAG,   /* bool */
    OPTION_TEXT,   /* const char * */
    OPTION_NUMBER, /* long long, within least..most */
    OPTION_TIME,   /* long long, milliseconds: "90", "90s", "500ms", "10m", "2h", "7d" */
    OPTION_SIZE,   /* long long, bytes: "4096", "500M", "2G", of 1024 */
    OPTION_RANGE,  /* struct option_range, within least..most: "1-4" or "3" */
    OPTION_LIST,   /* struct option_list: may be repeated; commas part values where split */
    OPTION_ACTION, /* nothing is stored: options_parse() returns its name */
};

struct option_range {
    int least, most;
};

struct option_list {
    const char *items[OPTION_LIST_MAX];
    size_t count;
};

struct option {
    const char *name; /* NULL: a heading of --help, in help */
    char letter;      /* '\0': none */
    enum option_type type;
    const char *argument; /* as --help calls it; NULL for flags */
    size_t at;            /* offsetof the field */
    long long least, most;
    const char *fallback; /* the default as text; NULL: the zero value */
    unsigned commands;    /* bit set of the commands that know it; 0: all */
    bool split;           /* OPTION_LIST: "a,b" is two values */
    const char *help;
};

struct options {
    const struct option *table; /* up to the row whose name and help are NULL */
    const char *program;
    void *settings;
    struct arena *memory;             /* owns what the configuration file said */
    unsigned char level[OPTIONS_MAX]; /* who set it: 0 default, 1 file, 2 environment, 3 profile,
                                         4 argv */
    const char *profile;              /* the one that was loaded; NULL: none */
};

/* Fills in the defaults. settings must be zeroed. */
bool options_init(struct options *o, const char *program, const struct option *table,
                  void *settings, struct news_error *err);
void options_deinit(struct options *o);

/* Reads "name = value" lines (inih) of at most 4095 bytes; the error names file and line. A missing
 * file is an error only when required. Sections are refused. Lists that a file read before has set
 * are replaced. */
bool options_load(struct options *o, const char *path, bool required, struct news_error *err);
/* The same of a file that must exist and may have sections: on_line is given each "name = value"
 * inside one, and refuses it with err (file and line are added here). name NULL: the section
 * begins. The strings live for the call. */
bool options_load_sections(struct options *o, const char *path,
                           bool (*on_line)(void *user, const char *section, const char *name,
                                           const char *value, unsigned long line,
                                           struct news_error *err),
                           void *user, struct news_error *err);
/* The settings in section [name] of a file that must have it; also after options_parse(). name
 * lives as long as o. */
bool options_load_profile(struct options *o, const char *path, const char *name,
                          struct news_error *err);
/* Did anybody set it, or has it its default? */
bool options_given(const struct options *o, const char *name);
/* A time as OPTION_TIME has it. */
bool options_read_time(const char *text, long long *ms);

/* Sets one option by name as the environment does. */
bool options_set(struct options *o, const char *name, const char *value, struct news_error *err);

/* Reads argv[1..]. Long options, "--name=value" or "--name value", clusters of letters; options
 * and operands in any order, "--" ends the options, "-" is an operand. Operands are moved to the
 * front of argv and counted. *action gets the name of an OPTION_ACTION that was met. */
bool options_parse(struct options *o, int argc, char **argv, int *operand_count,
                   const char **action, struct news_error *err);

/* The value a later pass will see for --config: looked up in argv before anything is loaded. */
const char *options_peek(const struct option *table, int argc, char **argv, const char *name);

/* The first OPTION_ACTION in argv, so that --help answers whatever else is wrong; NULL: none. */
const char *options_peek_action(const struct option *table, int argc, char **argv);

/* Refuses options set on the command line that command (one bit) does not know. */
bool options_check_command(const struct options *o, unsigned command, const char *command_name,
                           struct news_error *err);

/* The table as --help prints it: headings, names, argument, text wrapped to 79 columns. */
void options_help(const struct option *table, FILE *out);

/* $XDG_CONFIG_HOME/newswire/<file>, or ~/.config/newswire/<file>; false when neither is known. */
bool options_config_path(const char *file, char *out, size_t size);

#endif
