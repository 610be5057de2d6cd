#include "subscriber/rules.h"

#include <stdlib.h>
#include <string.h>

#include "subscriber/cli.h"

struct highlight {
    struct style style;
    struct filter *when;
};

struct rules {
    struct filter *shown, *live; /* NULL: none */
    struct filter *hide[OPTION_LIST_MAX];
    size_t hide_count;
    struct highlight highlights[OPTION_LIST_MAX];
    size_t highlight_count;
    bool show_hidden, unread_only;
    size_t unsure;
};

/* ---- made of the settings ---- */

static struct filter *read_filter(const char *option, const char *text, struct news_error *err)
{
    struct news_error why;
    struct filter *f = filter_new(text, NULL, &why);
    if (!f) news_fail(err, why.code, "--%s: %s", option, why.message);
    return f;
}

/* The empty expression is one that everything matches. */
static bool is_blank(const char *text)
{
    return text[strspn(text, " \t")] == '\0';
}

static bool add_hide(struct rules *r, const char *text, struct news_error *err)
{
    if (is_blank(text))
        return news_fail(err, NEWS_ERR_USAGE, "--hide: without an expression all would be hidden");
    struct filter *f = read_filter("hide", text, err);
    if (f) r->hide[r->hide_count++] = f;
    return f != NULL;
}

/* The style is blanked out, so that columns in errors are those of what the user wrote: all that a
 * style can be made of takes one column a byte. */
static struct filter *read_when(const char *text, size_t style_len, struct news_error *err)
{
    char *expression = strdup(text);
    if (!expression) {
        news_fail(err, NEWS_ERR_MEMORY, "out of memory");
        return NULL;
    }
    memset(expression, ' ', style_len + 1);
    struct filter *f = read_filter("highlight", expression, err);
    free(expression);
    return f;
}

static bool add_highlight(struct rules *r, const char *text, struct news_error *err)
{
    struct highlight *h = &r->highlights[r->highlight_count];
    struct news_error why;
    size_t style_len = strcspn(text, ":");
    if (text[style_len] == '\0')
        return news_fail(err, NEWS_ERR_USAGE, "--highlight: it is STYLE: EXPRESSION");
    if (!style_parse(text, style_len, &h->style, &why))
        return news_fail(err, why.code, "--highlight: %s", why.message);
    h->when = read_when(text, style_len, err);
    if (h->when) r->highlight_count++;
    return h->when != NULL;
}

static bool read_settings(struct rules *r, const struct settings *s, struct news_error *err)
{
    if (s->filter && !(r->shown = read_filter("filter", s->filter, err))) return false;
    for (size_t i = 0; i < s->hide.count; i++)
        if (!add_hide(r, s->hide.items[i], err)) return false;
    for (size_t i = 0; i < s->highlight.count; i++)
        if (!add_highlight(r, s->highlight.items[i], err)) return false;
    return true;
}

struct rules *rules_new(const struct settings *s, struct news_error *err)
{
    struct rules *r = calloc(1, sizeof *r);
    if (!r) {
        news_fail(err, NEWS_ERR_MEMORY, "out of memory");
        return NULL;
    }
    if (!read_settings(r, s, err)) {
        rules_free(r);
        return NULL;
    }
    return r;
}

void rules_free(struct rules *r)
{
    if (!r) return;
    filter_free(r->shown);
    filter_free(r->live);
    for (size_t i = 0; i < r->hide_count; i++)
        filter_free(r->hide[i]);
    for (size_t i = 0; i < r->highlight_count; i++)
        filter_free(r->highlights[i].when);
    free(r);
}

/* ---- switches ---- */

bool rules_any(const struct rules *r)
{
    return r->shown || r->hide_count > 0;
}

const struct filter *rules_filter(const struct rules *r)
{
    return r->shown;
}

void rules_set_live(struct rules *r, struct filter *live)
{
    filter_free(r->live);
    r->live = live;
}

const struct filter *rules_live(const struct rules *r)
{
    return r->live;
}

void rules_show_hidden(struct rules *r, bool on)
{
    r->show_hidden = on;
}

bool rules_shows_hidden(const struct rules *r)
{
    return r->show_hidden;
}

void rules_set_unread_only(struct rules *r, bool on)
{
    r->unread_only = on;
}

bool rules_unread_only(const struct rules *r)
{
    return r->unread_only;
}

/* ---- judgement ---- */

static enum filter_answer ask(struct rules *r, struct filter *f, const struct filter_subject *s)
{
    enum filter_answer answer = filter_match(f, s);
    if (answer == FILTER_UNSURE) r->unsure++;
    return answer;
}

bool rules_exclude(struct rules *r, const struct filter_subject *s)
{
    if (r->shown && ask(r, r->shown, s) == FILTER_NO) return true;
    for (size_t i = 0; i < r->hide_count; i++)
        if (ask(r, r->hide[i], s) == FILTER_YES) return true;
    return false;
}

static bool hides(struct rules *r, const struct filter_subject *s)
{
    if (r->unread_only && !s->unread) return true;
    if (r->live && ask(r, r->live, s) == FILTER_NO) return true;
    return !r->show_hidden && rules_exclude(r, s);
}

unsigned char rules_highlight(struct rules *r, const struct filter_subject *s)
{
    for (size_t i = 0; i < r->highlight_count; i++)
        if (ask(r, r->highlights[i].when, s) == FILTER_YES) return (unsigned char)(i + 1);
    return 0;
}

struct rules_answer rules_judge(struct rules *r, const struct filter_subject *s)
{
    return (struct rules_answer){.hidden = hides(r, s), .highlight = rules_highlight(r, s)};
}

const struct style *rules_style(const struct rules *r, unsigned char highlight)
{
    return highlight && highlight <= r->highlight_count ? &r->highlights[highlight - 1].style
                                                        : NULL;
}

bool rules_asks_age(const struct rules *r)
{
    bool asks = (r->shown && filter_asks_age(r->shown)) || (r->live && filter_asks_age(r->live));
    for (size_t i = 0; i < r->hide_count; i++)
        asks |= filter_asks_age(r->hide[i]);
    for (size_t i = 0; i < r->highlight_count; i++)
        asks |= filter_asks_age(r->highlights[i].when);
    return asks;
}

size_t rules_unsure(const struct rules *r)
{
    return r->unsure;
}
