/* registry/stored.c - an agent's text in the database (registry/agents.h). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "registry/json.h"
#include "registry/parts.h"

char *agent_stored(const struct agent *a)
{
	char *text = NULL;

	return asprintf(&text, "{\"entry\":{%s},\"requests\":%s}", a->text, a->wants) < 0 ? NULL
											  : text;
}

static bool are_texts(const cJSON *o, const char *const keys[], size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!cJSON_IsString(parts_get(o, keys[i])))
			return false;
	return true;
}

/* A key that may be missing, or must be of this kind. */
static bool is_list(const cJSON *o, const char *key)
{
	const cJSON *item = parts_get(o, key);

	return !item || cJSON_IsArray(item);
}

static bool is_number(const cJSON *o, const char *key, double max)
{
	const cJSON *item = parts_get(o, key);

	return cJSON_IsNumber(item) && item->valuedouble >= 0 && item->valuedouble < max;
}

static bool entry_ok(const cJSON *entry)
{
	static const char *const texts[] = { "id", "name", "namespace", "agent_type", "endpoint" };
	static const char *const of_capability[] = { "name", "version", "function_name" };
	static const char *const numbers[] = { "timeout_threshold", "health_interval",
		"eviction_threshold" };
	const cJSON *labels = parts_get(entry, "labels"), *caps = parts_get(entry, "capabilities"),
		    *item;

	if (!cJSON_IsObject(entry) || !are_texts(entry, texts, 5) ||
		!agent_id_ok(parts_get(entry, "id")->valuestring, false) ||
		(labels && !cJSON_IsObject(labels)) || !cJSON_IsArray(caps))
		return false;
	for (size_t i = 0; i < 3; i++)
		if (!is_number(entry, numbers[i], 1e9))
			return false;
	cJSON_ArrayForEach(item, caps) if (!cJSON_IsObject(item) ||
		!are_texts(item, of_capability, 3) || !is_list(item, "tags")) return false;
	return true;
}

/* What was stored was checked before; but the file may have been damaged or written by someone
 * else. */
static bool stored_ok(const cJSON *entry, const cJSON *requests)
{
	static const char *const texts[] = { "function_name", "capability", "version",
		"namespace" };
	const cJSON *item;

	if (!entry_ok(entry) || !cJSON_IsArray(requests) ||
		cJSON_GetArraySize(requests) > (int)AGENT_REQUESTS_MAX)
		return false;
	cJSON_ArrayForEach(item, requests) if (!cJSON_IsObject(item) ||
		!are_texts(item, texts, 4) || !is_list(item, "tags")) return false;
	return true;
}

struct agent *agent_from_stored(const char *text, struct fault *f)
{
	cJSON *doc;
	struct agent *a = NULL;

	f->text[0] = 0;
	doc = json_stored(text, strlen(text), f);
	if (!doc || !stored_ok(parts_get(doc, "entry"), parts_get(doc, "requests"))) {
		cJSON_Delete(doc);
		fault_set(f, -EBADMSG, "it is not an agent of ours");
		return NULL;
	}
	a = calloc(1, sizeof(*a));
	if (a) {
		a->entry = cJSON_DetachItemFromObjectCaseSensitive(doc, "entry");
		a->requests = cJSON_DetachItemFromObjectCaseSensitive(doc, "requests");
		a->timeout_ns = (uint64_t)(parts_get(a->entry, "timeout_threshold")->valuedouble *
			1e9);
	}
	cJSON_Delete(doc);
	if (a && agent_settle(a))
		return a;
	if (!f->text[0])
		fault_set(f, -ENOMEM, "out of memory");
	agent_free(a);
	return NULL;
}
