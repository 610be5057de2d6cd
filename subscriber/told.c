#include "subscriber/told.h"

#include <stdlib.h>
#include <string.h>

#include "common/hash.h"

enum { WAYS = 4 }; /* places for a hash; a new one pushes out the oldest of its places */

struct told {
    uint64_t sets[TOLD_MAX / WAYS][WAYS]; /* newest first; 0: empty */
};

struct told *told_new(void)
{
    return calloc(1, sizeof(struct told));
}

void told_free(struct told *t)
{
    free(t);
}

/* Of publisher and uri; never 0. Escapes in a uri stay as they were written: a publisher writes
 * the same way each time. */
static uint64_t story_of(const struct arrival *a)
{
    struct json_slice uri = a->item->member[NINJS_URI];
    uint64_t hash = hash_bytes(HASH_START, a->levels.publisher ? a->levels.publisher : "",
                               a->levels.publisher_len);
    hash = hash_bytes(hash, uri.at, uri.len);
    return hash ? hash : 1;
}

void told_put(struct told *t, const struct arrival *a)
{
    uint64_t story = story_of(a), *set = t->sets[story % (TOLD_MAX / WAYS)];
    if (told_has(t, a)) return;
    memmove(set + 1, set, (WAYS - 1) * sizeof *set);
    set[0] = story;
}

bool told_has(const struct told *t, const struct arrival *a)
{
    uint64_t story = story_of(a);
    const uint64_t *set = t->sets[story % (TOLD_MAX / WAYS)];
    for (size_t i = 0; i < WAYS; i++)
        if (set[i] == story) return true;
    return false;
}
