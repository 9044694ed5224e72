/*
 * base/pipe.h - how full a pipe is, seen from either end.
 */
#ifndef BASE_PIPE_H
#define BASE_PIPE_H

#include <stdbool.h>
#include <stdint.h>

/* Bytes that lie in it; 0 if fd is not a pipe. */
uint32_t pipe_bytes(int fd);

/* Is there no room in it, so that its writers wait? Bytes are no measure: it is full when its pages
 * are used. Only poll(2) tells that, and a pipe that was polled once is slower to write to from
 * then on (logger/arrival.h). So don't ask without need; one that is empty is not polled. */
bool pipe_is_full(int fd);

#endif
