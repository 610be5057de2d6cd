/* The words of a command: a shell's quotes and backslashes, and nothing else of a shell. */
#include <stdlib.h>
#include <string.h>

#include "subscriber/exec.h"

enum { WORDS_MAX = sizeof((struct exec_words *)0)->words / sizeof(char *) - 1 };

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n';
}

/* Within double quotes a backslash is one, unless it keeps one of these from its meaning. */
static bool is_escape(const char *at, char quote)
{
    return *at == '\\' && (quote == '\0' || (quote == '"' && at[1] && strchr("\"\\$`", at[1])));
}

/* Writes the word that begins at *from to *to, with its NUL; both are moved behind it. False: a
 * quote or a backslash has nothing behind it that would end it. */
static bool take_word(const char **from, char **to)
{
    const char *at = *from;
    char *out = *to, quote = '\0';
    for (; *at && (quote || !is_blank(*at)); at++) {
        if (*at == quote) {
            quote = '\0';
        } else if (!quote && (*at == '"' || *at == '\'')) {
            quote = *at;
        } else {
            if (is_escape(at, quote) && !*++at) return false;
            *out++ = *at;
        }
    }
    *out++ = '\0';
    *from = at;
    *to = out;
    return !quote;
}

bool exec_split(const char *command, struct exec_words *out, struct news_error *err)
{
    struct exec_words w = {0};
    char *bytes = malloc(strlen(command) + 1); /* words are never longer than what they stood in */
    if (!bytes) return news_fail(err, NEWS_ERR_MEMORY, "out of memory");
    w.words[0] = bytes;
    for (char *to = bytes;; w.count++) {
        while (is_blank(*command))
            command++;
        if (!*command) break;
        if (w.count == WORDS_MAX) {
            free(bytes);
            return news_fail(err, NEWS_ERR_USAGE, "a command has at most %d words", WORDS_MAX);
        }
        w.words[w.count] = to;
        if (!take_word(&command, &to)) {
            free(bytes);
            return news_fail(err, NEWS_ERR_USAGE, "the command ends within a quote");
        }
    }
    if (w.count > 0) {
        *out = w;
        return true;
    }
    free(bytes);
    return news_fail(err, NEWS_ERR_USAGE, "the command is empty");
}

void exec_words_deinit(struct exec_words *w)
{
    free(w->words[0]); /* all of them are there */
    *w = (struct exec_words){0};
}
