/*
 * base/marks.h - what the spawner writes into the environment of everything that it starts, and all
 * its descendants inherit: the home, the name, the instance. By that a process is recognised whose
 * record is lost.
 */
#ifndef BASE_MARKS_H
#define BASE_MARKS_H

#include <sys/types.h>

struct marks { /* values of TEND_HOME, TEND_NAME, TEND_INSTANCE; NULL where there is none */
	const char *home, *name, *instance;
	char *text; /* what they point into */
};

/* Read those of a process from its folder in /proc, as its environment was when it was executed.
 * Whoever may not read it finds none. -errno: there is no descriptor or no memory to look. Release
 * with marks_done(). */
int marks_read(int proc_fd, struct marks *ret);
void marks_done(struct marks *m);

/* Call visit for each process in /proc but the caller, with a descriptor of its folder, until one
 * returns other than 0; returns that, or -errno. */
int marks_each(int (*visit)(void *arg, int proc_fd, pid_t pid, const struct marks *m), void *arg);

#endif
