/* subscriber/choice.h - which topics: what the options, -t and the filter expression ask for, as
 * the topic filters that are subscribed to, and as a question about one topic. */
#ifndef SUBSCRIBER_CHOICE_H
#define SUBSCRIBER_CHOICE_H

#include "subscriber/cli.h"
#include "subscriber/filter.h"

struct choice;

/* filter: what of it the topic can say narrows the choice; NULL none. Both outlive it. NULL: a
 * malformed one, or one that nothing can match. */
struct choice *choice_new(const struct settings *s, const struct filter *filter,
                          struct news_error *err);
void choice_free(struct choice *c); /* NULL is fine */

/* Subscribed to: none of them covers another. */
size_t choice_count(const struct choice *c);
const char *const *choice_filters(const struct choice *c);
/* Was this asked for? What is subscribed to may be wider than the choice, and what a store holds
 * may have come by another one. */
bool choice_has(const struct choice *c, const char *topic);

#endif
