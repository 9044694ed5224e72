/*
 * spawner/child.h - what happens between clone and execve. The child shares our memory until it
 * executes (CLONE_VM | CLONE_VFORK), while we are suspended: it calls nothing but system calls,
 * allocates nothing, and reports its failure by storing it here.
 */
#ifndef SPAWNER_CHILD_H
#define SPAWNER_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/home.h"
#include "config/surroundings.h"
#include "shm/table.h"

#define CHILD_KEEPER_FD	    HOME_KEEPER_FD
#define CHILD_KEEPER_ERR_FD HOME_KEEPER_ERR_FD /* where standard error is separate */

struct child {
	/* given */
	const char *exe, *cwd;
	char *const *argv, *const *env;
	int in_fd, out_fd, keeper_fd;
	/* -1 = standard error goes where standard output goes; else keeper_err_fd >
	 * CHILD_KEEPER_ERR_FD */
	int err_fd, keeper_err_fd;
	mode_t umask;
	uint64_t nofile; /* of an earlier build's specification; 0 = leave it */
	const struct surroundings *surroundings;
	char oom_score_adj[8]; /* as text; "" = leave it */
	int cgroup_fd;	       /* -1 = none */
	int32_t *pid_cell;     /* where the kernel stores the pid before the child runs */
	bool no_clone3;
	bool join_cgroup; /* set by child_start() */
	/* result */
	volatile int error; /* positive errno, 0 = executed */
	volatile enum pt_stage stage;
	volatile bool outside_cgroup; /* it did not get into the cgroup */
	/* which of surroundings the kernel did not grant: bits as of given */
	volatile uint32_t refused;
};

/* Start it. Returns the pid, or -errno if there is no process. If c->error is set the process
 * exists, has failed, and is a zombie to reap. There is no pidfd: nobody else can get the pid
 * before we reap it, and a thousand descriptors would have to be copied into and closed in each
 * child. */
pid_t child_start(struct child *c);

#endif
