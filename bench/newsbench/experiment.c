#include "bench/newsbench/experiment.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

#define AROUND_S 5 /* of each run: starting, warming up, draining */

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool was_run(const struct result *r, size_t cell, unsigned block)
{
    for (size_t i = 0; i < r->run_count; i++)
        if (r->runs[i].cell == cell && r->runs[i].block == block) return true;
    return false;
}

/* A cell that cannot be run here is not tried in every block. */
static const struct run *skipped_before(const struct result *r, size_t cell)
{
    for (size_t i = 0; i < r->run_count; i++)
        if (r->runs[i].cell == cell && r->runs[i].skipped) return &r->runs[i];
    return NULL;
}

double experiment_estimate(const struct result *r)
{
    double sum = 0;
    for (size_t c = 0; c < r->plan.cell_count; c++) {
        const struct cell *cell = &r->plan.cells[c];
        if (cell->carrier->missing || skipped_before(r, c)) continue;
        for (unsigned b = 0; b < r->plan.blocks; b++)
            if (!was_run(r, c, b)) sum += cell->seconds + AROUND_S;
    }
    return sum;
}

static void show(const struct experiment *e, const struct result *r, const struct cell *cell,
                 unsigned block)
{
    char conditions[160];
    if (!e->progress) return;
    double left = experiment_estimate(r);
    cell_describe(&r->plan, cell, conditions, sizeof conditions);
    fprintf(e->progress, "\r\033[Kblock %u of %u, about %d:%02d left: %s %.100s", block + 1,
            r->plan.blocks, (int)left / 60, (int)left % 60, cell_name(cell), conditions);
    (void)fflush(e->progress);
}

static bool run_cell(const struct experiment *e, struct result *r, size_t index, unsigned block,
                     struct news_error *err)
{
    const struct cell *cell = &r->plan.cells[index];
    if (was_run(r, index, block)) return true;
    const struct run *skipped = skipped_before(r, index);
    size_t from = skipped ? (size_t)(skipped - r->runs) : 0;
    struct run *run = result_add(r);
    if (!run) return news_fail(err, NEWS_ERR_MEMORY, "out of memory");
    run->cell = index;
    run->block = block;
    if (skipped) {
        run->skipped = true;
        run->reason_count = 1;
        (void)snprintf(run->reasons[0], sizeof run->reasons[0], "%.119s", r->runs[from].reasons[0]);
        return true;
    }
    show(e, r, cell, block);
    if (!e->run(cell, r->plan.seed * 1000003 + block, e->options, run, err)) {
        result_drop_last(r);
        return false;
    }
    return !e->path || result_save(r, e->path, err);
}

static bool run_blocks(const struct experiment *e, struct result *r, size_t *order,
                       struct news_error *err)
{
    for (unsigned block = 0; block < r->plan.blocks; block++) {
        plan_order(&r->plan, block, order);
        for (size_t i = 0; i < r->plan.cell_count; i++)
            if (!run_cell(e, r, order[i], block, err)) return false;
    }
    r->complete = true;
    return true;
}

bool experiment_run(const struct experiment *e, struct result *r, struct news_error *err)
{
    double began = now_s();
    size_t *order = calloc(r->plan.cell_count, sizeof *order);
    if (!order) return news_fail(err, NEWS_ERR_MEMORY, "out of memory");
    bool good = run_blocks(e, r, order, err);
    free(order);
    r->seconds += now_s() - began;
    if (e->progress) fputs("\r\033[K", e->progress);
    struct news_error unsaved;
    if (e->path && !result_save(r, e->path, good ? err : &unsaved)) return false;
    return good;
}
