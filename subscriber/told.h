/* subscriber/told.h - which stories somebody has been shown, so that their corrections and kills
 * are shown as well, whatever a filter says of them.
 *
 * Remembers hashes of the last stories: TOLD_MAX of them, older ones are overwritten by and by.
 * Threads: one. */
#ifndef SUBSCRIBER_TOLD_H
#define SUBSCRIBER_TOLD_H

#include "subscriber/arrival.h"

#define TOLD_MAX (128u << 10)

struct told;

struct told *told_new(void);    /* NULL: no memory */
void told_free(struct told *t); /* NULL is fine */
void told_put(struct told *t, const struct arrival *a);
bool told_has(const struct told *t, const struct arrival *a);

#endif
