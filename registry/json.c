/* registry/json.c - text in and out (registry/json.h). */
#include "registry/json.h"

#include <errno.h>
#include <string.h>

#include "json/bounds.h"

static int look_over(const char *text, size_t len, const struct json_bounds *b, struct fault *f)
{
	size_t at;
	int r = json_look_over(text, len, b, &at);

	if (r == -ELOOP)
		fault_set(f, r, "body is nested deeper than %u levels at byte %zu", b->levels, at);
	else if (r == -EFBIG)
		fault_set(f, r, "body has more than %zu values at byte %zu", b->values, at);
	else if (r < 0)
		fault_set(f, r, "body is not valid UTF-8 at byte %zu", at);
	return r;
}

static cJSON *parse(const char *text, size_t len, unsigned times, struct fault *f)
{
	const struct json_bounds bounds = { .levels = times * JSON_DEPTH_MAX,
		.values = (size_t)times * JSON_VALUES_MAX,
		.utf8 = true };
	const char *at = NULL;
	cJSON *doc;

	if (look_over(text, len, &bounds, f) < 0)
		return NULL;
	doc = cJSON_ParseWithLengthOpts(text, len, &at, 0);
	while (doc && at < text + len && strchr(" \t\r\n", *at))
		at++;
	if (!doc || at < text + len)
		fault_set(f, -EINVAL, "body is not JSON at byte %td", at ? at - text : 0);
	else if (!cJSON_IsObject(doc))
		fault_set(f, -EINVAL, "body must be a JSON object");
	else
		return doc;
	cJSON_Delete(doc);
	return NULL;
}

cJSON *json_object(const char *text, size_t len, struct fault *f)
{
	return parse(text, len, 1, f);
}

cJSON *json_stored(const char *text, size_t len, struct fault *f)
{
	return parse(text, len, 2, f);
}
