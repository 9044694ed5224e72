/*
 * base/role.h - the four daemons, by number and name, and the lock that makes each of them the only
 * one of its home.
 *
 * The lock is an open-file-description lock (fcntl F_OFD_SETLK) on run/ROLE.lock: the kernel frees
 * it when the holder is gone, however it went; a stopped holder keeps it, so no second writer of a
 * block can appear; and F_OFD_GETLK asks about it without taking it, so that looking disturbs no
 * one. The file's text is "PID START_TICKS\n", to find the holder.
 */
#ifndef BASE_ROLE_H
#define BASE_ROLE_H

#include <limits.h>
#include <stdint.h>
#include <sys/types.h>

enum role { ROLE_GUARDIAN, ROLE_SPAWNER, ROLE_MONITOR, ROLE_LOGGER, ROLE_MAX };

/* "guardian" ...; "?" for a number that is none. */
const char *role_name(unsigned role);

/* Take the lock of a role. 0 and *ret_fd (keep it open for life), -EBUSY: someone else has it, or
 * another -errno. */
int role_lock(int run_fd, enum role role, int *ret_fd);

/* Write our own identity into a lock file that we hold (after an execve that kept the descriptor,
 * too). */
int role_sign(int lock_fd);

/* Who holds the lock of a role? 0 with pid and start ticks (both 0 if the text can't be read),
 * -ENOENT: no one. */
int role_holder(int run_fd, enum role role, pid_t *ret_pid, uint64_t *ret_start_ticks);

/* The home that a daemon was started for, as its command line says. -ENOENT: it says nothing; else
 * -errno. */
int role_home(pid_t pid, char buf[static PATH_MAX]);

#endif
