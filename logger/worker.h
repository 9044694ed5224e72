/*
 * logger/worker.h - a thread for what must not delay the loop. There are three: the archiver (at
 * idle priority), the remover, and the mover.
 *
 * OWNERSHIP From worker_go() until done() is called, what arg points at is the thread's; before and
 * after, the loop's. Nothing else is shared.
 *   One piece of work at a time. Its end is reported through an eventfd, so that nothing polls. The
 *   thread is made with its first work.
 */
#ifndef LOGGER_WORKER_H
#define LOGGER_WORKER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/loop.h"

/* in the thread; *stop becomes true: give up soon */
typedef void worker_run_fn(void *arg, const _Atomic bool *stop);
typedef void worker_done_fn(void *arg); /* in the loop */

struct worker {
	pthread_t thread;
	const char *name; /* as ps -L shows it */
	bool started;
	bool idle_priority; /* set it before the first work */
	int done_fd;	    /* eventfd */
	struct loop *loop;
	struct loop_watch *watch;
	worker_run_fn *run;
	worker_done_fn *done;
	void *arg;
	bool busy; /* the loop's view */
	_Atomic bool stop, finished;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool given, quit;
};

/* name lives as long as the worker, and has at most 15 bytes. */
void worker_init(struct worker *w, struct loop *loop, const char *name, worker_run_fn *run,
	worker_done_fn *done, void *arg);
/* Begin. Only while it is not busy. 0, or -errno: there is no thread, and nothing was begun. */
int worker_go(struct worker *w);
/* Call done() at once where the work has ended, without the loop. Had it? */
bool worker_reap(struct worker *w);
/* Wait for the end of the work, and call done(). */
void worker_settle(struct worker *w);
/* Give up the work in progress, wait for the thread, free everything. done() is not called any
 * more. */
void worker_end(struct worker *w);

#endif
