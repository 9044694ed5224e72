/*
 * follower/follower.h - what the monitor and the logger do alike: begin, hold their role, follow
 * the table, end.
 *
 * A follower reads rows and writes its own blocks of them. It works only while it holds its role's
 * lock, which the kernel frees when the last of that role is really gone. It looks when its
 * doorbell rings. When the guardian makes the segment again, what the follower knows goes into the
 * new one.
 */
#ifndef FOLLOWER_FOLLOWER_H
#define FOLLOWER_FOLLOWER_H

#include "base/home.h"
#include "base/loop.h"
#include "base/role.h"
#include "follower/standby.h"
#include "shm/table.h"

struct follower {
	enum role role;
	/* The daemon's own places for what is opened before begin() and closed after end(). */
	struct home *home;
	struct pt **pt;
	struct loop **loop;
	void *arg; /* of these: */
	/* the table is there. 0, or -errno: it ends at once, and says so; end() is called in any
	 * case */
	int (*begin)(void *arg);
	void (*look)(void *arg); /* the first time, and when something may have changed */
	/* the table is another one: publish all that is known, and forget what was seen in the old
	 * one */
	void (*moved)(void *arg);
	void (*end)(void *arg); /* stop, release everything of its own */
	/* private */
	int lock_fd, bell_fd, signal_fd;
	struct loop_timer reattach;
	struct standby standby;
};

/* The whole life of the daemon, from its arguments to its exit code. */
int follower_main(struct follower *f, int argc, char **argv);

#endif
