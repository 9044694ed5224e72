/* logger/runs.h - which bytes were written by which run of a process. */
#ifndef LOGGER_RUNS_H
#define LOGGER_RUNS_H

#include "logger/logger.h"

/* A run began: where do its bytes? resumed: an earlier logger may have moved some. */
void runs_begin(struct stream *st, const struct pt_life *life, bool resumed);
/* Bytes were moved to offset at, until end_boot_ns. */
void runs_moved(struct stream *st, uint64_t at, uint64_t bytes, uint64_t end_boot_ns);

#endif
