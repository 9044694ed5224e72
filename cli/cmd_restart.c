/* tend restart, and tend restart-agent for those who know the reference. */
#include "cli/opts.h"
#include "cli/out.h"
#include "cli/request.h"

static int read_options(const struct command *self, int argc, char **argv, struct request *q)
{
	static const struct option options[] = { { "timeout", required_argument, NULL, 't' }, { 0 } };
	uint64_t ms;
	int opt;

	while ((opt = opts_next(self, argc, argv, options)) >= 0) {
		if (!opts_duration("--timeout", optarg, UINT32_MAX, &ms))
			return OPT_BAD;
		q->like.flags |= PT_FLAG_TIMEOUT;
		q->like.timeout_ms = (uint32_t)ms;
	}
	return opt;
}

static int restart(const struct command *self, int argc, char **argv, bool one)
{
	struct request q = { .like = { .kind = PT_COMMAND_RESTART }, .doing = "restarting", .done = "restarted" };
	int opt = read_options(self, argc, argv, &q);

	if (opt != OPT_END)
		return opts_status(opt);
	if (one && !opts_operands(argc, 1, "NAME"))
		return EXIT_MISUSE;
	return request_run(&q, argv + optind, (size_t)(argc - optind));
}

static int run(const struct command *self, int argc, char **argv)
{
	return restart(self, argc, argv, false);
}

static int run_agent(const struct command *self, int argc, char **argv)
{
	return restart(self, argc, argv, true);
}

const struct command cmd_restart = {
	.name = "restart",
	.summary = "stop and start again; without names everything that runs",
	.usage = "[NAME...] [--timeout SECONDS]",
	.help = "A process runs again as it was started: command, environment, folder. One that rests\n"
		"or waits to be restarted is started now.\n"
		"\n"
		"  --timeout SECONDS  how long it may take to end before it is killed\n"
		"\n"
		"Examples:\n"
		"  tend restart web 'api-*'\n",
	.run = run,
};

const struct command cmd_restart_agent = {
	.name = "restart-agent",
	.summary = "the same for one process",
	.usage = "NAME [--timeout SECONDS]",
	.help = "As tend restart NAME.\n",
	.run = run_agent,
};
