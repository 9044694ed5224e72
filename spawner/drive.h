/*
 * spawner/drive.h - what happens to processes, one event after the other.
 *
 * No transition nests: what an action finds out (a launch that failed, a tree that is gone at once)
 * is raised (proc_raise()) and waits until the event in progress is done with. Whoever comes from
 * outside, from the loop, a command or a child that has ended, settles: all that follows from its
 * event is published when the call returns, so that it may reap, answer or forget.
 *
 * So actions (launch.c, stop.c, answer.c) know nothing of this file, and those who call it
 * (exits.c, commands.c, adopt.c, ...) are not called from it.
 */
#ifndef SPAWNER_DRIVE_H
#define SPAWNER_DRIVE_H

#include "spawner/spawner.h"

/* The event, and all that follows from it. From inside an action it only waits for its turn. */
void proc_event(struct proc *p, enum machine_event ev, const struct cause *why);
/* All that was raised; nothing if someone does that already. */
void proc_settle(struct spawner *sp);

/* Go on with a stop that an earlier spawner began (stop_resume()), and all that follows. */
void drive_stop_on(struct proc *p);

/* The spawner's on_deadline and on_leftover. */
void drive_deadline(void *proc);
void drive_leftover(void *proc, uint32_t events);

#endif
