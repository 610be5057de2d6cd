/* publisher/html_entity.h - character references of HTML: "&eacute;", "&#233;", "&#xE9;".
 *
 * The names are those of HTML 4. Pure functions. */
#ifndef NEWS_HTML_ENTITY_H
#define NEWS_HTML_ENTITY_H

#include <stddef.h>
#include <stdint.h>

/* Reads the reference that starts with '&' at text. Returns its length in bytes and sets
 * *code_point, or 0 when it is none: a bare ampersand, an unknown name. Leniently as browsers do: a
 * missing semicolon is forgiven before what cannot belong to the name, 128 to 159 mean
 * windows-1252, and what is no character means U+FFFD. */
size_t html_entity(const char *text, size_t len, uint32_t *code_point);

/* The code point of a name without & and ; or 0. The name is NUL-terminated. */
uint32_t html_entity_named(const char *name);

/* The character that a number in a reference means: 128 to 159 are windows-1252, what is no
 * character is U+FFFD. */
uint32_t html_character(uint32_t number);

#endif
