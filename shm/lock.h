/*
 * shm/lock.h - the only lock of the segment: robust, process-shared, held for a bounded copy and
 * nothing else.
 *
 * It serialises whoever fills commands and whoever adds or removes rows. No reader takes it, and no
 * step of supervising a process that is already in the table does. Between lock and unlock: no
 * system call that can block, no allocation, no output.
 *
 *   holder killed          the next taker gets EOWNERDEAD, applies the journal again, frees
 *                          half-filled commands, goes on (recover(), shm/lock.c).
 *   holder stopped         takers give up after their deadline; pt_lock_holder() says who it is.
 *                          Only commands wait.
 *   holder is nobody       somebody wrote over the word: taken for a holder that was killed.
 *   lock unrecoverable     -ENOTRECOVERABLE: the guardian is told by its doorbell and makes the
 *                          segment again.
 */
#ifndef SHM_LOCK_H
#define SHM_LOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct pt;

/* Take the lock, waiting at most wait_ms (0 = try). -EBUSY: try failed; -ETIMEDOUT;
 * -ENOTRECOVERABLE; -EBADMSG: these bytes are not a lock. A client's termination and job-control
 * signals stay blocked until pt_unlock(). */
int pt_lock(struct pt *pt, unsigned wait_ms);
void pt_unlock(struct pt *pt);

/* The thread that the lock's word names as its holder although it can't be: there is none of that
 * number; with look_closer also one whose process has not mapped the table. 0: nobody holds it, or
 * one that may. pt_lock() heals that. */
pid_t pt_lock_lost_owner(const struct pt *pt, bool look_closer);

/* For a daemon whose doorbell rings: if the word names its own thread, which never waits for a bell
 * while it holds the lock, or nobody, heal that. */
void pt_lock_heal(struct pt *pt);

/* Who holds it, as noted by the holder itself; 0 = no one, or not noted yet. */
pid_t pt_lock_holder(const struct pt *pt);

#endif
