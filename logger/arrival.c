/* logger/arrival.c - see logger/arrival.h. */
#define _GNU_SOURCE 1
#include "logger/arrival.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/io.h"
#include "base/loop.h"
#include "base/pipe.h"
#include "logger/logger.h"

#define BATCH 32

/* Signals were lost, or there was no memory for a timer: then the stream is armed and has bytes, or
 * it has neither signal nor timer to wait for. */
static bool is_left_alone(const struct stream *st)
{
	if (st->timer.at_boot_ns || st->lent)
		return false;
	return st->armed ? pipe_bytes(st->fifo) > 0 : st->fifo >= 0 || st->state == PT_LOG_BLOCKED;
}

static void look_at_all(struct logger *lg)
{
	for (uint32_t i = 0; i < lg->slots; i++)
		for (struct stream *st = lg->by_slot[i]; st; st = st->err)
			if (is_left_alone(st))
				lg->arrivals.came(st);
}

static void on_signals(void *arg, uint32_t events)
{
	struct logger *lg = arg;
	struct arrivals *a = &lg->arrivals;
	struct signalfd_siginfo info[BATCH];
	ssize_t n = read(a->signal_fd, info, sizeof(info));
	bool all = false;

	(void)events;
	for (size_t i = 0; n > 0 && i < (size_t)n / sizeof(info[0]); i++) {
		size_t fd = (size_t)info[i].ssi_fd;

		if (info[i].ssi_signo == (uint32_t)SIGIO)
			all = true;
		else if (fd < a->fds && a->by_fd[fd]) /* else it was disarmed since */
			a->came(a->by_fd[fd]);
	}
	if (all)
		look_at_all(lg);
}

/* Without it, a logger that doesn't get a processor for a moment would let a busy writer queue
 * thousands, at the cost of this user's other programs. */
static void limit_queue(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_SIGPENDING, &limit) < 0 || limit.rlim_cur <= ARRIVAL_QUEUED_MAX)
		return;
	limit.rlim_cur = ARRIVAL_QUEUED_MAX;
	(void)setrlimit(RLIMIT_SIGPENDING, &limit);
}

int arrival_begin(struct logger *lg, arrival_fn *came)
{
	const int signals[] = { SIGRTMIN, SIGIO };
	struct arrivals *a = &lg->arrivals;

	a->came = came;
	limit_queue();
	a->signal_fd = loop_signalfd(signals, sizeof(signals) / sizeof(signals[0]));
	return a->signal_fd < 0
		? a->signal_fd
		: loop_watch(lg->loop, a->signal_fd, EPOLLIN, on_signals, lg, &a->watch);
}

void arrival_end(struct logger *lg)
{
	struct arrivals *a = &lg->arrivals;

	loop_unwatch(lg->loop, a->watch);
	a->watch = NULL;
	io_close(&a->signal_fd);
	free(a->by_fd);
	a->by_fd = NULL;
	a->fds = 0;
}

int arrival_prepare(int fifo)
{
	return fcntl(fifo, F_SETOWN, getpid()) < 0 || fcntl(fifo, F_SETSIG, SIGRTMIN) < 0 ? -errno
											  : 0;
}

static int need_place(struct arrivals *a, size_t fd)
{
	if (fd < a->fds)
		return 0;
	size_t fds = fd + fd / 4 + 16;
	struct stream **more = reallocarray(a->by_fd, fds, sizeof(struct stream *));
	if (!more)
		return -ENOMEM;
	memset(more + a->fds, 0, (fds - a->fds) * sizeof(struct stream *));
	a->by_fd = more;
	a->fds = fds;
	return 0;
}

int arrival_arm(struct stream *st)
{
	struct arrivals *a = &st->lg->arrivals;
	int r = need_place(a, (size_t)st->fifo);

	if (r)
		return r;
	if (fcntl(st->fifo, F_SETFL, O_NONBLOCK | O_ASYNC) < 0)
		return -errno;
	a->by_fd[st->fifo] = st;
	st->armed = true;
	return 0;
}

void arrival_disarm(struct stream *st)
{
	st->armed = false;
	st->lg->arrivals.by_fd[st->fifo] = NULL;
	(void)fcntl(st->fifo, F_SETFL, O_NONBLOCK); /* what it may still send finds no one */
}

void arrival_look_at_all(void)
{
	(void)kill(getpid(), SIGIO);
}
