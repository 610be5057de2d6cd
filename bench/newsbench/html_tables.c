#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/newsbench/html_parts.h"
#include "bench/newsbench/markup.h"

/* --- verdicts ------------------------------------------------------------------------------ */

static void keep(void *user, const struct result_pair *pair)
{
    struct verdicts *v = user;
    if (v->count == v->room) {
        size_t room = v->room ? v->room * 2 : 64;
        struct result_pair *more = realloc(v->pairs, room * sizeof *more);
        if (!more) {
            v->failed = true;
            return;
        }
        v->pairs = more;
        v->room = room;
    }
    v->pairs[v->count++] = *pair;
}

void verdicts_make(struct verdicts *v, const struct result *r)
{
    *v = (struct verdicts){0};
    (void)result_compare(r, keep, v);
}

void verdicts_deinit(struct verdicts *v)
{
    free(v->pairs);
    *v = (struct verdicts){0};
}

#define VERDICTS (VERDICT_TOO_FEW + 1)

struct tally { /* of one pair of carriers and one figure, over all conditions */
    size_t count[VERDICTS], all;
    double ratio; /* of the last one */
};

static bool is_pair(const struct groups *g, const struct result_pair *p, size_t a, size_t b)
{
    return g->series_of[p->a] == a && g->series_of[p->b] == b;
}

static struct tally tally_of(const struct groups *g, const struct verdicts *v, size_t a, size_t b,
                             const struct figure *f)
{
    struct tally t = {.ratio = NAN};
    for (size_t i = 0; i < v->count; i++) {
        if (!is_pair(g, &v->pairs[i], a, b) || v->pairs[i].figure != f) continue;
        t.count[v->pairs[i].comparison.verdict]++;
        t.ratio = v->pairs[i].comparison.ratio.median;
        t.all++;
    }
    return t;
}

/* In the order they are told. */
static const struct {
    enum verdict verdict;
    const char *class, *glyph;
    enum say once, often;
} forms[] = {
    {VERDICT_LOWER, "lower", "▼ ", SAY_LOWER, SAY_LOWER_IN},
    {VERDICT_HIGHER, "higher", "▲ ", SAY_HIGHER, SAY_HIGHER_IN},
    {VERDICT_NONE, "none", "", SAY_NO_DIFFERENCE, SAY_NONE_IN},
    {VERDICT_TOO_FEW, "few", "", SAY_TOO_FEW, SAY_FEW_IN},
};

static void put_tally(struct buf *out, const struct tally *t)
{
    const struct words all = words_count((double)t->all), ratio = words_number(t->ratio);
    buf_puts(out, "<td>");
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        size_t count = t->count[forms[i].verdict];
        if (count == 0) continue;
        const struct words number = words_count((double)count);
        const struct words w = t->all == 1 ? WORDS_FILL(forms[i].once, &ratio)
                                           : WORDS_FILL(forms[i].often, &number, &all);
        buf_printf(out, "<span class=\"verdict %s\">%s", forms[i].class, forms[i].glyph);
        markup_words(out, &w);
        buf_puts(out, "</span>");
    }
    if (t->all == 0) buf_puts(out, "–");
    buf_puts(out, "</td>");
}

static bool figure_has(const struct verdicts *v, const struct figure *f)
{
    for (size_t i = 0; i < v->count; i++)
        if (v->pairs[i].figure == f) return true;
    return false;
}

static const struct result_pair *find_pair(const struct groups *g, const struct verdicts *v,
                                           size_t a, size_t b)
{
    for (size_t i = 0; i < v->count; i++)
        if (is_pair(g, &v->pairs[i], a, b)) return &v->pairs[i];
    return NULL;
}

static void put_pair(struct buf *out, const struct groups *g, const struct verdicts *v,
                     const struct result_pair *p)
{
    const struct cell *cells = g->r->plan.cells;
    const struct words first = words_plain(cell_name(&cells[p->a])),
                       second = words_plain(cell_name(&cells[p->b])),
                       pair = WORDS_FILL(SAY_PAIR, &first, &second);
    buf_puts(out, "<tr><th scope=\"row\">");
    markup_words(out, &pair);
    buf_puts(out, "</th>");
    for (const struct figure *f = figures; f->name; f++) {
        if (!figure_has(v, f)) continue;
        const struct tally t = tally_of(g, v, g->series_of[p->a], g->series_of[p->b], f);
        put_tally(out, &t);
    }
    buf_puts(out, "</tr>\n");
}

static size_t put_verdict_head(struct buf *out, const struct verdicts *v)
{
    size_t columns = 1;
    buf_puts(out, "<thead><tr><th scope=\"col\">");
    markup_say(out, SAY_PAIR_HEAD);
    buf_puts(out, "</th>");
    for (const struct figure *f = figures; f->name; f++) {
        if (!figure_has(v, f)) continue;
        columns++;
        buf_puts(out, "<th scope=\"col\">");
        markup_both(out, "span", f->label, f->label_fr);
        buf_puts(out, "</th>");
    }
    buf_puts(out, "</tr></thead>\n");
    return columns;
}

static void put_class(struct buf *out, unsigned class, size_t columns)
{
    const struct words name = group_class_name(class);
    buf_printf(out, "<tr class=\"class\"><th scope=\"rowgroup\" colspan=\"%zu\">", columns);
    markup_words(out, &name);
    buf_puts(out, "</th></tr>\n");
}

void html_verdict_table(struct buf *out, const struct groups *g, const struct verdicts *v)
{
    if (v->count == 0) {
        const struct words none = words_say(SAY_NO_COMPARISON);
        markup_element(out, "p", NULL, &none);
        return;
    }
    buf_puts(out, "<div class=\"wide\"><table class=\"verdicts\">\n");
    size_t columns = put_verdict_head(out, v);
    unsigned last = GROUP_CLASSES;
    for (size_t a = 0; a < g->series_count; a++)
        for (size_t b = 0; b < g->series_count; b++) {
            const struct result_pair *p = find_pair(g, v, a, b);
            if (!p) continue;
            unsigned class = group_class(&g->r->plan.cells[p->a]);
            if (class != last) put_class(out, class, columns);
            last = class;
            put_pair(out, g, v, p);
        }
    buf_puts(out, "</table></div>\n");
}

static void put_sentences(struct buf *out, const struct groups *g, const struct verdicts *v)
{
    char text[LANGUAGES][600];
    buf_puts(out, "<ul>\n");
    for (size_t i = 0; i < v->count; i++) {
        for (enum language l = ENGLISH; l < LANGUAGES; l++)
            result_sentence(g->r, &v->pairs[i], (int)l, text[l], sizeof text[l]);
        buf_puts(out, "<li>");
        markup_both(out, "span", text[ENGLISH], text[FRENCH]);
        buf_puts(out, "</li>\n");
    }
    buf_puts(out, "</ul>\n");
}

void html_all_verdicts(struct buf *out, const struct groups *g, const struct verdicts *v)
{
    size_t judged = 0;
    if (v->count == 0) return;
    for (size_t i = 0; i < v->count; i++)
        judged += v->pairs[i].comparison.verdict != VERDICT_TOO_FEW;
    const struct words all = words_count((double)v->count),
                       chance = words_number((double)judged * 0.05),
                       title = WORDS_FILL(SAY_ALL_COMPARISONS, &all),
                       count = WORDS_FILL(SAY_COMPARISON_COUNT, &all, &chance);
    buf_puts(out, "<details><summary>");
    markup_words(out, &title);
    buf_puts(out, "</summary>\n");
    markup_element(out, "p", NULL, &count);
    put_sentences(out, g, v);
    buf_puts(out, "</details>\n");
}

/* --- numbers ------------------------------------------------------------------------------- */

static const struct {
    const char *figure;
    bool interval;
} columns[] = {{"delivered", false}, {"p50", false},        {"p99", true},
               {"max", false},       {"wire_bytes", false}, {"cpu_us", false},
               {"recovery", false},  {"lost", false},       {"duplicates", false}};
#define COLUMNS (sizeof columns / sizeof *columns)

static bool column_used(const struct groups *g, const struct group_cells *cells, size_t column)
{
    const struct figure *f = figure_find(columns[column].figure);
    for (size_t i = 0; f && i < cells->count; i++)
        if (isfinite(result_interval(g->r, cells->cell[i], f).median)) return true;
    return false;
}

static void put_interval(struct buf *out, const struct interval *i, bool whole)
{
    const struct words median = words_number(i->median);
    buf_puts(out, "<td class=\"number\">");
    markup_words(out, &median);
    if (whole && isfinite(i->low)) {
        const struct words low = words_number(i->low), high = words_number(i->high),
                           both = WORDS_FILL(SAY_INTERVAL, &low, &high);
        buf_puts(out, " <small>");
        markup_words(out, &both);
        buf_puts(out, "</small>");
    }
    buf_puts(out, "</td>");
}

static void put_cell(struct buf *out, const struct groups *g, size_t cell, const bool *used)
{
    const struct words name = words_plain(cell_name(&g->r->plan.cells[cell])),
                       valid = words_count((double)result_valid(g->r, cell)),
                       blocks = words_count(g->r->plan.blocks),
                       of = WORDS_FILL(SAY_OF, &valid, &blocks);
    buf_puts(out, "<tr><th scope=\"row\">");
    markup_words(out, &name);
    buf_puts(out, "</th>");
    for (size_t i = 0; i < COLUMNS; i++) {
        if (!used[i]) continue;
        const struct interval value = result_interval(g->r, cell, figure_find(columns[i].figure));
        put_interval(out, &value, columns[i].interval);
    }
    buf_puts(out, "<td class=\"number\">");
    markup_words(out, &of);
    buf_puts(out, "</td></tr>\n");
}

static void put_number_head(struct buf *out, const bool *used)
{
    buf_puts(out, "<thead><tr><th scope=\"col\">");
    markup_say(out, SAY_CARRIER);
    buf_puts(out, "</th>");
    for (size_t i = 0; i < COLUMNS; i++) {
        if (!used[i]) continue;
        const struct words head = figure_words(figure_find(columns[i].figure));
        buf_puts(out, "<th scope=\"col\">");
        markup_words(out, &head);
        buf_puts(out, "</th>");
    }
    buf_puts(out, "<th scope=\"col\">");
    markup_say(out, SAY_VALID_BLOCKS);
    buf_puts(out, "</th></tr></thead>\n");
}

void html_number_table(struct buf *out, const struct groups *g, size_t condition)
{
    const struct group_cells cells = groups_of(g, condition, GROUP_CLASSES);
    bool used[COLUMNS];
    size_t shown = 2;
    unsigned last = GROUP_CLASSES;
    for (size_t i = 0; i < COLUMNS; i++)
        shown += used[i] = column_used(g, &cells, i);
    buf_puts(out, "<div class=\"wide\"><table class=\"numbers\">\n<caption>");
    markup_say(out, SAY_NUMBERS);
    buf_puts(out, "</caption>");
    put_number_head(out, used);
    for (size_t i = 0; i < cells.count; i++) {
        unsigned class = group_class(&g->r->plan.cells[cells.cell[i]]);
        if (class != last) put_class(out, class, shown);
        last = class;
        put_cell(out, g, cells.cell[i], used);
    }
    buf_puts(out, "</table></div>\n");
}
