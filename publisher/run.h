/* publisher/run.h - the daemon. */
#ifndef PUBLISHER_RUN_H
#define PUBLISHER_RUN_H

struct settings;

/* Publishes what the sources of the configuration file bring, until SIGTERM or SIGINT; SIGHUP reads
 * the file again, and keeps the old configuration when the new one is wrong. */
int run_run(const struct settings *s, char *const *operands, int count);

#endif
