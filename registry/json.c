/* registry/json.c - text in and out (registry/json.h). */
#include "registry/json.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

/* Length of the UTF-8 sequence at s (RFC 3629), 0 if there is none within n bytes. */
static size_t sequence(const unsigned char *s, size_t n)
{
	unsigned char lead = s[0];
	size_t len = lead < 0x80 ? 1 : lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;

	if (len == 0 || len > n)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((s[i] & 0xC0) != 0x80)
			return 0;
	if ((lead == 0xE0 && s[1] < 0xA0) || (lead == 0xED && s[1] > 0x9F) || (lead == 0xF0 && s[1] < 0x90) || (lead == 0xF4 && s[1] > 0x8F))
		return 0;
	return len;
}

/* cJSON recurses, and lets any bytes pass: both are decided here. */
static int look_over(const char *text, size_t len, struct fault *f)
{
	const unsigned char *s = (const unsigned char *)text;
	unsigned depth = 0;
	bool quoted = false;

	for (size_t i = 0; i < len;) {
		size_t n = sequence(s + i, len - i);

		if (n == 0 || s[i] == 0)
			return fault_set(f, -EINVAL, "body is not valid UTF-8 at byte %zu", i);
		if (quoted && s[i] == '\\' && i + 1 < len && s[i + 1] < 0x80)
			n = 2;
		else if (s[i] == '"')
			quoted = !quoted;
		else if (!quoted && (s[i] == '[' || s[i] == '{') && ++depth > JSON_DEPTH_MAX)
			return fault_set(f, -EINVAL, "body is nested deeper than %u levels at byte %zu", JSON_DEPTH_MAX, i);
		else if (!quoted && (s[i] == ']' || s[i] == '}') && depth > 0)
			depth--;
		i += n;
	}
	return 0;
}

cJSON *json_object(const char *text, size_t len, struct fault *f)
{
	const char *at = NULL;
	cJSON *doc;

	if (look_over(text, len, f) < 0)
		return NULL;
	doc = cJSON_ParseWithLengthOpts(text, len, &at, 0);
	while (doc && at < text + len && strchr(" \t\r\n", *at))
		at++;
	if (!doc || at < text + len)
		fault_set(f, -EINVAL, "body is no JSON at byte %td", at ? at - text : 0);
	else if (!cJSON_IsObject(doc))
		fault_set(f, -EINVAL, "body must be a JSON object");
	else
		return doc;
	cJSON_Delete(doc);
	return NULL;
}

void buf_free(struct buf *b)
{
	free(b->text);
	memset(b, 0, sizeof(*b));
}

bool buf_ok(const struct buf *b)
{
	return !b->failed;
}

static bool make_room(struct buf *b, size_t n)
{
	size_t cap = b->cap ? b->cap : 256;
	char *bigger;

	if (b->failed)
		return false;
	while (cap < b->len + n + 1)
		cap *= 2;
	if (cap == b->cap)
		return true;
	bigger = realloc(b->text, cap);
	if (!bigger) {
		b->failed = true;
		return false;
	}
	b->text = bigger;
	b->cap = cap;
	return true;
}

void buf_add(struct buf *b, const char *bytes, size_t n)
{
	if (!make_room(b, n))
		return;
	memcpy(b->text + b->len, bytes, n);
	b->len += n;
	b->text[b->len] = 0;
}

void buf_text(struct buf *b, const char *text)
{
	buf_add(b, text, strlen(text));
}

void buf_print(struct buf *b, const char *fmt, ...)
{
	char text[1024];
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (n < 0 || (size_t)n >= sizeof(text))
		b->failed = true; /* only short, bounded texts come here */
	else
		buf_add(b, text, (size_t)n);
}

void buf_string(struct buf *b, const char *text)
{
	static const char hex[] = "0123456789abcdef";

	buf_add(b, "\"", 1);
	while (*text) {
		size_t plain = strcspn(text, "\"\\\001\002\003\004\005\006\007\b\t\n\v\f\r\016\017\020\021\022\023\024\025\026\027\030\031\032\033"
					     "\034\035\036\037");
		unsigned char c = (unsigned char)text[plain];

		buf_add(b, text, plain);
		text += plain;
		if (!c)
			break;
		if (c == '"' || c == '\\') {
			char two[2] = { '\\', (char)c };

			buf_add(b, two, 2);
		} else {
			char six[6] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };

			buf_add(b, six, 6);
		}
		text++;
	}
	buf_add(b, "\"", 1);
}

void buf_time(struct buf *b, uint64_t real_ns)
{
	char text[CLOCK_TEXT_MAX];

	if (real_ns)
		buf_print(b, "\"%s\"", clock_rfc3339(real_ns, text));
	else
		buf_text(b, "null");
}
