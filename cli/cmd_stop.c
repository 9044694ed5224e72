/*
 * tend stop - all requests are posted at once, so that ten processes that take thirty seconds each
 * take thirty seconds. Only a registry waits: the agents that talk to it end first.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/ask.h"
#include "cli/opts.h"
#include "cli/out.h"
#include "cli/pick.h"
#include "cli/report.h"
#include "cli/shutdown.h"
#include "cli/tell.h"
#include "client/view.h"

struct stop {
	unsigned flags;
	uint32_t timeout_ms;
	bool left; /* something survives SIGKILL: nobody waits for its end */
	bool ends; /* the instance ends with it: the guardian sees to a spawner that stands still */
};

static int by_order(const void *a, const void *b)
{
	const struct view_row *const *x = a, *const *y = b;
	uint32_t p = (*x)->row.ident.order, q = (*y)->row.ident.order;

	return p < q ? -1 : p > q;
}

/* Stop those of the rows that are (or are not) registries. */
static int stop_part(struct outcomes *oc, struct instance *in, struct view_row *const *rows,
	size_t n, struct stop *s, bool registries)
{
	struct ask_patience patience = { .doing = "stopping", .leaves = s->ends, .oc = oc };
	struct ask *a = calloc(n + 1, sizeof(*a));
	struct fault f = { "" };
	size_t k = 0;
	int status = EXIT_OK;

	if (!a)
		return TELL_FAIL(oc, "out of memory");
	for (size_t i = 0; i < n; i++) {
		if ((rows[i]->row.ident.service == PT_SERVICE_REGISTRY) != registries)
			continue;
		ask_fill(&a[k], PT_COMMAND_STOP, rows[i]->row.ident.name, s->flags);
		a[k++].req.timeout_ms = s->timeout_ms;
	}
	if (k) {
		int r = ask_all(in, a, k, &patience, &f);

		/* -ENOENT: another command has ended the instance meanwhile, and with it all of
		 * these. */
		if (r == -EHOSTDOWN)
			outcome_complain(
				oc, "the spawner stands still; the guardian goes on with another");
		s->left |= r == -EDEADLK;
		status = r == -ENOENT || r == -EHOSTDOWN ? EXIT_OK
			: r < 0				 ? TELL_FAIL(oc, "%s", f.text)
			: report_stops(oc, in, a, k)	 ? EXIT_FAIL
							 : EXIT_OK;
	}
	free(a);
	out_flush();
	return status;
}

static int stop_rows(
	struct outcomes *oc, struct instance *in, struct view_row **rows, size_t n, struct stop *s)
{
	int first, second;

	qsort(rows, n, sizeof(*rows), by_order);
	first = stop_part(oc, in, rows, n, s, false);
	second = stop_part(oc, in, rows, n, s, true);
	return first == EXIT_OK ? second : first;
}

static int stop_named(struct outcomes *oc, struct instance *in, const struct view *v, char **names,
	size_t n, struct stop *s)
{
	struct view_row **rows = calloc(pick_room(v, n), sizeof(*rows));
	size_t found = 0, unknown;
	int status = EXIT_OK;

	if (!rows)
		return TELL_FAIL(oc, "out of memory");
	unknown = pick_rows(oc, v, names, n, rows, &found);
	if (found)
		status = stop_rows(oc, in, rows, found, s);
	free(rows);
	return unknown ? EXIT_FAIL : status;
}

/* Up, waiting to be started again, or ended while no daemon lived: the spawner that ends it all
 * would start that one first. */
static bool has_something_to_stop(const struct view_row *r)
{
	return !(pt_state_traits(r->row.life.state) & PT_TRAIT_REST);
}

static int stop_everything(
	struct outcomes *oc, struct instance *in, const struct view *v, struct stop *s)
{
	struct view_row **rows = calloc(v->n + 1, sizeof(*rows));
	struct fault f = { "" };
	int status = EXIT_OK;
	size_t n = 0;

	if (!rows)
		return TELL_FAIL(oc, "out of memory");
	for (size_t i = 0; i < v->n; i++)
		if (has_something_to_stop(&v->row[i]))
			rows[n++] = &v->row[i];
	s->flags |= PT_FLAG_KEEP_WANT;
	s->ends = true;
	if (n)
		status = stop_rows(oc, in, rows, n, s);
	else
		outcome_say(oc, "no process was running");
	free(rows);
	if (status != EXIT_OK) {
		if (s->left)
			shutdown_ask(in);
		return status;
	}
	if (shutdown_all(in, oc->watcher, &f) < 0)
		return TELL_FAIL(oc, "%s", f.text);
	oc->daemons = "ended";
	outcome_say(oc, "the daemons have ended");
	return EXIT_OK;
}

static int stop(struct outcomes *oc, char **names, size_t n, struct stop *s)
{
	struct instance in = INSTANCE_NONE;
	struct view v = { 0 };
	struct fault f = { "" };
	int r = instance_open(&in, NULL, PT_CLIENT, &f), status = EXIT_FAIL;

	if (r == -ENOENT && instance_left(&in.home))
		r = ask_revive(&in, oc->watcher, &f);
	if (r == -ENOENT && n)
		for (size_t i = 0; i < n; i++)
			pick_nowhere(oc, names[i]);
	else if (r == -ENOENT)
		status = TELL_FAIL(oc, "nothing is running");
	else if (r < 0)
		status = TELL_FAIL(oc, "%s", f.text);
	else if (view_load(&in, &v) < 0)
		status = TELL_FAIL(oc, "out of memory");
	else
		status = n ? stop_named(oc, &in, &v, names, n, s) : stop_everything(oc, &in, &v, s);
	view_done(&v);
	instance_close(&in);
	return status;
}

static int run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = { { "force", no_argument, NULL, 'f' },
		{ "timeout", required_argument, NULL, 't' },
		{ "agent", required_argument, NULL, 'a' }, { "json", no_argument, NULL, 'j' },
		{ 0 } };
	char **names = calloc((size_t)argc + 1, sizeof(*names));
	struct outcomes oc;
	struct stop s = { 0 };
	uint64_t ms = 0;
	bool json = false;
	size_t n = 0;
	int opt, status;

	if (!names)
		return out_fail("out of memory");
	while ((opt = opts_next(self, argc, argv, options)) >= 0) {
		if (opt == 'f')
			s.flags |= PT_FLAG_FORCE;
		else if (opt == 'j')
			json = true;
		else if (opt == 'a')
			names[n++] = optarg;
		else if (opts_duration("--timeout", optarg, UINT32_MAX, &ms))
			s.flags |= PT_FLAG_TIMEOUT;
		else
			opt = OPT_BAD;
		if (opt < 0)
			break;
	}
	s.timeout_ms = (uint32_t)ms;
	for (int i = optind; opt == OPT_END && i < argc; i++)
		names[n++] = argv[i];
	oc = tell_begin(json);
	status = opt == OPT_END ? tell_finish(&oc, self, json, stop(&oc, names, n, &s))
				: opts_status(opt);
	free(names);
	return status;
}

const struct command cmd_stop = {
	.name = "stop",
	.summary = "stop processes; without names everything, and then the daemons",
	.usage = "[NAME...] [--agent NAME] [--force] [--timeout SECONDS] [--json]",
	.help = "Each process with all its children is asked to end (SIGTERM, or its own stop\n"
		"signal); what is left after the timeout is killed. A named process stays down until\n"
		"it is started again. What stops because everything does is started again by tend\n"
		"start.\n"
		"\n"
		"  --agent NAME       the same as NAME\n"
		"  --force            kill at once\n"
		"  --timeout SECONDS  how long to wait before killing (default: the process's own, 30\n"
		"                     unless chosen); 0 kills at once\n"
		"  --json             one JSON document that tells what became of each\n"
		"\n"
		"Examples:\n"
		"  tend stop web 'api-*'\n"
		"  tend stop --timeout 5\n",
	.run = run,
};
