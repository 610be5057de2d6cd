/* newsnet with real namespaces and the kernel's own UDP. Nothing here depends on how fast the
 * machine is: times are bounded from below alone, and counts are exact. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench/newsnet/netlab.h"
#include "common/date.h"
#include "tests/support/program.h"
#include "tests/support/wait.h"

#define PORT      7777
#define DATAGRAMS 1000
#define SIZE      200 /* of a datagram: its number, then zeroes */
#define GROUP     "239.77.0.1"

/* --- a lab ------------------------------------------------------------------------------- */

struct lab {
    struct netlab *network;
    int sockets[NETLAB_SIDES_MAX]; /* UDP, at PORT of each side */
    unsigned sides;
};

static void need_privilege(void)
{
    struct news_error err = {0};
    if (!netlab_possible(&err)) skip_because(err.message);
}

/* A socket stays in the namespace it was made in. */
static int socket_in(const struct netlab *n, unsigned side)
{
    struct news_error err = {0};
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    const int buffer = 8 << 20;
    int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    assert_true(home >= 0);
    if (!netlab_enter(n, side, &err)) fail_msg("%s", err.message);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof a) == 0 &&
              setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer) == 0;
    assert_int_equal(setns(home, CLONE_NEWNET), 0);
    close(home);
    assert_true(ok);
    return fd;
}

static struct lab open_lab(unsigned sides, const struct impairment *is, uint64_t seed)
{
    struct news_error err = {0};
    struct lab l = {.network = netlab_start(sides, is, seed, &err), .sides = sides};
    if (!l.network) fail_msg("%s", err.message);
    for (unsigned i = 0; i < sides; i++)
        l.sockets[i] = socket_in(l.network, i);
    return l;
}

static void close_lab(struct lab *l)
{
    for (unsigned i = 0; i < l->sides; i++)
        close(l->sockets[i]);
    netlab_stop(l->network);
}

static void send_to(const struct lab *l, unsigned from, const char *address, uint32_t number)
{
    char bytes[SIZE] = {0};
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    inet_pton(AF_INET, address, &a.sin_addr);
    memcpy(bytes, &number, sizeof number);
    assert_int_equal(
        sendto(l->sockets[from], bytes, sizeof bytes, 0, (struct sockaddr *)&a, sizeof a), SIZE);
}

/* False: nothing came in time. */
static bool receive(const struct lab *l, unsigned side, int timeout_ms, uint32_t *number)
{
    struct pollfd fd = {.fd = l->sockets[side], .events = POLLIN};
    char bytes[SIZE + 1];
    if (poll(&fd, 1, timeout_ms) <= 0) return false;
    assert_int_equal(recv(fd.fd, bytes, sizeof bytes, 0), SIZE);
    memcpy(number, bytes, sizeof *number);
    return true;
}

/* --- a stream of datagrams from A to B --------------------------------------------------- */

struct arrivals {
    unsigned times[DATAGRAMS];
    unsigned received, missing, twice, reordered;
    struct netlab_counts counts; /* A to B */
};

struct settled {
    const struct lab *lab;
    struct netlab_counts *counts;
};

static bool nothing_is_under_way(void *user)
{
    struct settled *s = user;
    netlab_counts(s->lab->network, 0, 1, s->counts);
    return s->counts->passed - s->counts->duplicated + s->counts->lost + s->counts->queue_full ==
           DATAGRAMS;
}

static void take_all(const struct lab *l, struct arrivals *a)
{
    uint32_t number, next = 0;
    while (a->received < a->counts.passed - a->counts.corrupted &&
           receive(l, 1, WAIT_MS, &number)) {
        assert_true(number < DATAGRAMS);
        if (a->times[number]++ == 0) a->reordered += number < next;
        if (number >= next) next = number + 1;
        a->received++;
    }
    for (size_t i = 0; i < DATAGRAMS; i++) {
        a->missing += a->times[i] == 0;
        a->twice += a->times[i] > 1;
    }
}

static struct arrivals stream(const struct impairment *is, uint64_t seed)
{
    struct arrivals a = {0};
    struct lab l = open_lab(2, is, seed);
    for (uint32_t i = 0; i < DATAGRAMS; i++)
        send_to(&l, 0, netlab_address(1), i);
    assert_true(wait_until(nothing_is_under_way, &(struct settled){&l, &a.counts}, WAIT_MS));
    /* It answers between turns: a copy goes in the same turn as what it is a copy of. */
    assert_true(netlab_impair(l.network, is));
    netlab_counts(l.network, 0, 1, &a.counts);
    take_all(&l, &a);
    assert_int_equal(netlab_unseen(l.network), 0);
    close_lab(&l);
    return a;
}

static void what_is_lost_is_counted_and_the_same_for_a_seed(void **state)
{
    const struct impairment is = {.loss = 0.1, .delay_ms = 2};
    (void)state;
    need_privilege();
    struct arrivals first = stream(&is, 42), again = stream(&is, 42), other = stream(&is, 43);
    assert_in_range(first.missing, 60, 140);
    assert_int_equal(first.missing, first.counts.lost);
    assert_int_equal(first.received, first.counts.passed);
    assert_int_equal(first.counts.lost_bytes, first.counts.lost * (SIZE + 28));
    assert_int_equal(first.counts.udp_bytes, first.counts.passed * (SIZE + 28));
    assert_int_equal(first.counts.header_bytes, first.counts.passed * 28);
    assert_memory_equal(first.times, again.times, sizeof first.times);
    assert_memory_not_equal(first.times, other.times, sizeof first.times);
}

static void copies_are_counted(void **state)
{
    (void)state;
    need_privilege();
    struct arrivals a = stream(&(struct impairment){.duplicate = 0.2}, 1);
    assert_in_range(a.twice, 140, 260);
    assert_int_equal(a.twice, a.counts.duplicated);
    assert_int_equal(a.received, DATAGRAMS + a.twice);
}

static void reordering_is_counted_as_a_receiver_sees_it(void **state)
{
    (void)state;
    need_privilege();
    struct arrivals a = stream(&(struct impairment){.delay_ms = 3, .reorder = 0.1}, 1);
    assert_int_equal(a.missing, 0);
    assert_true(a.reordered > 0);
    assert_int_equal(a.reordered, a.counts.reordered);
    struct arrivals kept = stream(&(struct impairment){.delay_ms = 3, .jitter_ms = 3}, 1);
    assert_int_equal(kept.reordered, 0);
    assert_int_equal(kept.counts.reordered, 0);
}

static void the_kernel_drops_what_is_damaged(void **state)
{
    (void)state;
    need_privilege();
    struct arrivals a = stream(&(struct impairment){.corrupt = 0.1}, 1);
    assert_in_range(a.counts.corrupted, 60, 140);
    assert_int_equal(a.missing, a.counts.corrupted);
}

static void a_full_queue_drops_and_counts(void **state)
{
    (void)state;
    need_privilege();
    struct arrivals a = stream(&(struct impairment){.rate_kbit = 1000, .queue_packets = 20}, 1);
    assert_true(a.counts.queue_full > 0);
    assert_int_equal(a.missing, a.counts.queue_full);
}

/* --- time, sides, changes ---------------------------------------------------------------- */

static void there_and_back_takes_the_delay_twice(void **state)
{
    struct netlab_lateness late;
    (void)state;
    need_privilege();
    struct lab l = open_lab(2, &(struct impairment){.delay_ms = 20}, 1);
    for (uint32_t i = 0; i < 5; i++) {
        uint32_t number;
        struct timespec from, to;
        clock_gettime(CLOCK_MONOTONIC, &from);
        send_to(&l, 0, netlab_address(1), i);
        assert_true(receive(&l, 1, WAIT_MS, &number));
        send_to(&l, 1, netlab_address(0), number);
        assert_true(receive(&l, 0, WAIT_MS, &number));
        clock_gettime(CLOCK_MONOTONIC, &to);
        assert_true((to.tv_sec - from.tv_sec) * 1000000000 + to.tv_nsec - from.tv_nsec >= 40000000);
        assert_int_equal(number, i);
    }
    netlab_lateness(l.network, &late);
    assert_true(late.p50 <= late.p99 && late.p99 <= late.most && late.most > 0);
    close_lab(&l);
}

static void join_group(const struct lab *l, unsigned side)
{
    struct ip_mreq m = {0};
    inet_pton(AF_INET, GROUP, &m.imr_multiaddr);
    inet_pton(AF_INET, netlab_address(side), &m.imr_interface);
    assert_int_equal(setsockopt(l->sockets[side], IPPROTO_IP, IP_ADD_MEMBERSHIP, &m, sizeof m), 0);
}

static void packets_go_where_they_are_addressed_to(void **state)
{
    struct netlab_counts c;
    const int yes = 1;
    uint32_t number;
    (void)state;
    need_privilege();
    struct lab l = open_lab(3, &(struct impairment){0}, 1);
    join_group(&l, 1);
    join_group(&l, 2);
    assert_int_equal(setsockopt(l.sockets[0], SOL_SOCKET, SO_BROADCAST, &yes, sizeof yes), 0);
    netlab_clear(l.network); /* the kernel has told of the groups */
    send_to(&l, 0, netlab_address(2), 1);
    send_to(&l, 0, GROUP, 2);
    send_to(&l, 0, "10.77.0.255", 3);
    send_to(&l, 0, "10.77.0.200", 4); /* nobody */
    for (uint32_t i = 1; i <= 3; i++)
        assert_true(receive(&l, 2, WAIT_MS, &number) && number == i);
    for (uint32_t i = 2; i <= 3; i++)
        assert_true(receive(&l, 1, WAIT_MS, &number) && number == i);
    netlab_counts(l.network, 0, 1, &c);
    assert_int_equal(c.udp_packets, 2);
    netlab_counts(l.network, 0, 2, &c);
    assert_int_equal(c.udp_packets, 3);
    netlab_counts(l.network, 2, 1, &c);
    assert_int_equal(c.udp_packets, 0);
    close_lab(&l);
}

static void an_impairment_can_be_changed_and_counts_begun_again(void **state)
{
    struct netlab_counts c;
    uint32_t number;
    (void)state;
    need_privilege();
    struct lab l = open_lab(2, &(struct impairment){.loss = 1}, 1);
    for (uint32_t i = 0; i < 10; i++)
        send_to(&l, 0, netlab_address(1), i);
    while (netlab_counts(l.network, 0, 1, &c), c.lost < 10)
        assert_true(netlab_alive(l.network));
    assert_false(netlab_impair(l.network, &(struct impairment){.loss = 2}));
    assert_true(netlab_impair(l.network, &(struct impairment){0}));
    netlab_clear(l.network);
    send_to(&l, 0, netlab_address(1), 99);
    assert_true(receive(&l, 1, WAIT_MS, &number) && number == 99);
    netlab_counts(l.network, 0, 1, &c);
    assert_true(c.passed == 1 && c.lost == 0);
    close_lab(&l);
}

static void sides_and_numbers_are_checked(void **state)
{
    const struct impairment bad = {.loss = 2};
    struct news_error err = {0};
    (void)state;
    assert_null(netlab_start(1, &(struct impairment){0}, 1, &err));
    assert_int_equal(err.code, NEWS_ERR_USAGE);
    assert_null(netlab_start(NETLAB_SIDES_MAX + 1, &(struct impairment){0}, 1, &err));
    assert_null(netlab_start(2, &bad, 1, &err));
}

/* --- the program ------------------------------------------------------------------------- */

static void the_status_is_the_last_commands_and_counts_are_told(void **state)
{
    need_privilege();
    struct outcome o = scene_run(*state, NULL,
                                 ARGV(NEWSNET_PATH, "-d", "1", "-l", "0", "-s", "7", "--", "sleep",
                                      "1000", "--", "sh", "-c", "exit 23"));
    assert_exit(o, 23);
    assert_says(o.err, "newsnet: A to B: 0 passed, 0 lost, 0 did not fit\n");
    assert_says(o.err, "newsnet: B to A: 0 passed, 0 lost, 0 did not fit\n");
    assert_says(o.err, "newsnet: the network was late by ");
}

static void the_last_command_has_standard_input_and_signals_count(void **state)
{
    need_privilege();
    struct outcome o = scene_run(*state, "kill -KILL $$\n",
                                 ARGV(NEWSNET_PATH, "--", "sleep", "1000", "--", "sh"));
    assert_exit(o, 128 + SIGKILL);
}

static void a_wrong_command_line_is_refused(void **state)
{
    static const char *const wrong[][8] = {
        {NEWSNET_PATH, NULL},
        {NEWSNET_PATH, "--", "true", NULL},
        {NEWSNET_PATH, "--", "true", "--", NULL},
        {NEWSNET_PATH, "-l", "101", "--", "true", "--", "true", NULL},
        {NEWSNET_PATH, "-d", "1x", "--", "true", "--", "true", NULL},
        {NEWSNET_PATH, "stray", "--", "true", "--", "true", NULL},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct outcome o = scene_run(*state, NULL, wrong[i]);
        assert_exit(o, EX_USAGE);
        assert_says(o.err, "try --help");
    }
}

/* Gone, or a zombie that nobody has waited for yet. */
static bool is_gone(void *user)
{
    char path[64], text[256] = "";
    (void)snprintf(path, sizeof path, "/proc/%s/stat", (const char *)user);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return true;
    (void)!read(fd, text, sizeof text - 1);
    close(fd);
    const char *name_end = strrchr(text, ')');
    return !name_end || strncmp(name_end, ") Z", 3) == 0;
}

static void read_pid(struct process *p, char out[32])
{
    (void)snprintf(out, 32, "%s", read_line(p));
    out[strcspn(out, "\n")] = '\0';
}

static void nothing_is_left_when_newsnet_is_killed(void **state)
{
    char a[32], b[32];
    need_privilege();
    struct process *p = scene_start(*state,
                                    ARGV(NEWSNET_PATH, "--", "sh", "-c", "echo $$; exec sleep 1000",
                                         "--", "sh", "-c", "echo $$; exec sleep 1000"));
    read_pid(p, a);
    read_pid(p, b);
    assert_false(is_gone(a));
    assert_int_equal(kill(process_pid(p), SIGKILL), 0);
    assert_true(wait_until(is_gone, a, WAIT_MS));
    assert_true(wait_until(is_gone, b, WAIT_MS));
    /* The network had our pipes, and has let go of them. */
    assert_int_equal(scene_wait(p).status, 128 + SIGKILL);
}

static void a_signal_ends_all_of_it_in_order(void **state)
{
    char a[32];
    need_privilege();
    struct process *p = scene_start(*state, ARGV(NEWSNET_PATH, "--", "sh", "-c",
                                                 "trap 'echo ended; exit 0' TERM; echo $$; "
                                                 "while :; do sleep 0.05; done",
                                                 "--", "sleep", "1000"));
    read_pid(p, a);
    assert_int_equal(kill(process_pid(p), SIGTERM), 0);
    assert_string_equal(read_line(p), "ended");
    struct outcome o = scene_wait(p);
    assert_exit(o, 128 + SIGTERM);
    assert_says(o.err, "newsnet: A to B: ");
    assert_true(is_gone(a));
}

/* As root without CAP_SYS_ADMIN, or as whoever we are: the same refusal. */
static void without_privilege_it_says_so(void **state)
{
    int ends[2], status;
    char said[1024] = "";
    (void)state;
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        (void)prctl(PR_CAPBSET_DROP, CAP_SYS_ADMIN, 0, 0, 0);
        (void)dup2(ends[1], STDERR_FILENO);
        execl(NEWSNET_PATH, "newsnet", "--", "true", "--", "true", (char *)NULL);
        _exit(1);
    }
    close(ends[1]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    (void)!read(ends[0], said, sizeof said - 1);
    close(ends[0]);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), EX_NOPERM);
    assert_says(said, "needs root");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_lost_is_counted_and_the_same_for_a_seed),
        cmocka_unit_test(copies_are_counted),
        cmocka_unit_test(reordering_is_counted_as_a_receiver_sees_it),
        cmocka_unit_test(the_kernel_drops_what_is_damaged),
        cmocka_unit_test(a_full_queue_drops_and_counts),
        cmocka_unit_test(there_and_back_takes_the_delay_twice),
        cmocka_unit_test(packets_go_where_they_are_addressed_to),
        cmocka_unit_test(an_impairment_can_be_changed_and_counts_begun_again),
        cmocka_unit_test(sides_and_numbers_are_checked),
        TEST(the_status_is_the_last_commands_and_counts_are_told),
        TEST(the_last_command_has_standard_input_and_signals_count),
        TEST(a_wrong_command_line_is_refused),
        TEST(nothing_is_left_when_newsnet_is_killed),
        TEST(a_signal_ends_all_of_it_in_order),
        cmocka_unit_test(without_privilege_it_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
