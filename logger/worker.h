/*
 * logger/worker.h - threads for what takes long and must not delay capture: one compresses (at idle priority), one deletes.
 *
 * OWNERSHIP A job is a copy of all that it needs; the thread shares nothing else with the loop. One job at a time for each worker; its end is told
 *   through an eventfd, so that nothing polls. A thread is made with its first job.
 * CRASHES   Each step leaves the folder in a state that shelf_load() finishes or undoes from the file names alone.
 */
#ifndef LOGGER_WORKER_H
#define LOGGER_WORKER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/loop.h"
#include "logread/archive.h"

#define LOG_NAME_MAX 96u /* "NAME@err.log.000000001.lz4.tmp" */

enum job_kind {
	JOB_ARCHIVE, /* BASE.N -> BASE.N.lz4 */
	JOB_MARK,    /* count the lines of BASE.N if they are not known; BASE.N or BASE.N.lz4 -> BASE.N.del */
	JOB_UNLINK,  /* BASE.N.del and the index */
};

struct job {
	enum job_kind kind;
	char base[LOG_NAME_MAX]; /* "NAME.log" */
	uint32_t number;
	bool archived; /* JOB_MARK: it is an archive */
	int dirfd;     /* own descriptor of the folder */
	/* result */
	int error;		  /* 0 or -errno; -EAGAIN: the file grew meanwhile, do it again */
	struct archive_sums sums; /* JOB_ARCHIVE; JOB_MARK of a raw file: lines */
	struct fault fault;
};

struct worker {
	pthread_t thread;
	bool started, idle_priority;
	int done_fd; /* eventfd */
	struct loop *loop;
	struct loop_watch *watch;
	void (*done)(void *arg, const struct job *j);
	void *arg;
	bool busy; /* the loop's view */
	struct job job;
	_Atomic bool stop; /* give up the job in progress */
	pthread_mutex_t lock;
	pthread_cond_t more;
	bool given, finished, quit;
};

void worker_init(struct worker *w, struct loop *loop, bool idle_priority, void (*done)(void *, const struct job *), void *arg);
/* Only when it is not busy. dirfd is duplicated. 0 or -errno. */
int worker_give(struct worker *w, const struct job *j, int dirfd);
/* Give up the job in progress, wait for the thread, free everything. done is not called any more. */
void worker_end(struct worker *w);

/* "BASE.000000001SUFFIX" */
const char *log_file_name(const char *base, uint32_t number, const char *suffix, char buf[static LOG_NAME_MAX]);

#endif
