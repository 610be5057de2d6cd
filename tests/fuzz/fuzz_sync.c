/* Whatever the bytes are: a status, request or answer that is taken keeps its bounds, and is the
 * same when it is written and read again. So are the wire number and the names in a topic. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/sync_message.h"

/* An assert that also works in a release build. */
#define PROMISE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) abort();                                                                 \
    } while (0)

static bool same_text(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

/* ---- status ---- */

static void check_status(const char *bytes, size_t len)
{
    struct sync_status s, again;
    struct buf text = {0};
    if (!sync_status_parse(bytes, len, &s, NULL)) return;
    PROMISE(wire_epoch_ok(s.epoch, strlen(s.epoch)));
    PROMISE(s.items <= WIRE_SEQ_MAX && s.streams <= WIRE_SEQ_MAX);
    sync_status_write(&text, &s);
    PROMISE(buf_ok(&text) && sync_status_parse(text.data, text.len, &again, NULL));
    PROMISE(again.online == s.online && same_text(again.epoch, s.epoch));
    PROMISE(again.items == s.items && again.streams == s.streams);
    PROMISE(again.since_ms == s.since_ms);
    buf_deinit(&text);
}

/* ---- request ---- */

static void check_positions(const struct sync_position *a, size_t a_count,
                            const struct sync_position *b, size_t b_count)
{
    PROMISE(a_count == b_count && a_count <= SYNC_POSITIONS_MAX);
    for (size_t i = 0; i < a_count; i++) {
        PROMISE(strlen(a[i].topic) < TOPIC_MAX && topic_name_ok(a[i].topic, NULL));
        PROMISE(a[i].seq <= WIRE_SEQ_MAX);
        PROMISE(same_text(a[i].topic, b[i].topic) && a[i].seq == b[i].seq);
    }
}

static void check_same_request(const struct sync_request *a, const struct sync_request *b)
{
    PROMISE(sync_name_ok(a->id, strlen(a->id), SYNC_ID_SIZE));
    PROMISE(same_text(a->id, b->id) && same_text(a->epoch, b->epoch));
    PROMISE(a->filter_count >= 1 && a->filter_count <= TOPIC_FILTERS_MAX);
    PROMISE(a->filter_count == b->filter_count);
    for (size_t i = 0; i < a->filter_count; i++)
        PROMISE(topic_filter_ok(a->filters[i], NULL) && same_text(a->filters[i], b->filters[i]));
    PROMISE(a->from == b->from && a->last == b->last && a->since_ms == b->since_ms);
    PROMISE(a->last <= WIRE_SEQ_MAX);
    PROMISE(a->limit == b->limit && a->limit >= 1 && a->limit <= SYNC_LIMIT_MAX);
    check_positions(a->have, a->have_count, b->have, b->have_count);
}

static void check_request(const char *bytes, size_t len)
{
    struct sync_request r, again;
    struct buf text = {0};
    if (!sync_request_parse(bytes, len, &r, NULL)) return;
    sync_request_write(&text, &r);
    PROMISE(buf_ok(&text) && sync_request_parse(text.data, text.len, &again, NULL));
    check_same_request(&r, &again);
    sync_request_deinit(&again);
    sync_request_deinit(&r);
    buf_deinit(&text);
}

/* ---- answer ---- */

static void write_answer(struct buf *out, const struct sync_answer *a)
{
    if (a->is_end) {
        sync_end_write(out, a->id, &a->end);
        return;
    }
    struct sync_answer rest = *a; /* to go through it without taking anything */
    char topic[TOPIC_MAX];
    struct json_slice item;
    sync_batch_open(out, a->id);
    while (sync_batch_next(&rest, topic, &item))
        sync_batch_add(out, topic, item.at, item.len);
    sync_batch_close(out);
}

static void check_same_items(struct sync_answer *a, struct sync_answer *b)
{
    char topic[TOPIC_MAX], other[TOPIC_MAX];
    struct json_slice item, again;
    size_t count = 0;
    for (; sync_batch_next(a, topic, &item); count++) {
        PROMISE(sync_batch_next(b, other, &again));
        PROMISE(topic_name_ok(topic, NULL) && same_text(topic, other));
        PROMISE(item.len == again.len && memcmp(item.at, again.at, item.len) == 0);
        PROMISE(item.at[0] == '{' && item.at[item.len - 1] == '}');
    }
    PROMISE(!sync_batch_next(b, other, &again) && count <= SYNC_LIMIT_MAX);
}

static void check_same_end(const struct sync_end *a, const struct sync_end *b)
{
    check_positions(a->through, a->through_count, b->through, b->through_count);
    PROMISE(a->missing_count == b->missing_count && a->missing_count <= SYNC_POSITIONS_MAX);
    for (size_t i = 0; i < a->missing_count; i++) {
        const struct sync_missing *m = &a->missing[i], *n = &b->missing[i];
        PROMISE(topic_name_ok(m->topic, NULL) && same_text(m->topic, n->topic));
        PROMISE(m->first == n->first && m->last == n->last);
        PROMISE(1 <= m->first && m->first <= m->last && m->last <= WIRE_SEQ_MAX);
        PROMISE(same_text(m->reason, n->reason) && *m->reason && strlen(m->reason) <= 64);
        for (const char *p = m->reason; *p; p++)
            PROMISE(*p >= 0x20 && *p <= 0x7e);
    }
    PROMISE(a->more == b->more && a->archive == b->archive && a->unknown == b->unknown);
}

static void check_answer(const char *bytes, size_t len)
{
    struct sync_answer a, again;
    struct buf text = {0};
    if (!sync_answer_parse(bytes, len, &a, NULL)) return;
    write_answer(&text, &a);
    PROMISE(buf_ok(&text) && sync_answer_parse(text.data, text.len, &again, NULL));
    PROMISE(sync_name_ok(a.id, strlen(a.id), SYNC_ID_SIZE) && same_text(a.id, again.id));
    PROMISE(a.is_end == again.is_end);
    check_same_items(&a, &again);
    check_same_end(&a.end, &again.end);
    sync_answer_deinit(&again);
    sync_answer_deinit(&a);
    buf_deinit(&text);
}

/* ---- what is no JSON ---- */

static void check_number(const char *bytes, size_t len)
{
    struct wire_number n;
    char text[WIRE_NUMBER_SIZE];
    if (!wire_number_parse(bytes, len, &n)) return;
    wire_number_write(&n, text);
    PROMISE(strlen(text) == len && memcmp(text, bytes, len) == 0);
}

/* The names behind prefix, written again, are the topic. */
static void check_topic(const char *topic)
{
    struct sync_route r;
    char publisher[TOPIC_SLUG_MAX + 1];
    struct buf text = {0};
    if (sync_route_of_request(topic, &r))
        buf_printf(&text, SYNC_REQUEST "%s/%s", r.publisher, r.client);
    if (sync_route_of_reply(topic, &r))
        buf_printf(&text, SYNC_REPLY "%s/%s", r.client, r.publisher);
    if (sync_publisher_of(topic, SYNC_STATUS, publisher))
        buf_printf(&text, SYNC_STATUS "%s", publisher);
    if (text.data) PROMISE(same_text(text.data, topic) && topic_name_ok(topic, NULL));
    buf_deinit(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data;
    char *text = malloc(size + 1);
    if (!text) return 0;
    if (size) memcpy(text, data, size);
    text[size] = '\0';
    check_status(bytes, size);
    check_request(bytes, size);
    check_answer(bytes, size);
    check_number(bytes, size);
    check_topic(text);
    free(text);
    return 0;
}
