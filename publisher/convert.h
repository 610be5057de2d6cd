/* publisher/convert.h - the commands that need no network: convert and check. */
#ifndef PUBLISHER_CONVERT_H
#define PUBLISHER_CONVERT_H

struct settings;

/* Prints every item as one line of ninjs 3.1. Faults go to standard error. */
int convert_run(const struct settings *s, char *const *files, int file_count);
/* Prints what is wrong, "FILE:LINE: path: message" a line, on standard output: here that is what
 * was asked for. EX_DATAERR when anything was. */
int check_run(const struct settings *s, char *const *files, int file_count);

#endif
