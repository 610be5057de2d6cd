#include "bench/newsbench/svg.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "bench/newsbench/markup.h"

/* --- axes ---------------------------------------------------------------------------------- */

void range_add(struct range *r, double value)
{
    if (!isfinite(value)) return;
    if (r->count == 0 || value < r->least) r->least = value;
    if (r->count == 0 || value > r->most) r->most = value;
    if (value > 0 && (r->least_positive <= 0 || value < r->least_positive))
        r->least_positive = value;
    r->count++;
}

/* The greatest of 1, 2, 5 times a power of ten that value does not fall below. */
static double round_down(double value)
{
    double power = pow(10, floor(log10(value)));
    double digit = value / power * (1 + 1e-9);
    return power * (digit >= 5 ? 5 : digit >= 2 ? 2 : 1);
}

static double round_up(double value)
{
    double power = pow(10, floor(log10(value)));
    double digit = value / power * (1 - 1e-9);
    return power * (digit <= 1 ? 1 : digit <= 2 ? 2 : digit <= 5 ? 5 : 10);
}

static double step_of(double span, size_t wanted)
{
    double step = round_up(span / (double)(wanted ? wanted : 1));
    return isfinite(step) && step > 0 ? step : 1;
}

static void round_log(struct axis *a, const struct range *r)
{
    double least = r->least_positive > 0 ? r->least_positive : 1;
    double most = r->most > 0 ? r->most : 10;
    a->least = round_down(fmax(least, 1e-12));
    a->most = round_up(fmin(fmax(most, a->least), 1e15));
    if (a->most < a->least * 2) { /* all equal: room on both sides */
        a->least /= 2;
        a->most *= 2;
    }
}

static void round_linear(struct axis *a, const struct range *r, bool zero)
{
    double least = r->count ? r->least : 0, most = r->count ? r->most : 1;
    if (zero) {
        least = fmin(least, 0);
        most = fmax(most, 0);
    }
    if (!(most > least)) {
        double room = fabs(most) > 0 ? fabs(most) * 0.1 : 1;
        if (!zero) least -= room;
        most += room;
    }
    double step = step_of(most - least, 8);
    a->least = floor(least / step + 1e-9) * step;
    a->most = ceil(most / step - 1e-9) * step;
}

struct axis axis_make(const struct range *r, enum axis_kind kind, double from, double to)
{
    struct axis a = {.log = kind == AXIS_LOG, .from = from, .to = to};
    if (a.log) round_log(&a, r);
    else round_linear(&a, r, kind == AXIS_FROM_ZERO);
    return a;
}

double axis_at(const struct axis *a, double value)
{
    if (isnan(value)) return NAN;
    double v = fmin(fmax(value, a->least), a->most);
    double share = a->log ? log(v / a->least) / log(a->most / a->least)
                          : (v - a->least) / (a->most - a->least);
    return a->from + share * (a->to - a->from);
}

/* Every power of ten, or every second, third ... one when there are many; 2 and 5 when few. */
static size_t log_ticks(const struct axis *a, size_t wanted, double *ticks)
{
    static const double digits[][3] = {{1, 0, 0}, {1, 3, 0}, {1, 2, 5}};
    double low = floor(log10(a->least) + 1e-9), high = ceil(log10(a->most) - 1e-9);
    double decades = log10(a->most / a->least);
    size_t fine = decades * 3 <= (double)wanted ? 2 : decades * 2 <= (double)wanted ? 1 : 0;
    double stride = fine ? 1 : fmax(1, ceil(decades / (double)wanted));
    size_t count = 0;
    for (double power = low; power <= high; power += stride)
        for (size_t i = 0; i < 3 && digits[fine][i] > 0; i++) {
            double tick = digits[fine][i] * pow(10, power);
            if (tick < a->least * (1 - 1e-9) || tick > a->most * (1 + 1e-9)) continue;
            if (count < AXIS_TICKS_MAX) ticks[count++] = tick;
        }
    return count;
}

size_t axis_ticks(const struct axis *a, size_t wanted, double ticks[AXIS_TICKS_MAX])
{
    if (wanted < 1) wanted = 1;
    if (a->log) return log_ticks(a, wanted, ticks);
    double step = step_of(a->most - a->least, wanted);
    double first = ceil(a->least / step - 1e-9);
    size_t count = 0;
    for (; count < AXIS_TICKS_MAX; count++) {
        double tick = (first + (double)count) * step;
        if (tick > a->most + step * 1e-9) break;
        ticks[count] = fabs(tick) < step * 1e-9 ? 0 : tick;
    }
    return count;
}

/* --- drawing ------------------------------------------------------------------------------- */

static bool drawable(struct point p)
{
    return isfinite(p.x) && isfinite(p.y);
}

static void put_both(struct buf *out, const char *tag, const struct words *w)
{
    for (enum language l = ENGLISH; l < LANGUAGES; l++) {
        buf_printf(out, "<%s lang=\"%s\">", tag, l == ENGLISH ? "en" : "fr");
        markup_escaped(out, w->in[l]);
        buf_printf(out, "</%s>", tag);
    }
}

void svg_open(struct buf *out, double width, double height, const struct words *title,
              const struct words *desc)
{
    buf_printf(out, "<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\">", width, height);
    put_both(out, "title", title);
    put_both(out, "desc", desc);
    buf_putc(out, '\n');
}

void svg_close(struct buf *out)
{
    buf_puts(out, "</svg>\n");
}

/* From light to dark in print: blank, dots, lines one way, lines the other way, both, full. */
void svg_define_patterns(struct buf *out)
{
    static const char *const inside[SVG_PATTERNS] = {
        "",
        "<circle cx=\"4\" cy=\"4\" r=\"1.3\"/>",
        "<path d=\"M-1 9L9 -1M-1 1L1 -1M7 9L9 7\"/>",
        "<path d=\"M-1 -1L9 9M-1 7L1 9M7 -1L9 1\"/>",
        "<path d=\"M0 0L8 8M8 0L0 8\"/>",
        "<rect class=\"full\" width=\"8\" height=\"8\"/>",
    };
    buf_puts(out, "<svg class=\"patterns\" width=\"0\" height=\"0\" aria-hidden=\"true\"><defs>\n");
    for (size_t i = 0; i < SVG_PATTERNS; i++)
        buf_printf(out,
                   "<pattern id=\"p%zu\" width=\"8\" height=\"8\" patternUnits=\"userSpaceOnUse\">"
                   "<rect class=\"t%zu\" width=\"8\" height=\"8\"/>%s</pattern>\n",
                   i, i, inside[i]);
    buf_puts(out, "</defs></svg>\n");
}

void svg_line(struct buf *out, struct point from, struct point to, const char *class)
{
    if (!drawable(from) || !drawable(to)) return;
    buf_printf(out, "<path class=\"%s\" d=\"M%.1f %.1fL%.1f %.1f\"/>\n", class, from.x, from.y,
               to.x, to.y);
}

void svg_path(struct buf *out, const struct point *points, size_t count, const char *class)
{
    bool open = false, any = false;
    for (size_t i = 0; i < count; i++) {
        if (!drawable(points[i])) {
            open = false;
            continue;
        }
        if (!any) buf_printf(out, "<path class=\"%s\" d=\"", class);
        buf_printf(out, "%c%.1f %.1f", open ? 'L' : 'M', points[i].x, points[i].y);
        open = any = true;
    }
    if (any) buf_puts(out, "\"/>\n");
}

void svg_box(struct buf *out, struct point corner, double width, double height, const char *class)
{
    if (!drawable(corner) || !(width > 0) || !(height > 0)) return;
    buf_printf(out, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>\n",
               class, corner.x, corner.y, width, height);
}

void svg_area(struct buf *out, struct point corner, double width, double height, size_t pattern)
{
    char class[16];
    (void)snprintf(class, sizeof class, "area a%zu", pattern % SVG_PATTERNS);
    svg_box(out, corner, width, height, class);
}

/* Of radius 1; marks that differ in outline stay apart at any size and in any print. */
static const char *const marks[SVG_STYLES] = {
    "M-.9 0A.9 .9 0 1 1 .9 0A.9 .9 0 1 1 -.9 0Z",          /* disc */
    "M-.85 -.85H.85V.85H-.85Z",                            /* square */
    "M0 -1.1L1 .8H-1Z",                                    /* triangle */
    "M0 -1.2L1.2 0L0 1.2L-1.2 0Z",                         /* diamond */
    "M0 1.1L1 -.8H-1Z",                                    /* triangle, down */
    "M-.4 -1.1H.4V-.4H1.1V.4H.4V1.1H-.4V.4H-1.1V-.4H-.4Z", /* plus */
    "M0 -1.1L1.05 -.34L.65 .89H-.65L-1.05 -.34Z",          /* pentagon */
    "M-1.1 -.7L-.7 -1.1L0 -.4L.7 -1.1L1.1 -.7L.4 0L1.1 .7L.7 1.1L0 .4L-.7 1.1L-1.1 .7L-.4 0Z", /* x
                                                                                                */
};

void svg_mark(struct buf *out, struct point at, size_t series, double size, bool hollow)
{
    if (!drawable(at)) return;
    char class[32];
    buf_printf(out,
               "<path class=\"%s\" transform=\"translate(%.1f %.1f) scale(%.1f)\" d=\"%s\"/>\n",
               svg_class(class, hollow ? "mark hollow" : "mark", series), at.x, at.y, size,
               marks[series % SVG_STYLES]);
}

const char *svg_class(char *out, const char *base, size_t series)
{
    (void)snprintf(out, 32, "%s s%zu", base, series % SVG_STYLES);
    return out;
}

void svg_text(struct buf *out, struct point at, const char *class, const struct words *w)
{
    if (!drawable(at)) return;
    buf_printf(out, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\">", class, at.x, at.y);
    markup_both(out, "tspan", w->in[ENGLISH], w->in[FRENCH]);
    buf_puts(out, "</text>\n");
}

double svg_text_width(const struct words *w)
{
    size_t most = 0;
    for (enum language l = ENGLISH; l < LANGUAGES; l++) {
        size_t letters = 0;
        for (const char *c = w->in[l]; *c; c++)
            letters += ((unsigned char)*c & 0xc0) != 0x80;
        if (letters > most) most = letters;
    }
    return (double)most * SVG_TEXT * 0.56;
}

/* --- labels -------------------------------------------------------------------------------- */

void labels_add(struct labels *l, struct point at, size_t series, const struct words *w)
{
    if (!drawable(at) || l->count == LABELS_MAX) return;
    size_t i = l->count++;
    for (; i > 0 && l->label[i - 1].at.y > at.y; i--)
        l->label[i] = l->label[i - 1];
    l->label[i].at = at;
    l->label[i].series = series;
    l->label[i].words = *w;
}

#define LABEL_STEP (SVG_TEXT * 1.25)

/* Down until none covers the one above it, then up from the bottom. */
static void spread(struct labels *l, double top, double bottom)
{
    double free = top;
    for (size_t i = 0; i < l->count; i++) {
        l->label[i].y = fmax(l->label[i].at.y, free);
        free = l->label[i].y + LABEL_STEP;
    }
    free = bottom;
    for (size_t i = l->count; i-- > 0;) {
        l->label[i].y = fmin(l->label[i].y, free);
        free = l->label[i].y - LABEL_STEP;
    }
}

void labels_draw(struct labels *l, struct buf *out, double x, double top, double bottom)
{
    spread(l, top, bottom);
    for (size_t i = 0; i < l->count; i++) {
        struct point at = l->label[i].at, to = {x + 6, l->label[i].y};
        if (fabs(to.y - at.y) > 2 || x - at.x > 12) svg_line(out, at, to, "leader");
        svg_mark(out, (struct point){x + 12, to.y}, l->label[i].series, 6, false);
        svg_text(out, (struct point){x + 23, to.y + SVG_TEXT * 0.34}, "label", &l->label[i].words);
    }
}
