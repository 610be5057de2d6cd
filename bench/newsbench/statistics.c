#include "bench/newsbench/statistics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define RESAMPLES   10000
#define VALUES_MAX  1000
#define SIGNIFICANT 0.05

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median_of_sorted(const double *values, size_t count)
{
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

static size_t numbers(const double *values, size_t count, double *out)
{
    size_t n = 0;
    for (size_t i = 0; i < count && n < VALUES_MAX; i++)
        if (!isnan(values[i])) out[n++] = values[i];
    qsort(out, n, sizeof *out, by_value);
    return n;
}

double statistics_median(const double *values, size_t count)
{
    double sorted[VALUES_MAX];
    size_t n = numbers(values, count, sorted);
    return n ? median_of_sorted(sorted, n) : NAN;
}

static uint64_t next_random(uint64_t *state) /* splitmix64 */
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static double resampled_median(const double *values, size_t n, uint64_t *state)
{
    double drawn[VALUES_MAX];
    for (size_t i = 0; i < n; i++)
        drawn[i] = values[next_random(state) % n];
    qsort(drawn, n, sizeof *drawn, by_value);
    return median_of_sorted(drawn, n);
}

struct interval statistics_interval(const double *values, size_t count, uint64_t seed)
{
    double sorted[VALUES_MAX];
    size_t n = numbers(values, count, sorted);
    if (n == 0) return (struct interval){NAN, NAN, NAN};
    struct interval out = {median_of_sorted(sorted, n), sorted[0], sorted[n - 1]};
    double *medians = malloc(RESAMPLES * sizeof *medians);
    if (!medians) return out; /* all there is: wider than it needs to be */
    for (size_t i = 0; i < RESAMPLES; i++)
        medians[i] = resampled_median(sorted, n, &seed);
    qsort(medians, RESAMPLES, sizeof *medians, by_value);
    out.low = medians[RESAMPLES / 40];
    out.high = medians[RESAMPLES - 1 - RESAMPLES / 40];
    free(medians);
    return out;
}

/* The sign test, exact and two-sided: how likely so uneven signs are if nothing differs. */
static double sign_test(const double *ratios, size_t n)
{
    size_t below = 0;
    for (size_t i = 0; i < n; i++)
        below += ratios[i] < 1;
    size_t fewer = below < n - below ? below : n - below;
    double way = pow(0.5, (double)n), sum = 0; /* n over k, times 2^-n */
    for (size_t k = 0; k <= fewer; k++) {
        sum += way;
        way = way * (double)(n - k) / (double)(k + 1);
    }
    return fmin(1, 2 * sum);
}

static enum verdict judge(const struct interval *ratio, const double *ratios, size_t n)
{
    if (n < STATISTICS_BLOCKS_LEAST) return VERDICT_TOO_FEW;
    if (sign_test(ratios, n) > SIGNIFICANT) return VERDICT_NONE;
    if (fabs(ratio->median - 1) <= STATISTICS_EFFECT_LEAST) return VERDICT_NONE;
    if (ratio->high < 1) return VERDICT_LOWER;
    return ratio->low > 1 ? VERDICT_HIGHER : VERDICT_NONE;
}

struct comparison statistics_compare(const double *a, const double *b, size_t count, uint64_t seed)
{
    double ratios[VALUES_MAX];
    struct comparison out = {0};
    for (size_t i = 0; i < count && out.pairs < VALUES_MAX; i++)
        if (!isnan(a[i]) && !isnan(b[i]) && b[i] > 0) ratios[out.pairs++] = a[i] / b[i];
    out.ratio = statistics_interval(ratios, out.pairs, seed);
    out.verdict = judge(&out.ratio, ratios, out.pairs);
    return out;
}
