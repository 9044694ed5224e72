/*
 * base/cgroupfs.h - where we are in the cgroup v2 hierarchy.
 */
#ifndef BASE_CGROUPFS_H
#define BASE_CGROUPFS_H

#include <limits.h>

/* The folder of the calling process's own cgroup, "/sys/fs/cgroup/user.slice/..." ; -ENOENT where
 * there is no such hierarchy. */
int cgroupfs_own(char buf[static PATH_MAX]);

/* Move the calling process into the cgroup of this folder. */
int cgroupfs_join(const char *folder);

#endif
