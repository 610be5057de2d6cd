/* subscriber/lines.h - the sink of standard output: a view's lines, written as the reader takes
 * them. */
#ifndef SUBSCRIBER_LINES_H
#define SUBSCRIBER_LINES_H

#include "subscriber/rules.h"
#include "subscriber/sink.h"

struct lines;

/* spec: view_new(). rules: for the looks of what is highlighted; NULL none. */
struct lines *lines_new(const char *spec, struct rules *rules, struct news_error *err);
extern const struct sink_ops lines_sink; /* its self is the struct lines */

/* A machine reads it: it wants every item as it is. */
bool lines_whole(const struct lines *l);

#endif
