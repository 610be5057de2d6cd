/* common/mediatopic.h - the top level of the IPTC Media Topics, and the words that lead there.
 *
 * Source: http://cv.iptc.org/newscodes/mediatopic/ (CC BY 4.0): its 17 top terms. A term of a lower
 * level does not show its parent in its code (2xxxxxxx), so only codes 01 to 17 are known here; the
 * words are ours. */
#ifndef NEWS_MEDIATOPIC_H
#define NEWS_MEDIATOPIC_H

#include <stddef.h>

/* The slug of the top term that an identifier names: ".../mediatopic/15000000", "medtop:15000000",
 * "subj:15054000" or the eight digits alone. NULL: none of them. */
const char *mediatopic_of_code(const char *text, size_t len);

/* Is text such an identifier, of whatever level? Its eight digits, else NULL. */
const char *mediatopic_code(const char *text, size_t len);

/* The subject path that a word leads to ("deportes": "sport", "football": "sport/football").
 * key: the word in lower case without marks, other characters as single dashes. NULL: unknown. */
const char *mediatopic_of_word(const char *key);

/* For tests and listings: every word of the table, NULL behind the last. */
const char *mediatopic_word(size_t i);

#endif
