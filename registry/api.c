/* registry/api.c - requests and answers without HTTP (registry/api.h). */
#include "registry/api.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

void api_detail(struct reply *r, unsigned status, const char *text)
{
	r->status = status;
	json_free(&r->body);
	r->body = JSON_ANSWER(0);
	json_open(&r->body, NULL, '{');
	json_text(&r->body, "detail", text);
	json_close(&r->body);
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
	static const char text[] =
		"{\"service\":\"MCP Mesh Registry Service\",\"version\":\"" TEND_VERSION
		"\",\"endpoints\":{\"heartbeat\":\"POST /heartbeat - Agent registration and status updates\","
		"\"heartbeat_check\":\"HEAD /heartbeat/{agent_id} - Is a full heartbeat needed\","
		"\"register_agent\":\"POST /agents/register_with_metadata - Agent registration with metadata\","
		"\"agents\":\"GET /agents - Service discovery with filtering\","
		"\"capabilities\":\"GET /capabilities - Capability discovery with search\","
		"\"unregister\":\"DELETE /agents/{agent_id} - An agent says goodbye\",\"health\":\"GET /health - Health check\","
		"\"agent_health\":\"GET /health/{agent_id} - Agent health status\",\"metrics\":\"GET /metrics - Registry metrics\"},"
		"\"description\":\"The registry that comes with tend\"}";

	(void)api, (void)q;
	r->status = 200;
	json_raw(&r->body, NULL, text, sizeof(text) - 1);
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
	struct json_out *o = &r->body;

	(void)q;
	r->status = 200;
	json_open(o, NULL, '{');
	json_text(o, "status", "healthy");
	json_text(o, "service", "mcp-mesh-registry");
	json_text(o, "version", TEND_VERSION);
	json_fixed(o, "uptime_seconds", uptime_s(api), 3);
	json_bool(o, "health_monitoring_active", true);
	json_u64(o, "agents", api->table.n);
	json_time(o, "timestamp", api->now_real_ns);
	json_close(o);
}

static void metrics(struct api *api, const struct request *q, struct reply *r)
{
	struct json_out *o = &r->body;
	size_t capabilities = 0;

	(void)q;
	for (size_t i = 0; i < api->table.n; i++)
		capabilities += (size_t)cJSON_GetArraySize(
			cJSON_GetObjectItemCaseSensitive(api->table.all[i]->entry, "capabilities"));
	r->status = 200;
	json_open(o, NULL, '{');
	json_u64(o, "total_agents", api->table.n);
	json_u64(o, "healthy_agents", count_status(api, "healthy"));
	json_u64(o, "degraded_agents", count_status(api, "degraded"));
	json_u64(o, "unhealthy_agents", count_status(api, "unhealthy"));
	json_u64(o, "offline_agents", count_status(api, "offline"));
	json_u64(o, "total_capabilities", capabilities);
	json_fixed(o, "uptime_seconds", uptime_s(api), 3);
	json_u64(o, "heartbeats_processed", api->table.heartbeats);
	json_u64(o, "registrations_processed", api->table.registrations);
	json_time(o, "last_updated", api->now_real_ns);
	json_close(o);
}

/* ---- one agent */

static void agent_health(struct api *api, const char *id, struct reply *r)
{
	const struct agent *a = table_find(&api->table, id);
	struct json_out *o = &r->body;
	char message[100];
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
	snprintf(message, sizeof(message), "Agent %s - last heartbeat %.1fs ago", status, since);
	json_open(o, NULL, '{');
	json_text(o, "agent_id", a->id);
	json_text(o, "status", status);
	json_time(o, "last_heartbeat", a->seen_real_ns);
	json_time(o, "next_heartbeat_expected", a->seen_real_ns + interval * NS_PER_SEC);
	json_fixed(o, "time_since_heartbeat", since, 6);
	json_u64(o, "timeout_threshold", a->timeout_ns / NS_PER_SEC);
	json_fixed(o, "eviction_threshold", eviction, 0);
	json_bool(o, "is_expired", since >= eviction);
	json_text(o, "message", message);
	json_close(o);
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
	struct json_out *o = &r->body;

	r->status = 422;
	json_open(o, NULL, '{');
	json_open(o, "detail", '[');
	json_open(o, NULL, '{');
	json_text(o, "type", "missing");
	json_open(o, "loc", '[');
	json_text(o, NULL, "body");
	json_text(o, NULL, key);
	json_close(o);
	json_text(o, "msg", "Field required");
	json_close(o);
	json_close(o);
	json_close(o);
}

static void tell_registered(const struct api *api, const struct agent *a, struct json_out *o)
{
	char version[24];

	snprintf(version, sizeof(version), "%llu",
		(unsigned long long)(a->updated_real_ns / NS_PER_MS));
	json_open(o, NULL, '{');
	json_text(o, "status", "success");
	json_text(o, "agent_id", a->id);
	json_text(o, "resource_version", version);
	json_time(o, "timestamp", api->now_real_ns);
	json_text(o, "message", "Agent registered successfully");
	json_close(o);
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
		tell_registered(api, a, &r->body);
	}
	cJSON_Delete(body);
}

/* How an answer to a heartbeat begins. */
static void begin_heartbeat(
	const struct api *api, const struct agent *a, const char *message, struct json_out *o)
{
	json_open(o, NULL, '{');
	json_text(o, "status", "success");
	json_time(o, "timestamp", api->now_real_ns);
	json_text(o, "message", message);
	json_text(o, "agent_id", a->id);
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
	begin_heartbeat(api, a, "Heartbeat recorded", &r->body);
	json_close(&r->body);
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
	begin_heartbeat(api, a, "Agent registered", &r->body);
	api->table.work = TABLE_WORK_MAX; /* the same again, in another form */
	table_providers(&api->table, a, api->now_boot_ns, &r->body, "dependencies_resolved");
	json_close(&r->body);
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
	struct json_out *o = &r->body;

	(void)q;
	r->status = 200;
	json_open(o, NULL, '{');
	json_bool(o, "monitoring_active", true);
	json_u64(o, "monitoring_interval_seconds", AGENT_SCAN_S);
	json_u64(o, "default_timeout_seconds", api->table.rules.timeout_ns / NS_PER_SEC);
	json_u64(o, "default_eviction_seconds", api->table.rules.retention_ns / NS_PER_SEC);
	json_open(o, "agent_status_counts", '{');
	json_u64(o, "healthy", count_status(api, "healthy"));
	json_u64(o, "degraded", count_status(api, "degraded"));
	json_u64(o, "unhealthy", count_status(api, "unhealthy"));
	json_close(o);
	json_time(o, "timestamp", api->now_real_ns);
	json_close(o);
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

	*ret = (struct reply){ .body = JSON_ANSWER(API_ANSWER_MAX) };
	api->table.work = TABLE_WORK_MAX;
	if (status)
		api_detail(ret, status, why);
	else
		dispatch(api, q, ret);
	if (json_end(&ret->body) < 0)
		api_detail(ret, 503, "the answer is too large, or memory is out; ask for less");
}
