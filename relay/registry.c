#include "relay/registry.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/hash.h"
#include "common/topic.h"

#define LEVELS_MAX    TOPIC_MAX         /* of a filter: each takes a byte at least, its '/' */
#define NODES_MAX     ((size_t)1 << 20) /* hostile filters are long, and all differ */
#define CACHE_SIZE    1024              /* topics: one for each value of the low hash bits */
#define CACHED_MAX    ((size_t)1 << 20) /* subscribers in all entries together */
#define SCRATCH_LEAST 64

/* A level of some filters; "+" and "#" are levels like others here. */
struct node {
    struct node *parent;
    struct node **children; /* sorted by level_order() */
    size_t child_count, child_size;
    void **subscribers; /* of the filter that ends here, in the order they came */
    size_t subscriber_count, subscriber_size;
    size_t level_len;
    char level[];
};

struct cached {
    uint64_t hash,
        generation; /* of another generation: stale, and its subscribers are not to be read */
    char *topic;
    size_t topic_len;
    void *const *found; /* owned, or those of the one node that matched */
    void **owned;
    size_t count, owned_size;
};

struct registry {
    struct node *root;
    size_t nodes, pairs;
    uint64_t generation;
    /* Room for every pair there is, kept by registry_add(), so that matching needs no memory. */
    void **scratch;
    void **seen; /* a hash set of pointers, twice as large */
    size_t scratch_size;
    struct cached cache[CACHE_SIZE];
    size_t cached; /* pointers in owned arrays */
};

/* ---- nodes ---- */

static int level_order(const char *a, size_t a_len, const char *b, size_t b_len)
{
    if (a_len != b_len) return a_len < b_len ? -1 : 1;
    return memcmp(a, b, a_len);
}

/* Where the level is among the children, or would be. */
static size_t child_place(const struct node *n, const char *level, size_t len, bool *found)
{
    size_t low = 0, high = n->child_count;
    *found = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct node *child = n->children[middle];
        int order = level_order(child->level, child->level_len, level, len);
        if (order == 0) *found = true;
        if (order < 0) low = middle + 1;
        else high = middle;
    }
    return low;
}

static struct node *child_find(const struct node *n, const char *level, size_t len)
{
    bool found;
    size_t place = child_place(n, level, len, &found);
    return found ? n->children[place] : NULL;
}

/* Room for one more pointer in an array that doubles. */
static bool room_for_one(void **array, size_t count, size_t *size)
{
    if (count < *size) return true;
    size_t wanted = *size ? 2 * *size : 2;
    void *bigger = reallocarray(*array, wanted, sizeof(void *));
    if (!bigger) return false;
    *array = bigger;
    *size = wanted;
    return true;
}

static struct node *child_make(struct registry *r, struct node *n, const char *level, size_t len)
{
    bool found;
    size_t place = child_place(n, level, len, &found);
    if (found) return n->children[place];
    void *children = n->children;
    if (r->nodes >= NODES_MAX || !room_for_one(&children, n->child_count, &n->child_size))
        return NULL;
    n->children = children;
    struct node *child = calloc(1, sizeof *child + len);
    if (!child) return NULL;
    child->parent = n;
    child->level_len = len;
    memcpy(child->level, level, len);
    memmove(n->children + place + 1, n->children + place,
            (n->child_count - place) * sizeof(struct node *));
    n->children[place] = child;
    n->child_count++;
    r->nodes++;
    return child;
}

static void node_free(struct node *n)
{
    free(n->children);
    free(n->subscribers);
    free(n);
}

/* Frees n and those above it that nobody needs any more. */
static void prune(struct registry *r, struct node *n)
{
    while (n->parent && n->child_count == 0 && n->subscriber_count == 0) {
        struct node *parent = n->parent;
        bool found;
        size_t place = child_place(parent, n->level, n->level_len, &found);
        parent->child_count--;
        memmove(parent->children + place, parent->children + place + 1,
                (parent->child_count - place) * sizeof(struct node *));
        node_free(n);
        r->nodes--;
        n = parent;
    }
}

/* The node of a filter, made when missing and `make` says so. NULL: none; what was made is gone. */
static struct node *node_of(struct registry *r, const char *filter, bool make)
{
    struct node *n = r->root;
    for (const char *at = filter;; at++) {
        size_t len = strcspn(at, "/");
        struct node *child = make ? child_make(r, n, at, len) : child_find(n, at, len);
        if (!child) {
            if (make) prune(r, n);
            return NULL;
        }
        n = child;
        at += len;
        if (!*at) return n;
    }
}

static size_t subscriber_place(const struct node *n, const void *subscriber)
{
    size_t i = 0;
    while (i < n->subscriber_count && n->subscribers[i] != subscriber)
        i++;
    return i;
}

/* ---- the registry ---- */

struct registry *registry_new(struct news_error *err)
{
    struct registry *r = calloc(1, sizeof *r);
    if (r) r->root = calloc(1, sizeof *r->root);
    if (!r || !r->root) {
        registry_free(r);
        news_fail(err, NEWS_ERR_MEMORY, "registry: out of memory");
        return NULL;
    }
    r->generation = 1;
    return r;
}

/* Down to a leaf, free it, up again: the depth is a stranger's choice. */
static void tree_free(struct node *n)
{
    while (n) {
        if (n->child_count > 0) {
            n = n->children[--n->child_count];
            continue;
        }
        struct node *parent = n->parent;
        node_free(n);
        n = parent;
    }
}

void registry_free(struct registry *r)
{
    if (!r) return;
    tree_free(r->root);
    for (size_t i = 0; i < CACHE_SIZE; i++) {
        free(r->cache[i].topic);
        free(r->cache[i].owned);
    }
    free(r->scratch);
    free(r->seen);
    free(r);
}

static bool scratch_for(struct registry *r, size_t pairs)
{
    if (pairs <= r->scratch_size) return true;
    size_t wanted = r->scratch_size ? 2 * r->scratch_size : SCRATCH_LEAST;
    void **scratch = reallocarray(r->scratch, wanted, sizeof(void *));
    if (!scratch) return false;
    r->scratch = scratch;
    void **seen = reallocarray(r->seen, 2 * wanted, sizeof(void *));
    if (!seen) return false;
    r->seen = seen;
    r->scratch_size = wanted;
    return true;
}

bool registry_add(struct registry *r, const char *filter, void *subscriber)
{
    if (strlen(filter) >= TOPIC_MAX || !scratch_for(r, r->pairs + 1)) return false;
    struct node *n = node_of(r, filter, true);
    if (!n) return false;
    if (subscriber_place(n, subscriber) < n->subscriber_count) return true;
    void *subscribers = n->subscribers;
    if (!room_for_one(&subscribers, n->subscriber_count, &n->subscriber_size)) {
        prune(r, n);
        return false;
    }
    n->subscribers = subscribers;
    n->subscribers[n->subscriber_count++] = subscriber;
    r->pairs++;
    r->generation++;
    return true;
}

void registry_remove(struct registry *r, const char *filter, void *subscriber)
{
    struct node *n = node_of(r, filter, false);
    if (!n) return;
    size_t place = subscriber_place(n, subscriber);
    if (place == n->subscriber_count) return;
    n->subscriber_count--;
    memmove(n->subscribers + place, n->subscribers + place + 1,
            (n->subscriber_count - place) * sizeof(void *));
    r->pairs--;
    r->generation++;
    prune(r, n);
}

size_t registry_count(const struct registry *r)
{
    return r->pairs;
}

/* ---- matching ---- */

/* What a walk found: the subscribers of all nodes in scratch, and the node when it was one alone.
 */
struct found {
    struct registry *registry;
    const struct node *only;
    size_t nodes, count;
};

static void found_add(struct found *f, const struct node *n)
{
    if (!n || n->subscriber_count == 0) return;
    memcpy(f->registry->scratch + f->count, n->subscribers, n->subscriber_count * sizeof(void *));
    f->count += n->subscriber_count;
    f->only = n;
    f->nodes++;
}

struct place {
    const struct node *node;
    const char *rest; /* of the topic; NULL: its last level was taken */
};

/* Depth first. A node put two places at most and took one, and no filter has more levels than
 * LEVELS_MAX, so the stack is bounded whatever the topic. */
static void walk(struct found *f, const char *topic)
{
    struct place stack[LEVELS_MAX + 2];
    size_t depth = 0;
    stack[depth++] = (struct place){f->registry->root, topic};
    while (depth > 0) {
        struct place at = stack[--depth];
        /* MQTT 5.0 section 4.7.2: no wildcard of the first level reaches "$..." */
        bool hidden = at.rest == topic && *topic == '$';
        if (!hidden) found_add(f, child_find(at.node, "#", 1));
        if (!at.rest) {
            found_add(f, at.node);
            continue;
        }
        size_t len = strcspn(at.rest, "/");
        const char *rest = at.rest[len] ? at.rest + len + 1 : NULL;
        const struct node *any = hidden ? NULL : child_find(at.node, "+", 1);
        /* A name has no wildcards; were one to come, it must not find a node twice. */
        bool wild = len == 1 && (*at.rest == '+' || *at.rest == '#');
        const struct node *exact = wild ? NULL : child_find(at.node, at.rest, len);
        if (any) stack[depth++] = (struct place){any, rest};
        if (exact) stack[depth++] = (struct place){exact, rest};
    }
}

/* Drops what is there twice, keeping the order of the first ones. */
static size_t each_once(struct registry *r, size_t count)
{
    size_t size = 1, kept = 0;
    while (size < 2 * count)
        size *= 2;
    memset(r->seen, 0, size * sizeof(void *));
    for (size_t i = 0; i < count; i++) {
        void *subscriber = r->scratch[i];
        size_t at = (size_t)hash_word(HASH_START, (uintptr_t)subscriber) & (size - 1);
        while (r->seen[at] && r->seen[at] != subscriber)
            at = (at + 1) & (size - 1);
        if (r->seen[at]) continue;
        r->seen[at] = subscriber;
        r->scratch[kept++] = subscriber;
    }
    return kept;
}

/* ---- the cache ---- */

static bool cached_holds(const struct cached *c, uint64_t hash, const char *topic, size_t len)
{
    return c->hash == hash && c->topic && c->topic_len == len && memcmp(c->topic, topic, len) == 0;
}

static bool cached_set_topic(struct cached *c, uint64_t hash, const char *topic, size_t len)
{
    if (cached_holds(c, hash, topic, len)) return true;
    char *copy = realloc(c->topic, len + 1);
    if (!copy) return false;
    memcpy(copy, topic, len + 1);
    c->topic = copy;
    c->topic_len = len;
    c->hash = hash;
    return true;
}

static void cache_empty(struct registry *r)
{
    for (size_t i = 0; i < CACHE_SIZE; i++) {
        free(r->cache[i].owned);
        r->cache[i].owned = NULL;
        r->cache[i].owned_size = 0;
        r->cache[i].generation = 0;
    }
    r->cached = 0;
}

/* A copy of what is in scratch; NULL: it is not to be kept. */
static void **cached_own(struct registry *r, struct cached *c, size_t count)
{
    if (count > CACHED_MAX) return NULL;
    if (count > c->owned_size) {
        if (r->cached - c->owned_size + count > CACHED_MAX) cache_empty(r);
        void **owned = reallocarray(c->owned, count, sizeof(void *));
        if (!owned) return NULL;
        r->cached += count - c->owned_size;
        c->owned = owned;
        c->owned_size = count;
    }
    if (count > 0) memcpy(c->owned, r->scratch, count * sizeof(void *));
    return c->owned;
}

void *const *registry_match(struct registry *r, const char *topic, size_t *count)
{
    size_t len = strlen(topic);
    uint64_t hash = hash_bytes(HASH_START, topic, len);
    struct cached *c = &r->cache[hash % CACHE_SIZE];
    if (c->generation == r->generation && cached_holds(c, hash, topic, len)) {
        *count = c->count;
        return c->found;
    }
    struct found f = {.registry = r};
    walk(&f, topic);
    *count = f.nodes > 1 ? each_once(r, f.count) : f.count;
    c->generation = 0;
    if (!cached_set_topic(c, hash, topic, len)) return r->scratch;
    /* An array of a node changes only with the generation: most topics need no copy. */
    void *const *found = f.nodes == 1 ? f.only->subscribers : cached_own(r, c, *count);
    if (!found && *count > 0) return r->scratch;
    c->found = found;
    c->count = *count;
    c->generation = r->generation;
    return found;
}
