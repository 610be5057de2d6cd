/* publisher/feed_elements.h - the elements of feeds in XML: RSS, Atom, Dublin Core, Media RSS and
 * so on, as tables of where each may stand and where its text goes. */
#ifndef NEWS_FEED_ELEMENTS_H
#define NEWS_FEED_ELEMENTS_H

#include "publisher/feed_reader.h"

struct feed_element {
    const char *name;      /* NULL ends a table */
    unsigned parents;      /* FEED_IN() of the places where it has this meaning */
    enum feed_place place; /* what it is to its children */
    enum feed_slot slot;   /* for its text; SLOT_NONE: end knows */
    void (*start)(struct feed_reader *r, const struct feed_attributes *a); /* may be NULL */
    void (*end)(struct feed_reader *r); /* in place of putting text into the slot */
};

#define FEED_IN(place) (1u << (place))

struct feed_vocabulary {
    const char *prefix;         /* the usual one */
    const char *const uris[10]; /* without a last '/' or '#', ends with NULL */
    const struct feed_element *elements;
};

extern const struct feed_vocabulary feed_vocabularies[]; /* one without a prefix ends them */

/* NULL: none we know (feed_vocabulary.c). */
const struct feed_vocabulary *feed_vocabulary_of_uri(const char *uri);
const struct feed_vocabulary *feed_vocabulary_of_prefix(const char *prefix);
const struct feed_element *feed_element_find(const struct feed_vocabulary *v, const char *name,
                                             enum feed_place parent);

struct feed_root { /* an outermost element */
    const char *name;
    const char *mark; /* in its version or namespace, tells formats apart; NULL: any */
    const char *format;
    const char *prefix; /* of the vocabulary it speaks */
    enum feed_place place;
};

/* The feed that an outermost element begins; NULL: none. version and uri may be NULL. */
const struct feed_root *feed_root_find(const char *name, const char *version, const char *uri);

#endif
