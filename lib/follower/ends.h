/*
 * follower/ends.h - what guardian, monitor and logger know of the ends of processes that are no
 * child of theirs.
 *
 * Who outlived its spawner and then the guardian is a child of init, which reaps it and tells
 * nobody. But as long as somebody holds a pidfd that was opened while it lived, the kernel keeps
 * how it ended (PIDFD_GET_INFO, Linux 6.15). So each daemon holds one of each run, and when a new
 * spawner finds a run that is gone it publishes the row once more and rings: whoever knows writes
 * it into its own exit mailbox. In between this costs nothing.
 */
#ifndef FOLLOWER_ENDS_H
#define FOLLOWER_ENDS_H

#include "base/pidref.h"
#include "shm/table.h"

/* The row's life block has changed, or is published again. *r (start with PIDREF_NONE) becomes the
 * run that it tells of. If it is that run already, and that has ended and been reaped: true, and
 * *ret is what is to be noted (pt_put_exit()), but for its field held; then ring the spawner. */
bool end_look(const struct pt_life *life, struct pidref *r, struct pt_exit *ret);

#endif
