#include "publisher/plain_text.h"
#include "common/text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#include "common/ascii.h"
#include "publisher/html_entity.h"

/* ---- white space and what cannot be seen ---- */

enum kind {
    VISIBLE = 0,
    WHITE,   /* becomes a gap */
    NEWLINE, /* the same, by the writer's rule */
    HIDDEN,  /* dropped */
    CONTROL, /* C1: always a character of windows-1252 that was taken for Latin-1 */
    LEAD,    /* a byte that may begin one of the above: specials has the whole sequence */
};

static const struct special {
    uint32_t bytes; /* the first three, an absent one as 0 */
    enum kind kind;
} specials[] = {
    {0xC2A000, WHITE},   /* no-break space: a terminal breaks lines as it likes */
    {0xC2AD00, HIDDEN},  /* soft hyphen */
    {0xE2808B, HIDDEN},  /* zero width space */
    {0xE280A8, NEWLINE}, /* line separator */
    {0xE280A9, NEWLINE}, /* paragraph separator */
    {0xE280AF, WHITE},   /* narrow no-break space */
    {0xEFBBBF, HIDDEN},  /* byte order mark */
    {0xEFBFBE, HIDDEN},  /* noncharacters */
    {0xEFBFBF, HIDDEN},
};

/* clang-format off */
static const unsigned char kinds[256] = {
    [0x00 ... 0x08] = HIDDEN, ['\t'] = WHITE, ['\n'] = NEWLINE, [0x0B ... 0x0D] = WHITE,
    [0x0E ... 0x1F] = HIDDEN, [' '] = WHITE, [0x7F] = HIDDEN,
    [0xC2] = LEAD, [0xE2] = LEAD, [0xEF] = LEAD,
};
/* clang-format on */

/* What text, valid UTF-8, begins with; *step is its length in bytes. */
static enum kind classify(const char *text, enum kind kind, size_t *step)
{
    const unsigned char *p = (const unsigned char *)text;
    *step = 1;
    if (kind != LEAD) return kind;
    bool two = p[0] == 0xC2;
    uint32_t bytes = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | (two ? 0 : p[2]);
    *step = two ? 2 : 3;
    if (two && p[1] < 0xA0) return CONTROL;
    for (size_t i = 0; i < sizeof specials / sizeof *specials; i++) {
        if (specials[i].bytes == bytes) return specials[i].kind;
    }
    return VISIBLE;
}

/* ---- the writer ---- */

struct plain plain_begin(struct buf *out, enum plain_newlines newlines)
{
    return (struct plain){.out = out, .start = out->len, .newlines = newlines};
}

void plain_space(struct plain *p, enum plain_gap gap)
{
    if (gap > p->gap) p->gap = gap;
}

static void newline(struct plain *p)
{
    enum plain_gap single = p->newlines == PLAIN_KEEP ? PLAIN_LINE : PLAIN_BLANK;
    bool part = p->fresh_line && p->newlines != PLAIN_FOLD;
    plain_space(p, part ? PLAIN_PARAGRAPH : single);
    p->fresh_line = true;
}

static void pay_gap(struct plain *p)
{
    static const char *const gaps[] = {"", " ", "\n", "\n\n"};
    if (p->gap && p->out->len > p->start) buf_puts(p->out, gaps[p->gap]);
    if (p->marker) buf_puts(p->out, p->marker);
    p->gap = PLAIN_NONE;
    p->marker = NULL;
    p->fresh_line = false;
}

/* The length of the text at the start that can be copied as it stands: what is visible, and single
 * blanks within it, so that lines go in one piece and not word by word. */
static size_t visible(const char *text, size_t len)
{
    size_t at = 0, step;
    while (at < len) {
        for (uint64_t w; len - at >= 8 && ascii_printable(w = ascii_load(text + at));) {
            unsigned words = ascii_words(w);
            if (!words) break;
            at += words;
        }
        if (at == len) break;
        enum kind kind = (enum kind)kinds[(unsigned char)text[at]];
        if (kind == VISIBLE) at++;
        else if (text[at] == ' ' && at && at + 1 < len &&
                 kinds[(unsigned char)text[at + 1]] == VISIBLE)
            at += 2;
        else if (kind == LEAD && classify(text + at, kind, &step) == VISIBLE) at += step;
        else break;
    }
    return at;
}

static void put_visible(struct plain *p, const char *text, size_t len)
{
    if (p->gap || p->marker || p->fresh_line) pay_gap(p);
    buf_put(p->out, text, len);
}

/* At something that is not simply visible. Returns its length. */
static size_t put_special(struct plain *p, const char *text)
{
    size_t step;
    char utf8[4];
    switch (classify(text, (enum kind)kinds[(unsigned char)*text], &step)) {
    case WHITE: plain_space(p, PLAIN_BLANK); break;
    case NEWLINE: newline(p); break;
    case CONTROL:
        put_visible(p, utf8, text_encode(html_character((unsigned char)text[1]), utf8));
        break;
    default: break;
    }
    return step;
}

void plain_put(struct plain *p, const char *text, size_t len)
{
    const char *end = text + len;
    while (text < end) {
        size_t step = visible(text, (size_t)(end - text));
        if (step) put_visible(p, text, step);
        else step = put_special(p, text);
        text += step;
    }
}

/* ---- NFC ---- */

/* Beyond U+02FF, text made of these alone is in NFC: none of them is a combining mark, composes
 * with what stands before it or has a canonical decomposition that NFC keeps (test_html_text checks
 * that against utf8proc). Nearly all news is: normalising costs more than parsing it. */
static const struct range {
    uint32_t first, last;
} quiet[] = {
    {0x0388, 0x03FF}, {0x0400, 0x0482}, {0x048A, 0x052F}, {0x05D0, 0x05EA},   {0x060C, 0x060F},
    {0x061B, 0x064A}, {0x0660, 0x066F}, {0x0671, 0x06D5}, {0x0E01, 0x0E37},   {0x1EA0, 0x1EF9},
    {0x2010, 0x20CF}, {0x2100, 0x2125}, {0x212C, 0x2328}, {0x2500, 0x27BF},   {0x3000, 0x3029},
    {0x3030, 0x3098}, {0x309B, 0x30FF}, {0x3400, 0x4DBF}, {0x4E00, 0x9FFF},   {0xAC00, 0xD7A3},
    {0xFE30, 0xFE6B}, {0xFF01, 0xFFE6}, {0xFFFD, 0xFFFD}, {0x1F300, 0x1FAFF},
};

static bool is_quiet(uint32_t c)
{
    for (size_t i = 0; i < sizeof quiet / sizeof *quiet && quiet[i].first <= c; i++) {
        if (c <= quiet[i].last) return true;
    }
    return c < 0x300;
}

/* Decodes valid UTF-8 of two bytes and more. */
static uint32_t decode(const unsigned char *p, size_t *step)
{
    uint32_t c = *p < 0xE0 ? *p & 0x1Fu : *p < 0xF0 ? *p & 0x0Fu : *p & 0x07u;
    *step = *p < 0xE0 ? 2 : *p < 0xF0 ? 3 : 4;
    for (size_t i = 1; i < *step; i++)
        c = c << 6 | (p[i] & 0x3Fu);
    return c;
}

static bool surely_nfc(const char *text, size_t len)
{
    const unsigned char *p = (const unsigned char *)text, *end = p + len;
    while (p < end) {
        size_t step;
        if (end - p >= 8 && ascii_only(ascii_load((const char *)p))) {
            p += 8;
        } else if (*p < 0xCC) { /* below U+0300 */
            p++;
        } else {
            if (!is_quiet(decode(p, &step))) return false;
            p += step;
        }
    }
    return true;
}

void plain_end(struct plain *p)
{
    struct buf *out = p->out;
    size_t len = out->len - p->start;
    if (!buf_ok(out) || len == 0 || surely_nfc(out->data + p->start, len)) return;
    utf8proc_uint8_t *composed = NULL;
    utf8proc_ssize_t size = utf8proc_map((const utf8proc_uint8_t *)out->data + p->start,
                                         (utf8proc_ssize_t)len, &composed,
                                         UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    if (size > 0) { /* else it stays as it is: readable, only not normalised */
        buf_truncate(out, p->start);
        buf_put(out, composed, (size_t)size);
    }
    free(composed);
}

void plain_write(struct buf *out, const char *text, size_t len, enum plain_newlines newlines)
{
    struct plain p = plain_begin(out, newlines);
    plain_put(&p, text, len);
    plain_end(&p);
}
