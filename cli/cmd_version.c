/* tend version */
#include "cli/opts.h"
#include "cli/out.h"
#include "cli/program.h"
#include "cli/printjson.h"
#include "words/doc.h"

static int run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' }, { 0 } };
	struct json_out o = { 0 };
	bool json = false;
	int opt;

	while ((opt = opts_next(self, argc, argv, options)) >= 0)
		json = true;
	if (opt != OPT_END)
		return opts_status(opt);
	if (!opts_operands(argc, 0, ""))
		return EXIT_MISUSE;
	if (json) {
		doc_version(&o, program_name(), TEND_VERSION);
		return printjson(&o);
	}
	printf("%s %s\n", program_name(), TEND_VERSION);
	return EXIT_OK;
}

const struct command cmd_version = {
	.name = "version",
	.summary = "print the version",
	.usage = "[--json]",
	.help = "The same as tend --version.\n"
		"\n"
		"  --json  name and version as a JSON object\n",
	.run = run,
};
