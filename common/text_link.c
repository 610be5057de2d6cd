#include "common/text.h"

#include <string.h>
#include <strings.h>

/* A run of bytes inside a url. */
struct span {
    const char *at;
    size_t len;
};

static struct span span_from(struct span s, size_t from)
{
    return (struct span){s.at + from, s.len - from};
}

/* Bytes at the start of s that are in set. */
static size_t span_of(struct span s, const char *set)
{
    size_t n = 0;
    while (n < s.len && s.at[n] != '\0' && strchr(set, s.at[n]))
        n++;
    return n;
}

#define DIGITS   "0123456789"
#define LOWER    "abcdefghijklmnopqrstuvwxyz"
#define UPPER    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define NAME_SET DIGITS LOWER UPPER "-._~"
#define HEX_SET  DIGITS "abcdefABCDEF"
#define IPV6_SET HEX_SET ":."

static bool is_control(char byte)
{
    return (unsigned char)byte < 0x20 || byte == 0x7F;
}

static bool has_control(const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (is_control(bytes[i])) return true;
    return false;
}

/* Bytes of "http://" or "https://" at the start; 0: neither. */
static size_t scheme_len(struct span url)
{
    static const char *const allowed[] = {"http://", "https://"};
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++) {
        size_t len = strlen(allowed[i]);
        if (url.len >= len && strncasecmp(url.at, allowed[i], len) == 0) return len;
    }
    return 0;
}

/* Bytes of one piece of an international name: a raw byte, or one already percent-encoded. An
 * encoded ASCII byte is refused: %40 and %2F would make a user name or a path of it later. */
static size_t foreign_byte(struct span s)
{
    if (s.len > 0 && (unsigned char)s.at[0] >= 0x80) return 1;
    bool encoded = s.len >= 3 && s.at[0] == '%' &&
                   span_of((struct span){s.at + 1, 1}, "89ABCDEFabcdef") == 1 &&
                   span_of((struct span){s.at + 2, 1}, HEX_SET) == 1;
    return encoded ? 3 : 0;
}

static size_t name_len(struct span s)
{
    size_t len = 0, step;
    do {
        struct span rest = span_from(s, len);
        step = span_of(rest, NAME_SET);
        if (step == 0) step = foreign_byte(rest);
        len += step;
    } while (step > 0);
    return len;
}

/* "[2001:db8::1]"; 0: it is not that. */
static size_t ipv6_len(struct span s)
{
    if (s.len == 0 || s.at[0] != '[') return 0;
    size_t inside = span_of(span_from(s, 1), IPV6_SET);
    size_t close = 1 + inside;
    return inside > 0 && close < s.len && s.at[close] == ']' ? close + 1 : 0;
}

/* host [":" port], and nothing else: no user name, no backslash that browsers take for a slash. */
static bool is_host(struct span authority)
{
    size_t len = ipv6_len(authority);
    if (len == 0) len = name_len(authority);
    if (len == 0) return false;
    struct span port = span_from(authority, len);
    if (port.len == 0) return true;
    size_t digits = port.len - 1;
    return port.at[0] == ':' && digits <= 5 && span_of(span_from(port, 1), DIGITS) == digits;
}

static struct span authority_of(struct span after_scheme)
{
    size_t len = 0;
    while (len < after_scheme.len && !memchr("/?#", after_scheme.at[len], 3))
        len++;
    return (struct span){after_scheme.at, len};
}

static bool needs_encoding(char byte)
{
    return byte < 0x21 || byte > 0x7E; /* char signed or not, 0x80 and up are outside */
}

static size_t encoded_len(const char *url, size_t len)
{
    size_t encoded = 0;
    for (size_t i = 0; i < len; i++)
        encoded += needs_encoding(url[i]) ? 3 : 1;
    return encoded;
}

bool text_url_ok(const char *url, size_t len)
{
    if (len > TEXT_LINK_MAX || has_control(url, len) || encoded_len(url, len) > TEXT_LINK_MAX)
        return false;
    struct span whole = {url, len};
    size_t scheme = scheme_len(whole);
    return scheme > 0 && is_host(authority_of(span_from(whole, scheme)));
}

void text_url(struct buf *out, const char *url, size_t len)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < len; i++) {
        unsigned char byte = (unsigned char)url[i];
        if (needs_encoding(url[i]))
            buf_put(out, (const char[]){'%', hex[byte >> 4], hex[byte & 15]}, 3);
        else buf_putc(out, url[i]);
    }
}

void text_link(struct buf *out, const char *url, size_t url_len, const char *label,
               size_t label_len)
{
    if (!text_url_ok(url, url_len)) {
        buf_put(out, label, label_len);
        return;
    }
    buf_puts(out, "\033]8;;");
    text_url(out, url, url_len);
    buf_puts(out, "\033\\");
    buf_put(out, label, label_len);
    buf_puts(out, "\033]8;;\033\\");
}
