/*
 * base/privilege.h - a daemon gives up what it never needs. Each calls this once it has opened what
 * takes rights to open, and before it starts threads.
 *
 * Not for guardian and spawner: what they give up their children lose as well, and a supervised
 * process may need to become another user (no_new_privs would break sudo and ping), to mount, to
 * trace.
 */
#ifndef BASE_PRIVILEGE_H
#define BASE_PRIVILEGE_H

#include <stdint.h>

enum privilege_flag {
	/* it starts programs: these must get what a program of this user gets, so only its own
	 * capabilities are given up */
	PRIVILEGE_EXECUTES = 1,
	PRIVILEGE_NETWORK = 2, /* it makes sockets */
};

/* Keep these capabilities (a set of 1 << CAP_...; only those that we have) and drop the others.
 * Without PRIVILEGE_EXECUTES also: no_new_privs, an empty bounding set, a limit of data_bytes on
 * own memory (0 = none), and a filter that refuses system calls which only an intruder would make:
 * executing, tracing, mounting, loading code into the kernel, sockets (unless PRIVILEGE_NETWORK).
 * Failures are reported and ignored: the daemon works as well with its rights. TEND_DISABLE=seccomp
 * leaves the filter out; so do sanitized builds, which trace themselves. */
void privilege_drop(unsigned flags, uint64_t keep, uint64_t data_bytes);

#endif
