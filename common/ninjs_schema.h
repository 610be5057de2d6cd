/* common/ninjs_schema.h - the shape of the schema's table; for ninjs.c and those that list it. */
#ifndef NEWS_NINJS_SCHEMA_H
#define NEWS_NINJS_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ninjs_kind {
    KIND_STRING,
    KIND_URI,       /* a string; the format is an annotation */
    KIND_DATE_TIME, /* likewise */
    KIND_TRUNCATED, /* a string: a year, a month, a day or a full time */
    KIND_ENUM,
    KIND_INTEGER, /* of least to most where they differ; 5.0 is an integer, 0.1 is not */
    KIND_NUMBER,
    KIND_OBJECT,
    KIND_GEOJSON, /* RFC 7946 */
};

struct ninjs_property {
    const char *name;
    size_t len; /* of name */
    enum ninjs_kind kind;
    bool array;    /* of that kind */
    bool required; /* in its object */
    int least, most;
    const char *const *words;          /* KIND_ENUM: NULL-terminated */
    const struct ninjs_object *object; /* KIND_OBJECT */
};

/* At most 64 properties, those of its base included: an object's walk keeps a bit for each. */
struct ninjs_object {
    const struct ninjs_property *properties;
    size_t count;
    const struct ninjs_object *base; /* its properties are allowed, too; or NULL */
    /* What no single property can say: a sentence when the set of properties present (bit i: the
     * i-th of properties) is wrong, else NULL. NULL: there is no such rule. */
    const char *(*rule)(uint64_t present);
};

extern const struct ninjs_object ninjs_item;

#endif
