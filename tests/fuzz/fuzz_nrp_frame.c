/* Whatever the bytes are, a frame that is read is written as it was (reserved bytes aside), nothing
 * is promised beyond the limits, and so it is with datagram headers and the ranges of a NAK. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/nrp/frame.h"

#define ITEM_MAX 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An assert that also works in a release build. */
#define PROMISE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) abort();                                                                 \
    } while (0)

static void check_ranges(const uint8_t *data, size_t size)
{
    struct nrp_range ranges[NRP_NAK_RANGES];
    uint8_t again[NRP_NAK_RANGES * 10];
    size_t count;
    if (!nrp_ranges_read(data, size, ranges, &count)) return;
    PROMISE(count > 0 && count <= NRP_NAK_RANGES);
    PROMISE(nrp_ranges_write(ranges, count, again) == size && memcmp(again, data, size) == 0);
    for (size_t i = 0; i < count; i++)
        PROMISE(ranges[i].count && ranges[i].first + ranges[i].count > ranges[i].first);
}

/* f was read from the size bytes at data: it lies within them, and writing loses nothing. */
static void check_frame(const struct nrp_frame *f, const uint8_t *data, size_t size)
{
    struct nrp_frame again;
    size_t used;
    PROMISE(f->payload == f->topic + f->topic_len);
    PROMISE(f->payload + f->payload_len == data + size);
    PROMISE(f->topic_len <= NRP_TOPIC_MAX && nrp_frame_size(f) == size);
    uint8_t *first = malloc(size), *second = malloc(size);
    PROMISE(first && second);
    PROMISE(nrp_frame_write(f, first) == size);
    PROMISE(memcmp(first, data, NRP_HEADER_SIZE) == 0);
    size_t body = (size_t)(f->topic - data);
    PROMISE(memcmp(first + body, f->topic, size - body) == 0);
    PROMISE(nrp_frame_read(first, size, ITEM_MAX, &again, &used, NULL) == NRP_TAKEN);
    PROMISE(used == size && nrp_frame_write(&again, second) == size);
    PROMISE(memcmp(first, second, size) == 0);
    for (size_t i = NRP_HEADER_SIZE; i < body; i++) /* only reserved bytes became zero */
        PROMISE(first[i] == data[i] || first[i] == 0);
    if (f->type == NRP_NAK) check_ranges(f->payload, f->payload_len);
    free(first);
    free(second);
}

static void check_frames(const uint8_t *data, size_t size)
{
    for (;;) {
        struct nrp_frame f;
        struct news_error err = {0};
        size_t used = 0;
        enum nrp_taken taken = nrp_frame_read(data, size, ITEM_MAX, &f, &used, &err);
        if (taken == NRP_MALFORMED) PROMISE(err.code != NEWS_OK && *err.message);
        if (taken == NRP_PARTIAL) PROMISE(used > size && used <= ITEM_MAX + NRP_ITEM_PREFIX);
        if (taken == NRP_MALFORMED || taken == NRP_PARTIAL) return;
        PROMISE(used >= NRP_HEADER_SIZE && used <= size);
        if (taken == NRP_TAKEN) check_frame(&f, data, used);
        data += used;
        size -= used;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct nrp_datagram d;
    uint8_t header[NRP_DATAGRAM_HEADER];
    check_frames(data, size);
    check_ranges(data, size);
    if (!nrp_datagram_read(data, size, &d)) return 0;
    nrp_datagram_write(&d, header);
    PROMISE(memcmp(header, data, sizeof header) == 0);
    check_frames(data + sizeof header, size - sizeof header);
    return 0;
}
