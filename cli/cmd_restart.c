/* tend restart, and tend restart-agent for those who know the reference. */
#include "cli/acts.h"
#include "cli/conf.h"
#include "cli/daemons.h"
#include "cli/opts.h"
#include "cli/out.h"
#include "cli/registry.h"
#include "cli/request.h"

static int read_options(const struct command *self, int argc, char **argv, struct request *q, bool one, bool *reset, bool *json)
{
	static const struct option options[] = { { "timeout", required_argument, NULL, 't' }, { "reset-config", no_argument, NULL, 'r' },
		{ "json", no_argument, NULL, 'j' }, { 0 } },
		of_one[] = { { "timeout", required_argument, NULL, 't' }, { "json", no_argument, NULL, 'j' }, { 0 } };
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

static int restart_registry(bool reset)
{
	struct instance in = INSTANCE_NONE;
	struct fault f = { "" };
	struct cliconf c;
	int status = EXIT_FAIL;

	if (registry_is_off())
		return out_fail("NAME missing: without names it is the registry, and TEND_REGISTRY=none says that there is none");
	if (!conf_load(&c))
		return EXIT_FAIL;
	in.access = PT_CLIENT;
	if (home_open(NULL, HOME_CREATE, &in.home, &f) < 0 || daemons_ensure(&in.home, NULL, &f) < 0 || instance_attach(&in, &f) < 0)
		out_fail("%s", f.text);
	else
		status = registry_restart(&in, &c, reset) ? EXIT_OK : EXIT_FAIL;
	instance_close(&in);
	cliconf_done(&c);
	return status;
}

static int restart(const struct command *self, int argc, char **argv, bool one)
{
	struct request q = { .like = { .kind = PT_COMMAND_RESTART }, .doing = "restarting", .done = "restarted" };
	bool reset = false, json = false;
	int opt = read_options(self, argc, argv, &q, one, &reset, &json);

	if (opt != OPT_END)
		return opts_status(opt);
	if (one && !opts_operands(argc, 1, "NAME"))
		return EXIT_MISUSE;
	if (reset && optind < argc)
		return out_misuse("--reset-config is for the registry: without names");
	if (json)
		acts_begin();
	if (optind == argc)
		return restart_registry(reset);
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
	.summary = "stop and start again; without names the registry",
	.usage = "NAME... [--timeout SECONDS] [--json]\n[--reset-config] [--json]",
	.help = "A process runs again as it was started: command, environment, folder. One that rests\n"
		"or waits to be restarted is started now. Without names it is the registry, at the\n"
		"address and with the database that it had; if none runs, one is started.\n"
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
	.summary = "the same for one process",
	.usage = "NAME [--timeout SECONDS] [--json]",
	.help = "As tend restart NAME.\n"
		"\n"
		"  --timeout SECONDS  how long it may take to end before it is killed\n"
		"  --json             one JSON document that tells what became of it\n",
	.run = run_agent,
};
