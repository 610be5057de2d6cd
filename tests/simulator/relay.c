/* The relay as its server would run it: one reactor, its sockets here pipes and a queue. */
#include <stdlib.h>
#include <string.h>

#include "tests/simulator/world.h"

enum { FOLLOW_MAX = 64, READ_MAX = 4096, IOVECS = 16, ORACLE = 1 };

void relay_start(struct world *w)
{
    struct news_error err = {0};
    w->log = relay_log_new(&w->scenario.log, &w->relay_random, &err);
    if (w->log)
        w->hub = hub_new(&w->scenario.hub, w->log, 0, w->guard, &w->relay_random, w->now, &err);
    if (!w->hub || w->era_count == ERAS_MAX) abort();
    w->eras[w->era_count++] = (struct era){.epoch = relay_log_epoch(w->log)};
    w->relay_turn_at = NEVER;
    w->relay_frozen_until = w->relay_shutdown_at = 0;
    world_trace(w, "relay: up, epoch %016llx", (unsigned long long)relay_log_epoch(w->log));
    relay_wake(w, w->now);
}

void relay_stop(struct world *w)
{
    if (!w->hub) return;
    relay_note_log(w);
    hub_free(w->hub);
    relay_log_free(w->log);
    w->hub = NULL;
    w->log = NULL;
    while (w->inbox) {
        struct parcel *p = w->inbox;
        w->inbox = p->next;
        free(p);
    }
    w->inbox_end = &w->inbox;
    w->inbox_count = 0;
    for (size_t i = 0; i < w->stream_count; i++) {
        struct stream *s = w->streams[i];
        if (!s->peer) continue;
        s->peer = NULL;
        wire_cut(w, s, w->actors[s->actor].plan->link.delay_us, 0);
    }
    world_trace(w, "relay: down");
}

void relay_wake(struct world *w, int64_t at)
{
    if (at == NEVER || !w->hub) return;
    if (at < w->relay_frozen_until) at = w->relay_frozen_until;
    if (at >= w->relay_turn_at) return;
    w->relay_turn_at = at;
    agenda_add(&w->agenda, (struct event){.at = at, .kind = EVENT_RELAY_TURN});
}

void relay_note_log(struct world *w)
{
    struct record *r[FOLLOW_MAX];
    size_t count;
    while ((count = relay_log_follow(w->log, ORACLE, r, FOLLOW_MAX)) > 0)
        for (size_t i = 0; i < count; i++) {
            oracle_logged(w, r[i]);
            record_unref(r[i]);
        }
}

static void read_datagrams(struct world *w)
{
    while (w->inbox) {
        struct parcel *p = w->inbox;
        w->inbox = p->next;
        if (!w->inbox) w->inbox_end = &w->inbox;
        w->inbox_count--;
        check_read(w, &p->address, p->len);
        hub_datagram_input(w->hub, w->now, &p->address, p->bytes, p->len);
        free(p);
        relay_note_log(w);
    }
}

static void close_stream(struct world *w, struct stream *s)
{
    struct peer *p = s->peer;
    s->peer = NULL;
    wire_close(w, s, DOWN);
    hub_close(w->hub, w->now, p);
    relay_note_log(w);
}

static void read_stream(struct world *w, struct stream *s)
{
    uint8_t bytes[READ_MAX];
    size_t len;
    while (!s->deaf && peer_wants_input(s->peer) &&
           (len = wire_read(w, s, UP, bytes, sizeof bytes)) > 0) {
        s->deaf = !hub_input(w->hub, w->now, s->peer, bytes, len);
        relay_note_log(w);
    }
    struct pipe *up = &s->pipes[UP];
    if (s->deaf && up->arrived > 0)
        wire_read(w, s, UP, bytes, up->arrived < sizeof bytes ? up->arrived : sizeof bytes);
    if (wire_ended(s, UP) || (up->end_arrived && s->deaf)) close_stream(w, s);
}

static bool read_streams(struct world *w, bool only_look)
{
    for (size_t i = 0; i < w->stream_count; i++) {
        struct stream *s = w->streams[i];
        if (!s->peer) continue;
        if (!only_look) read_stream(w, s);
        else if (s->pipes[UP].arrived > 0 && !s->deaf && peer_wants_input(s->peer)) return true;
    }
    return false;
}

static size_t write_stream(struct world *w, struct stream *s)
{
    struct iovec iov[IOVECS];
    size_t total = 0;
    int count;
    s->full = false;
    while (!s->full && (count = hub_output(w->hub, s->peer, iov, IOVECS)) > 0) {
        size_t sent = 0;
        for (int i = 0; i < count && !s->full; i++) {
            size_t n = wire_write(w, s, DOWN, iov[i].iov_base, iov[i].iov_len);
            sent += n;
            s->full = n < iov[i].iov_len;
        }
        if (sent > 0) hub_sent(w->hub, w->now, s->peer, sent);
        total += sent;
    }
    if (!s->full && peer_over(s->peer)) close_stream(w, s);
    return total;
}

static size_t write_all(struct world *w)
{
    size_t written = 0, len;
    for (size_t i = 0; i < w->stream_count; i++) { /* EPOLLOUT */
        struct stream *s = w->streams[i];
        if (s->peer && s->full && s->pipes[DOWN].len < w->scenario.pipe_size)
            written += write_stream(w, s);
    }
    struct peer *p;
    while ((p = hub_next_writable(w->hub)))
        written += write_stream(w, peer_user(p));
    uint8_t bytes[NRP_DATAGRAM_MAX];
    struct nrp_address to;
    while (!w->failed && (len = hub_datagram(w->hub, w->now, bytes, sizeof bytes, &to)) > 0) {
        if (to.ip[0] == w->scenario.hub.group.address.ip[0]) network_group(w, bytes, len);
        else network_down(w, &to, bytes, len);
        written += len;
    }
    return written;
}

static void end_shutdown(struct world *w)
{
    if (w->relay_shutdown_at == 0) return;
    int64_t late = w->now - w->relay_shutdown_at - w->scenario.hub.drain_us;
    bool empty = hub_is_empty(w->hub);
    check(w, I6_LIVENESS, empty || late < SECOND, "the relay does not come to its end");
    if (!empty) {
        relay_wake(w, w->now + SECOND / 5);
        return;
    }
    relay_stop(w);
    agenda_add(&w->agenda, (struct event){.at = w->now + SECOND / 2, .kind = EVENT_RELAY_START});
}

void relay_turn(struct world *w)
{
    if (w->now < w->relay_frozen_until) {
        w->relay_turn_at = NEVER;
        relay_wake(w, w->relay_frozen_until);
        return;
    }
    w->relay_turns_now = w->relay_last_turn == w->now ? w->relay_turns_now + 1 : 0;
    w->relay_last_turn = w->now;
    w->relay_turn_at = NEVER;
    read_datagrams(w);
    read_streams(w, false);
    uint64_t followed = relay_log_followed(w->log, 0);
    bool more = hub_follow(w->hub, w->now);
    hub_tick(w->hub, w->now);
    relay_note_log(w); /* wills of those who are gone */
    if (w->now - w->log_ticked_at >= SECOND) {
        relay_log_tick(w->log, w->now);
        w->log_ticked_at = w->now;
    }
    size_t written = write_all(w);
    check_relay(w);
    bool moved = written > 0 || relay_log_followed(w->log, 0) != followed;
    if ((more && moved) || relay_log_followed(w->log, 0) != relay_log_last(w->log) ||
        read_streams(w, true))
        relay_wake(w, w->now);
    relay_wake(w, hub_deadline(w->hub));
    end_shutdown(w);
}
