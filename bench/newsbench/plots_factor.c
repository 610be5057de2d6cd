/* Plots over conditions: figures against what the plan varies. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/newsbench/chart.h"
#include "bench/newsbench/markup.h"
#include "bench/newsbench/plots.h"

#define CARRIED 0.99 /* of what is offered: a rate is carried */
#define VALUES  64   /* of a factor, at most */

/* One factor along the x axis; one panel for each value of the other, if there is one. */
struct sweep {
    const struct groups *g;
    const struct factor *along, *across; /* across may be NULL */
    unsigned class;
    size_t cells[VALUES * 4]; /* of the class, all panels */
    size_t count;
    double values[VALUES]; /* of along, rising */
    size_t value_count;
    double panels[VALUES];
    size_t panel_count;
};

static bool belongs(const struct sweep *s, const struct cell *c)
{
    for (const struct factor *f = factors; f->name; f++)
        if (f != s->along && f != s->across && f->at != offsetof(struct cell, extra_ms) &&
            !factor_same(f, c, &s->g->r->plan.base))
            return false;
    return group_class(c) == s->class;
}

static void add_value(double *values, size_t *count, double value)
{
    size_t i = *count;
    for (size_t k = 0; k < *count; k++)
        if (fabs(values[k] - value) < 1e-12) return;
    if (*count == VALUES) return;
    for (; i > 0 && values[i - 1] > value; i--)
        values[i] = values[i - 1];
    values[i] = value;
    (*count)++;
}

static double panel_of(const struct sweep *s, size_t cell)
{
    return s->across ? factor_axis(s->across, &s->g->r->plan.cells[cell]) : 0;
}

static double value_of(const struct sweep *s, size_t cell)
{
    return factor_axis(s->along, &s->g->r->plan.cells[cell]);
}

static void find_cells(struct sweep *s)
{
    const struct plan *p = &s->g->r->plan;
    for (size_t i = 0; i < p->cell_count && s->count < VALUES * 4; i++) {
        if (!belongs(s, &p->cells[i])) continue;
        s->cells[s->count++] = i;
        add_value(s->values, &s->value_count, value_of(s, i));
        add_value(s->panels, &s->panel_count, panel_of(s, i));
    }
}

/* Losses go along the axis if they are varied, rates next, else what comes first. */
static struct sweep make_sweep(const struct groups *g, size_t varied, unsigned class)
{
    const struct factor *const *pair = g->r->plan.varied[varied].factors;
    static const size_t first[] = {offsetof(struct cell, loss), offsetof(struct cell, rate)};
    size_t along = 0;
    for (size_t i = 2; i-- > 0;)
        for (size_t k = 0; k < 2 && pair[1]; k++)
            if (pair[k]->at == first[i]) along = k;
    struct sweep s = {.g = g, .along = pair[along], .class = class};
    s.across = pair[1] ? pair[1 - along] : NULL;
    find_cells(&s);
    return s;
}

/* The cell of a series at a value; GROUP_ANY: none. */
static size_t cell_at(const struct sweep *s, size_t series, double panel, double value)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->g->series_of[s->cells[i]] == series &&
            fabs(panel_of(s, s->cells[i]) - panel) < 1e-12 &&
            fabs(value_of(s, s->cells[i]) - value) < 1e-12)
            return s->cells[i];
    return GROUP_ANY;
}

/* --- how much was carried ------------------------------------------------------------------ */

/* Deliveries of what was offered, the median of all blocks: an overload is never valid. */
static double carried_share(const struct groups *g, size_t cell)
{
    double shares[RESULT_BLOCKS_MAX];
    size_t count = 0;
    const struct cell *c = &g->r->plan.cells[cell];
    for (unsigned b = 0; b < g->r->plan.blocks && count < RESULT_BLOCKS_MAX; b++) {
        const struct run *run = groups_run(g, cell, b);
        if (!run || run->offered == 0) continue;
        shares[count++] = (double)run->counts.delivered /
                          ((double)run->offered * (double)c->subscribers);
    }
    return statistics_median(shares, count);
}

static bool is_rate(const struct sweep *s)
{
    return s->along->at == offsetof(struct cell, rate);
}

static bool overloaded(const struct sweep *s, size_t cell)
{
    return is_rate(s) && !(carried_share(s->g, cell) >= CARRIED);
}

/* The highest rate that was carried, if a higher one was not; else NAN. */
static double knee_of(const struct sweep *s, size_t series, double panel)
{
    double highest = NAN;
    for (size_t i = 0; i < s->value_count; i++) {
        size_t cell = cell_at(s, series, panel, s->values[i]);
        if (cell == GROUP_ANY || isnan(carried_share(s->g, cell))) continue;
        if (overloaded(s, cell)) return highest;
        highest = s->values[i];
    }
    return NAN;
}

/* --- one panel ----------------------------------------------------------------------------- */

struct panel {
    const struct sweep *s;
    struct chart chart;
    const struct figure *figure; /* NULL: what was achieved */
    double value;                /* of across */
};

static struct interval interval_at(const struct panel *p, size_t cell)
{
    const struct interval none = {NAN, NAN, NAN};
    if (cell == GROUP_ANY) return none;
    if (p->figure)
        return overloaded(p->s, cell) ? none : result_interval(p->s->g->r, cell, p->figure);
    double achieved = carried_share(p->s->g, cell) * value_of(p->s, cell);
    return (struct interval){achieved, NAN, NAN};
}

/* Words stand side by side, as do numbers that are few and far apart. */
static double x_of(const struct panel *p, double value)
{
    if (p->s->along->type != FACTOR_WORD) return axis_at(&p->chart.x, value);
    double width = (p->chart.right - p->chart.left) / (double)p->s->value_count;
    for (size_t i = 0; i < p->s->value_count; i++)
        if (fabs(p->s->values[i] - value) < 1e-12) return p->chart.left + width * ((double)i + 0.5);
    return NAN;
}

#define DODGE 5.0 /* between series, so that their intervals do not cover each other */

static double x_at(const struct panel *p, double value, size_t series)
{
    double least = INFINITY, most = -INFINITY;
    for (size_t i = 0; i < p->s->count; i++) {
        least = fmin(least, (double)p->s->g->series_of[p->s->cells[i]]);
        most = fmax(most, (double)p->s->g->series_of[p->s->cells[i]]);
    }
    bool exact = !p->figure || most - least > 5;
    return x_of(p, value) + (exact ? 0 : DODGE * ((double)series - (least + most) / 2));
}

/* A number for each value that was measured, as far as they do not cover each other. */
static void draw_values(const struct panel *p)
{
    double free = -INFINITY;
    const struct factor *f = p->s->along;
    const struct words label = words_both(f->label, f->label_fr), unit = words_unit(f->unit);
    const struct words name = *f->unit ? WORDS_FILL(SAY_AXIS_UNIT, &label, &unit) : label;
    for (size_t i = 0; i < p->s->value_count; i++) {
        double x = x_of(p, p->s->values[i]);
        bool word = f->type == FACTOR_WORD;
        const struct words w = word ? words_plain(f->words[(int)p->s->values[i]])
                                    : words_number(p->s->values[i]);
        double half = svg_text_width(&w) / 2 + 4;
        if (x - half < free) continue;
        chart_x_tick(&p->chart, x, &w);
        free = x + half;
    }
    chart_x_name(&p->chart, is_rate(p->s) ? &label : &name);
}

static void draw_knee(const struct panel *p, size_t series, double y)
{
    char class[32];
    double x = x_at(p, knee_of(p->s, series, p->value), series);
    svg_line(p->chart.out, (struct point){x, y}, (struct point){x, p->chart.bottom},
             svg_class(class, "knee", series));
}

static void draw_series(const struct panel *p, size_t series, struct labels *labels)
{
    struct point points[VALUES], end = {NAN, NAN};
    char class[32];
    double knee = is_rate(p->s) ? knee_of(p->s, series, p->value) : NAN;
    for (size_t i = 0; i < p->s->value_count; i++) {
        size_t cell = cell_at(p->s, series, p->value, p->s->values[i]);
        const struct interval v = interval_at(p, cell);
        points[i] = (struct point){x_at(p, p->s->values[i], series),
                                   axis_at(&p->chart.y, v.median)};
        if (isnan(v.median)) continue;
        chart_interval(&p->chart, points[i].x, &v, series);
        if (p->figure && fabs(p->s->values[i] - knee) < 1e-12) draw_knee(p, series, points[i].y);
        end = points[i];
    }
    if (p->s->along->type != FACTOR_WORD)
        svg_path(p->chart.out, points, p->s->value_count, svg_class(class, "line", series));
    for (size_t i = 0; i < p->s->value_count; i++) {
        size_t cell = cell_at(p->s, series, p->value, p->s->values[i]);
        bool hollow = !p->figure && cell != GROUP_ANY && overloaded(p->s, cell);
        svg_mark(p->chart.out, points[i], series, 6, hollow);
    }
    const struct words name = words_plain(
        cell_name(&p->s->g->r->plan.cells[p->s->g->named[series]]));
    labels_add(labels, end, series, &name);
}

static double label_room(const struct sweep *s)
{
    double widest = 0;
    for (size_t i = 0; i < s->count; i++) {
        const struct words w = words_plain(cell_name(&s->g->r->plan.cells[s->cells[i]]));
        widest = fmax(widest, svg_text_width(&w));
    }
    return widest;
}

static enum axis_kind along_kind(const struct sweep *s)
{
    double least = s->values[0], most = s->values[s->value_count - 1];
    return least > 0 && most >= 8 * least ? AXIS_LOG : AXIS_LINEAR;
}

/* The ends of the axis are values that were measured, with room for their marks. */
static struct axis along_axis(const struct sweep *s, const struct chart *c)
{
    struct axis a = {.least = s->values[0],
                     .most = s->values[s->value_count - 1],
                     .log = along_kind(s) == AXIS_LOG,
                     .from = c->left + 16,
                     .to = c->right - 10};
    if (!(a.most > a.least)) {
        a.least -= 1;
        a.most += 1;
    }
    return a;
}

static struct words panel_words(const struct sweep *s, double value)
{
    const struct words class = group_class_name(s->class);
    for (size_t i = 0; s->across && i < s->count; i++) {
        if (fabs(panel_of(s, s->cells[i]) - value) > 1e-12) continue;
        const struct words label = words_both(s->across->label, s->across->label_fr),
                           number = factor_words(s->across, &s->g->r->plan.cells[s->cells[i]]),
                           both = WORDS_FILL(SAY_FACTOR_VALUE, &label, &number);
        return WORDS_FILL(SAY_ENUMERATION, &both, &class);
    }
    return class;
}

static void draw_diagonal(const struct panel *p)
{
    const struct words name = words_say(SAY_DIAGONAL);
    double least = fmax(p->chart.x.least, p->chart.y.least),
           most = fmin(p->chart.x.most, p->chart.y.most), middle = sqrt(least * most);
    struct point points[33];
    for (size_t i = 0; i < 33; i++) {
        double v = p->chart.x.log ? least * pow(most / least, (double)i / 32)
                                  : least + (most - least) * (double)i / 32;
        points[i] = (struct point){axis_at(&p->chart.x, v), axis_at(&p->chart.y, v)};
    }
    svg_path(p->chart.out, points, 33, "diagonal");
    if (!p->chart.x.log) middle = (least + most) / 2;
    svg_text(p->chart.out,
             (struct point){axis_at(&p->chart.x, middle) - 12, axis_at(&p->chart.y, middle) - 10},
             "small end", &name);
}

struct sayings {
    struct words title, axis, how;
};

static void draw_panel(struct buf *out, const struct panel *p, double width,
                       const struct sayings *say)
{
    struct labels labels = {.count = 0};
    svg_open(out, width, CHART_HEIGHT, &say->title, &say->how);
    chart_y_axis(&p->chart, &say->axis);
    draw_values(p);
    if (!p->figure) draw_diagonal(p);
    for (size_t series = 0; series < p->s->g->series_count; series++)
        draw_series(p, series, &labels);
    labels_draw(&labels, out, p->chart.right, p->chart.top, p->chart.bottom);
    svg_close(out);
}

/* --- figures of a sweep -------------------------------------------------------------------- */

static struct range range_of(const struct sweep *s, const struct figure *f)
{
    const struct panel p = {.s = s, .figure = f};
    struct range range = {0};
    for (size_t i = 0; i < s->count; i++) {
        const struct interval v = interval_at(&p, s->cells[i]);
        range_add(&range, v.median);
        range_add(&range, v.low);
        range_add(&range, v.high);
    }
    return range;
}

static bool panel_has_data(const struct panel *p)
{
    for (size_t i = 0; i < p->s->count; i++)
        if (fabs(panel_of(p->s, p->s->cells[i]) - p->value) < 1e-12 &&
            isfinite(interval_at(p, p->s->cells[i]).median))
            return true;
    return false;
}

static struct sayings sayings_of(const struct sweep *s, const struct figure *f)
{
    const struct words label = f ? words_both(f->label, f->label_fr) : words_plain(""),
                       along = words_both(s->along->label, s->along->label_fr);
    if (!f)
        return (struct sayings){words_say(SAY_ACHIEVED), words_say(SAY_ITEMS_ACHIEVED),
                                words_say(SAY_ACHIEVED_HOW)};
    if (is_rate(s))
        return (struct sayings){WORDS_FILL(SAY_LOAD, &label), figure_words(f),
                                words_say(SAY_LOAD_HOW)};
    return (struct sayings){words_capital(WORDS_FILL(SAY_AGAINST, &label, &along)), figure_words(f),
                            words_say(SAY_AGAINST_HOW)};
}

/* Shares of what was delivered are all near 100 %; what is below must be seen. */
static enum axis_kind figure_kind(const struct sweep *s, const struct figure *f,
                                  const struct range *values)
{
    if (!f) return along_kind(s) == AXIS_LOG ? AXIS_LOG : AXIS_FROM_ZERO;
    return strcmp(f->unit, "%") == 0 ? AXIS_LINEAR : chart_kind(values);
}

static void draw_panels(struct buf *out, const struct sweep *s, const struct figure *f,
                        const struct range *values, const struct sayings *say)
{
    double width = s->panel_count > 1 ? PANEL_WIDTH : CHART_WIDTH;
    const struct words nothing = words_say(SAY_TOO_FEW_ITEMS);
    struct panel p = {.s = s, .chart = chart_make(out, width, label_room(s)), .figure = f};
    p.chart.x = along_axis(s, &p.chart);
    p.chart.y = axis_make(values, figure_kind(s, f, values), p.chart.bottom, p.chart.top);
    for (size_t i = 0; i < s->panel_count; i++) {
        p.value = s->panels[i];
        const struct words of = words_capital(panel_words(s, p.value));
        figure_open(out, NULL, &of);
        if (panel_has_data(&p)) draw_panel(out, &p, width, say);
        else markup_element(out, "p", "how", &nothing);
        buf_puts(out, "</figure>\n");
    }
}

/* All panels on the same scale. What is the same everywhere is no plot. */
static bool plot_figure(struct buf *out, const struct sweep *s, const struct figure *f)
{
    struct range range = range_of(s, f);
    if (range.count == 0 || s->value_count < 2 || !(range.most > range.least)) return false;
    const struct sayings say = sayings_of(s, f);
    markup_element(out, "h3", "plot", &say.title);
    buf_printf(out, "<div class=\"%s\">\n", s->panel_count > 1 ? "panels" : "panel");
    draw_panels(out, s, f, &range, &say);
    buf_puts(out, "</div>\n");
    markup_element(out, "p", "how", &say.how);
    return true;
}

/* What is worth a plot besides latency, for what is varied. */
static const struct {
    size_t factor;
    const char *figures[3];
} worth[] = {
    {offsetof(struct cell, rate), {"cpu_us"}},
    {offsetof(struct cell, loss), {"delivered", "wire_bytes"}},
    {offsetof(struct cell, payload), {"wire_bytes", "cpu_us"}},
    {offsetof(struct cell, subscribers), {"skew_p99", "server_cpu_us", "peak_mib"}},
    {offsetof(struct cell, fault), {"recovery", "delivered"}},
    {offsetof(struct cell, fault_seconds), {"recovery", "delivered"}},
    {offsetof(struct cell, slow_subscribers), {"delivered"}},
    {offsetof(struct cell, queue_packets), {"delivered"}},
};

static bool any_overload(const struct sweep *s)
{
    for (size_t i = 0; i < s->count; i++)
        if (overloaded(s, s->cells[i]) && isfinite(carried_share(s->g, s->cells[i]))) return true;
    return false;
}

static bool plot_sweep(struct buf *out, const struct sweep *s)
{
    struct group_cells cells = {.count = 0};
    for (size_t i = 0; i < s->count && cells.count < GROUP_CELLS; i++)
        cells.cell[cells.count++] = s->cells[i];
    const struct figure *latency = groups_latency(s->g, &cells);
    bool any = latency && plot_figure(out, s, latency);
    if (is_rate(s) && any_overload(s)) any |= plot_figure(out, s, NULL);
    for (size_t i = 0; i < sizeof worth / sizeof *worth; i++)
        for (size_t k = 0; k < 3 && worth[i].figures[k]; k++)
            if (worth[i].factor == s->along->at)
                any |= plot_figure(out, s, figure_find(worth[i].figures[k]));
    return any;
}

bool plot_varied(struct buf *out, const struct groups *g, size_t varied)
{
    bool any = false;
    for (unsigned class = 0; class < GROUP_CLASSES; class ++) {
        struct sweep *s = malloc(sizeof *s);
        if (!s) {
            out->failed = true;
            return any;
        }
        *s = make_sweep(g, varied, class);
        any |= s->count > 0 && plot_sweep(out, s);
        free(s);
    }
    return any;
}
