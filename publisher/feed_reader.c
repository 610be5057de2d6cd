#include "publisher/feed_reader.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "publisher/feed_elements.h"
#include "publisher/feed_uri.h"

void feed_reader_init(struct feed_reader *r, struct feed_build *build)
{
    const char *url = build->origin->url;
    *r = (struct feed_reader){.build = build};
    if (url) url = feed_uri_resolve(build->feed->memory, url, strlen(url), NULL);
    r->stack[0].base = url;
}

void feed_reader_deinit(struct feed_reader *r)
{
    buf_deinit(&r->text);
}

struct feed_frame *feed_reader_top(struct feed_reader *r)
{
    return &r->stack[r->depth];
}

struct feed_item *feed_reader_owner(struct feed_reader *r)
{
    return r->item_depth ? feed_build_item(r->build) : &r->build->channel;
}

/* ---- attributes ---- */

enum { ATTRIBUTE_FIELDS = 5 };

const char *feed_attribute(struct feed_reader *r, const struct feed_attributes *a,
                           const char *prefix, const char *name)
{
    for (int i = 0; i < a->count; i++) {
        const char *const *f = (const char *const *)a->at + (ptrdiff_t)i * ATTRIBUTE_FIELDS;
        bool same_prefix = prefix ? f[1] && strcasecmp(f[1], prefix) == 0 : !f[1];
        if (!same_prefix || strcasecmp(f[0], name) != 0) continue;
        const char *value = arena_strndup(r->build->feed->memory, f[3], (size_t)(f[4] - f[3]));
        if (!value) r->build->failed = true;
        return value;
    }
    return NULL;
}

void feed_reader_address(struct feed_reader *r, enum feed_slot slot, const char *text, size_t len)
{
    const char *base = feed_reader_top(r)->base;
    const char *whole = base ? feed_uri_resolve(r->build->feed->memory, text, len, base) : NULL;
    /* Without a base it is completed when the feed's own address is known. */
    feed_set(r->build, feed_reader_owner(r), slot, KIND_PLAIN, whole ? whole : text,
             whole ? strlen(whole) : len);
}

/* ---- names ---- */

static const struct feed_vocabulary *vocabulary_of(struct feed_reader *r,
                                                   const struct feed_name *name)
{
    if (!name->uri) return name->prefix ? feed_vocabulary_of_prefix(name->prefix) : r->home;
    for (size_t i = 0; i < r->seen_count; i++) {
        if (r->seen[i].uri == name->uri) return r->seen[i].vocabulary;
    }
    const struct feed_vocabulary *v = feed_vocabulary_of_uri(name->uri);
    if (r->seen_count < FEED_NAMESPACES_SEEN) {
        r->seen[r->seen_count].uri = name->uri;
        r->seen[r->seen_count++].vocabulary = v;
    }
    return v;
}

/* ---- text and the markup in it ---- */

static void put_escaped(struct buf *out, const char *text, size_t len)
{
    static const char *const escapes[256] = {['&'] = "&amp;", ['<'] = "&lt;", ['"'] = "&quot;"};
    size_t start = 0;
    for (size_t i = 0; i < len; i++) {
        const char *escape = escapes[(unsigned char)text[i]];
        if (!escape) continue;
        buf_put(out, text + start, i - start);
        buf_puts(out, escape);
        start = i + 1;
    }
    buf_put(out, text + start, len - start);
}

/* What was collected so far was plain: from here on it has to stand among tags. */
void feed_reader_markup(struct feed_reader *r)
{
    struct buf escaped = {0};
    if (r->markup) return;
    if (r->text.len) put_escaped(&escaped, r->text.data, r->text.len);
    if (!buf_ok(&escaped)) r->build->failed = true;
    buf_deinit(&r->text);
    r->text = escaped;
    r->markup = true;
    r->kind = KIND_HTML;
}

static bool full(const struct feed_reader *r)
{
    return r->text.len > FEED_FIELD_MAX; /* what is beyond would be cut off anyway */
}

static void put_start_tag(struct feed_reader *r, const char *name, const struct feed_attributes *a)
{
    buf_printf(&r->text, "<%s", name);
    for (int i = 0; i < a->count; i++) {
        const char *const *f = (const char *const *)a->at + (ptrdiff_t)i * ATTRIBUTE_FIELDS;
        if (f[1]) continue; /* xml:lang and the like mean nothing in HTML */
        buf_printf(&r->text, " %s=\"", f[0]);
        put_escaped(&r->text, f[3], (size_t)(f[4] - f[3]));
        buf_putc(&r->text, '"');
    }
    buf_putc(&r->text, '>');
}

/* HTML 5 §13.1.2: these have no end tag. */
static bool is_void(const char *name)
{
    static const char *const names[] = {"br",  "img",  "hr",   "wbr",  "input", "embed", "source",
                                        "col", "area", "link", "meta", "param", "track"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcasecmp(names[i], name) == 0) return true;
    }
    return false;
}

void feed_reader_text(struct feed_reader *r, const char *text, size_t len)
{
    enum feed_place place = feed_reader_top(r)->place;
    bool collected = place == PLACE_TEXT || place == PLACE_MARKUP || place == PLACE_PERSON;
    if (!collected || full(r)) return;
    if (r->markup) put_escaped(&r->text, text, len);
    else buf_put(&r->text, text, len);
}

/* The element being collected is complete. */
static void end_text(struct feed_reader *r, const struct feed_element *e)
{
    if (!buf_ok(&r->text)) r->build->failed = true;
    else if (e->end) e->end(r);
    else if (r->text.len)
        feed_set(r->build, feed_reader_owner(r), e->slot, r->kind, r->text.data, r->text.len);
}

/* ---- events ---- */

/* A page where a feed was expected is the most frequent mistake of all: it gets its own words. */
static bool refuse_root(struct feed_reader *r, const char *name)
{
    static const char *const html[] = {"html", "head", "body", "meta", "div", "p", "script"};
    for (size_t i = 0; i < sizeof html / sizeof *html; i++) {
        if (strcasecmp(html[i], name) != 0) continue;
        (void)snprintf(r->refused, sizeof r->refused, "an HTML page, not a feed");
        return false;
    }
    (void)snprintf(r->refused, sizeof r->refused, "not a feed: the outermost element is <%.60s>",
                   name);
    return false;
}

static bool start_root(struct feed_reader *r, const struct feed_name *name,
                       const struct feed_attributes *a)
{
    struct feed_frame *f = feed_reader_top(r);
    const struct feed_root *root = feed_root_find(name->local,
                                                  feed_attribute(r, a, NULL, "version"), name->uri);
    if (!root) return refuse_root(r, name->local);
    r->home = feed_vocabulary_of_prefix(root->prefix);
    r->build->feed->format = root->format;
    f->place = root->place;
    if (f->lang) /* of RSS the channel's counts more, but that may have none */
        feed_set(r->build, &r->build->channel, SLOT_INHERITED_LANGUAGE, KIND_PLAIN, f->lang,
                 strlen(f->lang));
    /* Whatever namespace the root is in, what shares it is of its vocabulary. An RDF document's
     * root stands alone in its own. */
    if (name->uri && strcasecmp(name->local, "RDF") != 0)
        r->seen[0].vocabulary = r->home; /* its namespace is the first that was seen */
    return true;
}

/* Broken markup can leave a text open. An element of the feed's own vocabulary ends it then, or it
 * would swallow the rest; those between become part of the item. */
static void end_runaway_text(struct feed_reader *r, const char *name)
{
    unsigned text = r->depth;
    while (r->stack[text].place == PLACE_MARKUP)
        text--;
    if (r->stack[text].place != PLACE_TEXT) return;
    enum feed_place owner = r->stack[text - 1].place;
    if ((owner != PLACE_ITEM && owner != PLACE_FEED) || !feed_element_find(r->home, name, owner))
        return;
    end_text(r, r->stack[text].element);
    for (unsigned i = text; i <= r->depth; i++) {
        r->stack[i].place = owner;
        r->stack[i].element = NULL;
    }
}

static void start_known(struct feed_reader *r, const struct feed_element *e,
                        const struct feed_attributes *a)
{
    struct feed_frame *f = feed_reader_top(r);
    f->element = e;
    f->place = e->place;
    if (e->place == PLACE_TEXT || e->place == PLACE_PERSON) {
        buf_clear(&r->text);
        r->markup = false;
        r->kind = KIND_HTML;
    }
    if (e->start) e->start(r, a);
}

/* Opens a frame with what it has from the one around it. */
static void push(struct feed_reader *r, const struct feed_attributes *a)
{
    const struct feed_frame *outer = feed_reader_top(r);
    struct feed_frame *f = &r->stack[++r->depth];
    *f = (struct feed_frame){PLACE_IGNORED, NULL, outer->base, outer->lang};
    if (a->count == 0) return;
    const char *base = feed_attribute(r, a, "xml", "base");
    const char *lang = feed_attribute(r, a, "xml", "lang");
    if (base) base = feed_uri_resolve(r->build->feed->memory, base, strlen(base), f->base);
    if (base) f->base = base;
    if (lang) f->lang = lang;
}

bool feed_reader_start(struct feed_reader *r, const struct feed_name *name,
                       const struct feed_attributes *a)
{
    if (r->depth == FEED_DEPTH_MAX) {
        (void)snprintf(r->refused, sizeof r->refused, "elements are nested deeper than %d",
                       FEED_DEPTH_MAX);
        return false;
    }
    const struct feed_vocabulary *v = vocabulary_of(r, name);
    if (r->damaged && v && v == r->home) end_runaway_text(r, name->local);
    enum feed_place parent = feed_reader_top(r)->place;
    push(r, a);
    if (parent == PLACE_OUTSIDE) return start_root(r, name, a);
    if (parent == PLACE_TEXT || parent == PLACE_MARKUP) {
        feed_reader_markup(r);
        if (!full(r)) put_start_tag(r, name->local, a);
        feed_reader_top(r)->place = PLACE_MARKUP;
        return true;
    }
    const struct feed_element *e = v ? feed_element_find(v, name->local, parent) : NULL;
    if (e) start_known(r, e, a);
    /* RSS 0.90 and 1.0 have the same root. */
    if (e && e->place == PLACE_FEED && name->uri && strcasestr(name->uri, "netscape.com/rdf"))
        r->build->feed->format = "RSS 0.90";
    return true;
}

void feed_reader_end(struct feed_reader *r, const char *local)
{
    struct feed_frame *f = feed_reader_top(r);
    if (r->depth == 0) return;
    if (f->place == PLACE_MARKUP) {
        if (!full(r) && !is_void(local)) buf_printf(&r->text, "</%s>", local);
    } else if ((f->place == PLACE_TEXT || f->place == PLACE_PERSON) && f->element) {
        end_text(r, f->element);
        buf_clear(&r->text); /* a person's own text must not contain that of its children */
    }
    if (r->depth == r->item_depth) r->item_depth = 0;
    r->depth--;
}
