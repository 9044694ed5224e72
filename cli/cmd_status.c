/*
 * tend status - how everything is, read from the table alone: no daemon is asked.
 */
#include <stdlib.h>

#include "cli/opts.h"
#include "cli/out.h"
#include "cli/overview.h"
#include "cli/printjson.h"
#include "cli/tell.h"
#include "client/listed.h"
#include "client/pick.h"
#include "client/stored.h"
#include "client/view.h"
#include "term/term.h"
#include "words/detail.h"
#include "words/doc.h"
#include "words/summary.h"

/* The detail view of each; 3 if one of them does not run. */
static int print_some(struct view *v, const struct home *h, struct view_row *const *rows, size_t n)
{
	struct listed listed;

	listed_load(h, v, &listed);
	v->listed = &listed;
	for (size_t i = 0; i < n; i++) {
		if (i)
			putchar('\n');
		detail_write(stdout, v, rows[i], h, term_width());
	}
	if (!v->supervised)
		summary_trust(stdout, v, false);
	v->listed = NULL;
	listed_done(&listed);
	return EXIT_OK;
}

/* rows NULL: all of them. */
static int print_json(
	const struct view *v, const struct home *h, struct view_row *const *rows, size_t n)
{
	struct json_out o = { 0 };

	doc_status_of(&o, v, rows, n, h);
	return printjson(&o);
}

static int status_of(struct view *v, const struct home *h, char **names, size_t n, bool json)
{
	struct outcomes oc = tell_begin(false);
	struct picked p;
	int status;

	if (pick_rows(&oc, v, h, names, n, &p) < 0)
		return out_fail("out of memory");
	status = json ? print_json(v, h, p.row, p.n) : print_some(v, h, p.row, p.n);
	for (size_t i = 0; i < p.n && status == EXIT_OK; i++)
		if (!view_is_up(p.row[i]))
			status = EXIT_NOT_RUNNING;
	status = p.unknown ? EXIT_FAIL : status;
	picked_done(&p);
	return status;
}

/* Without a table: is it at least the name of a process that could be started? */
static int status_without_table(
	struct view *v, const struct home *h, char **names, size_t n, bool json)
{
	struct outcomes oc = tell_begin(false);
	int status = json ? print_json(v, h, NULL, 0) : EXIT_OK;

	for (size_t i = 0; i < n; i++) {
		if (!stored_has(NULL, names[i]))
			return pick_unknown(&oc, v, h, names[i]), EXIT_FAIL;
		if (!json && instance_left(h) > 0)
			printf("%s: nobody knows: tend does not run, though processes of it do; \"tend start\" takes them over\n",
				names[i]);
		else if (!json)
			printf("%s: not running, and neither is tend\n", names[i]);
	}
	return status == EXIT_OK ? EXIT_NOT_RUNNING : status;
}

static int run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' },
		{ "verbose", no_argument, NULL, 'v' }, { 0 } };
	bool json = false, verbose = false;
	struct home h = HOME_INIT;
	struct view v = { 0 };
	struct fault f = { "" };
	size_t n;
	int opt, status;

	while ((opt = opts_next(self, argc, argv, options)) >= 0) {
		json = json || opt == 'j';
		verbose = verbose || opt == 'v';
	}
	if (opt != OPT_END)
		return opts_status(opt);
	n = (size_t)(argc - optind);
	if (n == 0 && !json)
		return overview_print(verbose);
	if (view_take(NULL, &v, &f) < 0)
		return out_fail("%s", f.text);
	(void)home_open(NULL, HOME_READ, &h, NULL);
	if (n == 0)
		status = print_json(&v, &h, NULL, 0);
	else if (v.present)
		status = status_of(&v, &h, argv + optind, n, json);
	else
		status = status_without_table(&v, &h, argv + optind, n, json);
	view_done(&v);
	home_close(&h);
	return status;
}

const struct command cmd_status = {
	.name = "status",
	.summary = "how everything is, or one process in detail",
	.usage = "[NAME...] [--json] [--verbose]",
	.help = "Reads shared memory only; it works, and says how old what it shows is, when\n"
		"every daemon is dead. With a NAME the exit status is 3 if that process does not\n"
		"run.\n"
		"\n"
		"  --json     one JSON document on standard output\n"
		"  --verbose  the daemons, too, the groups, what all of them use, and the\n"
		"             registry\n"
		"\n"
		"Examples:\n"
		"  tend status\n"
		"  tend status web || echo down\n",
	.run = run,
};
