#include "bench/newsbench/groups.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

unsigned group_class(const struct cell *c)
{
    return (unsigned)c->carrier->guarantee * 3 + (unsigned)c->carrier->secrecy;
}

struct words group_class_name(unsigned class)
{
    static const enum say guarantees[] = {SAY_BEST_EFFORT, SAY_AT_LEAST_ONCE, SAY_EXACTLY_ONCE};
    static const enum say secrecies[] = {SAY_IN_CLEAR, SAY_AUTHENTICATED, SAY_SEALED};
    const struct words guarantee = words_say(guarantees[class / 3 % 3]);
    const struct words secrecy = words_say(secrecies[class % 3]);
    return WORDS_FILL(SAY_CLASS, &guarantee, &secrecy);
}

bool factor_same(const struct factor *f, const struct cell *a, const struct cell *b)
{
    return fabs(factor_value(f, a) - factor_value(f, b)) < 1e-12;
}

/* What is added for a selftest belongs to the carrier, as it were. */
static bool is_condition(const struct factor *f)
{
    return f->at != offsetof(struct cell, extra_ms);
}

static bool same_condition(const struct cell *a, const struct cell *b)
{
    for (const struct factor *f = factors; f->name; f++)
        if (is_condition(f) && !factor_same(f, a, b)) return false;
    return true;
}

static size_t find_condition(struct groups *g, size_t cell)
{
    const struct cell *cells = g->r->plan.cells;
    for (size_t i = 0; i < g->condition_count; i++)
        if (same_condition(&cells[g->first[i]], &cells[cell])) return i;
    g->first[g->condition_count] = cell;
    return g->condition_count++;
}

static size_t find_series(struct groups *g, size_t cell)
{
    const struct cell *cells = g->r->plan.cells;
    for (size_t i = 0; i < g->series_count; i++)
        if (strcmp(cell_name(&cells[g->named[i]]), cell_name(&cells[cell])) == 0) return i;
    g->named[g->series_count] = cell;
    return g->series_count++;
}

static bool index_runs(struct groups *g)
{
    const struct result *r = g->r;
    size_t cells = r->plan.cell_count, blocks = r->plan.blocks;
    g->runs = calloc(cells && blocks ? cells * blocks : 1, sizeof(const struct run *));
    for (size_t i = 0; g->runs && i < r->run_count; i++) {
        const struct run *run = &r->runs[i];
        if (run->cell < cells && run->block < blocks && !run->skipped)
            g->runs[run->cell * blocks + run->block] = run;
    }
    return g->runs != NULL;
}

bool groups_make(struct groups *g, const struct result *r)
{
    size_t count = r->plan.cell_count;
    *g = (struct groups){.r = r};
    size_t *room = calloc(count ? count : 1, 4 * sizeof *room);
    if (!room) return false;
    g->condition_of = room;
    g->series_of = room + count;
    g->first = room + 2 * count;
    g->named = room + 3 * count;
    if (!index_runs(g)) {
        groups_deinit(g);
        return false;
    }
    for (size_t i = 0; i < count; i++)
        g->condition_of[i] = find_condition(g, i);
    for (unsigned class = 0; class < GROUP_CLASSES; class ++) /* neighbours look different */
        for (size_t i = 0; i < count; i++)
            if (group_class(&r->plan.cells[i]) == class) g->series_of[i] = find_series(g, i);
    return true;
}

void groups_deinit(struct groups *g)
{
    free(g->condition_of);
    free(g->runs);
    *g = (struct groups){0};
}

static bool is_in(const struct groups *g, size_t cell, size_t condition, unsigned class)
{
    return (condition == GROUP_ANY || g->condition_of[cell] == condition) &&
           group_class(&g->r->plan.cells[cell]) == class;
}

struct group_cells groups_of(const struct groups *g, size_t condition, unsigned class)
{
    struct group_cells found = {.count = 0};
    for (unsigned k = 0; k < GROUP_CLASSES; k++)
        for (size_t i = 0; i < g->r->plan.cell_count && found.count < GROUP_CELLS; i++)
            if ((class == GROUP_CLASSES || class == k) && is_in(g, i, condition, k))
                found.cell[found.count++] = i;
    return found;
}

bool groups_any(const struct groups *g, size_t condition, unsigned class)
{
    for (size_t i = 0; i < g->r->plan.cell_count; i++)
        if (is_in(g, i, condition, class)) return true;
    return false;
}

/* --- words --------------------------------------------------------------------------------- */

double factor_axis(const struct factor *f, const struct cell *c)
{
    return factor_value(f, c) * (f->type == FACTOR_SHARE ? 100 : 1);
}

struct words factor_words(const struct factor *f, const struct cell *c)
{
    static const enum say forms[] = {
        [FACTOR_MS] = SAY_MS, [FACTOR_SECONDS] = SAY_S, [FACTOR_SHARE] = SAY_PERCENT};
    if (f->type == FACTOR_WORD) {
        char text[64];
        factor_print(f, c, text, sizeof text);
        return words_plain(text);
    }
    const struct words number = words_number(factor_axis(f, c)), unit = words_unit(f->unit);
    if (f->type == FACTOR_MS || f->type == FACTOR_SECONDS || f->type == FACTOR_SHARE)
        return WORDS_FILL(forms[f->type], &number);
    bool has_unit = *f->unit && f->at != offsetof(struct cell, rate); /* its label says it */
    return has_unit ? WORDS_FILL(SAY_QUANTITY, &number, &unit) : number;
}

static void enumerate(struct words *list, const struct factor *f, const struct cell *c)
{
    const struct words label = words_both(f->label, f->label_fr), value = factor_words(f, c);
    const struct words one = WORDS_FILL(SAY_FACTOR_VALUE, &label, &value), before = *list;
    *list = before.in[ENGLISH][0] ? WORDS_FILL(SAY_ENUMERATION, &before, &one) : one;
}

static bool is_varied(const struct groups *g, const struct factor *f)
{
    const struct cell *cells = g->r->plan.cells;
    for (size_t i = 1; is_condition(f) && i < g->condition_count; i++)
        if (!factor_same(f, &cells[g->first[0]], &cells[g->first[i]])) return true;
    return false;
}

struct words groups_condition(const struct groups *g, size_t condition)
{
    struct words list = words_plain("");
    for (const struct factor *f = factors; f->name; f++)
        if (is_varied(g, f)) enumerate(&list, f, &g->r->plan.cells[g->first[condition]]);
    return list.in[ENGLISH][0] ? list : words_say(SAY_BASE);
}

struct words groups_constant(const struct groups *g)
{
    static const char *const always[] = {"subscribers", "rate", "seconds",
                                         "payload",     "rtt",  "loss"};
    struct words list = words_plain("");
    for (const struct factor *f = factors; f->name && g->condition_count; f++) {
        const struct cell *c = &g->r->plan.cells[g->first[0]];
        char value[64];
        factor_print(f, c, value, sizeof value);
        bool worth = strcmp(value, f->fallback) != 0;
        for (size_t i = 0; i < sizeof always / sizeof *always; i++)
            worth |= strcmp(f->name, always[i]) == 0;
        if (worth && is_condition(f) && !is_varied(g, f)) enumerate(&list, f, c);
    }
    return list;
}

/* --- what was measured --------------------------------------------------------------------- */

const struct run *groups_run(const struct groups *g, size_t cell, unsigned block)
{
    return g->runs[cell * g->r->plan.blocks + block];
}

struct words figure_words(const struct figure *f)
{
    const struct words label = words_both(f->label, f->label_fr), unit = words_unit(f->unit);
    return *f->unit ? WORDS_FILL(SAY_AXIS_UNIT, &label, &unit) : label;
}

static bool has_values(const struct groups *g, const struct group_cells *cells,
                       const struct figure *f)
{
    for (size_t i = 0; i < cells->count; i++)
        if (isfinite(result_interval(g->r, cells->cell[i], f).median)) return true;
    return false;
}

const struct figure *groups_latency(const struct groups *g, const struct group_cells *cells)
{
    static const char *const names[] = {"p99", "p90", "p50"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct figure *f = figure_find(names[i]);
        if (f && has_values(g, cells, f)) return f;
    }
    return NULL;
}
