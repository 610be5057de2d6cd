#include "publisher/feed_build.h"

#include <stdlib.h>
#include <string.h>

#include "common/ninjs.h"
#include "common/uuid.h"
#include "publisher/feed_uri.h"

enum { TEXT_START = 200 }; /* bytes that stand for an item's text in a name */

/* How an item may be known, the best first. Where several items of one document share a name, all
 * of them take the next, so that the answer does not depend on their order. */
enum naming { BY_GUID, BY_LINK, BY_ALL, NAMINGS };

struct key { /* of one item, for sorting */
    uint64_t uri_hash, item_hash;
    size_t index;
};

/* ---- names ---- */

static const char *feed_name(const struct feed_build *b)
{
    const struct feed_text *id = &b->channel.slots[SLOT_ID];
    if (id->data) return id->data;
    return b->feed->link ? b->feed->link : b->feed->title;
}

/* What tells items of one title apart: the date as written, else how the text starts. */
static const char *stamp(const struct feed_build *b, size_t i, char start[TEXT_START + 1])
{
    static const enum feed_slot dates[] = {SLOT_PUBLISHED, SLOT_DATE, SLOT_UPDATED};
    for (size_t k = 0; k < sizeof dates / sizeof *dates; k++) {
        const char *date = b->items[i].slots[dates[k]].data;
        if (date) return date;
    }
    const struct draft *d = &b->feed->items[i];
    const char *text = d->summary ? d->summary : d->body_text ? d->body_text : "";
    size_t len = strnlen(text, TEXT_START);
    memcpy(start, text, len);
    start[len] = '\0';
    return start;
}

static const char *name_based(struct feed_build *b, size_t i, enum naming naming)
{
    const struct draft *d = &b->feed->items[i];
    char start[TEXT_START + 1], uri[UUID_URN_SIZE];
    bool guid_says_all = d->guid && naming != BY_ALL;
    const char *names[] = {
        feed_name(b),
        d->guid,
        naming == BY_ALL ? d->link : NULL,
        guid_says_all ? NULL : d->title,
        guid_says_all ? NULL : stamp(b, i, start),
    };
    uuid_of_names(names, sizeof names / sizeof *names, uri);
    const char *kept = arena_strdup(b->feed->memory, uri);
    if (!kept) b->failed = true;
    return kept;
}

static const char *name_of(struct feed_build *b, size_t i, enum naming naming)
{
    const struct draft *d = &b->feed->items[i];
    const char *uri = NULL;
    if (naming == BY_GUID && d->guid)
        uri = feed_uri_absolute(b->feed->memory, d->guid, strlen(d->guid));
    if (uri && strlen(uri) > NINJS_URI_MAX) uri = NULL;
    if (!uri && naming != BY_ALL) uri = d->link;
    if (uri && strlen(uri) > NINJS_URI_MAX) uri = NULL;
    return uri ? uri : name_based(b, i, naming);
}

/* ---- items that share a name ---- */

static uint64_t hash(uint64_t h, const char *text) /* FNV-1a; NULL hashes as "" */
{
    for (const unsigned char *p = (const unsigned char *)(text ? text : ""); *p; p++)
        h = (h ^ *p) * UINT64_C(0x100000001b3);
    return (h ^ 0xFF) * UINT64_C(0x100000001b3); /* parts this text from the next */
}

static int by_hash(const void *a, const void *b)
{
    const struct key *x = a, *y = b;
    if (x->uri_hash != y->uri_hash) return x->uri_hash < y->uri_hash ? -1 : 1;
    if (x->item_hash != y->item_hash) return x->item_hash < y->item_hash ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

static void sort_keys(const struct feed_build *b, struct key *keys, size_t count)
{
    const uint64_t basis = UINT64_C(0xcbf29ce484222325);
    for (size_t k = 0; k < count; k++) {
        const struct draft *d = &b->feed->items[keys[k].index];
        keys[k].uri_hash = hash(basis, d->uri);
        keys[k].item_hash = hash(hash(hash(basis, d->guid), d->link), d->title);
    }
    qsort(keys, count, sizeof *keys, by_hash);
}

static bool same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool repeats(const struct draft *a, const struct draft *b)
{
    return same(a->guid, b->guid) && same(a->link, b->link) && same(a->title, b->title);
}

/* Keeps the first of items that the document says twice; of sorted keys, those are neighbours. */
static size_t drop_repeats(struct feed_build *b, struct key *keys, size_t count)
{
    size_t kept = 0;
    for (size_t k = 0; k < count; k++) {
        const struct draft *d = &b->feed->items[keys[k].index];
        if (kept && keys[k].uri_hash == keys[kept - 1].uri_hash &&
            repeats(&b->feed->items[keys[kept - 1].index], d))
            continue;
        keys[kept++] = keys[k];
    }
    return kept;
}

/* Gives a new name to whatever shares its uri. True when that changed anything. */
static bool rename_shared(struct feed_build *b, const struct key *keys, size_t count,
                          enum naming naming)
{
    bool changed = false;
    for (size_t k = 0; k < count; k++) {
        bool shared = (k > 0 && keys[k - 1].uri_hash == keys[k].uri_hash) ||
                      (k + 1 < count && keys[k + 1].uri_hash == keys[k].uri_hash);
        if (!shared) continue;
        b->feed->items[keys[k].index].uri = name_of(b, keys[k].index, naming);
        changed = true;
    }
    return changed;
}

static int by_index(const void *a, const void *b)
{
    const struct key *x = a, *y = b;
    return x->index < y->index ? -1 : x->index > y->index;
}

/* Document order again, without what was dropped. */
static void keep_only(struct feed *f, struct key *keys, size_t count)
{
    qsort(keys, count, sizeof *keys, by_index);
    for (size_t k = 0; k < count; k++) {
        if (keys[k].index != k) f->items[k] = f->items[keys[k].index];
        struct draft *d = &f->items[k];
        if (same(d->guid, d->uri)) d->guid = NULL;
    }
    f->item_count = count;
}

bool feed_identify(struct feed_build *b)
{
    size_t count = b->feed->item_count;
    struct key *keys = calloc(count ? count : 1, sizeof *keys);
    if (!keys) return false;
    for (size_t i = 0; i < count; i++) {
        keys[i].index = i;
        b->feed->items[i].uri = name_of(b, i, BY_GUID);
    }
    for (enum naming naming = BY_LINK; naming < NAMINGS && !b->failed; naming++) {
        sort_keys(b, keys, count);
        count = drop_repeats(b, keys, count);
        if (!rename_shared(b, keys, count, naming)) break;
    }
    if (!b->failed) keep_only(b->feed, keys, count);
    free(keys);
    return !b->failed;
}
