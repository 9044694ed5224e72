/* tend restart, and tend restart-agent for those who know the reference. */
#include <stdint.h>

#include "cli/opts.h"
#include "cli/out.h"
#include "cli/shell.h"
#include "cli/tell.h"
#include "client/restart.h"

static int read_options(const struct command *self, int argc, char **argv, struct request *q,
	bool one, bool *reset, bool *json)
{
	static const struct option options[] = { { "timeout", required_argument, NULL, 't' },
		{ "reset-config", no_argument, NULL, 'r' }, { "json", no_argument, NULL, 'j' },
		{ 0 } },
				   of_one[] = { { "timeout", required_argument, NULL, 't' },
					   { "json", no_argument, NULL, 'j' }, { 0 } };
	uint64_t ms;
	int opt;

	while ((opt = opts_next(self, argc, argv, one ? of_one : options)) >= 0) {
		*reset = *reset || opt == 'r';
		*json = *json || opt == 'j';
		if (opt != 't')
			continue;
		if (!opts_duration("--timeout", optarg, UINT32_MAX, &ms))
			return OPT_BAD;
		q->like.flags |= PT_FLAG_TIMEOUT;
		q->like.timeout_ms = (uint32_t)ms;
	}
	return opt;
}

static int restart(const struct command *self, int argc, char **argv, bool one)
{
	struct request q = { .like = { .kind = PT_COMMAND_RESTART },
		.doing = "restarting",
		.done = OUTCOME_RESTARTED };
	bool reset = false, json = false, good;
	int opt = read_options(self, argc, argv, &q, one, &reset, &json);
	struct outcomes oc;

	if (opt != OPT_END)
		return opts_status(opt);
	if (one && !opts_operands(argc, 1, "NAME"))
		return EXIT_MISUSE;
	if (reset && optind < argc)
		return out_misuse("--reset-config is for the registry: without names");
	oc = tell_begin(json);
	if (optind == argc && shell_has_no_registry())
		good = OUTCOME_FAIL(&oc,
			"NAME missing: without names it is the registry, and TEND_REGISTRY=none says that there is none");
	else if (optind == argc)
		good = restart_registry(&oc, NULL, shell_own(), reset);
	else if (one && !shell_has_no_registry())
		good = restart_one(&oc, NULL, shell_own()->env, &q, argv[optind]);
	else
		good = request_run(&oc, NULL, &q, argv + optind, (size_t)(argc - optind));
	return tell_finish(&oc, self, json, good ? EXIT_OK : EXIT_FAIL);
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
	.summary = "stop and start again; without names the registry",
	.usage = "NAME... [--timeout SECONDS] [--json]\n[--reset-config] [--json]",
	.help = "A process runs again as it was started: command, environment, folder. One that\n"
		"rests or waits to be restarted is started now. One that could not run again, for\n"
		"its program or folder is gone, runs on, and the exit status is 1. Without names\n"
		"it is the registry, at the address and with the database that it had; if none\n"
		"runs, one is started.\n"
		"\n"
		"  --timeout SECONDS  how long it may take to end before it is killed\n"
		"  --reset-config     the registry at what the configuration says now\n"
		"  --json             one JSON document that tells what became of each\n"
		"\n"
		"Examples:\n"
		"  tend restart web 'api-*'\n",
	.run = run,
};

const struct command cmd_restart_agent = {
	.name = "restart-agent",
	.summary = "the same for one process; waits until an agent is registered",
	.usage = "NAME [--timeout SECONDS] [--json]",
	.help = "As tend restart NAME; an agent of a mesh is told where the registry is now, and\n"
		"waited for until it is registered again, at most startup_timeout (\"tend config\n"
		"show\"): if it is not, the exit status is 1, and it runs on.\n"
		"\n"
		"  --timeout SECONDS  how long it may take to end before it is killed\n"
		"  --json             one JSON document that tells what became of it\n",
	.run = run_agent,
};
