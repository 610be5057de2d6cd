#include "tests/support/tmpdir.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool tmpdir_make(struct tmpdir *dir)
{
    const char *base = getenv("TMPDIR");
    int n = snprintf(dir->path, sizeof dir->path, "%s/newswire-test-XXXXXX",
                     base && *base ? base : "/tmp");
    if (n > 0 && (size_t)n < sizeof dir->path && mkdtemp(dir->path)) return true;
    *dir->path = '\0';
    return false;
}

bool tmpdir_write(const struct tmpdir *dir, const char *name, const char *text, char *path,
                  size_t size)
{
    int n = snprintf(path, size, "%s/%s", dir->path, name);
    if (n < 0 || (size_t)n >= size) return false;
    FILE *file = fopen(path, "w");
    if (!file) return false;
    bool ok = chmod(path, 0600) == 0 && fputs(text, file) >= 0;
    return fclose(file) == 0 && ok;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info, (void)type, (void)where;
    return remove(path);
}

void tmpdir_remove(struct tmpdir *dir)
{
    if (*dir->path) nftw(dir->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    *dir->path = '\0';
}
