#include "publisher/numbering.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/hash.h"

struct stream {
    const char *topic;
    uint64_t hash, seq;
};

struct numbering {
    struct wire_number number; /* publisher and epoch of all of them */
    struct arena *topics;
    struct stream *table; /* open addressing; size is a power of two, at most half full */
    size_t size, count;
};

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
    (void)snprintf(n->number.publisher, sizeof n->number.publisher, "%s", publisher);
    wire_epoch_make(now_ms, n->number.epoch);
    return n;
}

void numbering_free(struct numbering *n)
{
    if (!n) return;
    free(n->table);
    arena_free(n->topics);
    free(n);
}

static uint64_t hash_of(const char *text)
{
    return hash_bytes(HASH_START, text, strlen(text));
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

bool numbering_next(struct numbering *n, const char *topic, char out[WIRE_NUMBER_SIZE])
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
    n->number.seq = ++s->seq;
    wire_number_write(&n->number, out);
    return true;
}

void numbering_return(struct numbering *n, const char *topic)
{
    struct stream *s = place(n->table, n->size, topic, hash_of(topic));
    if (s->topic && s->seq > 0) s->seq--;
}
