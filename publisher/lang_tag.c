#include "publisher/lang_tag.h"

#include <ctype.h>
#include <string.h>

enum { SUBTAG_MAX = 8 };

/* "DE", "german" or "" at text up to the next mark; 0 when it holds anything but letters and
 * digits, or too many of them. */
static size_t subtag_length(const char *text, size_t len)
{
    size_t n = 0;
    while (n < len && isalnum((unsigned char)text[n]))
        n++;
    bool ends = n == len || text[n] == '-' || text[n] == '_';
    return ends && n <= SUBTAG_MAX ? n : 0;
}

static bool all_letters(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (!isalpha((unsigned char)text[i])) return false;
    }
    return true;
}

/* Regions of two letters are written in capitals, scripts with one, all else small; behind a
 * singleton ("x-") everything is small. */
static void put_subtag(const char *text, size_t len, bool inner, char *out)
{
    bool letters = all_letters(text, len);
    for (size_t i = 0; i < len; i++) {
        bool capital = inner && letters && (len == 2 || (len == 4 && i == 0));
        out[i] = (char)(capital ? toupper((unsigned char)text[i])
                                : tolower((unsigned char)text[i]));
    }
}

bool lang_tag(const char *text, size_t len, char out[LANG_TAG_SIZE])
{
    char tag[LANG_TAG_SIZE];
    size_t used = 0;
    bool inner = false; /* behind the language, before any singleton */
    while (len && isspace((unsigned char)*text))
        text++, len--;
    while (len && isspace((unsigned char)text[len - 1]))
        len--;
    for (;;) {
        size_t n = subtag_length(text, len);
        if (n == 0 || used + n + 1 >= sizeof tag) return false;
        if (used == 0 && (n < 2 || n > 3 || !all_letters(text, n))) return false;
        put_subtag(text, n, inner && n > 1, tag + used);
        inner = used == 0 || (inner && n > 1);
        used += n;
        if (n == len) break;
        tag[used++] = '-';
        text += n + 1;
        len -= n + 1;
    }
    tag[used] = '\0';
    if (strcmp(tag, "und") == 0) return false;
    memcpy(out, tag, used + 1);
    return true;
}
