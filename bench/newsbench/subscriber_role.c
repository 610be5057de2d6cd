/* One or several subscribers in one process: what comes is checked and noted on the board. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/newsbench/delivery.h"
#include "bench/newsbench/payload.h"
#include "bench/newsbench/port.h"
#include "bench/newsbench/roles.h"

#define LONGEST_NS 900000000
#define SLOW_NS    100000000 /* between two looks at the clock of a slow one, at most */
/* How many items a slow subscriber may be ahead of its share before it stops reading. */
#define SLOW_AHEAD 2.0

struct subscriber {
    const struct role_setup *setup;
    struct subscriber_slot *slot;
    struct port *port;
    struct delivery **streams; /* of each publisher */
    bool *met;                 /* whose barrier item came */
    size_t taken;              /* records, those included that extra_ms holds back */
    int64_t *taken_ns;         /* when; NULL without extra_ms */
    bool slow, paused;
    double slow_rate; /* items a second */
    size_t first_poll, polls;
    int64_t deadline_ns;
    struct news_error *why;
    bool *over; /* of the process */
};

/* --- what the port tells ------------------------------------------------------------------- */

static void on_up(void *user)
{
    ((struct subscriber *)user)->slot->up = true;
}

static void on_lost(void *user)
{
    ((struct subscriber *)user)->slot->up = false;
}

static void on_answer(void *user, uint64_t token)
{
    (void)user, (void)token;
}

static void on_announced(void *user, uint64_t count)
{
    ((struct subscriber *)user)->slot->announced += count;
}

static void on_over(void *user, const struct news_error *why)
{
    struct subscriber *s = user;
    *s->over = true;
    *s->why = *why;
}

static void meet(struct subscriber *s, uint32_t stream)
{
    if (s->met[stream]) return;
    s->met[stream] = true;
    s->slot->streams_met++;
}

/* Publishes the record at `at` to the parent: it is complete. */
static void note(struct subscriber *s, size_t at, int64_t now)
{
    struct arrival_record *r = &s->slot->records[at];
    const struct publisher_slot *p = &s->setup->board->publisher[r->stream];
    int64_t late = now - s->setup->board->start_ns - p->due_ns[r->number];
    r->received_ns = now;
    if (late > s->slot->worst_ns) s->slot->worst_ns = late;
    if (delivery_note(s->streams[r->stream], r->number) == ARRIVED_FIRST) s->slot->distinct++;
    s->slot->count = at + 1;
}

static void take(struct subscriber *s, const struct payload *p, int64_t now)
{
    if (s->taken == s->slot->room) {
        s->slot->overflow++;
        return;
    }
    s->slot->records[s->taken] = (struct arrival_record){.stream = p->stream,
                                                         .number = (uint32_t)p->number};
    if (s->taken_ns) s->taken_ns[s->taken] = now;
    else note(s, s->taken, now);
    s->taken++;
}

static bool is_ours(const struct subscriber *s, const struct payload *p)
{
    const struct board *b = s->setup->board;
    return p->run == b->run && p->stream < b->publishers &&
           (p->kind == PAYLOAD_BARRIER || p->number < b->publisher[p->stream].item_count);
}

static void on_item(void *user, const void *bytes, size_t len)
{
    int64_t now = mono_ns();
    struct subscriber *s = user;
    struct payload p;
    if (payload_read(bytes, len, &p) != PAYLOAD_OK || !is_ours(s, &p)) s->slot->corrupt++;
    else if (p.kind == PAYLOAD_BARRIER) meet(s, p.stream);
    else if (p.kind == PAYLOAD_ITEM) take(s, &p, now);
}

/* --- those that are odd -------------------------------------------------------------------- */

/* extra_ms: an item is noted so long after it came. */
static void note_held(struct subscriber *s, int64_t *deadline_ns)
{
    if (!s->taken_ns) return;
    int64_t extra_ns = (int64_t)(s->setup->cell->extra_ms * 1e6), now = mono_ns();
    while (s->slot->count < s->taken && s->taken_ns[s->slot->count] + extra_ns <= now)
        note(s, s->slot->count, mono_ns());
    if (s->slot->count == s->taken) return;
    int64_t due = s->taken_ns[s->slot->count] + extra_ns;
    if (due < *deadline_ns) *deadline_ns = due;
}

/* A slow subscriber stops reading while it is ahead of its share of the schedule. */
static void pace(struct subscriber *s, int64_t *deadline_ns)
{
    struct board *b = s->setup->board;
    if (!s->slow) return;
    int64_t now = mono_ns();
    double ahead = 0;
    if (b->phase == BOARD_RUN && now > b->start_ns)
        ahead = (double)s->taken - (double)(now - b->start_ns) / 1e9 * s->slow_rate;
    bool pause = s->paused ? ahead > 0 : ahead > SLOW_AHEAD;
    if (pause != s->paused) s->port->ops->set_reading(s->port, !pause);
    s->paused = pause;
    if (!pause) return;
    double pause_ns = ahead / s->slow_rate * 1e9;
    int64_t due = now + (pause_ns < SLOW_NS ? (int64_t)pause_ns : SLOW_NS);
    if (due < *deadline_ns) *deadline_ns = due;
}

/* --- the loop ------------------------------------------------------------------------------ */

static void serve_one(struct subscriber *s, struct pollfd *fds)
{
    bool ready = s->deadline_ns <= mono_ns();
    for (size_t i = 0; i < s->polls; i++)
        ready |= fds[s->first_poll + i].revents != 0;
    if (ready) port_service(s->port, fds + s->first_poll, s->polls);
}

static void turn(struct subscriber *all, size_t count, struct pollfd *fds, size_t room)
{
    int64_t now = mono_ns(), deadline = now + LONGEST_NS;
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        struct subscriber *s = &all[i];
        s->deadline_ns = INT64_MAX;
        pace(s, &deadline);
        note_held(s, &deadline);
        s->first_poll = used;
        s->polls = port_polls(s->port, fds + used, room - used, &s->deadline_ns);
        used += s->polls;
        if (s->deadline_ns < deadline) deadline = s->deadline_ns;
    }
    int64_t left = deadline > now ? deadline - now : 0;
    struct timespec timeout = {.tv_nsec = (long)left};
    (void)ppoll(fds, used, &timeout, NULL);
    for (size_t i = 0; i < count; i++)
        serve_one(&all[i], fds);
}

/* --- setting up ---------------------------------------------------------------------------- */

static bool make_streams(struct subscriber *s)
{
    const struct board *b = s->setup->board;
    s->streams = calloc(b->publishers, sizeof(struct delivery *));
    s->met = calloc(b->publishers, sizeof *s->met);
    if (!s->streams || !s->met) return false;
    for (size_t i = 0; i < b->publishers; i++)
        if (!(s->streams[i] = delivery_new(b->publisher[i].item_count))) return false;
    if (!(s->setup->cell->extra_ms > 0)) return true;
    s->taken_ns = malloc(s->slot->room * sizeof *s->taken_ns);
    return s->taken_ns != NULL;
}

static bool prepare(struct subscriber *s, size_t number, struct news_error *err)
{
    const struct role_setup *r = s->setup;
    const struct port_setup setup = {.carrier = r->cell->carrier,
                                     .payload_max = r->cell->payload,
                                     .url = r->url,
                                     .key = r->key,
                                     .board = r->board,
                                     .address = r->lab ? netlab_address(1) : "127.0.0.1",
                                     .number = number,
                                     .filter = PORT_FILTER};
    const struct port_events events = {.user = s,
                                       .on_up = on_up,
                                       .on_lost = on_lost,
                                       .on_item = on_item,
                                       .on_answer = on_answer,
                                       .on_announced = on_announced,
                                       .on_over = on_over};
    s->slot = &r->board->subscriber[number];
    s->slow = number < r->cell->slow_subscribers && r->cell->slow_share > 0;
    s->slow_rate = r->cell->slow_share * r->cell->rate;
    if (!make_streams(s)) return news_fail(err, NEWS_ERR_MEMORY, "out of memory");
    s->port = port_open(&setup, &events, err);
    return s->port != NULL;
}

void subscriber_role(const struct role_setup *r, size_t first, size_t count, struct news_error *err)
{
    size_t room = count * (r->board->publishers + 1);
    bool over = false;
    struct subscriber *all = calloc(count, sizeof *all);
    struct pollfd *fds = calloc(room, sizeof *fds);
    if (!all || !fds) {
        news_fail(err, NEWS_ERR_MEMORY, "out of memory");
        return;
    }
    for (size_t i = 0; i < count; i++) {
        all[i] = (struct subscriber){.setup = r, .why = err, .over = &over};
        if (!prepare(&all[i], first + i, err)) return;
    }
    while (!over)
        turn(all, count, fds, room);
}

/* --- the counter of a mosquitto ------------------------------------------------------------ */

#define DROPPED_TOPIC "$SYS/broker/publish/messages/dropped"

static void on_count(void *user, const void *bytes, size_t len)
{
    char text[24];
    struct board *b = user;
    if (len >= sizeof text) return;
    memcpy(text, bytes, len);
    text[len] = '\0';
    b->dropped = strtoull(text, NULL, 10);
}

static void ignore(void *user)
{
    (void)user;
}

static void give_up(void *user, const struct news_error *why)
{
    (void)user, (void)why;
    _exit(1);
}

void drops_role(const struct role_setup *r, struct news_error *err)
{
    const struct port_setup setup = {.carrier = r->cell->carrier,
                                     .payload_max = r->cell->payload,
                                     .url = r->url,
                                     .filter = DROPPED_TOPIC};
    const struct port_events events = {.user = r->board,
                                       .on_up = ignore,
                                       .on_lost = ignore,
                                       .on_item = on_count,
                                       .on_answer = on_answer,
                                       .on_announced = on_announced,
                                       .on_over = give_up};
    struct port *port = port_open(&setup, &events, err);
    while (port && r->board->dropped == UINT64_MAX) {
        struct pollfd fd;
        int64_t deadline = mono_ns() + LONGEST_NS;
        size_t count = port_polls(port, &fd, 1, &deadline);
        int64_t left = deadline - mono_ns();
        struct timespec timeout = {.tv_nsec = left > 0 ? (long)left : 0};
        (void)ppoll(&fd, count, &timeout, NULL);
        port_service(port, &fd, count);
    }
}
