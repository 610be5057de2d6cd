/* subscriber/model_table.h - what the model finds its entries with: by a key, by their place, by
 * the time at which something happens to them.
 *
 * Everything is allocated at once for the most entries there can be, and touched only as it is
 * used, so that nothing later can fail. Entries are known by their slot, a number below that most;
 * sizes are powers of two. */
#ifndef SUBSCRIBER_MODEL_TABLE_H
#define SUBSCRIBER_MODEL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLOT_NONE UINT32_MAX

/* ---- slots by a key ---- */

/* Open addressing; slots with the same key form a list, the last put first, so that a million of
 * the same do no harm. */
struct table {
    uint64_t *keys;           /* by slot; 0: it is not in the table */
    uint32_t *later, *sooner; /* by slot: neighbours of the same key, + 1; 0 none */
    uint32_t *heads;          /* by hash: the slot that was put last, + 1; 0 free */
    size_t mask;              /* of heads, which are never more than half in use */
};

bool table_init(struct table *t, size_t slots);
void table_deinit(struct table *t); /* zeroed is fine */
/* key: a hash, not 0; slot: not in the table. */
void table_put(struct table *t, uint64_t key, uint32_t slot);
void table_remove(struct table *t, uint32_t slot); /* not in the table is fine */
/* The slot with that key that was put last; then the one put before. SLOT_NONE. */
uint32_t table_find(const struct table *t, uint64_t key);
uint32_t table_next(const struct table *t, uint32_t slot);

/* ---- places in order ---- */

/* An array that has room at both ends; what is put in or taken from between moves the shorter side.
 */
struct places {
    int64_t *at;
    size_t size, start, count;
};

bool places_init(struct places *p, size_t most);
void places_deinit(struct places *p);
size_t places_index(const struct places *p, int64_t place); /* the first that is not below it */
void places_insert(struct places *p, int64_t place);
void places_remove(struct places *p, int64_t place); /* which is there */

/* ---- slots by time ---- */

/* A binary heap that knows where each slot stands in it. */
struct timers {
    struct timer {
        int64_t due_ms;
        uint32_t slot;
    } * heap;
    uint32_t *where; /* by slot: its index in the heap, + 1; 0 none */
    size_t count;
};

bool timers_init(struct timers *t, size_t slots);
void timers_deinit(struct timers *t);
void timers_set(struct timers *t, uint32_t slot, int64_t due_ms); /* INT64_MAX: none */
int64_t timers_due(const struct timers *t);                       /* INT64_MAX: none */
uint32_t timers_first(const struct timers *t);                    /* while there is one */

#endif
