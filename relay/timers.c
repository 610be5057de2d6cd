#include "relay/timers.h"

#include <assert.h>
#include <stdlib.h>

void timers_deinit(struct timers *t)
{
    free(t->heap);
    *t = (struct timers){0};
}

bool timers_reserve(struct timers *t, size_t count)
{
    if (count <= t->size) return true;
    size_t size = t->size ? t->size * 2 : 16;
    while (size < count)
        size *= 2;
    struct timer **heap = realloc(t->heap, size * sizeof *heap);
    if (!heap) return false;
    t->heap = heap;
    t->size = size;
    return true;
}

/* Places count from 1, so that the children of n are 2n and 2n + 1. */
static void put(struct timers *t, size_t place, struct timer *timer)
{
    t->heap[place - 1] = timer;
    timer->place = place;
}

static struct timer *at(const struct timers *t, size_t place)
{
    return t->heap[place - 1];
}

static void rise(struct timers *t, struct timer *timer)
{
    size_t place = timer->place;
    for (; place > 1 && at(t, place / 2)->at_us > timer->at_us; place /= 2)
        put(t, place, at(t, place / 2));
    put(t, place, timer);
}

static void sink(struct timers *t, struct timer *timer)
{
    size_t place = timer->place;
    for (;;) {
        size_t child = place * 2;
        if (child > t->count) break;
        if (child < t->count && at(t, child + 1)->at_us < at(t, child)->at_us) child++;
        if (at(t, child)->at_us >= timer->at_us) break;
        put(t, place, at(t, child));
        place = child;
    }
    put(t, place, timer);
}

void timers_set(struct timers *t, struct timer *timer, int64_t at_us)
{
    if (at_us == INT64_MAX) {
        timers_clear(t, timer);
        return;
    }
    timer->at_us = at_us;
    if (timer->place == 0) {
        assert(t->count < t->size);
        put(t, ++t->count, timer);
    }
    rise(t, timer);
    sink(t, timer);
}

void timers_clear(struct timers *t, struct timer *timer)
{
    if (timer->place == 0) return;
    size_t place = timer->place;
    struct timer *last = at(t, t->count--);
    timer->place = 0;
    if (last == timer) return;
    put(t, place, last);
    rise(t, last);
    sink(t, last);
}

struct timer *timers_first(const struct timers *t)
{
    return t->count ? t->heap[0] : NULL;
}
