/* words/doc_status.c - the document of "tend status --json" (words/doc.h): registry, agents, system
 * as the reference has them, and beside them every process and daemon. */
#include <errno.h>
#include <stdlib.h>

#include "client/dbfile.h"
#include "client/foreign.h"
#include "client/listed.h"
#include "client/ownregistry.h"
#include "words/doc.h"
#include "words/doc_member.h"

static void write_database(struct json_out *o, const char *path)
{
	struct dbfile d;

	dbfile_look(path, &d);
	json_open(o, "database", '{');
	json_text(o, "status", d.status);
	json_text(o, "message", d.message);
	doc_int_or_null(o, "size", d.size_bytes, 0);
	doc_int_or_null(o, "tables", d.tables, 0);
	json_close(o);
}

static void write_own_registry(
	struct json_out *o, const struct doc_status *s, const struct view_row *r)
{
	bool up = view_is_up(r);

	json_text(o, "status", up ? "running" : "stopped");
	doc_int_or_null(o, "pid", up ? r->row.life.pid : -1, 0);
	json_seconds(o, "uptime", view_uptime_ns(s->v, r));
	doc_text_or_null(o, "host", s->registry->host);
	doc_int_or_null(o, "port", s->registry->port, 1);
	json_text(o, "database_path", s->registry->db);
	write_database(o, s->registry->db);
	json_text(o, "health", pt_health_label(r->row.health.verdict));
	json_text(o, "message", up ? "Registry is running" : "Registry is stopped");
}

/* One that tend does not supervise may answer all the same. */
static void write_other_registry(struct json_out *o, bool answers)
{
	json_text(o, "status", answers ? "running" : "not_running");
	json_text(o, "health", answers ? "healthy" : "unknown");
	json_text(o, "message", answers ? "Registry answers" : "Registry is not running");
	write_database(o, NULL);
}

static void write_registry(struct json_out *o, const struct doc_status *s)
{
	const struct pt_monitor *m = &s->v->monitor;
	const struct view_row *own = view_registry(s->v);

	json_open(o, "registry", '{');
	doc_text_or_null(o, "url", own && s->registry->url[0] ? s->registry->url : m->registry_url);
	json_text(o, "answers", pt_registry_label(m->registry_state));
	doc_text_or_null(o, "error", m->registry_error);
	if (own)
		write_own_registry(o, s, own);
	else
		write_other_registry(o, m->registry_state == PT_REGISTRY_REACHABLE);
	json_close(o);
}

static void write_agent(struct json_out *o, const struct doc_status *s, const struct view_row *r)
{
	static const struct doc_member members[] = {
		{ "status", member_running },
		{ "pid", member_pid },
		{ "uptime", member_uptime_s },
		{ "agent_file", member_file },
		{ "working_directory", member_cwd },
		{ "registry_url", member_registry_url },
		{ "group", member_group },
		{ "health", member_health },
		{ "registered", member_is_listed },
		{ "message", member_agent_message },
		{ 0 },
	};
	struct spec spec;
	const struct doc_subject subject = {
		.v = s->v, .r = r, .spec = doc_spec(s->home, r->row.ident.name, &spec)
	};

	json_open(o, r->row.ident.name, '{');
	doc_members(o, members, &subject);
	json_close(o);
	if (subject.spec)
		spec_done(&spec);
}

static bool is_agent(const struct view_row *r)
{
	return r->row.ident.service == PT_SERVICE_AGENT;
}

static void write_agents(struct json_out *o, const struct doc_status *s)
{
	json_open(o, "agents", '{');
	for (size_t i = 0; i < s->n; i++)
		if (is_agent(s->rows[i]))
			write_agent(o, s, s->rows[i]);
	json_close(o);
}

static void write_system(struct json_out *o, const struct doc_status *s)
{
	unsigned agents = 0, running = 0, registered = 0, healthy = 0;

	for (size_t i = 0; i < s->n; i++) {
		const struct view_row *r = s->rows[i];
		bool up = is_agent(r) && view_is_up(r);

		agents += is_agent(r);
		running += up;
		registered += is_agent(r) && listed_has(r);
		healthy += up && r->row.health.verdict == PT_HEALTH_HEALTHY;
	}
	json_open(o, "system", '{');
	json_u64(o, "total_agents", agents);
	json_u64(o, "running_agents", running);
	json_u64(o, "registered_agents", registered);
	json_u64(o, "healthy_agents", healthy);
	json_close(o);
}

static void write_monitor(struct json_out *o, const struct pt_monitor *m)
{
	json_open(o, "monitor", '{');
	json_u64(o, "cycles", m->cycles);
	json_u64(o, "requests", m->requests);
	json_u64(o, "cycle_cpu_ns", m->cycle_cpu_ns);
	json_u64(o, "registry_agents", m->registry_agents);
	doc_text_or_null(o, "configuration_error", m->conf_error);
	json_time(o, "brake_since", m->brake_since_real_ns);
	doc_text_or_null(o, "brake_reason", m->brake_reason);
	json_u64(o, "alerts_sent", m->alerts_sent);
	json_u64(o, "alerts_lost", m->alerts_lost);
	json_u64(o, "alerts_queued", m->alerts_queued);
	json_close(o);
}

static void write_daemons(struct json_out *o, const struct view *v)
{
	json_open(o, "daemons", '{');
	for (unsigned role = 0; role < ROLE_MAX; role++) {
		const struct view_daemon *d = &v->daemon[role];

		json_open(o, role_name(role), '{');
		doc_int_or_null(o, "pid", view_daemon_lives(d) ? d->rec.pid : -1, 0);
		json_text(o, "state", view_daemon_state(d));
		json_time(o, "since", d->rec.since_real_ns);
		json_u64(o, "restarts", d->rec.restarts);
		json_close(o);
	}
	json_close(o);
}

static void write_foreign(struct json_out *o, const struct foreign *f)
{
	json_open(o, "foreign", '[');
	for (size_t i = 0; i < f->n; i++) {
		const cJSON *entry = f->entry[i];

		json_open(o, NULL, '{');
		json_text(o, "name", entry->string);
		json_int(o, "pid", foreign_pid(entry));
		json_text(o, "service_type",
			cJSON_GetStringValue(
				cJSON_GetObjectItemCaseSensitive(entry, "service_type")));
		json_text(o, "file", foreign_file(entry));
		json_close(o);
	}
	json_close(o);
}

void doc_status(struct json_out *o, const struct doc_status *s)
{
	json_open(o, NULL, '{');
	write_registry(o, s);
	write_agents(o, s);
	write_system(o, s);
	write_monitor(o, &s->v->monitor);
	json_open(o, "processes", '[');
	for (size_t i = 0; i < s->n; i++)
		doc_process(o, s->v, s->rows[i]);
	json_close(o);
	write_daemons(o, s->v);
	write_foreign(o, s->foreign);
	json_time(o, "table_written", s->v->written_real_ns);
	json_bool(o, "supervised", s->v->supervised);
	json_close(o);
}

void doc_status_of(struct json_out *o, const struct view *v, struct view_row *const *rows, size_t n,
	const struct home *home)
{
	struct view_row **all = rows ? NULL : calloc(v->n + 1, sizeof(*all));
	struct ownregistry registry = { .port = 0 };
	struct foreign foreign;
	const struct doc_status s = { .v = v,
		.rows = rows ? rows : all,
		.n = rows ? n : v->n,
		.home = home,
		.registry = &registry,
		.foreign = &foreign };

	if (!rows && !all) {
		o->error = -ENOMEM;
		return;
	}
	for (size_t i = 0; all && i < v->n; i++)
		all[i] = &v->row[i];
	foreign_load(home, &foreign);
	if (view_registry(v))
		ownregistry_load(home, &registry);
	doc_status(o, &s);
	ownregistry_done(&registry);
	foreign_done(&foreign);
	free(all);
}
