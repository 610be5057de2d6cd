/* subscriber/arrival.h - an item as it came, and its named fields.
 *
 * The fields are one table, which format strings, filters and the commands run for each item
 * read. */
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
    unsigned words_max; /* bytes of words that search looks at; 0: it does not */
};

/* NULL: there is none of that name. */
const struct field *field_find(const char *name, size_t len);
/* The i-th field; NULL behind the last. */
const struct field *field_at(size_t i);
/* Appends the field as one line of clean text. */
void field_clean(const struct field *f, const struct arrival *a, struct buf *out);
/* Appends the field's words as text_words(), with a blank before; of a field that search looks at
 * no more than words_max, cut between words. False: it was cut. */
bool field_words(const struct field *f, const struct arrival *a, struct buf *out);

/* Why an item is not shown; NULL when it is. Kills are shown: that is their purpose. */
const char *arrival_hidden(const struct arrival *a, int64_t now_ms);

/* Reads stored bytes as an arrival; *item is what it points to. False: they are no item. */
bool arrival_read(struct arrival *a, struct ninjs *item, const char *root, const char *topic,
                  const char *bytes, size_t len, int64_t received_ms);

/* Appends what search looks at, as text_words() with a blank before: the words of headline, source,
 * located, by, description and body (of each as much as field_words() has; a summary that stands
 * for the body is not there twice). At most ARRIVAL_WORDS_MAX bytes. */
#define ARRIVAL_WORDS_MAX (64u << 10)
void arrival_words(const struct arrival *a, struct buf *out);
/* The same fields as they came, whole, each with a newline behind it. */
void arrival_text(const struct arrival *a, struct buf *out);

#endif
