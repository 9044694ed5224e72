/*
 * documents ROUNDS - writes every document of --json (words/doc.h) from made-up facts: nothing at
 * all, then bytes by chance wherever the table, the registry and logs may hold any, and the table
 * of $TEND_HOME. One line each: the name of its definition in docs/tend.schema.json, a tab, the
 * document.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/findings.h"
#include "client/foreign.h"
#include "client/instance.h"
#include "client/listed.h"
#include "client/logfacts.h"
#include "client/outcome.h"
#include "client/ownregistry.h"
#include "client/strays.h"
#include "config/cliconf.h"
#include "logread/stream.h"
#include "shm/events.h"
#include "words/doc.h"

#define ROWS 4u

static struct json_out o;

static void begin(void)
{
	o = (struct json_out){ .one_line = true };
}

static void end(const char *definition)
{
	int r = json_end(&o);

	if (r < 0) {
		fprintf(stderr, "%s: %s\n", definition, strerror(-r));
		exit(1);
	}
	printf("%s\t%s\n", definition, o.text);
	json_free(&o);
}

/* By chance, or nothing but zeros. */
static void fill(void *at, size_t size, bool chance)
{
	unsigned char *p = at;

	for (size_t i = 0; i < size; i++)
		p[i] = chance ? (unsigned char)(random() >> 8) : 0;
}

/* A text of any bytes: valid and invalid UTF-8, quotes, what a terminal would act on. */
static const char *any_text(char *buf, size_t size, bool chance)
{
	static const char *const pieces[] = { "\"", "\\", "\n", "\x1b[31m", "\xe2\x80\xae",
		"\xff\xfe", "\xc3", "caf\xc3\xa9", "web", "\x7f", "/", "\xf0\x9f\x98\x80" };
	size_t len = 0;

	buf[0] = 0;
	while (chance && len + 8 < size && random() % 16) {
		const char *piece = pieces[(size_t)random() % (sizeof(pieces) / sizeof(pieces[0]))];

		len += (size_t)snprintf(buf + len, size - len, "%s", piece);
	}
	return buf;
}
#define TEXT(field, chance) any_text(field, sizeof(field), chance)

static void make_row(struct view_row *r, unsigned i, bool chance)
{
	fill(r, sizeof(*r), chance);
	r->gone = i % 2;
	r->log_blocked = i % 3 == 0;
	r->log_error = chance ? ENOSPC : 0;
	snprintf(r->row.ident.name, sizeof(r->row.ident.name), "p%u", i); /* names were checked */
	TEXT(r->row.ident.command, chance);
	TEXT(r->row.health.error, chance);
	TEXT(r->row.health.registry_status, chance);
	TEXT(r->row.health.registry_endpoint, chance);
	TEXT(r->row.health.registry_id, chance);
	r->row.ident.service = (uint8_t)(i % PT_SERVICE_MAX);
	r->row.life.state = (uint8_t)(chance ? (unsigned)random() % PT_STATE_MAX : 0);
	r->row.life.pid &= INT32_MAX;
}

static void make_view(struct view *v, struct view_row *rows, bool chance)
{
	static struct listed none;

	*v = (struct view){ .present = true, .row = rows, .n = ROWS, .listed = &none };
	fill(&v->monitor, sizeof(v->monitor), chance);
	TEXT(v->monitor.registry_url, chance);
	TEXT(v->monitor.registry_error, chance);
	TEXT(v->monitor.brake_reason, chance);
	TEXT(v->monitor.conf_error, chance);
	for (unsigned i = 0; i < ROLE_MAX; i++) {
		fill(&v->daemon[i].rec, sizeof(v->daemon[i].rec), chance);
		v->daemon[i].rec.pid &= INT32_MAX;
		v->daemon[i].letter = "SZT"[i % 3];
	}
	fill(&v->now_boot_ns, sizeof(v->now_boot_ns), chance);
	fill(&v->now_real_ns, sizeof(v->now_real_ns), chance);
	for (unsigned i = 0; i < ROWS; i++)
		make_row(&rows[i], i, chance);
}

static void write_processes(const struct view *v, const struct home *home, bool chance)
{
	struct view_row **rows = calloc(v->n + 1, sizeof(*rows));
	cJSON *entry = cJSON_Parse(
		chance ? "{\"id\":\"x\",\"name\":\"n\",\"endpoint\":\"http://h\",\"capabilities\":[\"a\",{\"name\":\"b\",\"n\":-0.5}],"
			 "\"dependencies\":[null,1e300]}"
		       : "{}");
	cJSON *doc = cJSON_Parse(
		"{\"mesh\":{\"pid\":7,\"service_type\":null,\"metadata\":{\"agent_file\":\"/a.py\"}}}");
	const cJSON *others[] = { entry }, *lives[] = { doc->child };
	struct foreign foreign = { .entry = lives, .n = chance };
	struct ownregistry registry = { .port = chance ? 8080 : 0 };
	struct doc_status s = { .v = v,
		.rows = rows,
		.n = v->n,
		.home = home,
		.registry = &registry,
		.foreign = &foreign };
	struct doc_list l = {
		.v = v, .rows = rows, .n = v->n, .others = others, .n_others = chance, .home = home
	};
	struct doc_stats stats;
	const struct doc_load load = {
		.load = { 0.01, 1e9, 3 }, .cpus = 1024, .memory_bytes = UINT64_MAX, .free_bytes = 1
	};

	TEXT(registry.url, chance);
	TEXT(registry.host, chance);
	for (size_t i = 0; i < v->n; i++) {
		rows[i] = &v->row[i];
		begin();
		doc_process(&o, v, rows[i]);
		end("process");
	}
	begin();
	doc_status(&o, &s);
	end("status");
	begin();
	doc_list(&o, &l);
	end("list");
	begin();
	doc_monitor(&o, v, rows, v->n, chance ? home : NULL);
	end("monitor");
	doc_stats_of(v, &stats);
	begin();
	doc_stats(&o, &stats, chance ? &load : NULL);
	end("stats");
	cJSON_Delete(entry);
	cJSON_Delete(doc);
	free(rows);
}

static void write_events(const struct view *v, bool chance)
{
	struct pt_event ev[PT_EVENT_MAX];

	for (unsigned i = 0; i < PT_EVENT_MAX; i++) {
		fill(&ev[i], sizeof(ev[i]), chance);
		ev[i].kind = (uint16_t)i;
		ev[i].real_ns |= 1; /* there is none without a time */
		TEXT(ev[i].name, chance);
		begin();
		doc_event(&o, &ev[i]);
		end("event");
	}
	begin();
	json_open(&o, NULL, '[');
	doc_why(&o, "p0", v, &v->row[0], ev, PT_EVENT_MAX);
	doc_why(&o, "gone", v, NULL, ev, 0);
	json_close(&o);
	end("whys");
}

static void write_logs(bool chance)
{
	char text[200] = "";
	struct log_entry e = { .stem = "web@err", .time_ns = chance ? 1700000000000000000u : 0 };
	struct log_sizes z;
	struct log_verdict v;
	struct log_tally t;

	fill(text, sizeof(text), chance); /* a NUL is a byte like any other */
	e.text = e.parsed.message = text;
	e.len = e.parsed.message_len = chance ? sizeof(text) : 0;
	e.parsed.source = chance ? text : NULL;
	e.parsed.source_len = 7;
	begin();
	doc_log(&o, "web", "err", &e);
	end("log");
	fill(&z, sizeof(z), chance);
	begin();
	doc_log_size(&o, "web", &z);
	end("log_size");
	fill(&v, sizeof(v), chance);
	v.accounted = v.cut = chance;
	v.waits = chance ? ENOSPC : 0;
	begin();
	doc_log_verify(&o, "web", &v);
	end("log_verify");
	fill(&t, sizeof(t), chance);
	TEXT(t.path, chance);
	begin();
	doc_log_stats(&o, "web@file", &t);
	end("log_stats");
}

static void write_outcomes(bool chance)
{
	struct outcomes all = { .keep = true, .daemons = chance ? "started" : NULL };
	char text[200];

	for (unsigned kind = 0; chance && kind < OUTCOME_MAX; kind++)
		outcome_add(&all, any_text(text, sizeof(text), true), kind, (int32_t)kind,
			kind % 2 ? text : NULL);
	outcome_add(&all, "web", OUTCOME_STARTED, 1, NULL);
	outcome_registered(&all, "web", chance);
	outcome_complain(&all, "%s", any_text(text, sizeof(text), chance));
	begin();
	doc_acts(&o, "start", !chance, &all);
	end("acts");
	outcomes_done(&all);
}

static void write_others(bool chance)
{
	char text[100], member[] = "p0", *members[] = { member };
	struct finding finding[] = { { FINDING_FINE, text }, { FINDING_PROBLEM, text } };
	const struct findings found = { .list = finding, .n = chance ? 2 : 0, .problems = chance };
	const struct doc_group group = { "g", members, chance };
	struct stray orphan;
	struct conf_errors errors;
	struct cliconf conf;

	any_text(text, sizeof(text), chance);
	begin();
	doc_doctor(&o, &found);
	end("doctor");
	begin();
	doc_version(&o, "tend", text);
	end("version");
	begin();
	doc_groups(&o, &group, 1);
	end("groups");
	fill(&orphan, sizeof(orphan), chance);
	orphan.pid &= INT32_MAX;
	orphan.proved = chance;
	TEXT(orphan.name, chance);
	TEXT(orphan.home, chance);
	TEXT(orphan.command, chance);
	TEXT(orphan.why, chance);
	begin();
	doc_orphans(&o, &orphan, chance);
	end("orphans");
	if (cliconf_load(-1, "none", NULL, &conf, &errors) < 0)
		exit(1);
	begin();
	doc_config(&o, &conf);
	end("config");
	cliconf_done(&conf);
}

static void write_all(const struct view *v, const struct home *home, bool chance)
{
	write_processes(v, home, chance);
	if (v->n)
		write_events(v, chance);
	write_logs(chance);
	write_outcomes(chance);
	write_others(chance);
}

int main(int argc, char **argv)
{
	static struct view_row rows[ROWS];
	struct instance in = INSTANCE_NONE;
	struct view v;

	if (argc != 2 || instance_open(&in, NULL, PT_READER, NULL) < 0)
		return 2;
	for (int i = 0; i <= atoi(argv[1]); i++) {
		srandom((unsigned)i);
		make_view(&v, rows, i > 0);
		write_all(&v, &in.home, i > 0);
	}
	if (view_load(&in, &v) < 0)
		return 1;
	write_processes(&v, &in.home, true);
	view_done(&v);
	begin();
	doc_snapshot(&o, in.pt);
	end("snapshot");
	instance_close(&in);
	return 0;
}
