#include "subscriber/upkeep.h"

enum {
    INDEX_ROWS = 32,
    PRUNE_ROWS = 50,
    FIRST_MS = 500, /* the first screen goes before */
    PRUNE_FIRST_MS = 5000,
    PRUNE_EVERY_MS = 60000,
    AGAIN_MS = 60000, /* after a failure */
};

void upkeep_init(struct upkeep *u, struct history *h, const struct history_limits *l,
                 int64_t now_mono_ms)
{
    *u = (struct upkeep){.history = h,
                         .limits = *l,
                         .index = true,
                         .next_mono_ms = now_mono_ms + FIRST_MS,
                         .prune_mono_ms = now_mono_ms + PRUNE_FIRST_MS};
}

void upkeep_stored(struct upkeep *u)
{
    u->index = true;
}

int64_t upkeep_due(const struct upkeep *u)
{
    if (!u->history) return INT64_MAX;
    if (u->index || u->prune) return u->next_mono_ms;
    return u->prune_mono_ms;
}

/* One thing at a time, so that the failure of one does not undo the other. */
static bool slice(struct upkeep *u, int64_t now_ms, int64_t now_mono_ms, struct news_error *err)
{
    if (!u->prune && now_mono_ms < u->prune_mono_ms)
        return !u->index || history_index(u->history, INDEX_ROWS, &u->index, err);
    u->prune_mono_ms = now_mono_ms + PRUNE_EVERY_MS;
    return history_prune(u->history, &u->limits, now_ms, PRUNE_ROWS, &u->prune, err);
}

bool upkeep_turn(struct upkeep *u, bool busy, int64_t now_ms, int64_t now_mono_ms,
                 struct news_error *err)
{
    if (now_mono_ms < upkeep_due(u)) return true;
    u->next_mono_ms = now_mono_ms + (busy ? UPKEEP_SLICE_MS : 0);
    if (slice(u, now_ms, now_mono_ms, err)) return true;
    /* Later again: a full disk is told once by whoever stores, not by each slice. */
    u->next_mono_ms = now_mono_ms + AGAIN_MS;
    u->prune = false;
    return false;
}
