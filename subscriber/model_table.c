#include "subscriber/model_table.h"

#include <stdlib.h>
#include <string.h>

/* ---- slots by a key ---- */

bool table_init(struct table *t, size_t slots)
{
    *t = (struct table){.keys = calloc(slots, sizeof *t->keys),
                        .later = calloc(slots, sizeof *t->later),
                        .sooner = calloc(slots, sizeof *t->sooner),
                        .heads = calloc(slots * 2, sizeof *t->heads),
                        .mask = slots * 2 - 1};
    return t->keys && t->later && t->sooner && t->heads;
}

void table_deinit(struct table *t)
{
    free(t->keys);
    free(t->later);
    free(t->sooner);
    free(t->heads);
    *t = (struct table){0};
}

/* The head of that key, or the free one where it would stand. */
static size_t find_head(const struct table *t, uint64_t key)
{
    size_t i = key & t->mask;
    while (t->heads[i] && t->keys[t->heads[i] - 1] != key)
        i = (i + 1) & t->mask;
    return i;
}

/* Nothing is written where a zero stays one: memory that is not needed stays untouched. */
static void join(struct table *t, uint32_t later, uint32_t sooner)
{
    if (later) t->sooner[later - 1] = sooner;
    if (sooner) t->later[sooner - 1] = later;
}

void table_put(struct table *t, uint64_t key, uint32_t slot)
{
    size_t head = find_head(t, key);
    if (t->heads[head]) join(t, slot + 1, t->heads[head]);
    t->heads[head] = slot + 1;
    t->keys[slot] = key;
}

/* Frees a head, and moves up those that stand behind it only because it was taken. */
static void free_head(struct table *t, size_t hole)
{
    for (size_t i = (hole + 1) & t->mask; t->heads[i]; i = (i + 1) & t->mask) {
        size_t home = t->keys[t->heads[i] - 1] & t->mask;
        if (((i - home) & t->mask) < ((i - hole) & t->mask)) continue;
        t->heads[hole] = t->heads[i];
        hole = i;
    }
    t->heads[hole] = 0;
}

void table_remove(struct table *t, uint32_t slot)
{
    uint32_t later = t->later[slot], sooner = t->sooner[slot];
    if (!t->keys[slot]) return;
    if (!later) {
        size_t head = find_head(t, t->keys[slot]);
        if (sooner) t->heads[head] = sooner;
        else free_head(t, head);
    }
    join(t, later, sooner);
    if (later) t->later[slot] = 0;
    if (sooner) t->sooner[slot] = 0;
    t->keys[slot] = 0;
}

uint32_t table_find(const struct table *t, uint64_t key)
{
    return t->heads[find_head(t, key)] - 1; /* 0 - 1 is SLOT_NONE */
}

uint32_t table_next(const struct table *t, uint32_t slot)
{
    return t->sooner[slot] - 1;
}

/* ---- places in order ---- */

/* Twice the room: when an end is met, all moves to the middle, and half as many steps as there are
 * places lie before the next time. */
bool places_init(struct places *p, size_t most)
{
    *p = (struct places){.size = most * 2 + 2};
    p->at = calloc(p->size, sizeof *p->at);
    p->start = p->size / 2;
    return p->at != NULL;
}

void places_deinit(struct places *p)
{
    free(p->at);
    *p = (struct places){0};
}

size_t places_index(const struct places *p, int64_t place)
{
    size_t low = 0, high = p->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (p->at[p->start + middle] < place) low = middle + 1;
        else high = middle;
    }
    return low;
}

static void move(struct places *p, size_t to, size_t from, size_t count)
{
    memmove(p->at + to, p->at + from, count * sizeof *p->at);
}

void places_insert(struct places *p, int64_t place)
{
    size_t i = places_index(p, place);
    if (p->start == 0 || p->start + p->count == p->size) {
        size_t middle = (p->size - p->count) / 2;
        move(p, middle, p->start, p->count);
        p->start = middle;
    }
    if (i < p->count / 2) {
        move(p, p->start - 1, p->start, i);
        p->start--;
    } else {
        move(p, p->start + i + 1, p->start + i, p->count - i);
    }
    p->at[p->start + i] = place;
    p->count++;
}

void places_remove(struct places *p, int64_t place)
{
    size_t i = places_index(p, place);
    if (i < p->count / 2) {
        move(p, p->start + 1, p->start, i);
        p->start++;
    } else {
        move(p, p->start + i, p->start + i + 1, p->count - i - 1);
    }
    p->count--;
}

/* ---- slots by time ---- */

bool timers_init(struct timers *t, size_t slots)
{
    *t = (struct timers){.heap = calloc(slots, sizeof *t->heap),
                         .where = calloc(slots, sizeof *t->where)};
    return t->heap && t->where;
}

void timers_deinit(struct timers *t)
{
    free(t->heap);
    free(t->where);
    *t = (struct timers){0};
}

static void stand(struct timers *t, size_t i, struct timer timer)
{
    t->heap[i] = timer;
    t->where[timer.slot] = (uint32_t)i + 1;
}

/* Puts timer where i is free, and whatever it has to pass in its stead. */
static void settle(struct timers *t, size_t i, struct timer timer)
{
    while (i > 0 && t->heap[(i - 1) / 2].due_ms > timer.due_ms) {
        stand(t, i, t->heap[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    for (size_t child; (child = i * 2 + 1) < t->count; i = child) {
        if (child + 1 < t->count && t->heap[child + 1].due_ms < t->heap[child].due_ms) child++;
        if (t->heap[child].due_ms >= timer.due_ms) break;
        stand(t, i, t->heap[child]);
    }
    stand(t, i, timer);
}

static void drop(struct timers *t, uint32_t slot)
{
    size_t i = t->where[slot] - 1;
    t->where[slot] = 0;
    struct timer last = t->heap[--t->count];
    if (last.slot != slot) settle(t, i, last);
}

void timers_set(struct timers *t, uint32_t slot, int64_t due_ms)
{
    if (t->where[slot]) drop(t, slot);
    if (due_ms == INT64_MAX) return;
    t->count++;
    settle(t, t->count - 1, (struct timer){due_ms, slot});
}

int64_t timers_due(const struct timers *t)
{
    return t->count ? t->heap[0].due_ms : INT64_MAX;
}

uint32_t timers_first(const struct timers *t)
{
    return t->heap[0].slot;
}
