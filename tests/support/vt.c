#include "tests/support/vt.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vterm.h>

#include "common/buf.h"
#include "common/date.h"
#include "common/text.h"
#include "tests/support/wait.h"

struct vt {
    int master;
    int line; /* the program's side, kept open: what it leaves can still be looked at */
    pid_t shell, pid;
    bool over;
    int status; /* once over */
    VTerm *vterm;
    VTermScreen *screen;
    int rows, columns;
    bool alternate, cursor_visible;
    int mouse_mode;
    size_t bells;
    struct buf bytes, text;
};

/* --- the emulator ------------------------------------------------------------------------ */

static int on_property(VTermProp property, VTermValue *value, void *user)
{
    struct vt *v = user;
    switch (property) {
    case VTERM_PROP_ALTSCREEN: v->alternate = value->boolean; break;
    case VTERM_PROP_CURSORVISIBLE: v->cursor_visible = value->boolean; break;
    case VTERM_PROP_MOUSE: v->mouse_mode = value->number; break;
    default: break;
    }
    return 1;
}

static int on_bell(void *user)
{
    ((struct vt *)user)->bells++;
    return 1;
}

/* What the terminal sends: keys, and its answers to questions. */
static void on_output(const char *bytes, size_t len, void *user)
{
    vt_send(user, bytes, len);
}

static void open_emulator(struct vt *v)
{
    static const VTermScreenCallbacks callbacks = {.settermprop = on_property, .bell = on_bell};
    v->vterm = vterm_new(v->rows, v->columns);
    vterm_set_utf8(v->vterm, 1);
    vterm_output_set_callback(v->vterm, on_output, v);
    v->screen = vterm_obtain_screen(v->vterm);
    v->cursor_visible = true;
    vterm_screen_set_callbacks(v->screen, &callbacks, v);
    vterm_screen_enable_altscreen(v->screen, 1);
    vterm_screen_reset(v->screen, 1);
}

/* --- starting ---------------------------------------------------------------------------- */

static void set_environment(const char *const *environment)
{
    putenv((char *)(uintptr_t) "TERM=xterm-256color");
    putenv((char *)(uintptr_t) "LC_ALL=C.UTF-8");
    for (const char *const *e = environment; e && *e; e++)
        putenv((char *)(uintptr_t)*e); /* without '=' it unsets */
}

static void forget_signals(void)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (int number = 1; number < NSIG; number++)
        if (number != SIGKILL && number != SIGSTOP) signal(number, SIG_DFL);
}

static void run_program(const struct vt_options *o)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGTTOU, SIG_IGN); /* we are in the background until the next call has worked */
    if (setpgid(0, 0) != 0 || tcsetpgrp(STDIN_FILENO, getpid()) != 0) _exit(126);
    forget_signals();
    int errors = o->errors ? open(o->errors, O_WRONLY | O_CREAT | O_TRUNC, 0600) : -1;
    if (errors >= 0) dup2(errors, STDERR_FILENO);
    set_environment(o->environment);
    execvp(o->argv[0], (char *const *)(uintptr_t)o->argv);
    _exit(127);
}

/* Stands where a shell stands: leads the session, has the program as its job, waits for it. Without
 * it the program's group would be an orphan, and those cannot be stopped (POSIX 11.1.4). */
static void run_shell(const struct vt *v, const struct vt_options *o, int report, pid_t parent)
{
    int status;
    close(v->master); /* a second one would keep the window open */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent || setsid() < 0 || ioctl(v->line, TIOCSCTTY, 0) != 0) _exit(126);
    for (int i = 0; i < 3; i++)
        if (dup2(v->line, i) < 0) _exit(126);
    signal(SIGHUP, SIG_IGN); /* the job gets it, too */
    pid_t pid = fork();
    if (pid == 0) run_program(o);
    (void)!write(report, &pid, sizeof pid);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

static bool open_line(struct vt *v)
{
    char name[128];
    const struct winsize size = {.ws_row = (unsigned short)v->rows,
                                 .ws_col = (unsigned short)v->columns};
    v->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (v->master < 0 || grantpt(v->master) != 0 || unlockpt(v->master) != 0 ||
        ptsname_r(v->master, name, sizeof name) != 0)
        return false;
    v->line = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    (void)fcntl(v->master, F_SETFL, O_NONBLOCK);
    return v->line >= 0 && ioctl(v->master, TIOCSWINSZ, &size) == 0;
}

static bool start_program(struct vt *v, const struct vt_options *o)
{
    int report[2];
    if (pipe2(report, O_CLOEXEC) != 0) return false;
    pid_t parent = getpid();
    v->shell = fork();
    if (v->shell == 0) run_shell(v, o, report[1], parent);
    close(report[1]);
    bool started = v->shell > 0 && read(report[0], &v->pid, sizeof v->pid) == sizeof v->pid;
    close(report[0]);
    return started && v->pid > 0;
}

struct vt *vt_start(const struct vt_options *o)
{
    struct vt *v = calloc(1, sizeof *v);
    if (!v) return NULL;
    v->master = v->line = -1;
    v->rows = o->rows;
    v->columns = o->columns;
    if (!open_line(v) || !start_program(v, o)) {
        int why = errno;
        vt_free(v);
        errno = why;
        return NULL;
    }
    open_emulator(v);
    return v;
}

pid_t vt_pid(const struct vt *v)
{
    return v->pid;
}

/* --- reading ----------------------------------------------------------------------------- */

/* Reads what there is, waiting for it at most timeout_ms. */
static bool gather(struct vt *v, int timeout_ms)
{
    enum { PIECE = 65536 };
    struct pollfd output = {.fd = v->master, .events = POLLIN};
    if (poll(&output, 1, timeout_ms) <= 0 || !(output.revents & POLLIN)) return false;
    char *room = buf_reserve(&v->bytes, PIECE);
    ssize_t n = room ? read(v->master, room, PIECE) : -1;
    if (n <= 0) return false;
    v->bytes.len += (size_t)n;
    v->bytes.data[v->bytes.len] = '\0';
    (void)vterm_input_write(v->vterm, room, (size_t)n);
    return true;
}

void vt_read(struct vt *v)
{
    while (gather(v, 0))
        continue;
}

bool vt_wait(struct vt *v, bool (*condition)(void *user), void *user, int timeout_ms)
{
    int64_t deadline_ms = date_mono_ms() + timeout_ms;
    for (;;) {
        vt_read(v);
        if (condition(user)) return true;
        int left_ms = wait_left_ms(deadline_ms);
        if (left_ms == 0) return false;
        (void)gather(v, left_ms < 5 ? left_ms : 5); /* what it waits for need not be drawn */
    }
}

struct sight {
    struct vt *v;
    int row; /* -1: any */
    const char *text;
};

static bool is_seen(void *user)
{
    struct sight *sight = user;
    const char *seen = sight->row < 0 ? vt_screen(sight->v) : vt_row(sight->v, sight->row);
    return strstr(seen, sight->text) != NULL;
}

static bool is_not_seen(void *user)
{
    return !is_seen(user);
}

bool vt_expect(struct vt *v, const char *text, int timeout_ms)
{
    return vt_wait(v, is_seen, &(struct sight){v, -1, text}, timeout_ms);
}

bool vt_expect_row(struct vt *v, int row, const char *text, int timeout_ms)
{
    return vt_wait(v, is_seen, &(struct sight){v, row, text}, timeout_ms);
}

bool vt_expect_gone(struct vt *v, const char *text, int timeout_ms)
{
    return vt_wait(v, is_not_seen, &(struct sight){v, -1, text}, timeout_ms);
}

/* --- the screen -------------------------------------------------------------------------- */

int vt_rows(const struct vt *v)
{
    return v->rows;
}

int vt_columns(const struct vt *v)
{
    return v->columns;
}

static void put_characters(struct buf *out, const VTermScreenCell *cell)
{
    for (size_t i = 0; i < VTERM_MAX_CHARS_PER_CELL && cell->chars[i]; i++) {
        char bytes[4];
        buf_put(out, bytes, text_encode(cell->chars[i], bytes));
    }
}

/* The right half of a wide character says so with -1. */
static bool get_cell(const struct vt *v, int row, int column, VTermScreenCell *cell)
{
    VTermPos at = {.row = row, .col = column};
    memset(cell, 0, sizeof *cell);
    return vterm_screen_get_cell(v->screen, at, cell) && cell->chars[0] != (uint32_t)-1;
}

static void put_row(struct vt *v, int row)
{
    size_t start = v->text.len, end = start;
    for (int column = 0; column < v->columns; column++) {
        VTermScreenCell cell;
        if (!get_cell(v, row, column, &cell)) continue;
        if (cell.chars[0] == 0) {
            buf_putc(&v->text, ' ');
            continue;
        }
        put_characters(&v->text, &cell);
        if (cell.chars[0] != ' ') end = v->text.len;
    }
    if (v->text.data) buf_truncate(&v->text, end);
}

static const char *taken(const struct buf *b)
{
    return b->data ? b->data : "";
}

const char *vt_row(struct vt *v, int row)
{
    buf_clear(&v->text);
    put_row(v, row);
    return taken(&v->text);
}

const char *vt_screen(struct vt *v)
{
    buf_clear(&v->text);
    for (int row = 0; row < v->rows; row++) {
        put_row(v, row);
        buf_putc(&v->text, '\n');
    }
    return taken(&v->text);
}

static int colour_of(const VTermColor *colour, bool is_default)
{
    if (is_default) return VT_DEFAULT;
    return VTERM_COLOR_IS_INDEXED(colour) ? colour->indexed.idx : -2;
}

struct vt_cell vt_cell(struct vt *v, int row, int column)
{
    VTermScreenCell cell;
    struct vt_cell out = {.foreground = VT_DEFAULT, .background = VT_DEFAULT};
    struct buf text = {0};
    bool whole = get_cell(v, row, column, &cell);
    if (whole) put_characters(&text, &cell);
    snprintf(out.text, sizeof out.text, "%s", taken(&text));
    buf_deinit(&text);
    out.width = whole ? cell.width : 0;
    out.bold = cell.attrs.bold;
    out.italic = cell.attrs.italic;
    out.underline = cell.attrs.underline != VTERM_UNDERLINE_OFF;
    out.reverse = cell.attrs.reverse;
    out.strike = cell.attrs.strike;
    out.blink = cell.attrs.blink;
    out.foreground = colour_of(&cell.fg, VTERM_COLOR_IS_DEFAULT_FG(&cell.fg));
    out.background = colour_of(&cell.bg, VTERM_COLOR_IS_DEFAULT_BG(&cell.bg));
    return out;
}

bool vt_cursor(struct vt *v, int *row, int *column)
{
    VTermPos at;
    vterm_state_get_cursorpos(vterm_obtain_state(v->vterm), &at);
    if (row) *row = at.row;
    if (column) *column = at.col;
    return v->cursor_visible;
}

bool vt_is_alternate(const struct vt *v)
{
    return v->alternate;
}

int vt_mouse_mode(const struct vt *v)
{
    return v->mouse_mode;
}

size_t vt_bells(const struct vt *v)
{
    return v->bells;
}

const char *vt_bytes(const struct vt *v, size_t *len)
{
    if (len) *len = v->bytes.len;
    return taken(&v->bytes);
}

void vt_forget_bytes(struct vt *v)
{
    buf_clear(&v->bytes);
}

bool vt_termios(const struct vt *v, struct termios *out)
{
    return tcgetattr(v->line, out) == 0;
}

/* --- input ------------------------------------------------------------------------------- */

/* The program may be blocked on its own output while we write: both are served. */
void vt_send(struct vt *v, const void *bytes, size_t len)
{
    const char *at = bytes;
    int64_t deadline_ms = date_mono_ms() + WAIT_MS;
    while (len > 0 && wait_left_ms(deadline_ms) > 0) {
        ssize_t n = write(v->master, at, len);
        if (n > 0) {
            at += n;
            len -= (size_t)n;
        } else if (errno == EAGAIN) {
            (void)gather(v, 5);
        } else if (errno != EINTR) {
            return;
        }
    }
}

void vt_type(struct vt *v, const char *bytes)
{
    vt_send(v, bytes, strlen(bytes));
}

bool vt_key(struct vt *v, const char *name)
{
    static const struct {
        const char *name;
        VTermKey key;
        VTermModifier modifier;
    } keys[] = {
        {"enter", VTERM_KEY_ENTER, VTERM_MOD_NONE},
        {"tab", VTERM_KEY_TAB, VTERM_MOD_NONE},
        {"backtab", VTERM_KEY_TAB, VTERM_MOD_SHIFT},
        {"backspace", VTERM_KEY_BACKSPACE, VTERM_MOD_NONE},
        {"escape", VTERM_KEY_ESCAPE, VTERM_MOD_NONE},
        {"up", VTERM_KEY_UP, VTERM_MOD_NONE},
        {"down", VTERM_KEY_DOWN, VTERM_MOD_NONE},
        {"left", VTERM_KEY_LEFT, VTERM_MOD_NONE},
        {"right", VTERM_KEY_RIGHT, VTERM_MOD_NONE},
        {"insert", VTERM_KEY_INS, VTERM_MOD_NONE},
        {"delete", VTERM_KEY_DEL, VTERM_MOD_NONE},
        {"home", VTERM_KEY_HOME, VTERM_MOD_NONE},
        {"end", VTERM_KEY_END, VTERM_MOD_NONE},
        {"page-up", VTERM_KEY_PAGEUP, VTERM_MOD_NONE},
        {"page-down", VTERM_KEY_PAGEDOWN, VTERM_MOD_NONE},
    };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (strcmp(keys[i].name, name) == 0) {
            vterm_keyboard_key(v->vterm, keys[i].key, keys[i].modifier);
            return true;
        }
    int number = name[0] == 'f' ? atoi(name + 1) : 0;
    if (number < 1 || number > 12) return false;
    vterm_keyboard_key(v->vterm, (VTermKey)VTERM_KEY_FUNCTION(number), VTERM_MOD_NONE);
    return true;
}

void vt_paste(struct vt *v, const char *text)
{
    vterm_keyboard_start_paste(v->vterm);
    vt_type(v, text);
    vterm_keyboard_end_paste(v->vterm);
}

static void press(struct vt *v, int row, int column, int button)
{
    vterm_mouse_move(v->vterm, row, column, VTERM_MOD_NONE);
    vterm_mouse_button(v->vterm, button, true, VTERM_MOD_NONE);
    if (button < 4) vterm_mouse_button(v->vterm, button, false, VTERM_MOD_NONE);
}

void vt_click(struct vt *v, int row, int column)
{
    press(v, row, column, 1);
}

void vt_wheel(struct vt *v, int row, int column, int steps)
{
    for (int i = 0; i < abs(steps); i++)
        press(v, row, column, steps < 0 ? 4 : 5);
}

void vt_resize(struct vt *v, int rows, int columns)
{
    const struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns};
    vt_read(v);
    v->rows = rows;
    v->columns = columns;
    vterm_set_size(v->vterm, rows, columns);
    (void)ioctl(v->master, TIOCSWINSZ, &size); /* the kernel sends SIGWINCH */
}

static void close_fd(int *fd)
{
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

void vt_hang_up(struct vt *v)
{
    close_fd(&v->master);
}

/* --- the process ------------------------------------------------------------------------- */

static bool reap(struct vt *v, int flags)
{
    int status;
    if (v->over) return true;
    if (waitpid(v->shell, &status, flags) != v->shell) return false;
    v->over = true;
    v->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return true;
}

bool vt_is_running(struct vt *v)
{
    return !reap(v, WNOHANG);
}

bool vt_is_stopped(const struct vt *v)
{
    char path[64], line[512] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", (int)v->pid);
    FILE *stat = fopen(path, "re");
    if (!stat) return false;
    size_t len = fread(line, 1, sizeof line - 1, stat);
    fclose(stat);
    line[len] = '\0';
    const char *state = strrchr(line, ')'); /* "PID (NAME) STATE ..." */
    return state && strncmp(state, ") T", 3) == 0;
}

void vt_signal(struct vt *v, int number)
{
    if (vt_is_running(v)) (void)kill(v->pid, number);
}

static bool is_over(void *user)
{
    return !vt_is_running(user);
}

int vt_wait_end(struct vt *v, int timeout_ms)
{
    if (!vt_wait(v, is_over, v, timeout_ms)) return VT_TIMEOUT;
    vt_read(v);
    return v->status;
}

void vt_free(struct vt *v)
{
    if (!v) return;
    if (v->shell > 0 && vt_is_running(v)) {
        if (v->pid > 0) (void)kill(v->pid, SIGKILL);
        (void)kill(v->shell, SIGKILL);
        (void)reap(v, 0);
    }
    close_fd(&v->master);
    close_fd(&v->line);
    if (v->vterm) vterm_free(v->vterm);
    buf_deinit(&v->bytes);
    buf_deinit(&v->text);
    free(v);
}
