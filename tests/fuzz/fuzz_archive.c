/*
 * tests/fuzz/fuzz_archive.c - archives: the index, the filters, the frames; and files that are LZ4
 * and no archive of ours.
 *
 * The first byte of the input says what is put right in the rest before it is read, since a change
 * hardly ever gets past a checksum: 1 the index's, 2 the blocks', 4 the filters'.
 */
#include <string.h>

#include "base/xxh64.h"
#include "logread/archive.h"
#include "logread/filter.h"
#include "logread/unpack.h"
#include "tests/fuzz/logfolder.h"

#define FIX_INDEX   1
#define FIX_BLOCKS  2
#define FIX_FILTERS 4
#define FRAME_HEAD  8

/* data: the file. Follows the index as far as it fits into the file. */
static void fix(uint8_t *data, size_t size, unsigned what)
{
	struct archive_foot foot;
	struct archive_head head;
	uint64_t payload, pages, front;

	if (size < FRAME_HEAD + sizeof(head) + sizeof(foot))
		return;
	memcpy(&foot, data + size - sizeof(foot), sizeof(foot));
	if (foot.payload_bytes > size - FRAME_HEAD ||
		foot.payload_bytes < sizeof(head) + sizeof(foot))
		return;
	payload = size - foot.payload_bytes;
	memcpy(&head, data + payload, sizeof(head));
	pages = head.filter_bits ? filter_pages_of_all(head.blocks) : 0;
	front = sizeof(head) + (uint64_t)head.blocks * sizeof(struct archive_block) +
		(uint64_t)head.entries * sizeof(struct tidx_entry);
	if (front + pages * (FILTER_PAGE_BYTES + sizeof(uint64_t)) + sizeof(foot) !=
		foot.payload_bytes)
		return;
	for (uint32_t i = 0; what & FIX_BLOCKS && i < head.blocks; i++) {
		uint8_t *at = data + payload + sizeof(head) + i * sizeof(struct archive_block);
		struct archive_block b;

		memcpy(&b, at, sizeof(b));
		if (b.file_offset > size || b.file_bytes > size - b.file_offset)
			continue;
		b.checksum = xxh64(data + b.file_offset, b.file_bytes);
		memcpy(at, &b, sizeof(b));
	}
	for (uint64_t p = 0; what & FIX_FILTERS && p < pages; p++) {
		uint64_t sum = xxh64(
			data + payload + front + p * FILTER_PAGE_BYTES, FILTER_PAGE_BYTES);

		memcpy(data + payload + front + pages * FILTER_PAGE_BYTES + p * sizeof(sum), &sum,
			sizeof(sum));
	}
	if (what & FIX_INDEX) {
		struct xxh64 x;

		xxh64_begin(&x);
		xxh64_add(&x, data + payload, front);
		xxh64_add(&x, data + payload + front + pages * FILTER_PAGE_BYTES,
			pages * sizeof(uint64_t));
		foot.checksum = xxh64_end(&x);
		memcpy(data + size - sizeof(foot), &foot, sizeof(foot));
	}
}

static void whole(int fd)
{
	struct archive_index x;
	struct archive_sums sums = { 0 };
	struct fault f = { "" };
	uint64_t some;

	if (archive_index_load(fd, &x, &f) < 0) {
		MUST(f.text[0]);
		return;
	}
	MUST(archive_read_sums(fd, &sums, &f) == 0 && sums.raw_bytes == x.head.raw_bytes);
	for (uint32_t g = 0; g * FILTER_BLOCKS < x.head.blocks && g < 4; g++)
		if (archive_index_candidates(fd, &x, g, "needle", 6, &some, &f) < 0)
			MUST(some == UINT64_MAX);
	archive_index_free(&x);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "a.log.000000001.lz4", NULL };
	const struct log_query all = { .min_level = LOG_LEVEL_DEBUG },
			       some = { .min_level = LOG_LEVEL_WARNING,
				       .text = "needle",
				       .text_len = 6 };
	struct logfolder l = { .fd = -1 };
	uint8_t *copy;
	int fd;

	if (size == 0)
		return 0;
	copy = malloc(size);
	MUST(copy);
	memcpy(copy, data + 1, size - 1);
	fix(copy, size - 1, data[0]);
	logfolder_make(&l);
	fd = logfolder_put(&l, names[0], copy, size - 1);
	free(copy);
	whole(fd);
	logfolder_compare(&l, &all);
	logfolder_compare(&l, &some);
	close(fd);
	logfolder_remove(&l, names);
	return 0;
}
