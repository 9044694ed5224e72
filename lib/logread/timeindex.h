/*
 * logread/timeindex.h - reading a time index (logread/format.h), checked entry by entry. What
 * follows a damaged entry is ignored.
 *
 * USED BY   logread/, cli/, tests.
 */
#ifndef LOGREAD_TIMEINDEX_H
#define LOGREAD_TIMEINDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/fault.h"
#include "logread/format.h"

/* Walks forward only, with a small buffer, for whoever reads it all once. */
struct tidx_cursor {
	int fd;		   /* -1: there is nothing (more) to read */
	uint64_t position; /* in the index file */
	uint64_t start_bytes;
	uint64_t limit;			    /* size of the log: entries beyond are damage */
	uint64_t last_offset, last_real_ns; /* neither ever falls */
	/* where in the index file the entry stands that ended the walk; 0: none did */
	uint64_t damaged_at;
	struct tidx_entry buf[64];
	unsigned at, have;
	/* an entry ended the walk that is damaged, or speaks of more than the log has: of a log
	 * that is not written any more that is damage, too */
	bool cut;
};

/* fd may be -1. An index that is none (-EBADMSG), or belongs to another file than log (-ESTALE),
 * reads as empty; f (may be NULL) then says why. */
int tidx_begin(struct tidx_cursor *c, int fd, const struct stat *log, struct fault *f);
/* The next good entry; false = end. An entry behind the end of the log is only newer than what we
 * know of it. */
bool tidx_next(struct tidx_cursor *c, struct tidx_entry *ret);

/* The whole of it in memory. */
struct tidx {
	struct tidx_entry *entries; /* malloc'ed */
	size_t n;
	uint64_t start_bytes;
	uint64_t damaged_at; /* as above: nothing is known of bytes behind the last entry */
};
int tidx_load(struct tidx *t, int fd, const struct stat *log, struct fault *f);
void tidx_free(struct tidx *t);

/* The entry that covers offset, or NULL: it is not known when that arrived. */
const struct tidx_entry *tidx_at(const struct tidx *t, uint64_t offset);
#endif
