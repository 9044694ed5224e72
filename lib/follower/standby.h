/*
 * follower/standby.h - who starts a guardian when none is left: a child that monitor and logger
 * each make before they give up any right.
 *
 * Where the guardian dies the spawner takes its place within moments. Where both are dead, or the
 * spawner is stopped, the standby of whoever lives waits a little, so that the spawner comes first,
 * and starts a guardian, which starts the rest. The logger could not do that itself: it may not
 * execute programs, and what it has given up its children would lack. A standby has nothing but the
 * folder run/ open, and ends with its daemon.
 */
#ifndef FOLLOWER_STANDBY_H
#define FOLLOWER_STANDBY_H

#include <sys/types.h>

#include "base/home.h"
#include "base/role.h"

struct standby {
	pid_t pid;    /* 0 = none */
	int pid_fd;   /* readable once it has ended */
	int alive_fd; /* the standby ends when this is closed, however that comes */
};

#define STANDBY_NONE \
	{ \
		.pid_fd = -1, .alive_fd = -1 \
	}

/* Make one. Call it holding the role's lock (lock_fd), before anything else is opened or mapped.
 * -errno: there is none, *s is as it was. */
int standby_begin(struct standby *s, const struct home *h, enum role role, int lock_fd);
/* End it, and wait for that, a second at most. */
void standby_end(struct standby *s);

#endif
