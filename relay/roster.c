#include "relay/roster.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS_FIRST 64

/* ---- SipHash-1-3 (Aumasson, Bernstein: "SipHash: a fast short-input PRF") ---- */

static inline uint64_t rotated(uint64_t x, int by)
{
    return x << by | x >> (64 - by);
}

static inline void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotated(v[1], 13) ^ v[0];
    v[3] = rotated(v[3], 16) ^ v[2];
    v[0] = rotated(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotated(v[1], 17) ^ v[2];
    v[3] = rotated(v[3], 21) ^ v[0];
    v[2] = rotated(v[2], 32);
}

static inline void sip_word(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
}

uint64_t roster_hash(const uint64_t secret[2], const void *bytes, size_t len)
{
    uint64_t v[4] = {secret[0] ^ 0x736f6d6570736575u, secret[1] ^ 0x646f72616e646f6du,
                     secret[0] ^ 0x6c7967656e657261u, secret[1] ^ 0x7465646279746573u};
    const char *at = bytes;
    uint64_t word;
    size_t left = len;
    for (; left >= sizeof word; left -= sizeof word, at += sizeof word) {
        memcpy(&word, at, sizeof word);
        sip_word(v, le64toh(word));
    }
    word = 0;
    if (left > 0) memcpy(&word, at, left);
    sip_word(v, le64toh(word) | (uint64_t)len << 56);
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* ---- the order ---- */

static void list_append(struct roster *t, struct roster_entry *e)
{
    e->newer = NULL;
    e->older = t->newest;
    if (t->newest) t->newest->newer = e;
    else t->oldest = e;
    t->newest = e;
}

static void list_remove(struct roster *t, struct roster_entry *e)
{
    if (e->older) e->older->newer = e->newer;
    else t->oldest = e->newer;
    if (e->newer) e->newer->older = e->older;
    else t->newest = e->older;
}

/* ---- the keys ---- */

bool roster_init(struct roster *t, const uint64_t secret[2])
{
    *t = (struct roster){.secret = {secret[0], secret[1]}, .size = BUCKETS_FIRST};
    t->buckets = calloc(t->size, sizeof(struct roster_entry *));
    return t->buckets != NULL;
}

void roster_deinit(struct roster *t)
{
    free(t->buckets);
    *t = (struct roster){0};
}

static struct roster_entry **bucket_of(const struct roster *t, uint64_t hash)
{
    return &t->buckets[hash & (t->size - 1)];
}

static void grow(struct roster *t)
{
    struct roster_entry **buckets = calloc(2 * t->size, sizeof(struct roster_entry *));
    if (!buckets) return;
    free(t->buckets);
    t->buckets = buckets;
    t->size *= 2;
    for (struct roster_entry *e = t->oldest; e; e = e->newer) {
        struct roster_entry **bucket = bucket_of(t, e->hash);
        e->chain = *bucket;
        *bucket = e;
    }
}

struct roster_entry *roster_find(const struct roster *t, const void *key, size_t len)
{
    uint64_t hash = roster_hash(t->secret, key, len);
    for (struct roster_entry *e = *bucket_of(t, hash); e; e = e->chain)
        if (e->hash == hash && e->key_len == len && memcmp(e->key, key, len) == 0) return e;
    return NULL;
}

void roster_put(struct roster *t, struct roster_entry *e, const void *key, size_t len)
{
    if (t->count >= t->size) grow(t);
    e->key = key;
    e->key_len = len;
    e->hash = roster_hash(t->secret, key, len);
    struct roster_entry **bucket = bucket_of(t, e->hash);
    e->chain = *bucket;
    *bucket = e;
    list_append(t, e);
    t->count++;
}

void roster_remove(struct roster *t, struct roster_entry *e)
{
    struct roster_entry **at = bucket_of(t, e->hash);
    while (*at != e)
        at = &(*at)->chain;
    *at = e->chain;
    list_remove(t, e);
    t->count--;
}

void roster_touch(struct roster *t, struct roster_entry *e)
{
    if (t->newest == e) return;
    list_remove(t, e);
    list_append(t, e);
}
