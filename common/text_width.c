#include "common/text.h"

#include <string.h>

#include "common/text_unicode.h"

#define ELLIPSIS "\xE2\x80\xA6" /* U+2026, one column */

/* ------------------------------------------------------------------------------------- Width */

/* Ours is the wcwidth() of glibc, which ncurses and tmux count by. utf8proc has other ideas about
 * spacing marks, Hangul vowels and finals, and these two blocks. */
static size_t code_point_width(uint32_t code_point)
{
    static const struct range wide[] = {
        {0x3248, 0x324F}, /* circled numbers on black squares */
        {0x4DC0, 0x4DFF}, /* hexagrams */
    };
    const utf8proc_property_t *property = unicode_property(code_point);
    if (unicode_is_hangul_tail(property)) return 0;
    if (property->category == UTF8PROC_CATEGORY_MC && property->charwidth == 0) return 1;
    if (range_find(wide, sizeof wide / sizeof *wide, code_point)) return 2;
    return property->charwidth;
}

size_t text_width(const char *clean, size_t len)
{
    size_t width = 0;
    for (size_t at = 0; at < len;) {
        uint32_t code_point;
        at += text_decode(clean + at, len - at, &code_point);
        width += code_point < 0x80 ? code_point >= ' ' : code_point_width(code_point);
    }
    return width;
}

/* ------------------------------------------------------------------------------- Measuring up */

static bool is_ascii(char byte)
{
    return (unsigned char)byte < 0x80;
}

/* Bytes of the first grapheme (UAX #29); *first gets its first code point. len at least 1. One
 * that is wider than columns is only measured that far: Hangul initials or joined emoji can make
 * a grapheme of a whole text, and measuring it anew for each line would take for ever. */
static size_t grapheme(const char *clean, size_t len, size_t columns, uint32_t *first,
                       size_t *width)
{
    size_t at = text_decode(clean, len, first);
    if (is_ascii(clean[0]) && (len == 1 || is_ascii(clean[1]))) {
        *width = *first >= ' ';
        return at;
    }
    *width = code_point_width(*first);
    uint32_t last = *first;
    utf8proc_int32_t state = 0;
    while (at < len && *width <= columns) {
        uint32_t next;
        size_t step = text_decode(clean + at, len - at, &next);
        if (utf8proc_grapheme_break_stateful((utf8proc_int32_t)last, (utf8proc_int32_t)next,
                                             &state))
            break;
        *width += code_point_width(next);
        last = next;
        at += step;
    }
    return at;
}

size_t text_fit(const char *clean, size_t len, size_t columns, size_t *width)
{
    size_t at = 0, used = 0;
    while (at < len) {
        uint32_t first;
        size_t wide;
        size_t step = grapheme(clean + at, len - at, columns, &first, &wide);
        if (wide > columns - used) break;
        used += wide;
        at += step;
    }
    if (width) *width = used;
    return at;
}

static void put_blanks(struct buf *out, size_t count)
{
    char *at = buf_reserve(out, count);
    if (!at) return;
    memset(at, ' ', count);
    out->len += count;
    out->data[out->len] = '\0';
}

void text_cell(struct buf *out, const char *clean, size_t len, size_t columns, bool pad)
{
    size_t width;
    size_t fits = text_fit(clean, len, columns, &width);
    bool cut = fits < len && columns > 0;
    if (cut) fits = text_fit(clean, len, columns - 1, &width);
    buf_put(out, clean, fits);
    if (cut) {
        buf_puts(out, ELLIPSIS);
        width++;
    }
    if (pad) put_blanks(out, columns - width);
}

/* ---------------------------------------------------------------------------------- Wrapping */

/* Scripts without blanks between words, in which a line ends where it is full. */
static bool is_ideographic(uint32_t code_point)
{
    static const struct range blocks[] = {
        {0x2E80, 0x312F},   /* radicals, CJK punctuation, kana, bopomofo */
        {0x3190, 0xA4CF},   /* enclosed and squared forms, Han, Yi */
        {0xF900, 0xFAFF},   /* compatibility Han */
        {0xFF01, 0xFF9F},   /* fullwidth and halfwidth forms, without the Hangul ones */
        {0x1AFF0, 0x1B16F}, /* older kana */
        {0x20000, 0x3FFFF}, /* Han extensions */
    };
    return range_find(blocks, sizeof blocks / sizeof *blocks, code_point);
}

/* What must not begin a line, besides closing brackets and quotes (JIS X 4051, UAX #14 NS). */
static bool is_line_start_forbidden(uint32_t code_point)
{
    static const uint32_t sorted[] = {
        '!',    '"',    '%',    '\'',   ',',    '.',    ':',    ';',    '?',
        0x2025, 0x2026, 0x2030, 0x203C, 0x2047, 0x2048, 0x2049, /* dots, per mille, doubled ! ? */
        0x3001, 0x3002, 0x3005, 0x301C, 0x303B,                 /* 、 。 and repetition marks */
        0x3041, 0x3043, 0x3045, 0x3047, 0x3049, 0x3063, 0x3083, 0x3085, 0x3087,
        0x308E, 0x3095, 0x3096, 0x309B, 0x309C, 0x309D, 0x309E, /* small and repeating hiragana */
        0x30A1, 0x30A3, 0x30A5, 0x30A7, 0x30A9, 0x30C3, 0x30E3, 0x30E5, 0x30E7,
        0x30EE, 0x30F5, 0x30F6, 0x30FB, 0x30FC, 0x30FD, 0x30FE, /* small katakana, ・ ー */
        0xFF01, 0xFF05, 0xFF0C, 0xFF0E, 0xFF1A, 0xFF1B, 0xFF1F, /* fullwidth ! % , . : ; ? */
        0xFF61, 0xFF64, 0xFF65, 0xFF70, 0xFF9E, 0xFF9F, /* halfwidth 。 、 ・ ー and voicing */
    };
    size_t low = 0, high = sizeof sorted / sizeof *sorted;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (sorted[middle] == code_point) return true;
        if (sorted[middle] < code_point) low = middle + 1;
        else high = middle;
    }
    int category = unicode_property(code_point)->category;
    return category == UTF8PROC_CATEGORY_PE || category == UTF8PROC_CATEGORY_PF;
}

static bool is_line_end_forbidden(uint32_t code_point)
{
    int category = unicode_property(code_point)->category;
    return category == UTF8PROC_CATEGORY_PS || category == UTF8PROC_CATEGORY_PI ||
           code_point == '"' || code_point == '\'';
}

static bool is_no_break_blank(uint32_t code_point)
{
    return unicode_property(code_point)->category == UTF8PROC_CATEGORY_ZS;
}

/* May a line end after the grapheme that begins with before, the next being after? Neither is a
 * plain blank. */
static bool may_break_between(uint32_t before, uint32_t after)
{
    if (!is_ideographic(before) && !is_ideographic(after)) return false;
    return !is_line_start_forbidden(after) && !is_line_end_forbidden(before) &&
           !is_no_break_blank(before) && !is_no_break_blank(after);
}

/* For a grapheme wider than the whole line: code points as they fit, but at least one with its
 * marks. */
static size_t cut_grapheme(const char *clean, size_t len, size_t columns)
{
    size_t at = 0, used = 0;
    while (at < len) {
        uint32_t code_point;
        size_t step = text_decode(clean + at, len - at, &code_point);
        size_t wide = code_point_width(code_point);
        if (at > 0 && wide > 0 && used + wide > columns) break;
        used += wide;
        at += step;
    }
    return at;
}

/* Where the line after the one that ends at `at` begins: past the blanks, and past the newline
 * that would have ended the line anyway. */
static size_t pass_blanks(const char *clean, size_t len, size_t at)
{
    while (at < len && clean[at] == ' ')
        at++;
    return at < len && clean[at] == '\n' ? at + 1 : at;
}

size_t text_wrap(const char *clean, size_t len, size_t columns, size_t *next)
{
    size_t at = 0, used = 0;
    size_t end = 0;      /* the best place to break so far; 0: none yet */
    uint32_t before = 0; /* what the grapheme before `at` begins with */
    bool has_word = false;
    while (at < len && clean[at] != '\n') {
        uint32_t first;
        size_t wide;
        size_t step = grapheme(clean + at, len - at, columns, &first, &wide);
        bool opens_gap = first == ' ' && before != ' ' && has_word; /* not in an indentation */
        bool between = first != ' ' && before != ' ' && at > 0 && may_break_between(before, first);
        if (opens_gap || between) end = at;
        if (wide > columns - used) {
            if (at == 0) at = cut_grapheme(clean, step, columns);
            if (end == 0) end = at;
            *next = pass_blanks(clean, len, end);
            return end;
        }
        has_word = has_word || first != ' ';
        before = first;
        used += wide;
        at += step;
    }
    *next = at < len ? at + 1 : len;
    return at;
}

/* --------------------------------------------------------------------------------- Direction */

bool text_is_rtl(const char *clean, size_t len)
{
    for (size_t at = 0; at < len;) {
        uint32_t code_point;
        at += text_decode(clean + at, len - at, &code_point);
        if (code_point < 0x80) continue;
        int bidi = unicode_property(code_point)->bidi_class;
        if (bidi == UTF8PROC_BIDI_CLASS_R || bidi == UTF8PROC_BIDI_CLASS_AL) return true;
    }
    return false;
}
