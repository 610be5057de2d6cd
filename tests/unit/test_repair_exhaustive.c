/* Sender and receiver of a datagram session against each other: not some faults, but every way in
 * which up to FAULTS of the first frames, of either end, are lost, doubled or overtaken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/nrp/receiver.h"
#include "relay/sender.h"

#define MS         1000
#define WINDOW     4
#define FAULTS     6
#define CHOICES    9 /* frames whose fate is chosen; all later ones arrive */
#define TRIP_US    (1 * MS)
#define OVERTAKEN  (30 * MS) /* one that nothing overtakes arrives after so long */
#define ACK_AFTER  2
#define TIME_LIMIT (6000 * MS)
#define ENTRIES    5
#define DSEQS      64
#define FLIGHTS    64

enum fate { ARRIVES, LOST, DOUBLED, OVERTAKES, FATES };

/* What is queued: 0 ends it; n > 0 is an item of n fragments, n < 0 a gap of -n dseqs. */
struct scenario {
    const char *name;
    int entries[ENTRIES + 1];
    bool repair, ordered;
};

static const struct scenario scenarios[] = {
    {"three items", {1, 1, 1}, true, false},
    {"five items, more than the window", {1, 1, 1, 1, 1}, true, false},
    {"five items in order", {1, 1, 1, 1, 1}, true, true},
    {"a gap between items", {1, -2, 1, 1}, true, false},
    {"a gap wider than the window", {1, -9, 1}, true, true},
    {"items of several fragments", {2, 1, 3}, true, false},
    {"without repair", {1, 1, 1, 1}, false, false},
    {"a wide gap without repair", {2, -9, 1}, false, false},
};

struct schedule {
    uint8_t fate[CHOICES];
};

struct flight {
    struct nrp_frame f;
    uint8_t ranges[NRP_NAK_RANGES * 10];
    int64_t at_us;
};

struct link { /* one direction: arrivals in order */
    struct flight queue[FLIGHTS];
    unsigned first, end;
    struct flight held; /* to be overtaken by the next */
    bool holding;
};

enum { DOWN, UP };

struct world {
    const struct scenario *scenario;
    const struct schedule *schedule;
    struct sender *sender;
    struct nrp_receiver *receiver;
    struct outbox box;
    struct link links[2];
    int64_t now_us;
    unsigned chosen;  /* frames sent so far, as far as their fate is chosen */
    uint64_t told;    /* the last ACK */
    uint64_t ordered; /* the dseq handed over last */
    unsigned got[DSEQS], lost[DSEQS];
};

static struct record *records[ENTRIES]; /* one for each entry's place; sized per scenario */

/* ------------------------------------------------------------------------------------ The links */

static void put(struct link *l, const struct flight *f, int64_t at_us)
{
    assert_true(l->end - l->first < FLIGHTS);
    struct flight *new = &l->queue[l->end++ % FLIGHTS];
    *new = *f;
    new->at_us = at_us;
    if (f->f.type == NRP_NAK) new->f.payload = new->ranges;
}

static void send(struct world *w, int direction, const struct flight *f)
{
    struct link *l = &w->links[direction];
    enum fate fate = w->chosen < CHOICES ? w->schedule->fate[w->chosen++] : ARRIVES;
    if (fate == OVERTAKES && !l->holding) {
        l->held = *f;
        l->held.at_us = w->now_us + OVERTAKEN;
        l->holding = true;
        return;
    }
    if (fate != LOST) put(l, f, w->now_us + TRIP_US);
    if (fate == DOUBLED) put(l, f, w->now_us + TRIP_US);
    if (l->holding) put(l, &l->held, w->now_us + TRIP_US);
    l->holding = false;
}

static int64_t link_due(const struct link *l)
{
    int64_t due = l->first < l->end ? l->queue[l->first % FLIGHTS].at_us : INT64_MAX;
    return l->holding && l->held.at_us < due ? l->held.at_us : due;
}

static const struct flight *arrival(struct world *w, int direction)
{
    struct link *l = &w->links[direction];
    if (l->holding && l->held.at_us <= w->now_us) {
        put(l, &l->held, w->now_us);
        l->holding = false;
    }
    if (l->first == l->end || l->queue[l->first % FLIGHTS].at_us > w->now_us) return NULL;
    return &l->queue[l->first++ % FLIGHTS];
}

/* ------------------------------------------------------------------------------------- The ends */

static void on_item(void *user, const struct nrp_delivery *d)
{
    struct world *w = user;
    assert_true(d->dseq > 0 && d->dseq < DSEQS);
    for (uint64_t n = 0; n < d->payload[0]; n++)
        w->got[d->dseq + n]++;
    assert_int_equal(d->payload_len + d->topic_len, record_size(records[d->iseq - 1]));
    assert_memory_equal(d->payload, record_payload(records[d->iseq - 1]), d->payload_len);
    if (w->scenario->ordered) assert_true(d->dseq > w->ordered);
    w->ordered = d->dseq;
}

static void on_lost(void *user, uint64_t first, uint64_t last)
{
    struct world *w = user;
    assert_true(first > 0 && first <= last && last < DSEQS);
    for (uint64_t d = first; d <= last; d++)
        w->lost[d]++;
}

static void acknowledge(struct world *w)
{
    struct flight ack = {.f = {.type = NRP_ACK, .cum_dseq = nrp_receiver_cum(w->receiver)}};
    w->told = ack.f.cum_dseq;
    send(w, UP, &ack);
}

static void receiver_takes(struct world *w, const struct nrp_frame *f)
{
    if (f->type == NRP_ITEM) nrp_receiver_item(w->receiver, w->now_us, f);
    else if (f->type == NRP_GAP) assert_true(nrp_receiver_gap(w->receiver, w->now_us, &f->gap));
    else nrp_receiver_heartbeat(w->receiver, w->now_us, f->heartbeat.last_dseq);
    bool many = nrp_receiver_cum(w->receiver) >= w->told + ACK_AFTER;
    if (many || f->type == NRP_HEARTBEAT) acknowledge(w);
}

static void sender_takes(struct world *w, const struct nrp_frame *f)
{
    if (f->type == NRP_ACK) {
        sender_on_ack(w->sender, w->now_us, f->cum_dseq);
        return;
    }
    struct nrp_range ranges[NRP_NAK_RANGES];
    size_t count;
    assert_true(nrp_ranges_read(f->payload, f->payload_len, ranges, &count));
    sender_on_nak(w->sender, w->now_us, ranges, count);
}

static void receiver_speaks(struct world *w)
{
    struct nrp_range ranges[NRP_NAK_RANGES];
    size_t count;
    nrp_receiver_tick(w->receiver, w->now_us);
    while ((count = nrp_receiver_naks(w->receiver, w->now_us, 2 * TRIP_US, ranges)) > 0) {
        struct flight nak = {.f = {.type = NRP_NAK}};
        nak.f.payload_len = nrp_ranges_write(ranges, count, nak.ranges);
        send(w, UP, &nak);
    }
    assert_true(nrp_receiver_deadline(w->receiver) > w->now_us);
}

static void sender_speaks(struct world *w)
{
    struct sender_frame s;
    size_t room = NRP_DATAGRAM_MIN - NRP_DATAGRAM_HEADER - NRP_DATAGRAM_TAG;
    while (sender_next(w->sender, w->now_us, &w->box, room, 0, &s)) {
        if (s.frame.type == NRP_ITEM)
            assert_true(s.frame.item.dseq <= sender_acked(w->sender) + WINDOW);
        struct flight f = {.f = s.frame};
        send(w, DOWN, &f);
    }
    assert_true(sender_deadline(w->sender, &w->box) > w->now_us);
}

/* ---------------------------------------------------------------------------------- One schedule
 */

static bool is_settled(const struct world *w)
{
    return w->box.count == 0 && sender_is_quiet(w->sender) &&
           nrp_receiver_cum(w->receiver) == w->box.next_dseq - 1;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void turn(struct world *w)
{
    const struct flight *f;
    while ((f = arrival(w, DOWN)))
        receiver_takes(w, &f->f);
    while ((f = arrival(w, UP)))
        sender_takes(w, &f->f);
    sender_speaks(w);
    receiver_speaks(w);
    w->now_us = least(
        least(link_due(&w->links[DOWN]), link_due(&w->links[UP])),
        least(sender_deadline(w->sender, &w->box), nrp_receiver_deadline(w->receiver)));
}

/* Each dseq once: of an item handed over, or without repair lost; of a gap lost. */
static bool adds_up(const struct world *w)
{
    uint64_t dseq = 1;
    for (const int *e = w->scenario->entries; *e != 0; e++) {
        for (int n = abs(*e); n > 0; n--, dseq++) {
            if (w->got[dseq] + w->lost[dseq] != 1) return false;
            if (*e < 0 && w->got[dseq] > 0) return false;
            if (*e > 0 && w->lost[dseq] > 0 && w->scenario->repair) return false;
        }
    }
    return dseq == w->box.next_dseq;
}

static void fail_schedule(const struct world *w, const char *what)
{
    char fates[CHOICES + 1] = "";
    for (unsigned i = 0; i < CHOICES; i++)
        fates[i] = "-LD>"[w->schedule->fate[i]];
    fail_msg("%s, frames %s: %s", w->scenario->name, fates, what);
}

static void fill(struct world *w)
{
    static const struct outbox_limits l = {100, 100000, SLOW_DISCONNECT};
    for (unsigned i = 0; w->scenario->entries[i] != 0; i++) {
        int n = w->scenario->entries[i];
        if (n < 0) assert_true(outbox_push_gap(&w->box, (unsigned)-n, NRP_GAP_POLICY));
        else assert_int_equal(outbox_push(&w->box, &l, records[i], (unsigned)n, 0), OUTBOX_QUEUED);
    }
}

static void run(const struct scenario *scenario, const struct schedule *schedule)
{
    static struct world w; /* too large to be cleared all over for each */
    struct sender_config sc = sender_defaults;
    sc.window = WINDOW;
    sc.datagram_max = NRP_DATAGRAM_MIN;
    sc.rate_cap = 0;
    struct nrp_receiver_config rc = {.window = WINDOW,
                                     .repair = scenario->repair,
                                     .ordered = scenario->ordered,
                                     .item_max = 10000};
    struct nrp_receiver_events events = {.user = &w, .on_item = on_item, .on_lost = on_lost};
    w.scenario = scenario;
    w.schedule = schedule;
    w.sender = sender_new(&sc, 0, NULL);
    w.receiver = nrp_receiver_new(&rc, &events, NULL);
    w.links[UP].first = w.links[UP].end = w.links[DOWN].first = w.links[DOWN].end = 0;
    w.links[UP].holding = w.links[DOWN].holding = false;
    w.now_us = 0;
    w.chosen = 0;
    w.told = w.ordered = 0;
    memset(w.got, 0, sizeof w.got);
    memset(w.lost, 0, sizeof w.lost);
    outbox_init(&w.box);
    fill(&w);
    while (!is_settled(&w) && w.now_us < TIME_LIMIT)
        turn(&w);
    if (!is_settled(&w)) fail_schedule(&w, "not settled in time");
    if (!adds_up(&w)) fail_schedule(&w, "a dseq is not accounted for once");
    outbox_deinit(&w.box);
    nrp_receiver_free(w.receiver);
    sender_free(w.sender);
}

/* ------------------------------------------------------------------------------- All schedules */

/* The next one with at most FAULTS faults; false: that was the last. */
static bool schedule_next(struct schedule *s)
{
    unsigned faults;
    do {
        unsigned i = 0;
        while (i < CHOICES && s->fate[i] == FATES - 1)
            s->fate[i++] = ARRIVES;
        if (i == CHOICES) return false;
        s->fate[i]++;
        faults = 0;
        for (i = 0; i < CHOICES; i++)
            faults += s->fate[i] != ARRIVES;
    } while (faults > FAULTS);
    return true;
}

static void make_records(const struct scenario *scenario)
{
    size_t room = nrp_fragment_room(NRP_DATAGRAM_MIN);
    for (unsigned i = 0; i < ENTRIES; i++) {
        int n = scenario->entries[i] > 0 ? scenario->entries[i] : 1;
        size_t payload = (size_t)(n - 1) * room + 10;
        record_unref(records[i]);
        records[i] = record_new("t", 1, NULL, payload, 0);
        assert_non_null(records[i]);
        for (size_t b = 0; b < payload; b++)
            records[i]->bytes[2 + b] = (uint8_t)(b + i);
        records[i]->bytes[2] = (uint8_t)n;
        records[i]->iseq = i + 1;
        assert_int_equal(nrp_fragment_count(payload + 1, NRP_DATAGRAM_MIN), n);
    }
}

static void every_dseq_is_settled_once_under_every_schedule_of_faults(void **state)
{
    (void)state;
    unsigned long tried = 0;
    for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++) {
        struct schedule s = {0};
        unsigned long before = tried;
        make_records(&scenarios[i]);
        do {
            run(&scenarios[i], &s);
            tried++;
        } while (schedule_next(&s));
        (void)printf("%s: %lu schedules\n", scenarios[i].name, tried - before);
    }
    for (unsigned i = 0; i < ENTRIES; i++)
        record_unref(records[i]);
    (void)printf("%lu schedules in all\n", tried);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_dseq_is_settled_once_under_every_schedule_of_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
