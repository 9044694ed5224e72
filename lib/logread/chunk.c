/* logread/chunk.c - pieces of a log with whole lines (logread/chunk.h). */
#include "logread/chunk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "logread/pieces.h"
#include "logread/unpack.h"

static int room_for(struct chunk *c, size_t bytes)
{
	char *more;

	if (c->room > bytes)
		return 0;
	more = realloc(c->buf, bytes + 1);
	if (!more)
		return -ENOMEM;
	c->buf = more;
	c->room = bytes + 1;
	return 0;
}

/* Whole: a NUL goes behind it. */
static int done(struct chunk *c)
{
	c->buf[c->len] = 0;
	return 1;
}

uint32_t chunk_block_at(const struct segment *s, uint64_t at)
{
	uint32_t low = 0, high = s->index.head.blocks;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		const struct archive_block *b = &s->index.blocks[mid];

		if (b->raw_offset + b->raw_bytes <= at)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static int block_chunk(const struct segment *s, uint32_t block, struct chunk *ret, struct fault *f)
{
	const struct archive_block *b = &s->index.blocks[block];
	int r;

	ret->block = block;
	ret->offset = b->raw_offset;
	ret->len = b->raw_bytes;
	r = unpack_block(s->fd, b, &ret->buf, &ret->room, f);
	return r < 0 ? r : done(ret);
}

int chunk_forward(
	const struct segment *s, uint64_t at, size_t want, struct chunk *ret, struct fault *f)
{
	if (at >= s->bytes)
		return 0;
	if (s->indexed)
		return block_chunk(s, chunk_block_at(s, at), ret, f);
	for (;; want *= 2) {
		uint64_t left = s->bytes - at;
		size_t take = left < want ? (size_t)left : want;
		const char *cut;
		ssize_t n;

		ret->offset = at;
		if (room_for(ret, take) < 0)
			return fault_errno(
				f, -ENOMEM, "reading at offset %llu", (unsigned long long)at);
		n = piece_read_some(s->fd, ret->buf, take, at);
		if (n <= 0)
			return n < 0 ? fault_errno(f, (int)n, "reading at offset %llu",
					       (unsigned long long)at)
				     : 0;
		cut = (uint64_t)n < left ? memrchr(ret->buf, '\n', (size_t)n) : NULL;
		ret->len = cut ? (size_t)(cut - ret->buf) + 1 : (size_t)n;
		if (cut || (uint64_t)n == left || (size_t)n < take || want >= CHUNK_MAX)
			return done(ret);
	}
}

int chunk_backward(
	const struct segment *s, uint64_t at, size_t want, struct chunk *ret, struct fault *f)
{
	if (at == 0 || s->bytes == 0)
		return 0;
	if (s->indexed)
		return block_chunk(s, chunk_block_at(s, at - 1), ret, f);
	for (;; want *= 2) {
		size_t take = at < want ? (size_t)at : want;
		const char *cut;
		int r;

		if (room_for(ret, take) < 0)
			return fault_errno(f, -ENOMEM, "reading at offset %llu",
				(unsigned long long)(at - take));
		r = piece_read(s->fd, ret->buf, take, at - take);
		if (r < 0)
			return r == -ENODATA ? 0
					     : fault_errno(f, r, "reading at offset %llu",
						       (unsigned long long)(at - take));
		ret->offset = at - take;
		ret->len = take;
		cut = take < at ? memchr(ret->buf, '\n', take - 1) : NULL;
		if (take == at || (!cut && want >= CHUNK_MAX))
			return done(ret);
		if (!cut)
			continue;
		ret->len = (size_t)(ret->buf + take - cut) - 1;
		memmove(ret->buf, cut + 1, ret->len);
		ret->offset = at - ret->len;
		return done(ret);
	}
}

uint64_t chunk_line_start(const struct segment *s, uint64_t at)
{
	char piece[4096];

	while (at > 0) {
		size_t take = at < sizeof(piece) ? (size_t)at : sizeof(piece);
		const char *nl;

		if (piece_read(s->fd, piece, take, at - take) < 0)
			return 0;
		nl = memrchr(piece, '\n', take);
		if (nl)
			return at - take + (uint64_t)(nl - piece) + 1;
		at -= take;
	}
	return 0;
}

uint64_t chunk_line_end(const struct segment *s, uint64_t at)
{
	char piece[4096];

	while (at < s->bytes) {
		size_t take = s->bytes - at < sizeof(piece) ? (size_t)(s->bytes - at)
							    : sizeof(piece);
		const char *nl;

		if (piece_read(s->fd, piece, take, at) < 0)
			break;
		nl = memchr(piece, '\n', take);
		if (nl)
			return at + (uint64_t)(nl - piece) + 1;
		at += take;
	}
	return s->bytes;
}
