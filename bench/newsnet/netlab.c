#include "bench/newsnet/netlab.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/newsnet/forward.h"
#include "bench/newsnet/impair.h"
#include "bench/newsnet/side.h"

#define ANSWER_MS 5000

struct netlab {
    unsigned sides;
    struct side side[NETLAB_SIDES_MAX];
    pid_t network; /* 0: not started */
    int control;   /* our end */
    struct forward_shared *shared;
    /* What had been counted when netlab_clear() was called last. */
    struct netlab_counts counted[NETLAB_SIDES_MAX][NETLAB_SIDES_MAX];
    uint64_t late[LATENESS_BUCKETS];
    uint64_t unseen;
};

const char *netlab_address(unsigned side)
{
    static const char *const addresses[NETLAB_SIDES_MAX] = {"10.77.0.1", "10.77.0.2", "10.77.0.3",
                                                            "10.77.0.4", "10.77.0.5", "10.77.0.6",
                                                            "10.77.0.7", "10.77.0.8"};
    return addresses[side];
}

bool netlab_possible(struct news_error *err)
{
    struct side s;
    if (!side_open(&s, 0, err)) return false;
    side_close(&s);
    return true;
}

/* --- starting and stopping --------------------------------------------------------------- */

static bool wait_answer(struct netlab *n)
{
    struct pollfd fd = {.fd = n->control, .events = POLLIN};
    char byte;
    int ready;
    do
        ready = poll(&fd, 1, ANSWER_MS);
    while (ready < 0 && errno == EINTR);
    return ready > 0 && recv(n->control, &byte, 1, MSG_DONTWAIT) == 1;
}

static bool start_network(struct netlab *n, struct forward_setup *s, struct news_error *err)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return news_fail(err, NEWS_ERR_IO, "the network: %s", strerror(errno));
    n->control = ends[0];
    s->control = ends[1];
    s->parent = getpid();
    for (unsigned i = 0; i < n->sides; i++)
        s->tuns[i] = n->side[i].tun;
    pid_t pid = fork();
    if (pid == 0) forward_run(s);
    int why = errno;
    close(ends[1]);
    if (pid < 0) return news_fail(err, NEWS_ERR_IO, "the network: %s", strerror(why));
    n->network = pid;
    for (unsigned i = 0; i < n->sides; i++) { /* the devices are to go with the network */
        close(n->side[i].tun);
        n->side[i].tun = -1;
    }
    return wait_answer(n) || news_fail(err, NEWS_ERR_MEMORY, "the network does not start");
}

static bool start(struct netlab *n, struct forward_setup *s, struct news_error *err)
{
    n->shared = mmap(NULL, sizeof *n->shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                     -1, 0);
    if (n->shared == MAP_FAILED) {
        n->shared = NULL;
        return news_fail(err, NEWS_ERR_MEMORY, "the network: %s", strerror(errno));
    }
    for (n->sides = 0; n->sides < s->sides; n->sides++)
        if (!side_open(&n->side[n->sides], n->sides, err)) return false;
    s->shared = n->shared;
    return start_network(n, s, err);
}

struct netlab *netlab_start(unsigned sides, const struct impairment *impairment, uint64_t seed,
                            struct news_error *err)
{
    struct forward_setup s = {.sides = sides, .impairment = *impairment, .seed = seed};
    if (sides < 2 || sides > NETLAB_SIDES_MAX) {
        news_fail(err, NEWS_ERR_USAGE, "a network has 2 to %d sides, not %u", NETLAB_SIDES_MAX,
                  sides);
        return NULL;
    }
    if (!impair_check(impairment, err)) return NULL;
    struct netlab *n = calloc(1, sizeof *n);
    if (!n) {
        news_fail(err, NEWS_ERR_MEMORY, "the network: out of memory");
        return NULL;
    }
    n->control = -1;
    if (start(n, &s, err)) return n;
    netlab_stop(n);
    return NULL;
}

bool netlab_enter(const struct netlab *n, unsigned side, struct news_error *err)
{
    if (setns(n->side[side].net, CLONE_NEWNET) == 0) return true;
    return news_fail(err, NEWS_ERR_DENIED, "%s: %s", netlab_address(side), strerror(errno));
}

bool netlab_alive(const struct netlab *n)
{
    siginfo_t info = {0};
    return waitid(P_PID, (id_t)n->network, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == 0;
}

void netlab_stop(struct netlab *n)
{
    if (!n) return;
    if (n->network > 0) {
        (void)kill(n->network, SIGKILL); /* it keeps nothing that is worth an end in order */
        while (waitpid(n->network, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    if (n->control >= 0) close(n->control);
    for (unsigned i = 0; i < n->sides; i++)
        side_close(&n->side[i]);
    if (n->shared) munmap(n->shared, sizeof *n->shared);
    free(n);
}

bool netlab_impair(struct netlab *n, const struct impairment *impairment)
{
    return impair_check(impairment, NULL) &&
           send(n->control, impairment, sizeof *impairment, MSG_NOSIGNAL) == sizeof *impairment &&
           wait_answer(n);
}

/* --- counts ------------------------------------------------------------------------------ */

_Static_assert(sizeof(struct netlab_counts) == COUNTERS * sizeof(uint64_t), "uint64_t alone");

static void read_counters(const struct netlab *n, unsigned from, unsigned to,
                          uint64_t out[COUNTERS])
{
    const _Atomic uint64_t *counters = n->shared->counters[from][to];
    for (size_t i = 0; i < COUNTERS; i++)
        out[i] = atomic_load_explicit(&counters[i], memory_order_acquire);
}

static uint64_t unseen_ever(const struct netlab *n)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < n->sides; i++)
        sum += side_unseen(&n->side[i]);
    return sum;
}

void netlab_counts(const struct netlab *n, unsigned from, unsigned to, struct netlab_counts *out)
{
    uint64_t now[COUNTERS], before[COUNTERS];
    read_counters(n, from, to, now);
    memcpy(before, &n->counted[from][to], sizeof before);
    for (size_t i = 0; i < COUNTERS; i++)
        now[i] -= before[i];
    memcpy(out, now, sizeof now);
}

void netlab_lateness(const struct netlab *n, struct netlab_lateness *out)
{
    lateness_sum_up(&n->shared->lateness, n->late, out);
}

uint64_t netlab_unseen(const struct netlab *n)
{
    return unseen_ever(n) - n->unseen;
}

void netlab_clear(struct netlab *n)
{
    for (unsigned from = 0; from < n->sides; from++)
        for (unsigned to = 0; to < n->sides; to++) {
            uint64_t now[COUNTERS];
            read_counters(n, from, to, now);
            memcpy(&n->counted[from][to], now, sizeof now);
        }
    lateness_copy(&n->shared->lateness, n->late);
    atomic_store(&n->shared->lateness.most, 0);
    n->unseen = unseen_ever(n);
}
