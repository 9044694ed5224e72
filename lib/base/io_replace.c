/* base/io_replace.c - a file replaced in one step (base/io_replace.h). */
#define _GNU_SOURCE 1
#include "base/io_replace.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/io.h"
#include "base/procfs.h"
#include "base/str.h"

#define TEMP_TRIES 16 /* 2^32 names: a second collision is a sign that something else is wrong */

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
