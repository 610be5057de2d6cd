#include "publisher/feed_uri.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "common/buf.h"

/* ---- looking ---- */

static void trim(const char **text, size_t *len)
{
    while (*len && (unsigned char)**text <= ' ')
        ++*text, --*len;
    while (*len && (unsigned char)(*text)[*len - 1] <= ' ')
        --*len;
}

/* The length of "scheme" before a ':', or 0 (RFC 3986 §3.1). */
static size_t scheme_length(const char *text, size_t len)
{
    if (len == 0 || !isalpha((unsigned char)*text)) return 0;
    for (size_t i = 1; i < len; i++) {
        if (text[i] == ':') return i;
        if (!isalnum((unsigned char)text[i]) && !strchr("+-.", text[i])) break;
    }
    return 0;
}

static bool scheme_is(const char *text, size_t scheme_len, const char *name)
{
    return strlen(name) == scheme_len && strncasecmp(text, name, scheme_len) == 0;
}

/* RFC 3986 §2: reserved and unreserved characters and the percent sign. */
static const bool uri_bytes[256] = {
    ['a' ... 'z'] = true, ['A' ... 'Z'] = true, ['0' ... '9'] = true, ['-'] = true, ['.'] = true,
    ['_'] = true,         ['~'] = true,         [':'] = true,         ['/'] = true, ['?'] = true,
    ['#'] = true,         ['['] = true,         [']'] = true,         ['@'] = true, ['!'] = true,
    ['$'] = true,         ['&'] = true,         ['\''] = true,        ['('] = true, [')'] = true,
    ['*'] = true,         ['+'] = true,         [','] = true,         [';'] = true, ['='] = true,
    ['%'] = true,
};

static bool all_uri_bytes(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (!uri_bytes[(unsigned char)text[i]]) return false;
    }
    return true;
}

static bool is_http(const char *text, size_t scheme_len)
{
    return scheme_is(text, scheme_len, "http") || scheme_is(text, scheme_len, "https");
}

/* "http://host...": text is known to be of that scheme. */
static bool has_host(const char *text, size_t len, size_t scheme_len)
{
    return len > scheme_len + 3 && memcmp(text + scheme_len, "://", 3) == 0 &&
           (isalnum((unsigned char)text[scheme_len + 3]) || text[scheme_len + 3] == '[' ||
            text[scheme_len + 3] == '%');
}

/* ---- making ---- */

/* Appends text with what is no character of a URI percent-encoded; tabs and newlines, which editors
 * break long lines with, are dropped (as browsers do). */
static void put_encoded(struct buf *out, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '\t' || c == '\n' || c == '\r') continue;
        bool bare_percent = c == '%' && !(i + 2 < len && isxdigit((unsigned char)text[i + 1]) &&
                                          isxdigit((unsigned char)text[i + 2]));
        if (uri_bytes[c] && !bare_percent) buf_putc(out, (char)c);
        else buf_printf(out, "%%%02X", c);
    }
}

/* RFC 3986 §5.2.4, on the path that starts at from: "." goes, ".." takes the segment before it. */
static void remove_dots(char *from)
{
    char *end = from + strcspn(from, "?#"), *in = from, *out = from;
    while (in < end) { /* at a '/' */
        size_t len = 1 + strcspn(in + 1, "/?#");
        bool last = in + len == end, one = len == 2 && in[1] == '.';
        bool two = len == 3 && in[1] == '.' && in[2] == '.';
        if (two) {
            while (out > from && *--out != '/')
                continue;
        }
        if (!one && !two) {
            memmove(out, in, len);
            out += len;
        } else if (last) {
            *out++ = '/';
        }
        in += len;
    }
    memmove(out, end, strlen(end) + 1);
}

/* How much of base stands before relative (RFC 3986 §5.2.2). */
static size_t shared(const char *base, size_t origin, const char *relative)
{
    size_t path_end = strcspn(base, "?#");
    if (relative[0] == '/') return relative[1] == '/' ? strcspn(base, "/") : origin;
    if (relative[0] == '?') return path_end;
    if (relative[0] == '#') return strcspn(base, "#");
    while (path_end > origin && base[path_end - 1] != '/')
        path_end--;
    return path_end;
}

/* relative, which is not absolute, seen from base, which is. */
static const char *join(struct arena *memory, const char *relative, const char *base)
{
    size_t origin = strcspn(base, ":") + strlen("://");
    origin += strcspn(base + origin, "/?#");
    size_t keep = shared(base, origin, relative);
    struct buf whole = {0};
    const char *answer = NULL;
    buf_put(&whole, base, keep);
    if (keep == origin && relative[0] != '/') buf_putc(&whole, '/');
    buf_puts(&whole, relative);
    size_t scheme = buf_ok(&whole) ? scheme_length(whole.data, whole.len) : 0;
    if (scheme && has_host(whole.data, whole.len, scheme)) {
        size_t start = scheme + 3;
        start += strcspn(whole.data + start, "/?#");
        if (whole.data[start] == '/') remove_dots(whole.data + start);
        answer = arena_strdup(memory, whole.data);
    }
    buf_deinit(&whole);
    return answer;
}

/* What text lacks to be absolute by a common slip: "www.host/path" forgot its scheme, "//host/path"
 * has none when there is no base to take it from. */
static const char *forgotten(const char *text, size_t len, const char *base)
{
    if (len > 4 && strncasecmp(text, "www.", 4) == 0) return "http://";
    return len > 2 && memcmp(text, "//", 2) == 0 && !base ? "https:" : "";
}

static const char *resolve(struct arena *memory, const char *text, size_t len, const char *base)
{
    size_t scheme = scheme_length(text, len);
    if (scheme == 0) return base ? join(memory, text, base) : NULL;
    bool usable = is_http(text, scheme) && has_host(text, len, scheme);
    return usable ? arena_strndup(memory, text, len) : NULL;
}

const char *feed_uri_resolve(struct arena *memory, const char *text, size_t len, const char *base)
{
    trim(&text, &len);
    if (len == 0 || len > FEED_URI_MAX) return NULL;
    if (scheme_length(text, len) && all_uri_bytes(text, len) && !memchr(text, '%', len))
        return resolve(memory, text, len, NULL); /* nearly all of them */
    struct buf whole = {0};
    buf_puts(&whole, forgotten(text, len, base));
    put_encoded(&whole, text, len);
    const char *answer = buf_ok(&whole) ? resolve(memory, whole.data, whole.len, base) : NULL;
    buf_deinit(&whole);
    return answer;
}

const char *feed_uri_absolute(struct arena *memory, const char *text, size_t len)
{
    static const char *const no_names[] = {"javascript", "data", "file", "about", "blob"};
    trim(&text, &len);
    size_t scheme = scheme_length(text, len);
    if (scheme == 0 || scheme + 1 == len || len > FEED_URI_MAX) return NULL;
    if (is_http(text, scheme) && !has_host(text, len, scheme)) return NULL;
    for (size_t i = 0; i < sizeof no_names / sizeof *no_names; i++) {
        if (scheme_is(text, scheme, no_names[i])) return NULL;
    }
    return all_uri_bytes(text, len) ? arena_strndup(memory, text, len) : NULL;
}
