/* cli/tablewatch.c - the table's changes as a descriptor (cli/tablewatch.h). */
#include "cli/tablewatch.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "shm/table.h"

static struct {
	int fd;
	uint64_t interval_ns;
} watch;

/* The change counter is a futex, which poll() can't wait for: a thread with an attachment of its
 * own turns it into an eventfd. It ends with the program. A table that was made again is found at
 * the next tick. */
static void *watch_table(void *arg)
{
	struct pt *pt = NULL;
	uint64_t one = 1;

	(void)arg;
	for (;;) {
		struct timespec nap = { .tv_sec = (time_t)(watch.interval_ns / NS_PER_SEC),
			.tv_nsec = (long)(watch.interval_ns % NS_PER_SEC) };
		uint32_t seen;

		if (!pt && pt_attach(NULL, &pt, NULL) < 0) {
			pt = NULL;
			nanosleep(&nap, NULL);
			continue;
		}
		seen = pt_changes(pt);
		(void)!write(watch.fd, &one, sizeof(one));
		while (pt_changes(pt) == seen && !pt_replaced(pt))
			(void)pt_wait_change(pt, seen, watch.interval_ns);
		if (pt_replaced(pt)) {
			pt_detach(pt);
			pt = NULL;
		}
	}
	return NULL;
}

/* Signals are for the other threads. */
static int begin_thread(void)
{
	sigset_t all, before;
	pthread_t thread;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&thread, NULL, watch_table, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r == 0)
		pthread_detach(thread);
	return -r;
}

int tablewatch_open(uint64_t interval_ns)
{
	int r;

	watch.interval_ns = interval_ns;
	watch.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (watch.fd < 0)
		return -errno;
	r = begin_thread();
	if (r < 0) {
		close(watch.fd);
		return r;
	}
	return watch.fd;
}

void tablewatch_take(int fd)
{
	uint64_t value;

	if (fd >= 0)
		(void)!read(fd, &value, sizeof(value));
}
