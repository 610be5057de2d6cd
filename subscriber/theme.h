/* subscriber/theme.h - the looks of the full screen's elements: one table, which the configuration
 * changes:
 *     colour = ELEMENT FOREGROUND [BACKGROUND] [ATTRIBUTE...]
 * Colours: default, black, red, green, yellow, blue, magenta, cyan, white, each also as bright-...,
 * and 0 to 255. Attributes: bold, dim, italic, underline, reverse, strike, blink. "none" takes all
 * attributes away. Without colours (NO_COLOR, a terminal that has none) an element has the plain
 * attributes of its row in the table, so that urgency, unread, killed can still be told apart. */
#ifndef SUBSCRIBER_THEME_H
#define SUBSCRIBER_THEME_H

#include <stdbool.h>
#include <stddef.h>

#include "common/error.h"

enum style_attribute {
    STYLE_BOLD = 1,
    STYLE_DIM = 2,
    STYLE_ITALIC = 4,
    STYLE_UNDERLINE = 8,
    STYLE_REVERSE = 16,
    STYLE_STRIKE = 32,
    STYLE_BLINK = 64,
};

#define STYLE_DEFAULT (-1) /* the terminal's own colour */

struct style {
    short foreground, background; /* 0..255 or STYLE_DEFAULT */
    unsigned attributes;          /* enum style_attribute */
    unsigned plain;               /* those without colours */
};

enum theme_element {
    THEME_TEXT,
    THEME_UNREAD,   /* the headline of an unread item */
    THEME_SELECTED, /* the cursor's line; laid over the others: its background, its attributes */
    THEME_FLASH,    /* urgency 1 */
    THEME_URGENT,   /* 2 */
    THEME_HIGH,     /* 3 */
    THEME_LOW,      /* 8, 9 */
    THEME_KILLED,
    THEME_UPDATED,
    THEME_STARRED,
    THEME_TIME,
    THEME_SOURCE,
    THEME_GAP,      /* what is missing */
    THEME_HEADLINE, /* in the item pane */
    THEME_LABEL,
    THEME_LINK,
    THEME_QUIET, /* what matters little */
    THEME_BAR,   /* title and status lines */
    THEME_ALERT, /* within the status line */
    THEME_BORDER,
    THEME_PROMPT,
    THEME_MATCH, /* what a search found */
    THEME_ELEMENTS
};

struct theme {
    struct style styles[THEME_ELEMENTS];
};

/* The built-in looks, then each "ELEMENT FOREGROUND ..." of changes. */
bool theme_init(struct theme *t, const char *const *changes, size_t count, struct news_error *err);
/* "FOREGROUND [BACKGROUND] [ATTRIBUTE...]", as highlight rules have it. */
bool style_parse(const char *text, size_t len, struct style *out, struct news_error *err);
/* The i-th element's name and what it is, for --help and docs; false behind the last. */
bool theme_element_at(size_t i, const char **name, const char **help);

#endif
