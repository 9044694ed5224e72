/* cli/commands.c - the table of commands, and from an argument vector to one of them
 * (cli/cmd.h). */
#include <stdlib.h>
#include <string.h>

#include "cli/cmd.h"
#include "cli/out.h"
#include "client/like.h"

const struct command *const commands[] = {
	&cmd_start,
	&cmd_resurrect,
	&cmd_stop,
	&cmd_restart,
	&cmd_restart_agent,
	&cmd_signal,
	&cmd_remove,
	&cmd_group,
	&cmd_status,
	&cmd_list,
	&cmd_logs,
	&cmd_logs_aggregator,
	&cmd_events,
	&cmd_why,
	&cmd_wait,
	&cmd_snapshot,
	&cmd_monitor,
	&cmd_stats,
	&cmd_metrics,
	&cmd_config,
	&cmd_doctor,
	&cmd_orphans,
	&cmd_upgrade,
	&cmd_version,
	&cmd_help,
	NULL,
};

const struct command *command_find(const char *name)
{
	for (const struct command *const *c = commands; *c; c++)
		if (strcmp((*c)->name, name) == 0)
			return *c;
	return NULL;
}

const char *command_like(const char *name)
{
	struct like like = LIKE(name);

	for (const struct command *const *c = commands; *c; c++)
		like_try(&like, (*c)->name);
	return like.best;
}

void command_usage(const struct command *c, FILE *to)
{
	const char *form = c->usage, *intro = "usage:";

	while (form) {
		size_t len = strcspn(form, "\n");

		fprintf(to, "%s %s %s%s%.*s\n", intro, out_program(), c->name, len ? " " : "",
			(int)len, form);
		intro = "      ";
		form = form[len] ? form + len + 1 : NULL;
	}
}

/* The options that every command has stand behind its own, in front of the examples. */
void command_page(const struct command *c)
{
	static const char common[] = "  -h, --help   this page\n"
				     "  -q, --quiet  print nothing but errors\n";
	const char *examples = strstr(c->help, "Examples:\n");
	size_t len = examples ? (size_t)(examples - c->help) : strlen(c->help);
	char *own;

	while (len && c->help[len - 1] == '\n')
		len--;
	own = strndup(c->help, len);
	if (!own)
		return;
	printf("%s %s: %s\n\n", out_program(), c->name, c->summary);
	command_usage(c, stdout);
	putchar('\n');
	out_text(stdout, own);
	printf("%s%s", len ? "\n\n" : "", common);
	if (examples) {
		putchar('\n');
		out_text(stdout, examples);
	}
	free(own);
}

void command_overview(void)
{
	printf("%s keeps background processes running: starts them, watches them, restarts\n"
	       "them, keeps their output.\n\n",
		out_program());
	out_text(stdout, "usage: tend COMMAND [OPTION...] [OPERAND...]\n\n");
	for (const struct command *const *c = commands; *c; c++)
		printf("  %-16s %s\n", (*c)->name, (*c)->summary);
	out_text(stdout,
		"\n\"tend help COMMAND\" explains one of them. TEND_HOME chooses the instance (default ~/.mcp_mesh).\n");
}

static int unknown(const char *name)
{
	const char *like = command_like(name);
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

int command_run(int argc, char **argv)
{
	const struct command *c;

	if (argc < 2) {
		command_overview();
		return EXIT_FAIL;
	}
	if (strcmp(argv[1], "-h") == 0 || is_option(argv[1], "--help")) {
		command_overview();
		return EXIT_OK;
	}
	c = is_option(argv[1], "--version")		  ? &cmd_version
		: strcmp(argv[1], cmd_complete.name) == 0 ? &cmd_complete
							  : command_find(argv[1]);
	if (!c)
		return unknown(argv[1]);
	out_command(c);
	return c->run(c, argc - 1, argv + 1);
}
