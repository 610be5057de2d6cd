/* simulate - many simulated worlds, one for each seed; says what was checked, and which seed broke
 * what. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/simulator/world.h"

enum { JOBS_MAX = 64, SHOWN_MAX = 20, TWICE = 500, TEXT_SIZE = 440, STUCK_S = 30 };

struct options {
    uint64_t first, seeds;
    unsigned jobs;
    bool verbose, readable, single, keep_going;
    const char *scenario, *list; /* list: a file of seeds to begin with */
    int key_fd;
};

struct failure {
    uint64_t seed;
    char text[TEXT_SIZE];
};

struct outcome { /* of a worker, through a pipe */
    struct tally tally;
    unsigned shown;
    struct failure failures[SHOWN_MAX];
};

/* Keys come from a file that only its owner may read. */
static int make_keys(void)
{
    int fd = memfd_create("keys", MFD_CLOEXEC);
    if (fd < 0 || fchmod(fd, 0600) != 0) return -1;
    for (int id = 1; id <= 2; id++) {
        dprintf(fd, "%d ", id);
        for (int i = 0; i < 32; i++)
            dprintf(fd, "%02x", i * 7 + id);
        dprintf(fd, " publish=%s subscribe=#\n", id == 1 ? "#" : "news/#,other/#");
    }
    return fd;
}

static void add_tally(struct tally *to, const struct tally *from)
{
    uint64_t *sums = (uint64_t *)to;
    const uint64_t *more = (const uint64_t *)from;
    _Static_assert(sizeof(struct tally) % sizeof(uint64_t) == 0, "numbers alone");
    for (size_t i = 0; i < sizeof *to / sizeof *sums; i++)
        sums[i] += more[i];
}

static void note_failure(struct outcome *o, uint64_t seed, const char *text)
{
    if (o->shown == SHOWN_MAX) return;
    struct failure *f = &o->failures[o->shown++];
    f->seed = seed;
    snprintf(f->text, sizeof f->text, "%s", text);
}

/* A turn that never ends cannot be checked from within. */
static volatile uint64_t now_running;
static void stuck(int signal_number)
{
    (void)signal_number;
    fprintf(stderr, "seed %" PRIu64 ": I9: a call that does not return\n", now_running);
    _exit(1);
}

/* Now and then twice: nothing but the seed may decide. */
static void run_seed(const struct options *o, uint64_t seed, struct outcome *out)
{
    static struct world w;
    now_running = seed;
    alarm(STUCK_S);
    w = (struct world){.seed = seed, .verbose = o->verbose, .readable = o->readable};
    world_run(&w, o->scenario, o->key_fd);
    world_free(&w);
    if (!w.failed && !o->single && seed % TWICE == 0) {
        uint64_t digest = w.digest, events = w.tally.events;
        w = (struct world){.seed = seed, .readable = o->readable};
        world_run(&w, o->scenario, o->key_fd);
        world_free(&w);
        check(&w, ID_DETERMINED, w.digest == digest && w.tally.events == events,
              "%" PRIu64 " and %" PRIu64 " events", events, w.tally.events);
        w.tally.failures = w.failed;
    }
    add_tally(&out->tally, &w.tally);
    if (w.failed) note_failure(out, seed, w.failure);
}

/* The seeds in a file: numbers, one a line, '#' for the rest. */
static bool run_list(const struct options *o, struct outcome *out)
{
    FILE *f = fopen(o->list, "r");
    if (!f) {
        fprintf(stderr, "simulate: %s: %s\n", o->list, strerror(errno));
        return false;
    }
    char line[256];
    while (fgets(line, sizeof line, f)) {
        char *end;
        uint64_t seed = strtoull(line, &end, 10);
        if (end != line) run_seed(o, seed, out);
    }
    fclose(f);
    return true;
}

static int work(const struct options *o, unsigned job, int fd)
{
    static struct outcome out;
    if (o->list && job == 0 && !run_list(o, &out)) return 1;
    for (uint64_t i = job; i < o->seeds; i += o->jobs) {
        run_seed(o, o->first + i, &out);
        if (out.shown > 0 && !o->keep_going) break;
    }
    return write(fd, &out, sizeof out) == (ssize_t)sizeof out ? 0 : 1;
}

static bool read_all(int fd, void *out, size_t len)
{
    uint8_t *at = out;
    for (ssize_t n; len > 0; at += n, len -= (size_t)n)
        if ((n = read(fd, at, len)) <= 0) return false;
    return true;
}

/* False: a worker died; its seeds were not all run. */
static bool run_all(const struct options *o, struct outcome *sum)
{
    int fds[JOBS_MAX];
    bool ok = true;
    for (unsigned j = 0; j < o->jobs; j++) {
        int ends[2];
        if (pipe(ends) != 0) return false;
        pid_t pid = fork();
        if (pid < 0) return false;
        if (pid == 0) {
            close(ends[0]);
            exit(work(o, j, ends[1]));
        }
        close(ends[1]);
        fds[j] = ends[0];
    }
    for (unsigned j = 0; j < o->jobs; j++) {
        static struct outcome out;
        if (!read_all(fds[j], &out, sizeof out)) {
            fprintf(stderr, "simulate: a worker died\n");
            ok = false;
            continue;
        }
        add_tally(&sum->tally, &out.tally);
        for (unsigned i = 0; i < out.shown; i++)
            note_failure(sum, out.failures[i].seed, out.failures[i].text);
    }
    for (int status; wait(&status) > 0;)
        ok = ok && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    return ok;
}

static void print_summary(const struct tally *t, double seconds)
{
    printf("%" PRIu64 " seeds, %.1f virtual hours in %.1f s (%.0f seeds/s): %" PRIu64
           " datagrams, %" PRIu64 " MB of streams, %" PRIu64 " items handed over\n",
           t->seeds, (double)t->virtual_us / 3.6e9, seconds, (double)t->seeds / seconds,
           t->datagrams, t->stream_bytes >> 20, t->delivered);
    printf("%" PRIu64 " datagrams to groups, joined %" PRIu64 " times: %" PRIu64
           " bodies came by them, %" PRIu64 " did not at first\n",
           t->group_datagrams, t->group_joins, t->shared_heard, t->shared_missed);
    printf("\nfaults       applied\n");
    for (unsigned f = 0; f < FAULT_COUNT; f++)
        printf("%-10s %9" PRIu64 "\n", fault_names[f], t->faults[f]);
    printf("\n     checked  what has to hold\n");
    for (unsigned i = 0; i < INVARIANT_COUNT; i++)
        printf("%12" PRIu64 "  %s: %s\n", t->checks[i], invariants[i].name, invariants[i].says);
}

static void print_failures(const struct options *o, const struct outcome *out)
{
    for (unsigned i = 0; i < out->shown; i++)
        printf("seed %" PRIu64 ": %s\n", out->failures[i].seed, out->failures[i].text);
    if (out->shown > 0)
        printf("again: simulate%s%s --seed %" PRIu64 " --verbose\n",
               o->scenario ? " --scenario " : "", o->scenario ? o->scenario : "",
               out->failures[0].seed);
}

static void print_scenario(const char *name, const char *text)
{
    printf("  %-8s  %s\n", name, text);
}

static int usage(void)
{
    printf("simulate [--seeds N] [--first S] [--seed S] [--verbose] [--jobs N] [--scenario NAME]\n"
           "         [--list FILE] [--keep-going] [--readable]\nscenarios:\n");
    scenario_names(print_scenario);
    return 64;
}

static const struct option long_options[] = {
    {"seeds", required_argument, NULL, 'n'}, {"first", required_argument, NULL, 'f'},
    {"seed", required_argument, NULL, 's'},  {"verbose", no_argument, NULL, 'v'},
    {"jobs", required_argument, NULL, 'j'},  {"scenario", required_argument, NULL, 'c'},
    {"list", required_argument, NULL, 'l'},  {"keep-going", no_argument, NULL, 'k'},
    {"readable", no_argument, NULL, 'r'},    {NULL, 0, NULL, 0},
};

static bool parse(int argc, char **argv, struct options *o)
{
    int c;
    while ((c = getopt_long(argc, argv, "", long_options, NULL)) != -1)
        switch (c) {
        case 'n': o->seeds = strtoull(optarg, NULL, 10); break;
        case 'f': o->first = strtoull(optarg, NULL, 10); break;
        case 's':
            o->first = strtoull(optarg, NULL, 10);
            o->single = true;
            break;
        case 'v': o->verbose = true; break;
        case 'j': o->jobs = (unsigned)strtoul(optarg, NULL, 10); break;
        case 'c': o->scenario = optarg; break;
        case 'l': o->list = optarg; break;
        case 'r': o->readable = true; break;
        case 'k': o->keep_going = true; break;
        default: return false;
        }
    struct chance any = {0};
    struct scenario s;
    return optind == argc && o->jobs > 0 && o->jobs <= JOBS_MAX &&
           scenario_draw(&s, o->scenario, &any);
}

int main(int argc, char **argv)
{
    struct options o = {.seeds = 1000, .first = 1, .jobs = 2};
    if (!parse(argc, argv, &o)) return usage();
    o.key_fd = make_keys();
    if (o.key_fd < 0) {
        perror("simulate: keys");
        return 1;
    }
    signal(SIGALRM, stuck);
    static struct outcome out;
    struct timespec before, after;
    clock_gettime(CLOCK_MONOTONIC, &before);
    bool ok = true;
    if (o.single) {
        run_seed(&o, o.first, &out);
    } else {
        ok = run_all(&o, &out);
    }
    clock_gettime(CLOCK_MONOTONIC, &after);
    if (!o.single || out.shown == 0)
        print_summary(&out.tally, (double)(after.tv_sec - before.tv_sec) +
                                      (double)(after.tv_nsec - before.tv_nsec) / 1e9 + 1e-9);
    print_failures(&o, &out);
    return ok && out.shown == 0 ? 0 : 1;
}
