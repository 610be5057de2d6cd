/* common/ninjs.h - IPTC ninjs 3.1 as one table, and the walk that checks bytes against it.
 *
 * Source: the published JSON schema, http://www.iptc.org/std/ninjs/ninjs-schema_3.1.json. The table
 * is closed as the schema is: a property it does not name is refused. As there, `format` (uri,
 * date-time) is only an annotation: bad dates are valid, and readers need a fallback.
 * Stricter than the schema in three things: `uri` must not be empty, duplicate names and lone
 * surrogates are refused, and sizes are bounded. One thing is more lenient, since as published
 * nothing at all could satisfy it: recurrenceDates is an array of truncated dates. */
#ifndef NEWS_NINJS_H
#define NEWS_NINJS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/json.h"

#define NINJS_RELEASE    "3.1"
#define NINJS_SCHEMA_URI "http://www.iptc.org/std/ninjs/ninjs-schema_3.1.json"
#define NINJS_STANDARD_JSON                                                                        \
    "{\"name\":\"ninjs\",\"version\":\"" NINJS_RELEASE "\",\"schema\":\"" NINJS_SCHEMA_URI "\"}"
#define NINJS_BYTES_MAX  (4u << 20) /* of one item */
#define NINJS_URI_MAX    2048       /* bytes of an item's uri */

/* The properties of an item, in the order of the table (ninjs_schema.c). */
enum ninjs_member {
    NINJS_URI,
    NINJS_STANDARD,
    NINJS_TYPE,
    NINJS_VERSION,
    NINJS_VERSION_CREATED,
    NINJS_FIRST_CREATED,
    NINJS_PUB_STATUS,
    NINJS_URGENCY,
    NINJS_LANGUAGE,
    NINJS_HEADLINES,
    NINJS_BY,
    NINJS_LOCATED,
    NINJS_DESCRIPTIONS,
    NINJS_BODIES,
    NINJS_SUBJECTS,
    NINJS_INFO_SOURCES,
    NINJS_RENDITIONS,
    NINJS_ALT_IDS,
    NINJS_ED_NOTE,
    NINJS_EMBARGOED_UNTIL,
    NINJS_EXPIRES,
    NINJS_TITLE,
    NINJS_SLUGLINE,
    NINJS_PLACES,
    NINJS_MEMBERS_NOTED /* the further ones are checked, but nobody asks for them */
};

/* What the walk noted of one item: where its members stand in the bytes it was given. */
struct ninjs {
    struct json_slice all;                         /* from '{' to '}' */
    struct json_slice member[NINJS_MEMBERS_NOTED]; /* at NULL: absent */
    unsigned flags;                                /* enum json_flag */
};

struct ninjs_fault {
    unsigned long line; /* within the bytes, from 1 */
    char path[128];     /* "headlines[0].role"; "$" for the item itself */
    char what[96];
};

/* True: the bytes are one valid item and nothing else but blanks. *fault is set when false. */
bool ninjs_check(const char *bytes, size_t len, struct ninjs *item, struct ninjs_fault *fault);

/* The same of one item that our own writers just made, without checking it again; its names have
 * no escapes, and its line no unsafe characters. */
void ninjs_note(const char *bytes, size_t len, struct ninjs *item);

/* Is this the name of a property of an item? */
bool ninjs_has_property(const char *name);

/* "path: what" as a news_error of code NEWS_ERR_DATA. */
bool ninjs_fail(struct news_error *err, const struct ninjs_fault *fault);

#endif
