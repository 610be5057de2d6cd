#include <math.h>
#include <stdio.h>

#include "bench/newsbench/result.h"

static bool comparable(const struct cell *a, const struct cell *b)
{
    for (const struct factor *f = factors; f->name; f++)
        if (factor_value(f, a) != factor_value(f, b)) return false;
    return a->carrier->guarantee == b->carrier->guarantee &&
           a->carrier->secrecy == b->carrier->secrecy;
}

size_t result_compare(const struct result *r,
                      void (*each)(void *user, const struct result_pair *pair), void *user)
{
    size_t made = 0;
    double a[RESULT_BLOCKS_MAX], b[RESULT_BLOCKS_MAX];
    for (size_t i = 0; i < r->plan.cell_count; i++)
        for (size_t k = i + 1; k < r->plan.cell_count; k++) {
            if (!comparable(&r->plan.cells[i], &r->plan.cells[k])) continue;
            for (const struct figure *f = figures; f->name; f++) {
                if (!f->compared || result_values(r, i, f, a) == 0 ||
                    result_values(r, k, f, b) == 0)
                    continue;
                struct result_pair pair = {i, k, f,
                                           statistics_compare(a, b, r->plan.blocks, r->plan.seed)};
                if (pair.comparison.pairs == 0) continue;
                made++;
                if (each) each(user, &pair);
            }
        }
    return made;
}

void result_sentence(const struct result *r, const struct result_pair *pair, int language,
                     char *out, size_t size)
{
    static const char *const words[][2] = {
        [VERDICT_LOWER] = {"lower than", "plus bas que"},
        [VERDICT_HIGHER] = {"higher than", "plus haut que"},
        [VERDICT_NONE] = {"no difference shown from", "pas de différence démontrée avec"},
        [VERDICT_TOO_FEW] = {"indicative only, against", "à titre indicatif, face à"},
    };
    static const char *const pairs[] = {"pairs", "paires"}, *const to[] = {"to", "à"};
    const struct interval *i = &pair->comparison.ratio;
    char conditions[200];
    cell_describe(&r->plan, &r->plan.cells[pair->a], conditions, sizeof conditions);
    (void)snprintf(out, size, "%s%s%s: %s %s %s (%.3g ×, %.3g %s %.3g, %zu %s)",
                   language ? pair->figure->label_fr : pair->figure->label, *conditions ? ", " : "",
                   conditions, cell_name(&r->plan.cells[pair->a]),
                   words[pair->comparison.verdict][language], cell_name(&r->plan.cells[pair->b]),
                   i->median, i->low, to[language], i->high, pair->comparison.pairs,
                   pairs[language]);
}
