#include <math.h>

#include "bench/newsbench/result.h"

static const char *status_of(const struct run *r)
{
    return r->skipped ? "skipped" : r->valid ? "valid" : "invalid";
}

static void put_number(FILE *out, double value)
{
    if (isnan(value)) fputc(',', out);
    else fprintf(out, ",%.6g", value);
}

static void put_cell(const struct result *r, const struct run *run, FILE *out)
{
    const struct cell *c = &r->plan.cells[run->cell];
    fprintf(out, "%s,%u,%s", cell_name(c), run->block + 1, status_of(run));
    for (const struct factor *f = factors; f->name; f++) {
        char value[40];
        factor_print(f, c, value, sizeof value);
        fprintf(out, ",%s", value);
    }
}

static void put_head(FILE *out)
{
    fputs("carrier,block,status", out);
    for (const struct factor *f = factors; f->name; f++)
        fprintf(out, ",%s", f->name);
}

bool result_write_runs_csv(const struct result *r, FILE *out)
{
    put_head(out);
    fputs(",offered,published,unsent,expected", out);
    for (const struct figure *f = figures; f->name; f++)
        fprintf(out, ",%s", f->name);
    fputc('\n', out);
    for (size_t i = 0; i < r->run_count; i++) {
        const struct run *run = &r->runs[i];
        put_cell(r, run, out);
        fprintf(out, ",%llu,%llu,%llu,%llu", (unsigned long long)run->offered,
                (unsigned long long)run->published, (unsigned long long)run->unsent,
                (unsigned long long)run->expected);
        for (const struct figure *f = figures; f->name; f++)
            put_number(out, run->skipped ? NAN : f->of(run));
        fputc('\n', out);
    }
    return !ferror(out);
}

static void put_subscriber(size_t number, const struct subscriber_result *s, FILE *out)
{
    fprintf(out, ",%zu,%s,%llu,%llu,%llu,%llu,%llu,%llu,%llu,%.6f,%.6f,%.6f\n", number + 1,
            s->slow ? "slow" : "normal", (unsigned long long)s->counts.delivered,
            (unsigned long long)s->counts.lost, (unsigned long long)s->counts.duplicates,
            (unsigned long long)s->counts.reordered, (unsigned long long)s->counts.longest_gap,
            (unsigned long long)s->corrupt, (unsigned long long)s->announced,
            (double)s->p50_ns / 1e6, (double)s->p99_ns / 1e6, (double)s->most_ns / 1e6);
}

bool result_write_subscribers_csv(const struct result *r, FILE *out)
{
    put_head(out);
    fputs(
        ",subscriber,kind,delivered,lost,duplicates,reordered,longest_gap,corrupt,announced,p50_ms,"
        "p99_ms,max_ms\n",
        out);
    for (size_t i = 0; i < r->run_count; i++)
        for (size_t k = 0; k < r->runs[i].subscriber_count; k++) {
            put_cell(r, &r->runs[i], out);
            put_subscriber(k, &r->runs[i].subscribers[k], out);
        }
    return !ferror(out);
}
