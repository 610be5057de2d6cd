/* publisher/feed_build.h - a feed while it is being read: what the document says, sorted into
 * slots, and at the end made into drafts.
 *
 * feed_xml.c and feed_json.c know formats; they fill slots. What slots mean together - which date
 * counts, what an item's identity is, how addresses are completed - is settled here once, when all
 * of the feed is known (feed_finish.c, feed_identity.c). Memory: everything lies in the feed's
 * arena; whoever runs out of it sets failed, and feed_finish() reports it. */
#ifndef NEWS_FEED_BUILD_H
#define NEWS_FEED_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/error.h"
#include "publisher/charset.h"
#include "publisher/feed.h"

enum feed_slot {
    SLOT_NONE,
    SLOT_ID,        /* guid, id, rdf:about */
    SLOT_GUID_LINK, /* a guid that claims to be the page's address */
    SLOT_LINK,
    SLOT_ORIG_LINK, /* the address behind a redirect that counts clicks */
    SLOT_RELATED,
    SLOT_TITLE,
    SLOT_ALT_TITLE, /* taken where there is no title */
    SLOT_SUMMARY,
    SLOT_EXTRACT, /* taken where there is no summary */
    SLOT_BODY,
    SLOT_BY,
    SLOT_PUBLISHED,
    SLOT_DATE, /* of something: publication, if nothing better is known */
    SLOT_UPDATED,
    SLOT_LANGUAGE,
    SLOT_INHERITED_LANGUAGE, /* taken when not even the feed has one of its own */
    SLOT_RIGHTS,
    SLOT_SOURCE,
    SLOT_SOURCE_URI,
    SLOT_COUNT
};

enum feed_kind {
    KIND_HTML,  /* plain text may pass for it */
    KIND_PLAIN, /* newlines and tags mean themselves */
};

struct feed_text {
    const char *data; /* NULL: not there; else NUL-terminated, valid UTF-8 */
    size_t len;
    enum feed_kind kind;
};

struct feed_item { /* one item, or the feed itself */
    struct feed_text slots[SLOT_COUNT];
};

struct feed_build {
    struct feed *feed; /* its items: subjects and media are filled at once, the rest at the end */
    const struct feed_origin *origin;
    struct feed_item channel;
    struct feed_item *items; /* beside feed->items */
    size_t room;
    size_t left_out; /* items beyond FEED_ITEMS_MAX */
    bool recovered;  /* from broken markup: an item of bare links may be a piece of another */
    struct buf scratch;
    bool failed; /* memory is exhausted */
};

/* False: no memory. Either way feed_build_deinit() is due. */
bool feed_build_init(struct feed_build *b, const struct feed_origin *origin);
void feed_build_deinit(struct feed_build *b); /* frees the feed too, unless it was finished */

/* Starts the next item; feed_build_item() and feed_build_draft() are that item from now on. NULL:
 * there are too many, or no memory. */
struct feed_item *feed_build_add(struct feed_build *b);
struct feed_item *feed_build_item(struct feed_build *b);
struct draft *feed_build_draft(struct feed_build *b);

/* Text into a slot; the first that is not blank stays. It is cut at FEED_FIELD_MAX. */
void feed_set(struct feed_build *b, struct feed_item *item, enum feed_slot slot,
              enum feed_kind kind, const char *text, size_t len);
bool feed_has(const struct feed_item *item, enum feed_slot slot);
/* One more author; name may be "mail (Name)" or "Name <mail>". */
void feed_add_author(struct feed_build *b, struct feed_item *item, const char *text, size_t len);
/* For the current item. name as people read it, term and scheme as the format has them; any may be
 * NULL. */
void feed_add_subject(struct feed_build *b, const char *name, const char *term, const char *scheme);
/* For the current item; href is completed at the end. Returns what was added, to be filled in, or
 * NULL: full, no memory, or there already. */
struct draft_media *feed_add_media(struct feed_build *b, const char *name, const char *href);

/* The length of text cut to at most max bytes, whole characters. */
size_t feed_cut(const char *text, size_t len, size_t max);
/* text when it reads as a media type ("audio/mpeg"), else NULL. */
const char *feed_media_type(const char *text);
/* text as one line of plain text, in the arena; NULL when nothing is left of it, or no memory. */
const char *feed_one_line(struct feed_build *b, enum feed_kind kind, const char *text, size_t len);

/* Makes drafts of all that was collected. The feed is the caller's now; NULL: no memory. */
struct feed *feed_finish(struct feed_build *b, struct news_error *err);

/* What feed_finish() needs of feed_identity.c: gives every draft its uri and guid, and drops those
 * that the document repeats. links are set. */
bool feed_identify(struct feed_build *b);

/* Marks f as damaged; only the first damage is told. */
__attribute__((format(printf, 3, 4))) void feed_damaged(struct feed *f, unsigned long line,
                                                        const char *format, ...);
/* The same of bytes that had to be replaced to make text of them. */
void feed_note_charset(struct feed *f, const struct charset_text *text);

#endif
