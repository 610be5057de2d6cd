#include "bench/newsbench/roles.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define TIMER_SLACK_NS  1
#define HICCUP_TIMER_NS 1000000
#define DROPS_MS        2000

/* --- what the processes do ----------------------------------------------------------------- */

/* Wakes each millisecond: what it oversleeps, everybody else may have as well. */
__attribute__((noreturn)) static void hiccup_role(struct board *b)
{
    for (int64_t before = mono_ns();;) {
        struct timespec pause = {.tv_nsec = HICCUP_TIMER_NS};
        (void)nanosleep(&pause, NULL);
        int64_t now = mono_ns(), late = now - before - HICCUP_TIMER_NS;
        if (late > b->hiccup_ns) b->hiccup_ns = late;
        before = now;
    }
}

/* On what only the children have open and handle differently. */
static bool settle(const struct role_setup *s, const struct role_process *p, pid_t parent,
                   struct news_error *err)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1); /* it died before the call above */
    prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NS);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, SIG_IGN); /* the parent ends us */
    signal(SIGTERM, SIG_DFL);
    return !s->lab || netlab_enter(s->lab, p->role == ROLE_SUBSCRIBER, err);
}

static char *last_words(const struct board *b, const struct role_process *p)
{
    switch (p->role) {
    case ROLE_PUBLISHER: return b->publisher[p->first].error;
    case ROLE_SUBSCRIBER: return b->subscriber[p->first].error;
    case ROLE_HICCUP: break;
    }
    return NULL;
}

__attribute__((noreturn)) static void become(const struct role_setup *s,
                                             const struct role_process *p, pid_t parent)
{
    struct news_error err = {0};
    char *words = last_words(s->board, p);
    if (settle(s, p, parent, &err)) switch (p->role) {
        case ROLE_PUBLISHER: publisher_role(s, p->first, &err); break;
        case ROLE_SUBSCRIBER: subscriber_role(s, p->first, p->count, &err); break;
        case ROLE_HICCUP: hiccup_role(s->board);
        }
    if (words) (void)snprintf(words, BOARD_WORDS, "%s", err.message);
    _exit(1);
}

/* --- starting and ending ------------------------------------------------------------------- */

static bool start(struct roles *r, const struct role_setup *s, enum role role, size_t first,
                  size_t count, struct news_error *err)
{
    if (r->count == ROLES_MAX)
        return news_fail(err, NEWS_ERR_TOO_LARGE, "more than %d processes", ROLES_MAX);
    struct role_process p = {.role = role, .first = first, .count = count};
    pid_t parent = getpid();
    (void)fflush(NULL); /* or the child might write it again */
    p.pid = fork();
    if (p.pid == 0) become(s, &p, parent);
    if (p.pid < 0) return news_fail(err, NEWS_ERR_IO, "fork: %s", strerror(errno));
    r->process[r->count++] = p;
    return true;
}

bool roles_start_subscribers(struct roles *r, const struct role_setup *s, struct news_error *err)
{
    size_t all = s->cell->subscribers, processes = all < ROLES_ALONE ? all : ROLES_ALONE;
    for (size_t i = 0; i < processes; i++) {
        size_t first = all * i / processes, end = all * (i + 1) / processes;
        if (!start(r, s, ROLE_SUBSCRIBER, first, end - first, err)) return false;
    }
    return true;
}

bool roles_start_publishers(struct roles *r, const struct role_setup *s, struct news_error *err)
{
    for (size_t i = 0; i < s->cell->publishers; i++)
        if (!start(r, s, ROLE_PUBLISHER, i, 1, err)) return false;
    return true;
}

bool roles_start_hiccup(struct roles *r, const struct role_setup *s, struct news_error *err)
{
    return start(r, s, ROLE_HICCUP, 0, 0, err);
}

bool roles_alive(struct roles *r, const struct board *b, struct news_error *err)
{
    static const char *const names[] = {[ROLE_PUBLISHER] = "publisher",
                                        [ROLE_SUBSCRIBER] = "subscriber",
                                        [ROLE_HICCUP] = "hiccup meter"};
    for (size_t i = 0; i < r->count; i++) {
        struct role_process *p = &r->process[i];
        if (p->pid > 0 && waitpid(p->pid, NULL, WNOHANG) != p->pid) continue;
        p->pid = 0;
        const char *words = last_words(b, p);
        return news_fail(err, NEWS_ERR_UNREACHABLE, "%s %zu ended: %s", names[p->role], p->first,
                         words && *words ? words : "it was killed");
    }
    return true;
}

void roles_stop(struct roles *r)
{
    for (size_t i = 0; i < r->count; i++)
        if (r->process[i].pid > 0) kill(r->process[i].pid, SIGKILL);
    for (size_t i = 0; i < r->count; i++)
        while (r->process[i].pid > 0 && waitpid(r->process[i].pid, NULL, 0) < 0 && errno == EINTR)
            ;
    r->count = 0;
}

/* --- what a mosquitto dropped -------------------------------------------------------------- */

bool roles_ask_drops(const struct role_setup *s, struct news_error *err)
{
    pid_t parent = getpid(), pid = fork();
    const struct role_process p = {.role = ROLE_PUBLISHER}; /* at the server's side */
    if (pid == 0) {
        struct news_error why;
        if (settle(s, &p, parent, &why)) drops_role(s, &why);
        _exit(0);
    }
    if (pid < 0) return news_fail(err, NEWS_ERR_IO, "fork: %s", strerror(errno));
    struct timespec pause = {.tv_nsec = 10000000};
    int64_t deadline = mono_ns() + (int64_t)DROPS_MS * 1000000;
    bool over = false;
    while (!over && mono_ns() < deadline) {
        over = waitpid(pid, NULL, WNOHANG) == pid;
        if (!over) (void)nanosleep(&pause, NULL);
    }
    if (!over) {
        kill(pid, SIGKILL);
        (void)waitpid(pid, NULL, 0);
    }
    return s->board->dropped != UINT64_MAX ||
           news_fail(err, NEWS_ERR_UNREACHABLE, "mosquitto does not tell what it dropped");
}
