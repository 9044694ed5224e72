/* tend list - the reference's list: agents first and foremost, filtered by a regular expression. */
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/io.h"
#include "cli/columns.h"
#include "cli/json.h"
#include "cli/opts.h"
#include "cli/out.h"
#include "cli/pick.h"
#include "cli/view.h"
#include "config/spec.h"

#define LISTED_BYTES_MAX (64u * 1024 * 1024)

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

static bool is_listed(const struct view_row *r)
{
	return view_is_up(r) && r->row.health.listing == PT_LISTING_LISTED;
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

/* What the monitor wrote down of the registry's last answer: capabilities and dependencies are not in the table. NULL: nothing. */
static cJSON *load_listed(const struct home *h)
{
	char *text = NULL;
	cJSON *doc = NULL;

	if (h->run_fd >= 0 && io_read_file(h->run_fd, "agents.json", LISTED_BYTES_MAX, &text, NULL) == 0)
		doc = cJSON_Parse(text);
	free(text);
	return doc;
}

/* A list of the registry's entry for this process, or an empty one. */
static cJSON *from_listed(const cJSON *listed, const struct view_row *r, const char *key)
{
	const cJSON *entry, *list, *id;

	cJSON_ArrayForEach(entry, cJSON_GetObjectItemCaseSensitive(listed, "agents")) {
		id = cJSON_GetObjectItemCaseSensitive(entry, "id");
		list = cJSON_GetObjectItemCaseSensitive(entry, key);
		if (is_listed(r) && cJSON_IsString(id) && cJSON_IsArray(list) && strcmp(id->valuestring, r->row.health.registry_id) == 0)
			return cJSON_Duplicate(list, 1);
	}
	return cJSON_CreateArray();
}

/* Keys as in the reference; what only a registry could tell is empty where none told it. */
static bool add_row(cJSON *doc, const struct home *h, const cJSON *listed, const struct view *v, const struct view_row *r)
{
	const char *endpoint = is_listed(r) && r->row.health.registry_endpoint[0] ? r->row.health.registry_endpoint : NULL;
	const char *name = r->row.ident.name;
	bool up = view_is_up(r), known, ok;
	cJSON *o = cJSON_AddObjectToObject(doc, name);
	char file[NAME_MAX_BYTES + 8];
	struct spec s = { 0 };

	if (!o)
		return false;
	spec_file_name(name, file);
	known = h->specs_fd >= 0 && spec_load(h->specs_fd, file, &s, NULL) == 0;
	ok = json_add(o, "name", json_text(name)) &&
		json_add(o, "status", json_text(is_listed(r) ? "registered" : up ? "running_unregistered" : view_word(r))) &&
		json_add(o, "registered", cJSON_CreateBool(is_listed(r))) &&
		json_add(o, "health", json_text(pt_health_label(r->row.health.verdict))) &&
		json_add(o, "capabilities", from_listed(listed, r, "capabilities")) &&
		json_add(o, "dependencies", from_listed(listed, r, "dependencies")) &&
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
	bool ok = doc != NULL;

	(void)home_open(NULL, HOME_READ, &h, NULL);
	listed = load_listed(&h);
	for (size_t i = 0; ok && i < v->n; i++)
		if (is_wanted(l, &v->row[i]))
			ok = add_row(doc, &h, listed, v, &v->row[i]);
	cJSON_Delete(listed);
	home_close(&h);
	if (ok)
		return json_print(doc);
	cJSON_Delete(doc);
	return out_fail("out of memory");
}

static int print_text(const struct list *l, const struct view *v)
{
	struct table *t = columns_table(COLUMN_LIST);
	size_t n = 0, running[2] = { 0 }, total[2] = { 0 };
	bool ok = t != NULL;

	for (size_t i = 0; ok && i < v->n; i++) {
		bool service = v->row[i].row.ident.service != PT_SERVICE_AGENT;

		if (!is_wanted(l, &v->row[i]))
			continue;
		total[service]++;
		running[service] += view_is_up(&v->row[i]);
		columns_add(t, v, &v->row[i], COLUMN_LIST);
		n++;
	}
	ok = ok && table_whole(t);
	if (ok)
		printf("agents: %zu/%zu running; services: %zu/%zu running\n", running[0], total[0], running[1],
			total[1]);
	if (ok && n)
		table_print(t, term_width());
	table_free(t);
	return ok ? EXIT_OK : out_fail("out of memory");
}

static int list(struct list *l, const struct view *v, char *const *names, size_t n)
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
	status = l->json ? print_json(l, v) : print_text(l, v);
	return unknown ? EXIT_FAIL : status;
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
	struct view v = { 0 };
	struct fault f = { "" };
	char why[200];
	int r, opt = read_options(self, argc, argv, &l), status;

	if (opt != OPT_END)
		return opts_status(opt);
	if (l.filter && (r = regcomp(&l.regex, l.filter, REG_EXTENDED | REG_ICASE | REG_NOSUB)) != 0) {
		regerror(r, &l.regex, why, sizeof(why));
		return out_fail("--filter %s: %s", l.filter, why);
	}
	if (view_take(&v, &f) < 0)
		status = out_fail("%s", f.text);
	else
		status = list(&l, &v, argv + optind, (size_t)(argc - optind));
	view_done(&v);
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
