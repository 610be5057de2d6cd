/* common/hash.h - a quick hash of 64 bits: for tables and checksums, never against an adversary.
 *
 * Eight bytes at a time, multiplied and folded. Checksums of it are kept on disk: a change here is
 * a new version of journal and store. */
#ifndef NEWS_HASH_H
#define NEWS_HASH_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define HASH_START 14695981039346656037u

static inline uint64_t hash_word(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 32;
}

/* Goes on from hash, HASH_START at first. The length counts, too: "a", "b" is not "ab". */
static inline uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t len)
{
    const char *at = bytes;
    uint64_t word;
    size_t left = len;
    for (; left >= sizeof word; left -= sizeof word, at += sizeof word) {
        memcpy(&word, at, sizeof word);
        hash = hash_word(hash, le64toh(word));
    }
    word = 0;
    if (left > 0) memcpy(&word, at, left);
    return hash_word(hash_word(hash, le64toh(word)), len);
}

#endif
