/* tend remove */
#include "cli/opts.h"
#include "cli/out.h"
#include "cli/tell.h"
#include "client/request.h"

static int run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' }, { 0 } };
	struct request q = {
		.like = { .kind = PT_COMMAND_REMOVE }, .doing = "removing", .done = OUTCOME_REMOVED
	};
	struct outcomes oc;
	bool json = false;
	int opt;

	while ((opt = opts_next(self, argc, argv, options)) >= 0)
		json = true;
	if (opt != OPT_END)
		return opts_status(opt);
	if (optind == argc)
		return out_misuse("NAME missing");
	oc = tell_begin(json);
	return tell_finish(&oc, self, json,
		request_run(&oc, NULL, &q, argv + optind, (size_t)(argc - optind)) ? EXIT_OK
										   : EXIT_FAIL);
}

const struct command cmd_remove = {
	.name = "remove",
	.summary = "forget a process that does not run; its log stays",
	.usage = "NAME... [--json]",
	.help = "Its row in the table, its specification and its FIFOs go. A process that runs\n"
		"must be stopped first.\n"
		"\n"
		"  --json  one JSON document that tells what became of each\n"
		"\n"
		"Examples:\n"
		"  tend stop web && tend remove web\n",
	.run = run,
};
