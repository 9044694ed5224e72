/*
 * base/loop.c - epoll, one timerfd over one heap of deadlines.
 *
 * A turn: arm the timerfd if the earliest deadline changed, wait, call back for each event, fire
 * the timers that are due, call the after-batch hook, free the watches that were removed.
 *
 * The timerfd is watched edge-triggered: each expiry wakes the loop once without a read(2) to take
 * it back. A deadline always goes through it, also one in the past (timerfd_settime() then expires
 * at once), so that epoll_wait() never needs a timeout.
 *
 * No timer fires twice in a turn, else one that re-arms itself in the past would keep the
 * descriptors waiting for ever. So each timer remembers the turn in which it last fired: in its
 * heap entry while it is armed, in its index while not.
 */
#define _GNU_SOURCE 1
#include "base/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

#include "base/clock.h"
#include "base/io.h"

#define BATCH_MAX	256
#define ALWAYS_REPORTED ((uint32_t)(EPOLLERR | EPOLLHUP)) /* epoll_ctl(2): asked for or not */

struct loop_watch {
	struct loop_watch *prev, *next; /* in live; next alone in dead */
	int fd;
	bool dead;
	uint32_t events;
	loop_fn *fn;
	void *arg;
};

struct entry {
	uint64_t key;	/* when it fires: at_boot_ns, or the next turn */
	uint64_t fired; /* turn in which it last fired */
	struct loop_timer *timer;
};

struct loop {
	int epoll_fd, timer_fd;
	bool in_turn, stop;
	int code;
	struct loop_watch *live, *dead;
	struct entry *heap; /* heap[0] is the earliest; children of i at 2i+1 and 2i+2 */
	size_t n, cap;
	uint64_t armed_ns; /* what the timerfd is set to; 0 = it will not wake us */
	uint64_t turn;	   /* counts from 1 */
	uint64_t fire_ns;  /* time by which this turn judges what is due */
	loop_timer_fn *after;
	void *after_arg;
};

int loop_new(struct loop **ret)
{
	struct loop *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->timer_fd = -1;
	l->turn = 1;
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll_fd < 0) {
		int r = -errno;

		free(l);
		return r;
	}
	*ret = l;
	return 0;
}

static void free_dead(struct loop *l)
{
	while (l->dead) {
		struct loop_watch *w = l->dead;

		l->dead = w->next;
		free(w);
	}
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	while (l->live) {
		struct loop_watch *w = l->live;

		l->live = w->next;
		free(w);
	}
	free_dead(l);
	free(l->heap);
	io_close(&l->timer_fd);
	io_close(&l->epoll_fd);
	free(l);
}

/* --- descriptors --- */

int loop_watch(
	struct loop *l, int fd, uint32_t events, loop_fn *fn, void *arg, struct loop_watch **ret)
{
	struct loop_watch *w = calloc(1, sizeof(*w));
	struct epoll_event ev = { .events = events, .data.ptr = w };

	if (!w)
		return -ENOMEM;
	*w = (struct loop_watch){
		.next = l->live, .fd = fd, .events = events, .fn = fn, .arg = arg
	};
	if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0) {
		int r = -errno;

		free(w);
		return r;
	}
	if (l->live)
		l->live->prev = w;
	l->live = w;
	*ret = w;
	return 0;
}

/* Always passed on to the kernel, even if nothing changes: that is how EPOLLONESHOT and EPOLLET are
 * armed again. */
int loop_watch_events(struct loop *l, struct loop_watch *w, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = w };

	if (w->dead)
		return -EINVAL;
	if (epoll_ctl(l->epoll_fd, EPOLL_CTL_MOD, w->fd, &ev) < 0)
		return -errno;
	w->events = events;
	return 0;
}

void loop_unwatch(struct loop *l, struct loop_watch *w)
{
	if (!w || w->dead)
		return;
	/* fails only if it was closed too early */
	(void)epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, w->fd, NULL);
	if (w->prev)
		w->prev->next = w->next;
	else
		l->live = w->next;
	if (w->next)
		w->next->prev = w->prev;
	w->dead = true;
	w->next = l->dead;
	l->dead = w;
	if (!l->in_turn)
		free_dead(l);
}

static void dispatch(struct loop *l, const struct epoll_event *ev)
{
	struct loop_watch *w = ev->data.ptr;

	if (!w) { /* the timerfd: it has expired and won't wake us again until it is set */
		l->armed_ns = 0;
		return;
	}
	/* What a callback earlier in the batch has removed, or stopped asking for, is not reported
	 * any more. */
	uint32_t events = ev->events & (w->events | ALWAYS_REPORTED);
	if (!w->dead && events)
		w->fn(w->arg, events);
}

/* --- timers --- */

/* in an index: the rest is the turn it last fired in */
#define UNARMED ((size_t)1 << (sizeof(size_t) * 8 - 1))

static void place(struct loop *l, size_t i, struct entry e)
{
	l->heap[i] = e;
	e.timer->index = i;
}

static void sift_up(struct loop *l, size_t i, struct entry e)
{
	for (; i > 0 && l->heap[(i - 1) / 2].key > e.key; i = (i - 1) / 2)
		place(l, i, l->heap[(i - 1) / 2]);
	place(l, i, e);
}

static void sift_down(struct loop *l, size_t i, struct entry e)
{
	for (size_t child; (child = 2 * i + 1) < l->n; i = child) {
		if (child + 1 < l->n && l->heap[child + 1].key < l->heap[child].key)
			child++;
		if (l->heap[child].key >= e.key)
			break;
		place(l, i, l->heap[child]);
	}
	place(l, i, e);
}

/* Put e at the free place i, or where it belongs from there. */
static void settle(struct loop *l, size_t i, struct entry e)
{
	if (i > 0 && l->heap[(i - 1) / 2].key > e.key)
		sift_up(l, i, e);
	else
		sift_down(l, i, e);
}

static void take_out(struct loop *l, size_t i)
{
	struct loop_timer *t = l->heap[i].timer;

	t->index = UNARMED | (size_t)l->heap[i].fired;
	t->at_boot_ns = 0;
	l->n--;
	if (i < l->n)
		settle(l, i, l->heap[l->n]);
}

static int need_timerfd(struct loop *l)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET, .data.ptr = NULL };
	int fd;

	if (l->timer_fd >= 0)
		return 0;
	fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0) {
		int r = -errno;

		io_close(&fd);
		return r;
	}
	l->timer_fd = fd;
	return 0;
}

static int need_room(struct loop *l)
{
	if (l->n < l->cap)
		return 0;
	size_t cap = l->cap ? l->cap * 2 : 16;
	struct entry *bigger = reallocarray(l->heap, cap, sizeof(*bigger));
	if (!bigger)
		return -ENOMEM;
	l->heap = bigger;
	l->cap = cap;
	return 0;
}

void loop_timer_init(struct loop_timer *t, loop_timer_fn *fn, void *arg)
{
	*t = (struct loop_timer){ .fn = fn, .arg = arg, .index = UNARMED };
}

int loop_timer_set(struct loop *l, struct loop_timer *t, uint64_t at_boot_ns)
{
	bool armed = t->at_boot_ns != 0;
	struct entry e = { .key = at_boot_ns, .timer = t };
	int r;

	if (at_boot_ns == 0) { /* never */
		loop_timer_clear(l, t);
		return 0;
	}
	if (!armed && ((r = need_timerfd(l)) || (r = need_room(l))))
		return r;
	e.fired = armed ? l->heap[t->index].fired : t->index & ~UNARMED;
	if (e.fired == l->turn && e.key <= l->fire_ns)
		e.key = l->fire_ns + 1; /* it had its turn; the next one starts at once */
	t->at_boot_ns = at_boot_ns;
	settle(l, armed ? t->index : l->n++, e);
	return 0;
}

void loop_timer_clear(struct loop *l, struct loop_timer *t)
{
	if (t->at_boot_ns)
		take_out(l, t->index);
}

static void fire_due(struct loop *l)
{
	if (l->n == 0)
		return;
	l->fire_ns = clock_boot_ns();
	while (l->n > 0 && l->heap[0].key <= l->fire_ns) {
		struct loop_timer *t = l->heap[0].timer;

		l->heap[0].fired = l->turn;
		take_out(l, 0);
		t->fn(t->arg); /* may free what t lies in */
	}
}

static int arm(struct loop *l)
{
	uint64_t at = l->n > 0 ? l->heap[0].key : 0;
	struct itimerspec its = { 0 };

	if (at == l->armed_ns)
		return 0;
	its.it_value.tv_sec = (time_t)(at / NS_PER_SEC);
	its.it_value.tv_nsec = (long)(at % NS_PER_SEC); /* 0 and 0 disarm it */
	if (timerfd_settime(l->timer_fd, TFD_TIMER_ABSTIME, &its, NULL) < 0)
		return -errno;
	l->armed_ns = at;
	return 0;
}

/* --- running --- */

void loop_after_batch(struct loop *l, loop_timer_fn *fn, void *arg)
{
	l->after = fn;
	l->after_arg = arg;
}

static int run_turn(struct loop *l)
{
	struct epoll_event ev[BATCH_MAX];
	int r = arm(l);

	if (r)
		return r;
	int n = epoll_wait(l->epoll_fd, ev, BATCH_MAX, -1);
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	l->in_turn = true;
	l->turn++;
	for (int i = 0; i < n; i++)
		dispatch(l, &ev[i]);
	fire_due(l);
	if (l->after)
		l->after(l->after_arg);
	l->in_turn = false;
	free_dead(l);
	return 0;
}

int loop_run(struct loop *l)
{
	int r = 0;

	while (!r && !l->stop)
		r = run_turn(l);
	if (!r)
		r = l->code;
	l->stop = false; /* it may run again */
	return r;
}

void loop_stop(struct loop *l, int code)
{
	l->stop = true;
	l->code = code;
}

int loop_signalfd(const int *signals, size_t n)
{
	sigset_t set, old;

	(void)sigemptyset(&set);
	for (size_t i = 0; i < n; i++)
		if (sigaddset(&set, signals[i]) < 0)
			return -errno;
	int r = pthread_sigmask(SIG_BLOCK, &set, &old);
	if (r)
		return -r;
	int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (fd < 0) {
		r = -errno;
		(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
		return r;
	}
	return fd;
}
