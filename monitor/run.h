/*
 * monitor/run.h - the small commands that the monitor runs: exec probes and the alert command.
 */
#ifndef MONITOR_RUN_H
#define MONITOR_RUN_H

#include <sys/types.h>

/* Execute argv in a process group of its own, with no signal blocked, standard input from stdin_fd (-1: nothing), output to nowhere. */
int run_begin(char *const *argv, int stdin_fd, pid_t *ret);
/* Kill the group, with all children that are still in it, and reap the command. */
void run_end(pid_t child);

#endif
