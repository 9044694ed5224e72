/*
 * spawner/adopt.c - what a new spawner finds: rows of an earlier one, processes that ran on, exits
 * that nobody acted on yet. Each row is brought to a state that holds, by the same machine that
 * everything else goes through. Where the segment is new as well (a reboot, or a segment that was
 * lost while no daemon lived) see rebuild.c.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/procfs.h"
#include "base/say.h"
#include "base/whose.h"
#include "shm/events.h"
#include "shm/lock.h"
#include "spawner/drive.h"
#include "spawner/handover.h"
#include "spawner/rows.h"

#define SEGMENT_RETRY_NS (50 * NS_PER_MS)

static const struct cause adopted = { .reason = PT_REASON_ADOPTED };

static bool is_proven(struct proc *p, pid_t pid)
{
	return whose_is(&p->sp->start.home, pid, p->ident->name) ||
		cgroup_holds(&p->sp->cgroup, p->ident->name, pid);
}

/*
 * Is the process of this row's pid and start time ours? The table's word counts, for a spawner of
 * this instance has written it in this boot, but not against what the process says of itself. What
 * a file says is no more than a hint where to look: then the process has to prove it
 * (base/whose.h), or be where nobody but us puts processes.
 */
static bool is_ours(struct proc *p)
{
	char name[NAME_MAX_BYTES];

	return p->unproven ? is_proven(p, p->life.pid)
			   : whose_pid(&p->sp->start.home, p->life.pid, name) != WHOSE_OTHERS;
}

/* Take up a process that ran when we came, or has ended since: its number may be a stranger's by
 * now. */
void adopt_process(struct proc *p)
{
	const struct pt_life *l = &p->life;
	bool lives = l->start_ticks && pid_alive(l->pid, l->start_ticks),
	     still = lives && is_ours(p);

	p->session = l->pid;
	p->session_seen = still ||
		(!p->unproven && l->start_ticks && pid_state(l->pid, l->start_ticks) == 'Z');
	p->child = false;
	/* the start time of a stranger is none of ours */
	if (!still || pidref_open(l->pid, l->start_ticks, &p->ref) < 0)
		p->ref = (struct pidref){ .pid = l->pid,
			.start_ticks = lives && !still ? UINT64_MAX : l->start_ticks,
			.fd = -1 };
	if (lives && !still)
		say(SAY_WARNING,
			"%s: process %d is not of this instance, whatever was noted of it; it is left alone",
			p->ident->name, l->pid);
	proc_note_pid(p);
	if (still)
		exits_watch(p);
	if (p->ref.pid && !(still && pid_alive(p->ref.pid, p->ref.start_ticks)))
		exits_look_at(p); /* before any command is carried out that asks for it */
}

/* When it began: the kernel knows, in ticks since the boot. */
static void note_start(struct pt_life *l)
{
	uint64_t now = clock_boot_ns(), hz = (uint64_t)sysconf(_SC_CLK_TCK);

	l->start_boot_ns = l->start_ticks ? l->start_ticks * (NS_PER_SEC / hz) : now;
	l->start_real_ns = clock_real_ns() - (now > l->start_boot_ns ? now - l->start_boot_ns : 0);
}

/* Is it a child of the guardian's or of ours, as what a spawner launched is that died just now?
 * Then it is not a stranger, also where it shows us nothing: a zombie, or a program that hides
 * itself even from its own user. */
static bool is_launched(const struct spawner *sp, const struct procfs_stat *st)
{
	return (st->ppid == getpid() || st->ppid == sp->guardian.pid) &&
		(!procfs_stat_alive(st) || st->session == st->pid);
}

/* The earlier spawner died between the decision to launch and its result. The kernel stored the
 * pid, if there was a process; of when it began nothing was stored, so the number alone could be
 * anybody's by now. */
static void adopt_starting(struct proc *p)
{
	pid_t pid = pt_pid_read(p->sp->pt, p->slot);
	struct procfs_stat st;

	if (pid <= 0) {
		/* nothing was started yet: launch, as was decided and counted */
		proc_event(p, EV_TIMEOUT, &adopted);
		return;
	}
	p->life.pid = pid;
	p->life.start_ticks = 0; /* gone already: the guardian noted how */
	if (procfs_stat(pid, &st) == 0 && (is_launched(p->sp, &st) || is_proven(p, pid)))
		p->life.start_ticks = st.start_ticks;
	note_start(&p->life);
	proc_event(p, EV_LAUNCHED, &adopted);
	adopt_process(p);
}

static void resume(struct proc *p)
{
	struct pt_life *l = &p->life;

	switch (l->state) {
	case PT_STATE_STARTING:
		adopt_starting(p);
		break;
	case PT_STATE_RUNNING:
		adopt_process(p);
		break;
	case PT_STATE_STOPPING:
		loop_timer_set(p->sp->loop, &p->timer, l->next_boot_ns);
		if (l->pid)
			adopt_process(p);
		if (l->state == PT_STATE_STOPPING)
			/* the earlier spawner may have died before it had asked them all to end */
			drive_stop_on(p);
		break;
	case PT_STATE_BACKOFF:
		loop_timer_set(p->sp->loop, &p->timer, l->next_boot_ns);
		break;
	default:
		break;
	}
}

/* Somebody wrote over it: no spawner publishes what machine_check() refuses. What still runs of a
 * process without a pid is found by its marks, and asked to end before policy starts it again. */
static void mend(struct proc *p, const char *broken)
{
	struct pt_life *l = &p->life;
	unsigned traits;

	say(SAY_WARNING, "the row of %s in the table makes no sense: it is %s, and %s; mending it",
		p->ident->name, pt_state_label(l->state), broken);
	if (l->state == PT_STATE_RUNNING && l->pid <= 0) {
		l->state = PT_STATE_STOPPING;
		l->exit_kind = PT_EXIT_LOST;
		l->stop_timeout_ms = p->ident->stop_timeout_ms;
		l->asked = l->killed = 0;
	}
	traits = pt_state_traits(l->state);
	if (!(traits & PT_TRAIT_PID) || l->pid < 0)
		l->pid = 0;
	if (!(traits & PT_TRAIT_TIMER))
		l->next_boot_ns = 0;
	else if (l->next_boot_ns == 0)
		l->next_boot_ns = clock_boot_ns() + p->ident->stop_timeout_ms * NS_PER_MS;
	proc_publish(p);
}

static int load_row(struct spawner *sp, uint32_t slot)
{
	const char *broken;
	struct pt_row row;
	struct proc *p;
	int r = pt_read_blocks(sp->pt, slot, PT_BLOCK_EXIT, &row);

	if (r == -ENOENT)
		return 0;
	if (r < 0) {
		say(SAY_WARNING, "row %u of the table makes no sense: %s, ignoring", slot,
			strerror(-r));
		return 0;
	}
	if (proc_find(sp, row.ident.name))
		return 0;
	/* An event that its writer did not live to publish (shm/events.h). */
	if (row.life.event_pos == pt_event_head(sp->pt, ROLE_SPAWNER) && row.life.since_boot_ns)
		pt_event_publish(sp->pt, row.life.event_pos);
	p = proc_new(sp, slot, &row.ident);
	if (!p)
		return -ENOMEM;
	p->life = row.life;
	if ((broken = machine_check(&p->life)))
		mend(p, broken);
	launch_hold(p);
	p->spec_dirty = true; /* whether it reached the disk died with the last spawner */
	return 1;
}

int adopt_all(struct spawner *sp)
{
	uint32_t high = pt_high(sp->pt);
	unsigned n = 0;
	bool whole;
	int r;

	/* What the last spawner published and did not live to announce: rows that are new, and rows
	 * that are gone. */
	sp->changed = sp->pids_changed = true;
	for (uint32_t i = 0; i < high; i++) {
		r = load_row(sp, i);
		if (r < 0)
			return r;
		n += r > 0;
	}
	/* What the table lacks because an earlier spawner's was another one: all of it, or the rest
	 * if the last spawner died over this. */
	whole = handover_take(sp, &n);
	high = pt_high(sp->pt);
	/* All are known before any of them moves: a tree is told from its neighbours by their
	 * roots. */
	for (uint32_t i = 0; i < high; i++)
		if (sp->slot[i])
			resume(sp->slot[i]);
	r = rebuild(sp, n == 0 && !whole, &n);
	if (r < 0)
		return r;
	handover_forget(sp);
	if (n > 0) {
		say(SAY_INFO, "took over %u process%s", n, n == 1 ? "" : "es");
		/* the last spawner may not have lived to write what it had answered */
		save_now(sp);
	}
	return 0;
}

/* Everything that is ours, written into a segment that was made again. The lock must be held for
 * the generations; it is new, so nobody holds it for long. */
void adopt_segment(struct spawner *sp)
{
	struct pt *old = sp->pt, *new = NULL;
	struct fault f = { "" };
	int r = pt_attach_as(&sp->start.home, PT_SPAWNER, &new, &f);

	if (r == -EPROTO) {
		say(SAY_INFO,
			"the process table is another build's now; making room for its spawner");
		loop_stop(sp->loop, 0);
		return;
	}
	if (r < 0) {
		say(SAY_ERROR, "cannot attach to the new segment: %s", f.text);
		return;
	}
	if (pt_lock(new, 20) < 0) {
		pt_detach(new); /* a client holds its lock already, and is stopped */
		loop_timer_set(sp->loop, &sp->commands_retry, clock_boot_ns() + SEGMENT_RETRY_NS);
		return;
	}
	pt_event_carry(new, old);
	for (uint32_t i = 0; i < sp->capacity; i++) {
		struct proc *p = sp->slot[i];

		if (!p && (pt_gen(new, i) & 1))
			pt_release(new, i);
		if (p)
			row_rewrite(p, new);
	}
	pt_unlock(new);
	sp->pt = new;
	sp->last_ticket = sp->busy_ticket = 0; /* its tickets begin anew */
	sp->changed = sp->pids_changed = true;
	/* Commands of the old segment that wait for an answer get none: their senders see that it
	 * was replaced, and ask again. */
	pt_changed(old);
	pt_detach(old);
}
