/* common/wire_number.h - the number that tells a receiver what it missed:
 * <publisher>:<epoch>:<seq>.
 *
 * A stream is (publisher, epoch, topic); its items are numbered 1, 2, 3 ... without holes, so that
 * a hole is a loss whatever filter a subscriber chose. It stands among the item's altIds, role
 * "newswire". */
#ifndef NEWS_WIRE_NUMBER_H
#define NEWS_WIRE_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/ninjs.h"
#include "common/topic.h"

#define WIRE_EPOCH_SIZE  17  /* 16 hex digits, lower case, and the NUL */
#define WIRE_NUMBER_SIZE 128 /* a whole number with its NUL */
#define WIRE_SEQ_MAX     INT64_MAX

struct wire_number {
    char publisher[TOPIC_SLUG_MAX + 1];
    char epoch[WIRE_EPOCH_SIZE];
    uint64_t seq; /* 1 to WIRE_SEQ_MAX */
};

/* A new epoch: sorts by time, and two made within one millisecond still differ. */
void wire_epoch_make(int64_t now_ms, char out[WIRE_EPOCH_SIZE]);
bool wire_epoch_ok(const char *text, size_t len);

void wire_number_write(const struct wire_number *n, char out[WIRE_NUMBER_SIZE]);
/* Foreign text: false when it is anything else. */
bool wire_number_parse(const char *text, size_t len, struct wire_number *out);
/* The number of an item; false when it has none, or one that is not ours. */
bool wire_number_of(const struct ninjs *item, struct wire_number *out);

#endif
