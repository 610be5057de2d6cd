#include "common/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/ascii.h"
#include "common/date.h"
#include "common/text.h"

/* What a byte inside a string means to the walk. */
enum byte_class {
    PLAIN, /* ASCII that stands for itself */
    QUOTE,
    ESCAPE,
    CONTROL, /* C0: must be escaped, RFC 8259 section 7 */
    DELETE,  /* 0x7f: allowed, unsafe on a terminal */
    MULTI,   /* starts, or pretends to start, a UTF-8 sequence */
};

static enum byte_class byte_class(unsigned char c)
{
    if (c >= 0x80) return MULTI;
    if (c < 0x20) return CONTROL;
    if (c == '"') return QUOTE;
    if (c == '\\') return ESCAPE;
    return c == 0x7f ? DELETE : PLAIN;
}

/* The plain run at the head of a string is most of any item: eight bytes a step, then a look-up. */
static unsigned char classes[256];

__attribute__((constructor)) static void classes_fill(void)
{
    for (int c = 0; c < 256; c++)
        classes[c] = (unsigned char)byte_class((unsigned char)c);
}

/* Code points that harm a terminal or split a line (spec: terminal text, points 2 to 4 and 8). */
static bool is_unsafe(uint32_t c)
{
    return (c >= 0x7f && c <= 0x9f) || c == 0x061c || c == 0x200e || c == 0x200f ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

static bool is_continuation(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

/* Strict UTF-8 (RFC 3629) of two to four bytes. Returns the length, 0 when ill-formed. */
static inline size_t utf8_sequence(const char *at, const char *end, uint32_t *code_point)
{
    unsigned char lead = (unsigned char)*at;
    size_t left = (size_t)(end - at);
    if (lead >= 0xc2 && lead < 0xe0 && left >= 2 && is_continuation(at[1])) {
        *code_point = (lead & 0x1fu) << 6 | ((unsigned char)at[1] & 0x3fu);
        return 2;
    }
    size_t len = lead >= 0xf0 ? 4 : 3;
    if (lead < 0xe0 || lead > 0xf4 || left < len) return 0;
    uint32_t c = lead & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if (!is_continuation(at[i])) return 0;
        c = c << 6 | ((unsigned char)at[i] & 0x3fu);
    }
    if (c < (len == 3 ? 0x800u : 0x10000u) || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return 0;
    *code_point = c;
    return len;
}

/* The end of the plain run at the head of at. */
static inline const char *skip_plain(const char *at, const char *end)
{
    while (end - at >= 8 && ascii_json(ascii_load(at)))
        at += 8;
    while (at < end && classes[(unsigned char)*at] == PLAIN)
        at++;
    return at;
}

/* ---- the strict walk ---- */

static bool fail(struct json_walk *w, const char *what)
{
    w->fault = what;
    return false;
}

struct json_walk json_walk_start(const char *bytes, size_t len)
{
    return (struct json_walk){.start = bytes, .at = bytes, .end = bytes + len};
}

unsigned long json_walk_line(const struct json_walk *w)
{
    unsigned long line = 1;
    for (const char *p = w->start; p < w->at; p++)
        line += *p == '\n';
    return line;
}

char json_walk_peek(struct json_walk *w)
{
    for (; w->at < w->end; w->at++) {
        char c = *w->at;
        if (c == '\n' || c == '\r') w->flags |= JSON_SPACED;
        else if (c != ' ' && c != '\t') return c;
    }
    return '\0';
}

static int hex4(const char *at, const char *end)
{
    if (end - at < 4) return -1;
    int value = 0;
    for (int i = 0; i < 4; i++) {
        char c = at[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0) return -1;
        value = value << 4 | digit;
    }
    return value;
}

/* \uXXXX, with its second half where it is a surrogate. at is behind the 'u'. */
static bool walk_unicode_escape(struct json_walk *w)
{
    int high = hex4(w->at, w->end);
    if (high < 0) return fail(w, "\\u is not followed by four hex digits");
    if (high == 0) return fail(w, "a NUL character (\\u0000) is not allowed");
    w->at += 4;
    if (high < 0xd800 || high > 0xdfff) return true;
    int low = w->end - w->at >= 6 && w->at[0] == '\\' && w->at[1] == 'u' ? hex4(w->at + 2, w->end)
                                                                         : -1;
    if (high > 0xdbff || low < 0xdc00 || low > 0xdfff)
        return fail(w, "half of a surrogate pair stands alone");
    w->at += 6;
    return true;
}

static bool walk_escape(struct json_walk *w)
{
    w->at++;
    if (w->at == w->end) return fail(w, "the string does not end");
    char c = *w->at++;
    if (c == 'u') return walk_unicode_escape(w);
    if (c == '\0' || !strchr("\"\\/bfnrt", c)) return fail(w, "unknown escape in a string");
    return true;
}

bool json_walk_string(struct json_walk *w, struct json_slice *out)
{
    if (json_walk_peek(w) != '"') return fail(w, "a string is expected");
    const char *first = ++w->at;
    for (;;) {
        w->at = skip_plain(w->at, w->end);
        if (w->at == w->end) return fail(w, "the string does not end");
        uint32_t code_point;
        size_t len;
        switch ((enum byte_class)classes[(unsigned char)*w->at]) {
        case QUOTE:
            if (out) *out = (struct json_slice){first, (size_t)(w->at - first)};
            w->at++;
            return true;
        case ESCAPE:
            if (!walk_escape(w)) return false;
            break;
        case CONTROL: return fail(w, "a control character stands unescaped in a string");
        case DELETE:
            w->flags |= JSON_UNSAFE;
            w->at++;
            break;
        case MULTI:
            len = utf8_sequence(w->at, w->end, &code_point);
            if (len == 0) return fail(w, "the text is not valid UTF-8");
            if (is_unsafe(code_point)) w->flags |= JSON_UNSAFE;
            w->at += len;
            break;
        case PLAIN: break;
        }
    }
}

static size_t digits(const char *at, const char *end)
{
    size_t n = 0;
    while (at + n < end && at[n] >= '0' && at[n] <= '9')
        n++;
    return n;
}

bool json_walk_number(struct json_walk *w, double *value)
{
    json_walk_peek(w);
    const char *at = w->at;
    if (at < w->end && *at == '-') at++;
    size_t whole = digits(at, w->end);
    if (whole == 0) return fail(w, "a number is expected");
    if (whole > 1 && *at == '0') return fail(w, "a number does not start with 0");
    at += whole;
    if (at < w->end && *at == '.') {
        size_t fraction = digits(++at, w->end);
        if (fraction == 0) return fail(w, "a digit is expected after the point");
        at += fraction;
    }
    bool scaled = at < w->end && (*at == 'e' || *at == 'E');
    if (scaled) {
        at++;
        if (at < w->end && (*at == '+' || *at == '-')) at++;
        size_t exponent = digits(at, w->end);
        if (exponent == 0 || exponent > 3) return fail(w, "the exponent is missing or too large");
        at += exponent;
    }
    size_t len = (size_t)(at - w->at);
    if (len > JSON_NUMBER_MAX) return fail(w, "the number is too long");
    if (value || scaled) {
        char text[JSON_NUMBER_MAX + 1];
        memcpy(text, w->at, len);
        text[len] = '\0';
        double number = strtod(text, NULL); /* the programs never leave the C numeric locale */
        if (isinf(number)) return fail(w, "the number is too large");
        if (value) *value = number;
    }
    w->at = at;
    return true;
}

bool json_walk_literal(struct json_walk *w, const char *word)
{
    size_t len = strlen(word);
    json_walk_peek(w);
    if ((size_t)(w->end - w->at) < len || memcmp(w->at, word, len) != 0)
        return fail(w, "a value is expected");
    w->at += len;
    return true;
}

bool json_walk_more(struct json_walk *w, char close, bool *more)
{
    char c = json_walk_peek(w);
    if (c != ',' && c != close)
        return fail(w, close == '}' ? "',' or '}' is expected" : "',' or ']' is expected");
    w->at++;
    *more = c == ',';
    return true;
}

bool json_walk_name(struct json_walk *w, struct json_slice *name)
{
    if (json_walk_peek(w) != '"') return fail(w, "a property name in quotes is expected");
    if (!json_walk_string(w, name)) return false;
    if (json_walk_peek(w) != ':') return fail(w, "':' is expected after a property name");
    w->at++;
    return true;
}

/* The names of one object, for finding one that stands twice. Escaped ones are kept decoded. */
struct names {
    struct json_slice seen[JSON_OPEN_MAX];
    size_t count;
    struct buf decoded[JSON_OPEN_MAX]; /* of those that had escapes */
    size_t decoded_count;
};

static bool names_add(struct json_walk *w, struct names *n, struct json_slice name)
{
    if (n->count == JSON_OPEN_MAX) return fail(w, "the object has too many properties");
    if (memchr(name.at, '\\', name.len)) {
        struct buf *b = &n->decoded[n->decoded_count++];
        *b = (struct buf){0};
        json_text(b, (struct json_slice){name.at - 1, name.len + 2});
        name = (struct json_slice){b->data ? b->data : "", b->len};
    }
    for (size_t i = 0; i < n->count; i++)
        if (n->seen[i].len == name.len && memcmp(n->seen[i].at, name.at, name.len) == 0)
            return fail(w, "the same property stands twice in one object");
    n->seen[n->count++] = name;
    return true;
}

static bool walk_members(struct json_walk *w, struct names *n, unsigned depth)
{
    bool more = json_walk_peek(w) != '}';
    if (!more) w->at++;
    while (more) {
        struct json_slice name;
        if (!json_walk_name(w, &name) || !names_add(w, n, name) || !json_walk_any(w, depth) ||
            !json_walk_more(w, '}', &more))
            return false;
    }
    return true;
}

static bool walk_open_object(struct json_walk *w, unsigned depth)
{
    struct names n;
    n.count = n.decoded_count = 0;
    bool ok = walk_members(w, &n, depth);
    for (size_t i = 0; i < n.decoded_count; i++)
        buf_deinit(&n.decoded[i]);
    return ok;
}

static bool walk_array(struct json_walk *w, unsigned depth)
{
    bool more = json_walk_peek(w) != ']';
    if (!more) w->at++;
    while (more)
        if (!json_walk_any(w, depth) || !json_walk_more(w, ']', &more)) return false;
    return true;
}

bool json_walk_any(struct json_walk *w, unsigned depth)
{
    if (depth >= JSON_DEPTH_MAX) return fail(w, "the value is nested too deeply");
    switch (json_walk_peek(w)) {
    case '{': w->at++; return walk_open_object(w, depth + 1);
    case '[': w->at++; return walk_array(w, depth + 1);
    case '"': return json_walk_string(w, NULL);
    case 't': return json_walk_literal(w, "true");
    case 'f': return json_walk_literal(w, "false");
    case 'n': return json_walk_literal(w, "null");
    case '\0': return fail(w, w->at == w->end ? "the text ends too early" : "a value is expected");
    case '-': return json_walk_number(w, NULL);
    default:
        if (strchr("+.0123456789", *w->at)) return json_walk_number(w, NULL);
        return fail(w, "a value is expected");
    }
}

/* ---- the quick walk ---- */

static const char *skip_blank(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r'))
        at++;
    return at;
}

/* at is on the opening quote; returns behind the closing one. */
static const char *skip_string(const char *at, const char *end)
{
    for (at++; at < end; at++) {
        at = memchr(at, '"', (size_t)(end - at));
        if (!at) return end;
        size_t slashes = 0;
        while (at[-1 - (ptrdiff_t)slashes] == '\\') /* the opening quote stops it */
            slashes++;
        if (slashes % 2 == 0) return at + 1;
    }
    return end;
}

static const char *skip_value(const char *at, const char *end)
{
    unsigned depth = 0;
    do {
        if (at == end) return end;
        switch (*at) {
        case '"': at = skip_string(at, end); break;
        case '{':
        case '[':
            depth++;
            at++;
            break;
        case '}':
        case ']':
            depth--;
            at++;
            break;
        default:
            at++;
            if (depth == 0)
                while (at < end && !strchr(",]} \t\r\n", *at))
                    at++;
            break;
        }
    } while (depth > 0);
    return at;
}

struct json_cursor json_inside(struct json_slice v)
{
    if (!v.at || v.len < 2 || (*v.at != '{' && *v.at != '[')) return (struct json_cursor){0};
    return (struct json_cursor){v.at + 1, v.at + v.len - 1};
}

bool json_next_element(struct json_cursor *c, struct json_slice *value)
{
    if (!c->at) return false;
    const char *at = skip_blank(c->at, c->end);
    if (at == c->end) return false;
    const char *behind = skip_value(at, c->end);
    *value = (struct json_slice){at, (size_t)(behind - at)};
    at = skip_blank(behind, c->end);
    if (at < c->end) at++; /* the comma; or, between name and value, the colon */
    c->at = at;
    return true;
}

bool json_next_member(struct json_cursor *c, struct json_slice *name, struct json_slice *value)
{
    return json_next_element(c, name) && json_next_element(c, value);
}

struct json_slice json_member(struct json_slice v, const char *name)
{
    struct json_cursor c = json_inside(v);
    struct json_slice key, value;
    if (v.at && *v.at == '{')
        while (json_next_member(&c, &key, &value))
            if (json_is(key, name)) return value;
    return (struct json_slice){0};
}

bool json_is(struct json_slice v, const char *text)
{
    size_t len = strlen(text);
    if (!v.at || v.len < 2 || *v.at != '"') return false;
    if (!memchr(v.at, '\\', v.len)) return v.len == len + 2 && memcmp(v.at + 1, text, len) == 0;
    struct buf plain = {0};
    json_text(&plain, v);
    bool same = plain.len == len && buf_ok(&plain) && (len == 0 || !memcmp(plain.data, text, len));
    buf_deinit(&plain);
    return same;
}

/* at is behind the backslash; returns behind the escape. */
static const char *put_unescaped(struct buf *out, const char *at, const char *end)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    char c = *at++;
    if (c != 'u') {
        const char *which = strchr(from, c);
        if (c && which) buf_putc(out, to[which - from]);
        return at;
    }
    int high = hex4(at, end);
    if (high < 0) return end;
    uint32_t code_point = (uint32_t)high;
    at += 4;
    if (high >= 0xd800 && high <= 0xdbff) {
        int low = end - at >= 6 ? hex4(at + 2, end) : -1;
        if (low < 0) return end;
        code_point = 0x10000 + ((code_point - 0xd800) << 10) + ((uint32_t)low - 0xdc00);
        at += 6;
    }
    char utf8[4];
    buf_put(out, utf8, text_encode(code_point, utf8));
    return at;
}

void json_text(struct buf *out, struct json_slice v)
{
    if (!v.at || v.len < 2 || *v.at != '"') return;
    const char *at = v.at + 1, *end = v.at + v.len - 1;
    while (at < end) {
        const char *slash = memchr(at, '\\', (size_t)(end - at));
        if (!slash) slash = end;
        buf_put(out, at, (size_t)(slash - at));
        if (slash == end || slash + 1 == end) return;
        at = put_unescaped(out, slash + 1, end);
    }
}

/* ---- writing ---- */

static void put_escape(struct buf *out, uint32_t c)
{
    static const char from[] = "\b\f\n\r\t\"\\", to[] = "bfnrt\"\\";
    const char *which = c < 0x80 && c ? strchr(from, (int)c) : NULL;
    if (which) buf_printf(out, "\\%c", to[which - from]);
    else buf_printf(out, "\\u%04x", (unsigned)c);
}

void json_put_string(struct buf *out, const char *text, size_t len)
{
    const char *at = text, *end = text + len;
    buf_putc(out, '"');
    while (at < end) {
        const char *run = at;
        uint32_t c = 0;
        size_t width = 0;
        for (; (at = skip_plain(at, end)) < end; at += width) {
            c = (unsigned char)*at;
            width = 1;
            if (classes[c] != MULTI) break;
            width = utf8_sequence(at, end, &c);
            if (width == 0 || is_unsafe(c)) break;
        }
        buf_put(out, run, (size_t)(at - run));
        if (at == end) break;
        if (width == 0) { /* not UTF-8 after all: never write invalid JSON */
            width = 1;
            c = 0xfffd;
        }
        put_escape(out, c);
        at += width;
    }
    buf_putc(out, '"');
}

void json_put_name(struct buf *out, const char *name)
{
    if (out->len > 0 && out->data[out->len - 1] != '{') buf_putc(out, ',');
    buf_putc(out, '"');
    buf_puts(out, name);
    buf_put(out, "\":", 2);
}

void json_put_member(struct buf *out, const char *name, const char *text)
{
    if (!text) return;
    json_put_name(out, name);
    json_put_string(out, text, strlen(text));
}

void json_put_date(struct buf *out, const char *name, int64_t unix_ms)
{
    char text[DATE_RFC3339_SIZE];
    if (unix_ms == DATE_UNKNOWN) return;
    date_rfc3339(unix_ms, text);
    json_put_member(out, name, text);
}

/* A valid string, at on its opening quote, with unsafe raw characters escaped. */
static void compact_string(struct buf *out, const char *at, const char *end)
{
    const char *run = at;
    while (at < end) {
        uint32_t c = (unsigned char)*at;
        size_t width = 1;
        if (c >= 0x80) width = utf8_sequence(at, end, &c);
        if (width == 0) break;
        if (is_unsafe(c)) {
            buf_put(out, run, (size_t)(at - run));
            put_escape(out, c);
            run = at + width;
        }
        at += width;
    }
    buf_put(out, run, (size_t)(end - run));
}

void json_compact(struct buf *out, const char *bytes, size_t len)
{
    const char *at = bytes, *end = bytes + len;
    while ((at = skip_blank(at, end)) < end) {
        const char *behind = at + 1;
        if (*at == '"') {
            behind = skip_string(at, end);
            compact_string(out, at, behind);
        } else {
            buf_putc(out, *at);
        }
        at = behind;
    }
}
