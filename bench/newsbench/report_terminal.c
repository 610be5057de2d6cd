#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "bench/newsbench/report.h"
#include "common/buf.h"
#include "common/date.h"
#include "common/text.h"

#define NOISY 0.3 /* share of invalid runs */

struct page {
    FILE *out;
    const struct result *r;
    bool colour;
    unsigned width;
};

static const char *const guarantees[] = {"best effort", "at least once", "exactly once"};
static const char *const secrecies[] = {"", ", authenticated", ", sealed"};

static void bold(const struct page *p, const char *text)
{
    fprintf(p->out, p->colour ? "\033[1m%s\033[0m\n" : "%s\n", text);
}

/* --- the table --------------------------------------------------------------------------- */

static const struct {
    const char *figure, *head;
    int width;
    bool interval;
} columns[] = {
    {"delivered", "deliv. %", 8, false}, {"p50", "p50 ms", 8, false},
    {"p99", "p99 ms (95 %)", 20, true},  {"max", "max ms", 8, false},
    {"wire_bytes", "B/item", 7, false},  {"cpu_us", "CPU us", 7, false},
    {"lost", "lost %", 7, false},        {"duplicates", "dup %", 6, false},
};
#define COLUMNS    (sizeof columns / sizeof *columns)
#define NAME_WIDTH 20

static void print_number(FILE *out, double value, int width)
{
    if (isnan(value)) fprintf(out, " %*s", width, "-");
    else if (fabs(value) >= 1000) fprintf(out, " %*.0f", width, value);
    else fprintf(out, " %*.3g", width, value);
}

static void print_interval(FILE *out, const struct interval *i, int width)
{
    char text[64];
    if (isnan(i->median)) (void)snprintf(text, sizeof text, "-");
    else (void)snprintf(text, sizeof text, "%.3g (%.3g-%.3g)", i->median, i->low, i->high);
    fprintf(out, " %*s", width, text);
}

static void print_head(const struct page *p)
{
    fprintf(p->out, "%-*s", NAME_WIDTH, "");
    for (size_t c = 0; c < COLUMNS; c++)
        fprintf(p->out, " %*s", columns[c].width, columns[c].head);
    fputs("  valid\n", p->out);
}

static void print_cell(const struct page *p, size_t cell)
{
    fprintf(p->out, "%-*.*s", NAME_WIDTH, NAME_WIDTH, cell_name(&p->r->plan.cells[cell]));
    for (size_t c = 0; c < COLUMNS; c++) {
        struct interval i = result_interval(p->r, cell, figure_find(columns[c].figure));
        if (columns[c].interval) print_interval(p->out, &i, columns[c].width);
        else print_number(p->out, i.median, columns[c].width);
    }
    fprintf(p->out, "  %zu/%u\n", result_valid(p->r, cell), p->r->plan.blocks);
}

static bool was_skipped(const struct result *r, size_t cell, const char **why)
{
    for (size_t i = 0; i < r->run_count; i++) {
        if (r->runs[i].cell != cell || !r->runs[i].skipped) continue;
        *why = r->runs[i].reasons[0];
        return true;
    }
    return false;
}

static bool same_group(const struct result *r, size_t a, size_t b)
{
    const struct cell *x = &r->plan.cells[a], *y = &r->plan.cells[b];
    char one[300], other[300];
    cell_describe(&r->plan, x, one, sizeof one);
    cell_describe(&r->plan, y, other, sizeof other);
    return x->carrier->guarantee == y->carrier->guarantee &&
           x->carrier->secrecy == y->carrier->secrecy && strcmp(one, other) == 0;
}

static bool is_first_of_group(const struct result *r, size_t cell)
{
    for (size_t i = 0; i < cell; i++)
        if (same_group(r, i, cell)) return false;
    return true;
}

static void print_group(const struct page *p, size_t first)
{
    const struct cell *c = &p->r->plan.cells[first];
    char conditions[300], title[400];
    const char *why;
    cell_describe(&p->r->plan, c, conditions, sizeof conditions);
    (void)snprintf(title, sizeof title, "%s%s%s%s", guarantees[c->carrier->guarantee],
                   secrecies[c->carrier->secrecy], *conditions ? ": " : "", conditions);
    fputc('\n', p->out);
    bold(p, title);
    print_head(p);
    for (size_t i = first; i < p->r->plan.cell_count; i++)
        if (same_group(p->r, first, i) && !was_skipped(p->r, i, &why)) print_cell(p, i);
}

/* --- sentences --------------------------------------------------------------------------- */

/* Words go on in the next line, indented. Results come from anywhere: nothing of them reaches a
 * terminal as it is. */
static void print_wrapped(const struct page *p, const char *mark, const char *foreign)
{
    struct buf clean = {0};
    text_clean(&clean, foreign, strlen(foreign), TEXT_ONE_LINE);
    const char *text = buf_ok(&clean) && clean.data ? clean.data : "";
    size_t column = strlen(mark), indent = column;
    fputs(mark, p->out);
    while (*text) {
        size_t word = strcspn(text, " ");
        if (column > indent && column + 1 + word > p->width) {
            fprintf(p->out, "\n%*s", (int)indent, "");
            column = indent;
        } else if (column > indent) {
            fputc(' ', p->out);
            column++;
        }
        fprintf(p->out, "%.*s", (int)word, text);
        column += word;
        text += word + strspn(text + word, " ");
    }
    fputc('\n', p->out);
    buf_deinit(&clean);
}

/* Differences in words; of the others only how many there are. */
struct tally {
    const struct page *page;
    size_t shown, none, few;
};

static void print_verdict(void *user, const struct result_pair *pair)
{
    struct tally *t = user;
    char text[600];
    switch (pair->comparison.verdict) {
    case VERDICT_NONE: t->none++; return;
    case VERDICT_TOO_FEW: t->few++; return;
    default: t->shown++;
    }
    result_sentence(t->page->r, pair, 0, text, sizeof text);
    print_wrapped(t->page, "  ", text);
}

static void print_verdicts(const struct page *p)
{
    char text[400];
    struct tally t = {.page = p};
    fputc('\n', p->out);
    bold(p, "Comparisons");
    size_t made = result_compare(p->r, print_verdict, &t);
    (void)snprintf(text, sizeof text,
                   "%zu comparisons within a guarantee, paired by block: %zu differences shown, "
                   "%zu without a difference shown",
                   made, t.shown, t.none);
    print_wrapped(p, "  ", text);
    if (t.few > 0) {
        (void)snprintf(text, sizeof text, "%zu with fewer than %d valid blocks: no verdict", t.few,
                       STATISTICS_BLOCKS_LEAST);
        print_wrapped(p, "  ", text);
    }
    if (t.shown == 0) return;
    (void)snprintf(
        text, sizeof text,
        "Each at 95 %%: if nothing differed at all, about %.1f of the %zu with a verdict "
        "would be called different by chance.",
        (double)(t.shown + t.none) * 0.05, t.shown + t.none);
    print_wrapped(p, "  ", text);
}

static void print_skipped(const struct page *p)
{
    const char *why;
    for (size_t c = 0; c < p->r->plan.cell_count; c++) {
        char text[500], conditions[200];
        if (!was_skipped(p->r, c, &why)) continue;
        cell_describe(&p->r->plan, &p->r->plan.cells[c], conditions, sizeof conditions);
        (void)snprintf(text, sizeof text, "%s%s%s: %s", cell_name(&p->r->plan.cells[c]),
                       *conditions ? " " : "", conditions, why);
        print_wrapped(p, "  skipped  ", text);
    }
}

static size_t invalid_runs(const struct result *r)
{
    size_t count = 0;
    for (size_t i = 0; i < r->run_count; i++)
        count += !r->runs[i].skipped && !r->runs[i].valid;
    return count;
}

static void print_invalid(const struct page *p)
{
    for (size_t i = 0; i < p->r->run_count; i++) {
        const struct run *run = &p->r->runs[i];
        char text[500], conditions[200];
        if (run->skipped || run->valid) continue;
        cell_describe(&p->r->plan, &p->r->plan.cells[run->cell], conditions, sizeof conditions);
        (void)snprintf(text, sizeof text, "block %u, %s%s%s: %s", run->block + 1,
                       cell_name(&p->r->plan.cells[run->cell]), *conditions ? " " : "", conditions,
                       run->reason_count ? run->reasons[0] : "no reason was given");
        print_wrapped(p, "  invalid  ", text);
    }
}

static void print_silent(const struct page *p)
{
    for (size_t i = 0; i < p->r->run_count; i++) {
        const struct run *run = &p->r->runs[i];
        char text[300];
        if (run->skipped || run->silent == 0) continue;
        (void)snprintf(text, sizeof text, "block %u, %s: %llu of %llu lost without a word",
                       run->block + 1, cell_name(&p->r->plan.cells[run->cell]),
                       (unsigned long long)run->silent, (unsigned long long)run->expected);
        print_wrapped(p, "  lost     ", text);
    }
}

static void print_when(const struct page *p)
{
    int64_t first = INT64_MAX, last = INT64_MIN;
    char from[DATE_RFC3339_SIZE], to[DATE_RFC3339_SIZE], line[160];
    size_t count = 0;
    for (size_t i = 0; i < p->r->run_count; i++) {
        const struct run *run = &p->r->runs[i];
        if (run->skipped) continue;
        count++;
        if (run->started_unix_ms < first) first = run->started_unix_ms;
        if (run->started_unix_ms > last) last = run->started_unix_ms;
    }
    if (count == 0) return;
    date_rfc3339(first, from);
    date_rfc3339(last, to);
    (void)snprintf(line, sizeof line, "%zu runs, the first begun %s, the last %s.", count, from, to);
    print_wrapped(p, "  ", line);
}

static void print_warnings(const struct page *p)
{
    fputc('\n', p->out);
    bold(p, "Notes");
    print_wrapped(p, "  ", p->r->plan.text.beware[0]);
    if (p->r->quick) print_wrapped(p, "  ", "Few blocks: everything here is indicative.");
    if (!p->r->complete) print_wrapped(p, "  ", "Not complete: some runs are missing.");
    print_skipped(p);
    print_invalid(p);
    print_silent(p);
    print_when(p);
}

bool report_terminal(const struct result *r, FILE *out, unsigned width, bool colour)
{
    const struct page p = {out, r, colour, width < 40 ? 40 : width};
    size_t measured = 0;
    for (size_t i = 0; i < r->run_count; i++)
        measured += !r->runs[i].skipped;
    if ((double)invalid_runs(r) > NOISY * (double)measured)
        bold(&p, "This machine is too noisy for these conclusions.");
    print_wrapped(&p, "", *r->plan.text.title[0] ? r->plan.text.title[0] : r->plan.name);
    print_wrapped(&p, "", r->plan.text.question[0]);
    for (size_t c = 0; c < r->plan.cell_count; c++)
        if (is_first_of_group(r, c)) print_group(&p, c);
    print_verdicts(&p);
    print_warnings(&p);
    return !ferror(out);
}
