#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/buf.h"
#include "common/nrp/key.h"

#define HEX_1 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define HEX_2 "FFFEFDFCFBFAF9F8F7F6F5F4F3F2F1F0efeeedecebeae9e8e7e6e5e4e3e2e1e0"

/* ------------------------------------------------------------------------------------ Helpers */

static char path[] = "/tmp/test_nrp_key.XXXXXX";

static int make_file(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static struct nrp_keys *read_bytes(const void *bytes, size_t len, struct news_error *err)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
    return nrp_keys_read(path, err);
}

static struct nrp_keys *read_text(const char *text)
{
    struct news_error err = {0};
    struct nrp_keys *k = read_bytes(text, strlen(text), &err);
    if (!k) fail_msg("%s", err.message);
    return k;
}

static void assert_refused(const void *bytes, size_t len, const char *says)
{
    struct news_error err = {0};
    assert_null(read_bytes(bytes, len, &err));
    assert_int_equal(err.code, NEWS_ERR_CONFIG);
    assert_memory_equal(err.message, path, strlen(path));
    if (!strstr(err.message, says)) fail_msg("%s\nsays nothing of: %s", err.message, says);
}

/* ------------------------------------------------------------------------------------- Reading */

static void a_file_of_keys_is_read(void **state)
{
    (void)state;
    struct nrp_keys *k = read_text("# two keys\n"
                                   "\n"
                                   "7 " HEX_1 " publish=news/a/#,news/b/+ subscribe=news/#\r\n"
                                   "  \t\n"
                                   "4294967295\t" HEX_2); /* no newline at the end */
    assert_int_equal(nrp_keys_count(k), 2);
    const struct nrp_key *a = nrp_keys_find(k, 7), *b = nrp_keys_find(k, UINT32_MAX);
    assert_non_null(a);
    assert_non_null(b);
    assert_ptr_equal(nrp_keys_first(k), a);
    for (unsigned i = 0; i < NRP_SECRET_SIZE; i++) {
        assert_int_equal(a->secret[i], i);
        assert_int_equal(b->secret[i], 255 - i);
    }
    assert_int_equal(a->publish_count, 2);
    assert_string_equal(a->publish[0], "news/a/#");
    assert_string_equal(a->publish[1], "news/b/+");
    assert_int_equal(a->subscribe_count, 1);
    assert_string_equal(a->subscribe[0], "news/#");
    assert_int_equal(b->publish_count, 0);
    assert_int_equal(b->subscribe_count, 0);
    nrp_keys_free(k);
    nrp_keys_free(NULL);
}

static void keys_are_found_whatever_their_order(void **state)
{
    (void)state;
    struct buf b = {0};
    for (unsigned i = 0; i < NRP_KEYS_MAX; i++) /* each once: 4096 and 1237 share no factor */
        buf_printf(&b, "%u " HEX_1 "\n", (i * 1237 + 99) % NRP_KEYS_MAX * 2 + 1);
    struct nrp_keys *k = read_text(b.data);
    assert_int_equal(nrp_keys_count(k), NRP_KEYS_MAX);
    assert_int_equal(nrp_keys_first(k)->id, 199);
    for (uint32_t id = 0; id < 2 * NRP_KEYS_MAX + 2; id++) {
        const struct nrp_key *found = nrp_keys_find(k, id);
        if (id % 2 == 0 || id > 2 * NRP_KEYS_MAX) assert_null(found);
        else assert_int_equal(found->id, id);
    }
    nrp_keys_free(k);
    buf_puts(&b, "100000 " HEX_1 "\n");
    assert_refused(b.data, b.len, ":4097: more than 4096 keys");
    buf_deinit(&b);
}

static void malformed_lines_are_refused_with_their_number(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"", "there is no key"},
        {"# nothing\n\n", "there is no key"},
        {"0 " HEX_1, ":1: a key begins with its id"},
        {"-1 " HEX_1, ":1: a key begins with its id"},
        {"+1 " HEX_1, ":1: a key begins with its id"},
        {"0x1 " HEX_1, ":1: a key begins with its id"},
        {"4294967296 " HEX_1, ":1: a key begins with its id"},
        {"18446744073709551617 " HEX_1, ":1: a key begins with its id"},
        {"one " HEX_1, ":1: a key begins with its id"},
        {" # not at the start", ":1: a key begins with its id"},
        {"#\n\n1", ":3: the secret"},
        {"1 \n", ":1: the secret"},
        {"1 " HEX_1 "00", ":1: the secret"},
        {"1 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1", ":1: the secret"},
        {"1 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1g", ":1: the secret"},
        {"1 publish=news/#", ":1: the secret"},
        {"1 " HEX_1 "\n2 " HEX_2 " publsh=a", ":2: publish=... or subscribe=..."},
        {"1 " HEX_1 " publish", ":1: publish=... or subscribe=..."},
        {"1 " HEX_1 " a/b", ":1: publish=... or subscribe=..."},
        {"1 " HEX_1 " # comment", ":1: publish=... or subscribe=..."},
        {"1 " HEX_1 "\n1 " HEX_2, ":2: there is a key 1 already"},
        {"1 " HEX_1 "\n2 " HEX_2 "\n\n01 " HEX_2, ":4: there is a key 1 already"},
        {"1 " HEX_1 " publish=", ":1: "},
        {"1 " HEX_1 " publish=a,,b", ":1: "},
        {"1 " HEX_1 " publish=a,", ":1: "},
        {"\n1 " HEX_1 " publish=a subscribe=news/#/b", ":2: "},
        {"1 " HEX_1 " subscribe=a+", ":1: "},
        {"1 " HEX_1 " subscribe=\xff", ":1: "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        print_message("%s\n", cases[i].text);
        assert_refused(cases[i].text, strlen(cases[i].text), cases[i].says);
    }
    assert_refused("1 " HEX_1 "\0x", 68, ":1: a NUL byte");
}

static void a_refusal_does_not_quote_what_may_be_a_secret(void **state)
{
    (void)state;
    static const char *const texts[] = {HEX_1, "1 " HEX_1 "00", "1 " HEX_2 " " HEX_1, HEX_1 " 1"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct news_error err = {0};
        assert_null(read_bytes(texts[i], strlen(texts[i]), &err));
        assert_null(strstr(err.message, "0a0b0c"));
    }
}

static void filters_are_bounded_in_number_and_length(void **state)
{
    (void)state;
    struct buf b = {0};
    char longest[NRP_TOPIC_MAX + 1];
    memset(longest, 'x', NRP_TOPIC_MAX);
    longest[NRP_TOPIC_MAX] = '\0';
    buf_puts(&b, "1 " HEX_1 " publish=");
    for (unsigned i = 0; i < NRP_KEY_FILTERS_MAX; i++)
        buf_printf(&b, "%s%s", i ? "," : "", longest);
    buf_puts(&b, " subscribe=");
    for (unsigned i = 0; i < NRP_KEY_FILTERS_MAX; i++)
        buf_printf(&b, "%s%s", i ? "," : "", longest);
    struct nrp_keys *k = read_text(b.data); /* the longest line there can be */
    assert_int_equal(nrp_keys_first(k)->publish_count, NRP_KEY_FILTERS_MAX);
    assert_int_equal(nrp_keys_first(k)->subscribe_count, NRP_KEY_FILTERS_MAX);
    assert_string_equal(nrp_keys_first(k)->subscribe[NRP_KEY_FILTERS_MAX - 1], longest);
    nrp_keys_free(k);
    buf_puts(&b, ",x");
    assert_refused(b.data, b.len, ":1: more than 32 filters");
    buf_clear(&b);
    buf_printf(&b, "1 " HEX_1 " publish=%sx", longest);
    assert_refused(b.data, b.len, ":1: a filter has at most 511 bytes");
    buf_clear(&b);
    for (unsigned i = 0; i < 100000; i++)
        buf_putc(&b, '1');
    assert_refused(b.data, b.len, ":1: longer than");
    buf_deinit(&b);
}

static void a_file_that_others_may_read_is_refused(void **state)
{
    (void)state;
    static const mode_t modes[] = {0640, 0604, 0644, 0620, 0610};
    const char *text = "1 " HEX_1 "\n";
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        assert_int_equal(chmod(path, modes[i]), 0);
        assert_refused(text, strlen(text), "chmod 600");
    }
    assert_int_equal(chmod(path, 0600), 0);
    nrp_keys_free(read_text(text));
}

static void a_file_that_is_not_there_is_named(void **state)
{
    (void)state;
    struct news_error err = {0};
    assert_null(nrp_keys_read("/nonexistent/keys", &err));
    assert_int_equal(err.code, NEWS_ERR_CONFIG);
    assert_non_null(strstr(err.message, "/nonexistent/keys: "));
    assert_null(nrp_keys_read("/", &err)); /* opens, but cannot be read */
    assert_non_null(strstr(err.message, "directory"));
}

/* -------------------------------------------------------------------------------------- Rights */

static void a_key_may_do_what_its_filters_name(void **state)
{
    (void)state;
    struct nrp_keys *k = read_text("1 " HEX_1 " publish=news/a/#,lab/+ subscribe=news/#,desk/+\n"
                                   "2 " HEX_2 "\n");
    const struct nrp_key *a = nrp_keys_find(k, 1), *none = nrp_keys_find(k, 2);
    static const struct {
        const char *text;
        bool publish, subscribe;
    } cases[] = {
        {"news/a/b", true, true}, {"news/a", true, true},    {"news/b", false, true},
        {"lab/x", true, false},   {"lab/x/y", false, false}, {"other", false, false},
        {"$SYS/x", false, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(nrp_key_may_publish(a, cases[i].text), cases[i].publish);
        assert_int_equal(nrp_key_may_subscribe(a, cases[i].text), cases[i].subscribe);
        assert_false(nrp_key_may_publish(none, cases[i].text));
        assert_false(nrp_key_may_subscribe(none, cases[i].text));
    }
    assert_true(nrp_key_may_subscribe(a, "news/+/b"));
    assert_true(nrp_key_may_subscribe(a, "news/#"));
    assert_false(nrp_key_may_subscribe(a, "#")); /* more than it was given */
    assert_false(nrp_key_may_subscribe(a, "+/a"));
    assert_true(nrp_key_may_subscribe(a, "desk/+"));
    assert_false(nrp_key_may_subscribe(a, "desk/#")); /* as a name it would match */
    nrp_keys_free(k);
}

/* -------------------------------------------------------------------------------------- Making */

static char *made(uint32_t id, const char *const *publish, size_t publish_count,
                  const char *const *subscribe, size_t subscribe_count)
{
    char *text = NULL;
    size_t len = 0;
    struct news_error err = {0};
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    if (!nrp_key_make(out, id, publish, publish_count, subscribe, subscribe_count, &err))
        fail_msg("%s", err.message);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void a_key_that_was_made_is_read(void **state)
{
    (void)state;
    static const char *const publish[] = {"news/a/#", "lab/+"}, *const subscribe[] = {"#"};
    char *text = made(12, publish, 2, subscribe, 1);
    assert_memory_equal(text, "12 ", 3);
    assert_string_equal(text + 3 + 64, " publish=news/a/#,lab/+ subscribe=#\n");
    struct nrp_keys *k = read_text(text);
    assert_int_equal(nrp_keys_count(k), 1);
    assert_int_equal(nrp_keys_first(k)->id, 12);
    assert_string_equal(nrp_keys_first(k)->publish[1], "lab/+");
    assert_string_equal(nrp_keys_first(k)->subscribe[0], "#");
    nrp_keys_free(k);
    free(text);
}

static void a_key_without_rights_is_id_and_secret(void **state)
{
    (void)state;
    char *a = made(1, NULL, 0, NULL, 0), *b = made(1, NULL, 0, NULL, 0);
    assert_int_equal(strlen(a), 2 + 64 + 1);
    assert_string_not_equal(a, b); /* fresh randomness */
    nrp_keys_free(read_text(a));
    free(a);
    free(b);
}

static void a_key_that_could_not_be_read_is_not_made(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "a b", "a,b", "a/#/b", "a\nb", "a\tb", "a+"};
    static const char *const good[] = {"a"};
    const char *many[NRP_KEY_FILTERS_MAX + 1];
    char *text = NULL;
    size_t len = 0;
    struct news_error err;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(nrp_key_make(out, 1, &bad[i], 1, good, 1, &err));
        assert_false(nrp_key_make(out, 1, good, 1, &bad[i], 1, &err));
    }
    for (size_t i = 0; i < NRP_KEY_FILTERS_MAX + 1; i++)
        many[i] = "a";
    assert_false(nrp_key_make(out, 1, many, NRP_KEY_FILTERS_MAX + 1, NULL, 0, &err));
    assert_false(nrp_key_make(out, 0, good, 1, good, 1, &err));
    assert_int_equal(fclose(out), 0);
    assert_int_equal(len, 0); /* nothing was written */
    free(text);
}

static void a_key_that_cannot_be_written_is_an_error(void **state)
{
    (void)state;
    struct news_error err = {0};
    FILE *full = fopen("/dev/full", "w");
    assert_non_null(full);
    assert_false(nrp_key_make(full, 1, NULL, 0, NULL, 0, &err));
    assert_int_equal(err.code, NEWS_ERR_IO);
    (void)fclose(full);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_of_keys_is_read),
        cmocka_unit_test(keys_are_found_whatever_their_order),
        cmocka_unit_test(malformed_lines_are_refused_with_their_number),
        cmocka_unit_test(a_refusal_does_not_quote_what_may_be_a_secret),
        cmocka_unit_test(filters_are_bounded_in_number_and_length),
        cmocka_unit_test(a_file_that_others_may_read_is_refused),
        cmocka_unit_test(a_file_that_is_not_there_is_named),
        cmocka_unit_test(a_key_may_do_what_its_filters_name),
        cmocka_unit_test(a_key_that_was_made_is_read),
        cmocka_unit_test(a_key_without_rights_is_id_and_secret),
        cmocka_unit_test(a_key_that_could_not_be_read_is_not_made),
        cmocka_unit_test(a_key_that_cannot_be_written_is_an_error),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
