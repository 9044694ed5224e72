/*
 * base/procfs.h - reading /proc. The parsers are pure and take hostile text; the readers open, read
 * once, close.
 */
#ifndef BASE_PROCFS_H
#define BASE_PROCFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct procfs_stat { /* /proc/PID/stat, proc(5) */
	pid_t pid, ppid, pgrp, session;
	char comm[64]; /* may hold anything, ')' and blanks included */
	char state;    /* R S D T t Z X I */
	uint64_t utime_ticks, stime_ticks;
	uint64_t threads;
	uint64_t start_ticks;
	uint64_t rss_pages;
	int exit_status; /* field 52, as from waitpid(); readable by the owner only */
};

/* Parse one line of /proc/PID/stat. The command name ends at the LAST ')'. -EINVAL: not such a
 * line. */
int procfs_parse_stat(const char *text, size_t len, struct procfs_stat *ret);

/* Read and parse it. -ESRCH: no such process. */
int procfs_stat(pid_t pid, struct procfs_stat *ret);

/* Does it still run? A zombie does not, unless only its first thread has ended and others go on. */
bool procfs_stat_alive(const struct procfs_stat *st);

struct pidvec { /* a growing list of pids; zero it to start, free(v.pid) at the end */
	pid_t *pid;
	size_t n, cap;
};
int pidvec_push(struct pidvec *v, pid_t pid);
bool pidvec_has(const struct pidvec *v, pid_t pid);

/* Append the children of all of pid's threads. threads from procfs_stat (1 saves listing the task
 * folder; 0 = not known). -ESRCH: gone. Needs CONFIG_PROC_CHILDREN, which Debian's kernels have;
 * -ENOSYS without. */
int procfs_children(pid_t pid, uint64_t threads, struct pidvec *v);

/* Append root (if it lives) and everything below it that lives, parents before children: zombies
 * are left out, since neither waiting for them nor signalling them leads anywhere. 0 with nothing
 * appended: root is gone. */
int procfs_descendants(pid_t root, struct pidvec *v);

/* Does the process's environment hold exactly this "KEY=VALUE"? false also when it can't be
 * read. */
bool procfs_has_env(pid_t pid, const char *assignment);

/* Does the process run the very file that has this path now? False also if that can't be found
 * out. */
bool procfs_runs(pid_t pid, const char *program);

/* The boot's id, 36 characters and NUL. */
int procfs_boot_id(char buf[static 40]);

/* Inode of our pid namespace; 0 if it can't be read. */
uint64_t procfs_pid_namespace(void);

/* Clock ticks of our own start, field 22 of /proc/self/stat. */
uint64_t procfs_own_start(void);

#endif
