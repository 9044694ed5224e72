/*
 * base/role.c - role locks.
 *
 * The lock files are never removed: a lock on a file that has lost its name keeps no one out.
 */
#define _GNU_SOURCE 1
#include "base/role.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/procfs.h"
#include "base/str.h"

#define SIGN_TRIES 3 /* an error of the moment must not leave a daemon unknown for its life */

const char *role_name(unsigned role)
{
	static const char *const names[ROLE_MAX] = {
		[ROLE_GUARDIAN] = "guardian",
		[ROLE_SPAWNER] = "spawner",
		[ROLE_MONITOR] = "monitor",
		[ROLE_LOGGER] = "logger",
	};

	return role < ROLE_MAX ? names[role] : "?";
}

/* -ENOENT also where something else lies in its place: nobody holds the lock that daemons of this
 * home look for. Whoever takes the lock makes way. */
static int open_lock(int run_fd, enum role role, int flags)
{
	char name[32];
	struct stat st;
	int fd;

	if ((unsigned)role >= ROLE_MAX)
		return -EINVAL;
	(void)snprintf(name, sizeof(name), "%s.lock", role_name((unsigned)role));
	if (flags & O_CREAT)
		io_make_way(run_fd, name, S_IFREG);
	fd = io_open(run_fd, name, flags | O_NONBLOCK | O_NOCTTY, 0600);
	if (fd == -ELOOP || fd == -ENXIO)
		return -ENOENT;
	if (fd >= 0 && fstat(fd, &st) == 0 && !S_ISREG(st.st_mode)) {
		io_close(&fd);
		return -ENOENT;
	}
	return fd;
}

static int sign_once(int lock_fd)
{
	char text[64];
	uint64_t start = procfs_own_start();
	int n = snprintf(text, sizeof(text), "%d %" PRIu64 "\n", (int)getpid(), start);

	if (start == 0) /* no /proc: leave it empty rather than half true */
		return ftruncate(lock_fd, 0) < 0 ? -errno : -ESRCH;
	/* Written over the last holder's text and cut then: the block that the file has is not
	 * given back to a disk that may be full. */
	ssize_t written = pwrite(lock_fd, text, (size_t)n, 0);
	if (written == n)
		return ftruncate(lock_fd, n) < 0 ? -errno : 0;
	int r = written < 0 ? -errno : -ENOSPC;
	return ftruncate(lock_fd, 0) < 0 ? -errno : r;
}

int role_sign(int lock_fd)
{
	int r = -EIO;

	for (int i = 0; r < 0 && i < SIGN_TRIES; i++)
		r = sign_once(lock_fd);
	return r;
}

int role_lock(int run_fd, enum role role, int *ret_fd)
{
	/* l_len 0: to the end; l_pid must be 0 */
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = open_lock(run_fd, role, O_RDWR | O_CREAT);

	if (fd < 0)
		return fd;
	if (fcntl(fd, F_OFD_SETLK, &lock) < 0) {
		int r = errno == EAGAIN || errno == EACCES ? -EBUSY : -errno;

		io_close(&fd);
		return r;
	}
	/* Sign at once, else the last holder's text would speak for us. If that fails (a full disk)
	 * the holder is unknown, but the lock is what counts. */
	(void)role_sign(fd);
	*ret_fd = fd;
	return 0;
}

/* "PID START_TICKS\n", whole or not at all: a reader may come between truncation and writing. */
static void parse_holder(char *text, pid_t *ret_pid, uint64_t *ret_start_ticks)
{
	int64_t pid, start;
	char *blank = strchr(text, ' '), *end = strchr(text, '\n');

	*ret_pid = 0;
	*ret_start_ticks = 0;
	if (!blank || !end || blank > end || end[1])
		return;
	*blank = *end = '\0';
	if (str_int(text, 1, INT32_MAX, &pid) || str_int(blank + 1, 1, INT64_MAX, &start))
		return;
	*ret_pid = (pid_t)pid;
	*ret_start_ticks = (uint64_t)start;
}

int role_holder(int run_fd, enum role role, pid_t *ret_pid, uint64_t *ret_start_ticks)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char text[64];
	int r = 0, fd = open_lock(run_fd, role, O_RDONLY);

	if (fd < 0)
		return fd;
	/* Asking whether a write lock COULD be had needs no descriptor open for writing; only
	 * taking one does. */
	if (fcntl(fd, F_OFD_GETLK, &lock) < 0)
		r = -errno;
	else if (lock.l_type == F_UNLCK)
		r = -ENOENT;
	if (!r) {
		ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

		text[n > 0 ? n : 0] = '\0';
		parse_holder(text, ret_pid, ret_start_ticks);
	}
	io_close(&fd);
	return r;
}

int role_home(pid_t pid, char buf[static PATH_MAX])
{
	char path[32], text[2 * PATH_MAX];
	const char *before = "", *arg = text;
	int n;

	(void)snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	n = io_read_small(AT_FDCWD, path, text, sizeof(text));
	for (; n > 0 && arg < text + n; before = arg, arg += strlen(arg) + 1)
		if (strcmp(before, "--home") == 0)
			return str_copy(buf, PATH_MAX, arg) ? 0 : -ENAMETOOLONG;
	return n < 0 ? n : -ENOENT;
}
