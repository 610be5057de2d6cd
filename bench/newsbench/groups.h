/* bench/newsbench/groups.h - the cells of a result sorted for people: by condition (cells that
 * differ in nothing but the carrier), by class (same guarantee and secrecy, which alone are
 * compared), by series (a carrier's name, drawn alike in every plot).
 *
 * Ownership: it refers to the result, which stays as it is. */
#ifndef BENCH_GROUPS_H
#define BENCH_GROUPS_H

#include <stdbool.h>
#include <stddef.h>

#include "bench/newsbench/result.h"
#include "bench/newsbench/text.h"

#define GROUP_CLASSES 9 /* guarantee and secrecy */
#define GROUP_CELLS   64

struct groups {
    const struct result *r;
    size_t *condition_of, *series_of; /* of each cell */
    size_t *first;                    /* cell of each condition */
    size_t condition_count;
    size_t *named; /* cell of each series */
    size_t series_count;
    const struct run **runs; /* of each cell and block, see groups_run() */
};

bool groups_make(struct groups *g, const struct result *r); /* false: no memory */
void groups_deinit(struct groups *g);

unsigned group_class(const struct cell *c);
struct words group_class_name(unsigned class);

/* Cells of one condition (or GROUP_ANY), ordered by class and as in the plan. */
#define GROUP_ANY ((size_t)-1)
struct group_cells {
    size_t cell[GROUP_CELLS], count;
};
struct group_cells groups_of(const struct groups *g, size_t condition, unsigned class);
bool groups_any(const struct groups *g, size_t condition, unsigned class); /* there are some */

/* The values of what the plan varies: "loss each way: 10%, ..."; the base's name when nothing is.
 * groups_constant(): of what is the same in all cells and worth knowing. */
struct words groups_condition(const struct groups *g, size_t condition);
struct words groups_constant(const struct groups *g);

struct words factor_words(const struct factor *f, const struct cell *c); /* "10%" */
double factor_axis(const struct factor *f, const struct cell *c);        /* 10: in f->unit */
bool factor_same(const struct factor *f, const struct cell *a, const struct cell *b);

/* NULL: it was not run (yet), or skipped. */
const struct run *groups_run(const struct groups *g, size_t cell, unsigned block);
struct words figure_words(const struct figure *f);
/* Of p99, p90 and p50 the first that enough items support somewhere in these cells. */
const struct figure *groups_latency(const struct groups *g, const struct group_cells *cells);

#endif
