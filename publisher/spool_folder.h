/* publisher/spool_folder.h - a spool directory with its folders done and failed: how files leave
 * it.
 *
 * A file is moved by renameat() within one file system, never over another: where its name is taken
 * it gets ".1", ".2" ... behind it. Only the file that was read is moved; if another came under its
 * name meanwhile, that one stays. Threads: one. */
#ifndef PUBLISHER_SPOOL_FOLDER_H
#define PUBLISHER_SPOOL_FOLDER_H

#include <stdbool.h>
#include <sys/stat.h>

#include "common/error.h"

struct spool_folder { /* descriptors; -1: not open */
    int dir, done, failed;
};

/* Makes what is missing, mode 0700 (not its parents). False: nothing stays open. */
bool spool_folder_open(struct spool_folder *f, const char *path, struct news_error *err);
void spool_folder_close(struct spool_folder *f);
/* Are these still the directories that the path leads to? */
bool spool_folder_in_place(const struct spool_folder *f, const char *path);

/* The same file, and nobody wrote to it between. */
bool spool_same_content(const struct stat *a, const struct stat *b);

enum spool_moved {
    SPOOL_MOVED,
    SPOOL_OTHER,  /* it is gone, or not what was read any more: look again */
    SPOOL_FAILED, /* err; try again later */
};

/* To done, or, with faults, to failed, the faults in NAME.error beside it. seen: as it was read. */
enum spool_moved spool_folder_move(const struct spool_folder *f, const char *name,
                                   const struct stat *seen, const char *faults,
                                   struct news_error *err);

#endif
