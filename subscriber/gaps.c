#include "subscriber/gaps.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"

enum {
    ROOM = 2 * GAPS_MAX,          /* while they are collected; then the newest half stays */
    HOLES_PLACED = 10 * GAPS_MAX, /* each takes a query; the others are only counted */
};

/* One collection of gaps. */
struct survey {
    struct gap *list;
    size_t count;
    uint64_t holes, gone;
    struct arena *memory; /* topics, reasons */
};

struct gaps {
    struct survey now;
};

static bool fail_memory(struct news_error *err)
{
    return news_fail(err, NEWS_ERR_MEMORY, "out of memory");
}

struct gaps *gaps_new(struct news_error *err)
{
    struct gaps *g = calloc(1, sizeof *g);
    if (!g) fail_memory(err);
    return g;
}

static void survey_deinit(struct survey *s)
{
    free(s->list);
    arena_free(s->memory);
}

void gaps_free(struct gaps *g)
{
    if (!g) return;
    survey_deinit(&g->now);
    free(g);
}

/* ---- collecting ---- */

static int by_place(const void *a, const void *b)
{
    const struct gap *p = a, *q = b;
    if (p->place != q->place) return p->place < q->place ? -1 : 1;
    int topics = strcmp(p->topic, q->topic);
    if (topics != 0) return topics;
    return p->first < q->first ? -1 : p->first > q->first;
}

static void sort_and_cut(struct survey *s)
{
    qsort(s->list, s->count, sizeof *s->list, by_place);
    if (s->count <= GAPS_MAX) return;
    memmove(s->list, s->list + s->count - GAPS_MAX, GAPS_MAX * sizeof *s->list);
    s->count = GAPS_MAX;
}

/* place 0: at the end. */
static bool add(struct survey *s, int64_t place, const char *topic, struct number_range range,
                const char *reason)
{
    if (s->count == ROOM) sort_and_cut(s);
    struct gap *g = &s->list[s->count];
    *g = (struct gap){.place = place ? place : INT64_MAX,
                      .topic = arena_strdup(s->memory, topic),
                      .first = range.first,
                      .last = range.last,
                      .reason = reason ? arena_strdup(s->memory, reason) : NULL};
    if (!g->topic || (reason && !g->reason)) return false;
    s->count++;
    return true;
}

struct collecting {
    struct survey *survey;
    bool no_memory;
};

static bool add_gone(void *user, int64_t place, const char *topic, uint64_t first, uint64_t last,
                     const char *reason)
{
    struct collecting *c = user;
    c->survey->gone += last - first + 1;
    c->no_memory = !add(c->survey, place, topic, (struct number_range){first, last}, reason);
    return !c->no_memory;
}

static bool collect_gone(struct survey *s, struct history *h, struct news_error *err)
{
    struct collecting c = {.survey = s};
    return history_gone(h, add_gone, &c, err) && (!c.no_memory || fail_memory(err));
}

static bool collect_holes(struct survey *s, struct history *h, struct positions *p,
                          struct news_error *err)
{
    size_t cursor = 0, placed = 0;
    for (struct position *at; p && (at = positions_next(p, &cursor));) {
        struct number_range hole;
        for (size_t i = 0; position_hole(at, i, &hole); i++) {
            int64_t place;
            s->holes += hole.last - hole.first + 1;
            if (placed == HOLES_PLACED) continue;
            placed++;
            if (!history_place(h, at->publisher, at->epoch, at->topic, hole.first, &place, err))
                return false;
            if (!add(s, place, at->topic, hole, NULL)) return fail_memory(err);
        }
    }
    return true;
}

static bool collect(struct survey *s, struct history *h, struct positions *p,
                    struct news_error *err)
{
    s->list = malloc(ROOM * sizeof *s->list);
    s->memory = arena_new();
    if (!s->list || !s->memory) return fail_memory(err);
    if (!collect_gone(s, h, err) || !collect_holes(s, h, p, err)) return false;
    sort_and_cut(s);
    return true;
}

/* ---- what differs ---- */

static bool is_same(const struct gap *a, const struct gap *b)
{
    bool reason = a->reason && b->reason ? strcmp(a->reason, b->reason) == 0
                                         : a->reason == b->reason;
    return reason && a->place == b->place && a->first == b->first && a->last == b->last &&
           strcmp(a->topic, b->topic) == 0;
}

static bool is_same_survey(const struct survey *a, const struct survey *b)
{
    if (a->count != b->count || a->holes != b->holes || a->gone != b->gone) return false;
    for (size_t i = 0; i < a->count; i++)
        if (!is_same(&a->list[i], &b->list[i])) return false;
    return true;
}

bool gaps_refresh(struct gaps *g, struct history *h, struct positions *p, bool *changed,
                  struct news_error *err)
{
    struct survey next = {0};
    if (!collect(&next, h, p, err)) {
        survey_deinit(&next);
        return false;
    }
    *changed = !is_same_survey(&g->now, &next);
    survey_deinit(&g->now);
    g->now = next;
    return true;
}

/* ---- looking ---- */

size_t gaps_count(const struct gaps *g)
{
    return g->now.count;
}

const struct gap *gaps_at(const struct gaps *g, size_t i)
{
    return i < g->now.count ? &g->now.list[i] : NULL;
}

size_t gaps_from(const struct gaps *g, int64_t id)
{
    size_t low = 0, high = g->now.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (g->now.list[middle].place < id) low = middle + 1;
        else high = middle;
    }
    return low;
}

uint64_t gaps_holes(const struct gaps *g)
{
    return g->now.holes;
}

uint64_t gaps_gone(const struct gaps *g)
{
    return g->now.gone;
}
