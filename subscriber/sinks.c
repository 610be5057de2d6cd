#include "subscriber/sinks.h"

#include <assert.h>
#include <string.h>

void sinks_add(struct sinks *s, struct sink sink)
{
    assert(s->count < SINKS_MAX);
    s->list[s->count++] = sink;
}

void sinks_drop(struct sinks *s, const void *self)
{
    for (size_t i = 0; i < s->count; i++) {
        struct sink sink = s->list[i];
        if (sink.self != self) continue;
        memmove(&s->list[i], &s->list[i + 1], (--s->count - i) * sizeof sink);
        sink.ops->free(sink.self);
        return;
    }
}

void sinks_free(struct sinks *s)
{
    while (s->count > 0) {
        struct sink *last = &s->list[--s->count];
        last->ops->free(last->self);
    }
    told_free(s->told);
    *s = (struct sinks){0};
}

/* Do the rules hide it? Not from whoever saw an earlier version. */
static bool is_ruled_out(struct sinks *s, const struct arrival *a, int64_t now_ms)
{
    if (!s->rules) return false;
    const struct filter_subject subject = {.arrival = a, .unread = true, .now_ms = now_ms};
    if (rules_exclude(s->rules, &subject)) return !s->told || !told_has(s->told, a);
    if (!s->told) s->told = told_new(); /* without memory for it, corrections are like the rest */
    if (s->told) told_put(s->told, a);
    return false;
}

void sinks_recall(struct sinks *s, const struct arrival *a, int64_t now_ms)
{
    (void)is_ruled_out(s, a, now_ms);
}

bool sinks_put(struct sinks *s, const struct arrival *a, int64_t id, bool again, int64_t now_ms)
{
    bool ruled_out = is_ruled_out(s, a, now_ms), waits = arrival_hidden(a, now_ms) != NULL;
    bool seen = false;
    for (size_t i = 0; i < s->count; i++) {
        const struct sink *sink = &s->list[i];
        if ((ruled_out && !sink->unruled) || (waits && !sink->whole) || (again && sink->side))
            continue;
        sink->ops->put(sink->self, a, id, now_ms);
        seen |= !sink->side;
    }
    s->hidden += !seen;
    return seen;
}

bool sinks_committed(struct sinks *s, struct news_error *err)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->list[i].ops->committed && !s->list[i].ops->committed(s->list[i].self, err))
            return false;
    return true;
}

void sinks_undone(struct sinks *s)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->list[i].ops->undone) s->list[i].ops->undone(s->list[i].self);
}

bool sinks_full(const struct sinks *s)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->list[i].ops->full && s->list[i].ops->full(s->list[i].self)) return true;
    return false;
}

bool sinks_idle(const struct sinks *s, bool apart)
{
    for (size_t i = 0; i < s->count; i++) {
        const struct sink *sink = &s->list[i];
        if (sink->apart == apart && sink->ops->idle && !sink->ops->idle(sink->self)) return false;
    }
    return true;
}

bool sinks_gone(const struct sinks *s)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->list[i].ops->gone && s->list[i].ops->gone(s->list[i].self)) return true;
    return false;
}

void sinks_poll(struct sinks *s, struct poll_set *set)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->list[i].ops->poll) s->list[i].ops->poll(s->list[i].self, set);
}

bool sinks_turn(struct sinks *s, struct news_error *err)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->list[i].ops->turn && !s->list[i].ops->turn(s->list[i].self, err)) return false;
    return true;
}
