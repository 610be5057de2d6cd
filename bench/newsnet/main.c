/* newsnet - a network that loses and delays, between two programs on one machine.
 *
 * Two network namespaces, each with a TUN device, and this process between them: IP packets are
 * read from one, kept for the delay, dropped by chance, and written to the other. Whatever runs in
 * the namespaces is not asked: kernel TCP meets real loss of segments. The same seed drops the same
 * packets if the same packets come. Needs CAP_NET_ADMIN and CAP_SYS_ADMIN (root) and /dev/net/tun.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MTU        1500
#define QUEUED_MAX 4096 /* packets under way each way; the network drops what is beyond */

struct packet {
    int64_t due_us;
    size_t len;
    uint8_t bytes[MTU];
};

struct direction { /* the delay is the same for all, so first in is first out */
    int in, out;
    uint64_t random;
    unsigned head, count;
    unsigned long passed, lost, overflowed;
    struct packet *queue;
};

struct options {
    double delay_ms, loss; /* each way */
    uint64_t seed;
    char **commands[2];
};

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

__attribute__((noreturn)) static void fail(const char *what)
{
    fprintf(stderr, "newsnet: %s: %s\n", what, strerror(errno));
    exit(69);
}

/* --- the two namespaces ------------------------------------------------------------------ */

static void configure(int fd, const char *device, unsigned long request, struct ifreq *r)
{
    snprintf(r->ifr_name, sizeof r->ifr_name, "%s", device);
    if (ioctl(fd, request, r) != 0) fail(device);
}

static void set_address(int fd, const char *device, unsigned long request, const char *text)
{
    struct ifreq r = {0};
    struct sockaddr_in a = {.sin_family = AF_INET};
    inet_pton(AF_INET, text, &a.sin_addr);
    memcpy(&r.ifr_addr, &a, sizeof a);
    configure(fd, device, request, &r);
}

static void bring_up(int fd, const char *device)
{
    struct ifreq r = {0};
    r.ifr_flags = IFF_UP | IFF_RUNNING;
    configure(fd, device, SIOCSIFFLAGS, &r);
}

/* Leaves this process in the new namespace; *net is a handle to it. Returns the TUN. */
static int make_side(const char *address, int *net)
{
    struct ifreq r = {.ifr_flags = IFF_TUN | IFF_NO_PI, .ifr_name = "news0"};
    if (unshare(CLONE_NEWNET) != 0) fail("a network namespace");
    int tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (tun < 0 || ioctl(tun, TUNSETIFF, &r) != 0) fail("/dev/net/tun");
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bring_up(fd, "lo");
    set_address(fd, "news0", SIOCSIFADDR, address);
    set_address(fd, "news0", SIOCSIFNETMASK, "255.255.255.0");
    r.ifr_mtu = MTU;
    configure(fd, "news0", SIOCSIFMTU, &r);
    bring_up(fd, "news0");
    close(fd);
    *net = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (*net < 0) fail("/proc/self/ns/net");
    return tun;
}

static pid_t start(char **command, int net)
{
    pid_t child = fork();
    if (child < 0) fail("fork");
    if (child > 0) return child;
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (setns(net, CLONE_NEWNET) != 0) fail("setns");
    execvp(command[0], command);
    fprintf(stderr, "newsnet: %s: %s\n", command[0], strerror(errno));
    _exit(127);
}

/* --- between them ------------------------------------------------------------------------ */

/* xorshift64*: a number of its own for each direction. */
static double chance(struct direction *d)
{
    d->random ^= d->random >> 12;
    d->random ^= d->random << 25;
    d->random ^= d->random >> 27;
    return (double)((d->random * 0x2545f4914f6cdd1du) >> 11) / 9007199254740992.0;
}

static void take(struct direction *d, const struct options *o)
{
    uint8_t bytes[MTU + 1];
    ssize_t n;
    while ((n = read(d->in, bytes, sizeof bytes)) > 0) {
        if ((bytes[0] >> 4) != 4) continue; /* IPv6 looks for neighbours; nobody is there */
        if (chance(d) < o->loss) {
            d->lost++;
        } else if (d->count == QUEUED_MAX || n > MTU) {
            d->overflowed++;
        } else {
            struct packet *p = &d->queue[(d->head + d->count++) % QUEUED_MAX];
            p->due_us = now_us() + (int64_t)(o->delay_ms * 1000);
            p->len = (size_t)n;
            memcpy(p->bytes, bytes, (size_t)n);
        }
    }
}

static int64_t let_out(struct direction *d)
{
    while (d->count > 0) {
        struct packet *p = &d->queue[d->head];
        if (p->due_us > now_us()) return p->due_us;
        if (write(d->out, p->bytes, p->len) > 0) d->passed++;
        d->head = (d->head + 1) % QUEUED_MAX;
        d->count--;
    }
    return INT64_MAX;
}

/* Until the second command ends; its exit status. */
static int forward(struct direction *ways, const struct options *o, pid_t second)
{
    int status;
    for (;;) {
        int64_t due = now_us() + 50000; /* and look for the child */
        for (int i = 0; i < 2; i++) {
            int64_t next = let_out(&ways[i]);
            if (next < due) due = next;
        }
        if (waitpid(second, &status, WNOHANG) == second)
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        int64_t wait = due - now_us();
        struct timespec t = {0, wait > 0 ? (long)wait * 1000 : 0};
        struct pollfd fds[2] = {{.fd = ways[0].in, .events = POLLIN},
                                {.fd = ways[1].in, .events = POLLIN}};
        if (ppoll(fds, 2, &t, NULL) <= 0) continue;
        for (int i = 0; i < 2; i++)
            if (fds[i].revents) take(&ways[i], o);
    }
}

/* --- the command line -------------------------------------------------------------------- */

static const char usage[] =
    "Usage: newsnet [-d MS] [-l PERCENT] [-s SEED] -- COMMAND_A... -- COMMAND_B...\n"
    "\n"
    "Runs COMMAND_A at 10.77.0.1 and COMMAND_B at 10.77.0.2, with a network between them that\n"
    "delays each packet by MS milliseconds and loses PERCENT of them, each way. When B ends, A is\n"
    "sent SIGTERM, and the status is B's. What passed and was lost is told on standard error.\n"
    "UNIX sockets and files are shared as ever. Needs root and /dev/net/tun.\n";

__attribute__((noreturn)) static void refuse(void)
{
    fputs(usage, stderr);
    exit(64);
}

static double number(const char *text, double most)
{
    char *end;
    double value = strtod(text, &end);
    if (*end || !(value >= 0 && value <= most)) refuse();
    return value;
}

static void parse(struct options *o, int argc, char **argv)
{
    int at = 1;
    for (; at + 1 < argc && strcmp(argv[at], "--") != 0; at += 2) {
        if (strcmp(argv[at], "-d") == 0) o->delay_ms = number(argv[at + 1], 60000);
        else if (strcmp(argv[at], "-l") == 0) o->loss = number(argv[at + 1], 100) / 100;
        else if (strcmp(argv[at], "-s") == 0) o->seed = (uint64_t)number(argv[at + 1], 1e15);
        else refuse();
    }
    if (at >= argc || strcmp(argv[at], "--") != 0) refuse();
    o->commands[0] = argv + at + 1;
    for (at++; at < argc && strcmp(argv[at], "--") != 0; at++)
        ;
    if (at + 1 >= argc || o->commands[0] == argv + at) refuse();
    argv[at] = NULL;
    o->commands[1] = argv + at + 1;
}

int main(int argc, char **argv)
{
    struct options o = {.seed = 1};
    struct direction ways[2] = {0};
    int nets[2], tuns[2];
    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        fputs(usage, stdout);
        return 0;
    }
    parse(&o, argc, argv);
    for (int i = 0; i < 2; i++)
        tuns[i] = make_side(i ? "10.77.0.2" : "10.77.0.1", &nets[i]);
    for (int i = 0; i < 2; i++) {
        ways[i] = (struct direction){.in = tuns[i],
                                     .out = tuns[1 - i],
                                     .random = (o.seed * 2 + (uint64_t)i + 1) * 0x9e3779b97f4a7c15u,
                                     .queue = calloc(QUEUED_MAX, sizeof *ways[i].queue)};
        if (!ways[i].queue) fail("memory");
    }
    pid_t first = start(o.commands[0], nets[0]), second = start(o.commands[1], nets[1]);
    int status = forward(ways, &o, second);
    kill(first, SIGTERM);
    waitpid(first, NULL, 0);
    for (int i = 0; i < 2; i++)
        fprintf(stderr, "newsnet: %s: %lu passed, %lu lost, %lu did not fit\n",
                i ? "B to A" : "A to B", ways[i].passed, ways[i].lost, ways[i].overflowed);
    return status;
}
