#include "publisher/numbering.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/arena.h"

struct stream {
    const char *topic;
    uint64_t hash, seq;
};

struct numbering {
    char prefix[NUMBER_SIZE - 24]; /* "<publisher>:<epoch>:" */
    struct arena *topics;
    struct stream *table; /* open addressing; size is a power of two, at most half full */
    size_t size, count;
};

/* 16 hex digits that sort by time: milliseconds in 44 bits, then 20 random ones, so that two starts
 * within one millisecond still differ. */
static uint64_t epoch_make(int64_t now_ms)
{
    uint64_t random = 0;
    (void)!getrandom(&random, sizeof random, 0);
    return (uint64_t)now_ms << 20 | (random & 0xfffff);
}

struct numbering *numbering_new(const char *publisher, int64_t now_ms, struct news_error *err)
{
    struct numbering *n = calloc(1, sizeof *n);
    if (n) {
        n->size = 64;
        n->topics = arena_new();
        n->table = calloc(n->size, sizeof *n->table);
    }
    if (!n || !n->topics || !n->table) {
        numbering_free(n);
        news_fail(err, NEWS_ERR_MEMORY, "out of memory");
        return NULL;
    }
    (void)snprintf(n->prefix, sizeof n->prefix, "%s:%016llx:", publisher,
                   (unsigned long long)epoch_make(now_ms));
    return n;
}

void numbering_free(struct numbering *n)
{
    if (!n) return;
    free(n->table);
    arena_free(n->topics);
    free(n);
}

static uint64_t hash_of(const char *text) /* FNV-1a, 64 bits */
{
    uint64_t h = 14695981039346656037u;
    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * 1099511628211u;
    return h;
}

/* The topic's place in table, or the free one where it belongs. */
static struct stream *place(struct stream *table, size_t size, const char *topic, uint64_t hash)
{
    size_t i = (size_t)hash & (size - 1);
    while (table[i].topic && (table[i].hash != hash || strcmp(table[i].topic, topic) != 0))
        i = (i + 1) & (size - 1);
    return &table[i];
}

static bool grow(struct numbering *n)
{
    size_t size = n->size * 2;
    struct stream *table = calloc(size, sizeof *table);
    if (!table) return false;
    for (size_t i = 0; i < n->size; i++)
        if (n->table[i].topic)
            *place(table, size, n->table[i].topic, n->table[i].hash) = n->table[i];
    free(n->table);
    n->table = table;
    n->size = size;
    return true;
}

bool numbering_next(struct numbering *n, const char *topic, char out[NUMBER_SIZE])
{
    uint64_t hash = hash_of(topic);
    struct stream *s = place(n->table, n->size, topic, hash);
    if (!s->topic) {
        if (n->count * 2 >= n->size) {
            if (!grow(n)) return false;
            s = place(n->table, n->size, topic, hash);
        }
        const char *copy = arena_strdup(n->topics, topic);
        if (!copy) return false;
        *s = (struct stream){.topic = copy, .hash = hash};
        n->count++;
    }
    (void)snprintf(out, NUMBER_SIZE, "%s%llu", n->prefix, (unsigned long long)++s->seq);
    return true;
}

void numbering_return(struct numbering *n, const char *topic)
{
    struct stream *s = place(n->table, n->size, topic, hash_of(topic));
    if (s->topic && s->seq > 0) s->seq--;
}
