#include <string.h>

#include "subscriber/filter_tree.h"

enum { DEEPEST = 20 }; /* parentheses: FTS5's own parser ends at about a hundred symbols */

/* The words of a field that search looks at are among arrival_words(). FTS5 takes them for the same
 * words: there is nothing left in them that its tokenizer would fold or part. */
static bool search_test(const struct filter_test *t, struct buf *match, bool *exact)
{
    bool is_text = !t->field->field && t->field->kind->has_text;
    bool is_indexed = is_text || (t->field->field && t->field->field->words_max);
    bool by_words = t->ask == ASK_HAS || t->ask == ASK_EQUAL;
    if (!is_indexed || !by_words || t->words_len <= 1) return false;
    bool prefix = t->words[t->words_len - 1] != ' ';
    buf_putc(match, '"');
    buf_put(match, t->words + 1, t->words_len - 1 - !prefix);
    buf_puts(match, prefix ? "\"*" : "\"");
    *exact = is_text && t->ask == ASK_HAS;
    return true;
}

static bool search_node(const struct filter_node *n, bool negated, unsigned depth,
                        struct buf *match, bool *exact);

/* Of an "and" some operands are enough; of an "or" all have to be there. */
static bool search_chain(const struct filter_node *n, bool negated, unsigned depth,
                         struct buf *match, bool *exact)
{
    bool all = (n->kind == NODE_AND) != negated; /* De Morgan */
    size_t start = match->len, found = 0;
    *exact = true;
    for (const struct filter_node *i = n->first; i; i = i->next) {
        size_t end = match->len;
        bool one_exact = false;
        buf_puts(match, found == 0 ? "(" : all ? " AND " : " OR ");
        bool one = search_node(i, negated, depth + 1, match, &one_exact);
        *exact = *exact && one && one_exact;
        found += one;
        if (!one) buf_truncate(match, all ? end : start);
        if (!one && !all) return false;
    }
    if (found) buf_putc(match, ')');
    return found > 0;
}

static bool search_node(const struct filter_node *n, bool negated, unsigned depth,
                        struct buf *match, bool *exact)
{
    if (depth > DEEPEST) return false;
    if (n->kind == NODE_NOT) return search_node(n->first, !negated, depth, match, exact);
    if (n->kind != NODE_TEST) return search_chain(n, negated, depth, match, exact);
    return n->test.negated == negated && search_test(&n->test, match, exact);
}

bool filter_search(const struct filter *f, struct buf *match, bool *exact)
{
    *exact = false;
    return f->root && search_node(f->root, false, 0, match, exact);
}
