/* cli/utf8.c - as much of UTF-8 as printing takes (cli/utf8.h). */
#include "cli/utf8.h"

static bool follows(unsigned char c)
{
	return (c & 0xc0) == 0x80;
}

size_t utf8_length(const char *s)
{
	const unsigned char *u = (const unsigned char *)s;
	unsigned long c;
	size_t len;

	if (u[0] == 0)
		return 0;
	if (u[0] < 0x80)
		return 1;
	len = u[0] >= 0xf0 ? 4 : u[0] >= 0xe0 ? 3 : u[0] >= 0xc2 ? 2 : 0;
	if (len == 0 || u[0] > 0xf4)
		return 0;
	c = u[0] & (0x7fu >> len);
	for (size_t i = 1; i < len; i++) {
		if (!follows(u[i]))
			return 0;
		c = c << 6 | (u[i] & 0x3f);
	}
	/* Too long a form, half of a UTF-16 pair, beyond Unicode. */
	if ((len == 3 && c < 0x800) || (len == 4 && c < 0x10000) || (c >= 0xd800 && c < 0xe000) || c > 0x10ffff)
		return 0;
	return len;
}

bool utf8_is_valid(const char *s)
{
	while (*s) {
		size_t len = utf8_length(s);

		if (len == 0)
			return false;
		s += len;
	}
	return true;
}

size_t utf8_columns(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += !follows((unsigned char)*s);
	return n;
}

size_t utf8_bytes(const char *s, size_t columns)
{
	size_t i = 0, n = 0;

	for (; s[i]; i++) {
		if (follows((unsigned char)s[i]))
			continue;
		if (n == columns)
			break;
		n++;
	}
	return i;
}
