/* registry/agents.c - agents from requests of both generations (registry/agents.h). The rules of age and versions: rules.c. */
#include "registry/agents.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"

#define DESCRIPTION_MAX 256u /* characters; longer ones are cut, never refused */
#define NAME_LIMIT	255u
#define HOST_LIMIT	255u

bool agent_id_ok(const char *id, bool today)
{
	size_t len = strlen(id);

	if (today)
		return len >= 1 && len <= AGENT_ID_MAX &&
		       strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == len;
	if (len < 1 || len > AGENT_OLD_ID_MAX)
		return false;
	for (const char *p = id; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f || *p == '/')
			return false;
	return true;
}

void agent_free(struct agent *a)
{
	if (!a)
		return;
	cJSON_Delete(a->entry);
	cJSON_Delete(a->requests);
	cJSON_free(a->text);
	free(a->resolutions);
	free(a);
}

/* ---- values of a body */

static const cJSON *get(const cJSON *o, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(o, key);
}

/* The text of a key, or otherwise where it is missing or null. NULL: it is no text, or too long. */
static const char *text_of(const cJSON *o, const char *key, const char *otherwise, size_t max, struct fault *f)
{
	const cJSON *item = get(o, key);

	if (!item || cJSON_IsNull(item))
		return otherwise;
	if (!cJSON_IsString(item))
		fault_set(f, -EINVAL, "%s must be a text", key);
	else if (strlen(item->valuestring) > max)
		fault_set(f, -EINVAL, "%s is longer than %zu bytes", key, max);
	else
		return item->valuestring;
	return NULL;
}

static bool add(cJSON *to, const char *key, cJSON *item)
{
	if (item && cJSON_AddItemToObject(to, key, item))
		return true;
	cJSON_Delete(item);
	return false;
}

static bool add_text(cJSON *to, const char *key, const char *text)
{
	return add(to, key, text ? cJSON_CreateString(text) : cJSON_CreateNull());
}

/* A copy of what the body has, if it is of this kind, else an empty one. */
static cJSON *copy_or_empty(const cJSON *item, bool list)
{
	if (list ? cJSON_IsArray(item) : cJSON_IsObject(item))
		return cJSON_Duplicate(item, 1);
	return list ? cJSON_CreateArray() : cJSON_CreateObject();
}

/* ---- capabilities and dependencies */

static bool fill_capability(cJSON *c, const cJSON *from, const char *name, const char *function, const char *description)
{
	static const char *const as_given[] = { "compatibility_versions", "parameters_schema", "security_requirements", "category" };
	const cJSON *version = get(from, "version"), *stability = get(from, "stability"), *schema = get(from, "input_schema");

	if (!add_text(c, "name", name) || !add_text(c, "description", description) ||
	    !add_text(c, "version", cJSON_IsString(version) ? version->valuestring : "1.0.0") || !add_text(c, "function_name", function) ||
	    !add(c, "tags", copy_or_empty(get(from, "tags"), true)) ||
	    !add_text(c, "stability", cJSON_IsString(stability) ? stability->valuestring : "stable"))
		return false;
	for (size_t i = 0; i < sizeof(as_given) / sizeof(as_given[0]); i++) {
		const cJSON *item = get(from, as_given[i]);

		if (!item && i == 1)
			item = schema;
		if (!add(c, as_given[i], item ? cJSON_Duplicate(item, 1) : i == 0 ? cJSON_CreateArray() : cJSON_CreateNull()))
			return false;
	}
	return true;
}

static cJSON *new_in(cJSON *list, cJSON *item)
{
	if (item && cJSON_AddItemToArray(list, item))
		return item;
	cJSON_Delete(item);
	return NULL;
}

/* One dependency, a name or an object with "capability", as a request; and its name into the entry's list. */
static bool add_request(struct agent *a, cJSON *names, const cJSON *dependency, const char *function, struct fault *f)
{
	const cJSON *capability = cJSON_IsString(dependency) ? dependency : get(dependency, "capability");
	const cJSON *version = get(dependency, "version"), *namespace = get(dependency, "namespace");
	cJSON *o;

	if (!cJSON_IsString(capability) || !capability->valuestring[0]) {
		fault_set(f, -EINVAL, "a dependency must be a name or have a capability");
		return false;
	}
	o = new_in(a->requests, cJSON_CreateObject());
	return o && add_text(o, "function_name", function) && add_text(o, "capability", capability->valuestring) &&
	       add_text(o, "version", cJSON_IsString(version) ? version->valuestring : "") &&
	       add_text(o, "namespace", cJSON_IsString(namespace) ? namespace->valuestring : "") &&
	       add(o, "tags", copy_or_empty(get(dependency, "tags"), true)) && new_in(names, cJSON_CreateString(capability->valuestring));
}

static bool add_requests(struct agent *a, cJSON *names, const cJSON *list, const char *function, struct fault *f)
{
	const cJSON *d;

	if (list && !cJSON_IsNull(list) && !cJSON_IsArray(list)) {
		fault_set(f, -EINVAL, "dependencies must be a list");
		return false;
	}
	cJSON_ArrayForEach(d, list)
		if (!add_request(a, names, d, function, f))
			return false;
	return true;
}

/* ---- an agent */

/* The fields that point into the entry, and its text. */
static bool settle(struct agent *a)
{
	char *text = cJSON_PrintUnformatted(a->entry);
	size_t len;

	if (!text)
		return false;
	len = strlen(text);
	memmove(text, text + 1, len - 2);
	text[len - 2] = 0;
	a->text = text;
	a->id = get(a->entry, "id")->valuestring;
	a->name = get(a->entry, "name")->valuestring;
	a->namespace = get(a->entry, "namespace")->valuestring;
	a->type = get(a->entry, "agent_type")->valuestring;
	return true;
}

static struct agent *agent_new(void)
{
	struct agent *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->entry = cJSON_CreateObject();
	a->requests = cJSON_CreateArray();
	if (a->entry && a->requests)
		return a;
	agent_free(a);
	return NULL;
}

static struct agent *give_up(struct agent *a, struct fault *f)
{
	if (!f->text[0])
		fault_set(f, -ENOMEM, "out of memory");
	agent_free(a);
	return NULL;
}

/* Seconds until unhealthy and until expired, as the first generation had them by type. */
static unsigned old_timeout(const char *type, unsigned *ret_eviction)
{
	static const struct {
		const char *word;
		unsigned timeout, eviction;
	} rules[] = { { "file", 90, 180 }, { "worker", 45, 90 }, { "critical", 30, 60 } };

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		size_t len = strlen(rules[i].word);
		const char *rest = type + len;

		if (strncmp(type, rules[i].word, len) == 0 && (!*rest || strcmp(rest, "-agent") == 0 || strcmp(rest, "_agent") == 0)) {
			*ret_eviction = rules[i].eviction;
			return rules[i].timeout;
		}
	}
	*ret_eviction = 120;
	return 60;
}

static bool add_ages(struct agent *a, unsigned timeout_s, unsigned eviction_s, unsigned interval_s)
{
	a->timeout_ns = timeout_s * NS_PER_SEC;
	return add(a->entry, "health_interval", cJSON_CreateNumber(interval_s)) &&
	       add(a->entry, "timeout_threshold", cJSON_CreateNumber(timeout_s)) &&
	       add(a->entry, "eviction_threshold", cJSON_CreateNumber(eviction_s));
}

/* Keys that both generations share. */
static bool add_common(struct agent *a, const cJSON *from, const char *id, const char *type, const char *endpoint, struct fault *f)
{
	const char *name = text_of(from, "name", id, NAME_LIMIT, f), *space = text_of(from, "namespace", "default", NAME_LIMIT, f);
	const char *runtime = text_of(from, "runtime", "python", 32, f), *version = text_of(from, "version", "1.0.0", 64, f);
	const char *description = text_of(from, "description", "", SIZE_MAX, f);
	char cut[DESCRIPTION_MAX * 4 + 1];

	if (!name || !space || !runtime || !version || !description || !type || !endpoint)
		return false;
	str_copy(cut, DESCRIPTION_MAX + 1, description);
	return add_text(a->entry, "id", id) && add_text(a->entry, "entity_id", id) && add_text(a->entry, "name", name[0] ? name : id) &&
	       add_text(a->entry, "namespace", space[0] ? space : "default") && add_text(a->entry, "agent_type", type) &&
	       add_text(a->entry, "runtime", runtime) && add_text(a->entry, "version", version) && add_text(a->entry, "description", cut) &&
	       add_text(a->entry, "endpoint", endpoint) && add(a->entry, "labels", copy_or_empty(get(from, "labels"), false)) &&
	       add(a->entry, "annotations", copy_or_empty(get(from, "annotations"), false)) &&
	       add(a->entry, "config", copy_or_empty(get(from, "config"), false)) &&
	       add(a->entry, "security_context", cJSON_CreateNull());
}

static bool add_old_capabilities(struct agent *a, const cJSON *list, struct fault *f)
{
	cJSON *caps = cJSON_AddArrayToObject(a->entry, "capabilities");
	const cJSON *item;
	unsigned n = 0;

	if (list && !cJSON_IsNull(list) && !cJSON_IsArray(list)) {
		fault_set(f, -EINVAL, "capabilities must be a list");
		return false;
	}
	cJSON_ArrayForEach(item, list) {
		const cJSON *name = cJSON_IsString(item) ? item : get(item, "name");
		const cJSON *function = get(item, "function_name"), *about = get(item, "description");
		cJSON *c;

		if (!cJSON_IsString(name) || !name->valuestring[0] || ++n > AGENT_TOOLS_MAX) {
			fault_set(f, -EINVAL, n > AGENT_TOOLS_MAX ? "more than 1000 capabilities" : "a capability must be a name or have one");
			return false;
		}
		c = new_in(caps, cJSON_CreateObject());
		if (!c || !fill_capability(c, item, name->valuestring, cJSON_IsString(function) ? function->valuestring : name->valuestring,
					   cJSON_IsString(about) ? about->valuestring : ""))
			return false;
	}
	return caps != NULL;
}

/* ret_missing: the first generation names each missing key. */
static bool check_register(const cJSON *body, const char **ret_missing, struct fault *f)
{
	static const char *const needed[] = { "agent_id", "metadata" };
	const cJSON *id = get(body, "agent_id");

	*ret_missing = NULL;
	for (size_t i = 0; i < 2; i++)
		if (!get(body, needed[i])) {
			*ret_missing = needed[i];
			return fault_set(f, -EINVAL, "%s is missing", needed[i]) == 0;
		}
	if (!cJSON_IsString(id) || !agent_id_ok(id->valuestring, false))
		return fault_set(f, -EINVAL, "agent_id must be a text of 1 to %u bytes without control characters and /", AGENT_OLD_ID_MAX) == 0;
	if (!cJSON_IsObject(get(body, "metadata")))
		return fault_set(f, -EINVAL, "metadata must be an object") == 0;
	return true;
}

struct agent *agent_from_register(const cJSON *body, struct fault *f, const char **ret_missing)
{
	const cJSON *meta = get(body, "metadata");
	const char *id, *type, *endpoint;
	char standard[AGENT_OLD_ID_MAX + 16];
	struct agent *a = NULL;
	unsigned eviction, timeout;
	cJSON *names;

	f->text[0] = 0;
	if (!check_register(body, ret_missing, f) || !(a = agent_new()))
		return give_up(a, f);
	id = get(body, "agent_id")->valuestring;
	snprintf(standard, sizeof(standard), "stdio://%s", id);
	endpoint = text_of(meta, "endpoint", standard, 2048, f);
	type = text_of(meta, "agent_type", "mesh_agent", NAME_LIMIT, f);
	if (!add_common(a, meta, id, type, endpoint, f) || !add_old_capabilities(a, get(meta, "capabilities"), f))
		return give_up(a, f);
	timeout = old_timeout(type, &eviction);
	names = cJSON_AddArrayToObject(a->entry, "dependencies");
	if (!names || !add_ages(a, timeout, eviction, 30) || !add_requests(a, names, get(meta, "dependencies"), id, f) ||
	    !add(a->entry, "total_dependencies", cJSON_CreateNumber(cJSON_GetArraySize(names))) || !settle(a))
		return give_up(a, f);
	return a;
}

/* ---- today's */

static bool add_tools(struct agent *a, const cJSON *tools, struct fault *f)
{
	cJSON *caps = cJSON_AddArrayToObject(a->entry, "capabilities"), *names = cJSON_AddArrayToObject(a->entry, "dependencies");
	const cJSON *tool;
	unsigned n = 0;

	if (!cJSON_IsArray(tools) || cJSON_GetArraySize(tools) < 1)
		return fault_set(f, -EINVAL, "tools must be a list of at least one") == 0;
	cJSON_ArrayForEach(tool, tools) {
		const cJSON *function = get(tool, "function_name"), *capability = get(tool, "capability"), *about = get(tool, "description");
		cJSON *c;

		if (++n > AGENT_TOOLS_MAX)
			return fault_set(f, -EINVAL, "more than %u tools", AGENT_TOOLS_MAX) == 0;
		if (!cJSON_IsString(function) || !function->valuestring[0] || !cJSON_IsString(capability) || !capability->valuestring[0])
			return fault_set(f, -EINVAL, "tools[%u] must have a function_name and a capability", n - 1) == 0;
		c = names && caps ? new_in(caps, cJSON_CreateObject()) : NULL;
		if (!c || !fill_capability(c, tool, capability->valuestring, function->valuestring,
					   cJSON_IsString(about) ? about->valuestring : "") ||
		    !add_requests(a, names, get(tool, "dependencies"), function->valuestring, f))
			return false;
	}
	return add(a->entry, "total_dependencies", cJSON_CreateNumber(cJSON_GetArraySize(names)));
}

static bool one_of(const char *what, const char *word, const char *const words[], struct fault *f)
{
	for (; *words; words++)
		if (strcmp(word, *words) == 0)
			return true;
	return fault_set(f, -EINVAL, "%s is not one of its words", what) == 0;
}

/* Where it serves; an agent without a port speaks over its standard input. */
static bool make_endpoint(const cJSON *body, const char *id, char *buf, size_t size, struct fault *f)
{
	const char *host = text_of(body, "http_host", "localhost", HOST_LIMIT, f);
	const cJSON *port = get(body, "http_port");
	bool v6;

	if (!host)
		return false;
	if (port && !cJSON_IsNull(port) && (!cJSON_IsNumber(port) || !(port->valuedouble >= 0 && port->valuedouble <= 65535)))
		return fault_set(f, -EINVAL, "http_port must be from 0 to 65535") == 0;
	v6 = strchr(host, ':') && host[0] != '[';
	if (port && cJSON_IsNumber(port) && port->valueint > 0)
		snprintf(buf, size, "http://%s%s%s:%d", v6 ? "[" : "", host[0] ? host : "localhost", v6 ? "]" : "", port->valueint);
	else
		snprintf(buf, size, "stdio://%s", id);
	return true;
}

struct agent *agent_from_heartbeat(const cJSON *body, const struct age_rules *rules, struct fault *f)
{
	static const char *const types[] = { "mcp_agent", "mesh_agent", "api", "a2a", NULL };
	static const char *const runtimes[] = { "python", "typescript", "java", NULL };
	const cJSON *id = get(body, "agent_id"), *status = get(body, "status");
	unsigned timeout = (unsigned)(rules->timeout_ns / NS_PER_SEC), retention = (unsigned)(rules->retention_ns / NS_PER_SEC);
	const char *type, *runtime;
	char endpoint[HOST_LIMIT + 64];
	struct agent *a = NULL;

	f->text[0] = 0;
	if (!cJSON_IsString(id) || !agent_id_ok(id->valuestring, true)) {
		fault_set(f, -EINVAL, "agent_id must be 1 to %u letters, digits, _ and -", AGENT_ID_MAX);
		return NULL;
	}
	type = text_of(body, "agent_type", "mcp_agent", 32, f);
	runtime = text_of(body, "runtime", "python", 32, f);
	if (!type || !runtime || !one_of("agent_type", type, types, f) || !one_of("runtime", runtime, runtimes, f) ||
	    !make_endpoint(body, id->valuestring, endpoint, sizeof(endpoint), f) || !(a = agent_new()))
		return give_up(a, f);
	if (!add_common(a, body, id->valuestring, type, endpoint, f) || !add_tools(a, get(body, "tools"), f) ||
	    !add_ages(a, timeout, retention, 5) || !settle(a))
		return give_up(a, f);
	a->timeout_ns = rules->timeout_ns;
	if (cJSON_IsString(status))
		agent_says(a, status->valuestring);
	return a;
}

/* ---- stored */

char *agent_stored(const struct agent *a)
{
	cJSON *doc = cJSON_CreateObject();
	char *text = NULL;

	if (doc && cJSON_AddItemReferenceToObject(doc, "entry", a->entry) && cJSON_AddItemReferenceToObject(doc, "requests", a->requests))
		text = cJSON_PrintUnformatted(doc);
	cJSON_Delete(doc);
	return text;
}

/* What was stored was checked before; but the file may have been damaged or written by someone else. */
static bool stored_ok(const cJSON *entry, const cJSON *requests)
{
	static const char *const texts[] = { "id", "name", "namespace", "agent_type" };
	const cJSON *timeout = get(entry, "timeout_threshold"), *item, *caps = get(entry, "capabilities");
	const char *const part[] = { "function_name", "capability", "version", "namespace" };

	for (size_t i = 0; i < 4; i++)
		if (!cJSON_IsString(get(entry, texts[i])))
			return false;
	if (!cJSON_IsNumber(get(entry, "health_interval")) || !cJSON_IsNumber(get(entry, "eviction_threshold")) || !cJSON_IsString(get(entry, "endpoint")))
		return false;
	if (!cJSON_IsNumber(timeout) || !(timeout->valuedouble >= 0 && timeout->valuedouble < 1e9) || !cJSON_IsArray(caps) || !cJSON_IsArray(requests))
		return false;
	cJSON_ArrayForEach(item, caps)
		if (!cJSON_IsString(get(item, "name")) || !cJSON_IsString(get(item, "version")) || !cJSON_IsString(get(item, "function_name")))
			return false;
	cJSON_ArrayForEach(item, requests)
		for (size_t i = 0; i < 4; i++)
			if (!cJSON_IsString(get(item, part[i])))
				return false;
	return true;
}

struct agent *agent_from_stored(const char *text, struct fault *f)
{
	cJSON *doc = cJSON_Parse(text);
	struct agent *a = NULL;

	f->text[0] = 0;
	if (!doc || !stored_ok(get(doc, "entry"), get(doc, "requests"))) {
		cJSON_Delete(doc);
		fault_set(f, -EBADMSG, "it is no agent of ours");
		return NULL;
	}
	a = calloc(1, sizeof(*a));
	if (a) {
		a->entry = cJSON_DetachItemFromObjectCaseSensitive(doc, "entry");
		a->requests = cJSON_DetachItemFromObjectCaseSensitive(doc, "requests");
		a->timeout_ns = (uint64_t)(get(a->entry, "timeout_threshold")->valuedouble * 1e9);
	}
	cJSON_Delete(doc);
	return a && settle(a) ? a : give_up(a, f);
}
