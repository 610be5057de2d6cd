#include <string.h>

#include "common/text.h"
#include "subscriber/filter_tree.h"

/* ---- what the item has, made when it is first asked for ---- */

static void put_part(struct buf *out, const char *text, size_t len)
{
    buf_putc(out, ' ');
    text_words(out, text, len);
}

static void put_subject_part(struct buf *out, struct buf *raw, struct json_slice v)
{
    buf_clear(raw);
    json_text(raw, v);
    if (raw->len) put_part(out, raw->data, raw->len);
}

/* The topic's levels and the item's own subjects. Two blanks between them part any phrase. */
static void subject_words(const struct arrival *a, struct buf *out)
{
    struct json_cursor c = json_inside(a->item->member[NINJS_SUBJECTS]);
    struct json_slice subject;
    struct buf raw = {0};
    for (size_t at = 0; at < a->levels.subject_len;) {
        size_t rest = a->levels.subject_len - at, len = 0;
        const char *level = a->levels.subject + at;
        while (len < rest && level[len] != '/')
            len++;
        put_part(out, level, len);
        at += len + 1;
    }
    while (json_next_element(&c, &subject)) {
        put_subject_part(out, &raw, json_member(subject, "name"));
        put_subject_part(out, &raw, json_member(subject, "literal"));
    }
    buf_deinit(&raw);
}

static const struct buf *raw_of(struct filter_field *f, const struct arrival *a)
{
    if (f->has_raw) return &f->raw;
    buf_clear(&f->raw);
    if (f->field) f->field->write(a, &f->raw);
    else arrival_text(a, &f->raw);
    buf_puts(&f->raw, ""); /* a text even if there is none */
    f->has_raw = true;
    return &f->raw;
}

static const struct buf *words_of(struct filter_field *f, const struct arrival *a)
{
    if (f->has_words) return &f->words;
    buf_clear(&f->words);
    f->whole = true;
    if (f->kind->equality == EQUAL_SUBJECT) subject_words(a, &f->words);
    else if (f->field) f->whole = field_words(f->field, a, &f->words);
    else arrival_words(a, &f->words);
    f->has_words = true;
    return &f->words;
}

/* ---- tests ---- */

static bool is_prefix(const char *prefix, size_t len, const struct buf *of)
{
    return of->len >= len && (len == 0 || memcmp(of->data, prefix, len) == 0);
}

static bool is_same(const char *text, size_t len, const struct buf *as)
{
    return as->len == len && is_prefix(text, len, as);
}

static bool equal_words(const struct filter_test *t, const struct arrival *a)
{
    const struct buf *words = words_of(t->field, a);
    return t->field->whole && is_same(t->words, t->words_len, words);
}

/* "de" is "de at", too: a tag's subtags are words. */
static bool equal_language(const struct filter_test *t, const struct arrival *a)
{
    return is_prefix(t->words, t->words_len, words_of(t->field, a));
}

/* The same, or above it. */
static bool equal_subject(const struct filter_test *t, const struct buf *path)
{
    size_t len = strlen(t->name);
    return is_prefix(t->name, len, path) && (path->len == len || path->data[len] == '/');
}

static bool is_equal(const struct filter_test *t, const struct arrival *a)
{
    const struct buf *raw = NULL;
    bool has_words = t->words_len > 1;
    switch (t->field->kind->equality) {
    case EQUAL_WORDS:
        if (has_words) return equal_words(t, a);
        break;
    case EQUAL_LANGUAGE:
        if (has_words) return equal_language(t, a);
        break;
    case EQUAL_SLUG:
        if (t->name) return is_same(t->name, strlen(t->name), raw_of(t->field, a));
        break;
    case EQUAL_SUBJECT:
        if (t->name) return equal_subject(t, raw_of(t->field, a));
        break;
    case EQUAL_BYTES:
    case EQUAL_NUMBER: break;
    }
    raw = raw_of(t->field, a);
    return is_same(t->value, t->value_len, raw);
}

static bool has_words(const struct filter_test *t, const struct arrival *a)
{
    const struct buf *words = words_of(t->field, a);
    return words->len && memmem(words->data, words->len, t->words, t->words_len);
}

static bool is_within(const struct filter_test *t, const struct filter_subject *s)
{
    const struct filter_kind *kind = t->field->kind;
    int64_t number;
    bool has = kind->of_item ? kind->of_item(s, &number)
                             : kind->read(raw_of(t->field, s->arrival)->data, &number);
    return has && number >= t->low && number <= t->high;
}

static enum filter_answer finds(const struct filter_test *t, const struct arrival *a)
{
    static const enum filter_answer answers[] = {
        [PATTERN_ABSENT] = FILTER_NO,
        [PATTERN_FOUND] = FILTER_YES,
        [PATTERN_GAVE_UP] = FILTER_UNSURE,
    };
    const struct buf *raw = raw_of(t->field, a);
    return answers[pattern_find(t->pattern, raw->data, raw->len)];
}

static enum filter_answer ask(const struct filter_test *t, const struct filter_subject *s)
{
    switch (t->ask) {
    case ASK_EQUAL: return is_equal(t, s->arrival) ? FILTER_YES : FILTER_NO;
    case ASK_HAS: return has_words(t, s->arrival) ? FILTER_YES : FILTER_NO;
    case ASK_RANGE: return is_within(t, s) ? FILTER_YES : FILTER_NO;
    case ASK_FINDS: return finds(t, s->arrival);
    }
    return FILTER_UNSURE;
}

/* ---- the tree: Kleene's logic ---- */

static enum filter_answer negate(enum filter_answer answer)
{
    static const enum filter_answer opposite[] = {
        [FILTER_NO] = FILTER_YES,
        [FILTER_YES] = FILTER_NO,
        [FILTER_UNSURE] = FILTER_UNSURE,
    };
    return opposite[answer];
}

static enum filter_answer judge(const struct filter_node *n, const struct filter_subject *s);

/* settles: what one operand decides for all. */
static enum filter_answer judge_chain(const struct filter_node *n, const struct filter_subject *s,
                                      enum filter_answer settles)
{
    enum filter_answer all = negate(settles);
    for (const struct filter_node *i = n->first; i; i = i->next) {
        enum filter_answer one = judge(i, s);
        if (one == settles) return one;
        if (one == FILTER_UNSURE) all = one;
    }
    return all;
}

static enum filter_answer judge(const struct filter_node *n, const struct filter_subject *s)
{
    switch (n->kind) {
    case NODE_AND: return judge_chain(n, s, FILTER_NO);
    case NODE_OR: return judge_chain(n, s, FILTER_YES);
    case NODE_NOT: return negate(judge(n->first, s));
    case NODE_TEST: break;
    }
    return n->test.negated ? negate(ask(&n->test, s)) : ask(&n->test, s);
}

enum filter_answer filter_match(struct filter *f, const struct filter_subject *subject)
{
    for (size_t i = 0; i < f->field_count; i++)
        f->fields[i].has_raw = f->fields[i].has_words = false;
    return f->root ? judge(f->root, subject) : FILTER_YES;
}
