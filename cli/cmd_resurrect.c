/* tend resurrect - start again what was up (client/resurrect.h). */
#include "client/resurrect.h"

#include "cli/opts.h"
#include "cli/out.h"
#include "cli/tell.h"

static int run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' }, { 0 } };
	struct outcomes oc;
	bool json = false;
	int opt;

	while ((opt = opts_next(self, argc, argv, options)) >= 0)
		json = true;
	if (opt != OPT_END)
		return opts_status(opt);
	if (!opts_operands(argc, 0, ""))
		return EXIT_MISUSE;
	oc = tell_begin(json);
	return tell_finish(&oc, self, json, resurrect(&oc, NULL) ? EXIT_OK : EXIT_FAIL);
}

const struct command cmd_resurrect = {
	.name = "resurrect",
	.summary = "start the daemons, and what was up when the instance last ran",
	.usage = "[--json]",
	.help = "The same as tend start without operands. For the time after a reboot, or after\n"
		"tend stop without names.\n"
		"\n"
		"  --json  one JSON document that tells what became of each\n",
	.run = run,
};
