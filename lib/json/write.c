/* json/write.c - JSON as text (json/write.h). */
#include "json/write.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/utf8.h"

#define FIRST_ROOM  1024u
#define NUMBER_TEXT 32u

/* Room for so many more bytes and a NUL; NULL after a failure. */
static char *make_room(struct json_out *o, size_t more)
{
	size_t room = o->room ? o->room : FIRST_ROOM;
	char *bigger;

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

/* How many bytes at s stand for themselves. */
static size_t plain_length(const char *s)
{
	size_t n = 0;

	while ((unsigned char)s[n] >= 0x20 && (unsigned char)s[n] < 0x7f && s[n] != '"' && s[n] != '\\')
		n++;
	return n;
}

static void add_escape(struct json_out *o, uint32_t c)
{
	static const char brief[] = "\"\"\\\\\bb\ff\nn\rr\tt"; /* pairs: the character, its letter */
	char text[8];
	int n = 0;

	for (const char *p = brief; *p && n == 0; p += 2)
		if (c == (unsigned char)p[0])
			n = snprintf(text, sizeof(text), "\\%c", p[1]);
	if (n == 0)
		n = snprintf(text, sizeof(text), "\\u%04x", c & 0xffffu);
	add(o, text, (size_t)n);
}

static void add_string(struct json_out *o, const char *s)
{
	add(o, "\"", 1);
	while (*s) {
		size_t n = plain_length(s);
		uint32_t c;

		add(o, s, n);
		s += n;
		if (!*s)
			break;
		n = utf8_decode(s, &c);
		if (n == 0)
			add(o, "\xef\xbf\xbd", 3);
		else if (utf8_is_hidden(c) || c == '"' || c == '\\')
			add_escape(o, c);
		else
			add(o, s, n);
		s += n ? n : 1;
	}
	add(o, "\"", 1);
}

/* What stands in front of each value: a comma where there is one before, a line of its own and the key
 * within an object. */
static void begin_value(struct json_out *o, const char *key)
{
	uint64_t level = o->depth ? UINT64_C(1) << (o->depth - 1) : 0;
	bool in_list = (o->lists & level) != 0;

	if (o->filled & level)
		add(o, ", ", in_list && !o->one_line ? 2 : 1);
	o->filled |= level;
	if (level && !in_list)
		add_line(o);
	if (!key)
		return;
	add_string(o, key);
	add(o, ": ", o->one_line ? 1 : 2);
}

void json_open(struct json_out *o, const char *key, char bracket)
{
	uint64_t level;

	begin_value(o, key);
	if (o->depth == JSON_WRITE_DEPTH) {
		if (!o->error)
			o->error = -E2BIG;
		return;
	}
	level = UINT64_C(1) << o->depth++;
	o->filled &= ~level;
	o->lists = bracket == '[' ? o->lists | level : o->lists & ~level;
	add(o, &bracket, 1);
}

void json_close(struct json_out *o)
{
	uint64_t level;

	if (o->error || o->depth == 0) {
		if (!o->error)
			o->error = -EINVAL;
		return;
	}
	level = UINT64_C(1) << --o->depth;
	if ((o->filled & level) && !(o->lists & level))
		add_line(o);
	add(o, o->lists & level ? "]" : "}", 1);
}

void json_text(struct json_out *o, const char *key, const char *text)
{
	if (!text) {
		json_null(o, key);
		return;
	}
	begin_value(o, key);
	add_string(o, text);
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

void json_int(struct json_out *o, const char *key, int64_t value)
{
	char text[NUMBER_TEXT];

	snprintf(text, sizeof(text), "%" PRId64, value);
	add_word(o, key, text);
}

void json_u64(struct json_out *o, const char *key, uint64_t value)
{
	char text[NUMBER_TEXT];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	add_word(o, key, text);
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

void json_time(struct json_out *o, const char *key, uint64_t real_ns)
{
	char text[CLOCK_TEXT_MAX];

	json_text(o, key, real_ns ? clock_rfc3339(real_ns, text) : NULL);
}

void json_seconds(struct json_out *o, const char *key, uint64_t ns)
{
	json_number(o, key, (double)(ns / NS_PER_MS) / 1000.0);
}

void json_raw(struct json_out *o, const char *key, const char *text, size_t len)
{
	begin_value(o, key);
	add(o, text, len);
}

int json_end(const struct json_out *o)
{
	return o->error ? o->error : o->depth ? -EINVAL : 0;
}

void json_free(struct json_out *o)
{
	free(o->text);
	memset(o, 0, sizeof(*o));
}
