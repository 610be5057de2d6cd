/* newsnet - programs on one machine, with a network between them that loses and delays. */
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "bench/newsnet/cli.h"
#include "bench/newsnet/crew.h"
#include "bench/newsnet/netlab.h"
#include "common/date.h"
#include "common/log.h"

static int refused(const struct news_error *err)
{
    log_error("%s", err->message);
    if (err->code == NEWS_ERR_USAGE) log_error("try --help");
    return news_exit_status(err->code);
}

/* --- what was counted -------------------------------------------------------------------- */

struct line {
    char text[400];
    size_t len;
};

__attribute__((format(printf, 2, 3))) static void add(struct line *l, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(l->text + l->len, sizeof l->text - l->len, format, args);
    va_end(args);
    if (n > 0) l->len += (size_t)n;
    if (l->len >= sizeof l->text) l->len = sizeof l->text - 1;
}

static void tell_packets(const char *way, const struct netlab_counts *c)
{
    const struct {
        const char *what;
        uint64_t count;
    } rare[] = {{"reordered", c->reordered}, {"twice", c->duplicated}, {"damaged", c->corrupted}};
    struct line l = {0};
    add(&l, "%s: %" PRIu64 " passed, %" PRIu64 " lost, %" PRIu64 " did not fit", way, c->passed,
        c->lost, c->queue_full);
    for (size_t i = 0; i < sizeof rare / sizeof *rare; i++)
        if (rare[i].count) add(&l, ", %" PRIu64 " %s", rare[i].count, rare[i].what);
    log_error("%s", l.text);
}

static void tell_bytes(const char *way, const struct netlab_counts *c)
{
    struct line l = {0};
    add(&l, "%s: %" PRIu64 " bytes, %" PRIu64 " of them headers", way, c->bytes, c->header_bytes);
    if (c->tcp_packets)
        add(&l, "; TCP %" PRIu64 " packets (%" PRIu64 " bare ACKs), %" PRIu64 " bytes",
            c->tcp_packets, c->tcp_acks, c->tcp_bytes);
    if (c->udp_packets)
        add(&l, "; UDP %" PRIu64 " packets, %" PRIu64 " bytes", c->udp_packets, c->udp_bytes);
    log_error("%s", l.text);
}

static void tell_direction(const struct netlab *n, unsigned from, unsigned to, bool even_if_idle)
{
    struct netlab_counts c;
    char way[16];
    netlab_counts(n, from, to, &c);
    if (!even_if_idle && c.passed + c.lost + c.queue_full == 0) return;
    (void)snprintf(way, sizeof way, "%c to %c", 'A' + (int)from, 'A' + (int)to);
    tell_packets(way, &c);
    if (c.passed) tell_bytes(way, &c);
}

static void tell(const struct netlab *n, unsigned sides)
{
    struct netlab_lateness late;
    for (unsigned from = 0; from < sides; from++)
        for (unsigned to = 0; to < sides; to++)
            if (to != from) tell_direction(n, from, to, sides == 2);
    netlab_lateness(n, &late);
    log_error("the network was late by %.3f ms (median), %.3f ms (p99), %.3f ms (worst)",
              (double)late.p50 / 1e6, (double)late.p99 / 1e6, (double)late.most / 1e6);
    uint64_t unseen = netlab_unseen(n);
    if (unseen)
        log_error("the kernel dropped %" PRIu64 " more packets at the devices of the sides",
                  unseen);
}

/* --- running ----------------------------------------------------------------------------- */

struct watch {
    struct netlab *network;
    struct crew crew;
    int signals;
    int64_t stats_ms, next_stats_ms; /* 0: never */
    bool broken;                     /* the network ended before the crew */
};

static void obey_signals(struct watch *w)
{
    int number;
    while ((number = program_signal_next(w->signals)) != 0)
        if (number != SIGCHLD) crew_end(&w->crew);
}

static int next_turn_ms(const struct watch *w)
{
    int64_t now_ms = date_mono_ms(), until_ms = now_ms + 60000;
    if (w->crew.ending) until_ms = now_ms + 100;
    if (w->stats_ms && w->next_stats_ms < until_ms) until_ms = w->next_stats_ms;
    return until_ms > now_ms ? (int)(until_ms - now_ms) : 0;
}

static void run_until_over(struct watch *w)
{
    while (crew_look(&w->crew), !crew_is_over(&w->crew)) {
        struct pollfd fd = {.fd = w->signals, .events = POLLIN};
        (void)poll(&fd, 1, next_turn_ms(w));
        obey_signals(w);
        if (!w->broken && !netlab_alive(w->network)) {
            w->broken = true;
            log_error("the network has ended");
            if (!w->crew.ending) crew_end(&w->crew);
        }
        if (w->stats_ms && date_mono_ms() >= w->next_stats_ms) {
            w->next_stats_ms += w->stats_ms;
            tell(w->network, w->crew.count);
        }
    }
}

static int run(const struct settings *s, const struct sides *sides)
{
    /* SIGCHLD is awaited from before the first of them may end. */
    static const int watched[] = {SIGINT, SIGTERM, SIGHUP, SIGCHLD};
    struct watch w = {.stats_ms = s->stats_ms};
    struct news_error err = {0};
    struct impairment is;
    if (!sides_check(sides, &err) || !settings_impairment(s, &is, &err)) return refused(&err);
    (void)signal(SIGCHLD, SIG_DFL); /* ignored, nobody's status would be kept */
    w.network = netlab_start(sides->count, &is, (uint64_t)s->seed, &err);
    if (!w.network) return refused(&err);
    int status = EX_SOFTWARE;
    if (program_watch(watched, sizeof watched / sizeof *watched, &w.signals, &err) &&
        crew_start(&w.crew, w.network, sides->commands, sides->count, &err)) {
        w.next_stats_ms = date_mono_ms() + w.stats_ms;
        run_until_over(&w);
        tell(w.network, sides->count);
        if (!w.broken) status = crew_status(&w.crew);
    } else {
        status = refused(&err);
    }
    netlab_stop(w.network);
    return status;
}

int main(int argc, char **argv)
{
    struct settings settings = {0};
    struct sides sides;
    struct options o;
    int operands;
    int option_count = sides_split(argc, argv, &sides);
    int status = program_start(&newsnet, &o, &settings, option_count, argv, &operands);
    if (status < 0) {
        log_init(newsnet.name, settings.verbose);
        struct news_error err;
        if (operands == 0) {
            status = run(&settings, &sides);
        } else {
            news_fail(&err, NEWS_ERR_USAGE, "\"%s\" is not an option", argv[0]);
            status = refused(&err);
        }
    }
    options_deinit(&o);
    return status;
}
