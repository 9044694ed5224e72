/* term/textwidth.c - texts on a terminal: columns (term/textwidth.h). */
#include "term/textwidth.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/utf8.h"

struct range {
	uint32_t first, last;
};

/* Drawn on top of the character before, or not at all. */
static const struct range nothing[] = { { 0x0300, 0x036f }, { 0x0483, 0x0489 }, { 0x0591, 0x05bd },
	{ 0x0610, 0x061a }, { 0x064b, 0x065f }, { 0x0900, 0x0902 }, { 0x093c, 0x093c },
	{ 0x0941, 0x0948 }, { 0x094d, 0x094d }, { 0x0e31, 0x0e31 }, { 0x0e34, 0x0e3a },
	{ 0x0e47, 0x0e4e }, { 0x1160, 0x11ff }, { 0x1ab0, 0x1aff }, { 0x1dc0, 0x1dff },
	{ 0x200b, 0x200f }, { 0x202a, 0x202e }, { 0x2060, 0x2064 }, { 0x20d0, 0x20ff },
	{ 0xfe00, 0xfe0f }, { 0xfe20, 0xfe2f }, { 0xfeff, 0xfeff }, { 0x1f3fb, 0x1f3ff },
	{ 0xe0001, 0xe007f }, { 0xe0100, 0xe01ef } };

/* Two columns: East Asian and emoji. */
static const struct range wide[] = { { 0x1100, 0x115f }, { 0x231a, 0x231b }, { 0x2329, 0x232a },
	{ 0x23e9, 0x23ec }, { 0x23f0, 0x23f0 }, { 0x23f3, 0x23f3 }, { 0x25fd, 0x25fe },
	{ 0x2614, 0x2615 }, { 0x2648, 0x2653 }, { 0x267f, 0x267f }, { 0x2693, 0x2693 },
	{ 0x26a1, 0x26a1 }, { 0x26aa, 0x26ab }, { 0x26bd, 0x26be }, { 0x26c4, 0x26c5 },
	{ 0x26ce, 0x26ce }, { 0x26d4, 0x26d4 }, { 0x26ea, 0x26ea }, { 0x26f2, 0x26f3 },
	{ 0x26f5, 0x26f5 }, { 0x26fa, 0x26fa }, { 0x26fd, 0x26fd }, { 0x2705, 0x2705 },
	{ 0x270a, 0x270b }, { 0x2728, 0x2728 }, { 0x274c, 0x274c }, { 0x274e, 0x274e },
	{ 0x2753, 0x2755 }, { 0x2757, 0x2757 }, { 0x2795, 0x2797 }, { 0x27b0, 0x27b0 },
	{ 0x27bf, 0x27bf }, { 0x2b1b, 0x2b1c }, { 0x2b50, 0x2b50 }, { 0x2b55, 0x2b55 },
	{ 0x2e80, 0x303e }, { 0x3041, 0x33ff }, { 0x3400, 0x4dbf }, { 0x4e00, 0x9fff },
	{ 0xa000, 0xa4cf }, { 0xa960, 0xa97f }, { 0xac00, 0xd7a3 }, { 0xf900, 0xfaff },
	{ 0xfe10, 0xfe19 }, { 0xfe30, 0xfe6f }, { 0xff00, 0xff60 }, { 0xffe0, 0xffe6 },
	{ 0x16fe0, 0x18aff }, { 0x1b000, 0x1b2ff }, { 0x1f004, 0x1f004 }, { 0x1f0cf, 0x1f0cf },
	{ 0x1f18e, 0x1f18e }, { 0x1f191, 0x1f19a }, { 0x1f200, 0x1f320 }, { 0x1f32d, 0x1f335 },
	{ 0x1f337, 0x1f37c }, { 0x1f37e, 0x1f393 }, { 0x1f3a0, 0x1f3ca }, { 0x1f3cf, 0x1f3d3 },
	{ 0x1f3e0, 0x1f3f0 }, { 0x1f3f4, 0x1f3f4 }, { 0x1f3f8, 0x1f3fa }, { 0x1f400, 0x1f43e },
	{ 0x1f440, 0x1f440 }, { 0x1f442, 0x1f4fc }, { 0x1f4ff, 0x1f53d }, { 0x1f54b, 0x1f54e },
	{ 0x1f550, 0x1f567 }, { 0x1f57a, 0x1f57a }, { 0x1f595, 0x1f596 }, { 0x1f5a4, 0x1f5a4 },
	{ 0x1f5fb, 0x1f64f }, { 0x1f680, 0x1f6c5 }, { 0x1f6cc, 0x1f6cc }, { 0x1f6d0, 0x1f6d2 },
	{ 0x1f6d5, 0x1f6d7 }, { 0x1f6dc, 0x1f6df }, { 0x1f6eb, 0x1f6ec }, { 0x1f6f4, 0x1f6fc },
	{ 0x1f7e0, 0x1f7eb }, { 0x1f7f0, 0x1f7f0 }, { 0x1f90c, 0x1f93a }, { 0x1f93c, 0x1f945 },
	{ 0x1f947, 0x1f9ff }, { 0x1fa70, 0x1faff }, { 0x20000, 0x2fffd }, { 0x30000, 0x3fffd } };

static bool is_in(const struct range *r, size_t n, uint32_t c)
{
	while (n) {
		size_t half = n / 2;

		if (c > r[half].last) {
			r += half + 1;
			n -= half + 1;
		} else if (c < r[half].first) {
			n = half;
		} else {
			return true;
		}
	}
	return false;
}

/* Columns of the character at s, and its length; what is not UTF-8 is shown as one column. */
static size_t columns_of(const char *s, size_t *ret_len)
{
	uint32_t c;

	*ret_len = utf8_decode(s, &c);
	if (*ret_len == 0)
		*ret_len = 1;
	else if (*ret_len > 1 && is_in(nothing, sizeof(nothing) / sizeof(nothing[0]), c))
		return 0;
	else if (*ret_len > 1 && is_in(wide, sizeof(wide) / sizeof(wide[0]), c))
		return 2;
	return 1;
}

/* In whole words, of which the last may overlap the one before: most texts are short, and all are
 * looked at. */
static bool is_ascii(const char *s, size_t bytes)
{
	uint64_t all = 0, v;
	uint32_t first, last;

	if (bytes < sizeof(first)) {
		for (size_t i = 0; i < bytes; i++)
			all |= (unsigned char)s[i];
		return all < 0x80;
	}
	if (bytes < sizeof(v)) {
		memcpy(&first, s, sizeof(first));
		memcpy(&last, s + bytes - sizeof(last), sizeof(last));
		return !((first | last) & UINT32_MAX / 0xff * 0x80);
	}
	for (size_t i = 0; i + sizeof(v) < bytes; i += sizeof(v)) {
		memcpy(&v, s + i, sizeof(v));
		all |= v;
	}
	memcpy(&v, s + bytes - sizeof(v), sizeof(v));
	return !((all | v) & UINT64_MAX / 0xff * 0x80);
}

size_t textwidth_columns(const char *s, size_t bytes)
{
	size_t n = 0;

	if (is_ascii(s, bytes))
		return bytes;
	for (size_t i = 0; i < bytes;) {
		size_t len;

		n += columns_of(s + i, &len);
		i += len;
	}
	return n;
}

size_t textwidth_bytes(const char *s, size_t columns)
{
	size_t i = 0, n = 0;

	while (s[i]) {
		size_t len;

		n += columns_of(s + i, &len);
		if (n > columns)
			break;
		i += len;
	}
	return i;
}
