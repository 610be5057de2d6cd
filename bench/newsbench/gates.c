#include "bench/newsbench/gates.h"

#include <math.h>

struct view {
    const struct cell *cell;
    const struct run *run;
    const struct gate_facts *facts;
};

static double lateness(const struct view *v)
{
    return (double)histogram_percentile(v->run->lateness, 99) / 1e6;
}

/* A tenth of the interval of one publisher. */
static double lateness_most(const struct view *v)
{
    return fmax(1, 100.0 * v->cell->publishers / v->cell->rate);
}

static double network_p99(const struct view *v)
{
    return v->facts->network ? v->facts->network_p99_ms : NAN;
}

static double network_p99_most(const struct view *v)
{
    return fmax(0.5, 0.05 * v->cell->rtt_ms / 2);
}

static double network_most(const struct view *v)
{
    return v->facts->network ? v->facts->network_most_ms : NAN;
}

static double hiccup(const struct view *v)
{
    return v->facts->hiccup_ms;
}

static double steal(const struct view *v)
{
    return 100 * v->facts->steal_share;
}

static double waited(const struct view *v)
{
    return 100 * v->facts->waited_share;
}

/* Where the network loses nothing the kernel may not, either. */
static double receive_errors(const struct view *v)
{
    return v->cell->loss > 0 ? NAN : v->run->wire.udp_receive_errors;
}

static double corrupt(const struct view *v)
{
    return v->cell->corrupt > 0 ? NAN : (double)v->run->corrupt;
}

static double negative(const struct view *v)
{
    return v->facts->negative;
}

static double overflow(const struct view *v)
{
    return v->facts->overflow;
}

/* Of what was asked for; a fault stops publishers, and that is no fault of the run. */
static double missing(const struct view *v)
{
    if (v->cell->fault != FAULT_NONE || v->run->offered == 0) return NAN;
    return 100 - 100 * (double)v->run->published / (double)v->run->offered;
}

static const struct {
    const char *name, *unit, *reason;
    double (*value)(const struct view *v); /* NAN: does not apply */
    double threshold;
    double (*threshold_of)(const struct view *v); /* instead, if it depends */
} gates[] = {
    {"publisher lateness p99", " ms", "publishers were late", lateness, 0, lateness_most},
    {"network lateness p99", " ms", "newsnet was late", network_p99, 0, network_p99_most},
    {"network lateness most", " ms", "newsnet was late once", network_most, 20, NULL},
    {"hiccup", " ms", "the machine stood still", hiccup, 20, NULL},
    {"steal", " %", "the host took the processor away", steal, 1, NULL},
    {"run delay", " %", "processes waited for a processor", waited, 5, NULL},
    {"receive buffer errors", "", "the kernel dropped datagrams", receive_errors, 0, NULL},
    {"corrupt", "", "payloads were damaged", corrupt, 0, NULL},
    {"negative latencies", "", "clocks disagree", negative, 0, NULL},
    {"not noted", "", "arrivals were not noted", overflow, 0, NULL},
    {"not published", " %", "less was published than asked for", missing, 1, NULL},
};

static void fail(struct run *run, const char *reason, struct gate g, const char *unit)
{
    run->valid = false;
    if (run->reason_count == RUN_REASONS_MAX) return;
    (void)snprintf(run->reasons[run->reason_count++], sizeof *run->reasons,
                   "%s: %s %.3g%s, and %.3g%s is allowed", reason, g.name, g.value, unit,
                   g.threshold, unit);
}

void gates_apply(const struct cell *cell, struct run *run, const struct gate_facts *facts)
{
    const struct view v = {cell, run, facts};
    for (size_t i = 0; i < sizeof gates / sizeof *gates && run->gate_count < GATES_MAX; i++) {
        double value = gates[i].value(&v);
        if (isnan(value)) continue;
        struct gate *g = &run->gates[run->gate_count++];
        (void)snprintf(g->name, sizeof g->name, "%s", gates[i].name);
        g->value = value;
        g->threshold = gates[i].threshold_of ? gates[i].threshold_of(&v) : gates[i].threshold;
        g->passed = g->value <= g->threshold;
        if (!g->passed) fail(run, gates[i].reason, *g, gates[i].unit);
    }
}
