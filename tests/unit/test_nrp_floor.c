#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/nrp/floor.h"

/* A floor at iseq 100 with a window of 16. */
static struct nrp_floor *start(void)
{
    struct nrp_floor *f = nrp_floor_new(16, 100, NULL);
    assert_non_null(f);
    return f;
}

/* An item that resolves everything up to it. */
static bool come(struct nrp_floor *f, uint64_t dseq, uint64_t iseq)
{
    bool is_new = nrp_floor_item(f, dseq, iseq);
    nrp_floor_advance(f, dseq);
    return is_new;
}

static void it_follows_items_in_dseq_order(void **state)
{
    (void)state;
    struct nrp_floor *f = start();
    assert_true(come(f, 1, 103));
    assert_int_equal(nrp_floor_iseq(f), 104);
    assert_true(nrp_floor_item(f, 3, 110));
    assert_true(nrp_floor_item(f, 4, 120));
    assert_int_equal(nrp_floor_iseq(f), 104);
    assert_true(come(f, 2, 105));
    assert_int_equal(nrp_floor_iseq(f), 106);
    nrp_floor_advance(f, 4);
    assert_int_equal(nrp_floor_iseq(f), 121);
    nrp_floor_free(f);
}

static void an_item_is_new_once(void **state)
{
    (void)state;
    struct nrp_floor *f = start();
    assert_true(nrp_floor_item(f, 2, 105));
    assert_false(nrp_floor_item(f, 3, 105));
    assert_false(nrp_floor_item(f, 3, 99)); /* below the floor */
    assert_true(nrp_floor_item(f, 4, 100 + NRP_FLOOR_SPAN - 1));
    assert_false(nrp_floor_item(f, 5, 100 + NRP_FLOOR_SPAN - 1));
    assert_true(nrp_floor_item(f, 6, 100 + NRP_FLOOR_SPAN)); /* not remembered */
    assert_true(nrp_floor_item(f, 7, 100 + NRP_FLOOR_SPAN));
    assert_true(come(f, 1, 102)); /* what it passes is free for later ones */
    assert_true(nrp_floor_item(f, 8, 102 + NRP_FLOOR_SPAN));
    assert_false(nrp_floor_item(f, 8, 105));
    nrp_floor_free(f);
}

static void it_stands_at_a_loss_until_a_resync_has_passed_it(void **state)
{
    (void)state;
    struct nrp_floor *f = start();
    assert_true(come(f, 1, 100));
    nrp_floor_lost(f, 2, 3);
    assert_true(nrp_floor_item(f, 4, 103));
    nrp_floor_advance(f, 4);
    assert_int_equal(nrp_floor_iseq(f), 101);
    assert_true(nrp_floor_wants_resync(f));
    nrp_floor_asked(f, true);
    nrp_floor_asked(f, true);
    assert_false(nrp_floor_wants_resync(f));
    nrp_floor_answered(f, 101, 5);
    assert_true(come(f, 5, 101));
    assert_int_equal(nrp_floor_iseq(f), 101); /* the other filter's walk is to come */
    nrp_floor_answered(f, 101, 7);
    assert_true(come(f, 6, 102));
    assert_int_equal(nrp_floor_iseq(f), 101);
    assert_false(come(f, 7, 102));
    assert_int_equal(nrp_floor_iseq(f), 103);
    assert_false(nrp_floor_wants_resync(f));
    nrp_floor_free(f);
}

static void a_loss_while_a_resync_is_answered_wants_another(void **state)
{
    (void)state;
    struct nrp_floor *f = start();
    nrp_floor_lost(f, 1, 1);
    nrp_floor_asked(f, true);
    nrp_floor_lost(f, 6, 6); /* the answer says which walk it belongs to */
    nrp_floor_answered(f, 100, 4);
    assert_true(nrp_floor_wants_resync(f));
    nrp_floor_asked(f, true);
    nrp_floor_answered(f, 100, 9);
    assert_false(nrp_floor_wants_resync(f));
    nrp_floor_lost(f, 8, 8); /* comes again anyway */
    assert_false(nrp_floor_wants_resync(f));
    nrp_floor_lost(f, 9, 9);
    assert_true(nrp_floor_wants_resync(f));
    nrp_floor_forgive(f);
    assert_false(nrp_floor_wants_resync(f));
    nrp_floor_free(f);
}

static void asking_for_one_more_filter_heals_nothing(void **state)
{
    (void)state;
    struct nrp_floor *f = start();
    nrp_floor_lost(f, 1, 1);
    nrp_floor_asked(f, false);
    nrp_floor_answered(f, 100, 5);
    assert_true(nrp_floor_wants_resync(f));
    nrp_floor_free(f);
}

static void items_before_the_loss_still_count(void **state)
{
    (void)state;
    struct nrp_floor *f = start();
    assert_true(nrp_floor_item(f, 1, 100));
    nrp_floor_lost(f, 3, 3);
    assert_true(nrp_floor_item(f, 2, 101));
    assert_true(nrp_floor_item(f, 4, 103));
    nrp_floor_advance(f, 4);
    assert_int_equal(nrp_floor_iseq(f), 102);
    nrp_floor_free(f);
}

static void what_left_the_log_is_passed_when_all_before_it_is_resolved(void **state)
{
    (void)state;
    struct nrp_floor *f = start();
    nrp_floor_asked(f, false);
    nrp_floor_asked(f, false);
    nrp_floor_refused(f);
    nrp_floor_answered(f, 200, 3);
    assert_int_equal(nrp_floor_iseq(f), 100);
    assert_true(come(f, 1, 150)); /* under way before */
    assert_true(come(f, 2, 151));
    assert_int_equal(nrp_floor_iseq(f), 200);
    nrp_floor_free(f);
}

static void a_long_gap_costs_no_more_than_the_window(void **state)
{
    (void)state;
    struct nrp_floor *f = start();
    nrp_floor_advance(f, UINT64_MAX - 1);
    assert_true(nrp_floor_item(f, UINT64_MAX, 100));
    nrp_floor_advance(f, UINT64_MAX);
    assert_int_equal(nrp_floor_iseq(f), 101);
    nrp_floor_free(f);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_follows_items_in_dseq_order),
        cmocka_unit_test(an_item_is_new_once),
        cmocka_unit_test(it_stands_at_a_loss_until_a_resync_has_passed_it),
        cmocka_unit_test(a_loss_while_a_resync_is_answered_wants_another),
        cmocka_unit_test(asking_for_one_more_filter_heals_nothing),
        cmocka_unit_test(items_before_the_loss_still_count),
        cmocka_unit_test(what_left_the_log_is_passed_when_all_before_it_is_resolved),
        cmocka_unit_test(a_long_gap_costs_no_more_than_the_window),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
