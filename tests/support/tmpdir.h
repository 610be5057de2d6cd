/* tests/support/tmpdir.h - a directory of one test, gone afterwards with all that is in it. */
#ifndef NEWS_TEST_TMPDIR_H
#define NEWS_TEST_TMPDIR_H

#include <stdbool.h>
#include <stddef.h>

struct tmpdir {
    char path[128];
};

bool tmpdir_make(struct tmpdir *dir); /* below $TMPDIR, or /tmp; mode 0700 */
/* Writes a file, mode 0600; path (of size bytes) gets its full name. */
bool tmpdir_write(const struct tmpdir *dir, const char *name, const char *text, char *path,
                  size_t size);
void tmpdir_remove(struct tmpdir *dir); /* zeroed is fine */

#endif
