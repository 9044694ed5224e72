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

#include "base/cgroupfs.h"
#include "base/daemon.h"
#include "base/io.h"
#include "base/io_replace.h"
#include "base/str.h"

/* run/cgroup: where the instance's cgroups are, for a spawner that runs elsewhere */
#define REMEMBERED "cgroup"

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

static void folder_name(const struct home *h, char buf[static 32])
{
	snprintf(buf, 32, "/tend-%016llx", (unsigned long long)h->id);
}

/* Where an earlier spawner of this instance put them, if that place still exists. In a home that
 * was copied or moved the file names another instance's. */
static int remembered(struct cgroup *c, const struct home *h)
{
	int n = io_read_small(h->run_fd, REMEMBERED, c->path, sizeof(c->path));
	char own[32];

	if (n <= 0 || c->path[0] != '/')
		return -ENOENT;
	c->path[strcspn(c->path, "\n")] = 0;
	folder_name(h, own);
	if (strcmp(strrchr(c->path, '/'), own) != 0)
		return -ENOENT;
	return access(c->path, F_OK) == 0 ? try_path(c) : -ENOENT;
}

void cgroup_begin(struct cgroup *c, const struct home *h)
{
	char own[PATH_MAX], name[32];

	c->fd = -1;
	if (daemon_disabled("cgroup") || remembered(c, h) == 0)
		return;
	if (cgroupfs_own(own) < 0)
		return;
	folder_name(h, name);
	if (snprintf(c->path, sizeof(c->path), "%s%s", own, name) >= (int)sizeof(c->path))
		return;
	if (try_path(c) == 0)
		(void)io_replace(h->run_fd, REMEMBERED, c->path, strlen(c->path), IO_NO_SYNC);
}

void cgroup_end(struct cgroup *c, const struct home *h)
{
	if (c->fd < 0)
		return;
	io_close(&c->fd);
	if (io_remove(AT_FDCWD, c->path, AT_REMOVEDIR) == 0)
		(void)io_remove(h->run_fd, REMEMBERED, 0);
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
		(void)io_remove(c->fd, name, AT_REMOVEDIR);
}

static int read_file(
	const struct cgroup *c, const char *name, const char *file, char *buf, size_t size)
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
	/* about 35,000 pids; what does not fit is found in the next round of a stop */
	static char text[256 * 1024];
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

bool cgroup_holds(const struct cgroup *c, const char *name, pid_t pid)
{
	struct pidvec v = { 0 };
	bool holds = cgroup_members(c, name, &v) == 0 && pidvec_has(&v, pid);

	free(v.pid);
	return holds;
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
