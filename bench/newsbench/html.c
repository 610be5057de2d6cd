#include "bench/newsbench/html.h"

#include <stdlib.h>
#include <string.h>

#include "bench/newsbench/html_parts.h"
#include "bench/newsbench/markup.h"
#include "bench/newsbench/plots.h"
#include "bench/newsbench/svg.h"

#define NOISY 0.3 /* share of invalid runs beyond which nothing is to be believed */

struct chapter { /* one result */
    struct groups groups;
    struct verdicts verdicts;
    size_t number; /* from 1 */
    bool alone;    /* its title is the page's */
};

static const char *plan_text(const char text[2][800], enum language l)
{
    return text[l][0] ? text[l] : text[l == ENGLISH ? FRENCH : ENGLISH];
}

static struct words title_of(const struct result *r)
{
    const struct words given = words_both(r->plan.text.title[0], r->plan.text.title[1]);
    return given.in[ENGLISH][0] ? given : words_plain(r->plan.name);
}

/* --- warnings ------------------------------------------------------------------------------ */

static void warn(struct buf *out, const struct words *w)
{
    markup_element(out, "p", "alarm", w);
}

static void warn_noisy(struct buf *out, const struct result *const *results, size_t count)
{
    size_t ran = 0, invalid = 0;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < results[i]->run_count; k++) {
            ran += !results[i]->runs[k].skipped;
            invalid += !results[i]->runs[k].skipped && !results[i]->runs[k].valid;
        }
    if ((double)invalid <= NOISY * (double)ran) return;
    const struct words bad = words_count((double)invalid), all = words_count((double)ran),
                       w = WORDS_FILL(SAY_TOO_NOISY, &bad, &all);
    warn(out, &w);
}

static double silent_of(const struct groups *g, size_t series)
{
    double silent = 0;
    for (size_t cell = 0; cell < g->r->plan.cell_count; cell++)
        for (unsigned b = 0; b < g->r->plan.blocks && g->series_of[cell] == series; b++) {
            const struct run *run = groups_run(g, cell, b);
            if (run && run->valid) silent += (double)run->silent;
        }
    return silent;
}

static void warn_of(struct buf *out, const struct groups *g)
{
    const struct words least = words_count(STATISTICS_BLOCKS_LEAST),
                       few = WORDS_FILL(SAY_INDICATIVE, &least),
                       broken_off = words_say(SAY_NOT_COMPLETE);
    if (!g->r->complete) warn(out, &broken_off);
    if (g->r->quick || g->r->plan.blocks < STATISTICS_BLOCKS_LEAST) warn(out, &few);
    for (size_t s = 0; s < g->series_count; s++) {
        double silent = silent_of(g, s);
        if (!(silent > 0)) continue;
        const struct words name = words_plain(cell_name(&g->r->plan.cells[g->named[s]])),
                           number = words_count(silent),
                           w = WORDS_FILL(SAY_SILENT_LOSS, &name, &number);
        warn(out, &w);
    }
}

/* --- at a glance --------------------------------------------------------------------------- */

static void put_question(struct buf *out, const struct plan *p)
{
    if (!p->text.question[0][0] && !p->text.question[1][0]) return;
    const struct words w = words_both(p->text.question[0], p->text.question[1]);
    markup_element(out, "p", "ask", &w);
}

static void put_link(struct buf *out, const struct chapter *c)
{
    const struct words name = title_of(c->groups.r);
    buf_printf(out, "<h3><a href=\"#q%zu\">%zu. ", c->number, c->number);
    markup_words(out, &name);
    buf_puts(out, "</a></h3>\n");
    put_question(out, &c->groups.r->plan);
}

static void put_glance(struct buf *out, const struct chapter *chapters, size_t count)
{
    const struct words title = words_say(SAY_AT_A_GLANCE), how = words_say(SAY_GLANCE_HOW);
    buf_puts(out, "<section class=\"glance\" id=\"glance\">\n");
    if (count == 1) put_question(out, &chapters[0].groups.r->plan);
    markup_element(out, "h2", NULL, &title);
    for (size_t i = 0; i < count; i++) {
        const struct chapter *c = &chapters[i];
        if (!c->alone) put_link(out, c);
        warn_of(out, &c->groups);
        html_verdict_table(out, &c->groups, &c->verdicts);
    }
    markup_element(out, "p", "how", &how);
    buf_puts(out, "</section>\n");
}

/* --- one question -------------------------------------------------------------------------- */

static void put_box(struct buf *out, enum say title, const char *class, const char text[2][800])
{
    if (!text[ENGLISH][0] && !text[FRENCH][0]) return;
    const struct words head = words_say(title);
    buf_printf(out, "<aside class=\"%s\">\n", class);
    markup_element(out, "h3", NULL, &head);
    buf_puts(out, "<p>");
    markup_both(out, "span", plan_text(text, ENGLISH), plan_text(text, FRENCH));
    buf_puts(out, "</p>\n</aside>\n");
}

static void put_varied(struct buf *out, const struct groups *g)
{
    for (size_t i = 0; i < g->r->plan.varied_count; i++)
        (void)plot_varied(out, g, i);
}

/* Seconds tell a story where something happens in them. */
static bool has_story(const struct groups *g, size_t condition)
{
    const struct cell *c = &g->r->plan.cells[g->first[condition]];
    return c->fault != FAULT_NONE || c->arrivals != ARRIVALS_CONSTANT || c->slow_subscribers > 0;
}

static void put_condition(struct buf *out, const struct groups *g, size_t condition)
{
    const struct words title = words_say(SAY_TIMELINE);
    (void)plot_blocks(out, g, condition);
    (void)plot_percentiles(out, g, condition);
    (void)plot_omission(out, g, condition);
    (void)plot_delivery(out, g, condition);
    (void)plot_wire(out, g, condition);
    (void)plot_cpu(out, g, condition);
    bool story = has_story(g, condition);
    if (!story) {
        buf_puts(out, "<details><summary>");
        markup_words(out, &title);
        buf_puts(out, "</summary>\n");
    }
    (void)plot_timeline(out, g, condition);
    if (!story) buf_puts(out, "</details>\n");
    html_number_table(out, g, condition);
}

static void put_other(struct buf *out, const struct groups *g, size_t condition)
{
    const struct words name = words_capital(groups_condition(g, condition));
    buf_puts(out, "<details><summary>");
    markup_words(out, &name);
    buf_puts(out, "</summary>\n");
    (void)plot_blocks(out, g, condition);
    (void)plot_delivery(out, g, condition);
    html_number_table(out, g, condition);
    buf_puts(out, "</details>\n");
}

/* The first condition, which is the base, and the last, where the plan goes farthest, in full: a
 * choice made before anything was measured. */
static void put_conditions(struct buf *out, const struct groups *g)
{
    size_t last = g->condition_count - 1;
    for (size_t i = 0; i < g->condition_count; i++) {
        if (i != 0 && i != last) continue;
        const struct words name = words_capital(groups_condition(g, i));
        if (last > 0) markup_element(out, "h3", "condition", &name);
        put_condition(out, g, i);
    }
    if (last < 2) return;
    const struct words number = words_count((double)(last - 1)),
                       title = WORDS_FILL(SAY_OTHER_CONDITIONS, &number);
    markup_element(out, "h3", "condition", &title);
    for (size_t i = 1; i < last; i++)
        put_other(out, g, i);
}

static void put_chapter(struct buf *out, const struct chapter *c)
{
    const struct groups *g = &c->groups;
    const struct plan_text *text = &g->r->plan.text;
    const struct words number = words_count((double)c->number),
                       kicker = WORDS_FILL(SAY_QUESTION, &number), title = title_of(g->r),
                       same = groups_constant(g),
                       everywhere = WORDS_FILL(SAY_SAME_EVERYWHERE, &same),
                       nothing = words_say(SAY_NOTHING_MEASURED);
    buf_printf(out, "<section class=\"chapter\" id=\"q%zu\">\n", c->number);
    if (!c->alone) {
        markup_element(out, "p", "kicker", &kicker);
        markup_element(out, "h2", NULL, &title);
        put_question(out, &g->r->plan);
    }
    if (same.in[ENGLISH][0]) markup_element(out, "p", "constant", &everywhere);
    put_box(out, SAY_PREDICT, "predict", text->predict);
    if (g->r->run_count == 0 || g->condition_count == 0) {
        markup_element(out, "p", NULL, &nothing);
    } else {
        put_varied(out, g);
        put_conditions(out, g);
    }
    buf_puts(out, "<div class=\"lessons\">\n");
    put_box(out, SAY_CONCLUDE, "conclude", text->conclude);
    put_box(out, SAY_BEWARE, "beware", text->beware);
    buf_puts(out, "</div>\n");
    html_all_verdicts(out, g, &c->verdicts);
    buf_puts(out, "</section>\n");
}

static void put_sceptic(struct buf *out, const struct chapter *chapters, size_t count)
{
    const struct words title = words_say(SAY_SCEPTIC), intro = words_say(SAY_SCEPTIC_INTRO);
    buf_puts(out, "<section class=\"sceptic\" id=\"sceptic\">\n");
    markup_element(out, "h2", NULL, &title);
    markup_element(out, "p", "ask", &intro);
    for (size_t i = 0; i < count; i++) {
        const struct result *r = chapters[i].groups.r;
        const struct words name = title_of(r);
        if (!chapters[i].alone) markup_element(out, "h3", NULL, &name);
        html_sceptic(out, &chapters[i].groups,
                     i > 0 && json_equal(r->environment, chapters[0].groups.r->environment));
    }
    buf_puts(out, "</section>\n");
}

/* --- the page ------------------------------------------------------------------------------ */

/* The radio buttons come first: the style sheet goes by which of them is checked. */
static void put_head(struct buf *out, const struct words *title)
{
    buf_puts(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
                  "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
                  "<meta name=\"color-scheme\" content=\"light dark\"/>\n<title>");
    markup_escaped(out, title->in[ENGLISH]);
    buf_puts(out, "</title>\n<style>\n");
    buf_puts(out, html_style);
    buf_puts(out, "</style>\n</head>\n<body>\n"
                  "<input type=\"radio\" name=\"language\" id=\"en\" checked=\"checked\"/>\n"
                  "<input type=\"radio\" name=\"language\" id=\"fr\"/>\n<header>\n<nav>");
    const struct words name = words_say(SAY_LANGUAGE_NAME);
    buf_printf(out, "<label for=\"en\">%s</label><label for=\"fr\">%s</label></nav>\n",
               name.in[ENGLISH], name.in[FRENCH]);
    markup_element(out, "h1", NULL, title);
    buf_puts(out, "</header>\n");
    svg_define_patterns(out);
}

static void put_page(struct buf *out, const struct result *const *results,
                     const struct chapter *chapters, size_t count)
{
    const struct words title = count == 1 ? title_of(results[0]) : words_say(SAY_PAGE_TITLE);
    put_head(out, &title);
    buf_puts(out, "<main>\n");
    warn_noisy(out, results, count);
    put_glance(out, chapters, count);
    for (size_t i = 0; i < count; i++)
        put_chapter(out, &chapters[i]);
    put_sceptic(out, chapters, count);
    buf_puts(out, "</main>\n</body>\n</html>\n");
}

static bool write_page(const struct result *const *results, const struct chapter *chapters,
                       size_t count, FILE *out)
{
    struct buf page = {0};
    put_page(&page, results, chapters, count);
    for (size_t i = 0; i < count; i++)
        if (chapters[i].verdicts.failed) page.failed = true;
    bool ok = buf_ok(&page) && fwrite(page.data, 1, page.len, out) == page.len && fflush(out) == 0;
    buf_deinit(&page);
    return ok;
}

bool report_html(const struct result *const *results, size_t count, FILE *out)
{
    struct chapter *chapters = calloc(count ? count : 1, sizeof *chapters);
    bool ok = chapters != NULL;
    for (size_t i = 0; ok && i < count; i++) {
        chapters[i].number = i + 1;
        chapters[i].alone = count == 1;
        ok = groups_make(&chapters[i].groups, results[i]);
        if (ok) verdicts_make(&chapters[i].verdicts, results[i]);
    }
    ok = ok && write_page(results, chapters, count, out);
    for (size_t i = 0; chapters && i < count; i++) {
        verdicts_deinit(&chapters[i].verdicts);
        groups_deinit(&chapters[i].groups);
    }
    free(chapters);
    return ok;
}
