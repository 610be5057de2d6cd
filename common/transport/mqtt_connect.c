#include "common/transport/mqtt_connect.h"

#include <errno.h>
#include <mqtt_protocol.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/transport/background.h"
#include "common/transport/carrier.h"

/* Unacknowledged messages we take. Brokers have their own, mostly smaller limit. */
#define RECEIVE_MAX      1000
#define SESSION_EXPIRY_S (7 * 24 * 3600)

struct mqtt_dial {
    atomic_int owners; /* the loop and the thread; the last to leave frees */
    atomic_bool over;  /* set after the results below */
    int fd;
    struct mosquitto *handle;
    mosquitto_property *properties;
    char *host;
    int port, keepalive_s;
    int status, error_number; /* of the library's call */
    struct mqtt_log log;
};

#ifdef __SANITIZE_THREAD__
/* The library unlocks a mutex it does not hold when the server sends DISCONNECT (its
 * do_client_disconnect() is written for another caller). One thread at a time has the handle, so
 * nothing depends on it. Here rather than with the tests: it counts for the programs as well. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
    return "mutex:libmosquitto.so\n";
}
#endif

void mqtt_log_keep(struct mqtt_log *log, int level, const char *line)
{
    if (level & (MOSQ_LOG_ERR | MOSQ_LOG_WARNING))
        snprintf(log->line, sizeof log->line, "%s", line);
}

static void on_dial_log(struct mosquitto *handle, void *user, int level, const char *line)
{
    (void)handle;
    mqtt_log_keep(&((struct mqtt_dial *)user)->log, level, line);
}

/* Threads that are still at it. They are few: each ends when the kernel gives up (127 s for a
 * SYN without an answer), and link.c starts attempts at growing distances. */
static atomic_int dials_running;

/* At exit an abandoned thread may still be inside the library; then what the library holds is left
 * to the kernel rather than pulled away from under it. */
static void library_cleanup(void)
{
    if (atomic_load(&dials_running) == 0) mosquitto_lib_cleanup();
}

static void library_init_once(void)
{
    mosquitto_lib_init();
    /* Pitfall 25: mosquitto_new() of 2.0.11 makes the whole process ignore SIGPIPE anyway, later
     * versions leave it alone, and all of them write(2) to sockets. So: always ignored, here, and
     * programs look for EPIPE on standard output. */
    signal(SIGPIPE, SIG_IGN);
    atexit(library_cleanup);
}

void mqtt_library_init(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, library_init_once);
}

/* --- options ----------------------------------------------------------------------------- */

static bool check_options(const struct transport_options *o, const struct transport_url *url,
                          struct news_error *err)
{
    const struct {
        bool wrong;
        const char *sentence;
    } rules[] = {
        {o->keep_session && !o->client_id, "a kept session needs a client id"},
        {o->keepalive_s < 5 || o->keepalive_s > UINT16_MAX, "keep alive is 5 to 65535 seconds"},
        {o->connect_timeout_ms < 0, "the time to connect cannot be negative"},
        {o->window > UINT16_MAX, "the window has at most 65535 messages"},
        {o->mqtt_version != 0 && o->mqtt_version != 4 && o->mqtt_version != 5,
         "the MQTT version is 4 (3.1.1) or 5"},
        {o->will && o->will->payload_len > UINT16_MAX, "a will has at most 65535 bytes"},
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (rules[i].wrong)
            return news_fail(err, NEWS_ERR_USAGE, "%.100s: %s", url->text, rules[i].sentence);
    return true;
}

bool mqtt_options_complete(struct transport_options *o, const struct transport_url *url,
                           struct news_error *err)
{
    char id[CARRIER_ID_SIZE];
    if (!o->username && *url->user) {
        o->username = strdup(url->user);
        if (!o->username) return news_fail(err, NEWS_ERR_MEMORY, "out of memory");
    }
    if (!check_options(o, url, err)) return false;
    if (o->client_id) return true;
    carrier_make_id(id);
    o->client_id = strdup(id);
    return o->client_id || news_fail(err, NEWS_ERR_MEMORY, "out of memory");
}

/* --- the handle -------------------------------------------------------------------------- */

static bool set_login_and_will(struct mosquitto *handle, const struct transport_options *o)
{
    const struct message *will = o->will;
    int failed = 0;
    if (o->username) failed |= mosquitto_username_pw_set(handle, o->username, o->password);
    if (will)
        failed |= mosquitto_will_set(handle, will->topic, (int)will->payload_len, will->payload,
                                     will->qos, will->retained);
    return !failed;
}

/* Threaded mode is declared though one thread at a time has the handle: the library then queues
 * what it would otherwise write at once, so that acknowledgements leave when we write them.
 * Pitfall 6: 20 in flight by default, each way. Out, never fewer than our window, so that no
 * message waits in the library where a DISCONNECT would overtake it (pitfall 4). */
struct mosquitto *mqtt_handle_new(const struct transport_options *o, int version,
                                  struct news_error *err)
{
    /* Pitfall 14: with a session to keep, clean start is 0 on the first connection as well. */
    struct mosquitto *handle = mosquitto_new(o->client_id, !o->keep_session, NULL);
    if (!handle) {
        bool memory = errno == ENOMEM;
        news_fail(err, memory ? NEWS_ERR_MEMORY : NEWS_ERR_USAGE, "%s",
                  memory ? "out of memory" : "the client id is not fit for MQTT");
        return NULL;
    }
    mosquitto_int_option(handle, MOSQ_OPT_PROTOCOL_VERSION,
                         version == 5 ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311);
    mosquitto_int_option(handle, MOSQ_OPT_SEND_MAXIMUM, (int)o->window);
    mosquitto_int_option(handle, MOSQ_OPT_RECEIVE_MAXIMUM, RECEIVE_MAX);
    mosquitto_threaded_set(handle, true);
    if (set_login_and_will(handle, o)) return handle;
    mosquitto_destroy(handle);
    news_fail(err, NEWS_ERR_USAGE, "the user name or the will is not fit for MQTT");
    return NULL;
}

/* Pitfall 15: no topic alias maximum here, ever: the library does not know incoming aliases.
 * Pitfall 22: a broker of MQTT 5 obeys the maximum packet size; the library itself has none. */
static mosquitto_property *connect_properties(const struct transport_options *o, int version)
{
    if (version != 5) return NULL;
    mosquitto_property *list = NULL;
    uint32_t packet_max = o->packet_max < UINT32_MAX ? (uint32_t)o->packet_max : UINT32_MAX;
    mosquitto_property_add_int32(&list, MQTT_PROP_MAXIMUM_PACKET_SIZE, packet_max);
    if (o->keep_session)
        mosquitto_property_add_int32(&list, MQTT_PROP_SESSION_EXPIRY_INTERVAL, SESSION_EXPIRY_S);
    return list;
}

/* --- the dial ---------------------------------------------------------------------------- */

static void dial_leave(struct mqtt_dial *d)
{
    if (atomic_fetch_sub(&d->owners, 1) > 1) return;
    mosquitto_destroy(d->handle); /* NULL is fine */
    mosquitto_property_free_all(&d->properties);
    if (d->fd >= 0) close(d->fd);
    free(d->host);
    free(d);
}

/* Pitfalls 11 to 13: not connect_async(), which never recovers from a refusal, resolves on the
 * caller's thread and takes no MQTT 5 properties. */
static void *dial_thread(void *argument)
{
    struct mqtt_dial *d = argument;
    errno = 0;
    d->status = mosquitto_connect_bind_v5(d->handle, d->host, d->port, d->keepalive_s, NULL,
                                          d->properties);
    d->error_number = errno;
    atomic_store(&d->over, true);
    uint64_t one = 1;
    while (write(d->fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
    dial_leave(d);
    atomic_fetch_sub(&dials_running, 1);
    return NULL;
}

struct mqtt_dial *mqtt_dial_start(struct mosquitto *handle, const struct transport_url *url,
                                  const struct transport_options *o, int version,
                                  struct news_error *err)
{
    struct mqtt_dial *d = calloc(1, sizeof *d);
    if (!d) {
        mosquitto_destroy(handle);
        news_fail(err, NEWS_ERR_MEMORY, "out of memory");
        return NULL;
    }
    d->handle = handle;
    d->properties = connect_properties(o, version);
    d->port = url->port;
    d->keepalive_s = o->keepalive_s;
    d->host = strdup(url->host);
    d->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    mosquitto_user_data_set(handle, d);
    mosquitto_log_callback_set(handle, on_dial_log);
    atomic_init(&d->owners, 2);
    atomic_fetch_add(&dials_running, 1);
    int failed = !d->host ? ENOMEM : d->fd < 0 ? errno : background_start(dial_thread, d);
    if (!failed) return d;
    news_fail(err, NEWS_ERR_MEMORY, "no thread to connect with: %s", strerror(failed));
    atomic_fetch_sub(&dials_running, 1);
    atomic_store(&d->owners, 1);
    dial_leave(d);
    return NULL;
}

int mqtt_dial_fd(const struct mqtt_dial *d)
{
    return d->fd;
}

bool mqtt_dial_is_over(const struct mqtt_dial *d)
{
    return atomic_load(&d->over);
}

static void explain(const struct mqtt_dial *d, struct news_error *err)
{
    enum news_errc code = d->status == MOSQ_ERR_NOMEM ? NEWS_ERR_MEMORY : NEWS_ERR_UNREACHABLE;
    const char *what = mosquitto_strerror(d->status);
    /* For a name that does not resolve the library leaves getaddrinfo()'s code in errno. */
    if (d->status == MOSQ_ERR_EAI) what = gai_strerror(d->error_number);
    if (d->status == MOSQ_ERR_ERRNO) what = strerror(d->error_number);
    news_fail(err, code, *d->log.line ? "%s (%s)" : "%s", what, d->log.line);
}

struct mosquitto *mqtt_dial_finish(struct mqtt_dial *d, struct news_error *err)
{
    struct mosquitto *handle = NULL;
    if (d->status == MOSQ_ERR_SUCCESS) {
        handle = d->handle;
        d->handle = NULL;
        mosquitto_user_data_set(handle, NULL);
        mosquitto_log_callback_set(handle, NULL);
    } else {
        explain(d, err);
    }
    dial_leave(d);
    return handle;
}

void mqtt_dial_abandon(struct mqtt_dial *d)
{
    if (d) dial_leave(d);
}
