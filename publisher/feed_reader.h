/* publisher/feed_reader.h - from the events of an XML parser to the slots of a feed.
 *
 * Follows the nesting: what place an element stands in decides what it means (feed_elements.c has
 * the tables), and the text of some is collected. Knows nothing of the parser but its events.
 * Namespaces are known by their URI, with the variants in use; a prefix that was never declared
 * counts as the usual one; case does not count. */
#ifndef NEWS_FEED_READER_H
#define NEWS_FEED_READER_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"
#include "publisher/feed.h"
#include "publisher/feed_build.h"

struct feed_element;
struct feed_vocabulary;

struct feed_name { /* of an element; all but local may be NULL */
    const char *local, *prefix, *uri;
};

struct feed_attributes { /* as SAX2 hands them over: local name, prefix, URI, value, its end */
    const unsigned char **at;
    int count;
};

enum feed_place { /* what an open element is to those within it */
                  PLACE_OUTSIDE,
                  PLACE_ROOT, /* rss, rdf:RDF */
                  PLACE_FEED,
                  PLACE_ITEM,
                  PLACE_SOURCE, /* Atom: the feed an entry was taken from */
                  PLACE_PERSON,
                  PLACE_MEDIA,
                  PLACE_GROUP,
                  PLACE_IMAGE,
                  PLACE_TEXT,   /* its text is collected */
                  PLACE_MARKUP, /* an element within such text: becomes part of it */
                  PLACE_IGNORED,
};

struct feed_frame { /* one open element */
    enum feed_place place;
    const struct feed_element *element; /* NULL: none we know */
    const char *base, *lang;            /* xml:base, made absolute, and xml:lang in force */
};

enum { FEED_NAMESPACES_SEEN = 16 };

struct feed_reader {
    struct feed_build *build;
    struct feed_frame stack[FEED_DEPTH_MAX + 1];
    unsigned depth;
    unsigned item_depth;                /* of the item being read, 0 none */
    const struct feed_vocabulary *home; /* of the root; NULL until it came */
    struct { /* vocabularies of namespace URIs by address: parsers intern them */
        const char *uri;
        const struct feed_vocabulary *vocabulary;
    } seen[FEED_NAMESPACES_SEEN];
    size_t seen_count;

    struct buf text; /* of the element that is being collected */
    enum feed_kind kind;
    bool markup;                    /* elements came in it: it is escaped from there on */
    const char *permalink, *scheme; /* attributes that the end of the element needs */
    struct draft_media *media;      /* the item's latest, which what follows describes */
    const char *caption, *credit;   /* of it */

    bool damaged;      /* set by the owner: the markup is known to be broken */
    char refused[120]; /* why reading has to stop; empty while it need not */
};

void feed_reader_init(struct feed_reader *r, struct feed_build *build);
void feed_reader_deinit(struct feed_reader *r);

/* The three events of a parser. False: refused, and no event may follow. */
bool feed_reader_start(struct feed_reader *r, const struct feed_name *name,
                       const struct feed_attributes *attributes);
void feed_reader_text(struct feed_reader *r, const char *text, size_t len);
void feed_reader_end(struct feed_reader *r, const char *local);

/* ---- for the elements ---- */

struct feed_frame *feed_reader_top(struct feed_reader *r);
/* The item that began last, while one is open; else the feed. */
struct feed_item *feed_reader_owner(struct feed_reader *r);
/* The value of an attribute without prefix, or of one with this prefix, in the arena; NULL: it has
 * none. */
const char *feed_attribute(struct feed_reader *r, const struct feed_attributes *a,
                           const char *prefix, const char *name);
/* What is collected is markup from here on: text in it gets escaped. */
void feed_reader_markup(struct feed_reader *r);
/* text, completed by the xml:base in force, into a slot of the owner. */
void feed_reader_address(struct feed_reader *r, enum feed_slot slot, const char *text, size_t len);

#endif
