/*
 * client/logfacts.h - what is found out about the files of a log.
 */
#ifndef CLIENT_LOGFACTS_H
#define CLIENT_LOGFACTS_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "logread/parse.h"

struct log_sizes {
	uint64_t current, rotated, archived, archive_files; /* bytes; archived before compression */
	/* by level, continued lines in the last; only where asked for */
	uint64_t lines[6];
	unsigned files;
	bool counted_bad; /* something could not be read */
};

static inline uint64_t log_sizes_on_disk(const struct log_sizes *z)
{
	return z->current + z->rotated + z->archive_files;
}

/* Is everything there that was captured? */
struct log_verdict {
	uint64_t expected, found, lost, deleted, gone; /* bytes */
	int waits; /* a positive errno: what the process writes is not captured for this reason */
	bool accounted;
	bool cut; /* an archive is damaged that no longer says how much it held */
};

static inline bool log_verdict_good(const struct log_verdict *v)
{
	return v->lost == 0 && !v->cut && v->gone == 0 && !v->waits &&
		(!v->accounted || v->expected == v->found);
}

/* The lines of a log. */
struct log_tally {
	uint64_t size, mtime_ns, lines, levels[LOG_LEVEL_NONE];
	char path[PATH_MAX + 300];
};

#endif
