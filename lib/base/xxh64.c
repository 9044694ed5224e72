/* base/xxh64.c - XXH64 (base/xxh64.h), after its specification: github.com/Cyan4973/xxHash,
 * doc/xxhash_spec.md. Seed 0. */
#include "base/xxh64.h"

#include <endian.h>
#include <string.h>

#define P1 0x9E3779B185EBCA87ull
#define P2 0xC2B2AE3D27D4EB4Full
#define P3 0x165667B19E3779F9ull
#define P4 0x85EBCA77C2B2AE63ull
#define P5 0x27D4EB2F165667C5ull

static uint64_t rotate(uint64_t v, unsigned by)
{
	return v << by | v >> (64 - by);
}

static uint64_t word(const unsigned char *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

static uint64_t mix(uint64_t lane, uint64_t input)
{
	return rotate(lane + input * P2, 31) * P1;
}

/* Whole stripes of 32 bytes. */
static void stripes(uint64_t lane[static 4], const unsigned char *p, size_t n)
{
	uint64_t a = lane[0], b = lane[1], c = lane[2], d = lane[3];

	for (; n > 0; n--, p += 32) {
		a = mix(a, word(p));
		b = mix(b, word(p + 8));
		c = mix(c, word(p + 16));
		d = mix(d, word(p + 24));
	}
	lane[0] = a;
	lane[1] = b;
	lane[2] = c;
	lane[3] = d;
}

void xxh64_begin(struct xxh64 *x)
{
	*x = (struct xxh64){ .lane = { P1 + P2, P2, 0, 0 - P1 } };
}

void xxh64_add(struct xxh64 *x, const void *data, size_t bytes)
{
	const unsigned char *p = data;
	size_t have = x->bytes % 32;

	if (bytes == 0)
		return; /* data may be NULL then */
	x->bytes += bytes;
	if (have + bytes < 32) {
		memcpy(x->rest + have, p, bytes);
		return;
	}
	if (have) {
		memcpy(x->rest + have, p, 32 - have);
		stripes(x->lane, x->rest, 1);
		p += 32 - have;
		bytes -= 32 - have;
	}
	stripes(x->lane, p, bytes / 32);
	memcpy(x->rest, p + bytes / 32 * 32, bytes % 32);
}

/* What is left of the last stripe, and the avalanche. */
static uint64_t finish(uint64_t h, const unsigned char *p, size_t n)
{
	uint32_t half;

	for (; n >= 8; n -= 8, p += 8)
		h = rotate(h ^ mix(0, word(p)), 27) * P1 + P4;
	if (n >= 4) {
		memcpy(&half, p, sizeof(half));
		h = rotate(h ^ le32toh(half) * P1, 23) * P2 + P3;
		n -= 4;
		p += 4;
	}
	for (; n > 0; n--, p++)
		h = rotate(h ^ *p * P5, 11) * P1;
	h = (h ^ h >> 33) * P2;
	h = (h ^ h >> 29) * P3;
	return h ^ h >> 32;
}

uint64_t xxh64_end(const struct xxh64 *x)
{
	uint64_t h = P5;

	if (x->bytes >= 32) {
		h = rotate(x->lane[0], 1) + rotate(x->lane[1], 7) + rotate(x->lane[2], 12) +
			rotate(x->lane[3], 18);
		for (unsigned i = 0; i < 4; i++)
			h = (h ^ mix(0, x->lane[i])) * P1 + P4;
	}
	return finish(h + x->bytes, x->rest, x->bytes % 32);
}

uint64_t xxh64(const void *data, size_t bytes)
{
	struct xxh64 x;

	xxh64_begin(&x);
	xxh64_add(&x, data, bytes);
	return xxh64_end(&x);
}
