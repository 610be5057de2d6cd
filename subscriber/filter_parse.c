#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/text.h"
#include "common/topic.h"
#include "subscriber/filter_tree.h"

/* Recursive descent over the text itself: there are no tokens besides. Every function leaves at
 * behind what it took; NULL or false means that err is filled. */
struct parser {
    struct filter *f;
    const char *at;
    unsigned depth; /* parentheses and nots that are open */
    size_t *fault;  /* the byte that is wrong */
    struct news_error *err;
};

/* ---- faults ---- */

static size_t column_of(const char *text, const char *where)
{
    size_t column = 1;
    for (; text < where; text++)
        column += ((unsigned char)*text & 0xC0) != 0x80;
    return column;
}

__attribute__((format(printf, 3, 4))) static bool fail(struct parser *p, const char *where,
                                                       const char *format, ...)
{
    char what[200];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(what, sizeof what, format, args);
    va_end(args);
    *p->fault = (size_t)(where - p->f->text);
    return news_fail(p->err, NEWS_ERR_USAGE, "column %zu: %s", column_of(p->f->text, where), what);
}

static bool fail_memory(struct parser *p)
{
    return news_fail(p->err, NEWS_ERR_MEMORY, "out of memory");
}

enum { QUOTED_MAX = 40 }; /* bytes of the expression that a message repeats */

static int quoted(const char *text, size_t len)
{
    return (int)(len <= QUOTED_MAX ? len : text_valid_prefix(text, QUOTED_MAX));
}

/* ---- words ---- */

#define BLANKS " \t\r\n"

/* Where a word stands says what ends it: an address as a value may have "=" and "#" in it. */
enum place { IN_TERM, IN_VALUE, IN_LOWER_END };

static bool is_operator(const char *at)
{
    return strchr("=<>#", *at) ? *at != '\0' : *at == '!' && at[1] && strchr("=~#", at[1]);
}

static size_t word_length(const char *at, enum place place)
{
    const char *start = at;
    for (; *at && !strchr(BLANKS "()\"", *at); at++)
        if ((place == IN_TERM && is_operator(at)) || (place == IN_LOWER_END && *at == ':')) break;
    return (size_t)(at - start);
}

static void skip_blanks(struct parser *p)
{
    p->at += strspn(p->at, BLANKS);
}

/* Without quotes these are never a term or a value. */
static bool is_keyword(const char *at, size_t len, const char *word)
{
    return strlen(word) == len && strncasecmp(at, word, len) == 0;
}

static bool is_any_keyword(const char *at, size_t len)
{
    return is_keyword(at, len, "and") || is_keyword(at, len, "or") || is_keyword(at, len, "not");
}

static bool take_keyword(struct parser *p, const char *word)
{
    skip_blanks(p);
    size_t len = word_length(p->at, IN_TERM);
    if (!is_keyword(p->at, len, word)) return false;
    p->at += len;
    return true;
}

/* ---- values ---- */

struct value {
    const char *start; /* where it stands in the expression */
    bool quoted;
    char *text; /* as it is meant */
    size_t len;
};

/* \" and \\ are a quote and a backslash; other backslashes belong to regular expressions. */
static bool is_escape(const char *at)
{
    return at[0] == '\\' && (at[1] == '"' || at[1] == '\\');
}

static bool take_quoted(struct parser *p, struct value *v)
{
    const char *at = p->at + 1, *end = at;
    while (*end && *end != '"')
        end += 1 + is_escape(end);
    *v = (struct value){.start = p->at, .quoted = true};
    if (!*end) return fail(p, v->start, "this quote is not closed");
    v->text = arena_strndup(p->f->arena, at, (size_t)(end - at));
    if (!v->text) return fail_memory(p);
    for (; at < end; at++) {
        at += is_escape(at);
        v->text[v->len++] = *at;
    }
    v->text[v->len] = '\0';
    p->at = end + 1;
    return true;
}

static bool take_word(struct parser *p, enum place place, struct value *v)
{
    *v = (struct value){.start = p->at, .len = word_length(p->at, place)};
    v->text = arena_strndup(p->f->arena, p->at, v->len);
    p->at += v->len;
    return v->text || fail_memory(p);
}

/* asked: the operator, for the message. */
static bool take_value(struct parser *p, enum place place, const char *asked, struct value *v)
{
    skip_blanks(p);
    if (*p->at == '"') return take_quoted(p, v);
    size_t len = word_length(p->at, place);
    if (len == 0 || is_operator(p->at) || is_any_keyword(p->at, len))
        return fail(p, p->at, "%s is missing a value", asked);
    return take_word(p, place, v);
}

/* Where in the expression that byte of the value stands. */
static const char *place_in(const struct value *v, size_t byte)
{
    const char *at = v->start + v->quoted;
    for (; byte > 0; byte--)
        at += 1 + (v->quoted && is_escape(at));
    return at;
}

/* ---- tests ---- */

static struct filter_node *node_new(struct parser *p, enum filter_node_kind kind)
{
    struct filter_node *n = arena_alloc(p->f->arena, sizeof *n);
    if (n) n->kind = kind;
    else (void)fail_memory(p);
    return n;
}

static struct filter_node *test_new(struct parser *p, const char *where, struct filter_field *field)
{
    if (p->f->test_count == FILTER_NODES_MAX) {
        (void)fail(p, where, "there are more than %d comparisons", FILTER_NODES_MAX);
        return NULL;
    }
    struct filter_node *n = node_new(p, NODE_TEST);
    if (!n) return NULL;
    n->test.field = field;
    p->f->tests[p->f->test_count++] = &n->test;
    return n;
}

static bool set_words(struct parser *p, struct filter_test *t, const struct value *v)
{
    struct buf words = {0};
    buf_putc(&words, ' ');
    text_words(&words, v->text, v->len);
    t->value = v->text;
    t->value_len = v->len;
    t->words = buf_ok(&words) ? arena_strndup(p->f->arena, words.data, words.len) : NULL;
    t->words_len = words.len;
    buf_deinit(&words);
    return t->words || fail_memory(p);
}

static bool set_name(struct parser *p, struct filter_test *t, const char *name)
{
    t->name = arena_strdup(p->f->arena, name);
    return t->name || fail_memory(p);
}

/* ---- what '=' asks ---- */

static bool set_equal(struct parser *p, struct filter_test *t, const struct value *v)
{
    char slug[TOPIC_SLUG_MAX + 1], language[TOPIC_LANGUAGE_MAX + 1], subject[TOPIC_MAX];
    if (!set_words(p, t, v)) return false;
    if (v->len == 0) return true; /* no topic has an empty level */
    switch (t->field->kind->equality) {
    case EQUAL_SLUG: topic_slug(v->text, v->len, slug); return set_name(p, t, slug);
    case EQUAL_SUBJECT:
        topic_subject(v->text, v->len, subject, sizeof subject);
        return set_name(p, t, subject);
    case EQUAL_LANGUAGE: return !topic_language(v->text, language) || set_name(p, t, language);
    case EQUAL_WORDS:
    case EQUAL_BYTES:
    case EQUAL_NUMBER: break;
    }
    return true;
}

static bool set_number(struct parser *p, const struct filter_test *t, const struct value *v,
                       int64_t *number)
{
    const struct filter_kind *kind = t->field->kind;
    if (kind->read(v->text, number)) return true;
    return fail(p, v->start, "%s wants %s", kind->name, kind->wants);
}

static bool set_term(struct parser *p, struct filter_test *t, const struct value *v)
{
    bool prefix = !v->quoted && v->len > 0 && v->text[v->len - 1] == '*';
    if (!set_words(p, t, v)) return false;
    if (t->words_len <= 1)
        return fail(p, v->start, "there is no letter or digit in what is to be found");
    t->ask = ASK_HAS;
    t->words_len -= prefix; /* its last blank */
    return true;
}

static bool set_pattern(struct parser *p, struct filter_test *t, const struct value *v)
{
    struct news_error why = {0};
    size_t byte;
    t->pattern = pattern_new(v->text, v->len, &byte, &why);
    if (t->pattern) return true;
    if (why.code == NEWS_ERR_MEMORY) return fail_memory(p);
    return fail(p, place_in(v, byte), "%s", why.message);
}

/* ---- comparisons ---- */

struct operator
{
    const char *text;
    enum filter_ask ask;
    bool negated;
    bool from, to; /* of a range: the value is its lower, its upper end */
    int step;      /* from there */
};

/* What begins with another one stands before it. */
static const struct operator operators[] = {
    {"==", ASK_EQUAL, false, true, true, 0},  {"=~", ASK_FINDS, false, false, false, 0},
    {"=", ASK_EQUAL, false, true, true, 0},   {"!=", ASK_EQUAL, true, true, true, 0},
    {"!~", ASK_FINDS, true, false, false, 0}, {"!#", ASK_HAS, true, false, false, 0},
    {"#", ASK_HAS, false, false, false, 0},   {"<=", ASK_RANGE, false, false, true, 0},
    {">=", ASK_RANGE, false, true, false, 0}, {"<", ASK_RANGE, false, false, true, -1},
    {">", ASK_RANGE, false, true, false, 1},
};

static const struct operator* take_operator(struct parser *p)
{
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
        size_t len = strlen(operators[i].text);
        if (strncmp(p->at, operators[i].text, len) != 0) continue;
        p->at += len;
        return &operators[i];
    }
    return NULL;
}

static bool can_ask(const struct filter_kind *kind, enum filter_ask ask)
{
    switch (ask) {
    case ASK_EQUAL: return true;
    case ASK_FINDS:
    case ASK_HAS: return kind->has_text;
    case ASK_RANGE: return kind->has_order;
    }
    return false;
}

static bool set_range(struct parser *p, struct filter_test *t, const struct operator* o,
                      const struct value *v)
{
    int64_t number;
    if (!set_number(p, t, v, &number)) return false;
    t->ask = ASK_RANGE;
    t->low = o->from ? number + o->step : INT64_MIN;
    t->high = o->to ? number + o->step : INT64_MAX;
    return true;
}

static bool set_compared(struct parser *p, struct filter_test *t, const struct operator* o)
{
    struct value v;
    if (!take_value(p, IN_VALUE, o->text, &v)) return false;
    t->ask = o->ask;
    t->negated = o->negated;
    if (o->ask == ASK_HAS) return set_term(p, t, &v);
    if (o->ask == ASK_FINDS) return set_pattern(p, t, &v);
    if (t->field->kind->equality == EQUAL_NUMBER) return set_range(p, t, o, &v);
    return set_equal(p, t, &v);
}

static bool set_between(struct parser *p, struct filter_test *t)
{
    struct value low, high;
    if (!take_value(p, IN_LOWER_END, "between", &low)) return false;
    skip_blanks(p);
    if (*p->at != ':') return fail(p, p->at, "between wants two values with a \":\" between them");
    p->at++;
    if (!take_value(p, IN_VALUE, "between", &high) || !set_number(p, t, &low, &t->low) ||
        !set_number(p, t, &high, &t->high))
        return false;
    if (t->low > t->high) {
        int64_t swapped = t->low;
        t->low = t->high;
        t->high = swapped;
    }
    t->ask = ASK_RANGE;
    return true;
}

static struct filter_field *take_field(struct parser *p, const char *name, size_t len)
{
    struct filter_field *field = filter_field_find(p->f, name, len);
    if (field) return field;
    const char *near = filter_field_near(name, len);
    (void)fail(p, name, "\"%.*s\" is no field%s%s%s", quoted(name, len), name,
               near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    return NULL;
}

/* at: behind the field's name, where an operator stands. */
static struct filter_node *parse_comparison(struct parser *p, const char *name, size_t len)
{
    struct filter_field *field = take_field(p, name, len);
    struct filter_node *n = field ? test_new(p, name, field) : NULL;
    if (!n) return NULL;
    const char *where = p->at;
    const struct operator* o = take_operator(p);
    if (!o && !take_keyword(p, "between")) return NULL; /* the caller has seen one of them */
    if (!can_ask(field->kind, o ? o->ask : ASK_RANGE)) {
        (void)fail(p, where, "%s does not go with %s", o ? o->text : "between", field->name);
        return NULL;
    }
    return (o ? set_compared(p, &n->test, o) : set_between(p, &n->test)) ? n : NULL;
}

static struct filter_node *parse_term(struct parser *p)
{
    struct value v;
    struct filter_node *n = test_new(p, p->at, filter_field_find(p->f, "text", 4));
    bool ok = n && (*p->at == '"' ? take_quoted(p, &v) : take_word(p, IN_TERM, &v));
    return ok && set_term(p, &n->test, &v) ? n : NULL;
}

/* ---- expressions ---- */

static struct filter_node *parse_or(struct parser *p);

/* Something else stands where an expression should go on, or end. */
static bool fail_rest(struct parser *p)
{
    size_t len = word_length(p->at, IN_TERM);
    if (*p->at == ')') return fail(p, p->at, "this parenthesis closes none");
    if (is_operator(p->at)) return fail(p, p->at, "there is no field before this");
    return fail(p, p->at, "\"and\" or \"or\" is missing before \"%.*s\"", quoted(p->at, len + !len),
                p->at);
}

static bool deeper(struct parser *p, const char *where)
{
    if (p->depth == FILTER_DEPTH_MAX)
        return fail(p, where, "more than %d parentheses and nots within each other",
                    FILTER_DEPTH_MAX);
    p->depth++;
    return true;
}

static struct filter_node *parse_parentheses(struct parser *p)
{
    const char *open = p->at++;
    if (!deeper(p, open)) return NULL;
    struct filter_node *n = parse_or(p);
    if (!n) return NULL;
    p->depth--;
    skip_blanks(p);
    if (*p->at != ')') {
        (void)(*p->at ? fail_rest(p) : fail(p, open, "this parenthesis is not closed"));
        return NULL;
    }
    p->at++;
    return n;
}

static struct filter_node *parse_primary(struct parser *p)
{
    skip_blanks(p);
    const char *word = p->at;
    size_t len = word_length(word, IN_TERM);
    if (*word == '(') return parse_parentheses(p);
    if (*word == '"') return parse_term(p);
    if (len == 0 || is_any_keyword(word, len)) {
        if (is_operator(word)) (void)fail(p, word, "there is no field before this");
        else (void)fail(p, word, "a comparison or a word is missing here");
        return NULL;
    }
    p->at += len;
    skip_blanks(p);
    size_t next = word_length(p->at, IN_TERM);
    if (is_operator(p->at) || is_keyword(p->at, next, "between"))
        return parse_comparison(p, word, len);
    p->at = word;
    return parse_term(p);
}

static bool take_not(struct parser *p)
{
    skip_blanks(p);
    if (*p->at != '!' || is_operator(p->at)) return take_keyword(p, "not");
    p->at++;
    return true;
}

static struct filter_node *parse_not(struct parser *p)
{
    const char *where = p->at;
    if (!take_not(p)) return parse_primary(p);
    struct filter_node *n = deeper(p, where) ? node_new(p, NODE_NOT) : NULL;
    if (!n || !(n->first = parse_not(p))) return NULL;
    p->depth--;
    return n;
}

/* One operand is itself; several are one node, however many they are. */
static struct filter_node *parse_chain(struct parser *p, enum filter_node_kind kind,
                                       const char *word,
                                       struct filter_node *(*operand)(struct parser *p))
{
    struct filter_node *first = operand(p), *chain = NULL;
    for (struct filter_node *last = first; last && take_keyword(p, word); last = last->next) {
        if (!chain && !(chain = node_new(p, kind))) return NULL;
        chain->first = first;
        if (!(last->next = operand(p))) return NULL;
    }
    return chain ? chain : first;
}

static struct filter_node *parse_and(struct parser *p)
{
    return parse_chain(p, NODE_AND, "and", parse_not);
}

static struct filter_node *parse_or(struct parser *p)
{
    return parse_chain(p, NODE_OR, "or", parse_and);
}

bool filter_parse(struct filter *f, size_t *at, struct news_error *err)
{
    struct parser p = {.f = f, .at = f->text, .fault = at, .err = err};
    size_t len = strlen(f->text), valid = text_valid_prefix(f->text, len);
    if (valid < len) return fail(&p, f->text + valid, "this is not UTF-8");
    skip_blanks(&p);
    if (!*p.at) return true;
    f->root = parse_or(&p);
    if (!f->root) return false;
    skip_blanks(&p);
    return !*p.at || fail_rest(&p);
}
