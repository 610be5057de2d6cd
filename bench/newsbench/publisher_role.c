/* One publisher: an open loop. Item i is due at start + due[i], whatever became of those before it.
 *
 * What the carrier does not take at once (TRANSPORT_FULL, or no connection) waits in a queue of
 * QUEUE_MAX; beyond that items are unsent. At QoS 1 what was unanswered when a connection was lost
 * goes to the front of that queue, and is sent again. */
#include <stdio.h>
#include <stdlib.h>

#include "bench/newsbench/payload.h"
#include "bench/newsbench/port.h"
#include "bench/newsbench/roles.h"

#define QUEUE_MAX      10000
#define OUTSTANDING    512 /* more than any carrier's window */
#define BARRIER_NS     50000000
#define SPIN_NS        200000
#define PUBLISHES_MAX  64 /* of one turn: those that become due meanwhile are not to wait long */
#define LONGEST_NS     900000000
#define LOOK_NS        20000000   /* between two looks whether the barrier is over */
#define BARRIER_NUMBER UINT64_MAX /* token of items of the barrier */

struct ring { /* numbers of items, in order */
    uint32_t *numbers;
    size_t size, head, count;
};

struct publisher {
    const struct role_setup *setup;
    struct board *board;
    struct publisher_slot *slot;
    struct port *port;
    size_t number, next; /* item of the schedule */
    struct ring waiting, unanswered;
    uint64_t barriers;
    int64_t barrier_ns; /* when the next one is due */
    uint8_t *payload;
    char topic[PORT_TOPIC_SIZE];
    bool again; /* the carrier may take more now: do not wait for an event */
    bool over;
    struct news_error why;
};

/* --- rings --------------------------------------------------------------------------------- */

static bool ring_init(struct ring *r, size_t size)
{
    r->numbers = malloc(size * sizeof *r->numbers);
    r->size = size;
    return r->numbers != NULL;
}

static bool ring_push(struct ring *r, uint32_t number)
{
    if (r->count == r->size) return false;
    r->numbers[(r->head + r->count++) % r->size] = number;
    return true;
}

static void ring_push_front(struct ring *r, uint32_t number)
{
    r->head = (r->head + r->size - 1) % r->size;
    r->numbers[r->head] = number;
    r->count++;
}

static uint32_t ring_at(const struct ring *r, size_t i)
{
    return r->numbers[(r->head + i) % r->size];
}

static void ring_pop(struct ring *r)
{
    r->head = (r->head + 1) % r->size;
    r->count--;
}

static uint32_t ring_pop_last(struct ring *r)
{
    return ring_at(r, --r->count);
}

/* Answers come nearly always in order: the first is the one. */
static void ring_remove(struct ring *r, uint32_t number)
{
    size_t i = 0;
    while (i < r->count && ring_at(r, i) != number)
        i++;
    if (i == r->count) return;
    for (; i > 0; i--)
        r->numbers[(r->head + i) % r->size] = ring_at(r, i - 1);
    ring_pop(r);
}

/* --- what the port tells ------------------------------------------------------------------- */

static void on_up(void *user)
{
    struct publisher *p = user;
    p->slot->up = p->again = true;
}

static void on_lost(void *user)
{
    struct publisher *p = user;
    p->slot->up = false;
    while (p->unanswered.count > 0) {
        uint32_t number = ring_pop_last(&p->unanswered);
        if (p->waiting.count < p->waiting.size) ring_push_front(&p->waiting, number);
    }
}

static void on_item(void *user, const void *bytes, size_t len)
{
    (void)user, (void)bytes, (void)len;
}

static void on_answer(void *user, uint64_t token)
{
    struct publisher *p = user;
    p->again = true;
    if (token != BARRIER_NUMBER) ring_remove(&p->unanswered, (uint32_t)token);
}

static void on_announced(void *user, uint64_t count)
{
    (void)user, (void)count;
}

static void on_over(void *user, const struct news_error *why)
{
    struct publisher *p = user;
    p->over = true;
    p->why = *why;
}

/* --- publishing ---------------------------------------------------------------------------- */

static enum transport_answer publish(struct publisher *p, enum payload_kind kind, uint64_t number,
                                     int64_t intended_ns, int64_t now)
{
    const struct payload payload = {.run = p->board->run,
                                    .stream = (uint32_t)p->number,
                                    .kind = kind,
                                    .number = number,
                                    .intended_ns = intended_ns,
                                    .sent_ns = now};
    const struct message m = {.topic = p->topic,
                              .payload = p->payload,
                              .payload_len = p->setup->cell->payload,
                              .qos = p->setup->cell->carrier->qos};
    struct news_error err = {0};
    payload_write(&payload, p->payload, m.payload_len);
    uint64_t token = kind == PAYLOAD_ITEM ? number : BARRIER_NUMBER;
    enum transport_answer answer = p->port->ops->publish(p->port, &m, token, &err);
    if (answer == TRANSPORT_REFUSED) on_over(p, &err); /* the others are no smaller */
    return answer;
}

static void publish_barrier(struct publisher *p, int64_t now)
{
    if (!p->slot->up || now < p->barrier_ns) return;
    p->barrier_ns = now + BARRIER_NS;
    if (publish(p, PAYLOAD_BARRIER, p->barriers, now, now) == TRANSPORT_TAKEN) p->barriers++;
}

static void fire_due(struct publisher *p, int64_t start)
{
    int64_t now = mono_ns();
    for (; p->next < p->slot->item_count && start + p->slot->due_ns[p->next] <= now; p->next++) {
        p->slot->items[p->next].fired_ns = now;
        (void)ring_push(&p->waiting, (uint32_t)p->next); /* false: never sent, as sent_ns says */
    }
}

static void publish_waiting(struct publisher *p, int64_t start)
{
    p->again = false;
    for (int i = 0; p->waiting.count > 0 && p->slot->up; i++) {
        if (i == PUBLISHES_MAX) {
            p->again = true;
            return;
        }
        uint32_t number = ring_at(&p->waiting, 0);
        struct sent_item *item = &p->slot->items[number];
        int64_t now = mono_ns();
        /* Before the carrier has it: it may answer inside the call. */
        bool asked = p->setup->cell->carrier->qos > 0 && ring_push(&p->unanswered, number);
        if (publish(p, PAYLOAD_ITEM, number, start + p->slot->due_ns[number], now) !=
            TRANSPORT_TAKEN) {
            if (asked) (void)ring_pop_last(&p->unanswered);
            return;
        }
        if (!item->sent_ns) item->sent_ns = now;
        ring_pop(&p->waiting);
    }
}

/* --- the loop ------------------------------------------------------------------------------ */

static void wait_until(struct publisher *p, int64_t due_ns)
{
    struct pollfd fds[PORT_POLLS_MAX];
    int64_t now = mono_ns(), deadline = due_ns;
    size_t count = port_polls(p->port, fds, PORT_POLLS_MAX, &deadline);
    if (deadline > now + LONGEST_NS) deadline = now + LONGEST_NS;
    if (p->setup->spin && deadline == due_ns && due_ns - now < LONGEST_NS) deadline -= SPIN_NS;
    int64_t left = deadline > now ? deadline - now : 0;
    struct timespec timeout = {.tv_nsec = (long)left};
    (void)ppoll(fds, count, &timeout, NULL);
    port_service(p->port, fds, count);
    while (p->setup->spin && due_ns - mono_ns() < SPIN_NS && mono_ns() < due_ns)
        ;
}

static int64_t next_due(const struct publisher *p, int64_t start)
{
    if (p->waiting.count > 0 && p->slot->up && p->again) return 0;
    return p->next < p->slot->item_count ? start + p->slot->due_ns[p->next] : INT64_MAX;
}

static void note_done(struct publisher *p)
{
    p->slot->done = p->next == p->slot->item_count && p->waiting.count == 0 &&
                    p->unanswered.count == 0;
}

static void serve(struct publisher *p)
{
    while (!p->over && p->board->phase == BOARD_BARRIER) {
        publish_barrier(p, mono_ns());
        wait_until(p, mono_ns() + LOOK_NS);
    }
    int64_t start = p->board->start_ns;
    while (!p->over) {
        fire_due(p, start);
        if (p->waiting.count > 0) {
            publish_waiting(p, start);
            port_service(p->port, NULL, 0); /* on its way at once */
        }
        note_done(p);
        wait_until(p, next_due(p, start));
    }
}

static bool prepare(struct publisher *p, struct news_error *err)
{
    const struct role_setup *s = p->setup;
    const struct port_setup setup = {.carrier = s->cell->carrier,
                                     .payload_max = s->cell->payload,
                                     .url = s->url,
                                     .key = s->key,
                                     .board = s->board,
                                     .address = s->lab ? netlab_address(1) : "127.0.0.1",
                                     .unchecked = s->cell->corrupt > 0,
                                     .publishes = true,
                                     .number = p->number};
    const struct port_events events = {.user = p,
                                       .on_up = on_up,
                                       .on_lost = on_lost,
                                       .on_item = on_item,
                                       .on_answer = on_answer,
                                       .on_announced = on_announced,
                                       .on_over = on_over};
    port_topic(p->number, p->topic);
    p->payload = malloc(s->cell->payload);
    if (!p->payload || !ring_init(&p->waiting, QUEUE_MAX) ||
        !ring_init(&p->unanswered, OUTSTANDING))
        return news_fail(err, NEWS_ERR_MEMORY, "out of memory");
    p->port = port_open(&setup, &events, err);
    return p->port != NULL;
}

void publisher_role(const struct role_setup *s, size_t number, struct news_error *err)
{
    struct publisher p = {
        .setup = s, .board = s->board, .slot = &s->board->publisher[number], .number = number};
    if (!prepare(&p, err)) return;
    serve(&p);
    *err = p.why;
}
