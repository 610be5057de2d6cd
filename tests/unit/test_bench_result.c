/* Results: what is written is read again, and what is damaged is refused. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bench/newsbench/experiment.h"
#include "bench/newsbench/gates.h"
#include "bench/newsbench/report.h"
#include "common/buf.h"
#include "tests/support/tmpdir.h"

static const char plan_text[] = "title = A test\nblocks = 8\nseed = 3\n[base]\n"
                                "carriers = mqtt-q1 nrp-tcp-q1 nrp-tcp-q0\nrate = 100\n"
                                "[vary]\nloss = 0% 10%\n";

/* --- an engine that invents ---------------------------------------------------------------- */

static unsigned calls, fails_at; /* 0: never */

/* mqtt takes 20 ms, nrp 10; all with some noise of the block. */
static bool invent(const struct cell *cell, uint64_t seed, const struct engine_options *o,
                   struct run *run, struct news_error *err)
{
    (void)o;
    if (++calls == fails_at) return news_fail(err, NEWS_ERR_IO, "the server died");
    double base = cell->carrier->server == SERVER_MOSQUITTO ? 20 : 10;
    double noise = 1 + 0.01 * (double)(seed % 7) + 0.003 * (double)(calls % 5);
    for (int i = 0; i < 2000; i++)
        histogram_add(run->response, (int64_t)(base * noise * 1e6 * (1 + i / 2000.0)), 1);
    histogram_add(run->lateness, 1000, 500);
    run->valid = true;
    run->offered = run->published = 200;
    run->expected = 2000;
    run->counts.delivered = 2000;
    run->publisher.user_s = run->publisher.system_s = 0.01;
    run->subscriber.user_s = run->subscriber.system_s = 0.02;
    run->server.user_s = run->server.system_s = 0.03 * base / 10;
    run->subscribers = calloc(1, sizeof *run->subscribers);
    run->subscriber_count = 1;
    run->subscribers[0].counts.delivered = 2000;
    run->seconds = calloc(1, sizeof *run->seconds);
    run->second_count = 1;
    run->seconds[0] = (struct second){200, 2000, 10, NAN, 0};
    (void)snprintf(run->note, sizeof run->note, "a note");
    return true;
}

static void make(struct result *r, const char *path)
{
    struct news_error err = {0};
    const struct experiment e = {.run = invent, .path = path};
    *r = (struct result){0};
    calls = fails_at = 0;
    assert_true(plan_parse(&r->plan, "test", plan_text, &err));
    if (!experiment_run(&e, r, &err)) fail_msg("%s", err.message);
}

static char *printed(const struct result *r, unsigned width)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    assert_true(report_terminal(r, out, width, false));
    (void)fclose(out);
    return text;
}

/* --- tests --------------------------------------------------------------------------------- */

static void every_cell_is_run_once_in_every_block(void **state)
{
    (void)state;
    struct result r;
    unsigned times[6][8] = {0};
    make(&r, NULL);
    assert_int_equal(r.run_count, 6 * 8);
    assert_true(r.complete);
    for (size_t i = 0; i < r.run_count; i++)
        times[r.runs[i].cell][r.runs[i].block]++;
    for (size_t c = 0; c < 6; c++)
        for (size_t b = 0; b < 8; b++)
            assert_int_equal(times[c][b], 1);
    result_deinit(&r);
}

static void what_was_measured_survives_a_failure_and_is_not_measured_again(void **state)
{
    (void)state;
    struct tmpdir dir;
    struct result r = {0};
    struct news_error err = {0};
    char path[200];
    assert_true(tmpdir_make(&dir));
    (void)snprintf(path, sizeof path, "%s/r.json", dir.path);
    const struct experiment e = {.run = invent, .path = path};
    assert_true(plan_parse(&r.plan, "test", plan_text, &err));
    calls = 0;
    fails_at = 20;
    assert_false(experiment_run(&e, &r, &err));
    assert_string_equal(err.message, "the server died");
    result_deinit(&r);
    assert_true(result_load(&r, path, &err));
    assert_int_equal(r.run_count, 19);
    assert_false(r.complete);
    fails_at = 0;
    calls = 0;
    assert_true(experiment_run(&e, &r, &err));
    assert_int_equal(calls, 48 - 19);
    assert_int_equal(r.run_count, 48);
    result_deinit(&r);
    tmpdir_remove(&dir);
}

static void a_result_comes_back_from_its_file_as_it_was(void **state)
{
    (void)state;
    struct tmpdir dir;
    struct result a, b;
    struct news_error err = {0};
    char path[200];
    assert_true(tmpdir_make(&dir));
    (void)snprintf(path, sizeof path, "%s/r.json", dir.path);
    make(&a, path);
    if (!result_load(&b, path, &err)) fail_msg("%s", err.message);
    assert_int_equal(b.run_count, a.run_count);
    assert_int_equal(b.plan.cell_count, a.plan.cell_count);
    assert_string_equal(b.plan.text.title[0], "A test");
    for (size_t i = 0; i < a.run_count; i++) {
        const struct run *x = &a.runs[i], *y = &b.runs[i];
        assert_string_equal(x->note, y->note);
        assert_int_equal(x->cell, y->cell);
        for (const struct figure *f = figures; f->name; f++) {
            double u = f->of(x), v = f->of(y);
            if (isnan(u) != isnan(v) || fabs(u - v) > 1e-9 * fabs(u))
                fail_msg("run %zu, %s: %g was %g", i, f->name, v, u);
        }
        assert_true(isnan(y->seconds[0].most_ms));
    }
    char *one = printed(&a, 100), *other = printed(&b, 100);
    assert_string_equal(one, other);
    free(one);
    free(other);
    result_deinit(&a);
    result_deinit(&b);
    tmpdir_remove(&dir);
}

static void write_bytes(const char *path, const char *bytes, size_t len)
{
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

/* Cut off anywhere, or with a byte changed: refused with a reason, or read; never anything else. */
static void damaged_files_are_refused(void **state)
{
    (void)state;
    struct tmpdir dir;
    struct result r;
    char path[200], damaged[200];
    struct buf text = {0};
    uint64_t random = 5;
    assert_true(tmpdir_make(&dir));
    (void)snprintf(path, sizeof path, "%s/r.json", dir.path);
    (void)snprintf(damaged, sizeof damaged, "%s/d.json", dir.path);
    make(&r, NULL);
    r.run_count = 2; /* small enough to be damaged often */
    assert_true(result_save(&r, path, NULL));
    r.run_count = 48;
    result_deinit(&r);
    FILE *f = fopen(path, "re");
    char *room = buf_reserve(&text, 1 << 20);
    text.len = fread(room, 1, 1 << 20, f);
    (void)fclose(f);
    unsigned refusals = 0;
    for (int i = 0; i < 300; i++) {
        struct news_error err = {0};
        random = random * 6364136223846793005u + 1442695040888963407u;
        size_t at = (size_t)(random >> 20) % text.len;
        char was = text.data[at];
        if (i % 3) text.data[at] = (char)(i % 2 ? random >> 56 : '9');
        write_bytes(damaged, text.data, i % 3 ? text.len : at);
        text.data[at] = was;
        bool good = result_load(&r, damaged, &err);
        if (good) result_deinit(&r);
        else assert_true(*err.message);
        refusals += !good;
    }
    assert_in_range(refusals, 100, 299);
    buf_deinit(&text);
    tmpdir_remove(&dir);
}

static void percentiles_need_enough_items(void **state)
{
    (void)state;
    struct result r = {0};
    struct run *run = result_add(&r);
    histogram_add(run->response, 1000000, 999);
    assert_true(isnan(figure_find("p99")->of(run)));
    histogram_add(run->response, 1000000, 1);
    assert_true(fabs(figure_find("p99")->of(run) - 1) < 0.001);
    assert_true(isnan(figure_find("wire_bytes")->of(run)));
    result_deinit(&r);
}

struct pairs {
    const struct result *r;
    size_t lower, crossing;
};

static void look_at_pair(void *user, const struct result_pair *pair)
{
    struct pairs *p = user;
    const struct cell *a = &p->r->plan.cells[pair->a], *b = &p->r->plan.cells[pair->b];
    p->crossing += a->carrier->guarantee != b->carrier->guarantee || a->loss != b->loss;
    p->lower += pair->comparison.verdict == VERDICT_HIGHER; /* mqtt is named first */
}

static void only_like_is_compared_with_like(void **state)
{
    (void)state;
    struct result r;
    make(&r, NULL);
    struct pairs p = {.r = &r};
    /* mqtt-q1 with nrp-tcp-q1, with and without loss: p50, p99, CPU */
    assert_int_equal(result_compare(&r, look_at_pair, &p), 2 * 3);
    assert_int_equal(p.crossing, 0);
    assert_int_equal(p.lower, 2 * 3);
    result_deinit(&r);
}

static void a_report_says_what_differs_and_what_was_left_out(void **state)
{
    (void)state;
    struct result r;
    make(&r, NULL);
    struct run *run = &r.runs[0];
    run->valid = false;
    run->reason_count = 1;
    (void)snprintf(run->reasons[0], sizeof run->reasons[0], "the machine stood \033[31mstill");
    char *text = printed(&r, 79);
    assert_non_null(strstr(text, "p99 latency: mqtt-q1 higher than nrp-tcp-q1 ("));
    assert_non_null(strstr(text, "at least once: loss=10%"));
    assert_non_null(strstr(text, "invalid  block 1, "));
    assert_non_null(strstr(text, "7/8"));
    assert_null(strchr(text, '\033'));
    free(text);
    for (size_t i = 0; i < 20; i++)
        r.runs[i].valid = false;
    text = printed(&r, 79);
    assert_int_equal(strncmp(text, "This machine is too noisy", 25), 0);
    free(text);
    result_deinit(&r);
}

static void gates_keep_noise_out_of_verdicts(void **state)
{
    (void)state;
    const struct cell cell = {
        .carrier = carrier_find("nrp-udp-q1"), .publishers = 1, .subscribers = 10, .rate = 100};
    struct result r = {0};
    struct gate_facts facts = {.hiccup_ms = 3, .steal_share = 0.001};
    struct run *run = result_add(&r);
    histogram_add(run->lateness, 300000, 1000);
    run->valid = true;
    run->offered = run->published = 1000;
    run->wire.udp_receive_errors = 0;
    gates_apply(&cell, run, &facts);
    assert_true(run->valid);
    assert_true(run->gate_count >= 7);
    assert_int_equal(run->reason_count, 0);
    run->gate_count = 0;
    facts.hiccup_ms = 40;
    run->published = 900;
    gates_apply(&cell, run, &facts);
    assert_false(run->valid);
    assert_int_equal(run->reason_count, 2);
    assert_string_equal(run->reasons[0],
                        "the machine stood still: hiccup 40 ms, and 20 ms is allowed");
    result_deinit(&r);
}

static void tables_have_a_row_for_each_run(void **state)
{
    (void)state;
    struct result r;
    char *text = NULL;
    size_t len = 0, lines = 0, commas = 0;
    make(&r, NULL);
    FILE *out = open_memstream(&text, &len);
    assert_true(result_write_runs_csv(&r, out));
    (void)fclose(out);
    for (size_t i = 0; i < strcspn(text, "\n"); i++)
        commas += text[i] == ',';
    for (const char *at = text; *at; at += strcspn(at, "\n") + 1, lines++) {
        size_t here = 0;
        for (size_t i = 0; i < strcspn(at, "\n"); i++)
            here += at[i] == ',';
        assert_int_equal(here, commas);
    }
    assert_int_equal(lines, 1 + 48);
    free(text);
    result_deinit(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cell_is_run_once_in_every_block),
        cmocka_unit_test(what_was_measured_survives_a_failure_and_is_not_measured_again),
        cmocka_unit_test(a_result_comes_back_from_its_file_as_it_was),
        cmocka_unit_test(damaged_files_are_refused),
        cmocka_unit_test(percentiles_need_enough_items),
        cmocka_unit_test(only_like_is_compared_with_like),
        cmocka_unit_test(a_report_says_what_differs_and_what_was_left_out),
        cmocka_unit_test(gates_keep_noise_out_of_verdicts),
        cmocka_unit_test(tables_have_a_row_for_each_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
