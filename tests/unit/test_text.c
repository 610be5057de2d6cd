#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <utf8proc.h>

#include "common/text.h"

#define FFFD          "\xEF\xBF\xBD"
#define ZWSP          "\xE2\x80\x8B"
#define ZWNJ          "\xE2\x80\x8C"
#define ZWJ           "\xE2\x80\x8D"
#define RLO           "\xE2\x80\xAE"
#define FSI           "\xE2\x81\xA8"
#define PDI           "\xE2\x81\xA9"
#define NBSP          "\xC2\xA0"
#define NNBSP         "\xE2\x80\xAF"
#define ACUTE         "\xCC\x81" /* combining */
#define VS16          "\xEF\xB8\x8F"
#define ELLIPSIS      "\xE2\x80\xA6"
#define WOMAN         "\xF0\x9F\x91\xA9"
#define ROCKET        "\xF0\x9F\x9A\x80"
#define BROWN_TONE    "\xF0\x9F\x8F\xBE"
#define COUNT(array)  (sizeof(array) / sizeof *(array))
#define BYTES(string) (string), sizeof(string) - 1

/* ------------------------------------------------------------------------------------ Helpers */

static struct buf cleaned(const char *bytes, size_t len, enum text_lines lines)
{
    struct buf out = {0};
    text_clean(&out, bytes, len, lines);
    buf_puts(&out, ""); /* data is a string even if nothing came out */
    assert_true(buf_ok(&out));
    return out;
}

static void assert_buf(struct buf *b, const char *expected)
{
    assert_string_equal(b->data, expected);
    assert_int_equal(b->len, strlen(expected));
    buf_deinit(b);
}

struct pair {
    const char *in, *out;
};

static void assert_cleans(const struct pair *table, size_t count, enum text_lines lines)
{
    for (size_t i = 0; i < count; i++) {
        struct buf out = cleaned(table[i].in, strlen(table[i].in), lines);
        assert_buf(&out, table[i].out);
    }
}

/* -------------------------------------------------------------------------------------- UTF-8 */

static void every_scalar_value_survives_encode_and_decode(void **state)
{
    (void)state;
    for (uint32_t cp = 0; cp <= 0x10FFFF; cp++) {
        if (cp >= 0xD800 && cp <= 0xDFFF) continue;
        char bytes[4];
        uint32_t back;
        size_t len = text_encode(cp, bytes);
        if (text_decode(bytes, len, &back) != len || back != cp ||
            text_valid_prefix(bytes, len) != len)
            fail_msg("U+%04X", cp);
    }
}

static void what_is_no_scalar_value_encodes_as_the_replacement(void **state)
{
    (void)state;
    static const uint32_t bad[] = {0xD800, 0xDFFF, 0x110000, UINT32_MAX};
    for (size_t i = 0; i < COUNT(bad); i++) {
        char bytes[4];
        assert_int_equal(text_encode(bad[i], bytes), 3);
        assert_memory_equal(bytes, FFFD, 3);
    }
}

/* The Unicode Standard, section 3.9, tables 3-8 to 3-11, and the cuts at the end of a text. */
static void each_maximal_ill_formed_part_gives_one_replacement(void **state)
{
    (void)state;
    static const struct pair table[] = {
        {"\xC0\xAF\xE0\x80\xBF\xF0\x81\x82"
         "A",
         FFFD FFFD FFFD FFFD FFFD FFFD FFFD FFFD "A"},
        {"\xED\xA0\x80\xED\xBF\xBF\xED\xAF"
         "A",
         FFFD FFFD FFFD FFFD FFFD FFFD FFFD FFFD "A"},
        {"\xF4\x91\x92\x93\xFF"
         "A\x80\xBF"
         "B",
         FFFD FFFD FFFD FFFD FFFD "A" FFFD FFFD "B"},
        {"\xE1\x80\xE2\xF0\x91\x92\xF1\xBF"
         "A",
         FFFD FFFD FFFD FFFD "A"},
        {"\xC3", FFFD},
        {"\xE2\x82", FFFD},
        {"\xF0\x9F\x98", FFFD},
        {"\xF5\xFE\xFF", FFFD FFFD FFFD},
    };
    assert_cleans(table, COUNT(table), TEXT_ONE_LINE);
}

static void the_valid_prefix_ends_at_the_first_bad_byte(void **state)
{
    (void)state;
    assert_int_equal(text_valid_prefix("", 0), 0);
    assert_int_equal(text_valid_prefix(BYTES("caf\xC3\xA9")), 5);
    assert_int_equal(text_valid_prefix("caf\xC3\xA9", 4), 3);
    assert_int_equal(text_valid_prefix(BYTES(FFFD "x\xFF")), 4); /* a written U+FFFD is valid */
    assert_int_equal(text_valid_prefix(BYTES("a\xEF\xBF")), 1);
    assert_int_equal(text_valid_prefix(BYTES("a\xF0\x9F\x98z")), 1);
}

/* ----------------------------------------------------------------------------------- Cleaning */

static void controls_leave_a_visible_trace(void **state)
{
    (void)state;
    static const struct pair table[] = {
        {"\033[31mred\033[0m", FFFD "[31mred" FFFD "[0m"},
        {"\033]0;title\007", FFFD "]0;title" FFFD},
        {"\xC2\x9B"
         "31m",
         FFFD "31m"}, /* CSI as one C1 control, in UTF-8 */
        {"\x9B"
         "31m",
         FFFD "31m"}, /* and raw, for an 8-bit terminal */
        {"\xC2\x9D"
         "8;;x",
         FFFD "8;;x"},
        {"a\bb\177c\016d", "a" FFFD "b" FFFD "c" FFFD "d"},
        {"good\rbad", "good" FFFD "bad"},
        {"\v\f", FFFD FFFD},
        {"next\xC2\x85line", "next" FFFD "line"},
    };
    assert_cleans(table, COUNT(table), TEXT_ONE_LINE);
    assert_cleans(table, COUNT(table), TEXT_LINES);

    struct buf out = cleaned(BYTES("a\0b"), TEXT_ONE_LINE);
    assert_buf(&out, "a" FFFD "b");
}

static void invisible_characters_are_dropped(void **state)
{
    (void)state;
    static const struct pair table[] = {
        {"access" RLO " granted", "access granted"},
        {FSI "x" PDI, "x"},
        {"\xEF\xBB\xBFmarked", "marked"}, /* byte order mark */
        {"co\xC2\xADop", "coop"},         /* soft hyphen */
        {"pay" ZWSP "pal", "paypal"},
        {"\xD8\x9C\xE1\xA0\x8E\xE2\x81\xA0\xEF\xBF\xB9", ""}, /* ALM, MVS, word joiner, anchor */
        {"tag\xF3\xA0\x81\xA1\xF3\xA0\x81\xBF", "tag"},
        {"\xE3\x85\xA4\xE1\x85\x9F", ""}, /* Hangul fillers */
    };
    assert_cleans(table, COUNT(table), TEXT_ONE_LINE);
    assert_cleans(table, COUNT(table), TEXT_LINES);
}

static void code_points_without_a_meaning_are_replaced(void **state)
{
    (void)state;
    static const struct pair table[] = {
        {"\xEE\x80\x80", FFFD},     /* U+E000, private */
        {"\xEF\xA3\xBF", FFFD},     /* U+F8FF, the apple of some fonts */
        {"\xF4\x8F\xBF\xBD", FFFD}, /* U+10FFFD */
        {"\xEF\xBF\xBE", FFFD},     /* U+FFFE */
        {"\xEF\xB7\x90", FFFD},     /* U+FDD0 */
        {"\xCD\xB8", FFFD},         /* U+0378, unassigned */
        {"\xF3\xA0\x82\x80", FFFD}, /* U+E0080, unassigned behind the tags */
    };
    assert_cleans(table, COUNT(table), TEXT_ONE_LINE);
}

static void joiners_stay_only_where_they_work(void **state)
{
    (void)state;
    static const struct pair table[] = {
        /* Emoji: an astronaut, with a skin tone, and a heart with its selector. */
        {WOMAN ZWJ ROCKET, WOMAN ZWJ ROCKET},
        {WOMAN BROWN_TONE ZWJ ROCKET, WOMAN BROWN_TONE ZWJ ROCKET},
        {"\xE2\x9D\xA4" VS16 ZWJ "\xF0\x9F\x94\xA5", "\xE2\x9D\xA4" VS16 ZWJ "\xF0\x9F\x94\xA5"},
        {WOMAN ZWNJ ROCKET, WOMAN ROCKET},
        {WOMAN ZWJ "x", WOMAN "x"},
        {WOMAN ZWJ, WOMAN},
        {BROWN_TONE ZWJ ROCKET, BROWN_TONE ROCKET},
        {ZWJ ROCKET, ROCKET},
        {WOMAN ZWJ ZWSP ZWJ ROCKET, WOMAN ZWJ ROCKET},
        {WOMAN ZWJ " " ROCKET, WOMAN " " ROCKET},
        /* Persian mi-khaham; Devanagari k(virama)ZWJ sh; Bengali r ZWJ (virama) y. */
        {"\xD9\x85\xDB\x8C" ZWNJ "\xD8\xAE\xD9\x88", "\xD9\x85\xDB\x8C" ZWNJ "\xD8\xAE\xD9\x88"},
        {"\xE0\xA4\x95\xE0\xA5\x8D" ZWJ "\xE0\xA4\xB7",
         "\xE0\xA4\x95\xE0\xA5\x8D" ZWJ "\xE0\xA4\xB7"},
        {"\xE0\xA6\xB0" ZWJ "\xE0\xA7\x8D\xE0\xA6\xAF",
         "\xE0\xA6\xB0" ZWJ "\xE0\xA7\x8D\xE0\xA6\xAF"},
        /* Latin and Cyrillic have no use for them, digits neither. */
        {"pay" ZWJ "pal", "paypal"},
        {"\xD0\xB0" ZWNJ "\xD0\xB1", "\xD0\xB0\xD0\xB1"},
        {"1" ZWJ "2", "12"},
        {"\xD9\x85" ZWNJ "a", "\xD9\x85"
                              "a"},
        {"\xD9\x85" ZWJ " ", "\xD9\x85"},
    };
    assert_cleans(table, COUNT(table), TEXT_ONE_LINE);
}

static void marks_need_a_base_and_are_bounded(void **state)
{
    (void)state;
#define TWO(x)   x x
#define EIGHT(x) TWO(x) TWO(x) TWO(x) TWO(x)
    static const struct pair table[] = {
        {ACUTE "e" ACUTE, "e" ACUTE},
        {"a " ACUTE "b", "a b"},
        {"e" EIGHT(ACUTE), "e" EIGHT(ACUTE)},
        {"e" EIGHT(ACUTE) ACUTE "e" ACUTE, "e" EIGHT(ACUTE) "e" ACUTE},
        {"e" EIGHT(ACUTE) EIGHT(VS16), "e" EIGHT(ACUTE)},
        {VS16 "\xE2\x9D\xA4" VS16, "\xE2\x9D\xA4" VS16},
        {"\xFF" ACUTE, FFFD ACUTE},
        /* Conjoining Hangul: kept as a syllable, piled up only as far as marks are. */
        {"\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB", "\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB"},
        {"\xE1\x84\x92" EIGHT("\xE1\x86\xAB") "\xE1\x86\xAB", "\xE1\x84\x92" EIGHT("\xE1\x86\xAB")},
    };
    assert_cleans(table, COUNT(table), TEXT_ONE_LINE);
    assert_int_equal(TEXT_MARKS_MAX, 8); /* what the table is about */
}

static void one_line_has_single_blanks_and_no_ends(void **state)
{
    (void)state;
    static const struct pair table[] = {
        {"", ""},
        {" \t\r\n ", ""},
        {"  one \t two\n\nthree\r\nfour  ", "one two three four"},
        {"LS\xE2\x80\xA8PS\xE2\x80\xA9.", "LS PS ."},
        {"em\xE2\x80\x83quad\xE3\x80\x80wide", "em quad wide"},
        {"40" NNBSP "%", "40" NNBSP "%"},
        {"a" NBSP NBSP "b" NBSP " c" NBSP ZWSP " d", "a b c d"},
        {NBSP "a" NBSP, "a"},
        {"a" NBSP "\nb", "a b"},
    };
    assert_cleans(table, COUNT(table), TEXT_ONE_LINE);
}

static void lines_keep_newlines_and_blanks(void **state)
{
    (void)state;
    static const struct pair table[] = {
        {"one\r\ntwo\n\n  three ", "one\ntwo\n\n  three "},
        {"LS\xE2\x80\xA8PS\xE2\x80\xA9", "LS\nPS\n"},
        {"a\tb", "a b"},
        {"\r\r\n", FFFD "\n"},
        {"\xE3\x80\x80indent", "  indent"}, /* as wide as the ideographic space was */
        {"a" NBSP NBSP "b", "a" NBSP NBSP "b"},
    };
    assert_cleans(table, COUNT(table), TEXT_LINES);
}

/* -------------------------------------------------------------------- Every single code point */

struct range {
    uint32_t first, last;
};

/* Written down apart from the code under test. */
static bool is_forbidden(uint32_t cp, enum text_lines lines)
{
    static const struct range never[] = {
        {0x00, 0x09},     {0x0B, 0x1F},     {0x7F, 0x9F},       {0xAD, 0xAD},
        {0x61C, 0x61C},   {0x180E, 0x180E}, {0x200B, 0x200B},   {0x200E, 0x200F},
        {0x2028, 0x202E}, {0x2060, 0x206F}, {0xD800, 0xF8FF},   {0xFDD0, 0xFDEF},
        {0xFEFF, 0xFEFF}, {0xFFF0, 0xFFFB}, {0xE0000, 0xE00FF}, {0xE01F0, 0x10FFFF},
    };
    for (size_t i = 0; i < COUNT(never); i++)
        if (cp >= never[i].first && cp <= never[i].last) return true;
    if (cp == '\n') return lines == TEXT_ONE_LINE;
    if (cp == 0x200C || cp == 0x200D) return false; /* where is another test */
    utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)cp);
    return (cp & 0xFFFE) == 0xFFFE || category == UTF8PROC_CATEGORY_CN ||
           category == UTF8PROC_CATEGORY_CF;
}

/* Kept from check to check: there are millions of them. */
struct scratch {
    struct buf once, twice;
};

static void scratch_deinit(struct scratch *s)
{
    buf_deinit(&s->once);
    buf_deinit(&s->twice);
}

static void check_clean(struct scratch *s, uint32_t about, const char *in, size_t len,
                        enum text_lines lines)
{
    struct buf *once = &s->once, *twice = &s->twice;
    buf_clear(once);
    buf_clear(twice);
    text_clean(once, in, len, lines);
    text_clean(twice, once->data, once->len, lines);
    if (text_valid_prefix(once->data, once->len) != once->len) fail_msg("%04X: no UTF-8", about);
    if (once->len > 3 * len) fail_msg("%04X: longer than promised", about);
    if (once->len != twice->len || (once->len && memcmp(once->data, twice->data, once->len) != 0))
        fail_msg("%04X: not idempotent", about);
    for (size_t at = 0; at < once->len;) {
        uint32_t cp;
        at += text_decode(once->data + at, once->len - at, &cp);
        if (is_forbidden(cp, lines)) fail_msg("%04X: U+%04X came out", about, cp);
    }
    size_t width = text_width(once->data, once->len);
    if (width > 2 * len) fail_msg("%04X: %zu columns wide", about, width);
    if (width == 0 && once->len > 0 && lines == TEXT_ONE_LINE)
        fail_msg("%04X: text that nobody sees", about);
}

/* Three bytes whatever the value: a surrogate becomes what CESU-8 would make of it. */
static size_t encode_unchecked(uint32_t cp, char out[4])
{
    if (cp < 0xD800 || cp > 0xDFFF) return text_encode(cp, out);
    out[0] = (char)(0xE0 | cp >> 12);
    out[1] = (char)(0x80 | (cp >> 6 & 0x3F));
    out[2] = (char)(0x80 | (cp & 0x3F));
    return 3;
}

/* One more byte than it needs, which is ill-formed. */
static size_t encode_overlong(uint32_t cp, char out[4])
{
    static const unsigned char lead[] = {0xC0, 0xE0, 0xF0};
    size_t longer = cp < 0x80 ? 2 : cp < 0x800 ? 3 : 4;
    for (size_t i = longer - 1; i > 0; i--, cp >>= 6)
        out[i] = (char)(0x80 | (cp & 0x3F));
    out[0] = (char)(lead[longer - 2] | cp);
    return longer;
}

static void no_code_point_gets_through_that_should_not(void **state)
{
    (void)state;
    static const struct pair around[] = {
        {"", ""},
        {"a", "b"},
        {"\xD9\x85", "\xD9\x85"},                     /* Arabic */
        {"\xE0\xA4\x95\xE0\xA5\x8D", "\xE0\xA4\xB7"}, /* Devanagari */
        {WOMAN, ROCKET},
        {WOMAN ZWJ, ZWJ ROCKET},
        {" ", "\n"},
    };
    struct scratch s = {0};
    for (uint32_t cp = 0; cp <= 0x10FFFF; cp++) {
        for (size_t i = 0; i < COUNT(around); i++) {
            char text[32], encoded[4];
            size_t len = encode_unchecked(cp, encoded);
            int total = snprintf(text, sizeof text, "%s%.*s%s", around[i].in, (int)len, "    ",
                                 around[i].out);
            memcpy(text + strlen(around[i].in), encoded, len);
            check_clean(&s, cp, text, (size_t)total, TEXT_ONE_LINE);
            check_clean(&s, cp, text, (size_t)total, TEXT_LINES);
        }
    }
    scratch_deinit(&s);
}

static void overlong_forms_are_not_read_as_what_they_hide(void **state)
{
    (void)state;
    struct scratch s = {0};
    for (uint32_t cp = 0; cp < 0x10000; cp++) {
        char bytes[4];
        size_t len = encode_overlong(cp, bytes);
        check_clean(&s, cp, bytes, len, TEXT_LINES);
        assert_int_equal(s.once.len, 3 * len); /* no part of it is the start of anything */
    }
    scratch_deinit(&s);
}

static void every_pair_of_bytes_is_cleaned(void **state)
{
    (void)state;
    struct scratch s = {0};
    for (uint32_t pair = 0; pair <= 0xFFFF; pair++) {
        const char bytes[] = {(char)(pair >> 8), (char)(pair & 0xFF)};
        check_clean(&s, pair, bytes, 2, TEXT_ONE_LINE);
        check_clean(&s, pair, bytes, 2, TEXT_LINES);
    }
    scratch_deinit(&s);
}

static void cleaning_appends_and_survives_a_failed_buffer(void **state)
{
    (void)state;
    struct buf out = {0};
    buf_puts(&out, "title: ");
    text_clean(&out, BYTES("  x"), TEXT_ONE_LINE);
    assert_buf(&out, "title: x");

    struct buf failed = {.failed = true};
    text_clean(&failed, BYTES("x \xFF"), TEXT_LINES);
    text_cell(&failed, BYTES("x"), 3, true);
    text_link(&failed, BYTES("http://a"), BYTES("b"));
    assert_false(buf_ok(&failed));
    assert_null(failed.data);
}

/* -------------------------------------------------------------------------------------- Width */

static void widths_are_those_of_wcwidth(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t width;
    } table[] = {
        {"", 0},
        {"ascii", 5},
        {"caf\xC3\xA9", 4},
        {"cafe" ACUTE, 4},
        {"\xE6\x97\xA5\xE6\x9C\xAC", 4},             /* two ideographs */
        {"\xEF\xBC\xA1", 2},                         /* fullwidth A */
        {"\xEF\xBD\xB1", 1},                         /* halfwidth katakana */
        {"\xED\x95\x9C", 2},                         /* a Hangul syllable */
        {"\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB", 2}, /* the same, conjoining */
        {"\xCE\xB1\xE2\x80\xA6", 2},                 /* ambiguous ones are narrow */
        {ROCKET, 2},
        {WOMAN ZWJ ROCKET, 4},                   /* as wcwidth(): the sum */
        {"\xE2\x9D\xA4" VS16, 1},                /* as wcwidth(): the base */
        {"\xF0\x9F\x87\xAB\xF0\x9F\x87\xB7", 2}, /* a flag */
        {"\xE0\xA4\x95\xE0\xA4\xBF", 2},         /* a spacing mark */
        {"\xE0\xB8\x81\xE0\xB8\xB4", 1},         /* a Thai vowel above */
        {FSI "\xD7\x90" PDI, 1},
        {FFFD, 1},
        {"\xE4\xB7\x80", 2}, /* a hexagram */
    };
    for (size_t i = 0; i < COUNT(table); i++)
        if (text_width(table[i].text, strlen(table[i].text)) != table[i].width)
            fail_msg("row %zu: %s", i, table[i].text);
}

static void fit_never_cuts_a_grapheme(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t columns, bytes, width;
    } table[] = {
        {"abc", 0, 0, 0},
        {"abc", 2, 2, 2},
        {"abc", 9, 3, 3},
        {"e" ACUTE "x", 1, 3, 1},
        {"\xE6\x97\xA5\xE6\x9C\xAC", 3, 3, 2},
        {WOMAN ZWJ ROCKET, 3, 0, 0},
        {WOMAN ZWJ ROCKET, 4, 11, 4},
        {"\xF0\x9F\x87\xAB\xF0\x9F\x87\xB7", 1, 0, 0},
        {FSI "ab" PDI, 2, 8, 2}, /* what is closed stays closed if it fits */
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        size_t width = 99;
        const char *text = table[i].text;
        if (text_fit(text, strlen(text), table[i].columns, &width) != table[i].bytes ||
            width != table[i].width)
            fail_msg("row %zu: %s", i, text);
        assert_int_equal(text_fit(text, strlen(text), table[i].columns, NULL), table[i].bytes);
    }
}

static void a_cell_shows_that_it_was_cut_and_is_filled(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t columns;
        bool pad;
        const char *cell;
    } table[] = {
        {"abc", 5, true, "abc  "},
        {"abc", 5, false, "abc"},
        {"abc", 3, true, "abc"},
        {"abcd", 3, true, "ab" ELLIPSIS},
        {"abcd", 1, true, ELLIPSIS},
        {"abcd", 0, true, ""},
        {"", 2, true, "  "},
        {"\xE6\x97\xA5\xE6\x9C\xAC", 3, true, "\xE6\x97\xA5" ELLIPSIS},
        {"a\xE6\x97\xA5\xE6\x9C\xAC", 3, true, "a" ELLIPSIS " "},
        {"a\xE6\x97\xA5\xE6\x9C\xAC", 3, false, "a" ELLIPSIS},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct buf out = {0};
        text_cell(&out, table[i].text, strlen(table[i].text), table[i].columns, table[i].pad);
        buf_puts(&out, "");
        assert_buf(&out, table[i].cell);
    }
}

/* ----------------------------------------------------------------------------------- Wrapping */

/* The lines joined by '|'. */
static struct buf wrapped(const char *text, size_t columns)
{
    struct buf out = {0};
    size_t len = strlen(text);
    while (len > 0) {
        size_t next;
        buf_put(&out, text, text_wrap(text, len, columns, &next));
        buf_putc(&out, '|');
        assert_in_range(next, 1, len);
        text += next;
        len -= next;
    }
    buf_puts(&out, "");
    return out;
}

static void lines_break_where_people_would(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t columns;
        const char *lines;
    } table[] = {
        {"", 5, ""},
        {"one two three", 20, "one two three|"},
        {"one two three", 7, "one two|three|"},
        {"one two three", 8, "one two|three|"},
        {"one   two", 4, "one|two|"},
        {"abcdefgh ij", 3, "abc|def|gh|ij|"},
        {"go abcdefgh", 4, "go|abcd|efgh|"},
        {"a" NBSP "b c", 3, "a" NBSP "b|c|"},
        {"no" NBSP "gap", 4, "no" NBSP "g|ap|"},
        /* Newlines end lines; blanks before one do not make an empty line. */
        {"a\nb", 5, "a|b|"},
        {"a\n\nb\n", 5, "a||b|"},
        {"abc \nd", 3, "abc|d|"},
        {"  indented", 6, "  inde|nted|"},
        {"     x", 3, "   |x|"},
        /* Ideographs: between them, not before 。 or a comma, not after an opening bracket. */
        {"日本語", 4, "日本|語|"},
        {"日本。語", 4, "日|本。|語|"},
        {"日本,語", 4, "日|本,|語|"},
        {"日「本」語", 4, "日|「本|」語|"},
        {"日「本語", 6, "日「本|語|"},
        {"あっと", 2, "あ|っ|と|"},
        {"ラーメン", 4, "ラー|メン|"},
        {"日本NHK", 6, "日本|NHK|"},
        {"日本NHK", 5, "日本|NHK|"},
        /* Never inside a grapheme, unless the grapheme is wider than the line. */
        {"e" ACUTE "e" ACUTE, 1, "e" ACUTE "|e" ACUTE "|"},
        {"ab" WOMAN ZWJ ROCKET, 4, "ab|" WOMAN ZWJ ROCKET "|"},
        {WOMAN ZWJ ROCKET, 2, WOMAN ZWJ "|" ROCKET "|"},
        {"日本", 1, "日|本|"},
        {"ab", 0, "a|b|"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct buf out = wrapped(table[i].text, table[i].columns);
        assert_buf(&out, table[i].lines);
    }
}

/* A million Hangul initials are one grapheme. Were it measured for each line, this would not end
 * before the test's time limit. */
static void wrapping_one_endless_grapheme_takes_linear_time(void **state)
{
    (void)state;
    struct buf text = {0};
    for (size_t i = 0; i < 1000000; i++)
        buf_puts(&text, "\xE1\x84\x80");
    size_t lines = 0;
    for (size_t at = 0, next; at < text.len; at += next, lines++)
        assert_int_equal(text_wrap(text.data + at, text.len - at, 10, &next), 15);
    assert_int_equal(lines, 200000);
    buf_deinit(&text);
}

/* ---------------------------------------------------------------------------- Direction, links */

static void hebrew_and_arabic_are_right_to_left(void **state)
{
    (void)state;
    assert_false(text_is_rtl(BYTES("plain, caf\xC3\xA9 \xE6\x97\xA5")));
    assert_true(text_is_rtl(BYTES("x \xD7\x90")));
    assert_true(text_is_rtl(BYTES("\xD8\xA7")));
    assert_false(text_is_rtl(BYTES("\xD9\xA3"))); /* an Arabic digit is not strong */
    assert_false(text_is_rtl("", 0));
}

static void only_web_addresses_become_links(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        bool ok;
    } table[] = {
        {"http://example.org", true},
        {"HTTPS://example.org:8443/a?b#c", true},
        {"https://example.org?q=a@b", true},
        {"https://[2001:db8::1]:80/", true},
        {"https://b\xC3\xBC"
         "cher.example/\xC3\xA9t\xC3\xA9",
         true},
        {"https://b%C3%BCcher.example/", true},
        {"https://example.org/with blank;and%41", true},
        {"", false},
        {"http://", false},
        {"http:///path", false},
        {"https://:80/", false},
        {"https://?", false},
        {"ftp://example.org", false},
        {"javascript:alert(1)", false},
        {"file:///etc/passwd", false},
        {"//example.org", false},
        {"http:example.org", false},
        {" http://example.org", false},
        {"https://user@example.org", false},
        {"https://user:word@example.org/", false},
        {"https://good.example\\@bad.example/", false},
        {"https://good.example%40bad.example/", false},
        {"https://good.example%2Fbad.example/", false},
        {"https://exa mple.org", false},
        {"https://example.org:port/", false},
        {"https://example.org:123456/", false},
        {"https://[::1/", false},
        {"https://[]/", false},
        {"https://[::1]x/", false},
        {"https://example.org/\033]8;;\033\\", false},
        {"https://example.org/\n", false},
        {"https://example.org/\177", false},
        {"https://example.org%8", false},
    };
    for (size_t i = 0; i < COUNT(table); i++)
        if (text_url_ok(table[i].url, strlen(table[i].url)) != table[i].ok)
            fail_msg("%s", table[i].url);
    assert_false(text_url_ok(BYTES("https://example.org/\0x")));
    assert_false(text_url_ok(BYTES("https://example.org\0")));
}

static void a_link_is_bounded_as_it_will_be_written(void **state)
{
    (void)state;
    char url[TEXT_LINK_MAX + 1] = "https://example.org/";
    memset(url + strlen(url), 'a', sizeof url - strlen(url));
    assert_true(text_url_ok(url, TEXT_LINK_MAX));
    assert_false(text_url_ok(url, TEXT_LINK_MAX + 1));
    url[100] = ' '; /* three bytes once encoded */
    assert_false(text_url_ok(url, TEXT_LINK_MAX));
    assert_true(text_url_ok(url, TEXT_LINK_MAX - 2));
}

static void a_url_keeps_only_graphic_ascii(void **state)
{
    (void)state;
    struct buf out = {0};
    text_url(&out, BYTES("http://a/%41 \xC3\xA9\033;~"));
    assert_buf(&out, "http://a/%41%20%C3%A9%1B;~");
    char every[256];
    for (size_t i = 0; i < sizeof every; i++)
        every[i] = (char)i;
    text_url(&out, every, sizeof every);
    assert_int_equal(out.len, 94 + 3 * (256 - 94));
    for (size_t i = 0; i < out.len; i++)
        assert_in_range(out.data[i], 0x21, 0x7E);
    buf_deinit(&out);
}

static void a_link_is_opened_and_closed_or_left_away(void **state)
{
    (void)state;
    struct buf out = {0};
    text_link(&out, BYTES("https://a.example/\xC3\xA9"), BYTES("label"));
    assert_buf(&out, "\033]8;;https://a.example/%C3%A9\033\\label\033]8;;\033\\");
    text_link(&out, BYTES("https://u@a.example/"), BYTES("label"));
    assert_buf(&out, "label");
}

/* ------------------------------------------------------------------------------ Sample lines */

static FILE *open_samples(void)
{
    const char *root = getenv("NEWS_SOURCE_DIR");
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/tests/fixtures/text/scripts.txt", root ? root : ".");
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    return file;
}

static void check_measures(const char *text, size_t len, size_t columns)
{
    struct buf cell = {0};
    size_t width;
    size_t fits = text_fit(text, len, columns, &width);
    assert_true(width <= columns && width == text_width(text, fits));
    text_cell(&cell, text, len, columns, true);
    assert_int_equal(text_width(cell.data, cell.len), columns);
    buf_deinit(&cell);

    for (size_t at = 0; at < len;) {
        size_t next;
        size_t line = text_wrap(text + at, len - at, columns, &next);
        assert_true(line <= next && next > 0 && next <= len - at);
        assert_true(text_width(text + at, line) <= columns);
        for (size_t i = line; i < next; i++) /* only blanks are lost */
            assert_int_equal(text[at + i], ' ');
        at += next;
    }
}

static void headlines_in_many_scripts_are_cut_and_wrapped_to_width(void **state)
{
    (void)state;
    FILE *file = open_samples();
    char *line = NULL;
    size_t size = 0, count = 0;
    ssize_t len;
    struct scratch s = {0};
    while ((len = getline(&line, &size, file)) > 0) {
        check_clean(&s, (uint32_t)count, line, (size_t)len, TEXT_ONE_LINE);
        for (size_t columns = 2; columns <= 120; columns++)
            check_measures(s.once.data, s.once.len, columns);
        count++;
    }
    free(line);
    scratch_deinit(&s);
    (void)fclose(file);
    assert_true(count > 20);
}

/* -------------------------------------------------------------------------------------- Words */

static struct buf words_of(const char *bytes, size_t len)
{
    struct buf out = {0};
    text_words(&out, bytes, len);
    buf_puts(&out, ""); /* as above */
    assert_true(buf_ok(&out));
    return out;
}

static void words_are_compared_without_case_marks_and_punctuation(void **state)
{
    (void)state;
    static const struct pair table[] = {
        {"", ""},
        {" -- ", ""},
        {"Storm", "storm "},
        {"  Storm \xe2\x80\x93 all PORTS!", "storm all ports "},
        {"write-through o'clock 3.5", "write through o clock 3 5 "},
        {"Imp\xc3\xb4t imp\xc3\xb4t impo"
         "\xcc\x82"
         "t",
         "impot impot impot "},
        {"STRASSE Stra\xc3\x9f"
         "e",
         "strasse strasse "},
        {"\xce\xa3\xce\x95\xce\x99\xcf\x82", "\xcf\x83\xce\xb5\xce\xb9\xcf\x83 "}, /* final sigma */
        {"\xc4\xb0stanbul", "istanbul "},
        {"\xef\xac\x81n\xc2\xb2 \xef\xbc\xa1\xef\xbc\xa2", "fin2 ab "}, /* ligature, full width */
        {"\xd0\x9c\xd0\x98\xd0\xa0", "\xd0\xbc\xd0\xb8\xd1\x80 "},
        {"\xd9\x85\xd9\x8f\xd8\xad", "\xd9\x85\xd8\xad "}, /* a vowel mark */
        {"co\xc2\xadop " ZWSP "x" ZWJ "y", "coop xy "},    /* nobody sees them */
        {"a" NBSP "b" ELLIPSIS "c" ROCKET "d", "a b c d "},
        {"\xe2\x82\xac"
         "5",
         "5 "},
        {"\xd9\xa3\xd9\xa4", "\xd9\xa3\xd9\xa4 "}, /* digits of another script */
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct buf out = words_of(table[i].in, strlen(table[i].in));
        assert_buf(&out, table[i].out);
    }
}

static void each_letter_is_a_word_where_no_blanks_part_them(void **state)
{
    (void)state;
    static const struct pair table[] = {
        {"\xe4\xbd\x93\xe8\x82\xb2", "\xe4\xbd\x93 \xe8\x82\xb2 "}, /* Han */
        {"a\xe4\xbd\x93"
         "b",
         "a \xe4\xbd\x93 b "},
        {"\xe3\x82\xab\xe3\x83\xbc", "\xe3\x82\xab \xe3\x83\xbc "},                 /* kana */
        {"\xef\xbd\xb6\xef\xbe\x9e", "\xe3\x82\xab "},                              /* half width */
        {"\xe0\xb8\x81\xe0\xb8\xb4\xe0\xb8\x99", "\xe0\xb8\x81 \xe0\xb8\x99 "},     /* Thai */
        {"\xe0\xb9\x91\xe0\xb9\x92", "\xe0\xb9\x91\xe0\xb9\x92 "},                  /* its digits */
        {"\xf0\xa0\x80\x80\xf0\xa0\x80\x81", "\xf0\xa0\x80\x80 \xf0\xa0\x80\x81 "}, /* rare Han */
        {"\xea\xb0\x80\xea\xb0\x80",
         "\xe1\x84\x80\xe1\x85\xa1\xe1\x84\x80\xe1\x85\xa1 "}, /* but not of Hangul */
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct buf out = words_of(table[i].in, strlen(table[i].in));
        assert_buf(&out, table[i].out);
    }
}

static void bad_bytes_part_words(void **state)
{
    (void)state;
    struct buf out = words_of(BYTES("a\xff"
                                    "b\xc3"
                                    "c\0d"));
    assert_buf(&out, "a b c d ");
}

static void words_are_appended(void **state)
{
    (void)state;
    struct buf out = {0};
    buf_puts(&out, "x ");
    text_words(&out, BYTES("y-"));
    text_words(&out, BYTES("\xc3\xa9"));
    text_words(&out, NULL, 0);
    assert_buf(&out, "x y e ");
}

/* Of every character, before, behind and between others: only letters and digits with a blank
 * behind, and the words of words are the same ones. */
static void words_of_any_character_stay_as_they_are(void **state)
{
    (void)state;
    struct buf once = {0}, again = {0};
    for (uint32_t cp = 0; cp <= 0x10FFFF; cp++) {
        char text[16] = "a";
        size_t len = 1 + text_encode(cp, text + 1);
        text[len++] = 'B';
        buf_clear(&once);
        buf_clear(&again);
        text_words(&once, text, len);
        text_words(&again, once.data, once.len);
        if (once.len != again.len || memcmp(once.data, again.data, once.len) != 0 ||
            once.data[0] != 'a' || strcmp(once.data + once.len - 2, "b ") != 0 ||
            strstr(once.data, "  ") || once.data[once.len] != '\0')
            fail_msg("U+%04X: \"%s\"", cp, once.data);
    }
    buf_deinit(&once);
    buf_deinit(&again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_scalar_value_survives_encode_and_decode),
        cmocka_unit_test(what_is_no_scalar_value_encodes_as_the_replacement),
        cmocka_unit_test(each_maximal_ill_formed_part_gives_one_replacement),
        cmocka_unit_test(the_valid_prefix_ends_at_the_first_bad_byte),
        cmocka_unit_test(controls_leave_a_visible_trace),
        cmocka_unit_test(invisible_characters_are_dropped),
        cmocka_unit_test(code_points_without_a_meaning_are_replaced),
        cmocka_unit_test(joiners_stay_only_where_they_work),
        cmocka_unit_test(marks_need_a_base_and_are_bounded),
        cmocka_unit_test(one_line_has_single_blanks_and_no_ends),
        cmocka_unit_test(lines_keep_newlines_and_blanks),
        cmocka_unit_test(no_code_point_gets_through_that_should_not),
        cmocka_unit_test(overlong_forms_are_not_read_as_what_they_hide),
        cmocka_unit_test(every_pair_of_bytes_is_cleaned),
        cmocka_unit_test(cleaning_appends_and_survives_a_failed_buffer),
        cmocka_unit_test(widths_are_those_of_wcwidth),
        cmocka_unit_test(fit_never_cuts_a_grapheme),
        cmocka_unit_test(a_cell_shows_that_it_was_cut_and_is_filled),
        cmocka_unit_test(lines_break_where_people_would),
        cmocka_unit_test(wrapping_one_endless_grapheme_takes_linear_time),
        cmocka_unit_test(hebrew_and_arabic_are_right_to_left),
        cmocka_unit_test(only_web_addresses_become_links),
        cmocka_unit_test(a_link_is_bounded_as_it_will_be_written),
        cmocka_unit_test(a_url_keeps_only_graphic_ascii),
        cmocka_unit_test(a_link_is_opened_and_closed_or_left_away),
        cmocka_unit_test(headlines_in_many_scripts_are_cut_and_wrapped_to_width),
        cmocka_unit_test(words_are_compared_without_case_marks_and_punctuation),
        cmocka_unit_test(each_letter_is_a_word_where_no_blanks_part_them),
        cmocka_unit_test(bad_bytes_part_words),
        cmocka_unit_test(words_are_appended),
        cmocka_unit_test(words_of_any_character_stay_as_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
