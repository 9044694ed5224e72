/* spawner/cgroup.c - see spawner/cgroup.h. */
#define _GNU_SOURCE 1
#include "spawner/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/daemon.h"
#include "base/io.h"
#include "base/str.h"

#define REMEMBERED "cgroup" /* run/cgroup: where the instance's cgroups are, for a spawner that runs elsewhere */
#define MOUNTINFO_MAX (256u * 1024)

/* The mount point of the cgroup v2 hierarchy: field 5 of the mountinfo line whose type, behind " - ", is cgroup2. */
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
static int find_own(char buf[static PATH_MAX])
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

static int try_path(struct cgroup *c)
{
	int fd;

	if (mkdir(c->path, 0755) < 0 && errno != EEXIST)
		return -errno;
	if (access(c->path, W_OK) < 0)
		return -errno;
	fd = io_open(AT_FDCWD, c->path, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return fd;
	/* a real cgroup folder has this file; an ordinary folder under a fake mount has not */
	if (faccessat(fd, "cgroup.kill", W_OK, 0) < 0) {
		close(fd);
		return -ENOTSUP;
	}
	c->fd = fd;
	return 0;
}

/* Where an earlier spawner of this instance put them, if that place still exists. */
static int remembered(struct cgroup *c, const struct home *h)
{
	int n = io_read_small(h->run_fd, REMEMBERED, c->path, sizeof(c->path));

	if (n <= 0 || c->path[0] != '/')
		return -ENOENT;
	c->path[strcspn(c->path, "\n")] = 0;
	return access(c->path, F_OK) == 0 ? try_path(c) : -ENOENT;
}

/* A spawner that was started from inside a supervised process would nest its cgroups there, and die with it: go up to the instance's parent. */
static void leave_instance(char *own)
{
	char *nested = strstr(own, "/tend-");

	if (nested)
		*nested = 0;
}

void cgroup_begin(struct cgroup *c, const struct home *h)
{
	char mount[PATH_MAX], own[PATH_MAX];

	c->fd = -1;
	if (daemon_disabled("cgroup") || remembered(c, h) == 0)
		return;
	if (find_mount(mount) < 0 || find_own(own) < 0)
		return;
	leave_instance(own);
	if (snprintf(c->path, sizeof(c->path), "%s%s%stend-%016llx", mount, own, own[0] && own[strlen(own) - 1] == '/' ? "" : "/",
		     (unsigned long long)h->id) >= (int)sizeof(c->path))
		return;
	if (try_path(c) == 0)
		(void)io_replace(h->run_fd, REMEMBERED, c->path, strlen(c->path), IO_NO_SYNC);
}

void cgroup_end(struct cgroup *c, const struct home *h)
{
	if (c->fd < 0)
		return;
	io_close(&c->fd);
	if (rmdir(c->path) == 0)
		unlinkat(h->run_fd, REMEMBERED, 0);
}

int cgroup_open(const struct cgroup *c, const char *name)
{
	int fd;

	if (c->fd < 0)
		return -ENOTSUP;
	fd = io_open(c->fd, name, O_RDONLY | O_DIRECTORY, 0);
	if (fd != -ENOENT)
		return fd;
	if (mkdirat(c->fd, name, 0755) < 0 && errno != EEXIST)
		return -errno;
	return io_open(c->fd, name, O_RDONLY | O_DIRECTORY, 0);
}

void cgroup_remove(const struct cgroup *c, const char *name)
{
	if (c->fd >= 0)
		unlinkat(c->fd, name, AT_REMOVEDIR);
}

static int read_file(const struct cgroup *c, const char *name, const char *file, char *buf, size_t size)
{
	char path[NAME_MAX_BYTES + 32];

	if (c->fd < 0)
		return -ENOTSUP;
	snprintf(path, sizeof(path), "%s/%s", name, file);
	return io_read_small(c->fd, path, buf, size);
}

int cgroup_populated(const struct cgroup *c, const char *name)
{
	char text[256];
	const char *at;
	int n = read_file(c, name, "cgroup.events", text, sizeof(text));

	if (n < 0)
		return n;
	at = strstr(text, "populated ");
	return at ? at[10] == '1' : -EBADMSG;
}

int cgroup_members(const struct cgroup *c, const char *name, struct pidvec *v)
{
	static char text[256 * 1024]; /* about 35,000 pids; what does not fit is found in the next round of a stop */
	char *at = text;
	int n = read_file(c, name, "cgroup.procs", text, sizeof(text));

	if (n < 0)
		return n;
	while (*at) {
		char *end;
		long pid = strtol(at, &end, 10);

		if (end == at)
			break;
		if (pid > 0 && *end == '\n' && pidvec_push(v, (pid_t)pid) < 0)
			return -ENOMEM;
		at = end + (*end == '\n');
	}
	return 0;
}

int cgroup_kill(const struct cgroup *c, const char *name)
{
	char path[NAME_MAX_BYTES + 32];
	int fd, r;

	if (c->fd < 0)
		return -ENOTSUP;
	snprintf(path, sizeof(path), "%s/cgroup.kill", name);
	fd = io_open(c->fd, path, O_WRONLY, 0);
	if (fd < 0)
		return fd;
	r = io_write_all(fd, "1", 1);
	io_close(&fd);
	return r;
}
