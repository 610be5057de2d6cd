/* Plots of one condition with lines: latency by percentile, and second by second. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/newsbench/chart.h"
#include "bench/newsbench/plots.h"

/* "best effort, in clear" and, if there are several, the condition. */
static struct words about(const struct groups *g, size_t condition, unsigned class)
{
    const struct words name = group_class_name(class);
    if (g->condition_count < 2) return name;
    const struct words where = groups_condition(g, condition);
    return WORDS_FILL(SAY_ENUMERATION, &name, &where);
}

static double widest_name(const struct groups *g, const struct group_cells *cells)
{
    double widest = 0;
    for (size_t i = 0; i < cells->count; i++) {
        const struct words w = words_plain(cell_name(&g->r->plan.cells[cells->cell[i]]));
        widest = fmax(widest, svg_text_width(&w));
    }
    return widest;
}

/* --- 1: latency by percentile -------------------------------------------------------------- */

#define STEPS_DECADE 12
#define DECADES_MAX  5
#define STEPS_MAX    (STEPS_DECADE * DECADES_MAX + 1)

/* 1 / (1 - p): 1, 10, 100 for the percentiles 0, 90, 99. */
static double rarity_of(size_t step)
{
    return pow(10, (double)step / STEPS_DECADE);
}

static double percent_of(size_t step)
{
    return 100 * (1 - 1 / rarity_of(step));
}

struct curves { /* of one cell, in ms; NAN: too few items lie beyond */
    size_t cell;
    double *block; /* STEPS_MAX for each */
    double median[STEPS_MAX];
};

/* In one pass: histograms are long. */
static void fill_block(const struct histogram *h, double *ms)
{
    double all = (double)histogram_count(h);
    uint64_t below = 0, times;
    unsigned at = 0;
    int64_t value;
    size_t step = 0;
    while (step < STEPS_MAX && histogram_next(h, &at, &value, &times)) {
        below += times;
        for (; step < STEPS_MAX && (double)below >= all * percent_of(step) / 100; step++)
            if (histogram_supports(h, percent_of(step))) ms[step] = (double)value / 1e6;
    }
}

/* Of the blocks, where most of them have enough items. */
static void fill_median(const struct groups *g, struct curves *c)
{
    double values[RESULT_BLOCKS_MAX];
    for (size_t step = 0; step < STEPS_MAX; step++) {
        size_t count = 0;
        for (unsigned b = 0; b < g->r->plan.blocks && count < RESULT_BLOCKS_MAX; b++)
            if (isfinite(c->block[b * STEPS_MAX + step]))
                values[count++] = c->block[b * STEPS_MAX + step];
        bool most = count * 2 > result_valid(g->r, c->cell);
        c->median[step] = most ? statistics_median(values, count) : NAN;
    }
}

static bool curves_make(struct curves *c, const struct groups *g, size_t cell)
{
    size_t count = (size_t)g->r->plan.blocks * STEPS_MAX;
    c->cell = cell;
    c->block = calloc(count ? count : 1, sizeof *c->block);
    if (!c->block) return false;
    for (size_t i = 0; i < count; i++)
        c->block[i] = NAN;
    for (unsigned b = 0; b < g->r->plan.blocks; b++) {
        const struct run *run = groups_run(g, cell, b);
        if (run && run->valid) fill_block(run->response, c->block + b * STEPS_MAX);
    }
    fill_median(g, c);
    return true;
}

static void curves_free(struct curves *c, size_t count)
{
    for (size_t i = 0; c && i < count; i++)
        free(c[i].block);
    free(c);
}

static struct curves *curves_of(const struct groups *g, const struct group_cells *cells)
{
    struct curves *all = calloc(cells->count ? cells->count : 1, sizeof *all);
    for (size_t i = 0; all && i < cells->count; i++) {
        if (curves_make(&all[i], g, cells->cell[i])) continue;
        curves_free(all, cells->count);
        return NULL;
    }
    return all;
}

/* Returns the last step any median reaches. */
static size_t percentile_ranges(const struct curves *curves, size_t count, unsigned blocks,
                                struct range *values)
{
    size_t last = 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < blocks * (size_t)STEPS_MAX; k++)
            range_add(values, curves[i].block[k]);
        for (size_t step = last; step < STEPS_MAX; step++)
            if (isfinite(curves[i].median[step])) last = step;
    }
    return last;
}

static void draw_percentile_axis(const struct chart *c)
{
    static const double percents[] = {0, 50, 90, 99, 99.9, 99.99, 99.999};
    const struct words name = words_say(SAY_PERCENTILE);
    for (size_t i = 0; i < sizeof percents / sizeof *percents; i++) {
        double rarity = 1 / (1 - percents[i] / 100), x = axis_at(&c->x, rarity);
        char text[LANGUAGES][32];
        if (rarity > c->x.most * (1 + 1e-9)) break;
        for (enum language l = ENGLISH; l < LANGUAGES; l++)
            (void)snprintf(text[l], sizeof text[l], "%.6g", percents[i]);
        char *point = strchr(text[FRENCH], '.');
        if (point) *point = ',';
        const struct words w = words_both(text[ENGLISH], text[FRENCH]);
        svg_line(c->out, (struct point){x, c->top}, (struct point){x, c->bottom}, "grid");
        chart_x_tick(c, x, &w);
    }
    chart_x_name(c, &name);
}

/* Returns where the line ends. */
static struct point draw_curve(const struct chart *c, const double *ms, const char *base,
                               size_t series)
{
    struct point points[STEPS_MAX], end = {NAN, NAN};
    char class[32];
    for (size_t step = 0; step < STEPS_MAX; step++) {
        bool inside = rarity_of(step) <= c->x.most * (1 + 1e-9);
        points[step].x = inside ? axis_at(&c->x, rarity_of(step)) : NAN;
        points[step].y = axis_at(&c->y, ms[step]);
        if (inside && isfinite(ms[step])) end = points[step];
    }
    svg_path(c->out, points, STEPS_MAX, svg_class(class, base, series));
    return end;
}

static void draw_curves(const struct chart *c, const struct groups *g, const struct curves *curves,
                        struct labels *labels)
{
    size_t series = g->series_of[curves->cell];
    for (unsigned b = 0; b < g->r->plan.blocks; b++)
        (void)draw_curve(c, curves->block + b * STEPS_MAX, "thin", series);
    struct point end = draw_curve(c, curves->median, "line", series);
    for (size_t step = STEPS_DECADE; step < STEPS_MAX; step += STEPS_DECADE) {
        struct point at = {axis_at(&c->x, rarity_of(step)), axis_at(&c->y, curves->median[step])};
        if (at.x <= end.x) svg_mark(c->out, at, series, 5, false);
    }
    const struct words name = words_plain(cell_name(&g->r->plan.cells[curves->cell]));
    labels_add(labels, end, series, &name);
}

static void draw_percentiles(struct buf *out, const struct groups *g,
                             const struct group_cells *cells, const struct curves *curves,
                             const struct words *of)
{
    struct range values = {0};
    size_t last = percentile_ranges(curves, cells->count, g->r->plan.blocks, &values);
    if (values.count == 0) return;
    const struct words title = words_say(SAY_PERCENTILES), how = words_say(SAY_PERCENTILES_HOW),
                       axis = words_say(SAY_RESPONSE_MS);
    struct chart c = chart_make(out, CHART_WIDTH, widest_name(g, cells));
    struct labels labels = {.count = 0};
    c.x = (struct axis){1, fmax(rarity_of(last), 10), true, c.left, c.right};
    c.y = axis_make(&values, chart_kind(&values), c.bottom, c.top);
    figure_open(out, &title, of);
    svg_open(out, CHART_WIDTH, CHART_HEIGHT, &title, &how);
    chart_y_axis(&c, &axis);
    draw_percentile_axis(&c);
    for (size_t i = 0; i < cells->count; i++)
        draw_curves(&c, g, &curves[i], &labels);
    labels_draw(&labels, out, c.right, c.top, c.bottom);
    svg_close(out);
    figure_close(out, &how);
}

static bool percentiles_of_class(struct buf *out, const struct groups *g, size_t condition,
                                 unsigned class)
{
    size_t before = out->len;
    const struct group_cells cells = groups_of(g, condition, class);
    const struct words of = about(g, condition, class);
    struct curves *curves = curves_of(g, &cells);
    if (!curves) out->failed = true;
    else draw_percentiles(out, g, &cells, curves, &of);
    curves_free(curves, cells.count);
    return out->len > before;
}

bool plot_percentiles(struct buf *out, const struct groups *g, size_t condition)
{
    bool any = false;
    for (unsigned class = 0; class < GROUP_CLASSES; class ++)
        any |= percentiles_of_class(out, g, condition, class);
    return any;
}

/* --- 8: second by second ------------------------------------------------------------------- */

#define BAND     112 /* height for each cell, its name included */
#define BAND_TOP 34
#define FOOT     64

struct timeline {
    struct buf *out;
    const struct groups *g;
    struct group_cells cells;
    struct axis x, y; /* y: within a band, from its bottom */
};

/* The first block of the cell that is valid; else the first that was run. */
static const struct run *shown_run(const struct groups *g, size_t cell)
{
    const struct run *first = NULL;
    for (unsigned b = 0; b < g->r->plan.blocks; b++) {
        const struct run *run = groups_run(g, cell, b);
        if (!run || run->second_count == 0) continue;
        if (run->valid) return run;
        if (!first) first = run;
    }
    return first;
}

static struct group_cells timed_cells(const struct groups *g, size_t condition)
{
    struct group_cells all = groups_of(g, condition, GROUP_CLASSES), timed = {.count = 0};
    for (size_t i = 0; i < all.count; i++)
        if (shown_run(g, all.cell[i])) timed.cell[timed.count++] = all.cell[i];
    return timed;
}

static void draw_fault(const struct timeline *t, const struct cell *c, double top)
{
    if (c->fault == FAULT_NONE) return;
    const struct words what = words_say(SAY_FAULT);
    double from = axis_at(&t->x, c->seconds / 2);
    double to = axis_at(&t->x, c->seconds / 2 + c->fault_seconds);
    svg_area(t->out, (struct point){from, top + BAND_TOP - 4}, to - from, BAND - BAND_TOP, 2);
    svg_text(t->out, (struct point){to + 6, top + 20}, "small", &what);
}

static void draw_second(const struct timeline *t, const struct run *run, size_t i, double bottom)
{
    char class[32];
    const struct second *s = &run->seconds[i];
    size_t series = t->g->series_of[run->cell];
    const struct cell *c = &t->g->r->plan.cells[run->cell];
    double x = axis_at(&t->x, (double)i + 0.5);
    double half = axis_at(&t->x, (double)i + 0.8) - x;
    double low = bottom + axis_at(&t->y, s->p50_ms), high = bottom + axis_at(&t->y, s->most_ms);
    svg_line(t->out, (struct point){x, low}, (struct point){x, high},
             svg_class(class, "whisker", series));
    svg_line(t->out, (struct point){x - fmin(half, 5), high},
             (struct point){x + fmin(half, 5), high}, svg_class(class, "whisker", series));
    svg_line(t->out, (struct point){x - half, low}, (struct point){x + half, low},
             svg_class(class, "median", series));
    if (s->retransmitted > 0)
        svg_path(t->out,
                 (struct point[]){{x - 5, bottom + 11}, {x, bottom + 2}, {x + 5, bottom + 11}}, 3,
                 "again");
    if (s->delivered + 0.5 < s->published * c->subscribers)
        svg_mark(t->out, (struct point){x, bottom - BAND + BAND_TOP - 3}, 7, 5, false);
}

static void draw_band(const struct timeline *t, size_t band)
{
    double ticks[AXIS_TICKS_MAX], top = (double)band * BAND, bottom = top + BAND;
    const struct run *run = shown_run(t->g, t->cells.cell[band]);
    const struct cell *c = &t->g->r->plan.cells[run->cell];
    const struct words name = words_plain(cell_name(c));
    svg_mark(t->out, (struct point){12, top + 15}, t->g->series_of[run->cell], 6, false);
    svg_text(t->out, (struct point){25, top + 20}, "label strong", &name);
    draw_fault(t, c, top);
    size_t count = axis_ticks(&t->y, 3, ticks);
    for (size_t i = 0; i < count; i++) {
        double y = bottom + axis_at(&t->y, ticks[i]);
        const struct words number = words_number(ticks[i]);
        svg_line(t->out, (struct point){t->x.from, y}, (struct point){t->x.to, y}, "grid");
        svg_text(t->out, (struct point){t->x.from - 9, y + 5}, "tick end", &number);
    }
    for (size_t i = 0; i < run->second_count; i++)
        draw_second(t, run, i, bottom);
}

static void draw_seconds_axis(const struct timeline *t, double bottom)
{
    struct chart c = {
        .out = t->out, .x = t->x, .left = t->x.from, .right = t->x.to, .bottom = bottom + 14};
    const struct words name = words_say(SAY_SECONDS);
    chart_x_axis(&c, &name);
}

static void timeline_ranges(const struct timeline *t, struct range *x, struct range *y)
{
    range_add(x, 0);
    for (size_t i = 0; i < t->cells.count; i++) {
        const struct run *run = shown_run(t->g, t->cells.cell[i]);
        range_add(x, (double)run->second_count);
        for (size_t s = 0; s < run->second_count; s++) {
            range_add(y, run->seconds[s].p50_ms);
            range_add(y, run->seconds[s].most_ms);
        }
    }
}

bool plot_timeline(struct buf *out, const struct groups *g, size_t condition)
{
    struct timeline t = {.out = out, .g = g, .cells = timed_cells(g, condition)};
    struct range x = {0}, y = {0};
    timeline_ranges(&t, &x, &y);
    if (y.count == 0) return false;
    double bottom = (double)t.cells.count * BAND;
    const struct run *first = shown_run(g, t.cells.cell[0]);
    const struct words number = words_count(first->block + 1), title = words_say(SAY_TIMELINE),
                       how = WORDS_FILL(SAY_TIMELINE_HOW, &number),
                       unit = words_say(SAY_RESPONSE_MS);
    t.x = (struct axis){0, x.most, false, 64, CHART_WIDTH - 12};
    t.y = axis_make(&y, chart_kind(&y), -6, -(BAND - BAND_TOP));
    const struct words where = groups_condition(g, condition);
    figure_open(out, &title, g->condition_count > 1 ? &where : NULL);
    svg_open(out, CHART_WIDTH, bottom + FOOT + 6, &title, &how);
    svg_text(out, (struct point){CHART_WIDTH - 12, 20}, "axis end", &unit);
    for (size_t band = 0; band < t.cells.count; band++)
        draw_band(&t, band);
    draw_seconds_axis(&t, bottom);
    svg_close(out);
    figure_close(out, &how);
    return true;
}
