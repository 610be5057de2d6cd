#include "bench/newsnet/crew.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/date.h"
#include "common/log.h"

#define PATIENCE_MS      5000
#define STATUS_NOT_FOUND 127 /* as a shell has it */

__attribute__((noreturn)) static void become(const struct netlab *n, unsigned side, bool reads,
                                             char **command, pid_t parent)
{
    struct news_error err = {0};
    sigset_t none;
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) _exit(STATUS_NOT_FOUND); /* it died before the call above */
    if (!netlab_enter(n, side, &err)) {
        log_error("%s", err.message);
        _exit(STATUS_NOT_FOUND);
    }
    int null = reads ? -1 : open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null >= 0) (void)dup2(null, STDIN_FILENO);
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)execvp(command[0], command);
    log_error("%s: %s", command[0], strerror(errno));
    _exit(STATUS_NOT_FOUND);
}

static void send_all(const struct crew *c, int signal_number)
{
    for (unsigned i = 0; i < c->count; i++)
        if (!c->members[i].over) (void)kill(c->members[i].pid, signal_number);
}

bool crew_start(struct crew *c, const struct netlab *n, char **const *commands, unsigned count,
                struct news_error *err)
{
    pid_t parent = getpid();
    *c = (struct crew){0};
    for (unsigned i = 0; i < count; i++) {
        pid_t pid = fork();
        if (pid == 0) become(n, i, i + 1 == count, commands[i], parent);
        if (pid < 0) {
            news_fail(err, NEWS_ERR_IO, "%s: %s", commands[i][0], strerror(errno));
            send_all(c, SIGKILL);
            return false;
        }
        log_note("%c, %s: %s, process %d", 'A' + (int)i, netlab_address(i), commands[i][0],
                 (int)pid);
        c->members[c->count++].pid = pid;
    }
    return true;
}

void crew_end(struct crew *c)
{
    send_all(c, c->ending ? SIGKILL : SIGTERM);
    if (c->ending) return;
    c->ending = true;
    c->patience_ms = date_mono_ms() + PATIENCE_MS;
}

static void reap(struct crew *c, unsigned i)
{
    int status;
    pid_t pid;
    do
        pid = waitpid(c->members[i].pid, &status, WNOHANG);
    while (pid < 0 && errno == EINTR);
    if (pid == 0) return;
    c->members[i].over = true;
    if (pid < 0) status = 0; /* not possible: nobody else waits for it */
    c->members[i].status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (c->members[i].status != 0 && !c->ending && i + 1 < c->count)
        log_error("%c ended with status %d", 'A' + (int)i, c->members[i].status);
}

void crew_look(struct crew *c)
{
    for (unsigned i = 0; i < c->count; i++)
        if (!c->members[i].over) reap(c, i);
    if (!c->ending && c->members[c->count - 1].over) crew_end(c);
    if (c->ending && date_mono_ms() >= c->patience_ms) send_all(c, SIGKILL);
}

bool crew_is_over(const struct crew *c)
{
    for (unsigned i = 0; i < c->count; i++)
        if (!c->members[i].over) return false;
    return true;
}

int crew_status(const struct crew *c)
{
    return c->members[c->count - 1].status;
}
