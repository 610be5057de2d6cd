#include "subscriber/keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/buf.h"
#include "common/text.h"

/* ---- the table of commands ---- */

static const struct command_row rows[COMMANDS] = {
    [COMMAND_NONE] = {"none", "", "nothing: what the key did before is forgotten", ""},

    [COMMAND_DOWN] = {"down", "j down", "down one line", "Moving"},
    [COMMAND_UP] = {"up", "k up", "up one line", "Moving"},
    [COMMAND_NEXT] = {"next", "J", "the item below, also while one is read", "Moving"},
    [COMMAND_PREVIOUS] = {"previous", "K", "the item above", "Moving"},
    [COMMAND_PAGE_DOWN] = {"page-down", "space page-down", "down a page", "Moving"},
    [COMMAND_PAGE_UP] = {"page-up", "b page-up", "up a page", "Moving"},
    [COMMAND_HALF_DOWN] = {"half-down", "] ^D", "down half a page", "Moving"},
    [COMMAND_HALF_UP] = {"half-up", "[", "up half a page", "Moving"},
    [COMMAND_FIRST] = {"first", "home <", "to the top", "Moving"},
    [COMMAND_LAST] = {"last", "end >", "to the bottom", "Moving"},
    [COMMAND_NEXT_UNREAD] = {"next-unread", "n", "the next unread item below", "Moving"},
    [COMMAND_PREVIOUS_UNREAD] = {"previous-unread", "p", "the next unread item above", "Moving"},
    [COMMAND_RANDOM_UNREAD] = {"random-unread", "^K", "any unread item", "Moving"},
    [COMMAND_FOLLOW] = {"follow", ".", "pause; or go to the newest and follow what comes",
                        "Moving"},

    [COMMAND_OPEN] = {"open", "enter", "open the item", "Reading"},
    [COMMAND_BACK] = {"back", "q", "back, at last quit", "Reading"},
    [COMMAND_QUIT] = {"quit", "Q", "quit at once", "Reading"},
    [COMMAND_FOCUS] = {"focus", "tab backtab", "to the other pane", "Reading"},
    [COMMAND_LAYOUT] = {"layout", "w", "item beside the list, below it, or instead of it",
                        "Reading"},
    [COMMAND_BROWSE] = {"browse", "o", "open the link in the browser", "Reading"},
    [COMMAND_BROWSE_READ] = {"browse-read", "O", "the same, and mark read", "Reading"},
    [COMMAND_LINKS] = {"links", "u", "the item's links; 1 to 9 open one", "Reading"},
    [COMMAND_YANK] = {"yank", "y", "copy the link", "Reading"},
    [COMMAND_YANK_HEADLINE] = {"yank-headline", "Y", "copy headline and link", "Reading"},
    [COMMAND_PIPE] = {"pipe", "|", "give the item (JSON) to a command", "Reading"},
    [COMMAND_SAVE] = {"save", "s", "save the item (JSON) to a file", "Reading"},
    [COMMAND_SOURCE] = {"source", "^U", "the item as it came (JSON)", "Reading"},
    [COMMAND_VERSIONS] = {"versions", "V", "the item's other versions", "Reading"},

    [COMMAND_TOGGLE_READ] = {"toggle-read", "N", "read, or unread again", "Marks"},
    [COMMAND_ALL_READ] = {"all-read", "A C", "mark everything in the list read", "Marks"},
    [COMMAND_TOGGLE_STAR] = {"toggle-star", "^B *", "star it: it is kept for ever", "Marks"},

    [COMMAND_SEARCH] = {"search", "/", "search what is loaded", "Choosing"},
    [COMMAND_SEARCH_STORE] = {"search-store", "z",
                              "search on in everything stored; or the last search again",
                              "Choosing"},
    [COMMAND_FILTER] = {"filter", "F", "show only what matches; empty: all", "Choosing"},
    [COMMAND_CHOOSE_FILTER] = {"choose-filter", "f", "one of the saved filters", "Choosing"},
    [COMMAND_CLEAR_FILTER] = {"clear-filter", "^F", "no filter", "Choosing"},
    [COMMAND_TOGGLE_UNREAD_ONLY] = {"toggle-unread-only", "l", "unread items only, or all",
                                    "Choosing"},
    [COMMAND_TOGGLE_HIDDEN] = {"toggle-hidden", "H", "show what the rules hide, or not",
                               "Choosing"},
    [COMMAND_ORDER] = {"order", "g G", "newest first, or last", "Choosing"},

    [COMMAND_REPEAT] = {"repeat", "r R", "ask publishers for what is missing, now", "More"},
    [COMMAND_MESSAGES] = {"messages", "v", "what was said", "More"},
    [COMMAND_GAPS] = {"gaps", "M", "what is missing", "More"},
    [COMMAND_LINE] = {"line", ":", "any command by its name", "More"},
    [COMMAND_REDRAW] = {"redraw", "^L", "draw the screen anew", "More"},
    [COMMAND_HELP] = {"help", "? f1", "this page", "More"},
};

const struct command_row *command_row(enum command c)
{
    return &rows[c];
}

enum command command_find(const char *name, size_t len)
{
    for (enum command c = COMMAND_NONE; c < COMMANDS; c++)
        if (strlen(rows[c].name) == len && memcmp(rows[c].name, name, len) == 0) return c;
    return COMMAND_NONE;
}

/* ---- keys as text ---- */

static const struct {
    const char *name;
    int code;
} names[] = {
    {"space", ' '},
    {"enter", '\r'},
    {"tab", '\t'},
    {"backtab", KEY_CODE_BACKTAB},
    {"escape", 27},
    {"backspace", 127},
    {"up", KEY_CODE_UP},
    {"down", KEY_CODE_DOWN},
    {"left", KEY_CODE_LEFT},
    {"right", KEY_CODE_RIGHT},
    {"home", KEY_CODE_HOME},
    {"end", KEY_CODE_END},
    {"page-up", KEY_CODE_PAGE_UP},
    {"page-down", KEY_CODE_PAGE_DOWN},
    {"insert", KEY_CODE_INSERT},
    {"delete", KEY_CODE_DELETE},
};

static bool parse_control(char c, int *code)
{
    if (c == '?') *code = 127;
    else if (c >= 'a' && c <= 'z') *code = c - 'a' + 1;
    else if (c >= '@' && c <= '_') *code = c - '@'; /* ^@ ^A to ^Z ^[ ^\ ^] ^^ ^_ */
    else return false;
    return true;
}

static bool parse_function(const char *text, size_t len, int *code)
{
    int n = 0;
    if (len < 2 || len > 3 || (text[0] != 'f' && text[0] != 'F') || text[1] == '0') return false;
    for (size_t i = 1; i < len; i++) {
        if (text[i] < '0' || text[i] > '9') return false;
        n = n * 10 + text[i] - '0';
    }
    if (n > 12) return false;
    *code = KEY_CODE_F1 + n - 1;
    return true;
}

bool key_parse(const char *text, size_t len, int *code)
{
    uint32_t point;
    if (len == 0) return false;
    if (text_decode(text, len, &point) == len) {
        bool bad = point == 0xFFFD || point <= ' ' || (point >= 0x7F && point < 0xA0);
        if (!bad) *code = (int)point;
        return !bad;
    }
    if (len == 2 && text[0] == '^') return parse_control(text[1], code);
    if (parse_function(text, len, code)) return true;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strlen(names[i].name) == len && strncasecmp(names[i].name, text, len) == 0) {
            *code = names[i].code;
            return true;
        }
    return false;
}

void key_name(int code, char out[KEY_NAME_SIZE])
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].code == code) {
            (void)snprintf(out, KEY_NAME_SIZE, "%s", names[i].name);
            return;
        }
    if (code >= KEY_CODE_F1 && code <= KEY_CODE_F12)
        (void)snprintf(out, KEY_NAME_SIZE, "f%d", code - KEY_CODE_F1 + 1);
    else if (code >= 0 && code < ' ') (void)snprintf(out, KEY_NAME_SIZE, "^%c", code + '@');
    else out[code > 0 && code < KEY_CODE_FIRST ? text_encode((uint32_t)code, out) : 0] = '\0';
}

/* ---- which key does what ---- */

enum { BINDINGS_MAX = 256 }; /* the default ones and as many as an option may give */

struct keys {
    struct binding {
        int code;
        enum command command;
    } bindings[BINDINGS_MAX];
    size_t count;
    struct buf texts[COMMANDS]; /* keys_of() */
};

static bool bind(struct keys *k, int code, enum command c)
{
    size_t i = 0;
    while (i < k->count && k->bindings[i].code != code)
        i++;
    if (i == BINDINGS_MAX) return false;
    k->bindings[i] = (struct binding){code, c};
    if (i == k->count) k->count++;
    return true;
}

/* The next word of *text; its length, 0 at the end. */
static size_t next_word(const char **text)
{
    *text += strspn(*text, " \t");
    return strcspn(*text, " \t");
}

static void bind_defaults(struct keys *k)
{
    for (enum command c = COMMAND_NONE; c < COMMANDS; c++) {
        const char *at = rows[c].keys;
        int code;
        for (size_t len; (len = next_word(&at)) > 0; at += len)
            if (key_parse(at, len, &code)) (void)bind(k, code, c);
    }
}

static bool bind_option(struct keys *k, const char *text, struct news_error *err)
{
    const char *key = text;
    size_t key_len = next_word(&key);
    const char *name = key + key_len;
    size_t name_len = next_word(&name);
    const char *rest = name + name_len;
    int code;
    if (name_len == 0 || next_word(&rest) > 0)
        return news_fail(err, NEWS_ERR_USAGE,
                         "--bind \"%.60s\": a key and a command were expected, such as \"x %s\"",
                         text, rows[COMMAND_TOGGLE_STAR].name);
    if (!key_parse(key, key_len, &code))
        return news_fail(err, NEWS_ERR_USAGE, "--bind \"%.60s\": there is no key \"%.*s\"", text,
                         key_len > 30 ? 30 : (int)key_len, key);
    enum command c = command_find(name, name_len);
    if (c == COMMAND_NONE && (name_len != 4 || memcmp(name, rows[c].name, 4) != 0))
        return news_fail(err, NEWS_ERR_USAGE, "--bind \"%.60s\": there is no command \"%.*s\"",
                         text, name_len > 30 ? 30 : (int)name_len, name);
    return bind(k, code, c) || news_fail(err, NEWS_ERR_USAGE, "--bind: too many keys");
}

static bool describe(struct keys *k)
{
    bool fine = true;
    for (size_t i = 0; i < k->count; i++) {
        struct buf *out = &k->texts[k->bindings[i].command];
        char name[KEY_NAME_SIZE];
        key_name(k->bindings[i].code, name);
        if (out->len > 0) buf_putc(out, ' ');
        buf_puts(out, name);
        fine = fine && buf_ok(out);
    }
    return fine;
}

struct keys *keys_new(const char *const *binds, size_t count, struct news_error *err)
{
    struct keys *k = calloc(1, sizeof *k);
    bool fine = k || news_fail(err, NEWS_ERR_MEMORY, "out of memory");
    if (k) bind_defaults(k);
    for (size_t i = 0; fine && i < count; i++)
        fine = bind_option(k, binds[i], err);
    if (fine && !describe(k)) fine = news_fail(err, NEWS_ERR_MEMORY, "out of memory");
    if (fine) return k;
    keys_free(k);
    return NULL;
}

void keys_free(struct keys *k)
{
    if (!k) return;
    for (size_t c = 0; c < COMMANDS; c++)
        buf_deinit(&k->texts[c]);
    free(k);
}

enum command keys_command(const struct keys *k, int code)
{
    for (size_t i = 0; i < k->count; i++)
        if (k->bindings[i].code == code) return k->bindings[i].command;
    return COMMAND_NONE;
}

const char *keys_of(const struct keys *k, enum command c)
{
    return k->texts[c].data ? k->texts[c].data : "";
}
