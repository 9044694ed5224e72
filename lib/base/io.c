/*
 * base/io.c - whole reads, whole writes, and files opened so that nobody is waited for.
 *
 * Everything is opened O_NONBLOCK and O_NOCTTY, so that a FIFO or a device where a file was
 * expected can't stop the caller before fstat() tells them apart, nor become its terminal; for
 * regular files, folders and /proc the flags mean nothing.
 */
#define _GNU_SOURCE 1
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define GROW_BYTES   4096u
#define REMOVE_TRIES 3u

int io_open(int dirfd, const char *path, int flags, unsigned mode)
{
	int fd;

	do
		fd = openat(
			dirfd, path, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, mode);
	while (fd < 0 && errno == EINTR);
	return fd < 0 ? -errno : fd;
}

void io_close(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		/* not repeated after EINTR: Linux has freed the descriptor by then */
		(void)close(*fd);
	*fd = -1;
	errno = saved;
}

/* Read until size bytes, the end, or an error. */
static ssize_t read_full(int fd, char *buf, size_t size)
{
	size_t len = 0;

	while (len < size) {
		ssize_t n = read(fd, buf + len, size - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

/* Read to the end of fd into a new buffer. hint is the size it claims, which a growing file and
 * /proc make a lie. */
static int slurp(int fd, size_t hint, size_t max, char **ret, size_t *ret_len)
{
	char *buf = NULL;
	size_t len = 0, size = hint + 2; /* NUL, and one byte more to see the end */
	int r;

	for (;;) {
		char *bigger = realloc(buf, size);

		if (!bigger) {
			r = -ENOMEM;
			goto out;
		}
		buf = bigger;
		ssize_t n = read_full(fd, buf + len, size - 1 - len);
		if (n < 0) {
			r = (int)n;
			goto out;
		}
		len += (size_t)n;
		if (len > max) {
			r = -EFBIG;
			goto out;
		}
		if (len < size - 1)
			break;
		size += size / 2 + GROW_BYTES;
	}
	buf[len] = '\0';
	*ret = buf;
	buf = NULL;
	if (ret_len)
		*ret_len = len;
	r = 0;
out:
	free(buf);
	return r;
}

int io_read_file(int dirfd, const char *path, size_t max, char **ret, size_t *ret_len)
{
	struct stat st;
	int r, fd = io_open(dirfd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);

	if (fd < 0)
		return fd == -ENXIO ? -EINVAL : fd; /* ENXIO: a socket */
	if (fstat(fd, &st) < 0)
		r = -errno;
	else if (!S_ISREG(st.st_mode))
		r = -EINVAL;
	else if (st.st_size < 0 || (uint64_t)st.st_size > max)
		r = -EFBIG;
	else
		r = slurp(fd, (size_t)st.st_size, max, ret, ret_len);
	io_close(&fd);
	return r;
}

int io_read_small(int dirfd, const char *path, char *buf, size_t size)
{
	if (size == 0)
		return -EINVAL;
	int fd = io_open(dirfd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	if (fd < 0)
		return fd;
	ssize_t n = read_full(fd, buf, size - 1 < INT_MAX ? size - 1 : INT_MAX);
	io_close(&fd);
	if (n >= 0)
		buf[n] = '\0';
	return (int)n;
}

int io_write_all(int fd, const void *buf, size_t bytes)
{
	const char *p = buf;

	while (bytes > 0) {
		ssize_t n = write(fd, p, bytes);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EIO; /* nothing says that it ever would go on */
		p += n;
		bytes -= (size_t)n;
	}
	return 0;
}

bool io_is_scarce(int fd, unsigned last)
{
	struct rlimit files;

	return fd >= 0 && getrlimit(RLIMIT_NOFILE, &files) == 0 &&
		(rlim_t)fd + last >= files.rlim_cur;
}

bool io_is_shortage(int r)
{
	return r == -EMFILE || r == -ENFILE || r == -ENOMEM;
}

int io_remove(int dirfd, const char *name, int flags)
{
	int r = -EIO;

	for (unsigned tries = 0; r < 0 && tries < REMOVE_TRIES; tries++) {
		r = unlinkat(dirfd, name, flags) < 0 ? -errno : 0;
		if (r == -ENOENT || r == -EBUSY || r == -ENOTEMPTY)
			break;
	}
	return r;
}

void io_make_way(int dirfd, const char *name, mode_t kind)
{
	char aside[NAME_MAX + 1];
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || (st.st_mode & S_IFMT) == kind)
		return;
	if (!S_ISDIR(st.st_mode)) {
		(void)unlinkat(dirfd, name, 0);
		return;
	}
	(void)snprintf(aside, sizeof(aside), ".%.200s.displaced-%d", name, (int)getpid());
	(void)renameat2(dirfd, name, dirfd, aside, RENAME_NOREPLACE);
}

/* Some file systems can't sync a folder (EINVAL); they keep renames by other means or not at
 * all. */
int io_sync_folder(int dirfd)
{
	return fsync(dirfd) < 0 && errno != EINVAL ? -errno : 0;
}

int io_rename_new(int dirfd, const char *from, const char *to)
{
	struct stat st;

	if (renameat2(dirfd, from, dirfd, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS) /* NFS, 9p, FUSE and others; kernels before 3.15 */
		return -errno;
	if (fstatat(dirfd, to, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return -EEXIST;
	if (errno != ENOENT || renameat(dirfd, from, dirfd, to) < 0)
		return -errno;
	return 0;
}

int io_text_done(FILE *stream, char *const *text)
{
	int r = ferror(stream) ? -ENOMEM : 0;

	if (fclose(stream) != 0 || !*text)
		r = -ENOMEM;
	return r;
}

unsigned long io_raise_nofile(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) < 0)
		return 0;
	rlim_t old = rl.rlim_cur;
	if (rl.rlim_cur != rl.rlim_max) {
		rl.rlim_cur = rl.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &rl); /* if refused, the old one has to do */
	}
	return (unsigned long)old;
}
