/* publisher/send.h - the command that publishes. */
#ifndef PUBLISHER_SEND_H
#define PUBLISHER_SEND_H

struct settings;

/* Publishes every item and waits until the broker has acknowledged it. With --dry-run, prints
 * {"topic":...,"item":...} a line instead. */
int send_run(const struct settings *s, char *const *files, int file_count);

#endif
