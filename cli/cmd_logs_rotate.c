/* tend logs rotate: asks the logger, with a command in its ring (cli/cmd_logs_rotate.h). */
#include "cli/cmd_logs_rotate.h"

#include "cli/opts.h"
#include "cli/tell.h"
#include "client/ask.h"
#include "client/request.h"

static const struct command self = {
	.name = "logs rotate",
	.summary = "begin new log files",
	.usage = "[NAME...]",
	.help = "The current log file of each named process (without names: of all, and tend's\n"
		"own) becomes a numbered one, which is then compressed, and a new one begins. A\n"
		"line that is being written is finished first.\n",
};

static int rotate_all(struct outcomes *oc)
{
	struct ask_patience patience = { .doing = "rotating", .oc = oc };
	struct instance in = INSTANCE_NONE;
	struct fault f = { "" };
	struct ask a;
	int r = instance_open(&in, NULL, PT_CLIENT, &f);

	ask_fill(&a, PT_COMMAND_ROTATE, NULL, 0);
	if (r == 0)
		r = ask_all(&in, &a, 1, &patience, &f);
	instance_close(&in);
	if (r < 0)
		return TELL_FAIL(oc, "%s", f.text);
	if (a.answer.code < 0)
		return TELL_FAIL(oc, "%s", a.answer.text);
	outcome_say(oc, "%s", a.answer.text);
	return EXIT_OK;
}

int cmd_logs_rotate(int argc, char **argv)
{
	static const struct option options[] = { { 0 } };
	struct request q = {
		.like = { .kind = PT_COMMAND_ROTATE }, .doing = "rotating", .done = OUTCOME_ROTATED
	};
	struct outcomes oc;
	int opt;

	optind = 0; /* the caller may have read options of its own */
	opt = opts_next(&self, argc, argv, options);
	if (opt != OPT_END)
		return opts_status(opt);
	oc = tell_begin(false);
	if (optind == argc)
		return tell_finish(&oc, &self, false, rotate_all(&oc));
	return tell_finish(&oc, &self, false,
		request_run(&oc, NULL, &q, argv + optind, (size_t)(argc - optind)) ? EXIT_OK
										   : EXIT_FAIL);
}
