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
};

/* First makes sure that descriptors 0 to 2 are taken, so that no socket of ours becomes "standard
 * output". Fills settings from defaults, configuration file, environment and command line; puts the
 * operands first in argv. Returns -1 to go on, else the exit status: --help and --version are
 * answered on standard output, errors are logged. */
int program_start(const struct program *p, struct options *o, void *settings, int argc, char **argv,
                  int *operand_count);

/* Blocks SIGINT, SIGTERM and SIGHUP, ignores SIGPIPE, and returns a signalfd for the first three;
 * -1 when the system refuses. */
int program_signals(void);
/* The next signal that came, 0 when there is none. */
int program_signal_next(int fd);

/* False: standard output is closed, or not for writing. */
bool program_stdout_ok(struct news_error *err);
/* Flushes and closes standard output. False when something could not be written (not when the
 * reader of a pipe has gone): err names the reason. */
bool program_close_stdout(struct news_error *err);

#endif
