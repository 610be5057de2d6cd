#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/mediatopic.h"
#include "common/topic.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void the_words_are_sorted_for_the_search(void **state)
{
    (void)state;
    assert_non_null(mediatopic_word(0));
    for (size_t i = 1; mediatopic_word(i); i++)
        if (strcmp(mediatopic_word(i - 1), mediatopic_word(i)) >= 0)
            fail_msg("%s stands before %s", mediatopic_word(i - 1), mediatopic_word(i));
}

/* A word that is not its own folded form would never be found. */
static void every_word_is_found_as_it_stands_in_the_table(void **state)
{
    (void)state;
    for (size_t i = 0; mediatopic_word(i); i++) {
        const char *word = mediatopic_word(i), *path = mediatopic_of_word(word);
        char subject[TOPIC_MAX];
        if (!path) fail_msg("%s is not found", word);
        topic_subject(word, strlen(word), subject, sizeof subject);
        if (strcmp(subject, path) != 0) fail_msg("%s: %s, not %s", word, subject, path);
    }
}

static void every_path_starts_with_a_top_term_and_leads_to_itself(void **state)
{
    (void)state;
    for (size_t i = 0; mediatopic_word(i); i++) {
        const char *path = mediatopic_of_word(mediatopic_word(i));
        char subject[TOPIC_MAX], slug[TOPIC_SLUG_MAX + 1];
        size_t top_len = strcspn(path, "/");
        topic_subject(path, strlen(path), subject, sizeof subject);
        assert_string_equal(subject, path);
        topic_slug(path, top_len, slug);
        assert_memory_equal(slug, path, top_len);
        bool known = false;
        for (int top = 1; top <= 17; top++) {
            char code[9] = "00000000";
            code[0] = (char)('0' + top / 10);
            code[1] = (char)('0' + top % 10);
            const char *term = mediatopic_of_code(code, 8);
            assert_non_null(term);
            known = known || (strlen(term) == top_len && memcmp(term, path, top_len) == 0);
        }
        if (!known) fail_msg("%s: %s starts with no top term", mediatopic_word(i), path);
    }
}

static void a_code_is_known_by_its_first_two_digits(void **state)
{
    (void)state;
    static const struct {
        const char *text, *top;
    } cases[] = {
        {"medtop:15000000", "sport"},
        {"http://cv.iptc.org/newscodes/mediatopic/15000000", "sport"},
        {"15000000", "sport"},
        {"subj:15054000", "sport"},
        {"01000000", "arts"},
        {"17000000", "weather"},
        {"medtop:11000000", "politics"},
        {"00000000", NULL},
        {"18000000", NULL},
        {"medtop:20000822", NULL}, /* a lower term does not show its parent */
        {"99999999", NULL},
        {"1500000", NULL},
        {"115000000", NULL},
        {"x15000000", NULL},
        {"medtop:1500000", NULL},
        {"medtop:15000000 ", NULL},
        {"medtop:15000000/", NULL},
        {"medtop:1500000a", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *top = mediatopic_of_code(cases[i].text, strlen(cases[i].text));
        if (!top != !cases[i].top || (top && strcmp(top, cases[i].top) != 0))
            fail_msg("%s: %s", cases[i].text, top ? top : "unknown");
    }
}

static void all_seventeen_top_terms_are_found_by_their_names(void **state)
{
    (void)state;
    static const char *const names[] = {
        "arts, culture, entertainment and media",
        "crime, law and justice",
        "disaster, accident and emergency incident",
        "economy, business and finance",
        "education",
        "environment",
        "health",
        "human interest",
        "labour",
        "lifestyle and leisure",
        "politics and government",
        "religion",
        "science and technology",
        "society",
        "sport",
        "conflict, war and peace",
        "weather",
    };
    for (size_t i = 0; i < COUNT(names); i++) {
        char subject[TOPIC_MAX], code[9] = "00000000";
        code[0] = (char)('0' + (i + 1) / 10);
        code[1] = (char)('0' + (i + 1) % 10);
        topic_subject(names[i], strlen(names[i]), subject, sizeof subject);
        assert_string_equal(subject, mediatopic_of_code(code, 8));
    }
}

static void other_words_are_unknown(void **state)
{
    (void)state;
    static const char *const words[] = {"", "zzz", "spor", "sportt", "Sport", "sport ", "a", "0"};
    for (size_t i = 0; i < COUNT(words); i++)
        if (mediatopic_of_word(words[i])) fail_msg("\"%s\" is known", words[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_words_are_sorted_for_the_search),
        cmocka_unit_test(every_word_is_found_as_it_stands_in_the_table),
        cmocka_unit_test(every_path_starts_with_a_top_term_and_leads_to_itself),
        cmocka_unit_test(a_code_is_known_by_its_first_two_digits),
        cmocka_unit_test(all_seventeen_top_terms_are_found_by_their_names),
        cmocka_unit_test(other_words_are_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
