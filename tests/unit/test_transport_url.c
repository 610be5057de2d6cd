#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "common/transport/carrier.h"
#include "common/transport/transport.h"

static void urls_are_taken_apart(void **state)
{
    static const struct {
        const char *text, *scheme, *user, *host;
        int port;
    } table[] = {
        {"localhost", "mqtt", "", "localhost", 1883},
        {"localhost:1884", "mqtt", "", "localhost", 1884},
        {"10.0.0.7:1", "mqtt", "", "10.0.0.7", 1},
        {"[::1]", "mqtt", "", "::1", 1883},
        {"[::1]:65535", "mqtt", "", "::1", 65535},
        {"afp@broker.example", "mqtt", "afp", "broker.example", 1883},
        {"mqtt://broker.example", "mqtt", "", "broker.example", 1883},
        {"mqtt://broker.example/", "mqtt", "", "broker.example", 1883},
        {"MQTT://Broker.Example", "mqtt", "", "Broker.Example", 1883},
        {"mqtt://afp@[fe80::1%25eth0]:1884/", "mqtt", "afp", "fe80::1%eth0", 1884},
        {"mqtt://a%40b%3Ac@h", "mqtt", "a@b:c", "h", 1883},
        {"mqtt://a@b@h", "mqtt", "a@b", "h", 1883},
        {"mqtt://@h", "mqtt", "", "h", 1883},
        {"mqtt://caf%C3%A9@h", "mqtt", "caf\xc3\xa9", "h", 1883},
        {"mqtts://h", "mqtts", "", "h", 8883},
        {"nrp://h", "nrp", "", "h", 7788},
        {"nrp+udp://h:9", "nrp+udp", "", "h", 9},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct transport_url url;
        struct news_error err = {0};
        if (!transport_url_parse(table[i].text, &url, &err))
            fail_msg("%s: %s", table[i].text, err.message);
        assert_string_equal(url.scheme, table[i].scheme);
        assert_string_equal(url.user, table[i].user);
        assert_string_equal(url.host, table[i].host);
        assert_int_equal(url.port, table[i].port);
        assert_string_equal(url.path, "");
        assert_string_equal(url.text, table[i].text);
    }
}

static void a_path_takes_the_place_of_a_host(void **state)
{
    struct transport_url url;
    (void)state;
    assert_true(transport_url_parse("nrp+unix:///run/news%20wire.sock", &url, NULL));
    assert_string_equal(url.scheme, "nrp+unix");
    assert_string_equal(url.path, "/run/news wire.sock");
    assert_string_equal(url.host, "");
}

static void what_is_wrong_with_a_url_is_said(void **state)
{
    static const struct {
        const char *text, *said;
    } table[] = {
        {"", "no host"},
        {"mqtt://", "no host"},
        {"mqtt:///", "no host"},
        {":1883", "no host"},
        {"mqtt://afp:secret@h", "a URL with a password is refused"},
        {"afp:secret@h", "a URL with a password is refused"},
        {"afp:@h", "a URL with a password is refused"},
        {"http://h", "unknown scheme \"http\": known are mqtt"},
        {"://h", "unknown scheme \"\""},
        {"averyveryverylongscheme://h", "unknown scheme \"averyveryverylongscheme\""},
        {"h:", "1 to 65535"},
        {"h:0", "1 to 65535"},
        {"h:65536", "1 to 65535"},
        {"h:99999999999999999999", "1 to 65535"},
        {"h:18x", "1 to 65535"},
        {"h:-1", "1 to 65535"},
        {"::1", "no host"},
        {"fe80::1", "needs brackets"},
        {"[::1", "'[' without ']'"},
        {"[]", "not an IPv6 address"},
        {"[::g]", "not an IPv6 address"},
        {"[::1]x", "only a port may follow"},
        {"mqtt://h/path", "not a host name"},
        {"mqtt://h:1883/path", "1 to 65535"},
        {"mqtt://h?x=1", "not a host name"},
        {"h h", "not a host name"},
        {"mqtt://a%4@h", "without two hex digits"},
        {"mqtt://a%zz@h", "without two hex digits"},
        {"mqtt://a%00@h", "control character"},
        {"mqtt://a%0Ab@h", "control character"},
        {"h\x1b[2J", "control character"},
        {"nrp+unix://run/news.sock", "a path is needed"},
        {"nrp+unix://", "a path is needed"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct transport_url url = {.port = 7};
        struct news_error err = {0};
        if (transport_url_parse(table[i].text, &url, &err)) fail_msg("%s: taken", table[i].text);
        if (!strstr(err.message, table[i].said))
            fail_msg("%s: \"%s\" has no \"%s\"", table[i].text, err.message, table[i].said);
        assert_int_equal(err.code, NEWS_ERR_USAGE);
        assert_null(strstr(err.message, "secret"));
        assert_int_equal(url.port, 7); /* outputs are set on success only */
    }
}

static void every_part_is_bounded(void **state)
{
    struct transport_url url;
    char text[600];
    (void)state;
    for (size_t len = 1; len < 500; len++) {
        char part[501] = "";
        memset(part, 'a', len);
        snprintf(text, sizeof text, "mqtt://%s@h", part);
        assert_int_equal(transport_url_parse(text, &url, NULL), len < sizeof url.user);
        snprintf(text, sizeof text, "mqtt://%s", part);
        assert_int_equal(transport_url_parse(text, &url, NULL), len < sizeof url.host);
        snprintf(text, sizeof text, "nrp+unix:///%s", part);
        assert_int_equal(transport_url_parse(text, &url, NULL), len + 1 < sizeof url.path);
        snprintf(text, sizeof text, "%s://h", part);
        assert_false(transport_url_parse(text, &url, NULL));
    }
}

static void a_planned_scheme_is_known_but_not_there_yet(void **state)
{
    static const char *const planned[] = {"mqtts://h"};
    static const struct transport_events events;
    (void)state;
    for (size_t i = 0; i < sizeof planned / sizeof *planned; i++) {
        struct transport_url url;
        struct news_error err;
        assert_true(transport_url_parse(planned[i], &url, &err));
        assert_null(transport_open(&url, NULL, &events, &err));
        assert_int_equal(err.code, NEWS_ERR_UNSUPPORTED);
        assert_non_null(strstr(err.message, url.scheme));
    }
}

static void options_that_make_no_sense_are_refused_at_once(void **state)
{
    static const char big[65536];
    static const struct message big_will = {
        .topic = "t", .payload = big, .payload_len = sizeof big};
    static const struct message wild_will = {.topic = "t/#", .payload = "x", .payload_len = 1};
    static const struct transport_options table[] = {
        {.keep_session = true}, {.keepalive_s = 4},    {.keepalive_s = 65536}, {.window = 65536},
        {.mqtt_version = 3},    {.client_id = "\xff"}, {.will = &wild_will},   {.will = &big_will},
    };
    static const struct transport_events events;
    struct transport_url url;
    (void)state;
    assert_true(transport_url_parse("mqtt://127.0.0.1:1", &url, NULL));
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct news_error err = {0};
        assert_null(transport_open(&url, &table[i], &events, &err));
        assert_int_equal(err.code, NEWS_ERR_USAGE);
    }
}

static void made_up_ids_differ(void **state)
{
    char a[CARRIER_ID_SIZE], b[CARRIER_ID_SIZE];
    (void)state;
    carrier_make_id(a);
    carrier_make_id(b);
    assert_int_equal(strlen(a), strlen("newswire-") + 16);
    assert_memory_equal(a, "newswire-", strlen("newswire-"));
    assert_string_not_equal(a, b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls_are_taken_apart),
        cmocka_unit_test(a_path_takes_the_place_of_a_host),
        cmocka_unit_test(what_is_wrong_with_a_url_is_said),
        cmocka_unit_test(every_part_is_bounded),
        cmocka_unit_test(a_planned_scheme_is_known_but_not_there_yet),
        cmocka_unit_test(options_that_make_no_sense_are_refused_at_once),
        cmocka_unit_test(made_up_ids_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
