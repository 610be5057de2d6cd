#include "common/sync_message.h"

#include <stdio.h>
#include <string.h>

#include "common/date.h"

enum {
    REASON_MAX = 64,    /* bytes of why something is missing */
    DATE_TEXT_SIZE = 64 /* of any sensible RFC 3339 time */
};
#define DATE_LAST_MS INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z: what can be written */

/* ---- names and topics ---- */

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-';
}

bool sync_name_ok(const char *text, size_t len, size_t size)
{
    if (len < 1 || len >= size) return false;
    for (size_t i = 0; i < len; i++)
        if (!is_name_char(text[i])) return false;
    return true;
}

/* <prefix><first>/<second> */
static bool two_levels(const char *topic, const char *prefix, char *first, size_t first_size,
                       char *second, size_t second_size)
{
    size_t prefix_len = strlen(prefix);
    if (strncmp(topic, prefix, prefix_len) != 0) return false;
    topic += prefix_len;
    size_t first_len = strcspn(topic, "/");
    if (topic[first_len] != '/') return false;
    const char *behind = topic + first_len + 1;
    size_t second_len = strlen(behind);
    if (!sync_name_ok(topic, first_len, first_size) ||
        !sync_name_ok(behind, second_len, second_size))
        return false;
    memcpy(first, topic, first_len);
    first[first_len] = '\0';
    memcpy(second, behind, second_len + 1);
    return true;
}

bool sync_route_of_request(const char *topic, struct sync_route *out)
{
    return two_levels(topic, SYNC_REQUEST, out->publisher, sizeof out->publisher, out->client,
                      sizeof out->client);
}

bool sync_route_of_reply(const char *topic, struct sync_route *out)
{
    return two_levels(topic, SYNC_REPLY, out->client, sizeof out->client, out->publisher,
                      sizeof out->publisher);
}

bool sync_publisher_of(const char *topic, const char *prefix, char out[TOPIC_SLUG_MAX + 1])
{
    size_t prefix_len = strlen(prefix);
    if (strncmp(topic, prefix, prefix_len) != 0) return false;
    size_t len = strlen(topic + prefix_len);
    if (!sync_name_ok(topic + prefix_len, len, TOPIC_SLUG_MAX + 1)) return false;
    memcpy(out, topic + prefix_len, len + 1);
    return true;
}

/* ---- reading: the strict walk, which notes where the members stand ---- */

enum member {
    MEMBER_V,
    MEMBER_STATE,
    MEMBER_EPOCH,
    MEMBER_ITEMS,
    MEMBER_STREAMS,
    MEMBER_SINCE,
    MEMBER_ID,
    MEMBER_FILTERS,
    MEMBER_HAVE,
    MEMBER_LAST,
    MEMBER_LIMIT,
    MEMBER_THROUGH,
    MEMBER_MISSING,
    MEMBER_MORE,
    MEMBER_BRIEF,
    MEMBER_ARCHIVE,
    MEMBER_UNKNOWN,
    MEMBERS /* also: none of them */
};

struct message {
    struct json_slice value[MEMBERS]; /* at NULL: absent */
};

typedef bool value_walk(struct json_walk *w);

static bool walk_value(struct json_walk *w)
{
    return json_walk_any(w, 0);
}

/* Walks an object of any number of names, which are not compared with each other, and each of its
 * values by `value`; what is no object like anything else. */
static bool walk_object(struct json_walk *w, value_walk *value)
{
    if (json_walk_peek(w) != '{') return walk_value(w);
    w->at++;
    bool more = json_walk_peek(w) != '}';
    if (!more) w->at++;
    while (more)
        if (!json_walk_name(w, NULL) || !value(w) || !json_walk_more(w, '}', &more)) return false;
    return true;
}

/* Positions: more names than json_walk_any() takes. */
static bool walk_positions(struct json_walk *w)
{
    return walk_object(w, walk_value);
}

/* An element of a batch. Levels count from within its item, so that whatever ninjs_check() passes
 * passes here, too: a batch that is refused for its depth would be asked for again and again. */
static bool walk_batch_element(struct json_walk *w)
{
    return walk_object(w, walk_positions);
}

static bool walk_items(struct json_walk *w)
{
    if (json_walk_peek(w) != '[') return walk_value(w); /* a status counts them */
    w->at++;
    bool more = json_walk_peek(w) != ']';
    if (!more) w->at++;
    while (more)
        if (!walk_batch_element(w) || !json_walk_more(w, ']', &more)) return false;
    return true;
}

static const struct {
    const char *name;
    value_walk *walk;
} members[MEMBERS] = {
    [MEMBER_V] = {"v", walk_value},
    [MEMBER_STATE] = {"state", walk_value},
    [MEMBER_EPOCH] = {"epoch", walk_value},
    [MEMBER_ITEMS] = {"items", walk_items},
    [MEMBER_STREAMS] = {"streams", walk_value},
    [MEMBER_SINCE] = {"since", walk_value},
    [MEMBER_ID] = {"id", walk_value},
    [MEMBER_FILTERS] = {"filters", walk_value},
    [MEMBER_HAVE] = {"have", walk_positions},
    [MEMBER_LAST] = {"last", walk_value},
    [MEMBER_LIMIT] = {"limit", walk_value},
    [MEMBER_THROUGH] = {"through", walk_positions},
    [MEMBER_MISSING] = {"missing", walk_value},
    [MEMBER_MORE] = {"more", walk_value},
    [MEMBER_BRIEF] = {"brief", walk_value},
    [MEMBER_ARCHIVE] = {"archive", walk_value},
    [MEMBER_UNKNOWN] = {"unknown", walk_value},
};

static bool fault(struct json_walk *w, const char *what)
{
    w->fault = what;
    return false;
}

static bool walk_member(struct json_walk *w, struct message *m)
{
    struct json_slice name;
    if (!json_walk_name(w, &name)) return false;
    struct json_slice quoted = {name.at - 1, name.len + 2};
    size_t which = 0;
    while (which < MEMBERS && !json_is(quoted, members[which].name))
        which++;
    (void)json_walk_peek(w);
    const char *first = w->at;
    value_walk *walk = which < MEMBERS ? members[which].walk : walk_value;
    if (!walk(w)) return false;
    if (which == MEMBERS) return true;
    if (m->value[which].at) return fault(w, "the same property stands twice in one object");
    m->value[which] = (struct json_slice){first, (size_t)(w->at - first)};
    return true;
}

static bool walk_message(struct json_walk *w, struct message *m)
{
    if (json_walk_peek(w) != '{') return fault(w, "an object is expected");
    w->at++;
    bool more = json_walk_peek(w) != '}';
    if (!more) w->at++;
    while (more)
        if (!walk_member(w, m) || !json_walk_more(w, '}', &more)) return false;
    (void)json_walk_peek(w);
    return w->at == w->end || fault(w, "something follows the object");
}

/* ---- reading: single values ---- */

static bool refuse(struct news_error *err, enum member which, const char *what)
{
    return news_fail(err, NEWS_ERR_DATA, "%s: %s", members[which].name, what);
}

static bool no_memory(struct news_error *err)
{
    return news_fail(err, NEWS_ERR_MEMORY, "out of memory");
}

/* The number v of digits alone: no sign, no fraction, no exponent. */
static bool integer_of(struct json_slice v, uint64_t *out)
{
    uint64_t value = 0;
    if (!v.at || v.len > 19) return false; /* 19 digits do not overflow */
    for (size_t i = 0; i < v.len; i++) {
        if (v.at[i] < '0' || v.at[i] > '9') return false;
        value = value * 10 + (uint64_t)(v.at[i] - '0');
    }
    if (value > INT64_MAX) return false;
    *out = value;
    return true;
}

/* The characters of the string v. False: it is no string, or does not fit. */
static bool text_of(struct json_slice v, char *out, size_t size)
{
    if (!v.at || *v.at != '"') return false;
    const char *at = v.at + 1;
    size_t len = v.len - 2;
    struct buf plain = {0};
    if (memchr(at, '\\', len)) {
        json_text(&plain, v);
        at = plain.data;
        len = plain.len;
    }
    bool fits = buf_ok(&plain) && len < size;
    if (fits) {
        memcpy(out, at, len);
        out[len] = '\0';
    }
    buf_deinit(&plain);
    return fits;
}

static bool present(const struct message *m, enum member which, struct news_error *err)
{
    return m->value[which].at || refuse(err, which, "is missing");
}

static bool take_integer(const struct message *m, enum member which, uint64_t *out,
                         struct news_error *err)
{
    if (!present(m, which, err)) return false;
    return integer_of(m->value[which], out) ||
           refuse(err, which, "is not an integer from 0 to 2^63-1");
}

static bool take_epoch(const struct message *m, char out[WIRE_EPOCH_SIZE], struct news_error *err)
{
    if (!present(m, MEMBER_EPOCH, err)) return false;
    if (text_of(m->value[MEMBER_EPOCH], out, WIRE_EPOCH_SIZE) && wire_epoch_ok(out, strlen(out)))
        return true;
    return refuse(err, MEMBER_EPOCH, "is not 16 hex digits");
}

static bool take_id(const struct message *m, char out[SYNC_ID_SIZE], struct news_error *err)
{
    if (!present(m, MEMBER_ID, err)) return false;
    if (text_of(m->value[MEMBER_ID], out, SYNC_ID_SIZE) &&
        sync_name_ok(out, strlen(out), SYNC_ID_SIZE))
        return true;
    return refuse(err, MEMBER_ID, "is not 1 to 32 of A-Z a-z 0-9 _ . -");
}

static bool take_date(const struct message *m, enum member which, int64_t *unix_ms,
                      struct news_error *err)
{
    char text[DATE_TEXT_SIZE];
    int64_t ms;
    if (!present(m, which, err)) return false;
    if (!text_of(m->value[which], text, sizeof text) ||
        !date_parse_rfc3339(text, strlen(text), &ms) || ms < 0 || ms > DATE_LAST_MS)
        return refuse(err, which, "is not an RFC 3339 time from 1970 to 9999");
    *unix_ms = ms;
    return true;
}

static bool take_flag(const struct message *m, enum member which, bool *out, struct news_error *err)
{
    struct json_slice v = m->value[which];
    if (!present(m, which, err)) return false;
    if (*v.at != 't' && *v.at != 'f') return refuse(err, which, "is neither true nor false");
    *out = *v.at == 't';
    return true;
}

/* How many there are within the array or object v. */
static bool count_within(struct json_slice v, enum member which, size_t most, size_t *count,
                         struct news_error *err)
{
    struct json_cursor c = json_inside(v);
    struct json_slice key, one;
    size_t n = 0;
    while (*v.at == '{' ? json_next_member(&c, &key, &one) : json_next_element(&c, &one))
        n++;
    if (n > most)
        return news_fail(err, NEWS_ERR_DATA, "%s: holds more than %zu", members[which].name, most);
    *count = n;
    return true;
}

typedef bool topic_check(const char *text, struct news_error *err);

/* The string v as a topic name or filter, in memory. NULL: refused. */
static const char *take_topic(struct arena *memory, struct json_slice v, topic_check *ok,
                              enum member which, struct news_error *err)
{
    char text[TOPIC_MAX];
    struct news_error why;
    if (!text_of(v, text, sizeof text)) {
        news_fail(err, NEWS_ERR_DATA, "%s: a topic is no string, or is longer than %d bytes",
                  members[which].name, TOPIC_MAX - 1);
        return NULL;
    }
    if (!ok(text, &why)) {
        refuse(err, which, why.message);
        return NULL;
    }
    const char *copy = arena_strdup(memory, text);
    if (!copy) no_memory(err);
    return copy;
}

/* {"topic":seq,...} */
static bool take_positions(const struct message *m, enum member which, struct arena *memory,
                           struct sync_position **out, size_t *out_count, struct news_error *err)
{
    struct json_slice v = m->value[which], name, number;
    size_t count, taken = 0;
    if (*v.at != '{') return refuse(err, which, "is not an object");
    if (!count_within(v, which, SYNC_POSITIONS_MAX, &count, err)) return false;
    struct sync_position *all = arena_alloc(memory, count * sizeof *all);
    if (!all) return no_memory(err);
    struct json_cursor c = json_inside(v);
    for (; json_next_member(&c, &name, &number); taken++) {
        struct sync_position *p = &all[taken];
        if (!(p->topic = take_topic(memory, name, topic_name_ok, which, err))) return false;
        if (!integer_of(number, &p->seq))
            return refuse(err, which, "a number is not an integer from 0 to 2^63-1");
    }
    *out = all;
    *out_count = count;
    return true;
}

/* Is it a message of our version? Where its members stand, then. */
static bool read_message(struct message *m, const char *bytes, size_t len, struct news_error *err)
{
    uint64_t version;
    *m = (struct message){0};
    if (len > SYNC_MESSAGE_MAX)
        return news_fail(err, NEWS_ERR_TOO_LARGE, "the message is larger than %u bytes",
                         SYNC_MESSAGE_MAX);
    struct json_walk w = json_walk_start(bytes, len);
    if (!walk_message(&w, m))
        return news_fail(err, NEWS_ERR_DATA, "byte %zu: %s", (size_t)(w.at - bytes), w.fault);
    if (!present(m, MEMBER_V, err)) return false;
    if (!integer_of(m->value[MEMBER_V], &version) || version != 1)
        return refuse(err, MEMBER_V, "is not 1");
    return true;
}

/* ---- status, head ---- */

static void put_flag(struct buf *out, const char *name, bool value)
{
    json_put_name(out, name);
    buf_puts(out, value ? "true" : "false");
}

static void put_count(struct buf *out, const char *name, uint64_t value)
{
    json_put_name(out, name);
    buf_printf(out, "%llu", (unsigned long long)value);
}

void sync_status_write(struct buf *out, const struct sync_status *s)
{
    buf_puts(out, "{\"v\":1");
    json_put_member(out, "state", s->online ? "online" : "offline");
    json_put_member(out, "epoch", s->epoch);
    put_count(out, "items", s->items);
    put_count(out, "streams", s->streams);
    json_put_date(out, "since", s->since_ms);
    if (s->brief) put_flag(out, "brief", true);
    buf_putc(out, '}');
}

/* The same of one that may be absent, which means false. */
static bool take_option(const struct message *m, enum member which, bool *out,
                        struct news_error *err)
{
    return !m->value[which].at || take_flag(m, which, out, err);
}

static bool take_state(const struct message *m, bool *online, struct news_error *err)
{
    struct json_slice v = m->value[MEMBER_STATE];
    bool up = !v.at || json_is(v, "online");
    if (!up && !json_is(v, "offline"))
        return refuse(err, MEMBER_STATE, "is neither online nor offline");
    *online = up;
    return true;
}

bool sync_status_parse(const char *bytes, size_t len, struct sync_status *out,
                       struct news_error *err)
{
    struct message m;
    struct sync_status s = {.since_ms = DATE_UNKNOWN};
    if (!read_message(&m, bytes, len, err) || !take_state(&m, &s.online, err) ||
        !take_epoch(&m, s.epoch, err) || !take_integer(&m, MEMBER_ITEMS, &s.items, err) ||
        !take_integer(&m, MEMBER_STREAMS, &s.streams, err))
        return false;
    if (m.value[MEMBER_SINCE].at && !take_date(&m, MEMBER_SINCE, &s.since_ms, err)) return false;
    if (!take_option(&m, MEMBER_BRIEF, &s.brief, err)) return false;
    *out = s;
    return true;
}

/* ---- request ---- */

static void put_positions(struct buf *out, const char *name, const struct sync_position *p,
                          size_t count)
{
    json_put_name(out, name);
    buf_putc(out, '{');
    for (size_t i = 0; i < count; i++) {
        if (i > 0) buf_putc(out, ',');
        json_put_string(out, p[i].topic, strlen(p[i].topic));
        buf_printf(out, ":%llu", (unsigned long long)p[i].seq);
    }
    buf_putc(out, '}');
}

static void put_filters(struct buf *out, const char *const *filters, size_t count)
{
    json_put_name(out, "filters");
    buf_putc(out, '[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0) buf_putc(out, ',');
        json_put_string(out, filters[i], strlen(filters[i]));
    }
    buf_putc(out, ']');
}

void sync_request_write(struct buf *out, const struct sync_request *r)
{
    buf_puts(out, "{\"v\":1");
    json_put_member(out, "id", r->id);
    json_put_member(out, "epoch", r->epoch);
    put_filters(out, r->filters, r->filter_count);
    switch (r->from) {
    case SYNC_HAVE: put_positions(out, "have", r->have, r->have_count); break;
    case SYNC_LAST: put_count(out, "last", r->last); break;
    case SYNC_SINCE: json_put_date(out, "since", r->since_ms); break;
    }
    put_count(out, "limit", r->limit);
    buf_putc(out, '}');
}

static bool take_filters(const struct message *m, struct sync_request *r, struct news_error *err)
{
    struct json_slice v = m->value[MEMBER_FILTERS], one;
    size_t count;
    if (!present(m, MEMBER_FILTERS, err)) return false;
    if (*v.at != '[') return refuse(err, MEMBER_FILTERS, "is not an array");
    if (!count_within(v, MEMBER_FILTERS, TOPIC_FILTERS_MAX, &count, err)) return false;
    if (count == 0) return refuse(err, MEMBER_FILTERS, "is empty");
    struct json_cursor c = json_inside(v);
    for (; json_next_element(&c, &one); r->filter_count++) {
        const char *filter = take_topic(r->memory, one, topic_filter_ok, MEMBER_FILTERS, err);
        if (!filter) return false;
        r->filters[r->filter_count] = filter;
    }
    return true;
}

/* have, last or since: exactly one. */
static bool take_from(const struct message *m, struct sync_request *r, struct news_error *err)
{
    static const enum member choices[] = {
        [SYNC_HAVE] = MEMBER_HAVE, [SYNC_LAST] = MEMBER_LAST, [SYNC_SINCE] = MEMBER_SINCE};
    size_t given = 0;
    for (unsigned i = 0; i < sizeof choices / sizeof *choices; i++) {
        if (!m->value[choices[i]].at) continue;
        r->from = (enum sync_from)i;
        given++;
    }
    if (given == 0) return news_fail(err, NEWS_ERR_DATA, "have, last and since are all missing");
    if (given > 1)
        return news_fail(err, NEWS_ERR_DATA, "more than one of have, last and since is given");
    switch (r->from) {
    case SYNC_LAST: return take_integer(m, MEMBER_LAST, &r->last, err);
    case SYNC_SINCE: return take_date(m, MEMBER_SINCE, &r->since_ms, err);
    case SYNC_HAVE: break;
    }
    return take_positions(m, MEMBER_HAVE, r->memory, &r->have, &r->have_count, err);
}

static bool take_limit(const struct message *m, unsigned *limit, struct news_error *err)
{
    uint64_t n;
    if (!take_integer(m, MEMBER_LIMIT, &n, err)) return false;
    if (n == 0) return refuse(err, MEMBER_LIMIT, "is 0");
    *limit = n < SYNC_LIMIT_MAX ? (unsigned)n : SYNC_LIMIT_MAX;
    return true;
}

bool sync_request_parse(const char *bytes, size_t len, struct sync_request *out,
                        struct news_error *err)
{
    struct message m;
    struct sync_request r = {.since_ms = DATE_UNKNOWN};
    if (!read_message(&m, bytes, len, err)) return false;
    if (!(r.memory = arena_new())) return no_memory(err);
    if (!take_id(&m, r.id, err) || !take_epoch(&m, r.epoch, err) || !take_filters(&m, &r, err) ||
        !take_from(&m, &r, err) || !take_limit(&m, &r.limit, err)) {
        sync_request_deinit(&r);
        return false;
    }
    *out = r;
    return true;
}

void sync_request_deinit(struct sync_request *r)
{
    arena_free(r->memory);
    *r = (struct sync_request){0};
}

/* ---- answer: writing ---- */

void sync_batch_open(struct buf *out, const char *id)
{
    buf_puts(out, "{\"v\":1");
    json_put_member(out, "id", id);
    json_put_name(out, "items");
    buf_putc(out, '[');
}

void sync_batch_add(struct buf *out, const char *topic, const char *item, size_t len)
{
    if (out->len > 0 && out->data[out->len - 1] != '[') buf_putc(out, ',');
    buf_putc(out, '{');
    json_put_member(out, "topic", topic);
    json_put_name(out, "item");
    buf_put(out, item, len);
    buf_putc(out, '}');
}

void sync_batch_close(struct buf *out)
{
    buf_puts(out, "]}");
}

static void put_missing(struct buf *out, const struct sync_missing *missing, size_t count)
{
    json_put_name(out, "missing");
    buf_putc(out, '[');
    for (size_t i = 0; i < count; i++) {
        const struct sync_missing *one = &missing[i];
        buf_puts(out, i > 0 ? ",[" : "[");
        json_put_string(out, one->topic, strlen(one->topic));
        buf_printf(out, ",%llu,%llu,", (unsigned long long)one->first,
                   (unsigned long long)one->last);
        json_put_string(out, one->reason, strlen(one->reason));
        buf_putc(out, ']');
    }
    buf_putc(out, ']');
}

void sync_end_write(struct buf *out, const char *id, const struct sync_end *e)
{
    buf_puts(out, "{\"v\":1");
    json_put_member(out, "id", id);
    put_positions(out, "through", e->through, e->through_count);
    put_missing(out, e->missing, e->missing_count);
    put_flag(out, "more", e->more);
    if (e->archive) put_flag(out, "archive", true);
    if (e->unknown) put_flag(out, "unknown", true);
    buf_putc(out, '}');
}

/* ---- answer: reading ---- */

/* {"topic":"...","item":{...}} */
static bool take_item(struct arena *memory, struct json_slice v, struct sync_item *out,
                      struct news_error *err)
{
    struct json_cursor c = json_inside(v);
    struct json_slice name, value, topic = {0}, item = {0};
    if (*v.at != '{') return refuse(err, MEMBER_ITEMS, "an element is not an object");
    while (json_next_member(&c, &name, &value)) {
        struct json_slice *which = json_is(name, "topic")  ? &topic
                                   : json_is(name, "item") ? &item
                                                           : NULL;
        if (which && which->at) return refuse(err, MEMBER_ITEMS, "an element says a thing twice");
        if (which) *which = value;
    }
    if (!topic.at || !item.at) return refuse(err, MEMBER_ITEMS, "an element has no topic or item");
    if (*item.at != '{') return refuse(err, MEMBER_ITEMS, "an item is not an object");
    out->item = item;
    out->topic = take_topic(memory, topic, topic_name_ok, MEMBER_ITEMS, err);
    return out->topic;
}

static bool take_items(const struct message *m, struct sync_answer *a, struct news_error *err)
{
    struct json_slice v = m->value[MEMBER_ITEMS], one;
    size_t count;
    if (*v.at != '[') return refuse(err, MEMBER_ITEMS, "is not an array");
    if (!count_within(v, MEMBER_ITEMS, SYNC_LIMIT_MAX, &count, err)) return false;
    a->items = arena_alloc(a->memory, count * sizeof *a->items);
    if (!a->items) return no_memory(err);
    struct json_cursor c = json_inside(v);
    for (; json_next_element(&c, &one); a->item_count++)
        if (!take_item(a->memory, one, &a->items[a->item_count], err)) return false;
    return true;
}

static bool reason_ok(const char *text)
{
    if (!*text) return false;
    for (; *text; text++)
        if (*text < 0x20 || *text > 0x7e) return false;
    return true;
}

/* ["topic",first,last,"reason"] */
static bool take_gap(struct arena *memory, struct json_slice v, struct sync_missing *out,
                     struct news_error *err)
{
    enum { TOPIC, FIRST, LAST, REASON, PARTS };
    struct json_slice part[PARTS], more;
    struct json_cursor c = json_inside(v);
    char reason[REASON_MAX + 1];
    size_t n = 0;
    while (n < PARTS && *v.at == '[' && json_next_element(&c, &part[n]))
        n++;
    if (n < PARTS || json_next_element(&c, &more))
        return refuse(err, MEMBER_MISSING, "an entry is not [topic, first, last, reason]");
    out->topic = take_topic(memory, part[TOPIC], topic_name_ok, MEMBER_MISSING, err);
    if (!out->topic) return false;
    if (!integer_of(part[FIRST], &out->first) || !integer_of(part[LAST], &out->last) ||
        out->first == 0 || out->first > out->last)
        return refuse(err, MEMBER_MISSING, "first and last are not integers, 1 <= first <= last");
    if (!text_of(part[REASON], reason, sizeof reason) || !reason_ok(reason))
        return refuse(err, MEMBER_MISSING, "a reason is not 1 to 64 printable ASCII characters");
    out->reason = arena_strdup(memory, reason);
    return out->reason || no_memory(err);
}

static bool take_missing(const struct message *m, struct arena *memory, struct sync_end *e,
                         struct news_error *err)
{
    struct json_slice v = m->value[MEMBER_MISSING], one;
    size_t count;
    if (!present(m, MEMBER_MISSING, err)) return false;
    if (*v.at != '[') return refuse(err, MEMBER_MISSING, "is not an array");
    if (!count_within(v, MEMBER_MISSING, SYNC_POSITIONS_MAX, &count, err)) return false;
    e->missing = arena_alloc(memory, count * sizeof *e->missing);
    if (!e->missing) return no_memory(err);
    struct json_cursor c = json_inside(v);
    for (; json_next_element(&c, &one); e->missing_count++)
        if (!take_gap(memory, one, &e->missing[e->missing_count], err)) return false;
    return true;
}

static bool take_end(const struct message *m, struct sync_answer *a, struct news_error *err)
{
    struct sync_end *e = &a->end;
    return take_positions(m, MEMBER_THROUGH, a->memory, &e->through, &e->through_count, err) &&
           take_missing(m, a->memory, e, err) && take_flag(m, MEMBER_MORE, &e->more, err) &&
           take_option(m, MEMBER_ARCHIVE, &e->archive, err) &&
           take_option(m, MEMBER_UNKNOWN, &e->unknown, err);
}

bool sync_answer_parse(const char *bytes, size_t len, struct sync_answer *out,
                       struct news_error *err)
{
    struct message m;
    struct sync_answer a = {0};
    if (!read_message(&m, bytes, len, err)) return false;
    a.is_end = m.value[MEMBER_THROUGH].at;
    if (a.is_end == (m.value[MEMBER_ITEMS].at != NULL))
        return news_fail(err, NEWS_ERR_DATA, "%s",
                         a.is_end ? "both items and through are given"
                                  : "items and through are both missing");
    if (!(a.memory = arena_new())) return no_memory(err);
    if (!take_id(&m, a.id, err) || !(a.is_end ? take_end(&m, &a, err) : take_items(&m, &a, err))) {
        sync_answer_deinit(&a);
        return false;
    }
    *out = a;
    return true;
}

void sync_answer_deinit(struct sync_answer *a)
{
    arena_free(a->memory);
    *a = (struct sync_answer){0};
}

bool sync_batch_next(struct sync_answer *a, char topic[TOPIC_MAX], struct json_slice *item)
{
    if (a->taken == a->item_count) return false;
    const struct sync_item *next = &a->items[a->taken++];
    (void)snprintf(topic, TOPIC_MAX, "%s", next->topic);
    *item = next->item;
    return true;
}
