/* tend logs rotate: asks the logger, with a command in its ring (cli/cmd_logs_rotate.h). */
#include "cli/cmd_logs_rotate.h"

#include "cli/ask.h"
#include "cli/opts.h"
#include "cli/out.h"
#include "cli/request.h"

static const struct command self = {
	.name = "logs rotate",
	.summary = "begin new log files",
	.usage = "[NAME...]",
	.help = "The current log file of each named process (without names: of all, and tend's own)\n"
		"becomes a numbered one, which is then compressed, and a new one begins. A line that is\n"
		"being written is finished first.\n",
};

static int rotate_all(void)
{
	struct ask_patience patience = { .doing = "rotating" };
	struct instance in = INSTANCE_NONE;
	struct fault f = { "" };
	struct ask a;
	int r = instance_open(&in, PT_CLIENT, &f);

	ask_fill(&a, PT_COMMAND_ROTATE, NULL, 0);
	if (r == 0)
		r = ask_all(&in, &a, 1, &patience, &f);
	instance_close(&in);
	if (r < 0)
		return out_fail("%s", f.text);
	if (a.answer.code < 0)
		return out_fail("%s", a.answer.text);
	printf("%s\n", a.answer.text);
	return EXIT_OK;
}

int cmd_logs_rotate(int argc, char **argv)
{
	static const struct option options[] = { { 0 } };
	struct request q = {
		.like = { .kind = PT_COMMAND_ROTATE }, .doing = "rotating", .done = "rotated"
	};
	int opt;

	optind = 0; /* the caller may have read options of its own */
	opt = opts_next(&self, argc, argv, options);
	if (opt != OPT_END)
		return opts_status(opt);
	if (optind == argc)
		return rotate_all();
	return request_run(&q, argv + optind, (size_t)(argc - optind));
}
