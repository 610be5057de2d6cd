/* What is MQTT's own: limits, refusals, versions, take-over, and what leaves when. Real brokers
 * where they can be made to do it, a scripted peer where not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/broker.h"
#include "tests/support/peer.h"
#include "tests/support/process.h"
#include "tests/support/station.h"
#include "tests/support/wait.h"

enum { CONNECT = 1, PUBLISH = 3, PUBACK = 4, SUBSCRIBE = 8, DISCONNECT = 14 };

/* The bytes of a string literal, and how many. */
#define BYTES(literal) (literal), sizeof(literal) - 1
#define CONNACK_5      "\x20\x03\x00\x00\x00"
#define CONNACK_4      "\x20\x02\x00\x00"

/* --- real brokers ------------------------------------------------------------------------ */

static struct broker *mosquitto(void)
{
    const char *missing = broker_missing(BROKER_MOSQUITTO);
    if (missing) {
        print_message("SKIP: %s\n", missing);
        skip();
    }
    struct broker *b = broker_new(BROKER_MOSQUITTO);
    assert_non_null(b);
    return b;
}

static enum transport_answer publish_sized(struct station *s, const char *topic, size_t len,
                                           int qos)
{
    static const char bytes[4096];
    const struct message m = {.topic = topic, .payload = bytes, .payload_len = len, .qos = qos};
    return transport_publish(s->transport, &m, s->last_token + 1, &s->refusal);
}

/* Pitfall 1: one byte above this limit and the library aborts the process. */
static void payloads_reach_the_limit_and_not_beyond(void **state)
{
    (void)state;
    struct broker *b = mosquitto();
    broker_add(b, "max_packet_size 2000\n");
    assert_true(broker_start(b));
    struct station s;
    assert_true(station_up(&s, broker_url(b), NULL));
    assert_true(station_subscribe(&s, "news/#", 1));
    static const char *const topics[] = {"news/a", "news/with/a/longer/name"};
    for (size_t i = 0; i < 2; i++) {
        for (int qos = 0; qos <= 1; qos++) {
            size_t most = transport_payload_max(s.transport, topics[i], qos);
            unsigned received = s.received;
            assert_true(most > 1900 && most < 2000);
            assert_int_equal(publish_sized(&s, topics[i], most + 1, qos), TRANSPORT_REFUSED);
            assert_int_equal(s.refusal.code, NEWS_ERR_TOO_LARGE);
            assert_non_null(strstr(s.refusal.message, "2000"));
            assert_int_equal(publish_sized(&s, topics[i], most, qos), TRANSPORT_TAKEN);
            assert_int_equal(publish_sized(&s, topics[i], most - 1, qos), TRANSPORT_TAKEN);
            assert_true(station_wait(&s, &s.received, received + 2));
            assert_int_equal(s.messages[received].payload.len, most);
        }
    }
    assert_int_equal(s.down, 0);
    station_free(&s);
    broker_free(b);
}

/* Pitfall 21: MQTT 5 tells, 3.1.1 does not. */
static void a_topic_of_others_is_denied_by_its_answer(void **state)
{
    (void)state;
    struct broker *b = mosquitto();
    broker_add(b, "acl_file %s\n", broker_file(b, "acl", "topic readwrite news/afp/#\n"));
    assert_true(broker_start(b));
    struct station s;
    assert_true(station_up(&s, broker_url(b), NULL));
    assert_true(station_publish(&s, "news/afp/x", "ours", 1, false));
    assert_int_equal(publish_sized(&s, "news/dpa/x", 4, 1), TRANSPORT_TAKEN);
    assert_true(station_wait(&s, &s.refused, 1));
    assert_int_equal(s.refusal.code, NEWS_ERR_DENIED);
    assert_true(station_publish(&s, "news/afp/x", "still up", 1, false));
    station_free(&s);
    broker_free(b);
}

static void too_large_for_the_broker_is_told_by_its_answer(void **state)
{
    (void)state;
    struct broker *b = mosquitto();
    broker_add(b, "message_size_limit 1000\n");
    assert_true(broker_start(b));
    struct station s;
    assert_true(station_up(&s, broker_url(b), NULL));
    assert_int_equal(publish_sized(&s, "news/x", 1001, 1), TRANSPORT_TAKEN);
    assert_true(station_wait(&s, &s.refused, 1));
    assert_int_equal(s.refusal.code, NEWS_ERR_TOO_LARGE);
    station_free(&s);
    broker_free(b);
}

static bool make_passwords(struct broker *b)
{
    char program[512];
    struct process *p;
    const char *file = broker_file(b, "passwords", "");
    const char *argv[] = {program, "-b", file, "afp", "right", NULL};
    if (!file || !process_exists("mosquitto_passwd", program, sizeof program)) return false;
    int status = process_run(argv, NULL, WAIT_MS, &p);
    process_free(p);
    broker_add(b, "allow_anonymous false\npassword_file %s\n", file);
    return status == 0;
}

static void a_login_is_let_in_or_denied(void **state)
{
    (void)state;
    struct broker *b = mosquitto();
    if (!make_passwords(b)) {
        print_message("SKIP: mosquitto_passwd is not installed (apt install mosquitto)\n");
        broker_free(b);
        skip();
    }
    assert_true(broker_start(b));
    char url[96];
    snprintf(url, sizeof url, "mqtt://afp@127.0.0.1:%d", broker_port(b));
    for (int version = 4; version <= 5; version++) {
        struct transport_options o = {.password = "right", .mqtt_version = version};
        struct station s;
        struct news_error err;
        assert_true(station_up(&s, url, &o));
        station_free(&s);
        o.password = "wrong";
        assert_true(station_open(&s, url, &o, &err));
        assert_true(station_wait(&s, &s.down, 1));
        assert_int_equal(s.why.code, NEWS_ERR_DENIED);
        assert_null(strstr(s.why.message, "wrong"));
        assert_int_equal(s.up, 0);
        station_free(&s);
    }
    broker_free(b);
}

/* Pitfalls 5 and 22: what a stalled peer does not take is bounded by the window, and QoS 0 counts
 * as answered only when it was written. */
static void a_stalled_broker_fills_the_window(void **state)
{
    (void)state;
    struct broker *b = mosquitto();
    assert_true(broker_start(b));
    const struct transport_options o = {.window = 50000};
    struct station s;
    static const char bytes[65536];
    const struct message m = {.topic = "news/x", .payload = bytes, .payload_len = sizeof bytes};
    assert_true(station_up(&s, broker_url(b), &o));
    broker_pause(b, true);
    unsigned taken = 0;
    for (int idle = 0; idle < 20;) {
        if (transport_publish(s.transport, &m, taken + 1, NULL) == TRANSPORT_TAKEN) {
            taken++;
            continue;
        }
        if (!stations_run(&(struct station *){&s}, 1, &s.answered, s.answered + 1, 30, NULL, NULL))
            idle++;
    }
    assert_true(s.answered < taken);
    assert_true((taken - s.answered) * sizeof bytes <= 16u << 20);
    broker_pause(b, false);
    assert_true(station_wait(&s, &s.answered, taken));
    station_free(&s);
    broker_free(b);
}

/* Pitfall 8: DISCONNECT 0x8B, and nothing in the library tries again. */
static void a_broker_that_shuts_down_is_unreachable(void **state)
{
    (void)state;
    struct broker *b = mosquitto();
    assert_true(broker_start(b));
    struct station s;
    assert_true(station_up(&s, broker_url(b), NULL));
    broker_stop(b);
    assert_true(station_wait(&s, &s.down, 1));
    assert_int_equal(s.why.code, NEWS_ERR_UNREACHABLE);
    station_free(&s);
    broker_free(b);
}

/* --- a scripted peer --------------------------------------------------------------------- */

struct scene {
    struct peer peer;
    struct station station;
};

static bool scene_wait(struct scene *x, const unsigned *counter, unsigned value)
{
    struct station *s = &x->station;
    return stations_run(&s, 1, counter, value, WAIT_MS, peer_serve, &x->peer);
}

static void scene_open(struct scene *x, const struct peer_answer *answers, size_t count,
                       const struct transport_options *o)
{
    struct news_error err;
    assert_true(peer_open(&x->peer, answers, count));
    assert_true(station_open(&x->station, x->peer.url, o, &err));
}

static void scene_up(struct scene *x, const struct peer_answer *answer,
                     const struct transport_options *o)
{
    scene_open(x, answer, 1, o);
    assert_true(scene_wait(x, &x->station.up, 1));
}

static void scene_close(struct scene *x)
{
    station_free(&x->station);
    peer_close(&x->peer);
}

/* Until the peer has count packets of this type. */
static void scene_expect(struct scene *x, unsigned type, unsigned count)
{
    unsigned never = 0;
    struct station *s = &x->station;
    for (int64_t turns = WAIT_MS / 10; peer_count_packets(&x->peer, type) < count; turns--) {
        assert_true(turns > 0);
        (void)stations_run(&s, 1, &never, 1, 10, peer_serve, &x->peer);
    }
}

static int protocol_level(const struct peer *p)
{
    return p->received.len > 8 ? p->received.data[8] : 0; /* behind 10 ll 00 04 "MQTT" */
}

/* Section 3.1.2.2: an old broker answers with its own CONNACK, a newer one with 0x84; some just
 * close. */
static void version_5_refused_means_3_1_1(void **state)
{
    static const struct peer_answer answers[][2] = {
        {{BYTES("\x20\x02\x00\x01"), true}, {BYTES(CONNACK_4), false}},
        {{BYTES("\x20\x03\x00\x84\x00"), true}, {BYTES(CONNACK_4), false}},
        {{"", 0, true}, {BYTES(CONNACK_4), false}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct scene x;
        scene_open(&x, answers[i], 2, NULL);
        assert_true(scene_wait(&x, &x.station.up, 1));
        assert_int_equal(x.peer.accepted, 2);
        assert_int_equal(protocol_level(&x.peer), 4);
        assert_int_equal(x.station.down, 0);
        scene_close(&x);

        const struct transport_options only_5 = {.mqtt_version = 5};
        scene_open(&x, answers[i], 2, &only_5);
        assert_true(scene_wait(&x, &x.station.down, 1));
        assert_int_equal(x.peer.accepted, 1);
        assert_int_equal(protocol_level(&x.peer), 5);
        assert_int_equal(x.station.why.code,
                         answers[i][0].len ? NEWS_ERR_UNSUPPORTED : NEWS_ERR_UNREACHABLE);
        scene_close(&x);
    }
}

static void a_refused_connection_says_why(void **state)
{
    static const struct {
        struct peer_answer answer;
        enum news_errc code;
    } table[] = {
        {{BYTES("\x20\x03\x00\x86\x00"), false}, NEWS_ERR_DENIED},
        {{BYTES("\x20\x03\x00\x87\x00"), true}, NEWS_ERR_DENIED},
        {{BYTES("\x20\x03\x00\x89\x00"), true}, NEWS_ERR_UNREACHABLE},
        {{BYTES("\x20\x03\x00\x9D\x00"), true}, NEWS_ERR_UNREACHABLE},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct scene x;
        scene_open(&x, &table[i].answer, 1, NULL);
        assert_true(scene_wait(&x, &x.station.down, 1));
        assert_int_equal(x.station.why.code, table[i].code);
        assert_int_equal(x.peer.accepted, 1);
        scene_close(&x);
    }
}

static void a_server_disconnect_says_why(void **state)
{
    static const struct {
        unsigned char reason;
        enum news_errc code;
    } table[] = {
        {0x8E, NEWS_ERR_TAKEN_OVER},
        {0x8B, NEWS_ERR_UNREACHABLE},
        {0x87, NEWS_ERR_DENIED},
        {0x93, NEWS_ERR_PROTOCOL},
    };
    static const struct peer_answer greeting = {BYTES(CONNACK_5), false};
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct scene x;
        const unsigned char disconnect[] = {0xE0, 0x02, table[i].reason, 0x00};
        scene_up(&x, &greeting, NULL);
        assert_true(peer_send(&x.peer, disconnect, sizeof disconnect));
        assert_true(scene_wait(&x, &x.station.down, 1));
        assert_int_equal(x.station.why.code, table[i].code);
        scene_close(&x);
    }
}

static void limits_of_the_greeting_are_kept(void **state)
{
    /* receive maximum 2, maximum QoS 1, no retained messages, packets of at most 64 */
    static const struct peer_answer greeting = {
        BYTES("\x20\x0F\x00\x00\x0C\x21\x00\x02\x24\x01\x25\x00\x27\x00\x00\x00\x40"), false};
    struct scene x;
    struct message m = {.topic = "t", .payload = "x", .payload_len = 1, .qos = 1};
    struct news_error err;
    (void)state;
    scene_up(&x, &greeting, NULL);
    struct transport *t = x.station.transport;
    assert_int_equal(transport_payload_max(t, "t", 1), 64 - 2 - 3 - 2 - 1);
    m.retained = true;
    assert_int_equal(transport_publish(t, &m, 1, &err), TRANSPORT_REFUSED);
    assert_int_equal(err.code, NEWS_ERR_UNSUPPORTED);
    m.retained = false;
    m.qos = 2;
    assert_int_equal(transport_publish(t, &m, 1, &err), TRANSPORT_REFUSED);
    assert_int_equal(err.code, NEWS_ERR_UNSUPPORTED);
    m.qos = 1;
    assert_int_equal(transport_publish(t, &m, 1, &err), TRANSPORT_TAKEN);
    assert_int_equal(transport_publish(t, &m, 2, &err), TRANSPORT_TAKEN);
    assert_int_equal(transport_publish(t, &m, 3, &err), TRANSPORT_FULL);
    scene_close(&x);
}

static void an_answer_finds_its_token(void **state)
{
    static const struct peer_answer greeting = {BYTES(CONNACK_5), false};
    static const struct {
        unsigned char reason;
        enum news_errc code;
    } table[] = {{0, NEWS_OK},
                 {16, NEWS_OK},
                 {135, NEWS_ERR_DENIED},
                 {149, NEWS_ERR_TOO_LARGE},
                 {151, NEWS_ERR_PENDING}};
    struct scene x;
    (void)state;
    scene_up(&x, &greeting, NULL);
    for (unsigned i = 0; i < 5; i++) {
        struct message m = {.topic = "t", .qos = 1};
        assert_int_equal(transport_publish(x.station.transport, &m, 100 + i, NULL),
                         TRANSPORT_TAKEN);
    }
    scene_expect(&x, PUBLISH, 5);
    for (unsigned i = 5; i-- > 0;) { /* the last first */
        const unsigned char puback[] = {0x40, 0x03, 0x00, (unsigned char)(i + 1), table[i].reason};
        unsigned before = x.station.answered + x.station.refused;
        const unsigned *counter = table[i].code == NEWS_OK ? &x.station.answered
                                                           : &x.station.refused;
        unsigned value = *counter + 1;
        assert_true(peer_send(&x.peer, puback, sizeof puback));
        assert_true(scene_wait(&x, counter, value));
        assert_int_equal(x.station.answered + x.station.refused, before + 1);
        assert_int_equal(x.station.last_token, 100 + i);
        if (table[i].code != NEWS_OK) assert_int_equal(x.station.refusal.code, table[i].code);
    }
    scene_close(&x);
}

static void a_denied_subscription_says_so(void **state)
{
    static const unsigned char granted_5[] = {0x90, 0x04, 0x00, 0x01, 0x00, 0x01};
    static const unsigned char denied_5[] = {0x90, 0x04, 0x00, 0x02, 0x00, 0x87};
    static const struct peer_answer greeting = {BYTES(CONNACK_5), false};
    struct scene x;
    (void)state;
    scene_up(&x, &greeting, NULL);
    assert_true(transport_subscribe(x.station.transport, "news/#", 1, NULL));
    assert_true(transport_subscribe(x.station.transport, "secret/#", 1, NULL));
    scene_expect(&x, SUBSCRIBE, 2);
    assert_true(peer_send(&x.peer, denied_5, sizeof denied_5));
    assert_true(scene_wait(&x, &x.station.denied, 1));
    assert_int_equal(x.station.refusal.code, NEWS_ERR_DENIED);
    assert_non_null(strstr(x.station.refusal.message, "secret/#"));
    assert_true(peer_send(&x.peer, granted_5, sizeof granted_5));
    assert_true(scene_wait(&x, &x.station.subscribed, 1));
    scene_close(&x);
}

/* --- what leaves when -------------------------------------------------------------------- */

#define MESSAGES 450

/* MESSAGES times PUBLISH QoS 1 on "t" with the payload "x", in one go. */
static void send_messages(struct peer *p)
{
    struct buf all = {0};
    for (unsigned i = 1; i <= MESSAGES; i++) {
        const unsigned char publish[] = {
            0x32, 0x07, 0x00, 0x01, 't', (unsigned char)(i >> 8), (unsigned char)i, 0x00, 'x'};
        buf_put(&all, publish, sizeof publish);
    }
    assert_true(peer_send(p, all.data, all.len));
    buf_deinit(&all);
}

static unsigned confirmed; /* messages of the batches that on_batch() has said true to */

static void no_acknowledgement_is_ahead_of_its_batch(void *user)
{
    struct scene *x = user;
    peer_serve(&x->peer);
    assert_true(peer_count_packets(&x->peer, PUBACK) <= confirmed);
    assert_true(x->station.received - confirmed <= 200);
    confirmed = x->station.received;
}

static void acknowledgements_leave_after_the_batch_was_confirmed(void **state)
{
    static const struct peer_answer greeting = {BYTES(CONNACK_5), false};
    struct scene x;
    (void)state;
    confirmed = 0;
    scene_up(&x, &greeting, NULL);
    x.station.on_batch = no_acknowledgement_is_ahead_of_its_batch;
    x.station.user = &x;
    send_messages(&x.peer);
    assert_true(scene_wait(&x, &x.station.received, MESSAGES));
    scene_expect(&x, PUBACK, MESSAGES);
    assert_true(x.station.batches >= MESSAGES / 200);
    scene_close(&x);
}

static void no_acknowledgement_leaves_an_unconfirmed_batch(void **state)
{
    static const struct peer_answer greeting = {BYTES(CONNACK_5), false};
    struct scene x;
    (void)state;
    scene_up(&x, &greeting, NULL);
    x.station.confirm = false;
    send_messages(&x.peer);
    assert_true(scene_wait(&x, &x.station.down, 1));
    assert_true(scene_wait(&x, &x.peer.ended, 1));
    assert_int_equal(peer_count_packets(&x.peer, PUBACK), 0);
    assert_int_equal(peer_count_packets(&x.peer, DISCONNECT), 0);
    scene_close(&x);
}

/* Pitfall 22. 3.1.1 has no way to announce the limit: the message is passed over there. */
static void a_message_above_our_limit_is_not_taken(void **state)
{
    static const struct peer_answer greetings[] = {{BYTES(CONNACK_4), false},
                                                   {BYTES(CONNACK_5), false}};
    (void)state;
    for (int version = 4; version <= 5; version++) {
        const struct transport_options o = {.packet_max = 100, .mqtt_version = version};
        unsigned char large[2 + 120] = {0x30, 120, 0, 1, 't'}; /* QoS 0 */
        const unsigned char small[] = {0x30, 0x04, 0x00, 0x01, 't', 0x00};
        struct scene x;
        scene_up(&x, &greetings[version - 4], &o);
        assert_true(peer_send(&x.peer, large, sizeof large));
        assert_true(peer_send(&x.peer, small, sizeof small));
        if (version == 5) {
            assert_true(scene_wait(&x, &x.station.down, 1));
            assert_int_equal(x.station.why.code, NEWS_ERR_PROTOCOL);
            assert_int_equal(x.station.received, 0);
        } else {
            assert_true(scene_wait(&x, &x.station.received, 1));
            assert_int_equal(x.station.messages[0].payload.len, 1);
        }
        scene_close(&x);
    }
}

static void what_is_not_mqtt_ends_the_connection(void **state)
{
    static const struct peer_answer answers[] = {
        {BYTES("HTTP/1.1 400\r\n"), true},
        {BYTES("\x20\xFF\xFF\xFF\xFF\xFF"), false},
        {BYTES(CONNACK_5 "\x32\x02\xFF\xFF"), false},
        {BYTES(CONNACK_5 "\x00\x00"), false},
        {BYTES(CONNACK_5 "\x36\x07\x00\x01"
                         "t\x00\x01\x00"
                         "x"),
         false},
    };
    const struct transport_options o = {.mqtt_version = 5, .connect_timeout_ms = 2000};
    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct scene x;
        scene_open(&x, &answers[i], 1, &o);
        assert_true(scene_wait(&x, &x.station.down, 1));
        assert_int_not_equal(x.station.why.code, NEWS_OK);
        assert_int_equal(x.station.received, 0);
        scene_close(&x);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(payloads_reach_the_limit_and_not_beyond),
        cmocka_unit_test(a_topic_of_others_is_denied_by_its_answer),
        cmocka_unit_test(too_large_for_the_broker_is_told_by_its_answer),
        cmocka_unit_test(a_login_is_let_in_or_denied),
        cmocka_unit_test(a_stalled_broker_fills_the_window),
        cmocka_unit_test(a_broker_that_shuts_down_is_unreachable),
        cmocka_unit_test(version_5_refused_means_3_1_1),
        cmocka_unit_test(a_refused_connection_says_why),
        cmocka_unit_test(a_server_disconnect_says_why),
        cmocka_unit_test(limits_of_the_greeting_are_kept),
        cmocka_unit_test(an_answer_finds_its_token),
        cmocka_unit_test(a_denied_subscription_says_so),
        cmocka_unit_test(acknowledgements_leave_after_the_batch_was_confirmed),
        cmocka_unit_test(no_acknowledgement_leaves_an_unconfirmed_batch),
        cmocka_unit_test(a_message_above_our_limit_is_not_taken),
        cmocka_unit_test(what_is_not_mqtt_ends_the_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
