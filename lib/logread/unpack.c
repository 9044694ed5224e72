/* logread/unpack.c - LZ4 frames back into bytes (logread/unpack.h). */
#include "logread/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <lz4.h>
#include <lz4frame.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/xxh64.h"
#include "logread/pieces.h"

#define FOREIGN_MAX (8ull << 30) /* what a foreign archive may unpack to */
#define RATIO_MAX   260u	 /* LZ4 can't do better than 255 to 1 */
#define PIECE	    (256u << 10)

static int broken(struct fault *f, uint64_t offset, const char *what)
{
	return fault_set(
		f, -EBADMSG, "damaged at offset %llu: %s", (unsigned long long)offset, what);
}

static int room_for(char **buf, size_t *room, size_t bytes)
{
	char *more;

	if (*room >= bytes)
		return 0;
	more = realloc(*buf, bytes);
	if (!more)
		return -ENOMEM;
	*buf = more;
	*room = bytes;
	return 0;
}

/* What a thread keeps from block to block. */
static __thread LZ4F_dctx *lz4;
static __thread char *packed;
static __thread size_t packed_room;

void unpack_done(void)
{
	LZ4F_freeDecompressionContext(lz4);
	lz4 = NULL;
	free(packed);
	packed = NULL;
	packed_room = 0;
}

int unpack_block(int fd, const struct archive_block *b, char **buf, size_t *room, struct fault *f)
{
	size_t in = b->file_bytes, out = b->raw_bytes, at = 0, done = 0, hint = 1;
	/* The checksum of the frame as it lies there says as much as that of its content, which
	 * takes longer than decoding. Before LZ4 1.9.4 it can't be left out. */
#if LZ4_VERSION_NUMBER >= 10904
	const LZ4F_decompressOptions_t options = { .skipChecksums = 1 };
#else
	const LZ4F_decompressOptions_t options = { 0 };
#endif
	int r;

	if (b->raw_bytes / RATIO_MAX > b->file_bytes)
		return broken(f, b->file_offset, "a block can't be that large");
	if ((!lz4 && LZ4F_isError(LZ4F_createDecompressionContext(&lz4, LZ4F_VERSION))) ||
		room_for(buf, room, (out < ARCHIVE_BLOCK_BYTES ? ARCHIVE_BLOCK_BYTES : out) + 1) <
			0 ||
		room_for(&packed, &packed_room, in) < 0)
		return fault_errno(f, -ENOMEM, "reading the block at offset %llu",
			(unsigned long long)b->file_offset);
	r = piece_read(fd, packed, in, b->file_offset);
	if (r < 0)
		return fault_errno(f, r, "reading the block at offset %llu",
			(unsigned long long)b->file_offset);
	if (xxh64(packed, in) != b->checksum)
		return broken(f, b->file_offset, "the checksum of the block");
	LZ4F_resetDecompressionContext(lz4);
	while (hint != 0 && at < in) {
		/* room for a whole LZ4 block: with less it would be decoded elsewhere and copied */
		size_t src = in - at, dst = *room - 1 - done;

		hint = LZ4F_decompress(lz4, *buf + done, &dst, packed + at, &src, &options);
		if (LZ4F_isError(hint))
			return broken(f, b->file_offset, LZ4F_getErrorName(hint));
		at += src;
		done += dst;
		if (src == 0 && dst == 0)
			break;
	}
	if (hint != 0 || at != in || done != out)
		return broken(f, b->file_offset, "the block's size is not what the index says");
	return 0;
}

static int nameless(const char *scratch)
{
	FILE *file;
	int fd = io_open(
		AT_FDCWD, scratch && *scratch ? scratch : "/tmp", O_TMPFILE | O_RDWR, 0600);

	if (fd >= 0)
		return fd;
	file = tmpfile();
	if (!file)
		return -errno;
	fd = fcntl(fileno(file), F_DUPFD_CLOEXEC, 3);
	fclose(file);
	return fd < 0 ? -errno : fd;
}

/* The next frame's magic behind offset; UINT64_MAX: none. */
static uint64_t next_frame(int fd, uint64_t offset)
{
	char piece[65536];
	ssize_t n;

	while ((n = piece_read_some(fd, piece, sizeof(piece), offset)) >= 4) {
		const char *at = memmem(piece, (size_t)n, "\x04\x22\x4d\x18", 4);

		if (at)
			return offset + (uint64_t)(at - piece);
		offset += (uint64_t)n - 3;
	}
	return UINT64_MAX;
}

struct foreign {
	int in, out;
	uint64_t offset, frame, written; /* frame: where the frame at work begins */
	char src[PIECE], dst[PIECE];
	LZ4F_dctx *lz4;
};

/* Until the end (0) or damage (-EBADMSG) or an error of writing. */
static int unpack_frames(struct foreign *u, struct fault *f)
{
	size_t hint = 0;
	ssize_t n;

	while ((n = piece_read_some(u->in, u->src, sizeof(u->src), u->offset)) > 0) {
		for (size_t at = 0; at < (size_t)n;) {
			size_t src = (size_t)n - at, dst = sizeof(u->dst);

			if (hint == 0)
				u->frame = u->offset;
			hint = LZ4F_decompress(u->lz4, u->dst, &dst, u->src + at, &src, NULL);
			if (LZ4F_isError(hint))
				return broken(f, u->offset, LZ4F_getErrorName(hint));
			at += src;
			u->offset += src;
			u->written += dst;
			if (u->written > FOREIGN_MAX)
				return fault_set(f, -EFBIG,
					"unpacks to more than 8 GB; the rest is left out");
			int r = io_write_all(u->out, u->dst, dst);
			if (r < 0)
				return fault_errno(f, r, "unpacking");
		}
	}
	return hint == 0 ? 0 : broken(f, u->offset, "the file ends within a frame");
}

int unpack_file(int fd, const char *name, const struct log_complain *c, uint64_t *ret_bytes)
{
	struct foreign *u = calloc(1, sizeof(*u));
	struct fault f;
	int r, out = -1;

	if (!u)
		return -ENOMEM;
	u->in = fd;
	u->out = nameless(c ? c->scratch : NULL);
	if (u->out < 0 || LZ4F_isError(LZ4F_createDecompressionContext(&u->lz4, LZ4F_VERSION))) {
		r = u->out < 0 ? u->out : -ENOMEM;
		goto out;
	}
	while ((r = unpack_frames(u, &f)) == -EBADMSG) {
		log_complain(c, name, &f);
		u->offset = next_frame(fd, u->offset > u->frame ? u->offset : u->frame + 1);
		if (u->offset == UINT64_MAX)
			break;
		LZ4F_resetDecompressionContext(u->lz4);
	}
	if (r < 0 && r != -EBADMSG)
		log_complain(c, name, &f);
	*ret_bytes = u->written;
	out = u->out;
	u->out = -1;
	r = 0;
out:
	LZ4F_freeDecompressionContext(u->lz4);
	io_close(&u->out);
	free(u);
	return r < 0 ? r : out;
}
