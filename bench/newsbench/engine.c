#include "bench/newsbench/engine.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "bench/newsbench/account.h"
#include "bench/newsbench/board.h"
#include "bench/newsbench/gates.h"
#include "bench/newsbench/measure.h"
#include "bench/newsbench/port.h"
#include "bench/newsbench/roles.h"
#include "bench/newsbench/server.h"
#include "bench/newsnet/netlab.h"
#include "common/date.h"
#include "common/log.h"

#define MS              ((int64_t)1000000)
#define SECOND          (1000 * MS)
#define TURN_NS         (20 * MS) /* between two looks whether everybody is alive */
#define START_NS        (30 * SECOND)
#define BARRIER_NS      (30 * SECOND)
#define LEAD_NS         (200 * MS) /* from the barrier to the first item */
#define WARM_UP_S       2.0        /* and WARM_UP_ITEMS, */
#define WARM_UP_ITEMS   500.0
#define WARM_UP_MOST_S  4.0 /* but at five items a second that would be minutes */
#define COOL_DOWN_S     0.25
#define DRAIN_NS        (2 * SECOND)
#define DRAIN_UDP_NS    (4 * SECOND)  /* the deadline of repair, and a second */
#define DRAIN_RETURN_NS (15 * SECOND) /* while somebody has not found back after a fault */
#define DRAIN_MOST_NS   (60 * SECOND)
#define DROPS_NS        (1200 * MS) /* mosquitto tells each second what it counted */
#define UDP_PAYLOAD     65507
#define CONGESTION      "cubic"

enum fault_stage { FAULT_AHEAD, FAULT_ON, FAULT_OVER };

struct bench {
    const struct cell *cell;
    const struct engine_options *o;
    struct run *run;
    uint64_t seed;
    struct netlab *lab;
    struct bench_server *server;
    struct board *board;
    struct roles roles;
    struct role_setup setup;
    char congestion[32];
    bool congestion_set;

    struct account before, after;
    enum fault_stage fault;
    int64_t fault_from_ns, fault_to_ns; /* to: when it was over, once it is */
    bool measuring;
    double retransmitted[RUN_SECONDS_MAX], retransmitted_before;
    size_t seconds;
    int64_t hiccup_ns;
    struct netlab_lateness lateness;
};

/* --- notes and reasons --------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static void add_note(struct run *run, const char *format, ...)
{
    size_t used = strlen(run->note), room = sizeof run->note - used;
    va_list args;
    if (used > 0) {
        (void)snprintf(run->note + used, room, "; ");
        used = strlen(run->note);
        room = sizeof run->note - used;
    }
    va_start(args, format);
    (void)vsnprintf(run->note + used, room, format, args);
    va_end(args);
}

static bool skip(struct run *run, const char *why)
{
    run->skipped = true;
    run->valid = false;
    (void)snprintf(run->reasons[0], sizeof run->reasons[0], "%s", why);
    run->reason_count = 1;
    return true;
}

/* --- what cannot be done here -------------------------------------------------------------- */

/* In a time namespace of its own a process would have another CLOCK_MONOTONIC than its peers. */
static bool clocks_differ(void)
{
    long seconds = 0, nanoseconds = 0;
    char name[32];
    bool differ = false;
    FILE *file = fopen("/proc/self/timens_offsets", "re");
    while (file && fscanf(file, "%31s %ld %ld", name, &seconds, &nanoseconds) == 3)
        differ |= seconds != 0 || nanoseconds != 0;
    if (file) fclose(file);
    return differ;
}

static const char *program_of(const struct cell *cell, const struct engine_options *o)
{
    return cell->carrier->server == SERVER_MOSQUITTO ? o->mosquitto : o->newsrelay;
}

static bool skips(const struct cell *cell, const struct engine_options *o, struct run *run)
{
    const struct carrier *c = cell->carrier;
    struct news_error why;
    char path[512];
    if (c->missing) return skip(run, c->missing);
    if (clocks_differ()) return skip(run, "in a time namespace clocks are not to be trusted");
    if (port_is_floor(c) && cell->fault != FAULT_NONE)
        return skip(run, "there is no server that could fail");
    if (strcmp(c->scheme, "udp") == 0 && cell->payload > UDP_PAYLOAD)
        return skip(run, "a datagram carries at most 65507 bytes");
    if (cell_needs_network(cell) && strcmp(c->scheme, "nrp+unix") == 0)
        return skip(run, "UNIX sockets do not cross a network");
    if (!port_is_floor(c) && !server_find(c->server, program_of(cell, o), path, sizeof path, &why))
        return skip(run, why.message);
    if (cell_needs_network(cell) && !netlab_possible(&why)) return skip(run, why.message);
    return false;
}

/* --- time passes --------------------------------------------------------------------------- */

static void sleep_until(int64_t at_ns)
{
    struct timespec t = {.tv_sec = at_ns / SECOND, .tv_nsec = at_ns % SECOND};
    (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

static struct account_of accounts(const struct bench *b)
{
    const char *scheme = b->cell->carrier->scheme;
    return (struct account_of){.roles = &b->roles,
                               .lab = b->lab,
                               .server = b->server ? server_pid(b->server) : 0,
                               .tcp = strcmp(scheme, "udp") != 0 &&
                                      strcmp(scheme, "nrp+udp") != 0 &&
                                      strcmp(scheme, "nrp+unix") != 0};
}

/* Same congestion control for all: the listening socket's is inherited by what it accepts. */
static void set_congestion(struct bench *b, pid_t pid)
{
    if (pid <= 0 || !accounts(b).tcp) return;
    b->congestion_set &= sockets_set_congestion(pid, CONGESTION, b->congestion,
                                                sizeof b->congestion);
}

static bool begin_fault(struct bench *b)
{
    b->fault = FAULT_ON;
    if (b->cell->fault == FAULT_STOP) {
        server_pause(b->server, true);
    } else {
        account_replace_server(&b->before, server_pid(b->server));
        server_kill(b->server);
    }
    return true;
}

static bool end_fault(struct bench *b, struct news_error *err)
{
    b->fault = FAULT_OVER;
    b->fault_to_ns = mono_ns();
    if (b->cell->fault == FAULT_STOP) server_pause(b->server, false);
    else if (!server_restart(b->server, err)) return false;
    set_congestion(b, server_pid(b->server));
    return true;
}

static int64_t fault_due(const struct bench *b)
{
    if (b->cell->fault == FAULT_NONE || !b->measuring || b->fault == FAULT_OVER) return INT64_MAX;
    int64_t lasts = (int64_t)(b->cell->fault_seconds * (double)SECOND);
    return b->fault == FAULT_AHEAD ? b->fault_from_ns : b->fault_from_ns + lasts;
}

static int64_t second_due(const struct bench *b)
{
    if (!b->measuring || b->seconds == RUN_SECONDS_MAX) return INT64_MAX;
    return b->board->start_ns + b->board->from_ns + (int64_t)(b->seconds + 1) * SECOND;
}

static void end_second(struct bench *b)
{
    const struct account_of of = accounts(b);
    double now = account_retransmitted(&of);
    b->retransmitted[b->seconds++] = now - b->retransmitted_before;
    b->retransmitted_before = now;
}

/* What is due now, and whether all is well. */
static bool look_around(struct bench *b, struct news_error *err)
{
    int64_t now = mono_ns();
    if (b->o->interrupted && *b->o->interrupted)
        return news_fail(err, NEWS_ERR_PENDING, "interrupted");
    if (now >= fault_due(b) && !(b->fault == FAULT_AHEAD ? begin_fault(b) : end_fault(b, err)))
        return false;
    if (now >= second_due(b)) end_second(b);
    if (!roles_alive(&b->roles, b->board, err)) return false;
    return !b->server || b->fault == FAULT_ON || server_alive(b->server, err);
}

static int64_t earliest(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static bool pass_time(struct bench *b, int64_t until_ns, struct news_error *err)
{
    for (;;) {
        if (!look_around(b, err)) return false;
        int64_t now = mono_ns();
        if (now >= until_ns) return true;
        int64_t next = earliest(earliest(fault_due(b), second_due(b)), now + TURN_NS);
        sleep_until(earliest(next, until_ns));
    }
}

/* --- starting ------------------------------------------------------------------------------ */

static struct impairment impairment_of(const struct cell *c)
{
    return (struct impairment){.delay_ms = c->rtt_ms / 2,
                               .jitter_ms = c->jitter_ms,
                               .loss = c->loss,
                               .loss_burst = c->loss_burst,
                               .reorder = c->reorder,
                               .duplicate = c->duplicate,
                               .corrupt = c->corrupt,
                               .rate_kbit = c->rate_kbit,
                               .queue_packets = c->queue_packets};
}

static double warm_up_s(const struct bench *b)
{
    if (b->o->warm_up_s > 0) return b->o->warm_up_s;
    double items = fmin(WARM_UP_ITEMS / b->cell->rate, WARM_UP_MOST_S);
    return fmax(WARM_UP_S, items);
}

static bool start_server(struct bench *b, struct news_error *err)
{
    const struct server_setup setup = {.carrier = b->cell->carrier,
                                       .payload_max = b->cell->payload,
                                       .program = program_of(b->cell, b->o),
                                       .lab = b->lab};
    if (port_is_floor(b->cell->carrier)) return true;
    b->server = server_start(&setup, err);
    if (!b->server) return false;
    if (b->o->verbose) log_note("%s: serving on %s", cell_name(b->cell), server_url(b->server));
    set_congestion(b, server_pid(b->server));
    return true;
}

static bool start_lab(struct bench *b, struct news_error *err)
{
    const struct impairment impairment = impairment_of(b->cell);
    if (!cell_needs_network(b->cell)) return true;
    b->lab = netlab_start(2, &impairment, b->seed, err);
    return b->lab != NULL;
}

static bool all_subscribers_up(const struct bench *b)
{
    for (size_t i = 0; i < b->board->subscribers; i++)
        if (!b->board->subscriber[i].up) return false;
    return true;
}

static bool all_publishers_up(const struct bench *b)
{
    for (size_t i = 0; i < b->board->publishers; i++)
        if (!b->board->publisher[i].up) return false;
    return true;
}

static bool all_met(const struct bench *b)
{
    for (size_t i = 0; i < b->board->subscribers; i++)
        if (b->board->subscriber[i].streams_met < b->board->publishers) return false;
    return true;
}

static bool wait_for(struct bench *b, bool (*condition)(const struct bench *b), int64_t timeout_ns,
                     const char *what, struct news_error *err)
{
    int64_t deadline = mono_ns() + timeout_ns;
    while (!condition(b)) {
        if (mono_ns() > deadline)
            return news_fail(err, NEWS_ERR_UNREACHABLE, "%s within %d s", what,
                             (int)(timeout_ns / SECOND));
        if (!pass_time(b, mono_ns() + 5 * MS, err)) return false;
    }
    return true;
}

static bool start_roles(struct bench *b, struct news_error *err)
{
    const struct role_setup *s = &b->setup;
    if (!roles_start_subscribers(&b->roles, s, err) ||
        !wait_for(b, all_subscribers_up, START_NS, "not every subscriber was ready", err) ||
        !roles_start_publishers(&b->roles, s, err) ||
        !wait_for(b, all_publishers_up, START_NS, "not every publisher was ready", err) ||
        !roles_start_hiccup(&b->roles, s, err))
        return false;
    for (size_t i = 0; i < b->roles.count; i++)
        if (b->roles.process[i].role != ROLE_HICCUP) set_congestion(b, b->roles.process[i].pid);
    return wait_for(b, all_met, BARRIER_NS, "the barrier's items did not reach everybody", err);
}

static bool start_all(struct bench *b, struct news_error *err)
{
    const struct board_times times = {.warm_up_s = warm_up_s(b), .cool_down_s = COOL_DOWN_S};
    b->board = board_new(b->cell, &times, b->seed, err);
    if (!b->board) return false;
    b->board->run = b->seed * 0x9e3779b97f4a7c15u + (uint64_t)mono_ns();
    if (!start_lab(b, err) || !start_server(b, err)) return false;
    b->setup = (struct role_setup){.cell = b->cell,
                                   .board = b->board,
                                   .url = b->server ? server_url(b->server) : NULL,
                                   .key = b->server ? server_key(b->server) : NULL,
                                   .lab = b->lab,
                                   .spin = b->o->spin};
    return start_roles(b, err);
}

/* --- the measured part --------------------------------------------------------------------- */

/* When counters are read: between two items, as far from both as can be. at: after the start. */
static int64_t quiet_ns(const struct bench *b, int64_t at)
{
    int64_t last = 0, next = b->board->end_ns;
    for (size_t i = 0; i < b->board->publishers; i++) {
        const struct publisher_slot *p = &b->board->publisher[i];
        size_t n = 0;
        while (n < p->item_count && p->due_ns[n] < at)
            n++;
        if (n > 0 && p->due_ns[n - 1] > last) last = p->due_ns[n - 1];
        if (n < p->item_count && p->due_ns[n] < next) next = p->due_ns[n];
    }
    return b->board->start_ns + last + (next - last) / 2;
}

static bool measure(struct bench *b, struct news_error *err)
{
    struct board *board = b->board;
    board->start_ns = mono_ns() + LEAD_NS;
    board->phase = BOARD_RUN;
    int64_t from = board->start_ns + board->from_ns, to = board->start_ns + board->to_ns;
    if (!pass_time(b, board->start_ns - MS, err)) return false;
    for (size_t i = 0; i < board->subscribers; i++)
        board->subscriber[i].announced_before = board->subscriber[i].announced;
    if (!pass_time(b, quiet_ns(b, board->from_ns), err)) return false;
    struct account_of of = accounts(b);
    account_read(&of, &b->before);
    if (b->lab) netlab_clear(b->lab), b->before.packets = b->before.bytes = b->before.dropped = 0;
    b->retransmitted_before = account_retransmitted(&of);
    b->fault_from_ns = from + (to - from) / 2;
    board->hiccup_ns = 0;
    b->measuring = true;
    if (!pass_time(b, quiet_ns(b, board->to_ns), err)) return false;
    if (b->seconds < RUN_SECONDS_MAX) end_second(b);
    of = accounts(b);
    account_read(&of, &b->after);
    b->hiccup_ns = board->hiccup_ns;
    if (b->lab) netlab_lateness(b->lab, &b->lateness);
    b->measuring = b->fault == FAULT_ON; /* it is ended in the drain then */
    return pass_time(b, board->start_ns + board->end_ns, err);
}

/* --- the drain ----------------------------------------------------------------------------- */

static bool all_published(const struct bench *b)
{
    for (size_t i = 0; i < b->board->publishers; i++)
        if (!b->board->publisher[i].done) return false;
    return true;
}

static size_t sent_count(const struct bench *b)
{
    size_t count = 0;
    for (size_t i = 0; i < b->board->publishers; i++)
        for (size_t n = 0; n < b->board->publisher[i].item_count; n++)
            count += b->board->publisher[i].items[n].sent_ns != 0;
    return count;
}

static bool all_arrived(const struct bench *b, size_t sent)
{
    for (size_t i = 0; i < b->board->subscribers; i++)
        if (b->board->subscriber[i].distinct < sent) return false;
    return true;
}

/* Grows while late ones arrive, so that what is still on its way is no loss. */
static int64_t drain_ns(const struct bench *b)
{
    int64_t most = strcmp(b->cell->carrier->scheme, "nrp+udp") == 0 ? DRAIN_UDP_NS : DRAIN_NS;
    for (size_t i = 0; i < b->board->subscribers; i++) {
        int64_t worst = 3 * b->board->subscriber[i].worst_ns;
        if (worst > most) most = worst;
    }
    if (b->cell->fault != FAULT_NONE && most < DRAIN_RETURN_NS &&
        !(all_subscribers_up(b) && all_publishers_up(b)))
        most = DRAIN_RETURN_NS;
    return most < DRAIN_MOST_NS ? most : DRAIN_MOST_NS;
}

static bool drain(struct bench *b, struct news_error *err)
{
    int64_t began = mono_ns();
    size_t sent = SIZE_MAX;
    b->board->phase = BOARD_DRAIN;
    while (!all_arrived(b, sent) && mono_ns() < began + drain_ns(b)) {
        if (!pass_time(b, mono_ns() + 5 * MS, err)) return false;
        if (b->fault == FAULT_ON) began = mono_ns();
        if (sent == SIZE_MAX && all_published(b)) sent = sent_count(b);
    }
    return true;
}

/* --- the end ------------------------------------------------------------------------------- */

static void tell(struct bench *b)
{
    struct run *run = b->run;
    if (b->cell->subscribers > ROLES_ALONE)
        add_note(run, "%u subscribers in %d processes", b->cell->subscribers, ROLES_ALONE);
    if (accounts(b).tcp && *b->congestion)
        add_note(run, "congestion control %s%s", b->congestion,
                 b->congestion_set ? "" : ", not everywhere");
    else if (accounts(b).tcp) add_note(run, "congestion control as the host has it");
    if (b->cell->corrupt > 0 && strcmp(b->cell->carrier->scheme, "udp") == 0)
        add_note(run, "UDP without checksums: what is damaged arrives and is counted");
    if (b->board->dropped != UINT64_MAX)
        add_note(run, "mosquitto counted %llu dropped", (unsigned long long)b->board->dropped);
}

/* A server that drops in silence may still count. */
static bool ask_server(struct bench *b, struct news_error *err)
{
    if (b->run->counts.lost == 0 || b->cell->carrier->server != SERVER_MOSQUITTO) return true;
    if (!pass_time(b, mono_ns() + DROPS_NS, err)) return false;
    (void)roles_ask_drops(&b->setup, NULL); /* only a note */
    return true;
}

static void check(struct bench *b, const struct measure_facts *facts, double waited)
{
    const struct gate_facts gates = {
        .network = b->lab != NULL,
        .network_p99_ms = (double)b->lateness.p99 / 1e6,
        .network_most_ms = (double)b->lateness.most / 1e6,
        .hiccup_ms = (double)b->hiccup_ns / 1e6,
        .steal_share = account_steal(&b->before, &b->after),
        .waited_share = waited,
        .negative = (double)facts->negative,
        .overflow = (double)facts->overflow,
    };
    gates_apply(b->cell, b->run, &gates);
}

static bool evaluate(struct bench *b, struct news_error *err)
{
    struct measure_facts facts;
    const struct measure_input in = {.board = b->board,
                                     .cell = b->cell,
                                     .fault_end_ns = b->fault_to_ns,
                                     .retransmitted = b->retransmitted,
                                     .second_count = b->seconds};
    double waited = account_waited(&b->before, &b->after, &b->roles);
    roles_stop(&b->roles);
    if (!measure_fill(b->run, &in, &facts, err)) return false;
    account_fill(b->run, &b->before, &b->after);
    check(b, &facts, waited);
    if (!ask_server(b, err)) return false;
    tell(b);
    return true;
}

/* For servers of hundreds of subscribers, and publishers who reach them without a server. */
static void allow_many_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static void end_all(struct bench *b)
{
    roles_stop(&b->roles);
    server_free(b->server);
    netlab_stop(b->lab);
    board_free(b->board);
}

bool engine_run(const struct cell *cell, uint64_t seed, const struct engine_options *o,
                struct run *run, struct news_error *err)
{
    struct bench b = {.cell = cell, .o = o, .run = run, .seed = seed, .congestion_set = true};
    run->started_unix_ms = date_now_ms();
    run->valid = true;
    if (skips(cell, o, run)) return true;
    allow_many_files();
    bool ok = start_all(&b, err) && measure(&b, err) && drain(&b, err) && evaluate(&b, err);
    end_all(&b);
    return ok;
}
