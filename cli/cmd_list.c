/* tend list - the reference's list: agents, and what the registry says of them; services where they
 * are asked for. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/regex.h"
#include "base/str.h"
#include "cli/columntable.h"
#include "cli/opts.h"
#include "cli/out.h"
#include "cli/printjson.h"
#include "cli/tell.h"
#include "client/listed.h"
#include "client/pick.h"
#include "words/doc.h"

#define WIDE_COLUMNS 110u /* a terminal with room for more than what only a list of agents tells */

struct list {
	bool agents, services;	/* what is asked for; none of both: agents, or what was named */
	const char *filter;	/* NULL: all */
	regex_t regex;		/* the same, compiled */
	struct view_row **rows; /* those that were named; NULL = all */
	size_t n;
};

static bool is_agent(const struct view_row *r)
{
	return r->row.ident.service == PT_SERVICE_AGENT;
}

static bool is_picked(const struct list *l, const struct view_row *r)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->rows[i] == r)
			return true;
	return false;
}

static bool matches(const struct list *l, const char *text)
{
	return regexec(&l->regex, text, 0, NULL, 0) == 0;
}

/* Are these of the kind that is asked for? */
static bool is_kind(const struct list *l, bool agent)
{
	if (l->agents == l->services)
		return l->agents || l->rows || agent;
	return agent ? l->agents : l->services;
}

static bool wants(const struct list *l, const struct view_row *r)
{
	if (!is_kind(l, is_agent(r)) || (l->rows && !is_picked(l, r)))
		return false;
	return !l->filter || matches(l, r->row.ident.name) || matches(l, listed_word(r)) ||
		matches(l, view_word(r));
}

/* Names are of processes. */
static bool wants_other(const struct list *l, const struct listed_agent *a)
{
	if (a->ours || l->rows || !is_kind(l, true))
		return false;
	return !l->filter || matches(l, listed_text(a->entry, "name")) || matches(l, a->id) ||
		matches(l, "registered");
}

/* --- text --- */

struct text {
	unsigned columns;		     /* of agents */
	struct texttable *agents, *services; /* NULL: no memory */
	size_t agent, agents_running, registered, healthy;
	size_t service, services_running;
	size_t foreign, hidden; /* agents that tend does not run; services that nobody asked for */
};

static struct text text_new(void)
{
	unsigned width = term_width(),
		 shown = COLUMN_AGENTS | (width == 0 || width >= WIDE_COLUMNS ? COLUMN_WIDE : 0);

	return (struct text){ .columns = shown,
		.agents = columntable_new(shown),
		.services = columntable_new(COLUMN_LIST) };
}

static void add_text(
	struct text *t, const struct list *l, const struct view *v, const struct view_row *r)
{
	bool up = view_is_up(r), agent = is_agent(r);

	t->hidden += !agent && !is_kind(l, false);
	if (!t->agents || !t->services || !wants(l, r))
		return;
	if (!agent) {
		t->service++;
		t->services_running += up;
		columntable_add(t->services, v, r, COLUMN_LIST);
		return;
	}
	t->agent++;
	t->agents_running += up;
	t->registered += listed_has(r);
	t->healthy += up && r->row.health.verdict == PT_HEALTH_HEALTHY;
	columntable_add(t->agents, v, r, t->columns);
}

/* The cells in the order of the columns of agents. */
static void add_foreign(struct text *t, const cJSON *entry)
{
	bool wide = t->columns & COLUMN_WIDE;
	const char *endpoint = listed_text(entry, "endpoint");
	char name[COLUMN_TEXT_MAX], at[COLUMN_TEXT_MAX], capabilities[COLUMN_TEXT_MAX];

	t->foreign++;
	str_visible(name, sizeof(name), listed_text(entry, "name"));
	str_visible(at, sizeof(at), endpoint[0] ? endpoint : "-");
	texttable_cell(t->agents, name, false, TERM_PLAIN);
	texttable_cell(t->agents, "registered", false, TERM_DIM);
	for (int i = 0; wide && i < 2; i++)
		texttable_cell(t->agents, "-", true, TERM_PLAIN);
	texttable_cell(t->agents, "yes", false, TERM_GREEN);
	texttable_cell(t->agents, listed_health(entry), false, TERM_PLAIN);
	texttable_cell(t->agents, at, false, TERM_PLAIN);
	texttable_cell(t->agents, listed_capabilities(entry, capabilities, sizeof(capabilities)),
		false, TERM_PLAIN);
}

static void print_agents(const struct text *t, const struct list *l)
{
	if (t->agent + t->foreign == 0 && t->hidden && !l->filter) {
		printf("no agents, but %zu service%s: \"tend status\" shows %s, and \"tend list --services\"\n",
			t->hidden, t->hidden == 1 ? "" : "s", t->hidden == 1 ? "it" : "them");
		return;
	}
	printf("agents: %zu/%zu running, %zu/%zu registered, %zu/%zu healthy", t->agents_running,
		t->agent, t->registered, t->agent, t->healthy, t->agent);
	if (t->foreign)
		printf("; registered, but not run by tend: %zu", t->foreign);
	putchar('\n');
	if (t->agent + t->foreign)
		texttable_print(t->agents, term_width());
}

static void print_services(const struct text *t)
{
	printf("services: %zu/%zu running\n", t->services_running, t->service);
	if (t->service)
		texttable_print(t->services, term_width());
}

static int print_text(struct text *t, const struct list *l)
{
	bool ok = t->agents && t->services && texttable_whole(t->agents) &&
		texttable_whole(t->services);

	/* Of what was named, only the kinds that there are. */
	if (ok && is_kind(l, true) && (!l->rows || t->agent))
		print_agents(t, l);
	if (ok && is_kind(l, false) && (!l->rows || t->service))
		print_services(t);
	texttable_free(t->agents);
	texttable_free(t->services);
	return ok ? EXIT_OK : out_fail("out of memory");
}

/* The reference's order: who runs and is registered comes first. Within a turn: by name. */
enum turn { TURN_WORKING, TURN_RUNNING, TURN_LISTED, TURN_REST };

static enum turn turn_of(const struct view_row *r)
{
	if (view_is_up(r))
		return listed_has(r) ? TURN_WORKING : TURN_RUNNING;
	return listed_has(r) ? TURN_LISTED : TURN_REST;
}

static int print_view(const struct list *l, const struct view *v)
{
	struct text t = text_new();

	for (enum turn turn = TURN_WORKING; turn <= TURN_REST; turn++) {
		for (size_t i = 0; i < v->n; i++)
			if (turn_of(&v->row[i]) == turn)
				add_text(&t, l, v, &v->row[i]);
		for (size_t i = 0; turn == TURN_LISTED && t.agents && i < v->listed->n; i++)
			if (wants_other(l, &v->listed->agent[i]))
				add_foreign(&t, v->listed->agent[i].entry);
	}
	return print_text(&t, l);
}

/* All rows, straight from the table: a private copy of thousands of them would take as long as all
 * the rest. */
static int print_rows(const struct list *l, const struct instance *in, struct view *v)
{
	struct text t = text_new();
	uint32_t high = pt_high(in->pt);
	struct view_row r;

	for (uint32_t slot = 0; slot < high; slot++)
		if (view_read(in, v, slot, &r) == 0)
			add_text(&t, l, v, &r);
	if (t.agents)
		texttable_sort(t.agents);
	if (t.services)
		texttable_sort(t.services);
	return print_text(&t, l);
}

/* --- JSON --- */

static int print_json(const struct list *l, const struct view *v, const struct home *h)
{
	struct view_row **rows = calloc(v->n + 1, sizeof(*rows));
	const cJSON **others = calloc(v->listed->n + 1, sizeof(*others));
	struct doc_list doc = { .v = v, .rows = rows, .others = others, .home = h };
	struct json_out o = { 0 };

	for (size_t i = 0; rows && i < v->n; i++)
		if (wants(l, &v->row[i]))
			rows[doc.n++] = &v->row[i];
	for (size_t i = 0; others && i < v->listed->n; i++)
		if (wants_other(l, &v->listed->agent[i]))
			others[doc.n_others++] = v->listed->agent[i].entry;
	if (rows && others)
		doc_list(&o, &doc);
	else
		o.error = -ENOMEM;
	free(rows);
	free(others);
	return printjson(&o);
}

/* --- which rows --- */

static int list_picked(struct list *l, const struct view *v, const struct home *h,
	char *const *names, size_t n, bool json)
{
	struct outcomes oc = tell_begin(false);
	struct picked picked = { .n = 0 };
	int status;

	if (n) {
		if (pick_rows(&oc, v, h, names, n, &picked) < 0)
			return out_fail("out of memory");
		l->rows = picked.row;
		l->n = picked.n;
		if (l->n == 0)
			return EXIT_FAIL;
	}
	status = json ? print_json(l, v, h) : print_view(l, v);
	return picked.unknown ? EXIT_FAIL : status;
}

static int list_view(struct list *l, struct instance *in, char *const *names, size_t n, bool json)
{
	struct listed listed = { .n = 0 };
	struct view v = { 0 };
	int status;

	if (view_load(in, &v) < 0)
		return out_fail("out of memory");
	if (in->pt)
		listed_load(&in->home, &v, &listed);
	v.listed = &listed;
	status = list_picked(l, &v, &in->home, names, n, json);
	listed_done(&listed);
	view_done(&v);
	return status;
}

static int list(struct list *l, char *const *names, size_t n, bool json)
{
	struct instance in = INSTANCE_NONE;
	struct view v = { 0 };
	struct fault f = { "" };
	int r = instance_open(&in, NULL, PT_READER, &f), status;

	if (r == 0)
		view_begin(&in, &v);
	if (r < 0 && r != -ENOENT)
		status = out_fail("%s", f.text);
	else if (r == 0 && !json && n == 0 &&
		(v.monitor.registry_state != PT_REGISTRY_REACHABLE || !is_kind(l, true)))
		status = print_rows(l, &in, &v);
	else
		status = list_view(l, &in, names, n, json);
	instance_close(&in);
	return status;
}

static int run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' },
		{ "agents", no_argument, NULL, 'a' }, { "services", no_argument, NULL, 's' },
		{ "filter", required_argument, NULL, 'f' }, { 0 } };
	struct list l = { .n = 0 };
	struct fault f = { "" };
	bool json = false;
	int opt, status;

	while ((opt = opts_next(self, argc, argv, options)) >= 0) {
		json = json || opt == 'j';
		l.agents = l.agents || opt == 'a';
		l.services = l.services || opt == 's';
		if (opt == 'f')
			l.filter = optarg;
	}
	if (opt != OPT_END)
		return opts_status(opt);
	if (l.filter && regex_compile(&l.regex, l.filter, REG_ICASE, &f) < 0)
		return out_fail("--filter %s: %s", l.filter, f.text);
	status = list(&l, argv + optind, (size_t)(argc - optind), json);
	free(l.rows);
	if (l.filter)
		regfree(&l.regex);
	return status;
}

const struct command cmd_list = {
	.name = "list",
	.summary = "list agents and services",
	.usage = "[NAME...] [--agents] [--services] [--filter REGEX] [--json]",
	.help = "Agents (what was started from a FILE): whether they run, whether the registry\n"
		"lists them, how they are, where they can be reached and what they can do. Also\n"
		"agents that the registry lists and tend does not run. Services (what was started\n"
		"as a COMMAND) are shown where they are asked for, or named.\n"
		"\n"
		"  --agents        agents (the default); with --services both\n"
		"  --services      services\n"
		"  --filter REGEX  those whose name or status (running, stopped, killed,\n"
		"                  registered, running_unregistered) matches this extended\n"
		"                  regular expression, upper and lower case alike; \\d, \\w and \\s\n"
		"                  may be used\n"
		"  --json          one JSON object, keyed by name\n"
		"\n"
		"Examples:\n"
		"  tend list --filter '^web|stopped'\n"
		"  tend list --services\n",
	.run = run,
};
