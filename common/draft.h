/* common/draft.h - what a feed, a short form or the command line says of one news item, before it
 * is ninjs.
 *
 * Every source format is read into a draft, and one function writes a draft as ninjs 3.1, so there
 * is one place that knows each side. A draft owns nothing: its strings are NUL-terminated, valid
 * UTF-8 without control characters other than newline and tab, and live as long as their source
 * says. NULL is "not known". */
#ifndef NEWS_DRAFT_H
#define NEWS_DRAFT_H

#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/error.h"

#define DRAFT_SUBJECTS 32 /* further ones are left out */
#define DRAFT_MEDIA    16

struct draft_subject {
    const char *name; /* as people read it */
    const char *uri;  /* absolute, when the scheme gives one */
    const char *code; /* the scheme's own term, becomes `literal` when it differs from name */
};

struct draft_media {  /* enclosures, media:content, images: become renditions */
    const char *name; /* "enclosure", "image", "thumbnail", "video", "audio" */
    const char *href; /* absolute http(s) */
    const char *content_type;
    const char *title;
    int64_t size;          /* bytes; 0 unknown */
    int64_t width, height; /* pixels; 0 unknown */
};

struct draft {
    const char *uri;       /* the item's identity: absolute URI, the same for all its versions */
    const char *guid;      /* the source's own id when it is not the uri: altIds role "guid" */
    const char *link;      /* the story's web page, absolute http(s): renditions "web" */
    const char *related;   /* the page the story points to (JSON Feed external_url) */
    const char *title;     /* one line of plain text */
    const char *summary;   /* plain text, paragraphs parted by an empty line */
    const char *body_text; /* the same, of the full text */
    const char *body_html; /* the full text as it came, when it came with markup */
    const char *by;
    const char *located;
    const char *language;   /* BCP 47 in its customary case: "de-AT" */
    const char *source;     /* who says so: the feed's title */
    const char *source_uri; /* the feed's own page or id, absolute URI */
    const char *copyright;
    const char *ed_note;
    const char *version;    /* decimal; NULL: does not say */
    const char *pub_status; /* NULL is "usable" */
    int64_t published_ms;   /* DATE_UNKNOWN: the time it was first seen, now_ms */
    int64_t updated_ms;     /* DATE_UNKNOWN: as published */
    int64_t embargoed_ms;   /* DATE_UNKNOWN: none */
    int64_t expires_ms;     /* DATE_UNKNOWN: none */
    int urgency;            /* 0 unknown, else 1..9 */
    struct draft_subject subjects[DRAFT_SUBJECTS];
    size_t subject_count;
    struct draft_media media[DRAFT_MEDIA];
    size_t media_count;
};

/* A draft in which nothing is known. */
void draft_init(struct draft *d);

/* Appends d as one ninjs 3.1 object, compact, one line, no newline after it. now_ms stands in for
 * unknown dates. Fails only for want of memory or of a uri. */
bool draft_write(const struct draft *d, int64_t now_ms, struct buf *out, struct news_error *err);

#endif
