/* subscriber/filter_tree.h - what an expression becomes; only the filter*.c files include it.
 *
 * Nodes, texts and names live in the filter's arena. What stands negated in the text ("!=", "!~",
 * "!#") is the plain question with its answer turned round. */
#ifndef SUBSCRIBER_FILTER_TREE_H
#define SUBSCRIBER_FILTER_TREE_H

#include "common/arena.h"
#include "subscriber/arrival.h"
#include "subscriber/filter.h"
#include "subscriber/pattern.h"

/* ---- fields ---- */

/* What '=' compares. */
enum filter_equality {
    EQUAL_WORDS,
    EQUAL_BYTES,
    EQUAL_SLUG,
    EQUAL_SUBJECT,
    EQUAL_LANGUAGE,
    EQUAL_NUMBER,
};

enum filter_ask {
    ASK_EQUAL,
    ASK_FINDS, /* a regular expression */
    ASK_HAS,   /* words, one after the other */
    ASK_RANGE,
};

struct filter_kind {
    const char *name; /* NULL: of all fields that have no row of their own */
    enum filter_equality equality;
    bool has_text, has_order;
    /* Of a value; of the item's own text too, unless of_item says it. NULL: it is no number. */
    bool (*read)(const char *text, int64_t *number);
    bool (*of_item)(const struct filter_subject *s, int64_t *number);
    const char *wants; /* "a whole number" */
};

/* A field that the expression asks for, and what was made of it during one match. */
struct filter_field {
    const char *name;
    const struct filter_kind *kind;
    const struct field *field; /* NULL: text, age, unread, starred */
    struct buf raw, words;     /* words with a blank before */
    bool has_raw, has_words;
    bool whole; /* these are all of its words */
};

/* ---- the tree ---- */

struct filter_test {
    struct filter_field *field;
    enum filter_ask ask;
    bool negated;
    const char *value; /* as it stands */
    size_t value_len;
    const char *words; /* " two words ", " two wor" of a prefix; " " when there are none */
    size_t words_len;
    const char *name; /* what '=' asks of the topic: a slug, a subject, a language; NULL: nothing */
    struct pattern *pattern;
    int64_t low, high; /* of a range; both belong to it */
};

enum filter_node_kind { NODE_AND, NODE_OR, NODE_NOT, NODE_TEST };

struct filter_node {
    enum filter_node_kind kind;
    struct filter_node *first, *next; /* operands; the operand after this one */
    struct filter_test test;
};

enum { FILTER_FIELDS_MAX = 40 };

struct filter {
    struct arena *arena;
    const char *text;
    struct filter_node *root; /* NULL: everything matches */
    struct filter_field fields[FILTER_FIELDS_MAX];
    size_t field_count;
    struct filter_test *tests[FILTER_NODES_MAX];
    size_t test_count;
};

/* The field of that name, noted in f; NULL: there is none. */
struct filter_field *filter_field_find(struct filter *f, const char *name, size_t len);
/* The field that somebody who wrote this may have meant; NULL: none comes to mind. */
const char *filter_field_near(const char *name, size_t len);

/* Reads f->text; fills everything else. */
bool filter_parse(struct filter *f, size_t *at, struct news_error *err);

#endif
