/* relay/roster.h - entries found by their key, and in the order they were last put or touched.
 *
 * The entries lie inside other structs. Keys are bytes that strangers choose, so they are hashed
 * with a secret (SipHash-1-3). The order is how bounded tables find what to forget. Memory: the
 * buckets alone; entries and keys are the owner's. Threads: one. */
#ifndef NEWS_RELAY_ROSTER_H
#define NEWS_RELAY_ROSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct roster_entry {
    const void *key; /* stays where it is while in the roster */
    size_t key_len;
    uint64_t hash;
    struct roster_entry *chain;
    struct roster_entry *older, *newer;
};

struct roster {
    struct roster_entry **buckets;
    size_t size, count; /* buckets, a power of two; entries */
    struct roster_entry *oldest, *newest;
    uint64_t secret[2];
};

bool roster_init(struct roster *t, const uint64_t secret[2]); /* false: no memory */
void roster_deinit(struct roster *t); /* entries are the owner's to free before; zeroed is fine */

struct roster_entry *roster_find(const struct roster *t, const void *key, size_t len);
/* No entry has this key yet; e becomes the newest. Never fails: without memory to grow, chains do.
 */
void roster_put(struct roster *t, struct roster_entry *e, const void *key, size_t len);
void roster_remove(struct roster *t, struct roster_entry *e);
void roster_touch(struct roster *t, struct roster_entry *e); /* the newest now */

uint64_t roster_hash(const uint64_t secret[2], const void *bytes, size_t len);

#endif
