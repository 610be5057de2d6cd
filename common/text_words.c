#include "common/text.h"

#include "common/text_unicode.h"

enum {
    DECOMPOSED_MAX = 32, /* code points that one becomes; Unicode's longest is 18 */
    UTF8_MAX = 4,
    ASCII_MAX = 0x80,
};

/* Text on its way to words. What is dropped, a mark or a joiner, parts no words. */
struct words {
    struct buf *out;
    bool open; /* the last word still wants its blank */
};

/* ---- classes ---- */

/* Of ASCII: the letter or digit in lower case; 0 parts words. */
static char ascii_folded(unsigned char c)
{
    unsigned char letter = c | 0x20;
    if (letter >= 'a' && letter <= 'z') return (char)letter;
    return c >= '0' && c <= '9' ? (char)c : '\0';
}

/* utf8proc knows no scripts, hence blocks: only their letters are asked for. */
static bool in_script_without_blanks(uint32_t code_point)
{
    static const struct range blocks[] = {
        {0x0E00, 0x0EFF},   /* Thai, Lao */
        {0x1000, 0x109F},   /* Myanmar */
        {0x1780, 0x17FF},   /* Khmer */
        {0x3005, 0x3007},   /* ideographic iteration, closing mark, zero */
        {0x3021, 0x30FF},   /* numerals, kana repeat marks, Hiragana, Katakana */
        {0x31F0, 0x31FF},   /* Katakana for Ainu */
        {0x3400, 0x4DBF},   /* Han, extension A */
        {0x4E00, 0x9FFF},   /* Han */
        {0xA9E0, 0xA9FF},   /* Myanmar, extension B */
        {0xAA60, 0xAA7F},   /* Myanmar, extension A */
        {0xF900, 0xFAFF},   /* Han, compatibility */
        {0x1AFF0, 0x1B16F}, /* kana, extended */
        {0x20000, 0x3FFFF}, /* Han, extensions B and later */
    };
    return range_find(blocks, sizeof blocks / sizeof *blocks, code_point);
}

/* Vowel signs that Unicode took for marks until lately: SQLite's tokenizer, which the words have to
 * pass unchanged, still does. */
static bool was_mark(uint32_t code_point)
{
    static const struct range signs[] = {{0x19B0, 0x19C9}, {0x1CF2, 0x1CF3}};
    return range_find(signs, sizeof signs / sizeof *signs, code_point);
}

/* ---- writing ---- */

static void end_word(struct words *w)
{
    if (w->open) buf_putc(w->out, ' ');
    w->open = false;
}

static void take_folded(struct words *w, uint32_t code_point)
{
    int category = unicode_property(code_point)->category;
    bool is_letter = category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO;
    bool is_digit = category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO;
    if (is_letter && was_mark(code_point)) return;
    bool alone = is_letter && in_script_without_blanks(code_point);
    char bytes[UTF8_MAX];
    if (alone || !(is_letter || is_digit)) end_word(w);
    if (!is_letter && !is_digit) return;
    buf_put(w->out, bytes, text_encode(code_point, bytes));
    w->open = true;
    if (alone) end_word(w);
}

static void take(struct words *w, uint32_t code_point)
{
    utf8proc_int32_t plain[DECOMPOSED_MAX];
    int last_class = 0;
    utf8proc_ssize_t count = utf8proc_decompose_char(
        (utf8proc_int32_t)code_point, plain, DECOMPOSED_MAX,
        UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_STRIPMARK | UTF8PROC_CASEFOLD |
            UTF8PROC_IGNORE,
        &last_class);
    for (utf8proc_ssize_t i = 0; i < count && i < DECOMPOSED_MAX; i++)
        take_folded(w, (uint32_t)plain[i]);
}

/* The ASCII characters at the start of bytes; most of any text is nothing else. Never longer than
 * what it was made of: a blank takes the place of a character that is none of a word. */
static size_t take_ascii(struct words *w, const char *bytes, size_t len)
{
    size_t at = 0;
    char *start = buf_reserve(w->out, len), *to = start;
    bool open = w->open;
    if (!start) return len;
    for (; at < len && (unsigned char)bytes[at] < ASCII_MAX; at++) {
        char c = ascii_folded((unsigned char)bytes[at]);
        if (c) *to++ = c;
        else if (open) *to++ = ' ';
        open = c != 0;
    }
    *to = '\0';
    w->out->len += (size_t)(to - start);
    w->open = open;
    return at;
}

void text_words(struct buf *out, const char *bytes, size_t len)
{
    struct words w = {.out = out};
    for (size_t at = 0; at < len;) {
        uint32_t code_point;
        if ((unsigned char)bytes[at] < ASCII_MAX) {
            at += take_ascii(&w, bytes + at, len - at);
            continue;
        }
        at += text_decode(bytes + at, len - at, &code_point);
        take(&w, code_point);
    }
    end_word(&w);
}
