/*
 * base/daemon.h - what every daemon does first: options, home, role lock, and the few process
 * attributes that all of them want.
 */
#ifndef BASE_DAEMON_H
#define BASE_DAEMON_H

#include <stdbool.h>

#include "base/home.h"
#include "base/role.h"

#define DAEMON_EXIT_TAKEN  3 /* another process holds the role's lock */
#define DAEMON_EXIT_LAYOUT 4 /* the table was made by a build with another layout */

struct daemon_start {
	struct home home;
	int lock_fd;
};

/* Name the daemon for say(), set umask 077, move to "/", raise the limit of open files, open the
 * home (home NULL = as the CLI finds it) and take the role's lock; what a dead holder has left of
 * it is waited for, up to a second. Says what is wrong and returns an exit code on failure
 * (DAEMON_EXIT_TAKEN or 1), 0 on success. */
int daemon_begin(enum role role, const char *home, struct daemon_start *ret);

/* Is a kernel feature switched off by $TEND_DISABLE (a comma-separated list)? For tests of the
 * fallbacks. */
bool daemon_disabled(const char *feature);

#endif
