#include "subscriber/theme.h"

#include <string.h>

#define NONE    STYLE_DEFAULT
#define BLACK   0
#define RED     1
#define GREEN   2
#define YELLOW  3
#define MAGENTA 5
#define CYAN    6
#define BRIGHT  8 /* and more: the bright half of the sixteen */
#define WHITE   (BRIGHT + 7)

struct element {
    const char *name;
    const char *help;
    struct style style;
};

/* On dark and on light terminals alike: their own background and text, and where a background is
 * ours so is the text on it. Yellow and blue are hard to read on one of the two. */
/* clang-format off: a table reads best with a row for each element. */
static const struct element elements[THEME_ELEMENTS] = {
    [THEME_TEXT] = {"text", "what has no look of its own", {NONE, NONE, 0, 0}},
    [THEME_UNREAD] = {"unread",
                      "the headline of an unread item",
                      {NONE, NONE, STYLE_BOLD, STYLE_BOLD}},
    /* Underlined, too: a flash is reversed by itself. */
    [THEME_SELECTED] = {"selected",
                        "the line of the cursor, over its other looks",
                        {NONE, NONE, STYLE_REVERSE, STYLE_REVERSE | STYLE_UNDERLINE}},
    [THEME_FLASH] = {"flash", "urgency 1", {WHITE, RED, STYLE_BOLD, STYLE_BOLD | STYLE_REVERSE}},
    [THEME_URGENT] = {"urgent", "urgency 2", {RED, NONE, STYLE_BOLD, STYLE_BOLD | STYLE_UNDERLINE}},
    [THEME_HIGH] = {"high", "urgency 3", {RED, NONE, 0, STYLE_UNDERLINE}},
    [THEME_LOW] = {"low", "urgency 8 and 9", {NONE, NONE, STYLE_DIM, STYLE_DIM}},
    [THEME_KILLED] = {"killed",
                      "a story that was withdrawn",
                      {NONE, NONE, STYLE_DIM | STYLE_STRIKE, STYLE_DIM | STYLE_STRIKE}},
    [THEME_UPDATED] = {"updated", "the mark of a later version", {CYAN, NONE, 0, 0}},
    [THEME_STARRED] = {"starred",
                       "the mark of a starred item",
                       {MAGENTA, NONE, STYLE_BOLD, STYLE_BOLD}},
    [THEME_TIME] = {"time", "when", {CYAN, NONE, 0, 0}},
    [THEME_SOURCE] = {"source", "who says so", {GREEN, NONE, 0, 0}},
    [THEME_GAP] = {"gap", "the line of what is missing", {MAGENTA, NONE, 0, STYLE_DIM}},
    [THEME_HEADLINE] = {"headline",
                        "of the item that is read",
                        {NONE, NONE, STYLE_BOLD, STYLE_BOLD}},
    [THEME_LABEL] = {"label", "the name before a value", {CYAN, NONE, 0, STYLE_DIM}},
    [THEME_LINK] = {"link", "an address", {CYAN, NONE, STYLE_UNDERLINE, STYLE_UNDERLINE}},
    [THEME_QUIET] = {"quiet", "what matters little", {NONE, NONE, STYLE_DIM, STYLE_DIM}},
    [THEME_BAR] = {"bar", "the title and status lines", {NONE, NONE, STYLE_REVERSE, STYLE_REVERSE}},
    [THEME_ALERT] = {"alert",
                     "trouble, within the status line",
                     {WHITE, RED, STYLE_BOLD, STYLE_BOLD}},
    [THEME_BORDER] = {"border", "the line between panes", {NONE, NONE, STYLE_DIM, STYLE_DIM}},
    [THEME_PROMPT] = {"prompt", "what a prompt asks", {NONE, NONE, STYLE_BOLD, STYLE_BOLD}},
    [THEME_MATCH] = {"match", "what a search found", {BLACK, YELLOW, 0, STYLE_REVERSE}},
};
/* clang-format on */

/* ---- words ---- */

struct word {
    const char *at;
    size_t len;
};

/* The next word of *text; false: there is none. */
static bool next_word(struct word *text, struct word *out)
{
    const char *at = text->at, *end = at + text->len;
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    out->at = at;
    while (at < end && *at != ' ' && *at != '\t')
        at++;
    out->len = (size_t)(at - out->at);
    *text = (struct word){at, (size_t)(end - at)};
    return out->len > 0;
}

static bool word_is(struct word w, const char *name)
{
    return strlen(name) == w.len && memcmp(name, w.at, w.len) == 0;
}

static bool read_number(struct word w, short *out)
{
    int n = 0;
    if (w.len > 3) return false;
    for (size_t i = 0; i < w.len; i++) {
        if (w.at[i] < '0' || w.at[i] > '9') return false;
        n = n * 10 + (w.at[i] - '0');
    }
    *out = (short)n;
    return n <= 255;
}

static bool read_colour(struct word w, short *out)
{
    static const char *const names[] = {"black", "red",     "green", "yellow",
                                        "blue",  "magenta", "cyan",  "white"};
    static const char bright[] = "bright-";
    short first = 0;
    if (word_is(w, "default")) {
        *out = STYLE_DEFAULT;
        return true;
    }
    if (w.len > sizeof bright - 1 && memcmp(w.at, bright, sizeof bright - 1) == 0) {
        w = (struct word){w.at + sizeof bright - 1, w.len - (sizeof bright - 1)};
        first = BRIGHT;
    }
    for (short i = 0; i < BRIGHT; i++)
        if (word_is(w, names[i])) {
            *out = (short)(first + i);
            return true;
        }
    return first == 0 && read_number(w, out);
}

/* "none" is the attribute without a bit. */
static bool read_attribute(struct word w, unsigned *out)
{
    static const struct {
        const char *name;
        unsigned bit;
    } names[] = {
        {"none", 0},
        {"bold", STYLE_BOLD},
        {"dim", STYLE_DIM},
        {"italic", STYLE_ITALIC},
        {"underline", STYLE_UNDERLINE},
        {"reverse", STYLE_REVERSE},
        {"strike", STYLE_STRIKE},
        {"blink", STYLE_BLINK},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (word_is(w, names[i].name)) {
            *out = names[i].bit;
            return true;
        }
    return false;
}

/* ---- styles ---- */

static int quoted(struct word w)
{
    return w.len > 40 ? 40 : (int)w.len;
}

/* Attributes may stand anywhere: "bold red" is what people write. */
bool style_parse(const char *text, size_t len, struct style *out, struct news_error *err)
{
    struct style s = {.foreground = STYLE_DEFAULT, .background = STYLE_DEFAULT};
    struct word rest = {text, len}, w;
    unsigned colours = 0, attribute, attributes_named = 0;
    while (next_word(&rest, &w)) {
        short colour;
        if (read_attribute(w, &attribute)) {
            s.attributes = attribute ? s.attributes | attribute : 0;
            attributes_named++;
        } else if (!read_colour(w, &colour)) {
            return news_fail(err, NEWS_ERR_USAGE, "\"%.*s\" is neither a colour nor an attribute",
                             quoted(w), w.at);
        } else if (colours == 2) {
            return news_fail(err, NEWS_ERR_USAGE,
                             "\"%.*s\" is a third colour: there is a foreground and a background",
                             quoted(w), w.at);
        } else {
            *(colours++ ? &s.background : &s.foreground) = colour;
        }
    }
    if (!colours && !attributes_named)
        return news_fail(err, NEWS_ERR_USAGE, "there is no colour and no attribute");
    /* A style of colours alone should still be seen where there are none. */
    s.plain = attributes_named ? s.attributes : STYLE_BOLD;
    *out = s;
    return true;
}

/* ---- the theme ---- */

bool theme_element_at(size_t i, const char **name, const char **help)
{
    if (i >= THEME_ELEMENTS) return false;
    *name = elements[i].name;
    *help = elements[i].help;
    return true;
}

static struct style *find_element(struct theme *t, struct word name)
{
    for (size_t i = 0; i < THEME_ELEMENTS; i++)
        if (word_is(name, elements[i].name)) return &t->styles[i];
    return NULL;
}

static bool change(struct theme *t, const char *text, struct news_error *err)
{
    struct word rest = {text, strlen(text)}, name = {0};
    struct style changed, *s;
    struct news_error why;
    if (!next_word(&rest, &name))
        return news_fail(err, NEWS_ERR_USAGE,
                         "--colour: it is ELEMENT FOREGROUND [BACKGROUND] [ATTRIBUTE...]");
    s = find_element(t, name);
    if (!s)
        return news_fail(err, NEWS_ERR_USAGE, "--colour: there is no element \"%.*s\"",
                         quoted(name), name.at);
    if (!style_parse(rest.at, rest.len, &changed, &why))
        return news_fail(err, why.code, "--colour: %.*s: %s", quoted(name), name.at, why.message);
    changed.plain = s->plain; /* the element's own: it has to differ from its neighbours */
    *s = changed;
    return true;
}

bool theme_init(struct theme *t, const char *const *changes, size_t count, struct news_error *err)
{
    for (size_t i = 0; i < THEME_ELEMENTS; i++)
        t->styles[i] = elements[i].style;
    for (size_t i = 0; i < count; i++)
        if (!change(t, changes[i], err)) return false;
    return true;
}
