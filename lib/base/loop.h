/*
 * base/loop.h - the event loop of a daemon: epoll, one timerfd over one heap of deadlines, nothing
 * periodic.
 *
 * A loop that has nothing to do makes no system call at all. A watch that is removed during a batch
 * of events gets no event any more, even if its descriptor number is already in use again: watches
 * are freed after the batch. One thread. Callbacks must not block.
 */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include <stddef.h>
#include <stdint.h>

struct loop;
struct loop_watch;

typedef void loop_fn(void *arg, uint32_t epoll_events);
typedef void loop_timer_fn(void *arg);

/* embed it in what it belongs to; zero it, then loop_timer_init() */
struct loop_timer {
	uint64_t at_boot_ns; /* 0 = not armed */
	loop_timer_fn *fn;
	void *arg;
	size_t index; /* place in the heap, private */
};

int loop_new(struct loop **ret);
void loop_free(struct loop *l);

/* Call fn(arg, events) whenever fd is ready for events (EPOLLIN ...). The descriptor stays the
 * caller's. */
int loop_watch(
	struct loop *l, int fd, uint32_t events, loop_fn *fn, void *arg, struct loop_watch **ret);
int loop_watch_events(struct loop *l, struct loop_watch *w, uint32_t events);
/* Stop watching; call it before closing the descriptor. NULL is fine. */
void loop_unwatch(struct loop *l, struct loop_watch *w);

void loop_timer_init(struct loop_timer *t, loop_timer_fn *fn, void *arg);
/* Arm (or move) it to an absolute boot time; a time in the past fires in this turn. -ENOMEM. */
int loop_timer_set(struct loop *l, struct loop_timer *t, uint64_t at_boot_ns);
void loop_timer_clear(struct loop *l, struct loop_timer *t);

/* Called after each batch of events and timers, before the loop sleeps again: for work that a batch
 * collects. */
void loop_after_batch(struct loop *l, loop_timer_fn *fn, void *arg);

/* Run until loop_stop(). Returns the code given to loop_stop(), or a negative errno if epoll itself
 * fails. */
int loop_run(struct loop *l);
void loop_stop(struct loop *l, int code);

/* Block the signals and return a non-blocking signalfd for them, or -errno. */
int loop_signalfd(const int *signals, size_t n);

#endif
