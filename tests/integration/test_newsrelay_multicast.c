/* newsrelay, newssub and newspub with multicast on the loopback interface: items go out once, and
 * everybody has all of them, also who does not hear the group. */
#include "tests/integration/relay.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/buf.h"

enum { SUBSCRIBERS = 3, ITEMS = 60, NUMBERS = 200, ON_SIGTERM = 143 };

static char group[64]; /* one of our own, so that tests side by side do not meet */

/* ---- can it work here? ---- */

static const char *send_and_hear(int from, int to, const struct sockaddr_in *at)
{
    const struct in_addr loopback = {htonl(INADDR_LOOPBACK)};
    const struct ip_mreq join = {at->sin_addr, loopback};
    struct pollfd readable = {.fd = to, .events = POLLIN};
    if (bind(to, (const struct sockaddr *)at, sizeof *at) != 0) return "bind";
    if (setsockopt(to, IPPROTO_IP, IP_ADD_MEMBERSHIP, &join, sizeof join) != 0)
        return "IP_ADD_MEMBERSHIP";
    if (setsockopt(from, IPPROTO_IP, IP_MULTICAST_IF, &loopback, sizeof loopback) != 0)
        return "IP_MULTICAST_IF";
    if (sendto(from, "x", 1, 0, (const struct sockaddr *)at, sizeof *at) != 1) return "sendto";
    return poll(&readable, 1, 2000) == 1 ? NULL : "nothing arrives";
}

static void skip_without_multicast(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)(20000 + getpid() % 20000))};
    char address[32], why[200];
    (void)snprintf(address, sizeof address, "239.77.%d.%d", getpid() >> 8 & 255, getpid() & 255);
    assert_int_equal(inet_pton(AF_INET, address, &at.sin_addr), 1);
    (void)snprintf(group, sizeof group, "%s:%d", address, ntohs(at.sin_port));
    int from = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int to = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const char *failed = send_and_hear(from, to, &at);
    (void)snprintf(why, sizeof why, "no multicast on the loopback interface here: %s: %s",
                   failed ? failed : "", strerror(errno));
    (void)close(from);
    (void)close(to);
    if (failed) skip_because(why);
}

/* ---- who takes part ---- */

static struct relay start(struct scene *s, int port, const char *keys)
{
    struct relay r = {0};
    char url[64];
    (void)snprintf(url, sizeof url, "nrp+udp://127.0.0.1:%d", port);
    const char *argv[16] = {NEWSRELAY_PATH,   "-v", "--listen", url, "--multicast", group,
                            "--status-every", "0",  "--keys",   keys};
    if (!keys) argv[8] = NULL;
    r.process = scene_launch(s, &(struct launch){.argv = argv});
    if (!process_expect_errors(r.process, "listening on nrp+udp://", WAIT_MS))
        fail_msg("newsrelay is not ready: %s", process_errors(r.process, NULL));
    r.udp_port = relay_port(r.process, "listening on nrp+udp://127.0.0.1:");
    (void)snprintf(r.urls[1], sizeof r.urls[1], "nrp+udp://127.0.0.1:%d", r.udp_port);
    return r;
}

static struct process *subscribe(struct scene *s, const struct relay *r, const char *const *more)
{
    const char *argv[16] = {NEWSSUB_PATH,  "-v", "--no-store", "-o",
                            "%{headline}", "-b", r->urls[1]};
    for (size_t n = 7; *more && n < 15; n++)
        argv[n] = *more++;
    struct process *p = scene_start(s, argv);
    if (!process_expect_errors(p, "subscribed to news/#\n", WAIT_MS))
        fail_msg("newssub is not ready: %s", process_errors(p, NULL));
    return p;
}

static void publish(struct scene *s, const struct relay *r, unsigned first, unsigned last,
                    const char *key)
{
    struct buf items = {0};
    const char *argv[] = {NEWSPUB_PATH,
                          "-b",
                          r->urls[1],
                          "send",
                          "--no-journal",
                          "--publisher",
                          "me",
                          key ? "--psk-file" : NULL,
                          key,
                          NULL};
    for (unsigned i = first; i <= last; i++)
        buf_printf(&items, "{\"uri\":\"x:%u\",\"title\":\"%u\",\"urgency\":3}\n", i, i);
    assert_true(buf_ok(&items));
    struct outcome o = scene_run(s, items.data, argv);
    buf_deinit(&items);
    assert_exit(o, 0);
}

struct tally {
    unsigned count, times[NUMBERS + 1];
};

static void take_until(struct process *p, struct tally *t, unsigned last)
{
    while (t->count < last) {
        const char *line = process_read_line(p, WAIT_MS);
        if (!line)
            fail_msg("%u items of %u came; it said: %s", t->count, last, process_errors(p, NULL));
        unsigned long n = strtoul(line, NULL, 10);
        assert_in_range(n, 1, last);
        if (t->times[n]++) fail_msg("%lu came twice", n);
        t->count++;
    }
}

static void expect_the_end(struct process *p, unsigned lines)
{
    process_signal(p, SIGTERM);
    struct outcome o = scene_wait(p);
    assert_exit(o, ON_SIGTERM);
    assert_int_equal(count_lines(process_output(p, NULL)), lines);
}

/* Of `heard` who listen, each fragment went out once, and was named to each. */
static void expect_once(struct relay *r, unsigned items, unsigned heard)
{
    unsigned long long bodies = relay_count(r, "group_bodies"), shared = relay_count(r, "shared");
    unsigned long long resent = relay_count(r, "resent");
    print_message("%u items for %u: %llu bodies in %llu datagrams to the group, %llu SHARED, %llu "
                  "sent again\n",
                  items, heard, bodies, relay_count(r, "group_datagrams"), shared, resent);
    /* A machine under load may drop some, and repair is a session's own. */
    assert_in_range(bodies, items * 9 / 10, items);
    assert_in_range(shared, bodies * heard * 9 / 10, bodies * heard);
    assert_in_range(resent, 0, items);
}

/* ---- tests ---- */

static const char *make_key(struct scene *s, const char *name)
{
    struct outcome o = scene_run(s, NULL,
                                 ARGV(NEWSRELAY_PATH, "keygen", "--publish", "news/#", "--publish",
                                      "newswire/#", "--subscribe", "news/#", "--subscribe",
                                      "newswire/#"));
    assert_exit(o, 0);
    return scene_file(s, name, o.out);
}

static void items_go_out_once_for_three(void **state)
{
    struct scene *s = *state;
    skip_without_multicast();
    for (int sealed = 0; sealed < 2; sealed++) {
        const char *key = sealed ? make_key(s, "relay.keys") : NULL;
        struct relay r = start(s, 0, key);
        struct process *subs[SUBSCRIBERS];
        for (unsigned i = 0; i < SUBSCRIBERS; i++)
            subs[i] = subscribe(s, &r, ARGV("--multicast", key ? "--psk-file" : NULL, key));
        relay_expect(&r, "group_members", SUBSCRIBERS);
        publish(s, &r, 1, ITEMS, key);
        for (unsigned i = 0; i < SUBSCRIBERS; i++) {
            struct tally t = {0};
            take_until(subs[i], &t, ITEMS);
        }
        expect_once(&r, ITEMS, SUBSCRIBERS);
        for (unsigned i = 0; i < SUBSCRIBERS; i++)
            expect_the_end(subs[i], ITEMS);
        relay_expect(&r, "handshakes", SUBSCRIBERS + 1);
        assert_int_equal(relay_count(&r, "group_members"), 0);
        relay_stop(&r);
    }
}

/* One session is not encrypted, and one asks for nothing: they are no members, and have it all. */
static void who_may_not_or_does_not_want_to_join_misses_nothing(void **state)
{
    struct scene *s = *state;
    skip_without_multicast();
    const char *key = make_key(s, "relay.keys");
    struct relay r = start(s, 0, key);
    struct process *subs[] = {
        subscribe(s, &r, ARGV("--multicast", "--psk-file", key)),
        subscribe(s, &r, ARGV("--multicast", "--psk-file", key)),
        subscribe(s, &r, ARGV("--multicast", "--psk-file", key, "--clear")),
        subscribe(s, &r, ARGV("--psk-file", key)),
    };
    relay_expect(&r, "group_members", 2);
    publish(s, &r, 1, ITEMS, key);
    for (unsigned i = 0; i < 4; i++) {
        struct tally t = {0};
        take_until(subs[i], &t, ITEMS);
    }
    assert_int_equal(relay_count(&r, "group_members"), 2);
    expect_once(&r, ITEMS, 2);
    for (unsigned i = 0; i < 4; i++)
        expect_the_end(subs[i], ITEMS);
    relay_stop(&r);
}

/* Somebody else has the group's port for himself: nobody can listen. */
static void who_cannot_hear_the_group_is_served_without(void **state)
{
    struct scene *s = *state;
    skip_without_multicast();
    struct sockaddr_in at = {.sin_family = AF_INET};
    at.sin_port = htons((uint16_t)atoi(strchr(group, ':') + 1));
    int squatter = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(squatter, (const struct sockaddr *)&at, sizeof at), 0);
    struct relay r = start(s, 0, NULL);
    struct process *subs[SUBSCRIBERS];
    for (unsigned i = 0; i < SUBSCRIBERS; i++)
        subs[i] = subscribe(s, &r, ARGV("--multicast"));
    publish(s, &r, 1, ITEMS, NULL);
    for (unsigned i = 0; i < SUBSCRIBERS; i++) {
        struct tally t = {0};
        take_until(subs[i], &t, ITEMS);
    }
    assert_int_equal(relay_count(&r, "group_members"), 0);
    assert_int_equal(relay_count(&r, "shared"), 0);
    for (unsigned i = 0; i < SUBSCRIBERS; i++)
        expect_the_end(subs[i], ITEMS);
    (void)close(squatter);
    relay_stop(&r);
}

static void a_relay_that_is_killed_and_comes_back_is_joined_anew(void **state)
{
    struct scene *s = *state;
    skip_without_multicast();
    struct relay r = start(s, 0, NULL);
    struct process *subs[SUBSCRIBERS];
    struct tally tallies[SUBSCRIBERS] = {0};
    for (unsigned i = 0; i < SUBSCRIBERS; i++)
        subs[i] = subscribe(s, &r, ARGV("--multicast"));
    relay_expect(&r, "group_members", SUBSCRIBERS);
    publish(s, &r, 1, ITEMS, NULL);
    for (unsigned i = 0; i < SUBSCRIBERS; i++)
        take_until(subs[i], &tallies[i], ITEMS);
    process_signal(r.process, SIGKILL);
    (void)process_wait(r.process, WAIT_MS);
    r = start(s, r.udp_port, NULL);
    relay_expect(&r, "group_members", SUBSCRIBERS);
    publish(s, &r, ITEMS + 1, 2 * ITEMS, NULL);
    for (unsigned i = 0; i < SUBSCRIBERS; i++)
        take_until(subs[i], &tallies[i], 2 * ITEMS);
    expect_once(&r, ITEMS, SUBSCRIBERS);
    for (unsigned i = 0; i < SUBSCRIBERS; i++)
        expect_the_end(subs[i], 2 * ITEMS);
    relay_stop(&r);
}

static void a_group_that_cannot_be_is_refused(void **state)
{
    struct scene *s = *state;
    const struct {
        const char *const *argv;
        int status;
        const char *says;
    } cases[] = {
        {ARGV(NEWSRELAY_PATH, "--listen", "nrp+udp://[::1]:0", "--multicast", "239.77.0.1"), 64,
         "IPv4"},
        {ARGV(NEWSRELAY_PATH, "--listen", "nrp+udp://127.0.0.1:0", "--multicast", "127.0.0.1"), 64,
         "one machine's"},
        {ARGV(NEWSSUB_PATH, "-b", "nrp://127.0.0.1", "--multicast"), 64, "nrp+udp://"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct outcome o = scene_run(s, NULL, cases[i].argv);
        assert_exit(o, cases[i].status);
        assert_non_null(strstr(o.err, cases[i].says));
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(items_go_out_once_for_three),
        TEST(who_may_not_or_does_not_want_to_join_misses_nothing),
        TEST(who_cannot_hear_the_group_is_served_without),
        TEST(a_relay_that_is_killed_and_comes_back_is_joined_anew),
        TEST(a_group_that_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
