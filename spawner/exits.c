/*
 * spawner/exits.c - how a process ended, for certain: the status is read while the zombie is still
 * there, published, and only then reaped. A spawner that is killed in between leaves the zombie to
 * the guardian, which reads it again.
 *
 * Our own children are learned of by SIGCHLD. A process that an earlier spawner launched is the
 * guardian's child: its pidfd wakes us, and the status is in the row's exit block once the guardian
 * has read it.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/procfs.h"
#include "base/say.h"
#include "spawner/drive.h"
#include "spawner/shutdown.h"
#include "spawner/stop.h"
#include "spawner/tree.h"

/* a daemon that knows how a process ended answers within milliseconds */
#define ASK_NS (500 * NS_PER_MS)
/* for what a crashed process left behind: its restart waits for them */
#define LEFTOVER_TIMEOUT_MS 5000u

/* The process itself has ended: has its tree? */
static void judge(struct proc *p)
{
	struct cause why = { .reason = PT_REASON_LEFTOVERS,
		.timeout_ms = p->ident->stop_timeout_ms < LEFTOVER_TIMEOUT_MS
			? p->ident->stop_timeout_ms
			: LEFTOVER_TIMEOUT_MS };

	if (tree_is_empty(p)) {
		stop_over(p);
	} else if (p->life.state == PT_STATE_STOPPING) {
		proc_publish(p);
		stop_look_again(p);
	} else {
		proc_raise(p, EV_LEFTOVERS, &why);
	}
}

/* The process itself has ended; its pid is not reaped yet (or was never ours). */
static void ended(
	struct proc *p, enum pt_exit_kind kind, int wait_status, uint64_t real_ns, uint64_t boot_ns)
{
	struct pt_life *l = &p->life;

	loop_unwatch(p->sp->loop, p->watch);
	p->watch = NULL;
	if (p->ended_unseen)
		p->sp->unseen--;
	p->ended_unseen = false;
	if (p->asked_until_ns)
		p->sp->asking--;
	p->asked_until_ns = 0;
	pidref_done(&p->ref);
	proc_note_pid(p);
	l->pid = 0;
	l->exit_kind = (uint8_t)kind;
	l->wait_status = wait_status;
	l->exit_real_ns = real_ns;
	l->exit_boot_ns = boot_ns;
	judge(p);
	proc_settle(p->sp); /* published before the caller reaps */
}

void exits_reap(struct spawner *sp)
{
	siginfo_t si = { 0 };

	while (waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT) == 0 && si.si_pid != 0) {
		pid_t pid = si.si_pid;
		int wait_status = pid_wait_status(&si);
		struct proc *p = proc_of_pid(sp, pid);
		bool counted = p != NULL || pid == sp->saver;

		if (p)
			ended(p, PT_EXIT_KNOWN, wait_status, clock_real_ns(), clock_boot_ns());
		else if (save_reaped(sp, pid, wait_status) && sp->shutting)
			spawner_all_rest(sp);
		waitid(P_PID, (id_t)pid, &si, WEXITED | WNOHANG);
		if (counted)
			sp->children--;
		si.si_pid = 0;
	}
}

/* A note of the guardian, the monitor or the logger: how this very process ended. */
static bool take_note(struct proc *p)
{
	struct pt_exit box;

	for (unsigned role = 0; role < ROLE_MAX; role++) {
		if (pt_read_exit(p->sp->pt, role, p->slot, &box) < 0 || box.pid != p->ref.pid)
			continue;
		if (box.start_ticks && p->ref.start_ticks && box.start_ticks != p->ref.start_ticks)
			continue;
		ended(p, PT_EXIT_KNOWN, box.wait_status, box.real_ns, box.boot_ns);
		return true;
	}
	return false;
}

/* Does a daemon live that was there before us, and so may have a pidfd of what is gone now? */
static bool somebody_may_know(const struct spawner *sp)
{
	uint64_t own = procfs_own_start(), start_ticks = 0;
	pid_t pid = 0;

	for (unsigned role = 0; role < ROLE_MAX; role++)
		if (role != ROLE_SPAWNER &&
			role_holder(sp->start.home.run_fd, role, &pid, &start_ticks) == 0 &&
			start_ticks < own)
			return true;
	return false;
}

/* It is gone, and we came too late to see how. Publishing the row once more asks the others
 * (follower/ends.h). False: they did not know in time. */
static bool ask(struct proc *p)
{
	struct spawner *sp = p->sp;
	uint64_t now = clock_boot_ns();

	if (p->asked_until_ns == 0) {
		if (!somebody_may_know(sp))
			return false;
		p->asked_until_ns = now + ASK_NS;
		sp->asking++;
		sp->unseen += !p->ended_unseen;
		p->ended_unseen = true;
		proc_publish(p);
		sp->pids_changed = true;
	}
	if (now >= p->asked_until_ns)
		return false;
	proc_look_soon(sp, LOOK_AGAIN_NS);
	return true;
}

/* It is a zombie, and not the guardian's: whoever is its parent now reaps it without telling us, so
 * read the status where the kernel shows it (/proc/PID/stat field 52, which is 0 for processes of
 * other users). */
static bool take_zombie(struct proc *p, const struct procfs_stat *st)
{
	char path[32];
	struct stat owner;

	if (st->ppid == p->sp->guardian.pid || st->ppid == getpid())
		return false;
	snprintf(path, sizeof(path), "/proc/%d", (int)p->ref.pid);
	if (st->exit_status == 0 && geteuid() != 0 &&
		(stat(path, &owner) < 0 || owner.st_uid != geteuid()))
		ended(p, PT_EXIT_LOST, 0, clock_real_ns(), clock_boot_ns());
	else
		ended(p, PT_EXIT_KNOWN, st->exit_status, clock_real_ns(), clock_boot_ns());
	return true;
}

/* Too few descriptors, too little memory: whether it lives can't be told now, or not be watched. It
 * is not taken for dead: that would start it twice. */
static void look_later(struct proc *p)
{
	loop_unwatch(p->sp->loop, p->watch);
	p->watch = NULL;
	proc_look_soon(p->sp, LOOK_AGAIN_NS);
}

void exits_watch_again(struct spawner *sp)
{
	for (uint32_t i = 0; i < sp->capacity; i++) {
		struct proc *p = sp->slot[i];

		if (p && p->ref.pid && p->ended_unseen)
			exits_look_at(p);
		else if (p && p->ref.pid && !p->child && !p->watch)
			exits_watch(p);
		if (p && p->child && p->ref.pid && p->ref.start_ticks == 0) {
			launch_note_start(p);
			proc_publish(p);
		}
	}
}

/* It has ended. How is known from a note, else from the zombie, else from the kernel (Linux 6.15),
 * else from who is asked, else it is lost. */
void exits_look_at(struct proc *p)
{
	struct procfs_stat st;
	int wait_status = 0, r;

	if (take_note(p))
		return;
	r = procfs_stat(p->ref.pid, &st);
	if ((r < 0 && r != -ESRCH) ||
		(r == 0 && st.start_ticks == p->ref.start_ticks && procfs_stat_alive(&st))) {
		look_later(p);
		return;
	}
	if (r == 0 && st.start_ticks == p->ref.start_ticks) {
		if (take_zombie(p, &st))
			return;
		if (!p->ended_unseen)
			p->sp->unseen++;
		p->ended_unseen = true; /* the guardian reads it next, and rings */
		loop_unwatch(p->sp->loop, p->watch);
		p->watch = NULL;
		return;
	}
	if (take_note(p)) /* it may have come between the two looks */
		return;
	if (pidref_exit_status(&p->ref, &wait_status) == 0)
		ended(p, PT_EXIT_KNOWN, wait_status, clock_real_ns(), clock_boot_ns());
	else if (!ask(p))
		ended(p, PT_EXIT_LOST, 0, clock_real_ns(), clock_boot_ns());
}

static void on_pidfd(void *arg, uint32_t events)
{
	(void)events;
	exits_look_at(arg);
}

void exits_watch(struct proc *p)
{
	struct pidref again;

	if (p->ref.fd < 0 && pidref_open(p->ref.pid, p->ref.start_ticks, &again) == 0)
		p->ref = again;
	if (p->ref.fd < 0 ||
		loop_watch(p->sp->loop, p->ref.fd, EPOLLIN, on_pidfd, p, &p->watch) < 0)
		exits_look_at(p); /* it is gone, or something fails */
}

void exits_look(struct spawner *sp)
{
	for (uint32_t i = 0; i < sp->high && sp->unseen; i++)
		if (sp->slot[i] && sp->slot[i]->ended_unseen)
			exits_look_at(sp->slot[i]);
}
