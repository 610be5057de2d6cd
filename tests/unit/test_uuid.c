#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/uuid.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* RFC 9562 section 4: 8-4-4-4-12 hex digits, version and variant in their places. */
static void assert_uuid(const char *urn, char version)
{
    static const char shape[] = "urn:uuid:xxxxxxxx-xxxx-Vxxx-Nxxx-xxxxxxxxxxxx";
    assert_int_equal(strlen(urn), strlen(shape));
    for (size_t i = 0; shape[i]; i++) {
        bool ok = shape[i] == 'V'   ? urn[i] == version
                  : shape[i] == 'N' ? strchr("89ab", urn[i]) != NULL
                  : shape[i] == 'x' ? strchr("0123456789abcdef", urn[i]) != NULL
                                    : urn[i] == shape[i];
        if (!ok) fail_msg("%s at %zu", urn, i);
    }
}

static void a_random_uuid_is_of_version_4(void **state)
{
    (void)state;
    char urn[UUID_URN_SIZE];
    for (int i = 0; i < 200; i++) {
        uuid_random(urn);
        assert_uuid(urn, '4');
    }
}

static void random_uuids_differ(void **state)
{
    (void)state;
    char urns[64][UUID_URN_SIZE];
    for (size_t i = 0; i < COUNT(urns); i++) {
        uuid_random(urns[i]);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(urns[i], urns[j]);
    }
}

static void the_same_names_always_give_the_same_uuid(void **state)
{
    (void)state;
    const char *names[] = {"harbour", NULL, "Storm closes port"};
    char first[UUID_URN_SIZE], second[UUID_URN_SIZE];
    uuid_of_names(names, COUNT(names), first);
    uuid_of_names(names, COUNT(names), second);
    assert_uuid(first, '5');
    assert_string_equal(first, second);
    /* Stored items are known by it: it must not change from release to release. */
    const char *fixed[] = {"a"};
    uuid_of_names(fixed, 1, first);
    assert_string_equal(first, "urn:uuid:928a5109-4f2c-5bd8-b0d2-a9fca8ee2c0c");
}

static void other_names_give_another_uuid(void **state)
{
    (void)state;
    static const char *const lists[][3] = {
        {"a", "b", "c"}, {"ab", "", "c"},  {"a", "bc", ""}, {"", "ab", "c"},    {"a", NULL, "c"},
        {"a", "", "c"},  {NULL, "a", "c"}, {"", "", ""},    {NULL, NULL, NULL}, {"c", "b", "a"},
    };
    char urns[COUNT(lists)][UUID_URN_SIZE];
    for (size_t i = 0; i < COUNT(lists); i++) {
        uuid_of_names(lists[i], 3, urns[i]);
        for (size_t j = 0; j < i; j++)
            if (strcmp(urns[i], urns[j]) == 0) fail_msg("rows %zu and %zu: %s", j, i, urns[i]);
    }
}

static void the_number_of_names_counts(void **state)
{
    (void)state;
    static const char *const names[] = {"a", "", ""};
    char one[UUID_URN_SIZE], two[UUID_URN_SIZE], none[UUID_URN_SIZE];
    uuid_of_names(names, 1, one);
    uuid_of_names(names, 2, two);
    uuid_of_names(names, 0, none);
    assert_string_not_equal(one, two);
    assert_string_not_equal(one, none);
    assert_uuid(none, '5');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_random_uuid_is_of_version_4),
        cmocka_unit_test(random_uuids_differ),
        cmocka_unit_test(the_same_names_always_give_the_same_uuid),
        cmocka_unit_test(other_names_give_another_uuid),
        cmocka_unit_test(the_number_of_names_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
