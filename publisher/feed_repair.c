#include "publisher/feed_repair.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "publisher/html_entity.h"

enum { PREAMBLE_MAX = 16 * 1024 }; /* bytes of whatever a server printed before the document */

static size_t after(const char *at, const char *end, const char *close)
{
    const char *found = memmem(at, (size_t)(end - at), close, strlen(close));
    return found ? (size_t)(found - at) + strlen(close) : (size_t)(end - at);
}

/* The length of what nothing is changed in: CDATA, comments, instructions. 0 for all else. */
static size_t opaque(const char *at, const char *end)
{
    static const struct {
        const char *open, *close;
    } sections[] = {{"<![CDATA[", "]]>"}, {"<!--", "-->"}, {"<?", "?>"}};
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
        size_t len = strlen(sections[i].open);
        if ((size_t)(end - at) >= len && memcmp(at, sections[i].open, len) == 0)
            return after(at, end, sections[i].close);
    }
    return 0;
}

static bool xml_character(uint32_t c) /* XML 1.0 §2.2; html_entity() gives no surrogates */
{
    return c >= ' ' ? c != 0xFFFE && c != 0xFFFF : c == '\t' || c == '\n' || c == '\r';
}

/* At '&'. Writes a reference that XML can read, nothing or "&amp;"; returns the bytes it is for. */
static size_t put_ampersand(struct buf *out, const char *at, const char *end)
{
    uint32_t c = 0;
    size_t len = html_entity(at, (size_t)(end - at), &c);
    bool closed = len && at[len - 1] == ';';
    if (!closed) {
        buf_puts(out, "&amp;");
        return 1;
    }
    if (c == 0xFFFD) buf_puts(out, "\xEF\xBF\xBD"); /* the number itself may be out of range */
    else if (xml_character(c)) buf_put(out, at, len);
    return len;
}

static bool begins_markup(const char *at, const char *end)
{
    unsigned char next = end - at > 1 ? (unsigned char)at[1] : 0;
    return isalpha(next) || next == '_' || next == ':' || next == '/' || next == '!' ||
           next >= 0x80;
}

static size_t preamble(const char *xml, size_t len)
{
    const char *start = memmem(xml, len < PREAMBLE_MAX ? len : PREAMBLE_MAX, "<?xml ", 6);
    return start ? (size_t)(start - xml) : 0;
}

void feed_repair(struct buf *out, const char *xml, size_t len, unsigned long *lines_dropped)
{
    const char *at = xml + preamble(xml, len), *end = xml + len;
    *lines_dropped = 0;
    for (const char *p = xml; p < at; p++)
        *lines_dropped += *p == '\n';
    while (at < end) {
        const char *stop = at;
        while (stop < end && *stop != '&' && *stop != '<')
            stop++;
        buf_put(out, at, (size_t)(stop - at));
        at = stop;
        if (at == end) break;
        size_t whole = opaque(at, end);
        if (whole) {
            buf_put(out, at, whole);
            at += whole;
        } else if (*at == '&') {
            at += put_ampersand(out, at, end);
        } else {
            buf_puts(out, begins_markup(at, end) ? "<" : "&lt;");
            at++;
        }
    }
}
