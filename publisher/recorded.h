/* publisher/recorded.h - a line of `newssub -o ndjson` or --record, or of `newspub send --dry-run`:
 * {"topic":..,"received":..,"retained":..,"item":{..}}, an item and how it came.
 *
 * Everything but the item may be missing; unknown members are refused. */
#ifndef PUBLISHER_RECORDED_H
#define PUBLISHER_RECORDED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/ninjs.h"
#include "common/topic.h"

struct recorded {
    char topic[TOPIC_MAX];  /* "": not known, or too long to be one of ours */
    int64_t received_ms;    /* DATE_UNKNOWN */
    struct json_slice item; /* an object that is not checked yet; in the bytes that were read */
};

/* Does this JSON object begin as one? An item has no such member. */
bool recorded_is(const char *bytes, size_t len);
/* Foreign bytes, one JSON object and nothing else. False: *fault says what is wrong. */
bool recorded_read(const char *bytes, size_t len, struct recorded *out, struct ninjs_fault *fault);

/* Where its topic says that the item stood; "" where it does not say, or no more than "none". */
struct recorded_place {
    char service[TOPIC_SLUG_MAX + 1], language[TOPIC_LANGUAGE_MAX + 1];
    char subject[TOPIC_MAX];
};
void recorded_place(const struct recorded *r, struct recorded_place *out);

#endif
