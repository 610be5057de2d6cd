/* subscriber/keys.h - what the keys of the full screen do: one table of commands, from which the
 * help page is made too; newsboat's keys as default; rebound by the configuration:
 *     bind = KEY COMMAND          "bind = x toggle-star", "bind = ^P previous", "bind = f5 none"
 * Keys are written as the character itself, "^X" for Ctrl, or by name: space, enter, tab, backtab,
 * escape, backspace, up, down, left, right, home, end, page-up, page-down, insert, delete, f1..f12.
 * No terminal here: screen.h delivers these codes. */
#ifndef SUBSCRIBER_KEYS_H
#define SUBSCRIBER_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

/* A key: the code point of a character (Ctrl-A is 1, Enter '\r', Escape 27, Backspace 127), or one
 * of these. */
enum key_code {
    KEY_CODE_FIRST = 0x110000, /* behind Unicode */
    KEY_CODE_UP = KEY_CODE_FIRST,
    KEY_CODE_DOWN,
    KEY_CODE_LEFT,
    KEY_CODE_RIGHT,
    KEY_CODE_HOME,
    KEY_CODE_END,
    KEY_CODE_PAGE_UP,
    KEY_CODE_PAGE_DOWN,
    KEY_CODE_INSERT,
    KEY_CODE_DELETE,
    KEY_CODE_BACKTAB,
    KEY_CODE_F1,
    KEY_CODE_F12 = KEY_CODE_F1 + 11,
    KEY_CODE_BEHIND
};

/* Commands: keys.c's table has the name, the default keys, the help line of each, in this order. */
enum command {
    COMMAND_NONE,
    /* moving */
    COMMAND_DOWN,
    COMMAND_UP,
    COMMAND_NEXT,     /* the next item, also while one is read */
    COMMAND_PREVIOUS,
    COMMAND_PAGE_DOWN,
    COMMAND_PAGE_UP,
    COMMAND_HALF_DOWN,
    COMMAND_HALF_UP,
    COMMAND_FIRST,
    COMMAND_LAST,
    COMMAND_NEXT_UNREAD,
    COMMAND_PREVIOUS_UNREAD,
    COMMAND_RANDOM_UNREAD,
    COMMAND_FOLLOW, /* pause, or follow what comes */
    /* reading */
    COMMAND_OPEN,
    COMMAND_BACK, /* or quit */
    COMMAND_QUIT,
    COMMAND_FOCUS,  /* the other pane */
    COMMAND_LAYOUT, /* side by side, stacked, list alone */
    COMMAND_BROWSE,
    COMMAND_BROWSE_READ, /* and mark read */
    COMMAND_LINKS,
    COMMAND_YANK,          /* the link */
    COMMAND_YANK_HEADLINE, /* and the link */
    COMMAND_PIPE,
    COMMAND_SAVE,
    COMMAND_SOURCE, /* the item as JSON */
    COMMAND_VERSIONS,
    /* marks */
    COMMAND_TOGGLE_READ,
    COMMAND_ALL_READ,
    COMMAND_TOGGLE_STAR,
    /* choosing */
    COMMAND_SEARCH,
    COMMAND_SEARCH_STORE, /* go on in what is not loaded */
    COMMAND_FILTER,
    COMMAND_CHOOSE_FILTER,
    COMMAND_CLEAR_FILTER,
    COMMAND_TOGGLE_UNREAD_ONLY,
    COMMAND_TOGGLE_HIDDEN,
    COMMAND_ORDER, /* newest first or last */
    /* the rest */
    COMMAND_REPEAT,   /* ask publishers what is missing, now */
    COMMAND_MESSAGES, /* what was said */
    COMMAND_GAPS,     /* what is missing */
    COMMAND_LINE,     /* ":" any command by its name */
    COMMAND_REDRAW,
    COMMAND_HELP,
    COMMANDS
};

struct command_row {
    const char *name;  /* "next-unread" */
    const char *keys;  /* the default ones, parted by blanks */
    const char *help;  /* one line */
    const char *group; /* the heading it stands under */
};
const struct command_row *command_row(enum command c);
/* COMMAND_NONE: there is none of that name. */
enum command command_find(const char *name, size_t len);

struct keys;

struct keys *keys_new(const char *const *binds, size_t count, struct news_error *err);
void keys_free(struct keys *k); /* NULL is fine */
enum command keys_command(const struct keys *k, int code);
/* The keys bound to c as people write them, parted by blanks, for help and hints; "" none. Lives
 * as long as k. */
const char *keys_of(const struct keys *k, enum command c);

/* "^F", "f5", "ä" to a code and back; false: no such key. */
bool key_parse(const char *text, size_t len, int *code);
#define KEY_NAME_SIZE 16
void key_name(int code, char out[KEY_NAME_SIZE]);

#endif
