/* tend signal */
#include "base/str.h"
#include "cli/opts.h"
#include "cli/out.h"
#include "cli/tell.h"
#include "client/request.h"

static int run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' }, { 0 } };
	struct request q = { .like = { .kind = PT_COMMAND_SIGNAL },
		.doing = "signalling",
		.done = OUTCOME_SIGNALLED };
	struct outcomes oc;
	char name[24], words[40];
	bool json = false;
	int opt, signo;

	while ((opt = opts_next(self, argc, argv, options)) >= 0)
		json = true;
	if (opt != OPT_END)
		return opts_status(opt);
	if (!opts_operands(argc, 2, argc - optind == 1 ? "SIGNAL" : "NAME and SIGNAL"))
		return EXIT_MISUSE;
	if (str_signal(argv[optind + 1], &signo) < 0 || signo < 1)
		return out_misuse("%s: no such signal; write for example HUP, SIGUSR1 or 10",
			argv[optind + 1]);
	q.like.signo = (uint8_t)signo;
	snprintf(words, sizeof(words), "%s sent", str_signal_name(signo, name));
	q.words = words;
	oc = tell_begin(json);
	return tell_finish(&oc, self, json,
		request_run(&oc, NULL, &q, argv + optind, 1) ? EXIT_OK : EXIT_FAIL);
}

const struct command cmd_signal = {
	.name = "signal",
	.summary = "send a signal to a process",
	.usage = "NAME SIGNAL [--json]",
	.help = "The process itself gets it, not its children. What the process makes of it is\n"
		"its own affair: if it ends, its restart policy applies.\n"
		"\n"
		"  --json  one JSON document that tells what became of it\n"
		"\n"
		"Examples:\n"
		"  tend signal web HUP\n",
	.run = run,
};
