/* tests/support/small_disk.h - a file system that fills up. */
#ifndef NEWS_TEST_SMALL_DISK_H
#define NEWS_TEST_SMALL_DISK_H

#include <stdbool.h>

/* Mounts a tmpfs of that size ("400k") on the folder at path, seen by this process and its children
 * alone, and gone with them. False: this machine does not let a test do that, a reason to skip. */
bool small_disk_mount(const char *path, const char *size);
bool small_disk_unmount(const char *path);

#endif
