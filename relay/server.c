#include "relay/server.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/date.h"
#include "common/log.h"
#include "common/notify.h"
#include "common/program.h"
#include "relay/acceptor.h"
#include "relay/address.h"
#include "relay/multicast.h"
#include "relay/reactor.h"
#include "relay/status.h"
#include "relay/watch.h"

enum {
    REACTORS_MAX = 64,
    DESCRIPTORS_SPARE = 32, /* standard ones, signals, files that are read */
    DESCRIPTORS_REACTOR = 4,
    DESCRIPTORS_LINGERING = 256, /* of each reactor: streams.c */
};

struct server {
    struct server_config *config;
    struct guard *guard;
    struct relay_log *log;
    struct listeners *listeners;
    struct acceptor *acceptor;
    struct reactor *reactors[REACTORS_MAX];
    pthread_t threads[REACTORS_MAX];
    unsigned thread_count; /* that run; the first reactor has the main thread */
    struct watch signals;
    bool stopping;
    unsigned next; /* reactor for the next connection */
    int64_t since_ms, status_due_us;
    struct status published;
};

/* --- status ------------------------------------------------------------------------------ */

static void take_status(struct server *s, struct status *out)
{
    memset(out, 0, sizeof *out);
    relay_log_counts(s->log, &out->log);
    guard_counts(s->guard, &out->guard);
    for (unsigned i = 0; i < s->config->reactors; i++) {
        struct reactor_counts one;
        reactor_counts(s->reactors[i], &one);
        status_add(out, &one);
    }
}

static void print_status(struct server *s)
{
    struct status now;
    struct buf lines = {0};
    take_status(s, &now);
    status_lines(&now, &lines);
    if (buf_ok(&lines)) (void)!write(STDERR_FILENO, lines.data, lines.len);
    buf_deinit(&lines);
}

static void publish_status(struct server *s, struct hub *hub, int64_t now_us)
{
    struct status now;
    struct buf json = {0}, topic = {0};
    take_status(s, &now);
    if (s->published.log.accepted > 0 && !status_changed(&s->published, &now)) return;
    const struct status_of of = {.name = s->config->name,
                                 .epoch = relay_log_epoch(s->log),
                                 .since_ms = s->since_ms,
                                 .now_ms = date_now_ms()};
    status_json(&now, &of, &json);
    buf_printf(&topic, "newswire/relay/%s", s->config->name);
    if (buf_ok(&json) && buf_ok(&topic) &&
        hub_publish(hub, now_us, topic.data, json.data, json.len))
        s->published = now;
    buf_deinit(&json);
    buf_deinit(&topic);
}

/* --- what the first reactor does beside -------------------------------------------------- */

static void take_connection(void *user, int fd, const struct nrp_address *from, int64_t now_us)
{
    struct server *s = user;
    (void)now_us;
    reactor_hand(s->reactors[s->next], fd, from);
    s->next = (s->next + 1) % s->config->reactors;
}

static void on_appended(void *user, unsigned index)
{
    struct server *s = user;
    for (unsigned i = 0; i < s->config->reactors; i++)
        if (i != index) reactor_wake(s->reactors[i]);
}

static int64_t upkeep(void *user, struct hub *hub, int64_t now_us)
{
    struct server *s = user;
    acceptor_tick(s->acceptor, now_us);
    int64_t due = acceptor_deadline(s->acceptor);
    if (s->stopping || s->config->status_us == 0) return due;
    if (now_us >= s->status_due_us) {
        publish_status(s, hub, now_us);
        relay_log_tick(s->log, now_us);
        s->status_due_us = now_us + s->config->status_us;
    }
    return due < s->status_due_us ? due : s->status_due_us;
}

static bool may_end(void *user)
{
    struct server *s = user;
    for (unsigned i = 1; i < s->config->reactors; i++)
        if (!reactor_is_done(s->reactors[i])) return false;
    return true;
}

/* --- signals ----------------------------------------------------------------------------- */

static void order_all(struct server *s, enum reactor_order order)
{
    for (unsigned i = 0; i < s->config->reactors; i++)
        reactor_order(s->reactors[i], order);
}

static void read_keys_again(struct server *s)
{
    struct news_error err = {0};
    if (!s->config->keys) {
        log_error("there is no key file to read again");
        return;
    }
    struct nrp_keys *keys = nrp_keys_read(s->config->keys, &err);
    notify_reloading();
    if (keys) {
        size_t count = nrp_keys_count(keys);
        guard_replace_keys(s->guard, keys);
        order_all(s, REACTOR_KEYS);
        log_error("%s: read again, %zu key%s", s->config->keys, count, count == 1 ? "" : "s");
    } else {
        log_error("%s; going on with the old keys", err.message);
    }
    notify("READY=1");
}

static void stop(struct server *s)
{
    if (s->stopping) { /* the second time: at once */
        listeners_close(s->listeners);
        _exit(EX_TEMPFAIL);
    }
    s->stopping = true;
    log_note("ending: what is queued is still delivered");
    notify("STOPPING=1");
    acceptor_stop(s->acceptor);
    order_all(s, REACTOR_STOP);
}

static void signals_ready(struct watch *w, uint32_t events, int64_t now_us)
{
    (void)events, (void)now_us;
    struct server *s = w->user;
    for (int signal; (signal = program_signal_next(w->fd)) != 0;) {
        if (signal == SIGUSR1) print_status(s);
        else if (signal == SIGHUP) read_keys_again(s);
        else stop(s);
    }
}

static bool watch_signals(struct server *s, struct news_error *err)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1};
    s->signals = (struct watch){.fd = -1, .ready = signals_ready, .user = s};
    (void)signal(SIGPIPE, SIG_IGN);
    if (!program_watch(signals, sizeof signals / sizeof *signals, &s->signals.fd, err))
        return false;
    return watch_set(reactor_epoll(s->reactors[0]), &s->signals, EPOLLIN) ||
           news_fail(err, NEWS_ERR_IO, "epoll_ctl: %s", strerror(errno));
}

/* --- starting ---------------------------------------------------------------------------- */

/* Each stream session needs a descriptor. The soft limit is ours to raise; beyond the hard one the
 * relay serves fewer. */
static bool find_descriptors(struct server_config *c, struct news_error *err)
{
    struct rlimit limit;
    rlim_t beside = DESCRIPTORS_SPARE + 2 * c->listen_count +
                    c->reactors * (2 + DESCRIPTORS_REACTOR + DESCRIPTORS_LINGERING);
    rlim_t wanted = c->guard.sessions_max + beside;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted) return true;
    limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur >= wanted) return true;
    if (limit.rlim_cur < beside + 16)
        return news_fail(err, NEWS_ERR_CONFIG,
                         "the limit of %llu open files leaves none for sessions (ulimit -n)",
                         (unsigned long long)limit.rlim_cur);
    c->guard.sessions_max = (unsigned)(limit.rlim_cur - beside);
    log_error("the limit of %llu open files (ulimit -n) allows %u sessions, not more",
              (unsigned long long)limit.rlim_cur, c->guard.sessions_max);
    return true;
}

static bool open_core(struct server *s, struct news_error *err)
{
    struct server_config *c = s->config;
    struct nrp_keys *keys = c->keys ? nrp_keys_read(c->keys, err) : NULL;
    if (c->keys && !keys) return false;
    for (size_t i = 0; i < 2; i++)
        c->guard.secret[i] = nrp_random_u64(&nrp_random_system);
    s->guard = guard_new(&c->guard, keys, err);
    if (!s->guard) {
        nrp_keys_free(keys);
        return false;
    }
    s->log = relay_log_new(&c->log, &nrp_random_system, err);
    return s->log != NULL;
}

static bool open_listeners(struct server *s, struct news_error *err)
{
    const struct server_config *c = s->config;
    const struct listeners_config l = {.urls = c->listen,
                                       .count = c->listen_count,
                                       .reactors = c->reactors,
                                       .local_only = c->local_only,
                                       .unix_mode = c->unix_mode};
    s->listeners = listeners_open(&l, err);
    if (!s->listeners || !c->hub.group.on) return s->listeners != NULL;
    return multicast_prepare(s->listeners, &c->hub.group.address, c->multicast_interface, err);
}

static bool open_reactors(struct server *s, struct news_error *err)
{
    for (unsigned i = 0; i < s->config->reactors; i++) {
        const struct reactor_setup setup = {.index = i,
                                            .hub = &s->config->hub,
                                            .log = s->log,
                                            .guard = s->guard,
                                            .listeners = s->listeners,
                                            .on_appended = on_appended,
                                            .upkeep = i == 0 ? upkeep : NULL,
                                            .may_end = i == 0 ? may_end : NULL,
                                            .user = s};
        s->reactors[i] = reactor_new(&setup, err);
        if (!s->reactors[i]) return false;
    }
    s->acceptor = acceptor_new(reactor_epoll(s->reactors[0]), s->listeners, take_connection, s,
                               err);
    return s->acceptor && watch_signals(s, err);
}

/* A thread knows its reactor, and the server by the last of its arguments. */
struct thread_start {
    struct reactor *reactor, *first;
};

static void *run_thread(void *argument)
{
    struct thread_start start = *(struct thread_start *)argument;
    free(argument);
    reactor_run(start.reactor);
    reactor_order(start.first, REACTOR_LOOK);
    return NULL;
}

static bool start_threads(struct server *s, struct news_error *err)
{
    for (unsigned i = 1; i < s->config->reactors; i++) {
        struct thread_start *start = malloc(sizeof *start);
        if (start) *start = (struct thread_start){s->reactors[i], s->reactors[0]};
        int failed = start ? pthread_create(&s->threads[i], NULL, run_thread, start) : ENOMEM;
        if (failed) {
            free(start);
            return news_fail(err, NEWS_ERR_MEMORY, "a thread: %s", strerror(failed));
        }
        s->thread_count++;
    }
    return true;
}

static void end_threads(struct server *s)
{
    for (unsigned i = 1; i <= s->thread_count; i++)
        reactor_order(s->reactors[i], REACTOR_STOP);
    for (unsigned i = 1; i <= s->thread_count; i++)
        (void)pthread_join(s->threads[i], NULL);
}

static void server_close(struct server *s)
{
    acceptor_free(s->acceptor);
    for (unsigned i = 0; i < s->config->reactors; i++)
        reactor_free(s->reactors[i]);
    if (s->signals.fd > 0) (void)close(s->signals.fd);
    listeners_close(s->listeners);
    relay_log_free(s->log);
    guard_free(s->guard);
}

static const char *policy_name(enum slow_policy p)
{
    static const char *const names[] = {"drop-oldest", "drop-newest", "disconnect", "block"};
    return names[p];
}

static void tell_limits(const struct server *s)
{
    const struct server_config *c = s->config;
    static const char *const levels[] = {"nothing", "a key", "a key and encryption"};
    log_note("required of clients: %s", levels[c->security_least]);
    log_note("reactors %u; sessions %u, %u of one address; %u subscriptions each", c->reactors,
             c->guard.sessions_max, c->guard.per_address_max, c->hub.subscriptions_max);
    log_note("handshakes %u/s of one address, %u/s in all; publications %u/s of one key%s",
             c->guard.handshakes_per_s, c->guard.handshakes_per_s_all, c->guard.publish_per_s,
             c->guard.publish_per_s ? "" : " (no limit)");
    log_note("item %zu bytes; queue %u items, %zu bytes; when full: %s, at QoS 1 %s",
             c->hub.item_max, c->hub.queue_qos0.items_max, c->hub.queue_qos0.bytes_max,
             policy_name(c->hub.queue_qos0.policy), policy_name(c->hub.queue_qos1.policy));
    log_note("log %zu items, %zu bytes; retained %zu topics, %zu bytes; publishers remembered %zu",
             c->log.items_max, c->log.bytes_max, c->log.retained_max, c->log.retained_bytes_max,
             c->log.publishers_max);
    log_note("UDP: %lld bytes/s to one client%s, window %u frames, lease %lld s",
             (long long)c->hub.sender.rate_cap, c->hub.sender.rate_cap ? "" : " (no limit)",
             c->hub.sender.window, (long long)(c->hub.lease_us / 1000000));
}

static void tell_group(const struct server *s)
{
    const struct group_config *g = &s->config->hub.group;
    char text[ADDRESS_TEXT_MAX];
    if (!g->on) return;
    address_text(&g->address, text);
    log_note("multicast: %s to %s, %s", g->filter, text, g->sealed ? "encrypted" : "open");
}

static void tell_listeners(const struct server *s)
{
    for (size_t i = 0; i < listeners_count(s->listeners); i++) {
        const struct listener *at = listeners_at(s->listeners, i);
        if (at->reactor == 0) log_error("listening on %s", at->text);
    }
}

static bool serve(struct server *s, struct news_error *err)
{
    if (!find_descriptors(s->config, err) || !open_core(s, err) || !open_listeners(s, err) ||
        !open_reactors(s, err))
        return false;
    bool ok = start_threads(s, err);
    if (ok) {
        tell_limits(s);
        tell_group(s);
        tell_listeners(s);
        notify("READY=1");
        reactor_run(s->reactors[0]);
    }
    end_threads(s);
    return ok;
}

int server_run(struct server_config *c)
{
    struct server s = {.config = c, .since_ms = date_now_ms()};
    struct news_error err = {0};
    bool ok = serve(&s, &err);
    server_close(&s);
    if (ok) return EX_OK;
    log_error("%s", err.message);
    return news_exit_status(err.code);
}
