/* cli/cmdtable.c - the table of commands (cli/cmdtable.h). */
#include "cli/cmdtable.h"

#include <stddef.h>

const struct command *const cmdtable[] = {
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
	&cmd_complete,
	NULL,
};
