/*
 * base/inherited.h - what a program gets from whoever executes it. docs/surroundings.md lists all
 * of it: what tend resets, keeps, or takes for its processes.
 */
#ifndef BASE_INHERITED_H
#define BASE_INHERITED_H

/*
 * Undo what could harm any program of ours, whoever started it: signals ignored or blocked
 * (SIGTERM, SIGINT and SIGHUP stay blocked: one that came during an execve of ours is read once we
 * are ready for it), timers that run, standard descriptors that are closed. SIGPIPE and SIGXFSZ are
 * ignored from here on: a write that fails says so.
 */
void inherited_reset(void);

/* Every signal to its default, also the two that the C library keeps from sigaction(). Allowed
 * between vfork() and execve(). */
void signals_default(void);

/*
 * For daemons that a command starts: what shapes how a program runs is set to its default, as far
 * as the kernel lets us, so that it is not that of a shell that is long gone. Priorities,
 * processors, memory, limits; the limit of open files stays as it is.
 */
void inherited_defaults(void);

/* Run a program's main with room for its stack, whatever the limit: at least a megabyte, also for
 * its threads. Returns what it returns. */
int inherited_run(int (*program)(int argc, char **argv), int argc, char **argv);

#endif
