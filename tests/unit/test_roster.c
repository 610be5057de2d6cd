#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "relay/roster.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Made with another implementation of SipHash-1-3 (CPython's), its key all zeros. */
static void the_hash_is_siphash_1_3(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t hash;
    } rows[] = {
        {"a", 0x407448d2b89b1813u},
        {"news/x", 0xdb680502fb041cb0u},
        {"abcdefgh", 0x3f7b849c0b8e35eau},
        {"news/harbour/world/fr/3/sport", 0x82ab4c87528f3e63u},
    };
    static const uint64_t zeros[2];
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(roster_hash(zeros, rows[i].text, strlen(rows[i].text)), rows[i].hash);
}

static void another_secret_puts_keys_elsewhere(void **state)
{
    (void)state;
    static const uint64_t one[2] = {1, 0}, other[2] = {0, 1};
    assert_int_not_equal(roster_hash(one, "news", 4), roster_hash(other, "news", 4));
}

struct word {
    struct roster_entry entry;
    char text[16];
};

static void entries_are_found_by_key_and_kept_in_the_order_they_were_touched(void **state)
{
    (void)state;
    static struct word words[1000];
    struct roster r;
    assert_true(roster_init(&r, (uint64_t[2]){7, 9}));
    for (size_t i = 0; i < COUNT(words); i++) {
        int len = snprintf(words[i].text, sizeof words[i].text, "%zu", i);
        roster_put(&r, &words[i].entry, words[i].text, (size_t)len);
    }
    roster_remove(&r, &words[500].entry);
    roster_touch(&r, &words[0].entry);
    assert_int_equal(r.count, COUNT(words) - 1);
    assert_null(roster_find(&r, "500", 3));
    assert_ptr_equal(roster_find(&r, "501", 3), &words[501].entry);
    assert_null(roster_find(&r, "5010", 4));
    size_t next = 1;
    for (struct roster_entry *e = r.oldest; e != r.newest; e = e->newer, next++) {
        if (next == 500) next++;
        assert_ptr_equal(e, &words[next].entry);
    }
    assert_ptr_equal(r.newest, &words[0].entry);
    roster_deinit(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_hash_is_siphash_1_3),
        cmocka_unit_test(another_secret_puts_keys_elsewhere),
        cmocka_unit_test(entries_are_found_by_key_and_kept_in_the_order_they_were_touched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
