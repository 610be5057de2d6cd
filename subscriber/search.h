/* subscriber/search.h - "newssub search EXPR": looks through the store, prints what matches, oldest
 * first, as the live feed would. Works beside a newssub that owns the store. */
#ifndef SUBSCRIBER_SEARCH_H
#define SUBSCRIBER_SEARCH_H

struct settings;

/* expression: the operands, as one. Returns the exit status. */
int search_run(const struct settings *s, const char *expression);

#endif
