/* tend version */
#include "cli/opts.h"
#include "cli/out.h"

static int run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = { { 0 } };
	int opt;

	if (argv[0][0] != '-' && (opt = opts_next(self, argc, argv, options)) != OPT_END)
		return opts_status(opt);
	if (argc > 1)
		return out_misuse("takes no operands");
	printf("%s %s\n", out_program(), TEND_VERSION);
	return EXIT_OK;
}

const struct command cmd_version = {
	.name = "version",
	.summary = "print the version",
	.usage = "",
	.help = "The same as tend --version.\n",
	.run = run,
};
