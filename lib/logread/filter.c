/* logread/filter.c - can this block contain a text? (logread/filter.h) */
#include "logread/filter.h"

#include <endian.h>
#include <string.h>

static uint32_t lower(char c)
{
	return (uint32_t)(c >= 'A' && c <= 'Z' ? c + 32 : (unsigned char)c);
}

static uint32_t hash(uint32_t three)
{
	return (three * 2654435761u >> 7) & (FILTER_BITS - 1);
}

unsigned filter_pages(unsigned blocks)
{
	unsigned pages = blocks ? 1 : 0;

	while (pages < blocks)
		pages *= 2;
	return pages;
}

uint64_t filter_pages_of_all(uint32_t blocks)
{
	return (uint64_t)(blocks / FILTER_BLOCKS) * FILTER_BLOCKS +
		filter_pages(blocks % FILTER_BLOCKS);
}

void filter_narrow(uint64_t words[static FILTER_BITS], unsigned pages)
{
	unsigned char *out = (unsigned char *)words;

	for (uint32_t i = 0; i < FILTER_BITS; i++) {
		uint64_t word = htole64(words[i]);

		if (pages >= 8)
			memmove(out + (size_t)i * (pages / 8), &word, pages / 8);
		else if (i * pages % 8 == 0)
			out[i * pages / 8] = (unsigned char)words[i];
		else
			out[i * pages / 8] = (unsigned char)(out[i * pages / 8] |
				words[i] << i * pages % 8);
	}
}

unsigned filter_page(unsigned pages, uint32_t hash)
{
	return hash / (FILTER_BITS / pages);
}

uint64_t filter_word(
	const unsigned char page[static FILTER_PAGE_BYTES], unsigned pages, uint32_t hash)
{
	uint32_t bit = hash % (FILTER_BITS / pages) * pages;
	uint64_t word = 0;

	if (pages < 8)
		return (uint32_t)page[bit / 8] >> bit % 8 & ((1u << pages) - 1);
	memcpy(&word, page + bit / 8, pages / 8);
	return le64toh(word);
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
