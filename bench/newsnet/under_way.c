#include "bench/newsnet/under_way.h"

#include <stdlib.h>

struct under_way {
    struct packet *heap[UNDER_WAY_MAX]; /* the rest, from count on, are free */
    unsigned count;
    unsigned touched; /* packets that were ever used: those after them are not in heap yet */
    uint64_t order;
    struct packet *packets;
};

struct under_way *under_way_new(void)
{
    struct under_way *u = calloc(1, sizeof *u);
    if (u) u->packets = calloc(UNDER_WAY_MAX, sizeof *u->packets);
    if (u && u->packets) return u;
    free(u);
    return NULL;
}

void under_way_free(struct under_way *u)
{
    if (!u) return;
    free(u->packets);
    free(u);
}

static bool is_before(const struct packet *a, const struct packet *b)
{
    return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->order < b->order;
}

struct packet *under_way_take(struct under_way *u)
{
    if (u->count == UNDER_WAY_MAX) return NULL;
    if (u->count == u->touched) {
        u->heap[u->touched] = &u->packets[u->touched];
        u->touched++;
    }
    return u->heap[u->count];
}

void under_way_put(struct under_way *u, struct packet *p)
{
    unsigned at = u->count++; /* where under_way_take() found it */
    p->order = u->order++;
    for (; at > 0 && is_before(p, u->heap[(at - 1) / 2]); at = (at - 1) / 2)
        u->heap[at] = u->heap[(at - 1) / 2];
    u->heap[at] = p;
}

struct packet *under_way_first(struct under_way *u)
{
    return u->count ? u->heap[0] : NULL;
}

void under_way_drop(struct under_way *u)
{
    struct packet *free_again = u->heap[0], *last = u->heap[--u->count];
    unsigned at = 0;
    for (;;) {
        unsigned child = 2 * at + 1;
        if (child + 1 < u->count && is_before(u->heap[child + 1], u->heap[child])) child++;
        if (child >= u->count || !is_before(u->heap[child], last)) break;
        u->heap[at] = u->heap[child];
        at = child;
    }
    u->heap[at] = last;
    u->heap[u->count] = free_again; /* when it was the only one, that is where it was */
}
