/* common/item.h - a news item in the hands of our programs: read, upgraded, completed, looked at.
 *
 * An item stays the bytes it came in; struct ninjs notes where its members stand in them. */
#ifndef NEWS_ITEM_H
#define NEWS_ITEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/ninjs.h"

/* ---- reading ---- */

/* Reads one JSON object as a ninjs 3.1 item on one line. Items of ninjs 1.x and 2.x (property names
 * in lower case, singular arrays, renditions and associations keyed by name, code and scheme, ...)
 * are rewritten as 3.1. scratch is the caller's: *item points into it or into bytes, and lives as
 * long as both stay untouched. False: *fault says what is wrong; line 0 is "not known". */
bool item_read(const char *bytes, size_t len, struct buf *scratch, struct ninjs *item,
               struct ninjs_fault *fault);

/* The upgrade alone: appends bytes, an object of an older dialect, as 3.1. False when nothing in
 * it belongs to an older dialect, or it is no JSON object. */
bool item_upgrade(const char *bytes, size_t len, struct buf *out);

/* ---- completing ---- */

/* What the publisher says of items that do not say it themselves. */
struct item_defaults {
    const char *source;   /* infoSources; NULL none */
    const char *language; /* NULL: "und" */
    const char *subject;  /* NULL none */
    int urgency;          /* 0: 5 */
    int64_t now_ms;       /* versionCreated where it has none */
};

/* Appends item with what newswire always writes and, when number is not NULL, with that wire
 * number (and no other) among its altIds. Bytes that are there already are copied as they are. */
void item_write(const struct ninjs *item, const struct item_defaults *d, const char *number,
                struct buf *out);

/* One member that is to be another: value is JSON; NULL leaves the member out. */
struct item_change {
    const char *name; /* "pubStatus" */
    struct json_slice value;
};
/* Appends item with those members replaced or added. */
void item_change(const struct ninjs *item, const struct item_change *changes, size_t count,
                 struct buf *out);
/* Tells whether two items say the same: a hash over all members, in whatever order, but uri,
 * version, dates of the version, standard and the wire number. Never 0. */
uint64_t item_content_hash(const struct ninjs *item);

/* ---- looking at ---- */

enum item_status { ITEM_USABLE, ITEM_WITHHELD, ITEM_CANCELED };

enum item_status item_status(const struct ninjs *item);
int item_urgency(const struct ninjs *item);     /* 1 to 9; 5 when it does not say */
int64_t item_time_ms(const struct ninjs *item); /* of this version; DATE_UNKNOWN */
int64_t item_date_ms(const struct ninjs *item, enum ninjs_member which); /* DATE_UNKNOWN */
/* The string values below are slices with quotes; at NULL when the item has none. */
struct json_slice item_headline(const struct ninjs *item); /* role main, else the first */
/* The description in plain text, else the first; content_type as below. */
struct json_slice item_description(const struct ninjs *item, struct json_slice *content_type);
/* The body in plain text, else the first; *content_type, if not NULL, gets its media type. */
struct json_slice item_body(const struct ninjs *item, struct json_slice *content_type);
struct json_slice item_source(const struct ninjs *item); /* the first infoSource's name */
struct json_slice item_link(
    const struct ninjs *item); /* rendition "web", else the first text/html */
/* The first altId of that role. */
struct json_slice item_alt_id(const struct ninjs *item, const char *role);

#endif
