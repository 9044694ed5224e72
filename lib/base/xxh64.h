/*
 * base/xxh64.h - XXH64, a checksum of many gigabytes a second against accidental damage: one
 * changed byte is always found. Not against an adversary. The published algorithm, so that
 * xxh64sum(1) computes the same.
 */
#ifndef BASE_XXH64_H
#define BASE_XXH64_H

#include <stddef.h>
#include <stdint.h>

struct xxh64 { /* of data that comes in pieces */
	uint64_t lane[4], bytes;
	unsigned char rest[32];
};

void xxh64_begin(struct xxh64 *x);
void xxh64_add(struct xxh64 *x, const void *data, size_t bytes);
uint64_t xxh64_end(const struct xxh64 *x);

/* All three. */
uint64_t xxh64(const void *data, size_t bytes);

#endif
