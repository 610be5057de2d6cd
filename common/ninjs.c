#include "common/ninjs.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/geojson.h"
#include "common/ninjs_schema.h"
#include "common/text.h"

enum { NAME_SHOWN = 64 }; /* bytes of a name in a path */

/* Where the walk is: the name or the index at each level, outermost first. Kept on the stack as a
 * list, so that following it costs nothing until a fault wants it as text. */
struct step {
    const struct step *outer;
    struct json_slice name; /* at NULL: an index */
    size_t index;
};

struct check {
    struct json_walk w;
    struct ninjs *item;
    struct ninjs_fault *fault;
};

/* Names are cut at a character. */
static int name_cut(struct json_slice name)
{
    size_t len = name.len < NAME_SHOWN ? name.len : NAME_SHOWN;
    return (int)text_valid_prefix(name.at, len);
}

static size_t path_write(const struct step *at, char *out, size_t size)
{
    if (!at) return 0;
    size_t used = path_write(at->outer, out, size);
    if (used + 1 >= size) return used;
    int n = at->name.at ? snprintf(out + used, size - used, "%s%.*s", used ? "." : "",
                                   name_cut(at->name), at->name.at)
                        : snprintf(out + used, size - used, "[%zu]", at->index);
    used += n > 0 ? (size_t)n : 0;
    return used < size ? used : size - 1;
}

static bool fail(struct check *c, const struct step *at, const char *what)
{
    c->fault->line = json_walk_line(&c->w);
    if (path_write(at, c->fault->path, sizeof c->fault->path) == 0) strcpy(c->fault->path, "$");
    (void)snprintf(c->fault->what, sizeof c->fault->what, "%s", what);
    return false;
}

/* What the JSON walk found wrong, told with our path. */
static bool fail_json(struct check *c, const struct step *at)
{
    return fail(c, at, c->w.fault);
}

/* ---- single values ---- */

static bool check_word(struct check *c, const char *const *words, const struct step *at)
{
    struct json_slice s;
    if (!json_walk_string(&c->w, &s)) return fail_json(c, at);
    char allowed[80] = "";
    for (size_t used = 0; *words; words++) {
        if (strlen(*words) == s.len && memcmp(*words, s.at, s.len) == 0) return true;
        if (memchr(s.at, '\\', s.len) && json_is((struct json_slice){s.at - 1, s.len + 2}, *words))
            return true;
        int n = snprintf(allowed + used, sizeof allowed - used, " %s", *words);
        used = n > 0 && used + (size_t)n < sizeof allowed ? used + (size_t)n : sizeof allowed - 1;
    }
    char what[sizeof c->fault->what];
    (void)snprintf(what, sizeof what, "is not one of:%s", allowed);
    return fail(c, at, what);
}

static bool check_number(struct check *c, const struct ninjs_property *p, const struct step *at)
{
    double value;
    if (!json_walk_number(&c->w, &value)) return fail_json(c, at);
    if (p->kind == KIND_NUMBER) return true;
    if (value != floor(value) || fabs(value) > 9007199254740992.0) /* 2^53: exact in a double */
        return fail(c, at, "is not an integer");
    if (p->least == p->most || (value >= p->least && value <= p->most)) return true;
    char what[64];
    (void)snprintf(what, sizeof what, "is not between %d and %d", p->least, p->most);
    return fail(c, at, what);
}

/* The schema's truncatedDateTimeType: [-]YYYY[-MM[-DD[THH:MM:SS[.f][zone]]]], the year of four
 * digits or, without leading zeros, more. '0' stands for a digit; ranges are checked where two
 * digits stand together. */
static bool is_truncated_date(const char *s, size_t len)
{
    static const char shape[] = "0000-00-00T00:00:00";
    static const struct {
        size_t at, behind;
        int least, most;
    } parts[] = {{5, 7, 1, 12}, {8, 10, 1, 31}, {11, 13, 0, 23}, {14, 16, 0, 59}, {17, 19, 0, 59}};
    size_t n = strspn(s, "-");
    size_t year = strspn(s + n, "0123456789");
    if (n > 1 || year < 4 || (year > 4 && s[n] == '0')) return false;
    n += year - 4; /* the shape begins with the last four digits */
    s += n;
    len -= n;
    n = 0;
    while (n < len && n < sizeof shape - 1) {
        bool digit = s[n] >= '0' && s[n] <= '9';
        if (shape[n] == '0' ? !digit : s[n] != shape[n]) return false;
        n++;
    }
    if (n != 4 && n != 7 && n != 10 && n != 19) return false;
    for (size_t i = 0; i < sizeof parts / sizeof *parts && parts[i].behind <= n; i++) {
        int value = (s[parts[i].at] - '0') * 10 + s[parts[i].at + 1] - '0';
        if (value < parts[i].least || value > parts[i].most) return false;
    }
    if (n < 19 || n == len) return n == len;
    if (s[n] == '.') {
        size_t fraction = strspn(s + n + 1, "0123456789");
        if (fraction == 0) return false;
        n += 1 + fraction;
    }
    if (n == len) return true;
    if (s[n] == 'Z') return n + 1 == len;
    if (len - n != 6 || (s[n] != '+' && s[n] != '-') || s[n + 3] != ':') return false;
    for (size_t i = 1; i < 6; i++)
        if (i != 3 && (s[n + i] < '0' || s[n + i] > '9')) return false;
    return (s[n + 1] - '0') * 10 + s[n + 2] - '0' <= 23 && s[n + 4] <= '5';
}

static bool check_truncated(struct check *c, const struct step *at)
{
    struct json_slice s;
    if (!json_walk_string(&c->w, &s)) return fail_json(c, at);
    struct buf plain = {0}; /* escapes are undone; the NUL behind it ends every digit run */
    json_text(&plain, (struct json_slice){s.at - 1, s.len + 2});
    bool ok = plain.data && is_truncated_date(plain.data, plain.len);
    buf_deinit(&plain);
    return ok || fail(c, at, "is not a year, month, day or full time");
}

static bool check_object(struct check *c, const struct ninjs_object *o, const struct step *at,
                         unsigned depth);

static bool check_one(struct check *c, const struct ninjs_property *p, const struct step *at,
                      unsigned depth)
{
    switch (p->kind) {
    case KIND_STRING:
    case KIND_URI:
    case KIND_DATE_TIME: return json_walk_string(&c->w, NULL) || fail_json(c, at);
    case KIND_TRUNCATED: return check_truncated(c, at);
    case KIND_ENUM: return check_word(c, p->words, at);
    case KIND_INTEGER:
    case KIND_NUMBER: return check_number(c, p, at);
    case KIND_OBJECT: return check_object(c, p->object, at, depth);
    case KIND_GEOJSON: return geojson_walk(&c->w, depth) || fail_json(c, at);
    }
    return fail(c, at, "has an unknown kind");
}

static bool check_array(struct check *c, const struct ninjs_property *p, const struct step *at,
                        unsigned depth)
{
    if (depth >= JSON_DEPTH_MAX) return fail(c, at, "is nested too deeply");
    if (json_walk_peek(&c->w) != '[') return fail(c, at, "an array is expected");
    c->w.at++;
    bool more = json_walk_peek(&c->w) != ']';
    if (!more) c->w.at++;
    for (struct step here = {.outer = at}; more; here.index++) {
        if (!check_one(c, p, &here, depth + 1)) return false;
        if (!json_walk_more(&c->w, ']', &more)) return fail_json(c, &here);
    }
    return true;
}

/* ---- objects ---- */

/* The property of that name in o or its base; *bit gets its place among all of them. */
static const struct ninjs_property *property_find(const struct ninjs_object *o, const char *name,
                                                  size_t len, unsigned *bit)
{
    for (unsigned first = 0; o; first += (unsigned)o->count, o = o->base)
        for (unsigned i = 0; i < o->count; i++)
            if (o->properties[i].len == len && memcmp(o->properties[i].name, name, len) == 0) {
                *bit = first + i;
                return &o->properties[i];
            }
    return NULL;
}

/* As above for a name whose escapes are still in it: rare, but valid. */
static const struct ninjs_property *property_find_escaped(const struct ninjs_object *o,
                                                          struct json_slice name, unsigned *bit)
{
    struct buf plain = {0};
    json_text(&plain, (struct json_slice){name.at - 1, name.len + 2});
    const struct ninjs_property *p = plain.len ? property_find(o, plain.data, plain.len, bit)
                                               : NULL;
    buf_deinit(&plain);
    return p;
}

static bool check_member(struct check *c, const struct ninjs_object *o, uint64_t *present,
                         const struct step *at, unsigned depth)
{
    struct step here = {.outer = at};
    if (!json_walk_name(&c->w, &here.name)) return fail_json(c, at);
    unsigned bit = 0;
    const struct ninjs_property *p = property_find(o, here.name.at, here.name.len, &bit);
    if (!p && memchr(here.name.at, '\\', here.name.len))
        p = property_find_escaped(o, here.name, &bit);
    if (!p) return fail(c, &here, "unknown property");
    if (*present >> bit & 1) return fail(c, &here, "stands twice in one object");
    *present |= UINT64_C(1) << bit;

    json_walk_peek(&c->w);
    const char *first = c->w.at;
    if (!(p->array ? check_array(c, p, &here, depth) : check_one(c, p, &here, depth))) return false;
    if (!at && bit < NINJS_MEMBERS_NOTED)
        c->item->member[bit] = (struct json_slice){first, (size_t)(c->w.at - first)};
    return true;
}

static bool check_complete(struct check *c, const struct ninjs_object *o, uint64_t present,
                           const struct step *at)
{
    const char *broken = o->rule ? o->rule(present) : NULL;
    if (broken) return fail(c, at, broken);
    for (unsigned first = 0; o; first += (unsigned)o->count, o = o->base)
        for (unsigned i = 0; i < o->count; i++)
            if (o->properties[i].required && !(present >> (first + i) & 1)) {
                struct step missing = {.outer = at,
                                       .name = {o->properties[i].name, o->properties[i].len}};
                return fail(c, &missing, "is required");
            }
    return true;
}

static bool check_object(struct check *c, const struct ninjs_object *o, const struct step *at,
                         unsigned depth)
{
    if (depth >= JSON_DEPTH_MAX) return fail(c, at, "is nested too deeply");
    if (json_walk_peek(&c->w) != '{') return fail(c, at, "an object is expected");
    c->w.at++;
    uint64_t present = 0;
    bool more = json_walk_peek(&c->w) != '}';
    if (!more) c->w.at++;
    while (more) {
        if (!check_member(c, o, &present, at, depth + 1)) return false;
        if (!json_walk_more(&c->w, '}', &more)) return fail_json(c, at);
    }
    return check_complete(c, o, present, at);
}

static bool check_uri(struct check *c)
{
    static const struct step at = {.name = {"uri", 3}};
    struct json_slice uri = c->item->member[NINJS_URI];
    struct buf plain = {0};
    if (uri.len > 2 && uri.len - 2 <= NINJS_URI_MAX) return true;
    json_text(&plain, uri);
    size_t len = plain.len;
    buf_deinit(&plain);
    if (len > 0 && len <= NINJS_URI_MAX) return true;
    c->w.at = uri.at;
    return fail(c, &at, len ? "is too long" : "is empty");
}

bool ninjs_check(const char *bytes, size_t len, struct ninjs *item, struct ninjs_fault *fault)
{
    *item = (struct ninjs){0};
    struct check c = {.w = json_walk_start(bytes, len), .item = item, .fault = fault};
    if (len > NINJS_BYTES_MAX) return fail(&c, NULL, "the item is larger than 4 MiB");
    json_walk_peek(&c.w);
    const char *first = c.w.at;
    c.w.flags = 0; /* line breaks around the item are not in it */
    if (!check_object(&c, &ninjs_item, NULL, 0) || !check_uri(&c)) return false;
    item->all = (struct json_slice){first, (size_t)(c.w.at - first)};
    item->flags = c.w.flags;
    if (json_walk_peek(&c.w) != '\0' || c.w.at != c.w.end)
        return fail(&c, NULL, "something follows the item");
    return true;
}

void ninjs_note(const char *bytes, size_t len, struct ninjs *item)
{
    *item = (struct ninjs){.all = {bytes, len}};
    struct json_cursor c = json_inside(item->all);
    struct json_slice name, value;
    unsigned bit;
    while (json_next_member(&c, &name, &value))
        if (property_find(&ninjs_item, name.at + 1, name.len - 2, &bit) &&
            bit < NINJS_MEMBERS_NOTED)
            item->member[bit] = value;
}

bool ninjs_has_property(const char *name)
{
    unsigned bit;
    return property_find(&ninjs_item, name, strlen(name), &bit) != NULL;
}

bool ninjs_fail(struct news_error *err, const struct ninjs_fault *fault)
{
    return news_fail(err, NEWS_ERR_DATA, "%s: %s", fault->path, fault->what);
}
