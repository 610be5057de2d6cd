/* A link over several brokers that come and go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "common/date.h"
#include "common/transport/link.h"
#include "tests/support/broker.h"
#include "tests/support/peer.h"
#include "tests/support/station.h"
#include "tests/support/wait.h"

#define DEAD_URL "mqtt://127.0.0.1:1" /* nobody listens there */

struct watch {
    struct link *link;
    unsigned up, down, lost, received, answered, subscribed, denied;
    char url[400]; /* of the last on_state */
    struct news_error why;
    int wait_ms, longest_wait_ms;
};

static void on_state(void *user, enum transport_state state, const struct transport_url *url,
                     const struct news_error *why, int wait_ms)
{
    struct watch *w = user;
    snprintf(w->url, sizeof w->url, "%s", url->text);
    w->why = why ? *why : (struct news_error){0};
    w->wait_ms = wait_ms;
    if (wait_ms > w->longest_wait_ms) w->longest_wait_ms = wait_ms;
    switch (state) {
    case TRANSPORT_UP: w->up++; break;
    case TRANSPORT_CONNECTING: w->lost++; break;
    case TRANSPORT_DOWN: w->down++; break;
    }
}

static void on_message(void *user, const struct message *m)
{
    (void)m;
    ((struct watch *)user)->received++;
}

static void on_published(void *user, uint64_t token, const struct news_error *refused)
{
    (void)token, (void)refused;
    ((struct watch *)user)->answered++;
}

static void on_subscribed(void *user, const char *filter, const struct news_error *refused)
{
    struct watch *w = user;
    (void)filter;
    *(refused ? &w->denied : &w->subscribed) += 1;
}

static struct link_events events_of(struct watch *w)
{
    return (struct link_events){.user = w,
                                .on_state = on_state,
                                .on_message = on_message,
                                .on_published = on_published,
                                .on_subscribed = on_subscribed};
}

static void watch_open(struct watch *w, const char *first, const char *second,
                       const struct link_options *o)
{
    const char *urls[] = {first, second};
    struct news_error err;
    *w = (struct watch){0};
    const struct link_events events = events_of(w);
    w->link = link_open(urls, second ? 2 : 1, o, &events, &err);
    if (!w->link) fail_msg("%s", err.message);
}

static bool watch_wait_serving(struct watch *w, const unsigned *counter, unsigned value,
                               struct peer *peer)
{
    int64_t deadline_ms = date_mono_ms() + WAIT_MS;
    while (*counter < value) {
        if (date_mono_ms() >= deadline_ms) return false;
        struct transport_wait wait = link_wait(w->link);
        struct pollfd fd = {.fd = wait.fd, .events = wait.events};
        int left_ms = wait_left_ms(wait.deadline_mono_ms);
        (void)poll(&fd, 1, left_ms < 20 ? left_ms : 20);
        link_service(w->link, wait.fd < 0 ? 0 : fd.revents);
        if (peer) peer_serve(peer);
    }
    return true;
}

static bool watch_wait(struct watch *w, const unsigned *counter, unsigned value)
{
    return watch_wait_serving(w, counter, value, NULL);
}

static bool watch_publish(struct watch *w, const char *topic)
{
    const struct message m = {.topic = topic, .payload = "x", .payload_len = 1, .qos = 1};
    unsigned before = w->answered;
    return link_publish(w->link, &m, 1, NULL) == TRANSPORT_TAKEN &&
           watch_wait(w, &w->answered, before + 1);
}

static struct broker *running_broker(void)
{
    const char *missing = broker_missing(BROKER_MOSQUITTO);
    if (missing) {
        print_message("SKIP: %s\n", missing);
        skip();
    }
    struct broker *b = broker_new(BROKER_MOSQUITTO);
    assert_non_null(b);
    assert_true(broker_start(b));
    return b;
}

static void a_restarted_broker_is_found_again_with_all_subscriptions(void **state)
{
    struct broker *b = running_broker();
    struct watch w;
    (void)state;
    watch_open(&w, broker_url(b), NULL, NULL);
    assert_true(link_subscribe(w.link, "news/early", 1, NULL)); /* before there is a connection */
    assert_true(watch_wait(&w, &w.subscribed, 1));
    assert_true(link_subscribe(w.link, "news/late", 1, NULL));
    assert_true(link_subscribe(w.link, "news/late", 1, NULL)); /* known: asked again, kept once */
    assert_true(watch_wait(&w, &w.subscribed, 3));
    assert_true(link_is_up(w.link));

    broker_kill(b);
    assert_true(watch_wait(&w, &w.lost, 1));
    assert_int_equal(w.why.code, NEWS_ERR_UNREACHABLE);
    assert_false(link_is_up(w.link));
    const struct message m = {.topic = "news/early"};
    assert_int_equal(link_publish(w.link, &m, 1, NULL), TRANSPORT_FULL);
    assert_true(watch_wait(&w, &w.lost, 3));
    assert_true(broker_start(b));
    assert_true(watch_wait(&w, &w.up, 2));
    assert_true(watch_wait(&w, &w.subscribed, 5));
    assert_true(watch_publish(&w, "news/early"));
    assert_true(watch_publish(&w, "news/late"));
    assert_true(watch_wait(&w, &w.received, 2));
    assert_int_equal(w.down, 0);
    link_destroy(w.link);
    broker_free(b);
}

static void the_next_url_is_tried_and_the_preferred_one_after_a_loss(void **state)
{
    struct broker *first = running_broker(), *second = running_broker();
    struct watch w;
    (void)state;
    broker_kill(first);
    watch_open(&w, broker_url(first), broker_url(second), NULL);
    assert_true(watch_wait(&w, &w.lost, 1));
    assert_int_equal(w.wait_ms, 0); /* the next one at once */
    assert_true(watch_wait(&w, &w.up, 1));
    assert_string_equal(w.url, broker_url(second));

    assert_true(broker_start(first)); /* what works is kept */
    assert_true(watch_publish(&w, "news/x"));
    assert_string_equal(w.url, broker_url(second));
    broker_kill(second);
    assert_true(watch_wait(&w, &w.up, 2));
    assert_string_equal(w.url, broker_url(first));
    link_destroy(w.link);
    broker_free(first);
    broker_free(second);
}

static void the_link_gives_up_when_nothing_ever_answered(void **state)
{
    const struct link_options o = {.give_up_ms = 400};
    struct watch w;
    struct peer silent;
    (void)state;
    int64_t start_ms = date_mono_ms();
    watch_open(&w, DEAD_URL, DEAD_URL, &o);
    assert_true(watch_wait(&w, &w.down, 1));
    assert_int_equal(w.why.code, NEWS_ERR_UNREACHABLE);
    assert_true(date_mono_ms() - start_ms >= 400);
    assert_true(w.lost >= 2);
    assert_int_equal(link_wait(w.link).fd, -1);
    assert_true(link_wait(w.link).deadline_mono_ms == INT64_MAX);
    link_destroy(w.link);

    assert_true(peer_open(&silent, NULL, 0)); /* also in the middle of an attempt */
    watch_open(&w, silent.url, NULL, &o);
    assert_true(watch_wait(&w, &w.down, 1));
    assert_int_equal(w.why.code, NEWS_ERR_UNREACHABLE);
    assert_int_equal(w.lost, 0);
    link_destroy(w.link);
    peer_close(&silent);
}

#define ANSWER(literal)                                                                            \
    {                                                                                              \
        .bytes = (literal), .len = sizeof(literal) - 1                                             \
    }

static void a_denied_login_is_for_good(void **state)
{
    static const struct peer_answer denied = ANSWER("\x20\x03\x00\x87\x00");
    struct broker *b = running_broker();
    struct watch w;
    struct peer peer;
    (void)state;
    assert_true(peer_open(&peer, &denied, 1));
    watch_open(&w, peer.url, NULL, NULL);
    assert_true(watch_wait_serving(&w, &w.down, 1, &peer));
    assert_int_equal(w.why.code, NEWS_ERR_DENIED);
    assert_int_equal(peer.accepted, 1);
    link_destroy(w.link);

    /* One that denies us is out of the round, the others are not. */
    watch_open(&w, peer.url, broker_url(b), NULL);
    assert_true(watch_wait_serving(&w, &w.up, 1, &peer));
    assert_string_equal(w.url, broker_url(b));
    broker_kill(b);
    assert_true(watch_wait_serving(&w, &w.lost, 3, &peer));
    assert_int_equal(peer.accepted, 2);
    assert_int_equal(w.down, 0);
    link_destroy(w.link);
    peer_close(&peer);
    broker_free(b);
}

static void the_second_takeover_in_a_row_is_the_last(void **state)
{
    static const struct peer_answer greet_and_go = ANSWER(
        "\x20\x03\x00\x00\x00\xE0\x02\x8E\x00"); /* CONNACK, DISCONNECT 0x8E */
    struct watch w;
    struct peer peer;
    (void)state;
    assert_true(peer_open(&peer, &greet_and_go, 1));
    watch_open(&w, peer.url, NULL, NULL);
    assert_true(watch_wait_serving(&w, &w.down, 1, &peer));
    assert_int_equal(w.why.code, NEWS_ERR_TAKEN_OVER);
    assert_int_equal(w.up, 2);
    assert_int_equal(w.lost, 1);
    link_destroy(w.link);
    peer_close(&peer);
}

/* Pitfall 10. The waits are random; their bound is not. */
static void waits_are_jittered_and_grow(void **state)
{
    const struct link_options o = {.seed = 7};
    struct watch w;
    (void)state;
    watch_open(&w, DEAD_URL, NULL, &o);
    int most_ms = 500, sum_ms = 0;
    for (unsigned i = 1; i <= 4; i++, most_ms *= 2) {
        assert_true(watch_wait(&w, &w.lost, i));
        assert_in_range(w.wait_ms, 0, most_ms);
        sum_ms += w.wait_ms;
    }
    assert_true(sum_ms > 0);
    link_destroy(w.link);
}

static void a_link_can_be_closed_at_any_time(void **state)
{
    struct broker *b = running_broker();
    struct watch w;
    (void)state;
    watch_open(&w, broker_url(b), NULL, NULL);
    assert_true(watch_wait(&w, &w.up, 1));
    link_close(w.link);
    assert_true(watch_wait(&w, &w.down, 1));
    assert_int_equal(w.why.code, NEWS_OK);
    link_destroy(w.link);

    watch_open(&w, broker_url(b), NULL, NULL);
    link_close(w.link); /* before anything */
    assert_true(watch_wait(&w, &w.down, 1));
    assert_int_equal(w.why.code, NEWS_OK);
    assert_int_equal(w.up, 0);
    link_destroy(w.link);

    watch_open(&w, DEAD_URL, NULL, NULL);
    assert_true(watch_wait(&w, &w.lost, 2));
    link_close(w.link); /* while waiting */
    assert_true(watch_wait(&w, &w.down, 1));
    assert_int_equal(w.why.code, NEWS_OK);
    link_destroy(w.link);
    broker_free(b);
}

static void reading_that_is_off_stays_off_over_connections(void **state)
{
    struct broker *b = running_broker();
    struct watch w;
    struct station s;
    (void)state;
    watch_open(&w, broker_url(b), NULL, NULL);
    assert_true(link_subscribe(w.link, "news/held", 1, NULL));
    assert_true(watch_wait(&w, &w.subscribed, 1));
    link_set_reading(w.link, false);
    broker_kill(b);
    assert_true(watch_wait(&w, &w.lost, 1));
    assert_true(broker_start(b));
    assert_true(watch_wait(&w, &w.up, 2));
    link_set_reading(w.link, true);
    assert_true(watch_wait(&w, &w.subscribed, 2));
    assert_true(station_up(&s, broker_url(b), NULL));
    assert_true(station_publish(&s, "news/held", "x", 1, false));
    assert_true(watch_wait(&w, &w.received, 1));
    station_free(&s);
    link_destroy(w.link);
    broker_free(b);
}

static void what_cannot_work_is_refused_when_it_is_opened(void **state)
{
    static const struct {
        const char *url;
        enum news_errc code;
    } table[] = {
        {"http://h", NEWS_ERR_USAGE}, {"h:x", NEWS_ERR_USAGE}, {"mqtts://h", NEWS_ERR_UNSUPPORTED}};
    struct watch w = {0};
    const struct link_events events = events_of(&w);
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const char *urls[] = {"localhost", table[i].url};
        struct news_error err;
        assert_null(link_open(urls, 2, NULL, &events, &err));
        assert_int_equal(err.code, table[i].code);
    }
    assert_null(link_open(NULL, 0, NULL, &events, NULL));
    link_destroy(NULL);

    /* Options that the carrier refuses are for good. */
    const struct link_options o = {.transport.keep_session = true};
    watch_open(&w, DEAD_URL, NULL, &o);
    assert_true(watch_wait(&w, &w.down, 1));
    assert_int_equal(w.why.code, NEWS_ERR_USAGE);
    link_destroy(w.link);
}

static void filters_are_bounded_and_checked(void **state)
{
    struct watch w;
    struct news_error err;
    char filter[32];
    (void)state;
    watch_open(&w, DEAD_URL, NULL, NULL);
    assert_false(link_subscribe(w.link, "news/#/x", 1, &err));
    assert_int_equal(err.code, NEWS_ERR_DATA);
    for (int i = 0; i < LINK_FILTERS_MAX; i++) {
        snprintf(filter, sizeof filter, "news/%d", i);
        assert_true(link_subscribe(w.link, filter, 1, &err));
        assert_true(link_subscribe(w.link, filter, 1, &err));
    }
    assert_false(link_subscribe(w.link, "news/one/more", 1, &err));
    link_destroy(w.link);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_restarted_broker_is_found_again_with_all_subscriptions),
        cmocka_unit_test(the_next_url_is_tried_and_the_preferred_one_after_a_loss),
        cmocka_unit_test(the_link_gives_up_when_nothing_ever_answered),
        cmocka_unit_test(a_denied_login_is_for_good),
        cmocka_unit_test(the_second_takeover_in_a_row_is_the_last),
        cmocka_unit_test(waits_are_jittered_and_grow),
        cmocka_unit_test(a_link_can_be_closed_at_any_time),
        cmocka_unit_test(reading_that_is_off_stays_off_over_connections),
        cmocka_unit_test(what_cannot_work_is_refused_when_it_is_opened),
        cmocka_unit_test(filters_are_bounded_and_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
