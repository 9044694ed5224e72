/* logread/archive_index.c - the index at the end of an archive (logread/archive_index.h). */
#include "logread/archive_index.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/xxh64.h"
#include "logread/archive.h"
#include "logread/filter.h"
#include "logread/pieces.h"
#include "logread/timeindex.h"

#define FRAME_HEAD 8u /* magic and size of the skippable frame */

static uint64_t pages(const struct archive_head *h)
{
	return h->filter_bits ? filter_pages_of_all(h->blocks) : 0;
}

/* The payload in front of the filters, and behind them without the foot. */
static uint64_t front_bytes(const struct archive_head *h)
{
	return sizeof(*h) + (uint64_t)h->blocks * sizeof(struct archive_block) +
		(uint64_t)h->entries * sizeof(struct tidx_entry);
}

static uint64_t sums_bytes(const struct archive_head *h)
{
	return pages(h) * sizeof(uint64_t);
}

static uint64_t expected_payload(const struct archive_head *h)
{
	return front_bytes(h) + pages(h) * FILTER_PAGE_BYTES + sums_bytes(h) +
		sizeof(struct archive_foot);
}

static int damaged(struct fault *f, uint64_t offset, const char *what)
{
	return fault_set(
		f, -EBADMSG, "damaged at offset %llu: %s", (unsigned long long)offset, what);
}

int archive_index_head(int fd, struct archive_index *ret, struct fault *f)
{
	struct archive_foot foot;
	struct stat st;
	uint32_t frame[2];
	int r;

	*ret = (struct archive_index){ 0 };
	if (fstat(fd, &st) < 0)
		return fault_errno(f, -errno, "looking at the archive");
	ret->file_bytes = (uint64_t)st.st_size;
	if (ret->file_bytes < FRAME_HEAD + sizeof(ret->head) + sizeof(foot))
		return fault_set(f, -ENODATA, "there is no index");
	r = piece_read(fd, &foot, sizeof(foot), ret->file_bytes - sizeof(foot));
	if (r < 0)
		return fault_errno(f, r, "reading the end of the archive");
	if (foot.magic != ARCHIVE_MAGIC)
		return fault_set(f, -ENODATA, "there is no index");
	if (foot.payload_bytes < sizeof(ret->head) + sizeof(foot) ||
		foot.payload_bytes > ret->file_bytes - FRAME_HEAD)
		return damaged(f, ret->file_bytes - 16, "the size of the index");
	ret->frame_offset = ret->file_bytes - foot.payload_bytes - FRAME_HEAD;
	if ((r = piece_read(fd, frame, sizeof(frame), ret->frame_offset)) < 0 ||
		(r = piece_read(
			 fd, &ret->head, sizeof(ret->head), ret->frame_offset + FRAME_HEAD)) < 0)
		return fault_errno(f, r, "reading the index");
	if (frame[0] != ARCHIVE_SKIP || frame[1] != foot.payload_bytes)
		return damaged(f, ret->frame_offset, "the frame of the index");
	if (ret->head.magic != ARCHIVE_MAGIC)
		return damaged(f, ret->frame_offset + FRAME_HEAD, "the magic of the index");
	if (ret->head.version != ARCHIVE_VERSION)
		return fault_set(f, -ENODATA, "the index has version %u, not %u", ret->head.version,
			ARCHIVE_VERSION);
	if (expected_payload(&ret->head) != foot.payload_bytes ||
		(ret->head.filter_bits != 0 && ret->head.filter_bits != FILTER_BITS))
		return damaged(f, ret->frame_offset + FRAME_HEAD + 12, "the counts of the index");
	return 0;
}

static int check_blocks(const struct archive_index *x, struct fault *f)
{
	uint64_t file_at = 0, raw_at = 0, lines = 0;

	for (uint32_t i = 0; i < x->head.blocks; i++) {
		const struct archive_block *b = &x->blocks[i];

		if (b->file_offset != file_at || b->raw_offset != raw_at || b->file_bytes == 0 ||
			b->raw_bytes == 0 || b->raw_bytes > ARCHIVE_BLOCK_MAX)
			return damaged(f,
				x->frame_offset + FRAME_HEAD + sizeof(x->head) + i * sizeof(*b),
				"an entry of the block index");
		file_at += b->file_bytes;
		raw_at += b->raw_bytes;
		lines += b->lines;
	}
	if (file_at != x->frame_offset || raw_at != x->head.raw_bytes || lines != x->head.lines)
		return damaged(f, x->frame_offset + FRAME_HEAD, "the sums of the block index");
	return 0;
}

int archive_index_load(int fd, struct archive_index *ret, struct fault *f)
{
	struct archive_index x;
	struct archive_foot foot;
	size_t front, behind;
	int r = archive_index_head(fd, &x, f);

	if (r < 0)
		return r;
	front = (size_t)front_bytes(&x.head);
	behind = (size_t)sums_bytes(&x.head) + sizeof(foot);
	x.filter_offset = x.frame_offset + FRAME_HEAD + front;
	x.payload = malloc(front + behind);
	if (!x.payload)
		return fault_errno(f, -ENOMEM, "reading the index");
	if ((r = piece_read(fd, x.payload, front, x.frame_offset + FRAME_HEAD)) < 0 ||
		(r = piece_read(fd, x.payload + front, behind, x.file_bytes - behind)) < 0) {
		r = fault_errno(f, r, "reading the index");
		goto fail;
	}
	memcpy(&foot, x.payload + front + behind - sizeof(foot), sizeof(foot));
	if (memcmp(x.payload, &x.head, sizeof(x.head)) != 0 ||
		foot.checksum != xxh64(x.payload, front + behind - sizeof(foot))) {
		r = damaged(f, x.frame_offset, "the checksum of the index");
		goto fail;
	}
	x.blocks = (const struct archive_block *)(void *)(x.payload + sizeof(x.head));
	x.times = (const struct tidx_entry *)(const void *)(x.blocks + x.head.blocks);
	x.sums = (const uint64_t *)(const void *)(x.times + x.head.entries);
	r = check_blocks(&x, f);
	if (r < 0)
		goto fail;
	*ret = x;
	return 0;
fail:
	archive_index_free(&x);
	return r;
}

/* A page of the filters, by its number among all. */
static int read_page(int fd, const struct archive_index *x, uint64_t number, unsigned char *page,
	struct fault *f)
{
	uint64_t offset = x->filter_offset + number * FILTER_PAGE_BYTES;
	int r = piece_read(fd, page, FILTER_PAGE_BYTES, offset);

	if (r < 0)
		return fault_errno(
			f, r, "reading the filters at offset %llu", (unsigned long long)offset);
	return xxh64(page, FILTER_PAGE_BYTES) == x->sums[number]
		? 0
		: damaged(f, offset, "the checksum of a filter");
}

int archive_index_candidates(int fd, const struct archive_index *x, uint32_t group,
	const char *text, size_t len, uint64_t *ret, struct fault *f)
{
	unsigned char page[FILTER_PAGE_BYTES];
	uint32_t hashes[FILTER_HASHES], left = x->head.blocks - group * FILTER_BLOCKS;
	unsigned n = x->head.filter_bits ? filter_hashes(text, len, hashes) : 0,
		 pages = filter_pages(left < FILTER_BLOCKS ? left : FILTER_BLOCKS), have = UINT_MAX;
	uint64_t all = UINT64_MAX;

	*ret = UINT64_MAX;
	for (unsigned i = 0; i < n && all; i++) {
		unsigned wanted = filter_page(pages, hashes[i]);
		int r = wanted == have
			? 0
			: read_page(fd, x, (uint64_t)group * FILTER_BLOCKS + wanted, page, f);

		if (r < 0)
			return r;
		have = wanted;
		all &= filter_word(page, pages, hashes[i]);
	}
	*ret = all;
	return 0;
}

void archive_index_free(struct archive_index *x)
{
	free(x->payload);
	*x = (struct archive_index){ 0 };
}

/* Where the time index was damaged when the file was archived, nothing is known of its end. */
static uint64_t last_arrival(int fd, const struct archive_index *x)
{
	struct archive_block b;
	uint64_t at = x->frame_offset + FRAME_HEAD + sizeof(x->head) +
		(x->head.blocks - 1ull) * sizeof(b);

	return x->head.blocks && piece_read(fd, &b, sizeof(b), at) == 0 ? b.last_real_ns : 0;
}

int archive_read_sums(int fd, struct archive_sums *ret, struct fault *f)
{
	struct archive_index x;
	int r = archive_index_head(fd, &x, f);

	if (r < 0)
		return r;
	*ret = (struct archive_sums){
		.raw_bytes = x.head.raw_bytes, .lines = x.head.lines, .file_bytes = x.file_bytes
	};
	ret->last_real_ns = last_arrival(fd, &x);
	return 0;
}
