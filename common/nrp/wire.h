/* common/nrp/wire.h - numbers, headers and fixed parts of NRP/1 as bytes; for common/nrp/ alone.
 *
 * Each takes or puts at *at and moves it on; who calls has made sure that the bytes are there. */
#ifndef NEWS_NRP_WIRE_H
#define NEWS_NRP_WIRE_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/nrp/frame.h"

static inline uint8_t get_u8(const uint8_t **at)
{
    return *(*at)++;
}

static inline uint16_t get_u16(const uint8_t **at)
{
    uint16_t v;
    memcpy(&v, *at, sizeof v);
    *at += sizeof v;
    return be16toh(v);
}

static inline uint32_t get_u32(const uint8_t **at)
{
    uint32_t v;
    memcpy(&v, *at, sizeof v);
    *at += sizeof v;
    return be32toh(v);
}

static inline uint64_t get_u64(const uint8_t **at)
{
    uint64_t v;
    memcpy(&v, *at, sizeof v);
    *at += sizeof v;
    return be64toh(v);
}

static inline void get_bytes(const uint8_t **at, uint8_t *out, size_t len)
{
    memcpy(out, *at, len);
    *at += len;
}

static inline void put_u8(uint8_t **at, uint8_t v)
{
    *(*at)++ = v;
}

static inline void put_u16(uint8_t **at, uint16_t v)
{
    v = htobe16(v);
    memcpy(*at, &v, sizeof v);
    *at += sizeof v;
}

static inline void put_u32(uint8_t **at, uint32_t v)
{
    v = htobe32(v);
    memcpy(*at, &v, sizeof v);
    *at += sizeof v;
}

static inline void put_u64(uint8_t **at, uint64_t v)
{
    v = htobe64(v);
    memcpy(*at, &v, sizeof v);
    *at += sizeof v;
}

/* bytes may be NULL when len is 0. */
static inline void put_bytes(uint8_t **at, const uint8_t *bytes, size_t len)
{
    if (len) memcpy(*at, bytes, len);
    *at += len;
}

static inline void put_zeros(uint8_t **at, size_t len)
{
    memset(*at, 0, len);
    *at += len;
}

static inline void put_header(uint8_t **at, uint8_t type, size_t topic_len, size_t length)
{
    put_u8(at, NRP_VERSION);
    put_u8(at, type);
    put_u16(at, (uint16_t)topic_len);
    put_u32(at, (uint32_t)length);
}

/* The fixed part of f->type (frame_fixed.c). get: false when what stands there cannot be meant. */
bool nrp_fixed_get(const uint8_t *at, struct nrp_frame *f);
void nrp_fixed_put(uint8_t **at, const struct nrp_frame *f);

#endif
