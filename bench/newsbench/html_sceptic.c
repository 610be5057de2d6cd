#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "bench/newsbench/html_parts.h"
#include "bench/newsbench/markup.h"

#define ROWS_MAX 200 /* of a list of runs */

static void heading(struct buf *out, enum say what)
{
    const struct words w = words_say(what);
    markup_element(out, "h4", NULL, &w);
}

static void pre(struct buf *out, const char *text)
{
    buf_puts(out, "<pre>");
    markup_lines(out, text);
    buf_puts(out, "</pre>");
}

static void head(struct buf *out, const enum say *names, size_t count)
{
    buf_puts(out, "<thead><tr>");
    for (size_t i = 0; i < count; i++) {
        buf_puts(out, "<th scope=\"col\">");
        markup_say(out, names[i]);
        buf_puts(out, "</th>");
    }
    buf_puts(out, "</tr></thead>\n");
}

static void put_cell(struct buf *out, const struct words *w)
{
    buf_puts(out, "<td>");
    markup_words(out, w);
    buf_puts(out, "</td>");
}

static void fact(struct buf *out, enum say name, const struct words *value)
{
    buf_puts(out, "<tr><th scope=\"row\">");
    markup_say(out, name);
    buf_puts(out, "</th>");
    put_cell(out, value);
    buf_puts(out, "</tr>\n");
}

/* --- to repeat it -------------------------------------------------------------------------- */

static void put_repeat(struct buf *out, const struct result *r)
{
    char text[128];
    const struct words name = words_plain(r->plan.name), how = WORDS_FILL(SAY_REPEAT_HOW, &name);
    (void)snprintf(text, sizeof text, "%" PRIu64, r->plan.seed);
    const struct words seed = words_plain(text), blocks = words_count(r->plan.blocks),
                       took = words_count(round(r->seconds));
    heading(out, SAY_REPEAT);
    (void)snprintf(text, sizeof text, "newsbench run %s.plan", r->plan.name);
    pre(out, text);
    markup_element(out, "p", NULL, &how);
    buf_puts(out, "<table class=\"facts\">\n");
    fact(out, SAY_SEED, &seed);
    fact(out, SAY_BLOCKS, &blocks);
    fact(out, SAY_TOOK, &took);
    buf_puts(out, "</table>\n");
    if (!r->plan.source) return;
    heading(out, SAY_PLAN_SOURCE);
    pre(out, r->plan.source);
    buf_putc(out, '\n');
}

/* --- where it was measured ----------------------------------------------------------------- */

static void put_facts(struct buf *out, const json_t *facts)
{
    size_t i;
    const json_t *f;
    buf_puts(out, "<table class=\"facts\">\n");
    json_array_foreach(facts, i, f)
    {
        const char *name = json_string_value(json_object_get(f, "name"));
        const char *value = json_string_value(json_object_get(f, "value"));
        if (!name || !value) continue;
        buf_puts(out, "<tr><th scope=\"row\">");
        markup_escaped(out, name);
        buf_puts(out, "</th><td>");
        if (strchr(value, '\n')) pre(out, value);
        else markup_escaped(out, value);
        buf_puts(out, "</td></tr>\n");
    }
    buf_puts(out, "</table>\n");
}

static void put_environment(struct buf *out, const json_t *environment)
{
    size_t i;
    const json_t *section;
    json_array_foreach(environment, i, section)
    {
        const char *name = json_string_value(json_object_get(section, "section"));
        buf_puts(out, "<h5>");
        markup_escaped(out, name ? name : "");
        buf_puts(out, "</h5>\n");
        put_facts(out, json_object_get(section, "facts"));
    }
}

/* --- gates --------------------------------------------------------------------------------- */

struct gate_sum {
    const struct gate *worst;
    size_t passed, all;
};

static double badness(const struct gate *g)
{
    return g->threshold > 0 ? g->value / g->threshold : g->value > 0 ? INFINITY : 0;
}

/* Names come from a file: as many as there is room for. */
static size_t sum_gates(const struct result *r, struct gate_sum *sums, size_t room)
{
    size_t count = 0;
    for (size_t i = 0; i < r->run_count; i++)
        for (size_t k = 0; !r->runs[i].skipped && k < r->runs[i].gate_count; k++) {
            const struct gate *g = &r->runs[i].gates[k];
            size_t at = 0;
            while (at < count && strcmp(sums[at].worst->name, g->name) != 0)
                at++;
            if (at == room) continue;
            if (at == count) sums[count++] = (struct gate_sum){.worst = g};
            sums[at].all++;
            sums[at].passed += g->passed;
            if (badness(g) > badness(sums[at].worst)) sums[at].worst = g;
        }
    return count;
}

static void put_gates(struct buf *out, const struct result *r)
{
    static const enum say names[] = {SAY_GATE, SAY_WORST, SAY_THRESHOLD, SAY_PASSED};
    struct gate_sum sums[2 * GATES_MAX];
    size_t count = sum_gates(r, sums, sizeof sums / sizeof *sums);
    const struct words how = words_say(SAY_GATES_HOW);
    if (count == 0) return;
    heading(out, SAY_GATES);
    markup_element(out, "p", NULL, &how);
    buf_puts(out, "<div class=\"wide\"><table>\n");
    head(out, names, sizeof names / sizeof *names);
    for (size_t i = 0; i < count; i++) {
        const struct words value = words_number(sums[i].worst->value),
                           threshold = words_number(sums[i].worst->threshold),
                           passed = words_count((double)sums[i].passed),
                           all = words_count((double)sums[i].all),
                           of = WORDS_FILL(SAY_OF, &passed, &all);
        buf_printf(out, "<tr%s><th scope=\"row\">",
                   sums[i].passed < sums[i].all ? " class=\"failed\"" : "");
        markup_escaped(out, sums[i].worst->name);
        buf_puts(out, "</th>");
        put_cell(out, &value);
        put_cell(out, &threshold);
        put_cell(out, &of);
        buf_puts(out, "</tr>\n");
    }
    buf_puts(out, "</table></div>\n");
}

/* --- runs that do not count ---------------------------------------------------------------- */

static void put_run(struct buf *out, const struct groups *g, const struct run *run)
{
    const struct words block = words_count(run->block + 1),
                       name = words_plain(cell_name(&g->r->plan.cells[run->cell])),
                       condition = groups_condition(g, g->condition_of[run->cell]);
    buf_puts(out, "<tr>");
    put_cell(out, &block);
    put_cell(out, &name);
    put_cell(out, &condition);
    buf_puts(out, "<td>");
    for (size_t i = 0; i < run->reason_count && i < RUN_REASONS_MAX; i++) {
        if (i > 0) buf_puts(out, "<br/>");
        markup_escaped(out, run->reasons[i]);
    }
    if (run->saturated) {
        const struct words w = words_say(SAY_SATURATED);
        buf_puts(out, run->reason_count ? "<br/>" : "");
        markup_words(out, &w);
    }
    buf_puts(out, "</td></tr>\n");
}

static bool is_invalid(const struct run *run)
{
    return !run->skipped && (!run->valid || run->saturated);
}

static bool is_skipped(const struct run *run)
{
    return run->skipped;
}

static void put_runs(struct buf *out, const struct groups *g, enum say title,
                     bool (*wanted)(const struct run *run))
{
    static const enum say names[] = {SAY_BLOCK, SAY_CARRIER, SAY_CONDITION, SAY_REASONS};
    size_t count = 0;
    for (size_t i = 0; i < g->r->run_count; i++) {
        const struct run *run = &g->r->runs[i];
        if (run->cell >= g->r->plan.cell_count || !wanted(run) || count++ >= ROWS_MAX) continue;
        if (count == 1) {
            heading(out, title);
            buf_puts(out, "<div class=\"wide\"><table>\n");
            head(out, names, sizeof names / sizeof *names);
        }
        put_run(out, g, run);
    }
    if (count > 0) buf_puts(out, "</table></div>\n");
    if (count <= ROWS_MAX) return;
    const struct words more = words_count((double)(count - ROWS_MAX)),
                       w = WORDS_FILL(SAY_MORE_LINES, &more);
    markup_element(out, "p", NULL, &w);
}

static bool told_before(const struct result *r, size_t run)
{
    for (size_t i = 0; i < run; i++)
        if (r->runs[i].cell == r->runs[run].cell && strcmp(r->runs[i].note, r->runs[run].note) == 0)
            return true;
    return false;
}

static void put_notes(struct buf *out, const struct result *r)
{
    size_t count = 0;
    for (size_t i = 0; i < r->run_count && count < ROWS_MAX; i++) {
        const struct run *run = &r->runs[i];
        if (!run->note[0] || run->cell >= r->plan.cell_count || told_before(r, i)) continue;
        if (count++ == 0) {
            heading(out, SAY_NOTES);
            buf_puts(out, "<ul>\n");
        }
        buf_puts(out, "<li>");
        markup_escaped(out, cell_name(&r->plan.cells[run->cell]));
        buf_puts(out, ": ");
        markup_escaped(out, run->note);
        buf_puts(out, "</li>\n");
    }
    if (count > 0) buf_puts(out, "</ul>\n");
}

void html_sceptic(struct buf *out, const struct groups *g, bool same)
{
    const struct words above = words_say(SAY_AS_ABOVE);
    put_repeat(out, g->r);
    put_gates(out, g->r);
    put_runs(out, g, SAY_INVALID_RUNS, is_invalid);
    put_runs(out, g, SAY_SKIPPED_RUNS, is_skipped);
    put_notes(out, g->r);
    heading(out, SAY_ENVIRONMENT);
    if (same) markup_element(out, "p", NULL, &above);
    else put_environment(out, g->r->environment);
}
