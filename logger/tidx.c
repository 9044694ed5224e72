/* logger/tidx.c - the writer of a time index (logger/tidx.h). */
#define _GNU_SOURCE 1
#include "logger/tidx.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"

/* entries: far more than arrive between the start of a run and our hearing of it */
#define RELABEL_MAX 256u

static int put(struct tidx *t, uint64_t at, const void *buf, size_t bytes)
{
	ssize_t n = pwrite(t->fd, buf, bytes, (off_t)at);

	if (n == (ssize_t)bytes)
		return 0;
	int r = n < 0 ? -errno : -ENOSPC;
	if (n > 0)
		(void)!ftruncate(t->fd, (off_t)at);
	return r;
}

static bool head_fits(const struct tidx_head *h, const struct stat *log)
{
	return h->magic == TIDX_MAGIC && h->inode == (uint64_t)log->st_ino &&
		h->device == (uint64_t)log->st_dev;
}

/* What lies there, if it can be continued. false: begin anew. */
static bool resume(struct tidx *t, const struct stat *log, uint64_t log_bytes)
{
	struct tidx_head head;
	struct stat sb;
	uint64_t entries;

	if (fstat(t->fd, &sb) < 0 || (size_t)sb.st_size < sizeof(head) ||
		pread(t->fd, &head, sizeof(head), 0) != (ssize_t)sizeof(head) ||
		!head_fits(&head, log) || head.start_bytes > log_bytes)
		return false;
	entries = ((uint64_t)sb.st_size - sizeof(head)) / sizeof(t->last);
	t->bytes = sizeof(head) + entries * sizeof(t->last);
	if (entries &&
		pread(t->fd, &t->last, sizeof(t->last), (off_t)(t->bytes - sizeof(t->last))) !=
			(ssize_t)sizeof(t->last))
		return false;
	if (entries && (t->last.offset >= log_bytes || t->last.real_ns == 0))
		/* the log was truncated: what comes to this place now did not arrive then */
		return false;
	/* a torn last entry goes */
	return t->bytes == (uint64_t)sb.st_size || ftruncate(t->fd, (off_t)t->bytes) == 0;
}

static int begin(struct tidx *t, const struct stat *log, uint64_t log_bytes)
{
	struct tidx_head head = { .magic = TIDX_MAGIC,
		.inode = (uint64_t)log->st_ino,
		.device = (uint64_t)log->st_dev,
		.start_bytes = log_bytes };

	memset(&t->last, 0, sizeof(t->last));
	t->bytes = sizeof(head);
	if (ftruncate(t->fd, 0) < 0)
		return -errno;
	return put(t, 0, &head, sizeof(head));
}

int tidx_open(struct tidx *t, int dirfd, const char *name, int log_fd, uint64_t log_bytes)
{
	struct stat log, sb;
	int r;

	memset(t, 0, sizeof(*t));
	t->fd = io_open(dirfd, name, O_RDWR | O_CREAT | O_NONBLOCK | O_NOCTTY, 0600);
	if (t->fd < 0) {
		r = t->fd;
		t->fd = -1;
		return r;
	}
	if (fstat(log_fd, &log) < 0 || fstat(t->fd, &sb) < 0)
		r = -errno;
	else if (!S_ISREG(sb.st_mode))
		r = -EINVAL;
	else
		r = resume(t, &log, log_bytes) ? 0 : begin(t, &log, log_bytes);
	if (r)
		tidx_close(t);
	return r;
}

void tidx_close(struct tidx *t)
{
	io_close(&t->fd);
	memset(&t->last, 0, sizeof(t->last));
	t->bytes = 0;
	t->failed = false;
}

int tidx_note(struct tidx *t, uint64_t offset, uint64_t real_ns, uint32_t life)
{
	struct tidx_entry e = { .offset = offset, .real_ns = real_ns, .life = life };
	bool first = t->last.real_ns == 0;
	int r;

	if (!first && e.real_ns < t->last.real_ns)
		/* the clock was set back: times in an index never fall */
		e.real_ns = t->last.real_ns;
	if (!first && life == t->last.life && e.real_ns - t->last.real_ns < NS_PER_MS)
		return 0;
	if (!first && offset <= t->last.offset && life == t->last.life)
		return 0;
	r = put(t, t->bytes, &e, sizeof(e));
	if (r)
		return r;
	t->bytes += sizeof(e);
	t->last = e;
	return 0;
}

int tidx_relabel(struct tidx *t, uint64_t offset, uint32_t life)
{
	struct tidx_entry tail[RELABEL_MAX + 1];
	uint64_t have = (t->bytes - sizeof(struct tidx_head)) / sizeof(tail[0]),
		 n = have < RELABEL_MAX ? have : RELABEL_MAX;
	uint64_t from = t->bytes - n * sizeof(tail[0]), keep = 0;
	int r;

	if (n == 0)
		return 0;
	if (pread(t->fd, tail, n * sizeof(tail[0]), (off_t)from) != (ssize_t)(n * sizeof(tail[0])))
		return -EIO;
	while (keep < n && tail[keep].offset < offset)
		keep++;
	/* tail[0 .. keep-1] begin before the boundary; the last of them covers it, unless an entry
	 * begins right there. */
	if (keep == n || tail[keep].offset > offset) {
		struct tidx_entry *at = &tail[keep];

		memmove(at + 1, at, (n - keep) * sizeof(*at));
		at->offset = offset;
		at->real_ns = keep ? tail[keep - 1].real_ns : at[1].real_ns;
		at->flags = 0;
		n++;
	}
	for (uint64_t i = keep; i < n; i++)
		tail[i].life = life;
	r = put(t, from + keep * sizeof(tail[0]), tail + keep, (n - keep) * sizeof(tail[0]));
	if (r)
		return r;
	t->bytes = from + n * sizeof(tail[0]);
	t->last = tail[n - 1];
	return 0;
}

uint64_t tidx_last(int dirfd, const char *name, uint64_t inode)
{
	int fd = io_open(dirfd, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	struct tidx_entry last = { 0 };
	struct tidx_head head;
	struct stat sb;

	if (fd < 0)
		return 0;
	if (pread(fd, &head, sizeof(head), 0) == (ssize_t)sizeof(head) &&
		head.magic == TIDX_MAGIC && head.inode == inode && fstat(fd, &sb) == 0) {
		uint64_t entries = ((uint64_t)sb.st_size - sizeof(head)) / sizeof(last);

		if (entries &&
			pread(fd, &last, sizeof(last),
				(off_t)(sizeof(head) + (entries - 1) * sizeof(last))) !=
				(ssize_t)sizeof(last))
			last.real_ns = 0;
	}
	io_close(&fd);
	return last.real_ns;
}

uint64_t tidx_first(int dirfd, const char *name, uint64_t inode)
{
	struct {
		struct tidx_head head;
		struct tidx_entry entry;
	} start;
	int fd = io_open(dirfd, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	ssize_t n;

	if (fd < 0)
		return 0;
	n = pread(fd, &start, sizeof(start), 0);
	io_close(&fd);
	if (n != (ssize_t)sizeof(start) || start.head.magic != TIDX_MAGIC ||
		start.head.inode != inode || start.head.start_bytes)
		return 0;
	return start.entry.real_ns;
}
