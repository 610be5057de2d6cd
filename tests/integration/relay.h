/* tests/integration/relay.h - the shipped newsrelay with its words in the test's hands.
 *
 * Where broker.h has a relay that can be restarted, this one's standard error can be read: where it
 * listens, what it counted. It goes with the scene. */
#ifndef NEWS_TEST_RELAY_H
#define NEWS_TEST_RELAY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/process.h"
#include "tests/support/program.h"
#include "tests/support/wait.h"

#define LAST_COUNTER "queue_bytes " /* of what SIGUSR1 prints */

struct relay {
    struct process *process;
    int tcp_port, udp_port;
    char urls[3][320]; /* TCP, UDP, UNIX */
};

static inline int relay_port(struct process *p, const char *before)
{
    const char *at = strstr(process_errors(p, NULL), before);
    assert_non_null(at);
    return atoi(at + strlen(before));
}

/* On free ports and on relay.sock in the scene's directory, with more arguments; serving. */
static inline struct relay relay_start(struct scene *s, const char *const *more)
{
    struct relay r;
    (void)snprintf(r.urls[2], sizeof r.urls[2], "nrp+unix://%s/relay.sock", s->dir.path);
    const char *argv[32] = {NEWSRELAY_PATH,      "-v",       "--listen",
                            "nrp://127.0.0.1:0", "--listen", "nrp+udp://127.0.0.1:0",
                            "--listen",          r.urls[2]};
    for (size_t n = 8; *more && n < 31; n++)
        argv[n] = *more++;
    /* What the address sanitizer holds back of freed memory is no growth of the relay's. */
    const char *options = getenv("ASAN_OPTIONS");
    char asan[200];
    (void)snprintf(asan, sizeof asan, "ASAN_OPTIONS=%.100s:quarantine_size_mb=1",
                   options ? options : "");
    r.process = scene_launch(s, &(struct launch){.argv = argv, .environment = ARGV(asan)});
    if (!process_expect_errors(r.process, "listening on nrp+unix://", WAIT_MS))
        fail_msg("newsrelay is not ready: %s", process_errors(r.process, NULL));
    r.tcp_port = relay_port(r.process, "listening on nrp://127.0.0.1:");
    r.udp_port = relay_port(r.process, "listening on nrp+udp://127.0.0.1:");
    (void)snprintf(r.urls[0], sizeof r.urls[0], "nrp://127.0.0.1:%d", r.tcp_port);
    (void)snprintf(r.urls[1], sizeof r.urls[1], "nrp+udp://127.0.0.1:%d", r.udp_port);
    return r;
}

/* Asks for the counters; this one as it stands now. */
static inline unsigned long long relay_count(struct relay *r, const char *name)
{
    char line[64];
    size_t before = count_of(process_errors(r->process, NULL), LAST_COUNTER);
    process_signal(r->process, SIGUSR1);
    assert_true(expect_errors_times(r->process, LAST_COUNTER, before + 1));
    (void)snprintf(line, sizeof line, "\n%s ", name);
    const char *at = NULL, *next = process_errors(r->process, NULL);
    while ((next = strstr(next, line)))
        at = next += strlen(line);
    if (!at) fail_msg("%s is not counted", name);
    return strtoull(at, NULL, 10);
}

struct relay_expectation {
    struct relay *relay;
    const char *name;
    unsigned long long least;
};

static inline bool relay_has_counted(void *user)
{
    const struct relay_expectation *e = user;
    return relay_count(e->relay, e->name) >= e->least;
}

static inline void relay_expect(struct relay *r, const char *name, unsigned long long least)
{
    struct relay_expectation e = {r, name, least};
    if (!wait_until(relay_has_counted, &e, WAIT_MS))
        fail_msg("%s does not become %llu: it is %llu", name, least, relay_count(r, name));
}

/* SIGTERM: it ends, and well. */
static inline void relay_stop(struct relay *r)
{
    process_signal(r->process, SIGTERM);
    struct outcome o = scene_wait(r->process);
    assert_exit(o, 0);
}

#endif
