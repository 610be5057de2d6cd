/* common/program.h - what every program's main() does before its own work: options from all their
 * sources, help, version, signals. */
#ifndef NEWS_PROGRAM_H
#define NEWS_PROGRAM_H

#include "common/options.h"

struct program {
    const char *name;               /* "newspub" */
    const struct option *options;   /* its table */
    void (*usage)(FILE *out);       /* the text above the options in --help */
    const char *const *environment; /* pairs: variable, option; NULL-terminated; or NULL */
    bool sections; /* its configuration file may have some: the program reads them itself */
    bool profiles; /* likewise, and the first operand may be @NAME: settings of section [NAME] */
};

/* First makes sure that descriptors 0 to 2 are taken, so that no socket of ours becomes "standard
 * output". Fills settings from defaults, configuration file, environment and command line; puts the
 * operands first in argv. Returns -1 to go on, else the exit status: --help and --version are
 * answered on standard output, errors are logged. */
int program_start(const struct program *p, struct options *o, void *settings, int argc, char **argv,
                  int *operand_count);

/* Ignores SIGPIPE, and gives a signalfd for SIGINT, SIGTERM and SIGHUP, those of them that were not
 * ignored already (nohup, a script's background job), which are blocked from then on. */
bool program_signals(int *fd, struct news_error *err);
/* Likewise for these signals, whose default the program would rather not have. */
bool program_watch(const int *signals, size_t count, int *fd, struct news_error *err);
/* The next signal that came, 0 when there is none. */
int program_signal_next(int fd);

/* False: standard output is closed, or not for writing. */
bool program_stdout_ok(struct news_error *err);
/* Writes out what is buffered of standard output. False when something could not be written (not
 * when the reader of a pipe has gone): err names the reason. */
bool program_flush_stdout(struct news_error *err);

#endif
