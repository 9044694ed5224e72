/* base/utf8.c - UTF-8, decoded (base/utf8.h). */
#include "base/utf8.h"

size_t utf8_decode(const char *text, uint32_t *ret)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *s = (const unsigned char *)text;
	size_t n = s[0] < 0x80 ? 1
		: s[0] < 0xC2  ? 0
		: s[0] < 0xE0  ? 2
		: s[0] < 0xF0  ? 3
		: s[0] < 0xF5  ? 4
			       : 0;
	uint32_t c;

	if (n == 0)
		return 0;
	c = n == 1 ? s[0] : s[0] & (0x7Fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xC0) != 0x80) /* the final NUL is none either */
			return 0;
		c = c << 6 | (s[i] & 0x3Fu);
	}
	if (c < least[n] || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
		return 0;
	*ret = c;
	return n;
}

size_t utf8_length(const char *s)
{
	uint32_t c;

	return *s ? utf8_decode(s, &c) : 0;
}

bool utf8_is_valid(const char *s)
{
	uint32_t c;
	size_t n;

	for (;;) {
		while ((signed char)*s > 0) /* ASCII: nearly all there is */
			s++;
		if (!*s)
			return true;
		n = utf8_decode(s, &c);
		if (n == 0)
			return false;
		s += n;
	}
}

size_t utf8_cut(const char *s, size_t len)
{
	for (size_t back = 1; back <= 3 && back <= len; back++) {
		unsigned char c = (unsigned char)s[len - back];
		size_t need = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : c >= 0xC0 ? 2 : 1;

		if ((c & 0xC0) != 0x80)
			return need > back ? len - back : len;
	}
	return len;
}

bool utf8_is_hidden(uint32_t c)
{
	return c < 0x20 || (c >= 0x7F && c <= 0x9F) || c == 0x061C || c == 0x200E || c == 0x200F ||
		(c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}
