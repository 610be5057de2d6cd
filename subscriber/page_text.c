#include "subscriber/page_text.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "common/text.h"

/* ---- HTML ---- */

enum { NAME_MAX_LEN = 12, REFERENCE_MAX = 10 };

enum effect { BREAK, LINE, PARAGRAPH, ITEM, CELL, HIDDEN };

static const struct {
    const char *name;
    enum effect effect;
} elements[] = {
    {"br", BREAK},
    {"p", PARAGRAPH},
    {"div", LINE},
    {"li", ITEM},
    {"ul", LINE},
    {"ol", LINE},
    {"tr", LINE},
    {"td", CELL},
    {"th", CELL},
    {"table", PARAGRAPH},
    {"h1", PARAGRAPH},
    {"h2", PARAGRAPH},
    {"h3", PARAGRAPH},
    {"h4", PARAGRAPH},
    {"h5", PARAGRAPH},
    {"h6", PARAGRAPH},
    {"blockquote", PARAGRAPH},
    {"pre", PARAGRAPH},
    {"hr", PARAGRAPH},
    {"dt", LINE},
    {"dd", LINE},
    {"section", LINE},
    {"article", LINE},
    {"figure", PARAGRAPH},
    {"figcaption", LINE},
    {"script", HIDDEN},
    {"style", HIDDEN},
    {"head", HIDDEN},
    {"template", HIDDEN},
    {"iframe", HIDDEN},
};

static const struct {
    const char *name, *text;
} references[] = {
    {"amp", "&"},         {"lt", "<"},         {"gt", ">"},         {"quot", "\""},
    {"apos", "'"},        {"nbsp", " "},       {"mdash", "\u2014"}, {"ndash", "\u2013"},
    {"hellip", "\u2026"}, {"lsquo", "\u2018"}, {"rsquo", "\u2019"}, {"ldquo", "\u201c"},
    {"rdquo", "\u201d"},  {"laquo", "\u00ab"}, {"raquo", "\u00bb"}, {"euro", "\u20ac"},
};

struct html {
    const char *at, *end;
    struct buf *out;
    size_t start;     /* of our text in out */
    unsigned breaks;  /* newlines that wait for the next character: 2 at most */
    bool blank;       /* likewise, a blank */
    bool no_more_end; /* no '>' follows: it is not looked for again */
};

static void put(struct html *h, const char *text, size_t len)
{
    bool first = h->out->len == h->start;
    for (unsigned i = 0; i < h->breaks && !first; i++)
        buf_putc(h->out, '\n');
    if (h->blank && h->breaks == 0 && !first) buf_putc(h->out, ' ');
    h->breaks = 0;
    h->blank = false;
    buf_put(h->out, text, len);
}

static void want_breaks(struct html *h, unsigned count)
{
    if (h->breaks < count) h->breaks = count;
}

/* Behind the end tag of that name; all that is left when there is none, as browsers do. */
static void skip_to_end_tag(struct html *h, const char *name)
{
    size_t len = strlen(name);
    while (h->at < h->end) {
        h->at = memchr(h->at, '<', (size_t)(h->end - h->at));
        if (!h->at) h->at = h->end;
        size_t left = (size_t)(h->end - h->at);
        if (left > len + 1 && h->at[1] == '/' && strncasecmp(h->at + 2, name, len) == 0) return;
        if (left > 0) h->at++;
    }
}

static void act(struct html *h, const char *name, enum effect effect, bool closing)
{
    switch (effect) {
    case BREAK:
        if (h->breaks < 2) h->breaks++;
        break;
    case LINE: want_breaks(h, 1); break;
    case PARAGRAPH: want_breaks(h, 2); break;
    case ITEM:
        want_breaks(h, 1);
        if (!closing) put(h, "\u2022 ", 4);
        break;
    case CELL: h->blank = true; break;
    case HIDDEN:
        if (!closing) skip_to_end_tag(h, name);
        break;
    }
}

/* name: of the tag, behind "<" or "</". */
static void take_name(struct html *h, const char *name, size_t len, bool closing)
{
    for (size_t i = 0; i < sizeof elements / sizeof *elements; i++)
        if (strlen(elements[i].name) == len && strncasecmp(elements[i].name, name, len) == 0) {
            act(h, elements[i].name, elements[i].effect, closing);
            return;
        }
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* at is on '<'. False: it begins no tag. */
static bool take_tag(struct html *h)
{
    const char *name = h->at + 1;
    if (name == h->end || h->no_more_end) return false;
    bool comment = h->end - h->at >= 4 && memcmp(h->at, "<!--", 4) == 0;
    bool closing = *name == '/';
    name += closing;
    if (!is_letter(name < h->end ? *name : ' ') && !closing && *name != '!' && *name != '?')
        return false;
    const char *close = comment ? memmem(h->at, (size_t)(h->end - h->at), "-->", 3)
                                : memchr(name, '>', (size_t)(h->end - name));
    if (!close && comment) h->at = h->end; /* a comment that is not closed hides the rest */
    h->no_more_end = !close;
    if (!close) return comment;
    size_t len = 0;
    while (len < NAME_MAX_LEN && name + len < close &&
           (is_letter(name[len]) || (name[len] >= '0' && name[len] <= '9')))
        len++;
    h->at = close + (comment ? 3 : 1);
    take_name(h, name, len, closing);
    return true;
}

/* "&#233;" and "&#xe9;"; at is behind "&#". */
static bool take_number(struct html *h, const char *at, const char *semicolon)
{
    unsigned base = at < semicolon && (*at | 0x20) == 'x' ? 16 : 10;
    uint32_t value = 0;
    char bytes[4];
    if (base == 16) at++;
    if (at == semicolon) return false;
    for (; at < semicolon; at++) {
        unsigned digit = *at >= '0' && *at <= '9' ? (unsigned)(*at - '0')
                         : is_letter(*at)         ? (unsigned)(*at | 0x20) - 'a' + 10
                                                  : base;
        if (digit >= base) return false;
        value = value * base + digit; /* at most eight digits: no overflow that matters */
    }
    put(h, bytes, text_encode(value, bytes));
    return true;
}

/* at is on '&'. False: it begins no reference we know. */
static bool take_reference(struct html *h)
{
    size_t left = (size_t)(h->end - h->at);
    const char *name = h->at + 1;
    const char *semicolon = memchr(h->at, ';', left < REFERENCE_MAX ? left : REFERENCE_MAX);
    if (!semicolon) return false;
    size_t len = (size_t)(semicolon - name);
    bool known = len > 1 && *name == '#' && take_number(h, name + 1, semicolon);
    for (size_t i = 0; i < sizeof references / sizeof *references && !known; i++) {
        known = strlen(references[i].name) == len && memcmp(references[i].name, name, len) == 0;
        if (known) put(h, references[i].text, strlen(references[i].text));
    }
    if (known) h->at = semicolon + 1;
    return known;
}

void page_text_of_html(struct buf *out, const char *html, size_t len)
{
    struct html h = {.at = html, .end = html + len, .out = out, .start = out->len};
    while (h.at < h.end) {
        char c = *h.at;
        if (c == '<' && take_tag(&h)) continue;
        if (c == '&' && take_reference(&h)) continue;
        if (c == ' ' || c == '\n' || c == '\r' || c == '\t') h.blank = true;
        else put(&h, h.at, 1);
        h.at++;
    }
}

/* ---- addresses ---- */

/* Only ASCII: where a script has no blanks, the text goes on right behind the address. */
static size_t address_length(const char *at, size_t len)
{
    size_t n = 0;
    while (n < len && at[n] > 0x20 && at[n] < 0x7f && !strchr("<>\"`\\^{|}", at[n]))
        n++;
    return n;
}

/* Brackets that are open at the end of the text; negative: more were closed than opened. */
static long depth_of(const char *at, size_t len, char open, char close)
{
    long depth = 0;
    for (size_t i = 0; i < len; i++)
        depth += (at[i] == open) - (at[i] == close);
    return depth;
}

/* A closing bracket at the end belongs to the address only if it has the opening one. */
static size_t without_punctuation(const char *at, size_t len)
{
    long round = depth_of(at, len, '(', ')'), square = depth_of(at, len, '[', ']');
    for (; len > 0; len--) {
        char c = at[len - 1];
        if (c == ')' && round < 0) round++;
        else if (c == ']' && square < 0) square++;
        else if (!strchr(".,;:!?'*_", c)) break;
    }
    return len;
}

size_t page_text_url(const char *text, size_t len, size_t *url_len)
{
    for (size_t at = 0; at < len; at++) {
        const char *found = memmem(text + at, len - at, "http", 4);
        if (!found) break;
        at = (size_t)(found - text);
        const char *behind = found + 4;
        size_t left = len - at - 4;
        size_t secure = left > 0 && *behind == 's';
        bool address = left > 3 + secure && memcmp(behind + secure, "://", 3) == 0;
        if (!address || (at > 0 && is_letter(text[at - 1]))) continue;
        *url_len = without_punctuation(found, address_length(found, len - at));
        return at;
    }
    return len;
}
