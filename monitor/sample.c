/*
 * monitor/sample.c - what a process and everything below it uses, from /proc.
 *
 * procfs_descendants() would do for the list of the pids, but reads the stat file of each, and so
 * would we again: at 1,000 processes a second reading is a fifth of the whole cycle. So the walk is
 * here, one reading each.
 *
 * Every process costs four openings under /proc, each a look-up of the pid. They go through a
 * descriptor of its folder, which also means that all four are of the same process: once it has
 * ended the folder answers ESRCH, even if the pid is in use again.
 */
#define _GNU_SOURCE 1
#include "monitor/sample.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/procfs.h"

#define TREE_MAX    65536u /* a fork bomb is cut here */
#define TEXT_MAX    2048u
#define LISTING_MAX (32u << 10)

struct sample_walk {
	struct pidvec pids;    /* the tree, parents first */
	struct pidvec parents; /* of each, at the same place */
	uint64_t tick_ns, page_bytes;
	char text[TEXT_MAX];
	char listing[LISTING_MAX]; /* room for getdents64(2) */
};

int sample_walk_new(struct sample_walk **ret)
{
	struct sample_walk *w = calloc(1, sizeof(*w));
	long ticks = sysconf(_SC_CLK_TCK), page = sysconf(_SC_PAGESIZE);

	if (!w)
		return -ENOMEM;
	w->tick_ns = NS_PER_SEC / (ticks > 0 ? (uint64_t)ticks : 100);
	w->page_bytes = page > 0 ? (uint64_t)page : 4096;
	*ret = w;
	return 0;
}

void sample_walk_free(struct sample_walk *w)
{
	if (!w)
		return;
	free(w->pids.pid);
	free(w->parents.pid);
	free(w);
}

static bool take_line(const char *text, const char *key, uint64_t *ret)
{
	const char *at = strstr(text, key);
	char *end;

	if (!at || (at != text && at[-1] != '\n'))
		return false;
	at += strlen(key);
	if (*at < '0' || *at > '9')
		return false;
	errno = 0;
	unsigned long long v = strtoull(at, &end, 10);
	if (errno || (*end != '\n' && *end != '\0'))
		return false;
	*ret = v;
	return true;
}

int sample_parse_io(const char *text, uint64_t *ret_read, uint64_t *ret_written)
{
	uint64_t in, out;

	/* "cancelled_write_bytes: " ends in the second key, so the key must begin its line */
	if (!take_line(text, "read_bytes: ", &in) || !take_line(text, "write_bytes: ", &out))
		return -EINVAL;
	*ret_read = in;
	*ret_written = out;
	return 0;
}

uint32_t sample_permille(uint64_t cpu_before_ns, uint64_t cpu_now_ns, uint64_t elapsed_ns)
{
	if (cpu_now_ns <= cpu_before_ns || elapsed_ns == 0)
		return 0;
	double share = (double)(cpu_now_ns - cpu_before_ns) * 1000.0 / (double)elapsed_ns + 0.5;
	return share < (double)UINT32_MAX ? (uint32_t)share : UINT32_MAX;
}

static int read_text(struct sample_walk *w, int dirfd, const char *name)
{
	int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	/* /proc gives a file of less than a page in one piece */
	n = read(fd, w->text, sizeof(w->text) - 1);
	if (n < 0)
		n = -errno;
	else
		w->text[n] = '\0';
	io_close(&fd);
	return (int)n;
}

/* Entries in what getdents64(2) gave. d_reclen lies behind d_ino and d_off. */
static uint32_t count_entries(const char *listing, size_t bytes)
{
	uint32_t n = 0;
	uint16_t length = 1;

	for (size_t at = 0; at + 18 <= bytes && length > 0; at += length, n++)
		memcpy(&length, listing + at + 16, sizeof(length));
	return n;
}

/* Kernels since 6.2 say it as the size of the folder; before, its entries are counted. */
static uint32_t count_files(struct sample_walk *w, int dirfd)
{
	struct stat sb;
	uint32_t n = 0;
	long bytes;

	if (fstatat(dirfd, "fd", &sb, 0) < 0)
		return 0;
	if (sb.st_size > 0)
		return sb.st_size < UINT32_MAX ? (uint32_t)sb.st_size : UINT32_MAX;
	int fd = openat(dirfd, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	while ((bytes = syscall(SYS_getdents64, fd, w->listing, sizeof(w->listing))) > 0)
		n += count_entries(w->listing, (size_t)bytes);
	io_close(&fd);
	return n < 2 ? 0 : n - 2; /* "." and ".." */
}

static void add_usage(
	struct sample_walk *w, int dirfd, const struct procfs_stat *st, struct sample *sum)
{
	uint64_t in, out;

	sum->memory_bytes += st->rss_pages * w->page_bytes;
	sum->cpu_ns += (st->utime_ticks + st->stime_ticks) * w->tick_ns;
	sum->processes++;
	sum->threads += (uint32_t)st->threads;
	sum->files += count_files(w, dirfd);
	if (read_text(w, dirfd, "io") > 0 && sample_parse_io(w->text, &in, &out) == 0) {
		sum->read_bytes += in;
		sum->written_bytes += out;
	}
}

static int push(struct sample_walk *w, pid_t pid, pid_t parent)
{
	int r = pidvec_push(&w->parents, parent);

	if (!r && (r = pidvec_push(&w->pids, pid)))
		w->parents.n--;
	return r;
}

/* The pids in a children file of a process with one thread, the usual case; with more, each thread
 * has such a file. */
static int push_children(struct sample_walk *w, pid_t pid, uint64_t threads)
{
	struct pidvec found = { 0 };
	int r = procfs_children(pid, threads, &found);

	for (size_t i = 0; !r && i < found.n && w->pids.n < TREE_MAX; i++)
		r = push(w, found.pid[i], pid);
	free(found.pid);
	/* gone meanwhile, or a kernel without these files: it stands for itself */
	return r == -ENOMEM ? r : 0;
}

/* Process i of the walk. -ESRCH: it has ended, or is not who was meant. */
static int add_one(struct sample_walk *w, size_t i, uint64_t start_ticks, struct sample *sum)
{
	pid_t pid = w->pids.pid[i];
	struct procfs_stat st;
	char path[32];
	int n, r;

	(void)snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	int dirfd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	n = read_text(w, dirfd, "stat");
	r = n < 0 ? (n == -ENOENT ? -ESRCH : n) : procfs_parse_stat(w->text, (size_t)n, &st);
	if (!r &&
		(!procfs_stat_alive(&st) ||
			(i == 0 ? st.start_ticks != start_ticks : st.ppid != w->parents.pid[i])))
		r = -ESRCH;
	if (!r) {
		add_usage(w, dirfd, &st, sum);
		r = push_children(w, pid, st.threads);
	}
	io_close(&dirfd);
	return r;
}

int sample_tree(struct sample_walk *w, pid_t root, uint64_t start_ticks, struct sample *ret)
{
	struct sample sum = { 0 };
	int r;

	w->pids.n = w->parents.n = 0;
	r = push(w, root, 0);
	for (size_t i = 0; !r && i < w->pids.n; i++) {
		r = add_one(w, i, start_ticks, &sum);
		if (i > 0 && r != -ENOMEM)
			r = 0; /* a child that has ended meanwhile, or belongs to someone else */
	}
	if (!r)
		*ret = sum;
	return r;
}
