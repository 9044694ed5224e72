/*
 * logger/tidx.h - the writer of a time index (logread/format.h): when the bytes of a log file
 * arrived, and which run wrote them.
 *
 * Nothing here can stop capture: an index that can't be opened or written is noted once and left
 * alone until the next log file begins.
 */
#ifndef LOGGER_TIDX_H
#define LOGGER_TIDX_H

#include <stdbool.h>
#include <stdint.h>

#include "logread/format.h"

struct tidx {
	int fd;			/* -1 = not open */
	bool failed;		/* not tried again for this log file */
	uint64_t bytes;		/* of the index */
	struct tidx_entry last; /* all zero = none yet */
};

/* Open (or begin) the index dirfd/name of the log file that is open as log_fd and was log_bytes
 * long before what is to be noted. An index of another file, a damaged one, or one that speaks of
 * bytes that are not there is begun anew. 0 or -errno. */
int tidx_open(struct tidx *t, int dirfd, const char *name, int log_fd, uint64_t log_bytes);
void tidx_close(struct tidx *t);

/* Bytes from offset on arrived now, from run life. Makes an entry if time moved on by a
 * millisecond, or the run is another. 0 or -errno. */
int tidx_note(struct tidx *t, uint64_t offset, uint64_t real_ns, uint32_t life);

/* The bytes from offset on, noted already, were written by run life. 0 or -errno. */
int tidx_relabel(struct tidx *t, uint64_t offset, uint32_t life);

/* Arrival of the first byte of the file whose index dirfd/name is; 0 = not known. */
uint64_t tidx_first(int dirfd, const char *name, uint64_t inode);

/* Arrival of the last bytes of the file whose index dirfd/name is; 0 = not known. */
uint64_t tidx_last(int dirfd, const char *name, uint64_t inode);

#endif
