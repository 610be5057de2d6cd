/* bench/newsbench/chart.h - what plots of measurements have in common: a captioned figure, a frame
 * with two axes, a chart with a row for each cell.
 *
 * Units: user units of the viewBox, CHART_WIDTH wide. */
#ifndef BENCH_CHART_H
#define BENCH_CHART_H

#include <stdbool.h>

#include "bench/newsbench/groups.h"
#include "bench/newsbench/svg.h"

#define CHART_WIDTH  640.0
#define CHART_HEIGHT 400.0
#define PANEL_WIDTH  500.0 /* of one among several */
#define LOG_FROM     15    /* times: values that differ more than this need a logarithmic axis */

/* <figure> with its caption: what it shows, and of what (NULL: nothing to say). The plot follows,
 * then figure_close() with how to read it. */
void figure_open(struct buf *out, const struct words *title, const struct words *of);
void figure_close(struct buf *out, const struct words *how);

struct chart {
    struct buf *out;
    struct axis x, y;
    double left, right, top, bottom;
};
/* Logarithmic where values differ much (and none of them is 0 or below), else from zero. */
enum axis_kind chart_kind(const struct range *r);
/* Room for labels on the right that are so wide; coordinates only. */
struct chart chart_make(struct buf *out, double width, double label_width);
/* Grid and numbers of one axis; the y axis is named above its top, the x axis below. */
void chart_y_axis(const struct chart *c, const struct words *name);
void chart_x_axis(const struct chart *c, const struct words *name);
void chart_x_tick(const struct chart *c, double x, const struct words *w);
void chart_x_name(const struct chart *c, const struct words *name);
/* A vertical line with short ends. */
void chart_interval(const struct chart *c, double x, const struct interval *i, size_t series);

/* --- a row for each cell of a condition, under a head for each class --- */

struct rows {
    const struct groups *g;
    struct group_cells cells;
    double y[GROUP_CELLS]; /* middles */
    double left;           /* where bars begin */
    double bottom;
    double step;
    struct axis x;
};
/* Which cells: NULL: all. */
struct rows rows_make(const struct groups *g, size_t condition, double step,
                      bool (*wanted)(const struct groups *g, size_t cell));
double rows_height(const struct rows *r); /* of the whole plot, with its axis */
void rows_labels(const struct rows *r, struct buf *out);
void rows_axis(const struct rows *r, struct buf *out, const struct words *name);

/* Lines of keys: areas and what they stand for. Returns the base line of the last; out NULL: does
 * nothing else. */
struct key {
    size_t pattern;
    struct words words;
};
double chart_keys(struct buf *out, double y, const struct key *keys, size_t count);

#endif
