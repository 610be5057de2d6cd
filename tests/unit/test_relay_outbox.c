#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "relay/outbox.h"

/* ------------------------------------------------------------------------------------ Helpers */

static struct record *made(size_t size)
{
    struct record *r = record_new("t", 1, NULL, size - 1, 0);
    assert_non_null(r);
    return r;
}

static enum outbox_result push(struct outbox *box, const struct outbox_limits *l, size_t size,
                               unsigned frames)
{
    struct record *r = made(size);
    enum outbox_result result = outbox_push(box, l, r, frames, 0);
    record_unref(r);
    return result;
}

/* "1 2-4x 5": dseqs or runs of them, a gap with an x. */
static void check(const struct outbox *box, const char *expected)
{
    char text[256] = "";
    size_t len = 0;
    const struct outbox_entry *e;
    for (unsigned i = 0; (e = outbox_at(box, i)); i++) {
        unsigned long first = e->dseq, last = e->dseq + e->frames - 1;
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%lu", i ? " " : "", first);
        if (last > first) len += (size_t)snprintf(text + len, sizeof text - len, "-%lu", last);
        if (!e->record) len += (size_t)snprintf(text + len, sizeof text - len, "x");
    }
    assert_string_equal(text, expected);
}

static const struct outbox_limits three_oldest = {3, 1000, SLOW_DROP_OLDEST};
static const struct outbox_limits three_newest = {3, 1000, SLOW_DROP_NEWEST};

/* --------------------------------------------------------------------------------------- Tests */

static void records_leave_in_the_order_they_came_with_their_numbers(void **state)
{
    (void)state;
    static const struct outbox_limits wide = {100, 100000, SLOW_DROP_OLDEST};
    struct outbox box;
    outbox_init(&box);
    uint64_t next_in = 1, next_out = 1;
    for (unsigned turn = 0; turn < 50; turn++) { /* the ring grows while it wraps */
        for (unsigned i = 0; i < 1 + turn % 7; i++) {
            assert_int_equal(push(&box, &wide, 10, 1 + i % 3), OUTBOX_QUEUED);
            next_in += 1 + i % 3;
        }
        for (unsigned i = 0; i < 1 + turn % 5; i++) {
            assert_int_equal(outbox_at(&box, 0)->dseq, next_out);
            next_out += outbox_at(&box, 0)->frames;
            outbox_pop(&box, 1);
        }
        assert_int_equal(box.next_dseq, next_in);
        assert_int_equal(box.bytes, box.records * 10);
    }
    outbox_deinit(&box);
}

static void the_oldest_dropped_become_one_gap_at_the_head(void **state)
{
    (void)state;
    struct outbox box;
    outbox_init(&box);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(push(&box, &three_oldest, 10, 1), OUTBOX_QUEUED);
    check(&box, "1 2 3");
    assert_int_equal(push(&box, &three_oldest, 10, 2), OUTBOX_DROPPED);
    check(&box, "1x 2 3 4-5");
    assert_int_equal(push(&box, &three_oldest, 10, 1), OUTBOX_DROPPED);
    check(&box, "1-2x 3 4-5 6");
    assert_int_equal(push(&box, &three_oldest, 1000, 1), OUTBOX_DROPPED); /* needs all the bytes */
    check(&box, "1-6x 7");
    assert_int_equal(outbox_at(&box, 0)->reason, NRP_GAP_POLICY);
    assert_int_equal(box.dropped, 5);
    assert_int_equal(box.bytes, 1000);
    outbox_deinit(&box);
}

static void the_newest_dropped_become_a_gap_at_the_tail(void **state)
{
    (void)state;
    struct outbox box;
    outbox_init(&box);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(push(&box, &three_newest, 10, 1), OUTBOX_QUEUED);
    assert_int_equal(push(&box, &three_newest, 10, 2), OUTBOX_DROPPED);
    assert_int_equal(push(&box, &three_newest, 10, 1), OUTBOX_DROPPED);
    check(&box, "1 2 3 4-6x");
    outbox_pop(&box, 1);
    assert_int_equal(push(&box, &three_newest, 10, 1), OUTBOX_QUEUED);
    assert_int_equal(push(&box, &three_newest, 10, 1), OUTBOX_DROPPED);
    check(&box, "2 3 4-6x 7 8x");
    assert_int_equal(box.dropped, 3);
    outbox_deinit(&box);
}

static void gaps_that_meet_become_one_and_keep_the_reason_a_resync_may_heal(void **state)
{
    (void)state;
    struct outbox box;
    outbox_init(&box);
    push(&box, &three_oldest, 10, 1);
    assert_true(outbox_push_gap(&box, 2, NRP_GAP_TOO_BIG));
    push(&box, &three_oldest, 10, 1);
    push(&box, &three_oldest, 10, 1);
    check(&box, "1 2-3x 4 5");
    assert_int_equal(outbox_at(&box, 1)->reason, NRP_GAP_TOO_BIG);
    push(&box, &three_oldest, 10, 1); /* 1 goes, and meets the gap after it */
    check(&box, "1-3x 4 5 6");
    assert_int_equal(outbox_at(&box, 0)->reason, NRP_GAP_POLICY);
    assert_true(outbox_push_gap(&box, 1, NRP_GAP_TOO_BIG));
    assert_true(outbox_push_gap(&box, 1, NRP_GAP_RING));
    check(&box, "1-3x 4 5 6 7-8x");
    assert_int_equal(outbox_at(&box, 4)->reason, NRP_GAP_RING);
    assert_int_equal(box.dropped, 1);
    outbox_deinit(&box);
}

static void there_is_at_most_one_more_gap_than_records(void **state)
{
    (void)state;
    for (unsigned policy = SLOW_DROP_OLDEST; policy <= SLOW_DROP_NEWEST; policy++) {
        struct outbox_limits l = {5, 200, policy};
        struct outbox box;
        outbox_init(&box);
        uint32_t random = 7;
        for (unsigned i = 0; i < 20000; i++) {
            random = random * 1664525u + 1013904223u;
            uint64_t before = box.next_dseq;
            unsigned frames = 1 + (random >> 28) % 3;
            if (random >> 30 == 0) assert_true(outbox_push_gap(&box, frames, NRP_GAP_TOO_BIG));
            else (void)push(&box, &l, 10 + (random >> 8) % 90, frames);
            assert_int_equal(box.next_dseq, before + frames);
            if ((random >> 16) % 8 == 0) outbox_pop(&box, 1);
            uint64_t next = box.next_dseq; /* without holes up to it */
            for (unsigned e = box.count; e-- > 0;) {
                next -= outbox_at(&box, e)->frames;
                assert_int_equal(outbox_at(&box, e)->dseq, next);
            }
            assert_true(box.count <= 2 * box.records + 1);
            assert_true(box.records <= 5 && (box.bytes <= 200 || box.records == 1));
        }
        outbox_deinit(&box);
    }
}

static void a_full_box_of_the_other_policies_says_so_and_stays_as_it_is(void **state)
{
    (void)state;
    static const enum slow_policy policies[] = {SLOW_DISCONNECT, SLOW_BLOCK};
    for (size_t p = 0; p < 2; p++) {
        struct outbox_limits l = {10, 100, policies[p]};
        struct outbox box;
        outbox_init(&box);
        assert_int_equal(push(&box, &l, 60, 1), OUTBOX_QUEUED);
        assert_false(outbox_is_full(&box, &l, 40));
        assert_true(outbox_is_full(&box, &l, 41));
        assert_true(outbox_is_full(&box, &l, SIZE_MAX));
        assert_int_equal(push(&box, &l, 41, 1), OUTBOX_FULL);
        check(&box, "1");
        assert_int_equal(box.next_dseq, 2);
        assert_int_equal(push(&box, &l, 40, 1), OUTBOX_QUEUED);
        outbox_pop(&box, 2);
        assert_int_equal(push(&box, &l, 500, 1), OUTBOX_QUEUED); /* alone, whatever its size */
        outbox_deinit(&box);
    }
}

static void references_are_held_while_queued_and_no_longer(void **state)
{
    (void)state;
    struct outbox box;
    outbox_init(&box);
    struct record *r = made(10);
    for (unsigned i = 0; i < 5; i++)
        (void)outbox_push(&box, &three_oldest, r, 1, 0);
    assert_int_equal(r->count, 4);
    outbox_pop(&box, 2); /* the gap and one */
    assert_int_equal(r->count, 3);
    outbox_deinit(&box);
    assert_int_equal(r->count, 1);
    record_unref(r);
}

static void an_empty_box_keeps_no_large_ring_and_after_trim_none(void **state)
{
    (void)state;
    static const struct outbox_limits wide = {1000, 100000, SLOW_DROP_OLDEST};
    struct outbox box;
    outbox_init(&box);
    assert_null(box.ring);
    for (unsigned i = 0; i < OUTBOX_KEEP; i++)
        push(&box, &wide, 10, 1);
    outbox_trim(&box); /* it is not empty */
    outbox_pop(&box, OUTBOX_KEEP);
    assert_non_null(box.ring);
    outbox_trim(&box);
    assert_null(box.ring);
    for (unsigned i = 0; i <= OUTBOX_KEEP; i++)
        push(&box, &wide, 10, 1);
    outbox_pop(&box, OUTBOX_KEEP + 1);
    assert_null(box.ring);
    outbox_deinit(&box);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_leave_in_the_order_they_came_with_their_numbers),
        cmocka_unit_test(the_oldest_dropped_become_one_gap_at_the_head),
        cmocka_unit_test(the_newest_dropped_become_a_gap_at_the_tail),
        cmocka_unit_test(gaps_that_meet_become_one_and_keep_the_reason_a_resync_may_heal),
        cmocka_unit_test(there_is_at_most_one_more_gap_than_records),
        cmocka_unit_test(a_full_box_of_the_other_policies_says_so_and_stays_as_it_is),
        cmocka_unit_test(references_are_held_while_queued_and_no_longer),
        cmocka_unit_test(an_empty_box_keeps_no_large_ring_and_after_trim_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
