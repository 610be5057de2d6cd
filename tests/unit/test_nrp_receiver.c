#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/buf.h"
#include "common/nrp/receiver.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define MS           INT64_C(1000)

/* ------------------------------------------------------------------------------------ Helpers */

struct rig {
    struct nrp_receiver *r;
    int64_t now_us;
    struct buf said;                /* " 5" item, " -6" and " -7..9" lost */
    int hold_in_item, hold_in_lost; /* what a callback does: 1 holds, -1 releases */
    const uint8_t *given;           /* payload of the frame that went in last */
    bool went_through;              /* the payload handed over was that one */
};

static size_t body_of(uint64_t start, unsigned fragment, char out[64])
{
    return (size_t)snprintf(out, 64, "<%llu.%u>", (unsigned long long)start, fragment);
}

/* The payload is that of its fragments in order, and nothing else. */
static void assert_body(const struct nrp_delivery *d)
{
    char topic[32], part[64];
    size_t at = 0;
    (void)snprintf(topic, sizeof topic, "t/%llu", (unsigned long long)d->dseq);
    assert_int_equal(d->topic_len, strlen(topic));
    assert_memory_equal(d->topic, topic, d->topic_len);
    for (unsigned k = 0; at < d->payload_len; k++) {
        size_t len = body_of(d->dseq, k, part);
        assert_true(at + len <= d->payload_len);
        assert_memory_equal(d->payload + at, part, len);
        at += len;
    }
    assert_int_equal(d->iseq, d->dseq * 10);
}

static void act(struct rig *g, int what)
{
    if (what) nrp_receiver_hold(g->r, g->now_us, what > 0);
}

static void on_item(void *user, const struct nrp_delivery *d)
{
    struct rig *g = user;
    assert_body(d);
    g->went_through = d->payload == g->given;
    buf_printf(&g->said, " %llu", (unsigned long long)d->dseq);
    act(g, g->hold_in_item);
}

static void on_lost(void *user, uint64_t first, uint64_t last)
{
    struct rig *g = user;
    assert_true(first <= last);
    buf_printf(&g->said, " -%llu", (unsigned long long)first);
    if (last > first) buf_printf(&g->said, "..%llu", (unsigned long long)last);
    act(g, g->hold_in_lost);
}

static void rig_up(struct rig *g, const struct nrp_receiver_config *c)
{
    struct news_error err = {0};
    struct nrp_receiver_config config = *c;
    struct nrp_receiver_events events = {.user = g, .on_item = on_item, .on_lost = on_lost};
    *g = (struct rig){.now_us = 1000 * MS};
    if (config.window == 0) config.window = 8;
    if (config.item_max == 0) config.item_max = 100000;
    g->r = nrp_receiver_new(&config, &events, &err);
    if (!g->r) fail_msg("%s", err.message);
}

static void rig_down(struct rig *g)
{
    nrp_receiver_free(g->r);
    buf_deinit(&g->said);
}

struct part {
    uint64_t dseq;
    unsigned fragment, count, flags;
    uint64_t iseq; /* 0: as its item has it */
};

static void give_frame(struct rig *g, struct nrp_frame *f)
{
    f->type = NRP_ITEM;
    nrp_receiver_item(g->r, g->now_us, f);
}

static void give(struct rig *g, struct part p)
{
    char topic[32], body[64];
    uint64_t start = p.dseq - p.fragment;
    int topic_len = snprintf(topic, sizeof topic, "t/%llu", (unsigned long long)start);
    struct nrp_frame f = {.payload = (uint8_t *)body};
    f.payload_len = body_of(start, p.fragment, body);
    if (p.fragment == 0) {
        f.topic = (uint8_t *)topic;
        f.topic_len = (uint16_t)topic_len;
    }
    f.item.dseq = p.dseq;
    f.item.iseq = p.iseq ? p.iseq : start * 10;
    f.item.fragment = (uint8_t)p.fragment;
    f.item.fragment_count = (uint8_t)p.count;
    f.item.flags = (uint8_t)p.flags;
    g->given = f.payload;
    give_frame(g, &f);
    memset(body, '!', sizeof body); /* nothing may point here afterwards */
}

static bool gap(struct rig *g, uint64_t first, uint64_t last)
{
    struct nrp_gap lost = {.first_dseq = first, .last_dseq = last, .reason = NRP_GAP_POLICY};
    return nrp_receiver_gap(g->r, g->now_us, &lost);
}

/* "5" a frame, "5:1/3" its fragment 1 of 3, "5r" one sent again, "h9" a heartbeat, "g3-7" a gap,
 * "+20" milliseconds go by, "H" and "R" hold and release. */
static void step(struct rig *g, const char *word)
{
    unsigned long long a = 0, b = 0;
    unsigned k = 0, n = 1;
    if (*word == 'H' || *word == 'R') {
        nrp_receiver_hold(g->r, g->now_us, *word == 'H');
    } else if (sscanf(word, "h%llu", &a) == 1) {
        nrp_receiver_heartbeat(g->r, g->now_us, a);
    } else if (sscanf(word, "g%llu-%llu", &a, &b) == 2) {
        if (!gap(g, a, b)) buf_puts(&g->said, " refused");
    } else if (*word == '+' && sscanf(word, "+%llu", &a) == 1) {
        g->now_us += (int64_t)a * MS;
        nrp_receiver_tick(g->r, g->now_us);
    } else if (sscanf(word, "%llu:%u/%u", &a, &k, &n) >= 1) {
        give(g, (struct part){a, k, n, strchr(word, 'r') ? NRP_FLAG_RESENT : 0, 0});
    } else {
        fail_msg("what is %s?", word);
    }
}

static void play(struct rig *g, const char *script)
{
    char words[512], *rest = NULL;
    (void)snprintf(words, sizeof words, "%s", script);
    for (char *w = strtok_r(words, " ", &rest); w; w = strtok_r(NULL, " ", &rest))
        step(g, w);
}

static void assert_said(struct rig *g, const char *script, const char *expected)
{
    buf_puts(&g->said, "");
    const char *said = g->said.len ? g->said.data + 1 : "";
    if (strcmp(said, expected) != 0) fail_msg("%s: said \"%s\"", script, said);
    buf_clear(&g->said);
}

struct story {
    const char *script, *expected;
    uint64_t cum;
};

static void play_stories(const struct nrp_receiver_config *c, const struct story *s, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct rig g;
        rig_up(&g, c);
        play(&g, s[i].script);
        assert_said(&g, s[i].script, s[i].expected);
        if (nrp_receiver_cum(g.r) != s[i].cum)
            fail_msg("%s: cum %llu", s[i].script, (unsigned long long)nrp_receiver_cum(g.r));
        rig_down(&g);
    }
}

/* What is asked for now: "3 5+2" is 3, and two from 5. */
static void assert_naks(struct rig *g, int64_t srtt_us, const char *expected)
{
    struct nrp_range ranges[NRP_NAK_RANGES];
    char text[256] = "";
    size_t n = nrp_receiver_naks(g->r, g->now_us, srtt_us, ranges), at = 0;
    for (size_t i = 0; i < n; i++) {
        at += (size_t)snprintf(text + at, sizeof text - at, i ? " %llu" : "%llu",
                               (unsigned long long)ranges[i].first);
        if (ranges[i].count > 1)
            at += (size_t)snprintf(text + at, sizeof text - at, "+%u", ranges[i].count);
    }
    assert_string_equal(text, expected);
    nrp_receiver_tick(g->r, g->now_us);
    assert_true(nrp_receiver_deadline(g->r) > g->now_us);
}

/* ------------------------------------------------------------------------------ Handing over */

static void items_are_handed_over_as_soon_as_they_are_whole(void **state)
{
    (void)state;
    static const struct story stories[] = {
        {"1 2 3", "1 2 3", 3},
        {"3 1 2", "3 1 2", 3},
        {"1 1 2 1", "1 2", 2},
        {"2 2", "2", 0},
        {"9 8", "8", 0}, /* 9 is beyond the window of 8 */
        {"1:0/3 2:1/3 3:2/3", "1", 3},
        {"3:2/3 4 1:0/3 2:1/3", "4 1", 4},
        {"2:0/2 3:1/2", "2", 0},
        {"1:0/2 3:0/2 4:1/2 2:1/2 2:1/2", "3 1", 4},
        {"1:0/8 2:1/8 3:2/8 4:3/8 5:4/8 6:5/8 7:6/8 8:7/8 9", "1 9", 9},
        {"1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17", "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17",
         17},
        {"1 2 3:0/3 5:2/3 4:1/3 1 2 3:0/3", "1 2 3", 5},
    };
    play_stories(&(struct nrp_receiver_config){.repair = true}, stories, COUNT(stories));
}

static void ordered_items_wait_for_those_before_them(void **state)
{
    (void)state;
    static const struct story stories[] = {
        {"1 2 3", "1 2 3", 3},           {"3 2 1", "1 2 3", 3},
        {"4 2:0/2 3:1/2 1", "1 2 4", 4}, {"2 4 g1-1 +0 g3-3", "-1 2 -3 4", 4},
        {"3 +2999 2 +1", "-1 2 3", 3},   {"H 1 2 3 R", "1 2 3", 3},
        {"H 2 3 R 1", "1 2 3", 3},       {"8 7 6 5 4 3 2 1", "1 2 3 4 5 6 7 8", 8},
    };
    struct nrp_receiver_config c = {.repair = true, .ordered = true};
    play_stories(&c, stories, COUNT(stories));
}

static void while_held_nothing_is_handed_over(void **state)
{
    (void)state;
    static const struct story stories[] = {
        {"H 1 2 3", "", 0},
        {"H 3 1 2 R", "1 2 3", 3},
        {"1 H 4 2:0/2 3:1/2 R 5", "1 2 4 5", 5},
        {"H 1 2 3 4 5 6 7 8 9", "", 0}, /* the window is full */
        {"H 2 R 1", "2 1", 2},
        {"H 1 g2-2 3 R", "-2 1 3", 3},
        {"H 1 R H 2 R", "1 2", 2},
    };
    play_stories(&(struct nrp_receiver_config){.repair = true}, stories, COUNT(stories));
}

static void a_single_frame_is_handed_over_without_a_copy(void **state)
{
    (void)state;
    struct rig g;
    rig_up(&g, &(struct nrp_receiver_config){.repair = true});
    play(&g, "1");
    assert_true(g.went_through);
    play(&g, "H 2 R");
    assert_false(g.went_through);
    rig_down(&g);
    rig_up(&g, &(struct nrp_receiver_config){.repair = true, .ordered = true});
    play(&g, "1");
    assert_true(g.went_through);
    play(&g, "3 2");
    assert_false(g.went_through);
    rig_down(&g);
}

static void a_callback_may_hold_and_release(void **state)
{
    (void)state;
    for (int ordered = 0; ordered < 2; ordered++) {
        struct rig g;
        rig_up(&g, &(struct nrp_receiver_config){.repair = true, .ordered = ordered});
        g.hold_in_item = 1;
        play(&g, "H 1 2 3 R"); /* one at a time */
        assert_said(&g, "first", "1");
        play(&g, "R");
        assert_said(&g, "second", "2");
        g.hold_in_item = 0;
        g.hold_in_lost = -1;
        play(&g, "g4-4");
        assert_said(&g, "a loss lets go", "-4 3");
        assert_int_equal(nrp_receiver_cum(g.r), 4);
        rig_down(&g);
    }
}

static void flags_are_those_of_the_item_not_of_its_sending(void **state)
{
    (void)state;
    struct rig g;
    rig_up(&g, &(struct nrp_receiver_config){.repair = true});
    give(&g, (struct part){1, 0, 2, NRP_FLAG_ACK, 0});
    give(&g, (struct part){2, 1, 2, NRP_FLAG_ACK | NRP_FLAG_RESENT, 0});
    assert_said(&g, "one part was sent again", "1");
    rig_down(&g);
}

/* ------------------------------------------------------------------------------ What is lost */

static void each_dseq_is_lost_once_and_never_after_it_was_handed_over(void **state)
{
    (void)state;
    static const struct story stories[] = {
        {"1 3 +3000 2", "1 3 -2", 3},  {"1 5 +3000", "1 5 -2..4", 5},
        {"h3 +3000", "-1..3", 3}, /* the tail */
        {"1 h1 +3000", "1", 1},        {"g1-3 1 2 3 4", "-1..3 4", 4},
        {"2 g1-3 g1-3", "2 -1 -3", 3}, {"h4 g2-3 +3000", "-2..3 -1 -4", 4},
        {"H 2 g1-3 R", "-1 -3 2", 3},
    };
    play_stories(&(struct nrp_receiver_config){.repair = true}, stories, COUNT(stories));
}

static void a_lost_fragment_loses_exactly_its_item(void **state)
{
    (void)state;
    static const struct story stories[] = {
        {"1 2:0/3 4:2/3 5 +3000 3:1/3", "1 5 -2..4", 5},
        {"1 2:0/3 4:2/3 g3-3 5", "1 -2..4 5", 5},
        {"1:0/3 g1-1 2:1/3 3:2/3", "1", 3},      /* what is here stays */
        {"g1-1 2:1/3 3:2/3 4", "-1 -2..3 4", 4}, /* its beginning was lost before */
        {"1 3:1/3 +3000 4:2/3 5", "1 -2..4 5", 5},
        {"h3 +1000 4:0/2 +2000 5:1/2", "-1..3 4", 5},
        {"1 h4 +1 5:3/4 +2999 6", "1 -2..5 6", 6},
        {"2 g1-1 4:0/2 g6-6 7:1/3 6:0/3 5:1/2 8:2/3", "2 -1 -6 -7..8 4", 2},
        {"1:0/2 3:0/2 5:0/2 6:1/2 +3000", "5 -1..4", 6},
        {"1:0/2 3:0/2 5:0/2 g2-2 6:1/2 4:1/2", "-1..2 5 3", 6},
        /* Beyond the window: the rest follows as it enters. */
        {"6:0/4 g7-7 1 2 3 4 5 9:3/4 10", "-6..8 1 -9 2 3 4 5 10", 10},
        {"1 2 3 4 5 6 7:0/3 9:2/3 g8-8", "1 2 3 4 5 6 -7..9", 9},
        /* An item of more fragments than the window has slots can never be whole. */
        {"1:0/9 2:1/9 10", "-1..9 10", 10},
        {"3:0/9 1 2 12", "-3..8 1 -9 2 -10..11 12", 12},
    };
    play_stories(&(struct nrp_receiver_config){.repair = true}, stories, COUNT(stories));
}

static void a_gap_may_reach_far_beyond_the_window(void **state)
{
    (void)state;
    static const struct story stories[] = {
        {"1 g2-1000 1001 1002", "1 -2..1000 1001 1002", 1002},
        {"1 2 g9-5000 3 4 5 6 7 8 5001", "1 2 -9..5000 3 4 5 6 7 8 5001", 5001},
        {"1 g4-100 3 2 101", "1 -4..100 3 2 101", 101},
        {"4 g2-100 +3000 101", "4 -2..3 -5..100 -1 101", 101},
        {"g1-4294967296 4294967297", "-1..4294967296 4294967297", UINT64_C(4294967297)},
        {"1 g2-1000 g2-1000 900 1001", "1 -2..1000 1001", 1001},
        /* Runs that touch or overlap are one. */
        {"g8-20 g21-30 g15-40 g1-8 41", "-8..20 -21..30 -31..40 -1..7 41", 41},
        {"g8-20 g28-40 g18-30 g1-7 41", "-8..20 -28..40 -21..27 -1..7 41", 41},
        {"g8-20 g28-40 g10-50 g1-7 51", "-8..20 -28..40 -21..27 -41..50 -1..7 51", 51},
        {"g8-20 g24-30 g1-7 21 22 23 31", "-8..20 -24..30 -1..7 21 22 23 31", 31},
        {"g8-20 g24-30 g1-7 21 22 31 +3000 32", "-8..20 -24..30 -1..7 21 22 -23 32", 30},
        {"g8-12 g14-30 g1-7 13 31", "-8..12 -14..30 -1..7 13 31", 31},
        /* An item whose end lies in a run. */
        {"8:0/3 g9-20 1 2 3 4 5 6 7 21", "-9..20 1 -8 2 3 4 5 6 7 21", 21},
        /* And one whose beginning does. */
        {"1 g2-20 21:1/2 22", "1 -2..20 -21 22", 22},
    };
    play_stories(&(struct nrp_receiver_config){.repair = true}, stories, COUNT(stories));
}

static void a_gap_that_cannot_be_meant_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    static const uint64_t gaps[][2] = {
        {0, 3},          {4, 3},
        {UINT64_MAX, 0}, {UINT64_MAX, UINT64_MAX},
        {2, UINT64_MAX}, {2, 2 + (UINT64_C(1) << 32)},
        {10, 10}, /* hi is 1, the window 8 */
    };
    struct rig g;
    rig_up(&g, &(struct nrp_receiver_config){.repair = true});
    play(&g, "1");
    for (size_t i = 0; i < COUNT(gaps); i++)
        if (gap(&g, gaps[i][0], gaps[i][1])) fail_msg("gap %zu was taken", i);
    assert_int_equal(nrp_receiver_highest(g.r), 1);
    assert_int_equal(nrp_receiver_counts(g.r)->lost, 0);
    assert_true(gap(&g, 9, 9));
    rig_down(&g);
}

static void more_runs_than_are_remembered_are_refused(void **state)
{
    (void)state;
    struct rig g;
    rig_up(&g, &(struct nrp_receiver_config){.repair = true});
    assert_true(gap(&g, 8, 9));
    for (uint64_t d = 11; d < 25; d += 2)
        assert_true(gap(&g, d, d));
    assert_false(gap(&g, 25, 25));
    assert_false(gap(&g, 1, 1) && gap(&g, 25, 25));
    assert_true(gap(&g, 10, 10)); /* joins two */
    assert_true(gap(&g, 25, 25));
    assert_int_equal(nrp_receiver_counts(g.r)->lost, 12);
    rig_down(&g);
}

/* --------------------------------------------------------------------------- Asking for holes */

/* Follows the deadline until nothing is missing: the times of NAKs and of the end, in ms. */
static void assert_times(const struct nrp_receiver_config *c, int64_t srtt_us, const char *expected)
{
    struct rig g;
    struct nrp_range ranges[NRP_NAK_RANGES];
    struct buf times = {0};
    rig_up(&g, c);
    int64_t from = g.now_us, last = INT64_MIN;
    assert_int_equal(nrp_receiver_naks(g.r, g.now_us, srtt_us, ranges), 0);
    play(&g, "1 3");
    while (nrp_receiver_deadline(g.r) != INT64_MAX) {
        g.now_us = nrp_receiver_deadline(g.r);
        assert_true(g.now_us > last);
        last = g.now_us;
        size_t n = nrp_receiver_naks(g.r, g.now_us, srtt_us, ranges);
        assert_true(n == 0 || (n == 1 && ranges[0].first == 2 && ranges[0].count == 1));
        nrp_receiver_tick(g.r, g.now_us);
        buf_printf(&times, n ? "%.1f " : "(%.1f)", (double)(g.now_us - from) / 1000);
    }
    assert_string_equal(times.data, expected);
    assert_said(&g, "one hole", "1 3 -2");
    buf_deinit(&times);
    rig_down(&g);
}

static void a_hole_is_asked_for_with_growing_patience_until_its_deadline(void **state)
{
    (void)state;
    struct nrp_receiver_config c = {.repair = true};
    assert_times(&c, 0, "20.0 70.0 170.0 370.0 770.0 1570.0 (3000.0)");
    assert_times(&c, 20 * MS, "5.0 16.0 38.0 82.0 170.0 346.0 (3000.0)");
    assert_times(&c, 1 * MS, "2.0 13.0 35.0 79.0 167.0 343.0 (3000.0)"); /* least */
    c.repair_us = 500 * MS;
    assert_times(&c, 0, "20.0 70.0 170.0 370.0 (500.0)");
    c.naks_max = 1;
    assert_times(&c, 0, "20.0 (500.0)");
    assert_times(&c, INT64_MAX, "20.0 (500.0)");
    c.repair = false;
    assert_times(&c, 0, "(200.0)");
    c.hole_wait_us = 7 * MS;
    assert_times(&c, 0, "(7.0)");
}

static void a_hole_is_asked_for_after_three_later_frames(void **state)
{
    (void)state;
    struct rig g;
    rig_up(&g, &(struct nrp_receiver_config){.repair = true, .window = 16});
    play(&g, "1 3 4");
    assert_naks(&g, 0, "");
    play(&g, "5");
    assert_naks(&g, 0, "2");
    assert_naks(&g, 0, ""); /* once */
    play(&g, "6 8 9 9 9");
    assert_naks(&g, 0, "");
    play(&g, "10 12 13");
    assert_naks(&g, 0, "7");
    play(&g, "14");
    assert_naks(&g, 0, "11");
    rig_down(&g);
}

static void neighbouring_holes_go_into_one_range(void **state)
{
    (void)state;
    struct rig g;
    rig_up(&g, &(struct nrp_receiver_config){.repair = true, .window = 16});
    play(&g, "3 5 h9 +20");
    assert_naks(&g, 0, "1+2 4 6+4");
    assert_int_equal(nrp_receiver_counts(g.r)->naks, 7);
    play(&g, "2r 7r +150");
    assert_naks(&g, 0, "1 4 6 8+2");
    assert_int_equal(nrp_receiver_counts(g.r)->repaired, 2);
    rig_down(&g);
}

static void what_does_not_fit_into_one_nak_is_asked_for_next(void **state)
{
    (void)state;
    struct rig g;
    struct nrp_range ranges[NRP_NAK_RANGES];
    rig_up(&g, &(struct nrp_receiver_config){.repair = true, .window = 128});
    for (uint64_t d = 2; d <= 80; d += 2)
        give(&g, (struct part){d, 0, 1, 0, 0});
    g.now_us += 20 * MS;
    assert_int_equal(nrp_receiver_naks(g.r, g.now_us, 0, ranges), NRP_NAK_RANGES);
    assert_int_equal(ranges[31].first, 63);
    assert_true(nrp_receiver_deadline(g.r) <= g.now_us);
    assert_naks(&g, 0, "65 67 69 71 73 75 77 79");
    assert_naks(&g, 0, "");
    rig_down(&g);
}

static void nothing_missing_needs_no_deadline(void **state)
{
    (void)state;
    struct rig g;
    rig_up(&g, &(struct nrp_receiver_config){.repair = true});
    assert_true(nrp_receiver_deadline(g.r) == INT64_MAX);
    play(&g, "1 3");
    assert_true(nrp_receiver_deadline(g.r) == g.now_us + 20 * MS);
    play(&g, "2 h3 g4-9");
    assert_true(nrp_receiver_deadline(g.r) == INT64_MAX);
    rig_down(&g);
}

static void a_heartbeat_is_not_believed_beyond_the_window(void **state)
{
    (void)state;
    struct rig g;
    rig_up(&g, &(struct nrp_receiver_config){.repair = true});
    nrp_receiver_heartbeat(g.r, g.now_us, UINT64_MAX);
    assert_int_equal(nrp_receiver_highest(g.r), 8);
    play(&g, "+20");
    assert_naks(&g, 0, "1+8");
    play(&g, "1 h0 h5");
    assert_int_equal(nrp_receiver_highest(g.r), 8);
    play(&g, "h9");
    assert_int_equal(nrp_receiver_highest(g.r), 9);
    rig_down(&g);
}

/* ------------------------------------------------------------------------------ Foreign bytes */

static void a_frame_that_contradicts_its_neighbours_is_dropped(void **state)
{
    (void)state;
    static const struct part wrong[] = {
        {3, 1, 4, 0, 0},               /* another count */
        {3, 1, 3, 0, 77},              /* another item */
        {3, 1, 3, NRP_FLAG_RETAIN, 0}, /* other flags */
        {3, 0, 1, 0, 0},               /* in the middle of it */
        {3, 0, 2, 0, 0},
        {3, 2, 3, 0, 0}, /* reaches into the one before */
        {4, 0, 1, 0, 0}, /* where its end is to be */
        {5, 1, 2, 0, 0}, /* begins at its end */
        {5, 4, 5, 0, 0}, /* around it */
    };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct rig g;
        rig_up(&g, &(struct nrp_receiver_config){.repair = true});
        play(&g, "1 2:0/3");
        give(&g, wrong[i]);
        if (nrp_receiver_counts(g.r)->malformed != 1) fail_msg("%zu was taken", i);
        assert_int_equal(nrp_receiver_highest(g.r), 2);
        play(&g, "4:2/3 3:1/3 5");
        assert_said(&g, "after it", "1 2 5");
        rig_down(&g);
    }
}

static void claims_reach_beyond_the_window(void **state)
{
    (void)state;
    struct rig g;
    rig_up(&g, &(struct nrp_receiver_config){.repair = true});
    play(&g, "8:0/3 1 2 9"); /* 9 and 10 are of the item at 8 */
    assert_int_equal(nrp_receiver_counts(g.r)->malformed, 1);
    play(&g, "3 4 5 6 7 9:1/3 10:2/3");
    assert_said(&g, "the item at the edge", "1 2 3 4 5 6 7 8");
    rig_down(&g);
}

static void a_malformed_frame_is_counted_and_dropped(void **state)
{
    (void)state;
    static const uint8_t text[] = "t/1";
    static const struct {
        struct nrp_item item;
        uint16_t topic_len;
    } frames[] = {
        {{.dseq = 1, .iseq = 1, .fragment = 0, .fragment_count = 0}, 3},
        {{.dseq = 2, .iseq = 1, .fragment = 1, .fragment_count = 1}, 0},
        {{.dseq = 2, .iseq = 1, .fragment = 1, .fragment_count = 65}, 0},
        {{.dseq = 2, .iseq = 1, .fragment = 1, .fragment_count = 2}, 3},
        {{.dseq = 1, .iseq = 1, .fragment = 0, .fragment_count = 1}, 0},
        {{.dseq = 2, .iseq = 1, .fragment = 2, .fragment_count = 3}, 0},
        {{.dseq = 0, .iseq = 1, .fragment = 0, .fragment_count = 1}, 3},
    };
    struct rig g;
    rig_up(&g, &(struct nrp_receiver_config){.repair = true});
    for (size_t i = 0; i < COUNT(frames); i++) {
        struct nrp_frame f = {.topic = text, .payload = text, .payload_len = 3};
        f.topic_len = frames[i].topic_len;
        f.item = frames[i].item;
        give_frame(&g, &f);
        if (nrp_receiver_counts(g.r)->malformed != i + 1) fail_msg("%zu was taken", i);
    }
    assert_int_equal(nrp_receiver_highest(g.r), 0);
    rig_down(&g);
}

static void an_item_larger_than_allowed_is_lost_not_collected(void **state)
{
    (void)state;
    struct rig g;
    rig_up(&g, &(struct nrp_receiver_config){.repair = true, .item_max = 12});
    play(&g, "1:0/2 2:1/2 3:0/3 4:1/3 5:2/3 6"); /* "t/1" and 5 bytes a fragment */
    assert_said(&g, "13 bytes", "-1..2 -3..5 6");
    assert_int_equal(nrp_receiver_counts(g.r)->malformed, 2);
    rig_down(&g);
}

static void a_config_that_cannot_be_is_refused(void **state)
{
    (void)state;
    static const struct nrp_receiver_config configs[] = {
        {.window = 3},
        {.window = 1u << 17},
        {.first_dseq = UINT64_MAX},
    };
    struct nrp_receiver_events events = {.on_item = on_item, .on_lost = on_lost};
    for (size_t i = 0; i < COUNT(configs); i++) {
        struct news_error err = {0};
        assert_null(nrp_receiver_new(&configs[i], &events, &err));
        assert_int_equal(err.code, NEWS_ERR_USAGE);
    }
    nrp_receiver_free(NULL);
}

/* ----------------------------------------------------------------------------------- Counting */

static void a_session_may_begin_anywhere(void **state)
{
    (void)state;
    struct rig g;
    rig_up(&g, &(struct nrp_receiver_config){.repair = true, .first_dseq = 100});
    assert_int_equal(nrp_receiver_cum(g.r), 99);
    play(&g, "99 101 100 107 109");
    assert_said(&g, "from 100", "101 100 107 109");
    rig_down(&g);
}

static void the_report_tells_what_was_lost_from_what_was_late(void **state)
{
    (void)state;
    struct rig g;
    struct nrp_report report;
    rig_up(&g, &(struct nrp_receiver_config){.repair = true});
    play(&g, "1 3 2 5 4r 5 8 g7-7 99");
    nrp_receiver_report(g.r, &report);
    assert_int_equal(report.highest_dseq, 8);
    assert_int_equal(report.received, 6);
    assert_int_equal(report.lost_raw, 2); /* 4 and 6; 2 was late, 7 was never sent */
    assert_int_equal(report.repaired, 1);
    assert_int_equal(report.duplicates, 1);
    assert_int_equal(report.reordered, 1);
    play(&g, "6");
    nrp_receiver_report(g.r, &report);
    assert_int_equal(report.received, 1);
    assert_int_equal(report.lost_raw, 0);
    const struct nrp_receiver_counts *c = nrp_receiver_counts(g.r);
    assert_int_equal(c->frames, 9);
    assert_int_equal(c->beyond_window, 1);
    assert_int_equal(c->holes, 4);
    assert_int_equal(c->lost, 1);
    assert_int_equal(c->items, 7);
    rig_down(&g);
}

static void jitter_is_how_much_the_spacing_of_frames_changes(void **state)
{
    (void)state;
    struct rig g;
    struct nrp_report report;
    rig_up(&g, &(struct nrp_receiver_config){.repair = true});
    play(&g, "1 +10 2 +10 3 +10 4");
    nrp_receiver_report(g.r, &report);
    assert_int_equal(report.jitter_us, 0);
    play(&g, "+26 5");
    nrp_receiver_report(g.r, &report);
    assert_int_equal(report.jitter_us, 1000); /* 16 ms / 16 */
    rig_down(&g);
}

/* ------------------------------------------------------------------------ Everything at random */

#define DSEQS 2048

static uint32_t below(uint64_t *seed, uint32_t limit)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((*seed >> 33) % limit);
}

enum fate { FATE_OPEN, FATE_DELIVERED, FATE_LOST };

/* What the sender has for each dseq; count 0: dropped before it was sent (GAP). */
struct plan {
    uint64_t start;
    unsigned count;
    uint64_t gap_last;
};

struct world {
    struct rig g;                      /* first: on_item and on_lost of the rig are not used */
    uint64_t seed, number, last, sent; /* sent: up to it */
    struct plan plan[DSEQS];
    enum fate fate[DSEQS];
    struct in_flight {
        uint64_t dseq;
        bool resent, heartbeat;
    } flying[64];
    size_t flying_count;
    unsigned window, loss, gaps; /* percent */
    bool ordered, held;
    uint64_t highest_delivered, items, lost;
};

#define CHECK(w, what)                                                                             \
    do {                                                                                           \
        if (!(what)) fail_msg("seed %llu: %s", (unsigned long long)(w)->number, #what);            \
    } while (0)

static void settle_fate(struct world *w, uint64_t first, uint64_t last, enum fate fate)
{
    CHECK(w, first >= 1 && last < DSEQS && first <= last);
    for (uint64_t d = first; d <= last; d++) {
        CHECK(w, w->fate[d] == FATE_OPEN);
        w->fate[d] = fate;
    }
}

static void world_item(void *user, const struct nrp_delivery *d)
{
    struct world *w = user;
    unsigned parts = 0;
    assert_body(d);
    for (size_t i = 0; i < d->payload_len; i++)
        parts += d->payload[i] == '<';
    CHECK(w, !w->held);
    CHECK(w, w->plan[d->dseq].start == d->dseq && w->plan[d->dseq].count == parts);
    settle_fate(w, d->dseq, d->dseq + parts - 1, FATE_DELIVERED);
    w->items++;
    if (!w->ordered) return;
    CHECK(w, d->dseq > w->highest_delivered);
    for (uint64_t e = w->highest_delivered + 1; e < d->dseq; e++)
        CHECK(w, w->fate[e] != FATE_OPEN);
    w->highest_delivered = d->dseq + parts - 1;
}

static void world_lost(void *user, uint64_t first, uint64_t last)
{
    struct world *w = user;
    settle_fate(w, first, last, FATE_LOST);
    w->lost += last - first + 1;
}

static void world_plan(struct world *w)
{
    uint32_t items = 20 + below(&w->seed, 60);
    uint64_t d = 1;
    for (uint32_t i = 0; i < items; i++) {
        bool dropped = below(&w->seed, 100) < w->gaps;
        uint64_t n = dropped ? 1 + below(&w->seed, below(&w->seed, 4) ? 4 : w->window * 2)
                     : below(&w->seed, 3) ? 1
                                          : 1 + below(&w->seed, 6);
        if (d + n >= DSEQS - 10) break;
        for (uint64_t k = 0; k < n; k++)
            w->plan[d + k] = (struct plan){d, dropped ? 0 : (unsigned)n, d + n - 1};
        d += n;
    }
    w->last = d - 1;
}

static void fly(struct world *w, struct in_flight what)
{
    if (w->flying_count == COUNT(w->flying) || below(&w->seed, 100) < w->loss) return;
    w->flying[w->flying_count++] = what;
}

static void world_send(struct world *w)
{
    uint64_t d = w->sent + 1;
    if (d > w->last) return;
    bool dropped = w->plan[d].count == 0;
    if (!dropped && d > nrp_receiver_cum(w->g.r) + w->window) return;
    fly(w, (struct in_flight){.dseq = d});
    w->sent = dropped ? w->plan[d].gap_last : d;
}

static void world_arrive(struct world *w)
{
    if (w->flying_count == 0) return;
    size_t i = below(&w->seed, (uint32_t)(w->flying_count < 4 ? w->flying_count : 4));
    struct in_flight what = w->flying[i];
    if (below(&w->seed, 10) > 0) /* else once more */
        memmove(&w->flying[i], &w->flying[i + 1], (--w->flying_count - i) * sizeof what);
    const struct plan *p = &w->plan[what.dseq];
    if (what.heartbeat) nrp_receiver_heartbeat(w->g.r, w->g.now_us, what.dseq);
    else if (p->count == 0)
        (void)gap(&w->g, p->start, p->gap_last); /* refused when one before it is late */
    else
        give(&w->g, (struct part){what.dseq, (unsigned)(what.dseq - p->start), p->count,
                                  what.resent ? NRP_FLAG_RESENT : 0, 0});
}

static void world_time(struct world *w, int64_t by_us)
{
    struct nrp_range ranges[NRP_NAK_RANGES];
    size_t n;
    w->g.now_us += by_us;
    while ((n = nrp_receiver_naks(w->g.r, w->g.now_us, 4 * MS, ranges)) > 0)
        for (size_t i = 0; i < n; i++)
            for (unsigned k = 0; k < ranges[i].count; k++) {
                uint64_t d = ranges[i].first + k;
                CHECK(w, d <= w->sent && w->fate[d] == FATE_OPEN);
                fly(w, (struct in_flight){.dseq = d, .resent = true});
            }
    nrp_receiver_tick(w->g.r, w->g.now_us);
    CHECK(w, nrp_receiver_deadline(w->g.r) > w->g.now_us);
}

static void world_hold(struct world *w, bool held)
{
    w->held = held;
    nrp_receiver_hold(w->g.r, w->g.now_us, held);
}

static void world_step(struct world *w)
{
    uint32_t dice = below(&w->seed, 100);
    if (dice < 40) world_send(w);
    else if (dice < 80) world_arrive(w);
    else if (dice < 95) world_time(w, below(&w->seed, 3000));
    else if (dice < 98) fly(w, (struct in_flight){.dseq = w->sent, .heartbeat = true});
    else world_hold(w, below(&w->seed, 3) == 0);
}

static void world_check_end(struct world *w)
{
    const struct nrp_receiver_counts *c = nrp_receiver_counts(w->g.r);
    CHECK(w, nrp_receiver_cum(w->g.r) == w->last);
    CHECK(w, nrp_receiver_highest(w->g.r) == w->last);
    CHECK(w, nrp_receiver_deadline(w->g.r) == INT64_MAX);
    CHECK(w, c->lost == w->lost && c->items == w->items && c->malformed == 0);
    CHECK(w, c->naks <= 6 * c->holes);
    for (uint64_t d = 1; d <= w->last; d++) {
        CHECK(w, w->fate[d] != FATE_OPEN);
        CHECK(w, w->plan[d].count > 0 || w->fate[d] == FATE_LOST);
        /* Of an item all is lost or nothing. */
        CHECK(w, w->plan[d].count == 0 || w->fate[d] == w->fate[w->plan[d].start]);
    }
}

/* What the network and nothing else lost of it, for good. */
static uint64_t world_run(struct world *w, bool repair)
{
    struct nrp_receiver_config c = {
        .window = w->window, .repair = repair, .ordered = w->ordered, .item_max = 1000};
    struct nrp_receiver_events events = {w, world_item, world_lost};
    uint64_t dropped = 0;
    world_plan(w);
    w->g.now_us = 1;
    w->g.r = nrp_receiver_new(&c, &events, NULL);
    assert_non_null(w->g.r);
    for (unsigned i = 0; i < 5000 && (i < 500 || w->sent < w->last); i++)
        world_step(w);
    world_hold(w, false);
    w->loss = 0;
    for (unsigned i = 0; i < 4000 && nrp_receiver_cum(w->g.r) < w->last; i++) {
        world_send(w);
        for (unsigned k = 0; k < 8; k++)
            world_arrive(w);
        fly(w, (struct in_flight){.dseq = w->sent, .heartbeat = true});
        world_time(w, 10 * MS);
    }
    world_check_end(w);
    for (uint64_t d = 1; d <= w->last; d++)
        dropped += w->plan[d].count == 0;
    nrp_receiver_free(w->g.r);
    return w->lost - dropped;
}

static void every_dseq_is_handed_over_or_lost_whatever_the_network_does(void **state)
{
    (void)state;
    static const unsigned losses[] = {0, 2, 10, 30};
    static struct world w;
    uint64_t lost[2][COUNT(losses)] = {0};
    for (uint64_t n = 0; n < 3200; n++) {
        memset(&w, 0, sizeof w);
        w.number = n;
        w.seed = n * 7919 + 1;
        w.window = n & 1 ? 8 : 64;
        w.ordered = n & 2;
        w.gaps = n & 4 ? 10 : 0;
        w.loss = losses[n / 16 % 4];
        lost[n >> 3 & 1][n / 16 % 4] += world_run(&w, n >> 3 & 1);
    }
    assert_int_equal(lost[1][0], 0); /* with repair, nothing of what was only late */
    assert_int_equal(lost[1][1], 0);
    assert_true(lost[0][2] > 100 * (lost[1][2] + 1)); /* it does repair */
    assert_true(lost[0][1] > 0 && lost[0][3] > lost[0][2]);
}

/* --- a sender that says anything ------------------------------------------------------------- */

static void hostile_item(void *user, const struct nrp_delivery *d)
{
    struct world *w = user;
    unsigned parts = 0;
    for (size_t i = 0; i < d->payload_len; i++)
        parts += d->payload[i] == '<';
    settle_fate(w, d->dseq, d->dseq + parts - 1, FATE_DELIVERED);
}

static void hostile_step(struct world *w)
{
    uint64_t from = nrp_receiver_cum(w->g.r), d = from + below(&w->seed, w->window + 4);
    unsigned count = 1 + (below(&w->seed, 2) ? 0 : below(&w->seed, 9));
    unsigned fragment = below(&w->seed, count);
    uint32_t dice = below(&w->seed, 100);
    if (dice < 70 && d > fragment)
        give(&w->g, (struct part){d, fragment, count, 0, below(&w->seed, 8) == 0});
    else if (dice < 80) (void)gap(&w->g, d, d + below(&w->seed, below(&w->seed, 8) ? 3 : 40));
    else if (dice < 84) nrp_receiver_heartbeat(w->g.r, w->g.now_us, d + 2);
    else if (dice < 97) world_time(w, below(&w->seed, 400) * MS);
    else world_hold(w, below(&w->seed, 2));
}

static void a_sender_that_says_anything_breaks_nothing(void **state)
{
    (void)state;
    static struct world w;
    for (uint64_t n = 0; n < 3000; n++) {
        memset(&w, 0, sizeof w);
        w.number = n;
        w.seed = n + 1;
        w.window = 1u << n % 5;
        struct nrp_receiver_config c = {
            .window = w.window, .repair = n & 1, .ordered = n & 2, .item_max = 30};
        struct nrp_receiver_events events = {&w, hostile_item, world_lost};
        w.g.now_us = 1;
        w.sent = DSEQS;
        w.loss = 100; /* no answers */
        w.g.r = nrp_receiver_new(&c, &events, NULL);
        for (unsigned i = 0; i < 200 && nrp_receiver_highest(w.g.r) < DSEQS - 200; i++)
            hostile_step(&w);
        world_hold(&w, false);
        for (unsigned i = 0; i < 500 && nrp_receiver_cum(w.g.r) < nrp_receiver_highest(w.g.r); i++)
            world_time(&w, 4000 * MS);
        /* The parts of an item that were never claimed to be sent need a heartbeat first. */
        for (unsigned i = 0; i < 2; i++) {
            nrp_receiver_heartbeat(w.g.r, w.g.now_us, nrp_receiver_highest(w.g.r) + 10);
            world_time(&w, 4000 * MS);
        }
        for (uint64_t d = 1; d <= nrp_receiver_cum(w.g.r); d++)
            CHECK(&w, w.fate[d] != FATE_OPEN);
        CHECK(&w, nrp_receiver_cum(w.g.r) == nrp_receiver_highest(w.g.r));
        nrp_receiver_free(w.g.r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_are_handed_over_as_soon_as_they_are_whole),
        cmocka_unit_test(ordered_items_wait_for_those_before_them),
        cmocka_unit_test(while_held_nothing_is_handed_over),
        cmocka_unit_test(a_single_frame_is_handed_over_without_a_copy),
        cmocka_unit_test(a_callback_may_hold_and_release),
        cmocka_unit_test(flags_are_those_of_the_item_not_of_its_sending),
        cmocka_unit_test(each_dseq_is_lost_once_and_never_after_it_was_handed_over),
        cmocka_unit_test(a_lost_fragment_loses_exactly_its_item),
        cmocka_unit_test(a_gap_may_reach_far_beyond_the_window),
        cmocka_unit_test(a_gap_that_cannot_be_meant_is_refused_and_changes_nothing),
        cmocka_unit_test(more_runs_than_are_remembered_are_refused),
        cmocka_unit_test(a_hole_is_asked_for_with_growing_patience_until_its_deadline),
        cmocka_unit_test(a_hole_is_asked_for_after_three_later_frames),
        cmocka_unit_test(neighbouring_holes_go_into_one_range),
        cmocka_unit_test(what_does_not_fit_into_one_nak_is_asked_for_next),
        cmocka_unit_test(nothing_missing_needs_no_deadline),
        cmocka_unit_test(a_heartbeat_is_not_believed_beyond_the_window),
        cmocka_unit_test(a_frame_that_contradicts_its_neighbours_is_dropped),
        cmocka_unit_test(claims_reach_beyond_the_window),
        cmocka_unit_test(a_malformed_frame_is_counted_and_dropped),
        cmocka_unit_test(an_item_larger_than_allowed_is_lost_not_collected),
        cmocka_unit_test(a_config_that_cannot_be_is_refused),
        cmocka_unit_test(a_session_may_begin_anywhere),
        cmocka_unit_test(the_report_tells_what_was_lost_from_what_was_late),
        cmocka_unit_test(jitter_is_how_much_the_spacing_of_frames_changes),
        cmocka_unit_test(every_dseq_is_handed_over_or_lost_whatever_the_network_does),
        cmocka_unit_test(a_sender_that_says_anything_breaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
