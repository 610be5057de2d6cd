#include "publisher/html_entity.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include <libxml/HTMLparser.h>

enum {
    NAME_MAX_BYTES = 16, /* longer than any name of HTML 4 */
    DIGITS_MAX = 8,      /* of a number; more of them say no character */
    LATIN1_END = 0x100,  /* names of code points below this may lack their semicolon (HTML 5) */
    REPLACEMENT = 0xFFFD,
};

/* What 0x80 to 0x9F stand for when a page written in windows-1252 counts them as characters. */
static const uint16_t cp1252[32] = {
    0x20AC, 0xFFFD, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0xFFFD, 0x017D, 0xFFFD, 0xFFFD, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0xFFFD, 0x017E, 0x0178,
};

uint32_t html_character(uint32_t c)
{
    if (c >= 0x80 && c <= 0x9F) return cp1252[c - 0x80];
    if (c == 0 || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF)) return REPLACEMENT;
    return c;
}

/* "#233;" or "#xE9;", at the '#'. Returns its length, 0 when no digit follows. */
static size_t numeric(const char *text, size_t len, uint32_t *code_point)
{
    bool hex = len > 1 && (text[1] == 'x' || text[1] == 'X');
    size_t start = hex ? 2 : 1, at = start;
    uint32_t value = 0;
    for (; at < len && (hex ? isxdigit((unsigned char)text[at]) : isdigit((unsigned char)text[at]));
         at++) {
        int c = tolower((unsigned char)text[at]);
        uint32_t digit = (uint32_t)(c <= '9' ? c - '0' : c - 'a' + 10);
        value = at - start < DIGITS_MAX ? value * (hex ? 16 : 10) + digit : UINT32_MAX;
    }
    if (at == start) return 0;
    *code_point = html_character(value);
    return at < len && text[at] == ';' ? at + 1 : at;
}

uint32_t html_entity_named(const char *name)
{
    const htmlEntityDesc *found = htmlEntityLookup((const xmlChar *)name);
    return found ? found->value : 0;
}

static size_t named(const char *text, size_t len, uint32_t *code_point)
{
    char name[NAME_MAX_BYTES];
    size_t n = 0;
    while (n < len && isalnum((unsigned char)text[n]) && n < sizeof name - 1) {
        name[n] = text[n];
        n++;
    }
    name[n] = '\0';
    bool closed = n < len && text[n] == ';';
    /* "?a=1&copy=2" is an address, and "&copyright" another word. */
    if (n == 0 || (!closed && n < len && (isalnum((unsigned char)text[n]) || text[n] == '=')))
        return 0;
    uint32_t value = html_entity_named(name);
    if (value == 0 || (!closed && value >= LATIN1_END)) return 0;
    *code_point = value;
    return closed ? n + 1 : n;
}

size_t html_entity(const char *text, size_t len, uint32_t *code_point)
{
    if (len < 2) return 0;
    size_t n = text[1] == '#' ? numeric(text + 1, len - 1, code_point)
                              : named(text + 1, len - 1, code_point);
    return n ? n + 1 : 0;
}
