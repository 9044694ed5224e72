/* logread/filter.c - can this block contain a text? (logread/filter.h) */
#include "logread/filter.h"

static uint32_t lower(char c)
{
	return (uint32_t)(c >= 'A' && c <= 'Z' ? c + 32 : (unsigned char)c);
}

static uint32_t hash(uint32_t three)
{
	return (three * 2654435761u >> 7) & (FILTER_BITS - 1);
}

void filter_add(uint64_t words[static FILTER_BITS], unsigned block, const char *text, size_t len)
{
	uint64_t bit = 1ull << block;
	uint32_t three = 0;

	for (size_t i = 0; i < len; i++) {
		three = (three << 8 | lower(text[i])) & 0xffffff;
		if (i >= 2)
			words[hash(three)] |= bit;
	}
}

unsigned filter_hashes(const char *text, size_t len, uint32_t ret[static FILTER_HASHES])
{
	size_t threes = len < 3 ? 0 : len - 2;
	unsigned n = threes < FILTER_HASHES ? (unsigned)threes : FILTER_HASHES;

	for (unsigned i = 0; i < n; i++) {
		const char *p = text + threes * i / n;

		ret[i] = hash(lower(p[0]) << 16 | lower(p[1]) << 8 | lower(p[2]));
	}
	return n;
}
