/* json/write.c - JSON as text (json/write.h). */
#include "json/write.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/utf8.h"

#define FIRST_ROOM  256u
#define NUMBER_TEXT 32u
#define FIXED_TEXT  340u /* the largest double has 309 digits */

/* Room for so many more bytes and a NUL; NULL after a failure. */
static char *make_room(struct json_out *o, size_t more)
{
	size_t room = o->room ? o->room : FIRST_ROOM;
	char *bigger;

	if (!o->error && o->max && o->len + more > o->max)
		o->error = -EFBIG;
	if (o->error)
		return NULL;
	while (room < o->len + more + 1)
		room *= 2;
	if (room != o->room) {
		bigger = realloc(o->text, room);
		if (!bigger) {
			o->error = -ENOMEM;
			return NULL;
		}
		o->text = bigger;
		o->room = room;
	}
	return o->text + o->len;
}

static void add(struct json_out *o, const char *bytes, size_t n)
{
	char *to = make_room(o, n);

	if (!to)
		return;
	memcpy(to, bytes, n);
	to[n] = 0;
	o->len += n;
}

static void add_line(struct json_out *o)
{
	size_t blanks = 2 * (size_t)o->depth;
	char *to = o->one_line ? NULL : make_room(o, 1 + blanks);

	if (!to)
		return;
	to[0] = '\n';
	memset(to + 1, ' ', blanks);
	to[1 + blanks] = 0;
	o->len += 1 + blanks;
}

/* How many of the bytes at s stand for themselves. */
static size_t plain_length(const char *s, const char *end)
{
	const char *p = s;

	while (p < end && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x7f && *p != '"' &&
		*p != '\\')
		p++;
	return (size_t)(p - s);
}

static void add_escape(struct json_out *o, uint32_t c)
{
	/* pairs: the character, its letter */
	static const char brief[] = "\"\"\\\\\bb\ff\nn\rr\tt";
	char text[8];
	int n = 0;

	for (const char *p = brief; !o->plain && *p && n == 0; p += 2)
		if (c == (unsigned char)p[0])
			n = snprintf(text, sizeof(text), "\\%c", p[1]);
	if (n == 0 && (c == '"' || c == '\\'))
		n = snprintf(text, sizeof(text), "\\%c", (char)c);
	if (n == 0)
		n = snprintf(text, sizeof(text), "\\u%04x", c & 0xffffu);
	add(o, text, (size_t)n);
}

/* The character at s, which need not end with a NUL; 0: these bytes are none, or a NUL. */
static size_t decode(const char *s, const char *end, uint32_t *ret)
{
	char few[5] = "";

	if (end - s < 4)
		s = memcpy(few, s, (size_t)(end - s));
	return *s ? utf8_decode(s, ret) : 0;
}

static void add_string(struct json_out *o, const char *s, size_t len)
{
	const char *end = s + len;

	add(o, "\"", 1);
	while (s < end) {
		size_t n = plain_length(s, end);
		uint32_t c;

		add(o, s, n);
		s += n;
		if (s == end)
			break;
		n = decode(s, end, &c);
		if (n == 0 && o->as_is && *s)
			add(o, s, 1);
		else if (n == 0)
			add(o, "\xef\xbf\xbd", 3);
		else if ((o->plain ? c < 0x20 : utf8_is_hidden(c)) || c == '"' || c == '\\')
			add_escape(o, c);
		else
			add(o, s, n);
		s += n ? n : 1;
	}
	add(o, "\"", 1);
}

static bool has_bit(const uint64_t *bits, unsigned i)
{
	return bits[i / 64] >> i % 64 & 1;
}

static void set_bit(uint64_t *bits, unsigned i, bool on)
{
	bits[i / 64] = (bits[i / 64] & ~(UINT64_C(1) << i % 64)) | (uint64_t)on << i % 64;
}

/* What is in front of each value: a comma where there is one before, a line of its own and the
 * key within an object. */
static void begin_value(struct json_out *o, const char *key)
{
	if (o->depth) {
		unsigned level = o->depth - 1;
		bool in_list = has_bit(o->lists, level);

		if (has_bit(o->filled, level))
			add(o, ", ", in_list && !o->one_line ? 2 : 1);
		set_bit(o->filled, level, true);
		if (!in_list)
			add_line(o);
	}
	if (!key)
		return;
	add_string(o, key, strlen(key));
	add(o, ": ", o->one_line ? 1 : 2);
}

void json_open(struct json_out *o, const char *key, char bracket)
{
	begin_value(o, key);
	if (o->depth == JSON_WRITE_DEPTH) {
		if (!o->error)
			o->error = -E2BIG;
		return;
	}
	set_bit(o->filled, o->depth, false);
	set_bit(o->lists, o->depth, bracket == '[');
	o->depth++;
	add(o, &bracket, 1);
}

void json_close(struct json_out *o)
{
	if (o->error || o->depth == 0) {
		if (!o->error)
			o->error = -EINVAL;
		return;
	}
	o->depth--;
	if (has_bit(o->filled, o->depth) && !has_bit(o->lists, o->depth))
		add_line(o);
	add(o, has_bit(o->lists, o->depth) ? "]" : "}", 1);
}

void json_text(struct json_out *o, const char *key, const char *text)
{
	if (!text) {
		json_null(o, key);
		return;
	}
	json_bytes(o, key, text, strlen(text));
}

void json_bytes(struct json_out *o, const char *key, const char *bytes, size_t len)
{
	begin_value(o, key);
	add_string(o, bytes, len);
}

static void add_word(struct json_out *o, const char *key, const char *word)
{
	begin_value(o, key);
	add(o, word, strlen(word));
}

void json_bool(struct json_out *o, const char *key, bool value)
{
	add_word(o, key, value ? "true" : "false");
}

void json_null(struct json_out *o, const char *key)
{
	add_word(o, key, "null");
}

/* The digits of a number in front of end. snprintf() for every number of a thousand processes would
 * take as long as all the rest. */
static char *put_digits(char *end, uint64_t value)
{
	do
		*--end = (char)('0' + value % 10);
	while (value /= 10);
	return end;
}

void json_int(struct json_out *o, const char *key, int64_t value)
{
	char text[NUMBER_TEXT] = "",
	     *at = put_digits(
		     text + sizeof(text) - 1, value < 0 ? -(uint64_t)value : (uint64_t)value);

	if (value < 0)
		*--at = '-';
	add_word(o, key, at);
}

void json_u64(struct json_out *o, const char *key, uint64_t value)
{
	char text[NUMBER_TEXT] = "";

	add_word(o, key, put_digits(text + sizeof(text) - 1, value));
}

/* The fewest digits that are read back as the same number. */
void json_number(struct json_out *o, const char *key, double value)
{
	char text[NUMBER_TEXT];

	if (!isfinite(value)) {
		json_null(o, key);
		return;
	}
	snprintf(text, sizeof(text), "%.15g", value);
	if (strtod(text, NULL) != value)
		snprintf(text, sizeof(text), "%.17g", value);
	add_word(o, key, text);
}

void json_fixed(struct json_out *o, const char *key, double value, unsigned decimals)
{
	char text[FIXED_TEXT];

	snprintf(text, sizeof(text), "%.*f", (int)decimals, value);
	add_word(o, key, isfinite(value) ? text : "null");
}

void json_time(struct json_out *o, const char *key, uint64_t real_ns)
{
	char text[CLOCK_TEXT_MAX];

	json_text(o, key, real_ns ? clock_rfc3339(real_ns, text) : NULL);
}

/* As json_number() would write it. */
void json_seconds(struct json_out *o, const char *key, uint64_t ns)
{
	char text[NUMBER_TEXT] = "", *at = text + sizeof(text) - 1;
	/* the 1 keeps zeros in front, and becomes the point */
	uint64_t ms = ns / NS_PER_MS, part = 1000 + ms % 1000;

	if (part > 1000) {
		while (part % 10 == 0)
			part /= 10;
		at = put_digits(at, part);
		*at = '.';
	}
	add_word(o, key, put_digits(at, ms / 1000));
}

void json_raw(struct json_out *o, const char *key, const char *text, size_t len)
{
	begin_value(o, key);
	add(o, text, len);
}

void json_fail(struct json_out *o, int error)
{
	if (!o->error)
		o->error = error;
}

int json_end(const struct json_out *o)
{
	return o->error ? o->error : o->depth ? -EINVAL : 0;
}

char *json_take(struct json_out *o)
{
	char *text = json_end(o) == 0 && o->text ? realloc(o->text, o->len + 1) : NULL;

	if (!text && json_end(o) == 0)
		text = o->text; /* in more memory than it needs, then */
	if (text)
		o->text = NULL;
	json_free(o);
	return text;
}

void json_free(struct json_out *o)
{
	free(o->text);
	memset(o, 0, sizeof(*o));
}
