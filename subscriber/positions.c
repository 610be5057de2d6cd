#include "subscriber/positions.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/hash.h"

enum { SLOTS_FIRST = 64 };

struct node {
    struct position at;
    uint64_t hash;
    char topic[];
};

/* Open addressing. A stream is never taken out, so that a free slot ends every search. */
struct positions {
    struct node **slots;
    size_t slot_count; /* a power of two */
    size_t count;
    uint64_t seed; /* topics are foreign: nobody outside knows where they fall */
    struct position *changed;
};

/* ---- the table ---- */

struct positions *positions_new(struct news_error *err)
{
    struct positions *p = calloc(1, sizeof *p);
    if (p) p->slots = calloc(SLOTS_FIRST, sizeof(struct node *));
    if (!p || !p->slots) {
        positions_free(p);
        news_fail(err, NEWS_ERR_MEMORY, "out of memory");
        return NULL;
    }
    p->slot_count = SLOTS_FIRST;
    if (getrandom(&p->seed, sizeof p->seed, GRND_NONBLOCK) < 0) p->seed = 0;
    return p;
}

void positions_free(struct positions *p)
{
    if (!p) return;
    for (size_t i = 0; p->slots && i < p->slot_count; i++) {
        if (p->slots[i]) free(p->slots[i]->at.ahead);
        free(p->slots[i]);
    }
    free(p->slots);
    free(p);
}

/* The NULs are hashed, too: "ab" "c" is not "a" "bc". */
static uint64_t hash_stream(const struct positions *p, const char *publisher, const char *epoch,
                            const char *topic)
{
    uint64_t hash = hash_bytes(HASH_START ^ p->seed, publisher, strlen(publisher) + 1);
    hash = hash_bytes(hash, epoch, strlen(epoch) + 1);
    hash = hash_bytes(hash, topic, strlen(topic) + 1);
    return hash ^ hash >> 32; /* the low bits, which choose the slot, know the seed's high ones */
}

static bool is_stream(const struct node *n, uint64_t hash, const char *publisher, const char *epoch,
                      const char *topic)
{
    return n->hash == hash && strcmp(n->topic, topic) == 0 &&
           strcmp(n->at.publisher, publisher) == 0 && strcmp(n->at.epoch, epoch) == 0;
}

static void place(struct node **slots, size_t slot_count, struct node *n)
{
    size_t i = n->hash & (slot_count - 1);
    while (slots[i])
        i = (i + 1) & (slot_count - 1);
    slots[i] = n;
}

/* At most three quarters of the slots are in use. */
static bool make_room(struct positions *p)
{
    if (p->count >= POSITIONS_STREAMS_MAX) return false;
    if (p->count + 1 <= p->slot_count / 4 * 3) return true;
    size_t slot_count = p->slot_count * 2;
    struct node **slots = calloc(slot_count, sizeof(struct node *));
    if (!slots) return false;
    for (size_t i = 0; i < p->slot_count; i++)
        if (p->slots[i]) place(slots, slot_count, p->slots[i]);
    free(p->slots);
    p->slots = slots;
    p->slot_count = slot_count;
    return true;
}

static struct node *node_new(const char *publisher, const char *epoch, const char *topic)
{
    size_t size = strlen(topic) + 1;
    struct node *n = calloc(1, sizeof *n + size);
    if (!n) return NULL;
    memcpy(n->at.publisher, publisher, strlen(publisher));
    memcpy(n->at.epoch, epoch, strlen(epoch));
    memcpy(n->topic, topic, size);
    n->at.topic = n->topic;
    n->at.hole_since_mono_ms = INT64_MAX;
    return n;
}

struct position *positions_of(struct positions *p, const char *publisher, const char *epoch,
                              const char *topic)
{
    uint64_t hash = hash_stream(p, publisher, epoch, topic);
    for (size_t i = hash & (p->slot_count - 1); p->slots[i]; i = (i + 1) & (p->slot_count - 1))
        if (is_stream(p->slots[i], hash, publisher, epoch, topic)) return &p->slots[i]->at;
    if (strlen(publisher) > TOPIC_SLUG_MAX || strlen(epoch) >= WIRE_EPOCH_SIZE) return NULL;
    struct node *n = make_room(p) ? node_new(publisher, epoch, topic) : NULL;
    if (!n) return NULL;
    n->hash = hash;
    n->at.list = &p->changed;
    place(p->slots, p->slot_count, n);
    p->count++;
    return &n->at;
}

struct position *positions_next(struct positions *p, size_t *cursor)
{
    while (*cursor < p->slot_count) {
        struct node *n = p->slots[(*cursor)++];
        if (n) return &n->at;
    }
    return NULL;
}

struct position *positions_take_dirty(struct positions *p)
{
    while (p->changed) {
        struct position *at = p->changed;
        p->changed = at->next_listed;
        at->listed = false;
        if (!at->dirty) continue;
        at->dirty = false;
        return at;
    }
    return NULL;
}

size_t positions_count(const struct positions *p)
{
    return p->count;
}

/* ---- looking ---- */

/* The first range that ends at seq or beyond; ahead_count when there is none. */
static size_t find_range(const struct position *at, uint64_t seq)
{
    size_t low = 0, high = at->ahead_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (at->ahead[middle].last < seq) low = middle + 1;
        else high = middle;
    }
    return low;
}

uint64_t position_highest(const struct position *at)
{
    return at->ahead_count ? at->ahead[at->ahead_count - 1].last : at->through;
}

enum position_answer position_look(const struct position *at, uint64_t seq)
{
    if (seq == 0 || seq > WIRE_SEQ_MAX) return POSITION_ABSURD;
    if (at->based && seq <= at->through) return POSITION_KNOWN;
    uint64_t highest = position_highest(at);
    if (seq > highest) {
        bool newcomer = !at->based && at->ahead_count == 0;
        return newcomer || seq - highest - 1 <= SYNC_HOLE_MAX ? POSITION_NEW : POSITION_ABSURD;
    }
    return at->ahead[find_range(at, seq)].first <= seq ? POSITION_KNOWN : POSITION_NEW;
}

/* Between what came: below the first range there is a hole only where a base is known. */
static size_t hole_count(const struct position *at)
{
    return at->ahead_count && !at->based ? at->ahead_count - 1 : at->ahead_count;
}

bool position_has_hole(const struct position *at)
{
    return hole_count(at) > 0;
}

bool position_hole(const struct position *at, size_t i, struct number_range *out)
{
    if (i >= hole_count(at)) return false;
    size_t next = at->based ? i : i + 1;
    out->first = (next > 0 ? at->ahead[next - 1].last : at->through) + 1;
    out->last = at->ahead[next].first - 1;
    return true;
}

/* ---- marking ---- */

/* Takes count ranges out, beginning with that one. */
static void drop_ranges(struct position *at, size_t from, size_t count)
{
    memmove(&at->ahead[from], &at->ahead[from + count],
            (at->ahead_count - from - count) * sizeof *at->ahead);
    at->ahead_count -= count;
    if (at->ahead_count > 0) return;
    free(at->ahead);
    at->ahead = NULL;
}

/* The array has room for the next power of two above ahead_count, so that its size needs no
 * member. */
static bool insert_range(struct position *at, size_t i, struct number_range range)
{
    if (at->ahead_count >= POSITIONS_RANGES_MAX) {
        if (i >= at->ahead_count) return true; /* itself the farthest */
        drop_ranges(at, at->ahead_count - 1, 1);
    }
    size_t n = at->ahead_count;
    if ((n & (n - 1)) == 0) {
        struct number_range *more = realloc(at->ahead, (n ? 2 * n : 1) * sizeof *more);
        if (!more) return false;
        at->ahead = more;
    }
    memmove(&at->ahead[i + 1], &at->ahead[i], (n - i) * sizeof *at->ahead);
    at->ahead[i] = range;
    at->ahead_count++;
    return true;
}

/* A range beyond through + 1: joined with those it meets or touches. */
static bool add_ahead(struct position *at, struct number_range range)
{
    size_t from = at->ahead_count, to = at->ahead_count;
    if (from > 0 && range.first <= at->ahead[from - 1].last + 1) {
        from = find_range(at, range.first - 1);
        to = from;
        while (to < at->ahead_count && at->ahead[to].first <= range.last + 1)
            to++;
    }
    if (from == to) return insert_range(at, from, range);
    struct number_range *joined = &at->ahead[from];
    if (range.first < joined->first) joined->first = range.first;
    joined->last = at->ahead[to - 1].last > range.last ? at->ahead[to - 1].last : range.last;
    if (to - from > 1) drop_ranges(at, from + 1, to - from - 1);
    return true;
}

static void mark_dirty(struct position *at)
{
    at->dirty = true;
    if (at->listed) return;
    at->listed = true;
    at->next_listed = *at->list;
    *at->list = at;
}

/* After through has grown: what it reaches is no longer ahead. */
static void absorb(struct position *at)
{
    size_t n = 0;
    for (; n < at->ahead_count && at->ahead[n].first <= at->through + 1; n++)
        if (at->ahead[n].last > at->through) at->through = at->ahead[n].last;
    if (n > 0) drop_ranges(at, 0, n);
}

/* When through has moved, the oldest hole was filled: those that are left are given their time. */
static void note_hole(struct position *at, bool moved, int64_t now_mono_ms)
{
    if (!position_has_hole(at)) at->hole_since_mono_ms = INT64_MAX;
    else if (moved || at->hole_since_mono_ms == INT64_MAX) at->hole_since_mono_ms = now_mono_ms;
}

bool position_add(struct position *at, uint64_t first, uint64_t last, int64_t now_mono_ms)
{
    if (first == 0 || first > last || last > WIRE_SEQ_MAX) return false;
    if (at->based && last <= at->through) return true;
    bool moved = at->based && first <= at->through + 1;
    if (!moved && !add_ahead(at, (struct number_range){first, last})) return false;
    if (moved) {
        at->through = last;
        absorb(at);
    }
    note_hole(at, moved, now_mono_ms);
    mark_dirty(at);
    return true;
}

void position_base(struct position *at, uint64_t through)
{
    if (at->based && through <= at->through) return;
    at->based = true;
    at->through = through;
    absorb(at);
    note_hole(at, false, 0);
    mark_dirty(at);
}

/* ---- as text ---- */

void position_put_ahead(const struct position *at, struct buf *out)
{
    for (size_t i = 0; i < at->ahead_count; i++) {
        const struct number_range *r = &at->ahead[i];
        buf_printf(out, "%s%llu", i > 0 ? "," : "", (unsigned long long)r->first);
        if (r->last > r->first) buf_printf(out, "-%llu", (unsigned long long)r->last);
    }
}

static bool take_number(const char **text, uint64_t *out)
{
    uint64_t value = 0;
    const char *at = *text;
    for (; *at >= '0' && *at <= '9'; at++) {
        if (value > WIRE_SEQ_MAX / 10) return false;
        value = value * 10 + (uint64_t)(*at - '0');
    }
    if (at == *text || value == 0 || value > WIRE_SEQ_MAX) return false;
    *text = at;
    *out = value;
    return true;
}

static bool take_range(const char **text, struct number_range *out)
{
    if (!take_number(text, &out->first)) return false;
    out->last = out->first;
    if (**text == '-') {
        ++*text;
        if (!take_number(text, &out->last)) return false;
    }
    return out->first <= out->last;
}

bool position_get_ahead(struct position *at, const char *text)
{
    while (*text) {
        struct number_range r;
        if (!take_range(&text, &r) || !position_add(at, r.first, r.last, 0)) return false;
        if (*text == ',' && text[1]) text++;
        else if (*text) return false;
    }
    return true;
}
