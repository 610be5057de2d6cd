#include "common/transport/mqtt_window.h"

#include <stdlib.h>

/* Pitfall 5: what a stalled peer does not take grows in the library without a limit. One message
 * always goes in, however large. */
#define BYTES_MAX (16u << 20)

struct mqtt_slot {
    uint64_t token;
    size_t bytes;
    uint16_t id; /* 0: free */
};

bool mqtt_window_init(struct mqtt_window *w, unsigned max)
{
    /* Answers come in order, give or take; four windows of identifiers let one lag far behind
     * before its slot is wanted again. */
    size_t slot_count = 16;
    while (slot_count < (size_t)max * 4 && slot_count < 65536)
        slot_count *= 2;
    *w = (struct mqtt_window){.slot_count = slot_count, .max = max};
    w->slots = calloc(slot_count, sizeof *w->slots);
    return w->slots != NULL;
}

void mqtt_window_deinit(struct mqtt_window *w)
{
    free(w->slots);
    *w = (struct mqtt_window){0};
}

static uint16_t next_id(const struct mqtt_window *w)
{
    return w->last_id == UINT16_MAX ? 1 : (uint16_t)(w->last_id + 1);
}

static struct mqtt_slot *slot_of(const struct mqtt_window *w, uint16_t id)
{
    return &w->slots[id & (w->slot_count - 1)];
}

/* Pitfall 7: the library never checks whether an identifier is in use when it comes round again. */
bool mqtt_window_has_room(const struct mqtt_window *w, size_t bytes)
{
    if (w->count >= w->max) return false;
    if (w->count > 0 && w->bytes + bytes > BYTES_MAX) return false;
    return slot_of(w, next_id(w))->id == 0;
}

bool mqtt_window_put(struct mqtt_window *w, int id, uint64_t token, size_t bytes)
{
    if (id != next_id(w)) return false;
    w->last_id = (uint16_t)id;
    *slot_of(w, w->last_id) = (struct mqtt_slot){.token = token, .bytes = bytes, .id = w->last_id};
    w->count++;
    w->bytes += bytes;
    return true;
}

void mqtt_window_skip(struct mqtt_window *w, int id)
{
    w->last_id = (uint16_t)id;
}

bool mqtt_window_take(struct mqtt_window *w, int id, uint64_t *token)
{
    struct mqtt_slot *slot = slot_of(w, (uint16_t)id);
    if (id == 0 || slot->id != id) return false;
    *token = slot->token;
    w->bytes -= slot->bytes;
    w->count--;
    slot->id = 0;
    return true;
}
