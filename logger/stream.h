/*
 * logger/stream.h - one supervised process's output: the FIFO that it writes to, the file that its bytes go to, and
 * what is published of both.
 *
 * USED BY   logger/ alone.
 * OWNERSHIP struct logger owns every stream; a stream owns its two descriptors, its watch and its timer.
 *   No stream ever holds a byte of a log: bytes are in the pipe or in the file (logger/drain.c).
 * A STREAM  is for one incarnation of a row (log.gen). It is in one of these conditions:
 *     waiting   no FIFO yet; the next change of the row looks again
 *     armed     the pipe was empty; epoll reports the first byte
 *     napping   the pipe is in use; the timer empties it again
 *     blocked   the file (or the FIFO) refuses; the timer tries again
 */
#ifndef LOGGER_STREAM_H
#define LOGGER_STREAM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/home.h"
#include "base/loop.h"
#include "shm/table.h"

struct logger {
	struct home home;
	struct pt *pt;
	struct loop *loop;
	struct stream **by_slot; /* NULL where the row is free or not readable */
	uint32_t slots;
};

struct stream {
	struct logger *lg;
	uint32_t slot;
	char name[PT_NAME_MAX];
	uint64_t life_version;	  /* of the row's life block when it was last looked at */
	int fifo, file;		  /* -1 = not open */
	uint64_t checked_boot_ns; /* the file's name was last compared with the open file */
	struct loop_watch *watch; /* of fifo */
	bool armed;		  /* the watch asks for events */
	struct loop_timer timer;  /* end of the nap, or the next try of a blocked stream */
	uint64_t nap_ns;
	struct pt_log log; /* the private truth; the block in the segment is a copy */
};

/* Compare the streams with the table: end those whose row is gone, begin those whose row is new, look again at
 * those whose row changed. */
void stream_scan(struct logger *lg);
/* Make the next scan look at every row, changed or not: the segment is another one. */
void stream_forget_versions(struct logger *lg);
/* End all streams; what is in the pipes is moved first. */
void stream_end_all(struct logger *lg);

/* The FIFO open and watched. -ENOENT: not made yet. -EINVAL: something else has its name. */
int stream_need_fifo(struct stream *st);
/* The log file open, and still the one that its name leads to; *ret_size is where the next byte belongs. */
int stream_need_file(struct stream *st, off_t *ret_size);

/* Ask epoll for the next byte, or stop asking. */
int stream_arm(struct stream *st, bool armed);
void stream_wake_in(struct stream *st, uint64_t ns);

#endif
