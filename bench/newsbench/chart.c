#include "bench/newsbench/chart.h"

#include <math.h>
#include <stdio.h>

#include "bench/newsbench/markup.h"

void figure_open(struct buf *out, const struct words *title, const struct words *of)
{
    buf_puts(out, "<figure>\n<figcaption>");
    if (title) markup_element(out, "strong", NULL, title);
    if (of) markup_element(out, "span", "of", of);
    buf_puts(out, "</figcaption>\n");
}

void figure_close(struct buf *out, const struct words *how)
{
    markup_element(out, "p", "how", how);
    buf_puts(out, "</figure>\n");
}

enum axis_kind chart_kind(const struct range *r)
{
    bool wide = r->count > 0 && r->least > 0 && r->most > LOG_FROM * r->least;
    return wide ? AXIS_LOG : AXIS_FROM_ZERO;
}

struct chart chart_make(struct buf *out, double width, double label_width)
{
    double room = fmin(fmax(label_width + 36, 24), 230);
    return (struct chart){
        .out = out, .left = 64, .right = width - room, .top = 40, .bottom = CHART_HEIGHT - 56};
}

void chart_y_axis(const struct chart *c, const struct words *name)
{
    double ticks[AXIS_TICKS_MAX];
    size_t count = axis_ticks(&c->y, 6, ticks);
    for (size_t i = 0; i < count; i++) {
        double y = axis_at(&c->y, ticks[i]);
        const struct words number = words_number(ticks[i]);
        svg_line(c->out, (struct point){c->left, y}, (struct point){c->right, y}, "grid");
        svg_text(c->out, (struct point){c->left - 9, y + SVG_TEXT * 0.34}, "tick end", &number);
    }
    svg_text(c->out, (struct point){8, c->top - 20}, "axis", name);
}

void chart_x_tick(const struct chart *c, double x, const struct words *w)
{
    svg_line(c->out, (struct point){x, c->bottom}, (struct point){x, c->bottom + 6}, "rule");
    svg_text(c->out, (struct point){x, c->bottom + 23}, "tick mid", w);
}

void chart_x_name(const struct chart *c, const struct words *name)
{
    svg_line(c->out, (struct point){c->left, c->bottom}, (struct point){c->right, c->bottom},
             "rule");
    svg_text(c->out, (struct point){(c->left + c->right) / 2, c->bottom + 46}, "axis mid", name);
}

void chart_x_axis(const struct chart *c, const struct words *name)
{
    double ticks[AXIS_TICKS_MAX];
    size_t count = axis_ticks(&c->x, 6, ticks);
    for (size_t i = 0; i < count; i++) {
        const struct words number = words_number(ticks[i]);
        chart_x_tick(c, axis_at(&c->x, ticks[i]), &number);
    }
    chart_x_name(c, name);
}

void chart_interval(const struct chart *c, double x, const struct interval *i, size_t series)
{
    char class[32];
    double low = axis_at(&c->y, i->low), high = axis_at(&c->y, i->high);
    if (!isfinite(low) || !isfinite(high)) return;
    const struct point shape[] = {{x - 5, low}, {x + 5, low}, {x, NAN},      {x, low},
                                  {x, high},    {x, NAN},     {x - 5, high}, {x + 5, high}};
    svg_path(c->out, shape, sizeof shape / sizeof *shape, svg_class(class, "interval", series));
}

/* --- rows ---------------------------------------------------------------------------------- */

#define HEAD      30 /* height of a class's name */
#define ROWS_TOP  8
#define ROWS_FOOT 60

static bool new_class(const struct rows *r, size_t i)
{
    const struct cell *cells = r->g->r->plan.cells;
    return i == 0 ||
           group_class(&cells[r->cells.cell[i]]) != group_class(&cells[r->cells.cell[i - 1]]);
}

struct rows rows_make(const struct groups *g, size_t condition, double step,
                      bool (*wanted)(const struct groups *g, size_t cell))
{
    const struct group_cells all = groups_of(g, condition, GROUP_CLASSES);
    struct rows r = {.g = g, .step = step, .bottom = ROWS_TOP};
    double widest = 0;
    for (size_t i = 0; i < all.count; i++) {
        if (wanted && !wanted(g, all.cell[i])) continue;
        size_t at = r.cells.count++;
        r.cells.cell[at] = all.cell[i];
        if (new_class(&r, at)) r.bottom += HEAD;
        r.y[at] = r.bottom + step / 2;
        r.bottom += step;
        const struct words name = words_plain(cell_name(&g->r->plan.cells[all.cell[i]]));
        widest = fmax(widest, svg_text_width(&name));
    }
    r.left = fmin(40 + widest, 240);
    return r;
}

double rows_height(const struct rows *r)
{
    return r->bottom + ROWS_FOOT;
}

void rows_labels(const struct rows *r, struct buf *out)
{
    for (size_t i = 0; i < r->cells.count; i++) {
        const struct cell *c = &r->g->r->plan.cells[r->cells.cell[i]];
        const struct words name = words_plain(cell_name(c));
        const struct words class = group_class_name(group_class(c));
        if (new_class(r, i))
            svg_text(out, (struct point){4, r->y[i] - r->step / 2 - 9}, "head", &class);
        svg_mark(out, (struct point){12, r->y[i]}, r->g->series_of[r->cells.cell[i]], 6, false);
        svg_text(out, (struct point){25, r->y[i] + SVG_TEXT * 0.34}, "label", &name);
    }
}

void rows_axis(const struct rows *r, struct buf *out, const struct words *name)
{
    double ticks[AXIS_TICKS_MAX];
    size_t count = axis_ticks(&r->x, 6, ticks);
    for (size_t i = 0; i < count; i++) {
        double x = axis_at(&r->x, ticks[i]);
        const struct words number = words_number(ticks[i]);
        svg_line(out, (struct point){x, ROWS_TOP + HEAD - 4}, (struct point){x, r->bottom + 6},
                 "grid");
        svg_text(out, (struct point){x, r->bottom + 24}, "tick mid", &number);
    }
    svg_text(out, (struct point){(r->x.from + r->x.to) / 2, r->bottom + 48}, "axis mid", name);
}

double chart_keys(struct buf *out, double y, const struct key *keys, size_t count)
{
    double x = 4;
    for (size_t i = 0; i < count; i++) {
        double width = 26 + svg_text_width(&keys[i].words) + 14;
        if (x > 4 && x + width > CHART_WIDTH) {
            x = 4;
            y += SVG_TEXT * 1.6;
        }
        if (out) {
            svg_area(out, (struct point){x, y - 13}, 20, 15, keys[i].pattern);
            svg_text(out, (struct point){x + 26, y}, "label", &keys[i].words);
        }
        x += width;
    }
    return y;
}
