/*
 * guardian/orphans.c - the guardian is a subreaper: processes whose spawner died become its
 * children. It reads how each of them ended, writes that into the row's exit block, and only then
 * reaps, so that a guardian killed in between leaves a zombie for the next parent to read.
 */
#define _GNU_SOURCE 1
#include <signal.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/pidref.h"
#include "base/procfs.h"
#include "base/say.h"
#include "guardian/guardian.h"

static void record(struct guardian *g, pid_t pid, int wait_status)
{
	uint32_t high = pt_high(g->pt);
	struct procfs_stat st = { 0 };

	for (uint32_t i = 0; i < high; i++) {
		uint32_t gen = pt_gen(g->pt, i);

		if (!(gen & 1) || pt_pid_read(g->pt, i) != pid)
			continue;
		procfs_stat(pid, &st); /* still a zombie, so its start time can be read */
		struct pt_exit box = { .start_ticks = st.start_ticks,
			.real_ns = clock_real_ns(),
			.boot_ns = clock_boot_ns(),
			.gen = gen,
			.held = i < g->fifos.slots && g->fifos.row[i].gen == gen ? gen : 0,
			.pid = pid,
			.wait_status = wait_status };

		pt_put_exit(g->pt, i, &box);
		g->ring_due = true;
		return;
	}
}

/* While the table is unfilled an end could not be recorded, so only our own daemons are reaped. */
static void reap_daemons(struct guardian *g)
{
	siginfo_t si = { 0 };

	for (unsigned i = ROLE_SPAWNER; i < ROLE_MAX; i++) {
		pid_t pid = g->role[i].child;

		if (pid == 0 || waitid(P_PID, (id_t)pid, &si, WEXITED | WNOHANG) < 0 ||
			si.si_pid != pid)
			continue;
		role_reaped(g, pid, pid_wait_status(&si));
		si.si_pid = 0;
	}
}

void orphans_reap(struct guardian *g)
{
	siginfo_t si = { 0 };

	if (g->unfilled) {
		reap_daemons(g);
		return;
	}
	while (waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT) == 0 && si.si_pid != 0) {
		pid_t pid = si.si_pid;
		int wait_status = pid_wait_status(&si);

		if (!role_reaped(g, pid, wait_status))
			record(g, pid, wait_status);
		waitid(P_PID, (id_t)pid, &si, WEXITED | WNOHANG);
		si.si_pid = 0;
	}
}
