/* MQTT 5 and 3.1.1 over libmosquitto 2.0.11, driven by our own loop.
 *
 * One handle is one connection: nothing here reconnects, so nothing of the library's own retrying
 * (pitfalls 8 to 11) or its memory of earlier connections (2, 14) is ever in play. Making the
 * handle and connecting it is mqtt_connect.c's work; from then on our loop reads and writes, and
 * acknowledgements leave when service() writes them, after on_batch().
 *
 * "Pitfall n" is row n of the list of measured traps that this carrier was written against. Those
 * that are kept by what is not done: no properties are forwarded (16), no select() (17), no SRV
 * lookups (24); queues of the broker (26) are for its own configuration. */
#include <errno.h>
#include <fcntl.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/date.h"
#include "common/topic.h"
#include "common/transport/carrier.h"
#include "common/transport/mqtt_connect.h"
#include "common/transport/mqtt_limits.h"
#include "common/transport/mqtt_reason.h"
#include "common/transport/mqtt_socket.h"
#include "common/transport/mqtt_window.h"

/* Messages handed over before on_batch() is asked and acknowledgements leave. */
#define BATCH_MAX 200
/* Packets read in one turn, of any kind. */
#define READS_MAX (8 * BATCH_MAX)
/* Pitfall 18: loop_misc() wants to run each second. */
#define MISC_PERIOD_MS 1000
/* How long a goodbye may take: what was published, DISCONNECT, and the broker's FIN. */
#define GOODBYE_MS 2000

enum phase {
    DIALLING, /* the helper thread has the handle */
    GREETING, /* connected, no CONNACK yet */
    UP,
    CLOSING,   /* DISCONNECT is queued */
    LINGERING, /* DISCONNECT is written: until the broker has read it all and closed */
    OVER,
};

struct subscription { /* one that is not answered yet */
    struct subscription *next;
    int id;
    char filter[];
};

struct mqtt {
    struct transport base;
    struct transport_url url;
    struct transport_options options; /* a copy of our own */
    struct transport_events events;
    enum phase phase;
    int version; /* 5 or 4, of this attempt */
    struct mqtt_dial *dial;
    struct mosquitto *handle;
    struct mqtt_log log;
    int64_t deadline_ms; /* of connecting, or of the goodbye */
    int64_t misc_ms;     /* when loop_misc() is due */
    struct mqtt_patience patience;
    bool reading;
    bool goodbye; /* close() was called */

    struct mqtt_limits limits;
    struct mqtt_window window;
    struct subscription *subscriptions;

    /* Set by the library's callbacks, looked at once they have returned: */
    int connack;    /* its code, -1: none yet */
    bool ended;     /* on_disconnect was called, with: */
    int end_status; /* a reason of the broker, or a MOSQ_ERR_ */
    bool broke_limit;
    unsigned progress;  /* counts packets that came with a callback */
    unsigned delivered; /* messages since the last on_batch() */
    unsigned to_write;  /* packets queued since the last write, roughly */
    bool writing;
    uint64_t *written; /* tokens of QoS 0 whose packets just left; as large as the window */
    size_t written_count;
    int linger_fd;
};

static struct mqtt *mqtt_of(struct transport *t)
{
    return (struct mqtt *)t;
}

/* --- the end ----------------------------------------------------------------------------- */

static void drop_connection(struct mqtt *q)
{
    mqtt_dial_abandon(q->dial);
    q->dial = NULL;
    mosquitto_destroy(q->handle); /* closes the socket without another byte */
    q->handle = NULL;
    if (q->linger_fd >= 0) close(q->linger_fd);
    q->linger_fd = -1;
}

/* Never from inside a callback of the library: the handle goes. */
static void end(struct mqtt *q, const struct news_error *why)
{
    if (q->phase == OVER) return;
    drop_connection(q);
    q->phase = OVER;
    q->events.on_state(q->events.user, TRANSPORT_DOWN, why);
}

__attribute__((format(printf, 3, 4))) static void end_with(struct mqtt *q, enum news_errc code,
                                                           const char *format, ...)
{
    char text[160];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    struct news_error why;
    news_fail(&why, code, "%.70s: %s", q->url.text, text);
    end(q, &why);
}

static void end_lost(struct mqtt *q, int error_number)
{
    struct news_error why;
    mqtt_end_explain(q->end_status, error_number, q->log.line, q->url.text, &why);
    end(q, &why);
}

/* --- callbacks of the library ------------------------------------------------------------
 * Pitfall 19: they run under its lock. Ours only note what happened or pass it on; whatever takes
 * the handle apart waits until the library has returned. */

static void on_log(struct mosquitto *handle, void *user, int level, const char *line)
{
    (void)handle;
    mqtt_log_keep(&((struct mqtt *)user)->log, level, line);
}

/* Both versions come here, refusals as well. The assigned client id is of no interest: we always
 * send one, and the server keep alive is the library's to obey. */
static void on_connect(struct mosquitto *handle, void *user, int reason, int flags,
                       const mosquitto_property *properties)
{
    (void)handle, (void)flags;
    struct mqtt *q = user;
    q->connack = reason;
    uint8_t byte;
    uint16_t word;
    uint32_t number;
    if (mosquitto_property_read_int16(properties, MQTT_PROP_RECEIVE_MAXIMUM, &word, false) && word)
        q->limits.receive_max = word;
    if (mosquitto_property_read_int32(properties, MQTT_PROP_MAXIMUM_PACKET_SIZE, &number, false) &&
        number)
        q->limits.packet_max = number;
    if (mosquitto_property_read_byte(properties, MQTT_PROP_MAXIMUM_QOS, &byte, false))
        q->limits.qos_max = byte;
    if (mosquitto_property_read_byte(properties, MQTT_PROP_RETAIN_AVAILABLE, &byte, false))
        q->limits.retain = byte != 0;
}

static void on_disconnect(struct mosquitto *handle, void *user, int status,
                          const mosquitto_property *properties)
{
    (void)handle, (void)properties;
    struct mqtt *q = user;
    if (q->ended) return; /* the first reason is the true one */
    q->ended = true;
    q->end_status = status;
}

/* Pitfall 22: the library takes any size the peer claims. MQTT 5 brokers were told our limit and
 * break the protocol with more. 3.1.1 has no way to say it, so there a larger message is passed
 * over: a hole that sync finds and reports, where a closed connection would meet the same retained
 * message again and again. */
static bool fits_us(struct mqtt *q, const struct mosquitto_message *m)
{
    struct mqtt_limits l = mqtt_limits_default(q->version);
    size_t size = mqtt_publish_size(&l, strlen(m->topic), m->qos, (size_t)m->payloadlen);
    if (size <= q->options.packet_max) return true;
    q->broke_limit |= q->version == 5;
    return false;
}

static void on_message(struct mosquitto *handle, void *user, const struct mosquitto_message *m,
                       const mosquitto_property *properties)
{
    (void)handle, (void)properties;
    struct mqtt *q = user;
    q->progress++;
    if (m->qos > 0) q->to_write++; /* its acknowledgement */
    if (!fits_us(q, m)) return;
    struct message message = {
        .topic = m->topic,
        .payload = m->payload,
        .payload_len = (size_t)m->payloadlen,
        .qos = m->qos,
        .retained = m->retain,
    };
    q->delivered++;
    q->events.on_message(q->events.user, &message);
}

static void on_publish(struct mosquitto *handle, void *user, int id, int reason,
                       const mosquitto_property *properties)
{
    (void)handle, (void)properties;
    struct mqtt *q = user;
    uint64_t token;
    q->progress++;
    if (!mqtt_window_take(&q->window, id, &token)) return;
    if (q->writing) {
        /* QoS 0, written (pitfall 5: only now). Told after the write: an owner that publishes the
         * next message at once would otherwise keep the library's write loop going for ever. */
        q->written[q->written_count++] = token;
        return;
    }
    struct news_error refused;
    bool failed = mqtt_reason_is_failure(MQTT_REQUEST, reason);
    if (failed) mqtt_reason_explain(MQTT_REQUEST, reason, "the broker refused it", &refused);
    q->events.on_published(q->events.user, token, failed ? &refused : NULL);
}

static void on_subscribe(struct mosquitto *handle, void *user, int id, int count,
                         const int *granted, const mosquitto_property *properties)
{
    (void)handle, (void)properties;
    struct mqtt *q = user;
    q->progress++;
    struct subscription **at = &q->subscriptions;
    while (*at && (*at)->id != id)
        at = &(*at)->next;
    struct subscription *s = *at;
    if (!s) return;
    *at = s->next;
    struct news_error refused;
    int reason = count > 0 ? granted[0] : 0x80;
    bool failed = mqtt_reason_is_failure(MQTT_REQUEST, reason);
    if (failed) {
        mqtt_reason_explain(MQTT_REQUEST, reason, s->filter, &refused);
        /* 3.1.1 section 3.9.3 has this one code for every refusal. */
        if (reason == 0x80) refused.code = NEWS_ERR_DENIED;
    }
    q->events.on_subscribed(q->events.user, s->filter, failed ? &refused : NULL);
    free(s);
}

/* --- connecting -------------------------------------------------------------------------- */

/* Pitfalls 12 and 13: the blocking call, with properties, on a helper thread. */
static bool dial(struct mqtt *q, struct news_error *err)
{
    struct mosquitto *handle = mqtt_handle_new(&q->options, q->version, err);
    if (!handle) return false;
    mosquitto_connect_v5_callback_set(handle, on_connect);
    mosquitto_disconnect_v5_callback_set(handle, on_disconnect);
    mosquitto_message_v5_callback_set(handle, on_message);
    mosquitto_publish_v5_callback_set(handle, on_publish);
    mosquitto_subscribe_v5_callback_set(handle, on_subscribe);
    q->limits = mqtt_limits_default(q->version);
    q->connack = -1;
    q->ended = false;
    q->phase = DIALLING;
    q->dial = mqtt_dial_start(handle, &q->url, &q->options, q->version, err);
    return q->dial != NULL;
}

static void serve_dial(struct mqtt *q)
{
    if (!mqtt_dial_is_over(q->dial)) return;
    struct news_error why;
    q->handle = mqtt_dial_finish(q->dial, &why);
    q->dial = NULL;
    if (!q->handle) {
        end_with(q, why.code, "%s", why.message);
        return;
    }
    mosquitto_user_data_set(q->handle, q);
    mosquitto_log_callback_set(q->handle, on_log);
    q->misc_ms = date_mono_ms() + MISC_PERIOD_MS;
    q->phase = GREETING;
    mqtt_socket_tune(mosquitto_socket(q->handle), q->options.keepalive_s, q->options.nagle);
}

/* A broker of 3.1.1 alone says so (CONNACK 1, or 0x84), or has no idea and closes. */
static bool may_fall_back(const struct mqtt *q)
{
    bool refused = q->connack >= 0 ? mqtt_reason_is_version(q->connack) : q->ended;
    return refused && q->version == 5 && q->options.mqtt_version == 0 && !q->goodbye;
}

static void fall_back(struct mqtt *q)
{
    drop_connection(q);
    q->version = 4;
    struct news_error why;
    if (!dial(q, &why)) end(q, &why);
}

static void greeting_failed(struct mqtt *q, int error_number)
{
    if (may_fall_back(q)) {
        fall_back(q);
    } else if (q->connack > 0) {
        struct news_error why;
        mqtt_reason_explain(MQTT_CONNECTION, q->connack, q->url.text, &why);
        end(q, &why);
    } else {
        end_lost(q, error_number);
    }
}

static void go_up(struct mqtt *q)
{
    mosquitto_log_callback_set(q->handle, NULL); /* see struct mqtt_log */
    if (q->window.max > q->limits.receive_max) q->window.max = q->limits.receive_max;
    q->phase = UP;
    q->events.on_state(q->events.user, TRANSPORT_UP, NULL);
}

/* --- reading and writing ----------------------------------------------------------------- */

/* The library tells on_disconnect() of most ends, and by its return value of all. */
static void note_status(struct mqtt *q, int status)
{
    if (status != MOSQ_ERR_SUCCESS) on_disconnect(q->handle, q, status, NULL);
}

static void tell_written(struct mqtt *q)
{
    for (size_t i = 0; i < q->written_count; i++)
        q->events.on_published(q->events.user, q->written[i], NULL);
    q->written_count = 0;
}

/* Returns errno of a failure; q->ended tells of one. A single packet is not corked: two calls more
 * to save none. */
static int write_packets(struct mqtt *q)
{
    if (!mosquitto_want_write(q->handle)) return 0;
    bool burst = q->to_write > 1;
    if (burst) mqtt_socket_cork(mosquitto_socket(q->handle), true);
    q->writing = true;
    errno = 0;
    note_status(q, mosquitto_loop_write(q->handle, 1)); /* one round: all the socket takes */
    int error_number = errno;
    q->writing = false;
    if (burst && !q->ended) mqtt_socket_cork(mosquitto_socket(q->handle), false);
    if (q->ended || !mosquitto_want_write(q->handle)) q->to_write = 0;
    tell_written(q);
    return error_number;
}

static bool may_read(const struct mqtt *q)
{
    if (q->ended || q->broke_limit) return false;
    if (q->phase == GREETING) return q->connack < 0; /* UP before the first message */
    return q->reading && q->delivered < BATCH_MAX;
}

/* Pitfall 18: loop_read() takes one packet a call when we have nothing outstanding. It is called
 * until it brings nothing: errno says EAGAIN then, but also after a packet whose answer was queued
 * while the library's wake-up pipe was full; what a callback has seen is progress all the same. */
static int read_packets(struct mqtt *q)
{
    int error_number = 0;
    bool drained = false;
    /* Bounded, whatever the packets are: a peer that never stops must not keep us from the clock,
     * from signals or from anything else in the loop. */
    for (unsigned calls = 0; !drained && calls < READS_MAX && may_read(q); calls++) {
        unsigned before = q->progress;
        errno = 0;
        note_status(q, mosquitto_loop_read(q->handle, 1));
        error_number = errno;
        drained = q->progress == before && error_number == EAGAIN;
    }
    return error_number;
}

/* True: what was read may be acknowledged. */
static bool confirm_batch(struct mqtt *q)
{
    if (q->delivered == 0) return true;
    q->delivered = 0;
    return q->events.on_batch(q->events.user);
}

static int run_misc(struct mqtt *q, int64_t now)
{
    if (now < q->misc_ms) return 0;
    q->misc_ms = now + MISC_PERIOD_MS;
    errno = 0;
    note_status(q, mosquitto_loop_misc(q->handle));
    return errno;
}

/* After reading, in this order: our own keep alive must not give up on a broker whose answer waits
 * in the socket, and nothing is written before on_batch() has agreed. */
static int write_turn(struct mqtt *q, int64_t now)
{
    int error_number = run_misc(q, now);
    if (!q->ended) error_number = write_packets(q);
    return error_number;
}

static void serve_up(struct mqtt *q, short revents)
{
    int64_t now = date_mono_ms();
    unsigned before = q->progress;
    int error_number = 0;
    bool hung_up = revents & (POLLERR | POLLHUP | POLLRDHUP);
    if (hung_up && !q->reading) {
        /* What is unread is unacknowledged as well: the carrier, or a sync, brings it again. */
        end_with(q, NEWS_ERR_UNREACHABLE, "the connection was lost");
        return;
    }
    if (hung_up || revents & POLLIN || mqtt_patience_is_over(&q->patience, now))
        error_number = read_packets(q);
    if (!confirm_batch(q)) {
        end_with(q, NEWS_ERR_IO, "closed: what arrived could not be kept, it is not acknowledged");
        return;
    }
    bool came = q->progress != before;
    if (!q->ended && !q->broke_limit) error_number = write_turn(q, now);
    if (q->broke_limit)
        end_with(q, NEWS_ERR_PROTOCOL, "the broker sent a packet above our limit of %zu bytes",
                 q->options.packet_max);
    else if (q->ended) end_lost(q, error_number);
    else
        mqtt_patience_update(&q->patience, mosquitto_socket(q->handle), q->window.count, came, now);
}

static void serve_greeting(struct mqtt *q, short revents)
{
    int error_number = 0;
    if (revents & (POLLIN | POLLERR | POLLHUP)) error_number = read_packets(q);
    if (!q->ended) error_number = run_misc(q, date_mono_ms());
    if (!q->ended && q->connack < 0) error_number = write_packets(q); /* CONNECT */
    if (q->ended || q->connack > 0) greeting_failed(q, error_number);
    else if (q->connack == 0) go_up(q);
}

/* --- saying goodbye ---------------------------------------------------------------------- */

/* The library closes the socket as soon as DISCONNECT is written. With unread bytes in it that is
 * a reset, which can destroy what the broker has not read yet: the last messages, and DISCONNECT
 * itself, so that our will is published. A duplicate keeps the socket until the broker closes. */
static void start_goodbye(struct mqtt *q)
{
    q->phase = CLOSING;
    q->deadline_ms = date_mono_ms() + GOODBYE_MS;
    q->linger_fd = fcntl(mosquitto_socket(q->handle), F_DUPFD_CLOEXEC, 0);
    note_status(q, mosquitto_disconnect_v5(q->handle, 0, NULL));
}

static void serve_closing(struct mqtt *q, short revents)
{
    if (revents & (POLLERR | POLLHUP)) {
        end(q, NULL);
        return;
    }
    if (!q->ended) write_packets(q);
    if (!q->ended) return;
    if (q->linger_fd < 0) {
        end(q, NULL);
        return;
    }
    shutdown(q->linger_fd, SHUT_WR); /* takes the cork out as well */
    q->phase = LINGERING;
}

static void serve_lingering(struct mqtt *q)
{
    char unread[4096];
    ssize_t n = recv(q->linger_fd, unread, sizeof unread, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) end(q, NULL);
}

static void mqtt_close(struct transport *t)
{
    mqtt_of(t)->goodbye = true; /* the rest in service(): DOWN comes from there only */
}

static bool goodbye_is_due(const struct mqtt *q)
{
    return q->goodbye && q->phase < CLOSING;
}

/* --- the loop ---------------------------------------------------------------------------- */

static void too_late(struct mqtt *q)
{
    if (q->phase >= CLOSING) end(q, NULL);
    else end_with(q, NEWS_ERR_UNREACHABLE, "no answer within %d ms", q->options.connect_timeout_ms);
}

static void mqtt_service(struct transport *t, short revents)
{
    struct mqtt *q = mqtt_of(t);
    if (goodbye_is_due(q)) {
        if (q->phase != UP) {
            end(q, NULL);
            return;
        }
        start_goodbye(q);
        revents = 0;
    }
    switch (q->phase) {
    case DIALLING: serve_dial(q); break;
    case GREETING: serve_greeting(q, revents); break;
    case UP: serve_up(q, revents); return;
    case CLOSING: serve_closing(q, revents); break;
    case LINGERING: serve_lingering(q); break;
    case OVER: return;
    }
    if (q->phase != UP && q->phase != OVER && date_mono_ms() >= q->deadline_ms) too_late(q);
}

static struct transport_wait mqtt_wait(const struct transport *t)
{
    const struct mqtt *q = (const struct mqtt *)t;
    struct transport_wait w = {.fd = -1, .events = POLLIN, .deadline_mono_ms = q->deadline_ms};
    short writing = q->handle && mosquitto_want_write(q->handle) ? POLLOUT : 0;
    switch (q->phase) {
    case DIALLING: w.fd = mqtt_dial_fd(q->dial); break;
    case GREETING:
        w.fd = mosquitto_socket(q->handle);
        w.events = (short)(POLLIN | writing);
        if (q->misc_ms < w.deadline_mono_ms) w.deadline_mono_ms = q->misc_ms;
        break;
    case UP:
        w.fd = mosquitto_socket(q->handle);
        w.events = (short)((q->reading ? POLLIN : POLLRDHUP) | writing);
        w.deadline_mono_ms = q->misc_ms;
        if (q->patience.on && q->reading) w.deadline_mono_ms = q->patience.end_ms;
        break;
    case CLOSING: /* not reading: the library takes what comes after its DISCONNECT as an error */
        w.fd = mosquitto_socket(q->handle);
        w.events = POLLOUT;
        break;
    case LINGERING: w.fd = q->linger_fd; break;
    case OVER: return (struct transport_wait){.fd = -1, .deadline_mono_ms = INT64_MAX};
    }
    if (goodbye_is_due(q)) w.deadline_mono_ms = 0;
    return w;
}

/* --- requests ---------------------------------------------------------------------------- */

static bool is_up(const struct mqtt *q)
{
    return q->phase == UP && !q->goodbye && !q->ended;
}

static bool mqtt_subscribe(struct transport *t, const char *filter, int qos, struct news_error *err)
{
    struct mqtt *q = mqtt_of(t);
    if (!topic_filter_ok(filter, err)) return false;
    if (!is_up(q)) return news_fail(err, NEWS_ERR_UNREACHABLE, "%s: not connected", q->url.text);
    size_t size = strlen(filter) + 1;
    struct subscription *s = malloc(sizeof *s + size);
    if (!s) return news_fail(err, NEWS_ERR_MEMORY, "out of memory");
    memcpy(s->filter, filter, size);
    /* Pitfall 14: retained messages only for a subscription that is new to the session. Pitfall
     * 28: one filter a SUBSCRIBE, so that each has its own answer. */
    int status = mosquitto_subscribe_v5(q->handle, &s->id, filter, qos,
                                        MQTT_SUB_OPT_SEND_RETAIN_NEW, NULL);
    if (status != MOSQ_ERR_SUCCESS) {
        free(s);
        return news_fail(err, status == MOSQ_ERR_NOMEM ? NEWS_ERR_MEMORY : NEWS_ERR_DATA,
                         "%.120s: %s", filter, mosquitto_strerror(status));
    }
    mqtt_window_skip(&q->window, s->id);
    q->to_write++;
    s->next = q->subscriptions;
    q->subscriptions = s;
    return true;
}

static enum transport_answer refuse(const struct message *m, int status, struct news_error *err)
{
    news_fail(err, status == MOSQ_ERR_NOMEM ? NEWS_ERR_MEMORY : NEWS_ERR_DATA,
              "%.120s: not a topic to publish to (%s)", m->topic, mosquitto_strerror(status));
    return TRANSPORT_REFUSED;
}

/* Pitfalls 1 to 3: the library gets a message only while connected, only within the window, and
 * only if its packet fits. */
static enum transport_answer mqtt_publish(struct transport *t, const struct message *m,
                                          uint64_t token, struct news_error *err)
{
    struct mqtt *q = mqtt_of(t);
    if (!is_up(q)) return TRANSPORT_FULL;
    if (!mqtt_limits_admit(&q->limits, m, err)) return TRANSPORT_REFUSED;
    if (!mqtt_window_has_room(&q->window, m->payload_len)) return TRANSPORT_FULL;
    int id = 0;
    int status = mosquitto_publish_v5(q->handle, &id, m->topic, (int)m->payload_len, m->payload,
                                      m->qos, m->retained, NULL);
    if (status == MOSQ_ERR_NO_CONN) return TRANSPORT_FULL; /* and DOWN follows */
    if (status != MOSQ_ERR_SUCCESS) return refuse(m, status, err);
    if (!mqtt_window_put(&q->window, id, token, m->payload_len)) {
        /* Cannot happen with the library as it is. If it does, nothing is certain any more. */
        on_disconnect(q->handle, q, MOSQ_ERR_PROTOCOL, NULL);
        return TRANSPORT_FULL;
    }
    q->to_write++;
    return TRANSPORT_TAKEN;
}

static size_t mqtt_payload_max_of(const struct transport *t, const char *topic, int qos)
{
    return mqtt_payload_max(&((const struct mqtt *)t)->limits, strlen(topic), qos);
}

static bool mqtt_admit(const struct transport *t, const struct message *m, struct news_error *err)
{
    return mqtt_limits_admit(&((const struct mqtt *)t)->limits, m, err);
}

static void mqtt_set_reading(struct transport *t, bool on)
{
    mqtt_of(t)->reading = on;
}

/* --- opening ----------------------------------------------------------------------------- */

static bool allocate_window(struct mqtt *q, struct news_error *err)
{
    q->written = calloc(q->options.window, sizeof *q->written);
    if (q->written && mqtt_window_init(&q->window, q->options.window)) return true;
    return news_fail(err, NEWS_ERR_MEMORY, "out of memory");
}

static void mqtt_destroy(struct transport *t)
{
    struct mqtt *q = mqtt_of(t);
    drop_connection(q);
    while (q->subscriptions) {
        struct subscription *s = q->subscriptions;
        q->subscriptions = s->next;
        free(s);
    }
    mqtt_window_deinit(&q->window);
    free(q->written);
    carrier_options_free(&q->options);
    free(q);
}

static struct transport *mqtt_open(const struct transport_url *url,
                                   const struct transport_options *options,
                                   const struct transport_events *events, struct news_error *err)
{
    mqtt_library_init();
    struct mqtt *q = calloc(1, sizeof *q);
    if (!q) {
        news_fail(err, NEWS_ERR_MEMORY, "out of memory");
        return NULL;
    }
    q->base.ops = &transport_mqtt_ops;
    q->url = *url;
    q->events = *events;
    q->reading = true;
    q->linger_fd = -1;
    if (!carrier_options_copy(&q->options, options, err) ||
        !mqtt_options_complete(&q->options, url, err) || !allocate_window(q, err)) {
        mqtt_destroy(&q->base);
        return NULL;
    }
    q->version = q->options.mqtt_version == 4 ? 4 : 5;
    q->deadline_ms = date_mono_ms() + q->options.connect_timeout_ms;
    if (!dial(q, err)) {
        mqtt_destroy(&q->base);
        return NULL;
    }
    return &q->base;
}

const struct transport_ops transport_mqtt_ops = {
    .scheme = "mqtt",
    .default_port = 1883,
    .open = mqtt_open,
    .subscribe = mqtt_subscribe,
    .publish = mqtt_publish,
    .payload_max = mqtt_payload_max_of,
    .admit = mqtt_admit,
    .set_reading = mqtt_set_reading,
    .wait = mqtt_wait,
    .service = mqtt_service,
    .close = mqtt_close,
    .destroy = mqtt_destroy,
};
