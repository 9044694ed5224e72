/* monitor/probe_exec.c - a command as a probe: passed if it exits with status 0. It has a process group of its own, which is killed at the
 * timeout; what it writes goes nowhere. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/pidref.h"
#include "monitor/probe.h"
#include "monitor/run.h"

void probe_exec_cancel(struct probe *p)
{
	if (!p->child)
		return;
	loop_unwatch(p->w->mo->loop, p->ending);
	p->ending = NULL;
	run_end(p->child);
	p->child = 0;
	io_close(&p->child_fd);
}

static void on_ending(void *arg, uint32_t events)
{
	struct probe *p = arg;
	char why[64] = "";
	siginfo_t si = { 0 };

	(void)events;
	(void)waitid(P_PID, (id_t)p->child, &si, WEXITED | WNOWAIT);
	probe_exec_cancel(p);
	if (si.si_code == CLD_EXITED && si.si_status == 0) {
		probe_done(p, PROBE_PASSED, why);
		return;
	}
	(void)snprintf(why, sizeof(why), si.si_code == CLD_EXITED ? "it exited with status %d" : "it was killed by signal %d", si.si_status);
	probe_done(p, PROBE_FAILED, why);
}

void probe_exec_begin(struct probe *p)
{
	char why[96];
	int r = run_begin(p->conf->argv, -1, &p->child);

	if (r < 0) {
		p->child = 0;
		(void)snprintf(why, sizeof(why), "it could not be executed: %s", strerror(-r));
		probe_done(p, PROBE_FAILED, why);
		return;
	}
	p->child_fd = sys_pidfd_open(p->child);
	if (p->child_fd < 0 || loop_watch(p->w->mo->loop, p->child_fd, EPOLLIN, on_ending, p, &p->ending)) {
		run_end(p->child);
		p->child = 0;
		io_close(&p->child_fd);
		probe_done(p, PROBE_FAILED, "its end can't be watched");
	}
}
