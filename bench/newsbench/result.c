#include "bench/newsbench/result.h"

#include <math.h>
#include <stdlib.h>

static void run_deinit(struct run *r)
{
    histogram_free(r->response);
    histogram_free(r->transport);
    histogram_free(r->lateness);
    histogram_free(r->skew);
    free(r->subscribers);
    free(r->seconds);
}

static bool run_init(struct run *r)
{
    static const struct process_cost unknown_cost = {NAN, NAN, NAN, NAN, NAN};
    static const struct wire_counts unknown_wire = {NAN, NAN, NAN, NAN, NAN, NAN, NAN};
    *r = (struct run){.response = histogram_new(),
                      .transport = histogram_new(),
                      .lateness = histogram_new(),
                      .skew = histogram_new(),
                      .publisher = unknown_cost,
                      .subscriber = unknown_cost,
                      .server = unknown_cost,
                      .wire = unknown_wire,
                      .softirq_s = NAN,
                      .payload_bytes = NAN,
                      .topic_bytes = NAN,
                      .recovery_ms = NAN};
    if (r->response && r->transport && r->lateness && r->skew) return true;
    run_deinit(r);
    return false;
}

struct run *result_add(struct result *r)
{
    struct run *more = realloc(r->runs, (r->run_count + 1) * sizeof *more);
    if (!more) return NULL;
    r->runs = more;
    return run_init(&more[r->run_count]) ? &more[r->run_count++] : NULL;
}

void result_drop_last(struct result *r)
{
    run_deinit(&r->runs[--r->run_count]);
}

void result_deinit(struct result *r)
{
    for (size_t i = 0; i < r->run_count; i++)
        run_deinit(&r->runs[i]);
    free(r->runs);
    json_decref(r->environment);
    plan_deinit(&r->plan);
    *r = (struct result){0};
}
