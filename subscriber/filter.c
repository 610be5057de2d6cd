#include "subscriber/filter.h"

#include <stdlib.h>
#include <string.h>

#include "common/date.h"
#include "common/item.h"
#include "common/options.h"
#include "subscriber/filter_tree.h"

enum { DAY_MS = 24 * 3600 * 1000, DIGITS_MAX = 18, NEAR_MAX = 16 };

/* ---- numbers ---- */

static bool read_whole(const char *text, int64_t *number)
{
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > DIGITS_MAX || text[digits]) return false;
    *number = strtoll(text, NULL, 10);
    return true;
}

/* Days, or a time with its unit. */
static bool read_age(const char *text, int64_t *number)
{
    int64_t days;
    long long ms;
    if (read_whole(text, &days)) {
        if (days > INT64_MAX / DAY_MS / 2) return false;
        *number = days * DAY_MS;
        return true;
    }
    if (!options_read_time(text, &ms)) return false;
    *number = ms;
    return true;
}

static bool read_instant(const char *text, int64_t *number)
{
    size_t len = strlen(text);
    return date_parse_rfc3339(text, len, number) || date_parse_any(text, len, number);
}

/* Does text look like this, where 0 stands for any digit? */
static bool looks_like(const char *text, const char *form)
{
    for (; *form; text++, form++)
        if (*form == '0' ? *text < '0' || *text > '9' : *text != *form) return false;
    return !*text;
}

/* A day as 20261123: days are compared, not what lies between them. */
static bool read_day(const char *text, int64_t *number)
{
    int64_t ms;
    if (!looks_like(text, "0000-00-00") || !date_parse_any(text, strlen(text), &ms)) return false;
    *number = strtol(text, NULL, 10) * 10000 + strtol(text + 5, NULL, 10) * 100 +
              strtol(text + 8, NULL, 10);
    return true;
}

static bool read_clock(const char *text, int64_t *number)
{
    if (!looks_like(text, "00:00")) return false;
    long hour = strtol(text, NULL, 10), minute = strtol(text + 3, NULL, 10);
    if (hour > 23 || minute > 59) return false;
    *number = hour * 60 + minute;
    return true;
}

static bool read_mark(const char *text, int64_t *number)
{
    bool yes = strcmp(text, "yes") == 0;
    if (!yes && strcmp(text, "no") != 0) return false;
    *number = yes;
    return true;
}

static bool age_of(const struct filter_subject *s, int64_t *number)
{
    int64_t made_ms = item_time_ms(s->arrival->item);
    if (made_ms == DATE_UNKNOWN) return false;
    *number = s->now_ms - made_ms;
    return true;
}

static bool unread_of(const struct filter_subject *s, int64_t *number)
{
    *number = s->unread;
    return true;
}

static bool starred_of(const struct filter_subject *s, int64_t *number)
{
    *number = s->starred;
    return true;
}

/* ---- fields ---- */

/* The last row is for the fields of arrival.h that have none. */
static const struct filter_kind kinds[] = {
    {"text", EQUAL_WORDS, true, false, NULL, NULL, NULL},
    {"age", EQUAL_NUMBER, false, true, read_age, age_of, "days, or a time such as 2h"},
    {"unread", EQUAL_NUMBER, false, false, read_mark, unread_of, "yes or no"},
    {"starred", EQUAL_NUMBER, false, false, read_mark, starred_of, "yes or no"},
    {"urgency", EQUAL_NUMBER, true, true, read_whole, NULL, "a whole number"},
    {"version", EQUAL_NUMBER, true, true, read_whole, NULL, "a whole number"},
    {"published", EQUAL_NUMBER, true, true, read_instant, NULL, "a time such as 2026-11-23"},
    {"received", EQUAL_NUMBER, true, true, read_instant, NULL, "a time such as 2026-11-23"},
    {"date", EQUAL_NUMBER, true, true, read_day, NULL, "a day such as 2026-11-23"},
    {"time", EQUAL_NUMBER, true, true, read_clock, NULL, "a time of day such as \"14:05\""},
    {"publisher", EQUAL_SLUG, true, false, NULL, NULL, NULL},
    {"service", EQUAL_SLUG, true, false, NULL, NULL, NULL},
    {"subject", EQUAL_SUBJECT, true, false, NULL, NULL, NULL},
    {"language", EQUAL_LANGUAGE, true, false, NULL, NULL, NULL},
    {"uri", EQUAL_BYTES, true, false, NULL, NULL, NULL},
    {"link", EQUAL_BYTES, true, false, NULL, NULL, NULL},
    {"enclosure", EQUAL_BYTES, true, false, NULL, NULL, NULL},
    {"topic", EQUAL_BYTES, true, false, NULL, NULL, NULL},
    {"number", EQUAL_BYTES, true, false, NULL, NULL, NULL},
    {NULL, EQUAL_WORDS, true, false, NULL, NULL, NULL},
};

static bool is_name(const char *name, const char *text, size_t len)
{
    return strlen(name) == len && memcmp(name, text, len) == 0;
}

static const struct filter_kind *kind_of(const char *name, size_t len)
{
    const struct filter_kind *k = kinds;
    while (k->name && !is_name(k->name, name, len))
        k++;
    return k;
}

struct filter_field *filter_field_find(struct filter *f, const char *name, size_t len)
{
    for (size_t i = 0; i < f->field_count; i++)
        if (is_name(f->fields[i].name, name, len)) return &f->fields[i];
    const struct field *field = field_find(name, len);
    const struct filter_kind *kind = kind_of(name, len);
    if ((!field && !kind->name) || f->field_count == FILTER_FIELDS_MAX) return NULL;
    struct filter_field *noted = &f->fields[f->field_count++];
    *noted = (struct filter_field){
        .name = field ? field->name : kind->name, .kind = kind, .field = field};
    return noted;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* How many letters have to be put in, left out or exchanged to make one of the other. */
static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t row[NEAR_MAX + 1];
    for (size_t k = 0; k <= b_len; k++)
        row[k] = k;
    for (size_t i = 0; i < a_len; i++) {
        size_t diagonal = row[0]++;
        for (size_t k = 0; k < b_len; k++) {
            size_t exchanged = diagonal + ((a[i] | 0x20) != b[k]);
            diagonal = row[k + 1];
            row[k + 1] = least(exchanged, least(row[k], row[k + 1]) + 1);
        }
    }
    return row[b_len];
}

struct guess {
    const char *name;
    size_t distance;
};

static void guess_at(struct guess *g, const char *field, const char *name, size_t len)
{
    size_t n = strlen(field),
           d = len <= NEAR_MAX && n <= NEAR_MAX ? distance(name, len, field, n) : SIZE_MAX;
    if (d < g->distance) *g = (struct guess){field, d};
}

const char *filter_field_near(const char *name, size_t len)
{
    /* As other readers of news call them. */
    static const char *const known_as[][2] = {
        {"title", "headline"},     {"author", "by"},        {"content", "body"},
        {"guid", "uri"},           {"url", "link"},         {"lang", "language"},
        {"feed", "source"},        {"feedtitle", "source"}, {"place", "located"},
        {"provider", "publisher"}, {"tags", "subject"},
    };
    struct guess g = {NULL, 3 < len ? 3 : len}; /* more letters than this is another word */
    for (size_t i = 0; i < sizeof known_as / sizeof *known_as; i++)
        if (is_name(known_as[i][0], name, len)) return known_as[i][1];
    for (const struct filter_kind *k = kinds; k->name; k++)
        guess_at(&g, k->name, name, len);
    for (size_t i = 0; field_at(i); i++)
        guess_at(&g, field_at(i)->name, name, len);
    return g.name;
}

/* ---- the filter ---- */

static struct filter *filter_begin(const char *text, struct news_error *err)
{
    struct filter *f = calloc(1, sizeof *f);
    if (f && (f->arena = arena_new()) && (f->text = arena_strdup(f->arena, text))) return f;
    filter_free(f);
    news_fail(err, NEWS_ERR_MEMORY, "out of memory");
    return NULL;
}

struct filter *filter_new(const char *text, size_t *at, struct news_error *err)
{
    size_t ignored;
    if (!at) at = &ignored;
    *at = 0;
    if (strlen(text) > FILTER_MAX) {
        *at = FILTER_MAX;
        news_fail(err, NEWS_ERR_USAGE, "the expression is longer than %d bytes", FILTER_MAX);
        return NULL;
    }
    struct filter *f = filter_begin(text, err);
    if (f && filter_parse(f, at, err)) return f;
    filter_free(f);
    return NULL;
}

void filter_free(struct filter *f)
{
    if (!f) return;
    for (size_t i = 0; i < f->test_count; i++)
        pattern_free(f->tests[i]->pattern);
    for (size_t i = 0; i < f->field_count; i++) {
        buf_deinit(&f->fields[i].raw);
        buf_deinit(&f->fields[i].words);
    }
    arena_free(f->arena);
    free(f);
}

const char *filter_text(const struct filter *f)
{
    return f->text;
}

static bool asks_for(const struct filter *f,
                     bool (*of_item)(const struct filter_subject *, int64_t *))
{
    for (size_t i = 0; i < f->field_count; i++)
        if (f->fields[i].kind->of_item == of_item) return true;
    return false;
}

bool filter_asks_marks(const struct filter *f)
{
    return asks_for(f, unread_of) || asks_for(f, starred_of);
}

bool filter_asks_age(const struct filter *f)
{
    return asks_for(f, age_of);
}
