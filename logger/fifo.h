/* logger/fifo.h - a stream's end of the pipe that its process writes to. */
#ifndef LOGGER_FIFO_H
#define LOGGER_FIFO_H

#include "logger/logger.h"

#define FIFO_RETRY_NS NS_PER_SEC /* what failed is tried again */

/* The FIFO open and watched. -ENOENT: not made yet. -EINVAL: something else has its name. */
int fifo_need(struct stream *st);
void fifo_close(struct stream *st);

/* The open FIFO is that of the run that the row tells of. */
void fifo_note_run(struct stream *st, const struct pt_life *life);
/* Is the open FIFO the one to drain from? Tells if it has lost its name. */
bool fifo_is_right(struct stream *st, const struct pt_life *life);

/* Have the next byte drained as soon as it comes, or be left alone by what comes. */
void fifo_arm(struct stream *st, bool armed);
/* Have it drained after so long, whatever comes. */
void fifo_wake_in(struct stream *st, uint64_t ns);

#endif
