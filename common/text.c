#include "common/text.h"

#include <string.h>

#include "common/text_unicode.h"

enum {
    REPLACEMENT = 0xFFFD,
    ZWNJ = 0x200C,
    ZWJ = 0x200D,
    IDEOGRAPHIC_SPACE = 0x3000,
    TAGS_FIRST = 0xE0000,
    TAGS_LAST = 0xE007F,
};

/* ------------------------------------------------------------------------------------- UTF-8 */

struct lead {
    unsigned char first, last; /* lead bytes */
    unsigned char len;
    unsigned char low, high; /* what the second byte may be; later ones are 80..BF */
};

/* The Unicode Standard, table 3-7. */
static const struct lead leads[] = {
    {0xC2, 0xDF, 2, 0x80, 0xBF}, {0xE0, 0xE0, 3, 0xA0, 0xBF}, {0xE1, 0xEC, 3, 0x80, 0xBF},
    {0xED, 0xED, 3, 0x80, 0x9F}, {0xEE, 0xEF, 3, 0x80, 0xBF}, {0xF0, 0xF0, 4, 0x90, 0xBF},
    {0xF1, 0xF3, 4, 0x80, 0xBF}, {0xF4, 0xF4, 4, 0x80, 0x8F},
};

static const struct lead *lead_of(unsigned char byte)
{
    for (size_t i = 0; i < sizeof leads / sizeof *leads; i++)
        if (byte <= leads[i].last) return byte >= leads[i].first ? &leads[i] : NULL;
    return NULL;
}

size_t text_decode(const char *bytes, size_t len, uint32_t *code_point)
{
    const unsigned char *b = (const unsigned char *)bytes;
    *code_point = b[0];
    if (b[0] < 0x80) return 1;

    *code_point = REPLACEMENT;
    const struct lead *lead = lead_of(b[0]);
    if (!lead || len < 2 || b[1] < lead->low || b[1] > lead->high) return 1;

    uint32_t value = (b[0] & (0x7Fu >> lead->len)) << 6 | (b[1] & 0x3Fu);
    for (size_t i = 2; i < lead->len; i++) {
        if (i == len || (b[i] & 0xC0) != 0x80) return i;
        value = value << 6 | (b[i] & 0x3Fu);
    }
    *code_point = value;
    return lead->len;
}

size_t text_encode(uint32_t code_point, char out[4])
{
    static const unsigned char lead_bits[] = {0, 0, 0xC0, 0xE0, 0xF0};
    if (code_point < 0x80) {
        out[0] = (char)code_point;
        return 1;
    }
    bool is_scalar = code_point <= 0x10FFFF && (code_point < 0xD800 || code_point > 0xDFFF);
    uint32_t rest = is_scalar ? code_point : REPLACEMENT;
    size_t len = rest < 0x800 ? 2 : rest < 0x10000 ? 3 : 4;
    for (size_t i = len - 1; i > 0; i--, rest >>= 6)
        out[i] = (char)(0x80 | (rest & 0x3F));
    out[0] = (char)(lead_bits[len] | rest);
    return len;
}

size_t text_valid_prefix(const char *bytes, size_t len)
{
    static const char written[] = "\xEF\xBF\xBD"; /* a U+FFFD that really is in the text */
    size_t at = 0;
    while (at < len) {
        uint32_t code_point;
        size_t step = text_decode(bytes + at, len - at, &code_point);
        if (code_point == REPLACEMENT && (step != 3 || memcmp(bytes + at, written, 3) != 0)) break;
        at += step;
    }
    return at;
}

/* ---------------------------------------------------------------------------------- Cleaning */

/* What becomes of a code point. */
enum fate { KEEP, MARK, BLANK, NEWLINE, RETURN, JOINER, DROP, REPLACE };

static const unsigned char fate_of_category[] = {
    [UTF8PROC_CATEGORY_CN] = REPLACE, /* unassigned, and the noncharacters */
    [UTF8PROC_CATEGORY_CC] = REPLACE, /* visibly: whoever tried an escape is seen to have */
    [UTF8PROC_CATEGORY_CO] = REPLACE, [UTF8PROC_CATEGORY_CS] = REPLACE,
    [UTF8PROC_CATEGORY_CF] = DROP, /* bidi controls, zero width, annotation marks */
    [UTF8PROC_CATEGORY_MN] = MARK,    [UTF8PROC_CATEGORY_MC] = MARK,
    [UTF8PROC_CATEGORY_ME] = MARK,    [UTF8PROC_CATEGORY_ZS] = BLANK,
    [UTF8PROC_CATEGORY_ZL] = NEWLINE, [UTF8PROC_CATEGORY_ZP] = NEWLINE,
};

static enum fate fate_of(uint32_t code_point, const utf8proc_property_t *property)
{
    switch (code_point) {
    case '\t': return BLANK;
    case '\n': return NEWLINE;
    case '\r': return RETURN;
    case ZWNJ:
    case ZWJ: return JOINER;
    default: break;
    }
    if (code_point >= TAGS_FIRST && code_point <= TAGS_LAST) return DROP;
    enum fate fate = fate_of_category[property->category];
    if (fate != KEEP) return fate;
    if (property->ignorable) return DROP; /* letters nobody sees: the Hangul fillers */
    return unicode_is_hangul_tail(property) ? MARK : KEEP;
}

/* What a zero width joiner or non-joiner has a function for, on both its sides. */
enum joins { JOINS_NOTHING, JOINS_EMOJI, JOINS_LETTERS };

/* The scripts whose letters change shape beside one another: elsewhere a joiner is only a way to
 * make two texts that look the same. utf8proc knows no scripts, hence blocks. */
static const struct range joining_blocks[] = {
    {0x0600, 0x0DFF},   /* Arabic, Syriac, Thaana, NKo, Mandaic; Devanagari to Sinhala */
    {0x0F00, 0x109F},   /* Tibetan, Myanmar */
    {0x1700, 0x18AF},   /* Philippine scripts, Khmer, Mongolian */
    {0x1A00, 0x1C4F},   /* Buginese, Tai Tham, Balinese, Sundanese, Batak, Lepcha */
    {0xA800, 0xABFF},   /* Syloti Nagri to Meetei Mayek */
    {0x10A00, 0x10FFF}, /* Kharoshthi, Manichaean, Hanifi Rohingya, Sogdian, Chorasmian */
    {0x11000, 0x11FFF}, /* Brahmi and its children */
    {0x1E900, 0x1E95F}, /* Adlam */
};

static bool in_joining_block(uint32_t code_point)
{
    return range_find(joining_blocks, sizeof joining_blocks / sizeof *joining_blocks, code_point);
}

static bool is_letter_or_mark(const utf8proc_property_t *property)
{
    return property->category >= UTF8PROC_CATEGORY_LU && property->category <= UTF8PROC_CATEGORY_ME;
}

static enum joins joins_of(uint32_t code_point, const utf8proc_property_t *property)
{
    if (property->boundclass == UTF8PROC_BOUNDCLASS_EXTENDED_PICTOGRAPHIC) return JOINS_EMOJI;
    if (is_letter_or_mark(property) && in_joining_block(code_point)) return JOINS_LETTERS;
    return JOINS_NOTHING;
}

/* Everything depends only on what has been written so far and what comes next, never on what was
 * dropped in between. That is what makes cleaning idempotent. */
struct cleaner {
    struct buf *out;
    enum text_lines lines;
    bool started;        /* something visible has been written */
    uint32_t owed;       /* a blank or joiner held back until a visible character follows; or 0 */
    enum joins joins;    /* what the last character can be joined to */
    unsigned marks_left; /* marks its base still takes; 0 without a base */
};

static void put(const struct cleaner *c, uint32_t code_point)
{
    char encoded[4];
    buf_put(c->out, encoded, text_encode(code_point, encoded));
}

static bool is_joiner(uint32_t code_point)
{
    return code_point == ZWJ || code_point == ZWNJ;
}

/* Writes what is owed before a visible character of the kind next. */
static void pay(struct cleaner *c, enum joins next)
{
    if (c->owed && (!is_joiner(c->owed) || c->joins == next)) put(c, c->owed);
    c->owed = 0;
}

static void take_base(struct cleaner *c, uint32_t code_point, const utf8proc_property_t *property)
{
    enum joins joins = joins_of(code_point, property);
    pay(c, joins);
    put(c, code_point);
    /* A skin tone belongs to the emoji before it, which can still be joined to the next. */
    bool is_skin_tone = property->boundclass == UTF8PROC_BOUNDCLASS_EXTEND &&
                        property->category == UTF8PROC_CATEGORY_SK;
    if (!is_skin_tone || c->joins != JOINS_EMOJI) c->joins = joins;
    c->marks_left = TEXT_MARKS_MAX;
    c->started = true;
}

static void take_mark(struct cleaner *c, uint32_t code_point, const utf8proc_property_t *property)
{
    if (!c->marks_left) return; /* one too many, or nothing to stand on */
    enum joins joins = joins_of(code_point, property);
    pay(c, joins);
    put(c, code_point);
    if (joins != JOINS_NOTHING) c->joins = joins; /* a variation selector leaves an emoji one */
    c->marks_left--;
}

static void take_joiner(struct cleaner *c, uint32_t code_point)
{
    bool works = c->joins == JOINS_LETTERS || (c->joins == JOINS_EMOJI && code_point == ZWJ);
    if (works) c->owed = code_point;
}

/* A blank or a newline. */
static void take_space(struct cleaner *c, uint32_t space, size_t count)
{
    bool in_run = c->owed && !is_joiner(c->owed);
    c->owed = 0;
    c->joins = JOINS_NOTHING;
    c->marks_left = 0;
    if (c->lines == TEXT_LINES) {
        while (count-- > 0)
            put(c, space);
    } else if (c->started) {
        c->owed = in_run || space == '\n' ? ' ' : space;
    }
}

static void take_blank(struct cleaner *c, uint32_t code_point, const utf8proc_property_t *property)
{
    /* French sets "40 %" with a no-break blank, and the line must not be broken there. All others
     * become plain blanks, as wide as they were. */
    if (property->decomp_type == UTF8PROC_DECOMP_TYPE_NOBREAK) take_space(c, code_point, 1);
    else take_space(c, ' ', code_point == IDEOGRAPHIC_SPACE ? 2 : 1);
}

static bool is_graphic(char byte)
{
    return byte > ' ' && byte < 0x7F;
}

/* Bytes of graphic ASCII with single blanks in between: what needs no change in either mode. */
static size_t ascii_run(const char *bytes, size_t len)
{
    size_t n = 0;
    while (n < len &&
           (is_graphic(bytes[n]) || (bytes[n] == ' ' && n + 1 < len && is_graphic(bytes[n + 1]))))
        n++;
    return n;
}

static void take_ascii(struct cleaner *c, const char *bytes, size_t len)
{
    pay(c, JOINS_NOTHING);
    buf_put(c->out, bytes, len);
    c->joins = JOINS_NOTHING;
    c->marks_left = TEXT_MARKS_MAX;
    c->started = true;
}

static void take(struct cleaner *c, uint32_t code_point, bool newline_follows)
{
    const utf8proc_property_t *property = unicode_property(code_point);
    enum fate fate = fate_of(code_point, property);
    if (fate == RETURN) fate = newline_follows ? DROP : REPLACE; /* alone it overwrites the line */

    switch (fate) {
    case KEEP: take_base(c, code_point, property); break;
    case MARK: take_mark(c, code_point, property); break;
    case BLANK: take_blank(c, code_point, property); break;
    case NEWLINE: take_space(c, '\n', 1); break;
    case JOINER: take_joiner(c, code_point); break;
    case REPLACE: take_base(c, REPLACEMENT, unicode_property(REPLACEMENT)); break;
    case RETURN:
    case DROP: break;
    }
}

void text_clean(struct buf *out, const char *bytes, size_t len, enum text_lines lines)
{
    struct cleaner c = {.out = out, .lines = lines};
    size_t at = 0;
    while (at < len) {
        if (is_graphic(bytes[at])) {
            size_t run = ascii_run(bytes + at, len - at);
            take_ascii(&c, bytes + at, run);
            at += run;
            continue;
        }
        uint32_t code_point;
        at += text_decode(bytes + at, len - at, &code_point);
        take(&c, code_point, at < len && bytes[at] == '\n');
    }
}
