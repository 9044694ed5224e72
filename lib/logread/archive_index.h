/*
 * logread/archive_index.h - the index at the end of an archive, checked: nothing that it names lies
 * outside the file, and its parts fit together. Private to logread/ and its tests.
 */
#ifndef LOGREAD_ARCHIVE_INDEX_H
#define LOGREAD_ARCHIVE_INDEX_H

#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "logread/format.h"

struct archive_index {
	struct archive_head head;
	uint64_t file_bytes;
	uint64_t frame_offset; /* of the skippable frame: where the LZ4 frames end */
	/* malloc'ed: all but the filters; NULL when only the head was asked for */
	char *payload;
	const struct archive_block *blocks;
	const struct tidx_entry *times;
	const uint64_t *sums;	/* of the filters' pages */
	uint64_t filter_offset; /* in the file */
};

/* Head and foot only. -ENODATA: there is no index, or one of another version; -EBADMSG: there is,
 * and it is damaged. */
int archive_index_head(int fd, struct archive_index *ret, struct fault *f);
/* The whole, its checksum compared. */
int archive_index_load(int fd, struct archive_index *ret, struct fault *f);
void archive_index_free(struct archive_index *x);

/* Which blocks of a group (bit b: block group * FILTER_BLOCKS + b) may contain a text, in any case
 * of its letters. -EBADMSG: the filters are damaged; then, and where there are none, all may. */
int archive_index_candidates(int fd, const struct archive_index *x, uint32_t group,
	const char *text, size_t len, uint64_t *ret, struct fault *f);

#endif
