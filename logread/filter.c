/* logread/filter.c - can this block contain a text? (logread/filter.h) */
#include "logread/filter.h"

static uint32_t lower(char c)
{
	return (uint32_t)(c >= 'A' && c <= 'Z' ? c + 32 : (unsigned char)c);
}

static uint32_t bit_of(uint32_t three, uint32_t bytes)
{
	return (three * 2654435761u >> 7) & (bytes * 8 - 1);
}

void filter_add(uint8_t *filter, uint32_t bytes, const char *text, size_t len)
{
	uint32_t three = 0;

	for (size_t i = 0; i < len; i++) {
		three = (three << 8 | lower(text[i])) & 0xffffff;
		if (i >= 2) {
			uint32_t bit = bit_of(three, bytes);

			filter[bit >> 3] |= (uint8_t)(1u << (bit & 7));
		}
	}
}

bool filter_may_contain(const uint8_t *filter, uint32_t bytes, const char *text, size_t len)
{
	uint32_t three = 0;

	for (size_t i = 0; bytes && i < len; i++) {
		three = (three << 8 | lower(text[i])) & 0xffffff;
		if (i >= 2) {
			uint32_t bit = bit_of(three, bytes);

			if (!(filter[bit >> 3] & (1u << (bit & 7))))
				return false;
		}
	}
	return true;
}
