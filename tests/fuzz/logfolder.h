/*
 * tests/fuzz/logfolder.h - a folder with the files of one log called "a", which the fuzz targets of
 * logread/ fill and read in both directions.
 */
#ifndef TESTS_FUZZ_LOGFOLDER_H
#define TESTS_FUZZ_LOGFOLDER_H

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "logread/stream.h"
#include "tests/fuzz/fuzz.h"

struct logfolder {
	char path[64];
	int fd;
};

static inline void logfolder_make(struct logfolder *l)
{
	snprintf(l->path, sizeof(l->path), "/dev/shm/fuzz-tend-XXXXXX");
	MUST(mkdtemp(l->path));
	l->fd = open(l->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	MUST(l->fd >= 0);
}

/* A file in it, open for reading and writing. */
static inline int logfolder_put(
	const struct logfolder *l, const char *name, const void *data, size_t size)
{
	int fd = openat(l->fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	MUST(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	return fd;
}

static inline void logfolder_remove(struct logfolder *l, const char *const *names)
{
	for (; *names; names++)
		MUST(unlinkat(l->fd, *names, 0) == 0);
	close(l->fd);
	MUST(rmdir(l->path) == 0);
}

/* How many lines match, and a sum over them that knows no order. */
static inline void logfolder_read(const struct logfolder *l, enum stream_way way,
	const struct log_query *q, uint64_t *ret_lines, uint64_t *ret_sum)
{
	struct stream *s = NULL;
	struct log_entry e;
	struct fault f = { "" };

	*ret_lines = *ret_sum = 0;
	MUST(stream_open(l->fd, "a", 0, way, q, NULL, &s, &f) == 0);
	while (stream_read(s, &e, &f) == 1) {
		(*ret_lines)++;
		*ret_sum += e.offset * 31 + e.len + e.arrival_ns;
		MUST(e.level < LOG_LEVEL_NONE && e.parsed.message >= e.text &&
			e.parsed.message + e.parsed.message_len <= e.text + e.len);
	}
	stream_close(s);
}

/* Both directions show the same. */
static inline void logfolder_compare(const struct logfolder *l, const struct log_query *q)
{
	uint64_t lines[2], sums[2];

	logfolder_read(l, STREAM_FORWARD, q, &lines[0], &sums[0]);
	logfolder_read(l, STREAM_BACKWARD, q, &lines[1], &sums[1]);
	MUST(lines[0] == lines[1] && sums[0] == sums[1]);
}

#endif
