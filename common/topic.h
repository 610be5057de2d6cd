/* common/topic.h - topic names and topic filters: made, checked, matched.
 *
 * news/<publisher>/<service>/<language>/<urgency>/<subject>[/<narrower subject>...]. The levels of
 * fixed depth come first, the open-ended one last, so that a filter like news/+/+/fr/+/sport/#
 * lets the broker select. Names and filters: MQTT 5.0 section 4.7. */
#ifndef NEWS_TOPIC_H
#define NEWS_TOPIC_H

#include <stdbool.h>
#include <stddef.h>

#include "common/error.h"
#include "common/ninjs.h"

#define TOPIC_ROOT         "news"
#define TOPIC_MAX          512 /* bytes of one of our topics or filters, with its NUL */
#define TOPIC_ROOT_MAX     64
#define TOPIC_LANGUAGE_MAX 8
#define TOPIC_SLUG_MAX     32
#define TOPIC_SUBJECTS_MAX 4 /* levels of subject; narrower ones are left to the item */
#define TOPIC_FILTERS_MAX  64

/* NFKD, marks dropped, lower case; [a-z0-9] kept, each run of anything else one dash, none at the
 * ends; cut to TOPIC_SLUG_MAX bytes. Text of which nothing is left becomes "x-" and 8 hex digits
 * of its hash (FNV-1a), the empty text an empty slug. */
void topic_slug(const char *text, size_t len, char out[TOPIC_SLUG_MAX + 1]);

/* A subject as people or feeds write it ("Sport", "football", "medtop:15000000",
 * ".../mediatopic/15000000", "politics/elections") as topic levels below the Media Topics' top
 * level: "sport", "sport/football"; "general/..." for what belongs to none of them. */
void topic_subject(const char *text, size_t len, char *out, size_t size);

/* The primary subtag of a BCP 47 tag, in lower case; "und" and false when it is no such tag. */
bool topic_language(const char *tag, char out[TOPIC_LANGUAGE_MAX + 1]);

struct topic_place {
    const char *root;      /* NULL: TOPIC_ROOT */
    const char *publisher; /* a slug */
    const char *service;   /* NULL: made of the item's source, else "general" */
    const char *language;  /* of items that do not say theirs; NULL: "und" */
    const char *subject;   /* likewise; NULL: "general" */
    int urgency;           /* likewise; 0: 5 */
};

/* The topic of an item at its first publication; out of TOPIC_MAX bytes. */
void topic_of_item(const struct topic_place *place, const struct ninjs *item, char out[TOPIC_MAX]);

/* MQTT 5.0 section 4.7: at most 65535 bytes of UTF-8 without NUL (or other control characters:
 * brokers close the connection over them); a name has no wildcard, a filter has '#' only as its
 * last level and '+' only as a whole one; $share/group/filter is a filter. */
bool topic_name_ok(const char *topic, struct news_error *err);
bool topic_filter_ok(const char *filter, struct news_error *err);
/* Both well-formed. Section 4.7.1.2: "a/#" matches "a"; 4.7.2: wildcards at the first level do not
 * match topics that start with '$'. */
bool topic_matches(const char *filter, const char *topic);

/* The first level of all topics: one level without wildcards, at most TOPIC_ROOT_MAX bytes. */
bool topic_root_ok(const char *root, struct news_error *err);

/* Does filter match every topic that other matches? Both well-formed. A shared one covers none. */
bool topic_covers(const char *filter, const char *other);

/* What a reader asked for; an empty list is "any". */
struct topic_choice {
    const char *root;
    const char *const *publishers, *const *services, *const *languages, *const *subjects;
    size_t publisher_count, service_count, language_count, subject_count;
    int urgency_least, urgency_most; /* 1 and 9: any */
};

struct topic_filters {
    char text[TOPIC_FILTERS_MAX][TOPIC_MAX];
    size_t count;
    bool widened; /* let through more than was asked for: topic_chosen() is to select */
};

/* The narrowest filters, at most TOPIC_FILTERS_MAX: where the combinations are more, the list that
 * costs most is widened to '+'. False: a slug or subject is empty or too long. */
bool topic_filters_make(const struct topic_choice *choice, struct topic_filters *out,
                        struct news_error *err);
/* Is this topic one of those asked for? */
bool topic_chosen(const struct topic_choice *choice, const char *topic);

/* The levels of one of our topics; false when it has too few or another root. Each is a slice of
 * topic; subject is all that follows the urgency. */
struct topic_levels {
    const char *publisher, *service, *language, *urgency, *subject;
    size_t publisher_len, service_len, language_len, urgency_len, subject_len;
};
bool topic_split(const char *root, const char *topic, struct topic_levels *out);

#endif
