#include "tests/faults/cast.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/date.h"
#include "tests/support/program.h"
#include "tests/support/wait.h"

enum {
    ARGV_MAX = 40,
    REPORT_MAX = 64,
    STEP_MS = 5,
    LAST_WORDS = 900,
    RESTARTS_MAX = 200,
    WARM_UP = 10
};

/* Exit statuses of docs and README, by sysexits(3). */
enum { WAITS_IN_JOURNAL = 75, ON_SIGTERM = 143 };

/* --- the stage ------------------------------------------------------------------------------- */

static uint64_t number_of(const char *name, uint64_t fallback)
{
    const char *text = getenv(name);
    return text && *text ? strtoull(text, NULL, 10) : fallback;
}

unsigned cast_rounds(unsigned by_default)
{
    return by_default * (unsigned)number_of("NEWS_FAULT_ROUNDS", 1);
}

/* xorshift64*: enough to spread moments. */
unsigned cast_random(struct cast *c, unsigned below)
{
    c->random ^= c->random >> 12;
    c->random ^= c->random << 25;
    c->random ^= c->random >> 27;
    return (unsigned)((c->random * 2685821657736338717u >> 33) % below);
}

void cast_random_moment(struct cast *c, unsigned most_ms)
{
    (void)poll(NULL, 0, (int)cast_random(c, most_ms + 1));
}

void cast_path(struct cast *c, char out[CAST_PATH], const char *name, const char *ending)
{
    int n = snprintf(out, CAST_PATH, "%s/%s%s", c->dir.path, name, ending);
    assert_true(n > 0 && n < CAST_PATH);
}

int cast_setup(void **state)
{
    const void *row = *state;
    struct cast *c = calloc(1, sizeof *c);
    *state = c;
    if (c) c->row = row;
    if (!c || !tmpdir_make(&c->dir)) return -1;
    uint64_t seed = number_of("NEWS_FAULT_SEED", (uint64_t)date_now_ms() % 1000000);
    print_message("NEWS_FAULT_SEED=%llu\n", (unsigned long long)seed);
    c->random = seed * 2 + 1; /* never 0 */
    for (int i = 0; i < 8; i++)
        (void)cast_random(c, 2);
    return 0;
}

int cast_teardown(void **state)
{
    struct cast *c = *state;
    if (!c) return 0;
    struct player *players[] = {&c->publisher.daemon, &c->publisher.send, &c->rival.daemon,
                                &c->rival.send, &c->subscriber.player};
    for (size_t i = 0; i < sizeof players / sizeof *players; i++)
        process_free(players[i]->process);
    for (size_t i = 0; i < c->crowd_count; i++)
        process_free(c->crowd[i].player.process);
    free(c->crowd);
    proxy_free(c->publisher_leg);
    proxy_free(c->subscriber_leg);
    broker_free(c->broker);
    ledger_deinit(&c->ledger);
    if (*c->mount) (void)umount2(c->mount, MNT_DETACH);
    if (!getenv("NEWS_FAULT_KEEP")) tmpdir_remove(&c->dir);
    else print_message("kept: %s\n", c->dir.path);
    free(c);
    *state = NULL;
    return 0;
}

void cast_prepare(struct cast *c, unsigned items)
{
    const char *missing = broker_missing(BROKER_MOSQUITTO);
    if (missing) skip_because(missing);
    c->broker = broker_new(BROKER_MOSQUITTO);
    assert_non_null(c->broker);
    assert_true(ledger_init(&c->ledger, items + WARM_UP));
    c->publisher = cast_publisher(c, "wire", "wire");
    c->subscriber = cast_subscriber(c, "sub");
    c->in_order = true;
}

void cast_start(struct cast *c)
{
    assert_true(broker_start(c->broker));
}

void cast_put_proxies(struct cast *c)
{
    c->publisher_leg = proxy_new(broker_port(c->broker));
    c->subscriber_leg = proxy_new(broker_port(c->broker));
    assert_true(c->publisher_leg && c->subscriber_leg);
    c->publisher.url = proxy_url(c->publisher_leg);
    c->subscriber.url = proxy_url(c->subscriber_leg);
}

bool cast_mount(struct cast *c, const char *size)
{
    char options[32], path[CAST_PATH];
    cast_path(c, path, "disk", "");
    snprintf(options, sizeof options, "size=%s,mode=0700", size);
    if (mkdir(path, 0700) != 0 || mount("none", path, "tmpfs", 0, options) != 0) return false;
    memcpy(c->mount, path, sizeof path);
    return true;
}

static void print_end_of(const struct player *p)
{
    char text[LAST_WORDS + 1];
    FILE *log = *p->log ? fopen(p->log, "r") : NULL;
    if (!log) return;
    (void)fseek(log, 0, SEEK_END);
    long size = ftell(log);
    (void)fseek(log, size > LAST_WORDS ? size - LAST_WORDS : 0, SEEK_SET);
    size_t n = fread(text, 1, LAST_WORDS, log);
    text[n] = '\0';
    fclose(log);
    if (n > 0) print_error("--- %s (start %u):\n%s\n", p->what, p->starts, text);
}

void cast_fail(struct cast *c, const char *format, ...)
{
    char why[1000];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(why, sizeof why, format, args);
    va_end(args);
    print_end_of(&c->publisher.daemon);
    print_end_of(&c->publisher.send);
    print_end_of(&c->subscriber.player);
    fail_msg("%s", why);
    abort(); /* not reached: cmocka jumps */
}

/* --- players --------------------------------------------------------------------------------- */

/* Both outputs are appended to, over all the lives: the shell opens them so, and is gone then. */
static const char append_outputs[] = "exec \"$@\" >>\"$FAULT_OUT\" 2>>\"$FAULT_LOG\"";

void player_start(struct cast *c, struct player *p, const char *const *argv, const char *out)
{
    const char *whole[ARGV_MAX] = {"/bin/sh", "-c", append_outputs, "sh"};
    char home[CAST_PATH], file[CAST_PATH + 16], log[CAST_PATH + 16];
    size_t n = 4;
    for (const char *const *word = p->under; *word; word++)
        whole[n++] = *word;
    while (*argv && n < ARGV_MAX - 1)
        whole[n++] = *argv++;
    snprintf(home, sizeof home, "HOME=%s", c->dir.path);
    snprintf(file, sizeof file, "FAULT_OUT=%s", out ? out : "/dev/null");
    snprintf(log, sizeof log, "FAULT_LOG=%s", p->log);
    const char *environment[] = {home,
                                 file,
                                 log,
                                 "NEWSWIRE_BROKER=",
                                 "XDG_CONFIG_HOME=",
                                 "XDG_STATE_HOME=",
                                 "TZ=UTC0",
                                 *p->under ? "ASAN_OPTIONS=detect_leaks=0" : NULL,
                                 NULL};
    process_free(p->process);
    p->process = process_start(
        &(struct process_options){.argv = whole, .environment = environment});
    if (!p->process) cast_fail(c, "%s does not start", p->what);
    p->starts++;
}

bool player_is_over(struct player *p)
{
    return !p->process || !process_is_running(p->process);
}

static void forget(struct player *p)
{
    process_free(p->process);
    p->process = NULL;
}

void player_kill(struct cast *c, struct player *p)
{
    if (!player_is_over(p)) c->kills++;
    forget(p); /* SIGKILL */
}

/* strace keeps signals to itself: what it runs is its only child. */
static pid_t traced(pid_t strace)
{
    char path[64];
    int child = 0;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)strace, (int)strace);
    FILE *children = fopen(path, "r");
    if (children && fscanf(children, "%d", &child) != 1) child = 0;
    if (children) fclose(children);
    return child;
}

void player_signal(struct player *p, int number)
{
    pid_t child = *p->under ? traced(process_pid(p->process)) : 0;
    if (child > 0) (void)kill(child, number);
    else process_signal(p->process, number);
}

int player_wait(struct cast *c, struct player *p)
{
    int status = process_wait(p->process, CAST_WAIT);
    if (status == PROCESS_TIMEOUT) cast_fail(c, "%s does not end", p->what);
    forget(p);
    return status;
}

int player_end(struct cast *c, struct player *p)
{
    player_signal(p, SIGTERM);
    return player_wait(c, p);
}

unsigned player_said(const struct player *p, const char *text)
{
    unsigned count = 0;
    char *line = NULL;
    size_t size = 0;
    FILE *log = fopen(p->log, "r");
    while (log && getline(&line, &size, log) > 0)
        count += strstr(line, text) != NULL;
    free(line);
    if (log) fclose(log);
    return count;
}

/* Starts it and, if text is given, waits until it has said that once more. */
struct saying {
    const struct player *player;
    const char *text;
    unsigned times;
};

static bool is_said(void *user)
{
    const struct saying *s = user;
    return player_said(s->player, s->text) >= s->times;
}

static void start_and_hear(struct cast *c, struct player *p, const char *const *argv,
                           const char *out, const char *text)
{
    struct saying s = {p, text, text ? player_said(p, text) + 1 : 0};
    player_start(c, p, argv, out);
    if (text) cast_wait(c, is_said, &s, text);
}

void broker_crash(struct cast *c)
{
    broker_kill(c->broker);
    c->kills++;
    if (!broker_start(c->broker)) cast_fail(c, "the broker does not start again");
}

/* ---- the publisher ---- */

static void write_file(const char *path, const struct buf *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fwrite(text->data, 1, text->len, file) == text->len);
    assert_int_equal(fclose(file), 0);
}

struct publisher cast_publisher(struct cast *c, const char *name, const char *file)
{
    struct publisher p = {.name = name,
                          .patience = "10s",
                          .url = broker_url(c->broker),
                          .daemon = {.what = "newspub run"},
                          .send = {.what = "newspub send"}};
    char journal[CAST_PATH];
    cast_path(c, journal, file, ".journal");
    cast_path(c, p.config, file, ".conf");
    cast_path(c, p.input, file, ".ndjson");
    cast_path(c, p.daemon.log, file, "-run.log");
    cast_path(c, p.send.log, file, "-send.log");
    cast_path(c, p.fifo, file, ".fifo");
    assert_int_equal(mkfifo(p.fifo, 0600), 0);
    publisher_use_journal(&p, journal);
    return p;
}

void publisher_use_journal(struct publisher *p, const char *path)
{
    struct buf text = {0};
    snprintf(p->journal, sizeof p->journal, "%s", path);
    buf_printf(&text, "publisher = %s\njournal = %s\n[wire]\nfifo = %s\n", p->name, p->journal,
               p->fifo);
    write_file(p->config, &text);
    buf_deinit(&text);
}

void publisher_stay(struct cast *c, struct publisher *p, bool wait)
{
    p->stays = true;
    start_and_hear(c, &p->daemon, ARGV(NEWSPUB_PATH, "-v", "-b", p->url, "run", "-c", p->config),
                   NULL, wait ? ": connected" : NULL);
}

void publisher_send_again(struct cast *c, struct publisher *p)
{
    player_start(c, &p->send,
                 ARGV(NEWSPUB_PATH, "-v", "-b", p->url, "send", "--journal", p->journal,
                      "--publisher", p->name, "--service", "wire", "--connect-timeout", p->patience,
                      p->input),
                 NULL);
    c->runs++;
}

unsigned publisher_send(struct cast *c, struct publisher *p, unsigned count)
{
    struct buf text = {0};
    unsigned first = ledger_feed(&c->ledger, count, &text);
    assert_true(first > 0 && buf_ok(&text));
    write_file(p->input, &text);
    buf_deinit(&text);
    publisher_send_again(c, p);
    return first;
}

int publisher_deliver(struct cast *c, struct publisher *p)
{
    player_start(c, &p->send,
                 ARGV(NEWSPUB_PATH, "-v", "-b", p->url, "send", "--journal", p->journal,
                      "--publisher", p->name),
                 NULL);
    c->runs++;
    return player_wait(c, &p->send);
}

static void keep_up(struct cast *c)
{
    struct publisher *p = &c->publisher;
    if (!p->stays || !player_is_over(&p->daemon)) return;
    if (p->daemon.starts > RESTARTS_MAX) cast_fail(c, "newspub run does not stay up");
    publisher_stay(c, p, false);
}

int publisher_settle(struct cast *c, struct publisher *p, unsigned first, unsigned count)
{
    int64_t deadline_ms = date_mono_ms() + CAST_WAIT;
    unsigned kept = 0;
    while (p->send.process && !player_is_over(&p->send) && date_mono_ms() < deadline_ms) {
        keep_up(c);
        (void)process_wait(p->send.process, STEP_MS);
    }
    int status = p->send.process ? player_wait(c, &p->send) : 128 + SIGKILL;
    bool promised = status == 0 || status == WAITS_IN_JOURNAL;
    bool readable = ledger_accept_journal(&c->ledger, p->journal, first, count, &kept);
    if (promised && !readable) cast_fail(c, "%s cannot be read", p->journal);
    if (promised && kept != count)
        cast_fail(c, "newspub send ended with %d, but of %u items %u are in the journal", status,
                  count, kept);
    if (promised) ledger_accept(&c->ledger, first, count);
    return status;
}

void publisher_bring(struct cast *c, struct publisher *p, unsigned count)
{
    unsigned first = publisher_send(c, p, count);
    int status = publisher_settle(c, p, first, count);
    if (status != 0) cast_fail(c, "newspub send ended with %d", status);
}

/* ---- the subscriber ---- */

struct subscriber cast_subscriber(struct cast *c, const char *file)
{
    struct subscriber s = {.url = broker_url(c->broker), .player = {.what = "newssub"}};
    cast_path(c, s.store, file, ".store");
    cast_path(c, s.shown, file, ".shown");
    cast_path(c, s.player.log, file, ".log");
    return s;
}

void subscriber_start(struct cast *c, struct subscriber *s, bool wait)
{
    start_and_hear(c, &s->player,
                   ARGV(NEWSSUB_PATH, "-v", "-b", s->url, "--store", s->store, "-o", "ndjson"),
                   s->shown, wait ? "subscribed to news/#" : NULL);
}

void subscriber_await(struct cast *c, const struct subscriber *s)
{
    struct saying subscribed = {&s->player, "subscribed to news/#", 1};
    cast_wait(c, is_said, &subscribed, "newssub subscribes");
}

void archive_start(struct cast *c)
{
    c->crowd = calloc(1, sizeof *c->crowd);
    assert_non_null(c->crowd);
    *c->crowd = cast_subscriber(c, "archive");
    c->crowd_count = 1;
    start_and_hear(
        c, &c->crowd->player,
        ARGV(NEWSSUB_PATH, "-v", "-b", c->crowd->url, "--archive", "--store", c->crowd->store),
        NULL, "subscribed to news/#");
}

void cast_warm_up(struct cast *c)
{
    subscriber_start(c, &c->subscriber, true);
    publisher_bring(c, &c->publisher, WARM_UP);
    cast_converge(c, &c->subscriber);
    c->runs = 0;
}

void subscriber_stop(struct cast *c, struct subscriber *s)
{
    int status = player_end(c, &s->player);
    if (status != 0 && status != ON_SIGTERM) cast_fail(c, "newssub ended with %d", status);
}

/* --- waiting and judging --------------------------------------------------------------------- */

void cast_wait(struct cast *c, bool (*condition)(void *user), void *user, const char *what)
{
    int64_t deadline_ms = date_mono_ms() + CAST_WAIT;
    while (!condition(user)) {
        if (date_mono_ms() >= deadline_ms) cast_fail(c, "in vain: %s", what);
        keep_up(c);
        (void)poll(NULL, 0, STEP_MS);
    }
}

struct goal {
    struct cast *cast;
    struct subscriber *subscriber;
    unsigned items;
};

static bool is_reached(void *user)
{
    const struct goal *g = user;
    if (player_is_over(&g->subscriber->player)) {
        player_wait(g->cast, &g->subscriber->player);
        cast_fail(g->cast, "newssub ended by itself");
    }
    return ledger_count_lines(g->subscriber->shown) >= g->items &&
           ledger_count_store(g->subscriber->store) >= g->items;
}

void cast_converge(struct cast *c, struct subscriber *s)
{
    struct goal g = {c, s, ledger_accepted(&c->ledger)};
    char what[128];
    int64_t start_ms = date_mono_ms(), deadline_ms = start_ms + CAST_WAIT;
    while (!is_reached(&g)) {
        if (date_mono_ms() >= deadline_ms) {
            snprintf(what, sizeof what, "%u accepted, %u stored, %u shown", g.items,
                     ledger_count_store(s->store), ledger_count_lines(s->shown));
            if (s != &c->subscriber) print_end_of(&s->player);
            cast_fail(c, "in vain: %s", what);
        }
        keep_up(c);
        (void)poll(NULL, 0, STEP_MS);
    }
    c->converge_ms = date_mono_ms() - start_ms;
}

static void check_store(struct cast *c, const struct subscriber *s)
{
    char said[600];
    struct process *check = NULL;
    int status = process_run(ARGV(NEWSSUB_PATH, "--check", "--store", s->store), NULL, CAST_WAIT,
                             &check);
    snprintf(said, sizeof said, "%.400s%.190s", process_output(check, NULL),
             process_errors(check, NULL));
    process_free(check);
    if (status != 0) cast_fail(c, "newssub --check ended with %d: %s", status, said);
}

void cast_judge(struct cast *c, struct subscriber *s)
{
    struct ledger *l = &c->ledger;
    if (!ledger_read_store(l, s->store)) cast_fail(c, "%s cannot be read", s->store);
    struct ledger stored = *l;
    if (!ledger_read_shown(l, s->shown)) cast_fail(c, "%s cannot be read", s->shown);
    struct ledger_verdict v = ledger_judge(l);
    if (v.lost || v.twice || stored.foreign || stored.wrong || stored.holes)
        cast_fail(c,
                  "store: %u lost (item %u first), %u twice (%u), %u foreign, %u wrong, %u holes",
                  v.lost, v.first_lost, v.twice, v.first_twice, stored.foreign, stored.wrong,
                  stored.holes);
    if (v.not_shown || v.shown_twice || l->foreign || l->wrong)
        cast_fail(c, "output: %u missing, %u twice, %u foreign, %u wrong", v.not_shown,
                  v.shown_twice, l->foreign, l->wrong);
    if (c->in_order && stored.disorder)
        cast_fail(c, "%u items have a lower number than an earlier one", stored.disorder);
    check_store(c, s);
}

/* ---- the table ---- */

static struct {
    char lines[REPORT_MAX][160];
    size_t count;
} table;

void cast_report(struct cast *c, const char *fault)
{
    struct ledger_verdict v = ledger_judge(&c->ledger);
    assert_true(table.count < REPORT_MAX);
    char *line = table.lines[table.count++];
    snprintf(line, sizeof table.lines[0],
             "fault %-22s runs=%u kills=%u items=%u lost=%u twice=%u converge_ms=%lld", fault,
             c->runs, c->kills, ledger_accepted(&c->ledger), v.lost, v.twice + v.shown_twice,
             (long long)c->converge_ms);
    print_message("%s\n", line);
}

void cast_finish(struct cast *c, const char *fault)
{
    cast_converge(c, &c->subscriber);
    subscriber_stop(c, &c->subscriber);
    c->publisher.stays = false;
    if (c->publisher.daemon.process) {
        int status = player_end(c, &c->publisher.daemon);
        if (status != 0 && status != ON_SIGTERM) cast_fail(c, "newspub run ended with %d", status);
    }
    cast_judge(c, &c->subscriber);
    cast_report(c, fault);
}

void cast_print_table(void)
{
    print_message("\n");
    for (size_t i = 0; i < table.count; i++)
        print_message("%s\n", table.lines[i]);
}
