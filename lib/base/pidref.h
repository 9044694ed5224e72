/*
 * base/pidref.h - a process that can't be mistaken for another.
 *
 * A pid alone identifies nothing, since the kernel hands it out again. A pidref is the pid, the
 * start time that /proc/PID/stat shows (field 22, clock ticks since boot, unchanged by execve), and
 * a pidfd; every signal goes through the pidfd.
 */
#ifndef BASE_PIDREF_H
#define BASE_PIDREF_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct pidref {
	pid_t pid;	      /* 0 = none */
	int fd;		      /* pidfd, -1 = none; readable once the process has ended */
	uint64_t start_ticks; /* 0 = not read yet */
};

#define PIDREF_NONE \
	{ \
		.fd = -1 \
	}

/* Refer to a living or zombie process. start_ticks 0 = accept whoever has the pid now, and note its
 * start. -ESRCH: gone, or the pid belongs to another by now. *ret is written on success only; the
 * caller releases it with pidref_done(). */
int pidref_open(pid_t pid, uint64_t start_ticks, struct pidref *ret);

/* Forget it; closes the pidfd and sets *r to PIDREF_NONE. */
void pidref_done(struct pidref *r);

/* Send a signal through the pidfd. -ESRCH: it has ended and was reaped. */
int pidref_signal(const struct pidref *r, int signo);

/* How it ended, as from waitpid(), for a process that is not a child of ours and has been reaped:
 * PIDFD_GET_INFO, Linux 6.15. -ENOTSUP before that. */
int pidref_exit_status(const struct pidref *r, int *ret_wait_status);

/* What waitid() tells of an end, as waitpid() would give it. */
int pid_wait_status(const siginfo_t *si);

/* The state letter of /proc/PID/stat ('R', 'S', 'T', 'Z' ...) of exactly this process, 0 if it is
 * gone. Needs no pidfd. */
char pid_state(pid_t pid, uint64_t start_ticks);

/* Is exactly this process alive (not a zombie)? Needs no pidfd. start_ticks 0 = whoever has the
 * pid. */
bool pid_alive(pid_t pid, uint64_t start_ticks);

/* Raw system calls that glibc 2.36 wraps only in part. -errno on failure. */
int sys_pidfd_open(pid_t pid);
int sys_pidfd_signal(int pidfd, int signo);

#endif
