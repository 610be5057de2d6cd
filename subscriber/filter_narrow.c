#include <string.h>

#include "subscriber/filter_tree.h"

/* topic_filters_make() cuts longer ones: such a filter would let nothing through. */
enum { NAME_MAX_LEN = TOPIC_MAX / 4 - 1 };

/* One level of the topic: the names of which every item that matches has one. */
struct names {
    bool any;
    struct filter_names list;
};

static void add(struct names *n, const char *name)
{
    for (size_t i = 0; i < n->list.count; i++)
        if (strcmp(n->list.items[i], name) == 0) return;
    if (n->list.count == TOPIC_FILTERS_MAX) n->any = true; /* too many to ask a broker for */
    else n->list.items[n->list.count++] = name;
}

/* The narrower one of two that one topic can have both; NULL: there is no such topic. Only subjects
 * lie below each other, and no other name has a slash. */
static const char *both(const char *a, const char *b)
{
    size_t a_len = strlen(a), b_len = strlen(b), least = a_len < b_len ? a_len : b_len;
    const char *longer = a_len < b_len ? b : a;
    if (memcmp(a, b, least) != 0 || (a_len != b_len && longer[least] != '/')) return NULL;
    return longer;
}

static void intersect(struct names *n, const struct names *with)
{
    if (with->any) return;
    if (n->any) {
        *n = *with;
        return;
    }
    struct names common = {0};
    for (size_t i = 0; i < n->list.count; i++)
        for (size_t k = 0; k < with->list.count; k++) {
            const char *name = both(n->list.items[i], with->list.items[k]);
            if (name) add(&common, name);
        }
    if (!common.any) *n = common; /* else n itself, which is wide enough */
}

static void unite(struct names *n, const struct names *with)
{
    n->any = n->any || with->any;
    for (size_t i = 0; i < with->list.count && !n->any; i++)
        add(n, with->list.items[i]);
}

/* A later version may be the first to say its language. */
static void names_of_test(const struct filter_test *t, const char *field, struct names *out)
{
    bool says = t->ask == ASK_EQUAL && t->name && strcmp(t->field->name, field) == 0 &&
                strlen(t->name) <= NAME_MAX_LEN;
    *out = (struct names){.any = !says};
    if (!says) return;
    add(out, t->name);
    if (t->field->kind->equality == EQUAL_LANGUAGE) add(out, "und");
}

static void names_of(const struct filter_node *n, bool negated, const char *field,
                     struct names *out)
{
    if (n->kind == NODE_NOT) {
        names_of(n->first, !negated, field, out);
        return;
    }
    if (n->kind == NODE_TEST) {
        if (n->test.negated == negated) names_of_test(&n->test, field, out);
        else *out = (struct names){.any = true};
        return;
    }
    bool all = (n->kind == NODE_AND) != negated; /* De Morgan */
    *out = (struct names){.any = all};
    for (const struct filter_node *i = n->first; i; i = i->next) {
        struct names one;
        names_of(i, negated, field, &one);
        if (all) intersect(out, &one);
        else unite(out, &one);
    }
}

void filter_narrow(const struct filter *f, struct filter_topics *out)
{
    const struct {
        const char *field;
        struct filter_names *names;
    } levels[] = {{"publisher", &out->publishers},
                  {"service", &out->services},
                  {"language", &out->languages},
                  {"subject", &out->subjects}};
    *out = (struct filter_topics){0};
    for (size_t i = 0; f->root && i < sizeof levels / sizeof *levels; i++) {
        struct names n;
        names_of(f->root, false, levels[i].field, &n);
        if (n.any) continue;
        *levels[i].names = n.list;
        if (n.list.count == 0) out->nothing = true;
    }
}
