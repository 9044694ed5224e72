/* spawner/stop.c - see spawner/stop.h. */
#define _GNU_SOURCE 1
#include "spawner/stop.h"

#include <signal.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "base/say.h"
#include "spawner/policy.h"
#include "spawner/spawner.h"
#include "spawner/tree.h"

/* what SIGKILL does not end sleeps in the kernel; look again now and then */
#define STOP_KILL_AGAIN_MS 1000u
#define STOP_TRY_AGAIN_MS  100u /* an error prevented a look */
#define STOP_SETTLE_ROUNDS 16	/* a tree that keeps forking is caught when all of it is stopped */
#define STOP_SAY_AFTER	   3	/* kill rounds before it is reported that something survives them */

/* Wait for the end of one member; each end leads to another look at the whole. */
static bool watch_one(struct proc *p, const struct tree *t)
{
	proc_unwatch_leftover(p);
	for (size_t i = t->n; i-- > 0;) {
		if (pidref_open(t->member[i].pid, t->member[i].start_ticks, &p->leftover) < 0)
			continue;
		if (loop_watch(p->sp->loop, p->leftover.fd, EPOLLIN, p->sp->on_leftover, p,
			    &p->leftover_watch) == 0)
			return true;
		proc_unwatch_leftover(p);
	}
	return false;
}

/* Too few descriptors or too little memory for a moment, or a member that went while we looked:
 * soon again, but not after the deadline. */
static void try_again(struct proc *p)
{
	uint64_t soon = clock_boot_ns() + STOP_TRY_AGAIN_MS * NS_PER_MS;

	if (p->life.state == PT_STATE_STOPPING && soon < p->life.next_boot_ns)
		loop_timer_set(p->sp->loop, &p->timer, soon);
}

void stop_over(struct proc *p)
{
	struct policy_verdict v = policy_after_end(p->ident, &p->life, clock_boot_ns());
	struct cause why = { .reason = v.reason, .delay_ms = v.delay_ms };

	proc_unwatch_leftover(p);
	p->kills = 0;
	save_soon(p->sp);
	proc_raise(p, v.event, &why);
}

void stop_look_again(struct proc *p)
{
	struct tree t = { 0 };

	proc_unwatch_leftover(p);
	if (p->ref.pid != 0) /* the process itself lives: its own end is watched */
		return;
	if (tree_find(p, &t) == 0 && t.n == 0) {
		stop_over(p);
		return;
	}
	if (!watch_one(p, &t))
		try_again(p);
	tree_done(&t);
}

static void kill_tree(struct proc *p)
{
	struct tree t = { 0 };
	size_t before = 0;

	for (int round = 0; round < STOP_SETTLE_ROUNDS; round++) {
		tree_done(&t);
		if (tree_find(p, &t) < 0)
			return;
		if (t.n == before)
			break;
		before = t.n;
		(void)tree_signal(&t, SIGSTOP);
	}
	/* Noted before it is done: after cgroup.kill the next run needs a new cgroup
	 * (spawner/launch.c), also if it is another spawner's. How many of the signals arrive says
	 * nothing: what is not our child may be gone and reaped already. */
	if (t.n > 0) {
		p->life.killed = 1;
		proc_publish(p);
	}
	p->stale_cgroup = true;
	cgroup_kill(&p->sp->cgroup, p->ident->name);
	(void)tree_signal(&t, SIGKILL); /* whoever was passed over gets it at the next time */
	tree_done(&t);
}

void stop_kill(struct proc *p)
{
	p->life.next_boot_ns = clock_boot_ns() + STOP_KILL_AGAIN_MS * NS_PER_MS;
	loop_timer_set(p->sp->loop, &p->timer, p->life.next_boot_ns);
	kill_tree(p);
	proc_publish(p);
	if (++p->kills == STOP_SAY_AFTER)
		say(SAY_WARNING,
			"%s: something of its tree survives SIGKILL; most likely it waits inside the kernel for a device",
			p->ident->name);
	if (p->kills > STOP_SAY_AFTER)
		p->kills = STOP_SAY_AFTER + 1;
	stop_look_again(p);
}

void stop_begin(struct proc *p, uint32_t timeout_ms)
{
	struct tree t = { 0 };

	p->kills = 0;
	if (timeout_ms == 0) {
		stop_kill(p);
		return;
	}
	/* A stopped process can't obey, so SIGCONT follows. Whoever was passed over must not wait
	 * for the timeout: all are asked once more. */
	if (tree_find(p, &t) == 0 && tree_signal(&t, p->ident->stop_signal) == 0 &&
		tree_signal(&t, SIGCONT) == 0) {
		p->life.asked = 1;
		proc_publish(p);
	} else {
		try_again(p);
	}
	tree_done(&t);
	stop_look_again(p);
}

void stop_resume(struct proc *p)
{
	if (!p->life.asked && !p->life.killed)
		stop_begin(p, p->life.stop_timeout_ms);
	else
		stop_look_again(p);
}
