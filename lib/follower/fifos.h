/*
 * follower/fifos.h - a read end of every output FIFO, held and never read (docs/design.md, section
 * 3). Guardian and monitor hold one each by this; the logger has its own to read from, and the
 * spawner makes its own at the launch.
 */
#ifndef FOLLOWER_FIFOS_H
#define FOLLOWER_FIFOS_H

#include <stdbool.h>

#include "base/home.h"
#include "shm/table.h"

struct fifos_row {
	uint64_t version;   /* of the life block when it was last looked at */
	uint32_t gen;	    /* of the row whose FIFOs these are; 0 = none */
	uint32_t life;	    /* the run that it had then */
	int out_fd, err_fd; /* -1 = none; err_fd: standard error's own */
	bool told;	    /* that one can't be held */
};

struct fifos { /* zero = nothing is held */
	const struct home *home;
	struct fifos_row *row; /* by slot */
	uint32_t slots;
};

/* Called for each row that is new or has changed; fresh: its FIFOs were opened just now, for this
 * row or for a table that was made again. */
typedef void fifos_fn(void *arg, const struct pt_row *row, bool fresh);

/* Compare with the table: open what is new, let go what is gone. changed may be NULL. A row whose
 * FIFOs are not there yet is looked at again next time. -ENOMEM: nothing was done. */
int fifos_look(struct fifos *f, const struct pt *pt, fifos_fn *changed, void *arg);
/* The table is another one: look at every row anew. What is held stays held meanwhile. */
void fifos_forget(struct fifos *f);
/* Let all go. */
void fifos_done(struct fifos *f);

#endif
