/* base/cgroupfs.c - see base/cgroupfs.h. */
#define _GNU_SOURCE 1
#include "base/cgroupfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/str.h"

#define MOUNTINFO_MAX (256u * 1024)

/* The mount point of the cgroup v2 hierarchy: field 5 of the mountinfo line whose type, behind " -
 * ", is cgroup2. */
static int find_mount(char buf[static PATH_MAX])
{
	char *text = malloc(MOUNTINFO_MAX), *line, *rest;
	int r = -ENOENT;

	if (!text)
		return -ENOMEM;
	if (io_read_small(AT_FDCWD, "/proc/self/mountinfo", text, MOUNTINFO_MAX) <= 0)
		goto out;
	for (rest = text; (line = strsep(&rest, "\n"));) {
		char *type = strstr(line, " - cgroup2 ");

		if (type && sscanf(line, "%*s %*s %*s %*s %4095s", buf) == 1) {
			r = 0;
			break;
		}
	}
out:
	free(text);
	return r;
}

/* Our own place in it: the line "0::/path" of /proc/self/cgroup. */
static int find_path(char buf[static PATH_MAX])
{
	char text[8192], *line;

	if (io_read_small(AT_FDCWD, "/proc/self/cgroup", text, sizeof(text)) <= 0)
		return -ENOENT;
	line = strncmp(text, "0::", 3) == 0 ? text : strstr(text, "\n0::");
	if (!line)
		return -ENOENT;
	line += line[0] == '\n';
	line[strcspn(line, "\n")] = 0;
	return str_copy(buf, PATH_MAX, line + 3) ? 0 : -ENAMETOOLONG;
}

int cgroupfs_own(char buf[static PATH_MAX])
{
	char mount[PATH_MAX], path[PATH_MAX];
	size_t len;

	if (find_mount(mount) < 0 || find_path(path) < 0)
		return -ENOENT;
	len = strlen(path);
	if (len && path[len - 1] == '/')
		path[len - 1] = 0;
	return snprintf(buf, PATH_MAX, "%s%s", mount, path) < PATH_MAX ? 0 : -ENAMETOOLONG;
}

int cgroupfs_join(const char *folder)
{
	char path[PATH_MAX];
	int fd, r;

	if (snprintf(path, sizeof(path), "%s/cgroup.procs", folder) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = io_open(AT_FDCWD, path, O_WRONLY, 0);
	if (fd < 0)
		return fd;
	r = io_write_all(fd, "0", 1);
	io_close(&fd);
	return r;
}
