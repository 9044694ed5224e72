/* logread/archive_write.c - raw log file -> archive (logread/format.h), a block at a time. */
#define _GNU_SOURCE 1
#include <errno.h>
#include <lz4frame.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/str.h"
#include "logread/archive.h"
#include "logread/format.h"

#define BLOCK_MAX (1u << 30) /* a longer line is cut */
#define ANY_LEVEL 0xffffffffu

struct writer {
	int raw, out;
	char *in, *packed;
	size_t room, packed_room, have; /* have bytes from raw_at on are in in[] */
	uint64_t raw_at, out_at, lines;
	struct archive_block *blocks;
	uint32_t n, blocks_room;
	struct tidx_entry *times;
	size_t times_n;
};

static int load_times(struct writer *w, int fd, uint64_t inode)
{
	struct tidx_head head;
	struct stat sb;

	if (fd < 0 || fstat(fd, &sb) < 0 || pread(fd, &head, sizeof(head), 0) != (ssize_t)sizeof(head) || head.magic != TIDX_MAGIC ||
	    head.inode != inode)
		return 0;
	size_t n = ((size_t)sb.st_size - sizeof(head)) / sizeof(*w->times);
	w->times = n ? malloc(n * sizeof(*w->times)) : NULL;
	if (n && !w->times)
		return -ENOMEM;
	if (n && pread(fd, w->times, n * sizeof(*w->times), sizeof(head)) == (ssize_t)(n * sizeof(*w->times)))
		w->times_n = n;
	return 0;
}

/* The arrival of the byte at offset. */
static uint64_t time_of(const struct writer *w, uint64_t offset)
{
	size_t low = 0, high = w->times_n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (w->times[mid].offset <= offset)
			low = mid + 1;
		else
			high = mid;
	}
	return low ? w->times[low - 1].real_ns : 0;
}

/* Have a block's worth, or the rest of the file. */
static int fill(struct writer *w, size_t want)
{
	if (w->room < want) {
		char *more = realloc(w->in, want);

		if (!more)
			return -ENOMEM;
		w->in = more;
		w->room = want;
	}
	while (w->have < want) {
		ssize_t n = pread(w->raw, w->in + w->have, want - w->have, (off_t)(w->raw_at + w->have));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return 0;
		w->have += (size_t)n;
	}
	return 0;
}

/* The length of the next block: up to the last line end within a block's size, else up to the first one behind it. 0: the end of the file. */
static int next_block(struct writer *w, size_t *ret)
{
	for (size_t want = ARCHIVE_BLOCK_BYTES;; want *= 2) {
		const char *end;
		int r = fill(w, want);

		if (r)
			return r;
		end = w->have ? memrchr(w->in, '\n', w->have < ARCHIVE_BLOCK_BYTES ? w->have : ARCHIVE_BLOCK_BYTES) : NULL;
		if (w->have >= ARCHIVE_BLOCK_BYTES && !end)
			end = memchr(w->in + ARCHIVE_BLOCK_BYTES - 1, '\n', w->have - ARCHIVE_BLOCK_BYTES + 1);
		*ret = end && w->have >= ARCHIVE_BLOCK_BYTES ? (size_t)(end - w->in) + 1 : w->have;
		if (end || w->have < want || want >= BLOCK_MAX)
			return 0;
	}
}

static int put_block(struct writer *w, size_t bytes)
{
	LZ4F_preferences_t p = { .frameInfo = { .blockSizeID = LZ4F_max256KB,
						.blockMode = LZ4F_blockIndependent,
						.contentChecksumFlag = LZ4F_contentChecksumEnabled,
						.contentSize = bytes } };
	size_t bound = LZ4F_compressFrameBound(bytes, &p), packed;
	struct archive_block *b;
	uint32_t lines = 0;
	int r;

	if (w->packed_room < bound) {
		free(w->packed);
		w->packed = malloc(bound);
		w->packed_room = w->packed ? bound : 0;
	}
	if (w->n == w->blocks_room) {
		b = reallocarray(w->blocks, w->blocks_room ? w->blocks_room * 2 : 64, sizeof(*b));
		if (!b)
			return -ENOMEM;
		w->blocks = b;
		w->blocks_room = w->blocks_room ? w->blocks_room * 2 : 64;
	}
	if (!w->packed)
		return -ENOMEM;
	packed = LZ4F_compressFrame(w->packed, w->packed_room, w->in, bytes, &p);
	if (LZ4F_isError(packed))
		return -EIO;
	r = io_write_all(w->out, w->packed, packed);
	if (r)
		return r;
	for (const char *at = w->in, *end = w->in + bytes; (at = memchr(at, '\n', (size_t)(end - at))); at++)
		lines++;
	lines += w->in[bytes - 1] != '\n';
	w->blocks[w->n++] = (struct archive_block){ .file_offset = w->out_at,
						    .raw_offset = w->raw_at,
						    .first_real_ns = time_of(w, w->raw_at),
						    .last_real_ns = time_of(w, w->raw_at + bytes - 1),
						    .file_bytes = (uint32_t)packed,
						    .raw_bytes = (uint32_t)bytes,
						    .lines = lines,
						    .levels = ANY_LEVEL };
	w->lines += lines;
	w->out_at += packed;
	w->raw_at += bytes;
	w->have -= bytes;
	memmove(w->in, w->in + bytes, w->have);
	return 0;
}

static int put_index(struct writer *w)
{
	struct archive_head head = { .magic = ARCHIVE_MAGIC,
				     .version = ARCHIVE_VERSION,
				     .blocks = w->n,
				     .entries = (uint32_t)w->times_n,
				     .raw_bytes = w->raw_at,
				     .lines = w->lines };
	size_t blocks = w->n * sizeof(*w->blocks), times = w->times_n * sizeof(*w->times);
	struct archive_foot foot = { .magic = ARCHIVE_MAGIC, .payload_bytes = sizeof(head) + blocks + times + sizeof(foot) };
	uint32_t skip[2] = { ARCHIVE_SKIP, (uint32_t)foot.payload_bytes };
	int r;

	foot.checksum = str_hash(STR_HASH_SEED, &head, sizeof(head));
	foot.checksum = str_hash(foot.checksum, w->blocks, blocks);
	foot.checksum = str_hash(foot.checksum, w->times, times);
	w->out_at += sizeof(skip) + foot.payload_bytes;
	r = io_write_all(w->out, skip, sizeof(skip));
	r = r ? r : io_write_all(w->out, &head, sizeof(head));
	r = r ? r : io_write_all(w->out, w->blocks, blocks);
	r = r ? r : io_write_all(w->out, w->times, times);
	return r ? r : io_write_all(w->out, &foot, sizeof(foot));
}

int archive_write(int raw_fd, int tidx_fd, int out_fd, const _Atomic bool *stop, struct archive_sums *ret, struct fault *f)
{
	struct writer w = { .raw = raw_fd, .out = out_fd };
	struct stat sb;
	size_t bytes = 1;
	int r = fstat(raw_fd, &sb) < 0 ? -errno : load_times(&w, tidx_fd, (uint64_t)sb.st_ino);

	while (!r && bytes) {
		if (stop && atomic_load(stop))
			r = -ECANCELED;
		else if (!(r = next_block(&w, &bytes)) && bytes)
			r = put_block(&w, bytes);
	}
	if (!r)
		r = put_index(&w);
	*ret = (struct archive_sums){ .raw_bytes = w.raw_at, .lines = w.lines, .file_bytes = w.out_at };
	free(w.in);
	free(w.packed);
	free(w.blocks);
	free(w.times);
	return r ? fault_errno(f, r, "writing the archive") : 0;
}

int archive_read_sums(int fd, struct archive_sums *ret, struct fault *f)
{
	struct archive_foot foot;
	struct archive_head head;
	struct stat sb;
	uint64_t at;

	if (fstat(fd, &sb) < 0)
		return fault_errno(f, -errno, "reading the archive");
	if ((size_t)sb.st_size < sizeof(foot) + sizeof(head) ||
	    pread(fd, &foot, sizeof(foot), sb.st_size - (off_t)sizeof(foot)) != (ssize_t)sizeof(foot) || foot.magic != ARCHIVE_MAGIC)
		return fault_set(f, -ENODATA, "it has no index at its end");
	if (foot.payload_bytes > (uint64_t)sb.st_size || foot.payload_bytes < sizeof(foot) + sizeof(head))
		return fault_set(f, -EBADMSG, "its index is damaged at offset %lld", (long long)sb.st_size - (long long)sizeof(foot));
	at = (uint64_t)sb.st_size - foot.payload_bytes;
	if (pread(fd, &head, sizeof(head), (off_t)at) != (ssize_t)sizeof(head) || head.magic != ARCHIVE_MAGIC)
		return fault_set(f, -EBADMSG, "its index is damaged at offset %llu", (unsigned long long)at);
	*ret = (struct archive_sums){ .raw_bytes = head.raw_bytes, .lines = head.lines, .file_bytes = (uint64_t)sb.st_size };
	return 0;
}
