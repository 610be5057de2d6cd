#include "common/topic.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "common/item.h"
#include "common/mediatopic.h"
#include "common/text.h"

enum { SLUG_INPUT_MAX = 512, KEY_MAX = 128 }; /* bytes looked at; bytes of a word to look up */

/* ---- slugs ---- */

static uint32_t fnv1a(const char *text, size_t len)
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < len; i++)
        h = (h ^ (unsigned char)text[i]) * 16777619u;
    return h;
}

static bool is_ascii_word(utf8proc_int32_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_word(utf8proc_int32_t c)
{
    utf8proc_category_t category = utf8proc_category(c);
    return (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO) ||
           (category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO);
}

/* NFKD without marks, in lower case, what keep() refuses folded into single dashes. Returns the
 * length written to out, at most size - 1, never ending in a dash or within a character. */
static size_t fold(const char *text, size_t len, bool (*keep)(utf8proc_int32_t), char *out,
                   size_t size)
{
    utf8proc_uint8_t *plain = NULL;
    if (len > SLUG_INPUT_MAX) {
        len = SLUG_INPUT_MAX;
        while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
            len--;
    }
    utf8proc_ssize_t plain_len = utf8proc_map(
        (const utf8proc_uint8_t *)text, (utf8proc_ssize_t)len, &plain,
        UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_STRIPMARK);
    size_t used = 0;
    bool gap = false;
    for (utf8proc_ssize_t at = 0; at < plain_len;) {
        utf8proc_int32_t c;
        utf8proc_ssize_t width = utf8proc_iterate(plain + at, plain_len - at, &c);
        if (width <= 0) break;
        at += width;
        c = utf8proc_tolower(c);
        if (!keep(c)) {
            gap = used > 0;
            continue;
        }
        utf8proc_uint8_t bytes[4];
        size_t need = (size_t)utf8proc_encode_char(c, bytes);
        if (used + gap + need >= size) break;
        if (gap) out[used++] = '-';
        gap = false;
        memcpy(out + used, bytes, need);
        used += need;
    }
    free(plain);
    out[used] = '\0';
    return used;
}

void topic_slug(const char *text, size_t len, char out[TOPIC_SLUG_MAX + 1])
{
    if (fold(text, len, is_ascii_word, out, TOPIC_SLUG_MAX + 1) > 0 || len == 0) return;
    (void)snprintf(out, TOPIC_SLUG_MAX + 1, "x-%08x", (unsigned)fnv1a(text, len));
}

/* ---- subjects ---- */

static size_t levels_of(const char *path)
{
    size_t n = 1;
    for (; *path; path++)
        n += *path == '/';
    return n;
}

/* The known path of one word or code, or NULL. */
static const char *known_subject(const char *text, size_t len)
{
    const char *top = mediatopic_of_code(text, len);
    if (top) return top;
    char key[KEY_MAX];
    fold(text, len, is_word, key, sizeof key);
    return mediatopic_of_word(key);
}

static size_t segment(const char *text, size_t len)
{
    size_t n = 0;
    while (n < len && text[n] != '/' && text[n] != '>')
        n++;
    return n;
}

void topic_subject(const char *text, size_t len, char *out, size_t size)
{
    const char *known = mediatopic_of_code(text, len), *code = mediatopic_code(text, len);
    if (!known && code &&
        memchr(text, ':', len)) { /* of a lower level: the same however it is written */
        text = code;
        len = 8;
    }
    size_t first = known ? len : segment(text, len);
    if (!known) known = known_subject(text, first);
    const char *end = text + len, *at = known ? text + first : text;
    (void)snprintf(out, size, "%s", known ? known : "general");
    while (at < end && levels_of(out) < TOPIC_SUBJECTS_MAX) {
        size_t n = segment(at, (size_t)(end - at));
        char slug[TOPIC_SLUG_MAX + 1];
        topic_slug(at, n, slug);
        size_t used = strlen(out);
        bool again = used == strlen(slug) && strcmp(out, slug) == 0; /* "general/x" as "general" */
        if (*slug && !again) (void)snprintf(out + used, size - used, "/%s", slug);
        at += n;
        if (at < end) at++;
    }
}

/* ---- an item's topic ---- */

#define TAG_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

/* The characters of v, as many as fit. */
static void text_of(struct json_slice v, char *out, size_t size)
{
    struct buf text = {0};
    json_text(&text, v);
    size_t len = text.len < size ? text.len : text_valid_prefix(text.data, size - 1);
    if (len) memcpy(out, text.data, len);
    out[len] = '\0';
    buf_deinit(&text);
}

/* The first subject that leads to a Media Topic decides; if none does, the first one's name. */
static void subject_of_item(const struct ninjs *item, const char *otherwise, char *out, size_t size)
{
    static const char *const members[] = {"name", "uri", "literal"};
    struct json_cursor c = json_inside(item->member[NINJS_SUBJECTS]);
    struct json_slice subject;
    char fallback[TOPIC_MAX / 2] = "general";
    if (!item->member[NINJS_SUBJECTS].at && otherwise)
        topic_subject(otherwise, strlen(otherwise), fallback, sizeof fallback);
    while (json_next_element(&c, &subject))
        for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
            char text[256];
            text_of(json_member(subject, members[i]), text, sizeof text);
            if (!*text) continue;
            topic_subject(text, strlen(text), out, size);
            if (strncmp(out, "general", 7) != 0) return;
            if (i == 0 && strcmp(fallback, "general") == 0)
                (void)snprintf(fallback, sizeof fallback, "%s", out);
        }
    (void)snprintf(out, size, "%s", fallback);
}

bool topic_language(const char *tag, char out[TOPIC_LANGUAGE_MAX + 1])
{
    size_t n = 0;
    for (; n < TOPIC_LANGUAGE_MAX && ((tag[n] | 0x20) >= 'a' && (tag[n] | 0x20) <= 'z'); n++)
        out[n] = (char)(tag[n] | 0x20);
    out[n] = '\0';
    bool ok = n >= 2 && strchr("-_", tag[n]) && strspn(tag, TAG_CHARACTERS) == strlen(tag);
    if (!ok) strcpy(out, "und");
    return ok;
}

void topic_of_item(const struct topic_place *place, const struct ninjs *item, char out[TOPIC_MAX])
{
    char service[TOPIC_SLUG_MAX + 1], language[TOPIC_LANGUAGE_MAX + 1], tag[64], source[256],
        subject[TOPIC_MAX / 2];
    text_of(place->service ? (struct json_slice){0} : item_source(item), source, sizeof source);
    const char *desk = place->service ? place->service : *source ? source : "general";
    topic_slug(desk, strlen(desk), service);
    bool says_language = item->member[NINJS_LANGUAGE].at != NULL;
    text_of(item->member[NINJS_LANGUAGE], tag, sizeof tag);
    (void)topic_language(says_language || !place->language ? tag : place->language, language);
    subject_of_item(item, place->subject, subject, sizeof subject);
    int urgency = item->member[NINJS_URGENCY].at || !place->urgency ? item_urgency(item)
                                                                    : place->urgency;
    (void)snprintf(out, TOPIC_MAX, "%s/%s/%s/%s/%d/%s", place->root ? place->root : TOPIC_ROOT,
                   place->publisher, service, language, urgency, subject);
}

/* ---- names and filters, MQTT 5.0 section 4.7 ---- */

/* Section 1.5.4: well-formed UTF-8 without U+0000; brokers close the connection over other control
 * characters and noncharacters as well. */
static bool text_ok(const char *topic, const char *what, struct news_error *err)
{
    size_t len = strlen(topic);
    if (len == 0) return news_fail(err, NEWS_ERR_DATA, "the topic %s is empty", what);
    if (len > 65535)
        return news_fail(err, NEWS_ERR_DATA, "the topic %s is longer than 65535 bytes", what);
    for (size_t at = 0; at < len;) {
        utf8proc_int32_t c;
        utf8proc_ssize_t width = utf8proc_iterate((const utf8proc_uint8_t *)topic + at,
                                                  (utf8proc_ssize_t)(len - at), &c);
        if (width <= 0)
            return news_fail(err, NEWS_ERR_DATA, "the topic %s is not valid UTF-8", what);
        if (c < 0x20 || (c >= 0x7f && c <= 0x9f))
            return news_fail(err, NEWS_ERR_DATA, "the topic %s holds a control character", what);
        if ((c & 0xfffe) == 0xfffe || (c >= 0xfdd0 && c <= 0xfdef))
            return news_fail(err, NEWS_ERR_DATA, "the topic %s holds a noncharacter", what);
        at += (size_t)width;
    }
    return true;
}

bool topic_name_ok(const char *topic, struct news_error *err)
{
    if (!text_ok(topic, "name", err)) return false;
    if (!strpbrk(topic, "+#")) return true;
    return news_fail(err, NEWS_ERR_DATA, "the topic name \"%s\" holds a wildcard", topic);
}

bool topic_root_ok(const char *root, struct news_error *err)
{
    struct news_error why = {0};
    if (!topic_name_ok(root, &why))
        return news_fail(err, NEWS_ERR_USAGE, "--root: %s", why.message);
    if (!strchr(root, '/') && strlen(root) <= TOPIC_ROOT_MAX) return true;
    return news_fail(err, NEWS_ERR_USAGE, "--root: \"%.80s\" is not one topic level of %d bytes",
                     root, TOPIC_ROOT_MAX);
}

/* The filter within $share/group/filter (section 4.8.2); the filter itself otherwise; NULL when
 * the share name is malformed. */
static const char *unshared(const char *filter)
{
    if (strncmp(filter, "$share/", 7) != 0) return filter;
    size_t group = strcspn(filter + 7, "/+#");
    return group > 0 && filter[7 + group] == '/' ? filter + 7 + group + 1 : NULL;
}

bool topic_filter_ok(const char *filter, struct news_error *err)
{
    if (!text_ok(filter, "filter", err)) return false;
    const char *f = unshared(filter);
    if (!f) return news_fail(err, NEWS_ERR_DATA, "\"%s\": the share name is malformed", filter);
    if (!*f) return news_fail(err, NEWS_ERR_DATA, "\"%s\": no filter follows the share", filter);
    for (const char *p = f; *p; p++) {
        if (*p != '+' && *p != '#') continue;
        bool alone = (p == f || p[-1] == '/') && (p[1] == '\0' || p[1] == '/');
        if (!alone)
            return news_fail(err, NEWS_ERR_DATA, "\"%s\": '%c' must be a whole level", filter, *p);
        if (*p == '#' && p[1])
            return news_fail(err, NEWS_ERR_DATA, "\"%s\": '#' must be the last level", filter);
    }
    return true;
}

bool topic_matches(const char *filter, const char *topic)
{
    filter = unshared(filter);
    if (!filter) return false;
    if (*topic == '$' && *filter != '$') return false;
    for (;;) {
        if (*filter == '#') return true;
        size_t f = strcspn(filter, "/"), t = strcspn(topic, "/");
        bool any = f == 1 && *filter == '+';
        if (!any && (f != t || memcmp(filter, topic, f) != 0)) return false;
        filter += f;
        topic += t;
        if (!*topic) return !*filter || strcmp(filter, "/#") == 0;
        if (!*filter) return false;
        filter++;
        topic++;
    }
}

bool topic_covers(const char *filter, const char *other)
{
    if (*filter == '$' || *other == '$') return strcmp(filter, other) == 0;
    for (;;) {
        if (*filter == '#') return true;
        size_t f = strcspn(filter, "/"), o = strcspn(other, "/");
        bool any = f == 1 && *filter == '+' && *other != '#';
        if (!any && (f != o || memcmp(filter, other, f) != 0)) return false;
        filter += f;
        other += o;
        if (!*other) return !*filter || strcmp(filter, "/#") == 0;
        if (!*filter) return false;
        filter++;
        other++;
    }
}

bool topic_split(const char *root, const char *topic, struct topic_levels *out)
{
    size_t root_len = strlen(root);
    struct topic_levels l = {0};
    if (strncmp(topic, root, root_len) != 0 || topic[root_len] != '/') return false;
    const char **starts[] = {&l.publisher, &l.service, &l.language, &l.urgency};
    size_t *lens[] = {&l.publisher_len, &l.service_len, &l.language_len, &l.urgency_len};
    const char *at = topic + root_len + 1;
    for (size_t i = 0; i < 4; i++) {
        size_t n = strcspn(at, "/");
        if (at[n] != '/') return false;
        *starts[i] = at;
        *lens[i] = n;
        at += n + 1;
    }
    l.subject = at;
    l.subject_len = strlen(at);
    if (l.subject_len == 0) return false;
    *out = l;
    return true;
}

/* ---- the narrowest filters ---- */

enum { PUBLISHER, SERVICE, LANGUAGE, URGENCY, SUBJECT, LEVELS };

/* One level of the filters: the words asked for, as they stand in topics. */
struct level {
    char (*words)[TOPIC_MAX / 4];
    size_t count; /* 0: any */
};

static void word_of(size_t level, const char *text, char out[TOPIC_MAX / 4])
{
    char slug[TOPIC_SLUG_MAX + 1], language[TOPIC_LANGUAGE_MAX + 1];
    if (level == LANGUAGE) (void)topic_language(text, language);
    else topic_slug(text, strlen(text), slug);
    if (level == SUBJECT) topic_subject(text, strlen(text), out, TOPIC_MAX / 4);
    else (void)snprintf(out, TOPIC_MAX / 4, "%s", level == LANGUAGE ? language : slug);
}

/* Does word, at this level, take in other: the same, or for subjects one above it? */
static bool covers(size_t level, const char *word, const char *other)
{
    size_t n = strlen(word);
    return strncmp(word, other, n) == 0 && (!other[n] || (level == SUBJECT && other[n] == '/'));
}

/* No topic may match two filters: a broker that delivers for each would show it twice. */
static void level_add(struct level *l, size_t which, const char *word)
{
    size_t kept = 0;
    for (size_t i = 0; i < l->count; i++) {
        if (covers(which, l->words[i], word)) return;
        if (covers(which, word, l->words[i])) continue;
        if (kept != i) memcpy(l->words[kept], l->words[i], sizeof l->words[i]);
        kept++;
    }
    l->count = kept;
    (void)snprintf(l->words[l->count++], sizeof *l->words, "%s", word);
}

static bool level_fill(struct level *l, size_t which, const char *const *texts, size_t count,
                       struct news_error *err)
{
    if (count == 0) return true;
    l->words = calloc(count, sizeof *l->words);
    if (!l->words) return news_fail(err, NEWS_ERR_MEMORY, "out of memory");
    for (size_t i = 0; i < count; i++) {
        char word[TOPIC_MAX / 4];
        if (!*texts[i]) return news_fail(err, NEWS_ERR_USAGE, "a topic level must not be empty");
        word_of(which, texts[i], word);
        if (which == LANGUAGE && !topic_language(texts[i], word))
            return news_fail(err, NEWS_ERR_USAGE,
                             "\"%.60s\" is no language tag such as en or de-AT", texts[i]);
        level_add(l, which, word);
    }
    return true;
}

static void levels_free(struct level levels[LEVELS])
{
    for (size_t i = 0; i < LEVELS; i++)
        free(levels[i].words);
}

static bool levels_fill(const struct topic_choice *c, struct level levels[LEVELS],
                        struct news_error *err)
{
    static const char *const digits[] = {"1", "2", "3", "4", "5", "6", "7", "8", "9"};
    size_t urgencies = (size_t)(c->urgency_most - c->urgency_least + 1);
    return level_fill(&levels[PUBLISHER], PUBLISHER, c->publishers, c->publisher_count, err) &&
           level_fill(&levels[SERVICE], SERVICE, c->services, c->service_count, err) &&
           level_fill(&levels[LANGUAGE], LANGUAGE, c->languages, c->language_count, err) &&
           level_fill(&levels[URGENCY], URGENCY, digits + c->urgency_least - 1,
                      urgencies < 9 ? urgencies : 0, err) &&
           level_fill(&levels[SUBJECT], SUBJECT, c->subjects, c->subject_count, err);
}

static size_t combinations(const struct level levels[LEVELS])
{
    size_t n = 1;
    for (size_t i = 0; i < LEVELS; i++)
        n *= levels[i].count ? levels[i].count : 1;
    return n;
}

/* While there are too many combinations, the longest list becomes "any". */
static bool widen(struct level levels[LEVELS])
{
    bool widened = false;
    while (combinations(levels) > TOPIC_FILTERS_MAX) {
        struct level *longest = &levels[0];
        for (size_t i = 1; i < LEVELS; i++)
            if (levels[i].count > longest->count) longest = &levels[i];
        longest->count = 0;
        widened = true;
    }
    return widened;
}

/* The n-th combination, counted with the last level fastest. '+' levels before the final '#' say
 * nothing and are left out. */
static void filter_write(const char *root, const struct level levels[LEVELS], size_t n,
                         char out[TOPIC_MAX])
{
    const char *word[LEVELS];
    size_t last = 0;
    for (size_t i = LEVELS; i-- > 0;) {
        size_t count = levels[i].count;
        word[i] = count ? levels[i].words[n % count] : "+";
        if (count) n /= count;
        if (count && last == 0) last = i + 1;
    }
    size_t used = (size_t)snprintf(out, TOPIC_MAX, "%s", root);
    for (size_t i = 0; i < last; i++)
        used += (size_t)snprintf(out + used, TOPIC_MAX - used, "/%s", word[i]);
    (void)snprintf(out + used, TOPIC_MAX - used, "/#");
}

bool topic_filters_make(const struct topic_choice *choice, struct topic_filters *out,
                        struct news_error *err)
{
    struct level levels[LEVELS] = {0};
    const char *root = choice->root ? choice->root : TOPIC_ROOT;
    bool ok = levels_fill(choice, levels, err);
    if (ok) {
        out->widened = widen(levels);
        out->count = combinations(levels);
        for (size_t i = 0; i < out->count; i++)
            filter_write(root, levels, i, out->text[i]);
    }
    levels_free(levels);
    return ok;
}

static bool level_has(size_t which, const char *const *texts, size_t count, const char *have,
                      size_t len)
{
    for (size_t i = 0; i < count; i++) {
        char word[TOPIC_MAX / 4];
        word_of(which, texts[i], word);
        size_t n = strlen(word);
        if (n == len && memcmp(word, have, n) == 0) return true;
        if (which == SUBJECT && n < len && memcmp(word, have, n) == 0 && have[n] == '/')
            return true;
    }
    return count == 0;
}

bool topic_chosen(const struct topic_choice *c, const char *topic)
{
    struct topic_levels l;
    if (!topic_split(c->root ? c->root : TOPIC_ROOT, topic, &l)) return false;
    int urgency = l.urgency_len == 1 ? *l.urgency - '0' : 0;
    return urgency >= c->urgency_least && urgency <= c->urgency_most &&
           level_has(PUBLISHER, c->publishers, c->publisher_count, l.publisher, l.publisher_len) &&
           level_has(SERVICE, c->services, c->service_count, l.service, l.service_len) &&
           level_has(LANGUAGE, c->languages, c->language_count, l.language, l.language_len) &&
           level_has(SUBJECT, c->subjects, c->subject_count, l.subject, l.subject_len);
}
