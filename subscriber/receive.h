/* subscriber/receive.h - the loop: subscribe, check, show. */
#ifndef SUBSCRIBER_RECEIVE_H
#define SUBSCRIBER_RECEIVE_H

struct settings;

/* Runs until -n, --for, a signal or the reader of the pipe ends it; returns the exit status. */
int receive_run(const struct settings *s);

#endif
