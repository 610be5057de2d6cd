/* subscriber/filter.h - the filter language: one expression, read once, asked of many items.
 *
 *     expr  = and { "or" and } .   and = not { "and" not } .   not = { "not" | "!" } prim .
 *     prim  = "(" expr ")" | FIELD OP value | FIELD "between" a ":" b | term .
 *     OP    = "=" "==" "!=" "=~" "!~" "<" ">" "<=" ">=" "#" "!#"
 *     value = "text in quotes, with \" and \\" | word | number | time such as 2h
 *     term  = a word, a word with "*" at its end, or a text in quotes: the item's text has these
 *             words, one after the other
 *
 * A word ends at a blank, a quote or a parenthesis, a term at an operator as well, the first value
 * of between at its ":". and, or, not, between are also known in capitals; a term or value that is
 * one of them, or has such signs in it, stands in quotes.
 *
 * Operators are newsboat's. Fields are those of arrival.h, and text, age, unread, starred:
 *   text      headline, description, body, by, located and source
 *   = !=      equal words: case, marks and punctuation do not count ("Paris" is "PARIS"); of uri,
 *             link, enclosure, topic, number: the same bytes; of urgency, version, age and the
 *             times: the same number. language = "de" is also "de-AT"; subject =
 *             "sport" is also what lies below it; publisher and service are compared as slugs.
 *             A value without words is compared as it stands: by = "" finds items without one
 *   =~ !~     a regular expression (PCRE2, UTF, no difference of case) finds something
 *   # !#      has these words, as a term; of subject: one of its levels or the item's subjects
 *   < > <= >= between (both ends belong to it, in either order): urgency, version, age, published,
 *             received (any date, UTC unless it says otherwise), date, time
 *   age       days since versionCreated, or a time: age < 2h. An item without a time has no age
 *   unread, starred   = "yes" or "no"
 * Of a long field the words at its beginning count, as arrival.h has them; cut, it equals nothing.
 * An item without the field has the empty text; with a number that it lacks nothing is true but !=.
 *
 * Regular expressions are bounded (length, compiled size, match, depth and heap limits): one that
 * gives up is neither true nor false (Kleene's logic), and whoever asks shows the item.
 * Bounds: FILTER_MAX bytes of text, FILTER_DEPTH_MAX parentheses and nots, FILTER_NODES_MAX
 * comparisons. Threads: one. */
#ifndef SUBSCRIBER_FILTER_H
#define SUBSCRIBER_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/error.h"
#include "common/topic.h"

struct arrival;
struct filter;

#define FILTER_MAX       4096
#define FILTER_DEPTH_MAX 100
#define FILTER_NODES_MAX 256

/* NULL: err says what is wrong and where ("column 12: ...", columns of characters from 1), *at (may
 * be NULL) gets the byte. The empty text is a filter that everything matches. text is copied. */
struct filter *filter_new(const char *text, size_t *at, struct news_error *err);
void filter_free(struct filter *f); /* NULL is fine */
const char *filter_text(const struct filter *f);

enum filter_answer { FILTER_NO, FILTER_YES, FILTER_UNSURE };

struct filter_subject {
    const struct arrival *arrival;
    bool unread, starred;
    int64_t now_ms; /* of age */
};

/* Not const: the buffers of the comparison are the filter's own. */
enum filter_answer filter_match(struct filter *f, const struct filter_subject *subject);

/* Does the answer change with the marks; with the time? */
bool filter_asks_marks(const struct filter *f);
bool filter_asks_age(const struct filter *f);

/* ---- what the topic can say ---- */

struct filter_names {
    const char *items[TOPIC_FILTERS_MAX]; /* live as long as the filter */
    size_t count;                         /* 0: any */
};
struct filter_topics {
    struct filter_names publishers, services, languages, subjects; /* as struct topic_choice */
    bool nothing;                                                  /* no item can match */
};
/* What every item that matches has in its topic, if that is one of ours. Never too narrow: what a
 * later version may change is not asked of the topic, which is the first version's (so urgency is
 * compared here, and a language is looked for under "und" as well). */
void filter_narrow(const struct filter *f, struct filter_topics *out);

/* ---- what the full-text index can say ---- */

/* Appends an FTS5 expression over the words of arrival_words() that every item that matches
 * fulfils; *exact: and no other. False: there is none, everything has to be looked at. */
bool filter_search(const struct filter *f, struct buf *match, bool *exact);

#endif
