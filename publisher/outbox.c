#include "publisher/outbox.h"

#include <stdlib.h>
#include <string.h>

enum { SLOT_KEPT_MAX = 64 * 1024 }; /* bytes a slot keeps for its next message */

/* A ring: tokens count up for ever, a message's slot is its token modulo size. first..next are in
 * use, first..unsent have been sent (or are done), unsent..next wait. */
struct outbox {
    struct outbox_message *slots;
    size_t size;
    uint64_t first, unsent, next;
    uint64_t held;       /* tokens from here on are held; UINT64_MAX: none */
    size_t count, bytes; /* not yet done; bytes of their payloads */
};

static struct outbox_message *slot(const struct outbox *box, uint64_t token)
{
    return &box->slots[token % box->size];
}

struct outbox *outbox_new(size_t slots, struct news_error *err)
{
    struct outbox *box = calloc(1, sizeof *box);
    if (box) box->slots = calloc(slots, sizeof *box->slots);
    if (!box || !box->slots) {
        outbox_free(box);
        news_fail(err, NEWS_ERR_MEMORY, "out of memory");
        return NULL;
    }
    box->size = slots;
    box->held = UINT64_MAX;
    return box;
}

void outbox_free(struct outbox *box)
{
    if (!box) return;
    for (size_t i = 0; i < box->size; i++) {
        free(box->slots[i].topic);
        buf_deinit(&box->slots[i].payload);
    }
    free(box->slots);
    free(box);
}

bool outbox_room(const struct outbox *box)
{
    return box->next - box->first < box->size && box->bytes < OUTBOX_BYTES_MAX;
}

struct buf *outbox_payload(struct outbox *box)
{
    struct buf *payload = &slot(box, box->next)->payload;
    buf_clear(payload);
    return payload;
}

bool outbox_add(struct outbox *box, const char *topic, uint64_t id, struct news_error *err)
{
    struct outbox_message *m = slot(box, box->next);
    if (!m->topic || strcmp(m->topic, topic) != 0) {
        free(m->topic);
        m->topic = strdup(topic);
    }
    if (!m->topic || !buf_ok(&m->payload)) return news_fail(err, NEWS_ERR_MEMORY, "out of memory");
    m->token = box->next++;
    m->id = id;
    m->state = OUTBOX_WAITING;
    box->count++;
    box->bytes += m->payload.len;
    return true;
}

const struct outbox_message *outbox_oldest(const struct outbox *box)
{
    return box->first < box->next ? slot(box, box->first) : NULL; /* done ones were passed */
}

struct outbox_message *outbox_next(struct outbox *box)
{
    uint64_t end = box->next < box->held ? box->next : box->held;
    while (box->unsent < end && slot(box, box->unsent)->state != OUTBOX_WAITING)
        box->unsent++;
    return box->unsent < end ? slot(box, box->unsent) : NULL;
}

void outbox_sent(struct outbox *box, struct outbox_message *m)
{
    (void)box;
    m->state = OUTBOX_SENT;
}

struct outbox_message *outbox_find(struct outbox *box, uint64_t token)
{
    if (token < box->first || token >= box->next) return NULL;
    struct outbox_message *m = slot(box, token);
    return m->state == OUTBOX_SENT || m->state == OUTBOX_WAITING ? m : NULL;
}

void outbox_done(struct outbox *box, struct outbox_message *m)
{
    m->state = OUTBOX_DONE;
    box->count--;
    box->bytes -= m->payload.len;
    if (m->payload.size > SLOT_KEPT_MAX) buf_deinit(&m->payload);
    while (box->first < box->next && slot(box, box->first)->state == OUTBOX_DONE)
        slot(box, box->first++)->state = OUTBOX_FREE;
    if (box->unsent < box->first) box->unsent = box->first;
}

void outbox_again(struct outbox *box, struct outbox_message *m)
{
    m->state = OUTBOX_WAITING;
    if (m->token < box->unsent) box->unsent = m->token;
}

void outbox_rewind(struct outbox *box)
{
    for (uint64_t token = box->first; token < box->next; token++)
        if (slot(box, token)->state == OUTBOX_SENT) slot(box, token)->state = OUTBOX_WAITING;
    box->unsent = box->first;
}

void outbox_drop(struct outbox *box)
{
    for (; box->first < box->next; box->first++)
        slot(box, box->first)->state = OUTBOX_FREE;
    box->unsent = box->next;
    box->held = UINT64_MAX;
    box->count = box->bytes = 0;
}

void outbox_hold(struct outbox *box)
{
    if (box->held == UINT64_MAX) box->held = box->next;
}

void outbox_release(struct outbox *box)
{
    box->held = UINT64_MAX;
}

void outbox_take_back(struct outbox *box)
{
    for (; box->next > box->held; box->next--) {
        struct outbox_message *m = slot(box, box->next - 1);
        m->state = OUTBOX_FREE;
        box->count--;
        box->bytes -= m->payload.len;
    }
    box->held = UINT64_MAX;
}

size_t outbox_count(const struct outbox *box)
{
    return box->count;
}
