/* tend help */
#include "cli/commands.h"
#include "cli/opts.h"
#include "cli/out.h"
#include "cli/usage.h"

static int run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = { { 0 } };
	const struct command *c;
	const char *like;
	int opt = opts_next(self, argc, argv, options);

	if (opt != OPT_END)
		return opts_status(opt);
	if (optind == argc) {
		commands_overview();
		return EXIT_OK;
	}
	if (!opts_operands(argc, 1, "COMMAND"))
		return EXIT_MISUSE;
	c = commands_find(argv[optind]);
	if (c) {
		usage_page(c);
		return EXIT_OK;
	}
	like = commands_like(argv[optind]);
	return like ? out_misuse("unknown command %s; did you mean %s?", argv[optind], like)
		    : out_misuse("unknown command %s", argv[optind]);
}

const struct command cmd_help = {
	.name = "help",
	.summary = "list the commands, or explain one",
	.usage = "[COMMAND]",
	.help = "Examples:\n"
		"  tend help\n"
		"  tend help start\n",
	.run = run,
};
