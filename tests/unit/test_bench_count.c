/* What newsnet counts: packets and their headers, those under way, how late they were. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bench/newsnet/count.h"
#include "bench/newsnet/lateness.h"
#include "bench/newsnet/under_way.h"

/* --- packets ----------------------------------------------------------------------------- */

struct sample {
    uint8_t bytes[1500];
    size_t len;
};

/* 10.77.0.1 to 10.77.0.2, with options words of IP options. */
static struct sample ip(uint8_t protocol, unsigned option_words, size_t rest)
{
    struct sample s = {.len = 20 + 4 * option_words + rest};
    s.bytes[0] = (uint8_t)(0x45 + option_words);
    s.bytes[2] = (uint8_t)(s.len >> 8);
    s.bytes[3] = (uint8_t)s.len;
    s.bytes[9] = protocol;
    memcpy(s.bytes + 12, "\x0a\x4d\x00\x01\x0a\x4d\x00\x02", 8);
    return s;
}

static struct sample tcp(unsigned flags, unsigned option_words, size_t payload)
{
    struct sample s = ip(6, 0, 20 + 4 * option_words + payload);
    s.bytes[20 + 12] = (uint8_t)((5 + option_words) << 4);
    s.bytes[20 + 13] = (uint8_t)flags;
    return s;
}

static void headers_are_told_from_data(void **state)
{
    enum { FIN = 1, SYN = 2, PSH = 8, ACK = 16 };
    const struct {
        struct sample packet;
        unsigned headers;
        bool pure_ack;
    } cases[] = {
        {ip(17, 0, 8 + 100), 28, false},   {ip(17, 3, 8 + 100), 40, false},
        {ip(17, 0, 7), 20, false},         /* cut */ {ip(1, 0, 64), 20, false},
        {tcp(ACK, 3, 0), 52, true},        {tcp(ACK | PSH, 3, 10), 52, false},
        {tcp(ACK | SYN, 5, 0), 60, false}, {tcp(ACK | FIN, 3, 0), 52, false},
        {tcp(ACK, 0, 1), 40, false},       {ip(6, 0, 19), 20, false},
        {ip(6, 0, 20), 20, false}, /* data offset 0 */
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct packet_head h;
        assert_true(packet_parse(cases[i].packet.bytes, cases[i].packet.len, &h));
        assert_int_equal(h.header_bytes, cases[i].headers);
        assert_int_equal(h.pure_ack, cases[i].pure_ack);
        assert_int_equal(h.to, 0x0a4d0002);
    }
}

static void a_later_fragment_has_no_header_but_ips(void **state)
{
    struct sample s = ip(17, 0, 500);
    struct packet_head h;
    (void)state;
    s.bytes[7] = 185; /* times 8 */
    assert_true(packet_parse(s.bytes, s.len, &h));
    assert_int_equal(h.header_bytes, 20);
    assert_int_equal(h.protocol, 17);
}

static void what_is_no_ipv4_packet_is_refused(void **state)
{
    struct sample six = ip(17, 0, 40), brief = ip(17, 0, 40), wide = ip(17, 0, 0);
    struct packet_head h;
    (void)state;
    six.bytes[0] = 0x60;
    wide.bytes[0] = 0x4f;
    assert_false(packet_parse(six.bytes, six.len, &h));
    assert_false(packet_parse(brief.bytes, brief.len - 1, &h));
    assert_false(packet_parse(wide.bytes, wide.len, &h));
    assert_false(packet_parse(brief.bytes, 19, &h));
    assert_false(packet_parse(brief.bytes, 0, &h));
}

static void counts_add_up(void **state)
{
    const struct sample samples[] = {tcp(16, 3, 0), tcp(24, 3, 100), ip(17, 0, 108), ip(1, 0, 64)};
    struct netlab_counts c = {0};
    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        struct packet_head h;
        assert_true(packet_parse(samples[i].bytes, samples[i].len, &h));
        count_passed(&c, &h, samples[i].len);
    }
    assert_int_equal(c.passed, 4);
    assert_int_equal(c.bytes, 52 + 152 + 128 + 84);
    assert_int_equal(c.header_bytes, 52 + 52 + 28 + 20);
    assert_int_equal(c.tcp_packets, 2);
    assert_int_equal(c.tcp_bytes, 52 + 152);
    assert_int_equal(c.tcp_acks, 1);
    assert_int_equal(c.udp_packets, 1);
    assert_int_equal(c.udp_bytes, 128);
}

/* --- under way --------------------------------------------------------------------------- */

static void put(struct under_way *u, int64_t due_ns, uint64_t number)
{
    struct packet *p = under_way_take(u);
    assert_non_null(p);
    p->due_ns = due_ns;
    p->number = number;
    under_way_put(u, p);
}

static void packets_come_out_as_they_are_due_and_else_in_order(void **state)
{
    struct under_way *u = under_way_new();
    int64_t last_due_ns = -1;
    uint64_t last_number = 0;
    unsigned seed = 1;
    (void)state;
    assert_non_null(u);
    for (uint64_t i = 1; i <= 3000; i++) { /* three in, one out, then the rest */
        seed = seed * 1103515245 + 12345;
        put(u, 1000000 + seed / 65536 % 100, i);
        if (i % 3 == 0) under_way_drop(u);
    }
    for (struct packet *p; (p = under_way_first(u)); under_way_drop(u)) {
        assert_true(p->due_ns > last_due_ns || p->number > last_number);
        assert_true(p->due_ns >= last_due_ns);
        last_due_ns = p->due_ns;
        last_number = p->number;
    }
    under_way_free(u);
}

static void a_full_network_takes_no_more_until_one_has_left(void **state)
{
    struct under_way *u = under_way_new();
    (void)state;
    assert_non_null(u);
    for (int round = 0; round < 2; round++) {
        for (uint64_t i = 0; i < UNDER_WAY_MAX; i++)
            put(u, (int64_t)(i * 7919 % 1000), i);
        assert_null(under_way_take(u));
        under_way_drop(u);
        assert_non_null(under_way_take(u));
        while (under_way_first(u))
            under_way_drop(u);
    }
    under_way_free(u);
}

/* --- lateness ---------------------------------------------------------------------------- */

static void lateness_is_right_within_a_thirty_second(void **state)
{
    static struct lateness l;
    static uint64_t before[LATENESS_BUCKETS];
    struct netlab_lateness sum;
    (void)state;
    for (int64_t i = 1; i <= 1000; i++)
        lateness_add(&l, i * 1000);
    lateness_sum_up(&l, before, &sum);
    assert_in_range(sum.p50, 500000, 500000 * 33 / 32);
    assert_in_range(sum.p99, 990000, 1000000);
    assert_int_equal(sum.most, 1000000);
}

static void lateness_can_be_counted_from_a_moment_on(void **state)
{
    static struct lateness l;
    static uint64_t before[LATENESS_BUCKETS];
    struct netlab_lateness sum;
    (void)state;
    lateness_add(&l, INT64_MAX);
    lateness_copy(&l, before);
    atomic_store(&l.most, 0);
    lateness_sum_up(&l, before, &sum);
    assert_true(sum.p50 == 0 && sum.p99 == 0 && sum.most == 0);
    lateness_add(&l, -5);
    lateness_add(&l, 7);
    lateness_sum_up(&l, before, &sum);
    assert_true(sum.p50 == 0 && sum.p99 == 7 && sum.most == 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_are_told_from_data),
        cmocka_unit_test(a_later_fragment_has_no_header_but_ips),
        cmocka_unit_test(what_is_no_ipv4_packet_is_refused),
        cmocka_unit_test(counts_add_up),
        cmocka_unit_test(packets_come_out_as_they_are_due_and_else_in_order),
        cmocka_unit_test(a_full_network_takes_no_more_until_one_has_left),
        cmocka_unit_test(lateness_is_right_within_a_thirty_second),
        cmocka_unit_test(lateness_can_be_counted_from_a_moment_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
