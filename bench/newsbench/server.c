#include "bench/newsbench/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/date.h"

#define READY_MS      10000
#define GOODBYE_MS    3000
#define LOG_MOST      ((off_t)1 << 20) /* of it is looked at */
#define PORT_ATTEMPTS 5                /* somebody else may take a port between bind and listen */

struct bench_server {
    struct server_setup setup;
    char program[512], folder[128], config[160], log[160], url[200];
    unsigned port;
    pid_t pid; /* 0: not running */
    struct nrp_keys *keys;
};

/* --- programs ------------------------------------------------------------------------------ */

static bool is_program(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode) && access(path, X_OK) == 0;
}

static bool take_path(char *path, size_t size, const char *folder, int folder_len, const char *name)
{
    int len = snprintf(path, size, "%.*s/%s", folder_len, folder, name);
    return len > 0 && (size_t)len < size && is_program(path);
}

/* Installed side by side, or in the folders of a build. */
static bool find_beside_us(const char *name, char *path, size_t size)
{
    char own[400];
    ssize_t len = readlink("/proc/self/exe", own, sizeof own - 1);
    if (len <= 0) return false;
    own[len] = '\0';
    char *slash = strrchr(own, '/');
    if (!slash) return false;
    int folder = (int)(slash - own);
    return take_path(path, size, own, folder, name) ||
           take_path(path, size, own, folder, "../../relay/newsrelay");
}

/* Debian has brokers where the PATH of users does not reach. */
static bool find_in_path(const char *name, char *path, size_t size)
{
    static const char more[] = "/usr/sbin:/usr/local/sbin";
    const char *const lists[] = {getenv("PATH"), more};
    for (size_t i = 0; i < 2; i++)
        for (const char *at = lists[i]; at && *at;) {
            size_t len = strcspn(at, ":");
            if (len > 0 && len < 400 && take_path(path, size, at, (int)len, name)) return true;
            at += len + (at[len] == ':');
        }
    return false;
}

bool server_find(enum server kind, const char *given, char *path, size_t size,
                 struct news_error *err)
{
    const char *name = kind == SERVER_MOSQUITTO ? "mosquitto" : "newsrelay";
    if (given) {
        (void)snprintf(path, size, "%s", given);
        return is_program(path) ||
               news_fail(err, NEWS_ERR_UNSUPPORTED, "%.200s is no program", given);
    }
    if (kind == SERVER_RELAY && find_beside_us(name, path, size)) return true;
    return find_in_path(name, path, size) ||
           news_fail(err, NEWS_ERR_UNSUPPORTED, "%s is not installed", name);
}

/* --- configuration ------------------------------------------------------------------------- */

static void mosquitto_config(const struct carrier *c, const char *address, unsigned port,
                             struct buf *out)
{
    /* Started as root it would change to a user who cannot read our folder. */
    if (geteuid() == 0) buf_puts(out, "user root\n");
    buf_puts(out, "persistence false\nallow_anonymous true\n");
    buf_puts(out, "log_dest stderr\nlog_type error\nlog_type warning\nlog_type information\n");
    buf_puts(out, "connection_messages false\nsys_interval 1\n");
    buf_printf(out, "set_tcp_nodelay %s\n", c->nagle ? "false" : "true");
    buf_printf(out, "max_inflight_messages %d\nmax_queued_messages %d\n", SERVER_INFLIGHT,
               SERVER_QUEUE);
    buf_printf(out, "listener %u %s\n", port, address);
}

static void relay_config(const struct carrier *c, const char *address, unsigned port,
                         const char *folder, struct buf *out)
{
    if (strcmp(c->scheme, "nrp+unix") == 0)
        buf_printf(out, "listen = nrp+unix://%s/relay.sock\n", folder);
    else buf_printf(out, "listen = %s://%s:%u\n", c->scheme, address, port);
    buf_printf(out, "queue = %d\nqueue-bytes = 256M\n", SERVER_QUEUE);
    buf_puts(out, "status-every = 0\nmax-item = 4M\n");
    buf_puts(out, "per-address = 100000\nhandshakes = 100000\nhandshakes-all = 100000\n");
    if (c->secrecy == IN_CLEAR) buf_puts(out, "insecure = yes\n");
    else
        buf_printf(out, "keys = %s/keys\nrequire = %s\n", folder,
                   c->secrecy == SEALED ? "sealed" : "auth");
}

void server_config(const struct carrier *c, const char *address, unsigned port, const char *folder,
                   struct buf *out)
{
    if (c->server == SERVER_MOSQUITTO) mosquitto_config(c, address, port, out);
    if (c->server == SERVER_RELAY) relay_config(c, address, port, folder, out);
}

static const char *address_of(const struct bench_server *s)
{
    return s->setup.lab ? netlab_address(0) : "127.0.0.1";
}

static bool write_config(struct bench_server *s, struct news_error *err)
{
    struct buf text = {0};
    server_config(s->setup.carrier, address_of(s), s->port, s->folder, &text);
    FILE *file = buf_ok(&text) ? fopen(s->config, "we") : NULL;
    bool ok = file && fputs(text.data, file) >= 0;
    if (file && fclose(file) != 0) ok = false;
    buf_deinit(&text);
    return ok || news_fail(err, NEWS_ERR_IO, "%s: %s", s->config, strerror(errno));
}

static bool make_key(struct bench_server *s, struct news_error *err)
{
    static const char *const all[] = {"#"};
    char path[160];
    if (s->setup.carrier->secrecy == IN_CLEAR) return true;
    (void)snprintf(path, sizeof path, "%s/keys", s->folder);
    FILE *file = fopen(path, "we");
    if (!file) return news_fail(err, NEWS_ERR_IO, "%s: %s", path, strerror(errno));
    bool ok = fchmod(fileno(file), 0600) == 0 && nrp_key_make(file, 1, all, 1, all, 1, err);
    if (fclose(file) != 0) ok = news_fail(err, NEWS_ERR_IO, "%s: %s", path, strerror(errno));
    if (ok) s->keys = nrp_keys_read(path, err);
    return s->keys != NULL;
}

/* For TCP and UDP alike: a port nobody has. In a side nobody else is there. */
static bool choose_port(struct bench_server *s, struct news_error *err)
{
    bool datagrams = strcmp(s->setup.carrier->scheme, "nrp+udp") == 0;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    s->port = s->setup.carrier->server == SERVER_MOSQUITTO ? 1883 : 7788;
    if (s->setup.lab) return true;
    int fd = socket(AF_INET, (datagrams ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0 && bind(fd, (struct sockaddr *)&at, len) == 0 &&
              getsockname(fd, (struct sockaddr *)&at, &len) == 0;
    int why = errno;
    if (fd >= 0) close(fd);
    s->port = ntohs(at.sin_port);
    return ok || news_fail(err, NEWS_ERR_IO, "no port to be had: %s", strerror(why));
}

static void make_url(struct bench_server *s)
{
    const char *scheme = s->setup.carrier->scheme;
    if (strcmp(scheme, "nrp+unix") == 0)
        (void)snprintf(s->url, sizeof s->url, "%s://%s/relay.sock", scheme, s->folder);
    else (void)snprintf(s->url, sizeof s->url, "%s://%s:%u", scheme, address_of(s), s->port);
}

/* --- the process --------------------------------------------------------------------------- */

/* After fork(). Returns when it cannot be. */
static void become(const struct bench_server *s, pid_t parent)
{
    int log = open(s->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    sigset_t none;
    struct news_error err = {0};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1); /* it died before the call above */
    if (log < 0 || null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(log, 2) < 0) return;
    if (s->setup.lab && !netlab_enter(s->setup.lab, 0, &err)) {
        fprintf(stderr, "%s\n", err.message);
        return;
    }
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGINT, SIG_IGN); /* from a terminal it would go to all; we end the server */
    execl(s->program, s->program, "-c", s->config, (char *)NULL);
    fprintf(stderr, "%s: %s\n", s->program, strerror(errno));
}

static char *read_log(const struct bench_server *s)
{
    struct stat info;
    FILE *file = fopen(s->log, "re");
    if (!file) return NULL;
    size_t size = fstat(fileno(file), &info) == 0 && info.st_size < LOG_MOST ? (size_t)info.st_size
                                                                             : (size_t)LOG_MOST;
    char *text = malloc(size + 1);
    if (text) text[fread(text, 1, size, file)] = '\0';
    fclose(file);
    return text;
}

static bool log_says_ready(const struct bench_server *s)
{
    char *text = read_log(s);
    bool ready = text &&
                 strstr(text, s->setup.carrier->server == SERVER_MOSQUITTO ? " running\n"
                                                                           : "listening on ");
    free(text);
    return ready;
}

static bool fail_with_log(const struct bench_server *s, const char *what, struct news_error *err)
{
    char *text = read_log(s), *last = text;
    for (char *at = text; at && *at; at += strcspn(at, "\n") + (at[strcspn(at, "\n")] == '\n'))
        last = at;
    if (last) last[strcspn(last, "\n")] = '\0';
    const char *slash = strrchr(s->program, '/');
    (void)news_fail(err, NEWS_ERR_UNREACHABLE, "%.40s %s: %.160s", slash ? slash + 1 : s->program,
                    what, last ? last : "");
    free(text);
    return false;
}

static bool is_running(struct bench_server *s)
{
    if (s->pid > 0 && waitpid(s->pid, NULL, WNOHANG) == s->pid) s->pid = 0;
    return s->pid > 0;
}

static bool wait_ready(struct bench_server *s, struct news_error *err)
{
    struct timespec pause = {.tv_nsec = 2000000};
    int64_t deadline = date_mono_ms() + READY_MS;
    while (is_running(s)) {
        if (log_says_ready(s)) return true;
        if (date_mono_ms() > deadline) return fail_with_log(s, "is not ready", err);
        (void)nanosleep(&pause, NULL);
    }
    return fail_with_log(s, "ended", err);
}

static bool launch(struct bench_server *s, struct news_error *err)
{
    pid_t parent = getpid();
    (void)unlink(s->log);
    (void)fflush(NULL);
    s->pid = fork();
    if (s->pid == 0) {
        become(s, parent);
        _exit(127);
    }
    if (s->pid > 0) return wait_ready(s, err);
    s->pid = 0;
    return news_fail(err, NEWS_ERR_IO, "fork: %s", strerror(errno));
}

static bool wait_end(struct bench_server *s, int timeout_ms)
{
    struct timespec pause = {.tv_nsec = 2000000};
    int64_t deadline = date_mono_ms() + timeout_ms;
    while (is_running(s) && date_mono_ms() < deadline)
        (void)nanosleep(&pause, NULL);
    return s->pid == 0;
}

/* --- what callers see ---------------------------------------------------------------------- */

static bool make_folder(struct bench_server *s, struct news_error *err)
{
    const char *base = getenv("TMPDIR");
    int len = snprintf(s->folder, sizeof s->folder, "%s/newsbench-XXXXXX",
                       base && *base ? base : "/tmp");
    /* A socket's path has at most 107 bytes. */
    if (len < 0 || len > 90 || !mkdtemp(s->folder)) {
        *s->folder = '\0';
        return news_fail(err, NEWS_ERR_IO, "no temporary folder: %s",
                         len > 90 ? "$TMPDIR is too long" : strerror(errno));
    }
    (void)snprintf(s->config, sizeof s->config, "%s/server.conf", s->folder);
    (void)snprintf(s->log, sizeof s->log, "%s/server.log", s->folder);
    return true;
}

static bool start_somewhere(struct bench_server *s, struct news_error *err)
{
    for (int attempt = 1;; attempt++) {
        if (!choose_port(s, err) || !write_config(s, err)) return false;
        make_url(s);
        if (launch(s, err)) return true;
        if (s->pid > 0 || attempt == PORT_ATTEMPTS || !strstr(err->message, "in use")) return false;
    }
}

struct bench_server *server_start(const struct server_setup *setup, struct news_error *err)
{
    struct bench_server *s = calloc(1, sizeof *s);
    if (!s) {
        news_fail(err, NEWS_ERR_MEMORY, "out of memory");
        return NULL;
    }
    s->setup = *setup;
    if (server_find(setup->carrier->server, setup->program, s->program, sizeof s->program, err) &&
        make_folder(s, err) && make_key(s, err) && start_somewhere(s, err))
        return s;
    server_free(s);
    return NULL;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info, (void)type, (void)where;
    return remove(path);
}

void server_free(struct bench_server *s)
{
    if (!s) return;
    if (s->pid > 0) {
        kill(s->pid, SIGCONT);
        kill(s->pid, SIGTERM);
        if (!wait_end(s, GOODBYE_MS)) server_kill(s);
    }
    nrp_keys_free(s->keys);
    if (*s->folder) (void)nftw(s->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(s);
}

const char *server_url(const struct bench_server *s)
{
    return s->url;
}

const struct nrp_key *server_key(const struct bench_server *s)
{
    return s->keys ? nrp_keys_first(s->keys) : NULL;
}

pid_t server_pid(const struct bench_server *s)
{
    return s->pid;
}

bool server_alive(struct bench_server *s, struct news_error *err)
{
    return is_running(s) || fail_with_log(s, "ended", err);
}

void server_kill(struct bench_server *s)
{
    if (s->pid <= 0) return;
    kill(s->pid, SIGKILL);
    while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    s->pid = 0;
}

bool server_restart(struct bench_server *s, struct news_error *err)
{
    return launch(s, err);
}

void server_pause(struct bench_server *s, bool on)
{
    if (s->pid > 0) kill(s->pid, on ? SIGSTOP : SIGCONT);
}
