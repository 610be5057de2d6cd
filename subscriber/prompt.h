/* subscriber/prompt.h - one line that is edited: filters, searches, commands.
 *
 * Emacs' and readline's usual keys: left right home end ^A ^E ^B ^F backspace delete ^D ^H ^W ^U ^K
 * ^Y, up and down (^P ^N) through what was entered before, tab to complete from a list. Grapheme
 * clusters are moved over and deleted whole. No terminal: codes in, drawing through screen.h.
 * Threads: one. */
#ifndef SUBSCRIBER_PROMPT_H
#define SUBSCRIBER_PROMPT_H

#include "subscriber/screen.h"
#include "subscriber/theme.h"

#define PROMPT_MAX 4096 /* bytes */

struct prompt;

struct prompt *prompt_new(void);    /* NULL: no memory */
void prompt_free(struct prompt *p); /* NULL is fine */

/* title is shown before it ("filter: "); history: one of a few kinds (PROMPT_KINDS), each has its
 * own entered lines, the last 100. complete, if not NULL, gives the i-th candidate for the word
 * that starts with prefix; NULL behind the last. */
enum prompt_kind {
    PROMPT_FILTER,
    PROMPT_SEARCH,
    PROMPT_COMMAND,
    PROMPT_PIPE,
    PROMPT_FILE,
    PROMPT_LINK,
    PROMPT_CHOICE,
    PROMPT_KINDS
};
void prompt_begin(struct prompt *p, enum prompt_kind kind, const char *title, const char *text,
                  const char *(*complete)(void *user, const char *prefix, size_t i), void *user);

enum prompt_answer { PROMPT_GOES_ON, PROMPT_DONE, PROMPT_CANCELED };
/* A key; pasted: only characters count, never Enter or control keys. */
enum prompt_answer prompt_key(struct prompt *p, int code, bool pasted);
const char *prompt_text(const struct prompt *p);
/* A fault to be shown behind the line: at is the byte it belongs to. NULL: none. Gone with the
 * next key. */
void prompt_fault(struct prompt *p, size_t at, const char *message);
/* Draws the line, scrolled so that the cursor is seen, and places the terminal's cursor. */
void prompt_draw(struct prompt *p, struct screen *s, const struct theme *t, int row, int columns);

#endif
