/* registry/agents.c - agents from requests of both generations (registry/agents.h). The rules of
 * age and versions: rules.c. */
#include "registry/agents.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "registry/parts.h"

#define DESCRIPTION_MAX 256u /* characters; longer ones are cut, never refused */
#define NAME_LIMIT	255u
#define HOST_LIMIT	255u

bool agent_id_ok(const char *id, bool today)
{
	size_t len = strlen(id);

	if (today)
		return len >= 1 && len <= AGENT_ID_MAX &&
			strspn(id,
				"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") ==
			len;
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
	cJSON_free(a->wants);
	free(a->offers);
	free(a->resolutions);
	free(a);
}

/* ---- an agent */

bool agent_settle(struct agent *a)
{
	size_t len;

	if (!parts_slim(a->entry))
		return false;
	a->text = cJSON_PrintUnformatted(a->entry);
	a->wants = cJSON_PrintUnformatted(a->requests);
	if (!a->text || !a->wants)
		return false;
	len = strlen(a->text);
	memmove(a->text, a->text + 1, len - 2);
	a->text[len - 2] = 0;
	a->bytes = len - 2 + strlen(a->wants);
	a->values = parts_count(a->entry) + parts_count(a->requests);
	a->id = parts_get(a->entry, "id")->valuestring;
	a->name = parts_get(a->entry, "name")->valuestring;
	a->namespace = parts_get(a->entry, "namespace")->valuestring;
	a->type = parts_get(a->entry, "agent_type")->valuestring;
	return true;
}

bool agent_same(const struct agent *a, const struct agent *b)
{
	return strcmp(a->text, b->text) == 0 && strcmp(a->wants, b->wants) == 0 &&
		strcmp(a->said, b->said) == 0;
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

		if (strncmp(type, rules[i].word, len) == 0 &&
			(!*rest || strcmp(rest, "-agent") == 0 || strcmp(rest, "_agent") == 0)) {
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
	return parts_add(a->entry, "health_interval", cJSON_CreateNumber(interval_s)) &&
		parts_add(a->entry, "timeout_threshold", cJSON_CreateNumber(timeout_s)) &&
		parts_add(a->entry, "eviction_threshold", cJSON_CreateNumber(eviction_s));
}

/* Keys that both generations share. */
static bool add_common(struct agent *a, const cJSON *from, const char *id, const char *type,
	const char *endpoint, struct fault *f)
{
	const char *name = parts_text(from, "name", id, NAME_LIMIT, f),
		   *space = parts_text(from, "namespace", "default", NAME_LIMIT, f);
	const char *runtime = parts_text(from, "runtime", "python", 32, f),
		   *version = parts_text(from, "version", "1.0.0", 64, f);
	const char *description = parts_text(from, "description", "", SIZE_MAX, f);
	char cut[DESCRIPTION_MAX * 4 + 1];

	if (!name || !space || !runtime || !version || !description || !type || !endpoint)
		return false;
	str_copy(cut, DESCRIPTION_MAX + 1, description);
	return parts_add_text(a->entry, "id", id) && parts_add_text(a->entry, "entity_id", id) &&
		parts_add_text(a->entry, "name", name[0] ? name : id) &&
		parts_add_text(a->entry, "namespace", space[0] ? space : "default") &&
		parts_add_text(a->entry, "agent_type", type) &&
		parts_add_text(a->entry, "runtime", runtime) &&
		parts_add_text(a->entry, "version", version) &&
		parts_add_text(a->entry, "description", cut) &&
		parts_add_text(a->entry, "endpoint", endpoint) &&
		parts_add(a->entry, "labels", parts_copy(parts_get(from, "labels"), false)) &&
		parts_add(a->entry, "annotations",
			parts_copy(parts_get(from, "annotations"), false)) &&
		parts_add(a->entry, "config", parts_copy(parts_get(from, "config"), false)) &&
		parts_add(a->entry, "security_context", cJSON_CreateNull());
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
	cJSON_ArrayForEach(item, list)
	{
		const cJSON *name = cJSON_IsString(item) ? item : parts_get(item, "name");
		const cJSON *function = parts_get(item, "function_name");

		if (!cJSON_IsString(name) || !name->valuestring[0] || ++n > AGENT_TOOLS_MAX) {
			fault_set(f, -EINVAL,
				n > AGENT_TOOLS_MAX ? "more than 1000 capabilities"
						    : "a capability must be a name or have one");
			return false;
		}
		if (!caps ||
			!parts_capability(caps, item, name->valuestring,
				cJSON_IsString(function) ? function->valuestring
							 : name->valuestring,
				f))
			return false;
	}
	return caps != NULL;
}

/* ret_missing: the first generation names each missing key. */
static bool check_register(const cJSON *body, const char **ret_missing, struct fault *f)
{
	static const char *const needed[] = { "agent_id", "metadata" };
	const cJSON *id = parts_get(body, "agent_id");

	*ret_missing = NULL;
	for (size_t i = 0; i < 2; i++)
		if (!parts_get(body, needed[i])) {
			*ret_missing = needed[i];
			return fault_set(f, -EINVAL, "%s is missing", needed[i]) == 0;
		}
	if (!cJSON_IsString(id) || !agent_id_ok(id->valuestring, false))
		return fault_set(f, -EINVAL,
			       "agent_id must be a string of 1 to %u bytes without control characters and /",
			       AGENT_OLD_ID_MAX) == 0;
	if (!cJSON_IsObject(parts_get(body, "metadata")))
		return fault_set(f, -EINVAL, "metadata must be an object") == 0;
	return true;
}

struct agent *agent_from_register(const cJSON *body, struct fault *f, const char **ret_missing)
{
	const cJSON *meta = parts_get(body, "metadata");
	const char *id, *type, *endpoint;
	char standard[AGENT_OLD_ID_MAX + 16];
	struct agent *a = NULL;
	unsigned eviction, timeout;
	cJSON *names;

	f->text[0] = 0;
	if (!check_register(body, ret_missing, f) || !(a = agent_new()))
		return give_up(a, f);
	id = parts_get(body, "agent_id")->valuestring;
	snprintf(standard, sizeof(standard), "stdio://%s", id);
	endpoint = parts_text(meta, "endpoint", standard, 2048, f);
	type = parts_text(meta, "agent_type", "mesh_agent", NAME_LIMIT, f);
	if (!add_common(a, meta, id, type, endpoint, f) ||
		!add_old_capabilities(a, parts_get(meta, "capabilities"), f))
		return give_up(a, f);
	timeout = old_timeout(type, &eviction);
	names = cJSON_AddArrayToObject(a->entry, "dependencies");
	if (!names || !add_ages(a, timeout, eviction, 30) ||
		!parts_requests(a, names, parts_get(meta, "dependencies"), id, f) ||
		!parts_add(a->entry, "total_dependencies",
			cJSON_CreateNumber(cJSON_GetArraySize(names))) ||
		!agent_settle(a))
		return give_up(a, f);
	return a;
}

/* ---- today's */

static bool add_tools(struct agent *a, const cJSON *tools, struct fault *f)
{
	cJSON *caps = cJSON_AddArrayToObject(a->entry, "capabilities"),
	      *names = cJSON_AddArrayToObject(a->entry, "dependencies");
	const cJSON *tool;
	unsigned n = 0;

	if (!cJSON_IsArray(tools) || cJSON_GetArraySize(tools) < 1)
		return fault_set(f, -EINVAL, "tools must be a list of at least one") == 0;
	cJSON_ArrayForEach(tool, tools)
	{
		const cJSON *function = parts_get(tool, "function_name"),
			    *capability = parts_get(tool, "capability");

		if (++n > AGENT_TOOLS_MAX)
			return fault_set(f, -EINVAL, "more than %u tools", AGENT_TOOLS_MAX) == 0;
		if (!cJSON_IsString(function) || !function->valuestring[0] ||
			!cJSON_IsString(capability) || !capability->valuestring[0])
			return fault_set(f, -EINVAL,
				       "tools[%u] must have a function_name and a capability",
				       n - 1) == 0;
		if (!names || !caps ||
			!parts_capability(
				caps, tool, capability->valuestring, function->valuestring, f) ||
			!parts_requests(a, names, parts_get(tool, "dependencies"),
				function->valuestring, f))
			return false;
	}
	return parts_add(
		a->entry, "total_dependencies", cJSON_CreateNumber(cJSON_GetArraySize(names)));
}

static bool one_of(const char *what, const char *word, const char *const words[], struct fault *f)
{
	for (; *words; words++)
		if (strcmp(word, *words) == 0)
			return true;
	return fault_set(f, -EINVAL, "%s is not one of its words", what) == 0;
}

/* Where it serves; an agent without a port speaks over its standard input. */
static bool make_endpoint(
	const cJSON *body, const char *id, char *buf, size_t size, struct fault *f)
{
	const char *host = parts_text(body, "http_host", "localhost", HOST_LIMIT, f);
	const cJSON *port = parts_get(body, "http_port");
	bool v6;

	if (!host)
		return false;
	if (port && !cJSON_IsNull(port) &&
		(!cJSON_IsNumber(port) || !(port->valuedouble >= 0 && port->valuedouble <= 65535)))
		return fault_set(f, -EINVAL, "http_port must be from 0 to 65535") == 0;
	v6 = strchr(host, ':') && host[0] != '[';
	if (port && cJSON_IsNumber(port) && port->valueint > 0)
		snprintf(buf, size, "http://%s%s%s:%d", v6 ? "[" : "", host[0] ? host : "localhost",
			v6 ? "]" : "", port->valueint);
	else
		snprintf(buf, size, "stdio://%s", id);
	return true;
}

struct agent *agent_from_heartbeat(
	const cJSON *body, const struct age_rules *rules, struct fault *f)
{
	static const char *const types[] = { "mcp_agent", "mesh_agent", "api", "a2a", NULL };
	static const char *const runtimes[] = { "python", "typescript", "java", NULL };
	const cJSON *id = parts_get(body, "agent_id"), *status = parts_get(body, "status");
	unsigned timeout = (unsigned)(rules->timeout_ns / NS_PER_SEC),
		 retention = (unsigned)(rules->retention_ns / NS_PER_SEC);
	const char *type, *runtime;
	char endpoint[HOST_LIMIT + 64];
	struct agent *a = NULL;

	f->text[0] = 0;
	if (!cJSON_IsString(id) || !agent_id_ok(id->valuestring, true)) {
		fault_set(f, -EINVAL, "agent_id must be 1 to %u letters, digits, _ and -",
			AGENT_ID_MAX);
		return NULL;
	}
	type = parts_text(body, "agent_type", "mcp_agent", 32, f);
	runtime = parts_text(body, "runtime", "python", 32, f);
	if (!type || !runtime || !one_of("agent_type", type, types, f) ||
		!one_of("runtime", runtime, runtimes, f) ||
		!make_endpoint(body, id->valuestring, endpoint, sizeof(endpoint), f) ||
		!(a = agent_new()))
		return give_up(a, f);
	if (!add_common(a, body, id->valuestring, type, endpoint, f) ||
		!add_tools(a, parts_get(body, "tools"), f) || !add_ages(a, timeout, retention, 5) ||
		!agent_settle(a))
		return give_up(a, f);
	a->timeout_ns = rules->timeout_ns;
	if (cJSON_IsString(status))
		agent_says(a, status->valuestring);
	return a;
}
