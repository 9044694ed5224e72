/*
 * log_history FOLDER NAME MB - a history of about MB megabytes before compression: archives of 64
 * MB with time indexes, and a current file of 16 MB. Line i says second i / 10000 of the epoch's
 * day 20000. The word "needle" is in one line of each 16 MB.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "logread/archive.h"
#include "logread/format.h"

static uint64_t line_number;

static int make(const char *path, size_t bytes, int *ret_idx)
{
	struct tidx_head head = { .magic = TIDX_MAGIC };
	char name[4096];
	struct stat st;
	uint64_t at = 0;
	FILE *log = fopen(path, "w+e");
	int idx;

	snprintf(name, sizeof(name), "%s.idx", path);
	idx = open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (!log || idx < 0 || fstat(fileno(log), &st) < 0)
		exit(1);
	head.inode = st.st_ino;
	(void)!write(idx, &head, sizeof(head));
	for (; at < bytes; line_number++) {
		uint64_t second = 1728000000ull + line_number / 10000;

		if (line_number % 10000 == 0 || at == 0) {
			struct tidx_entry e = {
				.offset = at, .real_ns = second * 1000000000ull, .life = 1
			};

			(void)!write(idx, &e, sizeof(e));
		}
		at += (uint64_t)fprintf(log,
			"INFO request %012llu took %llu us%s from client %llu, answered with status 200\n",
			(unsigned long long)line_number,
			(unsigned long long)(line_number * 2654435761u % 100003),
			line_number % 180000 == 90000 ? " needle" : "",
			(unsigned long long)(line_number * 40503u % 65521));
	}
	fflush(log);
	*ret_idx = idx;
	return fileno(log);
}

int main(int argc, char **argv)
{
	long mb = argc == 4 ? atol(argv[3]) : 0;
	char path[4096], to[4200];
	int idx, fd;

	for (unsigned n = 1; mb > 16; mb -= 64, n++) {
		struct archive_sums sums;
		struct fault f;

		snprintf(path, sizeof(path), "%s/%s.log.%09u", argv[1], argv[2], n);
		fd = make(path, 64u << 20, &idx);
		snprintf(to, sizeof(to), "%s.lz4", path);
		int out = open(to, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		if (archive_write(fd, idx, out, NULL, &sums, &f) < 0)
			return 1;
		close(out);
		close(fd);
		close(idx);
		(void)unlink(path);
		snprintf(to, sizeof(to), "%s.idx", path);
		(void)unlink(to);
	}
	snprintf(path, sizeof(path), "%s/%s.log", argv[1], argv[2]);
	(void)make(path, 16u << 20, &idx);
	return 0;
}
