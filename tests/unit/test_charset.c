#include "publisher/charset.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define BYTES(literal) literal, sizeof(literal) - 1

struct charset_case {
    const char *bytes;
    size_t len;
    const char *http;
    const char *is; /* UTF-8 */
    const char *encoding;
};

static void check(const struct charset_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct charset_case *c = &cases[i];
        struct buf store = {0};
        struct charset_text t;
        struct news_error err;
        assert_true(charset_to_utf8(c->bytes, c->len, c->http, 1 << 20, &store, &t, &err));
        if (t.len != strlen(c->is) || memcmp(t.data, c->is, t.len) != 0)
            fail_msg("case %zu: \"%.*s\", not \"%s\"", i, (int)t.len, t.data, c->is);
        assert_string_equal(t.encoding, c->encoding);
        buf_deinit(&store);
    }
}

#define CHECK(cases) check(cases, sizeof(cases) / sizeof *(cases))

static void marks_come_before_all_else(void **state)
{
    (void)state;
    static const struct charset_case cases[] = {
        {BYTES("\xEF\xBB\xBF<a>\xC3\xA9"), "iso-8859-1", "<a>é", "UTF-8"},
        {BYTES("\xFE\xFF\0<\0a\0>\0\xE9"), NULL, "<a>é", "UTF-16BE"},
        {BYTES("\xFF\xFE<\0a\0>\0\xE9\0"), "utf-8", "<a>é", "UTF-16LE"},
        {BYTES("<\0a\0>\0\xE9\0"), NULL, "<a>é", "UTF-16LE"},
        {BYTES("\0<\0a\0>\0\xE9"), NULL, "<a>é", "UTF-16BE"},
        {BYTES("\xFF\xFE\0\0<\0\0\0\xE9\0\0\0"), NULL, "<é", "UTF-32LE"},
        {BYTES("\0\0\xFE\xFF\0\0\0<\0\0\0\xE9"), NULL, "<é", "UTF-32BE"},
        {BYTES("\xFF\xFE\x3D\xD8\0\xDE"), NULL, "😀", "UTF-16LE"},
    };
    CHECK(cases);
}

static void http_counts_more_than_the_declaration(void **state)
{
    (void)state;
    static const struct charset_case cases[] = {
        {BYTES("<?xml version='1.0' encoding='iso-8859-1'?>\xCF\xF0"), "windows-1251",
         "<?xml version='1.0' encoding='iso-8859-1'?>Пр", "windows-1251"},
        {BYTES("<?xml version='1.0' encoding='windows-1251'?>\xCF\xF0"), NULL,
         "<?xml version='1.0' encoding='windows-1251'?>Пр", "windows-1251"},
        {BYTES("<?xml version='1.0' encoding='windows-1251'?>\xCF\xF0"), "us-ascii",
         "<?xml version='1.0' encoding='windows-1251'?>Пр", "windows-1251"},
        {BYTES("<?xml version='1.0' encoding='koi8-r'?>\xF0\xD2\xC9"), "no-such-set",
         "<?xml version='1.0' encoding='koi8-r'?>При", "koi8-r"},
        {BYTES("<a>\xE9\x80"), NULL, "<a>é€", "CP1252"},
    };
    CHECK(cases);
}

static void sets_are_read_as_their_supersets(void **state)
{
    (void)state;
    static const struct charset_case cases[] = {
        {BYTES("\x93quoted\x94 \x80"), "iso-8859-1", "“quoted” €", "CP1252"},
        {BYTES("\xD6\xD0\xE9\x46"), "gb2312", "中镕", "GB18030"}, /* the second is not in GB 2312 */
        {BYTES("\x83\x65\x87\x40"), "Shift_JIS", "テ①", "CP932"},
        {BYTES("\xC7\xD1"), "euc-kr", "한", "CP949"},
    };
    CHECK(cases);
}

static void declarations_that_lie_are_not_believed(void **state)
{
    (void)state;
    static const struct charset_case cases[] = {
        /* UTF-8 under a single-byte name, and the other way round */
        {BYTES("<?xml version=\"1.0\" encoding=\"iso-8859-1\"?>f\xC3\xBCr"), NULL,
         "<?xml version=\"1.0\" encoding=\"iso-8859-1\"?>für", "UTF-8"},
        {BYTES("f\xC3\xBCr"), "windows-1252", "für", "UTF-8"},
        {BYTES("f\xFCr caf\xE9"), "utf-8", "für café", "CP1252"},
        {BYTES("<?xml version='1.0' encoding='windows-1251'?>\xCF\xF0"), "utf-8",
         "<?xml version='1.0' encoding='windows-1251'?>Пр", "windows-1251"},
        /* "utf-16" over single bytes, from strings that were 16 bits wide in memory */
        {BYTES("<?xml version='1.0' encoding='utf-16'?>\xC3\xA9"), NULL,
         "<?xml version='1.0' encoding='utf-16'?>é", "UTF-8"},
        /* two bytes of gb2312 that are valid UTF-8, too: a multibyte name is believed */
        {BYTES("\xC1\xAA\xCD\xA8\xD6\xD0"), "gb2312", "联通中", "GB18030"},
    };
    CHECK(cases);
}

static void bad_bytes_are_replaced_one_by_one(void **state)
{
    (void)state;
    static const struct charset_case cases[] = {
        {BYTES("gr\xC3\xBC\xC3\x9F"
               "e \xFF x\xC3\xA9"),
         NULL, "grüße \uFFFD xé", "UTF-8"},
        {BYTES("\xC3\xA9\xED\xA0\x80\xC3\xA9\xC3\xA9\xC3\xA9"), NULL, "é\uFFFD\uFFFD\uFFFDééé",
         "UTF-8"}, /* a surrogate */
        {BYTES("\xFE\xFF\0a\xD8\0\0b"), NULL, "a\uFFFDb", "UTF-16BE"},
        {BYTES("a\x81"
               "b"),
         "windows-1252", "a\uFFFDb", "windows-1252"},
        {BYTES("\xC3\xA9 cut \xC3"), "utf-8", "é cut \uFFFD", "UTF-8"},
    };
    CHECK(cases);
}

static void control_characters_are_removed(void **state)
{
    (void)state;
    static const struct charset_case cases[] = {
        {BYTES("a\x01"
               "b\0c\x1F\td\r\ne"),
         NULL, "abc\td\r\ne", "UTF-8"},
        {BYTES("f\xC3\xBC\x08r"), "iso-8859-1", "für", "UTF-8"},
        {BYTES("a\xEF\xBF\xBF"
               "b"),
         NULL,
         "a\uFFFD"
         "b",
         "UTF-8"},
    };
    CHECK(cases);
}

static void clean_text_is_not_copied(void **state)
{
    (void)state;
    static const char text[] = "<a>plain text and é\n</a>";
    struct buf store = {0};
    struct charset_text t;
    struct news_error err;
    assert_true(charset_to_utf8(text, strlen(text), NULL, 1000, &store, &t, &err));
    assert_ptr_equal(t.data, text);
    assert_null(store.data);
    assert_int_equal(t.replaced + t.removed, 0);
}

static void damage_is_counted_and_located(void **state)
{
    (void)state;
    struct buf store = {0};
    struct charset_text t;
    struct news_error err;
    assert_true(charset_to_utf8(BYTES("\xC3\xA9\nb\n\x02\xFF"), NULL, 1000, &store, &t, &err));
    assert_int_equal(t.removed, 1);
    assert_int_equal(t.replaced, 1);
    assert_int_equal(t.bad_line, 3);
    buf_deinit(&store);
}

static void output_is_bounded(void **state)
{
    (void)state;
    char bytes[4000];
    struct buf store = {0};
    struct charset_text t;
    struct news_error err;
    memset(bytes, 0xE9, sizeof bytes);
    assert_false(charset_to_utf8(bytes, sizeof bytes, "latin1", 5000, &store, &t, &err));
    assert_int_equal(err.code, NEWS_ERR_TOO_LARGE);
    buf_deinit(&store);
    assert_true(charset_to_utf8("", 0, NULL, 10, &store, &t, &err));
    assert_int_equal(t.len, 0);
    buf_deinit(&store);
}

static void names_cannot_carry_options(void **state)
{
    (void)state;
    static const struct charset_case cases[] = {
        {BYTES("\xE9"), "latin1//IGNORE", "é", "CP1252"},
        {BYTES("\xE9"), "../../etc/passwd", "é", "CP1252"},
        {BYTES("\xE9"), "", "é", "CP1252"},
        {BYTES("\xE9"), "an-encoding-with-a-name-that-is-longer-than-any-there-is", "é", "CP1252"},
    };
    CHECK(cases);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(marks_come_before_all_else),
        cmocka_unit_test(http_counts_more_than_the_declaration),
        cmocka_unit_test(sets_are_read_as_their_supersets),
        cmocka_unit_test(declarations_that_lie_are_not_believed),
        cmocka_unit_test(bad_bytes_are_replaced_one_by_one),
        cmocka_unit_test(control_characters_are_removed),
        cmocka_unit_test(clean_text_is_not_copied),
        cmocka_unit_test(damage_is_counted_and_located),
        cmocka_unit_test(output_is_bounded),
        cmocka_unit_test(names_cannot_carry_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
