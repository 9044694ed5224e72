/*
 * logread/archive.h - archives (logread/format.h): written by the logger's helper thread, read by
 * whoever shows logs.
 *
 * USED BY   logger/, logread/, cli/ (through logread/), tests.
 * ERRORS    0 or a negative errno; -EBADMSG: damaged, and f names the offset.
 */
#ifndef LOGREAD_ARCHIVE_H
#define LOGREAD_ARCHIVE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"

struct archive_sums {
	uint64_t raw_bytes, lines, file_bytes;
	uint64_t last_real_ns; /* arrival of the last byte; 0 = not known */
};

/* Compress the whole of raw_fd (read from offset 0 by pread) to out_fd, which is empty and at
 * offset 0; tidx_fd is its time index, or -1. Does not sync. Looks at *stop (may be NULL) between
 * blocks: -ECANCELED. Memory is bounded by a block and its index, not by the file, except where one
 * line is longer than a block. */
int archive_write(int raw_fd, int tidx_fd, int out_fd, const _Atomic bool *stop,
	struct archive_sums *ret, struct fault *f);

/* Only the sums, from the trailer, whose checksum is not compared: O(1). -ENODATA: it has none (a
 * foreign LZ4 file, or cut short). */
int archive_read_sums(int fd, struct archive_sums *ret, struct fault *f);

#endif
