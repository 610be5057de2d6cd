#include "subscriber/opener.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/text.h"
#include "subscriber/exec.h"

enum { BROWSER_MAX = 1024 }; /* bytes of one command in $BROWSER */

/* ---- programs ---- */

struct start {
    char *const *words;
    int input;       /* its standard input; -1: that of the terminal */
    bool background; /* beside us: no terminal, /dev/null, nobody waits */
};

static void default_signals(void)
{
    const struct sigaction plain = {.sa_handler = SIG_DFL};
    sigset_t none;
    for (int number = 1; number < NSIG; number++)
        (void)sigaction(number, &plain, NULL); /* some cannot be changed: they are default */
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static bool set_streams(const struct start *how)
{
    if (how->input >= 0 && dup2(how->input, STDIN_FILENO) < 0) return false;
    if (!how->background) return true;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0) return false;
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (dup2(null, fd) < 0) return false;
    return true;
}

/* In the child; what goes wrong is written to told, which exec closes. */
__attribute__((noreturn)) static void become(const struct start *how, int told)
{
    if (set_streams(how)) {
        default_signals();
        /* Whoever forgot to mark a descriptor: a browser that outlives us shall hold none. */
        (void)close_range(STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC);
        (void)execvp(how->words[0], how->words);
    }
    int why = errno;
    ssize_t written = write(told, &why, sizeof why);
    _exit(written == (ssize_t)sizeof why ? 127 : 126);
}

/* What became of the exec: 0, or its errno. Returns once the child has closed its end. */
static int read_fate(int fd)
{
    int why = 0;
    ssize_t got;
    do
        got = read(fd, &why, sizeof why);
    while (got < 0 && errno == EINTR);
    return got == (ssize_t)sizeof why ? why : 0;
}

/* 0, or errno. *child: whom to wait for; a background program is not a child of ours but of init,
 * so that it never becomes a zombie, and its parent is gone when this returns. */
static int start(const struct start *how, pid_t *child)
{
    int told[2];
    if (pipe2(told, O_CLOEXEC) != 0) return errno;
    *child = fork();
    if (*child == 0) {
        if (!how->background) become(how, told[1]);
        (void)setsid();
        pid_t browser = fork();
        if (browser == 0) become(how, told[1]);
        int why = errno;
        if (browser < 0 && write(told[1], &why, sizeof why) < 0) _exit(126);
        _exit(0);
    }
    int why = *child < 0 ? errno : 0;
    (void)close(told[1]);
    if (*child > 0) why = read_fate(told[0]);
    (void)close(told[0]);
    if (*child > 0 && (how->background || why != 0))
        while (waitpid(*child, NULL, 0) < 0 && errno == EINTR) {
        }
    return why;
}

/* ---- the terminal, lent ---- */

/* Keys that are meant for the other program come to us as signals as well: ignored meanwhile, and
 * what is pending then is thrown away, which ignoring does (POSIX, 2.4.3). */
static const int keyboard_signals[] = {SIGINT, SIGQUIT, SIGTSTP};
enum { KEYBOARD_SIGNALS = sizeof keyboard_signals / sizeof *keyboard_signals };

static void ignore_keyboard(struct sigaction old[])
{
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    for (size_t i = 0; i < KEYBOARD_SIGNALS; i++)
        (void)sigaction(keyboard_signals[i], &ignore, old ? &old[i] : NULL);
}

static void heed_keyboard(const struct sigaction old[])
{
    ignore_keyboard(NULL);
    for (size_t i = 0; i < KEYBOARD_SIGNALS; i++)
        (void)sigaction(keyboard_signals[i], &old[i], NULL);
}

/* Its wait status. When it is stopped from the keyboard, we stop with it, so that the shell comes
 * back; going on, it does so as well, being of our process group. */
static int wait_for(pid_t child)
{
    for (;;) {
        int status;
        pid_t got = waitpid(child, &status, WUNTRACED);
        if (got < 0 && errno != EINTR) return 0;
        if (got < 0) continue;
        if (!WIFSTOPPED(status)) return status;
        (void)raise(SIGSTOP);
    }
}

static void say_end(int status, char *out, size_t size)
{
    if (WIFSIGNALED(status)) (void)snprintf(out, size, "ended by signal %d", WTERMSIG(status));
    else if (WEXITSTATUS(status) != 0)
        (void)snprintf(out, size, "ended with status %d", WEXITSTATUS(status));
    else (void)snprintf(out, size, "done");
}

static bool write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t written = write(fd, bytes, len);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return false;
        bytes += written;
        len -= (size_t)written;
    }
    return true;
}

/* Waits for a key, whichever: no line, no echo, no signal of it. What was typed for the command is
 * thrown away before we ask. */
static void show_end(const char *end)
{
    struct termios old, raw;
    char line[96], key;
    int len = snprintf(line, sizeof line, "\r\n-- %s; press a key --", end);
    if (tcgetattr(STDIN_FILENO, &old) != 0) return;
    raw = old;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw);
    if (len > 0 && write_all(STDOUT_FILENO, line, (size_t)len))
        while (read(STDIN_FILENO, &key, 1) < 0 && errno == EINTR) {
        }
    (void)tcsetattr(STDIN_FILENO, TCSADRAIN, &old);
    (void)write_all(STDOUT_FILENO, "\r\n", 2);
}

/* On the terminal until its end. 0, or the errno of the exec; end: how it ended. */
static int run(struct screen *s, const struct start *how, bool show, char end[64], int *status)
{
    struct sigaction old[KEYBOARD_SIGNALS];
    pid_t child;
    screen_suspend(s);
    ignore_keyboard(old);
    int why = start(how, &child);
    if (why == 0) {
        *status = wait_for(child);
        say_end(*status, end, 64);
        if (show) show_end(end);
    }
    heed_keyboard(old);
    screen_resume(s);
    return why;
}

/* ---- the browser ---- */

/* The words, and the link: where a word is "%s", else behind them. It is always a word of its own:
 * within another one it might be read as something else than a link. */
static bool put_link(const struct exec_words *command, char *url, char *words[],
                     struct news_error *err)
{
    size_t count = 0;
    bool placed = false;
    for (size_t i = 0; i < command->count; i++) {
        char *word = command->words[i];
        bool here = strcmp(word, "%s") == 0;
        if (!here && strstr(word, "%s"))
            return news_fail(err, NEWS_ERR_CONFIG, "browser: in \"%s\" the %%s has to be a word",
                             word);
        words[count++] = here ? url : word;
        placed = placed || here;
    }
    if (!placed) words[count++] = url;
    words[count] = NULL;
    return true;
}

struct browsing {
    struct screen *screen;
    char *url;
    bool terminal;
    bool started; /* a program was: no other is tried, however it ended */
};

static bool start_browser(struct browsing *b, char *words[], struct news_error *err)
{
    const struct start how = {.words = words, .input = -1, .background = !b->terminal};
    char end[64];
    int status = 0;
    pid_t child;
    int why = b->terminal ? run(b->screen, &how, false, end, &status) : start(&how, &child);
    if (why != 0) return news_fail(err, NEWS_ERR_IO, "browser %s: %s", words[0], strerror(why));
    b->started = true;
    if (status != 0) return news_fail(err, NEWS_ERR_IO, "browser %s %s", words[0], end);
    return true;
}

static bool browse_with(struct browsing *b, const char *command, struct news_error *err)
{
    struct exec_words split = {0};
    char *words[sizeof split.words / sizeof *split.words + 1];
    if (!exec_split(command, &split, err)) return false;
    bool done = put_link(&split, b->url, words, err) && start_browser(b, words, err);
    exec_words_deinit(&split);
    return done;
}

/* The first that can be started. */
static bool browse_with_one_of(struct browsing *b, const char *list, struct news_error *err)
{
    char command[BROWSER_MAX];
    (void)news_fail(err, NEWS_ERR_CONFIG, "$BROWSER names no program");
    for (size_t len; *list; list += len + (list[len] == ':')) {
        len = strcspn(list, ":");
        if (len == 0 || len >= sizeof command) continue;
        memcpy(command, list, len);
        command[len] = '\0';
        if (browse_with(b, command, err)) return true;
        if (b->started) return false;
    }
    return false;
}

static bool is_set(const char *name)
{
    const char *value = getenv(name);
    return value && *value;
}

bool opener_browse(struct screen *s, const char *browser, bool terminal, const char *url,
                   struct news_error *err)
{
    struct buf encoded = {0};
    if (!text_url_ok(url, strlen(url)))
        return news_fail(err, NEWS_ERR_DATA, "not a link of http or https: %.80s", url);
    text_url(&encoded, url, strlen(url));
    if (!buf_ok(&encoded)) return news_fail(err, NEWS_ERR_MEMORY, "out of memory");
    struct browsing b = {
        .screen = s,
        .url = encoded.data,
        .terminal = terminal || !(is_set("DISPLAY") || is_set("WAYLAND_DISPLAY")),
    };
    bool done;
    if (!browser && is_set("BROWSER")) done = browse_with_one_of(&b, getenv("BROWSER"), err);
    else done = browse_with(&b, browser ? browser : "xdg-open", err);
    buf_deinit(&encoded);
    return done;
}

/* ---- pipe and file ---- */

/* A file without a name, to be read from its start: unlike a pipe it needs nobody who writes while
 * the command reads, or does not. -1: errno. */
static int file_of(const char *bytes, size_t len)
{
    int fd = memfd_create("item", MFD_CLOEXEC);
    if (fd < 0) return -1;
    if (write_all(fd, bytes, len) && lseek(fd, 0, SEEK_SET) == 0) return fd;
    int why = errno;
    (void)close(fd);
    errno = why;
    return -1;
}

bool opener_pipe(struct screen *s, const char *command, const char *bytes, size_t len,
                 struct news_error *err)
{
    struct exec_words split = {0};
    char end[64];
    int status;
    if (!exec_split(command, &split, err)) return false;
    int input = file_of(bytes, len);
    int why = input < 0 ? errno : 0;
    if (why == 0) {
        const struct start how = {.words = split.words, .input = input};
        why = run(s, &how, true, end, &status);
        (void)close(input);
    }
    if (why != 0) (void)news_fail(err, NEWS_ERR_IO, "%s: %s", split.words[0], strerror(why));
    exec_words_deinit(&split);
    return why == 0;
}

bool opener_save(const char *path, const char *bytes, size_t len, struct news_error *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) return news_fail(err, NEWS_ERR_IO, "%s: %s", path, strerror(errno));
    bool written = write_all(fd, bytes, len);
    int why = errno;
    bool closed = close(fd) == 0; /* some file systems tell only now that there was no room */
    if (written && closed) return true;
    if (written) why = errno;
    (void)unlink(path); /* it is ours: it did not exist */
    return news_fail(err, NEWS_ERR_IO, "%s: %s", path, strerror(why));
}
