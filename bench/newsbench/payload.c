#include "bench/newsbench/payload.h"

#include <string.h>

#define MAGIC   0x4e42656eu /* "NBen" */
#define AT_CRC  4
#define AT_REST 8
#define AT_FILL 48

static uint64_t get(const uint8_t *at, unsigned size)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < size; i++)
        value = value << 8 | at[i];
    return value;
}

static uint8_t *put(uint8_t *at, uint64_t value, unsigned size)
{
    for (unsigned i = size; i-- > 0; value >>= 8)
        at[i] = (uint8_t)value;
    return at + size;
}

/* splitmix64 of the number and the stream: nothing in it repeats. */
static void fill(uint8_t *at, size_t len, const struct payload *p)
{
    uint64_t state = p->run ^ p->number * 0x9e3779b97f4a7c15u ^ (uint64_t)p->stream << 40;
    for (size_t i = 0; i < len; i += 8) {
        uint64_t z = state += 0x9e3779b97f4a7c15u;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
        z = (z ^ z >> 27) * 0x94d049bb133111ebu;
        z ^= z >> 31;
        memcpy(at + i, &z, len - i < 8 ? len - i : 8);
    }
}

void payload_write(const struct payload *p, uint8_t *out, size_t len)
{
    uint8_t *at = put(out, MAGIC, 4) + 4;
    at = put(at, p->run, 8);
    at = put(at, p->stream, 4);
    at = put(at, p->kind, 4);
    at = put(at, p->number, 8);
    at = put(at, (uint64_t)p->intended_ns, 8);
    (void)put(at, (uint64_t)p->sent_ns, 8);
    fill(out + AT_FILL, len - AT_FILL, p);
    (void)put(out + AT_CRC, crc32c(out + AT_REST, len - AT_REST), 4);
}

enum payload_verdict payload_read(const uint8_t *bytes, size_t len, struct payload *out)
{
    if (len < PAYLOAD_LEAST || get(bytes, 4) != MAGIC) return PAYLOAD_FOREIGN;
    if (get(bytes + AT_CRC, 4) != crc32c(bytes + AT_REST, len - AT_REST)) return PAYLOAD_CORRUPT;
    *out = (struct payload){.run = get(bytes + 8, 8),
                            .stream = (uint32_t)get(bytes + 16, 4),
                            .kind = (enum payload_kind)get(bytes + 20, 4),
                            .number = get(bytes + 24, 8),
                            .intended_ns = (int64_t)get(bytes + 32, 8),
                            .sent_ns = (int64_t)get(bytes + 40, 8)};
    return PAYLOAD_OK;
}
