/* subscriber/check.h - newssub --check: is the store complete? */
#ifndef SUBSCRIBER_CHECK_H
#define SUBSCRIBER_CHECK_H

struct settings;

/* One line a stream on standard output. 0: every number of every stream is there; 65: some are gone
 * for good; 75: some are missing and may still come. No network; also beside a running newssub. */
int check_run(const struct settings *s);

#endif
