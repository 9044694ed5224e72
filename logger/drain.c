/*
 * logger/drain.c - splice(2) from pipe to file.
 *
 * One system call takes the bytes from the pipe and puts them into the file, so a SIGKILL between any two
 * instructions neither loses nor repeats one: the kernel takes from the pipe exactly what the file system took. That
 * holds only with one logger at a time (the role's lock) and with the offset of the next byte asked from the file,
 * not remembered.
 *
 * Why naps: splice(2) holds the pipe's lock while it writes to the file. Answering every wake-up makes the writer
 * wait for that lock at each line and halves its speed. So after a drain the pipe is left to fill for a while: long
 * enough to be worth a call, short enough that it does not get full. When a nap finds it empty, epoll watches again,
 * and the first line after a quiet time is moved at once.
 */
#define _GNU_SOURCE 1
#include "logger/drain.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>

#include "base/clock.h"
#include "base/daemon.h"
#include "base/say.h"
#include "logger/copy.h"
#include "logger/publish.h"

#define TURN_BYTES (256u << 10) /* from one stream, before the others have their turn */
#define REST_BYTES (16u << 20)	/* from a stream that ends: more than any pipe holds, yet no endless writer keeps us */
#define FULL_BYTES (32u << 10)	/* a call that moved less than this has left little behind */
#define LARGE_PIPE_BYTES (256 << 10)
#define LARGE_PIPES	 64u
#define RETRY_NS   NS_PER_SEC

static uint32_t waiting(const struct stream *st)
{
	int n = 0;

	return st->fifo >= 0 && ioctl(st->fifo, FIONREAD, &n) == 0 && n > 0 ? (uint32_t)n : 0;
}

/* The file refused splice(2), a regular file with nothing else wrong: its file system can't. Copy from now on. */
static int begin_copying(struct stream *st)
{
	int r = st->copy ? 0 : copy_open(st->lg->home.run_fd, st->stem, &st->copy);

	if (r)
		return r;
	st->copying = true;
	say(SAY_INFO, "%s: the file system of logs/%s.log can't splice; its output is copied", st->name, st->stem);
	return 0;
}

static bool no_splice(void)
{
	static int disabled = -1;

	if (disabled < 0)
		disabled = daemon_disabled("splice");
	return disabled;
}

/* One call. Returns the bytes moved, 0: the pipe is empty, or -errno; -EINTR: try again. */
static ssize_t move_once(struct stream *st, off_t size, uint64_t want)
{
	off_t at = size; /* splice(2) moves it on even where it fails half-way on some file systems */
	ssize_t n;
	int r;

	if (!st->copying && (no_splice() || (st->copy && copy_pending(st->copy))) && (r = begin_copying(st)))
		return r;
	if (st->copying)
		return copy_move(st->copy, st->fifo, st->file, size, want);
	n = splice(st->fifo, NULL, st->file, &at, want, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
	if (n >= 0)
		return n; /* 0: no writer but ourselves */
	if (errno == EAGAIN)
		return 0;
	if (errno != EINVAL)
		return -errno;
	r = begin_copying(st);
	return r ? r : copy_move(st->copy, st->fifo, st->file, size, want);
}

/* Move at most limit bytes. 0: there may be more. -EAGAIN: the pipe is empty. Else the file refuses. */
static int move(struct stream *st, uint64_t limit, uint64_t *moved)
{
	off_t size;
	int r;

	if (st->file < 0 && waiting(st) == 0 && !(st->rotate_due && st->size) && !(st->copy && copy_pending(st->copy)))
		return -EAGAIN; /* no file for a process that says nothing */
	r = stream_need_file(st, &size);
	for (bool more = true; !r && more && *moved < limit;) {
		uint64_t want = limit - *moved;
		ssize_t n;

		r = rotate_step(st, &size, &want);
		if (r)
			break;
		n = move_once(st, size, want);
		if (n <= 0)
			return n == -EINTR ? 0 : n ? (int)n : -EAGAIN;
		runs_moved(st, (uint64_t)size, (uint64_t)n);
		if (size == 0)
			rotate_first_byte(st);
		size += n;
		*moved += (uint64_t)n;
		st->size = (uint64_t)size;
		more = n >= FULL_BYTES || (uint64_t)n == want;
	}
	return r;
}

static int move_and_note(struct stream *st, uint64_t limit, uint64_t *ret_moved)
{
	uint64_t moved = 0;
	int r = stream_need_fifo(st);

	if (!r)
		r = move(st, limit, &moved);
	if (moved > 0) {
		struct pt_log *log = &st->main->log;

		log->captured_bytes += moved;
		if (st != st->main)
			log->err_captured_bytes += moved;
		log->last_real_ns = clock_real_ns();
	}
	*ret_moved = moved;
	return r;
}

/* Is there no room in the pipe, so that its writer waits? Bytes are no measure: a pipe is full when its pages are used. */
static bool is_full(const struct stream *st)
{
	struct pollfd p = { .fd = st->fifo, .events = POLLOUT };

	return st->fifo >= 0 && poll(&p, 1, 0) >= 0 && !(p.revents & POLLOUT);
}

static void blocked(struct stream *st, int r)
{
	st->pipe_fill = waiting(st);
	if (!st->full_boot_ns && is_full(st)) {
		st->full_boot_ns = clock_boot_ns();
		publish_full(st, r);
	}
	publish_state(st, PT_LOG_BLOCKED, r);
	(void)stream_arm(st, false); /* the bytes that wait would report themselves all the time */
	stream_wake_in(st, RETRY_NS);
}

/* The file takes bytes again. */
static void unblocked(struct stream *st)
{
	uint64_t ns;

	if (!st->full_boot_ns)
		return;
	ns = clock_boot_ns() - st->full_boot_ns;
	st->full_boot_ns = 0;
	if (ns > st->main->log.stall_max_ns)
		st->main->log.stall_max_ns = ns;
}

/* A process that writes faster than we could sleep gets a larger pipe, so that naps are worth it. Not too many: the kernel has a limit on the pipe
 * pages of a user, beyond which new pipes get hardly any. */
static void enlarge(struct stream *st)
{
	int bytes;

	if (st->pipe_bytes >= (uint32_t)LARGE_PIPE_BYTES || st->lg->large_pipes >= LARGE_PIPES)
		return;
	bytes = fcntl(st->fifo, F_SETPIPE_SZ, LARGE_PIPE_BYTES);
	st->lg->large_pipes++;
	if (bytes <= 0)
		return;
	st->pipe_bytes = (uint32_t)bytes;
	if (st == st->main)
		st->log.pipe_bytes = st->pipe_bytes;
}

void drain_now(struct stream *st)
{
	uint64_t moved;
	int r = move_and_note(st, TURN_BYTES, &moved);

	if (r == -ENOENT && st->fifo < 0) { /* the next change of the row says that it is there */
		publish_state(st, PT_LOG_CLOSED, 0);
		return;
	}
	if (r && r != -EAGAIN) {
		blocked(st, r);
		return;
	}
	st->pipe_fill = 0;
	unblocked(st);
	publish_state(st, PT_LOG_OPEN, 0);
	if (moved == 0 && r == -EAGAIN) {
		loop_timer_clear(st->lg->loop, &st->timer);
		st->nap_ns = DRAIN_NAP_MAX_NS;
		(void)stream_arm(st, true);
		return;
	}
	st->nap_ns = drain_nap(st->nap_ns, moved, st->pipe_bytes);
	if (st->nap_ns == 0)
		enlarge(st);
	(void)stream_arm(st, st->nap_ns == 0);
	if (st->nap_ns)
		stream_wake_in(st, st->nap_ns);
	else
		loop_timer_clear(st->lg->loop, &st->timer);
}

void drain_rest(struct stream *st)
{
	uint64_t moved = 1, sum = 0;
	int r = st->fifo < 0 ? -ENOENT : 0;

	while (!r && moved > 0 && sum < REST_BYTES) {
		r = move_and_note(st, TURN_BYTES, &moved);
		sum += moved;
	}
	st->pipe_fill = waiting(st);
	if (r && r != -EAGAIN && st->fifo >= 0)
		publish_state(st, PT_LOG_BLOCKED, r);
	else
		publish_state(st, PT_LOG_CLOSED, 0);
}
