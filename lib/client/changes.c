/* client/changes.c - the table's changes as a descriptor (client/changes.h). */
#include "client/changes.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/pidref.h"
#include "client/instance.h"
#include "shm/owner.h"

/* what nobody announces is looked for so often: a table where there was none, the end of all */
#define SLICE_NS (1 * NS_PER_SEC)

struct changes {
	char home[PATH_MAX]; /* [I] */
	pthread_mutex_t lock;
	int fd;	    /* under the lock, which its closing takes; the caller reads it without */
	bool other; /* likewise: there is another table */
	bool closed;
};

static bool is_closed(struct changes *c)
{
	bool closed;

	pthread_mutex_lock(&c->lock);
	closed = c->closed;
	pthread_mutex_unlock(&c->lock);
	return closed;
}

static void notify(struct changes *c, bool other)
{
	uint64_t one = 1;

	pthread_mutex_lock(&c->lock);
	c->other = c->other || other;
	if (!c->closed)
		(void)!write(c->fd, &one, sizeof(one));
	pthread_mutex_unlock(&c->lock);
}

/* Which of the daemons live: one bit each. */
static unsigned living(const struct pt *pt)
{
	unsigned found = 0;

	for (unsigned role = 0; role < ROLE_MAX; role++) {
		struct pt_daemon d;

		if (pt_read_daemon(pt, role, &d) == 0 && d.pid > 0 &&
			pid_alive(d.pid, d.start_ticks))
			found |= 1u << role;
	}
	return found;
}

/* Until there is another table, or nobody wants to know. */
static void watch_table(struct changes *c, const struct home *h, const struct pt *pt)
{
	unsigned alive = living(pt);

	while (!is_closed(c) && !pt_replaced(pt) && pt_is_current(pt, h)) {
		uint32_t seen = pt_changes(pt);
		unsigned now = alive;

		notify(c, false);
		while (now == alive && pt_changes(pt) == seen && !is_closed(c) &&
			!pt_replaced(pt) && pt_is_current(pt, h)) {
			if (pt_wait_change(pt, seen, SLICE_NS) == -ETIMEDOUT)
				now = living(pt);
		}
		alive = now;
	}
}

static void *watch(void *arg)
{
	struct changes *c = arg;

	while (!is_closed(c)) {
		struct home h = HOME_INIT;
		struct pt *pt = NULL;

		if (home_open(c->home, HOME_READ, &h, NULL) == 0 &&
			pt_attach_as(&h, PT_READER, &pt, NULL) == 0) {
			notify(c, true);
			watch_table(c, &h, pt);
			pt_detach(pt);
			notify(c, true);
		} else {
			instance_nap((unsigned)(SLICE_NS / NS_PER_MS));
		}
		home_close(&h);
	}
	pthread_mutex_destroy(&c->lock);
	free(c);
	return NULL;
}

/* Signals are for the other threads. */
static int begin_thread(struct changes *c)
{
	sigset_t all, before;
	pthread_t thread;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&thread, NULL, watch, c);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r == 0)
		pthread_detach(thread);
	return -r;
}

int changes_open(const char *home, struct changes **ret, struct fault *f)
{
	struct changes *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return fault_set(f, -ENOMEM, "cannot watch the table: out of memory");
	if ((r = home_wanted(home, c->home, f)) < 0) {
		free(c);
		return r;
	}
	pthread_mutex_init(&c->lock, NULL);
	c->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = c->fd < 0 ? -errno : begin_thread(c);
	if (r < 0) {
		if (c->fd >= 0)
			close(c->fd);
		pthread_mutex_destroy(&c->lock);
		free(c);
		return fault_errno(f, r, "cannot watch the table");
	}
	*ret = c;
	return 0;
}

int changes_fd(const struct changes *c)
{
	return c->fd;
}

bool changes_take(struct changes *c)
{
	uint64_t value;
	bool other;

	pthread_mutex_lock(&c->lock);
	(void)!read(c->fd, &value, sizeof(value));
	other = c->other;
	c->other = false;
	pthread_mutex_unlock(&c->lock);
	return other;
}

void changes_close(struct changes *c)
{
	if (!c)
		return;
	pthread_mutex_lock(&c->lock);
	close(c->fd);
	c->closed = true;
	pthread_mutex_unlock(&c->lock);
}
