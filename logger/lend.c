/* logger/lend.c - the second thread that moves bytes (logger/lend.h). */
#define _GNU_SOURCE 1
#include "logger/lend.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>

#include "base/clock.h"
#include "logger/fifo.h"
#include "logger/file.h"
#include "logger/rotate.h"

#define WORTH_BYTES (64u << 10) /* waking a thread costs as much as moving some pages */

static bool one_processor(void)
{
	static int one = -1;
	cpu_set_t set;

	if (one < 0)
		one = sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) == 1;
	return one;
}

static void in_thread(void *arg, const _Atomic bool *stop)
{
	struct loan *l = arg;
	off_t at = l->at;

	(void)stop;
	l->moved = splice(l->fifo, NULL, l->file, &at, l->want, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
	if (l->moved < 0)
		l->moved = -errno;
	l->end_boot_ns = clock_boot_ns();
}

static void on_done(void *arg)
{
	struct loan *l = arg;

	l->st->lent = false;
	l->done(l->st, l);
}

void lend_begin(struct logger *lg, lend_done_fn *done)
{
	lg->loan.done = done;
	worker_init(&lg->mover, lg->loop, "mover", in_thread, on_done, &lg->loan);
}

void lend_end(struct logger *lg)
{
	worker_end(&lg->mover);
}

void lend_note_busy(struct stream *st, bool busy)
{
	if (st->busy == busy)
		return;
	st->busy = busy;
	st->lg->busy_streams += busy ? 1 : -1u;
}

bool lend(struct stream *st, bool may_splice)
{
	struct logger *lg = st->lg;
	struct loan l = { .st = st, .want = lg->turn_bytes, .done = lg->loan.done };

	(void)worker_reap(&lg->mover);
	if (!st->busy || lg->busy_streams < 2 || lg->mover.busy || one_processor())
		return false;
	if (!may_splice || fifo_need(st) || file_need(st, &l.at) ||
		rotate_step(st, &l.at, &l.want) || l.want < WORTH_BYTES)
		return false; /* the loop meets the same, and deals with it */
	l.fifo = st->fifo;
	l.file = st->file;
	lg->loan = l;
	if (worker_go(&lg->mover))
		return false;
	st->lent = true;
	fifo_arm(st, false);
	loop_timer_clear(lg->loop, &st->timer);
	return true;
}

void lend_settle(struct stream *st)
{
	if (st->lent)
		worker_settle(&st->lg->mover);
}
