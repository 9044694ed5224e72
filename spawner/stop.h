/*
 * spawner/stop.h - ending a tree: the stop signal to all of it, children first; after the timeout
 * SIGSTOP to all, look again until nothing new appears, SIGKILL. Stopped means that nothing of the
 * tree lives any more.
 *
 * That is raised as an event (proc_raise()): drive.c calls this, and whoever else does, settles.
 */
#ifndef SPAWNER_STOP_H
#define SPAWNER_STOP_H

#include <stdint.h>

struct proc;

/* Signal the tree; 0 ms kills at once. Called on the way into `stopping`, and again for a second
 * request. */
void stop_begin(struct proc *p, uint32_t timeout_ms);
/* The deadline passed: kill; called again every STOP_KILL_AGAIN_MS while something survives. */
void stop_kill(struct proc *p);
/* Something of the tree has ended: is it all? Watches one of the rest otherwise. */
void stop_look_again(struct proc *p);
/* A new spawner finds a stop in progress: ask again where the earlier one may have died before it
 * had asked all of them. */
void stop_resume(struct proc *p);
/* Nothing of the tree lives, nor is it a stop in progress any more: policy says what is next. */
void stop_over(struct proc *p);

#endif
