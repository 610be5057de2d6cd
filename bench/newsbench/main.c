/* newsbench - measures MQTT against NRP over TCP and UDP, for news. */
#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sysexits.h>
#include <unistd.h>

#include "bench/newsbench/cli.h"
#include "bench/newsbench/environment.h"
#include "bench/newsbench/experiment.h"
#include "bench/newsbench/export.h"
#include "bench/newsbench/report.h"
#include "common/log.h"

#define QUICK_BLOCKS  3
#define QUICK_SECONDS 1.5
#define QUICK_WARM_UP 0.5
#define SWEEP_FACTOR  1.3
#define SWEEP_STEPS   60

static volatile int interrupted;

static void on_signal(int signal)
{
    (void)signal;
    interrupted = 1;
}

static int refused(const struct news_error *err)
{
    log_error("%s", err->message);
    return news_exit_status(err->code);
}

static unsigned terminal_width(void)
{
    struct winsize w;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 0) return w.ws_col;
    return 100;
}

static bool wants_colour(void)
{
    const char *no = getenv("NO_COLOR");
    return isatty(STDOUT_FILENO) && !(no && *no);
}

/* --- plans ------------------------------------------------------------------------------- */

/* A name without a folder is one of ours, unless there is such a file. */
static void find_plan(const char *name, char *out, size_t size)
{
    (void)snprintf(out, size, "%s", name);
    if (strchr(name, '/') || access(name, F_OK) == 0) return;
    (void)snprintf(out, size, "%s/%s.plan", NEWSBENCH_PLANS_FOLDER, name);
}

static bool open_plan(struct plan *p, const char *name, const struct settings *s,
                      struct news_error *err)
{
    char path[4096];
    find_plan(name, path, sizeof path);
    if (!plan_load(p, path, err)) return false;
    if (s->quick) {
        p->blocks = QUICK_BLOCKS < p->blocks ? QUICK_BLOCKS : p->blocks;
        for (size_t i = 0; i < p->cell_count; i++)
            if (p->cells[i].fault == FAULT_NONE)
                p->cells[i].seconds = fmin(p->cells[i].seconds, QUICK_SECONDS);
    }
    if (s->blocks) p->blocks = (unsigned)s->blocks;
    if (s->seed) p->seed = (uint64_t)s->seed;
    return true;
}

static int list_plans(void)
{
    glob_t found;
    struct news_error err;
    if (glob(NEWSBENCH_PLANS_FOLDER "/*.plan", 0, NULL, &found) != 0) {
        log_error("%s: no plans", NEWSBENCH_PLANS_FOLDER);
        return EX_UNAVAILABLE;
    }
    for (size_t i = 0; i < found.gl_pathc; i++) {
        struct plan p;
        if (!plan_load(&p, found.gl_pathv[i], &err)) {
            log_error("%s", err.message);
            continue;
        }
        struct result r = {.plan = p};
        double minutes = experiment_estimate(&r) / 60;
        printf("%-14s %s (about %.0f min)\n", p.name, p.text.title[0], fmax(1, minutes));
        plan_deinit(&p);
    }
    globfree(&found);
    return program_flush_stdout(&err) ? EX_OK : refused(&err);
}

/* --- results ----------------------------------------------------------------------------- */

static bool is_strictly_good(const struct result *r)
{
    for (size_t i = 0; i < r->run_count; i++)
        if (!r->runs[i].skipped && (!r->runs[i].valid || r->runs[i].silent > 0)) return false;
    return r->complete;
}

static int show(const struct result *const *results, size_t count, const struct settings *s)
{
    const struct export_paths paths = {.html = s->html, .csv = s->csv, .hgrm = s->hgrm};
    struct news_error err;
    bool good = true;
    for (size_t i = 0; i < count; i++) {
        if (i > 0) putchar('\n');
        if (!report_terminal(results[i], stdout, terminal_width(), wants_colour())) {
            (void)news_fail(&err, NEWS_ERR_MEMORY, "out of memory");
            return refused(&err);
        }
        good = good && is_strictly_good(results[i]);
    }
    if (!export_results(results, count, &paths, &err) || !program_flush_stdout(&err))
        return refused(&err);
    return s->strict && !good ? EX_DATAERR : EX_OK;
}

/* --- commands ---------------------------------------------------------------------------- */

static struct engine_options engine_options(const struct settings *s)
{
    return (struct engine_options){.mosquitto = s->mosquitto,
                                   .newsrelay = s->newsrelay,
                                   .spin = s->spin,
                                   .warm_up_s = s->quick ? QUICK_WARM_UP : 0,
                                   .verbose = s->verbose,
                                   .interrupted = &interrupted};
}

static bool prepare(struct result *r, const char *plan, const char *output,
                    const struct settings *s, char **argv, const struct engine_options *o,
                    struct news_error *err)
{
    int argc = 0;
    while (argv[argc])
        argc++;
    if (s->resume && access(output, F_OK) == 0) return result_load(r, output, err);
    *r = (struct result){.quick = s->quick};
    if (!open_plan(&r->plan, plan, s, err)) return false;
    r->environment = environment_describe(argc, argv);
    json_t *fairness = engine_describe(o);
    if (r->environment && fairness && json_array_append_new(r->environment, fairness) == 0)
        return true;
    return news_fail(err, NEWS_ERR_MEMORY, "out of memory");
}

static int run_plan(const struct settings *s, const char *plan, char **argv)
{
    struct news_error err = {0};
    struct result r = {0};
    struct engine_options o = engine_options(s);
    char output[4096];
    const char *slash = strrchr(plan, '/');
    (void)snprintf(output, sizeof output, "%.*s.json", (int)strcspn(slash ? slash + 1 : plan, "."),
                   slash ? slash + 1 : plan);
    const struct experiment e = {.run = engine_run,
                                 .options = &o,
                                 .path = s->output ? s->output : output,
                                 .progress = isatty(STDERR_FILENO) ? stderr : NULL};
    int status = EX_OK;
    if (!prepare(&r, plan, e.path, s, argv, &o, &err) || !experiment_run(&e, &r, &err)) {
        status = refused(&err);
        if (r.run_count > 0) log_error("what was measured is in %s; --resume goes on", e.path);
    }
    if (status == EX_OK) status = show(&(const struct result *){&r}, 1, s);
    result_deinit(&r);
    return status;
}

static int report(const struct settings *s, char **paths, size_t count)
{
    struct result *results = calloc(count, sizeof *results);
    const struct result **shown = calloc(count, sizeof *shown);
    struct news_error err;
    bool good = results && shown;
    if (!good) (void)news_fail(&err, NEWS_ERR_MEMORY, "out of memory");
    for (size_t i = 0; good && i < count; i++) {
        good = result_load(&results[i], paths[i], &err);
        shown[i] = &results[i];
    }
    int status = good ? show(shown, count, s) : refused(&err);
    for (size_t i = 0; results && i < count; i++)
        result_deinit(&results[i]);
    free(shown);
    free(results);
    return status;
}

struct load { /* one step of a sweep */
    double delivered, p99;
};

static bool try_rate(struct cell *c, double rate, const struct engine_options *o, uint64_t seed,
                     struct load *out, struct news_error *err)
{
    struct result r = {0};
    struct run *run = result_add(&r);
    c->rate = rate;
    bool good = run && engine_run(c, seed, o, run, err);
    if (good && run->skipped) good = news_fail(err, NEWS_ERR_UNSUPPORTED, "%s", run->reasons[0]);
    if (good)
        *out = (struct load){figure_find("delivered")->of(run) * (double)run->published /
                                 fmax(1, (double)run->offered),
                             (double)histogram_percentile(run->response, 99) / 1e6};
    result_deinit(&r);
    return good;
}

/* Prints each step; the last that passed is the capacity. */
static bool sweep_cell(struct cell c, const struct settings *s, const struct engine_options *o,
                       uint64_t seed, struct news_error *err)
{
    double rate = c.rate, capacity = 0;
    for (int step = 0; step < SWEEP_STEPS; step++, rate *= SWEEP_FACTOR) {
        struct load l;
        if (!try_rate(&c, rate, o, seed, &l, err)) return false;
        bool passed = l.delivered >= 99 && l.p99 <= (double)s->slo_ms;
        printf("%-18s %10.0f items/s %8.2f %% delivered  p99 %8.2f ms  %s\n", cell_name(&c), rate,
               l.delivered, l.p99, passed ? "" : "too much");
        (void)fflush(stdout);
        if (!passed) break;
        capacity = rate;
    }
    printf("%-18s %10.0f items/s is its capacity here\n", cell_name(&c), capacity);
    return true;
}

static int sweep(const struct settings *s, const char *name)
{
    struct plan p;
    struct news_error err = {0};
    struct engine_options o = engine_options(s);
    int status = EX_OK;
    if (!open_plan(&p, name, s, &err)) return refused(&err);
    for (size_t i = 0; i < p.cell_count && !interrupted; i++) {
        char conditions[200];
        cell_describe(&p, &p.cells[i], conditions, sizeof conditions);
        if (*conditions) continue; /* the base alone, once for each carrier */
        if (!sweep_cell(p.cells[i], s, &o, p.seed, &err)) {
            if (err.code != NEWS_ERR_UNSUPPORTED) {
                status = refused(&err);
                break;
            }
            printf("%-18s skipped: %s\n", cell_name(&p.cells[i]), err.message);
        }
    }
    plan_deinit(&p);
    return status;
}

static const struct command {
    const char *name;
    unsigned id;
    int least, most; /* operands */
    const char *operands;
} commands[] = {{"run", NEWSBENCH_RUN, 1, 1, "PLAN"},
                {"sweep", NEWSBENCH_SWEEP, 1, 1, "PLAN"},
                {"report", NEWSBENCH_REPORT, 1, INT_MAX, "RESULT"},
                {"plans", NEWSBENCH_PLANS, 0, 0, NULL}};

static const struct command *find_command(const char *name, struct news_error *err)
{
    if (!name) {
        (void)news_fail(err, NEWS_ERR_USAGE, "a command is missing; try --help");
        return NULL;
    }
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(name, commands[i].name) == 0) return &commands[i];
    (void)news_fail(err, NEWS_ERR_USAGE, "no command '%s'; try --help", name);
    return NULL;
}

static bool check_operands(const struct command *c, char **operands, int count,
                           struct news_error *err)
{
    if (count < c->least)
        return news_fail(err, NEWS_ERR_USAGE, "%s: %s is missing; try --help", c->name,
                         c->operands);
    if (count > c->most)
        return news_fail(err, NEWS_ERR_USAGE, "%s: nothing is done with '%s'; try --help", c->name,
                         operands[c->most]);
    return true;
}

static int run(const struct settings *s, const struct options *o, char **argv, int count)
{
    struct news_error err = {0};
    const struct command *c = find_command(count > 0 ? argv[0] : NULL, &err);
    if (!c || !options_check_command(o, c->id, c->name, &err) ||
        !check_operands(c, argv + 1, count - 1, &err))
        return refused(&err);
    switch (c->id) {
    case NEWSBENCH_RUN: return run_plan(s, argv[1], argv);
    case NEWSBENCH_SWEEP: return sweep(s, argv[1]);
    case NEWSBENCH_REPORT: return report(s, argv + 1, (size_t)count - 1);
    default: return list_plans();
    }
}

int main(int argc, char **argv)
{
    struct settings settings = {0};
    struct options o;
    int operands;
    int status = program_start(&newsbench, &o, &settings, argc, argv, &operands);
    if (status < 0) {
        log_init(newsbench.name, settings.verbose);
        const struct sigaction interrupt = {.sa_handler = on_signal};
        (void)sigaction(SIGINT, &interrupt, NULL);
        (void)sigaction(SIGTERM, &interrupt, NULL);
        status = run(&settings, &o, argv, operands);
    }
    options_deinit(&o);
    return status;
}
