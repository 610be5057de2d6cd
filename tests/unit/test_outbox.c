#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "publisher/outbox.h"

/* ------------------------------------------------------------------------------------ Helpers */

static struct outbox *made(size_t slots)
{
    struct news_error err = {0};
    struct outbox *box = outbox_new(slots, &err);
    if (!box) fail_msg("%s", err.message);
    return box;
}

static void add(struct outbox *box, const char *topic, const char *payload)
{
    struct news_error err = {0};
    assert_true(outbox_room(box));
    struct buf *b = outbox_payload(box);
    assert_int_equal(b->len, 0);
    buf_puts(b, payload);
    if (!outbox_add(box, topic, 0, &err)) fail_msg("%s", err.message);
}

/* Sends the next message, which must be that one; its token. */
static uint64_t send_next(struct outbox *box, const char *payload)
{
    struct outbox_message *m = outbox_next(box);
    assert_non_null(m);
    assert_string_equal(m->payload.data, payload);
    outbox_sent(box, m);
    return m->token;
}

static void acknowledge(struct outbox *box, uint64_t token)
{
    struct outbox_message *m = outbox_find(box, token);
    assert_non_null(m);
    outbox_done(box, m);
    assert_null(outbox_find(box, token));
}

/* --------------------------------------------------------------------------------------- Tests */

static void messages_leave_in_the_order_they_came(void **state)
{
    (void)state;
    struct outbox *box = made(4);
    assert_null(outbox_next(box));
    add(box, "t/1", "a");
    add(box, "t/2", "b");
    assert_int_equal(outbox_count(box), 2);
    struct outbox_message *m = outbox_next(box);
    assert_string_equal(m->topic, "t/1");
    assert_ptr_equal(outbox_next(box), m); /* until it is said to be sent */
    uint64_t first = send_next(box, "a");
    add(box, "t/3", "c");
    uint64_t second = send_next(box, "b");
    (void)send_next(box, "c");
    assert_null(outbox_next(box));
    assert_int_not_equal(first, second);
    assert_int_equal(outbox_count(box), 3); /* sent is not done */
    outbox_free(box);
}

static void the_ring_wraps_around_again_and_again(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 2, 3, 7};
    for (size_t s = 0; s < 4; s++) {
        struct outbox *box = made(sizes[s]);
        char payload[32];
        for (int i = 0; i < 100; i++) {
            (void)snprintf(payload, sizeof payload, "item %d", i);
            add(box, i % 3 ? "t/a" : "t/b", payload);
            assert_string_equal(outbox_next(box)->topic, i % 3 ? "t/a" : "t/b");
            acknowledge(box, send_next(box, payload));
            assert_int_equal(outbox_count(box), 0);
        }
        outbox_free(box);
    }
}

static void there_is_room_until_every_slot_is_in_use(void **state)
{
    (void)state;
    struct outbox *box = made(3);
    uint64_t tokens[3];
    add(box, "t", "a");
    add(box, "t", "b");
    add(box, "t", "c");
    assert_false(outbox_room(box));
    tokens[0] = send_next(box, "a");
    tokens[1] = send_next(box, "b");
    assert_false(outbox_room(box));
    acknowledge(box, tokens[1]); /* out of order: the oldest holds its slot */
    assert_false(outbox_room(box));
    assert_int_equal(outbox_count(box), 2);
    acknowledge(box, tokens[0]);
    assert_true(outbox_room(box));
    add(box, "t", "d");
    add(box, "t", "e");
    assert_false(outbox_room(box));
    (void)send_next(box, "c");
    (void)send_next(box, "d");
    (void)send_next(box, "e");
    outbox_free(box);
}

static void there_is_no_room_above_the_bytes(void **state)
{
    (void)state;
    struct outbox *box = made(100);
    const size_t one = OUTBOX_BYTES_MAX / 4;
    uint64_t tokens[4];
    for (int i = 0; i < 4; i++) {
        assert_true(outbox_room(box));
        struct buf *b = outbox_payload(box);
        char *at = buf_reserve(b, one);
        assert_non_null(at);
        memset(at, 'x', one);
        b->len += one;
        assert_true(outbox_add(box, "t", 0, NULL));
        struct outbox_message *m = outbox_next(box);
        tokens[i] = m->token;
        outbox_sent(box, m);
    }
    assert_false(outbox_room(box));
    acknowledge(box, tokens[2]);
    assert_true(outbox_room(box));
    outbox_free(box);
}

/* The header promises a bound: what slots keep for reuse counts, too. */
static void the_memory_kept_for_reuse_is_bounded(void **state)
{
    (void)state;
    enum { SLOTS = 64 };
    const size_t one = 4u << 20;
    struct outbox *box = made(SLOTS);
    size_t kept = 0;
    for (int i = 0; i < SLOTS; i++) {
        struct buf *b = outbox_payload(box);
        assert_non_null(buf_reserve(b, one));
        b->len = one;
        assert_true(outbox_add(box, "t", 0, NULL));
        struct outbox_message *m = outbox_next(box);
        outbox_sent(box, m);
        outbox_done(box, m);
    }
    assert_int_equal(outbox_count(box), 0);
    for (int i = 0; i < SLOTS; i++) { /* each slot's buffer once */
        kept += outbox_payload(box)->size;
        assert_true(outbox_add(box, "t", 0, NULL));
        struct outbox_message *m = outbox_next(box);
        outbox_sent(box, m);
        outbox_done(box, m);
    }
    outbox_free(box);
    if (kept > 2 * (size_t)OUTBOX_BYTES_MAX) fail_msg("%zu MiB are kept", kept >> 20);
}

static void acknowledgements_come_in_any_order(void **state)
{
    (void)state;
    static const int orders[][4] = {
        {0, 1, 2, 3}, {3, 2, 1, 0}, {1, 3, 0, 2}, {2, 0, 3, 1}, {3, 0, 1, 2}};
    static const char *const payloads[] = {"a", "b", "c", "d"};
    struct outbox *box = made(4);
    for (size_t o = 0; o < sizeof orders / sizeof *orders; o++) {
        uint64_t tokens[4];
        for (int i = 0; i < 4; i++)
            add(box, "t", payloads[i]);
        for (int i = 0; i < 4; i++)
            tokens[i] = send_next(box, payloads[i]);
        for (int i = 0; i < 4; i++) {
            struct outbox_message *m = outbox_find(box, tokens[orders[o][i]]);
            assert_non_null(m);
            assert_string_equal(m->payload.data, payloads[orders[o][i]]);
            outbox_done(box, m);
            assert_int_equal(outbox_count(box), 3 - i);
        }
        assert_true(outbox_room(box));
    }
    outbox_free(box);
}

static void unknown_and_finished_tokens_are_not_found(void **state)
{
    (void)state;
    struct outbox *box = made(2);
    assert_null(outbox_find(box, 0));
    assert_null(outbox_find(box, UINT64_MAX));
    add(box, "t", "a");
    add(box, "t", "b");
    uint64_t a = send_next(box, "a"), b = send_next(box, "b");
    assert_null(outbox_find(box, b + 1));
    acknowledge(box, b); /* done, while its slot is still held */
    assert_null(outbox_find(box, b));
    acknowledge(box, a);
    add(box, "t", "c"); /* in the slot of a */
    assert_null(outbox_find(box, a));
    assert_non_null(outbox_find(box, send_next(box, "c")));
    outbox_free(box);
}

static void a_lost_connection_sends_again_what_was_not_acknowledged(void **state)
{
    (void)state;
    struct outbox *box = made(5);
    static const char *const payloads[] = {"a", "b", "c", "d", "e"};
    uint64_t tokens[5];
    for (int i = 0; i < 5; i++)
        add(box, "t", payloads[i]);
    for (int i = 0; i < 4; i++)
        tokens[i] = send_next(box, payloads[i]);
    acknowledge(box, tokens[0]);
    acknowledge(box, tokens[2]);
    outbox_rewind(box);
    assert_int_equal(outbox_count(box), 3);
    assert_int_equal(send_next(box, "b"), tokens[1]); /* in order, under its own token */
    outbox_rewind(box);                               /* lost again at once */
    assert_int_equal(send_next(box, "b"), tokens[1]);
    acknowledge(box, tokens[1]);
    assert_int_equal(send_next(box, "d"), tokens[3]);
    uint64_t e = send_next(box, "e");
    assert_null(outbox_next(box));
    acknowledge(box, e);
    acknowledge(box, tokens[3]);
    assert_int_equal(outbox_count(box), 0);
    outbox_rewind(box);
    assert_null(outbox_next(box));
    outbox_free(box);
}

static void what_came_while_it_was_lost_follows(void **state)
{
    (void)state;
    struct outbox *box = made(3);
    add(box, "t", "a");
    (void)send_next(box, "a");
    outbox_rewind(box);
    add(box, "t", "b");
    (void)send_next(box, "a");
    (void)send_next(box, "b");
    outbox_free(box);
}

/* An acknowledgement of the old connection may still come after the rewind. */
static void a_late_acknowledgement_spares_the_second_sending(void **state)
{
    (void)state;
    struct outbox *box = made(3);
    add(box, "t", "a");
    add(box, "t", "b");
    uint64_t a = send_next(box, "a");
    outbox_rewind(box);
    acknowledge(box, a);
    uint64_t b = send_next(box, "b");
    assert_null(outbox_next(box));
    acknowledge(box, b);
    outbox_free(box);
}

static void nothing_is_added_when_the_payload_failed(void **state)
{
    (void)state;
    struct outbox *box = made(2);
    struct news_error err = {0};
    assert_null(buf_reserve(outbox_payload(box), SIZE_MAX));
    assert_false(outbox_add(box, "t", 0, &err));
    assert_int_equal(err.code, NEWS_ERR_MEMORY);
    assert_int_equal(outbox_count(box), 0);
    assert_null(outbox_next(box));
    add(box, "t", "a"); /* and the slot is as good as new */
    (void)send_next(box, "a");
    outbox_free(box);
    outbox_free(NULL);
}

/* A long random life, against a plain list. */
static void a_random_life_agrees_with_a_plain_list(void **state)
{
    (void)state;
    enum { SLOTS = 5, STEPS = 20000, WAITING = 1, SENT = 2, DONE = 3 };
    static char fate[STEPS];
    struct outbox *box = made(SLOTS);
    uint32_t seed = 12345;
    int added = 0, first = 0;
    for (int step = 0; step < STEPS; step++) {
        seed = seed * 1664525u + 1013904223u;
        unsigned what = seed >> 28;
        int open = 0, next = -1;
        while (first < added && fate[first] == DONE)
            first++;
        for (int i = first; i < added; i++) {
            open += fate[i] != DONE;
            if (next < 0 && fate[i] == WAITING) next = i;
        }
        assert_int_equal(outbox_count(box), open);
        assert_int_equal(outbox_room(box), added - first < SLOTS);
        struct outbox_message *m = outbox_next(box);
        assert_int_equal(m ? (int)m->token : -1, next);
        if (what < 6 && added - first < SLOTS) {
            char payload[16];
            (void)snprintf(payload, sizeof payload, "%d", added);
            add(box, "t", payload);
            fate[added++] = WAITING;
        } else if (what < 11 && next >= 0) {
            assert_int_equal(atoi(m->payload.data), next);
            outbox_sent(box, m);
            fate[next] = SENT;
        } else if (what < 15) {
            int i = first + (int)(seed >> 8) % SLOTS;
            if (i >= added || fate[i] != SENT) continue;
            acknowledge(box, (uint64_t)i);
            fate[i] = DONE;
        } else {
            outbox_rewind(box);
            for (int i = first; i < added; i++)
                if (fate[i] == SENT) fate[i] = WAITING;
        }
    }
    assert_true(added > 1000);
    outbox_free(box);
}

/* A broker's "not now": the message keeps its place before those that were never sent. */
static void what_may_be_taken_later_is_sent_again_in_its_place(void **state)
{
    (void)state;
    struct outbox *box = made(4);
    add(box, "t", "a");
    add(box, "t", "b");
    add(box, "t", "c");
    uint64_t a = send_next(box, "a");
    uint64_t b = send_next(box, "b");
    acknowledge(box, a);
    outbox_again(box, outbox_find(box, b));
    acknowledge(box, send_next(box, "b"));
    acknowledge(box, send_next(box, "c"));
    assert_int_equal(outbox_count(box), 0);
    outbox_free(box);
}

static void what_is_held_waits_for_its_release(void **state)
{
    (void)state;
    struct outbox *box = made(4);
    add(box, "t", "a");
    outbox_hold(box);
    add(box, "t", "b");
    outbox_hold(box); /* once more changes nothing */
    add(box, "t", "c");
    acknowledge(box, send_next(box, "a"));
    assert_null(outbox_next(box));
    outbox_rewind(box); /* nor does a lost connection */
    assert_null(outbox_next(box));
    outbox_release(box);
    acknowledge(box, send_next(box, "b"));
    acknowledge(box, send_next(box, "c"));
    assert_null(outbox_oldest(box));
    outbox_free(box);
}

static void what_is_held_can_be_taken_back(void **state)
{
    (void)state;
    struct outbox *box = made(3);
    add(box, "t", "a");
    outbox_hold(box);
    add(box, "t", "b");
    add(box, "t", "c");
    assert_false(outbox_room(box));
    outbox_take_back(box);
    assert_int_equal(outbox_count(box), 1);
    add(box, "t", "d"); /* not held: the hold went with what it held */
    acknowledge(box, send_next(box, "a"));
    acknowledge(box, send_next(box, "d"));
    assert_int_equal(outbox_count(box), 0);
    outbox_take_back(box); /* nothing is held */
    outbox_free(box);
}

static void a_dropped_box_is_empty_and_takes_new_messages(void **state)
{
    (void)state;
    struct outbox *box = made(2);
    add(box, "t", "a");
    uint64_t token = send_next(box, "a");
    outbox_hold(box);
    add(box, "t", "b");
    outbox_drop(box);
    assert_int_equal(outbox_count(box), 0);
    assert_null(outbox_find(box, token)); /* a late answer is to nobody */
    add(box, "t", "c");
    acknowledge(box, send_next(box, "c"));
    outbox_free(box);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_leave_in_the_order_they_came),
        cmocka_unit_test(the_ring_wraps_around_again_and_again),
        cmocka_unit_test(there_is_room_until_every_slot_is_in_use),
        cmocka_unit_test(there_is_no_room_above_the_bytes),
        cmocka_unit_test(the_memory_kept_for_reuse_is_bounded),
        cmocka_unit_test(acknowledgements_come_in_any_order),
        cmocka_unit_test(unknown_and_finished_tokens_are_not_found),
        cmocka_unit_test(a_lost_connection_sends_again_what_was_not_acknowledged),
        cmocka_unit_test(what_came_while_it_was_lost_follows),
        cmocka_unit_test(a_late_acknowledgement_spares_the_second_sending),
        cmocka_unit_test(nothing_is_added_when_the_payload_failed),
        cmocka_unit_test(what_may_be_taken_later_is_sent_again_in_its_place),
        cmocka_unit_test(what_is_held_waits_for_its_release),
        cmocka_unit_test(what_is_held_can_be_taken_back),
        cmocka_unit_test(a_dropped_box_is_empty_and_takes_new_messages),
        cmocka_unit_test(a_random_life_agrees_with_a_plain_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
