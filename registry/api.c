/* registry/api.c - requests and answers without HTTP (registry/api.h). */
#include "registry/api.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

void api_detail(struct reply *r, unsigned status, const char *text)
{
	r->status = status;
	buf_free(&r->body);
	buf_text(&r->body, "{\"detail\":");
	buf_string(&r->body, text);
	buf_text(&r->body, "}");
}

static void not_found(struct reply *r, const char *id)
{
	struct fault f;

	fault_set(&f, -ENOENT, "Agent %s not found", id);
	api_detail(r, 404, f.text);
}

/* ---- the service itself */

static void root(struct api *api, const struct request *q, struct reply *r)
{
	(void)api, (void)q;
	r->status = 200;
	buf_text(&r->body,
		"{\"service\":\"MCP Mesh Registry Service\",\"version\":\"" TEND_VERSION
		"\",\"endpoints\":{\"heartbeat\":\"POST /heartbeat - Agent registration and status updates\","
		"\"heartbeat_check\":\"HEAD /heartbeat/{agent_id} - Is a full heartbeat needed\","
		"\"register_agent\":\"POST /agents/register_with_metadata - Agent registration with metadata\","
		"\"agents\":\"GET /agents - Service discovery with filtering\","
		"\"capabilities\":\"GET /capabilities - Capability discovery with search\","
		"\"unregister\":\"DELETE /agents/{agent_id} - An agent says goodbye\",\"health\":\"GET /health - Health check\","
		"\"agent_health\":\"GET /health/{agent_id} - Agent health status\",\"metrics\":\"GET /metrics - Registry metrics\"},"
		"\"description\":\"The registry that comes with tend\"}");
}

static size_t count_status(const struct api *api, const char *status)
{
	size_t n = 0;

	for (size_t i = 0; i < api->table.n; i++)
		n += strcmp(agent_status(api->table.all[i], api->now_boot_ns), status) == 0;
	return n;
}

static double uptime_s(const struct api *api)
{
	return (double)(api->now_boot_ns - api->started_boot_ns) / 1e9;
}

static void health(struct api *api, const struct request *q, struct reply *r)
{
	(void)q;
	r->status = 200;
	buf_print(&r->body,
		"{\"status\":\"healthy\",\"service\":\"mcp-mesh-registry\",\"version\":\"%s\",\"uptime_seconds\":%.3f,"
		"\"health_monitoring_active\":true,\"agents\":%zu,\"timestamp\":",
		TEND_VERSION, uptime_s(api), api->table.n);
	buf_time(&r->body, api->now_real_ns);
	buf_text(&r->body, "}");
}

static void metrics(struct api *api, const struct request *q, struct reply *r)
{
	size_t capabilities = 0;

	(void)q;
	for (size_t i = 0; i < api->table.n; i++)
		capabilities += (size_t)cJSON_GetArraySize(
			cJSON_GetObjectItemCaseSensitive(api->table.all[i]->entry, "capabilities"));
	r->status = 200;
	buf_print(&r->body,
		"{\"total_agents\":%zu,\"healthy_agents\":%zu,\"degraded_agents\":%zu,\"unhealthy_agents\":%zu,\"offline_agents\":%zu,"
		"\"total_capabilities\":%zu,\"uptime_seconds\":%.3f,\"heartbeats_processed\":%llu,\"registrations_processed\":%llu,"
		"\"last_updated\":",
		api->table.n, count_status(api, "healthy"), count_status(api, "degraded"),
		count_status(api, "unhealthy"), count_status(api, "offline"), capabilities,
		uptime_s(api), (unsigned long long)api->table.heartbeats,
		(unsigned long long)api->table.registrations);
	buf_time(&r->body, api->now_real_ns);
	buf_text(&r->body, "}");
}

/* ---- one agent */

static void agent_health(struct api *api, const char *id, struct reply *r)
{
	const struct agent *a = table_find(&api->table, id);
	const char *status;
	double since, eviction;
	uint64_t interval;

	if (!a) {
		not_found(r, id);
		return;
	}
	status = agent_status(a, api->now_boot_ns);
	since = (double)(api->now_real_ns > a->seen_real_ns ? api->now_real_ns - a->seen_real_ns
							    : 0) /
		1e9;
	eviction = cJSON_GetObjectItemCaseSensitive(a->entry, "eviction_threshold")->valuedouble;
	interval = (uint64_t)cJSON_GetObjectItemCaseSensitive(a->entry, "health_interval")
			   ->valuedouble;
	r->status = 200;
	buf_text(&r->body, "{\"agent_id\":");
	buf_string(&r->body, a->id);
	buf_print(&r->body, ",\"status\":\"%s\",\"last_heartbeat\":", status);
	buf_time(&r->body, a->seen_real_ns);
	buf_text(&r->body, ",\"next_heartbeat_expected\":");
	buf_time(&r->body, a->seen_real_ns + interval * NS_PER_SEC);
	buf_print(&r->body,
		",\"time_since_heartbeat\":%.6f,\"timeout_threshold\":%llu,\"eviction_threshold\":%.0f,\"is_expired\":%s,"
		"\"message\":\"Agent %s - last heartbeat %.1fs ago\"}",
		since, (unsigned long long)(a->timeout_ns / NS_PER_SEC), eviction,
		since >= eviction ? "true" : "false", status, since);
}

/* HEAD /heartbeat/ID: 200 nothing new, 202 who provides its dependencies changed, 410 register
 * (again). */
static void head_heartbeat(struct api *api, const char *id, struct reply *r)
{
	struct agent *a = table_find(&api->table, id);

	if (!a || agent_is_stale(a, api->now_boot_ns)) {
		r->status = 410;
		return;
	}
	table_beat(&api->table, a, api->now_boot_ns, api->now_real_ns);
	api->beat_real_ns = api->now_real_ns;
	api->table.heartbeats++;
	table_resolve(&api->table, a, api->now_boot_ns, false);
	r->status = a->told && a->told_hash == a->resolved_hash ? 200 : 202;
}

static void leave(struct api *api, const char *id, struct reply *r)
{
	struct agent *a = table_find(&api->table, id);
	struct fault f;

	if (a && !a->left) {
		table_leave(&api->table, a, api->now_boot_ns);
		if (api->store && api->store(api->store_arg, a, &f) < 0) {
			api_detail(r, 503, f.text);
			return;
		}
	}
	r->status = 204;
}

/* ---- registration and heartbeat */

/* Put it into the table and onto the disk. NULL: answered. */
static struct agent *keep(struct api *api, struct agent *a, struct reply *r)
{
	struct fault f = { "" };
	int e = table_put(&api->table, a, api->now_boot_ns, api->now_real_ns);

	if (e < 0) {
		agent_free(a);
		api_detail(r, 503, e == -ENOSPC ? "the registry is full" : "out of memory");
		return NULL;
	}
	api->beat_real_ns = api->now_real_ns;
	api->table.registrations++;
	if (!api->store || api->store(api->store_arg, a, &f) == 0)
		return a;
	a->dirty = true;
	api_detail(r, 503, f.text);
	return NULL;
}

static void missing_key(struct reply *r, const char *key)
{
	r->status = 422;
	buf_text(&r->body, "{\"detail\":[{\"type\":\"missing\",\"loc\":[\"body\",");
	buf_string(&r->body, key);
	buf_text(&r->body, "],\"msg\":\"Field required\"}]}");
}

static void register_agent(struct api *api, const struct request *q, struct reply *r)
{
	struct fault f = { "" };
	const char *missing = NULL;
	cJSON *body = json_object(q->body, q->body_len, &f);
	struct agent *a = body ? agent_from_register(body, &f, &missing) : NULL;

	if (missing)
		missing_key(r, missing);
	else if (!a)
		api_detail(r, body ? 422 : 400, f.text);
	else if ((a = keep(api, a, r))) {
		r->status = 201;
		buf_text(&r->body, "{\"status\":\"success\",\"agent_id\":");
		buf_string(&r->body, a->id);
		buf_print(&r->body, ",\"resource_version\":\"%llu\",\"timestamp\":",
			(unsigned long long)(a->updated_real_ns / NS_PER_MS));
		buf_time(&r->body, api->now_real_ns);
		buf_text(&r->body, ",\"message\":\"Agent registered successfully\"}");
	}
	cJSON_Delete(body);
}

/* The first generation's: {agent_id}, perhaps with a status. */
static void short_heartbeat(struct api *api, const cJSON *body, struct reply *r)
{
	const cJSON *id = cJSON_GetObjectItemCaseSensitive(body, "agent_id"),
		    *status = cJSON_GetObjectItemCaseSensitive(body, "status");
	struct agent *a = cJSON_IsString(id) ? table_find(&api->table, id->valuestring) : NULL;
	char before[sizeof(a->said)];

	if (!cJSON_IsString(id)) {
		api_detail(r, 400, "agent_id is missing or no text");
		return;
	}
	if (!a) {
		not_found(r, id->valuestring);
		return;
	}
	table_beat(&api->table, a, api->now_boot_ns, api->now_real_ns);
	api->beat_real_ns = api->now_real_ns;
	api->table.heartbeats++;
	memcpy(before, a->said, sizeof(before));
	if (cJSON_IsString(status))
		agent_says(a, status->valuestring);
	if (strcmp(before, a->said) != 0) {
		api->table.topology++;
		api->table.changes++;
	}
	r->status = 200;
	buf_text(&r->body, "{\"status\":\"success\",\"timestamp\":");
	buf_time(&r->body, api->now_real_ns);
	buf_text(&r->body, ",\"message\":\"Heartbeat recorded\",\"agent_id\":");
	buf_string(&r->body, a->id);
	buf_text(&r->body, "}");
}

/* Today's: registers, or finds that it says what is known already, and then costs no write. */
static void full_heartbeat(struct api *api, const cJSON *body, struct reply *r)
{
	struct fault f = { "" };
	struct agent *a = agent_from_heartbeat(body, &api->table.rules, &f), *old;

	if (!a) {
		api_detail(r, 400, f.text);
		return;
	}
	old = table_find(&api->table, a->id);
	if (old && agent_same(old, a)) {
		agent_free(a);
		a = old;
		table_beat(&api->table, a, api->now_boot_ns, api->now_real_ns);
		api->beat_real_ns = api->now_real_ns;
		api->table.heartbeats++;
	} else if (!(a = keep(api, a, r))) {
		return;
	}
	table_resolve(&api->table, a, api->now_boot_ns, false);
	a->told = true;
	a->told_hash = a->resolved_hash;
	r->status = 200;
	buf_text(&r->body, "{\"status\":\"success\",\"timestamp\":");
	buf_time(&r->body, api->now_real_ns);
	buf_text(&r->body, ",\"message\":\"Agent registered\",\"agent_id\":");
	buf_string(&r->body, a->id);
	buf_text(&r->body, ",\"dependencies_resolved\":");
	api->table.work = TABLE_WORK_MAX; /* the same again, in another form */
	table_providers(&api->table, a, api->now_boot_ns, &r->body);
	buf_text(&r->body, "}");
}

static void heartbeat(struct api *api, const struct request *q, struct reply *r)
{
	struct fault f = { "" };
	cJSON *body = json_object(q->body, q->body_len, &f);

	if (!body)
		api_detail(r, 400, f.text);
	else if (cJSON_GetObjectItemCaseSensitive(body, "tools"))
		full_heartbeat(api, body, r);
	else
		short_heartbeat(api, body, r);
	cJSON_Delete(body);
}

static void monitoring(struct api *api, const struct request *q, struct reply *r)
{
	(void)q;
	r->status = 200;
	buf_print(&r->body,
		"{\"monitoring_active\":true,\"monitoring_interval_seconds\":%u,\"default_timeout_seconds\":%llu,"
		"\"default_eviction_seconds\":%llu,\"agent_status_counts\":{\"healthy\":%zu,\"degraded\":%zu,\"unhealthy\":%zu},\"timestamp\":",
		AGENT_SCAN_S, (unsigned long long)(api->table.rules.timeout_ns / NS_PER_SEC),
		(unsigned long long)(api->table.rules.retention_ns / NS_PER_SEC),
		count_status(api, "healthy"), count_status(api, "degraded"),
		count_status(api, "unhealthy"));
	buf_time(&r->body, api->now_real_ns);
	buf_text(&r->body, "}");
}

/* ---- dispatch */

static const struct route {
	const char *path;
	const char *methods; /* as Allow shows them */
	void (*fn)(struct api *api, const struct request *q, struct reply *r);
} routes[] = {
	{ "/", "GET, HEAD", root },
	{ "/health", "GET, HEAD", health },
	{ "/health/monitoring", "GET, HEAD", monitoring },
	{ "/agents", "GET, HEAD", api_agents },
	{ "/capabilities", "GET, HEAD", api_capabilities },
	{ "/metrics", "GET, HEAD", metrics },
	{ "/heartbeat", "POST", heartbeat },
	{ "/agents/register_with_metadata", "POST", register_agent },
};

static const struct {
	const char *prefix, *methods;
	void (*fn)(struct api *api, const char *id, struct reply *r);
} by_id[] = {
	{ "/heartbeat/", "HEAD", head_heartbeat },
	{ "/agents/", "DELETE", leave },
	{ "/health/", "GET, HEAD", agent_health },
};

static bool allowed(const char *methods, const char *method)
{
	const char *at = strstr(methods, method);
	size_t len = strlen(method);

	return at && len && (at == methods || at[-1] == ' ') && (at[len] == 0 || at[len] == ',');
}

static void wrong_method(struct reply *r, const char *methods)
{
	api_detail(r, 405, "Method Not Allowed");
	r->allow = methods;
}

static void dispatch(struct api *api, const struct request *q, struct reply *r)
{
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		if (strcmp(routes[i].path, q->path) != 0)
			continue;
		if (allowed(routes[i].methods, q->method))
			routes[i].fn(api, q, r);
		else
			wrong_method(r, routes[i].methods);
		return;
	}
	for (size_t i = 0; i < sizeof(by_id) / sizeof(by_id[0]); i++) {
		size_t len = strlen(by_id[i].prefix);

		if (strncmp(q->path, by_id[i].prefix, len) != 0 || !q->path[len])
			continue;
		if (!agent_id_ok(q->path + len, false))
			break;
		if (allowed(by_id[i].methods, q->method))
			by_id[i].fn(api, q->path + len, r);
		else
			wrong_method(r, by_id[i].methods);
		return;
	}
	api_detail(r, 404, "Not Found");
}

void api_answer(struct api *api, const struct request *q, struct reply *ret)
{
	const char *why = NULL;
	unsigned status = gate_check(&api->gate, q->method, &q->headers, &why);

	*ret = (struct reply){ .body.max = API_ANSWER_MAX };
	api->table.work = TABLE_WORK_MAX;
	if (status)
		api_detail(ret, status, why);
	else
		dispatch(api, q, ret);
	if (!buf_ok(&ret->body))
		api_detail(ret, 503, "the answer is too large, or memory is out; ask for less");
}
