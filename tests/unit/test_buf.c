#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/buf.h"

static void zeroed_is_empty_and_has_no_memory(void **state)
{
    (void)state;
    struct buf b = {0};
    assert_true(buf_ok(&b));
    assert_int_equal(b.len, 0);
    assert_null(b.data);
    buf_clear(&b);
    buf_truncate(&b, 0);
    buf_consume(&b, 0);
    assert_null(b.data);
    buf_deinit(&b);
}

static void even_nothing_put_in_leaves_a_string(void **state)
{
    (void)state;
    struct buf b = {0};
    buf_puts(&b, "");
    assert_non_null(b.data);
    assert_string_equal(b.data, "");
    assert_int_equal(b.len, 0);
    buf_deinit(&b);
}

static void every_way_of_appending_keeps_the_nul_behind_the_end(void **state)
{
    (void)state;
    struct buf b = {0};
    buf_put(&b, "ab", 2);
    buf_puts(&b, "cd");
    buf_putc(&b, 'e');
    buf_printf(&b, "%d-%s", 12, "x");
    assert_int_equal(b.len, 9);
    assert_string_equal(b.data, "abcde12-x");
    buf_deinit(&b);
}

static void bytes_may_hold_nul(void **state)
{
    (void)state;
    struct buf b = {0};
    buf_put(&b, "a\0b", 3);
    buf_putc(&b, '\0');
    assert_int_equal(b.len, 4);
    assert_memory_equal(b.data, "a\0b\0", 5);
    buf_deinit(&b);
}

static void growing_keeps_what_is_there(void **state)
{
    (void)state;
    struct buf b = {0};
    for (size_t i = 0; i < 100000; i++)
        buf_putc(&b, (char)('a' + i % 26));
    assert_true(buf_ok(&b));
    assert_int_equal(b.len, 100000);
    assert_true(b.size > b.len);
    for (size_t i = 0; i < b.len; i++)
        if (b.data[i] != (char)('a' + i % 26)) fail_msg("byte %zu is %c", i, b.data[i]);
    buf_deinit(&b);
}

static void reserved_room_is_the_callers_to_fill(void **state)
{
    (void)state;
    struct buf b = {0};
    for (size_t extra = 0; extra < 2000; extra = extra * 2 + 1) {
        char *at = buf_reserve(&b, extra);
        assert_non_null(at);
        assert_ptr_equal(at, b.data + b.len);
        memset(at, 'x', extra); /* the sanitizer watches the end, the NUL's byte included */
        b.len += extra;
        b.data[b.len] = '\0';
        assert_int_equal(strlen(b.data), b.len);
    }
    buf_deinit(&b);
}

static void a_long_format_is_written_whole(void **state)
{
    (void)state;
    struct buf b = {0};
    buf_puts(&b, "<");
    buf_printf(&b, "%*s|", 5000, "x");
    assert_int_equal(b.len, 5002);
    assert_string_equal(b.data + 4999, " x|");
    buf_deinit(&b);
}

static void what_cannot_fit_fails_once_and_for_all(void **state)
{
    (void)state;
    struct buf b = {0};
    buf_puts(&b, "kept");
    assert_null(buf_reserve(&b, SIZE_MAX));
    assert_false(buf_ok(&b));
    buf_puts(&b, "lost");
    buf_printf(&b, "%s", "lost");
    buf_put(&b, NULL, 0);
    assert_null(buf_reserve(&b, 1));
    assert_string_equal(b.data, "kept");
    assert_int_equal(b.len, 4);
    buf_clear(&b);
    assert_true(buf_ok(&b));
    buf_puts(&b, "again");
    assert_string_equal(b.data, "again");
    buf_deinit(&b);
}

static void sizes_near_the_limit_do_not_wrap_around(void **state)
{
    (void)state;
    static const size_t sizes[] = {SIZE_MAX,         SIZE_MAX - 1, SIZE_MAX - 4,
                                   SIZE_MAX / 2 + 1, SIZE_MAX / 2, SIZE_MAX / 2 - 4};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct buf b = {0};
        buf_puts(&b, "full");
        if (buf_reserve(&b, sizes[i])) fail_msg("%zu bytes were promised", sizes[i]);
        assert_string_equal(b.data, "full");
        buf_deinit(&b);
    }
}

static void consuming_drops_from_the_front(void **state)
{
    (void)state;
    struct buf b = {0};
    buf_puts(&b, "abcdef");
    buf_consume(&b, 0);
    assert_string_equal(b.data, "abcdef");
    buf_consume(&b, 2);
    assert_string_equal(b.data, "cdef");
    assert_int_equal(b.len, 4);
    buf_consume(&b, 4);
    assert_string_equal(b.data, "");
    buf_puts(&b, "xy");
    buf_consume(&b, 100);
    assert_string_equal(b.data, "");
    assert_int_equal(b.len, 0);
    buf_deinit(&b);
}

static void truncating_cuts_but_never_grows(void **state)
{
    (void)state;
    struct buf b = {0};
    buf_puts(&b, "abcdef");
    buf_truncate(&b, 100);
    assert_string_equal(b.data, "abcdef");
    buf_truncate(&b, 6);
    assert_string_equal(b.data, "abcdef");
    buf_truncate(&b, 3);
    assert_string_equal(b.data, "abc");
    assert_int_equal(b.len, 3);
    buf_deinit(&b);
}

static void clearing_keeps_the_memory_and_deinit_does_not(void **state)
{
    (void)state;
    struct buf b = {0};
    buf_puts(&b, "abc");
    const char *before = b.data;
    size_t size = b.size;
    buf_clear(&b);
    assert_ptr_equal(b.data, before);
    assert_int_equal(b.size, size);
    buf_deinit(&b);
    assert_null(b.data);
    assert_int_equal(b.size, 0);
    buf_deinit(&b); /* twice is fine */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zeroed_is_empty_and_has_no_memory),
        cmocka_unit_test(even_nothing_put_in_leaves_a_string),
        cmocka_unit_test(every_way_of_appending_keeps_the_nul_behind_the_end),
        cmocka_unit_test(bytes_may_hold_nul),
        cmocka_unit_test(growing_keeps_what_is_there),
        cmocka_unit_test(reserved_room_is_the_callers_to_fill),
        cmocka_unit_test(a_long_format_is_written_whole),
        cmocka_unit_test(what_cannot_fit_fails_once_and_for_all),
        cmocka_unit_test(sizes_near_the_limit_do_not_wrap_around),
        cmocka_unit_test(consuming_drops_from_the_front),
        cmocka_unit_test(truncating_cuts_but_never_grows),
        cmocka_unit_test(clearing_keeps_the_memory_and_deinit_does_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
