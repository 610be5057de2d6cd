#include "publisher/recorded.h"

#include <stdio.h>
#include <string.h>

#include "common/date.h"

struct reading {
    struct json_walk w;
    struct recorded out;
    unsigned seen; /* a bit for each of members */
    struct ninjs_fault *fault;
};

static bool fail(struct reading *r, const char *path, size_t path_len, const char *what)
{
    r->fault->line = json_walk_line(&r->w);
    (void)snprintf(r->fault->path, sizeof r->fault->path, "%.*s",
                   (int)(path_len < 64 ? path_len : 64), path);
    (void)snprintf(r->fault->what, sizeof r->fault->what, "%s", what);
    return false;
}

static bool fail_member(struct reading *r, const char *name, const char *what)
{
    return fail(r, name, strlen(name), what);
}

/* ---- its members ---- */

static bool read_topic(struct reading *r)
{
    struct json_slice s;
    struct buf plain = {0};
    if (!json_walk_string(&r->w, &s)) return fail_member(r, "topic", r->w.fault);
    json_text(&plain, (struct json_slice){s.at - 1, s.len + 2});
    if (plain.len > 0 && plain.len < sizeof r->out.topic)
        memcpy(r->out.topic, plain.data, plain.len + 1);
    bool ok = buf_ok(&plain);
    buf_deinit(&plain);
    return ok || fail_member(r, "topic", "out of memory");
}

static bool read_received(struct reading *r)
{
    struct json_slice s;
    if (!json_walk_string(&r->w, &s)) return fail_member(r, "received", r->w.fault);
    return date_parse_rfc3339(s.at, s.len, &r->out.received_ms) ||
           fail_member(r, "received", "is not a date of RFC 3339");
}

static bool read_retained(struct reading *r)
{
    bool yes = json_walk_peek(&r->w) == 't';
    return json_walk_literal(&r->w, yes ? "true" : "false") ||
           fail_member(r, "retained", r->w.fault);
}

/* Only where it ends: whoever reads the item says what is wrong with it. */
static bool read_item(struct reading *r)
{
    bool object = json_walk_peek(&r->w) == '{';
    const char *first = r->w.at;
    if (!object) return fail_member(r, "item", "is not an object");
    if (!json_walk_any(&r->w, 1)) return fail_member(r, "item", r->w.fault);
    r->out.item = (struct json_slice){first, (size_t)(r->w.at - first)};
    return true;
}

static const struct {
    const char *name;
    bool (*read)(struct reading *r);
} members[] = {
    {"topic", read_topic},
    {"received", read_received},
    {"retained", read_retained},
    {"item", read_item},
};
enum { MEMBERS = sizeof members / sizeof *members };

static size_t member_of(struct json_slice name)
{
    size_t i = 0;
    while (i < MEMBERS &&
           (strlen(members[i].name) != name.len || memcmp(members[i].name, name.at, name.len) != 0))
        i++;
    return i;
}

static bool read_member(struct reading *r)
{
    struct json_slice name;
    if (!json_walk_name(&r->w, &name)) return fail_member(r, "$", r->w.fault);
    size_t i = member_of(name);
    if (i == MEMBERS) return fail(r, name.at, name.len, "unknown beside an \"item\"");
    if (r->seen & (1u << i)) return fail_member(r, members[i].name, "stands twice");
    r->seen |= 1u << i;
    return members[i].read(r);
}

/* ---- the whole ---- */

bool recorded_is(const char *bytes, size_t len)
{
    struct json_walk w = json_walk_start(bytes, len);
    struct json_slice name;
    if (json_walk_peek(&w) != '{') return false;
    w.at++;
    return json_walk_peek(&w) == '"' && json_walk_name(&w, &name) && member_of(name) < MEMBERS;
}

bool recorded_read(const char *bytes, size_t len, struct recorded *out, struct ninjs_fault *fault)
{
    struct reading r = {
        .w = json_walk_start(bytes, len), .out.received_ms = DATE_UNKNOWN, .fault = fault};
    if (json_walk_peek(&r.w) != '{') return fail_member(&r, "$", "is not an object");
    r.w.at++;
    bool more = json_walk_peek(&r.w) != '}';
    if (!more) r.w.at++;
    while (more)
        if (!read_member(&r)) return false;
        else if (!json_walk_more(&r.w, '}', &more)) return fail_member(&r, "$", r.w.fault);
    if (json_walk_peek(&r.w) != '\0' || r.w.at != r.w.end)
        return fail_member(&r, "$", "something follows it");
    if (!r.out.item.at) return fail_member(&r, "item", "is missing");
    *out = r.out;
    return true;
}

/* ---- its place ---- */

void recorded_place(const struct recorded *r, struct recorded_place *out)
{
    char root[TOPIC_MAX], language[TOPIC_LANGUAGE_MAX + 2];
    struct topic_levels l;
    *out = (struct recorded_place){0};
    (void)snprintf(root, sizeof root, "%.*s", (int)strcspn(r->topic, "/"), r->topic);
    if (!topic_split(root, r->topic, &l)) return;
    topic_slug(l.service, l.service_len, out->service);
    (void)snprintf(language, sizeof language, "%.*s", (int)l.language_len, l.language);
    if (!topic_language(language, out->language) || strcmp(out->language, "und") == 0)
        *out->language = '\0';
    if (strcspn(l.subject, "/") != 7 || strncmp(l.subject, "general", 7) != 0)
        (void)snprintf(out->subject, sizeof out->subject, "%s", l.subject);
}
