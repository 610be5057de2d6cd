#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "relay/hub_state.h"

#define PINGS_MAX  3
#define LAST_WORDS 1024 /* bytes beside CONTROL_MAX, for ERROR and GOODBYE */

struct peer *peer_new(struct hub *h, int64_t now_us, const struct nrp_address *from, void *user)
{
    if (!timers_reserve(&h->timers, h->peer_count + 1)) return NULL;
    struct peer *p = calloc(1, sizeof *p);
    if (!p) return NULL;
    p->hub = h;
    p->user = user;
    p->from = *from;
    p->since_us = p->heard_us = now_us;
    p->limits = &h->limits[0];
    outbox_init(&p->box);
    link_append(&h->peers, &p->all);
    h->peer_count++;
    return p;
}

void peer_free(struct hub *h, struct peer *p)
{
    timers_clear(&h->timers, &p->timer);
    roster_leave(&h->clients, &p->by_client);
    link_remove(&p->all);
    link_remove(&p->work);
    link_remove(&p->aside);
    if (p->entered) guard_leave(h->guard, &p->from);
    if (p->d) datagram_free(h, p);
    else stream_free(h, p);
    outbox_deinit(&p->box);
    waiting_deinit(&p->retained);
    waiting_deinit(&p->held);
    record_unref(p->will);
    guard_key_free(p->key);
    nrp_cipher_free(p->in);
    nrp_cipher_free(p->out);
    buf_deinit(&p->input);
    buf_deinit(&p->control);
    h->peer_count--;
    free(p);
}

void peer_mark(struct hub *h, struct peer *p)
{
    if (link_is_in(&p->work) || (p->blocked && !peer_over(p))) return;
    link_append(p->d ? &h->ready : &h->writable, &p->work);
}

static bool queue_control(struct hub *h, struct peer *p, const struct nrp_frame *f, size_t max)
{
    size_t size = nrp_frame_size(f);
    char *at = NULL;
    if (p->control.len + size <= max) at = buf_reserve(&p->control, size);
    if (!at) return false;
    p->control.len += nrp_frame_write(f, (uint8_t *)at);
    peer_mark(h, p);
    return true;
}

void peer_control(struct hub *h, struct peer *p, const struct nrp_frame *f)
{
    if (p->over || p->doomed || queue_control(h, p, f, CONTROL_MAX)) return;
    peer_doom(h, p, NRP_CODE_TOO_MANY); /* it asks and does not read the answers */
}

size_t peer_control_size(const uint8_t *frame)
{
    uint32_t length;
    memcpy(&length, frame + 4, sizeof length);
    return NRP_HEADER_SIZE + be32toh(length);
}

/* --- ends --- */

static void say_end(struct hub *h, struct peer *p, enum nrp_code code, const char *text)
{
    struct nrp_frame f = {.type = NRP_ERROR, .notice = {.code = (uint16_t)code}};
    if (text) {
        f.payload = (const uint8_t *)text;
        f.payload_len = strlen(text);
        (void)queue_control(h, p, &f, CONTROL_MAX + LAST_WORDS);
    }
    f = (struct nrp_frame){.type = NRP_GOODBYE, .notice = {.code = (uint16_t)code}};
    (void)queue_control(h, p, &f, CONTROL_MAX + LAST_WORDS);
}

/* Nothing but what is encoded already will be written. */
static void leave(struct hub *h, struct peer *p)
{
    bool open = p->state == PEER_OPEN;
    p->state = PEER_ENDING;
    p->live = false;
    link_remove(&p->aside);
    if (open) session_leave(h, p, false);
    outbox_deinit(&p->box);
    waiting_deinit(&p->retained);
    waiting_deinit(&p->held);
    p->retained_bytes = p->held_paid = 0;
    p->again_us = 0;
    buf_deinit(&p->input);
}

void peer_end(struct hub *h, int64_t now_us, struct peer *p, enum nrp_code code, const char *text)
{
    if (p->state == PEER_ENDING) return;
    leave(h, p);
    p->ends_us = now_us + h->config.goodbye_us;
    say_end(h, p, code, text);
    peer_mark(h, p);
    peer_arm(h, p, now_us);
}

void peer_cut(struct hub *h, int64_t now_us, struct peer *p)
{
    if (p->state != PEER_ENDING) leave(h, p);
    p->over = true;
    buf_deinit(&p->control);
    p->ends_us = now_us;
    peer_mark(h, p);
    peer_arm(h, p, now_us);
}

void peer_doom(struct hub *h, struct peer *p, enum nrp_code code)
{
    if (p->doomed) return;
    p->live = false;
    p->doomed = true;
    p->doom = code;
    link_remove(&p->aside);
    link_append(&h->doomed, &p->aside);
}

void peer_end_doomed(struct hub *h, int64_t now_us)
{
    for (struct link *l; (l = link_take(&h->doomed));) {
        struct peer *p = link_owner(l, struct peer, aside);
        if (p->doom == NRP_CODE_SLOW_CONSUMER) h->counts.disconnected_slow++;
        if (p->over) peer_cut(h, now_us, p);
        else peer_end(h, now_us, p, p->doom, nrp_code_text(p->doom));
    }
}

bool peer_over(const struct peer *p)
{
    if (p->over) return true;
    return p->state == PEER_ENDING && p->held.count == 0 && p->control.len == 0 &&
           p->chunk.len == p->chunk.at;
}

/* --- time --- */

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t datagram_deadline(const struct peer *p)
{
    int64_t at = earlier(p->heard_us + p->hub->config.lease_us, fragments_deadline(p->d));
    if (link_is_in(&p->work)) return at; /* it is asked anyway */
    return earlier(at, sender_deadline(p->d->sender, &p->box));
}

static int64_t stream_deadline(const struct peer *p)
{
    const struct hub_config *c = &p->hub->config;
    if (p->state != PEER_OPEN) return p->since_us + c->handshake_us;
    int64_t at = p->heard_us + (p->pings + 1) * c->idle_us;
    return p->frame_us ? earlier(at, p->frame_us + c->frame_us) : at;
}

int64_t peer_deadline(const struct peer *p, int64_t now_us)
{
    int64_t at;
    if (p->state == PEER_ENDING) at = p->over && !p->d ? INT64_MAX : p->ends_us;
    else at = p->d ? datagram_deadline(p) : stream_deadline(p);
    if (p->again_us && !p->over) at = earlier(at, p->again_us);
    return at <= now_us ? now_us + 1 : at;
}

void peer_arm(struct hub *h, struct peer *p, int64_t now_us)
{
    int64_t at = peer_deadline(p, now_us);
    if (p->timer.place == 0 || at < p->timer.at_us) timers_set(&h->timers, &p->timer, at);
}

/* Whom we do not read cannot be heard: that is not its silence. One that does not take our answers
 * is another matter. */
static bool is_unheard(const struct peer *p)
{
    return p->held.count > 0 || (p->publishes && p->hub->blocks > 0);
}

static void tick_stream(struct hub *h, struct peer *p, int64_t now_us)
{
    const struct hub_config *c = &h->config;
    if (p->state != PEER_OPEN) {
        if (now_us >= p->since_us + c->handshake_us)
            peer_end(h, now_us, p, NRP_CODE_TIMEOUT, "the handshake took too long");
        return;
    }
    if (is_unheard(p)) {
        p->heard_us = now_us;
        p->pings = 0;
        if (p->frame_us) p->frame_us = now_us;
    }
    if (p->frame_us && now_us >= p->frame_us + c->frame_us) {
        peer_end(h, now_us, p, NRP_CODE_TIMEOUT, "a frame was begun and not finished");
        return;
    }
    outbox_trim(&p->box);
    if (now_us < p->heard_us + (p->pings + 1) * c->idle_us) return;
    if (p->pings == PINGS_MAX) {
        peer_cut(h, now_us, p);
        return;
    }
    p->pings++;
    struct nrp_frame ping = {.type = NRP_PING, .token = (uint64_t)now_us};
    peer_control(h, p, &ping);
}

static void tick_datagram(struct hub *h, struct peer *p, int64_t now_us)
{
    fragments_expire(p->d, now_us);
    if (now_us >= p->heard_us + h->config.lease_us) {
        peer_cut(h, now_us, p);
        return;
    }
    outbox_trim(&p->box);
    if (sender_deadline(p->d->sender, &p->box) <= now_us) peer_mark(h, p);
}

static void try_again(struct hub *h, struct peer *p, int64_t now_us)
{
    p->again_us = 0;
    if (p->d) peer_mark(h, p);
    else if (session_retry(h, now_us, p)) stream_resume(h, now_us, p);
}

void peer_tick(struct hub *h, struct peer *p, int64_t now_us)
{
    if (p->again_us && now_us >= p->again_us) try_again(h, p, now_us);
    if (p->state == PEER_ENDING) {
        if (now_us >= p->ends_us) peer_cut(h, now_us, p);
    } else if (p->d) {
        tick_datagram(h, p, now_us);
    } else {
        tick_stream(h, p, now_us);
    }
    peer_end_doomed(h, now_us);
    if (p->d && p->over) peer_free(h, p);
    else timers_set(&h->timers, &p->timer, peer_deadline(p, now_us));
}

/* --- records that wait --- */

bool waiting_put(struct waiting *w, struct record *r, uint64_t id, bool with_id)
{
    if (w->count == w->size) {
        size_t size = w->size ? w->size * 2 : 16;
        struct record **records = realloc(w->records, size * sizeof(struct record *));
        if (!records) return false;
        w->records = records;
        uint64_t *ids = with_id ? realloc(w->ids, size * sizeof *ids) : NULL;
        if (with_id && !ids) return false;
        w->ids = ids;
        w->size = size;
    }
    w->records[w->count] = r;
    if (with_id) w->ids[w->count] = id;
    w->count++;
    return true;
}

void waiting_deinit(struct waiting *w)
{
    for (size_t i = w->at; i < w->count; i++)
        record_unref(w->records[i]);
    free(w->records);
    free(w->ids);
    *w = (struct waiting){0};
}
