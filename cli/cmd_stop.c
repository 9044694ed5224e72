/* tend stop: its options (the rest: client/stop.h). */
#include <stdlib.h>

#include "cli/opts.h"
#include "cli/out.h"
#include "cli/tell.h"
#include "client/stop.h"
#include "shm/ring.h"

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
	status = opt == OPT_END ? tell_finish(&oc, self, json,
					  stop_run(&oc, NULL, &s, names, n) ? EXIT_OK : EXIT_FAIL)
				: opts_status(opt);
	free(names);
	return status;
}

const struct command cmd_stop = {
	.name = "stop",
	.summary = "stop processes; without names everything, then the daemons",
	.usage = "[NAME...] [--agent NAME] [--force] [--timeout SECONDS] [--json]",
	.help = "Each process with all its children is asked to end (SIGTERM, or its own stop\n"
		"signal); what is left after the timeout is killed. A named process stays down\n"
		"until it is started again. What stops because everything does is started again\n"
		"by tend start.\n"
		"\n"
		"  --agent NAME       the same as NAME\n"
		"  --force            kill at once\n"
		"  --timeout SECONDS  how long to wait before killing (default: the process's\n"
		"                     own, 30 unless chosen); 0 kills at once\n"
		"  --json             one JSON document that tells what became of each\n"
		"\n"
		"Examples:\n"
		"  tend stop web 'api-*'\n"
		"  tend stop --timeout 5\n",
	.run = run,
};
