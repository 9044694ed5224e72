/*
 * base/io.c - whole reads, whole writes, atomic replacement.
 *
 * Everything is opened O_NONBLOCK and O_NOCTTY, so that a FIFO or a device where a file was
 * expected can't stop the caller before fstat() tells them apart, nor become its terminal; for
 * regular files, folders and /proc the flags mean nothing.
 */
#define _GNU_SOURCE 1
#include "base/io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/procfs.h"
#include "base/str.h"

#define GROW_BYTES   4096u
#define REMOVE_TRIES 3u
#define TEMP_TRIES   16 /* 2^32 names: a second collision is a sign that something else is wrong */

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

/* Make a file beside name that nobody else uses. Hidden: whoever lists the folder skips it. Its
 * name tells the writer, so that what a killed one leaves behind can be known for what it is
 * (io_sweep()). */
static int make_temp(int dirfd, const char *name, char *temp, size_t size)
{
	for (int i = 0; i < TEMP_TRIES; i++) {
		uint32_t random;

		if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != (ssize_t)sizeof(random))
			return -EAGAIN;
		(void)snprintf(temp, size, ".%.200s.%d-%08x.tmp", name, (int)getpid(), random);
		int fd = io_open(dirfd, temp, O_WRONLY | O_CREAT | O_EXCL, 0600);
		if (fd != -EEXIST)
			return fd;
	}
	return -EEXIST;
}

/* The pid in front of the dash; 0: there is none. */
static pid_t pid_before_dash(const char *text)
{
	size_t len = strcspn(text, "-");
	char digits[16];
	int64_t pid;

	if (text[len] != '-' || len >= sizeof(digits))
		return 0;
	memcpy(digits, text, len);
	digits[len] = '\0';
	return str_int(digits, 1, INT32_MAX, &pid) < 0 ? 0 : (pid_t)pid;
}

/* Who wrote a file of this name; 0: it is not the name of a temporary file. Anybody may give a file
 * any name, so each part is looked for before it is used. */
static pid_t writer_of(const char *name)
{
	const char *end = name + strlen(name), *dot;

	if (strncmp(name, ".new-", 5) == 0)
		return pid_before_dash(name + 5);
	if (name[0] != '.' || end - name < 5 || strcmp(end - 4, ".tmp") != 0)
		return 0;
	dot = memrchr(name + 1, '.', (size_t)(end - 4 - (name + 1)));
	return dot ? pid_before_dash(dot + 1) : 0;
}

bool io_is_leftover(const char *name)
{
	pid_t pid = writer_of(name);
	struct procfs_stat st;
	int r;

	if (pid == 0)
		return false;
	r = procfs_stat(pid, &st);
	/* a zombie writes no more, and nobody may reap it for long */
	return r == -ESRCH || (r == 0 && !procfs_stat_alive(&st));
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

unsigned io_sweep(int dirfd, bool (*keep)(void *arg, const char *name), void *arg)
{
	int fd = io_open(dirfd, ".", O_RDONLY | O_DIRECTORY, 0);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	unsigned n = 0;

	if (!dir) {
		io_close(&fd);
		return 0;
	}
	while ((e = readdir(dir)))
		if (e->d_name[0] == '.' && io_is_leftover(e->d_name) &&
			!(keep && keep(arg, e->d_name)))
			n += unlinkat(dirfd, e->d_name, 0) == 0;
	closedir(dir);
	return n;
}

static int fill_temp(int fd, const void *buf, size_t bytes, enum io_sync sync)
{
	int r = fchmod(fd, 0600) < 0 ? -errno : 0; /* whatever the umask took */

	if (!r)
		r = io_write_all(fd, buf, bytes);
	if (!r && sync == IO_SYNC && fsync(fd) < 0)
		r = -errno;
	return r;
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

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
		a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Exchange temp and name, and look at what came out. If it is not the old file, someone has put a
 * newer one there in that moment, and it goes back; if what comes out then is not ours, the same
 * has happened again, and so on until nobody came in between. */
static int exchange(int dirfd, const char *temp, const char *name, const struct stat *old)
{
	struct stat put, wanted = *old, got;
	/* as long as it is open no other file gets its number */
	int r, ours = io_open(dirfd, temp, O_PATH, 0);

	if (ours < 0)
		return ours;
	r = fstat(ours, &put) < 0 ? -errno : 0;
	for (bool first = true; r == 0; first = false) {
		if (renameat2(dirfd, temp, dirfd, name, RENAME_EXCHANGE) < 0)
			r = errno == ENOENT ? -EAGAIN : -errno; /* someone has taken it away */
		else if (fstatat(dirfd, temp, &got, AT_SYMLINK_NOFOLLOW) < 0)
			r = -errno;
		else if (!is_same(&got, &wanted)) {
			wanted = put;
			put = got;
		} else if (first)
			break;
		else
			r = -EAGAIN;
	}
	io_close(&ours);
	return r;
}

/* Rename temp to name; with old, only in the place of that file. */
static int put_in_place(int dirfd, const char *temp, const char *name, const struct stat *old)
{
	struct stat st;
	int r = old ? -EAGAIN : -EINVAL;

	if (old && fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && is_same(&st, old)) {
		r = exchange(dirfd, temp, name, old);
		if (r == 0)
			(void)unlinkat(dirfd, temp, 0);
	}
	/* else the file system has no exchange: what was just looked at has to do */
	if (r != -EINVAL)
		return r;
	return renameat(dirfd, temp, dirfd, name) < 0 ? -errno : 0;
}

static int replace(int dirfd, const char *name, const void *buf, size_t bytes, enum io_sync sync,
	const struct stat *old)
{
	char temp[256];
	int r, fd = -1, folder = -1;

	if (!*name || strchr(name, '/'))
		return -EINVAL;
	if (sync == IO_SYNC) { /* opened first: once renamed, only the sync itself can still fail */
		folder = io_open(dirfd, ".", O_RDONLY | O_DIRECTORY, 0);
		if (folder < 0)
			return folder;
	}
	fd = make_temp(dirfd, name, temp, sizeof(temp));
	if (fd < 0) {
		r = fd;
		goto out;
	}
	r = fill_temp(fd, buf, bytes, sync);
	/* network file systems report a failed write here */
	if (close(fd) < 0 && !r && errno != EINTR)
		r = -errno;
	if (!r)
		r = put_in_place(dirfd, temp, name, old);
	if (r)
		(void)unlinkat(dirfd, temp, 0);
	else if (sync == IO_SYNC)
		r = io_sync_folder(folder);
out:
	io_close(&folder);
	return r;
}

int io_replace(int dirfd, const char *name, const void *buf, size_t bytes, enum io_sync sync)
{
	return replace(dirfd, name, buf, bytes, sync, NULL);
}

int io_replace_old(int dirfd, const char *name, const void *buf, size_t bytes, enum io_sync sync,
	const struct stat *old)
{
	return replace(dirfd, name, buf, bytes, sync, old);
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
