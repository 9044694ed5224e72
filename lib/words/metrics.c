/* words/metrics.c - the table as metrics (words/metrics.h). */
#include "words/metrics.h"

#include <inttypes.h>
#include <string.h>

#include "base/role.h"

#define SECONDS(ns) ((double)(ns) / 1e9)

/* Metrics of one process: name, type, help, value, and whether there is one. Names of processes
 * need no escapes: [A-Za-z0-9._-]. */
#define VALUE(name) static double name(const struct view *v, const struct view_row *r)
#define UNUSED(v)   ((void)(v))

VALUE(up)
{
	UNUSED(v);
	return view_is_up(r);
}

VALUE(healthy)
{
	UNUSED(v);
	return r->row.health.verdict == PT_HEALTH_HEALTHY;
}

VALUE(restarts)
{
	UNUSED(v);
	return r->row.life.restarts;
}

VALUE(start_time)
{
	UNUSED(v);
	return SECONDS(r->row.life.start_real_ns);
}

VALUE(uptime)
{
	return SECONDS(view_uptime_ns(v, r));
}

VALUE(cpu)
{
	UNUSED(v);
	return SECONDS(r->row.health.cpu_ns);
}

VALUE(memory)
{
	UNUSED(v);
	return (double)r->row.health.memory_bytes;
}

VALUE(files)
{
	UNUSED(v);
	return r->row.health.files;
}

VALUE(threads)
{
	UNUSED(v);
	return r->row.health.threads;
}

VALUE(tree)
{
	UNUSED(v);
	return r->row.health.processes;
}

VALUE(read_bytes)
{
	UNUSED(v);
	return (double)r->row.health.read_bytes;
}

VALUE(written_bytes)
{
	UNUSED(v);
	return (double)r->row.health.written_bytes;
}

VALUE(output)
{
	UNUSED(v);
	return (double)r->row.log.captured_bytes;
}

VALUE(registered)
{
	UNUSED(v);
	return r->row.health.listing == PT_LISTING_LISTED;
}

static bool always(const struct view_row *r)
{
	UNUSED(r);
	return true;
}

static bool if_judged(const struct view_row *r)
{
	return r->row.health.verdict != PT_HEALTH_UNKNOWN;
}

static bool if_started(const struct view_row *r)
{
	return r->row.life.start_real_ns != 0;
}

static bool if_sampled(const struct view_row *r)
{
	return view_is_up(r) && r->row.health.sampled_boot_ns != 0 &&
		r->row.health.life == r->row.life.life;
}

static bool if_listed(const struct view_row *r)
{
	return r->row.health.listing != PT_LISTING_UNKNOWN;
}

static const struct metric {
	const char *name, *type, *help;
	double (*value)(const struct view *v, const struct view_row *r);
	bool (*has)(const struct view_row *r);
} metrics[] = {
	{ "up", "gauge", "Whether the process runs.", up, always },
	{ "healthy", "gauge", "Whether the monitor finds it healthy.", healthy, if_judged },
	{ "restarts_total", "counter", "Restarts since it was first started.", restarts, always },
	{ "start_time_seconds", "gauge",
		"When its current or last run began, in seconds since 1970.", start_time,
		if_started },
	{ "uptime_seconds", "gauge", "Length of the current run.", uptime, always },
	{ "cpu_seconds_total", "counter", "CPU time used by the processes of its tree.", cpu,
		if_sampled },
	{ "resident_memory_bytes", "gauge", "Resident memory of its tree.", memory, if_sampled },
	{ "open_fds", "gauge", "Open file descriptors of its tree.", files, if_sampled },
	{ "threads", "gauge", "Threads of its tree.", threads, if_sampled },
	{ "processes", "gauge", "Processes of its tree.", tree, if_sampled },
	{ "read_bytes_total", "counter", "Bytes that its tree read from storage.", read_bytes,
		if_sampled },
	{ "written_bytes_total", "counter", "Bytes that its tree wrote to storage.", written_bytes,
		if_sampled },
	{ "output_bytes_total", "counter", "Bytes of its output that were captured.", output,
		always },
	{ "registered", "gauge", "Whether the registry lists it.", registered, if_listed },
};

struct out {
	FILE *to;
	bool openmetrics;
};

static size_t without(const char *name, size_t len, const char *suffix)
{
	size_t n = strlen(suffix);

	return len > n && strncmp(name + len - n, suffix, n) == 0 ? len - n : len;
}

/* name: of the samples. An info is a gauge to those who don't know the type. */
static void head(const struct out *o, const char *name, const char *type, const char *help)
{
	static const char *const units[] = { "seconds", "bytes" };
	size_t len = strlen(name);

	if (o->openmetrics && strcmp(type, "counter") == 0)
		len = without(name, len, "_total");
	else if (o->openmetrics && strcmp(type, "info") == 0)
		len = without(name, len, "_info");
	else if (strcmp(type, "info") == 0)
		type = "gauge";
	fprintf(o->to, "# HELP tend_%.*s %s\n# TYPE tend_%.*s %s\n", (int)len, name, help, (int)len,
		name, type);
	for (size_t i = 0; o->openmetrics && i < sizeof(units) / sizeof(units[0]); i++)
		if (without(name, len, units[i]) < len)
			fprintf(o->to, "# UNIT tend_%.*s %s\n", (int)len, name, units[i]);
}

static void put_processes(const struct out *o, const struct view *v)
{
	head(o, "process_info", "info", "What a process is and how it is; always 1.");
	for (size_t i = 0; i < v->n; i++)
		fprintf(o->to,
			"tend_process_info{name=\"%s\",type=\"%s\",state=\"%s\",health=\"%s\"} 1\n",
			v->row[i].row.ident.name, pt_service_label(v->row[i].row.ident.service),
			view_state(&v->row[i]), pt_health_label(v->row[i].row.health.verdict));
	for (size_t k = 0; k < sizeof(metrics) / sizeof(metrics[0]); k++) {
		const struct metric *m = &metrics[k];
		char name[64];
		bool any = false;

		snprintf(name, sizeof(name), "process_%s", m->name);
		for (size_t i = 0; i < v->n; i++) {
			if (!m->has(&v->row[i]))
				continue;
			if (!any)
				head(o, name, m->type, m->help);
			any = true;
			fprintf(o->to, "tend_%s{name=\"%s\"} %.17g\n", name,
				v->row[i].row.ident.name, m->value(v, &v->row[i]));
		}
	}
}

static void put_daemons(const struct out *o, const struct view *v)
{
	head(o, "daemon_up", "gauge", "Whether this daemon of tend runs.");
	for (unsigned role = 0; role < ROLE_MAX; role++)
		fprintf(o->to, "tend_daemon_up{daemon=\"%s\"} %d\n", role_name(role),
			view_daemon_lives(&v->daemon[role]));
	head(o, "daemon_restarts_total", "counter", "How often this daemon was started again.");
	for (unsigned role = 0; role < ROLE_MAX; role++)
		fprintf(o->to, "tend_daemon_restarts_total{daemon=\"%s\"} %u\n", role_name(role),
			v->daemon[role].rec.restarts);
}

static void put_monitor(const struct out *o, const struct pt_monitor *m)
{
	if (m->registry_state != PT_REGISTRY_UNKNOWN) {
		head(o, "registry_up", "gauge",
			"Whether the registry answered when it was last asked.");
		fprintf(o->to, "tend_registry_up %d\n", m->registry_state == PT_REGISTRY_REACHABLE);
	}
	head(o, "registry_requests_total", "counter", "Requests of the monitor to the registry.");
	fprintf(o->to, "tend_registry_requests_total %" PRIu64 "\n", m->requests);
	head(o, "alerts_sent_total", "counter", "Alerts that were delivered.");
	fprintf(o->to, "tend_alerts_sent_total %" PRIu64 "\n", m->alerts_sent);
	head(o, "alerts_lost_total", "counter", "Alerts that were given up.");
	fprintf(o->to, "tend_alerts_lost_total %" PRIu64 "\n", m->alerts_lost);
	head(o, "restart_brake", "gauge", "Whether health-driven restarts are held back.");
	fprintf(o->to, "tend_restart_brake %d\n", m->brake_since_real_ns != 0);
}

void metrics_write(
	FILE *to, const struct view *v, const struct pt_monitor *monitor, bool openmetrics)
{
	const struct out o = { to, openmetrics };

	head(&o, "supervised", "gauge",
		"Whether the spawner runs, so that what is shown is the truth.");
	fprintf(to, "tend_supervised %d\n", v->supervised);
	if (v->n)
		put_processes(&o, v);
	if (v->present)
		put_daemons(&o, v);
	if (monitor)
		put_monitor(&o, monitor);
	if (openmetrics)
		fputs("# EOF\n", to);
}
