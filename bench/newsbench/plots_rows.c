/* Plots with a row for each cell. */
#include <math.h>

#include "bench/newsbench/chart.h"
#include "bench/newsbench/markup.h"
#include "bench/newsbench/plots.h"

static const struct words *condition_words(const struct groups *g, size_t condition,
                                           struct words *room)
{
    if (g->condition_count < 2) return NULL;
    *room = groups_condition(g, condition);
    return room;
}

/* --- 9: every block ------------------------------------------------------------------------ */

#define BLOCK_STEP 44
#define COUNT_ROOM 76 /* "7 of 8" */

static struct range figure_range(const struct rows *r, const struct figure *f)
{
    struct range range = {0};
    for (size_t i = 0; i < r->cells.count; i++)
        for (unsigned b = 0; b < r->g->r->plan.blocks; b++) {
            const struct run *run = groups_run(r->g, r->cells.cell[i], b);
            if (run) range_add(&range, f->of(run));
        }
    return range;
}

static void draw_interval(struct buf *out, const struct rows *r, size_t row,
                          const struct interval *i)
{
    char class[32];
    size_t series = r->g->series_of[r->cells.cell[row]];
    double y = r->y[row], m = axis_at(&r->x, i->median);
    svg_line(out, (struct point){axis_at(&r->x, i->low), y},
             (struct point){axis_at(&r->x, i->high), y}, svg_class(class, "interval", series));
    svg_line(out, (struct point){m, y - 16}, (struct point){m, y + 16},
             svg_class(class, "median", series));
}

static void draw_blocks(struct buf *out, const struct rows *r, size_t row, const struct figure *f)
{
    static const double offsets[] = {-7, 5, -2, 8, -5, 2};
    size_t cell = r->cells.cell[row], ran = 0;
    const struct interval i = result_interval(r->g->r, cell, f);
    if (result_valid(r->g->r, cell) > 1) draw_interval(out, r, row, &i);
    for (unsigned b = 0; b < r->g->r->plan.blocks; b++) {
        const struct run *run = groups_run(r->g, cell, b);
        if (!run) continue;
        ran++;
        svg_mark(out, (struct point){axis_at(&r->x, f->of(run)), r->y[row] + offsets[b % 6]},
                 r->g->series_of[cell], 4.5, !run->valid);
    }
    const struct words valid = words_count((double)result_valid(r->g->r, cell)),
                       all = words_count(r->g->r->plan.blocks);
    const struct words count = ran ? WORDS_FILL(SAY_OF, &valid, &all) : words_say(SAY_NOT_RUN);
    svg_text(out, (struct point){CHART_WIDTH - 4, r->y[row] + SVG_TEXT * 0.34}, "tick end", &count);
}

#define NEAR 3 /* times: values nearer to each other than this are not shown from zero on */

/* A fifth of room on both sides: noise shall not fill the plot. */
static struct axis blocks_axis(const struct range *values, double from, double to)
{
    struct range r = *values;
    if (!(r.least > 0) || r.most > NEAR * r.least) return axis_make(&r, chart_kind(&r), from, to);
    range_add(&r, r.least * 0.8);
    range_add(&r, r.most * 1.2);
    return axis_make(&r, AXIS_LINEAR, from, to);
}

bool plot_blocks(struct buf *out, const struct groups *g, size_t condition)
{
    struct rows r = rows_make(g, condition, BLOCK_STEP, NULL);
    const struct figure *f = groups_latency(g, &r.cells);
    if (!f) f = figure_find("p50");
    struct range range = f ? figure_range(&r, f) : (struct range){0};
    if (range.count == 0) return false;
    struct words room, label = words_both(f->label, f->label_fr);
    const struct words title = WORDS_FILL(SAY_DOTS, &label), how = words_say(SAY_DOTS_HOW),
                       axis = figure_words(f), valid = words_say(SAY_VALID_BLOCKS);
    r.x = blocks_axis(&range, r.left, CHART_WIDTH - COUNT_ROOM - 12);
    figure_open(out, &title, condition_words(g, condition, &room));
    svg_open(out, CHART_WIDTH, rows_height(&r), &title, &how);
    rows_axis(&r, out, &axis);
    rows_labels(&r, out);
    svg_text(out, (struct point){CHART_WIDTH - 4, 26}, "small end", &valid);
    for (size_t i = 0; i < r.cells.count; i++)
        draw_blocks(out, &r, i, f);
    svg_close(out);
    figure_close(out, &how);
    return true;
}

/* --- 2: coordinated omission --------------------------------------------------------------- */

#define OMISSION_STEP  34
#define OMISSION_WORTH 1.05 /* times: less than this in every cell is no plot */

/* The pair of figures that enough items support. */
struct clocks {
    struct interval transport, response;
};

static struct clocks clocks_of(const struct groups *g, size_t cell)
{
    return (struct clocks){result_interval(g->r, cell, figure_find("transport_p99")),
                           result_interval(g->r, cell, figure_find("p99"))};
}

static bool has_clocks(const struct groups *g, size_t cell)
{
    const struct clocks c = clocks_of(g, cell);
    return isfinite(c.transport.median) && isfinite(c.response.median);
}

static void draw_clocks(struct buf *out, const struct rows *r, size_t row)
{
    char class[32];
    size_t series = r->g->series_of[r->cells.cell[row]];
    const struct clocks c = clocks_of(r->g, r->cells.cell[row]);
    const struct point from = {axis_at(&r->x, c.transport.median), r->y[row]},
                       to = {axis_at(&r->x, c.response.median), r->y[row]};
    svg_line(out, from, to, svg_class(class, "median", series));
    svg_mark(out, to, series, 7, false);
    svg_mark(out, from, series, 7, true);
}

static void clocks_range(const struct rows *r, struct range *range, double *widest)
{
    for (size_t i = 0; i < r->cells.count; i++) {
        const struct clocks c = clocks_of(r->g, r->cells.cell[i]);
        range_add(range, c.transport.median);
        range_add(range, c.response.median);
        *widest = fmax(*widest, c.response.median / c.transport.median);
    }
}

bool plot_omission(struct buf *out, const struct groups *g, size_t condition)
{
    struct rows r = rows_make(g, condition, OMISSION_STEP, has_clocks);
    struct range range = {0};
    struct words room;
    double widest = 0;
    clocks_range(&r, &range, &widest);
    if (range.count == 0 || !(widest > OMISSION_WORTH)) return false;
    const struct words title = words_say(SAY_OMISSION), how = words_say(SAY_OMISSION_HOW),
                       axis = words_say(SAY_RESPONSE_MS);
    r.x = axis_make(&range, chart_kind(&range), r.left, CHART_WIDTH - 24);
    figure_open(out, &title, condition_words(g, condition, &room));
    svg_open(out, CHART_WIDTH, rows_height(&r), &title, &how);
    rows_axis(&r, out, &axis);
    rows_labels(&r, out);
    for (size_t i = 0; i < r.cells.count; i++)
        draw_clocks(out, &r, i);
    svg_close(out);
    figure_close(out, &how);
    return true;
}

/* --- 5: what arrived ----------------------------------------------------------------------- */

#define DELIVERY_STEP 34
#define PART_LEAST    3.0 /* width of what is small but there */

struct deliveries { /* of the valid blocks together */
    double expected, delivered, lost, silent, twice, reordered;
};

static struct deliveries deliveries_of(const struct groups *g, size_t cell)
{
    struct deliveries sum = {0};
    for (unsigned b = 0; b < g->r->plan.blocks; b++) {
        const struct run *run = groups_run(g, cell, b);
        if (!run || !run->valid) continue;
        sum.expected += (double)run->expected;
        sum.delivered += (double)run->counts.delivered;
        sum.lost += (double)run->counts.lost;
        sum.silent += (double)run->silent;
        sum.twice += (double)run->counts.duplicates;
        sum.reordered += (double)run->counts.reordered;
    }
    return sum;
}

static bool imperfect(const struct groups *g, size_t cell)
{
    const struct deliveries d = deliveries_of(g, cell);
    return d.lost + d.silent + d.twice + d.reordered > 0;
}

/* Where the columns of numbers end; the bars are left of them. */
static const double columns[] = {CHART_WIDTH - 232, CHART_WIDTH - 156, CHART_WIDTH - 84,
                                 CHART_WIDTH - 4};
#define BARS_END (CHART_WIDTH - 300)

static void draw_deliveries(struct buf *out, const struct rows *r, size_t row)
{
    const struct deliveries d = deliveries_of(r->g, r->cells.cell[row]);
    const double values[] = {d.lost, d.silent, d.twice, d.reordered};
    double y = r->y[row] - 10, full = r->x.to - r->x.from;
    double silent = d.silent > 0 ? fmax(full * d.silent / d.expected, PART_LEAST) : 0;
    double told = d.lost > d.silent ? fmax(full * (d.lost - d.silent) / d.expected, PART_LEAST) : 0;
    svg_area(out, (struct point){r->x.from, y}, full - told - silent, 20, 0);
    svg_area(out, (struct point){r->x.to - told - silent, y}, told, 20, 2);
    svg_area(out, (struct point){r->x.to - silent, y}, silent, 20, 5);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        const struct words number = words_count(values[i]);
        const char *class = values[i] > 0 ? "tick strong end" : "tick mute end";
        svg_text(out, (struct point){columns[i], r->y[row] + SVG_TEXT * 0.34}, class, &number);
    }
    if (silent > 0) svg_mark(out, (struct point){r->x.to + 12, r->y[row]}, 7, 7, false);
}

static void draw_heads(struct buf *out)
{
    static const enum say heads[] = {SAY_LOST, SAY_SILENT, SAY_TWICE, SAY_REORDERED};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        const struct words head = words_say(heads[i]);
        svg_text(out, (struct point){columns[i], 26}, "small end", &head);
    }
}

static void say_perfect(struct buf *out, const struct groups *g, size_t condition)
{
    const struct group_cells all = groups_of(g, condition, GROUP_CLASSES);
    for (size_t i = 0; i < all.count; i++) {
        const struct deliveries d = deliveries_of(g, all.cell[i]);
        if (d.expected <= 0 || imperfect(g, all.cell[i])) continue;
        const struct words name = words_plain(cell_name(&g->r->plan.cells[all.cell[i]])),
                           number = words_count(d.delivered),
                           sentence = WORDS_FILL(SAY_ALL_ARRIVED, &name, &number);
        markup_element(out, "p", "fine", &sentence);
    }
}

bool plot_delivery(struct buf *out, const struct groups *g, size_t condition)
{
    struct rows r = rows_make(g, condition, DELIVERY_STEP, imperfect);
    const struct range whole = {.count = 2, .least = 0, .most = 100, .least_positive = 100};
    const struct words title = words_say(SAY_DELIVERY), how = words_say(SAY_DELIVERY_HOW),
                       axis = words_say(SAY_SHARE_DELIVERED);
    struct words room;
    size_t before = out->len;
    figure_open(out, &title, condition_words(g, condition, &room));
    size_t opened = out->len;
    if (r.cells.count > 0) {
        r.x = axis_make(&whole, AXIS_FROM_ZERO, r.left, BARS_END);
        svg_open(out, CHART_WIDTH, rows_height(&r), &title, &how);
        rows_axis(&r, out, &axis);
        rows_labels(&r, out);
        draw_heads(out);
        for (size_t i = 0; i < r.cells.count; i++)
            draw_deliveries(out, &r, i);
        svg_close(out);
    }
    say_perfect(out, g, condition);
    if (out->len == opened) { /* nothing was measured */
        buf_truncate(out, before);
        return false;
    }
    if (r.cells.count > 0) markup_element(out, "p", "how", &how);
    buf_puts(out, "</figure>\n");
    return true;
}

/* --- 6 and 7: stacked parts ---------------------------------------------------------------- */

#define STACK_STEP 36
#define PARTS_MAX  4

struct stack {
    double (*part)(const struct run *run, size_t part);
    struct key keys[PARTS_MAX];
    size_t count;
    enum say title, how, axis;
};

static double per_item(const struct run *run, double what)
{
    return run->counts.delivered ? what / (double)run->counts.delivered : NAN;
}

static double per_published(const struct run *run, double what)
{
    return run->published ? what / (double)run->published : NAN;
}

/* What TCP carried is known; below it are its own headers, answers and repairs. */
static double wire_part(const struct run *run, size_t part)
{
    double payload = per_published(run, run->payload_bytes);
    double topic = per_published(run, run->topic_bytes);
    double all = per_item(run, run->wire.bytes);
    double header = per_item(run, run->wire.tcp_bytes) - payload - topic;
    if (!(header >= 0) || header > all - payload - topic) header = 0;
    const double parts[] = {payload, topic, header, fmax(all - payload - topic - header, 0)};
    return isnan(all) ? NAN : parts[part];
}

static double cpu_part(const struct run *run, size_t part)
{
    const struct process_cost *of[] = {&run->publisher, &run->server, &run->subscriber};
    double s = part < 3 ? of[part]->user_s + of[part]->system_s : run->softirq_s;
    return 1e6 * per_item(run, s);
}

static double part_median(const struct groups *g, size_t cell, const struct stack *s, size_t part)
{
    double values[RESULT_BLOCKS_MAX];
    size_t count = 0;
    for (unsigned b = 0; b < g->r->plan.blocks && count < RESULT_BLOCKS_MAX; b++) {
        const struct run *run = groups_run(g, cell, b);
        double value = run && run->valid ? s->part(run, part) : NAN;
        if (isfinite(value)) values[count++] = value;
    }
    return statistics_median(values, count);
}

static double stack_sum(const struct groups *g, size_t cell, const struct stack *s)
{
    double sum = 0;
    bool any = false;
    for (size_t i = 0; i < s->count; i++) {
        double value = part_median(g, cell, s, i);
        any |= isfinite(value);
        sum += isfinite(value) ? value : 0;
    }
    return any ? sum : NAN;
}

static void draw_stack(struct buf *out, const struct rows *r, size_t row, const struct stack *s)
{
    size_t cell = r->cells.cell[row];
    double sum = 0, all = stack_sum(r->g, cell, s);
    if (isnan(all)) return;
    for (size_t i = 0; i < s->count; i++) {
        double value = part_median(r->g, cell, s, i);
        if (!(value > 0)) continue;
        double from = axis_at(&r->x, sum), to = axis_at(&r->x, sum + value);
        svg_area(out, (struct point){from, r->y[row] - 11}, to - from, 22, s->keys[i].pattern);
        sum += value;
    }
    const struct words number = words_number(all < 100 ? all : round(all));
    svg_text(out, (struct point){axis_at(&r->x, sum) + 7, r->y[row] + SVG_TEXT * 0.34}, "strong",
             &number);
}

static bool plot_stack(struct buf *out, const struct groups *g, size_t condition,
                       const struct stack *s)
{
    struct rows r = rows_make(g, condition, STACK_STEP, NULL);
    struct range range = {0};
    struct words room;
    for (size_t i = 0; i < r.cells.count; i++)
        range_add(&range, stack_sum(g, r.cells.cell[i], s));
    if (range.count == 0 || !(range.most > 0)) return false;
    const struct words title = words_say(s->title), how = words_say(s->how),
                       axis = words_say(s->axis);
    r.x = axis_make(&range, AXIS_FROM_ZERO, r.left, CHART_WIDTH - 64);
    figure_open(out, &title, condition_words(g, condition, &room));
    double keys = rows_height(&r) + 22;
    svg_open(out, CHART_WIDTH, chart_keys(NULL, keys, s->keys, s->count) + 12, &title, &how);
    rows_axis(&r, out, &axis);
    rows_labels(&r, out);
    for (size_t i = 0; i < r.cells.count; i++)
        draw_stack(out, &r, i, s);
    (void)chart_keys(out, keys, s->keys, s->count);
    svg_close(out);
    figure_close(out, &how);
    return true;
}

bool plot_wire(struct buf *out, const struct groups *g, size_t condition)
{
    const struct stack s = {.part = wire_part,
                            .keys = {{5, words_say(SAY_PAYLOAD)},
                                     {1, words_say(SAY_TOPIC)},
                                     {4, words_say(SAY_APPLICATION)},
                                     {0, words_say(SAY_UNDERNEATH)}},
                            .count = 4,
                            .title = SAY_WIRE,
                            .how = SAY_WIRE_HOW,
                            .axis = SAY_BYTES_ITEM};
    return plot_stack(out, g, condition, &s);
}

bool plot_cpu(struct buf *out, const struct groups *g, size_t condition)
{
    const struct stack s = {.part = cpu_part,
                            .keys = {{2, words_say(SAY_PUBLISHER)},
                                     {5, words_say(SAY_SERVER)},
                                     {1, words_say(SAY_SUBSCRIBERS)},
                                     {0, words_say(SAY_SOFTIRQ)}},
                            .count = 4,
                            .title = SAY_CPU,
                            .how = SAY_CPU_HOW,
                            .axis = SAY_CPU_ITEM};
    return plot_stack(out, g, condition, &s);
}
