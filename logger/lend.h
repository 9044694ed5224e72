/*
 * logger/lend.h - where several processes flood their pipes at once, a second thread, the mover,
 * does every other splice(2).
 *
 * Only the system call is lent; all else (offset, rotation, index, sums) stays the loop's. So it is
 * as kill-proof as a move by the loop itself: bytes are in the pipe or in the file, the offset was
 * asked from the file, and the role's lock, which keeps a successor away, is freed when the last
 * thread is gone.
 *
 * A STREAM that is lent has no watch and no timer. Whoever wants to use its descriptors, size or
 * runs calls lend_settle() first.
 */
#ifndef LOGGER_LEND_H
#define LOGGER_LEND_H

#include "logger/logger.h"

typedef void lend_done_fn(struct stream *st, const struct loan *l);

/* done takes into account what the mover has moved of a stream. */
void lend_begin(struct logger *lg, lend_done_fn *done);
void lend_end(struct logger *lg); /* no stream is lent any more */

/* Take back what the mover has done, if anything, and let the mover have the next move of st where
 * that is worth it, and as far as is known its bytes can be spliced. True: it has it. */
bool lend(struct stream *st, bool may_splice);
/* Wait until the mover is done with st, if it has it, and take the move into account. */
void lend_settle(struct stream *st);

/* The stream keeps its pipe full, or no longer. */
void lend_note_busy(struct stream *st, bool busy);

#endif
