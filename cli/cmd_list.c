/* tend list - the reference's list: agents first and foremost, filtered by a regular expression. */
#include <errno.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "cli/columns.h"
#include "cli/json.h"
#include "cli/listed.h"
#include "cli/opts.h"
#include "cli/out.h"
#include "cli/pick.h"
#include "cli/view.h"
#include "config/spec.h"

struct list {
	bool json, agents, services;
	const char *filter;
	regex_t regex;
	struct view_row **rows; /* those that were named; NULL = all */
	size_t n;
};

static bool is_picked(const struct list *l, const struct view_row *r)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->rows[i] == r)
			return true;
	return false;
}

/* Without --agents or --services, and with both, everything. */
static bool is_wanted(const struct list *l, const struct view_row *r)
{
	bool agent = r->row.ident.service == PT_SERVICE_AGENT;

	if (l->rows && !is_picked(l, r))
		return false;
	if (l->agents != l->services && agent != l->agents)
		return false;
	return !l->filter || regexec(&l->regex, r->row.ident.name, 0, NULL, 0) == 0 ||
		regexec(&l->regex, view_word(r), 0, NULL, 0) == 0;
}

static cJSON *uptime_text(const struct view *v, const struct view_row *r)
{
	uint64_t ns = view_uptime_ns(v, r);
	double s = (double)ns / 1e9;
	char text[40];

	if (!ns)
		return cJSON_CreateString("unknown");
	if (s < 60)
		snprintf(text, sizeof(text), "%.1fs", s);
	else if (s < 3600)
		snprintf(text, sizeof(text), "%.1fm", s / 60);
	else
		snprintf(text, sizeof(text), "%.1fh", s / 3600);
	return cJSON_CreateString(text);
}

/* A list of an entry, or an empty one. */
static cJSON *list_of(const cJSON *entry, const char *key)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(entry, key);

	return cJSON_IsArray(list) ? cJSON_Duplicate(list, 1) : cJSON_CreateArray();
}

/* Those of them that are asked for: by the filter, and without names, which are of processes. */
static bool is_wanted_foreign(const struct list *l, const struct view *v, const cJSON *entry)
{
	if (l->rows || (l->services && !l->agents) || !listed_is_foreign(entry, v))
		return false;
	return !l->filter || regexec(&l->regex, listed_text(entry, "name"), 0, NULL, 0) == 0 || regexec(&l->regex, "registered", 0, NULL, 0) == 0;
}

/* An agent that only the registry knows: as in the reference by its id, and without file and folder. */
static bool add_foreign(cJSON *doc, const cJSON *entry)
{
	const char *endpoint = listed_text(entry, "endpoint"), *seen = listed_text(entry, "last_seen");
	cJSON *o = cJSON_AddObjectToObject(doc, listed_text(entry, "id"));

	return o && json_add(o, "name", json_text(listed_text(entry, "name"))) && json_add(o, "status", json_text("registered")) &&
		json_add(o, "registered", cJSON_CreateBool(1)) && json_add(o, "health", json_text(listed_health(entry))) &&
		json_add(o, "capabilities", list_of(entry, "capabilities")) && json_add(o, "dependencies", list_of(entry, "dependencies")) &&
		json_add(o, "endpoint", json_text(endpoint[0] ? endpoint : NULL)) && json_add(o, "last_seen", json_text(seen[0] ? seen : NULL)) &&
		json_add(o, "uptime", json_text("unknown")) && json_add(o, "pid", cJSON_CreateNull()) &&
		json_add(o, "process_status", json_text("unknown")) && json_add(o, "service_type", json_text("agent"));
}

/* Keys as in the reference; what only a registry could tell is empty where none told it. */
static bool add_row(cJSON *doc, const struct home *h, const cJSON *listed, const struct view *v, const struct view_row *r)
{
	const char *endpoint = listed_has(r) && r->row.health.registry_endpoint[0] ? r->row.health.registry_endpoint : NULL;
	const char *name = r->row.ident.name;
	bool up = view_is_up(r), known, ok;
	cJSON *o = cJSON_AddObjectToObject(doc, name);
	char file[NAME_MAX_BYTES + 8];
	const cJSON *entry = listed_entry(listed, r);
	struct spec s = { 0 };

	if (!o)
		return false;
	spec_file_name(name, file);
	known = h->specs_fd >= 0 && spec_load(h->specs_fd, file, &s, NULL) == 0;
	ok = json_add(o, "name", json_text(name)) &&
		json_add(o, "status", json_text(listed_has(r) ? "registered" : up ? "running_unregistered" : view_word(r))) &&
		json_add(o, "registered", cJSON_CreateBool(listed_has(r))) &&
		json_add(o, "health", json_text(pt_health_label(r->row.health.verdict))) &&
		json_add(o, "capabilities", list_of(entry, "capabilities")) &&
		json_add(o, "dependencies", list_of(entry, "dependencies")) &&
		json_add(o, "endpoint", json_text(endpoint)) &&
		json_add(o, "last_seen", json_time(r->row.health.last_seen_real_ns)) &&
		json_add(o, "uptime", uptime_text(v, r)) &&
		json_add(o, "pid", up && r->row.life.pid > 0 ? cJSON_CreateNumber(r->row.life.pid) : cJSON_CreateNull()) &&
		json_add(o, "process_status", json_text(up ? "running" : "stopped")) &&
		json_add(o, "agent_file", json_text(known ? s.file : NULL)) &&
		json_add(o, "working_directory", json_text(known ? s.cwd : NULL)) &&
		json_add(o, "group", json_text(known && s.group[0] ? s.group : NULL)) && json_add(o, "service_type", json_text(pt_service_label(r->row.ident.service)));
	if (known)
		spec_done(&s);
	return ok;
}

static int print_json(const struct list *l, const struct view *v)
{
	struct home h = HOME_INIT;
	cJSON *doc = cJSON_CreateObject(), *listed;
	const cJSON *entry;
	bool ok = doc != NULL;

	(void)home_open(NULL, HOME_READ, &h, NULL);
	listed = listed_load(&h, v);
	for (size_t i = 0; ok && i < v->n; i++)
		if (is_wanted(l, &v->row[i]))
			ok = add_row(doc, &h, listed, v, &v->row[i]);
	cJSON_ArrayForEach(entry, listed)
		if (ok && is_wanted_foreign(l, v, entry))
			ok = add_foreign(doc, entry);
	cJSON_Delete(listed);
	home_close(&h);
	if (ok)
		return json_print(doc);
	cJSON_Delete(doc);
	return out_fail("out of memory");
}

/* NAME, STATUS, TYPE, PID, UPTIME, HEALTH, and the address in the place of the command. Returns how many there are. */
static size_t add_foreign_rows(const struct list *l, struct table *t, const struct view *v)
{
	struct home h = HOME_INIT;
	const cJSON *entry;
	cJSON *listed;
	size_t n = 0;

	(void)home_open(NULL, HOME_READ, &h, NULL);
	listed = listed_load(&h, v);
	home_close(&h);
	cJSON_ArrayForEach(entry, listed) {
		const char *cells[] = { listed_text(entry, "name"), "registered", "agent", "-", "-", listed_health(entry), listed_text(entry, "endpoint") };

		if (!is_wanted_foreign(l, v, entry))
			continue;
		for (size_t i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
			char text[COLUMN_TEXT_MAX];

			str_visible(text, sizeof(text), cells[i]);
			table_cell(t, text, i == 3 || i == 4, i == 1 ? TERM_DIM : TERM_PLAIN);
		}
		n++;
	}
	cJSON_Delete(listed);
	return n;
}

/* What the text shows, row by row. */
struct text {
	struct table *table; /* NULL: no memory */
	size_t running[2], total[2]; /* agents, services */
	size_t foreign;
};

static void add_text(struct text *t, const struct list *l, const struct view *v, const struct view_row *r)
{
	bool service = r->row.ident.service != PT_SERVICE_AGENT;

	if (!t->table || !is_wanted(l, r))
		return;
	t->total[service]++;
	t->running[service] += view_is_up(r);
	columns_add(t->table, v, r, COLUMN_LIST);
}

static int print_text(struct text *t)
{
	bool ok = t->table && table_whole(t->table);

	if (ok)
		printf("agents: %zu/%zu running; services: %zu/%zu running", t->running[0], t->total[0], t->running[1], t->total[1]);
	if (ok && t->foreign)
		printf("; registered, but not run by tend: %zu", t->foreign);
	if (ok)
		putchar('\n');
	if (ok && t->total[0] + t->total[1] + t->foreign)
		table_print(t->table, term_width());
	table_free(t->table);
	return ok ? EXIT_OK : out_fail("out of memory");
}

static int print_view(const struct list *l, const struct view *v)
{
	struct text t = { .table = columns_table(COLUMN_LIST) };

	for (size_t i = 0; i < v->n; i++)
		add_text(&t, l, v, &v->row[i]);
	if (t.table && v->monitor.registry_state == PT_REGISTRY_REACHABLE)
		t.foreign = add_foreign_rows(l, t.table, v);
	return print_text(&t);
}

/* All rows, straight from the table: a private copy of thousands of them would take as long as all the rest. */
static int print_rows(const struct list *l, const struct instance *in, struct view *v)
{
	struct text t = { .table = columns_table(COLUMN_LIST) };
	uint32_t high = pt_high(in->pt);
	struct view_row r;

	for (uint32_t slot = 0; slot < high; slot++)
		if (view_read(in, v, slot, &r) == 0)
			add_text(&t, l, v, &r);
	if (t.table)
		table_sort(t.table);
	return print_text(&t);
}

static int list_picked(struct list *l, const struct view *v, char *const *names, size_t n)
{
	size_t unknown = 0;
	int status;

	if (n) {
		l->rows = calloc(pick_room(v, n), sizeof(struct view_row *));
		if (!l->rows)
			return out_fail("out of memory");
		unknown = pick_rows(v, names, n, l->rows, &l->n);
		if (l->n == 0)
			return EXIT_FAIL;
	}
	status = l->json ? print_json(l, v) : print_view(l, v);
	return unknown ? EXIT_FAIL : status;
}

static int list(struct list *l, char *const *names, size_t n)
{
	struct instance in = INSTANCE_NONE;
	struct view v = { 0 };
	struct fault f = { "" };
	int r = instance_open(&in, PT_READER, &f), status;

	if (r == 0 && !l->json && n == 0) {
		view_begin(&in, &v);
		if (v.monitor.registry_state != PT_REGISTRY_REACHABLE) {
			status = print_rows(l, &in, &v);
			instance_close(&in);
			return status;
		}
	}
	if (r < 0 && r != -ENOENT)
		status = out_fail("%s", f.text);
	else if (view_load(&in, &v) < 0)
		status = out_fail("out of memory");
	else
		status = list_picked(l, &v, names, n);
	view_done(&v);
	instance_close(&in);
	return status;
}

static int read_options(const struct command *self, int argc, char **argv, struct list *l)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' },
		{ "agents", no_argument, NULL, 'a' }, { "services", no_argument, NULL, 's' },
		{ "filter", required_argument, NULL, 'f' }, { 0 } };
	int opt;

	while ((opt = opts_next(self, argc, argv, options)) >= 0) {
		l->json = l->json || opt == 'j';
		l->agents = l->agents || opt == 'a';
		l->services = l->services || opt == 's';
		if (opt == 'f')
			l->filter = optarg;
	}
	return opt;
}

static int run(const struct command *self, int argc, char **argv)
{
	struct list l = { 0 };
	char why[200];
	int r, opt = read_options(self, argc, argv, &l), status;

	if (opt != OPT_END)
		return opts_status(opt);
	if (l.filter && (r = regcomp(&l.regex, l.filter, REG_EXTENDED | REG_ICASE | REG_NOSUB)) != 0) {
		regerror(r, &l.regex, why, sizeof(why));
		return out_fail("--filter %s: %s", l.filter, why);
	}
	status = list(&l, argv + optind, (size_t)(argc - optind));
	free(l.rows);
	if (l.filter)
		regfree(&l.regex);
	return status;
}

const struct command cmd_list = {
	.name = "list",
	.summary = "list agents and services",
	.usage = "[NAME...] [--agents] [--services] [--filter REGEX] [--json]",
	.help = "  --agents        agents only (what was started from a FILE)\n"
		"  --services      services only (what was started as a COMMAND)\n"
		"  --filter REGEX  those whose name or status matches this extended regular\n"
		"                  expression, upper and lower case alike\n"
		"  --json          one JSON object, keyed by name\n"
		"\n"
		"Examples:\n"
		"  tend list --filter '^web|stopped'\n",
	.run = run,
};
