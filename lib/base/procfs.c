/*
 * base/procfs.c - reading /proc.
 *
 * Files are small and read by open-read-close. The exceptions are read in pieces: children (a fork
 * bomb's list has no bound, and the kernel hands out a page at a time anyway) and environ (as large
 * as the owner likes).
 */
#define OWN_START_TRIES 4
#define _GNU_SOURCE	1
#include "base/procfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/str.h"

#define STAT_MAX   2048 /* 52 numbers of at most 20 digits, and a name of at most 64 bytes */
#define CHUNK_MAX  4096
#define FIELD_LAST 52

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Unsigned decimal in [*p, end), moved past it. False: no digit, or more than 64 bits. */
static bool take_number(const char **p, const char *end, uint64_t *ret)
{
	const char *q = *p;
	uint64_t v = 0;

	for (; q < end && is_digit(*q); q++)
		if (__builtin_mul_overflow(v, 10u, &v) ||
			__builtin_add_overflow(v, (uint64_t)(*q - '0'), &v))
			return false;
	if (q == *p)
		return false;
	*p = q;
	*ret = v;
	return true;
}

struct field {
	uint64_t magnitude;
	bool negative;
};

/* One blank, then a number with or without a sign. */
static bool take_field(const char **p, const char *end, struct field *ret)
{
	if (*p == end || **p != ' ')
		return false;
	++*p;
	ret->negative = *p < end && **p == '-';
	*p += ret->negative;
	return take_number(p, end, &ret->magnitude);
}

/* A pid-like field; tells a number that is none. */
static bool as_pid(const struct field *f, pid_t *ret)
{
	if (f->negative || f->magnitude > INT_MAX)
		return false;
	*ret = (pid_t)f->magnitude;
	return true;
}

/* Fields 4 to 52, from the blank behind the state letter. */
static int parse_fields(const char *p, const char *end, struct procfs_stat *st)
{
	struct field f[FIELD_LAST + 1];

	for (int i = 4; i <= FIELD_LAST; i++)
		if (!take_field(&p, end, &f[i]))
			return -EINVAL;
	if (p < end && *p != ' ' && *p != '\n') /* later kernels may add fields */
		return -EINVAL;
	if (!as_pid(&f[4], &st->ppid) || !as_pid(&f[5], &st->pgrp) || !as_pid(&f[6], &st->session))
		return -EINVAL;
	if (f[14].negative || f[15].negative || f[20].negative || f[22].negative)
		return -EINVAL;
	if (f[52].negative || f[52].magnitude > INT_MAX)
		return -EINVAL;
	st->utime_ticks = f[14].magnitude;
	st->stime_ticks = f[15].magnitude;
	st->threads = f[20].magnitude;
	st->start_ticks = f[22].magnitude;
	/* per-CPU counters may add up to less than nothing */
	st->rss_pages = f[24].negative ? 0 : f[24].magnitude;
	st->exit_status = (int)f[52].magnitude;
	return 0;
}

int procfs_parse_stat(const char *text, size_t len, struct procfs_stat *ret)
{
	struct procfs_stat st = { 0 };
	const char *p = text, *end = text + len;
	uint64_t pid;

	if (!take_number(&p, end, &pid) || pid == 0 || pid > INT_MAX || end - p < 2 ||
		memcmp(p, " (", 2))
		return -EINVAL;
	st.pid = (pid_t)pid;
	p += 2;
	/* behind it come a letter and numbers only */
	const char *close = memrchr(p, ')', (size_t)(end - p));
	if (!close)
		return -EINVAL;
	size_t n = (size_t)(close - p);
	if (n >= sizeof(st.comm))
		n = sizeof(st.comm) - 1;
	memcpy(st.comm, p, n);
	p = close + 1;
	if (end - p < 2 || p[0] != ' ' ||
		!((p[1] >= 'A' && p[1] <= 'Z') || (p[1] >= 'a' && p[1] <= 'z')))
		return -EINVAL;
	st.state = p[1];
	int r = parse_fields(p + 2, end, &st);
	if (!r)
		*ret = st;
	return r;
}

static int read_stat(const char *path, struct procfs_stat *ret)
{
	char text[STAT_MAX];
	int n = io_read_small(AT_FDCWD, path, text, sizeof(text));

	if (n < 0)
		return n == -ENOENT ? -ESRCH : n;
	return procfs_parse_stat(text, (size_t)n, ret);
}

int procfs_stat(pid_t pid, struct procfs_stat *ret)
{
	char path[32];

	if (pid <= 0)
		return -ESRCH;
	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	return read_stat(path, ret);
}

bool procfs_stat_alive(const struct procfs_stat *st)
{
	if (st->state == 'Z')
		return st->threads > 1;
	return st->state != 'X' && st->state != 'x';
}

int pidvec_push(struct pidvec *v, pid_t pid)
{
	if (v->n == v->cap) {
		size_t cap = v->cap ? v->cap * 2 : 16;
		pid_t *bigger = reallocarray(v->pid, cap, sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		v->pid = bigger;
		v->cap = cap;
	}
	v->pid[v->n++] = pid;
	return 0;
}

static bool has_from(const struct pidvec *v, size_t from, pid_t pid)
{
	for (size_t i = from; i < v->n; i++)
		if (v->pid[i] == pid)
			return true;
	return false;
}

bool pidvec_has(const struct pidvec *v, pid_t pid)
{
	return has_from(v, 0, pid);
}

/* Append the blank-separated pids of an open children file; one may lie across two reads. */
static int push_pids(int fd, struct pidvec *v)
{
	char buf[CHUNK_MAX];
	uint64_t pid = 0;
	ssize_t n;
	int r = 0;

	while (!r && (n = read(fd, buf, sizeof(buf))) != 0) {
		if (n < 0) {
			r = errno == EINTR ? 0 : -errno;
			continue;
		}
		for (ssize_t i = 0; !r && i < n; i++) {
			if (is_digit(buf[i]))
				pid = pid * 10 + (uint64_t)(buf[i] - '0');
			else if (pid > 0) {
				r = pidvec_push(v, (pid_t)pid);
				pid = 0;
			}
			if (pid > INT_MAX)
				r = -EINVAL;
		}
	}
	return !r && pid > 0 ? pidvec_push(v, (pid_t)pid) : r;
}

/* Children of the thread whose folder is dirfd/thread. -ESRCH: it is gone; -ENOSYS: it is there,
 * the file is not. */
static int thread_children(int dirfd, const char *thread, struct pidvec *v)
{
	char path[300]; /* a name from readdir() has at most 255 bytes */

	(void)snprintf(path, sizeof(path), "%s/children", thread);
	int fd = io_open(dirfd, path, O_RDONLY, 0);
	if (fd == -ENOENT)
		return faccessat(dirfd, thread, F_OK, 0) < 0 ? -ESRCH : -ENOSYS;
	if (fd < 0)
		return fd;
	int r = push_pids(fd, v);
	io_close(&fd);
	return r;
}

static int all_threads_children(pid_t pid, struct pidvec *v)
{
	char path[32];
	struct dirent *e;
	int r = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	int fd = io_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return fd == -ENOENT ? -ESRCH : fd;
	DIR *dir = fdopendir(fd);
	if (!dir) {
		r = -errno;
		io_close(&fd);
		return r;
	}
	while (!r && (e = readdir(dir))) {
		if (!is_digit(e->d_name[0]))
			continue;
		r = thread_children(fd, e->d_name, v);
		/* this thread has ended; its children went to another of this process */
		if (r == -ESRCH)
			r = 0;
	}
	(void)closedir(dir);
	return r;
}

int procfs_children(pid_t pid, uint64_t threads, struct pidvec *v)
{
	char path[64];
	size_t before = v->n;
	int r;

	if (pid <= 0)
		return -ESRCH;
	if (threads == 1) {
		(void)snprintf(path, sizeof(path), "/proc/%d/task/%d", (int)pid, (int)pid);
		r = thread_children(AT_FDCWD, path, v);
	} else {
		r = all_threads_children(pid, v);
	}
	if (r)
		v->n = before;
	return r;
}

/* Append the children of v->pid[i] to a walk that began at v->pid[from], each once: a process that
 * gets another parent during the walk is met twice. */
static int push_below(struct pidvec *v, size_t from, size_t i, uint64_t threads)
{
	struct pidvec found = { 0 };
	int r = procfs_children(v->pid[i], threads, &found);

	for (size_t k = 0; !r && k < found.n; k++)
		if (!has_from(v, from, found.pid[k]))
			r = pidvec_push(v, found.pid[k]);
	free(found.pid);
	return r;
}

int procfs_descendants(pid_t root, struct pidvec *v)
{
	size_t from = v->n, i = from;
	int r = pidvec_push(v, root);

	while (!r && i < v->n) {
		struct procfs_stat st;

		r = procfs_stat(v->pid[i], &st);
		if (!r && !procfs_stat_alive(&st))
			r = -ESRCH;
		if (!r)
			r = push_below(v, from, i, st.threads);
		if (!r) {
			i++;
		} else if (r == -ESRCH) { /* gone, or as good as: it has no children any more */
			memmove(v->pid + i, v->pid + i + 1, (v->n - i - 1) * sizeof(*v->pid));
			v->n--;
			r = 0;
		}
	}
	if (r)
		v->n = from;
	return r;
}

/* Is want one of the NUL-separated strings that come out of fd? */
static bool has_string(int fd, const char *want)
{
	char buf[CHUNK_MAX];
	size_t matched = 0;
	bool differs = false;
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		for (ssize_t i = 0; i < n; i++) {
			if (buf[i] == '\0') {
				if (!differs && want[matched] == '\0')
					return true;
				matched = 0;
				differs = false;
			} else if (!differs && want[matched] == buf[i]) {
				matched++;
			} else {
				differs = true;
			}
		}
	}
	/* the process may have overwritten the last NUL */
	return !differs && matched > 0 && want[matched] == '\0';
}

bool procfs_has_env(pid_t pid, const char *assignment)
{
	char path[40];

	if (pid <= 0 || !*assignment)
		return false;
	(void)snprintf(path, sizeof(path), "/proc/%d/environ", (int)pid);
	int fd = io_open(AT_FDCWD, path, O_RDONLY, 0);
	if (fd < 0)
		return false;
	bool found = has_string(fd, assignment);
	io_close(&fd);
	return found;
}

bool procfs_runs(pid_t pid, const char *program)
{
	struct stat running, installed;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	return stat(path, &running) == 0 && stat(program, &installed) == 0 &&
		running.st_dev == installed.st_dev && running.st_ino == installed.st_ino;
}

int procfs_boot_id(char buf[static 40])
{
	char text[64];
	int n = io_read_small(AT_FDCWD, "/proc/sys/kernel/random/boot_id", text, sizeof(text));

	if (n < 0)
		return n;
	if (strspn(text, "0123456789abcdef-") != 36 || (text[36] != '\n' && text[36] != '\0'))
		return -EPROTO;
	text[36] = '\0';
	memcpy(buf, text, 37);
	return 0;
}

uint64_t procfs_pid_namespace(void)
{
	struct stat st;

	return stat("/proc/self/ns/pid", &st) < 0 ? 0 : (uint64_t)st.st_ino;
}

uint64_t procfs_own_start(void)
{
	struct procfs_stat st = { 0 };
	int r = -EIO;

	/* A daemon that does not know its own start is unknown to the others for its whole life:
	 * one moment without a descriptor must not do that. */
	for (int i = 0; r && i < OWN_START_TRIES; i++)
		r = read_stat("/proc/self/stat", &st);
	return r ? 0 : st.start_ticks;
}
