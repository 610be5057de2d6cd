#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "common/buf.h"
#include "subscriber/screen_parts.h"

#define ENDING_MAX       512
#define PATIENCE_MS      500 /* for a terminal that does not take the end of a screen */
#define CRASH_STACK_SIZE 32768
#define CANCEL           "\030" /* CAN: ends an escape sequence of which only a part was sent */

/* What ends a process without asking it. */
static const int crash_signals[] = {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGQUIT};
#define CRASH_SIGNALS (sizeof crash_signals / sizeof *crash_signals)

/* Static, since a crashing process can trust little else. */
static struct {
    int fd; /* -1: none */
    struct termios before;
    char ending[ENDING_MAX];
    size_t ending_len;
    volatile sig_atomic_t taken;
    pid_t owner; /* a child that was forked must leave the terminal alone */
    struct buf pending;
    bool gone;
    bool owns_stack;
    struct sigaction others[CRASH_SIGNALS];
} tty = {.fd = -1};

/* ------------------------------------------------------------------------------------ Sending */

/* Async-signal-safe. Returns the bytes sent; gives up when the terminal takes nothing for
 * patience_ms. */
static size_t write_patiently(const char *bytes, size_t len, int patience_ms)
{
    size_t at = 0;
    while (at < len) {
        struct pollfd room = {.fd = tty.fd, .events = POLLOUT};
        if (poll(&room, 1, patience_ms) <= 0 || !(room.revents & POLLOUT)) break;
        ssize_t n = write(tty.fd, bytes + at, len - at);
        if (n <= 0) break;
        at += (size_t)n;
    }
    return at;
}

void tty_send(const char *bytes, size_t len)
{
    if (!tty.gone) buf_put(&tty.pending, bytes, len);
}

bool tty_flush(void)
{
    while (tty.pending.len > 0) {
        ssize_t n = write(tty.fd, tty.pending.data, tty.pending.len);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno != EAGAIN) {
            tty.gone = true;
            buf_clear(&tty.pending);
            break;
        }
        if (n <= 0) return false;
        buf_consume(&tty.pending, (size_t)n);
    }
    return true;
}

bool tty_waits(void)
{
    return tty.pending.len > 0;
}

bool tty_ready(void)
{
    struct pollfd room = {.fd = tty.fd, .events = POLLOUT};
    return tty_flush() && poll(&room, 1, 0) == 1 && room.revents & POLLOUT;
}

bool tty_is_gone(void)
{
    struct pollfd line = {.fd = tty.fd};
    return tty.gone || (poll(&line, 1, 0) == 1 && line.revents);
}

bool tty_size(int *rows, int *columns)
{
    struct winsize size;
    if (ioctl(tty.fd, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0) return false;
    *rows = size.ws_row;
    *columns = size.ws_col;
    return true;
}

/* -------------------------------------------------------------------------------------- Modes */

/* Ctrl-C, Ctrl-\ and Ctrl-Z stay signals; all other keys are keys. */
static void set_raw(void)
{
    struct termios raw = tty.before;
    raw.c_iflag &= ~(tcflag_t)(BRKINT | INPCK | ISTRIP | INLCR | IGNCR | ICRNL | IXON | PARMRK);
    raw.c_oflag &= ~(tcflag_t)OPOST;
    raw.c_cflag = (raw.c_cflag & ~(tcflag_t)CSIZE) | CS8;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ECHONL | IEXTEN);
    raw.c_lflag |= ISIG;
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    (void)tcsetattr(tty.fd, TCSANOW, &raw);
}

/* At exit() and in a crash. Async-signal-safe. */
static void put_back(void)
{
    if (!tty.taken || getpid() != tty.owner) return;
    tty.taken = 0;
    if (tty.pending.len > 0) (void)write_patiently(CANCEL, 1, PATIENCE_MS);
    (void)write_patiently(tty.ending, tty.ending_len, PATIENCE_MS);
    (void)tcsetattr(tty.fd, TCSANOW, &tty.before);
}

void tty_take(const char *ending, size_t len)
{
    tty.ending_len = len < ENDING_MAX ? len : 0;
    memcpy(tty.ending, ending, tty.ending_len);
    tty.owner = getpid();
    tty.taken = 1; /* first: to put back what was not changed does no harm */
    set_raw();
}

bool tty_is_taken(void)
{
    return tty.taken;
}

void tty_give_back(void)
{
    size_t sent = write_patiently(tty.pending.data, tty.pending.len, PATIENCE_MS);
    buf_consume(&tty.pending, sent);
    if (tty.pending.len > 0) {
        put_back();
        buf_clear(&tty.pending);
    }
    (void)tcsetattr(tty.fd, TCSANOW, &tty.before);
    tty.taken = 0;
}

/* ------------------------------------------------------------------------------------ Crashes */

static void on_crash(int number, siginfo_t *info, void *context)
{
    (void)context;
    int why = errno;
    put_back();
    for (size_t i = 0; i < CRASH_SIGNALS; i++)
        if (crash_signals[i] == number) (void)sigaction(number, &tty.others[i], NULL);
    /* A fault happens again when we return, and meets whoever handled it before us. What was sent
     * must be sent again; it waits until we have returned. */
    bool was_sent = info->si_code <= 0 || number == SIGQUIT;
    if (was_sent) (void)raise(number);
    errno = why;
}

/* A stack overflow leaves no stack to handle it on. A sanitizer brings its own. */
static void use_crash_stack(void)
{
    static char memory[CRASH_STACK_SIZE];
    stack_t now;
    if (sigaltstack(NULL, &now) != 0 || !(now.ss_flags & SS_DISABLE)) return;
    const stack_t ours = {.ss_sp = memory, .ss_size = sizeof memory};
    tty.owns_stack = sigaltstack(&ours, NULL) == 0;
}

static void catch_crashes(void)
{
    struct sigaction action = {.sa_sigaction = on_crash, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigfillset(&action.sa_mask);
    use_crash_stack();
    for (size_t i = 0; i < CRASH_SIGNALS; i++)
        (void)sigaction(crash_signals[i], &action, &tty.others[i]);
}

static void leave_crashes(void)
{
    for (size_t i = 0; i < CRASH_SIGNALS; i++)
        (void)sigaction(crash_signals[i], &tty.others[i], NULL);
    const stack_t none = {.ss_flags = SS_DISABLE};
    if (tty.owns_stack) (void)sigaltstack(&none, NULL);
    tty.owns_stack = false;
}

/* -------------------------------------------------------------------------------- Open, close */

/* O_NONBLOCK belongs to the open file, which we share with the shell and whoever else writes to
 * this terminal: hence one of our own. After su(1) that may be denied, and then writing can block
 * as it does for everybody. */
static int open_own(void)
{
    char name[128];
    int fd = -1;
    if (ttyname_r(STDOUT_FILENO, name, sizeof name) == 0)
        fd = open(name, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    return fd >= 0 ? fd : fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
}

bool tty_open(struct news_error *err)
{
    static bool at_exit;
    if (!at_exit) at_exit = atexit(put_back) == 0;
    tty.fd = open_own();
    tty.gone = false;
    if (tty.fd < 0 || tcgetattr(tty.fd, &tty.before) != 0)
        return news_fail(err, NEWS_ERR_IO, "terminal: %s", strerror(errno));
    catch_crashes();
    return true;
}

void tty_close(void)
{
    if (tty.fd < 0) return;
    leave_crashes();
    close(tty.fd);
    tty.fd = -1;
    buf_deinit(&tty.pending);
}
