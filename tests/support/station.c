#include "tests/support/station.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/date.h"
#include "tests/support/wait.h"

#define TURN_MS 20 /* at most, so that `also` is called often enough */

static void on_state(void *user, enum transport_state state, const struct news_error *why)
{
    struct station *s = user;
    if (state == TRANSPORT_UP) s->up++;
    if (state != TRANSPORT_DOWN) return;
    s->down++;
    s->why = why ? *why : (struct news_error){0};
}

static void on_message(void *user, const struct message *m)
{
    struct station *s = user;
    if (s->keep_payload) {
        s->messages = realloc(s->messages, (s->received + 1) * sizeof *s->messages);
        if (!s->messages) abort();
        struct station_message *copy = &s->messages[s->received];
        *copy = (struct station_message){.qos = m->qos, .retained = m->retained};
        snprintf(copy->topic, sizeof copy->topic, "%s", m->topic);
        buf_put(&copy->payload, m->payload, m->payload_len);
    }
    s->received++;
}

static bool on_batch(void *user)
{
    struct station *s = user;
    s->batches++;
    if (s->on_batch) s->on_batch(s->user);
    return s->confirm;
}

static void on_published(void *user, uint64_t token, const struct news_error *refused)
{
    struct station *s = user;
    if (s->answered + s->refused > 0 && token <= s->last_token) s->disorder++;
    s->last_token = token;
    if (refused) s->refusal = *refused;
    *(refused ? &s->refused : &s->answered) += 1;
}

static void on_subscribed(void *user, const char *filter, const struct news_error *refused)
{
    struct station *s = user;
    (void)filter;
    if (refused) s->refusal = *refused;
    *(refused ? &s->denied : &s->subscribed) += 1;
}

bool station_open(struct station *s, const char *url, const struct transport_options *o,
                  struct news_error *err)
{
    const struct transport_events events = {
        .user = s,
        .on_state = on_state,
        .on_message = on_message,
        .on_batch = on_batch,
        .on_published = on_published,
        .on_subscribed = on_subscribed,
    };
    struct transport_url parsed;
    *s = (struct station){.confirm = true, .keep_payload = true};
    if (!transport_url_parse(url, &parsed, err)) return false;
    s->transport = transport_open(&parsed, o, &events, err);
    return s->transport != NULL;
}

void station_free(struct station *s)
{
    transport_destroy(s->transport);
    for (unsigned i = 0; s->messages && i < s->received; i++)
        buf_deinit(&s->messages[i].payload);
    free(s->messages);
    *s = (struct station){0};
}

static void turn(struct station *const *stations, size_t count)
{
    struct pollfd fds[STATIONS_MAX];
    int timeout_ms = TURN_MS;
    for (size_t i = 0; i < count; i++) {
        struct transport_wait w = transport_wait(stations[i]->transport);
        int left_ms = wait_left_ms(w.deadline_mono_ms);
        if (left_ms < timeout_ms) timeout_ms = left_ms;
        fds[i] = (struct pollfd){.fd = w.fd, .events = w.events};
    }
    (void)poll(fds, count, timeout_ms);
    for (size_t i = 0; i < count; i++)
        transport_service(stations[i]->transport, fds[i].fd < 0 ? 0 : fds[i].revents);
}

bool stations_run(struct station *const *stations, size_t count, const unsigned *counter,
                  unsigned value, int timeout_ms, void (*also)(void *user), void *user)
{
    int64_t deadline_ms = date_mono_ms() + timeout_ms;
    while (*counter < value) {
        if (date_mono_ms() >= deadline_ms) return false;
        turn(stations, count);
        if (also) also(user);
    }
    return true;
}

bool station_wait(struct station *s, const unsigned *counter, unsigned value)
{
    return stations_run(&s, 1, counter, value, WAIT_MS, NULL, NULL);
}

bool station_up(struct station *s, const char *url, const struct transport_options *o)
{
    struct news_error err;
    if (!station_open(s, url, o, &err)) {
        fprintf(stderr, "station: %s\n", err.message);
        return false;
    }
    if (station_wait(s, &s->up, 1)) return true;
    fprintf(stderr, "station: not up: %s\n", s->why.message);
    return false;
}

bool station_subscribe(struct station *s, const char *filter, int qos)
{
    unsigned before = s->subscribed;
    return transport_subscribe(s->transport, filter, qos, NULL) &&
           station_wait(s, &s->subscribed, before + 1);
}

bool station_publish(struct station *s, const char *topic, const char *text, int qos, bool retained)
{
    const struct message m = {.topic = topic,
                              .payload = text,
                              .payload_len = strlen(text),
                              .qos = qos,
                              .retained = retained};
    unsigned before = s->answered;
    return transport_publish(s->transport, &m, s->last_token + 1, NULL) == TRANSPORT_TAKEN &&
           station_wait(s, &s->answered, before + 1);
}
