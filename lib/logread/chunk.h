/*
 * logread/chunk.h - a piece of a log that holds whole lines: a block of an archive, or as much of a
 * raw file. Private to logread/.
 */
#ifndef LOGREAD_CHUNK_H
#define LOGREAD_CHUNK_H

#include "logread/segment.h"

#define CHUNK_MAX ARCHIVE_BLOCK_MAX /* a longer line comes in parts */

struct chunk {
	/* the caller frees it; a NUL stands behind what is in it, for whoever looks for one */
	char *buf;
	size_t room, len;
	uint64_t offset; /* of its first byte in the raw segment */
	uint32_t block;	 /* of an archive */
};

/* The chunk that begins at (forward) or ends at (backward) the raw offset at, which must be one
 * that a chunk before ended or began with, 0, or bytes. want: bytes to read at once of a raw file.
 * 1, or 0 at the end, or -errno; -EBADMSG: damaged, f says where, offset and len say what to step
 * over. */
int chunk_forward(
	const struct segment *s, uint64_t at, size_t want, struct chunk *ret, struct fault *f);
int chunk_backward(
	const struct segment *s, uint64_t at, size_t want, struct chunk *ret, struct fault *f);

/* The block of an indexed segment that holds the raw offset at; blocks if it lies behind the
 * last. */
uint32_t chunk_block_at(const struct segment *s, uint64_t at);
/* Where the line that holds the raw offset begins, and where the next one does, for raw
 * segments. */
uint64_t chunk_line_start(const struct segment *s, uint64_t at);
uint64_t chunk_line_end(const struct segment *s, uint64_t at);

#endif
