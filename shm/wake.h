/*
 * shm/wake.h - doorbells: run/bell.ROLE, a FIFO that the daemon's epoll loop holds open read-write
 * and no one else opens for reading. A ring is one byte; what it is about is found in the segment.
 * Measured at about 9 microseconds a round trip; ENXIO says that the daemon is down.
 */
#ifndef SHM_WAKE_H
#define SHM_WAKE_H

#include "base/home.h"
#include "base/role.h"

/* The daemon's end: makes the FIFO if needed (and replaces what is none), opens it. A descriptor or
 * -errno. */
int bell_open(const struct home *h, enum role role);
/* Empty it after a wake-up. */
void bell_drain(int bell_fd);

/* Ring once. 0; -ENXIO: the daemon is down. A bell that is full has been rung: 0. */
int bell_ring(const struct home *h, enum role role);

/* For daemons that ring often: keeps the descriptor in *fd (start with -1). SIGPIPE must be
 * ignored. */
int bell_ring_kept(const struct home *h, enum role role, int *fd);

#endif
