/* follower/ends.c - see follower/ends.h. */
#define _GNU_SOURCE 1
#include "follower/ends.h"

#include "base/clock.h"
#include "base/io.h"

static bool is_same_run(const struct pidref *r, const struct pt_life *life)
{
	return r->pid == life->pid &&
		(life->start_ticks == 0 || r->start_ticks == life->start_ticks);
}

bool end_look(const struct pt_life *life, struct pidref *r, struct pt_exit *ret)
{
	int wait_status;

	if (!(pt_state_traits(life->state) & PT_TRAIT_PID) || life->pid <= 0) {
		pidref_done(r);
		return false;
	}
	if (!is_same_run(r, life)) {
		pidref_done(r);
		if (pidref_open(life->pid, life->start_ticks, r) == 0 &&
			io_is_scarce(r->fd, IO_SPARE_FDS))
			/* as if it were gone already: its end is somebody else's to know */
			pidref_done(r);
		return false;
	}
	if (pidref_exit_status(r, &wait_status) < 0)
		return false;
	*ret = (struct pt_exit){ .start_ticks = r->start_ticks,
		.real_ns = clock_real_ns(),
		.boot_ns = clock_boot_ns(),
		.gen = life->gen,
		.pid = r->pid,
		.wait_status = wait_status };
	return true;
}
