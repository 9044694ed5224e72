/*
 * base/spawn.h - start another program. In place of posix_spawn(3), which glibc makes with clone3:
 * where a seccomp filter answers that with EPERM (engines of older containers) it fails, and tries
 * nothing else.
 */
#ifndef BASE_SPAWN_H
#define BASE_SPAWN_H

#include <stdbool.h>
#include <sys/types.h>

#define SPAWN_FDS 4

enum { SPAWN_LEAVE = -1, SPAWN_NULL = -2 }; /* in place of a descriptor: as it is here; /dev/null */

struct spawn {
	const char *program; /* without a slash it is looked for in PATH */
	char *const *argv;
	int fd[SPAWN_FDS];  /* which descriptor of ours the program's 0 to 3 is */
	int blocked;	    /* the one signal that the program begins with blocked; 0 = none */
	const char *folder; /* where it begins; NULL = here */
	bool group;	    /* in a process group of its own */
	/* where the child writes the errno of what it could not do; 0 = none, spawn_begin() returns
	 * it. Then we don't wait for execve(), which may hang on a dead mount. */
	int error_fd;
};
#define SPAWN_INIT \
	{ \
		.fd = { SPAWN_LEAVE, SPAWN_LEAVE, SPAWN_LEAVE, SPAWN_LEAVE } \
	}

/* Start it with our environment and every signal at its default. *ret is the child, which the
 * caller reaps. -errno, also of the execve that failed: then there is no child. */
int spawn_begin(const struct spawn *s, pid_t *ret);

#endif
