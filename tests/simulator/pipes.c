/* Streams: two pipes each, which deliver all bytes in order, in pieces, later - or nothing any
 * more. */
#include <stdlib.h>
#include <string.h>

#include "common/hash.h"
#include "tests/simulator/world.h"

struct stream *wire_open(struct world *w, struct actor *a)
{
    if (w->stream_count == w->stream_size) {
        w->stream_size = w->stream_size ? 2 * w->stream_size : 16;
        w->streams = realloc(w->streams, w->stream_size * sizeof(struct stream *));
    }
    struct stream *s = calloc(1, sizeof *s);
    if (!s || !w->streams) abort();
    s->index = (unsigned)w->stream_count;
    s->actor = a->index;
    s->address = a->address;
    w->streams[w->stream_count++] = s;
    int64_t at = w->now + 2 * a->plan->link.delay_us;
    for (int d = UP; d <= DOWN; d++) {
        s->pipes[d].bytes = malloc(w->scenario.pipe_size);
        if (!s->pipes[d].bytes) abort();
        s->pipes[d].last_at = at;
    }
    agenda_add(&w->agenda, (struct event){.at = at, .kind = EVENT_ACCEPT, .who = s->index});
    return s;
}

void wire_free(struct stream *s)
{
    free(s->pipes[UP].bytes);
    free(s->pipes[DOWN].bytes);
    free(s);
}

static void add_end(struct world *w, struct stream *s, enum direction d, int64_t at)
{
    agenda_add(
        &w->agenda,
        (struct event){.at = at, .kind = EVENT_PIPE_END, .who = s->index, .arg = (uint64_t)d});
}

void wire_accept(struct world *w, struct stream *s)
{
    enum nrp_code code = NRP_OK;
    if (w->hub && !s->pipes[UP].dead) s->peer = hub_accept(w->hub, w->now, &s->address, s, &code);
    if (!s->peer) { /* refused */
        wire_cut(w, s, w->actors[s->actor].plan->link.delay_us, 0);
        return;
    }
    relay_wake(w, w->now);
}

size_t wire_write(struct world *w, struct stream *s, enum direction d, const uint8_t *bytes,
                  size_t len)
{
    struct pipe *p = &s->pipes[d];
    if (p->dead || p->end) return len;
    size_t room = w->scenario.pipe_size - p->len, done = 0;
    if (len > room) len = room;
    const struct link_plan *plan = &w->actors[s->actor].plan->link;
    w->digest = hash_bytes(w->digest ^ (uint64_t)w->now, bytes, len);
    w->tally.stream_bytes += len;
    while (done < len) {
        size_t part = (size_t)world_draw(w, CHANCE_ROUTE, 1, (int64_t)w->scenario.chunk_most);
        if (part > len - done) part = len - done;
        int64_t at = w->now + plan->delay_us;
        if (plan->jitter_us > 0 && world_has_faults(w))
            at += world_draw(w, CHANCE_ROUTE, 0, plan->jitter_us);
        if (at > p->last_at) p->last_at = at;
        memcpy(p->bytes + p->len, bytes + done, part);
        p->len += part;
        done += part;
        agenda_add(&w->agenda, (struct event){.at = p->last_at,
                                              .kind = EVENT_PIPE,
                                              .who = s->index,
                                              .arg = (uint64_t)part << 1 | d});
    }
    return done;
}

size_t wire_read(struct world *w, struct stream *s, enum direction d, uint8_t *out, size_t len)
{
    struct pipe *p = &s->pipes[d];
    if (len > p->arrived) len = p->arrived;
    if (len == 0) return 0;
    memcpy(out, p->bytes, len);
    memmove(p->bytes, p->bytes + len, p->len - len);
    p->len -= len;
    p->arrived -= len;
    /* There is room again for the other end. */
    if (d == UP) actor_wake(&w->actors[s->actor], w->now + w->scenario.turn_us);
    else if (s->full) relay_wake(w, w->now + w->scenario.turn_us);
    return len;
}

bool wire_ended(const struct stream *s, enum direction d)
{
    return s->pipes[d].end_arrived && s->pipes[d].arrived == 0;
}

void wire_close(struct world *w, struct stream *s, enum direction writes)
{
    struct pipe *mine = &s->pipes[writes], *other = &s->pipes[writes == UP ? DOWN : UP];
    other->dead = true;
    if (mine->dead || mine->end) return;
    mine->end = true;
    int64_t at = w->now + w->actors[s->actor].plan->link.delay_us;
    if (mine->last_at < at) mine->last_at = at;
    add_end(w, s, writes, mine->last_at);
}

void wire_cut(struct world *w, struct stream *s, int64_t client_us, int64_t relay_us)
{
    s->pipes[UP].dead = s->pipes[DOWN].dead = true;
    add_end(w, s, DOWN, w->now + client_us);
    add_end(w, s, UP, w->now + relay_us);
}

static void wake_reader(struct world *w, const struct stream *s, enum direction d)
{
    struct actor *a = &w->actors[s->actor];
    if (d == UP) relay_wake(w, w->now + w->scenario.turn_us);
    else if (a->stream == s) actor_wake(a, w->now + w->scenario.turn_us);
}

void wire_arrived(struct world *w, const struct event *e)
{
    struct stream *s = w->streams[e->who];
    enum direction d = e->arg & 1 ? DOWN : UP;
    struct pipe *p = &s->pipes[d];
    if (e->kind == EVENT_PIPE_END) {
        p->end_arrived = true;
        if (p->dead) p->arrived = 0; /* a reset takes what nobody had read */
    } else {
        if (p->dead) return;
        p->arrived += (size_t)(e->arg >> 1);
    }
    wake_reader(w, s, d);
}
