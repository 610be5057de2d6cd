/* idle - what subscribers cost a server that have nothing to do: opens them, each with one
 * subscription, and prints how much the server's resident memory grew. */
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/transport/transport.h"

#define GROUP 200 /* connections that come at the same time */

struct subscriber {
    struct transport *transport;
    bool subscribed;
};

static bool failed;

static void on_state(void *user, enum transport_state state, const struct news_error *why)
{
    struct subscriber *s = user;
    struct news_error err;
    if (state == TRANSPORT_UP) failed |= !transport_subscribe(s->transport, "news/idle", 1, &err);
    if (state != TRANSPORT_DOWN) return;
    failed = true;
    fprintf(stderr, "idle: %s\n", why ? why->message : "closed");
}

static void on_message(void *user, const struct message *m)
{
    (void)user, (void)m;
}

static void on_published(void *user, uint64_t token, const struct news_error *refused)
{
    (void)user, (void)token, (void)refused;
}

static void on_subscribed(void *user, const char *filter, const struct news_error *refused)
{
    (void)filter;
    ((struct subscriber *)user)->subscribed = true;
    failed |= refused != NULL;
}

static bool open_one(struct subscriber *s, const struct transport_url *url)
{
    static const struct transport_options options = {0};
    struct news_error err;
    const struct transport_events events = {.user = s,
                                            .on_state = on_state,
                                            .on_message = on_message,
                                            .on_published = on_published,
                                            .on_subscribed = on_subscribed};
    s->transport = transport_open(url, &options, &events, &err);
    if (!s->transport) fprintf(stderr, "idle: %s\n", err.message);
    return s->transport != NULL;
}

static void serve(struct subscriber *all, size_t count, struct pollfd *fds)
{
    for (size_t i = 0; i < count; i++) {
        struct transport_wait w = transport_wait(all[i].transport);
        fds[i] = (struct pollfd){.fd = w.fd, .events = w.events};
    }
    (void)poll(fds, count, 10);
    for (size_t i = 0; i < count; i++)
        transport_service(all[i].transport, fds[i].revents);
}

static bool all_subscribed(const struct subscriber *all, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!all[i].subscribed) return false;
    return true;
}

static long resident_kib(const char *pid)
{
    char path[64], line[256];
    long kib = -1;
    (void)snprintf(path, sizeof path, "/proc/%.20s/status", pid);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "VmRSS: %ld kB", &kib) == 1) break;
    if (f) (void)fclose(f);
    return kib;
}

int main(int argc, char **argv)
{
    struct transport_url url;
    struct news_error err;
    size_t count = argc == 4 ? strtoul(argv[1], NULL, 10) : 0;
    if (count == 0 || count > 100000 || !transport_url_parse(argv[3], &url, &err)) {
        fputs("usage: idle SUBSCRIBERS SERVER_PID URL\n", stderr);
        return 64;
    }
    struct subscriber *all = calloc(count, sizeof *all);
    struct pollfd *fds = calloc(count, sizeof *fds);
    long before = resident_kib(argv[2]);
    if (!all || !fds || before < 0) return 71;
    for (size_t n = 0; n < count && !failed;) {
        size_t until = n + GROUP < count ? n + GROUP : count;
        for (; n < until && !failed; n++)
            failed = !open_one(&all[n], &url);
        while (!failed && !all_subscribed(all, n))
            serve(all, n, fds);
    }
    if (failed) return 69;
    long after = resident_kib(argv[2]);
    printf("%zu subscribers of %s: %ld KiB resident before, %ld after: %.0f bytes each\n", count,
           argv[3], before, after, (double)(after - before) * 1024 / (double)count);
    return 0; /* the server sees them go */
}
