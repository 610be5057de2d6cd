/* subscriber/arrival.h - an item as it came, and its named fields.
 *
 * The fields are one table: format strings read it now, filters and commands run for each item
 * will. */
#ifndef SUBSCRIBER_ARRIVAL_H
#define SUBSCRIBER_ARRIVAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/ninjs.h"
#include "common/topic.h"

struct arrival {
    const char *topic;
    const struct ninjs *item;
    int64_t received_ms;
    bool retained;
    struct topic_levels levels; /* all NULL when the topic is not one of ours */
};

struct field {
    const char *name;
    const char *help;
    /* Appends the field's text as it came: it is not yet fit for a terminal. */
    void (*write)(const struct arrival *a, struct buf *out);
};

/* NULL: there is none of that name. */
const struct field *field_find(const char *name, size_t len);
/* The i-th field; NULL behind the last. */
const struct field *field_at(size_t i);
/* Appends the field as one line of clean text. */
void field_clean(const struct field *f, const struct arrival *a, struct buf *out);

/* Why an item is not shown; NULL when it is. Kills are shown: that is their purpose. */
const char *arrival_hidden(const struct arrival *a, int64_t now_ms);

#endif
