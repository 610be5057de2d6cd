/* subscriber/rules.h - what is not shown, and what stands out: the filter of -f, the hide and
 * highlight rules, and the live filter of the full screen.
 *
 * Rules come from the options (and so from the configuration):
 *     filter    = EXPR                 shown is only what matches (-f)
 *     hide      = EXPR                 never shown; several may be given
 *     highlight = STYLE: EXPR          in that style; the first that matches
 * An expression that gives up (filter.h) hides nothing. Threads: one. */
#ifndef SUBSCRIBER_RULES_H
#define SUBSCRIBER_RULES_H

#include "subscriber/filter.h"
#include "subscriber/theme.h"

struct rules;
struct settings;

struct rules *rules_new(const struct settings *s, struct news_error *err);
void rules_free(struct rules *r); /* NULL is fine */

/* Do the options hide anything? */
bool rules_any(const struct rules *r);
/* The filter of -f; NULL: none. */
const struct filter *rules_filter(const struct rules *r);
/* Replaces the live filter, which the rules then own; NULL: none. At the start it is none; -f
 * counts besides it. */
void rules_set_live(struct rules *r, struct filter *live);
const struct filter *rules_live(const struct rules *r);
/* Turns the hide rules (and -f) off, to see what they hide, and on again. */
void rules_show_hidden(struct rules *r, bool on);
bool rules_shows_hidden(const struct rules *r);
/* Unread items only, besides all else. */
void rules_set_unread_only(struct rules *r, bool on);
bool rules_unread_only(const struct rules *r);

struct rules_answer {
    bool hidden;
    unsigned char highlight; /* 1 + the rule's number; 0 none */
};
struct rules_answer rules_judge(struct rules *r, const struct filter_subject *s);
/* The highlight alone. */
unsigned char rules_highlight(struct rules *r, const struct filter_subject *s);
/* Of a highlight; NULL: none. */
const struct style *rules_style(const struct rules *r, unsigned char highlight);
/* What the options alone say (-f and hide), whatever the screen's switches are. */
bool rules_exclude(struct rules *r, const struct filter_subject *s);
/* Does any of them change with the time? */
bool rules_asks_age(const struct rules *r);
/* How many expressions have given up so far. */
size_t rules_unsure(const struct rules *r);

#endif
