#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "subscriber/cli.h"

/* What a command line makes of the settings; argv[0] is there already. */
static int read_settings(struct settings *s, struct options *o, const char *const *words)
{
    char *argv[16] = {(char *)"newssub"};
    int argc = 1, operands;
    while (words[argc - 1])
        argv[argc] = (char *)words[argc - 1], argc++;
    *s = (struct settings){0};
    int status = program_start(&newssub, o, s, argc, argv, &operands);
    if (status < 0) settings_complete(s, o);
    return status;
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void the_default_store_is_the_users_own_one_for_each_profile(void **state)
{
    (void)state;
    static const struct {
        struct settings settings;
        const char *path;
    } cases[] = {
        {{.archive = false}, "/state/newswire/newssub.store"},
        {{.archive = true}, "/state/newswire/newssub-archive.store"},
        {{.profile = "work"}, "/state/newswire/newssub-work.store"},
        {{.profile = "work", .store = "/elsewhere"}, "/elsewhere"},
    };
    struct news_error err = {0};
    char path[128];
    assert_int_equal(setenv("XDG_STATE_HOME", "/state", 1), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_true(settings_store_path(&cases[i].settings, path, sizeof path, &err));
        assert_string_equal(path, cases[i].path);
    }
    const struct settings sly = {.profile = "../x"};
    assert_false(settings_store_path(&sly, path, sizeof path, &err));
    assert_int_equal(unsetenv("XDG_STATE_HOME"), 0);
    assert_int_equal(unsetenv("HOME"), 0);
    assert_false(settings_store_path(&cases[0].settings, path, sizeof path, &err));
    assert_int_equal(err.code, NEWS_ERR_CONFIG);
}

static void an_archive_keeps_everything_unless_it_is_told_otherwise(void **state)
{
    (void)state;
    struct settings s;
    struct options o;
    assert_true(read_settings(&s, &o, WORDS("--no-mouse")) < 0);
    assert_true(s.keep_ms > 0 && s.keep_items > 0 && s.keep_bytes > 0);
    options_deinit(&o);
    assert_true(read_settings(&s, &o, WORDS("--archive", "--keep-bytes", "1G")) < 0);
    assert_true(s.keep_ms == 0 && s.keep_items == 0 && s.keep_bytes == 1LL << 30);
    options_deinit(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_archive_keeps_everything_unless_it_is_told_otherwise),
        cmocka_unit_test(the_default_store_is_the_users_own_one_for_each_profile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
