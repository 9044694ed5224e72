/* logread/archive_index.c - the index at the end of an archive (logread/archive_index.h). */
#include "logread/archive_index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/str.h"
#include "logread/archive.h"
#include "logread/pieces.h"
#include "logread/timeindex.h"

#define FRAME_HEAD 8u /* magic and size of the skippable frame */

static uint64_t expected_payload(const struct archive_head *h)
{
	return sizeof(*h) + (uint64_t)h->blocks * (sizeof(struct archive_block) + h->filter_bytes) +
		(uint64_t)h->entries * sizeof(struct tidx_entry) + sizeof(struct archive_foot);
}

static int damaged(struct fault *f, uint64_t offset, const char *what)
{
	return fault_set(f, -EBADMSG, "damaged at offset %llu: %s", (unsigned long long)offset, what);
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
	if (foot.payload_bytes < sizeof(ret->head) + sizeof(foot) || foot.payload_bytes > ret->file_bytes - FRAME_HEAD)
		return damaged(f, ret->file_bytes - 16, "the size of the index");
	ret->frame_offset = ret->file_bytes - foot.payload_bytes - FRAME_HEAD;
	if ((r = piece_read(fd, frame, sizeof(frame), ret->frame_offset)) < 0 ||
		(r = piece_read(fd, &ret->head, sizeof(ret->head), ret->frame_offset + FRAME_HEAD)) < 0)
		return fault_errno(f, r, "reading the index");
	if (frame[0] != ARCHIVE_SKIP || frame[1] != foot.payload_bytes)
		return damaged(f, ret->frame_offset, "the frame of the index");
	if (ret->head.magic != ARCHIVE_MAGIC || ret->head.version != ARCHIVE_VERSION)
		return damaged(f, ret->frame_offset + FRAME_HEAD, "magic or version of the index");
	if (expected_payload(&ret->head) != foot.payload_bytes || (ret->head.filter_bytes & (ret->head.filter_bytes - 1)))
		return damaged(f, ret->frame_offset + FRAME_HEAD + 12, "the counts of the index");
	return 0;
}

static int check_blocks(const struct archive_index *x, struct fault *f)
{
	uint64_t file_at = 0, raw_at = 0, lines = 0;

	for (uint32_t i = 0; i < x->head.blocks; i++) {
		const struct archive_block *b = &x->blocks[i];

		if (b->file_offset != file_at || b->raw_offset != raw_at || b->file_bytes == 0 || b->raw_bytes == 0)
			return damaged(f, x->frame_offset + FRAME_HEAD + sizeof(x->head) + i * sizeof(*b), "an entry of the block index");
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
	size_t bytes;
	int r = archive_index_head(fd, &x, f);

	if (r < 0)
		return r;
	bytes = (size_t)expected_payload(&x.head);
	x.payload = malloc(bytes);
	if (!x.payload)
		return fault_errno(f, -ENOMEM, "reading the index");
	r = piece_read(fd, x.payload, bytes, x.frame_offset + FRAME_HEAD);
	if (r < 0) {
		r = fault_errno(f, r, "reading the index");
		goto fail;
	}
	memcpy(&foot, x.payload + bytes - sizeof(foot), sizeof(foot));
	if (memcmp(x.payload, &x.head, sizeof(x.head)) != 0 || foot.checksum != str_hash(STR_HASH_SEED, x.payload, bytes - sizeof(foot))) {
		r = damaged(f, x.frame_offset, "the checksum of the index");
		goto fail;
	}
	x.blocks = (const struct archive_block *)(void *)(x.payload + sizeof(x.head));
	x.times = (const struct tidx_entry *)(const void *)(x.blocks + x.head.blocks);
	x.filters = (const uint8_t *)(x.times + x.head.entries);
	r = check_blocks(&x, f);
	if (r < 0)
		goto fail;
	*ret = x;
	return 0;
fail:
	archive_index_free(&x);
	return r;
}

void archive_index_free(struct archive_index *x)
{
	free(x->payload);
	*x = (struct archive_index){ 0 };
}

int archive_read_sums(int fd, struct archive_sums *ret, struct fault *f)
{
	struct archive_index x;
	int r = archive_index_head(fd, &x, f);

	if (r < 0)
		return r;
	*ret = (struct archive_sums){ .raw_bytes = x.head.raw_bytes, .lines = x.head.lines, .file_bytes = x.file_bytes };
	return 0;
}
