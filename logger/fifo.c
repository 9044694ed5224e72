/*
 * logger/fifo.c - the pipe that a process writes to, at our end: opened, watched, and found again
 * where its name was lost.
 *
 * The FIFO is opened read-write. A descriptor for reading alone would report EPOLLHUP, which can't
 * be turned off, for as long as no process has the FIFO open for writing, that is from the end of
 * each run to the next; one that is its own writer never sees it. Nothing is ever written to it, a
 * full pipe still makes the process wait, and when the logger dies both of its ends go, so that
 * nothing changes for the guardian's and the process's own read ends.
 */
#define _GNU_SOURCE 1
#include "logger/fifo.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/pipe.h"
#include "base/say.h"
#include "logger/file.h"
#include "logger/name.h"
#include "logger/rescue.h"

/* What came before it was armed has sent no signal. */
void fifo_arm(struct stream *st, bool armed)
{
	if (!armed && st->armed)
		arrival_disarm(st);
	if (!armed || st->fifo < 0)
		return;
	if (!st->armed && arrival_arm(st))
		fifo_wake_in(st, FIFO_RETRY_NS); /* no memory for it now */
	else if (pipe_bytes(st->fifo))
		fifo_wake_in(st, 0);
}

/* Whole milliseconds, so that the naps of many streams end in the same turn of the loop; shorter
 * naps are left as they are, and one of 0 ends in the next turn. */
void fifo_wake_in(struct stream *st, uint64_t ns)
{
	uint64_t at = clock_boot_ns() + ns;

	if (ns >= NS_PER_MS)
		at += NS_PER_MS - at % NS_PER_MS;
	if (loop_timer_set(st->lg->loop, &st->timer, at) == 0)
		return;
	/* no memory for the timer: be woken by the bytes instead, those that are there too */
	if (st->fifo >= 0 && !st->armed)
		(void)arrival_arm(st);
	arrival_look_at_all();
}

int fifo_need(struct stream *st)
{
	char name[NAME_FILE_MAX];
	bool scarce = false;
	struct stat sb;
	int r, fd;

	if (st->fifo >= 0)
		return 0;
	fd = rescue_take(st);
	if (fd < 0) {
		fd = file_open(st->lg, st->lg->home.run_fd, name_of(st, HOME_OUT_FIFO, name),
			O_RDWR | O_NONBLOCK | O_NOCTTY);
		/* files need the last ones: else what is in the pipes could not be written */
		scarce = io_is_scarce(fd, IO_SPARE_FDS);
	}
	if (fd < 0)
		return fd;
	r = fstat(fd, &sb) < 0	       ? -errno
		: scarce	       ? -EMFILE
		: S_ISFIFO(sb.st_mode) ? arrival_prepare(fd)
				       : -EINVAL;
	if (r) {
		io_close(&fd);
		return r;
	}
	st->fifo = fd;
	int bytes = fcntl(fd, F_GETPIPE_SZ);
	if (st == st->main)
		st->log.pipe_bytes = bytes > 0 ? (uint32_t)bytes : 0;
	st->pipe_bytes = bytes > 0 ? (uint32_t)bytes : 0;
	return 0;
}

void fifo_close(struct stream *st)
{
	fifo_arm(st, false);
	st->enlarged = false;
	io_close(&st->fifo);
}

void fifo_note_run(struct stream *st, const struct pt_life *life)
{
	st->runs = life->pid > 0;
	st->fifo_life = life->life;
	st->astray = false;
}

/*
 * Is the open FIFO the one to drain from? Each run gets what has the name when it is launched. So
 * where the name was taken away, or leads to another one now, the process that was launched before
 * goes on writing to this one, and it is drained to that run's end.
 */
bool fifo_is_right(struct stream *st, const struct pt_life *life)
{
	char name[NAME_FILE_MAX];
	bool same_run = life->life == st->fifo_life && pt_state_traits(life->state) & PT_TRAIT_PID;

	if (st->fifo < 0)
		return false;
	(void)name_of(st, HOME_OUT_FIFO, name);
	if (name_is_of(st->fifo, st->lg->home.run_fd, name)) {
		fifo_note_run(st, life);
		return true;
	}
	if (same_run && !st->astray)
		say(SAY_WARNING,
			"%s: run/%s was taken away or replaced; what the process writes is captured until its run ends",
			st->name, name);
	st->astray = same_run;
	st->runs = life->pid > 0;
	return same_run;
}
