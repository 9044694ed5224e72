/*
 * spawner/machine.h - the life of a process as one table: state x event -> state, actions. PURE: no
 * system call, no clock, no memory.
 *
 *                 START             LAUNCHED
 *     stopped ------------> starting --------> running -- STOP, RESTART, LEFTOVERS --> stopping
 *        ^  ^                 ^   | LAUNCH_*     |                                      |
 *        |  |                 |   +--> failed    | GONE_* (the tree is empty)           | GONE_*
 *        |  |         TIMEOUT |   +--> backoff   v                                      v
 *        |  +-- STOP -- backoff <---------- GONE_RETRY                     stopped, starting,
 *        |                                                         backoff, completed, failed
 *        +---- STOP from completed, failed (they are resting too, so it only forgets the failure)
 *
 * What holds in each state (drive.c asks machine_check() after each event):
 *   stopped, failed, completed  no pid, no deadline
 *   starting                    between the decision to launch and its result; never left waiting,
 *                               except by the death of the spawner
 *   running                     a pid, no deadline
 *   stopping                    a deadline (SIGKILL, or the next attempt); a pid until the process
 *                               itself has ended, its tree may live on
 *   backoff                     no pid, a deadline (the restart)
 */
#ifndef SPAWNER_MACHINE_H
#define SPAWNER_MACHINE_H

#include "shm/table.h"

enum machine_event {
	EV_START,	  /* it shall be up */
	EV_STOP,	  /* it shall be down */
	EV_RESTART,	  /* it shall be stopped and then be up */
	EV_LAUNCHED,	  /* the program was executed */
	EV_LAUNCH_FAILED, /* it was not, and trying again would not help */
	EV_LAUNCH_RETRY,  /* it was not, and the policy says: again after a delay */
	EV_LEFTOVERS,	  /* the process ended, its tree did not */
	EV_GONE_DOWN,	  /* process and tree are gone, and it shall be down */
	EV_GONE_AGAIN,	  /* gone, and someone asked for a restart */
	EV_GONE_RETRY,	  /* gone by itself, and the policy restarts it */
	EV_GONE_DONE,	  /* gone by itself with success, and the policy leaves it there */
	EV_GONE_FAIL,	  /* gone by itself, and the policy does not restart it (any more) */
	EV_TIMEOUT,	  /* the state's deadline passed */
	EV_MAX
};

enum machine_action {	  /* carried out by spawner/drive.c, in this order */
	ACT_UP = 1,	  /* want it up; a request of its own, so delay and window begin anew */
	ACT_DOWN = 2,	  /* want it down */
	ACT_AGAIN = 4,	  /* start it once the tree is gone */
	ACT_ALREADY = 8,  /* tell whoever asks that there is nothing to do */
	ACT_TERM = 16,	  /* signal the tree, arm the stop timeout */
	ACT_KILL = 32,	  /* kill the tree, arm the next attempt */
	ACT_DELAY = 64,	  /* arm the restart delay */
	ACT_LAUNCH = 128, /* launch */
	ACT_RESULT = 256, /* answer those who wait for this state */
};

struct machine_step {
	uint8_t to;	 /* enum pt_state */
	uint16_t action; /* enum machine_action bits */
};

/* Out-of-range arguments give the state back with no action. */
struct machine_step machine_next(unsigned state, unsigned event);
const char *machine_event_label(unsigned event);

/* NULL, or the sentence above that this block breaks. */
const char *machine_check(const struct pt_life *l);

#endif
