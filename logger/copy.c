/* logger/copy.c - the journaled read (logger/copy.h). */
#define _GNU_SOURCE 1
#include "logger/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"

#define JOURNAL_MAGIC  0x314c4e524a444e54ull /* "TNDJRNL1" */
#define SENTINEL_BYTES 16u

enum journal_state { CLEAR, READING, HAVE };

struct journal {
	uint64_t magic;
	uint64_t inode, device; /* of the file */
	uint64_t offset;	/* where the bytes belong */
	uint32_t bytes;
	_Atomic uint32_t state;
	uint8_t buf[COPY_BATCH_BYTES];
};

struct copy {
	struct journal *j;
};

static const uint8_t sentinel[SENTINEL_BYTES] = { 0xff, 0xc0, 0xfe, 0xc1, 0xff, 0xf5, 0xfe, 0xf8,
	0xff, 0xc0, 0xfd, 0xc1, 0xff, 0xf7, 0xfe, 0xf9 };

static uint32_t sentinel_bytes(uint32_t bytes)
{
	return bytes < SENTINEL_BYTES ? bytes : SENTINEL_BYTES;
}

static const char *journal_name(const char *stem, char buf[static 96])
{
	(void)snprintf(buf, 96, "%.80s.journal", stem);
	return buf;
}

static int map(int fd, struct copy **ret)
{
	struct copy *c = calloc(1, sizeof(*c));
	struct stat sb;

	if (!c)
		return -ENOMEM;
	/* The room must be there before bytes are read into it: a hole that can't be filled would
	 * be SIGBUS. */
	int r = fstat(fd, &sb) < 0     ? -errno
		: !S_ISREG(sb.st_mode) ? -EINVAL
				       : -posix_fallocate(fd, 0, sizeof(struct journal));
	if (!r) {
		c->j = mmap(
			NULL, sizeof(struct journal), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		r = c->j == MAP_FAILED ? -errno : 0;
	}
	if (r) {
		free(c);
		return r;
	}
	if (c->j->magic != JOURNAL_MAGIC || c->j->bytes > COPY_BATCH_BYTES ||
		atomic_load(&c->j->state) > HAVE) {
		atomic_store(&c->j->state, CLEAR);
		c->j->bytes = 0;
		c->j->magic = JOURNAL_MAGIC;
	}
	*ret = c;
	return 0;
}

static int open_as(int run_fd, const char *stem, int flags, struct copy **ret)
{
	char name[96];
	int r,
		fd = io_open(run_fd, journal_name(stem, name),
			O_RDWR | O_NONBLOCK | O_NOCTTY | flags, 0600);

	if (fd < 0)
		return fd;
	r = map(fd, ret);
	io_close(&fd);
	return r;
}

int copy_open(int run_fd, const char *stem, struct copy **ret)
{
	return open_as(run_fd, stem, O_CREAT, ret);
}

int copy_find(int run_fd, const char *stem, struct copy **ret)
{
	return open_as(run_fd, stem, 0, ret);
}

void copy_close(int run_fd, const char *stem, struct copy *c)
{
	char name[96];

	if (!c)
		return;
	if (!copy_pending(c))
		(void)unlinkat(run_fd, journal_name(stem, name), 0);
	(void)munmap(c->j, sizeof(*c->j));
	free(c);
}

int copy_pending(const struct copy *c)
{
	const struct journal *j = c->j;

	switch (atomic_load(&j->state)) {
	case HAVE:
		return 1;
	case READING:
		return memcmp(j->buf, sentinel, sentinel_bytes(j->bytes)) != 0;
	default:
		return 0;
	}
}

/* All or nothing, as far as the file lets us. */
static int write_at(int file, const uint8_t *buf, uint32_t bytes, off_t at)
{
	off_t from = at;

	while (bytes) {
		ssize_t n = pwrite(file, buf, bytes, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			int r = n < 0 ? -errno : -ENOSPC;

			(void)!ftruncate(file, from);
			return r;
		}
		buf += n;
		at += n;
		bytes -= (uint32_t)n;
	}
	return 0;
}

ssize_t copy_finish(struct copy *c, int file, off_t size)
{
	struct journal *j = c->j;
	struct stat sb;
	int r;

	if (!copy_pending(c)) {
		atomic_store(&j->state, CLEAR);
		return 0;
	}
	if (fstat(file, &sb) < 0)
		return -errno;
	atomic_store(&j->state, HAVE);
	if ((uint64_t)sb.st_ino != j->inode || (uint64_t)sb.st_dev != j->device ||
		(uint64_t)size < j->offset) {
		j->inode = (uint64_t)sb.st_ino;
		j->device = (uint64_t)sb.st_dev;
		j->offset = (uint64_t)size;
	}
	r = write_at(file, j->buf, j->bytes, (off_t)j->offset);
	if (r)
		return r;
	atomic_store(&j->state, CLEAR);
	return (ssize_t)(j->offset + j->bytes > (uint64_t)size
			? j->offset + j->bytes - (uint64_t)size
			: 0);
}

ssize_t copy_move(struct copy *c, int fifo, int file, off_t at, uint64_t limit)
{
	struct journal *j = c->j;
	struct stat sb;
	ssize_t got;
	int waiting = 0;

	if (copy_pending(c)) {
		ssize_t grown = copy_finish(c, file, at);

		if (grown != 0)
			return grown;
	}
	if (fstat(file, &sb) < 0 || ioctl(fifo, FIONREAD, &waiting) < 0)
		return -errno;
	if (waiting <= 0)
		return 0;
	j->bytes = (uint64_t)waiting < limit ? (uint32_t)waiting : (uint32_t)limit;
	if (j->bytes > COPY_BATCH_BYTES)
		j->bytes = COPY_BATCH_BYTES;
	j->inode = (uint64_t)sb.st_ino;
	j->device = (uint64_t)sb.st_dev;
	j->offset = (uint64_t)at;
	memcpy(j->buf, sentinel, sentinel_bytes(j->bytes));
	atomic_store(&j->state, READING);
	/* as many as asked for: they were there, and there is no other reader */
	got = read(fifo, j->buf, j->bytes);
	if (got <= 0) {
		atomic_store(&j->state, CLEAR);
		return got < 0 && errno != EAGAIN ? -errno : 0;
	}
	j->bytes = (uint32_t)got;
	atomic_store(&j->state, HAVE);
	int r = write_at(file, j->buf, j->bytes, at);
	if (r)
		return r; /* it stays in the journal, and is written first next time */
	atomic_store(&j->state, CLEAR);
	return got;
}
