#include <stdlib.h>
#include <string.h>

#include "relay/hub_state.h"

/* --- buffers -------------------------------------------------------------------------------- */

/* Most streams have nothing to write most of the time: those that do share a few buffers. */
static bool chunk_take(struct hub *h, struct chunk *c, size_t need)
{
    size_t size = need > h->config.pass_max ? need : h->config.pass_max;
    if (size == h->config.pass_max && h->kept_count > 0) {
        *c = h->kept[--h->kept_count];
        return true;
    }
    *c = (struct chunk){.bytes = malloc(size), .size = size};
    return c->bytes != NULL;
}

static void chunk_release(struct hub *h, struct chunk *c)
{
    if (c->bytes && c->size == h->config.pass_max && h->kept_count < CHUNKS_KEPT)
        h->kept[h->kept_count++] = (struct chunk){.bytes = c->bytes, .size = c->size};
    else free(c->bytes);
    *c = (struct chunk){0};
}

void stream_free(struct hub *h, struct peer *p)
{
    chunk_release(h, &p->chunk);
}

/* --- output --------------------------------------------------------------------------------- */

/* Where the next frame of `size` bytes goes; NULL: not now. */
static uint8_t *frame_room(struct hub *h, struct peer *p, size_t size)
{
    struct chunk *c = &p->chunk;
    size += p->out ? NRP_TAG_SIZE : 0;
    if (!c->bytes && !chunk_take(h, c, size)) {
        peer_doom(h, p, NRP_CODE_TOO_MANY);
        return NULL;
    }
    return size <= c->size - c->len ? c->bytes + c->len : NULL;
}

static bool seal(struct peer *p, uint8_t *frame, size_t size)
{
    uint8_t *tag = frame + size;
    uint64_t packet = p->packets_out++;
    if (packet >= NRP_PACKETS_MAX) return false;
    if (p->hello.security == NRP_SEALED)
        return nrp_seal(p->out, packet, frame, NRP_HEADER_SIZE, frame + NRP_HEADER_SIZE,
                        size - NRP_HEADER_SIZE, tag);
    return nrp_seal(p->out, packet, frame, size, tag, 0, tag);
}

/* The frame that was written to frame_room() is complete. */
static bool frame_done(struct hub *h, struct peer *p, size_t size)
{
    if (p->out) {
        if (!seal(p, p->chunk.bytes + p->chunk.len, size)) {
            peer_doom(h, p, NRP_CODE_TOO_MANY);
            p->over = true; /* there is no other way to say anything */
            return false;
        }
        size += NRP_TAG_SIZE;
    }
    p->chunk.len += size;
    return true;
}

bool stream_stage_control(struct hub *h, struct peer *p)
{
    const uint8_t *frames = (const uint8_t *)p->control.data;
    size_t done = 0, len = p->control.len;
    while (done < len) {
        size_t size = peer_control_size(frames + done);
        uint8_t *at = frame_room(h, p, size);
        if (!at) break;
        memcpy(at, frames + done, size);
        if (!frame_done(h, p, size)) break;
        done += size;
    }
    if (done < len) {
        buf_consume(&p->control, done);
        return false;
    }
    if (p->control.data) buf_deinit(&p->control);
    return true;
}

static bool stage_item(struct hub *h, struct peer *p, const struct outbox_entry *e)
{
    const struct record *r = e->record;
    size_t size = NRP_ITEM_PREFIX + record_size(r);
    uint8_t *at = frame_room(h, p, size);
    if (!at) return false;
    struct nrp_item item = {
        .dseq = e->dseq, .iseq = r->iseq, .fragment_count = 1, .flags = e->flags};
    nrp_item_prefix(at, &item, r->topic_len, r->payload_len);
    memcpy(at + NRP_ITEM_PREFIX, record_topic(r), r->topic_len);
    if (r->payload_len)
        memcpy(at + NRP_ITEM_PREFIX + r->topic_len, record_payload(r), r->payload_len);
    if (!frame_done(h, p, size)) return false;
    h->counts.delivered++;
    h->counts.delivered_bytes += record_size(r);
    return true;
}

static bool stage_gap(struct hub *h, struct peer *p, const struct outbox_entry *e)
{
    struct nrp_frame f = {
        .type = NRP_GAP,
        .gap = {.first_dseq = e->dseq, .last_dseq = e->dseq + e->frames - 1, .reason = e->reason}};
    uint8_t *at = frame_room(h, p, nrp_frame_size(&f));
    if (!at || !frame_done(h, p, nrp_frame_write(&f, at))) return false;
    h->counts.gaps++;
    return true;
}

static bool window_is_open(const struct peer *p)
{
    return p->qos == 0 || p->given - p->acked < p->hub->config.sender.window;
}

static void stage_items(struct hub *h, struct peer *p)
{
    unsigned done = 0;
    const struct outbox_entry *e;
    while (window_is_open(p) && (e = outbox_at(&p->box, done))) {
        if (!(e->record ? stage_item(h, p, e) : stage_gap(h, p, e))) break;
        p->given = e->dseq + e->frames - 1;
        done++;
    }
    outbox_pop(&p->box, done);
}

bool stream_has_output(const struct peer *p)
{
    if (p->control.len > 0 || p->chunk.len > p->chunk.at) return true;
    return p->state == PEER_OPEN && (p->behind || p->box.count > 0) && window_is_open(p);
}

static void stage(struct hub *h, int64_t now_us, struct peer *p)
{
    bool read, on;
    unsigned reads = 0;
    do { /* more than what comes live meanwhile, or it never catches up */
        read = dispatch_catch_up(h, now_us, p);
        on = stream_stage_control(h, p) && p->state == PEER_OPEN;
        if (on) stage_items(h, p);
    } while (on && read && ++reads < HUB_READS && p->chunk.len <= p->chunk.size / 2);
    if (on) {
        if (h->shutting && !p->behind && p->box.count == 0) {
            peer_end(h, now_us, p, NRP_CODE_SHUTTING_DOWN, NULL);
            (void)stream_stage_control(h, p);
        }
    }
    /* Nothing of what it read was for it: it reads on when the others had their turn. */
    if (read && p->chunk.len == p->chunk.at) peer_mark(h, p);
}

int hub_output(struct hub *h, struct peer *p, struct iovec *iov, int max)
{
    struct chunk *c = &p->chunk;
    if (p->over || max < 1) return 0;
    if (c->at > c->size / 2) {
        memmove(c->bytes, c->bytes + c->at, c->len - c->at);
        c->len -= c->at;
        c->at = 0;
    }
    stage(h, h->now_us, p);
    peer_end_doomed(h, h->now_us);
    if (c->at == c->len) {
        chunk_release(h, c);
        return 0;
    }
    iov[0] = (struct iovec){.iov_base = c->bytes + c->at, .iov_len = c->len - c->at};
    return 1;
}

void hub_sent(struct hub *h, int64_t now_us, struct peer *p, size_t len)
{
    struct chunk *c = &p->chunk;
    h->now_us = now_us;
    if (len > 0) hub_moved(h, now_us);
    c->at += len < c->len - c->at ? len : c->len - c->at;
    p->blocked = c->at < c->len;
    if (p->blocked) return;
    chunk_release(h, c);
    stream_resume(h, now_us, p); /* there is room for answers again */
    peer_end_doomed(h, now_us);
    if (peer_over(p) || stream_has_output(p)) peer_mark(h, p);
}

struct peer *hub_next_writable(struct hub *h)
{
    struct link *l = link_take(&h->writable);
    return l ? peer_of_work(l) : NULL;
}
