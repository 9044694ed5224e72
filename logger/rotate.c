/*
 * logger/rotate.c - when a file is full or old: the next one begins behind a line end.
 *
 * The bytes up to the limit are moved as ever. From there on the pipe is looked into with tee(2),
 * which copies without consuming: what is seen is thrown away, and a move of just so many bytes
 * that the file ends with a line end follows. Nothing depends on what is remembered: a logger that
 * is killed in between leaves a file that is over its limit, and the next one does the same. A line
 * that is longer than the pipe is moved in pieces, whole.
 *
 * Where no line end comes (a progress bar that goes back with CR), the file is cut inside the line:
 * at twice its limit, or when it is twice as old as it may become, or where the file system or a
 * limit on file sizes (RLIMIT_FSIZE) lets it grow no more.
 */
#define _GNU_SOURCE 1
#include "logger/rotate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/say.h"
#include "base/str.h"
#include "logger/file.h"
#include "logger/publish.h"
#include "shm/events.h"
#include "shm/owner.h"

#define LOOK_BYTES	(64u << 10)
#define ROTATE_RETRY_NS (10 * NS_PER_SEC)

static bool is_due(const struct stream *st, off_t size)
{
	return size > 0 &&
		(st->rotate_due || (st->rotate_bytes && (uint64_t)size >= st->rotate_bytes)) &&
		(!st->rotate_retry_ns || clock_boot_ns() >= st->rotate_retry_ns);
}

static bool ends_a_line(const struct stream *st, off_t size)
{
	char last = 0;

	return pread(st->file, &last, 1, size - 1) == 1 && last == '\n';
}

static uint64_t cut_at(const struct stream *st)
{
	return st->rotate_bytes && st->rotate_bytes < UINT64_MAX / 2 ? 2 * st->rotate_bytes
								     : UINT64_MAX;
}

static bool may_end_here(const struct stream *st, off_t size)
{
	return st->cut_due || (uint64_t)size >= cut_at(st) || ends_a_line(st, size);
}

uint64_t rotate_file_max(void)
{
	struct rlimit rl;

	return getrlimit(RLIMIT_FSIZE, &rl) < 0 || rl.rlim_cur == RLIM_INFINITY ? UINT64_MAX
										: rl.rlim_cur / 2;
}

void rotate_here(struct stream *st)
{
	st->rotate_due = st->cut_due = true;
}

static int open_peek(struct logger *lg, const struct stream *st)
{
	if (lg->peek[0] < 0 && pipe2(lg->peek, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	if (fcntl(lg->peek[1], F_GETPIPE_SZ) < (int)st->pipe_bytes)
		(void)fcntl(lg->peek[1], F_SETPIPE_SZ, (int)st->pipe_bytes);
	return 0;
}

/* Bytes in the pipe up to and including the first line end; without one, all that was seen. 0: the
 * pipe is empty. */
static ssize_t line_end(struct stream *st)
{
	static char seen[LOOK_BYTES];
	struct logger *lg = st->lg;
	ssize_t found = 0, sum = 0, n;
	int r = open_peek(lg, st);

	if (r)
		return r;
	n = tee(st->fifo, lg->peek[1], LOOK_BYTES, SPLICE_F_NONBLOCK);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	for (ssize_t left = n; left > 0; left -= n) {
		n = read(lg->peek[0], seen, sizeof(seen));
		if (n <= 0)
			break;
		const char *end = found ? NULL : memchr(seen, '\n', (size_t)n);
		if (end)
			found = sum + (end - seen) + 1;
		sum += n;
	}
	return found ? found : sum;
}

static void tell(struct stream *st, uint32_t number, uint64_t bytes)
{
	struct pt_event ev = {
		.kind = PT_EVENT_ROTATE, .slot = st->slot, .gen = st->main->log.gen, .value = number
	};

	(void)str_copy(ev.name, sizeof(ev.name), st->name);
	pt_event_add(st->lg->pt, &ev);
	say(SAY_DEBUG, "%s: rotated to logs/%s.%09u, %llu bytes", st->name, st->shelf.base, number,
		(unsigned long long)bytes);
}

/* The index is closed first: what is noted of the file is complete. */
static int rotate(struct stream *st)
{
	uint32_t number = 0;
	uint64_t bytes = st->size;
	int r = shelf_rotate(&st->shelf, st->file, &number);

	if (r) {
		say(SAY_WARNING, "%s: can't rotate logs/%s, tried again in %llu s: %s", st->name,
			st->shelf.base, ROTATE_RETRY_NS / NS_PER_SEC, strerror(-r));
		st->rotate_retry_ns = clock_boot_ns() + ROTATE_RETRY_NS;
		st->rotate_error = -r;
		return r;
	}
	st->rotate_due = st->cut_due = st->aged = false;
	st->rotate_retry_ns = 0;
	st->size = 0;
	file_close(st);
	loop_timer_clear(st->lg->loop, &st->age);
	st->main->log.rotations++;
	publish_put(st);
	tell(st, number, bytes);
	shelf_pump(st->lg);
	return 0;
}

int rotate_step(struct stream *st, off_t *size, uint64_t *want)
{
	ssize_t n;

	if (!is_due(st, *size)) {
		if (st->rotate_due && *size == 0)
			st->rotate_due = false;
		if (st->rotate_bytes &&
			(uint64_t)*size<st->rotate_bytes && * want> st->rotate_bytes -
				(uint64_t)*size)
			*want = st->rotate_bytes - (uint64_t)*size;
		return 0;
	}
	if (may_end_here(st, *size)) {
		int r = rotate(st);

		if (r == 0 && (r = file_need(st, size)) < 0)
			return r;
		if (r == 0 && st->rotate_bytes && *want > st->rotate_bytes)
			*want = st->rotate_bytes; /* of the new file, too */
		return 0;
	}
	n = line_end(st);
	if (n > 0 && (uint64_t)n < *want)
		*want = (uint64_t)n;
	if (*want > cut_at(st) - (uint64_t)*size)
		*want = cut_at(st) - (uint64_t)*size;
	/* where tee(2) does not work, at whatever line end comes by itself */
	return n == 0 ? -EAGAIN : 0;
}

void rotate_first_byte(struct stream *st)
{
	uint64_t first = 0, now = clock_real_ns(), age = st->rotate_age_s * NS_PER_SEC;
	char idx[LOG_NAME_MAX];
	struct stat sb;

	if (!st->rotate_age_s || st->age.at_boot_ns || st->rotate_due)
		return;
	(void)snprintf(idx, sizeof(idx), "%.80s.idx", st->shelf.base);
	if (fstat(st->file, &sb) == 0)
		first = tidx_first(st->lg->home.logs_fd, idx, (uint64_t)sb.st_ino);
	if (!first || first > now)
		first = now;
	(void)loop_timer_set(st->lg->loop, &st->age,
		clock_boot_ns() + (first + age > now ? first + age - now : 1));
}

bool rotate_ask(struct stream *st)
{
	if (st->size == 0)
		return false;
	st->rotate_due = true;
	st->rotate_retry_ns = 0;
	st->rotate_error = 0;
	return true;
}

int rotate_answer(const struct stream *st)
{
	if (!st->rotate_due)
		return 1;
	return st->rotate_error ? -st->rotate_error : st->state == PT_LOG_BLOCKED ? -st->error : 0;
}
