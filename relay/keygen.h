/* relay/keygen.h - newsrelay keygen: makes a line of a key file. */
#ifndef NEWS_RELAY_KEYGEN_H
#define NEWS_RELAY_KEYGEN_H

struct settings;

/* Prints it on standard output; returns the exit status. */
int keygen_run(const struct settings *s);

#endif
