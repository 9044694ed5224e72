/*
 * base/io_replace.h - a file replaced in one step: whoever reads it, and whatever is killed, finds
 * the old one or the new one, whole.
 */
#ifndef BASE_IO_REPLACE_H
#define BASE_IO_REPLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

/* Replace dirfd/name by these bytes with mode 0600: a temporary file beside it, written, optionally
 * synced (file and folder), renamed. On failure the old file is untouched and nothing is left
 * over. */
enum io_sync { IO_NO_SYNC, IO_SYNC };
int io_replace(int dirfd, const char *name, const void *buf, size_t bytes, enum io_sync sync);
/* The same if dirfd/name is still the file of which *old tells, which the caller holds open, so
 * that no other gets its number. -EAGAIN: it is another one by now, and stays. */
int io_replace_old(int dirfd, const char *name, const void *buf, size_t bytes, enum io_sync sync,
	const struct stat *old);

/* Is this the name of a temporary file whose writer is gone? Such names begin with a dot and hold
 * the writer's pid: ".NAME.PID-RANDOM.tmp" of io_replace(), ".new-PID-N.json" of a specification
 * that is handed over. A pid that someone else has by now counts as alive. */
bool io_is_leftover(const char *name);

/* Remove what killed writers left in the folder. keep (may be NULL) is asked about each, after its
 * writer was found dead. Returns how many went. */
unsigned io_sweep(int dirfd, bool (*keep)(void *arg, const char *name), void *arg);

#endif
