/* base/whose.c - see base/whose.h. */
#define _GNU_SOURCE 1
#include "base/whose.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/io.h"

#define STATUS_MAX 4096u /* the line that is looked for is among the first ten */
#define AUXV_WORDS 128u
#define TRIES	   4 /* one moment without a descriptor must not decide to whom a process belongs */

/* What a failed look at a process means: it is gone, or not ours to look at, and so nobody's (0);
 * or that is unknown now (-errno). */
static int nobodys(int r)
{
	return io_is_shortage(r) ? r : 0;
}

static int uids_are_ours(int proc_fd)
{
	char text[STATUS_MAX];
	unsigned uid[4];
	int r = io_read_small(proc_fd, "status", text, sizeof(text));
	const char *line = r > 0 ? strstr(text, "\nUid:") : NULL;

	if (r < 0)
		return nobodys(r);
	if (!line || sscanf(line, "\nUid: %u %u %u %u", &uid[0], &uid[1], &uid[2], &uid[3]) != 4)
		return 0;
	for (unsigned i = 0; i < 4; i++)
		if (uid[i] != geteuid())
			return 0;
	return 1;
}

/* The kernel's note at execve, AT_SECURE, of whether rights were gained by it (setuid, setgid,
 * capabilities). A 32-bit program has words of 32 bits. */
static int gained_none(int proc_fd)
{
	union {
		uint64_t wide[AUXV_WORDS];
		uint32_t narrow[2 * AUXV_WORDS];
	} a = { .wide = { 0 } };
	int fd = io_open(proc_fd, "auxv", O_RDONLY, 0);
	ssize_t n = fd < 0 ? fd : read(fd, &a, sizeof(a));
	int r = n < 0 && fd >= 0 ? -errno : (int)n;

	io_close(&fd);
	if (r < 0)
		return nobodys(r);
	for (size_t i = 0; i + 1 < (size_t)r / sizeof(a.wide[0]); i += 2)
		if (a.wide[i] == AT_SECURE)
			return a.wide[i + 1] == 0;
	for (size_t i = 0; i + 1 < (size_t)r / sizeof(a.narrow[0]); i += 2)
		if (a.narrow[i] == AT_SECURE)
			return a.narrow[i + 1] == 0;
	return 0;
}

int whose_own_word(int proc_fd)
{
	int r = uids_are_ours(proc_fd);

	return r > 0 ? gained_none(proc_fd) : r;
}

int whose_view(int proc_fd, const char *path, struct stat *ret)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT };
	/* a link of the kernel's, which is to be followed */
	int root = openat(proc_fd, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r = root < 0 ? -errno : 0;
	long fd;

	if (r == 0 && (fd = syscall(SYS_openat2, root, path, &how, sizeof(how))) >= 0) {
		r = fstat((int)fd, ret) < 0 ? -errno : 0;
		close((int)fd);
	} else if (r == 0) {
		r = -errno;
	}
	io_close(&root);
	return r;
}

/* In the place of our home it sees another folder: it is of an instance with the same path, and so
 * the same marks, in other mounts. */
static bool sees_another_home(const struct home *h, int proc_fd)
{
	struct stat ours, seen = { .st_ino = 0 };

	return fstat(h->fd, &ours) == 0 && whose_view(proc_fd, h->path, &seen) == 0 &&
		(ours.st_dev != seen.st_dev || ours.st_ino != seen.st_ino);
}

static int open_proc(pid_t pid)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	return io_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0);
}

bool whose_home_differs(const struct home *h, pid_t pid)
{
	int fd = open_proc(pid);
	bool differs = fd >= 0 && sees_another_home(h, fd);

	io_close(&fd);
	return differs;
}

/* tend's own daemons hold these FIFOs too, under any number. */
static bool is_daemon(int proc_fd)
{
	static const char *const names[] = { "tend-guardian\n", "tend-spawner\n", "tend-monitor\n",
		"tend-logger\n" };
	char comm[32];

	if (io_read_small(proc_fd, "comm", comm, sizeof(comm)) <= 0)
		return true;
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(comm, names[i]) == 0)
			return true;
	return false;
}

/* Does it hold run/NAME.out of this home? The file counts; the path behind the descriptor only
 * tells which one to compare with. */
static bool holds_fifo(const struct home *h, int proc_fd, char name[static NAME_MAX_BYTES])
{
	static const char suffix[] = HOME_OUT_FIFO;
	char link[16], path[PATH_MAX], *base;
	struct stat held, ours;
	ssize_t n;

	snprintf(link, sizeof(link), "fd/%d", HOME_KEEPER_FD);
	n = h->run_fd < 0 ? -1 : readlinkat(proc_fd, link, path, sizeof(path) - 1);
	path[n > 0 ? n : 0] = 0;
	base = strrchr(path, '/');
	n = base ? (ssize_t)strlen(++base) - (ssize_t)strlen(suffix) : -1;
	if (n <= 0 || strcmp(base + n, suffix) != 0 || fstatat(proc_fd, link, &held, 0) < 0 ||
		!S_ISFIFO(held.st_mode) ||
		fstatat(h->run_fd, base, &ours, AT_SYMLINK_NOFOLLOW) < 0 ||
		held.st_dev != ours.st_dev || held.st_ino != ours.st_ino)
		return false;
	base[n] = 0;
	return name_check(base, NULL) == 0 && !is_daemon(proc_fd) &&
		str_copy(name, NAME_MAX_BYTES, base);
}

int whose_process(
	const struct home *h, int proc_fd, const struct marks *m, char name[static NAME_MAX_BYTES])
{
	char id[20];
	int r;

	name[0] = 0;
	if (holds_fifo(h, proc_fd, name))
		return WHOSE_OURS;
	if (!m->instance)
		return WHOSE_NOBODYS;
	snprintf(id, sizeof(id), "%016" PRIx64, h->id);
	if (strcmp(m->instance, id) != 0)
		return WHOSE_OTHERS;
	if (!m->name || name_check(m->name, NULL) < 0)
		return WHOSE_NOBODYS;
	r = whose_own_word(proc_fd);
	if (r <= 0 || sees_another_home(h, proc_fd))
		return r < 0 ? r : WHOSE_NOBODYS;
	(void)str_copy(name, NAME_MAX_BYTES, m->name);
	return WHOSE_OURS;
}

int whose_pid(const struct home *h, pid_t pid, char name[static NAME_MAX_BYTES])
{
	struct marks m;
	int r, fd = open_proc(pid);

	name[0] = 0;
	if (fd < 0)
		return fd == -ENOENT ? -ESRCH : fd;
	r = marks_read(fd, &m);
	if (r == 0) {
		r = whose_process(h, fd, &m, name);
		marks_done(&m);
	}
	io_close(&fd);
	return r;
}

bool whose_is(const struct home *h, pid_t pid, const char *name)
{
	char found[NAME_MAX_BYTES] = "";
	int r = -EIO;

	for (int i = 0; r < 0 && r != -ESRCH && i < TRIES; i++)
		r = whose_pid(h, pid, found);
	return r == WHOSE_OURS && strcmp(found, name) == 0;
}
