#include "bench/newsbench/measure.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/newsbench/port.h"

struct part { /* of one publisher's items: those that are measured */
    size_t from, to;
    size_t base;          /* of the first one, among the items of all publishers */
    uint64_t unsent;      /* of them */
    uint64_t unsent_ever; /* of all there are */
};

struct spread { /* when one item reached the subscribers */
    int64_t first_ns, last_ns;
    size_t subscribers;
};

struct arrival_time { /* one item at one subscriber */
    uint32_t second;
    int64_t response_ns;
};

struct measure {
    struct run *run;
    const struct measure_input *in;
    const struct board *board;
    struct measure_facts *facts;
    struct part *parts; /* of each publisher */
    size_t item_count;
    struct spread *spread; /* of each item */
    struct arrival_time *arrivals;
    size_t arrival_count, arrival_room;
    struct delivery **streams; /* of one subscriber */
    struct histogram *own;     /* of one subscriber */
};

static int64_t intended_ns(const struct board *b, size_t publisher, size_t number)
{
    return b->start_ns + b->publisher[publisher].due_ns[number];
}

static size_t second_of(const struct measure *m, size_t publisher, size_t number)
{
    int64_t after = m->board->publisher[publisher].due_ns[number] - m->board->from_ns;
    size_t second = (size_t)(after / 1000000000);
    return second < m->run->second_count ? second : m->run->second_count - 1;
}

/* --- publishers ---------------------------------------------------------------------------- */

static void count_published(struct measure *m)
{
    struct run *run = m->run;
    for (size_t i = 0; i < m->board->publishers; i++) {
        const struct publisher_slot *p = &m->board->publisher[i];
        struct part *part = &m->parts[i];
        for (size_t n = part->from; n < part->to; n++) {
            if (p->items[n].fired_ns)
                histogram_add(run->lateness, p->items[n].fired_ns - intended_ns(m->board, i, n), 1);
            if (p->items[n].sent_ns) run->seconds[second_of(m, i, n)].published++;
            else part->unsent++;
        }
        for (size_t n = 0; n < p->item_count; n++)
            part->unsent_ever += p->items[n].sent_ns == 0;
        run->offered += part->to - part->from;
        run->unsent += part->unsent;
    }
    run->published = run->offered - run->unsent;
    run->expected = run->published * m->board->subscribers;
    run->saturated = run->unsent > 0;
    run->payload_bytes = (double)run->published * (double)m->in->cell->payload;
    char topic[PORT_TOPIC_SIZE];
    port_topic(0, topic);
    run->topic_bytes = port_is_floor(m->in->cell->carrier)
                           ? 0
                           : (double)(run->published * strlen(topic));
}

/* --- subscribers --------------------------------------------------------------------------- */

static void note_latency(struct measure *m, const struct arrival_record *r)
{
    const struct sent_item *sent = &m->board->publisher[r->stream].items[r->number];
    int64_t response = r->received_ns - intended_ns(m->board, r->stream, r->number);
    int64_t transport = r->received_ns - sent->sent_ns;
    if (response < 0 || transport < 0) m->facts->negative++;
    histogram_add(m->own, response, 1);
    histogram_add(m->run->response, response, 1);
    histogram_add(m->run->transport, transport, 1);
    struct spread *s = &m->spread[m->parts[r->stream].base + r->number - m->parts[r->stream].from];
    if (s->subscribers == 0 || r->received_ns < s->first_ns) s->first_ns = r->received_ns;
    if (s->subscribers == 0 || r->received_ns > s->last_ns) s->last_ns = r->received_ns;
    s->subscribers++;
    if (m->arrival_count < m->arrival_room)
        m->arrivals[m->arrival_count++] = (struct arrival_time){
            .second = (uint32_t)second_of(m, r->stream, r->number), .response_ns = response};
}

static void note_records(struct measure *m, const struct subscriber_slot *slot)
{
    size_t count = slot->count;
    for (size_t i = 0; i < count; i++) {
        const struct arrival_record *r = &slot->records[i];
        const struct part *part = &m->parts[r->stream];
        if (delivery_note(m->streams[r->stream], r->number) == ARRIVED_FIRST &&
            r->number >= part->from && r->number < part->to)
            note_latency(m, r);
    }
}

static void add_counts(struct delivery_counts *sum, const struct delivery_counts *c)
{
    sum->delivered += c->delivered;
    sum->duplicates += c->duplicates;
    sum->reordered += c->reordered;
    sum->lost += c->lost;
    if (c->longest_gap > sum->longest_gap) sum->longest_gap = c->longest_gap;
}

static uint64_t less(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

/* What was never sent cannot be lost. *lost_ever: warm-up and cool-down included. */
static void sum_streams(struct measure *m, struct delivery_counts *sum, uint64_t *lost_ever)
{
    *lost_ever = 0;
    for (size_t i = 0; i < m->board->publishers; i++) {
        const struct part *part = &m->parts[i];
        struct delivery_counts c = {0};
        delivery_count(m->streams[i], part->from, part->to, &c);
        c.lost = less(c.lost, part->unsent);
        add_counts(sum, &c);
        delivery_count(m->streams[i], 0, m->board->publisher[i].item_count, &c);
        *lost_ever += less(c.lost, part->unsent_ever);
    }
}

static bool make_streams(struct measure *m)
{
    m->own = histogram_new();
    bool ok = m->own != NULL;
    for (size_t i = 0; i < m->board->publishers; i++) {
        m->streams[i] = delivery_new(m->board->publisher[i].item_count);
        ok &= m->streams[i] != NULL;
    }
    return ok;
}

static void free_streams(struct measure *m)
{
    for (size_t i = 0; m->streams && i < m->board->publishers; i++) {
        delivery_free(m->streams[i]);
        m->streams[i] = NULL;
    }
    histogram_free(m->own);
    m->own = NULL;
}

/* A carrier tells how many were lost, not which: announced and lost are compared over the whole
 * run, or what was lost in the warm-up would excuse silence after it. */
static void fill_losses(struct subscriber_result *s, const struct subscriber_slot *slot,
                        uint64_t lost_ever, struct run *run)
{
    uint64_t announced = slot->announced - slot->announced_before;
    uint64_t silent = less(lost_ever, announced);
    s->announced = less(announced, less(lost_ever, s->counts.lost));
    run->announced += s->announced;
    run->silent += silent < s->counts.lost ? silent : s->counts.lost;
}

static void fill_subscriber(struct measure *m, const struct subscriber_slot *slot,
                            struct subscriber_result *s)
{
    uint64_t lost_ever;
    note_records(m, slot);
    sum_streams(m, &s->counts, &lost_ever);
    fill_losses(s, slot, lost_ever, m->run);
    s->corrupt = slot->corrupt;
    s->p50_ns = histogram_percentile(m->own, 50);
    s->p99_ns = histogram_percentile(m->own, 99);
    s->most_ns = histogram_most(m->own);
    add_counts(&m->run->counts, &s->counts);
    m->run->corrupt += s->corrupt;
    m->facts->overflow += slot->overflow;
}

static bool measure_subscriber(struct measure *m, size_t number)
{
    bool ok = make_streams(m);
    m->run->subscribers[number].slow = number < m->in->cell->slow_subscribers;
    if (ok) fill_subscriber(m, &m->board->subscriber[number], &m->run->subscribers[number]);
    free_streams(m);
    return ok;
}

static void measure_skew(struct measure *m)
{
    for (size_t i = 0; i < m->item_count; i++) {
        const struct spread *s = &m->spread[i];
        if (s->subscribers > 1 && s->subscribers == m->board->subscribers)
            histogram_add(m->run->skew, s->last_ns - s->first_ns, 1);
    }
}

/* --- the timeline -------------------------------------------------------------------------- */

static int by_second(const void *a, const void *b)
{
    const struct arrival_time *x = a, *y = b;
    if (x->second != y->second) return x->second < y->second ? -1 : 1;
    return (x->response_ns > y->response_ns) - (x->response_ns < y->response_ns);
}

static void fill_seconds(struct measure *m)
{
    qsort(m->arrivals, m->arrival_count, sizeof *m->arrivals, by_second);
    for (size_t at = 0; at < m->arrival_count;) {
        struct second *s = &m->run->seconds[m->arrivals[at].second];
        size_t end = at;
        while (end < m->arrival_count && m->arrivals[end].second == m->arrivals[at].second)
            end++;
        s->delivered = (double)(end - at);
        s->p50_ms = (double)m->arrivals[at + (end - at - 1) / 2].response_ns / 1e6;
        s->most_ms = (double)m->arrivals[end - 1].response_ns / 1e6;
        at = end;
    }
}

static bool make_seconds(struct measure *m)
{
    double seconds = (double)(m->board->to_ns - m->board->from_ns) / 1e9;
    size_t count = (size_t)ceil(seconds);
    if (count < 1) count = 1;
    if (count > RUN_SECONDS_MAX) count = RUN_SECONDS_MAX;
    m->run->seconds = calloc(count, sizeof *m->run->seconds);
    if (!m->run->seconds) return false;
    m->run->second_count = count;
    for (size_t i = 0; i < count; i++) {
        struct second *s = &m->run->seconds[i];
        s->p50_ms = s->most_ms = NAN;
        s->retransmitted = i < m->in->second_count ? m->in->retransmitted[i] : NAN;
    }
    return true;
}

/* --- recovery ------------------------------------------------------------------------------ */

/* Until the last subscriber had its first item again. */
static double recovery_ms(const struct measure *m)
{
    int64_t worst = 0, from = m->in->fault_end_ns;
    if (from == 0) return NAN;
    for (size_t i = 0; i < m->board->subscribers; i++) {
        const struct subscriber_slot *slot = &m->board->subscriber[i];
        size_t at = 0, count = slot->count;
        while (at < count && slot->records[at].received_ns < from)
            at++;
        if (at == count) return NAN;
        if (slot->records[at].received_ns - from > worst)
            worst = slot->records[at].received_ns - from;
    }
    return (double)worst / 1e6;
}

/* --- all of it ----------------------------------------------------------------------------- */

static bool prepare(struct measure *m)
{
    const struct board *b = m->board;
    m->parts = calloc(b->publishers, sizeof *m->parts);
    m->streams = calloc(b->publishers, sizeof(struct delivery *));
    m->run->subscribers = calloc(b->subscribers, sizeof *m->run->subscribers);
    if (!m->parts || !m->streams || !m->run->subscribers) return false;
    m->run->subscriber_count = b->subscribers;
    for (size_t i = 0; i < b->publishers; i++) {
        board_measured(b, i, &m->parts[i].from, &m->parts[i].to);
        m->parts[i].base = m->item_count;
        m->item_count += m->parts[i].to - m->parts[i].from;
    }
    m->arrival_room = m->item_count * b->subscribers;
    m->spread = calloc(m->item_count + 1, sizeof *m->spread);
    m->arrivals = malloc((m->arrival_room + 1) * sizeof *m->arrivals);
    return m->spread && m->arrivals && make_seconds(m);
}

bool measure_fill(struct run *run, const struct measure_input *in, struct measure_facts *facts,
                  struct news_error *err)
{
    struct measure m = {.run = run, .in = in, .board = in->board, .facts = facts};
    *facts = (struct measure_facts){0};
    bool ok = prepare(&m);
    if (ok) count_published(&m);
    for (size_t i = 0; ok && i < m.board->subscribers; i++)
        ok = measure_subscriber(&m, i);
    if (ok) {
        measure_skew(&m);
        fill_seconds(&m);
        run->recovery_ms = recovery_ms(&m);
    }
    free(m.parts);
    free(m.streams);
    free(m.spread);
    free(m.arrivals);
    return ok || news_fail(err, NEWS_ERR_MEMORY, "out of memory");
}
