/* late - how late items are on one way, at a low rate: published on one transport, received on
 * another. With bench/newsnet between them it shows what loss costs on each carrier. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/transport/transport.h"

#define TOPIC      "news/bench/late"
#define PATIENCE_S 60 /* after the last item */

struct bench {
    struct transport *from, *to;
    unsigned long count, made, received, twice;
    double rate;
    int64_t start_us, last_us;
    int64_t *late_us; /* of each item; -1: not here yet */
    unsigned up, subscribed;
    bool down;
};

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void on_state(void *user, enum transport_state state, const struct news_error *why)
{
    struct bench *b = user;
    if (state == TRANSPORT_UP) b->up++;
    if (state != TRANSPORT_DOWN) return;
    b->down = true;
    fprintf(stderr, "late: %s\n", why ? why->message : "closed");
}

static void on_subscribed(void *user, const char *filter, const struct news_error *refused)
{
    (void)filter;
    if (!refused) ((struct bench *)user)->subscribed++;
}

static void on_message(void *user, const struct message *m)
{
    struct bench *b = user;
    uint64_t number, due_us;
    if (m->payload_len < 16) return;
    memcpy(&number, m->payload, sizeof number);
    memcpy(&due_us, (const char *)m->payload + 8, sizeof due_us);
    if (number >= b->count) return;
    if (b->late_us[number] >= 0) {
        b->twice++;
        return;
    }
    b->late_us[number] = now_us() - (int64_t)due_us;
    b->received++;
}

static void publish_due(struct bench *b)
{
    char payload[512] = {0};
    while (b->made < b->count) {
        uint64_t number = b->made, due = (uint64_t)b->start_us;
        due += (uint64_t)((double)b->made * 1e6 / b->rate);
        if (now_us() < (int64_t)due) return;
        memcpy(payload, &number, sizeof number);
        memcpy(payload + 8, &due, sizeof due);
        const struct message m = {
            .topic = TOPIC, .payload = payload, .payload_len = sizeof payload, .qos = 1};
        struct news_error err;
        if (transport_publish(b->from, &m, b->made, &err) != TRANSPORT_TAKEN) return;
        b->made++;
        b->last_us = now_us();
    }
}

static void turn(struct bench *b)
{
    struct transport *both[2] = {b->from, b->to};
    struct pollfd fds[2];
    int64_t now_ms = now_us() / 1000, deadline = now_ms + 5;
    for (int i = 0; i < 2; i++) {
        struct transport_wait w = transport_wait(both[i]);
        fds[i] = (struct pollfd){.fd = w.fd, .events = w.events};
        if (w.deadline_mono_ms < deadline) deadline = w.deadline_mono_ms;
    }
    poll(fds, 2, deadline > now_ms ? (int)(deadline - now_ms) : 0);
    for (int i = 0; i < 2; i++)
        transport_service(both[i], fds[i].revents);
}

static struct transport *open_url(struct bench *b, const char *text)
{
    const struct transport_events events = {
        .user = b, .on_state = on_state, .on_message = on_message, .on_subscribed = on_subscribed};
    const struct transport_options options = {.connect_timeout_ms = 60000};
    struct transport_url url;
    struct news_error err;
    struct transport *t = NULL;
    if (transport_url_parse(text, &url, &err)) t = transport_open(&url, &options, &events, &err);
    if (t) return t;
    fprintf(stderr, "late: %s\n", err.message);
    exit(69);
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void report(struct bench *b, const char *name)
{
    size_t n = 0;
    for (size_t i = 0; i < b->count; i++)
        if (b->late_us[i] >= 0) b->late_us[n++] = b->late_us[i];
    qsort(b->late_us, n, sizeof *b->late_us, by_value);
    printf("%-32s items=%lu lost=%lu twice=%lu", name, b->count, b->count - b->received, b->twice);
    if (n > 0)
        printf(" p50_ms=%.1f p90_ms=%.1f p99_ms=%.1f max_ms=%.1f", (double)b->late_us[n / 2] / 1000,
               (double)b->late_us[n * 90 / 100] / 1000, (double)b->late_us[n * 99 / 100] / 1000,
               (double)b->late_us[n - 1] / 1000);
    putchar('\n');
}

int main(int argc, char **argv)
{
    struct bench b = {.count = 500, .rate = 5};
    struct news_error err;
    int c;
    while ((c = getopt(argc, argv, "n:r:")) != -1) {
        if (c == 'n') b.count = strtoul(optarg, NULL, 10);
        else if (c == 'r') b.rate = strtod(optarg, NULL);
        else return 64;
    }
    if (argc - optind != 2 || b.count < 1 || b.count > 10000000 || b.rate <= 0) {
        fputs("usage: late [-n ITEMS] [-r RATE] PUBLISH_URL SUBSCRIBE_URL\n", stderr);
        return 64;
    }
    b.late_us = malloc(b.count * sizeof *b.late_us);
    if (!b.late_us) return 71;
    memset(b.late_us, 0xff, b.count * sizeof *b.late_us);
    b.from = open_url(&b, argv[optind]);
    b.to = open_url(&b, argv[optind + 1]);
    while (b.up < 2 && !b.down)
        turn(&b);
    if (!b.down && !transport_subscribe(b.to, TOPIC, 1, &err)) return 69;
    while (!b.subscribed && !b.down)
        turn(&b);
    b.start_us = b.last_us = now_us();
    while (b.received < b.count && !b.down && now_us() - b.last_us < PATIENCE_S * 1000000ll) {
        publish_due(&b);
        turn(&b);
    }
    report(&b, argv[optind + 1]);
    transport_destroy(b.from);
    transport_destroy(b.to);
    free(b.late_us);
    return b.down ? 69 : 0;
}
