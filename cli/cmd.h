/*
 * cli/cmd.h - one command of the command line. Each lives in a file of its own, cmd_NAME.c, and is
 * listed in cmdtable.c.
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

#endif
