/*
 * guardian/patience.c - while the instance ends nobody is waited for without bound.
 *
 * A daemon that was stopped (SIGSTOP), or hangs in the kernel on a dead mount, would keep an
 * instance from ending. So each is looked at once a second. One that has got nowhere for STILL_NS
 * is killed; a spawner or a logger is started again then, for there is work left. One that even
 * SIGKILL does not end within KILLED_NS is left behind: it ends when the kernel lets go of it, and
 * its lock tells the next guardian until then.
 */
#define _GNU_SOURCE 1
#include <signal.h>

#include "base/clock.h"
#include "base/procfs.h"
#include "base/say.h"
#include "guardian/guardian.h"

#define LOOK_NS	  NS_PER_SEC
#define STILL_NS  (15 * NS_PER_SEC)
#define KILLED_NS (5 * NS_PER_SEC)

/* What it has done so far: CPU time, and what the logger has moved. */
static uint64_t work_of(const struct guarded_role *r, const struct procfs_stat *st)
{
	uint64_t sum = st->utime_ticks + st->stime_ticks;
	uint32_t high = r->role == ROLE_LOGGER ? pt_high(r->g->pt) : 0;
	struct pt_row row;

	for (uint32_t i = 0; i < high; i++)
		if (pt_read_blocks(r->g->pt, i, PT_BLOCK_LOG, &row) == 0)
			sum += row.log.captured_bytes;
	return sum;
}

/* Until it was told to end, a spawner rests while it waits for processes; only one that is held up
 * stands still. */
static bool may_rest(const struct guardian *g, const struct procfs_stat *st)
{
	return g->shutting == 1 && st->state != 'T' && st->state != 't' && st->state != 'D';
}

static void look_at(struct guarded_role *r, uint64_t now)
{
	pid_t pid = r->child ? r->child : r->other.pid;
	struct procfs_stat st;
	uint64_t work;

	if (!pid || procfs_stat(pid, &st) < 0 || !procfs_stat_alive(&st))
		return;
	work = work_of(r, &st);
	if (r->seen_pid != pid || work != r->seen_work || may_rest(r->g, &st)) {
		r->seen_pid = pid;
		r->seen_work = work;
		r->seen_boot_ns = now;
		r->killed = false;
	} else if (!r->killed && now - r->seen_boot_ns >= STILL_NS) {
		say(SAY_WARNING,
			"the %s (process %d) keeps the instance from ending (state %c); killing it",
			role_name(r->role), (int)pid, st.state);
		if (r->child)
			(void)kill(r->child, SIGKILL); /* not reaped: the pid can't be another's */
		else
			(void)pidref_signal(&r->other, SIGKILL);
		r->killed = true;
	} else if (r->killed && !r->abandoned && now - r->seen_boot_ns >= STILL_NS + KILLED_NS) {
		say(SAY_ERROR, "the %s (process %d) hangs in the kernel; it is left behind",
			role_name(r->role), (int)pid);
		r->abandoned = true;
	}
}

static void on_look(void *arg)
{
	struct guardian *g = arg;
	uint64_t now = clock_boot_ns();

	for (unsigned i = ROLE_SPAWNER; i < ROLE_MAX; i++)
		if (g->shutting == 2 || i == ROLE_SPAWNER) /* before, the others have work to do */
			look_at(&g->role[i], now);
	(void)loop_timer_set(g->loop, &g->patience, now + LOOK_NS);
	g->step_due = true;
}

void patience_begin(struct guardian *g)
{
	loop_timer_init(&g->patience, on_look, g);
	(void)loop_timer_set(g->loop, &g->patience, clock_boot_ns() + LOOK_NS);
}
