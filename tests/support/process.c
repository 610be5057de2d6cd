#include "tests/support/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/date.h"
#include "tests/support/wait.h"

struct process {
    pid_t pid;
    bool over;
    int status;       /* once over */
    int in, out, err; /* our ends of the pipes; -1: none, or closed */
    struct buf output, errors, line;
    size_t line_start; /* in output: where the next process_read_line() begins */
};

/* --- starting ---------------------------------------------------------------------------- */

struct streams {
    int child[3], ours[3];
};

static void close_fd(int *fd)
{
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

static bool open_stream(struct streams *s, int number, const struct process_redirect *r)
{
    int flags = number == STDIN_FILENO ? O_RDONLY : O_WRONLY | O_CREAT | O_TRUNC;
    int ends[2];
    switch (r->stream) {
    case PROCESS_INHERIT: s->child[number] = fcntl(number, F_DUPFD_CLOEXEC, 3); break;
    case PROCESS_NULL: s->child[number] = open("/dev/null", O_RDWR | O_CLOEXEC); break;
    case PROCESS_FILE: s->child[number] = open(r->path, flags | O_CLOEXEC, 0600); break;
    case PROCESS_PIPE:
        if (pipe2(ends, O_CLOEXEC) < 0) return false;
        s->child[number] = ends[number == STDIN_FILENO ? 0 : 1];
        s->ours[number] = ends[number == STDIN_FILENO ? 1 : 0];
        break;
    }
    return s->child[number] >= 0;
}

static void close_streams(int fds[3])
{
    for (int i = 0; i < 3; i++)
        close_fd(&fds[i]);
}

static bool open_streams(struct streams *s, const struct process_options *o)
{
    for (int i = 0; i < 3; i++)
        s->child[i] = s->ours[i] = -1;
    if (open_stream(s, 0, &o->in) && open_stream(s, 1, &o->out) && open_stream(s, 2, &o->err))
        return true;
    close_streams(s->child);
    close_streams(s->ours);
    return false;
}

/* Between fork and exec: async-signal-safe calls only, but for putenv(), which is safe enough in
 * the single thread that is left as long as the parent did not hold its lock. */
static void become(const struct process_options *o, const struct streams *s, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(127); /* it died before the call above */
    for (int i = 0; i < 3; i++)
        if (dup2(s->child[i], i) < 0) return;
    /* Both survive exec, and neither is what a program expects: libmosquitto ignores SIGPIPE. */
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    if (o->directory && chdir(o->directory) != 0) return;
    for (const char *const *e = o->environment; e && *e; e++)
        putenv((char *)(uintptr_t)*e);
    execvp(o->argv[0], (char *const *)(uintptr_t)o->argv);
}

/* The child reports what stopped it through a pipe that a successful exec closes. */
static pid_t fork_and_exec(const struct process_options *o, const struct streams *s)
{
    int report[2];
    if (pipe2(report, O_CLOEXEC) < 0) return -1;
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        become(o, s, parent);
        int why = errno;
        (void)!write(report[1], &why, sizeof why);
        _exit(127);
    }
    int why = pid < 0 ? errno : 0;
    close(report[1]);
    if (pid > 0 && read(report[0], &why, sizeof why) == sizeof why) {
        (void)waitpid(pid, NULL, 0);
        pid = -1;
    }
    close(report[0]);
    errno = why;
    return pid;
}

struct process *process_start(const struct process_options *o)
{
    struct streams s;
    struct process *p = calloc(1, sizeof *p);
    if (!p) return NULL;
    if (!open_streams(&s, o)) {
        free(p);
        return NULL;
    }
    p->pid = fork_and_exec(o, &s);
    int why = errno;
    close_streams(s.child);
    if (p->pid < 0) {
        close_streams(s.ours);
        free(p);
        errno = why;
        return NULL;
    }
    p->in = s.ours[0];
    p->out = s.ours[1];
    p->err = s.ours[2];
    return p;
}

pid_t process_pid(const struct process *p)
{
    return p->pid;
}

/* --- output ------------------------------------------------------------------------------ */

static void take(int *fd, struct buf *into)
{
    char *room = buf_reserve(into, 65536);
    ssize_t n = room ? read(*fd, room, 65536) : 0;
    if (n < 0 && errno == EINTR) return;
    if (n <= 0) {
        close_fd(fd);
        return;
    }
    into->len += (size_t)n;
    into->data[into->len] = '\0';
}

/* Reads what there is, waiting for it at most timeout_ms. False: nothing will come any more. */
static bool gather(struct process *p, int timeout_ms)
{
    struct pollfd fds[2] = {{.fd = p->out, .events = POLLIN}, {.fd = p->err, .events = POLLIN}};
    if (p->out < 0 && p->err < 0) return false;
    if (poll(fds, 2, timeout_ms) > 0) {
        if (fds[0].revents) take(&p->out, &p->output);
        if (fds[1].revents) take(&p->err, &p->errors);
    }
    return true;
}

static const char *next_line(struct process *p)
{
    const char *start = p->output.data + p->line_start;
    size_t left = p->output.len - p->line_start;
    const char *end = left ? memchr(start, '\n', left) : NULL;
    if (!end && (p->out >= 0 || left == 0)) return NULL;
    size_t len = end ? (size_t)(end - start) : left;
    p->line_start += end ? len + 1 : len;
    buf_clear(&p->line);
    buf_put(&p->line, start, len);
    return p->line.data;
}

const char *process_read_line(struct process *p, int timeout_ms)
{
    int64_t deadline_ms = date_mono_ms() + timeout_ms;
    for (;;) {
        const char *line = next_line(p);
        if (line || p->out < 0) return line;
        if (date_mono_ms() >= deadline_ms) return NULL;
        gather(p, wait_left_ms(deadline_ms));
    }
}

static bool expect(struct process *p, const struct buf *in, const char *text, int timeout_ms)
{
    int64_t deadline_ms = date_mono_ms() + timeout_ms;
    for (;;) {
        if (in->len && memmem(in->data, in->len, text, strlen(text))) return true;
        if (date_mono_ms() >= deadline_ms) return false;
        if (!gather(p, wait_left_ms(deadline_ms))) return false;
    }
}

bool process_expect_output(struct process *p, const char *text, int timeout_ms)
{
    return expect(p, &p->output, text, timeout_ms);
}

bool process_expect_errors(struct process *p, const char *text, int timeout_ms)
{
    return expect(p, &p->errors, text, timeout_ms);
}

static const char *whole(const struct buf *b, size_t *len)
{
    if (len) *len = b->len;
    return b->data ? b->data : "";
}

const char *process_output(const struct process *p, size_t *len)
{
    return whole(&p->output, len);
}

const char *process_errors(const struct process *p, size_t *len)
{
    return whole(&p->errors, len);
}

/* --- input ------------------------------------------------------------------------------- */

/* Writes with SIGPIPE held back, and takes it off the queue if it came. */
static ssize_t write_quietly(int fd, const void *bytes, size_t len)
{
    sigset_t pipe_only, before;
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_only, &before);
    ssize_t n = write(fd, bytes, len);
    int why = errno;
    const struct timespec now = {0};
    if (n < 0 && why == EPIPE) (void)sigtimedwait(&pipe_only, NULL, &now);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = why;
    return n;
}

/* The child may be blocked on its own output while we write: both are served. */
bool process_write(struct process *p, const void *bytes, size_t len)
{
    const char *at = bytes;
    int64_t deadline_ms = date_mono_ms() + WAIT_MS;
    if (p->in < 0) return false;
    (void)fcntl(p->in, F_SETFL, O_NONBLOCK);
    while (len > 0) {
        ssize_t n = write_quietly(p->in, at, len);
        if (n > 0) {
            at += n;
            len -= (size_t)n;
            continue;
        }
        if (errno != EAGAIN && errno != EINTR) return false;
        struct pollfd room = {.fd = p->in, .events = POLLOUT};
        if (date_mono_ms() >= deadline_ms) return false;
        (void)poll(&room, 1, 10);
        gather(p, 0);
    }
    return true;
}

bool process_puts(struct process *p, const char *text)
{
    return process_write(p, text, strlen(text));
}

void process_close_input(struct process *p)
{
    close_fd(&p->in);
}

/* --- the end ----------------------------------------------------------------------------- */

static bool reap(struct process *p, int flags)
{
    int status = 0;
    if (p->over) return true;
    pid_t pid = waitpid(p->pid, &status, flags);
    if (pid != p->pid) return false;
    p->over = true;
    p->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return true;
}

bool process_is_running(struct process *p)
{
    return !reap(p, WNOHANG);
}

int process_wait(struct process *p, int timeout_ms)
{
    int64_t deadline_ms = date_mono_ms() + timeout_ms;
    while (!reap(p, WNOHANG)) {
        int left_ms = wait_left_ms(deadline_ms);
        if (left_ms == 0) return PROCESS_TIMEOUT;
        /* Short steps: a grandchild may hold the pipes open longer than our child lives. */
        if (!gather(p, left_ms < 10 ? left_ms : 10)) (void)poll(NULL, 0, left_ms < 5 ? left_ms : 5);
    }
    while (p->out >= 0 || p->err >= 0) { /* what it left in the pipes */
        size_t before = p->output.len + p->errors.len;
        int open_before = (p->out >= 0) + (p->err >= 0);
        gather(p, 0);
        if (p->output.len + p->errors.len == before && (p->out >= 0) + (p->err >= 0) == open_before)
            break;
    }
    return p->status;
}

void process_signal(struct process *p, int number)
{
    if (process_is_running(p)) (void)kill(p->pid, number);
}

void process_free(struct process *p)
{
    if (!p) return;
    process_signal(p, SIGKILL);
    (void)reap(p, 0);
    close_fd(&p->in);
    close_fd(&p->out);
    close_fd(&p->err);
    buf_deinit(&p->output);
    buf_deinit(&p->errors);
    buf_deinit(&p->line);
    free(p);
}

int process_run(const char *const *argv, const char *input, int timeout_ms, struct process **p)
{
    const struct process_options o = {
        .argv = argv,
        .in = {.stream = input ? PROCESS_PIPE : PROCESS_NULL},
        .out = {.stream = PROCESS_PIPE},
        .err = {.stream = PROCESS_PIPE},
    };
    *p = process_start(&o);
    if (!*p) return PROCESS_TIMEOUT;
    if (input) (void)process_puts(*p, input); /* one that does not want it all may say so */
    process_close_input(*p);
    return process_wait(*p, timeout_ms);
}

bool process_exists(const char *name, char *path, size_t size)
{
    const char *in_path = getenv("PATH");
    char folders[4096];
    if (*name == '/') return snprintf(path, size, "%s", name) < (int)size && access(path, X_OK) == 0;
    snprintf(folders, sizeof folders, "%s:/usr/sbin:/sbin", in_path ? in_path : "/usr/bin:/bin");
    char *rest = folders;
    for (char *folder; (folder = strsep(&rest, ":")) != NULL;) {
        int n = snprintf(path, size, "%s/%s", *folder ? folder : ".", name);
        if (n > 0 && (size_t)n < size && access(path, X_OK) == 0) return true;
    }
    return false;
}
