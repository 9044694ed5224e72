/*
 * cli/cmd.h - one command of the command line. Each lives in a file of its own, cmd_NAME.c, and is
 * listed in the table in commands.c.
 */
#ifndef CLI_CMD_H
#define CLI_CMD_H

#include <stdio.h>

/* Exit statuses. */
enum exit_status {
	EXIT_OK = 0,
	EXIT_FAIL = 1,
	EXIT_MISUSE = 2,
	EXIT_NOT_RUNNING = 3,
	EXIT_INTERRUPTED = 130
};

struct command {
	const char *name;
	const char *summary; /* one line, for "tend help" */
	const char *usage;   /* what follows the name; lines parted by \n for several forms */
	const char *help;    /* options and examples; ends in \n */
	int (*run)(
		/* argv[0] is the command's name; an exit status */
		const struct command *self, int argc, char **argv);
};

extern const struct command cmd_start, cmd_resurrect, cmd_stop, cmd_restart, cmd_restart_agent,
	cmd_signal, cmd_remove, cmd_group, cmd_status, cmd_list, cmd_monitor, cmd_stats,
	cmd_metrics, cmd_logs, cmd_logs_aggregator, cmd_events, cmd_why, cmd_wait, cmd_snapshot,
	cmd_config, cmd_doctor, cmd_orphans, cmd_upgrade, cmd_version, cmd_help, cmd_complete;

/* The table, NULL behind the last. */
extern const struct command *const commands[];

/* NULL: no such command. */
const struct command *command_find(const char *name);
/* The name of a command that looks like this one, or NULL. */
const char *command_like(const char *name);

/* What main() does: find the command that argv[1] names, and run it. Returns an exit status. */
int command_run(int argc, char **argv);

/* "usage: tend NAME ..." for each form, on the given stream. */
void command_usage(const struct command *c, FILE *to);
/* The whole page of one command, and the overview, on stdout. */
void command_page(const struct command *c);
void command_overview(void);

#endif
