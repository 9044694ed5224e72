/* tend version */
#include "cli/json.h"
#include "cli/opts.h"
#include "cli/out.h"

static int run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' }, { 0 } };
	cJSON *o;
	bool json = false;
	int opt;

	while ((opt = opts_next(self, argc, argv, options)) >= 0)
		json = true;
	if (opt != OPT_END)
		return opts_status(opt);
	if (!opts_operands(argc, 0, ""))
		return EXIT_MISUSE;
	if (json) {
		o = cJSON_CreateObject();
		if (json_add(o, "name", json_text(out_program())) && json_add(o, "version", json_text(TEND_VERSION)))
			return json_print(o);
		cJSON_Delete(o);
		return out_fail("out of memory");
	}
	printf("%s %s\n", out_program(), TEND_VERSION);
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
