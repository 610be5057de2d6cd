/* common/hash.h - FNV-1a, 64 bits: for tables and checksums, never against an adversary. */
#ifndef NEWS_HASH_H
#define NEWS_HASH_H

#include <stddef.h>
#include <stdint.h>

#define HASH_START 14695981039346656037u

/* Goes on from hash, HASH_START at first. */
static inline uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t len)
{
    const unsigned char *at = bytes;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ at[i]) * 1099511628211u;
    return hash;
}

#endif
