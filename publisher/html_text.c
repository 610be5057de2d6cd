#include "publisher/html_text.h"
#include "common/text.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "publisher/html_entity.h"
#include "publisher/plain_text.h"

enum { TAG_NAME_MAX = 16 }; /* with its NUL: longer than any element's name */

static const char bullet[] = "• ";

/* ---- elements ---- */

enum role {
    INLINE,
    BREAK,     /* br */
    CELL,      /* a blank on either side */
    BLOCK,     /* a line of its own */
    PARAGRAPH, /* an empty line on either side */
    LIST,      /* the same, but a line when it is within another list */
    ITEM,      /* a line with a bullet */
    VERBATIM,  /* a paragraph in which newlines count */
    HIDDEN,    /* dropped with all it holds */
};

static const struct element {
    char name[TAG_NAME_MAX];
    enum role role;
} elements[] = {
    /* sorted */
    {"a", INLINE},         {"abbr", INLINE},
    {"acronym", INLINE},   {"address", BLOCK},
    {"article", BLOCK},    {"aside", BLOCK},
    {"audio", INLINE},     {"b", INLINE},
    {"big", INLINE},       {"blockquote", PARAGRAPH},
    {"body", BLOCK},       {"br", BREAK},
    {"button", INLINE},    {"caption", BLOCK},
    {"center", BLOCK},     {"cite", INLINE},
    {"code", INLINE},      {"dd", BLOCK},
    {"del", INLINE},       {"details", BLOCK},
    {"div", BLOCK},        {"dl", PARAGRAPH},
    {"dt", BLOCK},         {"em", INLINE},
    {"embed", INLINE},     {"figcaption", BLOCK},
    {"figure", PARAGRAPH}, {"font", INLINE},
    {"footer", BLOCK},     {"form", BLOCK},
    {"h1", PARAGRAPH},     {"h2", PARAGRAPH},
    {"h3", PARAGRAPH},     {"h4", PARAGRAPH},
    {"h5", PARAGRAPH},     {"h6", PARAGRAPH},
    {"head", HIDDEN},      {"header", BLOCK},
    {"hr", PARAGRAPH},     {"html", BLOCK},
    {"i", INLINE},         {"iframe", HIDDEN},
    {"img", INLINE},       {"ins", INLINE},
    {"kbd", INLINE},       {"li", ITEM},
    {"main", BLOCK},       {"map", HIDDEN},
    {"mark", INLINE},      {"math", HIDDEN},
    {"nobr", INLINE},      {"noembed", HIDDEN},
    {"noscript", HIDDEN},  {"object", HIDDEN},
    {"ol", LIST},          {"option", BLOCK},
    {"p", PARAGRAPH},      {"pre", VERBATIM},
    {"q", INLINE},         {"s", INLINE},
    {"samp", INLINE},      {"script", HIDDEN},
    {"section", BLOCK},    {"select", HIDDEN},
    {"small", INLINE},     {"span", INLINE},
    {"strike", INLINE},    {"strong", INLINE},
    {"style", HIDDEN},     {"sub", INLINE},
    {"summary", BLOCK},    {"sup", INLINE},
    {"svg", HIDDEN},       {"table", PARAGRAPH},
    {"tbody", BLOCK},      {"td", CELL},
    {"template", HIDDEN},  {"textarea", HIDDEN},
    {"tfoot", BLOCK},      {"th", CELL},
    {"thead", BLOCK},      {"time", INLINE},
    {"title", HIDDEN},     {"tr", BLOCK},
    {"tt", INLINE},        {"u", INLINE},
    {"ul", LIST},          {"var", INLINE},
    {"video", INLINE},     {"wbr", INLINE},
};

enum { ELEMENT_COUNT = sizeof elements / sizeof *elements };

static int by_name(const void *name, const void *element)
{
    return strcmp(name, ((const struct element *)element)->name);
}

/* ---- tokens ---- */

enum token_kind { TEXT, TAG, END_TAG, OTHER };

struct token {
    enum token_kind kind; /* OTHER: comments, declarations */
    const char *text;     /* of TEXT: all of it; of tags: the name as written */
    size_t len;
    const struct element *element; /* NULL: none we know */
    bool bare;                     /* a tag without attributes */
    bool self_closing;
};

struct html {
    const char *at, *end;
    /* Where a search came back empty once it is not tried again, which keeps the whole linear. */
    bool no_more[256];
    bool quotes_mislead; /* a tag was found to end only within quotes */
};

static const char *find(struct html *h, const char *from, char c)
{
    if (h->no_more[(unsigned char)c]) return NULL;
    const char *found = memchr(from, c, (size_t)(h->end - from));
    if (!found) h->no_more[(unsigned char)c] = true;
    return found;
}

static bool name_ends(char c)
{
    return c == '>' || c == '/' || isspace((unsigned char)c);
}

static const struct element *element_named(const char *name, size_t len)
{
    char lower[TAG_NAME_MAX];
    if (len >= sizeof lower) return NULL;
    for (size_t i = 0; i < len; i++)
        lower[i] = (char)tolower((unsigned char)name[i]);
    lower[len] = '\0';
    return bsearch(lower, elements, ELEMENT_COUNT, sizeof *elements, by_name);
}

/* The '>' that ends the tag whose name ends at from: not one in a quoted value. NULL: none does. */
static const char *unquoted_end(struct html *h, const char *from)
{
    for (const char *p = from; p < h->end; p++) {
        if (*p == '>') return p;
        if ((*p == '"' || *p == '\'') && p[-1] == '=') {
            const char *close = find(h, p + 1, *p);
            if (close) p = close; /* a quote that is never closed quotes nothing */
        }
    }
    return NULL;
}

/* The same; once quotes have swallowed every '>' up to the end they count no longer. */
static const char *tag_end(struct html *h, const char *from)
{
    const char *first = find(h, from, '>');
    if (!first || h->quotes_mislead) return first;
    const char *end = unquoted_end(h, from);
    if (!end) h->quotes_mislead = true;
    return end ? end : first;
}

static struct token text_to(struct html *h, const char *end)
{
    struct token t = {.kind = TEXT, .text = h->at, .len = (size_t)(end - h->at)};
    h->at = end;
    return t;
}

/* At "<!" or "<?": a comment, or what HTML takes for one. */
static struct token other(struct html *h)
{
    static const char open[] = "<!--", close[] = "-->";
    size_t left = (size_t)(h->end - h->at);
    const char *end;
    if (left >= 4 && memcmp(h->at, open, 4) == 0) {
        end = memmem(h->at + 4, left - 4, close, 3);
        h->at = end ? end + 3 : h->end;
    } else {
        end = find(h, h->at, '>');
        h->at = end ? end + 1 : h->end;
    }
    return (struct token){.kind = OTHER};
}

/* At '<' and a letter, or "</" and a letter. Without its '>' a tag is cut off text's end if we know
 * it, else it is text. */
static struct token tag(struct html *h, bool closing)
{
    struct token t = {.kind = closing ? END_TAG : TAG, .text = h->at + 1 + closing};
    const char *p = t.text;
    while (p < h->end && !name_ends(*p) && *p != '<')
        p++;
    t.len = (size_t)(p - t.text);
    t.element = element_named(t.text, t.len);
    const char *end = tag_end(h, p);
    if (!end && !t.element) return text_to(h, h->at + 1);
    t.bare = end == p;
    t.self_closing = end && end[-1] == '/';
    h->at = end ? end + 1 : h->end;
    return t;
}

static bool next_token(struct html *h, struct token *t)
{
    if (h->at == h->end) return false;
    if (*h->at != '<') {
        const char *open = find(h, h->at, '<');
        *t = text_to(h, open ? open : h->end);
        return true;
    }
    size_t left = (size_t)(h->end - h->at);
    char next = left > 1 ? h->at[1] : '\0';
    bool closing = next == '/' && left > 2 && isalpha((unsigned char)h->at[2]);
    if (isalpha((unsigned char)next) || closing) *t = tag(h, closing);
    else if (next == '!' || next == '?') *t = other(h);
    else *t = text_to(h, h->at + 1); /* "a < b", "<3" */
    return true;
}

/* Passes over everything up to the end tag of the element just opened, or to the end. */
static void skip_element(struct html *h, const struct token *opened)
{
    const char *p = h->at;
    while ((p = find(h, p, '<')) != NULL) {
        size_t left = (size_t)(h->end - p);
        if (left > opened->len + 2 && p[1] == '/' &&
            strncasecmp(p + 2, opened->text, opened->len) == 0 && name_ends(p[2 + opened->len]))
            break;
        p++;
    }
    h->at = p ? p : h->end;
}

/* ---- a fragment ---- */

struct rendering {
    struct plain plain;
    unsigned list_depth;
    enum plain_newlines newlines; /* outside of pre */
    bool broke;                   /* nothing but white space came since a br */
};

static void put_decoded(struct plain *p, const char *text, size_t len)
{
    const char *end = text + len;
    while (text < end) {
        const char *amp = memchr(text, '&', (size_t)(end - text));
        plain_put(p, text, (size_t)((amp ? amp : end) - text));
        if (!amp) return;
        uint32_t c = '&';
        char utf8[4];
        size_t step = html_entity(amp, (size_t)(end - amp), &c);
        plain_put(p, utf8, text_encode(c, utf8));
        text = amp + (step ? step : 1);
    }
}

static void put_text(struct rendering *r, const char *text, size_t len)
{
    size_t before = r->plain.out->len;
    put_decoded(&r->plain, text, len);
    if (r->plain.out->len != before) r->broke = false;
}

static void start_item(struct rendering *r)
{
    plain_space(&r->plain, PLAIN_LINE);
    r->plain.marker = bullet;
}

static void list_boundary(struct rendering *r, bool closing)
{
    if (closing && r->list_depth) r->list_depth--;
    plain_space(&r->plain, r->list_depth ? PLAIN_LINE : PLAIN_PARAGRAPH);
    if (closing) r->plain.marker = NULL; /* of an empty item */
    else r->list_depth++;
}

/* Two in a row part paragraphs: that is how they are used. */
static void line_break(struct rendering *r)
{
    plain_space(&r->plain, r->broke ? PLAIN_PARAGRAPH : PLAIN_LINE);
    r->broke = true;
}

static void render_tag(struct rendering *r, const struct token *t)
{
    bool closing = t->kind == END_TAG;
    switch (t->element ? t->element->role : INLINE) {
    case INLINE: break;
    case HIDDEN: break; /* the start tag was dealt with, a stray end tag is nothing */
    case BREAK: line_break(r); break;
    case CELL: plain_space(&r->plain, PLAIN_BLANK); break;
    case BLOCK: plain_space(&r->plain, PLAIN_LINE); break;
    case LIST: list_boundary(r, closing); break;
    case ITEM:
        if (!closing) start_item(r);
        break;
    case VERBATIM:
        r->plain.newlines = closing ? r->newlines : PLAIN_KEEP;
        plain_space(&r->plain, PLAIN_PARAGRAPH);
        break;
    case PARAGRAPH:
        /* The paragraph that an item consists of begins beside its bullet. */
        if (!r->plain.marker) plain_space(&r->plain, PLAIN_PARAGRAPH);
        break;
    }
}

static bool hides(const struct token *t)
{
    return t->kind == TAG && t->element && t->element->role == HIDDEN && !t->self_closing;
}

void html_to_text(struct buf *out, const char *html, size_t len)
{
    bool tags = memchr(html, '<', len) != NULL;
    enum plain_newlines newlines = tags ? PLAIN_FOLD : PLAIN_FOLD_LINES;
    struct rendering r = {.plain = plain_begin(out, newlines), .newlines = newlines};
    struct html h = {.at = html, .end = html + len};
    struct token t;
    while (tags && next_token(&h, &t)) {
        if (t.kind == TEXT) put_text(&r, t.text, t.len);
        else if (hides(&t)) skip_element(&h, &t);
        else if (t.kind != OTHER) render_tag(&r, &t);
    }
    if (!tags) put_text(&r, html, len);
    plain_end(&r.plain);
}

/* ---- titles ---- */

/* Appends text with its references decoded. */
static void decode(struct buf *out, const char *text, size_t len)
{
    const char *end = text + len;
    for (const char *amp; text < end && (amp = memchr(text, '&', (size_t)(end - text)));) {
        uint32_t c = '&';
        char utf8[4];
        size_t step = html_entity(amp, (size_t)(end - amp), &c);
        buf_put(out, text, (size_t)(amp - text));
        buf_put(out, utf8, text_encode(c, utf8));
        text = amp + (step ? step : 1);
    }
    buf_put(out, text, (size_t)(end - text));
}

/* Whether a title means t as markup: "the <b> tag" is about HTML when no "</b>" follows. */
static bool is_markup(const struct token *t, const bool closed[ELEMENT_COUNT])
{
    if (t->kind == OTHER) return true;
    if (t->kind == TEXT || !t->element) return false;
    bool empty = t->element->role == BREAK || t->self_closing;
    return t->kind == END_TAG || !t->bare || empty || closed[t->element - elements];
}

/* Appends text without tags of known elements and without comments. */
static void strip(struct buf *out, const char *text, size_t len)
{
    bool closed[ELEMENT_COUNT] = {false};
    struct html h = {.at = text, .end = text + len};
    struct token t;
    while (next_token(&h, &t)) {
        if (t.kind == END_TAG && t.element) closed[t.element - elements] = true;
    }
    h = (struct html){.at = text, .end = text + len};
    for (const char *start = h.at; next_token(&h, &t); start = h.at) {
        if (!is_markup(&t, closed)) buf_put(out, start, (size_t)(h.at - start));
        else if (t.element && t.element->role != INLINE) buf_putc(out, ' ');
    }
}

static void one_line(struct buf *out, const char *text, size_t len, bool tags)
{
    if (!memchr(text, '&', len) && !(tags && memchr(text, '<', len))) {
        plain_write(out, text, len, PLAIN_FOLD);
        return;
    }
    struct buf once = {0}, bare = {0};
    decode(&once, text, len);
    if (tags && once.len) strip(&bare, once.data, once.len);
    const struct buf *from = tags ? &bare : &once;
    struct plain p = plain_begin(out, PLAIN_FOLD);
    if (from->len) put_decoded(&p, from->data, from->len);
    plain_end(&p);
    if (!buf_ok(&once) || !buf_ok(&bare)) out->failed = true;
    buf_deinit(&once);
    buf_deinit(&bare);
}

void html_title(struct buf *out, const char *text, size_t len)
{
    one_line(out, text, len, true);
}

void html_plain_title(struct buf *out, const char *text, size_t len)
{
    one_line(out, text, len, false);
}

bool html_has_markup(const char *text, size_t len)
{
    struct html h = {.at = text, .end = text + len};
    struct token t;
    uint32_t c;
    while (next_token(&h, &t)) {
        if (t.kind != TEXT && (t.kind == OTHER || t.element)) return true;
        const char *amp = t.kind == TEXT ? memchr(t.text, '&', t.len) : NULL;
        if (amp && html_entity(amp, (size_t)(text + len - amp), &c)) return true;
    }
    return false;
}
