/* client/asks.c - asking without waiting (client/asks.h). */
#include "client/asks.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct errand { /* of one thread */
	struct asks *of;
	struct asked asked;
	struct errand *next; /* among those that are done */
};

struct asks {
	char home[PATH_MAX]; /* never changed */
	int fd;		     /* likewise, until it is closed under the lock */
	pthread_mutex_t lock;
	/* all under the lock: */
	struct errand *first, **last;
	unsigned users; /* threads, and one for the caller */
	bool closed;
};

void asked_done(struct asked *a)
{
	free(a->list);
	*a = (struct asked){ .n = 0 };
}

static void errand_free(struct errand *e)
{
	if (e)
		asked_done(&e->asked);
	free(e);
}

/* With the lock, which is given up. The last one ends it all. */
static void leave(struct asks *s)
{
	bool last = --s->users == 0;

	pthread_mutex_unlock(&s->lock);
	if (!last)
		return;
	for (struct errand *e = s->first, *next; e; e = next) {
		next = e->next;
		errand_free(e);
	}
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static int stops(void *arg)
{
	struct asks *s = arg;
	bool closed;

	pthread_mutex_lock(&s->lock);
	closed = s->closed;
	pthread_mutex_unlock(&s->lock);
	return closed;
}

static int run(struct errand *e)
{
	const struct watcher watcher = { .arg = e->of, .stops = stops };
	struct outcomes oc = { .watcher = &watcher };
	const struct ask_patience patience = { .oc = &oc, .interruptible = true };
	struct instance in = INSTANCE_NONE;
	int r = instance_open(&in, e->of->home, PT_CLIENT, &e->asked.why);

	if (r == 0)
		r = ask_all(&in, e->asked.list, e->asked.n, &patience, &e->asked.why);
	instance_close(&in);
	outcomes_done(&oc);
	return r;
}

static void *wait_for(void *arg)
{
	struct errand *e = arg;
	struct asks *s = e->of;
	uint64_t one = 1;

	e->asked.error = run(e);
	pthread_mutex_lock(&s->lock);
	*s->last = e;
	s->last = &e->next;
	if (!s->closed)
		(void)!write(s->fd, &one, sizeof(one));
	leave(s);
	return NULL;
}

/* Signals are for the other threads. */
static int begin_thread(struct errand *e)
{
	sigset_t all, before;
	pthread_t thread;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&thread, NULL, wait_for, e);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r == 0)
		pthread_detach(thread);
	return -r;
}

int asks_open(const char *home, struct asks **ret, struct fault *f)
{
	struct asks *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return fault_set(f, -ENOMEM, "cannot ask the daemons: out of memory");
	r = home_wanted(home, s->home, f);
	if (r == 0 && (s->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0)
		r = fault_errno(f, -errno, "cannot ask the daemons");
	if (r < 0) {
		free(s);
		return r;
	}
	pthread_mutex_init(&s->lock, NULL);
	s->last = &s->first;
	s->users = 1;
	*ret = s;
	return 0;
}

int asks_post(struct asks *s, const struct ask *a, size_t n, void *arg, struct fault *f)
{
	struct errand *e = calloc(1, sizeof(*e));
	int r = 0;

	if (!e || !(e->asked.list = calloc(n + 1, sizeof(*a)))) {
		errand_free(e);
		return fault_set(f, -ENOMEM, "cannot ask the daemons: out of memory");
	}
	e->of = s;
	e->asked.arg = arg;
	e->asked.n = n;
	for (size_t i = 0; i < n; i++)
		e->asked.list[i].req = a[i].req;
	pthread_mutex_lock(&s->lock);
	s->users++;
	pthread_mutex_unlock(&s->lock);
	r = begin_thread(e);
	if (r == 0)
		return 0;
	pthread_mutex_lock(&s->lock);
	s->users--;
	pthread_mutex_unlock(&s->lock);
	errand_free(e);
	return fault_errno(f, r, "cannot ask the daemons");
}

int asks_fd(const struct asks *s)
{
	return s->fd;
}

bool asks_take(struct asks *s, struct asked *ret)
{
	struct errand *e;
	uint64_t value;

	pthread_mutex_lock(&s->lock);
	e = s->first;
	if (e && !(s->first = e->next))
		s->last = &s->first;
	if (!s->first)
		(void)!read(s->fd, &value, sizeof(value));
	pthread_mutex_unlock(&s->lock);
	if (!e)
		return false;
	*ret = e->asked;
	free(e);
	return true;
}

void asks_close(struct asks *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	close(s->fd);
	s->closed = true;
	leave(s);
}
