#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/buf.h"
#include "common/wire_number.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define NOW_MS       INT64_C(1795442527000)
#define EPOCH        "01a2b3c4d5e6f789"
#define LONGEST      "abcdefghijklmnopqrstuvwxyz012345" /* 32: a slug's bound */

/* -------------------------------------------------------------------------------------- Epochs */

static void epochs_sort_by_the_time_they_were_made(void **state)
{
    (void)state;
    static const int64_t times[] = {0, 1, 1000, NOW_MS, NOW_MS + 1, NOW_MS * 2};
    char before[WIRE_EPOCH_SIZE] = "", epoch[WIRE_EPOCH_SIZE];
    for (size_t i = 0; i < COUNT(times); i++) {
        wire_epoch_make(times[i], epoch);
        assert_true(wire_epoch_ok(epoch, strlen(epoch)));
        if (strcmp(before, epoch) >= 0) fail_msg("%s before %s", before, epoch);
        strcpy(before, epoch);
    }
}

static void two_epochs_of_one_millisecond_differ(void **state)
{
    (void)state;
    size_t same = 0;
    for (int i = 0; i < 8; i++) { /* once in a million they may agree */
        char a[WIRE_EPOCH_SIZE], b[WIRE_EPOCH_SIZE];
        wire_epoch_make(NOW_MS, a);
        wire_epoch_make(NOW_MS, b);
        same += strcmp(a, b) == 0;
    }
    assert_true(same <= 1);
}

static void an_epoch_is_16_hex_digits_in_lower_case(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",
                                        "0123456789abcde",
                                        "0123456789abcdef0",
                                        "0123456789ABCDEF",
                                        "0123456789abcdeg",
                                        "0123456789abcde ",
                                        "-123456789abcdef"};
    assert_true(wire_epoch_ok("0123456789abcdef", 16));
    assert_true(wire_epoch_ok("0123456789abcdefgh", 16)); /* no more than len is looked at */
    for (size_t i = 0; i < COUNT(wrong); i++)
        if (wire_epoch_ok(wrong[i], strlen(wrong[i]))) fail_msg("%s", wrong[i]);
}

/* ------------------------------------------------------------------------------------- Numbers */

/* DESIGN 2: "<publisher>:<epoch>:<seq>". */
static void what_is_written_is_read_again(void **state)
{
    (void)state;
    static const struct {
        const char *publisher;
        uint64_t seq;
        const char *text;
    } cases[] = {
        {"afp", 1, "afp:" EPOCH ":1"},
        {"harbour-wire", 1200, "harbour-wire:" EPOCH ":1200"},
        {"x-250c8f7f", 9, "x-250c8f7f:" EPOCH ":9"},
        {LONGEST, INT64_MAX, LONGEST ":" EPOCH ":9223372036854775807"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct wire_number n = {.epoch = EPOCH, .seq = cases[i].seq}, again;
        char text[WIRE_NUMBER_SIZE];
        strcpy(n.publisher, cases[i].publisher);
        wire_number_write(&n, text);
        assert_string_equal(text, cases[i].text);
        assert_true(wire_number_parse(text, strlen(text), &again));
        assert_string_equal(again.publisher, n.publisher);
        assert_string_equal(again.epoch, EPOCH);
        assert_int_equal(again.seq, n.seq);
    }
}

static void anything_else_is_no_number_and_leaves_the_output_alone(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        ":",
        "::",
        "afp",
        "afp:",
        "afp:" EPOCH,
        "afp:" EPOCH ":",
        ":" EPOCH ":1",
        "AFP:" EPOCH ":1",
        "a/b:" EPOCH ":1",
        "a b:" EPOCH ":1",
        "a:b:" EPOCH ":1",
        "\xc3\xa9:" EPOCH ":1",
        LONGEST "6:" EPOCH ":1",
        "afp:01A2B3C4D5E6F789:1",
        "afp:01a2b3c4d5e6f78:1",
        "afp:01a2b3c4d5e6f7890:1",
        "afp:" EPOCH ":0",
        "afp:" EPOCH ":01",
        "afp:" EPOCH ":+1",
        "afp:" EPOCH ":-1",
        "afp:" EPOCH ": 1",
        "afp:" EPOCH ":1 ",
        "afp:" EPOCH ":1.0",
        "afp:" EPOCH ":1e3",
        "afp:" EPOCH ":1:2",
        "afp:" EPOCH ":9223372036854775808",
        "afp:" EPOCH ":18446744073709551617",
        "afp:" EPOCH ":99999999999999999999999",
    };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct wire_number n = {.publisher = "before", .seq = 7};
        if (wire_number_parse(wrong[i], strlen(wrong[i]), &n)) fail_msg("\"%s\"", wrong[i]);
        assert_string_equal(n.publisher, "before");
        assert_int_equal(n.seq, 7);
    }
}

static void only_len_bytes_are_looked_at(void **state)
{
    (void)state;
    static const char text[] = "afp:" EPOCH ":123";
    struct wire_number n;
    assert_true(wire_number_parse(text, sizeof text - 2, &n));
    assert_int_equal(n.seq, 12);
    assert_true(wire_number_parse(text, sizeof text - 3, &n));
    assert_int_equal(n.seq, 1);
    for (size_t len = 0; len < sizeof text - 3; len++)
        assert_false(wire_number_parse(text, len, &n));
    static const char with_nul[] = "afp:" EPOCH ":1\0002";
    assert_false(wire_number_parse(with_nul, sizeof with_nul - 1, &n));
}

/* --------------------------------------------------------------------------------------- Items */

/* The number of an item with these altIds; 0: it has none. */
static uint64_t seq_of(const char *alt_ids)
{
    struct buf line = {0};
    struct ninjs item;
    struct ninjs_fault fault;
    struct wire_number n = {.publisher = "before"};
    buf_printf(&line, "{\"uri\":\"urn:a\"%s%s}", *alt_ids ? ",\"altIds\":" : "", alt_ids);
    if (!ninjs_check(line.data, line.len, &item, &fault))
        fail_msg("%s: %s: %s", alt_ids, fault.path, fault.what);
    bool ok = wire_number_of(&item, &n);
    assert_string_equal(n.publisher, ok ? "afp" : "before");
    buf_deinit(&line);
    return ok ? n.seq : 0;
}

static void the_number_stands_among_the_alt_ids(void **state)
{
    (void)state;
    static const struct {
        const char *alt_ids;
        uint64_t seq;
    } cases[] = {
        {"", 0},
        {"[]", 0},
        {"[{\"role\":\"newswire\",\"value\":\"afp:" EPOCH ":7\"}]", 7},
        {"[{\"value\":\"afp:" EPOCH ":8\",\"role\":\"newswire\"}]", 8},
        {"[{\"role\":\"guid\",\"value\":\"afp:" EPOCH ":1\"},"
         "{\"role\":\"newswire\",\"value\":\"afp:" EPOCH ":9\"}]",
         9},
        {"[{\"role\":\"newswire\",\"value\":\"\\u0061fp\\u003a" EPOCH ":10\"}]", 10},
        {"[{\"role\":\"news\\u0077ire\",\"value\":\"afp:" EPOCH ":11\"}]", 11},
        {"[{\"role\":\"guid\",\"value\":\"afp:" EPOCH ":1\"}]", 0},
        {"[{\"value\":\"afp:" EPOCH ":1\"}]", 0},
        {"[{\"role\":\"newswire\"}]", 0},
        {"[{\"role\":\"newswire\",\"value\":\"\"}]", 0},
        {"[{\"role\":\"newswire\",\"value\":\"\\n\"}]", 0},
        {"[{\"role\":\"newswire\",\"value\":\"somebody's 42\"}]", 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        if (seq_of(cases[i].alt_ids) != cases[i].seq) fail_msg("%s", cases[i].alt_ids);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(epochs_sort_by_the_time_they_were_made),
        cmocka_unit_test(two_epochs_of_one_millisecond_differ),
        cmocka_unit_test(an_epoch_is_16_hex_digits_in_lower_case),
        cmocka_unit_test(what_is_written_is_read_again),
        cmocka_unit_test(anything_else_is_no_number_and_leaves_the_output_alone),
        cmocka_unit_test(only_len_bytes_are_looked_at),
        cmocka_unit_test(the_number_stands_among_the_alt_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
