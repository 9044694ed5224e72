/* registry/json.c - text in and out (registry/json.h). */
#include "registry/json.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/utf8.h"

struct seen { /* of a text, so far */
	unsigned depth, depth_max;
	size_t values, values_max;
};

/* A byte outside of strings. Each value but the first stands behind a comma, a colon or an opening
 * bracket. */
static int look_at(struct seen *s, char c, size_t at, struct fault *f)
{
	bool opens = c == '[' || c == '{';

	if (opens && ++s->depth > s->depth_max)
		return fault_set(f, -EINVAL, "body is nested deeper than %u levels at byte %zu",
			s->depth_max, at);
	if ((c == ']' || c == '}') && s->depth > 0)
		s->depth--;
	if ((opens || c == ',') && ++s->values > s->values_max)
		return fault_set(
			f, -EINVAL, "body has more than %zu values at byte %zu", s->values_max, at);
	return 0;
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

/* cJSON recurses, lets any bytes pass, and takes memory by the number of values: all three are
 * decided here. */
static int look_over(const char *text, size_t len, struct seen *seen, struct fault *f)
{
	bool quoted = false;

	for (size_t i = 0; i < len;) {
		size_t n = character(text + i, len - i);

		if (n == 0)
			return fault_set(f, -EINVAL, "body is not valid UTF-8 at byte %zu", i);
		if (quoted && text[i] == '\\' && i + 1 < len && (unsigned char)text[i + 1] < 0x80)
			n = 2;
		else if (text[i] == '"')
			quoted = !quoted;
		else if (!quoted && look_at(seen, text[i], i, f) < 0)
			return -EINVAL;
		i += n;
	}
	return 0;
}

static cJSON *parse(const char *text, size_t len, struct seen *seen, struct fault *f)
{
	const char *at = NULL;
	cJSON *doc;

	if (look_over(text, len, seen, f) < 0)
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

cJSON *json_object(const char *text, size_t len, struct fault *f)
{
	return parse(text, len,
		&(struct seen){ .depth_max = JSON_DEPTH_MAX, .values_max = JSON_VALUES_MAX }, f);
}

cJSON *json_stored(const char *text, size_t len, struct fault *f)
{
	return parse(text, len,
		&(struct seen){
			.depth_max = 2 * JSON_DEPTH_MAX, .values_max = 2 * JSON_VALUES_MAX },
		f);
}
