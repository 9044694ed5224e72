/* logger/job.c - compressing, counting and removing one rotated file (logger/job.h). */
#define _GNU_SOURCE 1
#include "logger/job.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "logread/format.h"

#define COUNT_BYTES (64u << 10)

const char *log_file_name(
	const char *base, uint32_t number, const char *suffix, char buf[static LOG_NAME_MAX])
{
	(void)snprintf(
		buf, LOG_NAME_MAX, "%.72s.%09u%.9s", base, number % (LOG_NUMBER_MAX + 1), suffix);
	return buf;
}

static int count_lines(struct job *j, int fd, const _Atomic bool *stop)
{
	static char buf[COUNT_BYTES]; /* the remover's, the one thread that counts */
	uint64_t at = 0, lines = 0;
	char last = '\n';
	ssize_t n;

	while ((n = pread(fd, buf, sizeof(buf), (off_t)at)) > 0 && !atomic_load(stop)) {
		for (const char *p = buf, *end = buf + n; (p = memchr(p, '\n', (size_t)(end - p)));
			p++)
			lines++;
		last = buf[n - 1];
		at += (uint64_t)n;
	}
	j->sums.raw_bytes = at;
	j->sums.lines = lines + (last != '\n');
	return n < 0 ? -errno : atomic_load(stop) ? -ECANCELED : 0;
}

static int mark(struct job *j, const _Atomic bool *stop)
{
	char name[LOG_NAME_MAX], del[LOG_NAME_MAX];
	int fd, r = 0;

	(void)log_file_name(j->base, j->number, j->archived ? ".lz4" : "", name);
	(void)log_file_name(j->base, j->number, ".del", del);
	if (!j->archived) {
		fd = io_open(j->dirfd, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
		if (fd < 0)
			return fd;
		r = count_lines(j, fd, stop);
		io_close(&fd);
	}
	if (r == 0 && renameat(j->dirfd, name, j->dirfd, del) < 0)
		r = -errno;
	return r;
}

static int remove_marked(struct job *j)
{
	char name[LOG_NAME_MAX];
	int r = 0;

	if (unlinkat(j->dirfd, log_file_name(j->base, j->number, ".del", name), 0) < 0 &&
		errno != ENOENT)
		r = -errno;
	(void)io_remove(j->dirfd, log_file_name(j->base, j->number, ".idx", name), 0);
	return r;
}

static int compress(struct job *j, int raw, const _Atomic bool *stop)
{
	char tmp[LOG_NAME_MAX], name[LOG_NAME_MAX];
	struct stat before, after;
	int idx, out, r;

	(void)log_file_name(j->base, j->number, ".lz4.tmp", tmp);
	if (fstat(raw, &before) < 0 || (unlinkat(j->dirfd, tmp, 0) < 0 && errno != ENOENT))
		return -errno;
	out = io_open(j->dirfd, tmp, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (out < 0)
		return out;
	idx = io_open(j->dirfd, log_file_name(j->base, j->number, ".idx", name),
		O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	r = archive_write(raw, idx < 0 ? -1 : idx, out, stop, &j->sums, &j->fault);
	if (r == 0) {
		struct timespec times[2] = { before.st_atim, before.st_mtim };

		(void)futimens(out, times); /* retention goes by the age of the last byte */
		if (fsync(out) < 0 || fstat(raw, &after) < 0)
			r = -errno;
		/* somebody still had it open: tend.log only */
		else if (after.st_size != before.st_size)
			r = -EAGAIN;
	}
	if (r == 0 &&
		renameat(j->dirfd, tmp, j->dirfd, log_file_name(j->base, j->number, ".lz4", name)) <
			0)
		r = -errno;
	if (r)
		(void)io_remove(j->dirfd, tmp, 0);
	if (idx >= 0)
		io_close(&idx);
	io_close(&out);
	return r;
}

static int archive(struct job *j, const _Atomic bool *stop)
{
	char name[LOG_NAME_MAX];
	int r,
		raw = io_open(j->dirfd, log_file_name(j->base, j->number, "", name),
			O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);

	if (raw < 0)
		return raw;
	r = compress(j, raw, stop);
	io_close(&raw);
	if (!r && (r = io_sync_folder(j->dirfd)) < 0) /* before what it replaces goes */
		(void)io_remove(j->dirfd, log_file_name(j->base, j->number, ".lz4", name), 0);
	if (r)
		return r;
	(void)io_remove(j->dirfd, log_file_name(j->base, j->number, "", name), 0);
	(void)io_remove(j->dirfd, log_file_name(j->base, j->number, ".idx", name), 0);
	return 0;
}

void job_carry_out(struct job *j, const _Atomic bool *stop)
{
	switch (j->kind) {
	case JOB_ARCHIVE:
		j->error = archive(j, stop);
		break;
	case JOB_MARK:
		j->error = mark(j, stop);
		break;
	default:
		j->error = remove_marked(j);
	}
	if (j->error && !j->fault.text[0])
		(void)fault_errno(&j->fault, j->error, "logs/%s.%09u", j->base, j->number);
}
