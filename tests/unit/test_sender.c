#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "relay/pace.h"
#include "relay/sender.h"

#define MS     1000
#define SECOND 1000000
#define ROOM   (NRP_DATAGRAM_MAX - NRP_DATAGRAM_HEADER - NRP_DATAGRAM_TAG)

static const struct outbox_limits wide = {100000, 100000000, SLOW_DROP_OLDEST};

/* ------------------------------------------------------------------------------------ Helpers */

struct bench {
    struct sender *s;
    struct outbox box;
    struct sender_frame f;
};

static struct sender_config unpaced(unsigned window)
{
    struct sender_config c = sender_defaults;
    c.window = window;
    c.rate_cap = 0;
    c.heartbeat_min_us = 20 * MS; /* so that heartbeats do not come between what is looked at */
    return c;
}

static struct bench bench_made(struct sender_config c)
{
    struct bench b = {.s = sender_new(&c, 0, NULL)};
    assert_non_null(b.s);
    outbox_init(&b.box);
    return b;
}

static void bench_free(struct bench *b)
{
    outbox_deinit(&b->box);
    sender_free(b->s);
}

static void push(struct bench *b, const struct outbox_limits *l, size_t payload, uint64_t iseq)
{
    struct record *r = record_new("topic", 5, NULL, payload, 0);
    assert_non_null(r);
    for (size_t i = 0; i < payload; i++)
        r->bytes[6 + i] = (uint8_t)(i * 7 + iseq);
    r->iseq = iseq;
    unsigned frames = nrp_fragment_count(record_size(r), NRP_DATAGRAM_MAX);
    (void)outbox_push(&b->box, l, r, frames, NRP_FLAG_ACK);
    record_unref(r);
}

static void push_small(struct bench *b, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        push(b, &wide, 100, b->box.next_dseq);
}

static bool next(struct bench *b, int64_t now_us)
{
    bool any = sender_next(b->s, now_us, &b->box, ROOM, 77, &b->f);
    if (!any) assert_true(sender_deadline(b->s, &b->box) > now_us);
    return any;
}

static void expect_item(struct bench *b, int64_t now_us, uint64_t dseq, bool resent)
{
    assert_true(next(b, now_us));
    assert_int_equal(b->f.frame.type, NRP_ITEM);
    assert_int_equal(b->f.frame.item.dseq, dseq);
    assert_int_equal(b->f.frame.item.flags, NRP_FLAG_ACK | (resent ? NRP_FLAG_RESENT : 0));
}

static void expect_items(struct bench *b, int64_t now_us, uint64_t first, uint64_t last)
{
    for (uint64_t d = first; d <= last; d++)
        expect_item(b, now_us, d, false);
}

static void expect_gap(struct bench *b, int64_t now_us, uint64_t first, uint64_t last)
{
    assert_true(next(b, now_us));
    assert_int_equal(b->f.frame.type, NRP_GAP);
    assert_int_equal(b->f.frame.gap.first_dseq, first);
    assert_int_equal(b->f.frame.gap.last_dseq, last);
}

static void expect_heartbeat(struct bench *b, int64_t now_us, uint64_t last)
{
    assert_true(next(b, now_us));
    assert_int_equal(b->f.frame.type, NRP_HEARTBEAT);
    assert_int_equal(b->f.frame.heartbeat.last_dseq, last);
    assert_int_equal(b->f.frame.heartbeat.last_iseq, 77);
}

static void nak(struct bench *b, int64_t now_us, uint64_t first, uint16_t count)
{
    struct nrp_range r = {.first = first, .count = count};
    sender_on_nak(b->s, now_us, &r, 1);
}

/* ---------------------------------------------------------------------------- What is sent first
 */

static void an_idle_sender_says_nothing_and_has_no_deadline(void **state)
{
    (void)state;
    struct bench b = bench_made(sender_defaults);
    assert_false(next(&b, 0));
    assert_int_equal(sender_deadline(b.s, &b.box), INT64_MAX);
    assert_true(sender_is_quiet(b.s));
    bench_free(&b);
}

static void no_more_than_the_window_is_in_flight(void **state)
{
    (void)state;
    struct bench b = bench_made(unpaced(4));
    push_small(&b, 7);
    expect_items(&b, 0, 1, 4);
    assert_false(next(&b, 0));
    sender_on_ack(b.s, 1, 1);
    expect_items(&b, 1, 5, 5);
    assert_false(next(&b, 1));
    sender_on_ack(b.s, 2, 5);
    sender_on_ack(b.s, 2, 3); /* late */
    sender_on_ack(b.s, 2, 9); /* never sent */
    assert_int_equal(sender_acked(b.s), 5);
    expect_items(&b, 2, 6, 7);
    assert_false(sender_is_quiet(b.s));
    sender_on_ack(b.s, 3, 7);
    assert_true(sender_is_quiet(b.s));
    bench_free(&b);
}

static void fragments_together_are_the_item_and_the_topic_is_in_the_first(void **state)
{
    (void)state;
    size_t room = nrp_fragment_room(NRP_DATAGRAM_MAX);
    const size_t payloads[] = {0, 1, room - 6, room - 5, room - 4, 2 * room - 5, 64 * room - 5};
    for (size_t i = 0; i < sizeof payloads / sizeof *payloads; i++) {
        struct bench b = bench_made(unpaced(1024));
        push(&b, &wide, payloads[i], 3);
        unsigned count = nrp_fragment_count(payloads[i] + 5, NRP_DATAGRAM_MAX);
        size_t seen = 0;
        for (unsigned n = 0; n < count; n++) {
            expect_item(&b, 0, n + 1, false);
            const struct nrp_frame *f = &b.f.frame;
            assert_int_equal(f->item.iseq, 3);
            assert_int_equal(f->item.fragment, n);
            assert_int_equal(f->item.fragment_count, count);
            assert_int_equal(f->topic_len, n == 0 ? 5 : 0);
            assert_true(nrp_frame_size(f) <= ROOM);
            for (size_t at = 0; at < f->payload_len; at++)
                assert_int_equal(f->payload[at], (uint8_t)((seen + at) * 7 + 3));
            seen += f->payload_len;
        }
        assert_int_equal(seen, payloads[i]);
        assert_false(next(&b, 0));
        bench_free(&b);
    }
}

static void an_item_that_is_sent_in_part_is_not_dropped_any_more(void **state)
{
    (void)state;
    static const struct outbox_limits one = {1, 100000, SLOW_DROP_OLDEST};
    struct bench b = bench_made(unpaced(1024));
    push(&b, &one, 2000, 1); /* dseqs 1 and 2 */
    expect_items(&b, 0, 1, 1);
    push(&b, &one, 10, 2);
    push(&b, &one, 10, 3);
    assert_false(sender_is_quiet(b.s));
    expect_items(&b, 0, 2, 2);
    expect_gap(&b, 0, 3, 3);
    expect_items(&b, 0, 4, 4);
    bench_free(&b);
}

static void what_does_not_fit_into_the_datagram_is_kept_for_the_next(void **state)
{
    (void)state;
    struct bench b = bench_made(unpaced(1024));
    push_small(&b, 1);
    assert_false(sender_next(b.s, 5, &b.box, 100, 0, &b.f));
    assert_true(sender_deadline(b.s, &b.box) <= 5);
    expect_items(&b, 5, 1, 1);
    bench_free(&b);
}

/* ---------------------------------------------------------------------------------------- Gaps */

static void a_gap_goes_out_whole_however_wide_and_again_until_acknowledged(void **state)
{
    (void)state;
    struct bench b = bench_made(unpaced(4));
    push_small(&b, 1);
    assert_true(outbox_push_gap(&b.box, 5000, NRP_GAP_POLICY));
    push_small(&b, 1);
    expect_items(&b, 0, 1, 1);
    expect_gap(&b, 0, 2, 5001);
    assert_int_equal(b.f.frame.gap.reason, NRP_GAP_POLICY);
    assert_false(next(&b, 0)); /* the item behind it is outside the window */
    expect_heartbeat(&b, 20 * MS, 5001);
    sender_on_ack(b.s, 21 * MS, 1);
    assert_false(next(&b, 21 * MS));
    expect_heartbeat(&b, 60 * MS, 5001);
    expect_gap(&b, 60 * MS, 2, 5001); /* it is at the front and still not acknowledged */
    sender_on_ack(b.s, 70 * MS, 5001);
    expect_items(&b, 70 * MS, 5002, 5002);
    assert_int_equal(sender_counts(b.s)->gaps, 2);
    bench_free(&b);
}

static void a_nak_for_any_dseq_of_a_gap_brings_all_of_it_again(void **state)
{
    (void)state;
    struct bench b = bench_made(unpaced(64));
    push_small(&b, 2);
    assert_true(outbox_push_gap(&b.box, 3, NRP_GAP_TOO_BIG));
    push_small(&b, 1);
    expect_items(&b, 0, 1, 2);
    expect_gap(&b, 0, 3, 5);
    expect_items(&b, 0, 6, 6);
    nak(&b, MS, 4, 1);
    expect_gap(&b, MS, 3, 5);
    assert_false(next(&b, MS));
    nak(&b, 2 * MS, 2, 4);
    expect_item(&b, 2 * MS, 2, true);
    assert_false(next(&b, 2 * MS)); /* the gap was answered just now */
    sender_on_ack(b.s, 3 * MS, 3);  /* in the middle of it */
    nak(&b, 50 * MS, 3, 3);
    expect_gap(&b, 50 * MS, 4, 5);
    bench_free(&b);
}

static void gaps_that_follow_each_other_are_remembered_as_one(void **state)
{
    (void)state;
    struct bench b = bench_made(unpaced(64));
    assert_true(outbox_push_gap(&b.box, 2, NRP_GAP_POLICY));
    expect_gap(&b, 0, 1, 2);
    assert_true(outbox_push_gap(&b.box, 2, NRP_GAP_POLICY));
    expect_gap(&b, 0, 1, 4);
    nak(&b, MS, 1, 1);
    expect_gap(&b, MS, 1, 4);
    sender_on_ack(b.s, MS, 4);
    assert_true(sender_is_quiet(b.s));
    bench_free(&b);
}

/* --------------------------------------------------------------------------------------- Repair */

static void a_nak_is_answered_before_new_data_and_not_twice_within_the_linger(void **state)
{
    (void)state;
    struct bench b = bench_made(unpaced(64));
    push_small(&b, 5);
    expect_items(&b, 0, 1, 5);
    push_small(&b, 1);
    nak(&b, 1, 4, 2);
    nak(&b, 1, 2, 1);
    nak(&b, 1, 2, 1);
    expect_item(&b, 1, 2, true);
    expect_item(&b, 1, 4, true);
    expect_item(&b, 1, 5, true);
    expect_items(&b, 1, 6, 6);
    nak(&b, 10 * MS, 2, 1);
    assert_false(next(&b, 10 * MS)); /* 9.999 ms after */
    nak(&b, 10 * MS + 1, 2, 1);
    expect_item(&b, 10 * MS + 1, 2, true);
    assert_int_equal(sender_counts(b.s)->resent, 4);
    assert_int_equal(sender_counts(b.s)->frames, 6);
    bench_free(&b);
}

static void a_nak_brings_no_more_than_its_share(void **state)
{
    (void)state;
    struct bench b = bench_made(unpaced(1024));
    push_small(&b, 200);
    expect_items(&b, 0, 1, 200);
    nak(&b, MS, 1, 200);
    for (uint64_t d = 1; d <= 64; d++)
        expect_item(&b, MS, d, true);
    assert_false(next(&b, MS));
    bench_free(&b);
}

static void naks_for_what_is_acknowledged_or_was_never_sent_are_passed_over(void **state)
{
    (void)state;
    static const struct nrp_range bad[] = {{0, 3}, {1, 2},         {6, 1}, {UINT64_MAX, UINT16_MAX},
                                           {4, 0}, {7, UINT16_MAX}};
    struct bench b = bench_made(unpaced(64));
    push_small(&b, 6);
    expect_items(&b, 0, 1, 5);
    sender_on_ack(b.s, 1, 3);
    sender_on_nak(b.s, 1, bad, sizeof bad / sizeof *bad);
    expect_items(&b, 1, 6, 6);
    assert_false(next(&b, 1));
    nak(&b, 1, 1, UINT16_MAX); /* of all it names, these are there */
    for (uint64_t d = 4; d <= 6; d++)
        expect_item(&b, 1, d, true);
    assert_false(next(&b, 1));
    bench_free(&b);
}

static void an_acknowledged_frame_is_not_sent_again_though_it_was_asked_for(void **state)
{
    (void)state;
    struct bench b = bench_made(unpaced(64));
    push_small(&b, 40);
    expect_items(&b, 0, 1, 40);
    nak(&b, 1, 1, 3);
    nak(&b, 1, 30, 1);
    sender_on_ack(b.s, 2, 29);
    expect_item(&b, 2, 30, true);
    nak(&b, 2, 40, 1);
    sender_on_ack(b.s, 2, 40);
    assert_false(next(&b, 2));
    assert_true(sender_is_quiet(b.s));
    bench_free(&b);
}

/* ----------------------------------------------------------------------------------- Heartbeats */

static void heartbeats_double_after_the_last_data_and_end_ten_seconds_later(void **state)
{
    (void)state;
    struct bench b = bench_made(unpaced(64));
    push_small(&b, 2);
    expect_items(&b, 0, 1, 1);
    expect_items(&b, 15 * MS, 2, 2); /* begins anew */
    size_t small = sender_memory(b.s);
    static const int64_t waits[] = {20, 40, 80, 160, 320, 640, 1000, 1000};
    int64_t now = 15 * MS;
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
        assert_false(next(&b, now));
        assert_int_equal(sender_deadline(b.s, &b.box), now + waits[i] * MS);
        now += waits[i] * MS;
        expect_heartbeat(&b, now, 2);
    }
    for (; now < 30 * SECOND; now += SECOND) { /* not all is acknowledged */
        sender_heard(b.s, now);
        assert_true(sender_deadline(b.s, &b.box) <= now + SECOND);
        while (next(&b, now))
            ;
    }
    sender_on_ack(b.s, now, 2);
    now = sender_deadline(b.s, &b.box);
    assert_false(next(&b, now));
    assert_int_equal(sender_deadline(b.s, &b.box), INT64_MAX);
    assert_true(sender_memory(b.s) < small); /* the ring is given back */
    push_small(&b, 1);
    expect_items(&b, now, 3, 3);
    bench_free(&b);
}

static void heartbeats_end_ten_seconds_after_the_last_data_when_all_is_acknowledged(void **state)
{
    (void)state;
    struct bench b = bench_made(unpaced(64));
    push_small(&b, 1);
    expect_items(&b, 0, 1, 1);
    sender_on_ack(b.s, 1, 1);
    int64_t now = 0, last = 0;
    for (; now < INT64_MAX; now = sender_deadline(b.s, &b.box))
        while (next(&b, now))
            last = now;
    assert_true(last >= 9 * SECOND && last < 10 * SECOND);
    sender_heartbeat_now(b.s);
    assert_true(sender_deadline(b.s, &b.box) <= 20 * SECOND);
    expect_heartbeat(&b, 20 * SECOND, 1); /* once */
    assert_false(next(&b, 20 * SECOND));
    assert_int_equal(sender_deadline(b.s, &b.box), INT64_MAX);
    bench_free(&b);
}

static void report_loss(struct bench *b, int64_t now_us, unsigned lost)
{
    struct nrp_report r = {.received = 100, .lost_raw = lost};
    sender_on_report(b->s, now_us, &r);
}

static void expect_nothing_resent(struct bench *b, int64_t now_us)
{
    while (next(b, now_us))
        assert_false(b->f.frame.type == NRP_ITEM && b->f.frame.item.flags & NRP_FLAG_RESENT);
}

static void a_thin_streams_last_frame_is_repeated_where_the_path_loses(void **state)
{
    (void)state;
    struct bench b = bench_made(unpaced(16));
    push_small(&b, 1);
    expect_item(&b, 0, 1, false);
    expect_nothing_resent(&b, 20 * MS); /* no loss was told of */
    sender_on_ack(b.s, 30 * MS, 1);

    report_loss(&b, 30 * MS, 1);
    push_small(&b, 2);
    expect_item(&b, 100 * MS, 2, false);
    expect_item(&b, 100 * MS, 3, false);
    expect_heartbeat(&b, 120 * MS, 3);
    expect_item(&b, 120 * MS, 3, true);
    expect_heartbeat(&b, 160 * MS, 3);
    expect_item(&b, 160 * MS, 3, true);
    expect_nothing_resent(&b, 240 * MS); /* with the first two heartbeats alone */
    sender_on_ack(b.s, 250 * MS, 3);

    push_small(&b, 4); /* not thin */
    for (unsigned i = 4; i <= 7; i++)
        expect_item(&b, 300 * MS, i, false);
    expect_nothing_resent(&b, 320 * MS);
    sender_on_ack(b.s, 330 * MS, 7);

    push_small(&b, 1); /* the loss was long ago */
    expect_item(&b, 61 * SECOND, 8, false);
    expect_nothing_resent(&b, 61 * SECOND + 20 * MS);
    assert_int_equal(sender_counts(b.s)->repeated, 2);
    bench_free(&b);
}

static void nobody_heard_for_long_gets_heartbeats_only_until_he_speaks(void **state)
{
    (void)state;
    struct bench b = bench_made(unpaced(64));
    int64_t now = 25 * SECOND; /* it was idle: its silence until now says nothing */
    push_small(&b, 1);
    expect_items(&b, now, 1, 1);
    push_small(&b, 1);
    expect_items(&b, now + 5 * SECOND - 1, 2, 2);
    push_small(&b, 1);
    now += 5 * SECOND;
    unsigned heartbeats = 0;
    for (unsigned i = 0; i < 20; i++) {
        while (next(&b, now)) {
            assert_int_equal(b.f.frame.type, NRP_HEARTBEAT);
            heartbeats++;
        }
        now = sender_deadline(b.s, &b.box);
    }
    assert_true(heartbeats >= 19);
    sender_heard(b.s, now);
    expect_items(&b, now, 3, 3);
    bench_free(&b);
}

/* ----------------------------------------------------------------------------------------- Rate */

static void reports_move_the_rate_between_floor_and_cap(void **state)
{
    (void)state;
    static const struct {
        uint32_t received, lost;
        int64_t from, to;
    } cases[] = {
        {0, 0, 1000, 1000},          {100, 0, 900, 1800},
        {981, 19, 900, 1800},        {98, 2, 1000, 1000},
        {90, 10, 1000, 1000},        {899, 101, 1000, 500},
        {0, 10, 1000, 500},          {0, UINT32_MAX, 150, 100},
        {UINT32_MAX, 0, 1950, 2000}, {UINT32_MAX, UINT32_MAX, 1000, 500},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sender_config c = sender_defaults;
        c.rate_start = cases[i].from;
        c.rate_floor = 100;
        c.rate_cap = 2000;
        struct sender *s = sender_new(&c, 0, NULL);
        assert_int_equal(sender_rate(s), cases[i].from);
        struct nrp_report r = {.received = cases[i].received, .lost_raw = cases[i].lost};
        sender_on_report(s, 0, &r);
        assert_int_equal(sender_rate(s), cases[i].to);
        sender_free(s);
    }
}

static void a_rate_that_met_loss_grows_by_tenths(void **state)
{
    (void)state;
    struct bench b = bench_made(sender_defaults);
    report_loss(&b, 0, 0);
    assert_int_equal(sender_rate(b.s), 256 * 1024);
    report_loss(&b, 0, 5);
    assert_int_equal(sender_rate(b.s), 256 * 1024);
    report_loss(&b, 0, 0);
    assert_int_equal(sender_rate(b.s), 256 * 1024 + 256 * 1024 / 10);
    for (int i = 0; i < 9; i++)
        report_loss(&b, 0, 50);
    assert_int_equal(sender_rate(b.s), sender_defaults.rate_floor);
    bench_free(&b);
}

static void the_bucket_holds_fifty_milliseconds_within_one_and_sixteen_datagrams(void **state)
{
    (void)state;
    static const struct {
        int64_t rate, burst;
    } cases[] = {{1, 1000}, {20000, 1000}, {100000, 5000}, {320000, 16000}, {10000000, 16000}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pace p;
        pace_init(&p, cases[i].rate, 1, cases[i].rate, 1000, 0);
        int64_t bytes = 0;
        for (; pace_allows(&p, 5, 100); bytes += 100)
            pace_spend(&p, 100);
        assert_int_equal(bytes, cases[i].burst);
        int64_t ready = pace_ready(&p, 100);
        assert_true(ready > 5);
        assert_false(pace_allows(&p, ready - 1, 100));
        assert_true(pace_allows(&p, ready, 100));
        pace_spend(&p, (size_t)cases[i].burst * 2); /* not asked: a debt */
        assert_false(pace_allows(&p, ready + 1, 1));
    }
}

static void without_a_cap_nothing_waits(void **state)
{
    (void)state;
    struct bench b = bench_made(unpaced(1024));
    push_small(&b, 1024);
    expect_items(&b, 0, 1, 1024);
    assert_int_equal(sender_rate(b.s), 0);
    bench_free(&b);
}

static void resends_wait_for_the_bucket_too_and_heartbeats_do_not(void **state)
{
    (void)state;
    struct sender_config c = sender_defaults;
    c.rate_start = c.rate_floor = c.rate_cap = 2000;
    struct bench b = bench_made(c);
    push(&b, &wide, 1100, 1);
    push(&b, &wide, 1100, 2);
    expect_items(&b, 0, 1, 1);
    nak(&b, 0, 1, 1);
    assert_false(next(&b, 0));
    int64_t now = 20 * MS;
    for (; now < SECOND; now = sender_deadline(b.s, &b.box)) {
        assert_true(next(&b, now));
        if (b.f.frame.type != NRP_HEARTBEAT) break;
        while (next(&b, now))
            ;
    }
    assert_true(now > 500 * MS);
    assert_int_equal(b.f.frame.type, NRP_ITEM);
    assert_int_equal(b.f.frame.item.dseq, 1);
    bench_free(&b);
}

/* ------------------------------------------------------- Against a model of the other end, at
 * random */

#define STEPS 20000
#define DSEQS 100000

struct model {
    struct bench b;
    struct sender_config c;
    uint32_t random;
    int64_t now_us;
    bool resolved[DSEQS];
    uint64_t cum, hi, answers; /* answers: what NAKs allowed to be resent */
    int64_t window_us, window_bytes;
};

static bool chance(struct model *m, unsigned percent)
{
    m->random = m->random * 1664525u + 1013904223u;
    return (m->random >> 8) % 100 < percent;
}

static void model_take(struct model *m, const struct nrp_frame *f)
{
    if (f->type == NRP_ITEM) {
        assert_true(f->item.dseq <= sender_acked(m->b.s) + m->c.window);
        m->resolved[f->item.dseq] = true;
        if (f->item.dseq > m->hi) m->hi = f->item.dseq;
    } else if (f->type == NRP_GAP) {
        for (uint64_t d = f->gap.first_dseq; d <= f->gap.last_dseq; d++)
            m->resolved[d] = true;
        if (f->gap.last_dseq > m->hi) m->hi = f->gap.last_dseq;
    } else if (f->heartbeat.last_dseq > m->hi) {
        m->hi = f->heartbeat.last_dseq;
    }
    while (m->resolved[m->cum + 1])
        m->cum++;
}

/* The bytes of any second: what the bucket can give in it, and what it held before. */
static void model_count(struct model *m, const struct nrp_frame *f)
{
    if (m->now_us - m->window_us >= SECOND) {
        m->window_us = m->now_us;
        m->window_bytes = 0;
    }
    m->window_bytes += (int64_t)nrp_frame_size(f);
    if (f->type != NRP_HEARTBEAT)
        assert_true(m->window_bytes <= m->c.rate_cap + 16 * NRP_DATAGRAM_MAX);
}

static void model_answer(struct model *m, unsigned loss)
{
    if (!chance(m, loss)) sender_on_ack(m->b.s, m->now_us, m->cum);
    uint64_t d = m->cum + 1;
    if (d <= m->hi && !chance(m, loss)) {
        nak(&m->b, m->now_us, d, (uint16_t)(1 + (m->random >> 20) % 8));
        m->answers += m->c.resends_per_nak;
    }
    if (chance(m, 5)) {
        struct nrp_report r = {.received = 100, .lost_raw = chance(m, 30) ? 20 : 0};
        sender_on_report(m->b.s, m->now_us, &r);
    }
}

static void model_step(struct model *m, unsigned loss, bool pushing)
{
    static const struct outbox_limits small = {20, 30000, SLOW_DROP_OLDEST};
    if (pushing && chance(m, 40)) push(&m->b, &small, (m->random >> 8) % 5000, 1);
    if (pushing && chance(m, 1)) (void)outbox_push_gap(&m->b.box, 200, NRP_GAP_TOO_BIG);
    while (next(&m->b, m->now_us)) {
        model_count(m, &m->b.f.frame);
        if (!chance(m, loss)) model_take(m, &m->b.f.frame);
    }
    if (chance(m, 50)) model_answer(m, loss);
    int64_t due = sender_deadline(m->b.s, &m->b.box), pause = 1 + (m->random >> 8) % (20 * MS);
    m->now_us = due > m->now_us && due < m->now_us + pause ? due : m->now_us + pause;
}

static void every_dseq_is_resolved_in_the_end_whatever_is_lost(void **state)
{
    (void)state;
    static const unsigned losses[] = {0, 5, 30, 60};
    for (unsigned seed = 1; seed <= 12; seed++) {
        struct model *m = calloc(1, sizeof *m);
        assert_non_null(m);
        m->c = sender_defaults;
        m->c.window = seed % 2 ? 16 : 128;
        m->c.resends_per_nak = 4;
        m->b = bench_made(m->c);
        m->random = seed;
        unsigned loss = losses[seed % 4];
        for (unsigned i = 0; i < STEPS && m->b.box.next_dseq < DSEQS - 1000; i++)
            model_step(m, loss, i < 5000);
        assert_true(m->b.box.next_dseq > 1000);
        assert_int_equal(m->cum, m->b.box.next_dseq - 1);
        assert_true(sender_is_quiet(m->b.s));
        assert_true(sender_counts(m->b.s)->resent <= m->answers + sender_counts(m->b.s)->repeated);
        bench_free(&m->b);
        free(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_idle_sender_says_nothing_and_has_no_deadline),
        cmocka_unit_test(no_more_than_the_window_is_in_flight),
        cmocka_unit_test(fragments_together_are_the_item_and_the_topic_is_in_the_first),
        cmocka_unit_test(an_item_that_is_sent_in_part_is_not_dropped_any_more),
        cmocka_unit_test(what_does_not_fit_into_the_datagram_is_kept_for_the_next),
        cmocka_unit_test(a_gap_goes_out_whole_however_wide_and_again_until_acknowledged),
        cmocka_unit_test(a_nak_for_any_dseq_of_a_gap_brings_all_of_it_again),
        cmocka_unit_test(gaps_that_follow_each_other_are_remembered_as_one),
        cmocka_unit_test(a_nak_is_answered_before_new_data_and_not_twice_within_the_linger),
        cmocka_unit_test(a_nak_brings_no_more_than_its_share),
        cmocka_unit_test(naks_for_what_is_acknowledged_or_was_never_sent_are_passed_over),
        cmocka_unit_test(an_acknowledged_frame_is_not_sent_again_though_it_was_asked_for),
        cmocka_unit_test(heartbeats_double_after_the_last_data_and_end_ten_seconds_later),
        cmocka_unit_test(heartbeats_end_ten_seconds_after_the_last_data_when_all_is_acknowledged),
        cmocka_unit_test(a_thin_streams_last_frame_is_repeated_where_the_path_loses),
        cmocka_unit_test(nobody_heard_for_long_gets_heartbeats_only_until_he_speaks),
        cmocka_unit_test(reports_move_the_rate_between_floor_and_cap),
        cmocka_unit_test(a_rate_that_met_loss_grows_by_tenths),
        cmocka_unit_test(the_bucket_holds_fifty_milliseconds_within_one_and_sixteen_datagrams),
        cmocka_unit_test(without_a_cap_nothing_waits),
        cmocka_unit_test(resends_wait_for_the_bucket_too_and_heartbeats_do_not),
        cmocka_unit_test(every_dseq_is_resolved_in_the_end_whatever_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
