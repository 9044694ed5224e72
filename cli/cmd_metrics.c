/*
 * tend metrics - the table in Prometheus's text format, for node_exporter's textfile collector or a
 * script that serves it; or as OpenMetrics.
 *
 * No one text is both: there a counter's family is named without the _total of its sample, and
 * Prometheus's own format knows it by the whole name.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/opts.h"
#include "cli/out.h"
#include "client/view.h"

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

static bool openmetrics;

static size_t without(const char *name, size_t len, const char *suffix)
{
	size_t n = strlen(suffix);

	return len > n && strncmp(name + len - n, suffix, n) == 0 ? len - n : len;
}

/* name: of the samples. An info is a gauge to those who don't know the type. */
static void head(const char *name, const char *type, const char *help)
{
	static const char *const units[] = { "seconds", "bytes" };
	size_t len = strlen(name);

	if (openmetrics && strcmp(type, "counter") == 0)
		len = without(name, len, "_total");
	else if (openmetrics && strcmp(type, "info") == 0)
		len = without(name, len, "_info");
	else if (strcmp(type, "info") == 0)
		type = "gauge";
	printf("# HELP tend_%.*s %s\n# TYPE tend_%.*s %s\n", (int)len, name, help, (int)len, name,
		type);
	for (size_t i = 0; openmetrics && i < sizeof(units) / sizeof(units[0]); i++)
		if (without(name, len, units[i]) < len)
			printf("# UNIT tend_%.*s %s\n", (int)len, name, units[i]);
}

static void show_processes(const struct view *v)
{
	head("process_info", "info", "What a process is and how it is; always 1.");
	for (size_t i = 0; i < v->n; i++)
		printf("tend_process_info{name=\"%s\",type=\"%s\",state=\"%s\",health=\"%s\"} 1\n",
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
				head(name, m->type, m->help);
			any = true;
			printf("tend_%s{name=\"%s\"} %.17g\n", name, v->row[i].row.ident.name,
				m->value(v, &v->row[i]));
		}
	}
}

static void show_daemons(const struct view *v)
{
	head("daemon_up", "gauge", "Whether this daemon of tend runs.");
	for (unsigned role = 0; role < ROLE_MAX; role++)
		printf("tend_daemon_up{daemon=\"%s\"} %d\n", role_name(role),
			view_daemon_lives(&v->daemon[role]));
	head("daemon_restarts_total", "counter", "How often this daemon was started again.");
	for (unsigned role = 0; role < ROLE_MAX; role++)
		printf("tend_daemon_restarts_total{daemon=\"%s\"} %u\n", role_name(role),
			v->daemon[role].rec.restarts);
}

static void show_monitor(const struct instance *in)
{
	struct pt_monitor m;

	if (!in->pt || pt_read_monitor(in->pt, &m) < 0)
		return;
	if (m.registry_state != PT_REGISTRY_UNKNOWN) {
		head("registry_up", "gauge",
			"Whether the registry answered when it was last asked.");
		printf("tend_registry_up %d\n", m.registry_state == PT_REGISTRY_REACHABLE);
	}
	head("registry_requests_total", "counter", "Requests of the monitor to the registry.");
	printf("tend_registry_requests_total %" PRIu64 "\n", m.requests);
	head("alerts_sent_total", "counter", "Alerts that were delivered.");
	printf("tend_alerts_sent_total %" PRIu64 "\n", m.alerts_sent);
	head("alerts_lost_total", "counter", "Alerts that were given up.");
	printf("tend_alerts_lost_total %" PRIu64 "\n", m.alerts_lost);
	head("restart_brake", "gauge", "Whether health-driven restarts are held back.");
	printf("tend_restart_brake %d\n", m.brake_since_real_ns != 0);
}

static int run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = { { "openmetrics", no_argument, NULL, 'o' }, { 0 } };
	struct instance in = INSTANCE_NONE;
	struct view v = { 0 };
	struct fault f = { "" };
	int opt, r, status = EXIT_OK;

	openmetrics = false;
	while ((opt = opts_next(self, argc, argv, options)) == 'o')
		openmetrics = true;
	if (opt != OPT_END)
		return opts_status(opt);
	if (!opts_operands(argc, 0, ""))
		return EXIT_MISUSE;
	r = instance_open(&in, NULL, PT_READER, &f);
	if (r < 0 && r != -ENOENT)
		return out_fail("%s", f.text);
	if (view_load(&in, &v) < 0) {
		status = out_fail("out of memory");
	} else {
		head("supervised", "gauge",
			"Whether the spawner runs, so that what is shown is the truth.");
		printf("tend_supervised %d\n", v.supervised);
		if (v.n)
			show_processes(&v);
		if (v.present)
			show_daemons(&v);
		show_monitor(&in);
		if (openmetrics)
			puts("# EOF");
	}
	view_done(&v);
	instance_close(&in);
	return status;
}

const struct command cmd_metrics = {
	.name = "metrics",
	.summary = "everything as Prometheus metrics",
	.usage = "[--openmetrics]",
	.help = "Text that Prometheus reads, for example through the textfile collector of\n"
		"node_exporter. All names begin with tend_.\n"
		"\n"
		"  --openmetrics  in the form of the OpenMetrics standard: counters' families without\n"
		"                 _total, units, and a mark at the end\n"
		"\n"
		"Examples:\n"
		"  tend metrics > /var/lib/prometheus/node-exporter/tend.prom\n",
	.run = run,
};
