/*
 * logger/logger.h - the private state of the logger, shared by its files: itself, and one
 * supervised process's output: the FIFO that it writes to, the file that its bytes go to, and what
 * is published of both.
 *
 * USED BY   logger/ alone.
 * OWNERSHIP struct logger owns every stream; a stream owns its two descriptors, its timer.
 *   No stream ever holds a byte of a log: bytes are in the pipe or in the file (logger/drain.c).
 * A STREAM  is for one incarnation of a row (log.gen), and for one of its FIFOs: where standard
 * error is separate, the row's main stream has a second
 *   one (err); what is published is in the main one. It is in one of these conditions:
 *     waiting   no FIFO yet; the next change of the row looks again
 *     armed     the pipe was empty; a signal tells of the first byte (logger/arrival.h)
 *     napping   the pipe is in use; the timer empties it again
 *     blocked   the file (or the FIFO) refuses; the timer tries again
 */
#ifndef LOGGER_LOGGER_H
#define LOGGER_LOGGER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/home.h"
#include "base/loop.h"
#include "base/pidref.h"
#include "logger/arrival.h"
#include "logger/shelf.h"
#include "logger/tidx.h"
#include "shm/table.h"

#define STREAM_MOVES  32u /* remembered, to tell which of them came before a run began */
#define STREAM_BOUNDS 4u  /* runs whose first byte is still in the pipe */

struct logger {
	struct home home;
	struct pt *pt;
	struct loop *loop;
	struct stream **by_slot; /* NULL where the row is free or not readable */
	uint32_t slots;
	struct shelf own;	 /* of tend.log */
	struct shelf **leftlogs; /* of processes that were removed; leftlogs_n of them */
	size_t leftlogs_n;
	bool leftlogs_due;	/* the folder is to be looked through for more */
	struct catalog catalog; /* of the log folder, during a scan */
	bool catalog_read;
	struct keeper archiver, remover;
	struct arrivals arrivals;
	struct rescued *rescued; /* logger/rescue.h */
	struct worker mover;	 /* logger/lend.h */
	struct loan {
		/* takes the move into account: drain_lent() */
		void (*done)(struct stream *st, const struct loan *l);
		struct stream *st;
		int fifo, file;
		off_t at;
		uint64_t want;
		ssize_t moved; /* or -errno */
		uint64_t end_boot_ns;
	} loan;		       /* what the mover does now */
	unsigned busy_streams; /* that keep their pipes full */
	size_t archive_next, remove_next;
	bool threads_ended; /* nothing is archived or deleted any more */
	struct loop_timer keep_timer;
	struct loop_timer scan_timer; /* there was no memory for a stream: when it is tried again */
	uint64_t total_bytes;	      /* $TEND_LOG_TOTAL_BYTES; 0 = no limit */
	unsigned large_pipes;	      /* that we have made larger */
	uint32_t turn_bytes;	      /* DRAIN_TURN_BYTES or less */
	int spawner_bell;
	int peek[2]; /* a pipe of our own to look into others' with tee(2) */
};

struct bound {
	uint64_t at; /* in bytes moved */
	uint32_t life;
};

/* One move of bytes, for finding the place where a run begins. */
struct moved {
	uint64_t end_boot_ns, before; /* bytes moved before it */
};

/* What a stream needs once bytes flow. */
struct trail {
	struct moved moves[STREAM_MOVES]; /* a ring; moves_n in all */
	struct bound bounds[STREAM_BOUNDS];
	uint32_t moves_n, bounds_n;
};

/* What is small stands together: a quiet process should take little. */
struct stream {
	struct logger *lg;
	struct stream *main; /* itself, or the stream of standard output */
	struct stream *err;  /* of a main stream: that of standard error, or NULL */
	/* in texts; "NAME.log" or "NAME@err.log" follows it there, for the shelf */
	const char *name;
	uint64_t life_version;	  /* of the row's life block when it was last looked at */
	uint64_t checked_boot_ns; /* the file's name was last compared with the open file */
	struct loop_timer timer;  /* end of the nap, or the next try of a blocked stream */
	uint64_t nap_ns;
	uint64_t filled_boot_ns; /* its pipe was last found well filled */
	uint64_t size;		 /* of the current file, as we left it */
	uint64_t full_boot_ns;	 /* its pipe is full since; 0 = it is not */
	uint32_t slot;
	int fifo, file; /* -1 = not open */
	int32_t error;	/* of state */
	uint32_t pipe_fill, pipe_bytes;
	uint32_t life; /* the run whose bytes come now */
	/* the run that was there when the FIFO's name was last found to lead to fifo */
	uint32_t fifo_life;
	uint8_t state; /* enum pt_log_state of this stream alone */
	bool enlarged; /* its pipe is as large as it gets */
	bool busy;     /* the last drain found the pipe full */
	bool lent;     /* the mover has it */
	bool armed;    /* its FIFO tells of bytes */
	bool runs;     /* its process has a pid */
	bool astray;   /* its FIFO has lost its name, and that was said */
	/* rotation */
	uint64_t rotate_bytes;
	uint64_t rotate_retry_ns; /* it failed: not before */
	struct loop_timer age;
	struct shelf shelf;
	uint32_t rotate_age_s;
	int32_t rotate_error; /* the last try's errno */
	bool rotate_due;      /* at the next line end, whatever the size */
	bool cut_due;	      /* now, line end or not */
	bool aged;	      /* rotate_due since its age was reached */
	/* time index */
	bool tidx_told;
	/* fallback */
	bool copying; /* this file refuses splice(2) */
	struct copy *copy;
	struct tidx tidx;
	/* of a main stream: the process that runs, for how it ends (follower/ends.h) */
	struct pidref run;
	/* resumed: the file holds bytes from here on that an earlier logger may not have noted;
	 * UINT64_MAX = none */
	uint64_t unnoted;
	uint64_t moved;	     /* bytes moved by this logger */
	struct trail *trail; /* NULL before the first byte */
	/* of a main stream: the private truth; the block in the segment is a copy */
	struct pt_log log;
	char texts[];
};

#endif
