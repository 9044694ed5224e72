/*
 * logger/drain.c - splice(2) from pipe to file.
 *
 * One system call takes the bytes from the pipe and puts them into the file, so a SIGKILL between
 * any two instructions neither loses nor repeats one: the kernel takes from the pipe exactly what
 * the file system took. That holds only with one logger at a time (the role's lock) and with the
 * offset of the next byte asked from the file, not remembered.
 *
 * Why naps: splice(2) holds the pipe's lock while it writes to the file. Answering every wake-up
 * makes the writer wait for that lock at each line and halves its speed. So after a drain the pipe
 * is left to fill for a while: long enough to be worth a call, short enough that it does not get
 * full. When a nap finds it empty, and no short lull of a busy writer explains it, it is armed
 * again (logger/arrival.h), and the first line after a quiet time is moved at once.
 */
#define _GNU_SOURCE 1
#include "logger/drain.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/daemon.h"
#include "base/pipe.h"
#include "base/say.h"
#include "logger/copy.h"
#include "logger/fifo.h"
#include "logger/file.h"
#include "logger/lend.h"
#include "logger/name.h"
#include "logger/publish.h"
#include "logger/rotate.h"
#include "logger/runs.h"

#define TURN_BYTES_MIN (64u << 10)
/* from a stream that ends: more than any pipe holds, yet no endless writer keeps us */
#define REST_BYTES (16u << 20)
/* Who may have only so many pipe pages keeps most of them free: 8 MiB go to the first of these, 14
 * MiB to the others. */
#define LARGEST_PIPE_BYTES    (1u << 20)
#define LARGEST_PIPES_LIMITED 8u
#define LARGE_PIPE_BYTES      (256u << 10)
#define LARGE_PIPES	      64u

/* The file refused splice(2), a regular file with nothing else wrong: its file system can't. Copy
 * from now on. */
static int begin_copying(struct stream *st)
{
	char stem[NAME_FILE_MAX];
	int r = st->copy ? 0 : copy_open(st->lg->home.run_fd, name_of(st, "", stem), &st->copy);

	if (r)
		return r;
	st->copying = true;
	say(SAY_INFO, "%s: the file system of logs/%s can't splice; its output is copied", st->name,
		st->shelf.base);
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
	/* splice(2) moves it on even where it fails half-way on some file systems */
	off_t at = size;
	ssize_t n;
	int r;

	if (!st->copying && (no_splice() || (st->copy && copy_pending(st->copy))) &&
		(r = begin_copying(st)))
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

/* Bytes have come into the file. */
static void landed(struct stream *st, off_t at, uint64_t bytes, uint64_t end_boot_ns)
{
	runs_moved(st, (uint64_t)at, bytes, end_boot_ns);
	if (at == 0)
		rotate_first_byte(st);
	st->size = (uint64_t)at + bytes;
}

/* Move at most limit bytes. 0: there may be more. -EAGAIN: the pipe is empty. Else the file
 * refuses. */
static int move(struct stream *st, uint64_t limit, uint64_t *moved)
{
	off_t size;
	int r;

	if (st->file < 0 && pipe_bytes(st->fifo) == 0 && !(st->rotate_due && st->size) &&
		!(st->copy && copy_pending(st->copy)))
		return -EAGAIN; /* no file for a process that says nothing */
	r = file_need(st, &size);
	for (bool more = true; !r && more && *moved < limit;) {
		uint64_t want = limit - *moved;
		ssize_t n;

		r = rotate_step(st, &size, &want);
		if (r)
			break;
		if (st->copying && want > COPY_BATCH_BYTES)
			want = COPY_BATCH_BYTES;
		n = move_once(st, size, want);
		if (n == -EFBIG && size > 0 && !st->rotate_retry_ns) {
			rotate_here(st);
			continue;
		}
		if (n <= 0)
			return n == -EINTR ? 0 : n ? (int)n : -EAGAIN;
		landed(st, size, (uint64_t)n, clock_boot_ns());
		size += n;
		*moved += (uint64_t)n;
		/* else it was empty at that moment: what came since is worth a call only when there
		 * is more */
		more = (uint64_t)n == want;
	}
	return r;
}

static void count(struct stream *st, uint64_t moved)
{
	struct pt_log *log = &st->main->log;

	if (moved == 0)
		return;
	log->captured_bytes += moved;
	if (st != st->main)
		log->err_captured_bytes += moved;
	log->last_real_ns = clock_real_ns();
}

static int move_and_count(struct stream *st, uint64_t limit, uint64_t *ret_moved)
{
	int r = fifo_need(st);

	*ret_moved = 0;
	if (!r)
		r = move(st, limit, ret_moved);
	count(st, *ret_moved);
	return r;
}

static void blocked(struct stream *st, int r)
{
	st->pipe_fill = pipe_bytes(st->fifo);
	if (!st->full_boot_ns && pipe_is_full(st->fifo)) {
		st->full_boot_ns = clock_boot_ns();
		publish_full(st, r);
	}
	publish_state(st, PT_LOG_BLOCKED, r);
	fifo_arm(st, false);
	fifo_wake_in(st, FIFO_RETRY_NS);
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

/* Does the limit on the pipe pages of a user (fs.pipe-user-pages-soft, 64 MiB; beyond it new pipes
 * get 8 KiB) bind us? */
static bool pipes_are_limited(void)
{
	return geteuid() != 0 ||
		(prctl(PR_CAPBSET_READ, CAP_SYS_RESOURCE) != 1 &&
			prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN) != 1);
}

/* A process that writes faster than we could sleep gets a larger pipe, so that a call moves more.
 * Where that can't be, nobody else gets more at a time than fits in its pipe, else they would crowd
 * it out. */
static void enlarge(struct stream *st)
{
	struct logger *lg = st->lg;

	if (st->enlarged)
		return;
	st->enlarged = true;
	unsigned largest = pipes_are_limited() ? LARGEST_PIPES_LIMITED : LARGE_PIPES;
	uint32_t want = lg->large_pipes < largest ? LARGEST_PIPE_BYTES : LARGE_PIPE_BYTES;
	if (lg->large_pipes < LARGE_PIPES) {
		int bytes = want > st->pipe_bytes ? fcntl(st->fifo, F_SETPIPE_SZ, want) : 0;

		lg->large_pipes++;
		if (bytes > 0)
			st->pipe_bytes = (uint32_t)bytes;
	}
	if (st->pipe_bytes < lg->turn_bytes)
		lg->turn_bytes = st->pipe_bytes > TURN_BYTES_MIN ? st->pipe_bytes : TURN_BYTES_MIN;
	if (st == st->main)
		st->log.pipe_bytes = st->pipe_bytes;
}

/* A pipe that was well filled moments ago is about to fill again: its writer only waits for a
 * processor. To be told of each of its lines would cost more than some naps for nothing. */
static bool is_in_a_lull(const struct stream *st)
{
	return !st->armed && st->filled_boot_ns &&
		clock_boot_ns() < st->filled_boot_ns + DRAIN_LULL_NS;
}

/* What comes after a drain: when is the next? */
static void go_on(struct stream *st, int r, uint64_t moved)
{
	/* the next change of the row says that it is there */
	if (r == -ENOENT && st->fifo < 0 && !st->runs) {
		publish_state(st, PT_LOG_CLOSED, 0);
		return;
	}
	if (r && r != -EAGAIN) {
		lend_note_busy(st, false);
		blocked(st, r);
		return;
	}
	st->pipe_fill = 0;
	unblocked(st);
	publish_state(st, PT_LOG_OPEN, 0);
	if (moved >= st->pipe_bytes / 8)
		st->filled_boot_ns = clock_boot_ns();
	if (moved == 0 && r == -EAGAIN && !is_in_a_lull(st)) {
		lend_note_busy(st, false);
		loop_timer_clear(st->lg->loop, &st->timer);
		fifo_arm(st, true);
		return;
	}
	st->nap_ns = drain_nap(st->nap_ns, moved, st->pipe_bytes);
	if (st->nap_ns == 0)
		enlarge(st);
	lend_note_busy(st, st->nap_ns == 0);
	fifo_arm(st, false);
	fifo_wake_in(st, st->nap_ns);
}

static bool may_splice(const struct stream *st)
{
	return !st->copying && !st->copy && !no_splice();
}

void drain_lent(struct stream *st, const struct loan *l)
{
	uint64_t moved = l->moved > 0 ? (uint64_t)l->moved : 0;
	int r = l->moved > 0 || l->moved == -EINTR || l->moved == -EINVAL || l->moved == -EFBIG ? 0
		: l->moved == 0 ? -EAGAIN
				: (int)l->moved;

	if (moved > 0)
		landed(st, l->at, moved, l->end_boot_ns);
	count(st, moved);
	if (r == 0 && moved == 0) { /* the loop's own try finds out why */
		lend_note_busy(st, false);
		fifo_wake_in(st, 0);
		return;
	}
	go_on(st, r, moved);
}

void drain_now(struct stream *st)
{
	uint64_t moved;
	int r;

	lend_settle(st);
	if (lend(st, may_splice(st)))
		return;
	r = move_and_count(st, st->lg->turn_bytes, &moved);
	go_on(st, r, moved);
}

void drain_rest(struct stream *st)
{
	uint64_t moved = 1, sum = 0;
	/* one that could not be opened may be by now */
	int r = st->fifo < 0 && st->state != PT_LOG_BLOCKED ? -ENOENT : 0;

	lend_settle(st);
	lend_note_busy(st, false);
	while (!r && moved > 0 && sum < REST_BYTES) {
		r = move_and_count(st, st->lg->turn_bytes, &moved);
		sum += moved;
	}
	st->pipe_fill = pipe_bytes(st->fifo);
	if (r && r != -EAGAIN && st->fifo >= 0)
		publish_state(st, PT_LOG_BLOCKED, r);
	else
		publish_state(st, PT_LOG_CLOSED, 0);
}
