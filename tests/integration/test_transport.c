/* The conformance suite of carriers: what transport.h promises, on each of them against a real
 * server. A new carrier joins with one row. Where carriers differ, the row says so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/date.h"
#include "common/transport/transport.h"
#include "tests/support/broker.h"
#include "tests/support/peer.h"
#include "tests/support/station.h"
#include "tests/support/wait.h"

struct carrier {
    const char *name;
    enum broker_kind kind;
    int mqtt_version;   /* asked for; 0: what the carrier makes of it */
    const char *config; /* lines for the server */
    size_t large;       /* a payload that fits */
    bool we_remember;   /* what a session had is kept by its client, who subscribes anew */
};

#define QUEUES "max_inflight_messages 1000\nmax_queued_messages 0\n"

static const struct carrier carriers[] = {
    {"mqtt 5", BROKER_MOSQUITTO, 5, QUEUES, 100000, false},
    {"mqtt 3.1.1", BROKER_MOSQUITTO, 4, QUEUES, 100000, false},
    {"mqtt 3.1.1, fallen back to", BROKER_NATS, 0, "", 100000, false},
    {"nrp over tcp", BROKER_RELAY, 0, "queue = 8000\n", 100000, true},
    {"nrp over unix", BROKER_RELAY_UNIX, 0, "queue = 8000\n", 100000, true},
    {"nrp over udp", BROKER_RELAY_UDP, 0, "queue = 8000\nudp-lease = 2s\n", 60000, true},
};

/* One server and up to three stations: what a test has. */
struct world {
    const struct carrier *carrier;
    struct broker *broker;
    struct station a, b, c;
    struct transport_memory memory;
};

static int set_up(void **state)
{
    const struct carrier *carrier = *state;
    const char *missing = broker_missing(carrier->kind);
    struct world *w = calloc(1, sizeof *w);
    *state = w;
    if (!w) return -1;
    w->carrier = carrier;
    if (missing) {
        print_message("SKIP: %s\n", missing);
        return 0;
    }
    w->broker = broker_new(carrier->kind);
    if (!w->broker) return -1;
    broker_add(w->broker, "%s", carrier->config);
    return broker_start(w->broker) ? 0 : -1;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    station_free(&w->a);
    station_free(&w->b);
    station_free(&w->c);
    broker_free(w->broker);
    *state = (void *)(uintptr_t)w->carrier; /* for the next run of the group */
    free(w);
    return 0;
}

static struct world *world_of(void **state)
{
    struct world *w = *state;
    if (!w->broker) skip();
    return w;
}

static void up_with(struct world *w, struct station *s, const struct transport_options *given)
{
    struct transport_options o = given ? *given : (struct transport_options){0};
    o.mqtt_version = w->carrier->mqtt_version;
    assert_true(station_up(s, broker_url(w->broker), &o));
}

static bool run_both(struct world *w, const unsigned *counter, unsigned value)
{
    struct station *both[] = {&w->a, &w->b};
    return stations_run(both, 2, counter, value, WAIT_MS, NULL, NULL);
}

static enum transport_answer publish(struct station *s, const char *topic, const char *text,
                                     int qos, uint64_t token)
{
    const struct message m = {
        .topic = topic, .payload = text, .payload_len = strlen(text), .qos = qos};
    struct news_error err = {0};
    enum transport_answer answer = transport_publish(s->transport, &m, token, &err);
    if (answer == TRANSPORT_REFUSED) s->refusal = err;
    return answer;
}

static void assert_payload(const struct station_message *m, const void *bytes, size_t len)
{
    assert_int_equal(m->payload.len, len);
    if (len) assert_memory_equal(m->payload.data, bytes, len);
}

/* --- messages ---------------------------------------------------------------------------- */

static void a_subscriber_receives_what_is_published(void **state)
{
    struct world *w = world_of(state);
    up_with(w, &w->a, NULL);
    up_with(w, &w->b, NULL);
    assert_true(station_subscribe(&w->b, "news/+/wire/#", 1));
    for (int qos = 0; qos <= 1; qos++)
        assert_int_equal(publish(&w->a, "news/afp/wire/fr", "bonjour", qos, (uint64_t)qos + 1),
                         TRANSPORT_TAKEN);
    assert_true(run_both(w, &w->a.answered, 2));
    assert_true(run_both(w, &w->b.received, 2));
    assert_int_equal(w->b.messages[0].qos + w->b.messages[1].qos,
                     1); /* over UDP one may overtake */
    for (int i = 0; i < 2; i++) {
        assert_string_equal(w->b.messages[i].topic, "news/afp/wire/fr");
        assert_payload(&w->b.messages[i], "bonjour", 7);
        assert_false(w->b.messages[i].retained);
    }
}

static void messages_arrive_in_the_order_they_were_published(void **state)
{
    struct world *w = world_of(state);
    enum { MESSAGES = 3000 };
    char text[16];
    up_with(w, &w->a, NULL);
    up_with(w, &w->b, NULL);
    assert_true(station_subscribe(&w->b, "news/order", 1));
    for (unsigned i = 0; i < MESSAGES; i++) {
        snprintf(text, sizeof text, "%u", i);
        while (publish(&w->a, "news/order", text, 1, i) == TRANSPORT_FULL)
            assert_true(run_both(w, &w->a.answered, w->a.answered + 1));
    }
    assert_true(run_both(w, &w->b.received, MESSAGES));
    assert_true(run_both(w, &w->a.answered, MESSAGES));
    assert_int_equal(w->a.disorder, 0);
    for (unsigned i = 0; i < MESSAGES; i++) {
        snprintf(text, sizeof text, "%u", i);
        assert_payload(&w->b.messages[i], text, strlen(text));
    }
}

static void empty_and_large_payloads_pass(void **state)
{
    struct world *w = world_of(state);
    size_t len = w->carrier->large;
    char *text = malloc(len + 1);
    assert_non_null(text);
    memset(text, 'x', len);
    text[len] = '\0';
    up_with(w, &w->a, NULL);
    up_with(w, &w->b, NULL);
    assert_true(station_subscribe(&w->b, "news/size", 1));
    assert_int_equal(publish(&w->a, "news/size", "", 1, 1), TRANSPORT_TAKEN);
    assert_int_equal(publish(&w->a, "news/size", text, 1, 2), TRANSPORT_TAKEN);
    assert_true(run_both(w, &w->b.received, 2));
    assert_payload(&w->b.messages[0], "", 0);
    assert_payload(&w->b.messages[1], text, len);
    assert_true(transport_payload_max(w->a.transport, "news/size", 1) >= len);
    free(text);
}

static void a_newcomer_sees_what_was_retained(void **state)
{
    struct world *w = world_of(state);
    up_with(w, &w->a, NULL);
    assert_true(station_publish(&w->a, "newswire/status/afp", "online", 1, true));
    up_with(w, &w->b, NULL);
    assert_true(station_subscribe(&w->b, "newswire/status/#", 1));
    assert_true(station_wait(&w->b, &w->b.received, 1));
    assert_payload(&w->b.messages[0], "online", 6);
    assert_true(w->b.messages[0].retained);
}

static void what_is_no_topic_or_filter_is_refused(void **state)
{
    struct world *w = world_of(state);
    static const char *const filters[] = {"", "news/#/fr", "news/fr#", "news/f+", "news/\xff"};
    static const char *const topics[] = {"", "news/#", "news/+/fr", "news/\xc3("};
    struct news_error err;
    up_with(w, &w->a, NULL);
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
        assert_false(transport_subscribe(w->a.transport, filters[i], 1, &err));
        assert_int_equal(err.code, NEWS_ERR_DATA);
    }
    for (size_t i = 0; i < sizeof topics / sizeof *topics; i++) {
        assert_int_equal(publish(&w->a, topics[i], "x", 1, 1), TRANSPORT_REFUSED);
        assert_int_equal(w->a.refusal.code, NEWS_ERR_DATA);
    }
    assert_true(station_publish(&w->a, "news/fine", "x", 1, false)); /* and nothing broke */
}

/* --- bounds and back-pressure ------------------------------------------------------------ */

static void the_window_is_bounded_and_opens_again(void **state)
{
    struct world *w = world_of(state);
    const struct transport_options o = {.window = 7};
    up_with(w, &w->a, &o);
    for (unsigned i = 0; i < 7; i++)
        assert_int_equal(publish(&w->a, "news/window", "x", 1, i + 1), TRANSPORT_TAKEN);
    assert_int_equal(publish(&w->a, "news/window", "x", 1, 8), TRANSPORT_FULL);
    assert_true(station_wait(&w->a, &w->a.answered, 1));
    assert_int_equal(publish(&w->a, "news/window", "x", 0, 8), TRANSPORT_TAKEN);
    assert_true(station_wait(&w->a, &w->a.answered, 8));
}

static void nothing_is_delivered_while_reading_is_off(void **state)
{
    struct world *w = world_of(state);
    up_with(w, &w->a, NULL);
    up_with(w, &w->b, NULL);
    assert_true(station_subscribe(&w->b, "news/held", 1));
    transport_set_reading(w->b.transport, false);
    for (unsigned i = 0; i < 50; i++)
        assert_int_equal(publish(&w->a, "news/held", "x", 1, i + 1), TRANSPORT_TAKEN);
    assert_true(run_both(w, &w->a.answered, 50));
    assert_int_equal(w->b.received, 0);
    transport_set_reading(w->b.transport, true);
    assert_true(run_both(w, &w->b.received, 50));
}

/* An ordinary close would be enough for a carrier to forget; what is not confirmed has to come
 * again when the same session is taken up. Reliability finding 4: the library alone acknowledges
 * before the application has the message. */
static void what_was_not_confirmed_comes_again(void **state)
{
    struct world *w = world_of(state);
    const struct transport_options kept = {
        .client_id = "archive", .keep_session = true, .memory = &w->memory};
    up_with(w, &w->a, NULL);
    up_with(w, &w->b, &kept);
    assert_true(station_subscribe(&w->b, "news/kept", 1));
    w->b.confirm = false;
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(publish(&w->a, "news/kept", "x", 1, i + 1), TRANSPORT_TAKEN);
    assert_true(run_both(w, &w->b.down, 1));
    assert_int_equal(w->b.why.code, NEWS_ERR_IO);
    assert_true(w->b.received > 0);
    assert_true(run_both(w, &w->a.answered, 10));

    station_free(&w->b);
    up_with(w, &w->b, &kept);
    if (w->carrier->we_remember) assert_true(station_subscribe(&w->b, "news/kept", 1));
    assert_true(run_both(w, &w->b.received, 10));
    assert_true(w->b.batches > 0);
    assert_true(station_publish(&w->a, "news/kept", "and on", 1, false));
    assert_true(run_both(w, &w->b.received, 11));
    assert_int_equal(w->b.received, 11);
}

/* --- beginnings -------------------------------------------------------------------------- */

static void nobody_listening_is_unreachable(void **state)
{
    struct world *w = world_of(state);
    const struct transport_options o = {.mqtt_version = w->carrier->mqtt_version};
    struct news_error err;
    broker_stop(w->broker);
    assert_true(station_open(&w->a, broker_url(w->broker), &o, &err));
    assert_true(station_wait(&w->a, &w->a.down, 1));
    assert_int_equal(w->a.why.code, NEWS_ERR_UNREACHABLE);
    assert_int_equal(w->a.up, 0);
}

static void assert_given_up_in_time(const char *url)
{
    const struct transport_options o = {.connect_timeout_ms = 300};
    struct station s;
    struct news_error err;
    int64_t start_ms = date_mono_ms();
    assert_true(station_open(&s, url, &o, &err));
    assert_true(station_wait(&s, &s.down, 1));
    assert_int_equal(s.why.code, NEWS_ERR_UNREACHABLE);
    assert_true(date_mono_ms() - start_ms >= 300);
    assert_true(date_mono_ms() - start_ms < WAIT_MS / 2);
    station_free(&s);
}

/* A socket that takes what comes and never answers; its URL is broker_url_at() this port. */
static int open_silent_datagrams(int *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&address, size) == 0 &&
                getsockname(fd, (struct sockaddr *)&address, &size) == 0);
    *port = ntohs(address.sin_port);
    return fd;
}

static void the_time_to_greet_is_kept_without_connections(struct world *w)
{
    int port, silent;
    if (w->carrier->kind == BROKER_RELAY_UNIX) { /* the kernel has accepted; nobody reads */
        broker_pause(w->broker, true);
        assert_given_up_in_time(broker_url(w->broker));
        broker_pause(w->broker, false);
        return;
    }
    silent = open_silent_datagrams(&port);
    assert_given_up_in_time(broker_url_at(w->carrier->kind, port));
    close(silent);
}

/* The thread that connects is left to itself; that it frees what it has is for the sanitizers. */
static void the_time_to_connect_is_kept(void **state)
{
    struct peer silent, black_hole;
    struct world *w = world_of(state);
    enum broker_kind kind = w->carrier->kind;
    if (kind == BROKER_RELAY_UDP || kind == BROKER_RELAY_UNIX) {
        the_time_to_greet_is_kept_without_connections(w);
        return;
    }
    assert_true(peer_open(&silent, NULL, 0));
    assert_true(peer_open_black_hole(&black_hole));
    assert_given_up_in_time(broker_url_at(kind, silent.port));
    assert_given_up_in_time(broker_url_at(kind, black_hole.port));
    peer_close(&silent);
    peer_close(&black_hole);
}

static void closing_and_destroying_are_possible_at_any_time(void **state)
{
    struct world *w = world_of(state);
    const struct transport_options o = {.mqtt_version = w->carrier->mqtt_version};
    struct news_error err;
    for (int i = 0; i < 20; i++) { /* connecting, and a little later than that */
        assert_true(station_open(&w->a, broker_url(w->broker), &o, &err));
        if (i % 2) {
            transport_close(w->a.transport);
            assert_true(station_wait(&w->a, &w->a.down, 1));
            assert_int_equal(w->a.why.code, NEWS_OK);
        } else {
            (void)stations_run(&(struct station *){&w->a}, 1, &w->a.up, 1, i, NULL, NULL);
        }
        station_free(&w->a);
    }
}

static void nagle_can_be_left_on(void **state)
{
    struct world *w = world_of(state);
    const struct transport_options o = {.nagle = true};
    up_with(w, &w->a, &o);
    for (unsigned i = 0; i < 20; i++)
        assert_true(station_publish(&w->a, "news/nagle", "x", 1, false));
}

/* --- endings ----------------------------------------------------------------------------- */

static void a_killed_server_is_noticed(void **state)
{
    struct world *w = world_of(state);
    up_with(w, &w->a, NULL);
    broker_kill(w->broker);
    assert_true(station_wait(&w->a, &w->a.down, 1));
    assert_int_equal(w->a.why.code, NEWS_ERR_UNREACHABLE);
    assert_int_equal(publish(&w->a, "news/late", "x", 1, 1), TRANSPORT_FULL);
    assert_int_equal(transport_wait(w->a.transport).fd, -1);
}

static void the_will_is_published_without_a_goodbye_only(void **state)
{
    struct world *w = world_of(state);
    const struct message will = {
        .topic = "newswire/status/afp", .payload = "offline", .payload_len = 7, .qos = 1};
    const struct transport_options o = {.will = &will};
    up_with(w, &w->b, NULL);
    assert_true(station_subscribe(&w->b, "newswire/status/#", 1));

    up_with(w, &w->a, &o);
    transport_close(w->a.transport);
    assert_true(station_wait(&w->a, &w->a.down, 1));
    assert_int_equal(w->a.why.code, NEWS_OK);
    station_free(&w->a);
    up_with(w, &w->a, &o);
    station_free(&w->a); /* no goodbye */
    assert_true(station_wait(&w->b, &w->b.received, 1));
    assert_payload(&w->b.messages[0], "offline", 7);

    up_with(w, &w->a, NULL); /* a message behind the only will there was */
    assert_true(station_publish(&w->a, "newswire/status/afp", "online", 1, false));
    assert_true(run_both(w, &w->b.received, 2));
    assert_payload(&w->b.messages[1], "online", 6);
}

/* Pitfall 4: a disconnect right behind a burst loses what the library has not written. */
static void goodbye_comes_after_what_was_published(void **state)
{
    struct world *w = world_of(state);
    const struct transport_options o = {.window = 300};
    up_with(w, &w->a, &o);
    up_with(w, &w->b, NULL);
    assert_true(station_subscribe(&w->b, "news/last", 1));
    for (unsigned i = 0; i < 300; i++)
        assert_int_equal(publish(&w->a, "news/last", "x", (int)(i % 2), i), TRANSPORT_TAKEN);
    transport_close(w->a.transport);
    assert_int_equal(publish(&w->a, "news/last", "x", 1, 300), TRANSPORT_FULL);
    assert_true(run_both(w, &w->a.down, 1));
    assert_int_equal(w->a.why.code, NEWS_OK);
    assert_true(run_both(w, &w->b.received, 300));
}

/* Mosquitto 2.0 closes the loser without a word, others say why; either way it is over for it. */
static void the_second_of_one_name_ends_the_first(void **state)
{
    struct world *w = world_of(state);
    const struct transport_options o = {.client_id = "the-one"};
    up_with(w, &w->a, &o);
    up_with(w, &w->b, &o);
    assert_true(run_both(w, &w->a.down, 1));
    assert_true(w->a.why.code == NEWS_ERR_TAKEN_OVER || w->a.why.code == NEWS_ERR_UNREACHABLE);
    assert_true(station_publish(&w->b, "news/mine", "x", 1, false));
}

/* --- every test on every carrier --------------------------------------------------------- */

#define TEST(function)                                                                             \
    {                                                                                              \
#function, function                                                                        \
    }

static const struct {
    const char *name;
    CMUnitTestFunction run;
} tests[] = {
    TEST(a_subscriber_receives_what_is_published),
    TEST(messages_arrive_in_the_order_they_were_published),
    TEST(empty_and_large_payloads_pass),
    TEST(a_newcomer_sees_what_was_retained),
    TEST(what_is_no_topic_or_filter_is_refused),
    TEST(the_window_is_bounded_and_opens_again),
    TEST(nothing_is_delivered_while_reading_is_off),
    TEST(what_was_not_confirmed_comes_again),
    TEST(nobody_listening_is_unreachable),
    TEST(the_time_to_connect_is_kept),
    TEST(closing_and_destroying_are_possible_at_any_time),
    TEST(nagle_can_be_left_on),
    TEST(a_killed_server_is_noticed),
    TEST(the_will_is_published_without_a_goodbye_only),
    TEST(goodbye_comes_after_what_was_published),
    TEST(the_second_of_one_name_ends_the_first),
};

#define TESTS    (sizeof tests / sizeof *tests)
#define CARRIERS (sizeof carriers / sizeof *carriers)

int main(void)
{
    static struct CMUnitTest all[TESTS * CARRIERS];
    static char names[TESTS * CARRIERS][96];
    for (size_t i = 0; i < TESTS * CARRIERS; i++) {
        const struct carrier *carrier = &carriers[i / TESTS];
        snprintf(names[i], sizeof names[i], "%s: %s", carrier->name, tests[i % TESTS].name);
        all[i] = (struct CMUnitTest){.name = names[i],
                                     .test_func = tests[i % TESTS].run,
                                     .setup_func = set_up,
                                     .teardown_func = tear_down,
                                     .initial_state = (void *)(uintptr_t)carrier};
    }
    return cmocka_run_group_tests_name("carriers", all, NULL, NULL);
}
