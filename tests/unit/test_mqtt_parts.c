/* The pure parts of the MQTT carrier: sizes and limits, the window, reason codes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "common/transport/mqtt_limits.h"
#include "common/transport/mqtt_reason.h"
#include "common/transport/mqtt_window.h"

/* MQTT 5.0 section 3.3 and 1.5.5: by hand for the lengths where one more byte is needed. */
static void packet_sizes_are_exact(void **state)
{
    static const struct {
        int version, qos;
        size_t topic_len, payload_len, size;
    } table[] = {
        {4, 0, 1, 0, 2 + 3},
        {4, 1, 1, 0, 2 + 5},
        {5, 0, 1, 0, 2 + 4},
        {5, 1, 1, 0, 2 + 6},
        {5, 1, 7, 1980, 3 + 12 + 1980},
        {4, 0, 3, 122, 2 + 127},
        {4, 0, 3, 123, 3 + 128},
        {4, 0, 3, 16378, 3 + 16383},
        {4, 0, 3, 16379, 4 + 16384},
        {4, 0, 3, 2097146, 4 + 2097151},
        {4, 0, 3, 2097147, 5 + 2097152},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct mqtt_limits l = mqtt_limits_default(table[i].version);
        assert_int_equal(
            mqtt_publish_size(&l, table[i].topic_len, table[i].qos, table[i].payload_len),
            table[i].size);
    }
}

/* The largest payload fits and one byte more does not, for every limit near the odd lengths. */
static void the_largest_payload_is_the_largest(void **state)
{
    static const size_t around[] = {10, 130, 2000, 16386, 16390, 2097155, 2097160};
    (void)state;
    for (size_t i = 0; i < sizeof around / sizeof *around; i++) {
        for (size_t delta = 0; delta < 12; delta++) {
            struct mqtt_limits l = mqtt_limits_default(5);
            l.packet_max = around[i] + delta;
            size_t most = mqtt_payload_max(&l, 5, 1);
            assert_true(mqtt_publish_size(&l, 5, 1, most + 1) > l.packet_max);
            if (most > 0) assert_true(mqtt_publish_size(&l, 5, 1, most) <= l.packet_max);
        }
    }
    struct mqtt_limits none = mqtt_limits_default(4);
    assert_int_equal(mqtt_payload_max(&none, 5, 0), 268435455 - 7);
}

static void what_a_broker_cannot_take_is_refused_with_the_limit(void **state)
{
    struct mqtt_limits l = mqtt_limits_default(5);
    struct news_error err;
    char bytes[64] = "";
    struct message m = {.topic = "news", .payload = bytes, .payload_len = 20, .qos = 1};
    (void)state;
    assert_true(mqtt_limits_admit(&l, &m, &err));
    l.packet_max = 30; /* 2 + 2 + 4 + 2 + 1 + 20 is 31 */
    assert_false(mqtt_limits_admit(&l, &m, &err));
    assert_int_equal(err.code, NEWS_ERR_TOO_LARGE);
    assert_non_null(strstr(err.message, "19"));
    assert_non_null(strstr(err.message, "30"));
    m.payload_len = SIZE_MAX;
    assert_false(mqtt_limits_admit(&l, &m, &err));
    assert_int_equal(err.code, NEWS_ERR_TOO_LARGE);
    m.payload_len = 1;
    l.packet_max = 5; /* not even the topic fits */
    assert_false(mqtt_limits_admit(&l, &m, &err));
    m.payload_len = 0;
    assert_false(mqtt_limits_admit(&l, &m, &err));

    l = mqtt_limits_default(5);
    l.qos_max = 0;
    assert_false(mqtt_limits_admit(&l, &m, &err));
    assert_int_equal(err.code, NEWS_ERR_UNSUPPORTED);
    m.qos = 0;
    assert_true(mqtt_limits_admit(&l, &m, &err));
    l.retain = false;
    m.retained = true;
    assert_false(mqtt_limits_admit(&l, &m, &err));
    assert_int_equal(err.code, NEWS_ERR_UNSUPPORTED);
    m.qos = 3;
    assert_false(mqtt_limits_admit(&l, &m, &err));
}

static void the_window_counts_and_answers_once(void **state)
{
    struct mqtt_window w;
    uint64_t token = 0;
    (void)state;
    assert_true(mqtt_window_init(&w, 2));
    assert_true(mqtt_window_has_room(&w, 10));
    assert_true(mqtt_window_put(&w, 1, 100, 10));
    assert_true(mqtt_window_put(&w, 2, 200, 10));
    assert_false(mqtt_window_has_room(&w, 10));
    assert_false(mqtt_window_take(&w, 3, &token));
    assert_false(mqtt_window_take(&w, 0, &token));
    assert_true(mqtt_window_take(&w, 2, &token));
    assert_int_equal(token, 200);
    assert_false(mqtt_window_take(&w, 2, &token));
    assert_true(mqtt_window_has_room(&w, 10));
    assert_false(mqtt_window_put(&w, 9, 300, 10)); /* not the next identifier */
    mqtt_window_skip(&w, 3);
    assert_true(mqtt_window_put(&w, 4, 400, 10));
    mqtt_window_deinit(&w);
}

/* Pitfall 7: identifiers come round after 65535, also over one that is still unanswered. */
static void a_busy_identifier_is_not_used_again(void **state)
{
    struct mqtt_window w;
    uint64_t token = 0;
    unsigned long passed = 0;
    (void)state;
    assert_true(mqtt_window_init(&w, 20000)); /* as many slots as identifiers */
    for (int id = 1; id <= 65535; id++) {
        assert_true(mqtt_window_has_room(&w, 1));
        assert_true(mqtt_window_put(&w, id, (uint64_t)id, 1));
        if (id != 3) assert_true(mqtt_window_take(&w, id, &token));
    }
    for (int id = 1; mqtt_window_has_room(&w, 1); id++, passed++) {
        assert_true(mqtt_window_put(&w, id, 0, 1));
        assert_true(mqtt_window_take(&w, id, &token));
    }
    assert_int_equal(passed, 2);
    assert_true(mqtt_window_take(&w, 3, &token));
    assert_int_equal(token, 3);
    assert_true(mqtt_window_has_room(&w, 1));
    mqtt_window_deinit(&w);
}

static void the_window_is_bounded_in_bytes_but_for_one_message(void **state)
{
    struct mqtt_window w;
    uint64_t token;
    (void)state;
    assert_true(mqtt_window_init(&w, 100));
    assert_true(mqtt_window_has_room(&w, 200u << 20));
    assert_true(mqtt_window_put(&w, 1, 1, 200u << 20));
    assert_false(mqtt_window_has_room(&w, 1));
    assert_true(mqtt_window_take(&w, 1, &token));
    assert_true(mqtt_window_has_room(&w, 1));
    mqtt_window_deinit(&w);
}

/* Pitfall 9: which refusals end it, and which are worth another attempt. */
static void reasons_tell_what_may_help(void **state)
{
    static const struct {
        enum mqtt_answer answer;
        int reason;
        enum news_errc code; /* NEWS_OK: no failure */
    } table[] = {
        {MQTT_CONNECTION, 0, NEWS_OK},
        {MQTT_CONNECTION, 1, NEWS_ERR_UNSUPPORTED},
        {MQTT_CONNECTION, 3, NEWS_ERR_UNREACHABLE},
        {MQTT_CONNECTION, 5, NEWS_ERR_DENIED},
        {MQTT_CONNECTION, 0x84, NEWS_ERR_UNSUPPORTED},
        {MQTT_CONNECTION, 0x85, NEWS_ERR_DENIED},
        {MQTT_CONNECTION, 0x86, NEWS_ERR_DENIED},
        {MQTT_CONNECTION, 0x87, NEWS_ERR_DENIED},
        {MQTT_CONNECTION, 0x88, NEWS_ERR_UNREACHABLE},
        {MQTT_CONNECTION, 0x89, NEWS_ERR_UNREACHABLE},
        {MQTT_CONNECTION, 0x8A, NEWS_ERR_DENIED},
        {MQTT_CONNECTION, 0x8C, NEWS_ERR_DENIED},
        {MQTT_CONNECTION, 0x8E, NEWS_ERR_TAKEN_OVER},
        {MQTT_CONNECTION, 0x97, NEWS_ERR_UNREACHABLE},
        {MQTT_CONNECTION, 0x9C, NEWS_ERR_UNREACHABLE},
        {MQTT_CONNECTION, 0x9D, NEWS_ERR_UNREACHABLE},
        {MQTT_CONNECTION, 0x9F, NEWS_ERR_UNREACHABLE},
        {MQTT_CONNECTION, 0xFE, NEWS_ERR_PROTOCOL},
        {MQTT_REQUEST, 0, NEWS_OK},
        {MQTT_REQUEST, 1, NEWS_OK}, /* SUBACK: granted QoS 1 */
        {MQTT_REQUEST, 16, NEWS_OK},
        {MQTT_REQUEST, 135, NEWS_ERR_DENIED},
        {MQTT_REQUEST, 144, NEWS_ERR_DATA},
        {MQTT_REQUEST, 149, NEWS_ERR_TOO_LARGE},
        {MQTT_REQUEST, 151, NEWS_ERR_PENDING},
        {MQTT_REQUEST, 153, NEWS_ERR_DATA},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct news_error err = {0};
        bool failure = mqtt_reason_is_failure(table[i].answer, table[i].reason);
        assert_int_equal(failure, table[i].code != NEWS_OK);
        if (!failure) continue;
        mqtt_reason_explain(table[i].answer, table[i].reason, "broker", &err);
        assert_int_equal(err.code, table[i].code);
        assert_memory_equal(err.message, "broker: ", 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packet_sizes_are_exact),
        cmocka_unit_test(the_largest_payload_is_the_largest),
        cmocka_unit_test(what_a_broker_cannot_take_is_refused_with_the_limit),
        cmocka_unit_test(the_window_counts_and_answers_once),
        cmocka_unit_test(a_busy_identifier_is_not_used_again),
        cmocka_unit_test(the_window_is_bounded_in_bytes_but_for_one_message),
        cmocka_unit_test(reasons_tell_what_may_help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
