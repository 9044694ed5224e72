/*
 * logger/arrival.h - word of the first byte that comes into a quiet pipe, by a signal.
 *
 * WHY     A pipe that poll(2) or epoll(7) has once looked at wakes its readers at each write from
 *         then on, for as long as it lives, whether anyone waits or not (fs/pipe.c, poll_usage).
 *         Writers of lines lost an eighth of their speed to that. A signal (fcntl(2): O_ASYNC,
 *         F_SETSIG) leaves no such mark.
 * HOW     Each armed FIFO sends a real-time signal with its descriptor's number at each write. The
 *         signals are blocked and read from a signalfd by the loop, which drains, and drains begin
 *         with disarming or end with arming anew. Few are queued: from ARRIVAL_QUEUED_MAX on the
 *         kernel sends a plain SIGIO in their place, which means: look at all pipes.
 * EDGES   A signal tells of a write, not of bytes that lie there. So whoever arms looks into the
 *         pipe afterwards (fifo_arm()).
 */
#ifndef LOGGER_ARRIVAL_H
#define LOGGER_ARRIVAL_H

#include <stdbool.h>
#include <stddef.h>

struct logger;
struct loop_watch;
struct stream;

#define ARRIVAL_QUEUED_MAX 128u /* signals of this user that wait, until SIGIO takes their place */

typedef void arrival_fn(struct stream *st);

struct arrivals {
	arrival_fn *came; /* what is done about a stream whose pipe has bytes */
	int signal_fd;
	struct loop_watch *watch;
	struct stream **by_fd; /* the armed ones, by the number of their FIFO's descriptor */
	size_t fds;
};

/* Before the first FIFO is opened; came is called for each stream that was written to. 0 or
 * -errno. */
int arrival_begin(struct logger *lg, arrival_fn *came);
/* No stream may be armed any more. */
void arrival_end(struct logger *lg);

/* Once for each FIFO that was opened: whom it shall tell. 0 or -errno. */
int arrival_prepare(int fifo);

/* Its FIFO is open. From now on each write to it is told, until it is disarmed.
 * -ENOMEM: it could not be armed. */
int arrival_arm(struct stream *st);
void arrival_disarm(struct stream *st); /* one that is armed */

/* Have all pipes looked at in the next turn of the loop. Needs no memory. */
void arrival_look_at_all(void);

#endif
