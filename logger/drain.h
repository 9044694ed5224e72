/*
 * logger/drain.h - moving bytes from the pipe to the file, when and how many.
 */
#ifndef LOGGER_DRAIN_H
#define LOGGER_DRAIN_H

#include <stdint.h>

#include "logger/logger.h"

#define DRAIN_NAP_MIN_NS 100000ull
#define DRAIN_NAP_MAX_NS 5000000ull
/* a pipe that was well filled may be empty for so long before it is armed */
#define DRAIN_LULL_NS 150000000ull
/* from one stream, before the others have their turn; less where pipes can't be made that large */
#define DRAIN_TURN_BYTES (1u << 20)

/* Move what is there (a bounded amount), publish it, and arrange for the next time. */
void drain_now(struct stream *st);

/* The same without a next time: the stream ends. What the file refuses stays in the pipe. */
void drain_rest(struct stream *st);

/* The mover has done its part (lend_begin()). */
void drain_lent(struct stream *st, const struct loan *l);

/* How long to let the pipe fill after a drain that moved some bytes out of a pipe of pipe_bytes.
 * Pure. */
uint64_t drain_nap(uint64_t nap_ns, uint64_t moved, uint64_t pipe_bytes);

#endif
