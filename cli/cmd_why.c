/* tend why - the story of one process: its last transitions with their causes, and what comes
 * next. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/opts.h"
#include "cli/out.h"
#include "cli/printjson.h"
#include "cli/program.h"
#include "cli/tell.h"
#include "client/eventlog.h"
#include "client/pick.h"
#include "client/view.h"
#include "term/term.h"
#include "words/doc.h"
#include "words/why.h"

struct names {
	const char **name;
	size_t n;
	bool several; /* more than one was asked for, whatever was found */
};

/* False: nothing is known of it, which is reported. */
static bool write_one(
	struct json_out *o, const struct instance *in, const struct view *v, const char *name)
{
	struct outcomes oc = tell_begin(false);
	const struct view_row *r = view_find(v, name);
	struct pt_event *events = NULL;
	bool known = true;
	size_t n;

	if (eventlog_about(in->pt, name, &events, &n) < 0)
		o->error = -ENOMEM;
	else if (r || n)
		doc_why(o, name, v, r, events, n);
	else
		known = false;
	if (!known)
		pick_unknown(&oc, v, &in->home, name);
	free(events);
	return known;
}

/* One object for one name, a list of them for several. */
static int tell_json(const struct instance *in, const struct view *v, const struct names *names)
{
	struct json_out o = { 0 };
	int status = EXIT_OK, printed;

	if (names->several)
		json_open(&o, NULL, '[');
	for (size_t i = 0; i < names->n && !o.error; i++)
		if (!write_one(&o, in, v, names->name[i]))
			status = EXIT_FAIL;
	if (names->several)
		json_close(&o);
	else if (status != EXIT_OK)
		return status;
	printed = printjson(&o);
	return printed == EXIT_OK ? status : printed;
}

static int tell(const struct instance *in, const struct view *v, const char *name)
{
	struct outcomes oc = tell_begin(false);
	struct why w = { .v = v,
		.r = view_find(v, name),
		.name = name,
		.program = program_name(),
		.width = term_width() };
	struct pt_event *events = NULL;
	bool read = eventlog_about(in->pt, name, &events, &w.n) == 0;

	w.events = events;
	why_write(stdout, &w);
	free(events);
	if (!read)
		return out_fail("cannot read the events of %s: out of memory", name);
	if (!w.r && w.n)
		printf("%s is no longer in the table.\n", name);
	else if (!w.r)
		pick_unknown(&oc, v, &in->home, name);
	return w.r || w.n ? EXIT_OK : EXIT_FAIL;
}

static int tell_all(const struct instance *in, const struct view *v, const struct names *names)
{
	int status = EXIT_OK;

	for (size_t i = 0; i < names->n; i++) {
		if (i)
			putchar('\n');
		if (tell(in, v, names->name[i]) != EXIT_OK)
			status = EXIT_FAIL;
	}
	return status;
}

static void add_name(struct names *names, const char *name)
{
	for (size_t i = 0; i < names->n; i++)
		if (strcmp(names->name[i], name) == 0)
			return;
	names->name[names->n++] = name;
}

/* Patterns and groups mean what is in the table; a name may also be one that only events remember.
 * False: some are unknown (said), or no memory. */
static bool find_names(const struct instance *in, const struct view *v, char *const *operand,
	size_t n, struct names *ret)
{
	struct outcomes oc = tell_begin(false);
	bool whole, all = true;

	ret->several = n > 1 || pick_is_pattern(operand[0]);
	ret->name = calloc(n + v->n + 1, sizeof(*ret->name));
	whole = ret->name != NULL;
	for (size_t i = 0; whole && i < n; i++) {
		struct picked p = { .n = 0 };

		if (!pick_is_pattern(operand[i]))
			add_name(ret, operand[i]);
		else
			whole = pick_rows(&oc, v, &in->home, &operand[i], 1, &p) == 0;
		for (size_t k = 0; k < p.n; k++)
			add_name(ret, p.row[k]->row.ident.name);
		all = all && p.unknown == 0;
		picked_done(&p);
	}
	if (!whole)
		out_fail("out of memory");
	return whole && all;
}

static int why(const struct instance *in, char *const *operand, size_t n, bool json)
{
	struct names names = { 0 };
	struct view v = { 0 };
	int status;
	bool all;

	if (view_load(in, &v) < 0)
		return out_fail("out of memory");
	all = find_names(in, &v, operand, n, &names);
	status = names.n == 0 ? EXIT_FAIL
		: json	      ? tell_json(in, &v, &names)
			      : tell_all(in, &v, &names);
	free(names.name);
	view_done(&v);
	return all ? status : EXIT_FAIL;
}

static int run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' }, { 0 } };
	struct instance in = INSTANCE_NONE;
	struct fault f = { "" };
	bool json = false;
	int opt, status;

	while ((opt = opts_next(self, argc, argv, options)) >= 0)
		json = true;
	if (opt != OPT_END)
		return opts_status(opt);
	if (optind == argc)
		return out_misuse("NAME missing");
	if (instance_open(&in, NULL, PT_READER, &f) < 0)
		status = out_fail("%s", f.text);
	else
		status = why(&in, argv + optind, (size_t)(argc - optind), json);
	instance_close(&in);
	return status;
}

const struct command cmd_why = {
	.name = "why",
	.summary = "why a process is as it is, and what will happen next",
	.usage = "NAME... [--json]",
	.help = "Its last transitions and who or what caused them.\n"
		"\n"
		"  --json  one JSON object, with all events that are still there; where several\n"
		"          names, a pattern or a group are given, a list of them\n"
		"\n"
		"Examples:\n"
		"  tend why web\n",
	.run = run,
};
