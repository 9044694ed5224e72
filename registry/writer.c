/* registry/writer.c - see registry/writer.h. */
#include "registry/writer.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/io.h"

struct writer {
	struct store *store; /* the thread's */
	pthread_t thread;
	struct loop *loop;
	struct loop_watch *watch;
	writer_fn *done;
	void *arg;
	struct store_beat *batch; /* main's while busy is not set, the thread's while it is */
	size_t n;
	int result;
	struct fault why;
	int over_fd; /* eventfd: the thread is through with the batch */
	bool running, busy;
	pthread_mutex_t lock; /* of go and stop */
	pthread_cond_t wake;
	bool go, stop;
};

static bool next(struct writer *w)
{
	bool go;

	(void)pthread_mutex_lock(&w->lock);
	while (!w->go && !w->stop)
		(void)pthread_cond_wait(&w->wake, &w->lock);
	go = w->go;
	w->go = false;
	(void)pthread_mutex_unlock(&w->lock);
	return go;
}

static void *work(void *arg)
{
	struct writer *w = arg;

	while (next(w)) {
		uint64_t one = 1;

		w->result = store_beats(w->store, w->batch, w->n, &w->why);
		if (w->result == 0)
			w->result = store_checkpoint(w->store, &w->why);
		while (write(w->over_fd, &one, sizeof(one)) < 0 && errno == EINTR)
			;
	}
	return NULL;
}

static void on_over(void *arg, uint32_t events)
{
	struct writer *w = arg;
	uint64_t count;

	(void)events;
	if (read(w->over_fd, &count, sizeof(count)) != sizeof(count))
		return;
	w->busy = false;
	w->done(w->arg, w->result, &w->why);
	free(w->batch);
	w->batch = NULL;
	w->n = 0;
}

static void tell(struct writer *w, bool *what)
{
	(void)pthread_mutex_lock(&w->lock);
	*what = true;
	(void)pthread_cond_signal(&w->wake);
	(void)pthread_mutex_unlock(&w->lock);
}

int writer_flush(struct writer *w, struct table *t)
{
	int n;

	if (w->busy)
		return -EBUSY;
	n = store_take(t, &w->batch);
	if (n < 0)
		return n;
	w->n = (size_t)n;
	w->busy = true;
	tell(w, &w->go);
	return 1;
}

const struct store_beat *writer_batch(const struct writer *w, size_t *ret_n)
{
	*ret_n = w->n;
	return w->batch;
}

static int begin(struct writer *w, const char *path, struct fault *f)
{
	sigset_t all, before;
	int r = store_open(path, &w->store, f);

	if (r < 0)
		return r;
	w->over_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (w->over_fd < 0)
		return fault_errno(f, -errno, "cannot write in the background");
	r = loop_watch(w->loop, w->over_fd, EPOLLIN, on_over, w, &w->watch);
	if (r < 0)
		return fault_errno(f, r, "cannot write in the background");
	(void)sigfillset(&all); /* signals are the main thread's */
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&w->thread, NULL, work, w);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	w->running = r == 0;
	return r ? fault_errno(f, -r, "cannot write in the background") : 0;
}

int writer_start(const char *path, struct loop *l, writer_fn *done, void *arg, struct writer **ret,
	struct fault *f)
{
	struct writer *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return fault_errno(f, -ENOMEM, "cannot write in the background");
	w->loop = l;
	w->done = done;
	w->arg = arg;
	w->over_fd = -1;
	(void)pthread_mutex_init(&w->lock, NULL);
	(void)pthread_cond_init(&w->wake, NULL);
	r = begin(w, path, f);
	if (r < 0)
		writer_stop(w);
	else
		*ret = w;
	return r;
}

void writer_stop(struct writer *w)
{
	if (!w)
		return;
	if (w->running) {
		tell(w, &w->stop);
		(void)pthread_join(w->thread, NULL);
		if (w->busy)
			on_over(w, EPOLLIN);
	}
	loop_unwatch(w->loop, w->watch);
	io_close(&w->over_fd);
	store_close(w->store);
	(void)pthread_cond_destroy(&w->wake);
	(void)pthread_mutex_destroy(&w->lock);
	free(w->batch);
	free(w);
}
