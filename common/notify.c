#include "common/notify.h"

#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { MESSAGE_MAX = 1024 };

/* $NOTIFY_SOCKET as an address: a path, or '@' and an abstract name. False: there is none. */
static bool find_address(struct sockaddr_un *to, socklen_t *len)
{
    const char *name = getenv("NOTIFY_SOCKET");
    size_t name_len = name ? strlen(name) : 0;
    *to = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (name_len < 2 || name_len >= sizeof to->sun_path || !strchr("/@", *name)) return false;
    memcpy(to->sun_path, name, name_len);
    if (*name == '@') to->sun_path[0] = '\0';
    *len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + name_len + (*name == '/'));
    return true;
}

/* A manager that is late is waited for, for a moment: READY=1 must not be lost, and the news must
 * not stop for it. One that has gone is no trouble of ours. */
static void send_message(const char *message, size_t message_len)
{
    struct sockaddr_un to;
    socklen_t to_len;
    struct timeval patience = {.tv_sec = 1};
    if (!find_address(&to, &to_len)) return;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return;
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    (void)sendto(fd, message, message_len, MSG_NOSIGNAL, (const struct sockaddr *)&to, to_len);
    (void)close(fd);
}

void notify(const char *format, ...)
{
    char message[MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(message, sizeof message, format, args);
    va_end(args);
    if (n < 0) return;
    send_message(message, (size_t)n < sizeof message ? (size_t)n : sizeof message - 1);
}

void notify_reloading(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    notify("RELOADING=1\nMONOTONIC_USEC=%lld",
           (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
}

static bool read_number(const char *variable, long long *value)
{
    const char *text = getenv(variable);
    char *end;
    if (!text || !*text) return false;
    *value = strtoll(text, &end, 10);
    return *end == '\0';
}

int notify_watchdog_ms(void)
{
    long long limit_us, pid;
    if (getenv("WATCHDOG_PID") && (!read_number("WATCHDOG_PID", &pid) || pid != getpid()))
        return 0; /* meant for another process */
    if (!read_number("WATCHDOG_USEC", &limit_us) || limit_us <= 0) return 0;
    long long half_ms = limit_us / 2000;
    if (half_ms > INT_MAX) return INT_MAX;
    return half_ms > 0 ? (int)half_ms : 1;
}
