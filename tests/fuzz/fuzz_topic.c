/* Whatever the bytes are: slugs and subjects keep their alphabet, and filters match as a second,
 * naive reading of MQTT 5.0 section 4.7 says. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/topic.h"

/* An assert that also works in a release build. */
#define PROMISE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) abort();                                                                 \
    } while (0)

#define SLUG_LETTERS "abcdefghijklmnopqrstuvwxyz0123456789-"

enum { LEVELS_MAX = 64 };

/* ---- slugs and subjects ---- */

static void check_slug(const char *slug, size_t len)
{
    PROMISE(len > 0 && len <= TOPIC_SLUG_MAX && strspn(slug, SLUG_LETTERS) >= len);
    PROMISE(slug[0] != '-' && slug[len - 1] != '-' && !memmem(slug, len, "--", 2));
}

static void check_slug_of(const char *text, size_t len)
{
    char slug[TOPIC_SLUG_MAX + 1], again[TOPIC_SLUG_MAX + 1];
    topic_slug(text, len, slug);
    if (len == 0) {
        PROMISE(*slug == '\0');
        return;
    }
    check_slug(slug, strlen(slug));
    topic_slug(slug, strlen(slug), again);
    PROMISE(strcmp(slug, again) == 0);
}

static void check_subject_of(const char *text, size_t len)
{
    char subject[TOPIC_MAX], small[24];
    topic_subject(text, len, subject, sizeof subject);
    size_t levels = 0;
    for (const char *at = subject;; at++) {
        size_t n = strcspn(at, "/");
        check_slug(at, n);
        levels++;
        at += n;
        if (!*at) break;
    }
    PROMISE(levels <= TOPIC_SUBJECTS_MAX);
    memset(small, '?', sizeof small);
    topic_subject(text, len, small, sizeof small);
    PROMISE(memchr(small, '\0', sizeof small));
    PROMISE(topic_name_ok(subject, NULL));
}

/* ---- filters, naively ---- */

struct split {
    const char *at[LEVELS_MAX];
    size_t len[LEVELS_MAX];
    size_t count; /* 0: more than LEVELS_MAX */
};

static struct split split_up(const char *text)
{
    struct split s = {0};
    for (;;) {
        if (s.count == LEVELS_MAX) return (struct split){0};
        size_t n = 0;
        while (text[n] && text[n] != '/')
            n++;
        s.at[s.count] = text;
        s.len[s.count++] = n;
        if (!text[n]) return s;
        text += n + 1;
    }
}

static bool is(const struct split *s, size_t i, const char *word)
{
    return s->len[i] == strlen(word) && memcmp(s->at[i], word, s->len[i]) == 0;
}

static bool has_wildcard(const struct split *s, size_t i)
{
    return memchr(s->at[i], '+', s->len[i]) || memchr(s->at[i], '#', s->len[i]);
}

/* Levels of the filter that belong to "$share/name/". */
static size_t shared_levels(const struct split *f)
{
    return f->count > 1 && is(f, 0, "$share") ? 2 : 0;
}

static bool naive_filter_ok(const struct split *f)
{
    size_t first = shared_levels(f);
    if (first && (f->len[1] == 0 || has_wildcard(f, 1))) return false;
    if (first && (f->count == 2 || (f->count == 3 && f->len[2] == 0))) return false;
    for (size_t i = first; i < f->count; i++) {
        if (!has_wildcard(f, i)) continue;
        if (f->len[i] != 1) return false;
        if (is(f, i, "#") && i + 1 < f->count) return false;
    }
    return true;
}

static bool naive_from(const struct split *f, size_t i, const struct split *t, size_t j)
{
    if (i == f->count) return j == t->count;
    if (is(f, i, "#")) return true; /* the parent level, too: j may be the end */
    if (j == t->count) return false;
    bool same = is(f, i, "+") ||
                (f->len[i] == t->len[j] && memcmp(f->at[i], t->at[j], t->len[j]) == 0);
    return same && naive_from(f, i + 1, t, j + 1);
}

static bool naive_matches(const struct split *f, const struct split *t)
{
    size_t first = shared_levels(f);
    bool wild = is(f, first, "+") || is(f, first, "#");
    if (wild && t->len[0] > 0 && t->at[0][0] == '$') return false;
    return naive_from(f, first, t, 0);
}

static bool is_graphic_ascii(const char *text)
{
    for (; *text; text++)
        if (*text < 0x20 || *text > 0x7e) return false;
    return true;
}

static void check_filter(const char *filter, const char *topic)
{
    struct split f = split_up(filter), t = split_up(topic);
    bool filter_ok = topic_filter_ok(filter, NULL), name_ok = topic_name_ok(topic, NULL);
    if (f.count && *filter && is_graphic_ascii(filter)) PROMISE(filter_ok == naive_filter_ok(&f));
    if (is_graphic_ascii(topic)) PROMISE(name_ok == (*topic && !strpbrk(topic, "+#")));
    if (name_ok) PROMISE(topic_filter_ok(topic, NULL) || strncmp(topic, "$share/", 7) == 0);
    if (filter_ok && name_ok && f.count && t.count)
        PROMISE(topic_matches(filter, topic) == naive_matches(&f, &t));
}

/* What one subject asks for, the filters let through. */
static void check_choice(const char *subject, const char *topic)
{
    const char *const subjects[] = {subject};
    struct topic_choice choice = {
        .subjects = subjects, .subject_count = 1, .urgency_least = 1, .urgency_most = 9};
    static struct topic_filters filters;
    if (!*subject || !topic_name_ok(topic, NULL)) return;
    PROMISE(topic_filters_make(&choice, &filters, NULL) && filters.count == 1);
    PROMISE(topic_filter_ok(filters.text[0], NULL));
    if (topic_chosen(&choice, topic)) PROMISE(topic_matches(filters.text[0], topic));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Two texts, parted by the first newline. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *first = malloc(size + 1);
    if (!first) return 0;
    if (size) memcpy(first, data, size);
    first[size] = '\0';
    char *newline = memchr(first, '\n', size);
    size_t first_len = newline ? (size_t)(newline - first) : size;
    char *second = newline ? newline + 1 : first + size;
    if (newline) *newline = '\0';
    check_slug_of(first, first_len);
    check_subject_of(first, first_len);
    check_filter(first, second);
    check_filter(second, first);
    check_choice(first, second);
    free(first);
    return 0;
}
