/* logger/worker.c - threads for what takes long (logger/worker.h). */
#define _GNU_SOURCE 1
#include "logger/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/io.h"
#include "logread/format.h"

#define COUNT_BYTES	 (64u << 10)
#define IOPRIO_IDLE	 (3 << 13) /* class idle; glibc has no names for it */
#define IOPRIO_WHO_PROCESS 1

const char *log_file_name(const char *base, uint32_t number, const char *suffix, char buf[static LOG_NAME_MAX])
{
	(void)snprintf(buf, LOG_NAME_MAX, "%.72s.%09u%.9s", base, number % (LOG_NUMBER_MAX + 1), suffix);
	return buf;
}

static int count_lines(struct job *j, int fd, const _Atomic bool *stop)
{
	static char buf[COUNT_BYTES]; /* the one deleting thread's */
	uint64_t at = 0, lines = 0;
	char last = '\n';
	ssize_t n;

	while ((n = pread(fd, buf, sizeof(buf), (off_t)at)) > 0 && !atomic_load(stop)) {
		for (const char *p = buf, *end = buf + n; (p = memchr(p, '\n', (size_t)(end - p))); p++)
			lines++;
		last = buf[n - 1];
		at += (uint64_t)n;
	}
	j->sums.raw_bytes = at;
	j->sums.lines = lines + (last != '\n');
	return n < 0 ? -errno : atomic_load(stop) ? -ECANCELED : 0;
}

static int mark(struct job *j, const _Atomic bool *stop)
{
	char name[LOG_NAME_MAX], del[LOG_NAME_MAX];
	int fd, r = 0;

	(void)log_file_name(j->base, j->number, j->archived ? ".lz4" : "", name);
	(void)log_file_name(j->base, j->number, ".del", del);
	if (!j->archived) {
		fd = io_open(j->dirfd, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
		if (fd < 0)
			return fd;
		r = count_lines(j, fd, stop);
		io_close(&fd);
	}
	if (r == 0 && renameat(j->dirfd, name, j->dirfd, del) < 0)
		r = -errno;
	return r;
}

static int remove_marked(struct job *j)
{
	char name[LOG_NAME_MAX];
	int r = 0;

	if (unlinkat(j->dirfd, log_file_name(j->base, j->number, ".del", name), 0) < 0 && errno != ENOENT)
		r = -errno;
	(void)unlinkat(j->dirfd, log_file_name(j->base, j->number, ".idx", name), 0);
	return r;
}

static int compress(struct job *j, int raw, const _Atomic bool *stop)
{
	char tmp[LOG_NAME_MAX], name[LOG_NAME_MAX];
	struct stat before, after;
	int idx, out, r;

	(void)log_file_name(j->base, j->number, ".lz4.tmp", tmp);
	if (fstat(raw, &before) < 0 || (unlinkat(j->dirfd, tmp, 0) < 0 && errno != ENOENT))
		return -errno;
	out = io_open(j->dirfd, tmp, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (out < 0)
		return out;
	idx = io_open(j->dirfd, log_file_name(j->base, j->number, ".idx", name), O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	r = archive_write(raw, idx < 0 ? -1 : idx, out, stop, &j->sums, &j->fault);
	if (r == 0) {
		struct timespec times[2] = { before.st_atim, before.st_mtim };

		(void)futimens(out, times); /* retention goes by the age of the last byte */
		if (fsync(out) < 0 || fstat(raw, &after) < 0)
			r = -errno;
		else if (after.st_size != before.st_size) /* somebody still had it open: tend.log only */
			r = -EAGAIN;
	}
	if (r == 0 && renameat(j->dirfd, tmp, j->dirfd, log_file_name(j->base, j->number, ".lz4", name)) < 0)
		r = -errno;
	if (r)
		(void)unlinkat(j->dirfd, tmp, 0);
	if (idx >= 0)
		io_close(&idx);
	io_close(&out);
	return r;
}

static int archive(struct job *j, const _Atomic bool *stop)
{
	char name[LOG_NAME_MAX];
	int r, raw = io_open(j->dirfd, log_file_name(j->base, j->number, "", name), O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);

	if (raw < 0)
		return raw;
	r = compress(j, raw, stop);
	io_close(&raw);
	if (r)
		return r;
	(void)fsync(j->dirfd); /* before what it replaces goes */
	(void)unlinkat(j->dirfd, log_file_name(j->base, j->number, "", name), 0);
	(void)unlinkat(j->dirfd, log_file_name(j->base, j->number, ".idx", name), 0);
	return 0;
}

static void carry_out(struct job *j, const _Atomic bool *stop)
{
	switch (j->kind) {
	case JOB_ARCHIVE:
		j->error = archive(j, stop);
		break;
	case JOB_MARK:
		j->error = mark(j, stop);
		break;
	default:
		j->error = remove_marked(j);
	}
	if (j->error && !j->fault.text[0])
		(void)fault_errno(&j->fault, j->error, "logs/%s.%09u", j->base, j->number);
}

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
			(void)pthread_cond_wait(&w->more, &w->lock);
		if (w->quit)
			break;
		w->given = false;
		(void)pthread_mutex_unlock(&w->lock);
		carry_out(&w->job, &w->stop);
		(void)pthread_mutex_lock(&w->lock);
		w->finished = true;
		(void)!write(w->done_fd, &one, sizeof(one));
	}
	(void)pthread_mutex_unlock(&w->lock);
	return NULL;
}

static void on_done(void *arg, uint32_t events)
{
	struct worker *w = arg;
	struct job j;
	uint64_t count;

	(void)events;
	(void)!read(w->done_fd, &count, sizeof(count));
	(void)pthread_mutex_lock(&w->lock);
	bool finished = w->finished;
	w->finished = false;
	j = w->job;
	(void)pthread_mutex_unlock(&w->lock);
	if (!finished)
		return;
	io_close(&w->job.dirfd);
	w->busy = false;
	w->done(w->arg, &j);
}

void worker_init(struct worker *w, struct loop *loop, bool idle_priority, void (*done)(void *, const struct job *), void *arg)
{
	memset(w, 0, sizeof(*w));
	w->loop = loop;
	w->idle_priority = idle_priority;
	w->done = done;
	w->arg = arg;
	w->done_fd = w->job.dirfd = -1;
	(void)pthread_mutex_init(&w->lock, NULL);
	(void)pthread_cond_init(&w->more, NULL);
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
	(void)pthread_attr_setstacksize(&attr, 256u << 10);
	r = -pthread_create(&w->thread, &attr, work, w);
	(void)pthread_attr_destroy(&attr);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r) {
		loop_unwatch(w->loop, w->watch);
		io_close(&w->done_fd);
		return r;
	}
	w->started = true;
	return 0;
}

int worker_give(struct worker *w, const struct job *j, int dirfd)
{
	int fd, r = w->started ? 0 : begin(w);

	if (r)
		return r;
	fd = fcntl(dirfd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	(void)pthread_mutex_lock(&w->lock);
	w->job = *j;
	w->job.dirfd = fd;
	w->given = true;
	w->busy = true;
	atomic_store(&w->stop, false);
	(void)pthread_cond_signal(&w->more);
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
	(void)pthread_cond_signal(&w->more);
	(void)pthread_mutex_unlock(&w->lock);
	(void)pthread_join(w->thread, NULL);
	loop_unwatch(w->loop, w->watch);
	io_close(&w->done_fd);
	io_close(&w->job.dirfd);
	w->started = false;
}
