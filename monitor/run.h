/*
 * monitor/run.h - the small commands that the monitor runs: exec probes and the alert command.
 *
 * Nothing here waits: a command that was killed may still hang in the kernel (on a dead mount, say)
 * for as long as it pleases. It is reaped whenever it comes back; how many hang is in the monitor's
 * own block. OWNERSHIP The monitor owns every run, until it was reaped and fn has returned.
 */
#ifndef MONITOR_RUN_H
#define MONITOR_RUN_H

#include <stdbool.h>
#include <sys/types.h>

#include "monitor/monitor.h"

struct run;

/* It has ended, and its group was killed; si is of waitid(). error: the positive errno of an
 * execution that failed, else 0. Not called for a run that was killed. */
typedef void run_fn(void *arg, int error, const siginfo_t *si);

/* Execute argv in a process group of its own, with no signal blocked, standard input from stdin_fd
 * (-1: nothing), output to nowhere. *at: NULL, or the run before, of which something may be left:
 * one that hangs is not followed by a second. -EBUSY: what is left was just killed. -EDEADLK: it
 * hangs in the kernel. Others: there is no process for it, or it can't be watched. at must stay
 * where it is until run_leave(). */
int run_begin(struct monitor *mo, struct run **at, char *const *argv, int stdin_fd, run_fn *fn,
	void *arg);
/* Kill the group, with all children that are still in it. fn is not called any more. NULL is
 * fine. */
void run_kill(struct run *r);
/* Is the command under way, and was not killed? */
bool run_is_on(const struct run *r);
/* The number of its group. */
pid_t run_group(const struct run *r);
/* Kill it, and forget it: *at is NULL. */
void run_leave(struct run **at);

/* Once a cycle: how many hang? */
void runs_count(struct monitor *mo);
/* Kill all, wait for none: what hangs becomes a child of the guardian's. */
void runs_free(struct monitor *mo);

#endif
