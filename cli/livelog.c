/* cli/livelog.c - output as it comes (cli/livelog.h). */
#include "cli/livelog.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/io.h"
#include "base/str.h"
#include "cli/logshow.h"
#include "cli/out.h"
#include "client/instance.h"
#include "logread/follow.h"
#include "logread/unpack.h"

#define WIDTH_MAX 30
/* the logger moves what a process wrote last as soon as it is woken; longer than that it rarely
 * takes */
#define LAST_WORDS_MS 50

struct livelog {
	struct log_query query;
	struct follow *follow;
	pthread_t thread;
	int end; /* eventfd: the thread shall end */
	struct logline line;
	bool running;
};

static bool show(void *arg, const struct log_entry *e)
{
	struct livelog *l = arg;

	out_hold();
	(void)logline_write(&l->line, e);
	out_release();
	return true;
}

/* Behind what is in the log now; a log that does not exist yet is shown from its beginning. */
static int add(struct livelog *l, int logs_fd, const char *stem, struct fault *f)
{
	const struct log_place place = { .dirfd = logs_fd, .stem = stem };
	struct stream *s = NULL;
	int r = stream_open(logs_fd, stem, 0, STREAM_FORWARD, &l->query, logshow_complain(), &s, f);

	if (r < 0)
		return r;
	r = follow_add(l->follow, &place, s, f);
	stream_close(s);
	return r;
}

static void release(struct livelog *l)
{
	follow_close(l->follow);
	io_close(&l->end);
	free(l);
}

int livelog_open(
	int logs_fd, const char *const *names, size_t n, struct livelog **ret, struct fault *f)
{
	struct livelog *l = calloc(1, sizeof(*l));
	char stem[NAME_MAX_BYTES + sizeof(LOG_ERR_MARK)];
	int r;

	if (!l)
		return fault_set(f, -ENOMEM, "out of memory");
	l->line = logshow_writer(LOGLINE_NAMED, 0);
	l->query.min_level = LOG_LEVEL_DEBUG;
	l->end = eventfd(0, EFD_CLOEXEC);
	r = l->end < 0 ? fault_errno(f, -errno, "following")
		       : follow_open(&l->query, logshow_complain(), show, l, &l->follow, f);
	for (size_t i = 0; r == 0 && i < n; i++) {
		int width = (int)strlen(names[i]);

		if (width > l->line.width && width <= WIDTH_MAX)
			l->line.width = width;
		r = add(l, logs_fd, names[i], f);
		snprintf(stem, sizeof(stem), "%s" LOG_ERR_MARK, names[i]);
		if (r == 0)
			r = add(l, logs_fd, stem, f);
	}
	if (r < 0) {
		release(l);
		return r;
	}
	*ret = l;
	return 0;
}

static void *run(void *arg)
{
	struct livelog *l = arg;
	struct pollfd p[2] = { { .fd = follow_fd(l->follow), .events = POLLIN },
		{ .fd = l->end, .events = POLLIN } };
	bool names, ends = false;

	while (follow_drain(l->follow) == 0 && out_flush() && !ends) {
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			break;
		if (p[0].revents && follow_changes(l->follow, &names) < 0)
			break;
		ends = p[1].revents != 0;
	}
	unpack_done();
	return NULL;
}

int livelog_begin(struct livelog *l, struct fault *f)
{
	sigset_t all, before;
	int r;

	sigfillset(&all); /* Ctrl-C is for the thread that waits for it */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&l->thread, NULL, run, l);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r)
		return fault_errno(f, -r, "following");
	l->running = true;
	return 0;
}

void livelog_end(struct livelog *l)
{
	uint64_t one = 1;

	if (!l)
		return;
	if (l->running) {
		instance_nap(LAST_WORDS_MS);
		(void)!write(l->end, &one, sizeof(one));
		pthread_join(l->thread, NULL);
	}
	release(l);
}
