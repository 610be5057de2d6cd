/* ninjs 1.x and 2.x as 3.1, driven by the 3.1 table itself.
 *
 * The three lines of the standard differ in spelling more than in substance: 2.x writes the names
 * in lower case, 1.x besides has singulars, patterns (headline_X) and objects keyed by name. So
 * every name is looked up in the table regardless of case, then among the few real renamings. What
 * has no place in 3.1 keeps its name, and the check refuses it. */
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/item.h"
#include "common/ninjs_schema.h"

static json_t *upgrade_object(json_t *from, const struct ninjs_object *o, bool *changed,
                              unsigned depth);

static const struct ninjs_property *property_find(const struct ninjs_object *o, const char *name)
{
    for (; o; o = o->base)
        for (size_t i = 0; i < o->count; i++)
            if (strcasecmp(o->properties[i].name, name) == 0) return &o->properties[i];
    return NULL;
}

static const struct ninjs_object *object_of(const char *property)
{
    return property_find(&ninjs_item, property)->object;
}

/* ---- names that changed ---- */

static const struct renaming {
    const char *in; /* the property whose objects have it; NULL: the item itself */
    const char *old, *now;
} renamings[] = {
    {NULL, "$standard", "standard"},
    {NULL, "byline", "by"},
    {NULL, "embargoed", "embargoedUntil"},
    {NULL, "person", "people"},
    {NULL, "organisation", "organisations"},
    {NULL, "place", "places"},
    {NULL, "subject", "subjects"},
    {NULL, "event", "events"},
    {NULL, "object", "objects"},
    {NULL, "infosource", "infoSources"},
    {NULL, "genre", "genres"},
    {NULL, "trustindicator", "trustIndicators"},
    {"infoSources", "rel", "role"},
    {"places", "geometry_geojson", "geoJSON"},
    {"renditions", "mimetype", "contentType"},
};

static const char *renamed(const struct ninjs_object *o, const char *name)
{
    for (size_t i = 0; i < sizeof renamings / sizeof *renamings; i++) {
        const struct renaming *r = &renamings[i];
        if (strcasecmp(r->old, name) == 0 && (r->in ? object_of(r->in) : &ninjs_item) == o)
            return r->now;
    }
    return NULL;
}

/* Words that changed, whatever the property. Case is forgiven; "cancelled" is not: IPTC's own
 * test suite refuses it. */
static const char *word_now(const char *word, const char *const *allowed)
{
    if (strcasecmp(word, "complete") == 0) word = "full";
    if (strcasecmp(word, "incomplete") == 0) word = "partial";
    for (; *allowed; allowed++)
        if (strcasecmp(*allowed, word) == 0) return *allowed;
    return NULL;
}

/* ---- patterns of 1.x: headline_X, body_X, description_X ---- */

static const struct pattern {
    const char *prefix, *array;
} patterns[] = {{"headline", "headlines"}, {"body", "bodies"}, {"description", "descriptions"}};

static const struct {
    const char *suffix, *content_type;
} suffixes[] = {{"text", "text/plain"}, {"html", "text/html"}, {"xhtml", "application/xhtml+xml"}};

/* Where the value of `name` goes, and the X of it ("" for none); NULL: it is no such name. */
static const char *pattern_array(const char *name, const char **suffix)
{
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        size_t len = strlen(patterns[i].prefix);
        if (strncasecmp(name, patterns[i].prefix, len) != 0) continue;
        if (name[len] != '\0' && name[len] != '_') continue;
        *suffix = name[len] ? name + len + 1 : "";
        return patterns[i].array;
    }
    return NULL;
}

static json_t *array_in(json_t *item, const char *name)
{
    json_t *array = json_object_get(item, name);
    if (json_is_array(array)) return array;
    array = json_array();
    return json_object_set_new(item, name, array) == 0 ? array : NULL;
}

static void add_text(json_t *item, const char *array, const char *suffix, json_t *value)
{
    json_t *object = json_object();
    json_object_set_new(object, "role", json_string(*suffix ? suffix : "main"));
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++)
        if (strcmp(suffix, suffixes[i].suffix) == 0)
            json_object_set_new(object, "contentType", json_string(suffixes[i].content_type));
    json_object_set(object, "value", value);
    json_array_append_new(array_in(item, array), object);
}

/* ---- what agencies add to 1.x and 2.x, and where 3.1 can keep it ---- */

static void add_alt_id(json_t *item, const char *role, const json_t *value)
{
    char number[32];
    const char *text = json_string_value(value);
    if (json_is_integer(value)) {
        (void)snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        text = number;
    }
    if (text)
        json_array_append_new(array_in(item, "altIds"),
                              json_pack("{s:s, s:s}", "role", role, "value", text));
}

/* A string or number, or several of them, or of {"code":..., "name":...}. False: it is something
 * else, which an altId cannot hold. */
static bool add_alt_ids(json_t *item, const char *role, const json_t *value, unsigned depth)
{
    if (json_is_string(value) || json_is_integer(value)) return add_alt_id(item, role, value), true;
    if (depth == 2) return false;
    for (size_t i = 0; json_is_array(value) && i < json_array_size(value); i++)
        if (!add_alt_ids(item, role, json_array_get(value, i), depth + 1)) return false;
    if (json_is_array(value)) return true;
    const json_t *code = json_object_get(value, "code"), *name = json_object_get(value, "name");
    size_t known = (code ? 1u : 0u) + (name ? 1u : 0u);
    return known > 0 && json_object_size(value) == known &&
           (!code || add_alt_ids(item, role, code, 2)) &&
           (!name || add_alt_ids(item, role, name, 2));
}

static bool add_keywords(json_t *item, json_t *value)
{
    for (size_t i = 0; i < json_array_size(value); i++)
        if (!json_is_string(json_array_get(value, i))) return false;
    for (size_t i = 0; i < json_array_size(value); i++)
        json_array_append_new(array_in(item, "subjects"),
                              json_pack("{s:O}", "name", json_array_get(value, i)));
    return json_is_array(value);
}

static void add_evolved_from(json_t *item, json_t *value)
{
    json_array_append_new(
        array_in(item, "associations"),
        json_pack("{s:s, s:s, s:O}", "name", "evolvedFrom", "rel", "evolvedFrom", "uri", value));
}

/* True when name was one of those, and is dealt with. */
static bool add_extra(json_t *item, const char *name, json_t *value)
{
    static const char *const ids[] = {"guid",   "priority",  "mimetype", "service",
                                      "signal", "charcount", "wordcount"};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        if (strcasecmp(name, ids[i]) == 0) return add_alt_ids(item, ids[i], value, 0);
    if (strcasecmp(name, "keywords") == 0) return add_keywords(item, value);
    if (strcasecmp(name, "evolvedfrom") == 0 && json_is_string(value))
        return add_evolved_from(item, value), true;
    return false;
}

/* ---- concepts of 1.x: scheme and code become uri or literal ---- */

static bool is_absolute_uri(const char *text)
{
    return strstr(text, "://") || strncmp(text, "urn:", 4) == 0;
}

/* uri is the name under which this object keeps an identifier that is a URI. */
static void upgrade_code(json_t *object, const char *uri, bool *changed)
{
    json_t *code = json_object_get(object, "code"), *scheme = json_object_get(object, "scheme");
    if (!json_is_string(code) || json_object_get(object, "literal")) return;
    const char *c = json_string_value(code);
    const char *s = json_is_string(scheme) ? json_string_value(scheme) : "";
    size_t s_len = strlen(s);
    bool uri_free = json_object_get(object, uri) == NULL;
    if (uri_free && is_absolute_uri(c)) {
        json_object_set(object, uri, code);
        if (strncmp(c, s, s_len) != 0) json_object_set(object, "literal", scheme);
    } else if (uri_free && is_absolute_uri(s)) {
        json_object_set_new(object, uri,
                            json_sprintf("%s%s%s", s, strchr("/#", s[s_len - 1]) ? "" : "/", c));
    } else {
        json_object_set_new(object, "literal", json_sprintf("%s%s%s", s, s_len ? ":" : "", c));
    }
    json_object_del(object, "code");
    json_object_del(object, "scheme");
    *changed = true;
}

/* 1.x and 2.x symbols have a ticker beside the symbol; 3.1 has symbols alone, so the ticker becomes
 * one of its own. */
static void upgrade_tickers(json_t *organisation, bool *changed)
{
    json_t *symbols = json_object_get(organisation, "symbols");
    for (size_t i = 0, count = json_array_size(symbols); i < count; i++) {
        json_t *one = json_array_get(symbols, i);
        json_t *ticker = json_object_get(one, "ticker");
        if (!json_is_string(ticker)) continue;
        json_t *as_symbol = json_object_get(one, "symbol") ? json_copy(one) : json_incref(one);
        json_object_set(as_symbol, "symbol", ticker);
        json_object_del(as_symbol, "ticker");
        if (as_symbol != one) {
            json_object_del(one, "ticker");
            json_array_append(symbols, as_symbol);
        }
        json_decref(as_symbol);
        *changed = true;
    }
}

/* ---- values ---- */

/* The object under a key: the key is its name; the name it had, if another, is a title then. */
static json_t *named_object(const char *key, const json_t *value)
{
    json_t *object = json_copy((json_t *)(uintptr_t)value);
    json_t *name = json_object_get(object, "name");
    if (name && strcmp(json_is_string(name) ? json_string_value(name) : "", key) != 0)
        json_object_set(object, json_object_get(object, "title") ? "key" : "title", name);
    json_object_set_new(object, "name", json_string(key));
    return object;
}

/* {"thumbnail": {...}} as [{"name": "thumbnail", ...}]; altIds likewise with role and value. */
static json_t *array_of_keyed(json_t *keyed)
{
    json_t *array = json_array();
    const char *key;
    json_t *value;
    json_object_foreach(keyed, key, value)
    {
        json_array_append_new(array, json_is_object(value)
                                         ? named_object(key, value)
                                         : json_pack("{s:s, s:O}", "role", key, "value", value));
    }
    return array;
}

/* Or is it one element that stands without its array? Then its keys are properties. */
static bool is_keyed(json_t *value, const struct ninjs_property *p)
{
    bool alt_ids = strcmp(p->name, "altIds") == 0, all_properties = true;
    const char *key;
    json_t *member;
    if (!json_is_object(value) || p->kind != KIND_OBJECT) return false;
    json_object_foreach(value, key, member)
    {
        if (!json_is_object(member) && !alt_ids) return false;
        all_properties = all_properties && property_find(p->object, key);
    }
    return !all_properties || json_object_size(value) == 0;
}

static json_t *upgrade_one(json_t *value, const struct ninjs_property *p, bool *changed,
                           unsigned depth)
{
    if (p->kind == KIND_OBJECT && json_is_object(value))
        return upgrade_object(value, p->object, changed, depth);
    if (p->kind == KIND_ENUM && json_is_string(value)) {
        const char *now = word_now(json_string_value(value), p->words);
        if (now && strcmp(now, json_string_value(value)) != 0) {
            *changed = true;
            return json_string(now);
        }
    }
    return json_incref(value);
}

static json_t *upgrade_value(json_t *value, const struct ninjs_property *p, bool *changed,
                             unsigned depth)
{
    if (!p->array) return upgrade_one(value, p, changed, depth);
    json_t *list = json_is_array(value) ? json_incref(value)
                   : is_keyed(value, p) ? array_of_keyed(value)
                                        : json_pack("[O]", value);
    if (!json_is_array(value)) *changed = true;
    json_t *out = json_array(), *one;
    size_t i;
    json_array_foreach(list, i, one)
    {
        json_array_append_new(out, upgrade_one(one, p, changed, depth));
    }
    json_decref(list);
    return out;
}

/* value under the name of p; two lists become one. False: out, or the object it is made from, has
 * that property already, and one of the two would be lost. */
static bool put_property(json_t *out, const json_t *from, const char *name, json_t *value,
                         const struct ninjs_property *p, bool *changed, unsigned depth)
{
    json_t *before = json_object_get(out, p->name);
    bool merge = p->array && (!before || json_is_array(before));
    bool other = strcmp(p->name, name) != 0;
    if (!merge && (before || (other && json_object_get(from, p->name)))) return false;
    json_t *upgraded = upgrade_value(value, p, changed, depth);
    if (before) {
        json_array_extend(before, upgraded);
        json_decref(upgraded);
    } else {
        json_object_set_new(out, p->name, upgraded);
    }
    *changed = *changed || other;
    return true;
}

static void upgrade_member(json_t *out, const json_t *from, const char *name, json_t *value,
                           const struct ninjs_object *o, bool *changed, unsigned depth)
{
    bool is_item = property_find(o, "pubStatus") && property_find(o, "headlines");
    const char *now = renamed(is_item ? &ninjs_item : o, name), *suffix = "";
    const char *array = is_item && json_is_string(value) ? pattern_array(name, &suffix) : NULL;
    const struct ninjs_property *p = property_find(o, now ? now : name);
    if (p && put_property(out, from, name, value, p, changed, depth)) return;
    if (!p && array) add_text(out, array, suffix, value);
    else if (p || !is_item || !add_extra(out, name, value)) {
        json_object_set(out, name, value); /* for the check to name and refuse */
        return;
    }
    *changed = true;
}

static json_t *upgrade_object(json_t *from, const struct ninjs_object *o, bool *changed,
                              unsigned depth)
{
    if (depth >= JSON_DEPTH_MAX / 2) return json_incref(from);
    json_t *out = json_object(), *value;
    const char *name;
    json_object_foreach(from, name, value)
    {
        upgrade_member(out, from, name, value, o, changed, depth + 1);
    }
    if (property_find(o, "literal")) upgrade_code(out, "uri", changed);
    if (o == object_of("trustIndicators")) upgrade_code(out, "role", changed);
    if (property_find(o, "symbols")) upgrade_tickers(out, changed);
    return out;
}

/* An upgraded item is valid against 3.1, whatever it said of itself before. */
static void set_standard(json_t *item)
{
    json_object_set_new(item, "standard",
                        json_pack("{s:s, s:s, s:s}", "name", "ninjs", "version", NINJS_RELEASE,
                                  "schema", NINJS_SCHEMA_URI));
}

static int append(const char *bytes, size_t len, void *out)
{
    buf_put(out, bytes, len);
    return 0;
}

bool item_upgrade(const char *bytes, size_t len, struct buf *out)
{
    json_error_t why;
    json_t *from = json_loadb(bytes, len, JSON_REJECT_DUPLICATES, &why);
    bool changed = false;
    if (json_is_object(from)) {
        json_t *to = upgrade_object(from, &ninjs_item, &changed, 0);
        if (changed) {
            set_standard(to);
            json_dump_callback(to, append, out, JSON_COMPACT);
        }
        json_decref(to);
    }
    json_decref(from);
    return changed;
}
