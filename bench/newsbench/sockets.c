#include "bench/newsbench/sockets.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Calls back with a descriptor of our own for each TCP socket of a process. */
static bool each_socket(pid_t pid, void (*each)(void *user, int fd), void *user)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    int process = (int)syscall(SYS_pidfd_open, pid, 0);
    DIR *fds = process < 0 ? NULL : opendir(path);
    bool ok = fds != NULL;
    for (struct dirent *e; ok && (e = readdir(fds));) {
        if (!isdigit((unsigned char)*e->d_name)) continue;
        int fd = (int)syscall(SYS_pidfd_getfd, process, atoi(e->d_name), 0), protocol = 0;
        socklen_t len = sizeof protocol;
        ok = fd >= 0 || errno == EBADF; /* closed meanwhile */
        if (fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len) == 0 &&
            protocol == IPPROTO_TCP)
            each(user, fd);
        if (fd >= 0) close(fd);
    }
    if (fds) closedir(fds);
    if (process >= 0) close(process);
    return ok;
}

static void count_one(void *user, int fd)
{
    struct tcp_counts *sum = user;
    struct tcp_info info = {0};
    socklen_t len = sizeof info;
    int listening = 0;
    socklen_t flag = sizeof listening;
    (void)getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &flag);
    if (listening || getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0) return;
    sum->sockets++;
    sum->segments += (double)info.tcpi_segs_out + (double)info.tcpi_segs_in;
    sum->bytes += (double)info.tcpi_bytes_sent + (double)info.tcpi_bytes_received;
    sum->retransmitted += (double)info.tcpi_total_retrans;
}

bool sockets_count(pid_t pid, struct tcp_counts *sum)
{
    return each_socket(pid, count_one, sum);
}

struct congestion {
    const char *wanted;
    char *name;
    size_t size;
    bool all;
};

static void set_one(void *user, int fd)
{
    struct congestion *c = user;
    char now[32] = "";
    socklen_t len = sizeof now - 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, c->wanted, (socklen_t)strlen(c->wanted));
    if (getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, now, &len) != 0) return;
    (void)snprintf(c->name, c->size, "%s", now);
    c->all &= strcmp(now, c->wanted) == 0;
}

bool sockets_set_congestion(pid_t pid, const char *wanted, char *name, size_t size)
{
    struct congestion c = {wanted, name, size, true};
    return each_socket(pid, set_one, &c) && c.all;
}
