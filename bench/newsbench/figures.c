#include <math.h>
#include <string.h>

#include "bench/newsbench/result.h"

static double percentile_ms(const struct histogram *h, double percent)
{
    if (!histogram_supports(h, percent)) return NAN;
    return (double)histogram_percentile(h, percent) / 1e6;
}

static double p50(const struct run *r)
{
    return percentile_ms(r->response, 50);
}
static double p90(const struct run *r)
{
    return percentile_ms(r->response, 90);
}
static double p99(const struct run *r)
{
    return percentile_ms(r->response, 99);
}
static double p999(const struct run *r)
{
    return percentile_ms(r->response, 99.9);
}
static double transport_p99(const struct run *r)
{
    return percentile_ms(r->transport, 99);
}
static double skew_p99(const struct run *r)
{
    return percentile_ms(r->skew, 99);
}
static double lateness_p99(const struct run *r)
{
    return percentile_ms(r->lateness, 99);
}

static double most(const struct run *r)
{
    return histogram_count(r->response) ? (double)histogram_most(r->response) / 1e6 : NAN;
}

static double share(double part, double whole)
{
    return whole > 0 ? part / whole : NAN;
}

static double of_expected(const struct run *r, uint64_t count)
{
    return share((double)count, (double)r->expected);
}

static double delivered(const struct run *r)
{
    return 100 * of_expected(r, r->counts.delivered);
}
static double lost(const struct run *r)
{
    return 100 * of_expected(r, r->counts.lost);
}
static double silent(const struct run *r)
{
    return 100 * of_expected(r, r->silent);
}
static double duplicates(const struct run *r)
{
    return 100 * of_expected(r, r->counts.duplicates);
}
static double reordered(const struct run *r)
{
    return 100 * of_expected(r, r->counts.reordered);
}

static double per_delivered(const struct run *r, double what)
{
    return share(what, (double)r->counts.delivered);
}

static double wire_bytes(const struct run *r)
{
    return per_delivered(r, r->wire.bytes);
}
static double packets(const struct run *r)
{
    return per_delivered(r, r->wire.packets);
}

static double seconds_of(const struct process_cost *c)
{
    return c->user_s + c->system_s;
}

/* Without a server there is none that could cost anything. */
static double server_s(const struct run *r)
{
    double s = seconds_of(&r->server);
    return isnan(s) ? 0 : s;
}

static double cpu_us(const struct run *r)
{
    return 1e6 *
           per_delivered(r, seconds_of(&r->publisher) + seconds_of(&r->subscriber) + server_s(r));
}

static double server_cpu_us(const struct run *r)
{
    return 1e6 * per_delivered(r, seconds_of(&r->server));
}
static double softirq_us(const struct run *r)
{
    return 1e6 * per_delivered(r, r->softirq_s);
}
static double peak_mib(const struct run *r)
{
    return r->server.peak_bytes / (1 << 20);
}
static double recovery(const struct run *r)
{
    return r->recovery_ms;
}

/* clang-format off: a table reads best with a row for each figure. */
const struct figure figures[] = {
    {"p50", "ms", "median latency", "latence médiane", p50, true},
    {"p90", "ms", "p90 latency", "latence p90", p90, false},
    {"p99", "ms", "p99 latency", "latence p99", p99, true},
    {"p999", "ms", "p99.9 latency", "latence p99,9", p999, false},
    {"max", "ms", "largest latency", "latence maximale", most, false},
    {"transport_p99", "ms", "p99 from sending", "p99 depuis l'envoi", transport_p99, false},
    {"delivered", "%", "delivered", "livrés", delivered, false},
    {"lost", "%", "lost", "perdus", lost, false},
    {"silent", "%", "lost without a word", "perdus sans un mot", silent, false},
    {"duplicates", "%", "duplicates", "doubles", duplicates, false},
    {"reordered", "%", "out of order", "en désordre", reordered, false},
    {"wire_bytes", "bytes", "bytes on the wire for each delivery",
     "octets sur le fil par livraison", wire_bytes, true},
    {"packets", "packets", "packets for each delivery", "paquets par livraison", packets, false},
    {"cpu_us", "µs", "CPU for each delivery", "processeur par livraison", cpu_us, true},
    {"server_cpu_us", "µs", "CPU of the server for each delivery",
     "processeur du serveur par livraison", server_cpu_us, false},
    {"softirq_us", "µs", "softirq for each delivery", "softirq par livraison", softirq_us, false},
    {"peak_mib", "MiB", "memory of the server", "mémoire du serveur", peak_mib, false},
    {"skew_p99", "ms", "first to last subscriber, p99", "du premier au dernier abonné, p99",
     skew_p99, false},
    {"lateness_p99", "ms", "p99 lateness of the publishers", "retard p99 des éditeurs",
     lateness_p99, false},
    {"recovery", "ms", "from the fault's end to the first item",
     "de la fin de la panne au premier article", recovery, true},
    {NULL, NULL, NULL, NULL, NULL, false},
};
/* clang-format on */

const struct figure *figure_find(const char *name)
{
    for (const struct figure *f = figures; f->name; f++)
        if (strcmp(f->name, name) == 0) return f;
    return NULL;
}

size_t result_values(const struct result *r, size_t cell, const struct figure *f, double *values)
{
    size_t count = 0;
    for (unsigned b = 0; b < r->plan.blocks; b++)
        values[b] = NAN;
    for (size_t i = 0; i < r->run_count; i++) {
        const struct run *run = &r->runs[i];
        if (run->cell != cell || run->block >= r->plan.blocks || run->skipped || !run->valid)
            continue;
        values[run->block] = f->of(run);
        if (!isnan(values[run->block])) count++;
    }
    return count;
}

struct interval result_interval(const struct result *r, size_t cell, const struct figure *f)
{
    double values[RESULT_BLOCKS_MAX];
    (void)result_values(r, cell, f, values);
    return statistics_interval(values, r->plan.blocks, r->plan.seed);
}

size_t result_valid(const struct result *r, size_t cell)
{
    size_t count = 0;
    for (size_t i = 0; i < r->run_count; i++)
        count += r->runs[i].cell == cell && r->runs[i].valid && !r->runs[i].skipped;
    return count;
}
