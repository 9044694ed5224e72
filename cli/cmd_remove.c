/* tend remove */
#include "cli/opts.h"
#include "cli/out.h"
#include "cli/request.h"

static int run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = { { 0 } };
	struct request q = { .like = { .kind = PT_COMMAND_REMOVE }, .doing = "removing", .done = "removed" };
	int opt = opts_next(self, argc, argv, options);

	if (opt != OPT_END)
		return opts_status(opt);
	if (optind == argc)
		return out_misuse("NAME missing");
	return request_run(&q, argv + optind, (size_t)(argc - optind));
}

const struct command cmd_remove = {
	.name = "remove",
	.summary = "forget a process that does not run; its log stays",
	.usage = "NAME...",
	.help = "Its row in the table, its specification and its FIFOs go. A process that runs must\n"
		"be stopped first.\n"
		"\n"
		"Examples:\n"
		"  tend stop web && tend remove web\n",
	.run = run,
};
