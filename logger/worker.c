/* logger/worker.c - a thread beside the loop (logger/worker.h). */
#define _GNU_SOURCE 1
#include "logger/worker.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/io.h"

#define IOPRIO_IDLE	   (3 << 13) /* class idle; glibc has no names for it */
#define IOPRIO_WHO_PROCESS 1
#define STACK_BYTES	   (256u << 10)

static void lower_priority(void)
{
	struct sched_param none = { 0 };

	if (pthread_setschedparam(pthread_self(), SCHED_IDLE, &none) != 0)
		(void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), 19);
	(void)syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_IDLE);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	uint64_t one = 1;

	if (w->idle_priority)
		lower_priority();
	(void)pthread_mutex_lock(&w->lock);
	for (;;) {
		while (!w->given && !w->quit)
			(void)pthread_cond_wait(&w->changed, &w->lock);
		if (w->quit)
			break;
		w->given = false;
		(void)pthread_mutex_unlock(&w->lock);
		w->run(w->arg, &w->stop);
		(void)pthread_mutex_lock(&w->lock);
		atomic_store(&w->finished, true);
		for (int tries = 0; tries < 8 && write(w->done_fd, &one, sizeof(one)) < 0; tries++)
			; /* a loop that is not told would leave the worker busy for ever */
		(void)pthread_cond_signal(&w->changed);
	}
	(void)pthread_mutex_unlock(&w->lock);
	return NULL;
}

bool worker_reap(struct worker *w)
{
	if (!w->busy || !atomic_load(&w->finished))
		return false;
	/* the thread is done with what run() was given, and waits */
	(void)pthread_mutex_lock(&w->lock);
	atomic_store(&w->finished, false);
	(void)pthread_mutex_unlock(&w->lock);
	w->busy = false;
	w->done(w->arg);
	return true;
}

void worker_settle(struct worker *w)
{
	if (!w->busy)
		return;
	(void)pthread_mutex_lock(&w->lock);
	while (!atomic_load(&w->finished))
		(void)pthread_cond_wait(&w->changed, &w->lock);
	(void)pthread_mutex_unlock(&w->lock);
	(void)worker_reap(w);
}

static void on_done(void *arg, uint32_t events)
{
	struct worker *w = arg;
	uint64_t count;

	(void)events;
	(void)!read(w->done_fd, &count, sizeof(count));
	(void)worker_reap(w);
}

void worker_init(struct worker *w, struct loop *loop, const char *name, worker_run_fn *run,
	worker_done_fn *done, void *arg)
{
	memset(w, 0, sizeof(*w));
	w->loop = loop;
	w->name = name;
	w->run = run;
	w->done = done;
	w->arg = arg;
	w->done_fd = -1;
	(void)pthread_mutex_init(&w->lock, NULL);
	(void)pthread_cond_init(&w->changed, NULL);
}

static int begin(struct worker *w)
{
	pthread_attr_t attr;
	sigset_t all, old;
	int r;

	w->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (w->done_fd < 0)
		return -errno;
	r = loop_watch(w->loop, w->done_fd, EPOLLIN, on_done, w, &w->watch);
	if (r) {
		io_close(&w->done_fd);
		return r;
	}
	sigfillset(&all); /* signals are the loop's */
	sigdelset(&all, SIGBUS);
	sigdelset(&all, SIGSEGV);
	(void)pthread_sigmask(SIG_BLOCK, &all, &old);
	(void)pthread_attr_init(&attr);
	(void)pthread_attr_setstacksize(&attr, STACK_BYTES);
	r = -pthread_create(&w->thread, &attr, work, w);
	(void)pthread_attr_destroy(&attr);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r) {
		loop_unwatch(w->loop, w->watch);
		io_close(&w->done_fd);
		return r;
	}
	(void)pthread_setname_np(w->thread, w->name);
	w->started = true;
	return 0;
}

int worker_go(struct worker *w)
{
	int r = w->started ? 0 : begin(w);

	if (r)
		return r;
	(void)pthread_mutex_lock(&w->lock);
	w->given = true;
	w->busy = true;
	atomic_store(&w->stop, false);
	(void)pthread_cond_signal(&w->changed);
	(void)pthread_mutex_unlock(&w->lock);
	return 0;
}

void worker_end(struct worker *w)
{
	if (!w->started)
		return;
	atomic_store(&w->stop, true);
	(void)pthread_mutex_lock(&w->lock);
	w->quit = true;
	(void)pthread_cond_signal(&w->changed);
	(void)pthread_mutex_unlock(&w->lock);
	(void)pthread_join(w->thread, NULL);
	loop_unwatch(w->loop, w->watch);
	io_close(&w->done_fd);
	w->started = w->busy = false;
}
