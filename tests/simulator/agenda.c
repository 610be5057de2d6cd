#include "tests/simulator/agenda.h"

#include <stdlib.h>
#include <string.h>

struct parcel *parcel_new(const struct nrp_address *address, const void *bytes, size_t len)
{
    struct parcel *p = malloc(sizeof *p + len);
    if (!p) abort();
    p->next = NULL;
    p->address = *address;
    p->group = GROUP_NOT;
    p->len = len;
    memcpy(p->bytes, bytes, len);
    return p;
}

void agenda_deinit(struct agenda *a)
{
    for (size_t i = 0; i < a->count; i++)
        free(a->heap[i].parcel);
    free(a->heap);
    memset(a, 0, sizeof *a);
}

static bool earlier(const struct event *a, const struct event *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void rise(struct event *heap, size_t i)
{
    struct event e = heap[i];
    for (; i > 0 && earlier(&e, &heap[(i - 1) / 2]); i = (i - 1) / 2)
        heap[i] = heap[(i - 1) / 2];
    heap[i] = e;
}

static void sink(struct event *heap, size_t count, struct event e)
{
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < count; i = child) {
        if (child + 1 < count && earlier(&heap[child + 1], &heap[child])) child++;
        if (!earlier(&heap[child], &e)) break;
        heap[i] = heap[child];
    }
    heap[i] = e;
}

void agenda_add(struct agenda *a, struct event e)
{
    if (a->count == a->size) {
        a->size = a->size ? 2 * a->size : 64;
        a->heap = realloc(a->heap, a->size * sizeof *a->heap);
        if (!a->heap) abort();
    }
    e.order = a->added++;
    a->heap[a->count] = e;
    rise(a->heap, a->count++);
}

bool agenda_take(struct agenda *a, struct event *out)
{
    if (a->count == 0) return false;
    *out = a->heap[0];
    a->count--;
    if (a->count > 0) sink(a->heap, a->count, a->heap[a->count]);
    return true;
}
