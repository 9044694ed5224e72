/* registry/parts.c - see registry/parts.h. */
#include "registry/parts.h"

#include <errno.h>
#include <string.h>

#define WORD_LIMIT 255u /* bytes of a name, tag or version: each may be repeated in every answer */

const cJSON *parts_get(const cJSON *o, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(o, key);
}

const char *parts_text(
	const cJSON *o, const char *key, const char *otherwise, size_t max, struct fault *f)
{
	const cJSON *item = parts_get(o, key);

	if (!item || cJSON_IsNull(item))
		return otherwise;
	if (!cJSON_IsString(item))
		fault_set(f, -EINVAL, "%s must be a string", key);
	else if (strlen(item->valuestring) > max)
		fault_set(f, -EINVAL, "%s is longer than %zu bytes", key, max);
	else
		return item->valuestring;
	return NULL;
}

bool parts_add(cJSON *to, const char *key, cJSON *item)
{
	if (item && cJSON_AddItemToObjectCS(to, key, item))
		return true;
	cJSON_Delete(item);
	return false;
}

bool parts_add_text(cJSON *to, const char *key, const char *text)
{
	return parts_add(to, key, text ? cJSON_CreateString(text) : cJSON_CreateNull());
}

cJSON *parts_copy(const cJSON *item, bool list)
{
	if (list ? cJSON_IsArray(item) : cJSON_IsObject(item))
		return cJSON_Duplicate(item, 1);
	return list ? cJSON_CreateArray() : cJSON_CreateObject();
}

cJSON *parts_new_in(cJSON *list, cJSON *item)
{
	if (item && cJSON_AddItemToArray(list, item))
		return item;
	cJSON_Delete(item);
	return NULL;
}

/* A text that another one may be compared with, or otherwise where it is not a text. NULL: too
 * long. */
static const char *word(const cJSON *o, const char *key, const char *otherwise, struct fault *f)
{
	const cJSON *item = parts_get(o, key);

	return cJSON_IsString(item) ? parts_text(o, key, otherwise, WORD_LIMIT, f) : otherwise;
}

static bool short_enough(const char *what, const char *text, struct fault *f)
{
	return strlen(text) <= WORD_LIMIT ||
		fault_set(f, -EINVAL, "%s is longer than %u bytes", what, WORD_LIMIT) == 0;
}

static bool add_tags(cJSON *to, const cJSON *from, struct fault *f)
{
	const cJSON *tags = parts_get(from, "tags"), *tag;
	unsigned n = 0;

	if (cJSON_IsArray(tags))
		cJSON_ArrayForEach(tag, tags)
		{
			if (++n > AGENT_TAGS_MAX)
				return fault_set(f, -EINVAL,
					       "more than %u tags of one capability or dependency",
					       AGENT_TAGS_MAX) == 0;
			if (cJSON_IsString(tag) && !short_enough("a tag", tag->valuestring, f))
				return false;
		}
	return parts_add(to, "tags", parts_copy(tags, true));
}

/* ---- capabilities */

static bool add_as_given(cJSON *c, const cJSON *from)
{
	static const char *const keys[] = { "compatibility_versions", "parameters_schema",
		"security_requirements", "category" };
	const cJSON *schema = parts_get(from, "input_schema");

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const cJSON *item = parts_get(from, keys[i]);

		if (!item && i == 1)
			item = schema;
		if (!parts_add(c, keys[i],
			    item	     ? cJSON_Duplicate(item, 1)
				    : i == 0 ? cJSON_CreateArray()
					     : cJSON_CreateNull()))
			return false;
	}
	return true;
}

bool parts_capability(
	cJSON *list, const cJSON *from, const char *name, const char *function, struct fault *f)
{
	const char *version = word(from, "version", "1.0.0", f),
		   *stability = word(from, "stability", "stable", f);
	const cJSON *about = parts_get(from, "description");
	cJSON *c;

	if (!version || !stability || !short_enough("a capability's name", name, f) ||
		!short_enough("a function's name", function, f))
		return false;
	c = parts_new_in(list, cJSON_CreateObject());
	return c && parts_add_text(c, "name", name) &&
		parts_add_text(c, "description", cJSON_IsString(about) ? about->valuestring : "") &&
		parts_add_text(c, "version", version) &&
		parts_add_text(c, "function_name", function) && add_tags(c, from, f) &&
		parts_add_text(c, "stability", stability) && add_as_given(c, from);
}

/* ---- dependencies */

/* One of them, a name or an object with "capability", as a request; and its name into the entry's
 * list. */
static bool add_request(struct agent *a, cJSON *names, const cJSON *dependency,
	const char *function, struct fault *f)
{
	const cJSON *capability = cJSON_IsString(dependency) ? dependency
							     : parts_get(dependency, "capability");
	const char *version = word(dependency, "version", "", f),
		   *space = word(dependency, "namespace", "", f);
	cJSON *o;

	if (!version || !space)
		return false;
	if (!cJSON_IsString(capability) || !capability->valuestring[0])
		return fault_set(f, -EINVAL, "a dependency must be a name or have a capability") ==
			0;
	if (!short_enough("a dependency's name", capability->valuestring, f))
		return false;
	if (++a->wanted > AGENT_REQUESTS_MAX)
		return fault_set(f, -EINVAL, "more than %u dependencies", AGENT_REQUESTS_MAX) == 0;
	o = parts_new_in(a->requests, cJSON_CreateObject());
	return o && parts_add_text(o, "function_name", function) &&
		parts_add_text(o, "capability", capability->valuestring) &&
		parts_add_text(o, "version", version) && parts_add_text(o, "namespace", space) &&
		add_tags(o, dependency, f) &&
		parts_new_in(names, cJSON_CreateString(capability->valuestring));
}

bool parts_requests(
	struct agent *a, cJSON *names, const cJSON *list, const char *function, struct fault *f)
{
	const cJSON *d;

	if (list && !cJSON_IsNull(list) && !cJSON_IsArray(list))
		return fault_set(f, -EINVAL, "dependencies must be a list") == 0;
	cJSON_ArrayForEach(d, list) if (!add_request(a, names, d, function, f)) return false;
	return true;
}

/* ---- what it takes */

static bool slim(cJSON *o, const char *key)
{
	const cJSON *item = parts_get(o, key);
	cJSON *raw;
	char *text;

	if (!item || !item->child)
		return true;
	text = cJSON_PrintUnformatted(item);
	raw = text ? cJSON_CreateRaw(text) : NULL;
	cJSON_free(text);
	if (raw && cJSON_ReplaceItemInObjectCaseSensitive(o, key, raw))
		return true;
	cJSON_Delete(raw);
	return false;
}

bool parts_slim(cJSON *entry)
{
	static const char *const of_capability[] = { "compatibility_versions", "parameters_schema",
		"security_requirements", "category" };
	cJSON *c;

	cJSON_ArrayForEach(c,
		parts_get(entry,
			"capabilities")) for (size_t i = 0;
					      i < sizeof(of_capability) / sizeof(of_capability[0]);
					      i++) if (!slim(c, of_capability[i])) return false;
	return slim(entry, "annotations") && slim(entry, "config") &&
		slim(entry, "security_context");
}

size_t parts_count(const cJSON *item)
{
	size_t n = 1;
	const cJSON *child;

	cJSON_ArrayForEach(child, item) n += parts_count(child);
	return n;
}
