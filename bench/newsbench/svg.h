/* bench/newsbench/svg.h - a small layer for plots: axes, lines, bars, marks and text as inline SVG.
 *
 * It knows nothing of measurements. Units: user units of the viewBox, y grows downwards. A
 * coordinate that is not finite draws nothing (a line is interrupted there). Looks come from
 * classes: series have "s0".."s7" for colour and dash, and a mark of their own, so that they can
 * be told apart without colour. Patterns "p0".."p5" are for areas. */
#ifndef BENCH_SVG_H
#define BENCH_SVG_H

#include <stdbool.h>
#include <stddef.h>

#include "bench/newsbench/text.h"
#include "common/buf.h"

#define SVG_STYLES   8
#define SVG_PATTERNS 6
#define SVG_TEXT     16 /* height of a letter's line, as the style sheet has it */

/* --- axes: from values to coordinates --- */

struct range { /* of values; zeroed is empty */
    size_t count;
    double least, most, least_positive;
};
void range_add(struct range *r, double value); /* what is not finite is ignored */

struct axis {
    double least, most; /* values at its ends, least < most */
    bool log;
    double from, to; /* coordinates of the ends */
};
enum axis_kind { AXIS_FROM_ZERO, AXIS_LINEAR, AXIS_LOG };
/* Ends are round numbers around the range. An empty range, one value and values without a
 * logarithm are fine. */
struct axis axis_make(const struct range *r, enum axis_kind kind, double from, double to);
double axis_at(const struct axis *a, double value); /* at an end when beyond it; NAN stays NAN */
#define AXIS_TICKS_MAX 16
/* Round values on the axis, rising; about `wanted` of them, at most AXIS_TICKS_MAX. */
size_t axis_ticks(const struct axis *a, size_t wanted, double ticks[AXIS_TICKS_MAX]);

/* --- drawing --- */

struct point {
    double x, y;
};

/* <svg> with title and desc. Height is in the viewBox only: it scales with the page. */
void svg_open(struct buf *out, double width, double height, const struct words *title,
              const struct words *desc);
void svg_close(struct buf *out);
void svg_define_patterns(struct buf *out); /* once in a page, before the first plot */
void svg_line(struct buf *out, struct point from, struct point to, const char *class);
void svg_path(struct buf *out, const struct point *points, size_t count, const char *class);
void svg_box(struct buf *out, struct point corner, double width, double height, const char *class);
/* Pattern, with an outline. */
void svg_area(struct buf *out, struct point corner, double width, double height, size_t pattern);
void svg_mark(struct buf *out, struct point at, size_t series, double size, bool hollow);
/* class: also "mid" or "end" for where the text is anchored, "strong", "small", "mute". */
void svg_text(struct buf *out, struct point at, const char *class, const struct words *w);
/* "line s3": of a series; out has room for 32. */
const char *svg_class(char *out, const char *base, size_t series);

/* About as wide as this will be, in either language. */
double svg_text_width(const struct words *w);

/* --- labels at the ends of lines, kept from covering each other --- */

#define LABELS_MAX 24
struct labels {
    struct {
        struct point at;
        size_t series;
        struct words words;
        double y; /* where it ends up */
    } label[LABELS_MAX];
    size_t count;
};
void labels_add(struct labels *l, struct point at, size_t series, const struct words *w);
/* At x, between top and bottom where there is room, each beside its own point as far as can be,
 * with its series' mark. */
void labels_draw(struct labels *l, struct buf *out, double x, double top, double bottom);

#endif
