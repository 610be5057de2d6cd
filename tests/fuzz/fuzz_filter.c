/* Whatever the expression and the text it is asked of: a fault has a place, an answer stays the
 * same, and neither the topic nor the index hides an item that matches. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "subscriber/arrival.h"
#include "subscriber/filter.h"

/* An assert that also works in a release build. */
#define PROMISE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) abort();                                                                 \
    } while (0)

enum { TEXT_MAX = 1000 }; /* of an item: patterns that are slow by right end soon */

static const char *const topics[] = {
    "news/afp/world/de/3/sport/football",
    "news/harbour-wire/x-811c9dc5/und/5/general",
    "news/a/b/fr/1/politics",
};

/* ---- a MATCH expression, naively: "words", "words"*, ( ... AND ... ), ( ... OR ... ) ---- */

static bool naive_match(const char **at, const char *words);

static bool naive_phrase(const char **at, const char *words)
{
    char phrase[FILTER_MAX * 20] = " ";
    const char *end = strchr(*at + 1, '"');
    PROMISE(end && end > *at + 1 && (size_t)(end - *at) < sizeof phrase - 2);
    (void)strncat(phrase, *at + 1, (size_t)(end - *at) - 1);
    *at = end + 1;
    if (**at == '*') ++*at;
    else (void)strcat(phrase, " ");
    return strstr(words, phrase) != NULL;
}

static bool naive_match(const char **at, const char *words)
{
    if (**at == '"') return naive_phrase(at, words);
    PROMISE(**at == '(');
    ++*at;
    bool found = naive_match(at, words);
    while (**at == ' ') {
        bool both = strncmp(*at, " AND ", 5) == 0;
        PROMISE(both || strncmp(*at, " OR ", 4) == 0);
        *at += both ? 5 : 4;
        bool next = naive_match(at, words);
        found = both ? found && next : found || next;
    }
    PROMISE(**at == ')');
    ++*at;
    return found;
}

static void check_search(const struct filter *f, enum filter_answer answer, const struct arrival *a)
{
    struct buf match = {0}, words = {0};
    bool exact;
    if (filter_search(f, &match, &exact)) {
        const char *at = match.data;
        arrival_words(a, &words);
        bool found = naive_match(&at, words.data);
        PROMISE(*at == '\0');
        PROMISE(found || answer == FILTER_NO);
        PROMISE(!exact || !found || answer == FILTER_YES);
    }
    buf_deinit(&match);
    buf_deinit(&words);
}

/* ---- topics ---- */

static void check_narrow(const struct filter *f, enum filter_answer answer, const char *topic)
{
    static struct topic_filters made;
    struct filter_topics t;
    filter_narrow(f, &t);
    const struct topic_choice choice = {.publishers = t.publishers.items,
                                        .publisher_count = t.publishers.count,
                                        .services = t.services.items,
                                        .service_count = t.services.count,
                                        .languages = t.languages.items,
                                        .language_count = t.languages.count,
                                        .subjects = t.subjects.items,
                                        .subject_count = t.subjects.count,
                                        .urgency_least = 1,
                                        .urgency_most = 9};
    PROMISE(topic_filters_make(&choice, &made, NULL));
    bool through = false;
    for (size_t i = 0; i < made.count; i++)
        through = through || topic_matches(made.text[i], topic);
    PROMISE(answer == FILTER_NO || (through && !t.nothing && topic_chosen(&choice, topic)));
}

/* ---- one expression, one text ---- */

static void put_item(struct buf *out, const char *text, const char *language)
{
    size_t len = text_valid_prefix(text, strnlen(text, TEXT_MAX));
    buf_puts(out, "{\"uri\":\"u:1\",\"version\":\"2\",\"urgency\":3");
    json_put_member(out, "language", language);
    json_put_member(out, "versionCreated", "2026-11-23T14:02:07Z");
    json_put_name(out, "by");
    json_put_string(out, text, len);
    buf_puts(out, ",\"bodies\":[{\"value\":");
    json_put_string(out, text, len);
    buf_puts(out, "}]}");
}

static void check_item(struct filter *f, const char *topic, const char *text)
{
    struct topic_levels levels;
    struct arrival a;
    struct ninjs item;
    struct buf bytes = {0};
    PROMISE(topic_split(TOPIC_ROOT, topic, &levels));
    char language[TOPIC_LANGUAGE_MAX + 1] = "";
    memcpy(language, levels.language, levels.language_len);
    put_item(&bytes, text, language);
    if (arrival_read(&a, &item, TOPIC_ROOT, topic, bytes.data, bytes.len, INT64_C(1795442527000))) {
        struct filter_subject s = {.arrival = &a, .unread = true, .now_ms = INT64_C(1795442527000)};
        enum filter_answer answer = filter_match(f, &s);
        check_search(f, answer, &a);
        check_narrow(f, answer, topic);
    }
    buf_deinit(&bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The expression, a newline, the text. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *expression = malloc(size + 1);
    if (!expression) return 0;
    if (size) memcpy(expression, data, size);
    expression[size] = '\0';
    char *newline = strchr(expression, '\n');
    const char *text = newline ? newline + 1 : "Storm: all ports, Paris";
    if (newline) *newline = '\0';
    struct news_error err = {0};
    size_t at = SIZE_MAX;
    struct filter *f = filter_new(expression, &at, &err);
    if (f) {
        PROMISE(strcmp(filter_text(f), expression) == 0);
        for (size_t i = 0; i < sizeof topics / sizeof *topics; i++)
            check_item(f, topics[i], text);
    } else {
        PROMISE(at <= strlen(expression) && err.code == NEWS_ERR_USAGE);
        PROMISE(strncmp(err.message, "column ", 7) == 0 || strlen(expression) > FILTER_MAX);
    }
    filter_free(f);
    free(expression);
    return 0;
}
