#include "subscriber/choice.h"

#include <stdlib.h>

struct choice {
    const struct settings *settings;
    struct filter_topics narrow; /* topics points into it */
    struct topic_choice topics;
    struct topic_filters made;
    const char *wanted[TOPIC_FILTERS_MAX + OPTION_LIST_MAX];
    size_t count;
};

/* All filters, those made of the choice first. */
static const char *filter_at(const struct choice *c, size_t i)
{
    return i < c->made.count ? c->made.text[i] : c->settings->filters.items[i - c->made.count];
}

/* A filter that another one covers is left out: a broker that delivers for each would show the
 * item twice. */
static bool is_covered(const struct choice *c, size_t i, size_t count)
{
    for (size_t k = 0; k < count; k++)
        if (k != i && topic_covers(filter_at(c, k), filter_at(c, i)) &&
            (k < i || !topic_covers(filter_at(c, i), filter_at(c, k))))
            return true;
    return false;
}

static void narrow_list(const struct filter_names *names, const char *const **items, size_t *count)
{
    if (*count > 0 || names->count == 0) return; /* an option is as narrow as its user wants it */
    *items = names->items;
    *count = names->count;
}

static void narrow(struct choice *c)
{
    struct topic_choice *t = &c->topics;
    narrow_list(&c->narrow.publishers, &t->publishers, &t->publisher_count);
    narrow_list(&c->narrow.services, &t->services, &t->service_count);
    narrow_list(&c->narrow.languages, &t->languages, &t->language_count);
    narrow_list(&c->narrow.subjects, &t->subjects, &t->subject_count);
}

static bool check_filters(const struct settings *s, struct news_error *err)
{
    for (size_t i = 0; i < s->filters.count; i++)
        if (!topic_filter_ok(s->filters.items[i], err)) {
            err->code = NEWS_ERR_USAGE;
            return false;
        }
    return true;
}

static bool choose(struct choice *c, const struct filter *filter, struct news_error *err)
{
    const struct settings *s = c->settings;
    bool asked = s->publishers.count || s->services.count || s->languages.count ||
                 s->subjects.count || s->urgency.least != 1 || s->urgency.most != 9;
    if (!check_filters(s, err)) return false;
    c->topics = settings_choice(s);
    if (filter) filter_narrow(filter, &c->narrow);
    if (c->narrow.nothing)
        return news_fail(err, NEWS_ERR_USAGE, "--filter: there is no item that this can match");
    narrow(c);
    if ((asked || s->filters.count == 0) && !topic_filters_make(&c->topics, &c->made, err))
        return false;
    size_t count = c->made.count + s->filters.count;
    for (size_t i = 0; i < count; i++)
        if (!is_covered(c, i, count)) c->wanted[c->count++] = filter_at(c, i);
    return true;
}

struct choice *choice_new(const struct settings *s, const struct filter *filter,
                          struct news_error *err)
{
    struct choice *c = calloc(1, sizeof *c);
    if (!c) {
        news_fail(err, NEWS_ERR_MEMORY, "out of memory");
        return NULL;
    }
    c->settings = s;
    if (choose(c, filter, err)) return c;
    choice_free(c);
    return NULL;
}

void choice_free(struct choice *c)
{
    free(c);
}

size_t choice_count(const struct choice *c)
{
    return c->count;
}

const char *const *choice_filters(const struct choice *c)
{
    return c->wanted;
}

static bool matches(const char *const *filters, size_t count, const char *topic)
{
    for (size_t i = 0; i < count; i++)
        if (topic_matches(filters[i], topic)) return true;
    return false;
}

bool choice_has(const struct choice *c, const char *topic)
{
    for (size_t i = 0; i < c->made.count; i++)
        if (topic_matches(c->made.text[i], topic) &&
            (!c->made.widened || topic_chosen(&c->topics, topic)))
            return true;
    return matches(c->settings->filters.items, c->settings->filters.count, topic);
}
