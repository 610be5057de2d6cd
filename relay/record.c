#include "relay/record.h"

#include <stdlib.h>
#include <string.h>

struct record *record_new(const void *topic, size_t topic_len, const void *payload,
                          size_t payload_len, uint8_t flags)
{
    if (topic_len > UINT16_MAX || payload_len > UINT32_MAX) return NULL;
    struct record *r = malloc(sizeof *r + topic_len + 1 + payload_len);
    if (!r) return NULL;
    *r = (struct record){.payload_len = (uint32_t)payload_len,
                         .topic_len = (uint16_t)topic_len,
                         .flags = flags,
                         .count = 1};
    if (topic_len > 0) memcpy(r->bytes, topic, topic_len);
    r->bytes[topic_len] = '\0';
    if (payload && payload_len > 0) memcpy(r->bytes + topic_len + 1, payload, payload_len);
    return r;
}

struct record *record_ref(struct record *r)
{
    /* Whoever makes a reference has one already: nothing needs to be ordered by it. */
    (void)__atomic_fetch_add(&r->count, 1, __ATOMIC_RELAXED);
    return r;
}

void record_unref(struct record *r)
{
    /* Releases what this thread read, acquires what the others did, before the memory goes. */
    if (r && __atomic_fetch_sub(&r->count, 1, __ATOMIC_ACQ_REL) == 1) free(r);
}
