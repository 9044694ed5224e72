/*
 * logger/job.h - what takes long with one rotated file: to compress it, to count and mark it, to
 * remove it. Each runs in a thread (logger/worker.h).
 *
 * OWNERSHIP A job is a copy of all that it needs; nothing else is shared with the loop.
 * CRASHES   Each step leaves the folder in a state that shelf_load() finishes or undoes from the
 *           file names alone.
 */
#ifndef LOGGER_JOB_H
#define LOGGER_JOB_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "logread/archive.h"

#define LOG_NAME_MAX 96u /* "NAME@err.log.000000001.lz4.tmp" */

enum job_kind {
	JOB_ARCHIVE, /* BASE.N -> BASE.N.lz4 */
	/* count the lines of BASE.N if they are not known; BASE.N or BASE.N.lz4 -> BASE.N.del */
	JOB_MARK,
	JOB_UNLINK, /* BASE.N.del and the index */
};

struct job {
	enum job_kind kind;
	char base[LOG_NAME_MAX]; /* "NAME.log" */
	uint32_t number;
	bool archived; /* JOB_MARK: it is an archive */
	int dirfd;     /* own descriptor of the folder */
	/* result */
	/* 0 or -errno; -EAGAIN: the file grew meanwhile, do it again; -ECANCELED: stopped */
	int error;
	struct archive_sums sums; /* JOB_ARCHIVE; JOB_MARK of a raw file: lines */
	struct fault fault;
};

/* Once *stop is true it is given up soon. */
void job_carry_out(struct job *j, const _Atomic bool *stop);

/* "BASE.000000001SUFFIX" */
const char *log_file_name(
	const char *base, uint32_t number, const char *suffix, char buf[static LOG_NAME_MAX]);

#endif
