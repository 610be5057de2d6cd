#include "bench/newsnet/forward.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench/newsnet/count.h"
#include "bench/newsnet/impair.h"
#include "bench/newsnet/under_way.h"

#define TAKE_MAX   32     /* packets of one side in a row: what is due meanwhile waits for them */
#define SPIN_NS    100000 /* before something is due, where there are cores enough */
#define SUBNET     0x0a4d0000u
#define BROADCAST  0xffu /* of the subnet */
#define NS_PER_SEC 1000000000

struct direction {
    struct impair impair;
    struct netlab_counts counts;
    uint64_t next_number; /* after the highest one written */
};

struct network {
    const struct forward_setup *setup;
    struct under_way *under_way;
    struct direction *directions; /* NETLAB_SIDES_MAX rows of as many: from, to */
    int64_t spin_ns;
};

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * NS_PER_SEC + t.tv_nsec;
}

static struct direction *direction_of(struct network *n, unsigned from, unsigned to)
{
    return &n->directions[from * NETLAB_SIDES_MAX + to];
}

static void show_counts(struct network *n, unsigned from, unsigned to)
{
    uint64_t values[COUNTERS];
    _Atomic uint64_t *shown = n->setup->shared->counters[from][to];
    memcpy(values, &direction_of(n, from, to)->counts, sizeof values);
    for (size_t i = 0; i < COUNTERS; i++)
        atomic_store_explicit(&shown[i], values[i], memory_order_release);
}

/* --- in ---------------------------------------------------------------------------------- */

struct arrival {
    const uint8_t *bytes;
    size_t len;
    int64_t at_ns;
    unsigned from;
    struct packet_head head;
};

/* False: too much is under way. */
static bool send_one(struct network *n, const struct arrival *a, unsigned to, uint64_t number,
                     const struct impair_decision *d, bool copy)
{
    struct packet *p = under_way_take(n->under_way);
    if (!p) return false;
    p->due_ns = d->due_ns;
    p->number = number;
    p->head = a->head;
    p->len = (uint16_t)a->len;
    p->from = (uint8_t)a->from;
    p->to = (uint8_t)to;
    p->copy = copy;
    p->corrupt = d->corrupt;
    memcpy(p->bytes, a->bytes, a->len);
    if (d->corrupt) impair_damage(p->bytes, a->len, a->head.ip_bytes, d->where);
    under_way_put(n->under_way, p);
    return true;
}

static void carry(struct network *n, const struct arrival *a, unsigned to)
{
    struct direction *way = direction_of(n, a->from, to);
    uint64_t number = way->impair.packets;
    struct impair_decision d = impair_decide(&way->impair, a->at_ns, a->len);
    if (d.fate == IMPAIR_PASSES && !send_one(n, a, to, number, &d, false))
        d.fate = IMPAIR_QUEUE_FULL;
    if (d.fate == IMPAIR_PASSES) {
        if (d.twice) (void)send_one(n, a, to, number, &d, true);
        return;
    }
    way->counts.lost += d.fate == IMPAIR_LOST;
    way->counts.queue_full += d.fate == IMPAIR_QUEUE_FULL;
    way->counts.lost_bytes += a->len;
    show_counts(n, a->from, to);
}

static bool is_for_all(uint32_t address)
{
    return address >> 28 == 0xe || address == UINT32_MAX || address == (SUBNET | BROADCAST);
}

static void route(struct network *n, const struct arrival *a)
{
    bool all = is_for_all(a->head.to);
    for (unsigned to = 0; to < n->setup->sides; to++)
        if (to != a->from && (all || a->head.to == (SUBNET | (to + 1)))) carry(n, a, to);
}

static void take(struct network *n, unsigned from)
{
    uint8_t bytes[PACKET_MAX];
    for (int i = 0; i < TAKE_MAX; i++) {
        ssize_t len = read(n->setup->tuns[from], bytes, sizeof bytes);
        if (len <= 0) return;
        struct arrival a = {.bytes = bytes, .len = (size_t)len, .at_ns = now_ns(), .from = from};
        if (packet_parse(bytes, a.len, &a.head)) route(n, &a); /* IPv6 has no neighbours here */
    }
}

/* --- out --------------------------------------------------------------------------------- */

/* Counted before it is written: whoever has received it finds it in the counts. */
static void count(struct network *n, const struct packet *p)
{
    struct direction *way = direction_of(n, p->from, p->to);
    count_passed(&way->counts, &p->head, p->len);
    way->counts.duplicated += p->copy;
    way->counts.corrupted += p->corrupt;
    if (!p->copy) { /* RFC 4737 §3: a packet is reordered when a later one was there before it */
        way->counts.reordered += p->number < way->next_number;
        if (p->number >= way->next_number) way->next_number = p->number + 1;
    }
    show_counts(n, p->from, p->to);
}

/* When the next packet is due; INT64_MAX: there is none. */
static int64_t let_out(struct network *n)
{
    struct packet *p;
    while ((p = under_way_first(n->under_way))) {
        int64_t late_ns = now_ns() - p->due_ns;
        if (late_ns < 0) return p->due_ns;
        lateness_add(&n->setup->shared->lateness, late_ns);
        count(n, p);
        (void)!write(n->setup->tuns[p->to], p->bytes, p->len); /* fails when the side has gone */
        under_way_drop(n->under_way);
    }
    return INT64_MAX;
}

/* --- the process ------------------------------------------------------------------------- */

static void answer(const struct network *n)
{
    (void)!send(n->setup->control, "", 1, MSG_NOSIGNAL);
}

static void obey(struct network *n)
{
    struct impairment is;
    ssize_t len = recv(n->setup->control, &is, sizeof is, MSG_DONTWAIT);
    if (len == 0) _exit(0);
    if (len != sizeof is) return;
    for (unsigned i = 0; i < NETLAB_SIDES_MAX * NETLAB_SIDES_MAX; i++)
        impair_set(&n->directions[i].impair, &is);
    answer(n);
}

__attribute__((noreturn)) static void forward(struct network *n)
{
    unsigned sides = n->setup->sides;
    struct pollfd fds[NETLAB_SIDES_MAX + 1];
    for (unsigned i = 0; i < sides; i++)
        fds[i] = (struct pollfd){.fd = n->setup->tuns[i], .events = POLLIN};
    fds[sides] = (struct pollfd){.fd = n->setup->control, .events = POLLIN};
    for (;;) {
        int64_t due_ns = let_out(n), wait_ns = due_ns - now_ns() - n->spin_ns;
        if (wait_ns < 0) wait_ns = 0;
        struct timespec t = {wait_ns / NS_PER_SEC, wait_ns % NS_PER_SEC};
        if (ppoll(fds, sides + 1, due_ns == INT64_MAX ? NULL : &t, NULL) <= 0) continue;
        for (unsigned i = 0; i < sides; i++)
            if (fds[i].revents) take(n, i);
        if (fds[sides].revents) obey(n);
    }
}

static int least_from(const struct forward_setup *s, int least)
{
    int found = s->control >= least ? s->control : -1;
    for (unsigned i = 0; i < s->sides; i++)
        if (s->tuns[i] >= least && (found < 0 || s->tuns[i] < found)) found = s->tuns[i];
    return found;
}

/* The parent's pipes and sockets are not to stay open because of us. */
static void close_others(const struct forward_setup *s)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC), from = STDERR_FILENO + 1;
    if (null >= 0) {
        (void)dup2(null, STDIN_FILENO);
        (void)dup2(null, STDOUT_FILENO);
    }
    for (int kept; (kept = least_from(s, from)) >= 0; from = kept + 1)
        if (kept > from) (void)close_range((unsigned)from, (unsigned)kept - 1, 0);
    (void)close_range((unsigned)from, ~0u, 0);
}

static void become_precise(struct network *n)
{
    const struct sched_param priority = {.sched_priority = 1};
    (void)sched_setscheduler(0, SCHED_FIFO, &priority); /* not everybody may */
    (void)prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
    n->spin_ns = sysconf(_SC_NPROCESSORS_ONLN) > 2 ? SPIN_NS : 0;
}

static void stand_alone(const struct forward_setup *s)
{
    /* A terminal's ^C is for the programs in the sides: they may still have something to say. */
    static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGTSTP};
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != s->parent) _exit(0); /* it died before the call above */
    (void)prctl(PR_SET_NAME, "network");
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        (void)signal(ignored[i], SIG_IGN);
    close_others(s);
}

void forward_run(const struct forward_setup *s)
{
    enum { DIRECTIONS = NETLAB_SIDES_MAX * NETLAB_SIDES_MAX };
    struct network n = {.setup = s, .under_way = under_way_new()};
    n.directions = calloc(DIRECTIONS, sizeof *n.directions);
    if (!n.under_way || !n.directions) _exit(1);
    for (unsigned i = 0; i < DIRECTIONS; i++)
        impair_init(&n.directions[i].impair, &s->impairment, s->seed, i);
    stand_alone(s);
    become_precise(&n);
    answer(&n);
    forward(&n);
}
