/* cli/statusjson.c - status as JSON (cli/statusjson.h). Everything is built before anything is printed, so that no
 * error leaves half a document. */
#include "cli/statusjson.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/home.h"
#include "base/io.h"
#include "base/str.h"
#include "cli/columns.h"
#include "cli/dbfile.h"
#include "cli/foreign.h"
#include "cli/json.h"
#include "cli/out.h"
#include "config/spec.h"

struct totals {
	unsigned agents, running, healthy, registered;
};

/* What is known of the registry that we run: its address was written down, its database is in its specification. */
struct address {
	char url[400], host[300];
	int64_t port; /* 0: not known */
	char *db;     /* malloc'ed; NULL: not known */
};

static struct address address_of(const struct home *h)
{
	static const char scheme[] = "sqlite:///";
	struct address a = { .port = 0 };
	struct spec s = { 0 };
	bool known = h->specs_fd >= 0 && spec_load(h->specs_fd, "registry.json", &s, NULL) == 0;
	const char *db = known ? spec_variable(s.env, "MCP_MESH_DATABASE_URL") : NULL;
	char *colon;

	if (h->run_fd < 0 || io_read_small(h->run_fd, "registry.url", a.url, sizeof(a.url)) <= 0)
		a.url[0] = 0;
	a.url[strcspn(a.url, "\r\n")] = 0;
	colon = strrchr(a.url, ':');
	if (colon && strncmp(a.url, "http://", 7) == 0 && colon > a.url + 6 && str_int(colon + 1, 1, 65535, &a.port) == 0)
		snprintf(a.host, sizeof(a.host), "%.*s", (int)(colon - a.url - 7), a.url + 7);
	if (db && strncmp(db, scheme, sizeof(scheme) - 1) == 0)
		a.db = strdup(db + sizeof(scheme) - 1);
	if (known)
		spec_done(&s);
	return a;
}

static cJSON *number_or_null(int64_t value, int64_t least)
{
	return value >= least ? cJSON_CreateNumber((double)value) : cJSON_CreateNull();
}

static bool add_database(cJSON *o, const char *path)
{
	cJSON *database = cJSON_AddObjectToObject(o, "database");
	struct dbfile d;

	dbfile_look(path, &d);
	return database && json_add(database, "status", json_text(d.status)) && json_add(database, "message", json_text(d.message)) &&
		json_add(database, "size", number_or_null(d.size_bytes, 0)) && json_add(database, "tables", number_or_null(d.tables, 0));
}

static bool add_tracked(cJSON *o, const struct view *v, const struct view_row *reg, const struct address *a)
{
	bool up = view_is_up(reg);

	return json_add(o, "status", json_text(up ? "running" : "stopped")) &&
		json_add(o, "pid", up ? cJSON_CreateNumber(reg->row.life.pid) : cJSON_CreateNull()) &&
		json_add(o, "uptime", json_seconds(view_uptime_ns(v, reg))) && json_add(o, "host", json_text(a->host[0] ? a->host : NULL)) &&
		json_add(o, "port", number_or_null(a->port, 1)) && json_add(o, "database_path", json_text(a->db)) && add_database(o, a->db) &&
		json_add(o, "health", json_text(pt_health_label(reg->row.health.verdict))) &&
		json_add(o, "message", json_text(up ? "Registry is running" : "Registry is stopped"));
}

static bool add_registry(cJSON *doc, const struct home *h, const struct view *v)
{
	bool answers = v->monitor.registry_state == PT_REGISTRY_REACHABLE, ok;
	cJSON *o = cJSON_AddObjectToObject(doc, "registry");
	const char *url = v->monitor.registry_url;
	const struct view_row *reg = NULL;
	struct address a = { .port = 0 };

	for (size_t i = 0; i < v->n; i++)
		if (v->row[i].row.ident.service == PT_SERVICE_REGISTRY)
			reg = &v->row[i];
	if (reg)
		a = address_of(h);
	if (a.url[0])
		url = a.url;
	ok = o && json_add(o, "url", json_text(url[0] ? url : NULL)) && json_add(o, "answers", json_text(pt_registry_label(v->monitor.registry_state))) &&
		json_add(o, "error", json_text(v->monitor.registry_error[0] ? v->monitor.registry_error : NULL));
	if (ok && reg)
		ok = add_tracked(o, v, reg, &a);
	else if (ok) /* one that tend does not supervise may answer all the same */
		ok = json_add(o, "status", json_text(answers ? "running" : "not_running")) &&
			json_add(o, "health", json_text(answers ? "healthy" : "unknown")) &&
			json_add(o, "message", json_text(answers ? "Registry answers" : "Registry is not running")) && add_database(o, NULL);
	free(a.db);
	return ok;
}

/* File, folder and registry are not in the table but in the specification. */
static bool add_from_spec(cJSON *o, const struct home *h, const char *name)
{
	char file[NAME_MAX_BYTES + 8];
	struct spec s = { 0 };
	bool known, ok;

	spec_file_name(name, file);
	known = h->specs_fd >= 0 && spec_load(h->specs_fd, file, &s, NULL) == 0;
	ok = json_add(o, "agent_file", json_text(known ? s.file : NULL)) &&
		json_add(o, "working_directory", json_text(known ? s.cwd : NULL)) &&
		json_add(o, "registry_url", json_masked(known ? spec_variable(s.env, "MCP_MESH_REGISTRY_URL") : NULL)) &&
		json_add(o, "group", json_text(known && s.group[0] ? s.group : NULL));
	if (known)
		spec_done(&s);
	return ok;
}

static bool add_agent(
	cJSON *agents, const struct home *h, const struct view *v, const struct view_row *r, struct totals *t)
{
	cJSON *o = cJSON_AddObjectToObject(agents, r->row.ident.name);
	bool up = view_is_up(r), healthy = r->row.health.verdict == PT_HEALTH_HEALTHY;
	bool registered = up && r->row.health.listing == PT_LISTING_LISTED;

	t->agents++;
	t->running += up;
	t->healthy += up && healthy;
	t->registered += registered;
	return o && json_add(o, "status", json_text(up ? "running" : "stopped")) &&
		json_add(o, "pid", up && r->row.life.pid > 0 ? cJSON_CreateNumber(r->row.life.pid) : cJSON_CreateNull()) &&
		json_add(o, "uptime", json_seconds(view_uptime_ns(v, r))) && add_from_spec(o, h, r->row.ident.name) &&
		json_add(o, "health", json_text(pt_health_label(r->row.health.verdict))) &&
		json_add(o, "registered", cJSON_CreateBool(registered)) &&
		json_add(o, "message", json_text(up ? "Agent is running" : "Agent is not running"));
}

static bool add_daemons(cJSON *doc, const struct view *v)
{
	cJSON *daemons = cJSON_AddObjectToObject(doc, "daemons");

	for (unsigned role = 0; daemons && role < ROLE_MAX; role++) {
		const struct view_daemon *d = &v->daemon[role];
		cJSON *o = cJSON_AddObjectToObject(daemons, role_name(role));

		if (!o || !json_add(o, "pid", view_daemon_lives(d) ? cJSON_CreateNumber(d->rec.pid) : cJSON_CreateNull()) ||
			!json_add(o, "state", json_text(view_daemon_state(d))) ||
			!json_add(o, "since", json_time(d->rec.since_real_ns)) ||
			!json_add(o, "restarts", cJSON_CreateNumber(d->rec.restarts)))
			return false;
	}
	return daemons != NULL;
}

static bool add_system(cJSON *doc, const struct totals *t)
{
	cJSON *o = cJSON_AddObjectToObject(doc, "system");

	return o && json_add(o, "total_agents", cJSON_CreateNumber(t->agents)) &&
		json_add(o, "running_agents", cJSON_CreateNumber(t->running)) &&
		json_add(o, "registered_agents", cJSON_CreateNumber(t->registered)) &&
		json_add(o, "healthy_agents", cJSON_CreateNumber(t->healthy));
}

static bool add_monitor(cJSON *doc, const struct view *v)
{
	const struct pt_monitor *m = &v->monitor;
	cJSON *o = cJSON_AddObjectToObject(doc, "monitor");

	return o && json_add(o, "cycles", cJSON_CreateNumber((double)m->cycles)) &&
		json_add(o, "requests", cJSON_CreateNumber((double)m->requests)) &&
		json_add(o, "cycle_cpu_ns", cJSON_CreateNumber((double)m->cycle_cpu_ns)) &&
		json_add(o, "registry_agents", cJSON_CreateNumber(m->registry_agents)) &&
		json_add(o, "configuration_error", json_text(m->conf_error[0] ? m->conf_error : NULL)) &&
		json_add(o, "brake_since", json_time(m->brake_since_real_ns)) &&
		json_add(o, "brake_reason", json_text(m->brake_reason[0] ? m->brake_reason : NULL)) &&
		json_add(o, "alerts_sent", cJSON_CreateNumber((double)m->alerts_sent)) &&
		json_add(o, "alerts_lost", cJSON_CreateNumber((double)m->alerts_lost)) &&
		json_add(o, "alerts_queued", cJSON_CreateNumber(m->alerts_queued));
}

static bool add_processes(cJSON *doc, const struct view *v, struct view_row *const *rows, size_t n)
{
	cJSON *list = cJSON_AddArrayToObject(doc, "processes");

	for (size_t i = 0; list && i < n; i++) {
		cJSON *row = columns_json(v, rows ? rows[i] : &v->row[i]);

		if (!row || !cJSON_AddItemToArray(list, row)) {
			cJSON_Delete(row);
			return false;
		}
	}
	return list != NULL;
}

static bool add_foreign(cJSON *doc, const struct home *h)
{
	struct foreign f;
	bool ok;

	foreign_load(h, &f);
	ok = json_add(doc, "foreign", foreign_json(&f));
	foreign_done(&f);
	return ok;
}

static bool build(cJSON *doc, const struct home *h, const struct view *v, struct view_row *const *rows, size_t n)
{
	struct totals t = { 0 };
	cJSON *agents;

	if (!add_registry(doc, h, v) || !(agents = cJSON_AddObjectToObject(doc, "agents")))
		return false;
	for (size_t i = 0; i < n; i++) {
		const struct view_row *r = rows ? rows[i] : &v->row[i];

		if (r->row.ident.service == PT_SERVICE_AGENT && !add_agent(agents, h, v, r, &t))
			return false;
	}
	return add_system(doc, &t) && add_monitor(doc, v) && add_processes(doc, v, rows, n) && add_daemons(doc, v) && add_foreign(doc, h) &&
		json_add(doc, "table_written", json_time(v->written_real_ns)) &&
		json_add(doc, "supervised", cJSON_CreateBool(v->supervised));
}

int statusjson_print(const struct view *v, struct view_row *const *rows, size_t n)
{
	struct home h = HOME_INIT;
	cJSON *doc = cJSON_CreateObject();
	bool ok;

	(void)home_open(NULL, HOME_READ, &h, NULL);
	ok = doc && build(doc, &h, v, rows, rows ? n : v->n);
	home_close(&h);
	if (ok)
		return json_print(doc);
	cJSON_Delete(doc);
	return out_fail("out of memory");
}
