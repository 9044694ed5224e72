/* cli/commands.c - from an argument vector to a command (cli/commands.h). */
#include "cli/commands.h"

#include <string.h>

#include "cli/out.h"
#include "cli/program.h"
#include "client/like.h"

static const struct command *const *all;

const struct command *const *commands_list(void)
{
	return all;
}

static const struct command *find(const struct command *const *c, const char *name)
{
	for (; *c; c++)
		if (strcmp((*c)->name, name) == 0)
			return *c;
	return NULL;
}

const struct command *commands_find(const char *name)
{
	return find(all, name);
}

/* One that is not listed. */
static const struct command *find_unlisted(const char *name)
{
	const struct command *const *c = all;

	while (*c)
		c++;
	return find(c + 1, name);
}

const char *commands_like(const char *name)
{
	struct like like = LIKE(name);

	for (const struct command *const *c = all; *c; c++)
		like_try(&like, (*c)->name);
	return like.best;
}

void commands_overview(void)
{
	printf("%s keeps background processes running: starts them, watches them, restarts\n"
	       "them, keeps their output.\n\n",
		program_name());
	program_text(stdout, "usage: tend COMMAND [OPTION...] [OPERAND...]\n\n");
	for (const struct command *const *c = all; *c; c++)
		printf("  %-16s %s\n", (*c)->name, (*c)->summary);
	program_text(stdout,
		"\n\"tend help COMMAND\" explains one of them. TEND_HOME chooses the instance\n"
		"(default ~/.mcp_mesh).\n");
}

static int unknown(const char *name)
{
	const char *like = commands_like(name);
	const char *kind = name[0] == '-' ? "option" : "command";

	if (like && name[0] != '-')
		return out_misuse("unknown command %s; did you mean %s?", name, like);
	return out_misuse("unknown %s %s", kind, name);
}

static bool is_option(const char *arg, const char *option)
{
	size_t len = strlen(arg);

	return len >= 3 && strncmp(option, arg, len) == 0;
}

int commands_run(const struct command *const *table, int argc, char **argv)
{
	const struct command *c;

	all = table;
	if (argc < 2) {
		commands_overview();
		return EXIT_FAIL;
	}
	if (strcmp(argv[1], "-h") == 0 || is_option(argv[1], "--help")) {
		commands_overview();
		return EXIT_OK;
	}
	c = commands_find(is_option(argv[1], "--version") ? "version" : argv[1]);
	if (!c)
		c = find_unlisted(argv[1]);
	if (!c)
		return unknown(argv[1]);
	out_command(c);
	return c->run(c, argc - 1, argv + 1);
}
