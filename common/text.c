#include "common/text.h"

#include <string.h>

#include "common/text_unicode.h"

#define REPLACEMENT_BYTES "\xEF\xBF\xBD"

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
    size_t at = 0;
    while (at < len) {
        uint32_t code_point;
        size_t step = text_decode(bytes + at, len - at, &code_point);
        bool is_written = step == 3 && memcmp(bytes + at, REPLACEMENT_BYTES, 3) == 0;
        if (code_point == REPLACEMENT && !is_written) break;
        at += step;
    }
    return at;
}

/* ---------------------------------------------------------------------------------- Cleaning */

struct character {
    const char *bytes; /* as it came: what is kept is copied, not encoded again */
    size_t len;
    uint32_t code_point;
    const utf8proc_property_t *property;
};

/* What becomes of one. */
enum fate { KEEP, MARK, BLANK, NEWLINE, RETURN, JOINER, DROP, REPLACE };

/* The categories that are not here are kept. Controls leave a visible trace: whoever tried an
 * escape is seen to have. CN holds the noncharacters, too. */
static const unsigned char fate_of_category[] = {
    [UTF8PROC_CATEGORY_CN] = REPLACE, [UTF8PROC_CATEGORY_CC] = REPLACE,
    [UTF8PROC_CATEGORY_CO] = REPLACE, [UTF8PROC_CATEGORY_CS] = REPLACE,
    [UTF8PROC_CATEGORY_CF] = DROP,    [UTF8PROC_CATEGORY_MN] = MARK,
    [UTF8PROC_CATEGORY_MC] = MARK,    [UTF8PROC_CATEGORY_ME] = MARK,
    [UTF8PROC_CATEGORY_ZS] = BLANK,   [UTF8PROC_CATEGORY_ZL] = NEWLINE,
    [UTF8PROC_CATEGORY_ZP] = NEWLINE,
};

static enum fate fate_of(const struct character *ch)
{
    switch (ch->code_point) {
    case '\t': return BLANK;
    case '\n': return NEWLINE;
    case '\r': return RETURN;
    case ZWNJ:
    case ZWJ: return JOINER;
    case REPLACEMENT: return REPLACE; /* also what bad bytes decode to: they must not be copied */
    default: break;
    }
    if (ch->code_point >= TAGS_FIRST && ch->code_point <= TAGS_LAST) return DROP;
    enum fate fate = fate_of_category[ch->property->category];
    if (fate != KEEP) return fate;
    if (ch->property->ignorable) return DROP; /* letters nobody sees: the Hangul fillers */
    return unicode_is_hangul_tail(ch->property) ? MARK : KEEP;
}

/* What a zero width joiner or non-joiner has a function for, on both its sides. */
enum joins { JOINS_NOTHING, JOINS_EMOJI, JOINS_LETTERS };

/* The scripts whose letters change shape beside one another: elsewhere a joiner is only a way to
 * make two texts that look the same. utf8proc knows no scripts, hence blocks. */
static bool in_joining_block(uint32_t code_point)
{
    static const struct range blocks[] = {
        {0x0600, 0x0DFF},   /* Arabic, Syriac, Thaana, NKo, Mandaic; Devanagari to Sinhala */
        {0x0F00, 0x109F},   /* Tibetan, Myanmar */
        {0x1700, 0x18AF},   /* Philippine scripts, Khmer, Mongolian */
        {0x1A00, 0x1C4F},   /* Buginese, Tai Tham, Balinese, Sundanese, Batak, Lepcha */
        {0xA800, 0xABFF},   /* Syloti Nagri to Meetei Mayek */
        {0x10A00, 0x11FFF}, /* Kharoshthi to Chorasmian, Brahmi and its children */
        {0x1E900, 0x1E95F}, /* Adlam */
    };
    return range_find(blocks, sizeof blocks / sizeof *blocks, code_point);
}

static enum joins joins_of(const struct character *ch)
{
    const utf8proc_property_t *property = ch->property;
    if (property->boundclass == UTF8PROC_BOUNDCLASS_EXTENDED_PICTOGRAPHIC) return JOINS_EMOJI;
    bool is_letter_or_mark = property->category >= UTF8PROC_CATEGORY_LU &&
                             property->category <= UTF8PROC_CATEGORY_ME;
    return is_letter_or_mark && in_joining_block(ch->code_point) ? JOINS_LETTERS : JOINS_NOTHING;
}

/* Bytes of the input, or constants. */
struct piece {
    const char *bytes;
    size_t len;
};

static const struct piece one_blank = {" ", 1}, two_blanks = {"  ", 2}, one_newline = {"\n", 1};
static const struct piece replacement = {REPLACEMENT_BYTES, 3};

/* Everything depends only on what has been written so far and what comes next, never on what was
 * dropped in between. That is what makes cleaning idempotent. */
struct cleaner {
    struct buf *out;
    enum text_lines lines;
    struct piece run; /* to be copied: it grows as long as the input needs no change */
    bool started;     /* something visible has been written */
    enum { OWES_NOTHING, OWES_BLANK, OWES_JOINER } owes; /* before the next visible character */
    struct piece owed;
    enum joins joins;    /* what the last character can be joined to */
    unsigned marks_left; /* marks its base still takes; 0 without a base */
};

static void put_run(struct cleaner *c)
{
    buf_put(c->out, c->run.bytes, c->run.len);
    c->run.len = 0;
}

static void put(struct cleaner *c, struct piece piece)
{
    if (c->run.len == 0 || c->run.bytes + c->run.len != piece.bytes) {
        put_run(c);
        c->run.bytes = piece.bytes;
    }
    c->run.len += piece.len;
}

/* Writes something visible of the kind next, and what is owed before it. */
static void put_visible(struct cleaner *c, struct piece piece, enum joins next)
{
    if (c->owes == OWES_BLANK || (c->owes == OWES_JOINER && c->joins == next)) put(c, c->owed);
    c->owes = OWES_NOTHING;
    c->started = true;
    put(c, piece);
}

/* One base, or a run of text that ends with one. */
static void take_base(struct cleaner *c, struct piece piece, enum joins joins)
{
    put_visible(c, piece, joins);
    c->joins = joins;
    c->marks_left = TEXT_MARKS_MAX;
}

static bool is_skin_tone(const struct character *ch)
{
    return ch->property->boundclass == UTF8PROC_BOUNDCLASS_EXTEND &&
           ch->property->category == UTF8PROC_CATEGORY_SK;
}

static void take_character(struct cleaner *c, const struct character *ch)
{
    enum joins before = c->joins;
    take_base(c, (struct piece){ch->bytes, ch->len}, joins_of(ch));
    /* The tone belongs to the emoji before it, which can still be joined to the next. */
    if (before == JOINS_EMOJI && is_skin_tone(ch)) c->joins = JOINS_EMOJI;
}

static void take_mark(struct cleaner *c, const struct character *ch)
{
    if (!c->marks_left) return; /* one too many, or nothing to stand on */
    enum joins joins = joins_of(ch);
    put_visible(c, (struct piece){ch->bytes, ch->len}, joins);
    if (joins != JOINS_NOTHING) c->joins = joins; /* a variation selector leaves an emoji one */
    c->marks_left--;
}

static void take_joiner(struct cleaner *c, const struct character *ch)
{
    bool works = c->joins == JOINS_LETTERS || (c->joins == JOINS_EMOJI && ch->code_point == ZWJ);
    if (!works) return;
    c->owes = OWES_JOINER;
    c->owed = (struct piece){ch->bytes, ch->len};
}

/* Blanks or a newline. */
static void take_space(struct cleaner *c, struct piece space)
{
    bool in_run = c->owes == OWES_BLANK;
    c->owes = OWES_NOTHING;
    c->joins = JOINS_NOTHING;
    c->marks_left = 0;
    if (c->lines == TEXT_LINES) {
        put(c, space);
    } else if (c->started) {
        c->owes = OWES_BLANK;
        c->owed = in_run ? one_blank : space;
    }
}

/* French sets "40 %" with a no-break blank, and the line must not be broken there. All others
 * become plain blanks, in lines as wide as they were. */
static void take_blank(struct cleaner *c, const struct character *ch)
{
    bool stays = ch->code_point == ' ' || ch->property->decomp_type == UTF8PROC_DECOMP_TYPE_NOBREAK;
    bool wide = ch->code_point == IDEOGRAPHIC_SPACE && c->lines == TEXT_LINES;
    if (stays) take_space(c, (struct piece){ch->bytes, ch->len});
    else take_space(c, wide ? two_blanks : one_blank);
}

static void take(struct cleaner *c, const struct character *ch, bool newline_follows)
{
    enum fate fate = fate_of(ch);
    if (fate == RETURN) fate = newline_follows ? DROP : REPLACE; /* alone it overwrites the line */

    switch (fate) {
    case KEEP: take_character(c, ch); break;
    case MARK: take_mark(c, ch); break;
    case BLANK: take_blank(c, ch); break;
    case NEWLINE: take_space(c, c->lines == TEXT_LINES ? one_newline : one_blank); break;
    case JOINER: take_joiner(c, ch); break;
    case REPLACE: take_base(c, replacement, JOINS_NOTHING); break;
    case RETURN:
    case DROP: break;
    }
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

void text_clean(struct buf *out, const char *bytes, size_t len, enum text_lines lines)
{
    struct cleaner c = {.out = out, .lines = lines};
    size_t at = 0;
    while (at < len) {
        struct character ch = {.bytes = bytes + at};
        if (is_graphic(bytes[at])) {
            ch.len = ascii_run(ch.bytes, len - at);
            take_base(&c, (struct piece){ch.bytes, ch.len}, JOINS_NOTHING);
            at += ch.len;
            continue;
        }
        ch.len = text_decode(ch.bytes, len - at, &ch.code_point);
        ch.property = unicode_property(ch.code_point);
        at += ch.len;
        take(&c, &ch, at < len && bytes[at] == '\n');
    }
    put_run(&c);
}
