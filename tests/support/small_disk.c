#include "tests/support/small_disk.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <unistd.h>

/* Mounts of its own, where need be as root of a user namespace of its own. */
static bool stand_apart(void)
{
    static bool apart;
    char map[64];
    unsigned uid = (unsigned)getuid();
    if (apart) return true;
    if (unshare(CLONE_NEWNS) != 0) {
        if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
        int len = snprintf(map, sizeof map, "0 %u 1", uid);
        int fd = open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC);
        bool mapped = fd >= 0 && write(fd, map, (size_t)len) == len;
        if (fd >= 0) (void)close(fd);
        if (!mapped) return false;
    }
    apart = mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
    return apart;
}

bool small_disk_mount(const char *path, const char *size)
{
    char options[64];
    (void)snprintf(options, sizeof options, "size=%s,mode=0700", size);
    return stand_apart() && mount("tmpfs", path, "tmpfs", 0, options) == 0;
}

bool small_disk_unmount(const char *path)
{
    return umount(path) == 0;
}
