/*
 * logread/archive_write.c - a rotated file becomes an archive (logread/archive.h,
 * logread/format.h).
 *
 * Two passes: the frames with their block index, then the filters, which would be 1.6 % of the file
 * in memory if the first pass kept them. The second reads what the first has just read, so from the
 * page cache. A line longer than a block goes through in pieces: nothing here grows with it.
 */
#include <errno.h>
#include <lz4frame.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/xxh64.h"
#include "logread/archive.h"
#include "logread/filter.h"
#include "logread/format.h"
#include "logread/parse.h"
#include "logread/pieces.h"
#include "logread/timeindex.h"

#define NO_LEVEL_BIT (1u << 31)

struct job {
	int raw, out;
	const _Atomic bool *stop;
	struct fault *f;
	uint64_t raw_bytes, file_bytes, lines;
	char *buf; /* ARCHIVE_BLOCK_BYTES */
	char *packed;
	size_t packed_room;
	LZ4F_cctx *lz4;
	LZ4F_preferences_t prefs;
	struct archive_block *blocks;
	uint32_t n, room;
	struct tidx_cursor times;
	/* the entry at work, and the one behind it; real_ns 0 = none */
	struct tidx_entry time, next_time;
	struct xxh64 checksum; /* of the block's frame at work, then of the index */
};

static int put(struct job *j, const void *data, size_t bytes)
{
	int r = io_write_all(j->out, data, bytes);

	if (r < 0)
		return fault_errno(j->f, r, "writing the archive at offset %llu",
			(unsigned long long)j->file_bytes);
	j->file_bytes += bytes;
	return 0;
}

/* What has a checksum: a frame, or the index behind all frames. */
static int put_summed(struct job *j, const void *data, size_t bytes)
{
	xxh64_add(&j->checksum, data, bytes);
	return put(j, data, bytes);
}

static int get(struct job *j, size_t bytes, uint64_t offset)
{
	int r = piece_read(j->raw, j->buf, bytes, offset);

	if (r == -ENODATA)
		return fault_set(j->f, -EIO, "the log became shorter while it was archived");
	return r < 0
		? fault_errno(j->f, r, "reading the log at offset %llu", (unsigned long long)offset)
		: 0;
}

static void next_time(struct job *j)
{
	if (!tidx_next(&j->times, &j->next_time))
		j->next_time.real_ns = 0;
}

/* When the byte at offset arrived, 0 = not known; offsets only grow from call to call. */
static uint64_t arrival(struct job *j, uint64_t offset)
{
	while (j->next_time.real_ns && j->next_time.offset <= offset) {
		j->time = j->next_time;
		next_time(j);
	}
	return j->times.cut && !j->next_time.real_ns && offset > j->time.offset ? 0
										: j->time.real_ns;
}

/* Bytes of the block at offset, whose beginning is in buf then: behind the last line end within a
 * block's size, else behind the next one. */
static int block_length(struct job *j, uint64_t offset, uint64_t *ret)
{
	uint64_t left = j->raw_bytes - offset,
		 length = left < ARCHIVE_BLOCK_BYTES ? left : ARCHIVE_BLOCK_BYTES;
	char more[4096];
	const char *cut;
	int r = get(j, length, offset);

	if (r < 0)
		return r;
	*ret = length;
	if (length == left)
		return 0;
	cut = memrchr(j->buf, '\n', length);
	if (cut) {
		*ret = (uint64_t)(cut - j->buf) + 1;
		return 0;
	}
	left = left < ARCHIVE_BLOCK_MAX ? left : ARCHIVE_BLOCK_MAX;
	while (length < left) {
		ssize_t n = piece_read_some(j->raw, more,
			left - length < sizeof(more) ? left - length : sizeof(more),
			offset + length);

		if (n <= 0)
			return fault_errno(j->f, n < 0 ? (int)n : -EIO,
				"reading the log at offset %llu", 0ull + offset + length);
		cut = memchr(more, '\n', (size_t)n);
		length += cut ? (uint64_t)(cut - more) + 1 : (uint64_t)n;
		if (cut)
			break;
	}
	*ret = length;
	return 0;
}

/* Levels and lines of what is in buf. continued: its beginning is the middle of a line. */
static void survey(struct job *j, size_t len, bool continued, struct archive_block *b)
{
	const char *p = j->buf, *end = p + len;
	/* a time without a date needs one */
	uint64_t near = b->first_real_ns ? b->first_real_ns : clock_real_ns();

	while (p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p)), *behind = nl ? nl : end;
		struct log_line line;

		if (!continued) {
			parse_line(p, (size_t)(behind - p), near, &line);
			b->levels |= line.level == LOG_LEVEL_NONE ? NO_LEVEL_BIT : 1u << line.level;
		}
		continued = false;
		b->lines += nl != NULL;
		p = nl ? nl + 1 : end;
	}
}

static int packed_put(struct job *j, size_t n)
{
	if (LZ4F_isError(n))
		return fault_set(j->f, -EIO, "LZ4: %s", LZ4F_getErrorName(n));
	return put_summed(j, j->packed, n);
}

/* One frame; the first piece is in buf already. */
static int write_frame(struct job *j, struct archive_block *b)
{
	uint64_t done = 0;
	int r;

	j->prefs.frameInfo.contentSize = b->raw_bytes;
	r = packed_put(j, LZ4F_compressBegin(j->lz4, j->packed, j->packed_room, &j->prefs));
	while (r == 0 && done < b->raw_bytes) {
		size_t piece = b->raw_bytes - done < ARCHIVE_BLOCK_BYTES ? b->raw_bytes - done
									 : ARCHIVE_BLOCK_BYTES;

		if (done > 0)
			r = get(j, piece, b->raw_offset + done);
		if (r < 0)
			return r;
		survey(j, piece, done > 0, b);
		r = packed_put(j,
			LZ4F_compressUpdate(
				j->lz4, j->packed, j->packed_room, j->buf, piece, NULL));
		done += piece;
	}
	return r < 0 ? r : packed_put(j, LZ4F_compressEnd(j->lz4, j->packed, j->packed_room, NULL));
}

static int add_block(struct job *j, uint64_t offset, uint64_t length)
{
	struct archive_block *b;
	int r;

	if (j->n == j->room) {
		uint32_t room = j->room ? j->room * 2 : 256;

		b = realloc(j->blocks, room * sizeof(*b));
		if (!b)
			return -ENOMEM;
		j->blocks = b;
		j->room = room;
	}
	b = &j->blocks[j->n++];
	*b = (struct archive_block){
		.file_offset = j->file_bytes, .raw_offset = offset, .raw_bytes = (uint32_t)length
	};
	b->first_real_ns = arrival(j, offset);
	xxh64_begin(&j->checksum);
	r = write_frame(j, b);
	b->checksum = xxh64_end(&j->checksum);
	b->last_real_ns = arrival(j, offset + length - 1);
	b->file_bytes = (uint32_t)(j->file_bytes - b->file_offset);
	j->lines += b->lines;
	return r;
}

static int write_frames(struct job *j)
{
	uint64_t offset = 0, length;
	int r = 0;

	while (r == 0 && offset < j->raw_bytes) {
		if (j->stop && *j->stop)
			return -ECANCELED;
		r = block_length(j, offset, &length);
		if (r == 0)
			r = add_block(j, offset, length);
		offset += r == 0 ? length : 0;
	}
	if (r < 0 || j->n == 0)
		return r;
	offset--;
	r = piece_read(j->raw, j->buf, 1, offset);
	if (r == 0 && j->buf[0] != '\n') {
		j->blocks[j->n - 1].lines++;
		j->lines++;
	}
	return r;
}

/* How many entries the time index has that hold, and the one behind them if that is where it is
 * damaged. */
static uint32_t count_times(int tidx_fd, const struct stat *st, struct tidx_entry *unknown)
{
	struct tidx_cursor c;
	struct tidx_entry e = { .offset = 0 };
	uint32_t n = 0;

	*unknown = (struct tidx_entry){ .offset = 0 };
	if (tidx_begin(&c, tidx_fd, st, NULL) < 0)
		return 0;
	while (n < (16u << 20) && tidx_next(&c, &e))
		n++;
	if (n == 0 || (!c.cut && n < (16u << 20)) || e.offset >= (uint64_t)st->st_size)
		return n;
	unknown->offset = e.offset + 1;
	return n + 1;
}

static int write_times(struct job *j, int tidx_fd, const struct stat *st, uint32_t n,
	const struct tidx_entry *unknown)
{
	struct tidx_cursor c;
	struct tidx_entry e;
	int r = 0;

	(void)tidx_begin(&c, n ? tidx_fd : -1, st, NULL);
	n -= unknown->offset != 0;
	while (r == 0 && n-- > 0) {
		if (!tidx_next(&c, &e))
			return fault_set(
				j->f, -EIO, "the time index changed while it was archived");
		r = put_summed(j, &e, sizeof(e));
	}
	if (r == 0 && unknown->offset)
		r = put_summed(j, unknown, sizeof(*unknown));
	return r;
}

static int filter_block(
	struct job *j, uint64_t *words, unsigned number, const struct archive_block *b)
{
	uint64_t at = 0;
	int r = 0;

	while (r == 0 && at < b->raw_bytes) {
		size_t piece = b->raw_bytes - at < ARCHIVE_BLOCK_BYTES ? b->raw_bytes - at
								       : ARCHIVE_BLOCK_BYTES;

		r = get(j, piece, b->raw_offset + at);
		if (r == 0)
			filter_add(words, number, j->buf, piece);
		if (at + piece == b->raw_bytes)
			break;
		at += piece - 2; /* what straddles two pieces counts, too */
	}
	return r;
}

/* One group: its pages, and their checksums into sums. */
static int write_group(struct job *j, uint32_t first, uint64_t *words, uint64_t *sums)
{
	unsigned n = j->n - first < FILTER_BLOCKS ? j->n - first : FILTER_BLOCKS,
		 pages = filter_pages(n);

	memset(words, 0, FILTER_BITS * sizeof(*words));
	for (unsigned i = 0; i < n; i++) {
		int r = j->stop && *j->stop ? -ECANCELED
					    : filter_block(j, words, i, &j->blocks[first + i]);

		if (r < 0)
			return r;
	}
	filter_narrow(words, pages);
	for (unsigned p = 0; p < pages; p++)
		sums[p] = xxh64(
			words + p * (FILTER_PAGE_BYTES / sizeof(*words)), FILTER_PAGE_BYTES);
	return put(j, words, (size_t)pages * FILTER_PAGE_BYTES);
}

/* The filters, then the checksums of their pages. */
static int write_filters(struct job *j)
{
	uint64_t pages = filter_pages_of_all(j->n), *words = malloc(FILTER_BITS * sizeof(*words)),
		 *sums = malloc(pages * sizeof(*sums) + 1);
	int r = 0;

	if (!words || !sums) {
		fault_errno(j->f, -ENOMEM, "archiving");
		r = -ENOMEM;
	}
	for (uint32_t first = 0; r == 0 && first < j->n; first += FILTER_BLOCKS)
		/* all groups in front have a page for each block */
		r = write_group(j, first, words, sums + first);
	if (r == 0)
		r = put_summed(j, sums, pages * sizeof(*sums));
	free(words);
	free(sums);
	return r;
}

static int write_index(struct job *j, int tidx_fd, const struct stat *st)
{
	struct archive_head head = { .magic = ARCHIVE_MAGIC,
		.version = ARCHIVE_VERSION,
		.blocks = j->n,
		.raw_bytes = j->raw_bytes,
		.lines = j->lines };
	struct archive_foot foot = { .magic = ARCHIVE_MAGIC };
	struct tidx_entry unknown;
	uint32_t frame[2] = { ARCHIVE_SKIP };
	uint64_t filters = j->n > 1
		? filter_pages_of_all(j->n) * (FILTER_PAGE_BYTES + sizeof(uint64_t))
		: 0;
	int r;

	head.entries = count_times(tidx_fd, st, &unknown);
	/* of a single block it would be larger than many of those are, to spare a look at one */
	head.filter_bits = j->n > 1 ? FILTER_BITS : 0;
	foot.payload_bytes = sizeof(head) + (uint64_t)j->n * sizeof(*j->blocks) +
		(uint64_t)head.entries * sizeof(struct tidx_entry) + filters + sizeof(foot);
	if (foot.payload_bytes > UINT32_MAX) { /* a skippable frame holds no more: 200 GB of log */
		foot.payload_bytes -= filters;
		head.filter_bits = 0;
	}
	if (foot.payload_bytes > UINT32_MAX)
		return fault_set(j->f, -EFBIG, "the log is too large for one archive");
	frame[1] = (uint32_t)foot.payload_bytes;
	xxh64_begin(&j->checksum);
	if ((r = put(j, frame, sizeof(frame))) < 0 ||
		(r = put_summed(j, &head, sizeof(head))) < 0 ||
		(r = put_summed(j, j->blocks, j->n * sizeof(*j->blocks))) < 0 ||
		(r = write_times(j, tidx_fd, st, head.entries, &unknown)) < 0 ||
		(head.filter_bits && (r = write_filters(j)) < 0))
		return r;
	foot.checksum = xxh64_end(&j->checksum);
	return put(j, &foot, sizeof(foot));
}

static int job_begin(struct job *j, int tidx_fd, const struct stat *st)
{
	j->prefs = (LZ4F_preferences_t){
		.frameInfo = { .blockSizeID = LZ4F_max256KB,
			.blockMode = LZ4F_blockIndependent,
			.contentChecksumFlag = LZ4F_contentChecksumEnabled }
	};
	j->prefs.autoFlush = 1;
	j->packed_room = LZ4F_compressBound(ARCHIVE_BLOCK_BYTES, &j->prefs) + LZ4F_HEADER_SIZE_MAX;
	j->buf = malloc(ARCHIVE_BLOCK_BYTES);
	j->packed = malloc(j->packed_room);
	if (!j->buf || !j->packed ||
		LZ4F_isError(LZ4F_createCompressionContext(&j->lz4, LZ4F_VERSION)))
		return fault_errno(j->f, -ENOMEM, "archiving");
	(void)tidx_begin(&j->times, tidx_fd, st, NULL);
	next_time(j);
	return 0;
}

int archive_write(int raw_fd, int tidx_fd, int out_fd, const _Atomic bool *stop,
	struct archive_sums *ret, struct fault *f)
{
	struct job j = { .raw = raw_fd, .out = out_fd, .stop = stop, .f = f };
	struct stat st;
	int r;

	if (fstat(raw_fd, &st) < 0)
		return fault_errno(f, -errno, "looking at the log");
	if (!S_ISREG(st.st_mode))
		return fault_set(f, -EINVAL, "the log is not a regular file");
	j.raw_bytes = (uint64_t)st.st_size;
	r = job_begin(&j, tidx_fd, &st);
	if (r == 0)
		r = write_frames(&j);
	if (r == 0)
		r = write_index(&j, tidx_fd, &st);
	if (r == 0)
		*ret = (struct archive_sums){ .raw_bytes = j.raw_bytes,
			.lines = j.lines,
			.file_bytes = j.file_bytes,
			.last_real_ns = j.n ? j.blocks[j.n - 1].last_real_ns : 0 };
	free(j.buf);
	free(j.packed);
	free(j.blocks);
	LZ4F_freeCompressionContext(j.lz4);
	return r;
}
