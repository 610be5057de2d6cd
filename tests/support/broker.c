#include "tests/support/broker.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/buf.h"
#include "tests/support/process.h"
#include "tests/support/tmpdir.h"
#include "tests/support/wait.h"

#define NOT_BUILT "newsrelay is not built"

static const struct {
    const char *program, *missing, *scheme;
} kinds[] = {
    [BROKER_MOSQUITTO] = {"mosquitto", "mosquitto is not installed (apt install mosquitto)",
                          "mqtt"},
    [BROKER_NATS] = {"nats-server", "nats-server is not installed (apt install nats-server)",
                     "mqtt"},
    [BROKER_RELAY] = {NEWSRELAY_PATH, NOT_BUILT, "nrp"},
    [BROKER_RELAY_UDP] = {NEWSRELAY_PATH, NOT_BUILT, "nrp+udp"},
    [BROKER_RELAY_UNIX] = {NEWSRELAY_PATH, NOT_BUILT, "nrp+unix"},
};

struct broker {
    enum broker_kind kind;
    struct tmpdir dir;
    struct buf config;
    int port;
    char url[320], path[256];
    struct process *process;
};

const char *broker_missing(enum broker_kind kind)
{
    char path[512];
    return process_exists(kinds[kind].program, path, sizeof path) ? NULL : kinds[kind].missing;
}

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

int broker_free_port(void)
{
    struct sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return 0;
    bool ok = bind(fd, (struct sockaddr *)&address, size) == 0 &&
              getsockname(fd, (struct sockaddr *)&address, &size) == 0;
    close(fd);
    return ok ? ntohs(address.sin_port) : 0;
}

const char *broker_url_at(enum broker_kind kind, int port)
{
    static char url[64];
    if (kind == BROKER_RELAY_UNIX) snprintf(url, sizeof url, "nrp+unix:///nonexistent/%d", port);
    else snprintf(url, sizeof url, "%s://127.0.0.1:%d", kinds[kind].scheme, port);
    return url;
}

static void write_basics(struct broker *b)
{
    switch (b->kind) {
    case BROKER_MOSQUITTO:
        /* Started as root it would change to a user who cannot read our directory. */
        if (geteuid() == 0) broker_add(b, "user root\n");
        broker_add(b, "persistence false\nlog_dest stderr\nlog_type all\n");
        broker_add(b, "set_tcp_nodelay true\n");
        broker_add(b, "listener %d 127.0.0.1\n", b->port);
        break;
    case BROKER_NATS:
        broker_add(b, "server_name: newswire-test\nhost: 127.0.0.1\nport: %d\n",
                   broker_free_port());
        broker_add(b, "jetstream { store_dir: \"%s\" }\n", b->dir.path);
        /* What nobody acknowledged comes again after ack_wait, not with the next connection. */
        broker_add(b, "mqtt { host: 127.0.0.1, port: %d, ack_wait: \"1s\" }\n", b->port);
        break;
    case BROKER_RELAY:
    case BROKER_RELAY_UDP:
    case BROKER_RELAY_UNIX:
        /* TCP last: who can connect there finds the others open. */
        broker_add(b, "listen = nrp+unix://%s/relay.sock\nlisten = nrp+udp://127.0.0.1:%d\n",
                   b->dir.path, b->port);
        broker_add(b, "listen = nrp://127.0.0.1:%d\nverbose = yes\n", b->port);
        break;
    }
}

struct broker *broker_new(enum broker_kind kind)
{
    struct broker *b = calloc(1, sizeof *b);
    if (!b) return NULL;
    b->kind = kind;
    b->port = broker_free_port();
    if (b->port == 0 || !tmpdir_make(&b->dir)) {
        broker_free(b);
        return NULL;
    }
    if (kind == BROKER_RELAY_UNIX)
        snprintf(b->url, sizeof b->url, "nrp+unix://%s/relay.sock", b->dir.path);
    else snprintf(b->url, sizeof b->url, "%s", broker_url_at(kind, b->port));
    write_basics(b);
    return b;
}

void broker_add(struct broker *b, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    buf_puts(&b->config, text);
}

const char *broker_file(struct broker *b, const char *name, const char *text)
{
    return tmpdir_write(&b->dir, name, text, b->path, sizeof b->path) ? b->path : NULL;
}

static bool write_config(struct broker *b, char *path, size_t size)
{
    struct buf text = {0};
    buf_put(&text, b->config.data, b->config.len);
    if (b->kind == BROKER_MOSQUITTO && !strstr(b->config.data, "password_file") &&
        !strstr(b->config.data, "allow_anonymous"))
        buf_puts(&text, "allow_anonymous true\n");
    bool ok = buf_ok(&text) && tmpdir_write(&b->dir, "broker.conf", text.data, path, size);
    buf_deinit(&text);
    return ok;
}

static bool accepts_or_is_dead(void *user)
{
    struct broker *b = user;
    struct sockaddr_in address = loopback(b->port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool accepted = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return accepted || !process_is_running(b->process);
}

static void show_log(const char *path)
{
    char line[512];
    FILE *log = fopen(path, "r");
    while (log && fgets(line, sizeof line, log))
        fprintf(stderr, "broker: %s", line);
    if (log) fclose(log);
}

bool broker_start(struct broker *b)
{
    char program[512], config[256], log[256];
    if (!process_exists(kinds[b->kind].program, program, sizeof program)) return false;
    if (!write_config(b, config, sizeof config)) return false;
    snprintf(log, sizeof log, "%s/broker.log", b->dir.path);
    const char *argv[] = {program, "-c", config, NULL};
    struct process_options o = {.argv = argv, .err = {PROCESS_FILE, log}};
    process_free(b->process);
    b->process = process_start(&o);
    if (!b->process) return false;
    bool up = wait_until(accepts_or_is_dead, b, WAIT_MS) && process_is_running(b->process);
    if (!up) show_log(log);
    return up;
}

static void end(struct broker *b, int number)
{
    if (!b->process) return;
    process_signal(b->process, number);
    (void)process_wait(b->process, WAIT_MS);
    process_free(b->process);
    b->process = NULL;
}

void broker_stop(struct broker *b)
{
    end(b, SIGTERM);
}

void broker_kill(struct broker *b)
{
    end(b, SIGKILL);
}

void broker_pause(struct broker *b, bool on)
{
    process_signal(b->process, on ? SIGSTOP : SIGCONT);
}

void broker_free(struct broker *b)
{
    if (!b) return;
    broker_kill(b);
    buf_deinit(&b->config);
    tmpdir_remove(&b->dir);
    free(b);
}

int broker_port(const struct broker *b)
{
    return b->port;
}

const char *broker_url(const struct broker *b)
{
    return b->url;
}

pid_t broker_pid(const struct broker *b)
{
    return b->process ? process_pid(b->process) : -1;
}
