#include "subscriber/exec.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/date.h"
#include "common/log.h"
#include "common/text.h"
#include "subscriber/view_format.h"

enum {
    WORDS_SIZE = sizeof((struct exec_words *)0)->words / sizeof(char *),
    VALUE_MAX = 32 << 10,     /* bytes of a word or a variable: the kernel takes 128 KiB of one */
    WAITING_BYTES = 16 << 20, /* of all that waits; the last one put may go beyond */
};

/* All that a command is given, made while the item was there. */
struct job {
    struct job *next;
    struct buf words, environment; /* texts, each with its NUL */
    struct buf item;
};

struct queue {
    struct job *first, **last;
    size_t count, bytes;
};

struct running {
    struct exec *exec;
    int pidfd; /* -1: free */
    pid_t pid;
    int64_t kill_mono_ms; /* INT64_MAX: was killed */
};

struct exec {
    struct exec_words command;
    struct format *formats[WORDS_SIZE]; /* of words with fields in them */
    char **environment;                 /* what we inherited, and room for the fields */
    size_t inherited, field_count;
    int errors_fd, null_fd;
    int time_ms;
    struct queue open, waiting; /* of the batch that is not committed yet; and those that are */
    struct running running[EXEC_PARALLEL];
    struct exec_totals totals;
};

/* ---- jobs ---- */

static void queue_init(struct queue *q)
{
    *q = (struct queue){.last = &q->first};
}

static size_t job_bytes(const struct job *j)
{
    return sizeof *j + j->words.len + j->environment.len + j->item.len;
}

static void job_free(struct job *j)
{
    buf_deinit(&j->words);
    buf_deinit(&j->environment);
    buf_deinit(&j->item);
    free(j);
}

static void queue_put(struct queue *q, struct job *j)
{
    *q->last = j;
    q->last = &j->next;
    q->count++;
    q->bytes += job_bytes(j);
}

/* NULL: it is empty. */
static struct job *queue_take(struct queue *q)
{
    struct job *j = q->first;
    if (!j) return NULL;
    q->first = j->next;
    if (!q->first) q->last = &q->first;
    j->next = NULL;
    q->count--;
    q->bytes -= job_bytes(j);
    return j;
}

static void queue_clear(struct queue *q)
{
    for (struct job *j; (j = queue_take(q));)
        job_free(j);
}

/* Ends the text that begins at start, cut to its bound between characters. */
static void end_text(struct buf *b, size_t start)
{
    if (b->len - start > VALUE_MAX)
        buf_truncate(b, start + text_valid_prefix(b->data + start, VALUE_MAX));
    buf_putc(b, '\0');
}

static void put_words(const struct exec *e, const struct arrival *a, struct buf *out)
{
    for (size_t i = 0; i < e->command.count; i++) {
        size_t start = out->len;
        if (e->formats[i]) {
            format_put(e->formats[i], a, out);
            if (buf_ok(out)) buf_truncate(out, out->len - 1); /* the newline of a line of -o */
        } else {
            buf_puts(out, e->command.words[i]);
        }
        end_text(out, start);
    }
}

static void put_variable(const struct field *f, struct buf *out)
{
    buf_puts(out, "NEWSWIRE_");
    for (const char *c = f->name; *c; c++)
        buf_putc(out, (char)(*c - 'a' + 'A')); /* names are a to z; toupper() asks the locale */
    buf_putc(out, '=');
}

static void put_environment(const struct arrival *a, struct buf *out)
{
    const struct field *f;
    for (size_t i = 0; (f = field_at(i)); i++) {
        put_variable(f, out);
        size_t start = out->len;
        field_clean(f, a, out);
        end_text(out, start);
    }
}

static void put_item(const struct ninjs *item, struct buf *out)
{
    if (item->flags == 0) buf_put(out, item->all.at, item->all.len);
    else json_compact(out, item->all.at, item->all.len);
    buf_putc(out, '\n');
}

/* NULL: out of memory. */
static struct job *job_new(const struct exec *e, const struct arrival *a)
{
    struct job *j = calloc(1, sizeof *j);
    if (!j) return NULL;
    put_words(e, a, &j->words);
    put_environment(a, &j->environment);
    put_item(a->item, &j->item);
    if (buf_ok(&j->words) && buf_ok(&j->environment) && buf_ok(&j->item)) return j;
    job_free(j);
    return NULL;
}

/* ---- running them ---- */

static void failed(struct exec *e, const char *how)
{
    e->totals.failed++;
    if (e->totals.failed > EXEC_TOLD) return;
    log_error("--exec: %s: %s%s", e->command.words[0], how,
              e->totals.failed == EXEC_TOLD ? "; further failures are only counted" : "");
}

/* A file without a name: unlike a pipe it needs nobody who writes while the command reads, or does
 * not. -1: errno. */
static int input_of(const struct buf *item)
{
    int fd = memfd_create("item", MFD_CLOEXEC);
    if (fd < 0) return -1;
    for (size_t done = 0; done < item->len;) {
        ssize_t n = write(fd, item->data + done, item->len - done);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            int why = errno;
            (void)close(fd);
            errno = why;
            return -1;
        }
        done += (size_t)n;
    }
    (void)lseek(fd, 0, SEEK_SET);
    return fd;
}

/* 0, or an errno. */
static int redirect(posix_spawn_file_actions_t *actions, int input, int errors)
{
    int why = posix_spawn_file_actions_adddup2(actions, input, STDIN_FILENO);
    if (!why) why = posix_spawn_file_actions_adddup2(actions, errors, STDOUT_FILENO);
    if (!why) why = posix_spawn_file_actions_adddup2(actions, errors, STDERR_FILENO);
    /* Libraries open sockets without close-on-exec (libmosquitto 2.0.11). */
    return why ? why : posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1);
}

/* With default signals and a process group of its own: what it starts is killed with it, Ctrl-C is
 * meant for us, and it cannot read the terminal. 0, or an errno. */
static int spawn(char *const words[], char *const environment[], int input, int errors, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t how;
    sigset_t all, none;
    (void)sigfillset(&all);
    (void)sigemptyset(&none);
    int why = posix_spawn_file_actions_init(&actions);
    if (why) return why;
    why = posix_spawnattr_init(&how);
    if (!why) {
        (void)posix_spawnattr_setsigdefault(&how, &all);
        (void)posix_spawnattr_setsigmask(&how, &none);
        (void)posix_spawnattr_setpgroup(&how, 0);
        (void)posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK |
                                                 POSIX_SPAWN_SETPGROUP);
        why = redirect(&actions, input, errors);
        if (!why) why = posix_spawnp(pid, words[0], &actions, &how, words, environment);
        (void)posix_spawnattr_destroy(&how);
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    return why;
}

/* Points at count texts, one behind the other. */
static void point_at(const struct buf *texts, size_t count, char **out)
{
    char *at = texts->data;
    for (size_t i = 0; i < count; i++) {
        out[i] = at;
        at += strlen(at) + 1;
    }
    out[count] = NULL;
}

/* 0, or an errno. */
static int start_command(struct exec *e, const struct job *j, pid_t *pid)
{
    char *words[WORDS_SIZE];
    int errors = e->errors_fd >= 0 ? e->errors_fd : e->null_fd;
    int input = input_of(&j->item);
    if (input < 0) return errno;
    point_at(&j->words, e->command.count, words);
    point_at(&j->environment, e->field_count, e->environment + e->inherited);
    int why = spawn(words, e->environment, input, errors, pid);
    (void)close(input);
    return why;
}

static void start(struct running *r, const struct job *j)
{
    struct exec *e = r->exec;
    int why = start_command(e, j, &r->pid);
    if (!why) {
        r->pidfd = pidfd_open(r->pid, 0);
        if (r->pidfd < 0) { /* nobody could tell when it ends */
            why = errno;
            (void)kill(-r->pid, SIGKILL);
            (void)waitpid(r->pid, NULL, 0);
        }
    }
    if (why) {
        failed(e, strerror(why));
        return;
    }
    r->kill_mono_ms = date_mono_ms() + e->time_ms;
    e->totals.running++;
}

static void note_end(struct exec *e, const struct running *r, const siginfo_t *end)
{
    char how[120];
    if (end->si_code == CLD_EXITED && end->si_status == 0) {
        e->totals.done++;
        return;
    }
    if (r->kill_mono_ms == INT64_MAX)
        (void)snprintf(how, sizeof how, "killed after %g s", e->time_ms / 1000.0);
    else if (end->si_code == CLD_EXITED)
        (void)snprintf(how, sizeof how, "ended with status %d", end->si_status);
    else (void)snprintf(how, sizeof how, "ended by signal %d", end->si_status);
    failed(e, how);
}

static void on_end(void *user, short revents)
{
    struct running *r = user;
    siginfo_t end = {0};
    (void)revents;
    if (waitid(P_PIDFD, (id_t)r->pidfd, &end, WEXITED | WNOHANG) < 0 || end.si_pid == 0) return;
    (void)close(r->pidfd);
    r->pidfd = -1;
    r->exec->totals.running--;
    note_end(r->exec, r, &end);
}

/* ---- the sink ---- */

static void exec_put(void *self, const struct arrival *a, int64_t id, int64_t now_ms)
{
    struct exec *e = self;
    struct job *j = job_new(e, a);
    (void)id, (void)now_ms;
    if (j) queue_put(&e->open, j);
    else failed(e, "out of memory");
}

static bool exec_committed(void *self, struct news_error *err)
{
    struct exec *e = self;
    (void)err;
    for (struct job *j; (j = queue_take(&e->open));)
        queue_put(&e->waiting, j);
    return true;
}

static void exec_undone(void *self)
{
    struct exec *e = self;
    queue_clear(&e->open);
}

static bool exec_full(const void *self)
{
    const struct exec *e = self;
    return e->open.count + e->waiting.count >= EXEC_WAITING ||
           e->open.bytes + e->waiting.bytes >= WAITING_BYTES;
}

static bool exec_idle(const void *self)
{
    const struct exec *e = self;
    return e->open.count == 0 && e->waiting.count == 0 && e->totals.running == 0;
}

static void exec_poll(void *self, struct poll_set *set)
{
    struct exec *e = self;
    for (size_t i = 0; i < EXEC_PARALLEL; i++) {
        struct running *r = &e->running[i];
        if (r->pidfd >= 0) {
            poll_set_add(set, r->pidfd, POLLIN, on_end, r);
            poll_set_deadline(set, r->kill_mono_ms);
        } else if (e->waiting.count > 0) {
            poll_set_deadline(set, 0); /* turn() starts it */
        }
    }
}

/* At most one start for each place a turn, also when they fail, so that keys are answered. */
static bool exec_turn(void *self, struct news_error *err)
{
    struct exec *e = self;
    int64_t now = date_mono_ms();
    (void)err;
    for (size_t i = 0; i < EXEC_PARALLEL; i++) {
        struct running *r = &e->running[i];
        if (r->pidfd >= 0 && now >= r->kill_mono_ms) {
            (void)kill(-r->pid, SIGKILL);
            r->kill_mono_ms = INT64_MAX;
        }
        struct job *j = r->pidfd < 0 ? queue_take(&e->waiting) : NULL;
        if (!j) continue;
        start(r, j);
        job_free(j);
    }
    return true;
}

/* What still runs is asked to end: we were told to do so at once. */
static void exec_free(void *self)
{
    struct exec *e = self;
    for (size_t i = 0; i < EXEC_PARALLEL; i++)
        if (e->running[i].pidfd >= 0) {
            (void)kill(-e->running[i].pid, SIGTERM);
            (void)close(e->running[i].pidfd);
        }
    for (size_t i = 0; i < e->command.count; i++)
        format_free(e->formats[i]);
    queue_clear(&e->open);
    queue_clear(&e->waiting);
    exec_words_deinit(&e->command);
    if (e->null_fd >= 0) (void)close(e->null_fd);
    free(e->environment);
    free(e);
}

const struct sink_ops exec_sink = {
    .put = exec_put,
    .committed = exec_committed,
    .undone = exec_undone,
    .full = exec_full,
    .idle = exec_idle,
    .poll = exec_poll,
    .turn = exec_turn,
    .free = exec_free,
};

/* ---- making one ---- */

/* The word as a format string (view_format.h) in which %{ alone has a meaning: quotes and
 * backslashes were dealt with when the command was split. */
static void put_format(const char *word, struct buf *out)
{
    for (const char *c = word; *c; c++) {
        if (*c == '\\' || (*c == '%' && c[1] != '{')) buf_putc(out, *c);
        buf_putc(out, *c);
    }
}

static bool make_format(struct exec *e, size_t i, struct news_error *err)
{
    static const char option[] = "-o: "; /* who usually makes formats */
    const char *word = e->command.words[i];
    struct news_error why = {0};
    struct buf text = {0};
    if (!strstr(word, "%{")) return true;
    if (i == 0) /* an item must not choose what is run */
        return news_fail(err, NEWS_ERR_USAGE, "--exec: the program cannot be a field of the item");
    put_format(word, &text);
    if (buf_ok(&text)) e->formats[i] = format_new(text.data, &why);
    else news_fail(&why, NEWS_ERR_MEMORY, "out of memory");
    buf_deinit(&text);
    if (e->formats[i]) return true;
    bool named = strncmp(why.message, option, sizeof option - 1) == 0;
    return news_fail(err, why.code, "--exec: %s", why.message + (named ? sizeof option - 1 : 0));
}

static bool make_command(struct exec *e, const char *command, struct news_error *err)
{
    struct news_error why = {0};
    if (!exec_split(command, &e->command, &why))
        return news_fail(err, why.code, "--exec: %s", why.message);
    for (size_t i = 0; i < e->command.count; i++)
        if (!make_format(e, i, err)) return false;
    return true;
}

/* Is this inherited variable one that the item sets? */
static bool is_ours(const char *variable, const struct buf *names)
{
    for (const char *at = names->data; at < names->data + names->len; at += strlen(at) + 1)
        if (strncmp(variable, at, strlen(at)) == 0) return true;
    return false;
}

static bool make_environment(struct exec *e, struct news_error *err)
{
    struct buf names = {0};
    const struct field *f;
    size_t count = 0;
    while (environ && environ[count])
        count++;
    for (; (f = field_at(e->field_count)); e->field_count++) {
        put_variable(f, &names);
        buf_putc(&names, '\0');
    }
    e->environment = calloc(count + e->field_count + 1, sizeof *e->environment);
    bool ok = e->environment && buf_ok(&names);
    for (size_t i = 0; ok && i < count; i++)
        if (!is_ours(environ[i], &names)) e->environment[e->inherited++] = environ[i];
    buf_deinit(&names);
    return ok || news_fail(err, NEWS_ERR_MEMORY, "out of memory");
}

static bool open_null(struct exec *e, struct news_error *err)
{
    if (e->errors_fd >= 0) return true;
    e->null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    return e->null_fd >= 0 || news_fail(err, NEWS_ERR_IO, "/dev/null: %s", strerror(errno));
}

struct exec *exec_new(const char *command, int errors_fd, struct news_error *err)
{
    struct exec *e = calloc(1, sizeof *e);
    if (!e) {
        news_fail(err, NEWS_ERR_MEMORY, "out of memory");
        return NULL;
    }
    e->errors_fd = errors_fd;
    e->null_fd = -1;
    e->time_ms = EXEC_TIME_MS;
    queue_init(&e->open);
    queue_init(&e->waiting);
    for (size_t i = 0; i < EXEC_PARALLEL; i++)
        e->running[i] = (struct running){.exec = e, .pidfd = -1};
    /* Whoever started us may ignore it: then nobody would tell how a command ended. */
    (void)signal(SIGCHLD, SIG_DFL);
    if (make_command(e, command, err) && make_environment(e, err) && open_null(e, err)) return e;
    exec_free(e);
    return NULL;
}

void exec_set_time(struct exec *e, int time_ms)
{
    e->time_ms = time_ms;
}

struct exec_totals exec_totals(const struct exec *e)
{
    struct exec_totals t = e->totals;
    t.waiting = e->open.count + e->waiting.count;
    return t;
}
