/* common/arena.h - many small pieces of memory that are freed together.
 *
 * Allocation never moves what was given out. Not thread-safe. */
#ifndef NEWS_ARENA_H
#define NEWS_ARENA_H

#include <stddef.h>

struct arena;

struct arena *arena_new(void);                   /* NULL when memory is exhausted */
void arena_free(struct arena *a);                /* NULL is fine */
void *arena_alloc(struct arena *a, size_t size); /* zeroed, aligned for any type; NULL: no memory */
char *arena_strndup(struct arena *a, const char *text, size_t len); /* NUL-terminated copy */
char *arena_strdup(struct arena *a, const char *text);

#endif
