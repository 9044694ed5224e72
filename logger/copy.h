/*
 * logger/copy.h - for file systems that refuse splice(2): a read into a journal that outlives us,
 * then a write at a fixed offset.
 *
 * The journal HOME/run/STEM.journal is mapped, so its bytes are the kernel's and not lost with us.
 * Its state says how far the last batch came:
 *   CLEAR, then the sentinel and the offset are laid down, READING, read(2) into it, HAVE,
 *   pwrite(2) at the offset, CLEAR.
 * A successor that finds HAVE (or READING and the sentinel gone: the read took place) writes the
 * same bytes to the same offset once more; one that finds the sentinel untouched knows that nothing
 * was read. The sentinel is not valid UTF-8, and no run of text equals it.
 */
#ifndef LOGGER_COPY_H
#define LOGGER_COPY_H

#include <stdint.h>
#include <sys/types.h>

#define COPY_BATCH_BYTES (64u << 10) /* at most that many at a time */

struct copy;

/* Open or make the journal. 0 or -errno. */
int copy_open(int run_fd, const char *stem, struct copy **ret);
/* An existing journal only. -ENOENT: there is none. */
int copy_find(int run_fd, const char *stem, struct copy **ret);
/* Remove it if nothing is left in it. NULL is fine. */
void copy_close(int run_fd, const char *stem, struct copy *c);

/* Does it hold bytes that are not in a file yet? */
int copy_pending(const struct copy *c);
/* Write what is pending to the file, if it is the one that they were meant for, else at its end
 * (*size). Returns how many bytes the file grew, or -errno. */
ssize_t copy_finish(struct copy *c, int file, off_t size);

/* Move up to limit bytes from the FIFO to offset at of the file. Returns how many, 0 if the pipe is
 * empty, or -errno. The caller is the only reader. */
ssize_t copy_move(struct copy *c, int fifo, int file, off_t at, uint64_t limit);

#endif
