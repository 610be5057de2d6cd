/* relay/record.h - one publication as the relay keeps it: encoded once, shared by everybody.
 *
 * Counted: the log holds a reference, and so does each queue it waits in. Read-only once it is in
 * the log. Threads: any (the count is atomic). */
#ifndef NEWS_RELAY_RECORD_H
#define NEWS_RELAY_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct record {
    uint64_t iseq; /* given by the log */
    uint32_t payload_len;
    uint16_t topic_len;
    uint8_t flags; /* NRP_FLAG_RETAIN, NRP_FLAG_ACK: as published */
    uint8_t unused;
    unsigned count;  /* atomic */
    uint8_t bytes[]; /* the topic, a NUL, the payload: on the wire without the NUL, in two parts */
};

/* One reference, which is the caller's. NULL: no memory. payload NULL: to be filled by the caller.
 */
struct record *record_new(const void *topic, size_t topic_len, const void *payload,
                          size_t payload_len, uint8_t flags);
struct record *record_ref(struct record *r);
void record_unref(struct record *r); /* NULL is fine */
static inline const char *record_topic(const struct record *r)
{
    return (const char *)r->bytes;
}
static inline const uint8_t *record_payload(const struct record *r)
{
    return r->bytes + r->topic_len + 1;
}
static inline size_t record_size(const struct record *r) /* of topic and payload */
{
    return (size_t)r->topic_len + r->payload_len;
}

#endif
