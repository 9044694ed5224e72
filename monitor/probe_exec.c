/* monitor/probe_exec.c - a command as a probe: passed if it exits with status 0. It has a process
 * group of its own, which is killed at the timeout; what it writes goes nowhere. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "monitor/probe.h"

static void on_end(void *arg, int error, const siginfo_t *si)
{
	struct probe *p = arg;
	char why[96];

	if (error) {
		(void)snprintf(why, sizeof(why), "it could not be executed: %s", strerror(error));
		probe_done(p, PROBE_FAILED, why);
		return;
	}
	if (si->si_code == CLD_EXITED && si->si_status == 0) {
		probe_done(p, PROBE_PASSED, "");
		return;
	}
	(void)snprintf(why, sizeof(why),
		si->si_code == CLD_EXITED ? "it exited with status %d"
					  : "it was killed by signal %d",
		si->si_status);
	probe_done(p, PROBE_FAILED, why);
}

void probe_exec_begin(struct probe *p)
{
	char why[96];
	int r = run_begin(p->w->mo, &p->command, p->conf->argv, -1, on_end, p);

	if (r == -EBUSY) {
		probe_done(p, PROBE_NO_RESULT, "");
	} else if (r == -EDEADLK) { /* one that hangs is enough: another would hang, too */
		(void)snprintf(why, sizeof(why), "the command before (process %d) can't be killed",
			(int)run_group(p->command));
		probe_done(p, PROBE_FAILED, why);
	} else if (r < 0) {
		(void)snprintf(why, sizeof(why), "it could not be executed: %s", strerror(-r));
		probe_done(p, PROBE_FAILED, why);
	}
}
