#include "publisher/submission.h"

#include <stdio.h>
#include <string.h>

enum { NOTE_MAX = 4096, WORDS_MAX = 1024, LANGUAGE_TAG_MAX = 63 }; /* bytes */

static const char *const ops[] = {
    [SUBMIT_ITEM] = "item", [SUBMIT_UPDATE] = "update", [SUBMIT_KILL] = "kill"};
enum { OPS = sizeof ops / sizeof *ops };

#define AT(member) offsetof(struct submission, member)

static const struct {
    const char *name;
    size_t at; /* of a const char * */
    size_t max;
} texts[] = {
    {"uri", AT(uri), NINJS_URI_MAX},
    {"note", AT(note), NOTE_MAX},
    {"root", AT(place.root), TOPIC_ROOT_MAX},
    {"publisher", AT(place.publisher), TOPIC_SLUG_MAX},
    {"service", AT(place.service), WORDS_MAX},
    {"lang", AT(place.language), LANGUAGE_TAG_MAX},
    {"subject", AT(place.subject), WORDS_MAX},
    {"by", AT(defaults.source), WORDS_MAX},
    {"source", AT(source), SUBMISSION_SOURCE_MAX},
};
enum { TEXTS = sizeof texts / sizeof *texts };

/* ------------------------------------------------------------------------------------- Writing */

static void put_item(struct buf *out, const struct ninjs *item)
{
    json_put_name(out, "item");
    if (item->flags == 0) buf_put(out, item->all.at, item->all.len);
    else json_compact(out, item->all.at, item->all.len);
}

void submission_write(struct buf *out, const struct submission *s)
{
    buf_puts(out, "{\"v\":1");
    json_put_member(out, "op", ops[s->kind]);
    for (size_t i = 0; i < TEXTS; i++) {
        const char *text = *(const char *const *)((const char *)s + texts[i].at);
        if (text && *text) json_put_member(out, texts[i].name, text);
    }
    if (s->place.urgency) {
        json_put_name(out, "urgency");
        buf_printf(out, "%d", s->place.urgency);
    }
    if (s->feed) {
        json_put_name(out, "feed");
        buf_puts(out, "true");
    }
    if (s->kind != SUBMIT_KILL) put_item(out, &s->item);
    buf_putc(out, '}');
}

/* ------------------------------------------------------------------------------------- Reading */

struct reading {
    struct json_walk w;
    struct arena *memory;
    struct submission s;
    struct json_slice item;
    int op;   /* -1: not seen */
    double v; /* 0: not seen */
    bool feed_seen;
    struct news_error *err;
};

static bool fail(struct reading *r, const char *member, const char *what)
{
    return news_fail(r->err, NEWS_ERR_DATA, "submission: %s%s%s", member, *member ? ": " : "",
                     what);
}

/* The characters of the string that comes next, in memory; NULL: err. */
static const char *read_string(struct reading *r, const char *member, size_t max)
{
    struct json_slice s;
    if (!json_walk_string(&r->w, &s)) {
        fail(r, member, r->w.fault);
        return NULL;
    }
    struct buf plain = {0};
    bool escaped = memchr(s.at, '\\', s.len);
    if (escaped) json_text(&plain, (struct json_slice){s.at - 1, s.len + 2});
    size_t len = escaped ? plain.len : s.len;
    const char *text = NULL;
    if (len > max) fail(r, member, "is too long");
    else if (!buf_ok(&plain) ||
             !(text = arena_strndup(r->memory, escaped ? plain.data : s.at, len)))
        news_fail(r->err, NEWS_ERR_MEMORY, "out of memory");
    buf_deinit(&plain);
    return text;
}

static bool read_text(struct reading *r, size_t which)
{
    const char **to = (const char **)((char *)&r->s + texts[which].at);
    if (*to) return fail(r, texts[which].name, "stands twice");
    return (*to = read_string(r, texts[which].name, texts[which].max));
}

static bool read_op(struct reading *r)
{
    const char *word = read_string(r, "op", 16);
    if (!word) return false;
    if (r->op >= 0) return fail(r, "op", "stands twice");
    for (int i = 0; i < OPS; i++)
        if (strcmp(word, ops[i]) == 0) r->op = i;
    return r->op >= 0 || fail(r, "op", "is not one of: item update kill");
}

static bool read_version(struct reading *r)
{
    if (r->v > 0) return fail(r, "v", "stands twice");
    if (!json_walk_number(&r->w, &r->v)) return fail(r, "v", r->w.fault);
    return r->v == 1 || fail(r, "v", "is not 1: made by another version of newswire");
}

static bool read_urgency(struct reading *r)
{
    double value;
    if (r->s.place.urgency) return fail(r, "urgency", "stands twice");
    if (!json_walk_number(&r->w, &value)) return fail(r, "urgency", r->w.fault);
    for (int i = 1; i <= 9; i++)
        if (value == i) r->s.place.urgency = i;
    return r->s.place.urgency || fail(r, "urgency", "is not between 1 and 9");
}

static bool read_feed(struct reading *r)
{
    bool yes = json_walk_peek(&r->w) == 't';
    if (r->feed_seen) return fail(r, "feed", "stands twice");
    r->feed_seen = true;
    r->s.feed = yes;
    return json_walk_literal(&r->w, yes ? "true" : "false") || fail(r, "feed", r->w.fault);
}

/* Only where it ends: ninjs_check() looks at it once it is known to be alone. */
static bool read_item(struct reading *r)
{
    if (r->item.at) return fail(r, "item", "stands twice");
    json_walk_peek(&r->w);
    const char *first = r->w.at;
    if (!json_walk_any(&r->w, 1)) return fail(r, "item", r->w.fault);
    r->item = (struct json_slice){first, (size_t)(r->w.at - first)};
    return true;
}

static const struct {
    const char *name;
    bool (*read)(struct reading *r);
} others[] = {
    {"v", read_version},       {"op", read_op},     {"item", read_item},
    {"urgency", read_urgency}, {"feed", read_feed},
};

static bool is_name(struct json_slice name, const char *text)
{
    return name.len == strlen(text) && memcmp(name.at, text, name.len) == 0;
}

static bool read_member(struct reading *r)
{
    struct json_slice name;
    if (!json_walk_name(&r->w, &name)) return fail(r, "", r->w.fault);
    for (size_t i = 0; i < TEXTS; i++)
        if (is_name(name, texts[i].name)) return read_text(r, i);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (is_name(name, others[i].name)) return others[i].read(r);
    return news_fail(r->err, NEWS_ERR_DATA, "submission: %.*s: unknown member",
                     (int)(name.len < 64 ? name.len : 64), name.at);
}

static bool read_members(struct reading *r)
{
    if (json_walk_peek(&r->w) != '{') return fail(r, "", "is not a JSON object");
    r->w.at++;
    bool more = json_walk_peek(&r->w) != '}';
    if (!more) r->w.at++;
    while (more)
        if (!read_member(r)) return false;
        else if (!json_walk_more(&r->w, '}', &more)) return fail(r, "", r->w.fault);
    if (json_walk_peek(&r->w) != '\0' || r->w.at != r->w.end)
        return fail(r, "", "something follows it");
    return true;
}

static bool check_item(struct reading *r)
{
    struct ninjs_fault fault;
    struct buf compact = {0};
    struct ninjs *item = &r->s.item;
    if (!r->item.at) return fail(r, "item", "is missing");
    if (!ninjs_check(r->item.at, r->item.len, item, &fault)) return ninjs_fail(r->err, &fault);
    if (item->flags == 0) return true;
    json_compact(&compact, item->all.at, item->all.len);
    size_t len = compact.len;
    const char *copy = buf_ok(&compact) ? arena_strndup(r->memory, compact.data, len) : NULL;
    buf_deinit(&compact);
    if (!copy) return news_fail(r->err, NEWS_ERR_MEMORY, "out of memory");
    return ninjs_check(copy, len, item, &fault) || ninjs_fail(r->err, &fault);
}

static bool is_slug(const char *text)
{
    char slug[TOPIC_SLUG_MAX + 1];
    topic_slug(text, strlen(text), slug);
    return *text && strcmp(text, slug) == 0;
}

static bool check_place(struct reading *r)
{
    struct topic_place *p = &r->s.place;
    char language[TOPIC_LANGUAGE_MAX + 1];
    if (!p->publisher && r->s.kind == SUBMIT_ITEM) return fail(r, "publisher", "is missing");
    if (p->publisher && !is_slug(p->publisher))
        return fail(r, "publisher", "is not a slug (a-z, 0-9, dashes)");
    if (p->root && !topic_root_ok(p->root, NULL)) return fail(r, "root", "is not a topic level");
    if (p->language && !topic_language(p->language, language))
        return fail(r, "lang", "is no language tag such as en or de-AT");
    r->s.defaults.language = p->language;
    r->s.defaults.subject = p->subject;
    r->s.defaults.urgency = p->urgency;
    return true;
}

/* "" says no more than nothing. */
static void drop_empty(struct submission *s)
{
    for (size_t i = 0; i < TEXTS; i++) {
        const char **text = (const char **)((char *)s + texts[i].at);
        if (*text && !**text) *text = NULL;
    }
    if (!s->source) s->source = "";
}

static bool check(struct reading *r)
{
    struct submission *s = &r->s;
    if (r->v == 0) return fail(r, "v", "is missing");
    if (r->op < 0) return fail(r, "op", "is missing");
    s->kind = (enum submission_kind)r->op;
    drop_empty(s);
    if (s->kind != SUBMIT_ITEM && !s->uri) return fail(r, "uri", "is missing");
    if (!check_place(r)) return false;
    if (s->kind == SUBMIT_KILL) return true;
    if (!check_item(r)) return false;
    if (s->kind == SUBMIT_ITEM || json_is(s->item.member[NINJS_URI], s->uri)) return true;
    return fail(r, "uri", "is not the item's");
}

bool submission_read(const char *bytes, size_t len, struct arena *memory, struct submission *out,
                     struct news_error *err)
{
    struct reading r = {.memory = memory, .op = -1, .err = err};
    if (len > SUBMISSION_BYTES_MAX)
        return news_fail(err, NEWS_ERR_TOO_LARGE, "submission: a line is at most %u bytes",
                         SUBMISSION_BYTES_MAX);
    r.w = json_walk_start(bytes, len);
    if (!read_members(&r) || !check(&r)) return false;
    *out = r.s;
    return true;
}
