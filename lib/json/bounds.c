/* json/bounds.c - see json/bounds.h. */
#include "json/bounds.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/utf8.h"

struct seen { /* so far */
	unsigned levels;
	size_t values;
};

/* A byte outside of strings. Each value but the first stands behind a comma, a colon or an opening
 * bracket. */
static int look_at(const struct json_bounds *b, struct seen *s, char c)
{
	bool opens = c == '[' || c == '{';

	if (opens && ++s->levels > b->levels && b->levels)
		return -ELOOP;
	if ((c == ']' || c == '}') && s->levels > 0)
		s->levels--;
	return (opens || c == ',') && ++s->values > b->values ? -EFBIG : 0;
}

/* Length of the character at s, which has n bytes and needs no NUL behind them; 0: it is none. */
static size_t character(const char *s, size_t n)
{
	char some[5] = "";
	uint32_t code;

	if ((unsigned char)s[0] < 0x80)
		return s[0] != 0;
	memcpy(some, s, n < 4 ? n : 4);
	return utf8_decode(some, &code);
}

int json_look_over(const char *text, size_t len, const struct json_bounds *b, size_t *ret_at)
{
	struct seen seen = { 0 };
	bool quoted = false;

	for (size_t i = 0; i < len;) {
		size_t n = b->utf8 ? character(text + i, len - i) : 1;
		int r = n ? 0 : -EILSEQ;

		if (n && quoted && text[i] == '\\' && i + 1 < len &&
			(unsigned char)text[i + 1] < 0x80)
			n = 2;
		else if (n && text[i] == '"')
			quoted = !quoted;
		else if (n && !quoted)
			r = look_at(b, &seen, text[i]);
		if (r < 0) {
			*ret_at = i;
			return r;
		}
		i += n;
	}
	return 0;
}
