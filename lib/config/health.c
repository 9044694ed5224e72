/* config/health.c - see config/health.h. */
#include "config/health.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "config/fields.h"
#include "json/document.h"

#define PATH_TEXT 96u
#define DAY_S	  86400.0

static const struct field probe_fields[] = {
	FIELD(health_probe, "interval", F_MS, interval_ms, 0.05, DAY_S),
	FIELD(health_probe, "timeout", F_MS, timeout_ms, 0.01, 3600),
	FIELD(health_probe, "initial_delay", F_MS, initial_delay_ms, 0, DAY_S),
	FIELD(health_probe, "within", F_MS, within_ms, 0.01, DAY_S),
	FIELD(health_probe, "failure_threshold", F_COUNT, failure_threshold, 1, 1000),
	FIELD(health_probe, "success_threshold", F_COUNT, success_threshold, 1, 1000),
	FIELD(health_probe, "path", F_TEXT, path, 0, 0),
	FIELD(health_probe, "method", F_TEXT, method, 0, 0),
	FIELD(health_probe, "header", F_TEXT, header, 0, 0),
	FIELD(health_probe, "body", F_REGEX, match, 0, 0),
	{ "http", F_OTHER, 0, 0, 0, 0 },
	{ "tcp", F_OTHER, 0, 0, 0, 0 },
	{ "exec", F_OTHER, 0, 0, 0, 0 },
	{ "log", F_OTHER, 0, 0, 0, 0 },
	{ "mcp", F_OTHER, 0, 0, 0, 0 },
	{ "status", F_OTHER, 0, 0, 0, 0 },
	{ NULL, F_OTHER, 0, 0, 0, 0 },
};

static const struct field policy_fields[] = {
	FIELD(health_policy, "enabled", F_BOOL, enabled, 0, 0),
	FIELD(health_policy, "check_interval", F_COUNT, check_interval_s, 1, DAY_S),
	FIELD(health_policy, "restart_on_failure", F_BOOL, restart_on_failure, 0, 0),
	FIELD(health_policy, "max_restart_attempts", F_COUNT, max_restart_attempts, 0, 1e6),
	FIELD(health_policy, "restart_cooldown", F_COUNT, restart_cooldown_s, 0, DAY_S),
	FIELD(health_policy, "health_check_timeout", F_COUNT, health_check_timeout_s, 1, 3600),
	FIELD(health_policy, "alert_on_failure", F_BOOL, alert_on_failure, 0, 0),
	FIELD(health_policy, "alert_on_recovery", F_BOOL, alert_on_recovery, 0, 0),
	{ NULL, F_OTHER, 0, 0, 0, 0 },
};

static const struct field limit_fields[] = {
	FIELD(health_limits, "memory_bytes", F_BYTES, memory_bytes, 0, 1e15),
	FIELD(health_limits, "cpu_percent", F_COUNT, cpu_percent, 0, 1e6),
	FIELD(health_limits, "cpu_for", F_COUNT, cpu_for_s, 0, DAY_S),
	FIELD(health_limits, "open_files", F_COUNT, open_files, 0, 1e9),
	FIELD(health_limits, "age", F_COUNT, age_s, 0, 1e9),
	FIELD(health_limits, "age_jitter", F_COUNT, age_jitter_s, 0, 1e9),
	{ "action", F_OTHER, 0, 0, 0, 0 },
	{ NULL, F_OTHER, 0, 0, 0, 0 },
};

static const struct field alert_fields[] = {
	FIELD(health_all, "command", F_ARGV, alert_argv, 0, 0),
	FIELD(health_all, "url", F_URL, alert_url, 0, 0),
	FIELD(health_all, "timeout", F_MS, alert_timeout_ms, 0.1, 600),
	{ NULL, F_OTHER, 0, 0, 0, 0 },
};

static const struct field brake_fields[] = {
	FIELD(health_all, "least", F_COUNT, brake_least, 1, 1e6),
	FIELD(health_all, "percent", F_COUNT, brake_percent, 1, 100),
	FIELD(health_all, "window", F_COUNT, brake_window_s, 1, DAY_S),
	{ NULL, F_OTHER, 0, 0, 0, 0 },
};

static const struct field budget_fields[] = {
	FIELD(health_all, "restarts", F_COUNT, budget_restarts, 1, 1e6),
	FIELD(health_all, "window", F_COUNT, budget_window_s, 1, DAY_S),
	{ NULL, F_OTHER, 0, 0, 0, 0 },
};

static const cJSON *get(const cJSON *o, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(o, key);
}

/* --- probes --- */

static void probe_init(struct health_probe *p)
{
	*p = (struct health_probe){ .interval_ms = 10000,
		.timeout_ms = 5000,
		.failure_threshold = 3,
		.success_threshold = 1 };
	p->status_min = 200;
	p->status_max = 399;
	p->within_ms = 60000;
}

static int read_status(const cJSON *item, const char *path, struct health_probe *p, struct fault *f)
{
	if (!item)
		return 0;
	if (!cJSON_IsNumber(item) || item->valuedouble < 100 || item->valuedouble > 599)
		return fault_set(f, -EINVAL, "%s.status: expected a number from 100 to 599", path);
	p->status_min = p->status_max = (uint32_t)item->valuedouble;
	return 0;
}

static bool has_port(const char *address)
{
	const char *colon = strrchr(address, ':');
	int64_t port;

	return colon && colon > address && str_int(colon + 1, 1, 65535, &port) == 0;
}

static int read_kind(const cJSON *o, const char *path, struct health_probe *p, struct fault *f)
{
	static const struct field kinds[] = { FIELD(health_probe, "http", F_URL, url, 1, 0),
		FIELD(health_probe, "tcp", F_TEXT, url, 0, 0), { "exec", F_OTHER, 0, 0, 0, 0 },
		FIELD(health_probe, "log", F_REGEX, match, 0, 0),
		FIELD(health_probe, "mcp", F_URL, url, 1, 0) };
	const struct field *kind = NULL;
	int r;

	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (!get(o, kinds[i].key))
			continue;
		if (kind)
			return fault_set(f, -EINVAL,
				"%s: expected one of http, tcp, exec, log and mcp, not two", path);
		kind = &kinds[i];
		p->kind = (uint8_t)(HEALTH_HTTP + i);
	}
	if (!kind)
		return fault_set(
			f, -EINVAL, "%s: expected one of http, tcp, exec, log and mcp", path);
	if (p->kind == HEALTH_EXEC)
		return fields_read_argv(get(o, "exec"), path, "exec", &p->argv, f);
	r = fields_read_text(get(o, kind->key), kind, path, (char *)p + kind->offset, f);
	if (r == 0 && p->kind == HEALTH_TCP && !has_port(p->url))
		r = fault_set(f, -EINVAL, "%s.tcp: expected HOST:PORT, with a port from 1 to 65535",
			path);
	return r;
}

static int read_probe(const cJSON *o, const char *path, struct health_probe *p, struct fault *f)
{
	int r = fields_read(o, probe_fields, path, p, f);

	if (r == 0)
		r = read_kind(o, path, p, f);
	return r < 0 ? r : read_status(get(o, "status"), path, p, f);
}

static const char *const when_words[HEALTH_PROBES] = { "startup", "readiness", "liveness" };

/* What every agent of the mesh serves. */
static void mesh_probes(struct health_conf *c, unsigned port)
{
	static const char *const paths[HEALTH_PROBES] = { "/startupz", "/ready", "/livez" };

	for (unsigned i = 0; i < HEALTH_PROBES; i++) {
		struct health_probe *p = &c->probe[i];

		p->kind = HEALTH_HTTP;
		(void)str_copy(p->path, sizeof(p->path), paths[i]);
		if (port)
			(void)snprintf(
				p->url, sizeof(p->url), "http://localhost:%u%s", port, paths[i]);
		if (i == HEALTH_STARTUP) {
			p->interval_ms = 1000;
			p->failure_threshold = 60;
		}
	}
}

static int read_probes(const cJSON *o, unsigned port, struct health_conf *c, struct fault *f)
{
	const cJSON *item;

	if (!o)
		return 0;
	if (cJSON_IsString(o) && strcmp(o->valuestring, "mesh") == 0) {
		mesh_probes(c, port);
		return 0;
	}
	if (!cJSON_IsObject(o))
		return fault_set(f, -EINVAL, "health.probes: expected an object or \"mesh\"");
	cJSON_ArrayForEach(item, o)
	{
		char path[PATH_TEXT];
		unsigned i = 0;
		int r;

		while (i < HEALTH_PROBES && strcmp(when_words[i], item->string) != 0)
			i++;
		if (i == HEALTH_PROBES)
			return fault_set(f, -EINVAL, "health.probes: there is no key \"%.40s\"",
				item->string);
		(void)snprintf(path, sizeof(path), "health.probes.%s", when_words[i]);
		if ((r = read_probe(item, path, &c->probe[i], f)) < 0)
			return r;
	}
	return 0;
}

/* --- the documents --- */

static int read_limits(const cJSON *o, const char *path, struct health_limits *l, struct fault *f)
{
	const cJSON *action = get(o, "action");
	int r = fields_read(o, limit_fields, path, l, f);

	if (r < 0 || !action)
		return r;
	if (!cJSON_IsString(action) ||
		(strcmp(action->valuestring, "alert") != 0 &&
			strcmp(action->valuestring, "restart") != 0))
		return fault_set(f, -EINVAL, "%s.action: expected \"alert\" or \"restart\"", path);
	l->restart = action->valuestring[0] == 'r';
	return 0;
}

static int parse(const char *text, size_t len, cJSON **ret, struct fault *f)
{
	const char *end = NULL;
	int r = len <= HEALTH_BYTES_MAX ? document_parse(text, len, &end, ret) : -EFBIG;

	if (r == -ENOMEM)
		return fault_errno(f, r, "cannot parse it");
	if (r < 0)
		return fault_set(f, -EINVAL,
			r == -EFBIG ? "larger than 256 KB" : "no JSON at byte %td",
			end ? end - text : 0);
	for (; end < text + len; end++)
		if (*end && !strchr(" \t\r\n", *end)) {
			cJSON_Delete(*ret);
			return fault_set(
				f, -EINVAL, "something follows the JSON at byte %td", end - text);
		}
	return 0;
}

static void policy_init(struct health_policy *p)
{
	*p = (struct health_policy){
		.enabled = true, .alert_on_failure = true, .alert_on_recovery = true
	};
	p->max_restart_attempts = 3;
	p->restart_cooldown_s = 60;
	p->health_check_timeout_s = 10;
}

void health_conf_init(struct health_conf *c)
{
	memset(c, 0, sizeof(*c));
	policy_init(&c->policy);
	for (unsigned i = 0; i < HEALTH_PROBES; i++)
		probe_init(&c->probe[i]);
}

void health_all_init(struct health_all *a)
{
	memset(a, 0, sizeof(*a));
	policy_init(&a->policy);
	a->alert_timeout_ms = 10000;
	a->brake_least = 3;
	a->brake_percent = 30;
	a->brake_window_s = 60;
	a->budget_restarts = 30;
	a->budget_window_s = 600;
}

void health_conf_done(struct health_conf *c)
{
	for (unsigned i = 0; i < HEALTH_PROBES; i++)
		free(c->probe[i].argv);
	memset(c, 0, sizeof(*c));
}

void health_all_done(struct health_all *a)
{
	free(a->alert_argv);
	memset(a, 0, sizeof(*a));
}

static int read_health(const cJSON *doc, struct health_conf *c, struct fault *f)
{
	static const struct field keys[] = { { "probes", F_OTHER, 0, 0, 0, 0 },
		{ "policy", F_OTHER, 0, 0, 0, 0 }, { "limits", F_OTHER, 0, 0, 0, 0 },
		{ "port", F_OTHER, 0, 0, 0, 0 }, { NULL, F_OTHER, 0, 0, 0, 0 } };
	const cJSON *policy = get(doc, "policy"), *limits = get(doc, "limits"),
		    *port = get(doc, "port");
	int r = fields_read(doc, keys, "health", c, f);

	if (r < 0)
		return r;
	if (port && (!cJSON_IsNumber(port) || port->valuedouble < 1 || port->valuedouble > 65535))
		return fault_set(f, -EINVAL, "health.port: expected a number from 1 to 65535");
	if ((r = read_probes(get(doc, "probes"), port ? (unsigned)port->valuedouble : 0, c, f)) < 0)
		return r;
	c->has_policy = policy != NULL;
	c->has_limits = limits != NULL;
	if (policy && (r = fields_read(policy, policy_fields, "health.policy", &c->policy, f)) < 0)
		return r;
	return limits ? read_limits(limits, "health.limits", &c->limits, f) : 0;
}

int health_parse(const char *text, size_t len, struct health_conf *ret, struct fault *f)
{
	struct health_conf c;
	cJSON *doc = NULL;
	int r = parse(text, len, &doc, f);

	if (r < 0)
		return r;
	health_conf_init(&c);
	r = read_health(doc, &c, f);
	cJSON_Delete(doc);
	if (r < 0)
		health_conf_done(&c);
	else
		*ret = c;
	return r;
}

static int read_all(const cJSON *doc, struct health_all *a, struct fault *f)
{
	static const struct field keys[] = { { "policy", F_OTHER, 0, 0, 0, 0 },
		{ "limits", F_OTHER, 0, 0, 0, 0 }, { "alerts", F_OTHER, 0, 0, 0, 0 },
		{ "brake", F_OTHER, 0, 0, 0, 0 }, { "budget", F_OTHER, 0, 0, 0, 0 },
		{ NULL, F_OTHER, 0, 0, 0, 0 } };
	const cJSON *o;
	int r = fields_read(doc, keys, HEALTH_FILE, a, f);

	if (r == 0 && (o = get(doc, "policy")))
		r = fields_read(o, policy_fields, "policy", &a->policy, f);
	if (r == 0 && (o = get(doc, "limits")))
		r = read_limits(o, "limits", &a->limits, f);
	if (r == 0 && (o = get(doc, "alerts")))
		r = fields_read(o, alert_fields, "alerts", a, f);
	if (r == 0 && (o = get(doc, "brake")))
		r = fields_read(o, brake_fields, "brake", a, f);
	if (r == 0 && (o = get(doc, "budget")))
		r = fields_read(o, budget_fields, "budget", a, f);
	return r;
}

int health_parse_all(const char *text, size_t len, struct health_all *ret, struct fault *f)
{
	struct health_all a;
	cJSON *doc;
	int r = parse(text, len, &doc, f);

	if (r < 0)
		return r;
	health_all_init(&a);
	r = read_all(doc, &a, f);
	cJSON_Delete(doc);
	if (r < 0)
		health_all_done(&a);
	else
		*ret = a;
	return r;
}
