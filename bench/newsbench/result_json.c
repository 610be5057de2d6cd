/* Results as files: {"newsbench": 1, "plan": {...}, "cells": [...], "environment": [...],
 * "runs": [...]}. Numbers of a run are the rows of numbers[]; histograms are [[value, times], ...]
 * in ns. A file is checked whole before anything of it is believed: it may come from anywhere. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/newsbench/result.h"

#define VERSION         1
#define RUNS_MAX        100000
#define SUBSCRIBERS_MAX 10000
#define TIMES_MAX       ((json_int_t)1 << 48)

enum number_type { NUMBER_DOUBLE, NUMBER_COUNT, NUMBER_BOOL };

struct number {
    const char *name;
    size_t at;
    enum number_type type;
};

#define DOUBLE(field)                                                                              \
    {                                                                                              \
#field, offsetof(struct run, field), NUMBER_DOUBLE                                         \
    }
#define COUNT(field)                                                                               \
    {                                                                                              \
#field, offsetof(struct run, field), NUMBER_COUNT                                          \
    }
#define BOOL(field)                                                                                \
    {                                                                                              \
#field, offsetof(struct run, field), NUMBER_BOOL                                           \
    }
#define COST(who)                                                                                  \
    DOUBLE(who.user_s), DOUBLE(who.system_s), DOUBLE(who.switches_voluntary),                      \
        DOUBLE(who.switches_involuntary), DOUBLE(who.peak_bytes)

static const struct number numbers[] = {
    BOOL(skipped),
    BOOL(valid),
    BOOL(saturated),
    COUNT(offered),
    COUNT(published),
    COUNT(unsent),
    COUNT(expected),
    COUNT(counts.delivered),
    COUNT(counts.duplicates),
    COUNT(counts.reordered),
    COUNT(counts.lost),
    COUNT(counts.longest_gap),
    COUNT(corrupt),
    COUNT(announced),
    COUNT(silent),
    COST(publisher),
    COST(subscriber),
    COST(server),
    DOUBLE(softirq_s),
    DOUBLE(wire.packets),
    DOUBLE(wire.bytes),
    DOUBLE(wire.dropped),
    DOUBLE(wire.tcp_segments),
    DOUBLE(wire.tcp_bytes),
    DOUBLE(wire.tcp_retransmitted),
    DOUBLE(wire.udp_receive_errors),
    DOUBLE(payload_bytes),
    DOUBLE(topic_bytes),
    DOUBLE(recovery_ms),
};
#define NUMBERS (sizeof numbers / sizeof *numbers)

static const struct {
    const char *name;
    size_t at;
} histograms[] = {
    {"response", offsetof(struct run, response)},
    {"transport", offsetof(struct run, transport)},
    {"lateness", offsetof(struct run, lateness)},
    {"skew", offsetof(struct run, skew)},
};
#define HISTOGRAMS (sizeof histograms / sizeof *histograms)

static struct histogram **histogram_at(const struct run *r, size_t i)
{
    return (struct histogram **)((char *)(uintptr_t)r + histograms[i].at);
}

/* --- writing ----------------------------------------------------------------------------- */

static json_t *real(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *number_json(const struct run *r, const struct number *n)
{
    const void *field = (const char *)r + n->at;
    switch (n->type) {
    case NUMBER_DOUBLE: return real(*(const double *)field);
    case NUMBER_COUNT: return json_integer((json_int_t) * (const uint64_t *)field);
    case NUMBER_BOOL: return json_boolean(*(const bool *)field);
    }
    return NULL;
}

static json_t *histogram_json(const struct histogram *h)
{
    json_t *out = json_array();
    int64_t value;
    uint64_t times;
    for (unsigned at = 0; histogram_next(h, &at, &value, &times);)
        json_array_append_new(out, json_pack("[I,I]", (json_int_t)value, (json_int_t)times));
    /* The extremes are exact; their buckets' middles are not. */
    return json_pack("{s:I,s:I,s:o}", "least", (json_int_t)histogram_least(h), "most",
                     (json_int_t)histogram_most(h), "buckets", out);
}

static json_t *subscriber_json(const struct subscriber_result *s)
{
    return json_pack("[I,I,I,I,I,I,I,I,I,I,b]", (json_int_t)s->counts.delivered,
                     (json_int_t)s->counts.duplicates, (json_int_t)s->counts.reordered,
                     (json_int_t)s->counts.lost, (json_int_t)s->counts.longest_gap,
                     (json_int_t)s->corrupt, (json_int_t)s->announced, (json_int_t)s->p50_ns,
                     (json_int_t)s->p99_ns, (json_int_t)s->most_ns, s->slow);
}

static json_t *lists_json(const struct run *r, json_t *out)
{
    json_t *reasons = json_array(), *gates = json_array(), *subscribers = json_array(),
           *seconds = json_array();
    for (unsigned i = 0; i < r->reason_count; i++)
        json_array_append_new(reasons, json_string(r->reasons[i]));
    for (size_t i = 0; i < r->gate_count; i++)
        json_array_append_new(gates,
                              json_pack("[s,o,o,b]", r->gates[i].name, real(r->gates[i].value),
                                        real(r->gates[i].threshold), r->gates[i].passed));
    for (size_t i = 0; i < r->subscriber_count; i++)
        json_array_append_new(subscribers, subscriber_json(&r->subscribers[i]));
    for (size_t i = 0; i < r->second_count; i++) {
        const struct second *s = &r->seconds[i];
        json_array_append_new(seconds,
                              json_pack("[o,o,o,o,o]", real(s->published), real(s->delivered),
                                        real(s->p50_ms), real(s->most_ms), real(s->retransmitted)));
    }
    json_object_set_new(out, "reasons", reasons);
    json_object_set_new(out, "gates", gates);
    json_object_set_new(out, "subscribers", subscribers);
    json_object_set_new(out, "timeline", seconds);
    return out;
}

static json_t *run_json(const struct run *r)
{
    json_t *out = json_pack("{s:I,s:I,s:I,s:s}", "cell", (json_int_t)r->cell, "block",
                            (json_int_t)r->block, "started_unix_ms", (json_int_t)r->started_unix_ms,
                            "note", r->note);
    for (size_t i = 0; i < NUMBERS; i++)
        json_object_set_new(out, numbers[i].name, number_json(r, &numbers[i]));
    for (size_t i = 0; i < HISTOGRAMS; i++)
        json_object_set_new(out, histograms[i].name, histogram_json(*histogram_at(r, i)));
    return lists_json(r, out);
}

static json_t *cell_json(const struct cell *c)
{
    json_t *out = json_pack("{s:s,s:s}", "carrier", c->carrier->name, "alias", c->alias);
    for (const struct factor *f = factors; f->name; f++) {
        char value[40];
        factor_print(f, c, value, sizeof value);
        json_object_set_new(out, f->name, json_string(value));
    }
    return out;
}

static json_t *result_json(const struct result *r)
{
    json_t *cells = json_array(), *runs = json_array();
    for (size_t i = 0; i < r->plan.cell_count; i++)
        json_array_append_new(cells, cell_json(&r->plan.cells[i]));
    for (size_t i = 0; i < r->run_count; i++)
        json_array_append_new(runs, run_json(&r->runs[i]));
    return json_pack("{s:i,s:{s:s,s:s,s:I,s:I},s:b,s:b,s:f,s:o,s:O*,s:o}", "newsbench", VERSION,
                     "plan", "name", r->plan.name, "source", r->plan.source, "blocks",
                     (json_int_t)r->plan.blocks, "seed", (json_int_t)r->plan.seed, "quick",
                     r->quick, "complete", r->complete, "seconds", r->seconds, "cells", cells,
                     "environment", r->environment, "runs", runs);
}

static bool write_whole(const json_t *json, const char *path, struct news_error *err)
{
    char temporary[4096];
    if (snprintf(temporary, sizeof temporary, "%s.part", path) >= (int)sizeof temporary)
        return news_fail(err, NEWS_ERR_IO, "%.100s...: too long a name", path);
    FILE *f = fopen(temporary, "we");
    if (!f) return news_fail(err, NEWS_ERR_IO, "%s: %s", temporary, strerror(errno));
    bool good = json_dumpf(json, f, JSON_COMPACT | JSON_REAL_PRECISION(10)) == 0;
    good = fputc('\n', f) != EOF && good;
    good = fflush(f) == 0 && fsync(fileno(f)) == 0 && good;
    good = fclose(f) == 0 && good;
    if (good && rename(temporary, path) == 0) return true;
    int why = errno;
    (void)unlink(temporary);
    return news_fail(err, NEWS_ERR_IO, "%s: %s", path, strerror(why));
}

bool result_save(const struct result *r, const char *path, struct news_error *err)
{
    json_t *json = result_json(r);
    if (!json) return news_fail(err, NEWS_ERR_MEMORY, "%s: out of memory", path);
    bool good = write_whole(json, path, err);
    json_decref(json);
    return good;
}

/* --- reading ----------------------------------------------------------------------------- */

/* Integers only, within a range: jansson takes what is larger than its type as an error. */
static bool get_count(const json_t *json, json_int_t most, json_int_t *out)
{
    *out = json_integer_value(json);
    return json_is_integer(json) && *out >= 0 && *out <= most;
}

static bool get_real(const json_t *json, double *out)
{
    *out = json_is_null(json) ? NAN : json_number_value(json);
    return json_is_null(json) || json_is_number(json);
}

static bool get_text(const json_t *json, char *out, size_t size)
{
    const char *text = json_string_value(json);
    if (!text || json_string_length(json) >= size) return false;
    for (const char *at = text; *at; at++) /* no controls, C1 in UTF-8 neither */
        if ((unsigned char)*at < ' ' || *at == 0x7f ||
            ((unsigned char)*at == 0xc2 && (unsigned char)at[1] < 0xa0))
            return false;
    (void)snprintf(out, size, "%s", json_string_value(json));
    return true;
}

static bool read_number(struct run *r, const struct number *n, const json_t *json)
{
    void *field = (char *)r + n->at;
    json_int_t count;
    switch (n->type) {
    case NUMBER_DOUBLE: return get_real(json, field);
    case NUMBER_COUNT:
        if (!get_count(json, TIMES_MAX, &count)) return false;
        *(uint64_t *)field = (uint64_t)count;
        return true;
    case NUMBER_BOOL: *(bool *)field = json_is_true(json); return json_is_boolean(json);
    }
    return false;
}

/* The exact extremes are put back by adding one value of the first and the last bucket as them. */
static bool read_histogram(struct histogram *h, const json_t *json)
{
    json_int_t least, most, value, times;
    const json_t *buckets = json_object_get(json, "buckets"), *bucket;
    size_t i, count = json_array_size(buckets);
    if (!json_is_array(buckets) ||
        !get_count(json_object_get(json, "least"), HISTOGRAM_MOST, &least) ||
        !get_count(json_object_get(json, "most"), HISTOGRAM_MOST, &most))
        return false;
    json_array_foreach(buckets, i, bucket)
    {
        if (!get_count(json_array_get(bucket, 0), HISTOGRAM_MOST, &value) ||
            !get_count(json_array_get(bucket, 1), TIMES_MAX, &times) || times == 0)
            return false;
        bool first = i == 0, last = i + 1 == count;
        if (last) histogram_add(h, most, 1);
        if (first && (times > 1 || !last)) histogram_add(h, least, 1);
        uint64_t exact = (uint64_t)last + (first && (times > 1 || !last));
        histogram_add(h,
                      value < least  ? least
                      : value > most ? most
                                     : value,
                      (uint64_t)times - exact);
    }
    return true;
}

static bool read_subscriber(struct subscriber_result *s, const json_t *json)
{
    uint64_t *counts[] = {&s->counts.delivered, &s->counts.duplicates,  &s->counts.reordered,
                          &s->counts.lost,      &s->counts.longest_gap, &s->corrupt,
                          &s->announced};
    int64_t *times[] = {&s->p50_ns, &s->p99_ns, &s->most_ns};
    json_int_t value;
    for (size_t i = 0; i < 10; i++) {
        if (!get_count(json_array_get(json, i), TIMES_MAX, &value)) return false;
        if (i < 7) *counts[i] = (uint64_t)value;
        else *times[i - 7] = value;
    }
    s->slow = json_is_true(json_array_get(json, 10));
    return json_array_size(json) == 11;
}

static bool read_subscribers(struct run *r, const json_t *json)
{
    size_t i, count = json_array_size(json);
    const json_t *one;
    if (!json_is_array(json) || count > SUBSCRIBERS_MAX) return false;
    r->subscribers = calloc(count + 1, sizeof *r->subscribers);
    if (!r->subscribers) return false;
    r->subscriber_count = count;
    json_array_foreach(json, i, one) if (!read_subscriber(&r->subscribers[i], one)) return false;
    return true;
}

static bool read_timeline(struct run *r, const json_t *json)
{
    size_t i, count = json_array_size(json);
    const json_t *one;
    if (!json_is_array(json) || count > RUN_SECONDS_MAX) return false;
    r->seconds = calloc(count + 1, sizeof *r->seconds);
    if (!r->seconds) return false;
    r->second_count = count;
    json_array_foreach(json, i, one)
    {
        struct second *s = &r->seconds[i];
        double *fields[] = {&s->published, &s->delivered, &s->p50_ms, &s->most_ms,
                            &s->retransmitted};
        for (size_t k = 0; k < sizeof fields / sizeof *fields; k++)
            if (!get_real(json_array_get(one, k), fields[k])) return false;
    }
    return true;
}

static bool read_reasons(struct run *r, const json_t *reasons, const json_t *gates)
{
    size_t i;
    const json_t *one;
    if (!json_is_array(reasons) || json_array_size(reasons) > RUN_REASONS_MAX) return false;
    if (!json_is_array(gates) || json_array_size(gates) > GATES_MAX) return false;
    json_array_foreach(reasons, i, one) if (!get_text(one, r->reasons[r->reason_count++],
                                                      sizeof *r->reasons)) return false;
    json_array_foreach(gates, i, one)
    {
        struct gate *g = &r->gates[r->gate_count++];
        if (!get_text(json_array_get(one, 0), g->name, sizeof g->name) ||
            !get_real(json_array_get(one, 1), &g->value) ||
            !get_real(json_array_get(one, 2), &g->threshold))
            return false;
        g->passed = json_is_true(json_array_get(one, 3));
    }
    return true;
}

static bool read_run(const struct result *result, struct run *r, const json_t *json)
{
    json_int_t cell, block, started;
    if (!get_count(json_object_get(json, "cell"), (json_int_t)result->plan.cell_count - 1, &cell) ||
        !get_count(json_object_get(json, "block"), (json_int_t)result->plan.blocks - 1, &block) ||
        !get_count(json_object_get(json, "started_unix_ms"), TIMES_MAX, &started) ||
        !get_text(json_object_get(json, "note"), r->note, sizeof r->note))
        return false;
    r->cell = (size_t)cell;
    r->block = (unsigned)block;
    r->started_unix_ms = started;
    for (size_t i = 0; i < NUMBERS; i++)
        if (!read_number(r, &numbers[i], json_object_get(json, numbers[i].name))) return false;
    for (size_t i = 0; i < HISTOGRAMS; i++)
        if (!read_histogram(*histogram_at(r, i), json_object_get(json, histograms[i].name)))
            return false;
    return read_reasons(r, json_object_get(json, "reasons"), json_object_get(json, "gates")) &&
           read_subscribers(r, json_object_get(json, "subscribers")) &&
           read_timeline(r, json_object_get(json, "timeline"));
}

static bool read_cell(const struct plan *p, struct cell *c, const json_t *json)
{
    const char *name = json_string_value(json_object_get(json, "carrier"));
    *c = p->base;
    c->carrier = name ? carrier_find(name) : NULL;
    if (!c->carrier || !get_text(json_object_get(json, "alias"), c->alias, sizeof c->alias))
        return false;
    for (const struct factor *f = factors; f->name; f++) {
        const json_t *value = json_object_get(json, f->name);
        if (!value) continue; /* written before there was such a factor */
        if (!json_is_string(value) || !factor_set(f, c, json_string_value(value), NULL))
            return false;
    }
    return true;
}

/* The plan's source gives its texts and what is varied; the cells are those that were run. */
static bool read_plan(struct result *r, const json_t *root, struct news_error *err)
{
    const json_t *plan = json_object_get(root, "plan"), *cells = json_object_get(root, "cells"),
                 *one;
    const char *source = json_string_value(json_object_get(plan, "source"));
    const char *name = json_string_value(json_object_get(plan, "name"));
    json_int_t blocks, seed;
    size_t i;
    if (!source || !name || !plan_parse(&r->plan, name, source, err)) return false;
    if (!get_count(json_object_get(plan, "blocks"), 1000, &blocks) || blocks == 0 ||
        !get_count(json_object_get(plan, "seed"), TIMES_MAX << 5, &seed))
        return false;
    r->plan.blocks = (unsigned)blocks;
    r->plan.seed = (uint64_t)seed;
    size_t count = json_array_size(cells);
    if (count == 0 || count > 10000) return false;
    struct cell *read = calloc(count, sizeof *read);
    if (!read) return false;
    free(r->plan.cells);
    r->plan.cells = read;
    r->plan.cell_count = count;
    json_array_foreach(cells, i, one) if (!read_cell(&r->plan, &read[i], one)) return false;
    return true;
}

static bool read_runs(struct result *r, const json_t *runs)
{
    size_t i;
    const json_t *one;
    if (!json_is_array(runs) || json_array_size(runs) > RUNS_MAX) return false;
    json_array_foreach(runs, i, one)
    {
        struct run *run = result_add(r);
        if (!run || !read_run(r, run, one)) return false;
    }
    return true;
}

static bool read_result(struct result *r, json_t *root, struct news_error *err)
{
    json_t *environment = json_object_get(root, "environment");
    if (!read_plan(r, root, err)) return false;
    r->quick = json_is_true(json_object_get(root, "quick"));
    r->complete = json_is_true(json_object_get(root, "complete"));
    if (!get_real(json_object_get(root, "seconds"), &r->seconds)) return false;
    if (environment && !json_is_array(environment)) return false;
    r->environment = json_incref(environment);
    return read_runs(r, json_object_get(root, "runs"));
}

bool result_load(struct result *r, const char *path, struct news_error *err)
{
    json_error_t why;
    struct news_error inner = {0};
    *r = (struct result){0};
    FILE *f = fopen(path, "re");
    if (!f) return news_fail(err, NEWS_ERR_IO, "%s: %s", path, strerror(errno));
    json_t *root = json_loadf(f, JSON_REJECT_DUPLICATES, &why);
    (void)fclose(f);
    if (!root) return news_fail(err, NEWS_ERR_DATA, "%s:%d: %s", path, why.line, why.text);
    json_int_t version = json_integer_value(json_object_get(root, "newsbench"));
    bool good = version == VERSION && read_result(r, root, &inner);
    json_decref(root);
    if (good) return true;
    result_deinit(r);
    if (version != VERSION)
        return news_fail(err, NEWS_ERR_DATA, "%s: not a result of newsbench, version %d", path,
                         VERSION);
    return news_fail(err, NEWS_ERR_DATA, "%s: damaged%s%.200s", path, *inner.message ? ": " : "",
                     inner.message);
}
